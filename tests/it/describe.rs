//! Objects in full, with their families and Events; secrets masked.

use std::process::Command;

use crate::common::{Etcd, Peers, etcdsnap, made};

fn describe(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).arg("describe").args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_family_is_shown_from_each_of_its_members() {
    let (code, web, _) = describe(&["fixtures/kube.db", "deploy/web", "-n", "shop"]);
    assert_eq!(code, 0);
    assert!(
        web.contains("Owns:         replicaset.apps/web-546f5ff66b\n                pod/web-546f5ff66b-fj4ch\n"),
        "{web}"
    );
    assert!(web.contains("ScalingReplicaSet") && web.contains("\n  replicas: 3\n"), "{web}");
    let (_, pod, _) = describe(&["fixtures/kube.db", "pod", "web-546f5ff66b-fj4ch", "-n", "shop"]);
    assert!(
        pod.contains("Owned by:     replicaset.apps/web-546f5ff66b\n                deployment.apps/web\n"),
        "{pod}"
    );
}

#[test]
fn secrets_are_masked_unless_they_are_asked_for() {
    let (_, masked, _) = describe(&["fixtures/kube.db", "secret/plain-secret", "-n", "shop"]);
    assert!(masked.contains("  password:   24 bytes   masked:") && !masked.contains("last-applied"), "{masked}");
    let (_, shown, _) = describe(&["fixtures/kube.db", "secret/plain-secret", "-n", "shop", "--reveal"]);
    assert!(shown.contains("  password:   24 bytes   ") && !shown.contains("masked:"), "{shown}");
    let args = ["fixtures/encrypted.db", "secrets"];
    let (code, open, said) = describe(&args);
    assert!(
        code == 1 && said.contains("encrypted by aescbc (key key1)") && open.contains("Name:         plain\n"),
        "{said}"
    );
    let (code, open, said) = describe(&[&args[..], &["--encryption-config", "fixtures/encryption.yaml"]].concat());
    assert!(code == 0 && open.contains("Name:         box\n") && open.contains("masked:"), "{said}");
}

/// An object that cannot be opened does not show its owners.
#[test]
fn relatives_that_cannot_be_opened_are_counted() {
    let args = ["fixtures/encrypted.db", "apiservice/v1.apps"];
    let (code, shown, said) = describe(&args);
    assert!(code == 0 && shown.contains("Name:         v1.apps\n"), "{said}");
    assert!(said.contains("objects cannot be opened, and may be missing under \"Owned by\" and \"Owns\""), "{said}");
    let (code, _, said) = describe(&[&args[..], &["--encryption-config", "fixtures/encryption.yaml"]].concat());
    assert_eq!((code, said.as_str()), (0, ""));
}

