//! Values encrypted with the keys of a KMS plugin (`storage/value/encrypt/envelope`, `.../envelope/kmsv2`).
//!
//! Each value contains the data key that encrypts it, which is itself encrypted by the KMS. Only the KMS can decrypt
//! the data key, so the user has to get it from there.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::{cipher, config::secret, secret::Secret};
use crate::{
    bytes::{escape, excerpt},
    k8s::{
        error::Unopened,
        special::field,
        stored::{Provider, Seal},
    },
    proto::Malformed,
};

/// Data keys in plaintext, by the name of their provider:
///
/// ```yaml
/// my-plugin:                    # a list: each key is tried
/// - JDtMB9ia5cHEvhWg+RtmDkjtXsIVuYTSHXEFLNOk6hY=
/// other-plugin:                 # or by the encrypted data key, as in the values
///   AQICAHhd...: kjtijHkkKaNge+HGkFZKMnhL5yLwFj3vM3jvR1uF0Ow=
/// ```
#[derive(Debug, Clone, Default)]
pub(super) struct DataKeys(BTreeMap<String, Vec<DataKey>>);

#[derive(Debug, Clone)]
struct DataKey {
    encrypted: Option<Vec<u8>>,
    plain: Secret,
}

/// The data that a value holds beside its ciphertext.
struct Envelope<'a> {
    /// The encrypted data key.
    encrypted_key: &'a [u8],
    /// The KMS' name for its own key; v1 does not store it.
    key_id: &'a [u8],
    /// Whether the data key is a seed for the real ones.
    seed: bool,
    data: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Parses v1: the length of the data key, the data key, the ciphertext.
    fn v1(payload: &'a [u8]) -> Option<Self> {
        let (len, rest) = payload.split_first_chunk::<2>()?;
        let (encrypted_key, data) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        Some(Self { encrypted_key, key_id: b"", seed: false, data })
    }

    /// Parses v2: `kmsv2.EncryptedObject`; `None` for an unknown kind of encryption.
    fn v2(payload: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let bytes = |number| field(payload, number)?.map_or(Ok(&b""[..]), |field| field.bytes());
        let seed = match field(payload, 5)?.map_or(Ok(0), |field| field.varint())? {
            0 => false,
            1 => true,
            _ => return Ok(None),
        };
        Ok(Some(Self { encrypted_key: bytes(3)?, key_id: bytes(2)?, seed, data: bytes(1)? }))
    }

    fn of(seal: &Seal<'a>) -> Result<Self, Unopened> {
        let envelope = match seal.provider {
            Provider::KmsV2 => Self::v2(seal.payload()).ok().flatten(),
            _ => Self::v1(seal.payload()),
        };
        envelope.ok_or(Unopened::Envelope)
    }

    /// The error that the data key is missing, with the key.
    fn missing(&self) -> Unopened {
        const LONGEST: usize = 1024; // of v2; a longer one would fill the screen
        let encrypted = match self.encrypted_key.get(..LONGEST) {
            Some(start) if self.encrypted_key.len() > LONGEST => BASE64_STANDARD.encode(start) + "...",
            _ => BASE64_STANDARD.encode(self.encrypted_key),
        };
        Unopened::NoDataKey { encrypted, key_id: Some(excerpt(self.key_id)).filter(|id| !id.is_empty()) }
    }
}

/// The error for a value when no data keys were given.
pub(super) fn missing(seal: &Seal<'_>) -> Unopened {
    Envelope::of(seal).map_or_else(|why| why, |envelope| envelope.missing())
}

