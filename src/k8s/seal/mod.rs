//! Encryption at rest (`k8s.io/apiserver/pkg/server/options/encryptionconfig`): the keys, and the decryption of values.
//!
//! ```text
//! k8s:enc:PROVIDER:VERSION:NAME:     then, by provider
//!     aescbc v1      IV (16), AES-CBC with PKCS#7 padding
//!     aesgcm v1      nonce (12), AES-GCM over the value and the etcd key
//!     secretbox v1   nonce (24), XSalsa20-Poly1305
//!     kms v1         length (2), a data key that the KMS encrypted, nonce, AES-GCM (before 1.25: IV, AES-CBC)
//!     kms v2         EncryptedObject: the same with names, or a seed that makes a key for each value
//! ```
//!
//! [`Ring`] holds the keys of a run. It finds the provider as the API server does: by the resource that the etcd key
//! names, then by the literal prefix of each provider that the configuration gives that resource, in order, until one
//! decrypts the value.

mod cipher;
mod config;
mod file;
mod kms;
mod secret;

use std::{borrow::Cow, path::Path};

use super::{
    error::{SealName, Undecodable, Unopened},
    key::Key,
    object::{Object, decode_with},
    release::Release,
    stored::{ENCRYPTED, Provider, Seal, Stored},
    what::{CREATION_TIMESTAMP, MANAGED_FIELDS, METADATA, ManagedFields, SPEC, What, Without},
};
use crate::{Result, etcd::KeyValue};
use config::EncryptionConfiguration;
use kms::DataKeys;

/// The keys of a run, and the one place where stored values become objects.
///
/// Without keys it reads only values that are not encrypted. Mirrors `encryptionconfig.StaticTransformers`.
#[derive(Debug, Clone, Default)]
pub struct Ring {
    configs: Vec<EncryptionConfiguration>,
    data_keys: Option<DataKeys>,
}

impl Ring {
    /// Reads the given files: that of `--encryption-provider-config`, and one with the data keys of KMS providers.
    ///
    /// The first may also be OpenShift's `static_kuberesources_*.tar.gz`, or Secrets that hold such a file: then all
    /// configurations in it are used, the newest revision first.
    ///
    /// # Errors
    /// When a file cannot be read, or does not hold usable keys.
    pub fn read(encryption_config: Option<&Path>, kms_keys: Option<&Path>) -> Result<Self> {
        Ok(Self {
            configs: encryption_config.map(file::configurations).transpose()?.unwrap_or_default(),
            data_keys: kms_keys.map(file::data_keys).transpose()?,
        })
    }

