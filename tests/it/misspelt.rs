//! Kinds and namespaces that are misspelt: an empty answer names those that exist.

use std::process::{Command, Stdio};

fn run(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_misspelt_kind_is_answered_with_the_kind() {
    for (kind, near) in [("deploymets", "deployments"), ("Pdos", "pods"), ("deployments.asp", "deployments.apps")] {
        for args in [
            &["get", "fixtures/kube.db", kind] as &[&str],
            &["describe", "fixtures/kube.db", kind, "web"],
            &["timeline", "fixtures/kube.db", kind],
            &["export", "fixtures/kube.db", kind, "--to", "-"],
            &["diff", "fixtures/kube.db", "fixtures/kube-later.db", kind],
        ] {
            let (code, out, error) = run(args);
            assert_eq!((code, out.as_str()), (1, ""), "{args:?}");
            assert!(error.ends_with(&format!("hint: did you mean {near}?\n")), "{args:?}: {error}");
        }
    }
    let (_, _, error) = run(&["get", "fixtures/kube.db", "gizmos"]);
    assert!(error.ends_with("hint: without a KIND, `get` lists everything in the backup\n"), "{error}");
}

#[test]
fn a_misspelt_namespace_is_answered_with_those_that_there_are() {
    let there = "default, kube-node-lease, kube-public, kube-system, pay, shop";
    for args in [
        &["get", "fixtures/kube.db", "pods", "-n", "shpo"] as &[&str],
        &["get", "fixtures/kube.db", "pods", "-n", "shpo", "-o", "json"],
        &["get", "fixtures/kube.db", "pods", "-n", "shpo", "-o", "jsonpath={.items}"],
        &["get", "fixtures/kube.db", "deploy/web", "-n", "shpo"],
        &["get", "fixtures/kube.db", "-n", "shpo"],
        &["describe", "fixtures/kube.db", "deploy", "web", "-n", "shpo"],
        &["history", "fixtures/kube.db", "deploy/web", "-n", "shpo"],
        &["timeline", "fixtures/kube.db", "deploy", "-n", "shpo"],
        &["export", "fixtures/kube.db", "-n", "shpo", "--to", "-"],
        &["diff", "fixtures/kube.db", "fixtures/kube.db", "-n", "shpo"],
    ] {
        let (code, _, error) = run(args);
        assert_eq!(code, 1, "{args:?}: {error}");
        let note = error.lines().find(|line| line.contains("there is no namespace shpo")).unwrap_or_default();
        assert!(note.starts_with("note: ") && note.ends_with(&format!("; there are {there}")), "{args:?}: {error}");
        assert!(error.contains("\nhint: did you mean -n shop?\n"), "{args:?}: {error}");
    }
    // one that is there, and holds nothing of it; one that was made later
    for args in [
        &["get", "fixtures/kube.db", "deploy", "-n", "kube-public"] as &[&str],
        &["get", "fixtures/kube.db", "deploy", "-n", "shpo", "--ignore-not-found"],
        &["diff", "fixtures/kube.db", "fixtures/kube-later.db", "deploy", "-n", "shop"],
    ] {
        let (_, _, error) = run(args);
        assert!(!error.contains("there is no namespace"), "{args:?}: {error}");
    }
}

/// kubectl takes an empty namespace as none; no namespace has a comma or a slash in its name.
#[test]
fn a_namespace_that_cannot_be_is_refused_and_an_empty_one_is_none() {
    let kube = "fixtures/kube.db";
    for call in [
        &["get", kube, "pods"][..],
        &["describe", kube, "pods"],
        &["timeline", kube],
        &["history", kube, "deploy/web"],
        &["diff", kube, "fixtures/kube-later.db"],
        &["export", kube, "pods", "--to", "-"],
    ] {
        for (wrong, why) in [
            ("a,b", "takes one namespace"),
            ("a/b", "a-z, 0-9 and -"),
            ("Shop", "a-z, 0-9 and -"),
            (&"a".repeat(64), "at most 63"),
        ] {
            let (code, _, said) = run(&[call, &["-n", wrong]].concat());
            assert!(code == 2 && said.contains(why), "{call:?} {wrong}: {said}");
        }
    }
    for call in [&["get", kube, "pods"][..], &["diff", kube, "fixtures/kube-later.db", "--name-only"]] {
        let ((code, all, _), (same, out, said)) = (run(call), run(&[call, &["-n", ""]].concat()));
        assert_eq!(said.matches("note: the namespace of -n is empty: this is of all namespaces").count(), 1, "{said}");
        assert_eq!((same, out), (code, all), "{call:?}");
    }
}

/// Words of other programs, and what people try first.
#[test]
fn a_word_that_is_no_command_is_answered_with_the_command() {
    for (word, command) in [
        ("downgrade", "etcdsnap migrate --data-dir"),
        ("log", "etcdsnap wal DIR"),
        ("token", "etcdsnap kv FILE /bootstrap/"),
        ("sql", "etcdsnap rows FILE --to rows.csv"),
        ("csv", "etcdsnap rows FILE --to rows.csv"),
        ("certs", "etcdsnap get FILE secrets"),
        ("check", "etcdsnap verify FILE"),
        ("member", "etcdsnap members FILE"),
        ("watch", "etcdsnap timeline FILE"),
        ("delete", "get, describe and diff"),
    ] {
        let (code, _, error) = run(&[word, "fixtures/kube.db"]);
        assert_eq!(code, 2, "{word}: {error}");
        assert!(error.starts_with(&format!("error: there is no command {word}\nhint: ")), "{word}: {error}");
        assert!(error.contains(&command.replace("FILE", "fixtures/kube.db")), "{word}: {error}");
    }
    for (word, command) in [
        ("version", "etcdsnap --version"),
        ("find", "etcdsnap grep TEXT FILE"),
        ("blame", "etcdsnap history FILE"),
        ("du", "etcdsnap analyze FILE"),
        ("count", "--count-only"),
        ("leases", "etcdsnap bolt keys FILE lease"),
        ("explain", "-o yaml"),
        ("cluster-info", "etcdsnap status FILE"),
        ("proxy", "etcdsnap serve FILE"),
        ("endpoint", "etcdsnap verify FILE"),
        ("doctor", "--dry-run"),
        ("users", "etcdsnap members FILE"),
        ("move-leader", "etcdsnap members FILE"),
        ("drain", "get, describe and diff"),
        ("taint", "get, describe and diff"),
        ("put", "etcdsnap kv FILE KEY"),
    ] {
        let (code, _, error) = run(&[word, "fixtures/kube.db"]);
        let command = &command.replace("FILE", "fixtures/kube.db");
        assert!(code == 2 && error.contains("\nhint: ") && error.contains(command), "{word}: {error}");
    }
    for (call, command) in [
        (&["evidence", "verify", "r.ndjson"][..], "etcdsnap evidence check r.ndjson"),
        (&["snapshot", "save", "b.db"], "etcdctl snapshot save"),
        (&["catalog", "list"], "etcdsnap catalog ls"),
        (&["endpoint", "hashkv", "--cluster"], "etcdsnap hashkv FILE..."),
        (&["endpoint", "status", "-w", "table"], "etcdsnap status FILE..."),
        (&["rollout", "history", "deploy/web", "-n", "shop"], "etcdsnap history FILE deploy/web -n shop"),
        (&["rollout", "undo", "deploy/web"], "etcdsnap export FILE deploy/web -n NAMESPACE --rev 1200 --to DIR"),
        (&["snapshot", "verify", "fixtures/kube.db"], "etcdsnap verify fixtures/kube.db"),
        (&["snapshot", "restore", "--name", "m1"], "etcdsnap restore FILE --data-dir DIR --member NAME"),
        (&["catalog", "ls", "--good"], "etcdsnap catalog last --good"),
        (&["catalog", "last", "deploy/web"], "etcdsnap catalog find deploy/web"),
    ] {
        let (code, _, error) = run(call);
        assert!(code == 2 && error.contains("hint: ") && error.contains(command), "{call:?}: {error}");
    }
    let (code, _, error) = run(&["snapshot", "restore", "--name", "m1", "fixtures/kube.db"]);
    assert!(code == 1 && error.contains("--initial-cluster m1=http://HOST:2380"), "{error}");
    let (code, _, error) = run(&["evidence", "record.ndjson"]);
    assert!(code == 2 && error.contains("etcdsnap evidence check record.ndjson"), "{error}");
    assert_eq!(run(&["evidence", "check", "fixtures/small.db"]).0, 1);
    for call in [&["restore", "fixtures/kube.db"][..], &["restore", "fixtures/kube.db", "--all-members"]] {
        let (code, _, error) = run(call);
        assert_eq!(code, 2, "{error}");
        for way in ["--data-dir DIR --member NAME", "--from-manifest", "--all-members --to DIR", "--to-snapshot FILE"] {
            assert!(error.contains(way), "{call:?}: {way}: {error}");
        }
    }
    let piped = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).arg("verify").stdin(Stdio::piped()).output().unwrap();
    assert!(
        String::from_utf8(piped.stderr).unwrap().ends_with("hint: - is standard input: ... | `etcdsnap verify -`\n")
    );
    for (call, example) in [
        (&["verify"][..], "etcdsnap verify backup.db"),
        (&["report", "fixtures/kube.db"], "etcdsnap report fixtures/kube.db --html report.html"),
        (&["redact", "fixtures/kube.db"], "etcdsnap redact fixtures/kube.db --to shared.db"),
        (&["bolt", "get"], "etcdsnap bolt get backup.db cluster clusterVersion"),
        (
            &["migrate", "dir", "3.5"],
            "etcdsnap migrate --data-dir /var/lib/etcd --target-version 3.5 --to /var/lib/etcd-3.5",
        ),
    ] {
        let (_, _, error) = run(call);
        assert!(error.ends_with(&format!("hint: for example `{example}`\n")), "{call:?}: {error}");
    }
}

