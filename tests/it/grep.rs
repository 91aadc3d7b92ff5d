//! A search finds every string that is there, shows no secret, and says when it could not look everywhere.

use std::{collections::BTreeSet, fs};

use etcdsnap::{
    etcd::{Load, Snapshot},
    grep::{Pattern, Place, Search, ValueHits, Words},
    k8s::{Mask, Ring, Value},
    objects::{At, Cluster},
    proto::Writer,
    source::{Options, Source},
};
use serde_json::json;

use crate::common::{Etcd, Peers, etcdsnap, made};

/// Standard output, standard error, exit code.
fn said(args: &[&str]) -> (String, String, i32) {
    let output = etcdsnap([&["grep"], args].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

fn strings(value: &Value<'_>, to: &mut BTreeSet<String>) {
    match value {
        Value::Str(text) => {
            to.extend(text.lines().filter(|line| !line.is_empty()).map(str::to_owned));
        }
        Value::List(list) => list.iter().for_each(|value| strings(value, to)),
        Value::Object(map) => map.iter().for_each(|(_, value)| strings(value, to)),
        _ => {}
    }
}

/// Every string of every object is found in that object, and the prefilter loses nothing.
#[test]
fn every_string_is_found() {
    for fixture in ["fixtures/kube.db", "fixtures/kube-later.db"] {
        let source = Source::open(fixture.as_ref(), &Options::default()).unwrap();
        let snapshot = Snapshot::load(&source, &Load::default()).unwrap();
        let cluster = Cluster::open(&snapshot, Ring::default(), At::Last).unwrap();
        let mask = Mask::reveal();
        let search = |pattern: &Pattern, place: Option<&Place>| -> Vec<ValueHits> {
            let search =
                Search { pattern, place, keys: false, ring: &cluster.ring, resources: &cluster.resources, mask: &mask };
            cluster.view.iter().filter_map(|kv| search.value(&kv).ok().flatten()).collect()
        };
        let mut tried = 0;
        for (at, kv) in cluster.view.iter().enumerate().filter(|(at, _)| at % 23 == 0) {
            let Ok(object) = cluster.ring.object(kv.key, kv.value) else { continue };
            let mut value = object.value;
            value
                .as_object_mut()
                .unwrap()
                .get_mut("metadata")
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove("managedFields");
            let mut all = BTreeSet::new();
            strings(&value, &mut all);
            for text in all.iter().skip(at % 5).step_by(11) {
                let pattern = Pattern::new(text, Words { fixed: true, ..Words::default() }).unwrap();
                let found = search(&pattern, None);
                assert!(found.iter().any(|of| of.revision == kv.mod_revision), "{text:?} in {:?}", object_name(kv.key));
                assert_eq!(found, search(&pattern.without_prefilter(), None), "{text:?}");
                tried += 1;
            }
        }
        assert!(tried > 10, "{tried}");
        for pattern in ["web", "(?i)NGINX|redis", "^main$", "registry.example/.*:[0-9]", "2026-11", "[0-9]+", "x|pods"]
        {
            let pattern = Pattern::new(pattern, Words::default()).unwrap();
            let place = Place::parse("spec").unwrap();
            for place in [None, Some(&place)] {
                assert_eq!(search(&pattern, place), search(&pattern.clone().without_prefilter(), place), "{pattern:?}");
            }
        }
    }
}

/// In JSON within protobuf, Go writes some letters as escapes.
#[test]
fn a_text_in_json_within_protobuf_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("b.db");
    let data = br#"{"spec":{"template":{"args":["a \u0026\u0026 b \u003c \"c\""]}}}"#;
    let kind = Writer::new().bytes(1, b"apps/v1").bytes(2, b"ControllerRevision").finish();
    let metadata = Writer::new().bytes(1, b"web-1").finish();
    let revision = Writer::new().bytes(1, &metadata).bytes(2, &Writer::new().bytes(1, data).finish()).finish();
    let value = [b"k8s\0", &Writer::new().bytes(1, &kind).bytes(2, &revision).finish()[..]].concat();
    made::snapshot(&file, &[(b"/registry/controllerrevisions/shop/web-1", value)]);
    let (out, err, code) = said(&["-F", "a && b < \"c\"", file.to_str().unwrap()]);
    assert!(code == 0 && out.contains("data.spec.template.args[0]: a && b"), "{out}{err}");
}

fn object_name(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

#[test]
fn a_match_is_printed_with_its_object_and_its_path() {
    let (out, err, code) = said(&["listen 80;", "fixtures/kube.db", "cm", "-n", "shop", "-F"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out.lines().next(), Some("configmap/web-cfg -n shop  data['a.conf']:1: listen 80;"));
    let (out, _, code) = said(&["^nginx", "fixtures/kube.db", "pods,deploy", "--path", "spec.**.image"]);
    assert!(code == 0 && out.lines().all(|line| line.contains(".image: nginx")), "{out}");
    let (names, ..) = said(&["^nginx", "fixtures/kube.db", "pods,deploy", "--path", "spec.**.image", "-l"]);
    let (counts, ..) = said(&["^nginx", "fixtures/kube.db", "pods,deploy", "--path", "spec.**.image", "-c"]);
    assert!(names.contains("deployment.apps/web -n shop\n") && counts.contains("deployment.apps/web -n shop: 1\n"));
    assert_eq!(said(&["^nginx", "fixtures/kube.db", "pods,deploy", "--path", "metadata"]).2, 1);
    let (out, _, code) = said(&["--keys", "pods/shop/web", "fixtures/kube.db"]);
    assert!(code == 0 && out.contains(": /registry/pods/shop/web-"), "{out}");
    let (out, ..) = said(&["web-cfg", "fixtures/kube.db", "cm", "-o", "ndjson", "--path", "metadata.name"]);
    let line: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!((&line["kind"], &line["hits"][0]["path"]), (&json!("configmap"), &json!("metadata.name")));
}

#[test]
fn the_exit_status_says_found_not_found_or_not_searched() {
    assert_eq!(said(&["no-such-text-anywhere", "fixtures/kube.db"]).2, 1);
    assert_eq!(said(&["web", "fixtures/kube.db", "pods"]).2, 0);
    let (_, err, code) = said(&["(", "fixtures/kube.db"]);
    assert!(code == 2 && err.contains("not a regular expression") && err.contains("hint: -F"), "{err}");
    assert_eq!(said(&["web", "fixtures/kube.db", "--path", "a..b"]).2, 2);
    let explodes = "(((a{50}){50}){50}){50}";
    assert_eq!(said(&[explodes, "fixtures/kube.db"]).2, 2);
    let (_, err, code) = said(&["no-such-text-anywhere", "fixtures/encrypted.db"]);
    assert!(code == 3 && err.contains("7 encrypted values were not searched"), "{err}");
    let keys = ["--encryption-config", "fixtures/encryption.yaml"];
    assert_eq!(said(&[&["no-such-text-anywhere", "fixtures/encrypted.db"], &keys[..]].concat()).2, 1);
    let dir = tempfile::tempdir().unwrap();
    let (path, mut db) = (dir.path().join("broken.db"), fs::read("fixtures/kube.db").unwrap());
    let leaf = crate::common::key_leaf(&db);
    db[leaf] ^= 1;
    fs::write(&path, db).unwrap();
    assert_eq!(said(&["web", path.to_str().unwrap(), "pods"]).2, 3);
}

#[test]
fn a_secret_is_found_and_not_shown() {
    let keys = ["--encryption-config", "fixtures/encryption.yaml"];
    let revealed = said(
        &[
            &["d$", "fixtures/encrypted.db", "secret/gcm", "-n", "shop", "--reveal", "--path", "data.password"],
            &keys[..],
        ]
        .concat(),
    );
    assert!(revealed.2 == 0 && !revealed.0.contains("masked:"), "{revealed:?}");
    let word = revealed.0.trim_end().rsplit(": ").next().unwrap().to_owned();
    assert!(word.len() > 4, "{word}");
    let (out, _, code) = said(&[&["-F", &word, "fixtures/encrypted.db"], &keys[..]].concat());
    assert!(code == 0 && out.contains("secret/gcm -n shop  data.password: masked:"), "{out}");
    assert!(!out.contains(&word), "{out}");
    let (out, ..) = said(&[&["-F", "alice", "fixtures/encrypted.db", "secrets", "-o", "ndjson"], &keys[..]].concat());
    assert!(out.contains(r#""masked":true"#) && !out.contains("alice"), "{out}");
}

#[test]
fn old_revisions_are_searched_where_they_are_asked_for() {
    let (out, _, code) = said(&["web", "fixtures/kube.db", "deploy/web", "-n", "shop", "--all-revisions", "-l"]);
    assert!(code == 0 && out.lines().count() == 7, "{out}");
    assert!(out.lines().all(|line| line.starts_with("deployment.apps/web -n shop --rev ")), "{out}");
    // of a key that was deleted, the deletion may be all that is left
    let (out, _, code) = said(&["--keys", "configmaps/pay/notes", "fixtures/kube-later.db", "--all-revisions", "-l"]);
    let deletion = "configmap/notes -n pay --rev 464 (deleted)\n";
    assert!(code == 0 && out.contains(deletion) && out.contains("notes -n pay --rev 463\n"), "{out}");
}

/// The plaintext of a Secret that was deleted is in free pages until the db is written anew.
#[test]
fn a_deleted_secret_is_found_in_free_pages_until_a_defragmentation() {
    let Some(peers) = Peers::find("a_deleted_secret_is_found_in_free_pages_until_a_defragmentation") else { return };
    let etcd = Etcd::start(&peers, "36");
    for n in 0..120 {
        let text = format!("plain-{n}-text {}", "y".repeat(900));
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("s{n}")}, "stringData": {"a": text}});
        etcd.store(&format!("secrets/shop/s{n}"), &secret);
    }
    etcd.ctl(&["del", "--prefix", "/registry/secrets/"]);
    let status: serde_json::Value = serde_json::from_str(&etcd.ctl(&["endpoint", "status", "-w", "json"])).unwrap();
    etcd.ctl(&["compact", "--physical", &status[0]["Status"]["header"]["revision"].to_string()]);
    let dir = tempfile::tempdir().unwrap();
    let save = |name: &str| {
        let path = dir.path().join(name);
        etcd.ctl(&["snapshot", "save", path.to_str().unwrap()]);
        path
    };
    let before = save("before.db");
    let before = before.to_str().unwrap();
    let pattern = "plain-[0-9]+-text";
    assert_eq!(said(&[pattern, before, "--all-revisions"]).2, 1);
    let (out, _, code) = said(&[pattern, before, "--free"]);
    assert!(code == 0 && out.starts_with("free page ") && out.contains("masked:") && !out.contains("plain-"), "{out}");
    let (out, _, code) = said(&[pattern, before, "--free", "--reveal"]);
    assert!(code == 0 && out.contains("plain-") && out.contains("-text"), "{out}");
    etcd.ctl(&["defrag"]);
    let after = save("after.db");
    assert_eq!(said(&[pattern, after.to_str().unwrap(), "--free", "--all-revisions"]).2, 1);
}

#[test]
fn a_number_is_found_as_it_is_printed() {
    let found = |pattern: &str| {
        let output = etcdsnap(["grep", "-w", "-F", pattern, "fixtures/kube.db", "deploy,svc", "-n", "shop"]);
        String::from_utf8(output.stdout).unwrap()
    };
    let port =
        etcdsnap(["get", "fixtures/kube.db", "svc", "-n", "shop", "-o", "jsonpath={.items[0].spec.ports[0].port}"]);
    let port = String::from_utf8(port.stdout).unwrap();
    assert!(found(&port).contains("spec.ports[0].port: "), "{port}: {}", found(&port));
    assert!(found("3").contains("deployment.apps/web -n shop  spec.replicas: 3"), "{}", found("3"));
    assert_eq!(found("31415926"), "");
}

/// Where nothing is found, stderr says how much was searched and what searches more; stdout stays empty, as of grep.
#[test]
fn nothing_found_says_how_much_was_searched() {
    let kube = "fixtures/kube.db";
    let (out, error, code) = said(&["nosuchtext", kube, "pods", "-n", "shop", "--path", "spec"]);
    assert_eq!((out.as_str(), code), ("", 1), "{error}");
    assert!(error.starts_with("note: no match in 5 values, of 281 keys at revision 455\nhint: "), "{error}");
    for wider in ["without KIND and -n", "without --path", "--all-revisions", "-i ", "--keys"] {
        assert!(error.contains(wider), "{wider}: {error}");
    }
    let (out, error, code) = said(&["nosuchtext", kube, "deploy/web", "--all-revisions", "-i"]);
    assert_eq!((out.as_str(), code), ("", 1), "{error}");
    assert!(error.starts_with("note: no match in 7 values, of all revisions up to 455\n"), "{error}");
    assert!(!error.contains("-i ignores") && !error.contains("--all-revisions searches"), "{error}");
    let (out, error, code) = said(&["nosuchtext", kube, "--keys", "--all-revisions", "-i"]);
    assert!(out.is_empty() && code == 1 && !error.contains("hint: "), "{error}");
    let (out, error, code) = said(&["web", kube, "deploy", "-l"]);
    assert!(!out.is_empty() && code == 0 && error.is_empty(), "{error}");
}