impl DataKeys {
    /// Reads the data keys in a document.
    ///
    /// # Errors
    /// The error, without a value from the document.
    pub(super) fn parse(documents: &[Value]) -> Result<Self, String> {
        let [Value::Object(providers)] = documents else { return Err("not one object".to_owned()) };
        let mut keys = BTreeMap::new();
        for (name, value) in providers {
            let shown = escape(name.as_bytes());
            let plain = |key: &Value| {
                let key = secret(key.as_str().ok_or_else(|| format!("{shown} has a key that is not a string"))?);
                let key = key.map_err(|why| format!("{shown} has a key that {why}"))?;
                if !matches!(key.0.len(), 16 | 24 | 32..) {
                    return Err(format!("{shown} has a key of {} bytes; data keys have 32", key.0.len()));
                }
                Ok(key)
            };
            let list = match value {
                Value::Array(list) => {
                    list.iter().map(|key| Ok(DataKey { encrypted: None, plain: plain(key)? })).collect()
                }
                Value::Object(map) => map
                    .iter()
                    .map(|(encrypted, key)| {
                        let encrypted = secret(encrypted).map_err(|why| format!("{shown} has a name that {why}"))?;
                        Ok(DataKey { encrypted: Some(encrypted.0), plain: plain(key)? })
                    })
                    .collect::<Result<Vec<_>, String>>(),
                _ => Err(format!("{shown} is neither a list of keys nor keys by name")),
            };
            keys.insert(name.clone(), list?);
        }
        Ok(Self(keys))
    }

    /// The names of the providers.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// Decrypts a value of a KMS provider.
    pub(super) fn open(&self, seal: &Seal<'_>, etcd_key: &[u8]) -> Result<Vec<u8>, Unopened> {
        let keys = std::str::from_utf8(seal.name).ok().and_then(|name| self.0.get(name));
        open(seal, keys.map_or(&[], Vec::as_slice), etcd_key)
    }
}

