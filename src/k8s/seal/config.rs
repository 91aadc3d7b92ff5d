//! `apiserver.EncryptionConfiguration`, read and matched as `encryptionconfig/config.go` does it.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::{cipher, secret::Secret};
use crate::{
    bytes::excerpt,
    k8s::key::{Key, ObjectKey},
};

/// The keys of local providers, for the resources that they encrypt. KMS providers have no keys here, only names, and
/// `identity` needs none.
#[derive(Debug, Clone)]
pub(super) struct EncryptionConfiguration {
    rules: Vec<(GroupResource, Vec<PrefixTransformer>)>,
    /// The names of all keys and KMS providers.
    pub(super) names: Vec<String>,
}

/// `schema.GroupResource`, either part `*` for any.
#[derive(Debug, Clone, PartialEq, Eq)]
struct GroupResource {
    group: String,
    resource: String,
}

/// One key of a provider, for values that begin with `prefix` (`storage/value.PrefixTransformer`).
#[derive(Debug, Clone)]
pub(super) struct PrefixTransformer {
    pub(super) prefix: Vec<u8>,
    cipher: Cipher,
    key: Secret,
}

#[derive(Debug, Clone, Copy)]
enum Cipher {
    AesCbc,
    AesGcm,
    Secretbox,
}

impl PrefixTransformer {
    /// Decrypts the bytes after the prefix.
    pub(super) fn open(&self, data: &[u8], etcd_key: &[u8]) -> Option<Vec<u8>> {
        match self.cipher {
            Cipher::AesCbc => cipher::aes_cbc(&self.key, data),
            Cipher::AesGcm => cipher::aes_gcm(&self.key, data, etcd_key),
            Cipher::Secretbox => cipher::secretbox(&self.key, data),
        }
    }
}

impl GroupResource {
    /// `schema.ParseGroupResource`: `secrets`, `deployments.apps`, `*.` for the core group, `*.apps`, `*.*`.
    fn parse(text: &str) -> Self {
        let (resource, group) = text.split_once('.').unwrap_or((text, ""));
        Self { group: group.to_owned(), resource: resource.to_owned() }
    }
}

impl EncryptionConfiguration {
    /// Whether a document is an EncryptionConfiguration; before Kubernetes 1.13 its kind was EncryptionConfig.
    pub(super) fn is_one(document: &Value) -> bool {
        matches!(document.get("kind").and_then(Value::as_str), Some("EncryptionConfiguration" | "EncryptionConfig"))
    }

    /// Reads the keys in a document. Other fields are not checked.
    ///
    /// # Errors
    /// The error and its place in the document, without a value from it, since any may be a key.
    pub(super) fn parse(document: &Value) -> Result<Self, String> {
        let (mut rules, mut names) = (Vec::new(), Vec::new());
        for (at, entry) in list(document, "resources", "")?.iter().enumerate() {
            let at = format!("resources[{at}]");
            let mut transformers = Vec::new();
            for (n, provider) in list(entry, "providers", &at)?.iter().enumerate() {
                let at = format!("{at}.providers[{n}]");
                let provider = provider.as_object().ok_or_else(|| format!("{at} is not an object"))?;
                if let Some(kms) = provider.get("kms") {
                    names.push(text(kms, "name", &format!("{at}.kms"))?.to_owned());
                }
                for (name, cipher) in
                    [("aescbc", Cipher::AesCbc), ("aesgcm", Cipher::AesGcm), ("secretbox", Cipher::Secretbox)]
                {
                    let Some(provider) = provider.get(name) else { continue };
                    let at = format!("{at}.{name}");
                    for (n, key) in list(provider, "keys", &at)?.iter().enumerate() {
                        let at = format!("{at}.keys[{n}]");
                        let key_name = text(key, "name", &at)?;
                        transformers.push(transformer(name, key_name, cipher, text(key, "secret", &at)?, &at)?);
                        names.push(key_name.to_owned());
                    }
                }
            }
            for resource in list(entry, "resources", &at)? {
                let resource =
                    resource.as_str().ok_or_else(|| format!("{at}.resources has an item that is not a string"))?;
                rules.push((GroupResource::parse(resource), transformers.clone()));
            }
        }
        if rules.is_empty() {
            return Err("resources is empty".to_owned());
        }
        Ok(Self { rules, names })
    }

