//! What was done to an object, and when: out of the records of a backup.

use std::{convert::Infallible, fs};

use crate::common::{Etcd, Peers, etcdsnap};
use etcdsnap::{
    Findings,
    diff::{Verb, changes},
    etcd::Snapshot,
    k8s::{Clock, Meta, Moment, Ring},
};
use serde_json::Value;

const FILE: &str = "fixtures/kube-later.db";
const NOTES: [&str; 6] = ["history", FILE, "configmap/notes", "-n", "pay", "-o"];

/// Standard output, standard error, exit code.
fn run(args: &[&str]) -> (String, String, i32) {
    let output = etcdsnap(args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

/// Created, changed, compacted, changed, deleted, created again.
#[test]
fn an_object_through_a_compaction_and_a_deletion() {
    let (out, err, exit) = run(&[&NOTES[..], &["json"]].concat());
    assert_eq!((err.as_str(), exit), ("", 0));
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&document["windows"][0]["first"], &document["windows"][0]["last"]), (&463.into(), &505.into()));
    let told: Vec<_> = document["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| {
            let fields = of["fields"].as_array().into_iter().flatten();
            let fields: Vec<_> =
                fields.map(|field| format!("{} {} {}", field["path"], field["old"], field["new"])).collect();
            format!("{} {} {} {}", of["revision"], of["verb"], of["manager"], fields.join("; "))
        })
        .collect();
    assert_eq!(
        told,
        [
            // created and changed within one second
            r#"462 "compacted" null "#,
            r#"463 "update" "kubectl-patch" "data.more" null "x"; "data.text" "second" "third""#,
            r#"464 "delete" null "#,
            r#"465 "create" "kubectl-create" "#,
        ]
    );
    let (out, _, _) = run(&[&NOTES[..], &["text"]].concat());
    assert!(
        out.starts_with("fixtures/kube-later.db holds the revisions 463 (2026-") && out.contains("to 505 ("),
        "{out}"
    );
    assert!(
        out.contains("= revision 462   2026-") && out.contains("    ~ data.text: \"second\" -> \"third\""),
        "{out}"
    );
    let (_, err, exit) = run(&["history", FILE, "configmap/none"]);
    assert!(exit == 1 && err.contains("no revision of configmap/none found"), "{err}");
    assert!(err.contains("kube-later.db holds the revisions 463 (2026-") && err.contains("--also SNAPSHOT"), "{err}");
    let (out, err, exit) = run(&["history", FILE, "configmap", "none", "notes", "-n", "pay"]);
    assert!(exit == 1 && err.starts_with("error: no revision of none found\nnote: etcd does not store"), "{err}");
    assert!(out.contains("revision 463") && err.lines().count() == 2, "{err}");
    assert_eq!(run(&["history", FILE, "configmaps"]).2, 2);
}

#[test]
fn more_backups_make_it_longer() {
    let alone = run(&["history", FILE, "deploy/web", "-n", "shop"]).0;
    let (both, _, exit) = run(&["history", FILE, "deploy/web", "-n", "shop", "--also", "fixtures/kube.db"]);
    assert_eq!(exit, 0);
    assert!(!alone.contains("revision 259 ") && both.contains("+ revision 259 "), "{both}");
    assert!(both.contains("fixtures/kube.db holds the revisions 1 "), "{both}");
    assert!(both.contains("~ spec.replicas: 3 -> 5") && !both.contains("were compacted"), "{both}");
    let (_, err, exit) = run(&["history", FILE, "deploy/web", "-n", "shop", "--also", "fixtures/encrypted.db"]);
    assert!(exit == 1 && err.contains("are not of the same cluster"), "{err}");
}

