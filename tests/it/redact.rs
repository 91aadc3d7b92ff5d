//! `redact`: a copy with the same keys, revisions and sizes, in which no byte of a secret is left.

use std::{collections::BTreeSet, fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use etcdsnap::{
    etcd::{Load, Snapshot},
    k8s,
    source::{Options, Source},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{Etcd, Peers, apiserver::Apiserver, etcdsnap, made, restore};

fn run(code: i32, args: &[&str]) -> (String, String) {
    let output = etcdsnap(args);
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{args:?}: {out}{err}");
    (out, err)
}

fn json_of(args: &[&str]) -> Value {
    serde_json::from_str(&run(0, args).0).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A record: bucket key, key, value.
type Record = (Vec<u8>, Vec<u8>, Vec<u8>);

fn records(file: &str) -> Vec<Record> {
    let source = Source::open(file.as_ref(), &Options::default()).unwrap();
    let snapshot = Snapshot::load(&source, &Load::default()).unwrap();
    let owned = |record: &etcdsnap::etcd::Record<'_>| {
        (record.bucket_key.to_vec(), record.kv.key.to_vec(), record.kv.value.to_vec())
    };
    snapshot.records(|_| true).iter().map(owned).collect()
}

/// A secret as it may be written: as it is, in base64, in a URL, in JSON.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let url: String = secret
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(*byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let quoted = json!(String::from_utf8_lossy(secret)).to_string();
    let base64 = BASE64_STANDARD.encode(secret);
    let base64 = base64.trim_end_matches('=');
    vec![
        secret.to_vec(),
        base64.as_bytes()[..base64.len() - 1].to_vec(),
        url.into_bytes(),
        quoted.trim_matches('"').into(),
    ]
}

#[track_caller]
fn assert_without<'s>(file: &str, secrets: impl IntoIterator<Item = &'s [u8]>) {
    let bytes = fs::read(file).unwrap();
    for secret in secrets {
        for form in forms(secret) {
            let found = memchr::memmem::find(&bytes, &form);
            assert!(found.is_none(), "{} is in {file} at {found:?}", String::from_utf8_lossy(&form));
        }
    }
}

/// Keys, revisions and sizes are the same, and every value is decoded as it was.
#[track_caller]
fn assert_same_shape(before: &[Record], after: &[Record]) {
    assert_eq!(before.len(), after.len());
    for ((revision, key, old), (other, new_key, new)) in before.iter().zip(after) {
        let what = String::from_utf8_lossy(key);
        assert_eq!((revision, key, old.len()), (other, new_key, new.len()), "{what}");
        match (k8s::decode(old), k8s::decode(new)) {
            (Ok(old), Ok(new)) => {
                assert_eq!((old.kind(), old.name()), (new.kind(), new.name()), "{what}");
                // those of a ConfigMap are no base64
                assert!(old.kind() != "Secret" || old.data_sizes() == new.data_sizes(), "{what}");
            }
            (Err(_), Err(_)) => {}
            (old, new) => panic!("{what}: {old:?} {new:?}"),
        }
    }
}

#[test]
fn no_secret_of_the_fixtures_is_left() {
    let dir = TempDir::new().unwrap();
    for name in ["kube", "kube-later", "encrypted"] {
        let file = format!("fixtures/{name}.db");
        let before = records(&file);
        let mut secrets = BTreeSet::new();
        for (_, key, value) in &before {
            if value.starts_with(b"k8s:enc:") {
                // the ciphertext
                secrets.insert(value[value.len() - 40..].to_vec());
            }
            let Ok(object) = k8s::decode(value) else { continue };
            if key.starts_with(b"/registry/secrets/") {
                let data = object.value.get("data").and_then(k8s::Value::as_object).unwrap();
                secrets.extend(data.iter().filter_map(|(_, value)| match value {
                    k8s::Value::Bytes(bytes) if bytes.len() > 5 => Some(bytes.to_vec()),
                    _ => None,
                }));
            }
        }
        assert!(!secrets.is_empty(), "{name}");
        for also in ["", "configmaps,env,annotations"] {
            let to = dir.path().join(format!("{name}-{}.db", also.len()));
            let also = if also.is_empty() { vec![] } else { vec!["--also", also] };
            let report = json_of(&[&["redact", &file, "--to", text(&to), "-o", "json"], &also[..]].concat());
            assert!(report["replaced"].as_array().unwrap().len() > usize::from(!also.is_empty()), "{report}");
            let after = records(text(&to));
            assert_same_shape(&before, &after);
            assert_without(text(&to), secrets.iter().map(Vec::as_slice));
            let verified = json_of(&["verify", text(&to), "-o", "json"]);
            assert_eq!((&verified["verdict"], &verified["trailer"]), (&"good".into(), &"matches".into()), "{name}");
        }
    }
}

/// Who is the owner of each object that has one: the kind, and the place of the owner's record, found by its name.
/// The report is in the singular where it counts one, and ends with what to check before the file is shared.
#[test]
fn the_report_ends_with_what_to_check() {
    let dir = TempDir::new().unwrap();
    let to = dir.path().join("shared.db");
    let (out, _) = run(0, &["redact", "fixtures/kube.db", "--to", text(&to)]);
    assert!(out.contains("2 values in Secrets, ") && out.contains(" 1 annotation with such values, "), "{out}");
    let grep = format!("  check       `etcdsnap grep -F WORD {} --all-revisions` must find nothing", text(&to));
    assert!(out.contains(&grep), "{out}");
    assert!(out.ends_with("  check       --also configmaps,env,annotations,names replaces these, too\n"), "{out}");
    std::fs::remove_file(&to).unwrap();
    let report = json_of(&["redact", "fixtures/kube.db", "--to", text(&to), "-o", "json", "--also", "env,names"]);
    let next = report["next"].as_array().unwrap();
    assert_eq!(next[0], format!("etcdsnap verify {}", text(&to)));
    assert_eq!(next[2], "--also configmaps,annotations replaces these, too");
    assert_eq!(report["commands"][1].as_array().unwrap()[..4], ["etcdsnap", "grep", "-F", "WORD"]);
    std::fs::remove_file(&to).unwrap();
    let (out, _) =
        run(0, &["redact", "fixtures/kube.db", "--to", text(&to), "--also", "configmaps,env,annotations,names"]);
    assert!(out.ends_with(" as WORD\n"), "{out}");
}

fn owners(records: &[Record]) -> Vec<(String, Option<usize>)> {
    let objects: Vec<_> = records.iter().map(|(_, _, value)| k8s::decode(value).ok()).collect();
    let mut all = Vec::new();
    for object in objects.iter().flatten() {
        let list = object.value.at(&["metadata", "ownerReferences"]).and_then(k8s::Value::as_list).unwrap_or_default();
        for owner in list {
            let part = |name: &str| owner.get(name).and_then(k8s::Value::as_str).unwrap();
            let is_it = |other: &k8s::Object<'_>| {
                other.kind() == part("kind") && other.name() == part("name") && other.namespace() == object.namespace()
            };
            let place = objects.iter().position(|other| other.as_ref().is_some_and(is_it));
            all.push((part("kind").to_owned(), place));
        }
    }
    all
}

