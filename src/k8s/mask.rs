//! Secrets, and the masks that are shown instead.
//!
//! A mask is the beginning of an HMAC under a key of the run: equal secrets have equal masks, so that a change shows,
//! and without the key a mask reveals nothing. It has a `:`, so it is not valid base64 and cannot be applied by
//! mistake.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    json,
    key::{Key, ObjectKey},
    object::Object,
    value::{Map, Value},
};
use crate::{
    Error, Result,
    hash::{hex, hmac_sha256, random},
};

/// Annotations of a Secret that repeat its content: the manifest of `kubectl apply`, and the token that OpenShift
/// stores beside a registry's password.
pub(super) const REPEATS: [&str; 2] =
    ["kubectl.kubernetes.io/last-applied-configuration", "openshift.io/token-secret.value"];

/// Hides secrets, or shows them (`--reveal`). One for all inputs of a run.
pub struct Mask {
    key: Option<Vec<u8>>,
    /// Whether a mask of bytes is in base64 as bytes are, for clients that decode it.
    base64: bool,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.key.is_some() { "Mask" } else { "Mask (reveals)" })
    }
}

/// The secret part of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    Nothing,
    /// A Secret: its content, and annotations that repeat it.
    Secret,
    /// Everything but its identity.
    All,
    /// Everything and the name: an OAuth token's name is the token, or a hash of it.
    Token,
}

impl Secrecy {
    fn of(key: &Key<'_>, object: &Object<'_>) -> Self {
        let resource = key.object().map(|object| object.resource.as_ref()).unwrap_or_default();
        match object.kind() {
            kind if is_token_kind(kind) || key.object().is_some_and(is_secret_name) => Self::Token,
            _ if object.encrypted && object.kind() != "Secret" => Self::All,
            "OAuthClient" => Self::All,
            "Secret" => Self::Secret,
            _ if resource == "secrets" => Self::Secret,
            _ => Self::Nothing,
        }
    }
}

/// Whether k3s and RKE2 store the bootstrap data of their servers under a key.
#[must_use]
pub(crate) fn is_bootstrap(etcd_key: &[u8]) -> bool {
    matches!(Key::new(etcd_key), Key::Bootstrap(_))
}

fn is_token(resource: &str) -> bool {
    matches!(resource, "oauthaccesstokens" | "oauthauthorizetokens")
}

fn is_token_kind(kind: &str) -> bool {
    ["OAuthAccessToken", "OAuthAuthorizeToken"].iter().any(|token| token.eq_ignore_ascii_case(kind))
}

/// Whether the name at the end of a key is a secret: that of a token, or of an Event about one.
pub(super) fn is_secret_name(key: &ObjectKey<'_>) -> bool {
    is_token(&key.resource) || key.resource == "events" && key.name.starts_with(HASHED)
}

/// Begins the name of a token since OpenShift 4.6.
const HASHED: &str = "sha256~";

/// The fields with which an Event says what it is about.
const ABOUT: [&str; 2] = ["involvedObject", "regarding"];

/// Whether one of an object's owners is a token, or what an Event is about.
fn refers_to_token(object: &Object<'_>) -> bool {
    let owners = object.value.at(&["metadata", "ownerReferences"]).and_then(Value::as_list).unwrap_or_default();
    let about = ABOUT.iter().filter_map(|field| object.value.get(field));
    owners.iter().chain(about).any(is_token_reference)
}

fn is_token_reference(reference: &Value<'_>) -> bool {
    reference.get("kind").and_then(Value::as_str).is_some_and(is_token_kind)
}

/// A key of etcd as messages have it: without the object's name, where that is a secret.
#[must_use]
pub fn key_for_messages(etcd_key: &[u8]) -> Cow<'_, [u8]> {
    match Key::new(etcd_key) {
        Key::Object(key) if is_secret_name(&key) => Cow::Owned(with_name(etcd_key, &key, "masked")),
        _ => Cow::Borrowed(etcd_key),
    }
}