/// One backup, then a deletion and a compaction, then another; and a third of a cluster that was restored from the
/// first.
#[test]
fn backups_are_joined_only_where_they_are_of_one_line() {
    let Some(peers) = Peers::find("backups_are_joined_only_where_they_are_of_one_line") else { return };
    let etcd = Etcd::start(&peers, "36");
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (first, second, other) = (at("first.db"), at("second.db"), at("other.db"));
    etcd.ctl(&["put", "k", "one"]);
    etcd.ctl(&["put", "k", "two"]);
    etcd.ctl(&["snapshot", "save", &first]);
    etcd.ctl(&["del", "k"]);
    etcd.ctl(&["put", "x", "1"]);
    etcd.ctl(&["compact", "5"]);
    etcd.ctl(&["put", "k", "again"]);
    etcd.ctl(&["put", "k", "and again"]);
    etcd.ctl(&["del", "k"]);
    etcd.ctl(&["put", "y", "1"]);
    etcd.ctl(&["compact", "9"]);
    etcd.ctl(&["snapshot", "save", &second]);
    let (out, err, exit) = run(&["history", &second, "--key", "k", "--also", &first]);
    assert_eq!(exit, 0, "{err}");
    for name in [&first, &second] {
        let unknown =
            format!("note: {name} holds no Namespace kube-system and none of these revisions that another holds");
        assert!(err.contains(&unknown), "{err}");
    }
    assert!(out.contains("+ revision 2 ") && out.contains("~ revision 3 "), "{out}");
    assert!(out.ends_with("- deleted after revision 3 and before revision 10; the deletion is compacted\n"), "{out}");

    // restored at revision 3, and then another way
    let etcd = Etcd::start(&peers, "36");
    for value in ["one", "other", "more"] {
        etcd.ctl(&["put", "k", value]);
    }
    etcd.ctl(&["snapshot", "save", &other]);
    let (_, err, exit) = run(&["history", &other, "--key", "k", "--also", &first]);
    assert!(exit == 1 && err.contains("differ at revision 3.0: the cluster was restored"), "{err}");
}

/// A restore to an older state with a higher revision: what it took back is not said to be part of its history.
#[test]
fn backups_before_and_after_a_restore_are_not_joined() {
    let dir = tempfile::tempdir().unwrap();
    let to = |name: &str| dir.path().join(name).display().to_string();
    let back = |file: &str, revision: &str, to: &str| {
        let (_, err, exit) =
            run(&["restore", file, "--to-revision", revision, "--bump-revision", "auto", "--to-snapshot", to]);
        assert_eq!(exit, 0, "{err}");
    };
    let kube = to("kube.db");
    back(FILE, "463", &kube);
    for files in [[FILE, &kube], [&kube, FILE]] {
        // also where the object itself has the same records in both
        for object in [["configmap/notes", "pay"], ["configmap/kube-root-ca.crt", "shop"]] {
            let (out, err, exit) = run(&["history", files[0], object[0], "-n", object[1], "--also", files[1]]);
            let restored = format!("{kube} does not continue from {FILE}: the cluster was restored in between");
            assert!(exit == 1 && out.is_empty() && err.contains(&restored), "{out}{err}");
        }
    }
    assert!(run(&["history", &kube, "configmap/notes", "-n", "pay"]).0.contains("holds no revision in full"));

    // No key was changed since that the restored backup holds, and so it may have been deleted there.
    let small = to("small.db");
    back("fixtures/small.db", "6", &small);
    let joined = |key: &str| run(&["history", "fixtures/small.db", "--key", key, "--also", &small]);
    let (out, err, exit) = joined("/b");
    assert!(exit == 1 && out.contains("+ revision 7 ") && !out.contains("deleted"), "{out}{err}");
    assert!(err.contains("note: /b: the cluster was restored in between, with a higher revision"), "{err}");
    let (_, err, exit) = joined("/a/1");
    assert!(exit == 0 && !err.contains("restored"), "{err}");
}