#[test]
fn names_are_other_words_and_references_match() {
    let dir = TempDir::new().unwrap();
    for name in ["kube", "kube-later"] {
        let (file, to) = (format!("fixtures/{name}.db"), dir.path().join(format!("{name}.db")));
        let report = json_of(&["redact", &file, "--to", text(&to), "--also", "names", "-o", "json"]);
        assert!(report["replaced"].as_array().unwrap().iter().any(|of| of["what"] == "name"), "{report}");
        let (before, after) = (records(&file), records(text(&to)));
        let shape = |records: &[Record]| -> Vec<_> {
            let kind = |value: &[u8]| k8s::decode(value).ok().map(|object| object.kind().to_owned());
            records.iter().map(|(at, key, value)| (at.clone(), key.len(), value.len(), kind(value))).collect()
        };
        assert_eq!(shape(&before), shape(&after));
        // no two keys became one, and each object has the name of its key
        let keys = |records: &[Record]| records.iter().map(|(_, key, _)| key.clone()).collect::<BTreeSet<_>>().len();
        assert_eq!(keys(&before), keys(&after));
        for (_, key, value) in &after {
            let Ok(object) = k8s::decode(value) else { continue };
            if !object.name().is_empty() && object.kind() != "RangeAllocation" {
                assert!(key.ends_with(object.name().as_bytes()), "{}", String::from_utf8_lossy(key));
            }
        }
        assert!(owners(&before).iter().filter(|(_, place)| place.is_some()).count() > 5);
        assert_eq!(owners(&before), owners(&after));
        // the names are nowhere
        let mut names = BTreeSet::new();
        for (_, key, _) in &before {
            let parts: Vec<_> = key.split(|byte| *byte == b'/').collect();
            if [&b"pods"[..], b"deployments", b"configmaps", b"minions", b"replicasets"].contains(&parts[2]) {
                names.extend(parts.last().map(|name| name.to_vec()));
            }
        }
        names.retain(|name| name.len() > 7 && !name.starts_with(b"kube-") && !name.starts_with(b"extension-"));
        assert!(names.len() > 5, "{names:?}");
        assert_without(text(&to), names.iter().map(Vec::as_slice));
        assert!(run(1, &["get", text(&to), "pods", "-n", "shop"]).1.contains("shop"));
        assert_eq!(json_of(&["verify", text(&to), "-o", "json"])["verdict"], "good");
    }
}