/// What is named and is not there: the nearest name of that kind, or the namespace that holds it.
#[test]
fn a_misspelt_name_is_answered_with_the_name() {
    let kube = "fixtures/kube.db";
    for (call, near) in [
        (&["get", kube, "deploy/wbe", "-n", "shop"][..], "deploy/web -n shop"),
        (&["get", kube, "deploy/wbe"], "deploy/web"),
        (&["get", kube, "deploy", "wbe", "-n", "shop"], "deploy/web -n shop"),
        (&["get", kube, "deploy/web", "-n", "pay"], "deploy/web -n shop"),
        (&["describe", kube, "deploy/wbe", "-n", "shop"], "deploy/web -n shop"),
        (&["history", kube, "deploy/wbe", "-n", "shop"], "deploy/web -n shop"),
        (&["export", kube, "deploy/wbe", "-n", "shop", "--to", "-"], "deploy/web -n shop"),
        (&["get", kube, "node/node-x", "-n", "shop"], "node/node-a"),
        // a Pod has the name of its Deployment and more
        (&["get", kube, "pod", "web", "-n", "shop"], "pod/web-546f5ff66b-fj4ch -n shop"),
        (&["get", kube, "pod/web"], "pod/web-546f5ff66b-fj4ch"),
    ] {
        let (code, _, error) = run(call);
        assert!(code == 1 && error.contains(&format!("hint: did you mean {near}?\n")), "{call:?}: {error}");
    }
    // the name where the KIND is expected
    for (call, near) in [
        (&["history", kube, "node-a"][..], "nodes/node-a"),
        (&["describe", kube, "db-0", "-n", "shop"], "pods/db-0 -n shop"),
    ] {
        let (code, _, error) = run(call);
        assert!(code == 1 && error.contains(&format!("hint: did you mean {near}?\n")), "{call:?}: {error}");
    }
    let (_, _, error) = run(&["get", kube, "deploy/gizmo", "-n", "shop"]);
    assert!(!error.contains("did you mean"), "{error}");
}