    /// The transformers for the value under a key, in the order in which they are tried (`transformerFromOverrides`):
    /// those of the resource itself, else of its group, else of all. A key that names no resource gets every one.
    pub(super) fn transformers(&self, key: &Key<'_>) -> Vec<&PrefixTransformer> {
        let of = |wanted: &GroupResource| {
            let rules = self.rules.iter().filter(|(resource, _)| resource == wanted);
            rules.clone().next().map(|_| rules.flat_map(|(_, transformers)| transformers).collect::<Vec<_>>())
        };
        let any = || "*".to_owned();
        match group_resource(key) {
            Some(GroupResource { group, resource }) => of(&GroupResource { group: group.clone(), resource })
                .or_else(|| of(&GroupResource { group, resource: any() }))
                .or_else(|| of(&GroupResource { group: any(), resource: any() }))
                .unwrap_or_default(),
            None => self.rules.iter().flat_map(|(_, transformers)| transformers).collect(),
        }
    }
}

/// The resource as the API server names it, even where no client can see it.
fn group_resource(key: &Key<'_>) -> Option<GroupResource> {
    let core = |resource: &str| Some(GroupResource { group: String::new(), resource: resource.to_owned() });
    match key {
        Key::Object(ObjectKey { group: Some(group), resource, .. }) => {
            Some(GroupResource { group: group.to_string(), resource: resource.to_string() })
        }
        Key::Range("servicenodeports") => core("servicenodeportallocations"),
        Key::Range(_) => core("serviceipallocations"),
        Key::MasterLease(_) | Key::PeerLease(_) => core("apiserveripinfo"),
        Key::Object(_) | Key::CompactRev | Key::Bootstrap(_) | Key::Other => None,
    }
}

/// One entry of `keys`, checked as `validation_encryption.go` does.
fn transformer(provider: &str, name: &str, cipher: Cipher, key: &str, at: &str) -> Result<PrefixTransformer, String> {
    let key = secret(key).map_err(|why| format!("{at}.secret {why}"))?;
    let (fits, want) = match cipher {
        Cipher::AesCbc | Cipher::AesGcm => (matches!(key.0.len(), 16 | 24 | 32), "16, 24 or 32"),
        Cipher::Secretbox => (key.0.len() == 32, "32"),
    };
    if !fits {
        let (name, len) = (excerpt(name.as_bytes()), key.0.len());
        return Err(format!("{at}: the secret of {provider} key {name} is {len} bytes, not {want}"));
    }
    Ok(PrefixTransformer { prefix: format!("k8s:enc:{provider}:v1:{name}:").into_bytes(), cipher, key })
}

/// Decodes a key from base64 (Go's `StdEncoding`, which ignores line ends).
pub(super) fn secret(text: &str) -> Result<Secret, &'static str> {
    let text = text.replace(['\r', '\n'], "");
    BASE64_STANDARD.decode(text).map(Secret).map_err(|_| "is not base64")
}

fn text<'a>(value: &'a Value, name: &str, at: &str) -> Result<&'a str, String> {
    let text = value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| format!("{at} has no {name}"))
}