/// The key with another name at its end.
fn with_name(etcd_key: &[u8], key: &ObjectKey<'_>, name: &str) -> Vec<u8> {
    let end = etcd_key.len().saturating_sub(key.name.len());
    [etcd_key.get(..end).unwrap_or_default(), name.as_bytes()].concat()
}

impl Mask {
    /// A mask with a random key: its masks can be compared with each other, but not with those of another run.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> Result<Self> {
        Ok(Self { key: Some(random::<32>()?.to_vec()), base64: false })
    }

    /// A mask with the bytes of the file at `path` as key: runs with the same file can be compared.
    ///
    /// # Errors
    /// When the file cannot be read, or is too short for a secret key.
    pub fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let mut key = Vec::new();
        let read = File::open(path).and_then(|opened| opened.take(1 << 20).read_to_end(&mut key));
        read.map_err(|source| io_error(&file, source))?;
        if key.len() < 16 {
            let what = format!("{file}: a key for masks has at least 16 bytes, this one has {}", key.len());
            return Err(Error::usage(what).hinted("head -c 32 /dev/urandom > FILE makes one"));
        }
        Ok(Self { key: Some(key), base64: false })
    }

    /// A mask that hides nothing.
    #[must_use]
    pub fn reveal() -> Self {
        Self { key: None, base64: false }
    }

    /// Whether the mask hides nothing.
    #[must_use]
    pub fn reveals(&self) -> bool {
        self.key.is_none()
    }

    /// The same with masks of bytes in base64, so that a client can decode the object that has them. Such a mask can be
    /// applied by mistake: it is for an API that takes no objects.
    #[must_use]
    pub fn in_base64(self) -> Self {
        Self { base64: true, ..self }
    }

    /// Whether something is secret in an object, and to be masked.
    #[must_use]
    pub(crate) fn hides(&self, key: &Key<'_>, object: &Object<'_>) -> bool {
        self.key.is_some() && (Secrecy::of(key, object) != Secrecy::Nothing || refers_to_token(object))
    }

    /// Whether a sum of a stored value would help to guess a secret: one that is stored in clear text. `object` is what
    /// the value holds, if it can be read.
    #[must_use]
    pub(crate) fn hides_value(&self, key: &Key<'_>, value: &[u8], object: Option<&Object<'_>>) -> bool {
        if self.key.is_none() || super::is_encrypted(value) {
            return false;
        }
        let resource = key.object().map(|object| object.resource.as_ref()).unwrap_or_default();
        let by_key = matches!(resource, "secrets" | "oauthclients") || is_token(resource);
        by_key || matches!(key, Key::Bootstrap(_)) || object.is_some_and(|object| self.hides(key, object))
    }

    /// Masks what is secret in an object, and returns whether anything was.
    pub fn object(&self, key: &Key<'_>, object: &mut Object<'_>) -> bool {
        let secrecy = Secrecy::of(key, object);
        let refers = self.references(object);
        if self.key.is_none() || secrecy == Secrecy::Nothing {
            return refers;
        }
        let Some(root) = object.value.as_object_mut() else { return false };
        for (name, value) in root.entries() {
            match (name.as_ref(), secrecy) {
                ("apiVersion" | "kind", _) => {}
                ("metadata", _) => self.metadata(value, secrecy),
                ("data" | "stringData", Secrecy::Secret) => self.content(value, name == "data"),
                ("type" | "immutable", Secrecy::Secret) => {}
                _ => self.all(value),
            }
        }
        true
    }

    /// Masks an object's name, where it is a secret itself.
    #[must_use]
    pub(crate) fn name<'k>(&self, key: &ObjectKey<'k>) -> Cow<'k, str> {
        if is_secret_name(key) { self.text(key.name) } else { Cow::Borrowed(key.name) }
    }

    /// Masks the `name` of an object of `kind` under a key, where it is a secret itself.
    #[must_use]
    pub fn name_of<'n>(&self, key: &Key<'_>, kind: &str, name: &'n str) -> Cow<'n, str> {
        if is_token_kind(kind) || key.object().is_some_and(is_secret_name) {
            self.text(name)
        } else {
            Cow::Borrowed(name)
        }
    }

    /// Masks an object whose name is a secret itself, and such names in others, which else stay as they are.
    pub fn named(&self, key: &Key<'_>, object: &mut Object<'_>) {
        if Secrecy::of(key, object) == Secrecy::Token {
            self.object(key, object);
        } else {
            self.references(object);
        }
    }

    /// Masks the names of tokens that an object refers to, and returns whether there were any.
    fn references(&self, object: &mut Object<'_>) -> bool {
        if self.key.is_none() || !refers_to_token(object) {
            return false;
        }
        let root = object.value.as_object_mut().into_iter().flat_map(Map::entries);
        for (name, value) in root {
            match name.as_ref() {
                "metadata" => {
                    let owners = value.as_object_mut().and_then(|metadata| metadata.get_mut("ownerReferences"));
                    if let Some(Value::List(owners)) = owners {
                        owners.iter_mut().for_each(|owner| self.reference(owner));
                    }
                }
                name if ABOUT.contains(&name) => self.reference(value),
                _ => {}
            }
        }
        true
    }

    /// Masks the name in a reference to a token.
    fn reference(&self, reference: &mut Value<'_>) {
        if is_token_reference(reference)
            && let Some(name) = reference.as_object_mut().and_then(|reference| reference.get_mut("name"))
        {
            self.all(name);
        }
    }

    /// Masks the object's name at the end of a key of etcd, where it is a secret.
    #[must_use]
    pub fn key<'k>(&self, etcd_key: &'k [u8]) -> Cow<'k, [u8]> {
        match Key::new(etcd_key) {
            Key::Object(key) if self.key.is_some() && is_secret_name(&key) => {
                Cow::Owned(with_name(etcd_key, &key, &self.name(&key)))
            }
            _ => Cow::Borrowed(etcd_key),
        }
    }

    /// Masks the value of a key that holds no object: the bootstrap data of k3s and RKE2, and encrypted values that
    /// cannot be decrypted.
    #[must_use]
    pub fn value<'v>(&self, etcd_key: &[u8], value: &'v [u8]) -> Cow<'v, [u8]> {
        let secret = is_bootstrap(etcd_key) || super::is_encrypted(value);
        match self.bytes(value) {
            Some(mask) if secret => Cow::Owned(mask.into_bytes()),
            _ => Cow::Borrowed(value),
        }
    }

    /// Masks any other secret, such as a password's hash; `None` when it is to be shown.
    #[must_use]
    pub fn bytes(&self, secret: &[u8]) -> Option<String> {
        let key = self.key.as_deref()?;
        let mac = hmac_sha256(key, &[secret]);
        Some(format!("masked:{}", hex(mac.first_chunk::<4>().unwrap_or(&[0; 4]))))
    }

    fn text<'t>(&self, secret: &'t str) -> Cow<'t, str> {
        self.bytes(secret.as_bytes()).map_or(Cow::Borrowed(secret), Cow::Owned)
    }

    fn metadata(&self, metadata: &mut Value<'_>, secrecy: Secrecy) {
        let Some(metadata) = metadata.as_object_mut() else { return };
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            let repeats = |name: &str| secrecy != Secrecy::Secret || REPEATS.contains(&name);
            annotations.entries().iter_mut().filter(|(name, _)| repeats(name)).for_each(|(_, value)| self.all(value));
        }
        // the items of sets are names in fieldsV1
        if secrecy != Secrecy::Secret
            && let Some(Value::List(managed)) = metadata.get_mut("managedFields")
        {
            for fields in managed.iter_mut().filter_map(|entry| entry.as_object_mut()?.get_mut("fieldsV1")) {
                if let Some(mask) = self.bytes(fields.to_json().as_bytes()) {
                    *fields = Value::Str(Cow::Owned(mask));
                }
            }
        }
        if secrecy == Secrecy::Token {
            for name in ["name", "selfLink"] {
                if let Some(value) = metadata.get_mut(name) {
                    self.all(value);
                }
            }
        }
    }

    /// Masks a Secret's content, value by value; `data` is base64 where it was stored as JSON.
    fn content(&self, value: &mut Value<'_>, base64: bool) {
        let Some(map) = value.as_object_mut() else { return self.all(value) };
        for (_, value) in map.entries() {
            if base64
                && let Value::Str(text) = value
                && let Ok(bytes) = BASE64_STANDARD.decode(text.as_bytes())
            {
                *value = Value::Bytes(Cow::Owned(bytes));
            }
            self.all(value);
        }
    }

    /// Masks every value in a tree; names are kept.
    fn all(&self, value: &mut Value<'_>) {
        let is_bytes = matches!(value, Value::Bytes(_));
        let mask = match value {
            Value::Null => None,
            Value::List(list) => {
                list.iter_mut().for_each(|value| self.all(value));
                None
            }
            Value::Object(map) => {
                map.entries().iter_mut().for_each(|(_, value)| self.all(value));
                None
            }
            Value::Str(text) => self.bytes(text.as_bytes()),
            Value::Bytes(bytes) => self.bytes(bytes),
            // not the mask of the text that looks like it
            Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
                let mut text = b"\0".to_vec();
                json::compact(&mut text, value);
                self.bytes(&text)
            }
        };
        match mask {
            Some(mask) if is_bytes && self.base64 => *value = Value::Bytes(Cow::Owned(mask.into_bytes())),
            Some(mask) => *value = Value::Str(Cow::Owned(mask)),
            None => {}
        }
    }
}