#[test]
fn what_no_api_server_of_ours_writes() {
    let dir = TempDir::new().unwrap();
    let (file, to) = (dir.path().join("made.db"), dir.path().join("to.db"));
    let token = "sha256~Zm9vYmFyYmF6cXV1eGZvb2JhcmJhenF1dXhmb29iYXI";
    let access = format!(
        r#"{{"kind":"OAuthAccessToken","apiVersion":"oauth.openshift.io/v1","metadata":{{"name":"{token}"}},"refreshToken":"r3fresh-me"}}"#
    );
    let key = format!("/openshift.io/oauth/accesstokens/{token}");
    made::snapshot(
        &file,
        &[
            (key.as_bytes(), access.into_bytes()),
            (b"/bootstrap/ab12", b"b00tstrap-data".to_vec()),
            (b"/my/app", b"of another program".to_vec()),
        ],
    );
    let (out, _) = run(0, &["redact", text(&file), "--to", text(&to)]);
    assert!(out.contains("1 name of OAuth tokens") && out.contains("bootstrap data of k3s"), "{out}");
    assert!(out.contains("1 value of keys that are not of Kubernetes"), "{out}");
    assert_without(text(&to), [&token.as_bytes()[7..], b"r3fresh-me", b"b00tstrap-data"]);
    assert_eq!(records(text(&to))[2].2, b"of another program");
    run(2, &["redact", text(&file), "--to", text(&to)]);
    run(2, &["redact", text(&file), "--to", "never-made.db", "--also", "everything"]);
}

const NEEDLES: [&str; 9] = [
    "s3cret/one+1%\"x\"",
    "s3cret two&2",
    "s3cret-three-deleted",
    "tok3n-annotation",
    "m4p-kubeconfig",
    "env-s3cret",
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASC",
    "eyJhbGciOiJSUzI1NiJ9AAAAAA.eyJpc3MiOiJrOHMifQAAAAAA.c2lnbmF0dXJlAAAAAAAA",
    "p4ssw0rd",
];