/// Words in another order, and with the words of other programs: the hint is the call that was meant.
#[test]
fn words_in_another_order_are_answered_with_the_call() {
    let kube = "fixtures/kube.db";
    for (call, meant) in [
        (&[kube, "get", "pods", "-n", "shop"][..], "etcdsnap get fixtures/kube.db pods -n shop\n"),
        (&["pods", kube, "-n", "shop"], "etcdsnap get fixtures/kube.db pods -n shop\n"),
        (&["pods"], "etcdsnap get FILE pods\n"),
        (&["get", "secret/db", "-n", "shop"], "etcdsnap get FILE secret/db -n shop; "),
        (&["get", kube, "/registry/pods", "--prefix"], "etcdsnap kv fixtures/kube.db /registry/pods --prefix\n"),
        (
            &["get", kube, "/registry/pods", "--prefix", "--keys-only"],
            "etcdsnap kv fixtures/kube.db /registry/pods --prefix --keys-only\n",
        ),
        (&["get", "/registry/pods", "--prefix", kube], "etcdsnap kv fixtures/kube.db /registry/pods --prefix\n"),
        (&["get", "/registry/pods", "--keys-only"], "etcdsnap kv FILE /registry/pods --keys-only\n"),
        (
            &["get", "--prefix", "/registry/pods", kube, "--keys-only"],
            "`etcdsnap kv fixtures/kube.db /registry/pods/ --prefix --keys-only`\n",
        ),
        (&["kv", "get", kube, "/a"], "etcdsnap kv fixtures/kube.db /a\n"),
        (&["members", "list", kube], "etcdsnap members fixtures/kube.db\n"),
        (&["get", "pods", "--snapshot", kube], "etcdsnap get fixtures/kube.db pods\n"),
        (
            &["restore", kube, "deploy/web", "-n", "shop"],
            "etcdsnap export fixtures/kube.db deploy/web -n shop --to DIR\n",
        ),
        (&[kube], "  etcdsnap status fixtures/kube.db\n"),
    ] {
        let (code, out, error) = run(call);
        assert!(
            code == 2 && out.is_empty() && error.contains(&format!(" {}", meant.trim_start())),
            "{call:?}: {error}"
        );
    }
    // of two backups another command is meant
    for command in ["timeline", "get", "history"] {
        let (code, _, error) = run(&[command, kube, "fixtures/kube-later.db", "-n", "shop"]);
        assert!(code == 2 && error.contains("reads one backup"), "{command}: {error}");
        assert!(error.contains("  etcdsnap diff fixtures/kube.db fixtures/kube-later.db "), "{command}: {error}");
    }
    // one of several backups that is not there is just that
    for command in ["verify", "status"] {
        let (_, _, error) = run(&[command, "missing.db", kube]);
        assert!(!error.contains("the snapshot comes first"), "{command}: {error}");
    }
}

