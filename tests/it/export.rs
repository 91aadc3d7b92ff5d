//! Objects to be applied: what is among the files, what is left out and said, where they may go.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, symlink},
    },
    path::Path,
    process::{Command, Output},
};

use crate::common::{
    etcdsnap,
    tree::{Tree, assert_one_sentence, can_run, ended},
};
use sha2::{Digest as _, Sha256};

const KUBE: &str = "fixtures/kube.db";

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn good(args: &[&str]) -> (String, String) {
    let output = etcdsnap(args);
    let (code, said) = ended(&output);
    assert_eq!(code, Some(0), "{args:?}: {said}");
    (stdout(&output), said)
}

/// It ends with this code and one sentence, prints nothing, and leaves nothing.
#[track_caller]
fn refused(args: &[&str], code: i32, about: &str, dir: &Path) {
    let before = Tree::of(dir);
    let output = etcdsnap(args);
    let (ended, said) = ended(&output);
    assert_eq!((ended, stdout(&output).as_str()), (Some(code), ""), "{args:?}: {said}");
    assert_one_sentence(&said, about);
    assert_eq!(Tree::of(dir), before, "{args:?}");
}

fn files(dir: &Path) -> Vec<String> {
    Tree::of(dir).names().into_iter().map(str::to_owned).collect()
}

#[test]
fn a_folder_in_the_order_that_applies() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("out");
    let (said, err) = good(&["export", KUBE, "--to", to.to_str().unwrap()]);
    assert_eq!(err, "");
    let names = files(&to);
    assert_eq!(names.len(), 30);
    for (n, what) in [
        (0, "0001-namespace-pay.yaml"),
        (2, "0003-customresourcedefinition-widgets.acme.io.yaml"),
        (18, "0019-deployment-shop-web.yaml"),
        (28, "0029-apiservice-v1beta1.metrics.k8s.io.yaml"),
        (29, "MANIFEST"),
    ] {
        assert_eq!(names[n], what);
    }
    assert!(
        said.contains("exported    29 objects") && said.contains("kubectl wait --for=condition=Established"),
        "{said}"
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&to), mode(&to.join("MANIFEST"))), (0o700, 0o600));
    let text: String = names.iter().map(|name| fs::read_to_string(to.join(name)).unwrap()).collect();
    for word in [
        "resourceVersion",
        "uid:",
        "ownerReferences",
        "creationTimestamp",
        "managedFields",
        "last-applied",
        "\nstatus:",
        "s3cr3t",
    ] {
        assert!(!text.contains(word), "{word}");
    }
    // every object is listed, and once
    let manifest = fs::read_to_string(to.join("MANIFEST")).unwrap();
    let left_out = manifest.lines().skip_while(|line| *line != "# left out:").skip(1);
    let told = left_out.inspect(|line| assert!(line.starts_with("# ") && line.contains(": "), "{line}")).count();
    let all = good(&["get", KUBE, "--no-headers"]).0.lines().count();
    assert_eq!(told + 29, all);
    assert!(manifest.starts_with("# fixtures/kube.db at revision 455, by etcdsnap "), "{manifest}");
    assert!(manifest.contains("# secrets shop/plain-secret: secret, or stored encrypted: --reveal exports it\n"));
    if can_run("sha256sum", &["--version"], "a_folder_in_the_order_that_applies") {
        let check =
            || Command::new("sha256sum").args(["--strict", "-c", "MANIFEST"]).current_dir(&to).output().unwrap();
        assert_eq!(stdout(&check()).lines().filter(|line| line.ends_with(": OK")).count(), 29);
        assert!(check().status.success());
        fs::write(to.join(&names[0]), "x").unwrap();
        assert!(!check().status.success());
    }
    // the same again, byte for byte
    let again = dir.path().join("again");
    good(&["export", KUBE, "--to", again.to_str().unwrap(), "--threads", "1"]);
    assert_eq!(fs::read_to_string(again.join("MANIFEST")).unwrap(), manifest);
}

