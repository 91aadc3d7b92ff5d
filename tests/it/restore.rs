//! Restoring as a user sees it: what is refused and with which words, what the plan prints, what is in the result.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

/// Exit code, standard output, standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[track_caller]
fn good(args: &[&str]) -> String {
    let (code, out, said) = run(args);
    assert_eq!(code, 0, "{args:?}: {said}");
    out
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&good(&[args, &["-o", "json"]].concat())).unwrap()
}

/// A plan for etcd-3.6.db with these flags.
fn plan(flags: &[&str]) -> Value {
    let args = ["restore", "fixtures/etcd-3.6.db", "--data-dir", "never-made", "--member", "m1", "--dry-run"];
    let plan = json(&[&args[..], flags].concat());
    assert!(!Path::new("never-made").exists());
    plan["plan"].clone()
}

fn codes(plan: &Value, of: &str) -> Vec<String> {
    plan[of].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

/// A folder to restore into, by name.
fn place() -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("to").display().to_string();
    (dir, to)
}

#[test]
fn it_does_not_guess_whose_member_it_is() {
    let (code, out, said) = run(&["restore", "fixtures/three-members.db", "--data-dir", "/var/lib/etcd"]);
    assert_eq!((code, out.as_str()), (2, ""));
    for name in ["m1", "m2", "m4"] {
        let line = format!("etcdsnap restore fixtures/three-members.db --data-dir /var/lib/etcd --member {name}\n");
        assert!(said.contains(&line), "{said}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (_dir, to) = place();
    let of = |flags: &[&str]| {
        let (code, _, said) = run(&[&["restore", "fixtures/etcd-3.6.db", "--data-dir", &to], flags].concat());
        assert!(!Path::new(&to).exists());
        (code, said)
    };
    for (flags, want, words) in [
        (&["--member", "m9"][..], 2, "couldn't find local name \"m9\""),
        (&["--name", "x"], 2, "couldn't find local name \"x\""),
        (&["--name", "x"], 2, "--name x --initial-cluster x=http://HOST:2380"),
        (&["--name", "m1"], 2, "hint: the snapshot has this member, with its URLs and its cluster: etcdsnap restore"),
        (&["--name", "m1", "--to-revision", "172", "--keep-old"], 2, "--to-revision 172 --keep-old --member m1"),
        (&["--bump-revision=auto"], 2, "--bump-revision=auto --member m1"),
        (&["--name", "m", "--initial-cluster", "m=http://h"], 2, "\"host:port\": http://h"),
        (
            &["--name", "m", "--initial-cluster", "m=http://h:1", "--initial-advertise-peer-urls", "http://h:2"],
            2,
            "--initial-cluster has m=http://h:1 but missing from --initial-advertise-peer-urls=http://h:2",
        ),
        (&["--member", "m1", "--learner", "m1"], 2, "nobody would vote"),
        (&["--member", "m1", "--compact", "1000"], 2, "future revision"),
        (&["--member", "m1", "--compact", "100"], 2, "has been compacted"),
        (&["--member", "m1", "--bump-revision", "18446744073709551615"], 2, "would be higher than 4611686018427387904"),
        (&["--member", "m1", "--bump-revision", "9223372036854775000"], 2, "would be higher than 4611686018427387904"),
        (&["--member", "m1", "--bump-revision", "4611686018427387732"], 2, "auto adds 1000000000"),
        (&["--member", "m1", "--mark-compacted"], 2, "--bump-revision"),
        (&["--member", "m1", "--owner", "no-such-user"], 2, "no user \"no-such-user\""),
    ] {
        let (code, said) = of(flags);
        assert!(code == want && said.contains(words), "{flags:?}: {code} {said}");
    }
}

#[test]
fn the_plan_says_which_etcd_starts() {
    let ok = |plan: &Value| ["3.4", "3.5", "3.6", "3.7"].map(|etcd| plan["startsOn"][etcd]["ok"].as_bool().unwrap());
    assert_eq!(ok(&plan(&[])), [false, true, true, true]);
    // etcd 3.4 refuses it in order, and does not panic
    let why = plan(&[])["startsOn"]["3.4"]["why"].as_str().unwrap().to_owned();
    assert!(why.starts_with("(3.4.31 and later) refuses: "), "{why}");
    assert_eq!(ok(&plan(&["--for-etcd", "3.4"])), [true; 4]);
    assert!(codes(&plan(&[]), "warnings").contains(&"same-ids".to_owned()));
    assert!(!codes(&plan(&["--initial-cluster-token", "new"]), "warnings").contains(&"same-ids".to_owned()));
    assert!(codes(&plan(&[]), "warnings").contains(&"auth".to_owned()));
    assert!(!codes(&plan(&["--reset-auth"]), "warnings").contains(&"auth".to_owned()));
}

#[test]
fn a_bump_goes_behind_all_that_is_known() {
    assert_eq!(plan(&[])["newRevision"], 173);
    assert_eq!(plan(&["--bump-revision", "1000"])["newRevision"], 1173);
    let most = plan(&["--bump-revision", "4611686018427387731"]);
    assert_eq!(most["newRevision"], 1_u64 << 62);
    let guess = plan(&["--bump-revision", "auto"]);
    assert_eq!(guess["newRevision"], 1_000_000_173);
    assert!(codes(&guess, "carried").contains(&"bump-guess".to_owned()));
    // 189 is a lower bound: the cluster may have gone on after that backup
    let past = plan(&["--bump-revision", "auto", "--past", "fixtures/three-members.db"]);
    assert_eq!(past["newRevision"], 1_000_000_189);
    assert!(codes(&past, "carried").contains(&"bump-guess".to_owned()));
    let low = plan(&["--bump-revision", "1", "--past", "fixtures/kube.db"]);
    assert!(codes(&low, "warnings").contains(&"bump-low".to_owned()));
    let (_dir, to) = place();
    let args = ["restore", "fixtures/etcd-3.6.db", "--data-dir", &to, "--member", "m1", "--past", "fixtures/kube.db"];
    let (code, _, said) = run(&args);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--past alone raises no revision") && said.contains("--bump-revision auto"), "{said}");
}

/// What could not be read of a backup may have held higher revisions.
#[test]
fn a_damaged_backup_is_a_lower_bound_and_the_plan_has_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let damaged = dir.path().join("damaged.db").display().to_string();
    let mut image = fs::read("fixtures/three-members.db").unwrap();
    let leaf = crate::common::key_leaf(&image);
    image[leaf] ^= 0xff;
    fs::write(&damaged, &image).unwrap();
    for bump in ["auto", "1"] {
        let whole = plan(&["--bump-revision", bump, "--past", "fixtures/three-members.db"]);
        assert!(!codes(&whole, "warnings").contains(&"past-damaged".to_owned()));
        let plan = plan(&["--bump-revision", bump, "--past", &damaged]);
        let warnings = plan["warnings"].as_array().unwrap();
        let warning = warnings.iter().find(|warning| warning["code"] == "past-damaged").unwrap();
        assert!(warning.to_string().contains("damaged.db is damaged: it may have held revisions after "), "{warning}");
    }
    let help = good(&["restore", "--help"]);
    let past = help.split("--past").nth(1).unwrap();
    assert!(past.contains("Only with --bump-revision") && past.contains("undamaged"), "{past}");
}

/// The only voter's directory, with its log, knows how far its own cluster got.
#[test]
fn a_bump_goes_behind_the_end_that_a_dead_member_knows() {
    let dead = "fixtures/datadir-3.6.tar.gz";
    let (_dir, own) = place();
    run(&["restore", dead, "--to-snapshot", &own, "--no-wal"]);
    let known =
        |args: &[&str]| json(&[&["restore"], args, &["--member", "m1", "--data-dir", "d", "--dry-run"]].concat());
    let end = known(&[dead, "--uncommitted", "keep"])["plan"]["revision"].as_i64().unwrap();
    let past = |backup: &str, past: &[&str]| {
        let plan = known(&[&[backup, "--bump-revision", "auto", "--past", dead], past].concat())["plan"].clone();
        (plan["newRevision"].as_i64().unwrap(), codes(&plan, "carried").contains(&"bump-guess".to_owned()))
    };
    assert_eq!(past(&own, &[]), (end + end / 5 + 1, false));
    // A backup that is newer than that directory shows that it is not the end.
    assert_eq!(past(&own, &["--past", "fixtures/kube.db"]), (1_000_000_455, true));
    // Another cluster's directory proves nothing about this one, newer or older.
    assert_eq!(past("fixtures/etcd-3.6.db", &[]), (1_000_000_000 + end, true));
    assert_eq!(past("fixtures/kube.db", &[]), (1_000_000_455, true));
}

/// What a torn log has lost may have been committed.
#[test]
fn a_torn_log_is_not_the_end() {
    let home = tempfile::tempdir().unwrap();
    let dead = crate::common::unpacked(home.path());
    let wal = dead.join("member/wal/0000000000000000-0000000000000000.wal");
    let bytes = fs::read(&wal).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let dead = dead.to_str().unwrap();
    let plan = || {
        json(&[
            "restore",
            dead,
            "--uncommitted",
            "keep",
            "--bump-revision",
            "auto",
            "--past",
            dead,
            "--member",
            "m1",
            "--data-dir",
            "d",
            "--dry-run",
        ])["plan"]
            .clone()
    };
    let guesses = |plan: &Value| codes(plan, "carried").contains(&"bump-guess".to_owned());
    assert!(!guesses(&plan()));
    fs::write(&wal, &bytes[..end - 8]).unwrap();
    assert!(good(&["verify", dead]).contains("wal-torn"));
    let torn = plan();
    assert!(guesses(&torn) && torn["newRevision"].as_i64() > Some(1_000_000_000), "{torn}");
}

#[test]
fn a_backup_of_another_cluster_says_nothing_about_revisions() {
    let (_dir, to) = place();
    let flags = ["--bump-revision", "auto", "--past", "fixtures/encrypted.db", "--dry-run"];
    let whose = [
        "--name",
        "a",
        "--initial-cluster",
        "a=http://10.0.0.1:1",
        "--initial-advertise-peer-urls",
        "http://10.0.0.1:1",
    ];
    let (code, _, said) = run(&[&["restore", "fixtures/kube.db", "--data-dir", &to], &flags[..], &whose].concat());
    assert!(code == 1 && said.contains("fixtures/encrypted.db: of another cluster"), "{said}");
}

#[test]
fn dropped_keys_are_deleted_in_one_revision() {
    for more in [&[][..], &["--defrag"], &["--defrag", "--compact", "latest"]] {
        let (_dir, to) = place();
        let flags = ["--member", "m1", "--drop-leases", "--drop-key", "/many/2"];
        let args = [&["restore", "fixtures/etcd-3.6.db", "--data-dir", &to], &flags[..], more].concat();
        let done = json(&args);
        assert_eq!(done["restored"]["revision"], 174);
        assert_eq!(done["plan"]["changes"]["deletedAt"], 174);
        let all = |of: &str| {
            let kvs: Value = serde_json::from_str(&good(&["kv", of, "", "--from-key", "-w", "json"])).unwrap();
            kvs["kvs"].as_array().unwrap().clone()
        };
        // base64 of `/many/2/` and of `/many/2` with another digit
        let dropped = |kv: &Value| {
            let key = kv["key"].as_str().unwrap();
            key.starts_with("L21hbnkvMi") || key.starts_with("L21hbnkvMj") || kv.get("lease").is_some()
        };
        let (before, after) = (all("fixtures/etcd-3.6.db"), all(&to));
        assert!(before.iter().filter(|kv| dropped(kv)).count() > 5);
        let kept: Vec<_> = before.into_iter().filter(|kv| !dropped(kv)).collect();
        assert!(after == kept, "{more:?}: {} keys, not {}", after.len(), kept.len());
        assert!(good(&["verify", &to, "--strict"]).contains("good"));
        let (code, _, said) = run(&["get", &to, "--rev", "170"]);
        assert_eq!(code, i32::from(more.len() == 3), "{said}");
    }
}

#[test]
fn a_prefix_that_no_key_begins_with_is_told() {
    let plan = plan(&["--drop-key", "/many/2", "--drop-key", "/nothere"]);
    let warnings = plan["warnings"].as_array().unwrap().iter().filter(|warning| warning["code"] == "drop-key");
    let warnings: Vec<_> = warnings.map(|warning| warning["what"].as_str().unwrap()).collect();
    assert_eq!(warnings, ["--drop-key /nothere: no key begins with that"]);
    let (_dir, to) = place();
    let shown = good(&["restore", "fixtures/etcd-3.6.db", "--to-snapshot", &to, "--drop-key", "/nothere"]);
    assert!(shown.contains("--drop-key /nothere: no key begins with that"), "{shown}");
}

#[test]
fn a_fresh_db_holds_the_same() {
    for file in ["etcd-3.4.db", "etcd-3.7.db", "kube.db", "pages-64k.db", "three-members.db"] {
        let file = format!("fixtures/{file}");
        let (_dir, to) = place();
        let named = ["--name", "m", "--initial-cluster", "m=http://h:1", "--defrag"];
        good(&[&["restore", &file, "--data-dir", &to], &named[..]].concat());
        assert_eq!(good(&["hashkv", &to]), good(&["hashkv", &file]), "{file}");
        assert_eq!(good(&["kv", &to, "", "--from-key"]), good(&["kv", &file, "", "--from-key"]), "{file}");
        assert!(!good(&["verify", &to]).contains("free-pages"));
    }
}

/// A data directory whose log is ahead of its db, in `dir`.
fn data_dir(dir: &TempDir) -> String {
    crate::common::unpacked(dir.path()).display().to_string()
}

#[test]
fn a_data_directory_is_restored_with_its_log() {
    let (dir, to) = place();
    let data = data_dir(&dir);
    let done = json(&["restore", &data, "--data-dir", &to, "--member", "m1"]);
    let status = json(&["status", &data]);
    let (log, of) = (&done["plan"]["log"], &status["log"]);
    assert_eq!((&log["entries"], &log["toIndex"], &log["toRevision"]), (&of["entries"], &of["index"], &of["revision"]));
    assert_eq!((&log["fromRevision"], &done["restored"]["revision"]), (&status["revision"], &of["revision"]));
    assert!(log["entries"].as_u64().unwrap() > 0 && !Path::new(&to).join("member.etcdsnap.json").exists(), "{log}");
    for command in [&["hashkv"][..], &["kv", "", "--from-key"]] {
        let [restored, shown] = [&to, &data].map(|of| good(&[&command[..1], &[of.as_str()], &command[1..]].concat()));
        assert_eq!(restored, shown);
    }
    assert!(good(&["verify", &to, "--strict"]).contains("good"));
}

#[test]
fn how_much_of_the_log_counts_is_said() {
    let (dir, to) = place();
    let data = data_dir(&dir);
    let args = ["restore", &data, "--data-dir", &to, "--member", "m1", "--dry-run"];
    let plan = |flags: &[&str]| json(&[&args[..], flags].concat())["plan"].clone();
    let whole = plan(&[]);
    let bare = plan(&["--no-wal"]);
    assert_eq!((&bare["log"], &bare["newRevision"]), (&Value::Null, &whole["log"]["fromRevision"]));
    assert!(codes(&bare, "warnings").contains(&"log-not-applied".to_owned()));
    let from = whole["log"]["fromIndex"].as_u64().unwrap();
    let some = plan(&["--to-index", &(from + 5).to_string()]);
    let left = whole["log"]["entries"].as_u64().unwrap() - 5;
    assert_eq!((some["log"]["entries"].as_u64(), some["log"]["leftOut"].as_u64()), (Some(5), Some(left)));
    assert!(codes(&some, "warnings").contains(&"log-not-applied".to_owned()));
    let (code, _, said) = run(&[&args[..], &["--to-index", "9999"]].concat());
    assert!(code == 1 && said.contains("the log continues to"), "{said}");
    // etcd may have been started with its log elsewhere
    fs::rename(dir.path().join("datadir-3.6/member/wal"), dir.path().join("wal")).unwrap();
    let (code, _, said) = run(&args);
    assert!(code == 1 && said.contains("a data directory without a log") && said.contains("--no-wal"), "{said}");
}

#[test]
fn what_is_wrong_with_the_log_is_not_said_of_the_db() {
    let (dir, to) = place();
    let data = data_dir(&dir);
    let name = "0000000000000000-0000000000000000.wal";
    let log = dir.path().join("datadir-3.6/member/wal").join(name);
    let mut bytes = fs::read(&log).unwrap();
    // the value of entry 190
    bytes[0xcd60 + 40] ^= 1;
    fs::write(&log, bytes).unwrap();
    let args = ["restore", &data, "--data-dir", &to, "--member", "m1"];
    let (code, out, said) = run(&args);
    assert!(code == 1 && said.contains(&format!("{name}: damaged: a record's checksum")), "{said}");
    assert!(out.is_empty(), "{out}");
    let (code, out, _) = run(&[&args[..], &["--dry-run"]].concat());
    assert!(code == 1 && out.contains("7 entries applied") && out.contains("6 after a gap cannot be applied"), "{out}");
    let (code, out, said) = run(&[&args[..], &["--force"]].concat());
    assert!(code == 0 && !out.contains("the db is damaged"), "{out}{said}");
    let (code, out, _) = run(&["verify", &data]);
    assert!(code == 1 && out.contains(&format!("of {name})")), "{out}");
}

/// The members are in the db, the log and the `.snap`; `verify` and `members` read them.
#[test]
fn every_member_in_one_run() {
    let (_dir, to) = place();
    let done = json(&["restore", "fixtures/three-members.db", "--all-members", "--to", &to]);
    assert_eq!(done["plan"]["members"], serde_json::json!(["m1", "m2", "m4"]));
    for name in ["m1", "m2", "m4"] {
        let dir = Path::new(&to).join(name);
        let members = good(&["members", dir.to_str().unwrap()]);
        assert!(members.contains("m4, http://127.0.0.1:58713, , true") && members.lines().count() > 3, "{members}");
        assert_eq!(good(&["members", dir.to_str().unwrap()]).matches(", false").count(), 2);
        let snap = fs::read_dir(dir.join("member/snap")).unwrap().count();
        assert_eq!(snap, 2);
    }
    let hashes: Vec<_> =
        ["m1", "m2", "m4"].map(|name| fs::read(Path::new(&to).join(name).join("member/snap/db")).unwrap()).to_vec();
    assert!(hashes.iter().all(|db| *db == hashes[0]));
    let (_dir, to) = place();
    let said = good(&["restore", "fixtures/three-members.db", "--all-members", "--to", &to]);
    let first = said.find("  copy each folder to its machine").unwrap();
    let starts = said.find("  etcd --name m1").unwrap();
    for name in ["m1", "m2", "m4"] {
        let line = format!("    {to}/{name}/member to the machine of {name} (http://127.0.0.1:");
        assert!(said.find(&line).is_some_and(|at| first < at && at < starts), "{line}: {said}");
    }
    let (_dir, to) = place();
    let one = good(&["restore", "fixtures/three-members.db", "--member", "m1", "--data-dir", &to]);
    assert!(!one.contains("to the machine of"), "{one}");
}

#[test]
fn a_manifest_says_whose_member_it_is() {
    let (dir, to) = place();
    let manifest = dir.path().join("etcd.yaml");
    let write = |name: &str, cluster: &str, more: &str| {
        let yaml = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: etcd}}\nspec:\n  containers:\n  - name: etcd\n    \
             image: registry.k8s.io/etcd:3.4.13-0\n    command:\n    - etcd\n    - --name={name}\n    \
             - --initial-cluster={cluster}\n    - --initial-advertise-peer-urls=https://10.0.0.1:2380\n{more}"
        );
        fs::write(&manifest, yaml).unwrap();
    };
    let file = manifest.to_str().unwrap();
    let args = ["restore", "fixtures/three-members.db", "--data-dir", &to, "--from-manifest", file, "--dry-run"];
    // as kubeadm leaves it on the first of several nodes
    write("m1", "m1=https://10.0.0.1:2380", "");
    let (code, _, said) = run(&args);
    assert!(code == 2 && said.contains("lacks m2, m4") && said.contains("--member m1"), "{said}");
    let one = json(&[&args[..], &["--initial-cluster", "m1=https://10.0.0.1:2380"]].concat());
    assert_eq!(one["plan"]["cluster"]["members"][0]["name"], "m1");
    let warned = |plan: &Value| codes(plan, "warnings").contains(&"starts-on".to_owned());
    assert!(warned(&one["plan"]), "etcd 3.4 does not start on it");
    write("m1", "m1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380,m4=https://10.0.0.4:2380", "    - --wal-dir=/wal\n");
    let (code, _, said) = run(&args);
    assert!(code == 2 && said.contains("looks for its log in /wal"), "{said}");
    let all = json(&[&args[..], &["--wal-dir", dir.path().join("wal").to_str().unwrap()]].concat());
    assert_eq!(all["plan"]["cluster"]["members"].as_array().unwrap().len(), 3);
    // What comes next is what the manifest has.
    let tls = "    - --client-cert-auth\n    - --cert-file=/pki/a.crt\n    - --peer-cert-file=/pki/p.crt\n";
    write("m1", "m1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380,m4=https://10.0.0.4:2380", tls);
    let done = good(&args[..args.len() - 1]);
    let next = done.split_once("\nnext\n").unwrap().1;
    assert!(next.contains(" --cert-file=/pki/a.crt --client-cert-auth=true --peer-cert-file=/pki/p.crt\n"), "{next}");
    assert!(
        next.contains("move etcd.yaml out of that folder") && next.contains("and the kubelet on every node"),
        "{next}"
    );
}