/// The log of a data directory asks for a compaction that its db has not made: nothing is lost yet.
#[test]
fn what_the_log_alone_has_compacted_is_there() {
    let Some(peers) = Peers::find("what_the_log_alone_has_compacted_is_there") else { return };
    let etcd = Etcd::start(&peers, "36");
    etcd.ctl(&["put", "k", "one"]);
    etcd.ctl(&["put", "k", "two"]);
    let (_home, dir) = etcd.stop();
    let (db, before) = (dir.join("member/snap/db"), dir.join("before"));
    fs::copy(&db, &before).unwrap();
    let etcd = Etcd::start_on(&peers, "36", Some(&dir), &[]).unwrap();
    etcd.ctl(&["put", "k", "three"]);
    etcd.ctl(&["compact", "4"]);
    etcd.ctl(&["put", "k", "four"]);
    let _home = etcd.kill();
    fs::rename(&before, &db).unwrap();
    let dir = dir.to_str().unwrap();
    let (out, err, exit) = run(&["history", dir, "--key", "k"]);
    let signs: Vec<_> = out.lines().filter(|line| line.contains(" revision ")).map(|line| &line[..12]).collect();
    assert_eq!((exit, signs), (0, vec!["+ revision 2", "~ revision 3", "~ revision 4", "~ revision 5"]), "{out}{err}");
    assert_eq!(run(&["timeline", dir, "--all", "--no-headers"]).0.lines().count(), 4);
}

/// A log that begins with the first entry still holds what was compacted; that of a restored member shows what was
/// written since.
#[test]
fn what_was_compacted_is_read_from_the_log() {
    let Some(peers) = Peers::find("what_was_compacted_is_read_from_the_log") else { return };
    let etcd = Etcd::start(&peers, "36");
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name).display().to_string();
    let writes = |etcd: &Etcd<'_>, head: &str| {
        for args in
            [&["put", "k", "one"][..], &["put", "k", "two"], &["del", "k"], &["put", "k", "three"], &["put", "x", "1"]]
        {
            etcd.ctl(args);
        }
        etcd.ctl(&["compact", "--physical", head]);
        etcd.ctl(&["put", "k", "four"]);
    };
    let signs = |dir: &str| {
        let (out, err, exit) = run(&["history", dir, "--key", "k"]);
        assert_eq!(exit, 0, "{err}");
        out.lines()
            .filter_map(|line| line.split_once("revision "))
            .map(|(sign, rest)| format!("{sign}{}", rest.split_whitespace().next().unwrap()))
            .collect::<Vec<_>>()
    };
    writes(&etcd, "6");
    etcd.ctl(&["snapshot", "save", &at("saved.db")]);
    let (_home, dir) = etcd.stop();
    let dir = dir.to_str().unwrap();
    assert_eq!(signs(dir), ["+ 2", "~ 3", "- 4", "+ 5", "~ 7"]);
    let (out, err, _) = run(&["timeline", dir, "--all", "--no-headers"]);
    assert!(out.lines().count() == 6 && err.contains("compacted at revision 6 are shown from its log"), "{out}{err}");
    assert_eq!(signs(&at("saved.db")), ["= 5", "~ 7"]);

    let restored = at("restored");
    crate::common::restore([&at("saved.db"), "--data-dir", &restored, "--member", "m1"]);
    let etcd = Etcd::start_on(&peers, "36", Some(restored.as_ref()), &[]).unwrap();
    writes(&etcd, "12");
    let _home = etcd.stop();
    assert_eq!(signs(&restored), ["~ 8", "~ 9", "- 10", "+ 11", "~ 13"]);
    let (out, _, _) = run(&["history", &restored, "--key", "k"]);
    // nothing shows whether it existed before
    assert!(out.contains(" put by -\n") && out.contains(" update by -\n"), "{out}");
    for command in [&["timeline", &restored][..], &["history", &restored, "--key", "k"]] {
        let (_, err, exit) = run(command);
        assert!(
            exit == 0 && err.contains("the revisions 8 to 12, which a compaction removed from the db, are"),
            "{err}"
        );
        let (_, err, _) = run(&[command, &["--no-wal"]].concat());
        assert!(!err.contains("from its log"), "{err}");
    }
}

