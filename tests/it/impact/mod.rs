//! `impact`: the dangers of a restore, made on a real cluster, and what another NOW is answered.

mod dangers;
mod made;

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{etcdsnap, made::image};

#[track_caller]
fn run(code: i32, args: &[&str]) -> (String, String) {
    let output = etcdsnap([&["impact"], args].concat());
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{args:?}: {out}{err}");
    (out, err)
}

#[track_caller]
fn impact(code: i32, args: &[&str]) -> Value {
    serde_json::from_str(&run(code, &[args, &["-o", "json"]].concat()).0).unwrap()
}

fn codes(impact: &Value) -> BTreeSet<&str> {
    impact["dangers"].as_array().unwrap().iter().map(|danger| danger["code"].as_str().unwrap()).collect()
}

/// What a danger is about, as the text output has it.
#[track_caller]
fn objects(impact: &Value, code: &str) -> Vec<String> {
    let dangers = impact["dangers"].as_array().unwrap();
    let danger = dangers.iter().find(|danger| danger["code"] == code).unwrap_or_else(|| panic!("{code}: {impact}"));
    let text = |object: &Value| {
        let part = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
        let name = match object["kind"].as_str() {
            Some(kind) if part("namespace").is_empty() => format!("{kind}/{}", part("name")),
            Some(kind) => format!("{kind}/{} -n {}", part("name"), part("namespace")),
            None => return part("detail"),
        };
        if part("detail").is_empty() { name } else { format!("{name} ({})", part("detail")) }
    };
    danger["objects"].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn nothing_is_dangerous_where_nothing_happened() {
    for file in ["kube", "encrypted", "etcd-3.6"] {
        let file = format!("fixtures/{file}.db");
        if file.contains("3.6") {
            let (_, err) = run(1, &[&file, "--against", &file]);
            assert!(err.contains("may be of another cluster"), "{err}");
            run(0, &[&file, "--against", &file, "--force"]);
            continue;
        }
        let (out, err) = run(0, &[&file, "--against", &file]);
        assert!(out.ends_with("\nno danger found\n") && !out.contains("KIND") && !err.contains("note"), "{out}{err}");
    }
}

#[test]
fn another_cluster_and_an_older_backup_are_refused() {
    let (_, err) = run(1, &["fixtures/kube.db", "--against", "fixtures/encrypted.db"]);
    assert!(err.contains("of another cluster: kube-system has the uid") && err.contains("--force"), "{err}");
    let (_, err) = run(1, &["fixtures/kube-later.db", "--against", "fixtures/kube.db"]);
    assert!(err.contains("fixtures/kube.db is older than fixtures/kube-later.db"), "{err}");
    impact(1, &["fixtures/kube-later.db", "--against", "fixtures/kube.db", "--force"]);
    // keys that the other cluster does not use
    let found = impact(1, &["fixtures/encrypted.db", "--against", "fixtures/kube.db", "--force"]);
    assert!(objects(&found, "encryption-key").contains(&"aesgcm (key 2026 or 2026:q4)".to_owned()), "{found}");
    let (_, err) = run(1, &["fixtures/etcd-3.6.db", "--against", "fixtures/etcd-3.5.db"]);
    assert!(err.contains("no object has the same uid in both"), "{err}");
}

/// A backup of a branch that has reached the revisions of the cluster now, with other records.
#[test]
fn revisions_of_another_branch_are_dangerous() {
    let dir = TempDir::new().unwrap();
    let restored = |bump: &str, revision: &str| {
        let to = dir.path().join(format!("{bump}-{revision}.db")).display().to_string();
        let flags = ["--to-revision", revision, "--bump-revision", bump, "--to-snapshot", &to];
        let output = etcdsnap([&["restore", "fixtures/kube.db"], &flags[..]].concat());
        assert!(output.status.success(), "{output:?}");
        to
    };
    let found = impact(1, &[&restored("56", "400"), "--against", "fixtures/kube.db"]);
    let want = "456 in the backup, 455 now: the cluster was restored in between";
    assert_eq!(objects(&found, "revision"), [want], "{found}");
    // all revisions of now are compacted there, or are those of the backup
    for backup in [restored("57", "400"), restored("10", "455")] {
        let found = impact(0, &[&backup, "--against", "fixtures/kube.db"]);
        assert_eq!(codes(&found), BTreeSet::new(), "{found}");
    }
}

#[test]
fn a_list_is_all_that_there_is_of_its_kinds() {
    let dir = TempDir::new().unwrap();
    let now = dir.path().join("now.json");
    let at = |path: &Path| path.to_str().unwrap().to_owned();
    let check = |code, text: &str, wanted: &str| {
        fs::write(&now, text).unwrap();
        let (out, err) = run(code, &["fixtures/kube.db", "--against", &at(&now)]);
        assert!(format!("{out}{err}").contains(wanted), "{text}: {out}{err}");
    };
    check(1, r#"{"kind":"List","items":[]}"#, "no object with a name is in it");
    check(1, "a: [", "neither YAML nor JSON");
    check(1, "&a [*a", "neither YAML nor JSON");
    // what kubectl would print, of one namespace and of all
    for (namespace, alone) in [(Some("shop"), true), (None, false)] {
        let mut args = vec!["get", "fixtures/kube.db", "secrets,cm", "-o", "json"];
        args.extend(namespace.map(|namespace| ["-n", namespace]).into_iter().flatten());
        fs::write(&now, etcdsnap(args).stdout).unwrap();
        let found = impact(1, &["fixtures/kube.db", "--against", &at(&now), "--force"]);
        assert_eq!(found["onlyNamespace"].as_str(), alone.then_some("shop"), "{found}");
        let judged = |code: &str| !found["notJudged"].as_array().unwrap().iter().any(|of| of["code"] == code);
        assert!(judged("secret-older") && !judged("crd-version"), "{found}");
        for (code, missing) in [
            ("apiservice-backend", "node"),
            ("ca-bundle", "customresourcedefinition.apiextensions.k8s.io"),
            ("node-joined", "node"),
            ("volume-unowned", "persistentvolume"),
            ("webhook-backend", "node"),
        ] {
            let is_it = |of: &Value| of["code"] == code && of["missing"] == missing;
            assert!(found["notJudged"].as_array().unwrap().iter().any(is_it), "{code}: {found}");
        }
        assert_eq!(found["kinds"]["configmap"].is_null(), !alone, "{found}");
        assert_eq!(codes(&found), BTreeSet::new(), "{found}");
    }
    // a folder of such files, and a folder of something else
    let yaml = etcdsnap(["get", "fixtures/kube.db", "ns", "-o", "yaml"]).stdout;
    fs::write(dir.path().join("more.yaml"), yaml).unwrap();
    let (_, err) = run(1, &["fixtures/kube.db", "--against", &at(dir.path())]);
    assert!(err.contains("taken for all objects"), "{err}");
    fs::write(dir.path().join("other"), "").unwrap();
    let output = etcdsnap(["impact", "fixtures/kube.db", "--against", &at(dir.path())]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("taken for"), "{output:?}");
}

/// Of what no key opens nothing is known, unless it is stored alike on both sides.
#[test]
fn rules_that_encrypted_objects_prevent_are_not_judged() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": "u"}});
    let object = |kind: &str, name: &str| {
        let metadata = json!({"name": name, "namespace": "kube-system", "uid": name, "resourceVersion": "1"});
        json!({"apiVersion": "v1", "kind": kind, "metadata": metadata})
    };
    let sealed = |last: &str| format!("k8s:enc:aescbc:v1:lost:0123456789abcdef0123456789abcd{last}").into_bytes();
    for (name, last) in [("backup.db", "ef"), ("other.db", "00")] {
        let image = image(&[
            (b"/registry/namespaces/kube-system", namespace.to_string().into_bytes()),
            (b"/registry/services/specs/kube-system/lb", sealed(last)),
            (b"/registry/configmaps/kube-system/kube-root-ca.crt", sealed(last)),
            (b"/registry/serviceaccounts/kube-system/a", sealed(last)),
        ]);
        fs::write(at(name), image).unwrap();
    }
    let objects =
        [namespace, object("Service", "x"), object("ConfigMap", "kube-root-ca.crt"), object("ServiceAccount", "a")];
    fs::write(at("now.json"), made::list(&objects)).unwrap();
    for (now, dangers) in [("now.json", &[][..]), ("other.db", &["revision"])] {
        let args = [&at("backup.db"), "--against", &at(now), "--force"];
        let found = impact(1, &args);
        let not_judged = found["notJudged"].as_array().unwrap().iter().filter(|of| of["encrypted"] == true);
        let not_judged: Vec<_> = not_judged.map(|of| of["code"].as_str().unwrap()).collect();
        assert_eq!(not_judged, ["cluster-ca", "load-balancer", "node-port", "serviceaccount-uid"], "{found}");
        assert_eq!(codes(&found), dangers.iter().copied().collect(), "{found}");
        let (out, err) = run(1, &args);
        assert_eq!(out.ends_with("\nno danger found in what could be judged\n"), dangers.is_empty(), "{out}");
        assert!(err.contains("note: load-balancer could not be judged: no key opens an encrypted service\n"), "{err}");
    }
    run(0, &[&at("backup.db"), "--against", &at("backup.db")]);
}

#[test]
fn no_secret_is_printed() {
    let (a, b) = ("fixtures/kube.db", "fixtures/kube-later.db");
    for format in ["text", "json"] {
        let output = etcdsnap(["impact", a, "--against", b, "-o", format]);
        let out = String::from_utf8(output.stdout).unwrap();
        let secrets = etcdsnap(["get", a, "secrets", "-o", "jsonpath={.items[*].data.*}"]);
        let secrets = String::from_utf8(secrets.stdout).unwrap();
        assert!(secrets.split_whitespace().count() > 1);
        for secret in secrets.split_whitespace().filter(|secret| secret.len() > 5) {
            assert!(!out.contains(secret), "{secret}: {out}");
        }
    }
}