/// The parser's own tips are printed only where few letters differ.
#[test]
fn a_flag_that_is_not_known_is_answered_with_the_flag_or_with_nothing() {
    let kube = "fixtures/kube.db";
    for (call, hint) in [
        (&["get", kube, "cm/notes", "--all-revisions"][..], Some("etcdsnap history fixtures/kube.db cm/notes")),
        (&["get", kube, "cm/notes", "--revision", "3"], Some("--rev N")),
        (&["get", kube, "secrets", "--key-file", "k"], Some("--encryption-config FILE")),
        (&["get", kube, "pods", "--count"], Some("--count-only")),
        (&["get", "--snapshot=fixtures/kube.db", "pods"], None),
        (&["verify", kube, "-q"], Some("exit status")),
        (&["verify", kube, "-v"], None),
        (&["diff", kube, kube, "--verb", "delete"], Some("--diff-filter=D")),
        (&["diff", kube, kube, "--name-status"], Some("--name-only")),
        (&["verify", kube, "--newest"], Some("newest good")),
        (&["history", kube, "ns/shop", "--since", "-10m"], Some("etcdsnap timeline fixtures/kube.db ns/shop")),
        (
            &["history", kube, "ns/shop", "--rev", "400"],
            Some("etcdsnap get fixtures/kube.db ns/shop -n NAMESPACE -o yaml --rev 400`"),
        ),
        (&["grep", kube, "hunter2", "-F"], Some("PATTERN comes first: etcdsnap grep hunter2 fixtures/kube.db -F")),
        (&["rows", kube, "rows.csv"], Some("--to rows.csv names the file")),
        (&["wal", "-n", "5", kube], Some("--tail N")),
        (&["wal", kube, "--since", "-10m"], Some("has no time")),
        (&["restore", kube, "-n", "shop"], Some("`etcdsnap export fixtures/kube.db -n shop --to DIR`\n")),
        (&["serve", kube, "--port", "1"], Some("--listen 127.0.0.1:PORT")),
        (&["rows", kube, "-o", "csv"], Some("--format ndjson|csv")),
        (&["export", kube, "deploy/web"], Some("etcdsnap export fixtures/kube.db deploy/web -n NAMESPACE --to DIR")),
        (&["salvage", kube], Some("etcdsnap salvage fixtures/kube.db --to saved.db")),
        (&["frobnicate"], None),
    ] {
        let (code, _, error) = run(call);
        assert_eq!(code, 2, "{call:?}: {error}");
        assert!(!error.contains("tip:"), "{call:?}: {error}");
        match hint {
            Some(hint) => assert!(error.contains("hint: ") && error.contains(hint), "{call:?}: {error}"),
            None => assert!(!error.contains("as a value"), "{call:?}: {error}"),
        }
    }
    // few letters are wrong
    for (call, near) in
        [(&["get", kube, "pods", "--field-selecter", "a=b"][..], "'--field-selector'"), (&["verfy", kube], "'verify'")]
    {
        let (_, _, error) = run(call);
        assert!(error.contains("tip:") && error.contains(near), "{call:?}: {error}");
    }
    // the usage line does not name optional flags as if they were required
    let (_, _, error) = run(&["export", kube, "deploy/web", "-n", "shop"]);
    assert!(error.contains("Usage: etcdsnap export [OPTIONS] --to <DIR|-> <SNAPSHOT> [KIND[/NAME]]...\n"), "{error}");
    let (_, _, error) = run(&["diff", "-n", "shop", kube, kube, "--no-such"]);
    assert!(error.contains("Usage: etcdsnap diff [OPTIONS] <A> [B [KIND[/NAME]...]]...\n"), "{error}");
}