    /// Whether there are any keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.configs.is_empty() && self.data_keys.is_none()
    }

    /// Adds the configurations that OpenShift stores in the keyspace itself: Secrets `encryption-config...` in its own
    /// namespaces, such as `openshift-config-managed`. They hold the keys of its other API servers, and are encrypted
    /// with those that this ring has already; to a ring without keys nothing is added.
    pub fn learn<'a>(&mut self, records: impl IntoIterator<Item = KeyValue<'a>>) {
        if self.configs.is_empty() {
            return;
        }
        for kv in records {
            if Self::is_told_by(kv.key)
                && let Ok(object) = self.object(kv.key, kv.value)
            {
                let found = file::in_secret(&object.value);
                self.configs.extend(found);
            }
        }
    }

    /// Whether [`Ring::learn`] uses the record of this key.
    #[must_use]
    pub(crate) fn is_told_by(key: &[u8]) -> bool {
        holds_configuration(key)
    }

    /// Decrypts a value; returns the bytes unchanged when they are not encrypted.
    ///
    /// # Errors
    /// When the keys do not decrypt it.
    pub fn open<'v>(&self, etcd_key: &[u8], value: &'v [u8]) -> Result<Cow<'v, [u8]>, Undecodable> {
        if !is_encrypted(value) {
            return Ok(Cow::Borrowed(value));
        }
        let Ok(Stored::Encrypted(seal)) = Stored::new(value) else { return Err(Undecodable::Opaque(value.len())) };
        let (seal, is_configured) = self.with_configured_name(seal);
        let name = || Box::new(if is_configured { SealName::configured(&seal) } else { SealName::from(&seal) });
        if self.is_empty() {
            return Err(Undecodable::Encrypted(name()));
        }
        let opened = match seal.provider {
            Provider::KmsV1 | Provider::KmsV2 => match &self.data_keys {
                Some(keys) => keys.open(&seal, etcd_key),
                None => Err(kms::missing(&seal)),
            },
            _ => self.by_configuration(&seal, value, etcd_key),
        };
        opened.map(Cow::Owned).map_err(|why| Undecodable::Unopened { seal: name(), why })
    }

    /// The object that the value stored under `etcd_key` holds.
    ///
    /// # Errors
    /// As [`Ring::open`] and [`decode`](super::decode).
    pub fn object<'v>(&self, etcd_key: &[u8], value: &'v [u8]) -> Result<Object<'v>, Undecodable> {
        self.object_with(etcd_key, value, ManagedFields::Keep)
    }

    /// As [`Ring::object`], with or without `metadata.managedFields`.
    ///
    /// # Errors
    /// As [`Ring::object`].
    pub fn object_with<'v>(
        &self,
        etcd_key: &[u8],
        value: &'v [u8],
        managed_fields: ManagedFields,
    ) -> Result<Object<'v>, Undecodable> {
        self.object_of(Release::default(), etcd_key, value, managed_fields)
    }

    /// As [`Ring::object_with`], as a release prints it.
    ///
    /// # Errors
    /// As [`Ring::object`].
    pub fn object_of<'v>(
        &self,
        release: Release,
        etcd_key: &[u8],
        value: &'v [u8],
        managed_fields: ManagedFields,
    ) -> Result<Object<'v>, Undecodable> {
        decode_opened(self.open(etcd_key, value)?, What { managed_fields, release, ..What::default() })
    }

    /// As [`Ring::object`], with no more than `metadata.creationTimestamp` and `metadata.managedFields` where the rest
    /// need not be read, as in protobuf.
    ///
    /// # Errors
    /// As [`Ring::object`].
    pub(crate) fn managed<'v>(
        &self,
        etcd_key: &[u8],
        value: &'v [u8],
        managed_fields: ManagedFields,
    ) -> Result<Object<'v>, Undecodable> {
        let all_but = |kept: &[u32]| !kept.iter().fold(0, |bits, number| bits | Without::bit(*number));
        let without =
            Without { object: all_but(&[METADATA]), metadata: all_but(&[CREATION_TIMESTAMP, MANAGED_FIELDS]) };
        decode_opened(self.open(etcd_key, value)?, What { managed_fields, without, ..What::default() })
    }

    /// As [`Ring::object`], with no more than the type, `metadata` without `managedFields` and, if `spec` is wanted,
    /// the second field of the object, where the rest need not be read, as in protobuf.
    ///
    /// # Errors
    /// As [`Ring::object`].
    pub(crate) fn outline<'v>(&self, etcd_key: &[u8], value: &'v [u8], spec: bool) -> Result<Object<'v>, Undecodable> {
        let kept = Without::bit(METADATA) | if spec { Without::bit(SPEC) } else { 0 };
        let without = Without { object: !kept, metadata: Without::bit(MANAGED_FIELDS) };
        let managed_fields = ManagedFields::Hide;
        decode_opened(self.open(etcd_key, value)?, What { managed_fields, without, ..What::default() })
    }

    /// The seal with the configured name, which may have a `:`, and whether there is one; without the configuration it
    /// would end there.
    fn with_configured_name<'v>(&self, seal: Seal<'v>) -> (Seal<'v>, bool) {
        let names = self.configs.iter().flat_map(|config| &config.names);
        let names = names.chain(self.data_keys.iter().flat_map(DataKeys::names));
        let is_it = |name: &&String| seal.rest.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b":"));
        let longest = names.filter(is_it).map(String::len).max().and_then(|len| seal.rest.get(..len));
        (Seal { name: longest.unwrap_or(seal.name), ..seal }, longest.is_some())
    }

    /// `prefixTransformers.TransformFromStorage`: after a failure the next match is tried.
    fn by_configuration(&self, seal: &Seal<'_>, value: &[u8], etcd_key: &[u8]) -> Result<Vec<u8>, Unopened> {
        let key = Key::new(etcd_key);
        let mut wrong = None;
        for transformer in self.configs.iter().flat_map(|config| config.transformers(&key)) {
            let Some(data) = value.strip_prefix(transformer.prefix.as_slice()) else { continue };
            match transformer.open(data, etcd_key) {
                Some(plain) => return Ok(plain),
                None => wrong = Some(Unopened::WrongKey),
            }
        }
        let resource = || key.object().map(|object| object.resource.to_string());
        Err(wrong.unwrap_or_else(|| match seal.provider {
            Provider::Other => Unopened::Provider,
            _ => Unopened::NoKey { resource: resource() },
        }))
    }
}

/// Whether a value is stored encrypted (`identity.encryptedPrefix`).
#[must_use]
pub(crate) fn is_encrypted(value: &[u8]) -> bool {
    value.starts_with(ENCRYPTED)
}

/// Decodes the object in the bytes that [`Ring::open`] returned.
pub(super) fn decode_opened(opened: Cow<'_, [u8]>, what: What) -> Result<Object<'_>, Undecodable> {
    match opened {
        Cow::Borrowed(value) => decode_with(value, what),
        Cow::Owned(plain) => {
            let object = decode_with(&plain, what)?;
            Ok(Object { value: object.value.into_owned(), encrypted: true, ..object })
        }
    }
}

fn holds_configuration(key: &[u8]) -> bool {
    const NAME: &str = "encryption-config";
    // only these few keys are parsed completely
    std::str::from_utf8(key).is_ok_and(|text| text.contains(NAME))
        && Key::new(key).object().is_some_and(|object| {
            object.resource == "secrets"
                && object.namespace.is_some_and(|namespace| namespace.starts_with("openshift-"))
                && object.name.starts_with(NAME)
        })
}