fn io_error(file: &str, source: io::Error) -> Error {
    Error::io(file, "read", source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::decode;

    fn masked(mask: &Mask, key: &str, encrypted: bool, json: &str) -> (bool, String) {
        let mut object = decode(json.as_bytes()).unwrap();
        object.encrypted = encrypted;
        let any = mask.object(&Key::new(key.as_bytes()), &mut object);
        let mut out = Vec::new();
        super::json::compact(&mut out, &object.value);
        (any, String::from_utf8(out).unwrap())
    }

    fn fixed() -> Mask {
        Mask { key: Some(b"0123456789abcdef".to_vec()), base64: false }
    }

    #[test]
    fn masks_of_bytes_may_be_base64() {
        let (_, masked) = masked(&fixed().in_base64(), "/registry/secrets/shop/db", false, SECRET);
        let shown = crate::k8s::decode(masked.as_bytes()).unwrap();
        let data = BASE64_STANDARD.decode(shown.value.at(&["data", "a"]).and_then(Value::as_str).unwrap()).unwrap();
        assert!(data.starts_with(b"masked:") && !masked.contains("hunter2"), "{masked}");
    }

    const SECRET: &str = r#"{"apiVersion":"v1","data":{"a":"aHVudGVyMg==","b":"aHVudGVyMw=="},"kind":"Secret","metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{hunter2}","note":"kept"},"labels":{"app":"web"},"name":"db","namespace":"shop"},"stringData":{"a":"hunter2"},"type":"Opaque"}"#;

    #[test]
    fn a_secret_shows_its_names_and_equal_masks_for_equal_values() {
        let mask = fixed();
        let (any, text) = masked(&mask, "/registry/secrets/shop/db", false, SECRET);
        let hunter2 = mask.bytes(b"hunter2").unwrap();
        assert_eq!(hunter2.len(), "masked:01234567".len());
        assert!(any && !text.contains("hunter") && !text.contains("aHVud"), "{text}");
        assert!(text.contains(&format!(r#""data":{{"a":"{hunter2}","b":"masked:"#)), "{text}");
        assert!(text.contains(&format!(r#""stringData":{{"a":"{hunter2}"}}"#)), "{text}");
        assert!(text.contains(r#""note":"kept""#) && text.contains(r#""type":"Opaque""#), "{text}");
        assert!(text.contains(&mask.bytes(b"hunter3").unwrap()) && mask.bytes(b"hunter3").unwrap() != hunter2);
        // the same in both forms that it may be stored in
        let stored = b"k8s\0\x0a\x0c\x0a\x02v1\x12\x06Secret\x12\x14\x0a\x04\x0a\x02db\x12\x0c\x0a\x01a\x12\x07hunter2\x1a\0\"\0";
        let mut object = decode(stored).unwrap();
        mask.object(&Key::Other, &mut object);
        assert_eq!(object.value.at(&["data", "a"]).and_then(Value::as_str), Some(hunter2.as_str()));
    }

    #[test]
    fn what_was_encrypted_shows_only_who_it_is() {
        let map = r#"{"apiVersion":"v1","data":{"dsn":"hunter2","n":7},"immutable":true,"kind":"ConfigMap","metadata":{"annotations":{"note":"hunter2"},"labels":{"app":"web"},"name":"m"}}"#;
        let mask = fixed();
        assert_eq!(masked(&mask, "/registry/configmaps/a/m", false, map), (false, map.to_owned()));
        let (any, text) = masked(&mask, "/registry/configmaps/a/m", true, map);
        assert!(any && !text.contains("hunter2") && !text.contains("true") && !text.contains(":7"), "{text}");
        assert!(text.contains(r#""labels":{"app":"web"},"name":"m""#), "{text}");
        // a Secret is masked in every stored form
        let (plain, sealed) = (masked(&mask, "", false, SECRET), masked(&mask, "", true, SECRET));
        assert_eq!(plain, sealed);
    }

    #[test]
    fn tokens_are_masked_by_name_too() {
        let token = r#"{"apiVersion":"oauth.openshift.io/v1","clientName":"console","kind":"OAuthAccessToken","metadata":{"name":"sha256~abc","uid":"u-1"},"refreshToken":"r"}"#;
        let (mask, key) = (fixed(), "/openshift.io/oauth/accesstokens/sha256~abc");
        let (any, text) = masked(&mask, key, false, token);
        assert!(any && !text.contains("abc") && !text.contains("console") && text.contains("u-1"), "{text}");
        let shown = mask.bytes(b"sha256~abc").unwrap();
        assert_eq!(mask.key(key.as_bytes()).as_ref(), format!("/openshift.io/oauth/accesstokens/{shown}").as_bytes());
        assert_eq!(mask.name(Key::new(key.as_bytes()).object().unwrap()), shown);
        assert_eq!(mask.key(b"/registry/secrets/a/b").as_ref(), b"/registry/secrets/a/b");
        // recognised by its key alone, as protobuf of a kind that is not in the table
        let unknown = r#"{"apiVersion":"x","kind":"X","metadata":{"name":"abc"}}"#;
        assert!(!masked(&mask, key, false, unknown).1.contains("abc"));
    }

    #[test]
    fn values_that_are_no_objects() {
        let mask = fixed();
        assert!(mask.value(b"/bootstrap/1a2b", b"ca key").starts_with(b"masked:"));
        assert!(mask.value(b"/registry/secrets/a/b", b"k8s:enc:aescbc:v1:k:x").starts_with(b"masked:"));
        assert_eq!(mask.value(b"compact_rev_key", b"7").as_ref(), b"7");
    }

    #[test]
    fn masks_are_the_key_s_own_and_can_be_lifted() {
        let (a, b) = (Mask::random().unwrap(), Mask::random().unwrap());
        assert_ne!(a.bytes(b"x"), b.bytes(b"x"));
        assert_eq!(a.bytes(b"x"), a.bytes(b"x"));
        assert_eq!(format!("{:?}", fixed()), "Mask");
        let reveal = Mask::reveal();
        assert_eq!(masked(&reveal, "/registry/secrets/shop/db", true, SECRET), (false, SECRET.to_owned()));
        assert_eq!(reveal.key(b"/openshift.io/oauth/accesstokens/t").as_ref(), b"/openshift.io/oauth/accesstokens/t");
        assert_eq!(reveal.value(b"/bootstrap/1a2b", b"ca key").as_ref(), b"ca key");

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mask.key");
        std::fs::write(&file, "0123456789abcdef").unwrap();
        assert_eq!(Mask::read(&file).unwrap().bytes(b"x"), fixed().bytes(b"x"));
        std::fs::write(&file, "short").unwrap();
        assert!(Mask::read(&file).unwrap_err().to_string().contains("at least 16 bytes"));
        assert!(Mask::read(&dir.path().join("none")).is_err());
    }
}