/// The hint repeats what the user has named: the file, the object, the namespace, the value of a flag.
#[test]
fn a_hint_repeats_the_words_of_the_user() {
    let kube = "fixtures/kube.db";
    for (call, hint) in [
        (&["log", kube, "deploy/web", "-n", "shop"][..], "`etcdsnap history fixtures/kube.db deploy/web -n shop`"),
        (&["show", kube, "deploy", "web"], "`etcdsnap get fixtures/kube.db deploy/web -n NAMESPACE -o yaml`"),
        (&["logs", kube, "pod/db-0", "-n=shop"], "`etcdsnap describe fixtures/kube.db pod/db-0 -n shop`"),
        (&["list", "."], "`etcdsnap verify .`"),
        (&["top", "pods", kube], "`etcdsnap analyze fixtures/kube.db`"),
        (&["api-resources", kube], "`etcdsnap analyze fixtures/kube.db --top 0`"),
        (&["compaction", kube, "400"], "`etcdsnap defrag fixtures/kube.db --to NEW --compact 400`"),
        (&["alarm", "disarm"], "`etcdsnap restore FILE --disarm-alarms --data-dir DIR --member NAME`"),
        (&["auth", "can-i", "get", "pods"], "`etcdsnap get FILE rolebindings,clusterrolebindings -o wide`"),
        (&["revert", kube, "deploy/web"], "etcdsnap export fixtures/kube.db deploy/web"),
        (&["browse", kube], "`etcdsnap serve fixtures/kube.db`"),
        (&["catalog", kube], "`etcdsnap catalog add fixtures/kube.db`"),
        (&["catalog", ".", "deploy/web"], "`etcdsnap catalog find deploy/web`"),
        (&["restore", ".", "--force-new-cluster"], "`etcdsnap force-new-cluster --data-dir . --to NEWDIR`"),
        (&["restore", kube, "--include-namespaces", "shop"], "`etcdsnap export fixtures/kube.db -n shop --to DIR`"),
        (&["restore", kube, "--rev", "400"], "`etcdsnap export fixtures/kube.db -n NAMESPACE --rev 400 --to DIR`"),
        (&["get", kube, "pods", "--image=nginx"], "`etcdsnap grep nginx fixtures/kube.db --path 'spec.**.image' -l`"),
        (&["get", kube, "pods", "--limit", "5"], "`etcdsnap get fixtures/kube.db` | head"),
        (&["get", kube, "pods", "--ns=shop"], "hint: etcdsnap get fixtures/kube.db pods -n shop\n"),
        (&["kv", kube, "/a", "--as-of", "-10m"], "hint: etcdsnap kv fixtures/kube.db /a --at -10m\n"),
        (&["kv", kube, "--decode"], "--print-value-only` | `etcdsnap decode`"),
        (&["timeline", kube, "--who"], "`etcdsnap timeline fixtures/kube.db --audit-log LOG`"),
    ] {
        let (code, _, error) = run(call);
        assert!(code == 2 && error.contains("hint: ") && error.contains(hint), "{call:?}: {error}");
    }
    for word in
        ["sha256sum", "extract", "dump", "velero", "cat", "ui", "images", "copy", "encrypt", "options", "plugin"]
    {
        let (code, _, error) = run(&[word, kube]);
        assert!(code == 2 && error.contains("\nhint: ") && error.contains("`etcdsnap "), "{word}: {error}");
    }
}