#[test]
fn a_timeline_tells_every_change_and_leaves_out_the_noise() {
    let (out, err, exit) = run(&["timeline", FILE]);
    assert_eq!(exit, 0);
    assert!(
        err.contains("holds every change from revision 463 ") && err.contains("left out, such as renewals of Leases"),
        "{err}"
    );
    for line in ["delete   ingress.networking.k8s.io/web", "create   secret/later-gcm", "kubectl-label "] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(out.contains("spec.template.spec.containers[name=web].image") && !out.contains("lease"), "{out}");
    let all = run(&["timeline", FILE, "--all", "-o", "ndjson"]).0;
    assert_eq!(all.lines().count(), 505 - 462);
    let some = run(&["timeline", FILE, "--all", "-o", "ndjson", "--since", "470", "--until", "479"]).0;
    assert_eq!(some.lines().count(), 10);
    let pods = run(&["timeline", FILE, "pods", "--no-headers"]).0;
    assert!(pods.lines().count() > 4 && pods.lines().all(|line| line.contains("pod/")), "{pods}");
    assert_eq!(run(&["timeline", FILE, "--since", "yesterday"]).2, 2);
    let only = |flags: &[&str], column: usize| {
        let out = run(&[&["timeline", FILE, "--all", "--no-headers"], flags].concat()).0;
        let cells = out.lines().map(|line| line.split_whitespace().nth(column).unwrap().to_owned());
        cells.collect::<Vec<_>>()
    };
    let deleted = only(&["-A", "--verb", "delete"], 3);
    assert!(deleted.len() > 5 && deleted.iter().all(|verb| verb == "delete"), "{deleted:?}");
    assert_eq!(only(&["--verb", "create,update"], 3).len() + deleted.len(), 505 - 462);
    let managers = only(&["--manager", "kubectl-patch,kubectl-label"], 6);
    assert!(managers.len() == 4 && managers.iter().all(|name| name != "-"), "{managers:?}");
    assert_eq!(run(&["timeline", FILE, "--verb", "patch"]).2, 2);
    // what cannot be read may have the labels
    let labelled = ["timeline", FILE, "secret", "-n", "shop", "-l", "no=such"];
    let (_, err, exit) = run(&labelled);
    assert!(exit == 1 && err.contains("note: for 4 changes, the labels cannot be read"), "{err}");
    let (_, err, exit) = run(&[&labelled[..], &["--encryption-config", "fixtures/kube-later.yaml"]].concat());
    assert!(exit == 0 && !err.contains("labels"), "{err}");
}

/// Where the backup cannot know what changed, or nothing can be in what was asked for, there is no empty table.
#[test]
fn a_timeline_of_what_cannot_be_known() {
    for (args, code, about) in [
        (&["--since", "3", "--until", "400"][..], 1, "revision 400 has been compacted"),
        (&["--until", "462"], 1, "revision 462 has been compacted\nhint: the backup holds the changes 463 to 505"),
        (&["--until", "2026-11-21T01:00:00Z"], 1, "has been compacted"),
        (&["--since", "506"], 1, "revision 506 is a future revision"),
        (&["--since", "480", "--until", "470"], 2, "--since is later than --until"),
        (&["--since", "-1s", "--until", "-5s"], 2, "--since is later than --until"),
        (&["--since", "505", "--until", "2026-11-21T11:06:22Z"], 2, "--since is later than --until"),
        (&["deploy/wep", "-n", "shop"], 1, "no revision of wep found\nhint: did you mean deploy/web -n shop?"),
    ] {
        let (out, err, exit) = run(&[&["timeline", FILE], args].concat());
        assert!(exit == code && out.is_empty() && err.contains(about), "{args:?}: {exit} {out}{err}");
    }
    // the others that were named are shown; what did not change in the window is known
    let (out, err, exit) = run(&["timeline", FILE, "deploy", "web", "gone", "-n", "shop"]);
    assert!(
        exit == 1 && out.contains("deployment.apps/web") && err.contains("no revision of gone found"),
        "{out}{err}"
    );
    assert_eq!(run(&["timeline", FILE, "ns/kube-system"]).2, 0);
    assert_eq!(run(&["timeline", FILE, "--since", "505", "--until", "900"]).2, 0);
}