#[test]
fn one_stream() {
    let (one, err) = good(&["export", KUBE, "deploy/web", "-n", "shop", "--to", "-"]);
    assert!(one.starts_with("---\napiVersion: apps/v1\nkind: Deployment\n"), "{one}");
    assert!(err.starts_with("note: needs ") && err.lines().count() == 3, "{err}");
    let (json, _) = good(&["export", KUBE, "cm,svc", "-n", "shop", "--to", "-", "-o", "json"]);
    let values = serde_json::Deserializer::from_str(&json).into_iter::<serde_json::Value>();
    let kinds: Vec<_> = values.map(|value| value.unwrap()["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["ConfigMap", "Service", "Service"]);
    // the Namespace goes along, and what was left out is said
    let (all, err) = good(&["export", KUBE, "-n", "shop", "--to", "-"]);
    assert!(all.starts_with("---\napiVersion: v1\nkind: Namespace\n"), "{all}");
    assert!(
        err.contains("1 secret, or stored encrypted: --reveal exports it\n")
            && err.contains("secrets shop/plain-secret\n"),
        "{err}"
    );
    // selectors select
    let (some, _) =
        good(&["export", KUBE, "pvc", "-l", "app=db", "--field-selector", "metadata.name=data-db-1", "--to", "-"]);
    assert_eq!(some.matches("\nkind: ").count(), 1);
    // what lives in no namespace is not lost for -n, nor is anything there twice
    let (some, _) = good(&["export", KUBE, "crd,widgets,ns", "-n", "shop", "--to", "-", "-o", "json"]);
    let values = serde_json::Deserializer::from_str(&some).into_iter::<serde_json::Value>();
    let kinds: Vec<_> = values.map(|value| value.unwrap()["kind"].as_str().unwrap().to_owned()).collect();
    for kind in ["CustomResourceDefinition", "Widget", "Namespace"] {
        assert!(kinds.iter().any(|have| have == kind), "{kinds:?}");
    }
    let (one, _) = good(&["export", KUBE, "cm/web-cfg", "cm/web-cfg", "-n", "shop", "--to", "-"]);
    assert_eq!(one.matches("\nkind: ").count(), 1);
    // an earlier revision
    let (early, _) = good(&["export", KUBE, "ns", "--rev", "345", "--to", "-"]);
    assert!(!early.is_empty());
}

#[test]
fn secrets_only_when_they_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    refused(&["export", KUBE, "secrets", "--to", "-"], 1, "every object is left out: 1 secret", dir.path());
    let (text, _) = good(&["export", KUBE, "secrets", "--reveal", "--to", "-"]);
    assert!(text.contains("password: czNjcjN0LWJlZm9yZS1lbmNyeXB0aW9u") && !text.contains("last-applied"), "{text}");
    let encrypted = "fixtures/encrypted.db";
    let (text, err) = good(&["export", encrypted, "deploy,cm,secrets", "--to", "-", "--all"]);
    assert!(!text.contains("kind: Secret") && !text.contains("kind: Deployment"), "{text}");
    assert!(err.contains("secrets shop/gcm"), "{err}");
    // with the key it is no less secret
    let keys = ["--encryption-config", "fixtures/encryption.yaml"];
    let deployments = ["export", encrypted, "deploy,secrets", "--to", "-"];
    refused(&[&deployments[..], &keys].concat(), 1, "every object is left out", dir.path());
    let (text, _) = good(&[&deployments[..], &keys, &["--reveal"]].concat());
    assert_eq!(text.matches("\nkind: Secret").count(), 6, "{text}");
    // without a key it cannot be read
    let output = etcdsnap(["export", encrypted, "secrets", "--to", "-", "--reveal"]);
    let (code, said) = ended(&output);
    assert!(code == Some(1) && said.contains("error: secrets shop/cbc: encrypted by aescbc (key key1)"), "{said}");
    assert!(stdout(&output).contains("name: plain\n"));
    // --reveal alone exports nothing that no key opens, and so is not what is missing
    let later = "fixtures/kube-later.db";
    let output = etcdsnap(["export", later, "cm/web-cfg", "svc/web", "-n", "shop", "--to", "-"]);
    let (code, said) = ended(&output);
    let why = "error: configmaps shop/web-cfg: encrypted by aescbc (key cbc1): --encryption-config opens it\n";
    assert!(code == Some(1) && said.contains(why) && !said.contains("--reveal"), "{said}");
    let (_, said) = good(&["export", later, "cm,svc", "-n", "shop", "--to", "-"]);
    let why = "1 encrypted, and no key opens it: --encryption-config with --reveal exports it\n";
    assert!(said.contains(why) && said.contains("  configmaps shop/web-cfg\n"), "{said}");
}

#[test]
fn more_or_less_of_it() {
    let (all, _) = good(&["export", KUBE, "--all", "--to", "-"]);
    assert!(all.matches("\nkind: ").count() > 250 && all.contains("kind: Event\n"), "{}", all.len());
    let (exact, _) = good(&["export", KUBE, "pods", "-n", "shop", "--all", "--exact", "--to", "-"]);
    assert!(exact.contains("  uid: ") && exact.contains("  ownerReferences:"), "{exact}");
    assert!(!exact.contains("resourceVersion") && !exact.contains("\nstatus:"));
    let (exact, _) = good(&["export", KUBE, "svc/web", "-n", "shop", "--exact", "--to", "-"]);
    assert!(exact.contains("clusterIP: 10.96."), "{exact}");
}

#[test]
fn nothing_to_export() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("out");
    let to = to.to_str().unwrap();
    for to in [to, "-"] {
        refused(&["export", KUBE, "gizmos", "--to", to], 1, "no kind \"gizmos\" is known", dir.path());
        let none = ["export", KUBE, "pods", "-n", "none", "--to", to];
        let (code, said) = ended(&etcdsnap(none));
        assert!(code == Some(1) && said.starts_with("note: there is no namespace none at revision 455; "), "{said}");
        assert!(dir.path().read_dir().unwrap().next().is_none());
        refused(&["export", KUBE, "cm/gone", "-n", "shop", "--to", to], 1, "no cm gone in namespace shop", dir.path());
        refused(
            &["export", KUBE, "pods", "-n", "shop", "--to", to],
            1,
            "every object is left out: 5 made by a controller",
            dir.path(),
        );
    }
    let output = etcdsnap(["export", KUBE, "cm", "web-cfg", "gone", "-n", "shop", "--to", to]);
    let (code, said) = ended(&output);
    assert_eq!(code, Some(1));
    assert_one_sentence(&said, "no cm gone in namespace shop");
    assert_eq!(files(dir.path()), ["out", "out/0001-configmap-shop-web-cfg.yaml", "out/MANIFEST"]);
}