fn list<'a>(value: &'a Value, name: &str, at: &str) -> Result<&'a [Value], String> {
    let dot = if at.is_empty() { "" } else { "." };
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).ok_or_else(|| format!("{at}{dot}{name} is not a list"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The prefixes that are tried for a key, without what they have in common.
    fn tried(config: &EncryptionConfiguration, key: &str) -> String {
        let prefixes = config.transformers(&Key::new(key.as_bytes())).into_iter().map(|t| &t.prefix);
        let text = prefixes.map(|prefix| String::from_utf8_lossy(prefix).replace("k8s:enc:", "").replace(":v1:", " "));
        text.collect::<Vec<_>>().join(" ")
    }

    /// Resources, and the providers with the names of their keys.
    type Rule<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

    fn config(rules: &[Rule<'_>]) -> EncryptionConfiguration {
        let secret = BASE64_STANDARD.encode([7; 32]);
        let entries: Vec<_> = rules
            .iter()
            .map(|(resources, keys)| {
                let providers = keys.iter().map(|(provider, name)| match *provider {
                    "identity" => json!({"identity": {}}),
                    "kms" => json!({"kms": {"apiVersion": "v2", "name": name, "endpoint": "unix:///kms.sock"}}),
                    provider => json!({provider: {"keys": [{"name": name, "secret": secret}]}}),
                });
                json!({"resources": resources, "providers": providers.collect::<Vec<_>>()})
            })
            .collect();
        EncryptionConfiguration::parse(&json!({"kind": "EncryptionConfiguration", "resources": entries})).unwrap()
    }

    #[test]
    fn a_resource_gets_its_own_rule_before_its_group_s_before_all_s() {
        let config = config(&[
            (&["events"], &[("identity", "")]),
            (&["secrets", "pandas.awesome.example"], &[("aescbc", "1"), ("identity", ""), ("secretbox", "a:b")]),
            (&["*."], &[("aesgcm", "core")]),
            (&["*.apps"], &[("aescbc", "apps")]),
            (&["*.*"], &[("kms", "k"), ("aescbc", "all")]),
        ]);
        for (key, want) in [
            ("/registry/events/a/b", ""),
            ("/registry/secrets/a/b", "aescbc 1: secretbox a:b:"),
            ("/kubernetes.io/secrets/a/b", "aescbc 1: secretbox a:b:"),
            ("/registry/awesome.example/pandas/b", "aescbc 1: secretbox a:b:"),
            ("/registry/configmaps/a/b", "aesgcm core:"),
            ("/registry/services/specs/a/b", "aesgcm core:"),
            ("/registry/ranges/serviceips", "aesgcm core:"),
            ("/registry/masterleases/10.0.0.1", "aesgcm core:"),
            ("/registry/deployments/a/b", "aescbc apps:"),
            ("/registry/leases/a/b", "aescbc all:"),
            ("/registry/awesome.example/bears/b", "aescbc all:"),
            ("", "aescbc 1: secretbox a:b: aescbc 1: secretbox a:b: aesgcm core: aescbc apps: aescbc all:"),
        ] {
            assert_eq!(tried(&config, key), want, "{key}");
        }
    }

    #[test]
    fn entries_for_the_same_resource_add_up_and_others_get_nothing() {
        let config = config(&[
            (&["secrets"], &[("aescbc", "2")]),
            (&["configmaps"], &[("aescbc", "c")]),
            (&["secrets"], &[("aescbc", "1")]),
        ]);
        assert_eq!(tried(&config, "/registry/secrets/a/b"), "aescbc 2: aescbc 1:");
        assert_eq!(tried(&config, "/registry/pods/a/b"), "");
    }

    #[test]
    fn what_is_wrong_is_told_without_the_key() {
        let keys = |keys| json!({"resources": [{"resources": ["secrets"], "providers": [{"aescbc": {"keys": keys}}]}]});
        for (document, want) in [
            (json!({}), "resources is not a list"),
            (json!({"resources": []}), "resources is empty"),
            (json!({"resources": [{"resources": ["secrets"]}]}), "resources[0].providers is not a list"),
            (keys(json!([{"secret": "c2VjcmV0"}])), "resources[0].providers[0].aescbc.keys[0] has no name"),
            (keys(json!([{"name": "k"}])), "resources[0].providers[0].aescbc.keys[0] has no secret"),
            (
                keys(json!([{"name": "k", "secret": "c2Vjcm!"}])),
                "resources[0].providers[0].aescbc.keys[0].secret is not base64",
            ),
            (
                keys(json!([{"name": "k", "secret": "c2VjcmV0"}])),
                "resources[0].providers[0].aescbc.keys[0]: the secret of aescbc key k is 6 bytes, not 16, 24 or 32",
            ),
        ] {
            assert_eq!(EncryptionConfiguration::parse(&document).unwrap_err(), want);
        }
    }

    #[test]
    fn keys_are_not_printed() {
        let text = format!("{:?}", config(&[(&["secrets"], &[("aescbc", "1")])]));
        assert!(text.contains("(a key)") && !text.contains("[7") && !text.contains("7, 7"), "{text}");
    }
}