/// What is wrong is said once, and every change that can be read is there.
#[test]
fn a_timeline_of_a_damaged_backup() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("db");
    let mut image = fs::read(FILE).unwrap();
    image.truncate(image.len() - 32);
    let leaf = crate::common::key_leaf(&image);
    image[leaf] ^= 0xff;
    fs::write(&file, &image).unwrap();
    let (out, err, exit) = run(&["timeline", file.to_str().unwrap(), "--all", "--no-headers"]);
    assert_eq!((exit, err.matches("self identifies as").count()), (1, 1), "{err}");
    let mut findings = Findings::default();
    let mut count = 0;
    let snapshot = Snapshot::open(&image).unwrap();
    let all: Result<(), Infallible> = changes(
        &snapshot,
        &mut findings,
        |_| true,
        |wave| {
            count += wave.len();
            Ok(())
        },
    );
    all.unwrap();
    assert_eq!(out.lines().count(), count);
}

/// A backup without times cannot be asked for a period.
#[test]
fn a_period_of_a_backup_that_holds_no_times() {
    for period in [["--since", "-1m"], ["--until", "2020-01-01"]] {
        let (out, err, exit) = run(&[&["timeline", "fixtures/etcd-3.6.db"][..], &period].concat());
        assert!(exit == 1 && out.is_empty() && err.contains("the backup has no known times"), "{err}");
    }
    assert_eq!(run(&["timeline", "fixtures/etcd-3.6.db", "--since", "170"]).2, 0);
}

/// Where only the latest time is known at which a revision was written, it is not shown as its time.
#[test]
fn the_first_revision_has_an_upper_bound() {
    let (_, err, _) = run(&["timeline", "fixtures/encrypted.db"]);
    assert!(err.contains("from revision 1 (2026-11-21T08:15:39Z or before) on"), "{err}");
}

/// A key that cannot be read in the newest backup is not said to be deleted.
#[test]
fn a_key_that_the_newest_backup_lacks_because_it_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("later.db");
    let mut image = fs::read(FILE).unwrap();
    // the leaf with the one record of the Namespace
    let found = memchr::memmem::find(&image, b"/registry/namespaces/kube-node-lease").unwrap();
    image[found / 4096 * 4096] ^= 1;
    fs::write(&file, &image).unwrap();
    let history = ["history", "fixtures/kube.db", "ns/kube-node-lease", "--also"];
    let (out, err, exit) = run(&[&history[..], &[file.to_str().unwrap()]].concat());
    assert!(exit == 1 && err.contains("damaged") && !out.contains("deleted"), "{out}{err}");
}

/// What is not found in a damaged backup may be in what cannot be read of it.
#[test]
fn a_damaged_backup_that_lacks_an_object() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cut.db");
    fs::write(&file, &fs::read(FILE).unwrap()[..100_000]).unwrap();
    let (file, to) = (file.to_str().unwrap(), dir.path().join("to"));
    let web = ["deploy/web", "-n", "shop"];
    let commands: [&[&str]; 5] = [
        &["get", file],
        &["describe", file],
        &["history", file],
        &["export", file, "--to", "-"],
        &["export", file, "--to", to.to_str().unwrap()],
    ];
    for command in commands {
        let (_, err, exit) = run(&[command, &web].concat());
        assert!(exit == 1 && err.contains("damaged"), "{command:?}: {err}");
    }
    for command in &commands[3..] {
        let (_, err, exit) = run(command);
        assert!(exit == 1 && err.contains("damaged") && err.contains("nothing to export"), "{command:?}: {err}");
    }
    let (_, err, exit) = run(&["kv", file, "--rev", "300"]);
    assert!(exit == 1 && err.contains("future revision") && err.contains("damaged"), "{err}");
    let (_, err, exit) = run(&["timeline", file]);
    assert!(exit == 1 && !err.contains("holds every change") && err.contains("some may be missing"), "{err}");
}