#[test]
fn where_it_cannot_go() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("full")).unwrap();
    fs::write(at("full/file"), "").unwrap();
    let line = |to: &str| vec!["export".to_owned(), KUBE.to_owned(), "cm".to_owned(), "--to".to_owned(), to.to_owned()];
    for (to, code, about) in [
        (at("full"), 2, "full: already has files in it"),
        (at("full/file"), 2, "full/file: not a folder"),
        (at("none/out"), 2, "none: no such folder"),
        ("/".into(), 2, "/: it cannot be made"),
        ("/proc/out".into(), 3, "/proc/.out.etcdsnap-export: cannot make"),
    ] {
        let args = line(to.to_str().unwrap());
        refused(&args.iter().map(String::as_str).collect::<Vec<_>>(), code, about, dir.path());
    }
    // a link leads to an empty folder, which keeps its mode
    fs::create_dir(at("empty")).unwrap();
    fs::set_permissions(at("empty"), fs::Permissions::from_mode(0o751)).unwrap();
    symlink(at("empty"), at("link")).unwrap();
    good(&["export", KUBE, "cm", "--to", at("link").to_str().unwrap()]);
    assert_eq!(files(&at("empty")), ["0001-configmap-shop-web-cfg.yaml", "MANIFEST"]);
    assert_eq!(fs::metadata(at("empty")).unwrap().permissions().mode() & 0o777, 0o751);
    assert!(at("link").is_symlink());
}

#[test]
fn a_full_disk() {
    let output = Command::new("sh")
        .args(["-c", &format!("{} export {KUBE} cm --to - > /dev/full", env!("CARGO_BIN_EXE_etcdsnap"))])
        .output()
        .unwrap();
    let (code, said) = ended(&output);
    assert_eq!(code, Some(3), "{said}");
    assert_one_sentence(&said, "cannot write the output");
}

/// A backup that is not good: what can be read is exported, and beside it lies what is wrong.
#[test]
fn into_a_folder_whose_name_is_not_utf8() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join(OsStr::from_bytes(b"out\xff"));
    let run = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(["export", KUBE, "--to"]).arg(&to).output().unwrap();
    assert_eq!(ended(&run), (Some(0), String::new()));
    assert!(to.join("MANIFEST").exists() && fs::read_dir(dir.path()).unwrap().count() == 1);
}

#[test]
fn doubt_lies_beside() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let bytes = fs::read(KUBE).unwrap();
    let image = &bytes[..bytes.len() - 32];
    let mut damaged = image.to_vec();
    let leaf = crate::common::key_leaf(image);
    damaged[leaf..leaf + 16].fill(0);
    fs::write(at("copy"), image).unwrap();
    fs::write(at("damaged"), [&damaged[..], &Sha256::digest(&damaged)].concat()).unwrap();
    fs::write(at("wrong"), [image, &[0; 32]].concat()).unwrap();
    let (to, beside) = (at("out"), at("out.etcdsnap.json"));
    let run = |from: &str| etcdsnap(["export", at(from).to_str().unwrap(), "--to", to.to_str().unwrap()]);
    for (from, code, verdict) in [("damaged", 1, "damaged"), ("wrong", 1, "damaged"), ("copy", 0, "doubtful")] {
        let output = run(from);
        let (ended, said) = ended(&output);
        assert_eq!(ended, Some(code), "{said}");
        assert!(!said.is_empty() && stdout(&output).contains("out.etcdsnap.json"), "{said}");
        let doubt: serde_json::Value = serde_json::from_slice(&fs::read(&beside).unwrap()).unwrap();
        assert_eq!(doubt["verdict"], verdict);
        assert!(files(&to).len() > 10);
        fs::remove_dir_all(&to).unwrap();
        // a stream is verified, too
        let output = etcdsnap(["export", at(from).to_str().unwrap(), "cm", "--to", "-"]);
        let (ended, streamed) = crate::common::tree::ended(&output);
        assert!(ended == Some(code) && stdout(&output).contains("\nkind: ConfigMap\n"), "{from}: {streamed}");
        let found = said.lines().rfind(|line| line.contains("SHA-256") || line.contains("damaged")).unwrap();
        let note = "note: the objects were printed before the verification of the backup ended\n";
        assert!(streamed.contains(found) && streamed.ends_with(note), "{found}: {streamed}");
    }
    // of a good one there is nothing to say, and what was said of another does not stay
    good(&["export", KUBE, "--to", to.to_str().unwrap()]);
    assert!(!beside.exists() && to.exists());
}