fn open(seal: &Seal<'_>, keys: &[DataKey], etcd_key: &[u8]) -> Result<Vec<u8>, Unopened> {
    let envelope = Envelope::of(seal)?;
    let (mut named, mut any) = (Vec::new(), Vec::new());
    for key in keys {
        match &key.encrypted {
            Some(encrypted) if encrypted == envelope.encrypted_key => named.push(&key.plain),
            Some(_) => {}
            None => any.push(&key.plain),
        }
    }
    named.append(&mut any);
    let gcm = |key: &&Secret| match envelope.seed {
        true => cipher::extended_nonce_gcm(key, envelope.data, etcd_key),
        false => cipher::aes_gcm(key, envelope.data, etcd_key),
    };
    // AES-CBC was used before Kubernetes 1.25. It is the weaker proof of a key, so all keys are tried with AES-GCM
    // first
    let cbc = |key: &&Secret| (seal.provider == Provider::KmsV1).then(|| cipher::aes_cbc(key, envelope.data)).flatten();
    let plain = named.iter().find_map(gcm).or_else(|| named.iter().find_map(cbc));
    plain.ok_or_else(|| if named.is_empty() { envelope.missing() } else { Unopened::WrongKey })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::k8s::{seal::secret::unhex, stored::Stored};

    const KEY: &[u8] = b"/registry/secrets/default/s1";

    /// Made by the transformers of k8s.io/apiserver v0.36.3 with a KMS that answers `wrapped-1` and `wrapped-2`:
    /// the prefix, the data key, the rest of the value.
    const MADE: [(&str, &str, &str); 4] = [
        (
            "k8s:enc:kms:v1:plug:",
            "46aa69f8430b956cd9992fea91b2a1f30421657c7ba50453551083f2079285b7",
            "0009777261707065642d31a9db839fd602de7d27a02b92fe3bc863ab7868a8d5325897347550a256f8542412cf5e42ff532eab06cf527bd3",
        ),
        (
            "k8s:enc:kms:v1:plug:", // AES-CBC
            "ad7f1626b448b556fdd3741c33430fd83a6931a07818cec4c3a96ea4d3133c27",
            "0009777261707065642d318d0f164f145ece546c0b3e435cb76bdfb792fedd66a670224c81171937036f8b7cb871e04c35cf4c67e780b561bfeef4",
        ),
        (
            "k8s:enc:kms:v2:plug:", // a key
            "9d1b72a1b7cbe534e4179b11a41b3728fe23fcedaf44009dae830f57a13ee85e",
            "0a2d5e35236901ca9a3b000000001f1ca150ac9fe62b8a2d1df4bc8db9a9899d8e081ed03e9010598da92d63af7e1012056b656b2d371a09777261707065642d3222120a0d612e6578616d706c652e636f6d120178",
        ),
        (
            "k8s:enc:kms:v2:plug:", // a seed
            "f120491ac48541359dc1ce40bab1dcaf8b129fe4c48506653464bac1b87913a0",
            "0a4d41c6f22677a437b41ea18ffe43c68bffa5a3d5a84d915415b46c693997ff74aa6b64e0d3931cc8f7bfcd12775eabfeafb7116d94145a31ebebb01db5bf2d136c15df082b570777eb359b27af6f12056b656b2d371a09777261707065642d3222120a0d612e6578616d706c652e636f6d1201782801",
        ),
    ];

    fn value(prefix: &str, payload: &str) -> Vec<u8> {
        [prefix.as_bytes(), &unhex(payload)].concat()
    }

    fn open(keys: &Value, value: &[u8], etcd_key: &[u8]) -> Result<String, String> {
        let Ok(Stored::Encrypted(seal)) = Stored::new(value) else { panic!() };
        let keys = DataKeys::parse(std::slice::from_ref(keys)).unwrap();
        let plain = keys.open(&seal, etcd_key).map_err(|why| why.to_string())?;
        Ok(String::from_utf8(plain).unwrap())
    }

    #[test]
    fn values_of_both_versions_open_by_any_key_or_the_named_one() {
        let all: Vec<_> = MADE.iter().map(|(_, key, _)| BASE64_STANDARD.encode(unhex(key))).collect();
        let wrong = BASE64_STANDARD.encode([1; 32]);
        for ((prefix, _, payload), key) in MADE.iter().zip(&all) {
            let value = value(prefix, payload);
            let wrapped = BASE64_STANDARD.encode(if prefix.contains("v1") { "wrapped-1" } else { "wrapped-2" });
            for keys in [
                json!({"plug": [key]}),
                json!({"other": [], "plug": [wrong, key]}),
                json!({"plug": all}),
                json!({"plug": {wrapped: key, "AAAA": wrong}}),
            ] {
                assert_eq!(open(&keys, &value, KEY).unwrap(), r#"{"kind":"Secret"}"#);
            }
        }
    }

    #[test]
    fn what_does_not_open_says_what_it_needs() {
        let value = value(MADE[3].0, MADE[3].2);
        let right = BASE64_STANDARD.encode(unhex(MADE[3].1));
        let missing = "its data key is needed, which the KMS' key kek-7 encrypted as d3JhcHBlZC0y (--kms-keys)";
        for keys in [json!({}), json!({"plu": [right]}), json!({"plug": []}), json!({"plug": {"AAAA": right}})] {
            assert_eq!(open(&keys, &value, KEY).unwrap_err(), missing);
        }
        let wrong = json!({"plug": [BASE64_STANDARD.encode([1; 32])]});
        assert_eq!(open(&wrong, &value, KEY).unwrap_err(), Unopened::WrongKey.to_string());
        let elsewhere = open(&json!({"plug": [right]}), &value, b"/registry/secrets/default/s2");
        assert_eq!(elsewhere.unwrap_err(), Unopened::WrongKey.to_string());
        let v1 = self::value(MADE[0].0, MADE[0].2);
        let missing = "its data key is needed, which the KMS encrypted as d3JhcHBlZC0x (--kms-keys)";
        assert_eq!(open(&json!({}), &v1, KEY).unwrap_err(), missing);
        for broken in [&b"k8s:enc:kms:v1:plug:\0"[..], b"k8s:enc:kms:v2:plug:\x0a\x7f", b"k8s:enc:kms:v2:plug:\x28\x09"]
        {
            assert_eq!(open(&json!({"plug": [right]}), broken, KEY).unwrap_err(), Unopened::Envelope.to_string());
        }
    }

    #[test]
    fn a_file_of_another_form_is_told_without_its_keys() {
        for (document, want) in [
            (json!([]), "not one object"),
            (json!({"plug": "c2VjcmV0"}), "plug is neither a list of keys nor keys by name"),
            (json!({"plug": [7]}), "plug has a key that is not a string"),
            (json!({"plug": ["c2Vj!"]}), "plug has a key that is not base64"),
            (json!({"plug": ["c2VjcmV0"]}), "plug has a key of 6 bytes; data keys have 32"),
            (json!({"plug": {"c2Vj!": "c2VjcmV0"}}), "plug has a name that is not base64"),
        ] {
            assert_eq!(DataKeys::parse(&[document]).unwrap_err(), want);
        }
    }
}
