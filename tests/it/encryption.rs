//! Encryption at rest: what a real API server encrypted opens as kubectl printed it; what does not open is reported.

use std::{fs, path::Path, process::Output};

use aes_gcm::{
    Aes256Gcm, KeyInit as _,
    aead::{Aead as _, Payload},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use etcdsnap::{
    etcd::{KeyValue, Range, Snapshot},
    k8s::{Ring, Undecodable, Unopened, Value},
};
use serde_json::json;

use crate::common::tree::fed;

const FILE: &str = "fixtures/encrypted.db";
const CONFIG: &str = "fixtures/encryption.yaml";

fn run(args: &[&str], stdin: &[u8]) -> Output {
    let (output, written) = fed(args, stdin);
    written.unwrap();
    output
}

/// Standard output, standard error, exit code.
fn said(args: &[&str], stdin: &[u8]) -> (String, String, i32) {
    let output = run(args, stdin);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

/// The value stored under a key of the fixture.
fn stored(key: &str) -> Vec<u8> {
    let bytes = fs::read(FILE).unwrap();
    let snapshot = Snapshot::open(&bytes).unwrap();
    snapshot.view(None, &Range::key(key.as_bytes())).unwrap().get(key.as_bytes()).unwrap().value.to_vec()
}

#[test]
fn what_opens_is_what_kubectl_said() {
    for resource in ["secrets", "configmaps", "deployments"] {
        let (out, err, exit) = said(&["get", FILE, resource, "-o", "json", "--encryption-config", CONFIG], b"");
        assert_eq!((err.as_str(), exit), ("", 0));
        assert_eq!(out, fs::read_to_string(format!("fixtures/encrypted.{resource}.json")).unwrap(), "{resource}");
    }
    let (out, err, exit) = said(&["get", FILE, "--encryption-config", CONFIG], b"");
    assert!(exit == 0 && err.is_empty() && !out.contains("encrypted"), "{out}{err}");
    // a key from a pipe leaves nothing on a disk; one object needs the whole keyspace no less
    let args = ["get", FILE, "--key", "/registry/secrets/shop/gcm", "-o", "yaml", "--encryption-config", "/dev/stdin"];
    let (out, err, exit) = said(&args, &fs::read(CONFIG).unwrap());
    assert!(exit == 0 && err.is_empty() && out.contains("user: YWxpY2U=") && !out.contains("kind: List"), "{out}{err}");
}

#[test]
fn without_a_key_values_are_named_and_the_rest_is_shown() {
    let (out, err, exit) = said(&["get", FILE, "secrets", "-n", "shop"], b"");
    assert!(err.is_empty() && exit == 0, "{err}");
    for line in ["box         encrypted by secretbox (key sbx)", "left-over   encrypted by aescbc (key key1)"] {
        assert!(out.contains(line), "{out}");
    }
    let (out, err, exit) = said(&["get", FILE, "secrets", "-n", "shop", "-o", "json"], b"");
    assert_eq!((err.lines().count(), exit), (5, 1), "{err}");
    assert_eq!(err.matches("hint: --encryption-config FILE").count(), 1, "{err}");
    assert!(err.contains("error: /registry/secrets/shop/cbc: encrypted by aescbc (key key1)\n"), "{err}");
    let list: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["metadata"]["name"], "plain");

    let (out, ..) = said(&["status", FILE, "-o", "json"], b"");
    let status: serde_json::Value = serde_json::from_str(&out).unwrap();
    let want = json!({
        "aescbc (key key1)": 2, "aescbc (key maps)": 1, "aesgcm (key 2026 or 2026:q4)": 1, "aesgcm (key apps)": 1,
        "secretbox (key sbx)": 2,
    });
    assert_eq!(status["encryption"], want);
}

#[test]
fn a_wrong_key_is_told_for_each_value_and_the_rest_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("encryption.yaml");
    let good = fs::read_to_string(CONFIG).unwrap();
    // the older of the two keys of one name
    let old = good.split("name: key1, secret: ").nth(2).unwrap().split('}').next().unwrap();
    let wrong = BASE64_STANDARD.encode([9; 32]);
    fs::write(&file, good.replace(old, &wrong)).unwrap();
    let config = file.to_str().unwrap();
    let told = "error: /registry/secrets/shop/left-over: encrypted by aescbc (key key1): the key of that name is not the right one, \
                or the value is damaged or was stored under another etcd key\n";
    let (out, err, exit) = said(&["get", FILE, "secrets", "-o", "json", "--encryption-config", config], b"");
    assert_eq!((err.as_str(), exit), (told, 1));
    let list: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 5);
    let (out, err, exit) = said(&["get", FILE, "secrets", "--encryption-config", config], b"");
    assert_eq!((err.as_str(), exit), (told, 1));
    assert!(out.contains("left-over                encrypted by aescbc (key key1)"), "{out}");

    fs::write(
        &file,
        good.replace(good.split("'2026:q4', secret: ").nth(1).unwrap().split('}').next().unwrap(), &wrong),
    )
    .unwrap();
    let (_, err, _) = said(&["get", FILE, "secret/gcm", "-o", "yaml", "--encryption-config", config], b"");
    assert!(
        err.contains("secrets/shop/gcm: encrypted by aesgcm (key 2026:q4): the key of that name is not the right one"),
        "{err}"
    );

    // a key of the right name for another resource, as the API server has it
    fs::write(&file, good.replace("['configmaps']", "['events']")).unwrap();
    let (_, err, exit) = said(&["get", FILE, "cm/sealed", "-o", "yaml", "--encryption-config", config], b"");
    let told = "the encryption configuration has no such key for configmaps\n";
    assert!(err.ends_with(told) && exit == 1, "{err}");
}

