//! The API server's audit log, as it should not be: cut, garbled, endless, of other objects.

use std::{fs, io::Write as _, path::Path};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::common::etcdsnap;

const FILE: &str = "fixtures/kube.db";

/// The changes with this log, what is said, and the exit code.
fn timeline(log: &Path) -> (Vec<Value>, String, i32) {
    let output = etcdsnap(["timeline", FILE, "--all", "-o", "ndjson", "--audit-log", log.to_str().unwrap()]);
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (lines.map(|line| serde_json::from_str(line).unwrap()).collect(), said, output.status.code().unwrap())
}

/// An event about a change, with its revision in the answer or not.
fn event(change: &Value, id: &str, user: &str, full: bool) -> Value {
    let key: Vec<_> = change["key"].as_str().unwrap().split('/').collect();
    let (resource, namespace, name) = (key[2], key[3], key[4]);
    let time = |name: &str| change[name].clone();
    let mut event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": id,
        "stage": "ResponseComplete", "requestURI": "/api/v1", "verb": change["verb"],
        "user": {"username": user, "groups": ["dev"]}, "sourceIPs": ["10.0.0.9"], "userAgent": "tool/1 \u{1b}[2J",
        "objectRef": {"resource": resource, "namespace": namespace, "name": name},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": time("after"), "stageTimestamp": time("before"),
    });
    if full {
        let revision = change["revision"].as_i64().unwrap().to_string();
        event["responseObject"] = json!({"metadata": {"name": name, "resourceVersion": revision}});
    }
    event
}

/// The lines of these events in a log of the whole day.
fn always(events: &[Value]) -> String {
    let ends = ["00:00:00", "23:59:59"].map(|time| {
        let time = format!("2026-11-21T{time}Z");
        json!({"stage": "ResponseComplete", "verb": "get", "requestReceivedTimestamp": time, "stageTimestamp": time})
    });
    ends.iter().chain(events).map(|event| format!("{event}\n")).collect()
}

/// A ConfigMap's change that has both bounds.
fn change() -> Value {
    let output = etcdsnap(["timeline", FILE, "configmaps", "-n", "shop", "-o", "ndjson"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let mut changes = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    changes.find(|change| change["after"].is_string() && change["before"].is_string()).unwrap()
}

fn of<'c>(changes: &'c [Value], change: &Value) -> &'c Value {
    &changes.iter().find(|other| other["revision"] == change["revision"]).unwrap()["request"]
}

#[test]
fn a_request_is_exact_by_its_revision_and_else_known_by_its_time() {
    let (dir, change) = (tempfile::tempdir().unwrap(), change());
    let log = dir.path().join("audit.log");
    let asked = |events: &[Value]| {
        fs::write(&log, always(events)).unwrap();
        let (changes, said, code) = timeline(&log);
        let request = of(&changes, &change).clone();
        assert_eq!(code, i32::from(request["known"] == "unsure"), "{said}");
        request
    };
    let request = asked(&[event(&change, "a", "alice", true), event(&change, "b", "bob", false)]);
    assert_eq!((&request["known"], &request["requests"][0]["user"]), (&json!("exact"), &json!("alice")));
    assert_eq!(request["requests"][0]["groups"], json!(["dev"]));
    let request = asked(&[event(&change, "a", "alice", false)]);
    assert_eq!((&request["known"], &request["requests"][0]["auditID"]), (&json!("by time and object"), &json!("a")));
    let request = asked(&[event(&change, "a", "alice", false), event(&change, "b", "bob", false)]);
    assert_eq!((&request["known"], request["requests"].as_array().unwrap().len()), (&json!("unsure"), 2));
    let many: Vec<_> = (0..50).map(|n| event(&change, &n.to_string(), "eve", false)).collect();
    assert_eq!(asked(&many)["more"], 46);
    // of another object, at another time, refused, dry, or only reading
    let differs = |pointer: &str, value: Value| {
        let mut event = event(&change, "a", "alice", true);
        *event.pointer_mut(pointer).unwrap() = value;
        event
    };
    for other in [
        differs("/objectRef/name", json!("other")),
        differs("/objectRef/resource", json!("secrets")),
        differs("/responseStatus/code", json!(409)),
        differs("/requestURI", json!("/api/v1?fieldManager=x&dryRun=All")),
        differs("/verb", json!("get")),
        differs("/stage", json!("RequestReceived")),
        differs("/responseObject/metadata/resourceVersion", json!("7")),
    ] {
        assert_eq!(asked(std::slice::from_ref(&other)), Value::Null, "{other}");
    }
    let mut late = event(&change, "a", "alice", false);
    (late["requestReceivedTimestamp"], late["stageTimestamp"]) =
        (json!("2027-01-01T00:00:00Z"), json!("2027-01-01T00:00:01Z"));
    assert_eq!(asked(&[late]), Value::Null);
    // on a terminal, or anywhere, in text
    fs::write(&log, format!("{}\n", event(&change, "a", "al\u{1b}ice", true))).unwrap();
    let args = ["timeline", FILE, "configmaps", "-n", "shop", "--audit-log", log.to_str().unwrap()];
    let table = String::from_utf8(etcdsnap(args).stdout).unwrap();
    assert!(table.contains("al\\x1bice") && table.contains("10.0.0.9") && table.contains("exact"), "{table}");
}