/// A call with the words of another program: the hint is the user's own call, as it is typed here.
#[test]
fn a_hint_is_the_call_of_the_user_as_it_is_typed_here() {
    let (kube, later) = ("fixtures/kube.db", "fixtures/kube-later.db");
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    for (call, hint) in [
        (&["redact", kube, "-o", "F.db"][..], "etcdsnap redact fixtures/kube.db --to F.db\n"),
        (&["export", kube, "-oF", "-n", "shop"], "etcdsnap export fixtures/kube.db --to F -n shop\n"),
        (&["get", kube, "pods", "-o", "yml"], "hint: etcdsnap get fixtures/kube.db pods --output yaml\n"),
        (&["status", kube, "-w", "table="], "hint: etcdsnap status fixtures/kube.db --output table\n"),
        (&["serve", kube, "--listen", ":8080"], "hint: etcdsnap serve fixtures/kube.db --listen 127.0.0.1:8080\n"),
        (&["restore", kube, "--to", "D"], "hint: etcdsnap restore fixtures/kube.db --to D --all-members\n"),
        (&["impact", kube, later], "hint: etcdsnap impact fixtures/kube.db --against fixtures/kube-later.db\n"),
        (&["redact", kube, "new.db"], "hint: etcdsnap redact fixtures/kube.db --to new.db\n"),
        (&["defrag", "--data-dir", folder], &format!("hint: etcdsnap defrag {folder} --to NEW\n")),
        (&["verify", "--data-dir", folder], &format!("hint: etcdsnap verify {folder}\n")),
        (&["diff", &format!("{kube}..{later}")], "etcdsnap diff fixtures/kube.db fixtures/kube-later.db\n"),
        (&["diff", kube, "pods", later], "etcdsnap diff fixtures/kube.db fixtures/kube-later.db pods\n"),
        (&["describe", "backup", kube], "`etcdsnap status fixtures/kube.db`"),
        (&["defrag", "--endpoints=http://localhost:2379"], "etcdsnap defrag FILE --to NEW\n"),
        (
            &["--endpoints", "http://localhost:2379", "get", "/", "--prefix"],
            "error: --endpoints: no command connects to a running etcd\nhint: of a backup: etcdsnap kv FILE / --prefix\n",
        ),
        (&["--endpoints", "localhost:2379", "endpoint", "status"], "`etcdsnap status FILE...`"),
        (&["restore", kube, "deploy/web", "-n", "shop"], "export fixtures/kube.db deploy/web -n shop --to DIR\n"),
    ] {
        let (code, out, error) = run(call);
        assert!(code == 2 && out.is_empty() && error.contains(hint), "{call:?}: {error}");
    }
    for (call, said) in [
        (
            &["restore", kube, "--member", "m9", "--data-dir", folder][..],
            "--name m9 --initial-cluster m9=http://HOST:2380",
        ),
        (&["grep", "nginx", kube, "--path", "image"], "--path '**.image' is at any depth"),
        (&["status", "fixtures/kueb.db"], "hint: did you mean fixtures/kube.db?\n"),
    ] {
        let (code, _, error) = run(call);
        assert!(code != 0 && error.contains(said), "{call:?}: {error}");
    }
    let (code, out, _) = run(&["evidence", "check", "README.md"]);
    assert_eq!((code, out.as_str()), (1, "README.md: not an evidence file: no line in it is a record\n"));
}