#[test]
fn a_time_stands_for_the_last_revision_known_to_be_written_by_then() {
    let notes = ["configmap/notes", "-n", "pay", "-o", "name"];
    let at = |time: &str, args: &[&str]| run(&[&["get", FILE, "--at", time], args].concat());
    let bytes = fs::read(FILE).unwrap();
    let clock = Clock::of(&Snapshot::open(&bytes).unwrap(), &Ring::default());
    let (first, last) = clock.span().unwrap();
    let (_, err, exit) = at("2026-11-21T02:00:00Z", &notes);
    assert!(exit == 1 && err.contains("no revision is known to be written at"), "{err}");
    assert!(err.contains(&format!("hold times from {first} to {last}")), "{err}");
    // what was written before a Lease was renewed, and nothing that may be later
    let (out, err, exit) = at("2026-11-21T11:06:46Z", &["namespace/pay", "-o", "json"]);
    let revision = clock.written_by(Moment::parse("2026-11-21T11:06:46Z").unwrap()).unwrap();
    assert!(exit == 0 && err.contains(&format!("note: this is revision {revision}, written at 2026-")), "{err}");
    assert!(out.contains("\"name\": \"pay\"") && !out.contains("\"env\": \"prod\""), "{out}");
    let (out, err, _) = at("2126-01-01T00:00:00Z", &["namespace/pay", "-o", "json"]);
    assert!(err.contains("this is the last state") && out.contains("\"env\": \"prod\""), "{err}");
    assert_eq!(at("noon", &notes).2, 2);
    assert!(first < last);
    let times = format!("{}..{}", last.millis(), "2126-01-01");
    let (out, _, exit) = run(&["diff", FILE, "namespaces", "--at", &times]);
    assert!(exit == 1 && out.contains("+ metadata.labels.env: \"prod\""), "{out}");
}

/// A date is UTC; a time that begins with `-` counts from the newest in the backup.
#[test]
fn times_may_be_written_short() {
    let revision = |time: &str| {
        let (_, err, exit) = run(&["get", FILE, "ns", "--at", time, "-o", "name"]);
        assert_eq!(exit, 0, "{err}");
        err
    };
    // the newest time is 2026-11-21T11:06:46Z
    let written = revision("2026-11-21T11:06:44Z");
    assert!(written.contains("this is revision "), "{written}");
    for same in ["2026-11-21 11:06:44", "-2s", "2026-11-21T12:06:44+01:00"] {
        assert_eq!(revision(same), written, "{same}");
    }
    assert!(revision("2026-11-22").contains("this is the last state"));
    let until = |time: &str| run(&["timeline", FILE, "--all", "--no-headers", "--until", time]).0;
    assert_eq!(until("-20s"), until("2026-11-21T11:06:26Z"));
    assert!(until("-20s").lines().count() < until("-5s").lines().count());
}

/// Times never fall, each change lies in the gap that is printed for it, by the API server's own timestamps too.
#[test]
fn the_clock_agrees_with_the_api_server() {
    for (file, at_least) in [("fixtures/kube.db", 60), (FILE, 1)] {
        let bytes = fs::read(file).unwrap();
        let snapshot = Snapshot::open(&bytes).unwrap();
        let clock = Clock::of(&snapshot, &Ring::default());
        let (mut checked, mut last) = (0, None);
        let ended: Result<(), Infallible> = changes(
            &snapshot,
            &mut Findings::default(),
            |_| true,
            |wave| {
                for change in wave {
                    let gap = clock.gap(change.record.revision.main);
                    assert!(gap.after >= last && gap.before.is_none_or(|before| Some(before) >= gap.after), "{gap:?}");
                    last = gap.after;
                    let meta = Meta::read(change.record.kv.value);
                    let created = meta.ok().and_then(|meta| meta.created).filter(|_| change.verb() == Verb::Create);
                    if let (Some(created), Some(after), Some(before)) = (created, gap.after, gap.before) {
                        // whole seconds, taken a moment before they are written
                        assert!(
                            created.seconds >= after.seconds - 1 && created.seconds <= before.seconds,
                            "{created} {gap:?}"
                        );
                        checked += 1;
                    }
                }
                Ok(())
            },
        );
        assert!(ended.is_ok() && checked >= at_least, "{file}: {checked}");
    }
}