#[test]
fn files_that_hold_no_keys_are_refused_without_their_text() {
    let dir = tempfile::tempdir().unwrap();
    let secret = BASE64_STANDARD.encode([9; 31]);
    let file = dir.path().join("file");
    let name = file.to_str().unwrap();
    let config = |keys| {
        format!("kind: EncryptionConfiguration\nresources: [{{resources: [secrets], providers: [{{aescbc: {keys}}}]}}]")
    };
    for (flag, content, want) in [
        ("--encryption-config", "kind: Pod".to_owned(), "it holds no EncryptionConfiguration"),
        ("--encryption-config", config(format!("{secret}: [")), "neither YAML nor JSON (line "),
        (
            "--encryption-config",
            config(format!("{{keys: {secret}}}")),
            "resources[0].providers[0].aescbc.keys is not a list",
        ),
        (
            "--encryption-config",
            config(format!("{{keys: [{{name: k, secret: {secret}}}]}}")),
            "is 31 bytes, not 16, 24 or 32",
        ),
        ("--kms-keys", format!("plug: [{secret}]"), "plug has a key of 31 bytes"),
        ("--kms-keys", format!("plug: {secret}"), "plug is neither a list of keys nor keys by name"),
    ] {
        fs::write(&file, content).unwrap();
        let (out, err, exit) = said(&["get", FILE, flag, name], b"");
        assert!(exit == 2 && out.is_empty() && err.contains(want) && !err.contains(&secret), "{exit} {err}");
    }
    assert_eq!(said(&["get", FILE, "--kms-keys", "/none"], b"").2, 3);
}

#[test]
fn one_value_is_decoded_by_its_key() {
    for (key, content) in [
        ("/registry/secrets/shop/box", "blob: AAECAwQ="),
        ("/registry/secrets/shop/gcm", "user: YWxpY2U="),
        ("/registry/deployments/shop/web", "image: nginx:1.27"),
    ] {
        let mut value = stored(key);
        value.push(b'\n'); // as etcdctl prints it
        let (out, err, exit) = said(&["decode", "--encryption-config", CONFIG, "--key", key], &value);
        assert!(exit == 0 && out.contains(content), "{out}{err}");
    }
    let gcm = stored("/registry/secrets/shop/gcm");
    let (_, err, exit) = said(&["decode", "--encryption-config", CONFIG], &gcm);
    assert!(exit == 1 && err.contains("hint: aesgcm and kms need --key"), "{err}");
    let (_, err, exit) = said(&["decode"], &gcm);
    assert_eq!((err.lines().next().unwrap(), exit), ("error: stdin: encrypted by aesgcm (key 2026 or 2026:q4)", 1));
    // nothing else is bound to its place
    let (out, ..) = said(&["decode", "--encryption-config", CONFIG], &stored("/registry/secrets/shop/cbc"));
    assert!(out.contains("name: cbc"), "{out}");
}

#[test]
fn a_kms_value_opens_with_its_data_key() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.yaml");
    let (dek, wrapped, key) = ([5; 32], "d3JhcHBlZA==", "/registry/secrets/shop/kms");
    let plain = br#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"kms"}}"#;
    let value = [&b"k8s:enc:kms:v1:aws:kms:\0\x07wrapped"[..], &seal(&dek, key, plain)].concat();
    let get = |config: Option<&str>| {
        let name = file.to_str().unwrap();
        fs::write(&file, config.unwrap_or("{}")).unwrap();
        let args = ["decode", "--key", key, "--kms-keys", name];
        said(if config.is_some() { &args } else { &args[..3] }, &value)
    };
    let dek = BASE64_STANDARD.encode(dek);
    for keys in [format!("aws:kms: [{dek}]"), format!("{{\"aws:kms\": {{\"{wrapped}\": \"{dek}\"}}}}")] {
        let (out, err, exit) = get(Some(&keys));
        assert!(exit == 0 && out.contains("name: kms"), "{err}");
    }
    let (_, err, exit) = get(Some("aws:kms: []"));
    let told = "error: /registry/secrets/shop/kms: encrypted by kms v1 (key aws:kms): its data key is needed, which the \
                KMS encrypted as d3JhcHBlZA== (--kms-keys)\n";
    assert_eq!((err.as_str(), exit), (told, 1));
    assert!(get(None).1.starts_with("error: /registry/secrets/shop/kms: encrypted by kms v1 (key aws or aws:kms)"));
}