/// Flags without a value take one, as kubectl's do.
#[test]
fn a_flag_without_a_value_may_be_true_or_false() {
    let of = |flags: &[&str]| run(&[&["get", "fixtures/kube.db", "pods"], flags].concat());
    assert_ne!(of(&[]), of(&["--no-headers"]));
    assert_eq!(of(&["--no-headers=true"]), of(&["--no-headers"]));
    assert_eq!(of(&["--no-headers=false", "-A=true"]), of(&["-A"]));
    assert_eq!(of(&["--no-headers", "--no-headers=F"]), of(&[]));
    assert_eq!(of(&["--no-headers=maybe"]).0, 2);
    // after `--` it is a word
    assert_eq!(run(&["grep", "--", "--keys=true", "fixtures/kube.db"]).0, 1);
}

/// The format is `-o`, `--output`, or etcdctl's `-w`, `--write-out`.
#[test]
fn the_format_has_the_name_of_etcdctl_too() {
    let kube = "fixtures/kube.db";
    for call in [&["status", kube][..], &["verify", kube], &["members", kube], &["kv", kube, "/a"], &["hashkv", kube]] {
        let with = |flag: &str| run(&[call, &[flag, "json"]].concat());
        let want = with("-o");
        assert!(want.1.starts_with('{'), "{call:?}: {want:?}");
        for flag in ["-w", "--write-out", "--output"] {
            assert_eq!(with(flag), want, "{call:?} {flag}");
        }
        // also before the SNAPSHOT
        let (command, rest) = call.split_first().unwrap();
        assert_eq!(run(&[&[*command, "-w", "json"], rest].concat()), want, "{call:?}");
    }
}

