use super::*;
use crate::{
    etcd::KeyValue,
    k8s::{Value, decode},
    proto::Writer,
};

fn redactor(also: Also) -> Redactor {
    Redactor::with_key([7; 32], also, &KnownNames::default())
}

fn redacted(also: Also, key: &str, value: &[u8]) -> (String, Vec<u8>, Counts) {
    let redactor = redactor(also);
    let kv = KeyValue { key: key.as_bytes(), create_revision: 2, mod_revision: 3, version: 1, value, lease: 0 };
    let message = kv.encode();
    let new = redactor.record(&message).unwrap_or_else(|| message.clone());
    let kv = KeyValue::decode(&new).unwrap();
    assert_eq!((new.len(), kv.value.len(), kv.version), (message.len(), value.len(), 1));
    (String::from_utf8(kv.key.to_vec()).unwrap(), kv.value.to_vec(), redactor.counts())
}

fn text(also: Also, key: &str, value: &str) -> String {
    let (_, new, _) = redacted(also, key, value.as_bytes());
    decode(&new).unwrap();
    String::from_utf8(new).unwrap()
}

const NONE: Also = Also { configmaps: false, env: false, annotations: false, names: false };
const ALL: Also = Also { configmaps: true, env: true, annotations: true, names: true };

#[test]
fn a_secret_in_json_and_in_protobuf() {
    let json = r#"{"apiVersion":"v1","kind":"Secret","d\u0061ta":{"a":"aHVudGVyMg==","b":"not base64"},"metadata":{"name":"db","annotations":{"note":"kept","kubectl.kubernetes.io/last-applied-configuration":"{\"data\":\"hunter2\"}\n"}},"stringData":{"c":"hunter2"},"type":"Opaque","new":["hunter2",7]}"#;
    let new = text(NONE, "/registry/secrets/shop/db", json);
    assert!(!new.contains("hunter2") && !new.contains("aHVud") && !new.contains("not base64"), "{new}");
    assert!(new.contains(r#""note":"kept""#) && new.contains(r#""type":"Opaque""#) && new.contains(r#""name":"db""#));
    assert_eq!(decode(new.as_bytes()).unwrap().data_sizes(), decode(json.as_bytes()).unwrap().data_sizes());
    // whatever its key is
    assert!(!text(NONE, "/elsewhere/secret", json).contains("hunter2"));

    let secret =
        b"k8s\0\x0a\x0c\x0a\x02v1\x12\x06Secret\x12\x14\x0a\x04\x0a\x02db\x12\x0c\x0a\x01a\x12\x07hunter2\x1a\0\"\0";
    let (_, new, counts) = redacted(NONE, "/registry/secrets/shop/db", secret);
    let object = decode(&new).unwrap();
    assert_eq!(object.value.at(&["data", "a"]), Some(&Value::Bytes(b"xxxxxxx".as_slice().into())));
    assert_eq!((object.name(), counts.each().collect::<Vec<_>>()), ("db", vec![(Hidden::SecretData, 1, 7)]));
    // what cannot be read is replaced as a whole
    let (_, new, counts) = redacted(NONE, "/registry/secrets/shop/db", b"k8s\0\x0a\xffhunter2");
    assert!(new.iter().all(|byte| *byte == b'x') && counts.each().any(|(what, ..)| what == Hidden::Unreadable));
    for broken in ["{\"data\":{\"a\":\"hunter2", "hunter2", "{\"kind\":\"Secret\",\"data\":hunter2}}"] {
        let (_, new, _) = redacted(NONE, "/registry/secrets/shop/db", broken.as_bytes());
        assert!(!String::from_utf8(new).unwrap().contains("hunter2"), "{broken}");
    }
}

#[test]
fn base64_keeps_its_padding_and_decodes() {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    for len in 0..9 {
        let old = BASE64_STANDARD.encode(vec![b'z'; len]);
        let new = BASE64_STANDARD.decode(fill::filled(old.as_bytes(), Form::Base64)).unwrap();
        assert_eq!(new, vec![b'x'; len]);
    }
}

#[test]
fn tokens_have_another_name_everywhere() {
    let name = "sha256~abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE";
    let token =
        format!(r#"{{"kind":"OAuthAccessToken","metadata":{{"name":"{name}","uid":"u-1"}},"refreshToken":"r3fresh"}}"#);
    let (key, new, _) = redacted(NONE, &format!("/openshift.io/oauth/accesstokens/{name}"), token.as_bytes());
    let new = String::from_utf8(new).unwrap();
    assert!(!key.contains("abcdef") && !new.contains("abcdef") && !new.contains("r3fresh") && new.contains("u-1"));
    let other = key.rsplit('/').next().unwrap();
    assert!(other.starts_with("sha256~") && new.contains(other), "{key} {new}");
    let event = format!(
        r#"{{"kind":"Event","involvedObject":{{"kind":"OAuthAccessToken","name":"{name}"}},"metadata":{{"name":"{name}.17"}}}}"#
    );
    let (_, new, _) = redacted(NONE, &format!("/registry/events/default/{name}.17"), event.as_bytes());
    assert!(String::from_utf8(new).unwrap().contains(other));
    // older ones have no mark
    let old = r#"{"kind":"OAuthAccessToken","metadata":{"name":"oldtoken1","selfLink":"/x/oldtoken1"}}"#;
    let (key, new, _) = redacted(NONE, "/openshift.io/oauth/accesstokens/oldtoken1", old.as_bytes());
    assert!(!key.contains("oldtoken1") && !String::from_utf8(new).unwrap().contains("oldtoken1"));
}

#[test]
fn keys_and_signed_tokens_are_found_in_any_object() {
    let pem = "-----BEGIN RSA PRIVATE KEY-----\\nMIIEowIBAAKC\\u003dAQEA+x/y\\n-----END RSA PRIVATE KEY-----\\n";
    let jwt = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ing.eyJpc3MiOiJrdWJlcm5ldGVzIn0xyz.c2lnbmF0dXJlLXNpZ25hdHVyZQ";
    let kubeconfig =
        "client-key-data: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUUKLS0tLS1FTkQgUFJJVkFURSBLRVktLS0tLQo=";
    let map = format!(
        r#"{{"kind":"ConfigMap","data":{{"pem":"{pem}","jwt":"{jwt}","config":"{kubeconfig}","other":"kept"}}}}"#
    );
    let new = text(NONE, "/registry/configmaps/a/b", &map);
    for gone in ["MIIE", "AKC", "AQEA", "eyJhbGci", "c2lnbmF0", "TUlJRQ", "QUklWQVRF"] {
        assert!(!new.contains(gone), "{gone}: {new}");
    }
    assert!(
        new.contains(r"-----BEGIN RSA PRIVATE KEY-----\nx") && new.contains(r"\n-----END RSA") && new.contains("kept")
    );
    assert!(new.contains(r"\u003d"), "{new}");
    let certificate = "-----BEGIN CERTIFICATE-----\\nMIIEowIBAAKC\\n-----END CERTIFICATE-----";
    assert!(text(NONE, "/registry/configmaps/a/b", &format!(r#"{{"a":"{certificate}"}}"#)).contains("MIIEowIBAAKC"));
}

#[test]
fn more_is_replaced_when_it_is_asked_for() {
    let map = r#"{"kind":"ConfigMap","data":{"a":"hunter2"},"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"hunter2","b":"note"},"name":"m"}}"#;
    let key = "/registry/configmaps/a/m";
    assert_eq!(text(NONE, key, map), map);
    let new = text(Also { configmaps: true, ..NONE }, key, map);
    assert!(!new.contains("hunter2") && new.contains(r#""b":"note""#), "{new}");
    let new = text(Also { annotations: true, ..NONE }, key, map);
    assert!(new.contains(r#""a":"hunter2""#) && !new.contains("note"), "{new}");
    let pod = r#"{"kind":"Widget","spec":{"template":{"containers":[{"env":[{"name":"N","value":"hunter2"},{"name":"M","valueFrom":{"secretKeyRef":{"name":"s"}}}]}]}}}"#;
    let key = "/registry/acme.io/widgets/a/b";
    assert_eq!(text(NONE, key, pod), pod);
    let new = text(Also { env: true, ..NONE }, key, pod);
    assert!(!new.contains("hunter2") && new.contains(r#"{"name":"N","#) && new.contains(r#"{"name":"s"}"#), "{new}");
}

#[test]
fn names_are_others_in_keys_and_values() {
    let mut known = KnownNames::default();
    for key in [
        "/registry/deployments/shop/web",
        "/registry/pods/shop/web-5f-x1",
        "/registry/minions/cp1.acme.com",
        "/registry/cronjobs/shop/kube-hr",
        "/registry/configmaps/shop/kube-root-ca.crt",
    ] {
        known.learn(key.as_bytes());
    }
    let redactor = Redactor::with_key([7; 32], Also { names: true, ..NONE }, &known);
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-5f-x1","namespace":"shop","labels":{"app":"web","web":"b","type":"shop.web"},"managedFields":[{"fieldsV1":{"k:{\"name\":\"web\"}":{}}}],"generateName":"web-5f-","ownerReferences":[{"kind":"web","name":"web"}]},"spec":{"nodeName":"cp1.acme.com","args":["--to=web.shop.svc:80","\nweb","kube-hr kube-root-ca.crt"]}}"#;
    let kv = KeyValue { key: b"/registry/pods/shop/web-5f-x1", value: pod.as_bytes(), ..KeyValue::default() };
    let new = redactor.record(&kv.encode()).unwrap();
    let kv = KeyValue::decode(&new).unwrap();
    let (key, new) = (str::from_utf8(kv.key).unwrap(), str::from_utf8(kv.value).unwrap());
    let (start, name) = key.rsplit_once('/').unwrap();
    let namespace = start.strip_prefix("/registry/pods/").unwrap();
    assert!(name != "web-5f-x1" && namespace != "shop" && new.len() == pod.len(), "{key}");
    for part in [
        &format!(r#""name":"{name}","namespace":"{namespace}""#),
        // a label's name stays, and so does the kind
        r#""web":"b""#,
        r#""kind":"web""#,
        r#""generateName":"web-5f-""#,
        &format!(".{namespace}.svc:80"),
        ".com",
        " kube-root-ca.crt",
    ] {
        assert!(new.contains(part), "{part}: {new}");
    }
    for gone in ["web.shop", "shop.web", "kube-hr", "cp1", "acme", r"\nweb", r#"\"web\""#, r#""app":"web""#] {
        assert!(!new.contains(gone), "{gone}: {new}");
    }
    let again = redactor.record(b"\x0a\x1e/registry/deployments/shop/web").unwrap();
    assert!(str::from_utf8(&again).unwrap().contains(&format!("/{namespace}/")), "{again:?}");
}

#[test]
fn cbor_and_other_values() {
    // {"kind": "Secret", "data": {"a": 22(h'hunter2'), "b": (_ h'hun', h'ter2')}}
    let cbor = b"\xd9\xd9\xf7\xa2\x44kind\x46Secret\x44data\xa2\x41a\xd6\x47hunter2\x41b\x5f\x43hun\x44ter2\xff";
    let (_, new, _) = redacted(NONE, "/registry/secrets/a/b", cbor);
    let object = decode(&new).unwrap();
    assert_eq!(object.value.at(&["data", "a"]), Some(&Value::Bytes(b"xxxxxxx".as_slice().into())));
    assert_eq!(object.value.at(&["data", "b"]).and_then(Value::as_str), Some("xxxxxxx"));
    let (_, new, _) = redacted(NONE, "/registry/secrets/a/b", b"k8s:enc:aescbc:v1:key1:secret bytes");
    assert_eq!(new, b"k8s:enc:aescbc:v1:key1:xxxxxxxxxxxx");
    let (_, new, _) = redacted(NONE, "/bootstrap/ab12", b"hunter2");
    assert_eq!(new, b"xxxxxxx");
    let (_, new, counts) = redacted(ALL, "compact_rev_key", b"17");
    assert_eq!((new.as_slice(), counts.kept_not_of_kubernetes()), (&b"17"[..], 0));
    let (_, new, counts) = redacted(ALL, "/my/app", b"17");
    assert_eq!((new.as_slice(), counts.kept_not_of_kubernetes()), (&b"17"[..], 1));
    let user = Writer::new().bytes(1, b"root").bytes(2, b"$2a$10$abcdef").bytes(3, b"admin").finish();
    let new = redactor(NONE).user(&user);
    assert_eq!(new, Writer::new().bytes(1, b"root").bytes(2, b"xxxxxxxxxxxxx").bytes(3, b"admin").finish());
}

proptest::proptest! {
    #[test]
    fn no_bytes_change_the_length(key in ".{0,20}", value in proptest::collection::vec(0_u8..=255, 0..200), at in 0_usize..6) {
        let start: &[u8] = [&b""[..], b"{\"data\":", b"k8s\0", b"\xd9\xd9\xf7", b"k8s:enc:aescbc:v1:", b"-----BEGIN PRIVATE KEY-----"][at];
        let value = [start, &value].concat();
        for key in [key.as_str(), "/registry/secrets/a/b", "/registry/configmaps/a/b", "/openshift.io/oauth/clients/c"] {
            redacted(ALL, key, &value);
        }
        let _ = redactor(ALL).record(&value).is_none_or(|new| { assert_eq!(new.len(), value.len()); true });
    }
}
