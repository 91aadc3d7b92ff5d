//! Which backup is the newest, when one of the clocks that wrote their times was wrong.

use std::{collections::HashSet, fs, path::Path, process::Command};

use crate::common::{Etcd, Peers, etcdsnap};
use etcdsnap::etcd::Snapshot;
use serde_json::json;
use sha2::{Digest as _, Sha256};

fn run(args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// The bytes of a snapshot file without its trailer.
fn image(fixture: &str) -> Vec<u8> {
    let mut image = fs::read(fixture).unwrap();
    image.truncate(image.len() - 32);
    image
}

/// A copy of a backup in `dir` whose Leases with `lease` in their keys were renewed in 2099, with a trailer that
/// matches. Records that the later backup still holds stay as they are.
fn renewed_in_2099(lease: &[u8], dir: &Path) -> String {
    let (mut image, later) = (image("fixtures/kube.db"), image(LATER));
    let kept: HashSet<_> =
        Snapshot::open(&later).unwrap().records(|_| true).iter().map(|record| record.revision).collect();
    let base = image.as_ptr() as usize;
    let has = |key: &[u8], what: &[u8]| key.windows(what.len()).any(|part| part == what);
    let wanted = |key: &[u8]| has(key, b"/leases/") && has(key, lease);
    let values: Vec<_> = Snapshot::open(&image)
        .unwrap()
        .records(wanted)
        .iter()
        .filter(|record| !record.tombstone && !kept.contains(&record.revision))
        .map(|record| (record.kv.value.as_ptr() as usize - base, record.kv.value.len()))
        .collect();
    assert!(values.len() > 2, "{}", values.len());
    for (at, len) in values {
        let value = &mut image[at..at + len];
        let last = (0..value.len() - 6).rposition(|at| is_time(&value[at..])).expect("a Lease has a time");
        set_later(&mut value[last..]);
    }
    saved(image, dir, "before.db")
}

/// Field 1 of a Time, seconds as a varint of five bytes.
fn seconds(bytes: &[u8]) -> u64 {
    let [8, rest @ ..] = bytes else { return 0 };
    rest.iter().take(5).rev().fold(0_u64, |n, byte| (n << 7) | u64::from(byte & 0x7f))
}

fn is_time(bytes: &[u8]) -> bool {
    (1_790_000_000..1_800_000_000).contains(&seconds(bytes))
}

/// Adds 72 years to it.
fn set_later(bytes: &mut [u8]) {
    let mut later = seconds(bytes) + 72 * 365 * 86_400;
    for byte in &mut bytes[1..6] {
        *byte = (*byte & 0x80) | (later & 0x7f) as u8;
        later >>= 7;
    }
}

/// Writes a snapshot file with its trailer.
fn saved(mut image: Vec<u8>, dir: &Path, name: &str) -> String {
    let sum = Sha256::digest(&image);
    image.extend_from_slice(&sum);
    let path = dir.join(name);
    fs::write(&path, image).unwrap();
    path.to_str().unwrap().to_owned()
}

const LATER: &str = "fixtures/kube-later.db";

/// The first line of `diff`, and the last of `verify`.
fn newer(older: &str, later: &str) -> (String, String) {
    let (_, diff) = run(&["diff", older, later, "ns", "--stat"]);
    let (exit, table) = run(&["verify", older, later]);
    assert_eq!(exit, 0, "{table}");
    (diff.lines().next().unwrap().to_owned(), table.lines().last().unwrap().to_owned())
}

#[test]
fn one_node_with_a_wrong_clock_makes_no_backup_newer() {
    let dir = tempfile::tempdir().unwrap();
    let before = renewed_in_2099(b"/apiserver-", dir.path());
    let (diff, newest) = newer(&before, LATER);
    let want = format!(
        "{LATER} is newer than {before} by 9h2m: newest time 2026-11-21T02:04:31Z to 2026-11-21T11:06:46Z, revision 455 to 505"
    );
    assert_eq!((diff, newest), (want, format!("newest good: {LATER}")));
    // AGE counts from there, too.
    let pods = |file: &str| run(&["get", file, "pods", "-n", "shop"]);
    assert_eq!(pods(&before), pods("fixtures/kube.db"));
    let (_, status) = run(&["status", &before, "-o", "json"]);
    assert!(status.contains(r#""newestTime": "2026-11-21T02:04:31Z""#), "{status}");
}

/// All clocks agree on 2098 up to the last revision of one backup, and on 2026 after it.
#[test]
fn the_higher_revision_of_one_history_is_newer() {
    let dir = tempfile::tempdir().unwrap();
    let [before, later] = ["kube.db", "kube-later.db"].map(|name| {
        let mut image = image(&format!("fixtures/{name}"));
        let base = image.as_ptr() as usize;
        let snapshot = Snapshot::open(&image).unwrap();
        let records = snapshot.records(|_| true);
        let old = records.iter().filter(|record| record.revision.main <= 455 && !record.kv.value.is_empty());
        let values: Vec<_> =
            old.map(|record| (record.kv.value.as_ptr() as usize - base, record.kv.value.len())).collect();
        for (at, len) in values {
            let value = &mut image[at..at + len];
            let times: Vec<_> = (0..len.saturating_sub(6)).filter(|at| is_time(&value[*at..])).collect();
            times.into_iter().for_each(|at| set_later(&mut value[at..]));
        }
        saved(image, dir.path(), name)
    });
    let (_, status) = run(&["status", &before, "-o", "json"]);
    assert!(status.contains(r#""newestTime": "2098-"#), "{status}");
    let (diff, newest) = newer(&before, &later);
    let want = format!("{later} is newer: it continues from the last revision of {before}: revision 455 to 505");
    assert!(diff.starts_with(&want), "{diff}");
    assert_eq!(newest, format!("newest good: {later}"));
}

/// Objects at seconds after 10:00, the last of them deleted at 12:00; with Leases of two nodes, or without.
fn deleted_two_hours_later(etcd: &Etcd<'_>, with_leases: bool) {
    let object = |kind: &str, name: &str, metadata: serde_json::Value, spec: serde_json::Value| {
        let group = if kind == "Lease" { "coordination.k8s.io/v1" } else { "v1" };
        let mut object = json!({"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": "a"}});
        object["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        object["spec"] = spec;
        object
    };
    let created = |at: &str| json!({"creationTimestamp": format!("2026-11-21T{at}Z")});
    let pod = |name: &str, metadata: serde_json::Value| {
        etcd.store(&format!("pods/a/{name}"), &object("Pod", name, metadata, json!({})));
    };
    let lease = |name: &str, at: &str| {
        if with_leases {
            let spec = json!({"renewTime": format!("2026-11-21T{at}.000000Z")});
            etcd.store(&format!("leases/a/{name}"), &object("Lease", name, json!({}), spec));
        }
    };
    pod("web", created("10:00:00"));
    lease("n1", "10:00:05");
    pod("db", created("10:00:10"));
    lease("n2", "10:00:15");
    let mut deleted = created("10:00:10");
    deleted["deletionTimestamp"] = json!("2026-11-21T12:00:00Z");
    pod("db", deleted);
}

/// In a cluster at rest, whose Leases are in another etcd, an hour without a write is normal.
#[test]
fn a_silence_before_the_last_write_is_believed_where_there_are_no_leases() {
    let Some(peers) = Peers::find("a_silence_before_the_last_write_is_believed_where_there_are_no_leases") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let saved = dir.path().join("saved.db").display().to_string();
    let etcd = Etcd::start(&peers, "36");
    deleted_two_hours_later(&etcd, false);
    etcd.ctl(&["snapshot", "save", &saved]);
    let at = |time: &str| {
        let output = etcdsnap(["get", &saved, "pod/db", "-n", "a", "-o", "json", "--at", time]);
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(0), "{time}: {err}");
        (out.contains("deletionTimestamp"), err)
    };
    for before in ["2026-11-21T11:59:00Z", "2026-11-21T10:02:00Z", "-1m"] {
        let (deleted, err) = at(before);
        assert!(!deleted && err.contains("this is revision 3,"), "{before}: {err}");
    }
    assert!(at("2026-11-21T12:00:02Z").0);
    let (_, status) = run(&["status", &saved, "-o", "json"]);
    assert!(status.contains(r#""newestTime": "2026-11-21T12:00:00Z""#), "{status}");
}

/// Nodes renew their Leases every few seconds: after an hour without, a clock is wrong, or the cluster was down. Which
/// of the two cannot be known, so no answer depends on it in silence.
#[test]
fn a_silence_before_the_last_write_is_doubted_where_there_are_leases() {
    let Some(peers) = Peers::find("a_silence_before_the_last_write_is_doubted_where_there_are_leases") else { return };
    let dir = tempfile::tempdir().unwrap();
    let saved = dir.path().join("saved.db").display().to_string();
    let etcd = Etcd::start(&peers, "36");
    deleted_two_hours_later(&etcd, true);
    etcd.ctl(&["snapshot", "save", &saved]);
    let call = |args: &[&str]| {
        let output = etcdsnap([&args[..1], &[&saved], &args[1..]].concat());
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    for (args, what) in [
        (&["get", "pods", "--at", "2026-11-21T11:59:00Z"][..], "not certain which revision was the last at"),
        (&["get", "pods", "--at", "-10m"], "not certain from which time to count back"),
        (&["timeline", "--since", "-10m"], "not certain from which time to count back"),
        (&["diff", "--at", "-10m..-5m"], "not certain from which time to count back"),
        (
            &["get", "pods"],
            "AGE may be wrong: the newest time may be 2026-11-21T12:00:00Z instead of 2026-11-21T10:00:15Z",
        ),
        (&["status"], "revision 6 holds it"),
        (&["verify"], "revision 6 holds it"),
        (&["diff", "fixtures/kube.db"], "revision 6 holds it"),
    ] {
        let (exit, out, err) = call(args);
        assert!(exit == 1 && (out.clone() + &err).contains(what), "{args:?}: {out}{err}");
    }
    let (_, _, err) = call(&["get", "pods", "--at", "2026-11-21T11:59:00Z"]);
    assert!(err.contains("--rev 5 is the state before it"), "{err}");
    for (args, what) in [
        (&["get", "pod/db", "-n", "a", "-o", "json", "--at", "2026-11-21T12:00:01Z"][..], "this is the last state"),
        (&["get", "pod/db", "-n", "a", "-o", "json", "--rev", "5"], ""),
    ] {
        let (exit, out, err) = call(args);
        assert!(exit == 0 && err.contains(what), "{args:?}: {out}{err}");
    }
}