#[test]
fn a_selector_that_no_object_can_match_is_answered_with_a_hint() {
    let pods = |flags: &[&str]| run(&[&["get", "fixtures/kube.db", "pods", "-A", "-o", "name"], flags].concat());
    let not_ready = r#"status.conditions[?(@.type=="Ready")].status=False"#;
    for wrong in ["type=Ready", "[type=Ready]", "[type=Ready", "status[0=a"] {
        let (code, _, error) = pods(&["--field-selector", wrong]);
        assert!(code == 2 && error.contains("hint: ") && error.contains(not_ready), "{wrong}: {code} {error}");
    }
    let (code, all, _) = pods(&[]);
    let (_, ready, _) = pods(&["--field-selector", &not_ready.replace("False", "True")]);
    let (_, others, _) = pods(&["--field-selector", &not_ready.replace("=False", "!=True")]);
    assert!(code == 0 && ready.contains("pod/db-0") && others.contains("pod/db-1"), "{ready}{others}");
    assert_eq!(ready.lines().count() + others.lines().count(), all.lines().count());
    let (code, out, error) = pods(&["-l", "type=Ready,app=db"]);
    assert!(code == 0 && out.is_empty() && error.contains("hint: none of them has a label type:"), "{error}");
    let (code, out, _) = pods(&["--field-selector", "metadata.deletionTimestamp!="]);
    assert!(code == 0 && out.is_empty(), "{out}");
    for right in ["app=nobody", "!type", "type!=Ready"] {
        assert!(!pods(&["-l", right]).2.contains("hint:"), "{right}");
    }
}

/// etcdctl's word `get` before a key makes a range that ends before it begins: that is no answer.
#[test]
fn a_range_that_ends_before_it_begins_is_told() {
    let (code, out, said) = run(&["kv", "fixtures/kube.db", "get", "/registry/configmaps/shop/web-cfg"]);
    assert_eq!((code, out.as_str()), (1, ""), "{said}");
    assert!(said.contains("the range ends before it begins") && said.contains("`etcdsnap kv FILE KEY`"), "{said}");
    let (code, _, said) = run(&["get", "fixtures/kube.db", "/registry/configmaps/shop/web-cfg"]);
    assert!(code == 2 && said.contains("etcdsnap kv fixtures/kube.db /registry/configmaps/shop/web-cfg\n"), "{said}");
    // a file that is missing is no key
    let (code, _, said) = run(&["get", "/no/such/file.db", "pods"]);
    assert!(code == 3 && said.contains("/no/such/file.db: cannot open"), "{said}");
}

#[test]
fn a_deleted_object_is_answered_with_its_last_revision() {
    for args in [
        &["get", "fixtures/kube-later.db", "ing/web", "-n", "shop"] as &[&str],
        &["describe", "fixtures/kube-later.db", "ing", "web", "-n", "shop"],
        &["export", "fixtures/kube-later.db", "ing/web", "-n", "shop", "--to", "-"],
    ] {
        let (code, out, error) = run(args);
        assert_eq!((code, out.as_str()), (1, ""), "{args:?}");
        assert!(error.contains("hint: deleted at revision 502: --rev 501 has the object; "), "{args:?}: {error}");
        assert_eq!(error.matches("--audit-log FILE names the user").count(), 1, "{args:?}: {error}");
        let (code, out, error) = run(&[args, &["--rev", "501"]].concat());
        assert!(code == 0 && out.contains("web"), "{args:?}: {out}{error}");
    }
}

/// etcd stores no name with a delete: each output that shows deletions says once where the name is.
#[test]
fn who_deleted_is_in_the_audit_log() {
    let kube = "fixtures/kube-later.db";
    for (call, expected) in [
        (&["timeline", kube, "--verb", "delete"][..], 1),
        (&["timeline", kube, "--verb", "create"], 0),
        (&["history", kube, "pod/once", "-n", "shop"], 1),
        (&["history", kube, "deploy/web", "-n", "shop"], 0),
    ] {
        let (code, _, error) = run(call);
        assert_eq!((code, error.matches("--audit-log FILE").count()), (0, expected), "{call:?}: {error}");
    }
}

/// kubectl's `logs --since` takes a duration without a sign.
#[test]
fn a_duration_without_a_sign_counts_back_from_the_newest_time() {
    let of = |since: &str| run(&["timeline", "fixtures/kube.db", "--since", since]);
    assert_eq!(of("10s"), of("-10s"));
    assert_ne!(of("1s").1, of("10h").1);
    let (code, _, error) = run(&["timeline", "fixtures/kube-later.db", "--until", "10s"]);
    assert!(code == 2 && error.contains("or -10m (before the newest time"), "{error}");
}