#[test]
fn a_configuration_and_a_fresh_token() {
    let (dir, to) = place();
    let config = dir.path().join("config");
    let file = config.to_str().unwrap();
    let args = ["restore", "fixtures/three-members.db", "--data-dir", &to, "--from-config", file];
    let cluster = "m1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380,m4=https://10.0.0.4:2380";
    let of = |more: &[&str]| json(&[&args[..], &["--dry-run"], more].concat())["plan"]["cluster"].clone();
    fs::write(&config, format!("name: m1\ninitial-cluster: {cluster}\n")).unwrap();
    let yaml = of(&[]);
    fs::write(&config, format!("ETCD_NAME=m1\nETCD_INITIAL_CLUSTER={cluster}\n")).unwrap();
    assert_eq!(of(&[]), yaml);
    // what it lacks is given
    fs::write(&config, "name: m1\n").unwrap();
    let (code, _, said) = run(&args);
    assert!(code == 2 && said.contains("neither --initial-cluster nor URLs"), "{said}");
    assert_eq!(of(&["--initial-cluster", cluster]), yaml);
    // each run has another token, and other ids by it
    let given = ["--initial-cluster", cluster, "--fresh-token"];
    let [a, b] = [of(&given), of(&given)];
    assert!(a["id"] != b["id"] && a["id"] != yaml["id"] && a["token"] != b["token"], "{a} {b}");
    let done = good(&[&args[..], &given].concat());
    assert!(done.contains("instead of --fresh-token with --initial-cluster-token etcdsnap-"), "{done}");
    assert!(!done.contains("the new members have the same ids as the old ones"), "{done}");
}