/// As kubectl users type it, and over -n, as there.
#[test]
fn all_namespaces_is_taken_everywhere() {
    let of = |words: &[&str], more: &[&str]| {
        let output = etcdsnap([words, more].concat());
        (output.status.code(), output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    for words in [
        &["describe", "fixtures/kube.db", "pods"][..],
        &["history", "fixtures/kube.db", "pod/db-0"],
        &["timeline", "fixtures/kube.db", "pods"],
        &["diff", "fixtures/kube.db", "fixtures/kube-later.db", "pods"],
    ] {
        let all = of(words, &[]);
        assert!(!all.1.is_empty(), "{words:?}: {}", all.2);
        assert_eq!(of(words, &["-A"]), all, "{words:?}");
        assert_eq!(of(words, &["-n", "pay", "--all-namespaces"]), all, "{words:?}");
    }
}

#[test]
fn a_prefix_keeps_to_one_api_server() {
    let of = |prefix: &str| {
        let args = ["get", "fixtures/kube.db", "pods", "--prefix", prefix, "--no-headers"];
        let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
        (output.status.code().unwrap(), output.stdout.split(|b| *b == b'\n').count())
    };
    assert_eq!(of("/registry"), of("registry/"));
    assert!(of("/registry").1 > 5);
    assert_eq!(of("/kubernetes.io").1, 1);
    let (code, _, said) = describe(&["fixtures/kube.db", "deploy/web", "--prefix", "/other"]);
    assert!(code == 1 && said.contains("there is no such object"), "{said}");
}

#[test]
fn what_is_not_there_is_told() {
    let (code, _, said) = describe(&["fixtures/kube.db", "pod/none"]);
    assert!(code == 1 && said.contains("there is no such object"), "{said}");
    let (code, shown, said) = describe(&["fixtures/kube.db", "pod", "db-0", "none", "-n", "shop"]);
    assert!(code == 1 && shown.contains("Name:         db-0\n"), "{shown}");
    assert!(said.contains("no pod none in namespace shop at revision"), "{said}");
}

#[test]
fn a_node_has_pods_and_what_cannot_be_read_is_reported() {
    let (code, node, said) = describe(&["fixtures/kube.db", "node/node-a"]);
    assert!(code == 0 && said.is_empty(), "{said}");
    assert!(node.contains("\nNon-terminated Pods: (0 in total)\nAllocated resources: "), "{node}");
    assert!(node.contains("\n  ephemeral-storage   0 (0%)     0 (0%)\n"), "{node}");
    let Some(peers) = Peers::find("a_node_has_pods_and_what_cannot_be_read_is_reported") else { return };
    let etcd = Etcd::start(&peers, "36");
    let node = r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"},"status":{"capacity":{"cpu":"2"}}}"#;
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"s"},"spec":{"nodeName":"n",
        "containers":[{"name":"c","resources":{"requests":{"cpu":"500m"}}}]}}"#;
    let sealed = "k8s:enc:aescbc:v1:lost:....";
    for (key, value) in [("minions/n", node), ("pods/s/p", pod), ("pods/s/q", sealed), ("events/default/e", sealed)] {
        etcd.ctl(&["put", &format!("/registry/{key}"), value]);
    }
    let dir = tempfile::tempdir().unwrap();
    let saved = dir.path().join("saved.db").display().to_string();
    etcd.ctl(&["snapshot", "save", &saved]);
    let (code, node, said) = describe(&[&saved, "node/n"]);
    assert!(node.contains("  s           p      500m (25%)     0 (0%)"), "{node}");
    assert!(said.contains("error: 1 Pod cannot be read") && said.contains("error: 1 Event cannot be read"), "{said}");
    assert_eq!(code, 1);
}

/// Two thousand objects and eight thousand Events: each Event is read once, and not once for each object.
#[test]
fn events_are_not_read_again_for_each_object() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("many.db");
    let object = |n: usize| {
        let text = format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"w{n:05}","namespace":"default","uid":"u{n}"}}}}"#
        );
        (format!("/registry/configmaps/default/w{n:05}"), text)
    };
    let event = |n: usize| {
        let about = if n.is_multiple_of(2) {
            format!(r#""uid":"u{}""#, n % 2000)
        } else {
            format!(r#""kind":"ConfigMap","name":"w{:05}""#, n % 2000)
        };
        let text = format!(
            r#"{{"apiVersion":"v1","kind":"Event","metadata":{{"name":"e{n:05}","namespace":"default"}},"involvedObject":{{{about}}},"message":"m{n:05}"}}"#
        );
        (format!("/registry/events/default/e{n:05}"), text)
    };
    let all: Vec<_> = (0..2000).map(object).chain((0..8000).map(event)).collect();
    let keys: Vec<_> = all.iter().map(|(key, text)| (key.as_bytes(), text.clone().into_bytes())).collect();
    made::snapshot(&file, &keys);
    let output = Command::new("timeout")
        .args(["20", env!("CARGO_BIN_EXE_etcdsnap"), "describe", file.to_str().unwrap(), "cm"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{} {}", output.status, String::from_utf8_lossy(&output.stderr));
    // each Event is about one object, by its uid or its name
    let mut seen: Vec<_> =
        text.lines().filter_map(|line| line.rsplit(' ').next()).filter(|word| word.starts_with('m')).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..8000).map(|n| format!("m{n:05}")).collect::<Vec<_>>());
}