#[test]
fn a_log_that_is_cut_or_garbled_is_read_as_far_as_it_can_be() {
    let (dir, change) = (tempfile::tempdir().unwrap(), change());
    let log = dir.path().join("audit.log");
    let line = format!("{}\n", event(&change, "a", "alice", true));
    let long = format!("{{\"auditID\":\"{}\"}}\n", "x".repeat(9 << 20));
    for (before, after, broken) in [
        ("", &line[..line.len() / 2], "1 line of the audit log cannot be read; it ends in the middle of a line"),
        ("not JSON\n[]\n", "", "2 lines of the audit log cannot be read\n"),
        (long.as_str(), "", "1 line of the audit log cannot be read\n"),
        (&format!("{}\n", "[".repeat(100_000)), "", "1 line of the audit log cannot be read\n"),
    ] {
        fs::write(&log, [before, &line, after].concat()).unwrap();
        let (changes, said, code) = timeline(&log);
        assert!(code == 1 && said.contains(broken), "{said}");
        assert_eq!(of(&changes, &change)["known"], "exact");
    }
    // the last line without its end is whole
    fs::write(&log, line.trim_end()).unwrap();
    assert_eq!(timeline(&log).2, 0);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    (0..2000).for_each(|_| gzip.write_all(line.as_bytes()).unwrap());
    let gzip = gzip.finish().unwrap();
    fs::write(&log, &gzip[..gzip.len() - 20]).unwrap();
    let (changes, said, code) = timeline(&log);
    let end = said.lines().find_map(|line| line.split_once("audit.log: the gzip file ends early; read of it: 1"));
    assert!(code == 1 && end.is_some_and(|(_, end)| end.contains(" events, until 2026-11-21T")), "{said}");
    assert_eq!(of(&changes, &change)["known"], "exact");
    let (mut damaged, sum) = (gzip.clone(), gzip.len() - 6);
    damaged[sum] ^= 1;
    fs::write(&log, damaged).unwrap();
    let (changes, said, code) = timeline(&log);
    let read = "audit.log: the gzip file is damaged; read of it, and perhaps wrong: 2000 events, until 2026-11-21T";
    assert!(code == 1 && said.contains(read), "{said}");
    assert_eq!(of(&changes, &change)["known"], "exact");
    // padding, as `gzip -d` takes it
    fs::write(&log, [&gzip[..], &[0; 700]].concat()).unwrap();
    let (changes, said, code) = timeline(&log);
    assert!(code == 0 && said.contains("the audit log holds 2000 events"), "{said}");
    assert_eq!(of(&changes, &change)["known"], "exact");
    // a list of events, and objects that are none
    fs::write(&log, format!("{{\"kind\":\"EventList\",\"items\":[{0},{0}]}}", line.trim_end())).unwrap();
    let (changes, said, code) = timeline(&log);
    assert!(code == 0 && said.contains("the audit log holds 2 events"), "{said}");
    assert_eq!(of(&changes, &change)["known"], "exact");
    let nothing = line.replacen(r#""verb":"create""#, r#""verb":"""#, 1);
    for other in [nothing, "{\"a\":1}".to_owned(), "{\"items\":[{}]}".to_owned(), json!({"log": line}).to_string()] {
        fs::write(&log, &other).unwrap();
        let (_, said, code) = timeline(&log);
        assert!(code == 1 && said.contains("the audit log holds no events"), "{said}");
        assert!(said.contains("1 line of the audit log cannot be read"), "{said}");
    }
    fs::write(&log, "").unwrap();
    assert_eq!(timeline(&log).2, 1);
    assert_eq!(timeline(&dir.path().join("nothing")).2, 3);
}

const LATER: &str = "fixtures/kube-later.db";

/// A request about an object of the namespace shop, which ran for 10 ms from a second of 2026-11-21 11:06 on.
fn ask(verb: &str, user: &str, object: &str, second: &str, more: &Value) -> Value {
    let (resource, name) = object.split_once('/').unwrap();
    let mut event = json!({
        "auditID": format!("{user} {second}"), "stage": "ResponseComplete", "requestURI": "/api/v1/x", "verb": verb,
        "user": {"username": user}, "objectRef": {"resource": resource, "namespace": "shop", "name": name},
        "responseStatus": {"code": 200}, "requestReceivedTimestamp": format!("2026-11-21T11:06:{second}00Z"),
        "stageTimestamp": format!("2026-11-21T11:06:{second}10Z"),
    });
    if resource == "ingresses" {
        event["objectRef"]["apiGroup"] = json!("networking.k8s.io");
    }
    for (pointer, value) in more.as_object().unwrap() {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[member] = value.clone();
    }
    event
}

/// Who requested the last of these changes: `alice or bob, unsure`.
fn asked(what: &[&str], events: &[Value]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("audit.log");
    fs::write(&log, always(events)).unwrap();
    let args = ["-n", "shop", "-o", "ndjson", "--audit-log", log.to_str().unwrap()];
    let output = etcdsnap([&["timeline", LATER], what, &args].concat());
    let lines = String::from_utf8(output.stdout).unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let Some(requests) = last["request"]["requests"].as_array() else { return "nobody".to_owned() };
    let users: Vec<_> = requests.iter().map(|request| request["user"].as_str().unwrap()).collect();
    format!("{}, {}", users.join(" or "), last["request"]["known"].as_str().unwrap())
}

#[test]
fn the_revision_alone_accuses_nobody() {
    let answered = |user: &str, second: &str, more: Value| {
        let mut event = ask("patch", user, "services/web", second, &more);
        event["responseObject"] = json!({"metadata": {"name": "web", "resourceVersion": "503"}});
        event
    };
    let bob = || answered("bob", "46.5", json!({}));
    // of an earlier life of the cluster
    let mallory = answered(
        "mallory",
        "30.0",
        json!({"/requestReceivedTimestamp": "2025-01-01T11:06:30.000Z", "/stageTimestamp": "2025-01-01T11:06:30.010Z"}),
    );
    assert_eq!(asked(&["svc/web"], &[mallory.clone(), bob()]), "bob, exact");
    assert_eq!(asked(&["svc/web"], &[mallory]), "nobody");
    // clocks that differ by a few seconds
    let early = answered("eve", "41.0", json!({}));
    assert_eq!(asked(&["svc/web"], std::slice::from_ref(&early)), "eve, exact");
    assert_eq!(asked(&["svc/web"], &[early, bob()]), "bob, exact");
    assert_eq!(asked(&["svc/web"], &[bob(), answered("eve", "50.0", json!({}))]), "bob or eve, unsure");
}

#[test]
fn an_update_that_names_the_revision_before_may_have_changed_nothing() {
    let update = |second: &str, before: &str| {
        ask("update", "alice", "services/web", second, &json!({"/objectRef/resourceVersion": before}))
    };
    let bob = || ask("patch", "bob", "services/web", "46.5", &json!({}));
    for (events, want) in [
        (vec![update("30.0", "263"), bob()], "bob, by time and object"),
        (vec![update("46.1", "263"), bob()], "alice or bob, unsure"),
        (vec![update("46.1", "262"), bob()], "bob, by time and object"),
        (vec![update("46.1", "263")], "alice, by time and object"),
    ] {
        assert_eq!(asked(&["svc/web"], &events), want);
    }
}

#[test]
fn the_clients_id_hides_no_request() {
    let request = |verb: &str, user: &str, id: &str, second: &str| {
        ask(verb, user, "ingresses/web", second, &json!({"/auditID": id}))
    };
    for id in ["X", ""] {
        let both = [request("delete", "alice", id, "46.4"), request("delete", "mallory", id, "46.5")];
        assert_eq!(asked(&["ingress/web"], &both), "alice or mallory, unsure");
        let answer = json!({"metadata": {"name": "web", "resourceVersion": "503"}});
        let patch =
            ask("patch", "mallory", "services/web", "46.4", &json!({"/auditID": id, "/responseObject": answer}));
        let events = [patch, request("delete", "mallory", id, "46.5"), request("patch", "alice", "Y", "46.6")];
        let what = ["services,ingresses", "--verb", "delete"];
        assert_eq!(asked(&what, &events), "mallory or alice, unsure");
    }
    let twice = [request("delete", "alice", "X", "46.4"), request("delete", "alice", "X", "46.4")];
    assert_eq!(asked(&["ingress/web"], &twice), "alice, by time and object");
    // candidates that are not kept may be the user's, too
    let mut many: Vec<_> = (0..9).map(|n| request("delete", "eve", &n.to_string(), "46.4")).collect();
    many.push(request("delete", "mallory", "X", "46.5"));
    assert_eq!(asked(&["ingress/web", "--user", "mallory"], &many), "eve or eve or eve or eve, unsure");
}

#[test]
fn a_dry_run_deletes_nothing() {
    let uri = "/requestURI";
    let dry = json!({"kind": "DeleteOptions", "dryRun": ["All"]});
    let wet = json!({"kind": "DeleteOptions", "dryRun": null});
    let eviction = json!({"kind": "Eviction", "deleteOptions": {"dryRun": ["All"]}});
    let time = "mallory, by time and object";
    for (more, want) in [
        (json!({"/requestObject": dry}), "nobody"),
        (json!({"/requestObject": wet}), time),
        (json!({"/requestObject": wet, uri: "/x?dryRun=All"}), time),
        (json!({uri: "/x?dryRun=All"}), "mallory, unsure"),
        (json!({uri: "/x?dryRun=All;"}), time),
        (json!({"/verb": "patch", uri: "/x?force=true&dryRun=All"}), "nobody"),
        (json!({"/verb": "patch", "/requestObject": [{"op": "add"}]}), time),
        (json!({"/verb": "create", "/objectRef/subresource": "eviction", "/requestObject": eviction}), "nobody"),
    ] {
        assert_eq!(
            asked(&["ingress/web"], &[ask("delete", "mallory", "ingresses/web", "46.5", &more)]),
            want,
            "{more}"
        );
    }
}

#[test]
fn what_is_left_out_makes_nothing_more_certain() {
    let patch = [ask("patch", "alice", "pods/db-1", "20.5", &json!({}))];
    for more in [&["--since", "467", "--until", "467"][..], &["--verb", "delete"]] {
        assert_eq!(asked(&[&["pod/db-1"], more].concat(), &patch), "alice, unsure");
    }
    // five others hide the patch from the update, but it may have made it nevertheless
    let bind =
        |n: i32| ask("create", "eve", "pods/db-1", &format!("20.{n}"), &json!({"/objectRef/subresource": "binding"}));
    let many: Vec<_> = (0..5).map(bind).chain(patch.clone()).collect();
    assert_eq!(asked(&["pod/db-1", "--verb", "delete"], &many), "alice, unsure");
    // a name that the server made may be that of another secret
    let create = [ask("create", "alice", "secrets/", "26.0", &json!({"/responseStatus/code": 201}))];
    assert_eq!(asked(&["secrets", "--until", "478"], &create), "alice, by time and kind");
    assert_eq!(asked(&["secret/later-cbc"], &create), "alice, unsure");
}

#[test]
fn who_deletes_an_object_has_not_updated_it_before() {
    let answered = |verb: &str, user: &str, second: &str, metadata: Value| {
        ask(verb, user, "services/web", second, &json!({"/responseObject": {"metadata": metadata}}))
    };
    let object = json!({"name": "web", "resourceVersion": "503"});
    let mut deleting = object.clone();
    deleting["deletionTimestamp"] = json!("2026-11-21T11:06:46Z");
    let delete = |second: &str| answered("delete", "mallory", second, object.clone());
    let patch = || answered("patch", "bob", "46.5", object.clone());
    assert_eq!(asked(&["svc/web"], &[patch(), delete("46.6")]), "bob, exact");
    assert_eq!(asked(&["svc/web"], &[patch(), delete("50.0")]), "bob, exact");
    assert_eq!(asked(&["svc/web"], &[delete("50.0")]), "nobody");
    // The backup has an object that nobody is deleting, whatever the answer holds.
    assert_eq!(asked(&["svc/web"], &[answered("delete", "mallory", "46.5", deleting)]), "nobody");
    let of_pod = |user: &str, second: &str, revision: &str| {
        let answer = json!({"metadata": {"name": "once", "resourceVersion": revision}});
        ask("delete", user, "pods/once", second, &json!({"/responseObject": answer}))
    };
    // The update that sets the deletion's time, and the deletion.
    let both = [of_pod("alice", "21.5", "470"), of_pod("kubelet", "21.8", "471")];
    assert_eq!(asked(&["pod/once", "--since", "470", "--until", "470"], &both), "alice, exact");
    assert_eq!(asked(&["pod/once", "--verb", "delete"], &both), "kubelet, exact");
    // At the level Metadata: an update that sets no such time was not made by a deletion.
    let last = ask("delete", "mallory", "services/web", "50.0", &json!({}));
    assert_eq!(asked(&["svc/web"], std::slice::from_ref(&last)), "nobody");
    assert_eq!(
        asked(&["svc/web"], &[ask("patch", "bob", "services/web", "46.5", &json!({})), last]),
        "bob, by time and object"
    );
}

#[test]
fn what_failed_may_have_been_written() {
    let failed = |user: &str, code: i32, stage: &str| {
        ask("patch", user, "services/web", "46.5", &json!({"/responseStatus/code": code, "/stage": stage}))
    };
    let done = || ask("patch", "bob", "services/web", "46.5", &json!({}));
    let end = "ResponseComplete";
    assert_eq!(asked(&["svc/web"], &[failed("eve", 504, end), done()]), "bob or eve, unsure");
    assert_eq!(asked(&["svc/web"], &[failed("eve", 500, "Panic"), done()]), "bob or eve, unsure");
    assert_eq!(asked(&["svc/web"], &[failed("eve", 504, end)]), "eve, unsure");
    assert_eq!(asked(&["svc/web"], &[failed("eve", 0, end)]), "eve, unsure");
    assert_eq!(asked(&["svc/web"], &[failed("eve", 409, end), done()]), "bob, by time and object");
    // Who tries again changes nothing, and is answered with the revision.
    let answer = json!({"/responseObject": {"metadata": {"name": "web", "resourceVersion": "503"}}});
    let again = || ask("patch", "bob", "services/web", "47.5", &answer);
    assert_eq!(asked(&["svc/web"], &[failed("eve", 504, end), again()]), "bob or eve, unsure");
    assert_eq!(asked(&["svc/web"], &[failed("eve", 409, end), again()]), "bob, exact");
    // etcd may write after the answer, and what is not there may have been applied.
    for (verb, second) in [("create", "37.0"), ("patch", "39.0")] {
        let create = ask(verb, "eve", "secrets/later-box", second, &json!({"/responseStatus/code": 504}));
        assert_eq!(asked(&["secret/later-box"], &[create]), "eve, unsure");
    }
}

#[test]
fn what_the_log_does_not_cover_is_not_certain() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("audit.log");
    let known = |events: &[Value], words: &[&str]| {
        fs::write(&log, events.iter().map(|event| format!("{event}\n")).collect::<String>()).unwrap();
        let args = ["timeline", LATER, "svc/web", "-n", "shop", "-o", "ndjson", "--audit-log", log.to_str().unwrap()];
        let output = etcdsnap(args.iter().chain(words));
        let last = String::from_utf8(output.stdout).unwrap().lines().last().map(str::to_owned);
        let last: Value = last.map_or(Value::Null, |line| serde_json::from_str(&line).unwrap());
        let said = String::from_utf8(output.stderr).unwrap();
        (last["request"]["known"].as_str().unwrap_or_default().to_owned(), said, output.status.code())
    };
    let tick = |second: &str| ask("get", "node", "services/web", second, &json!({}));
    let answer = json!({"metadata": {"name": "web", "resourceVersion": "503"}});
    // It may be a request that has changed nothing, after the one that is in the part of the log that is missing.
    let late = ask("patch", "bob", "services/web", "52.0", &json!({"/responseObject": answer}));
    let (exact, said, code) = known(&[tick("01.0"), late.clone()], &[]);
    assert_eq!((exact.as_str(), code), ("exact", Some(0)), "{said}");
    let (unsure, said, code) = known(&[tick("51.0"), late.clone()], &[]);
    assert_eq!((unsure.as_str(), code), ("unsure", Some(1)), "{said}");
    assert!(said.contains("does not cover all of the time in which these may have been written"), "{said}");
    // A watch that began long before the log's first line.
    let watch = json!({"/requestReceivedTimestamp": "2026-11-21T10:56:00Z"});
    let watch = ask("watch", "node", "services/web", "51.0", &watch);
    let (unsure, said, code) = known(&[watch, late.clone()], &[]);
    assert_eq!((unsure.as_str(), code), ("unsure", Some(1)), "{said}");
    // What nobody is known to have requested may be of the user that is asked for.
    let (_, said, code) = known(&[tick("01.0"), tick("59.0")], &["--user", "alice"]);
    assert!(code == Some(1) && said.contains("1 change left out of which the audit log has no request"), "{said}");
    let (_, said, code) = known(&[tick("01.0"), late], &["--user", "bob"]);
    assert!(code == Some(0) && !said.contains("left out"), "{said}");
}

#[test]
fn the_exit_status_is_of_the_changes_that_are_printed() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("audit.log");
    let both = ["alice", "bob"].map(|user| ask("patch", user, "services/web", "46.5", &json!({})));
    fs::write(&log, always(&both)).unwrap();
    for (words, code) in [(&["svc/web"][..], 1), (&["svc/web", "--verb", "create"], 0)] {
        let args = ["-n", "shop", "--audit-log", log.to_str().unwrap()];
        let output = etcdsnap([&["timeline", LATER], words, &args].concat());
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