/// Of a data directory, what is doubtful is printed, and not that it has no trailer.
#[test]
fn why_a_backup_is_doubtful() {
    let (dir, to) = place();
    let checked = |snapshot: &str, more: &[&str]| {
        let line = [&["restore", snapshot, "--data-dir", &to, "--member", "m1", "--dry-run"], more].concat();
        let printed = good(&line);
        printed.lines().find_map(|line| line.trim_start().strip_prefix("checked ")).unwrap().trim().to_owned()
    };
    assert_eq!(checked("fixtures/datadir-3.6.tar.gz", &[]), "good: 198 keys");
    assert_eq!(checked("fixtures/small.db", &[]), "good: SHA-256 trailer matches, 3 keys");
    let whole = fs::read("fixtures/small.db").unwrap();
    let cut = dir.path().join("cut.db");
    fs::write(&cut, &whole[..whole.len() - 8]).unwrap();
    let why = "doubtful: the SHA-256 trailer was cut off: 24 of its 32 bytes are in the file; 3 keys";
    assert_eq!(checked(cut.to_str().unwrap(), &["--skip-hash-check"]), why);
}

#[test]
fn the_alias_is_etcdutls() {
    let (dir, to) = place();
    let of = |flags: &[&str]| run(&[&["snapshot", "restore", "fixtures/small.db", "--data-dir", &to], flags].concat());
    assert_eq!(of(&["--bump-revision", "5"]).0, 128);
    assert_eq!(of(&["--mark-compacted"]).0, 128);
    assert_eq!(of(&["--name", "x"]).0, 1);
    assert_eq!(of(&["--wal-dir", dir.path().to_str().unwrap()]).0, 1);
    let (code, out, _) = of(&["--bump-revision", "5", "--mark-compacted"]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert_eq!(of(&[]).0, 1, "there is something in it");
    assert!(good(&["members", &to]).starts_with("8e9e05c52164694d, started, default, http://localhost:2380, , false"));
}

#[test]
fn evidence_names_what_was_written() {
    let (dir, to) = place();
    let evidence = dir.path().join("evidence").display().to_string();
    good(&["--evidence", &evidence, "restore", "fixtures/small.db", "--data-dir", &to, "--member", "m1"]);
    let record: Value = serde_json::from_str(&fs::read_to_string(evidence).unwrap()).unwrap();
    let paths: Vec<_> = record["outputs"].as_array().unwrap().iter().map(|o| o["path"].as_str().unwrap()).collect();
    assert!(paths[0] == "stdout" && paths.len() == 4, "{paths:?}");
    assert!(paths.iter().any(|path| *path == format!("{to}/member/snap/db")), "{paths:?}");
}

/// A dry run refuses what the run cannot do: several members in one data directory, or one where several are wanted.
#[test]
fn the_destination_fits_the_number_of_members_in_a_dry_run_too() {
    let (_dir, to) = place();
    let of = |flags: &[&str]| {
        let (code, out, said) = run(&[&["restore", "fixtures/three-members.db"], flags].concat());
        assert!(!Path::new(&to).exists());
        assert_eq!((code, out.as_str()), (2, ""), "{flags:?}: {said}");
        said
    };
    for dry in [&["--dry-run"][..], &[]] {
        let said = of(&[&["--all-members", "--data-dir", &to], dry].concat());
        assert!(said.contains("error: --all-members goes with --to DIR, not --data-dir\n"), "{said}");
        assert!(
            said.contains(&format!("etcdsnap restore fixtures/three-members.db --all-members --to {to}\n")),
            "{said}"
        );
        let said = of(&[&["--member", "m1", "--to", &to], dry].concat());
        assert!(said.contains("error: --to goes with --all-members\n"), "{said}");
        assert!(said.contains(&format!("etcdsnap restore fixtures/three-members.db --data-dir {to} ")), "{said}");
    }
}

/// What is refused because of the backup looks like nothing else, and names the commands for a damaged one.
#[test]
fn a_damaged_backup_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (broken, to) = (at("broken.db"), at("to"));
    let mut image = fs::read("fixtures/kube.db").unwrap();
    image[4096 * 60..4096 * 61].fill(0xff);
    for (trailer, flags) in [(true, &[][..]), (false, &["--skip-hash-check"])] {
        fs::write(&broken, &image[..image.len() - if trailer { 0 } else { 32 }]).unwrap();
        let (code, out, said) = run(&[&["restore", &broken, "--data-dir", &to, "--member", "m1"], flags].concat());
        assert_eq!((code, out.as_str()), (1, ""), "{said}");
        assert!(said.contains(&format!("  etcdsnap verify {broken} ")), "{said}");
        assert!(said.contains(&format!("  etcdsnap salvage {broken} --to saved.db ")), "{said}");
    }
    // where only the trailer is wrong, nothing is to be saved
    let mut image = fs::read("fixtures/kube.db").unwrap();
    *image.last_mut().unwrap() ^= 1;
    fs::write(&broken, &image).unwrap();
    let (code, _, said) = run(&["restore", &broken, "--data-dir", &to, "--member", "m1"]);
    assert!(code == 1 && said.contains("etcdsnap verify") && !said.contains("salvage"), "{said}");
}