/// AES-GCM as the API server does it.
pub fn seal(key: &[u8; 32], etcd_key: &str, plain: &[u8]) -> Vec<u8> {
    let nonce = [3; 12];
    let payload = Payload { msg: plain, aad: etcd_key.as_bytes() };
    let sealed = Aes256Gcm::new(key.into()).encrypt((&nonce).into(), payload).unwrap();
    [&nonce[..], &sealed].concat()
}

pub fn configuration(resource: &str, key: &[u8; 32]) -> String {
    json!({
        "kind": "EncryptionConfiguration", "apiVersion": "apiserver.config.k8s.io/v1",
        "resources": [{"resources": [resource], "providers": [
            {"aesgcm": {"keys": [{"name": "1", "secret": BASE64_STANDARD.encode(key)}]}}, {"identity": {}},
        ]}],
    })
    .to_string()
}

fn tar_gz(path: &Path, files: &[(&str, &str)]) {
    let gzip = flate2::write::GzEncoder::new(fs::File::create(path).unwrap(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
}

/// No OpenShift was at hand: the archive is laid out as `cluster-backup.sh` lays it out, the values are encrypted here
/// as the API servers do it, and the Secret with the second ring has the name that OpenShift's operators give it.
#[test]
fn openshift_s_two_rings_made_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("static_kuberesources_2026-11-21_080000.tar.gz");
    let (old, new, second) = ([1; 32], [2; 32], [3; 32]);
    let path = |n| format!("static-pod-resources/kube-apiserver-pod-{n}/secrets/encryption-config/encryption-config");
    let (nine, ten) = (configuration("secrets", &old), configuration("secrets", &new));
    let broken = r#"{"kind": "EncryptionConfiguration"}"#;
    let other = "static-pod-resources/kube-apiserver-pod-10/configmaps/pod.yaml";
    tar_gz(&file, &[(&path(9), &nine), (&path(10), &ten), (&path(11), broken), (other, "a: [")]);

    let secret = |name: &str, file: &str| {
        let data = BASE64_STANDARD.encode(file);
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"encryption-config": data}});
        object.to_string().into_bytes()
    };
    let sealed = |key: &str, with: &[u8; 32], plain: &[u8]| {
        (key.to_owned(), [&b"k8s:enc:aesgcm:v1:1:"[..], &seal(with, key, plain)].concat())
    };
    let ring_two = "/kubernetes.io/secrets/openshift-config-managed/encryption-config-openshift-apiserver";
    let route = br#"{"apiVersion":"route.openshift.io/v1","kind":"Route","metadata":{"name":"web"}}"#;
    let values = [
        sealed("/kubernetes.io/secrets/shop/left-over", &old, &secret("left-over", "")),
        sealed(ring_two, &new, &secret("r", &configuration("routes.route.openshift.io", &second))),
        sealed("/openshift.io/routes/shop/web", &second, route),
    ];
    let records = || values.iter().map(|(key, value)| KeyValue { key: key.as_bytes(), value, ..KeyValue::default() });

    let mut ring = Ring::read(Some(&file), None).unwrap();
    let name = |ring: &Ring, (key, value): &(String, Vec<u8>)| {
        let object = ring.object(key.as_bytes(), value)?;
        assert!(object.encrypted);
        Ok::<_, Undecodable>(object.name().to_owned())
    };
    assert_eq!(name(&ring, &values[0]).unwrap(), "left-over");
    let why = name(&ring, &values[2]).unwrap_err();
    assert!(matches!(&why, Undecodable::Unopened { why: Unopened::NoKey { .. }, .. }), "{why}");
    ring.learn(records());
    assert_eq!(name(&ring, &values[2]).unwrap(), "web");
    // the Secret itself, saved by `kubectl get -o json`, will do as well
    fs::write(&file, secret("r", &configuration("routes.route.openshift.io", &second))).unwrap();
    assert_eq!(name(&Ring::read(Some(&file), None).unwrap(), &values[2]).unwrap(), "web");
    // without a key the snapshot's own are not looked for
    let mut none = Ring::default();
    none.learn(records());
    assert!(matches!(none.object(values[0].0.as_bytes(), &values[0].1), Err(Undecodable::Encrypted(_))));
    let plain = none.object(b"/registry/secrets/a/b", br#"{"kind":"Secret"}"#).unwrap();
    assert_eq!((plain.value.get("kind").and_then(Value::as_str), plain.encrypted), (Some("Secret"), false));
}