/// Of a custom resource whose definition was deleted, the older records have the names, and where these are gone the
/// keys.
#[test]
fn a_kind_whose_definition_was_deleted_is_known() {
    let Some(peers) = Peers::find("a_kind_whose_definition_was_deleted_is_known") else { return };
    let etcd = Etcd::start(&peers, "36");
    let at = "2026-11-21T10:00:00Z";
    let definition = serde_json::json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.shop.example", "uid": "d", "creationTimestamp": at},
        "spec": {"group": "shop.example", "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "shortNames": ["gd"]},
            "versions": [{"name": "v1", "served": true, "storage": true}]}});
    let (stored, key) =
        ("apiextensions.k8s.io/customresourcedefinitions/gadgets.shop.example", "shop.example/gadgets/a/one");
    etcd.store(stored, &definition);
    etcd.store(
        key,
        &serde_json::json!({"apiVersion": "shop.example/v1", "kind": "Gadget",
            "metadata": {"name": "one", "namespace": "a", "uid": "g", "creationTimestamp": at}}),
    );
    for key in [stored, key] {
        etcd.ctl(&["del", &format!("/registry/{key}")]);
    }
    let dir = tempfile::tempdir().unwrap();
    let save = |name: &str| {
        let file = dir.path().join(name).to_str().unwrap().to_owned();
        etcd.ctl(&["snapshot", "save", &file]);
        file
    };
    let file = save("whole.db");
    let verbs = |file: &str, kind: &str| {
        let (out, err, exit) = run(&["history", file, &format!("{kind}/one"), "-n", "a", "-o", "json"]);
        assert!(exit < 2, "{kind}: {err}");
        let document: Value = serde_json::from_str(&out).unwrap();
        let revisions = document["revisions"].as_array().unwrap().iter();
        revisions.map(|of| of["verb"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for kind in ["gd", "gadget", "gadgets.shop.example"] {
        assert_eq!(verbs(&file, kind), ["create", "delete"], "{kind}");
        let (out, err, _) = run(&["timeline", &file, kind, "-o", "ndjson"]);
        assert_eq!(out.lines().count(), 2, "{kind}: {out}{err}");
    }
    // the definition is gone from the records, too: the key is all that shows the kind
    etcd.ctl(&["compact", "4"]);
    let (out, err, exit) = run(&["timeline", &save("compacted.db"), "gadgets.shop.example", "-o", "ndjson"]);
    assert!(exit < 2 && out.lines().count() == 1 && out.contains(r#""verb":"delete""#), "{out}{err}");
}

/// The deletion is the newest record of the second backup, and all before it is compacted there.
#[test]
fn writes_that_no_backup_holds_before_a_deletion_are_not_denied() {
    let Some(peers) = Peers::find("writes_that_no_backup_holds_before_a_deletion_are_not_denied") else { return };
    let (etcd, dir) = (Etcd::start(&peers, "36"), tempfile::tempdir().unwrap());
    let save = |name: &str| {
        let path = dir.path().join(name).to_str().unwrap().to_owned();
        etcd.ctl(&["snapshot", "save", &path]);
        path
    };
    let put = |values: [&str; 2]| values.iter().for_each(|value| drop(etcd.ctl(&["put", "/registry/k", value])));
    put(["1", "2"]);
    let early = save("early.db");
    put(["3", "4"]);
    let whole = save("whole.db");
    let deleted = etcd.ctl(&["del", "/registry/k", "-w", "json"]);
    let revision = serde_json::from_str::<Value>(&deleted).unwrap()["header"]["revision"].as_i64().unwrap();
    etcd.ctl(&["compact", &revision.to_string()]);
    let late = save("late.db");
    let said = "writes before it may be missing: no backup holds both";
    for (also, is_said) in [(&early, true), (&whole, false)] {
        let (out, err, _) = run(&["history", &late, "--also", also, "--key", "/registry/k"]);
        assert!(out.contains("   delete"), "{out}{err}");
        assert_eq!(out.contains(said), is_said, "{out}");
    }
    let (out, ..) = run(&["history", &whole, "--key", "/registry/k"]);
    assert!(!out.contains(said), "{out}");
}