fn objects() -> String {
    let secret = |name: &str, value: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "default", "annotations": {
            "openshift.io/token-secret.value": NEEDLES[3]}}, "stringData": {"password": value}})
    };
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", NEEDLES[6]);
    let pod = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [
        {"name": "a", "image": "a", "env": [{"name": "PASSWORD", "value": NEEDLES[5]}]}]}});
    let items = json!([
        secret("one", NEEDLES[0]),
        secret("three", NEEDLES[2]),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "default"},
            "data": {"config": NEEDLES[4], "key.pem": pem, "jwt": NEEDLES[7]}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "default"},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "a"}}, "template": pod}},
    ]);
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// A kube-apiserver lists on the copy all that it listed on the cluster.
#[test]
fn a_real_api_server_lists_all_objects_of_the_copy() {
    let Some(peers) = Peers::find_kube("a_real_api_server_lists_all_objects_of_the_copy") else { return };
    let dir = TempDir::new().unwrap();
    let at = |name: &str| text(&dir.path().join(name)).to_owned();
    let listed = |server: &Apiserver<'_>| {
        let kinds = server.kubectl(&["api-resources", "--verbs=list", "-o", "name"]);
        let skipped = ["leases", "events", "componentstatuses"];
        let kinds: Vec<_> = kinds.lines().filter(|kind| !skipped.iter().any(|skip| kind.starts_with(skip))).collect();
        server.kubectl(&["get", &kinds.join(","), "-A", "-o", "name"])
    };
    let etcd = Etcd::start(&peers, "36");
    let before = {
        let server = Apiserver::start(&peers, &etcd);
        server.apply(&objects());
        server.apply(&objects().replace(&json!(NEEDLES[0]).to_string(), &json!(NEEDLES[1]).to_string()));
        server.kubectl(&["delete", "secret", "three"]);
        etcd.ctl(&["user", "add", "someone:p4ssw0rd"]);
        listed(&server)
    };
    etcd.ctl(&["snapshot", "save", &at("saved.db")]);
    drop(etcd);
    let all = fs::read(at("saved.db")).unwrap();
    for needle in &NEEDLES[..8] {
        let there = forms(needle.as_bytes()).iter().any(|form| memchr::memmem::find(&all, form).is_some());
        assert!(there, "{needle} is not in the backup");
    }
    let also = "configmaps,env,annotations";
    let (out, _) = run(0, &["redact", &at("saved.db"), "--to", &at("shared.db"), "--also", also]);
    for what in [
        "values in Secrets",
        "annotations with such values",
        "values in ConfigMaps",
        "environment variables",
        "1 password hash",
    ] {
        assert!(out.contains(what), "{what}: {out}");
    }
    assert_without(&at("shared.db"), NEEDLES.iter().map(|needle| needle.as_bytes()));
    assert!(memchr::memmem::find(&fs::read(at("shared.db")).unwrap(), b"$2a$").is_none());
    assert_same_shape(&records(&at("saved.db")), &records(&at("shared.db")));
    assert_eq!(json_of(&["verify", &at("shared.db"), "-o", "json"])["verdict"], "good");

    // with other names the API server lists as many
    run(0, &["redact", &at("saved.db"), "--to", &at("named.db"), "--also", "names"]);

    // without the flags the private key and the signed token are replaced, too
    run(0, &["redact", &at("saved.db"), "--to", &at("less.db")]);
    let sure = [0, 1, 2, 3, 6, 7].map(|n| NEEDLES[n].as_bytes());
    assert_without(&at("less.db"), sure);

    restore([&at("shared.db"), "--data-dir", &at("data"), "--member", "m1"]);
    let etcd = Etcd::start_on(&peers, "36", Some(Path::new(&at("data"))), &[]).unwrap();
    let server = Apiserver::start(&peers, &etcd);
    let after = listed(&server);
    let missing: Vec<_> = before.lines().filter(|name| !after.lines().any(|other| other == *name)).collect();
    assert!(missing.is_empty() && before.lines().count() > 50, "{missing:?}");
    let secret: Value = serde_json::from_str(&server.kubectl(&["get", "secret", "one", "-o", "json"])).unwrap();
    let password = BASE64_STANDARD.decode(secret["data"]["password"].as_str().unwrap()).unwrap();
    assert_eq!(password, vec![b'x'; NEEDLES[1].len()]);
    drop(server);
    drop(etcd);
    restore([&at("named.db"), "--data-dir", &at("other"), "--member", "m1"]);
    let etcd = Etcd::start_on(&peers, "36", Some(Path::new(&at("other"))), &[]).unwrap();
    let other = listed(&Apiserver::start(&peers, &etcd));
    let count = |list: &str, kind: &str| list.lines().filter(|name| name.starts_with(kind)).count();
    for kind in ["secret/", "deployment.apps/", "configmap/"] {
        assert!(count(&other, kind) >= count(&before, kind) && count(&before, kind) > 0, "{kind}: {other}");
    }
}
