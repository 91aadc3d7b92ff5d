//! Errors of stored values.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::stored::Seal;
use crate::proto::{Field, Malformed, Wire};

/// Error that keeps a value from being shown as an object.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Undecodable {
    /// The protobuf is broken.
    #[error("broken protobuf: {0}")]
    Protobuf(#[from] Malformed),
    /// The JSON is broken.
    #[error("broken JSON: {what} at byte {at}")]
    Json {
        /// The error.
        what: &'static str,
        /// The offset in the JSON text.
        at: usize,
    },
    /// The CBOR is broken.
    #[error("broken CBOR: {what} at byte {at}")]
    Cbor {
        /// The error.
        what: &'static str,
        /// The offset in the CBOR.
        at: usize,
    },
    /// The value is nested deeper than any real object.
    #[error("nested too deep")]
    Deep,
    /// The value has more items than any real object.
    #[error("more than {0} values")]
    Many(usize),
    /// The value is encrypted, and no keys were given.
    #[error("encrypted by {0}")]
    Encrypted(Box<SealName>),
    /// The value is encrypted, and the given keys do not decrypt it.
    #[error("encrypted by {seal}: {why}")]
    Unopened {
        /// The provider and its key.
        seal: Box<SealName>,
        /// The reason.
        why: Unopened,
    },
    /// Of two objects: what differs is in fields that the table of kinds does not have.
    #[error("only fields that this version does not know differ")]
    UnknownFields,
    /// The value has none of the forms in which Kubernetes stores objects.
    #[error("not a Kubernetes object ({0} bytes)")]
    Opaque(usize),
}

impl Undecodable {
    /// Whether the right keys would decrypt the value.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        matches!(self, Self::Encrypted(_) | Self::Unopened { .. })
    }
}

/// Reason why the keys of a [`super::Ring`] do not decrypt a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unopened {
    /// The configuration has no such key for the resource.
    #[error("the encryption configuration has no such key for {}", .resource.as_deref().unwrap_or("any resource"))]
    NoKey {
        /// The resource, if the etcd key shows it.
        resource: Option<String>,
    },
    /// A key of that name exists, and fails.
    #[error("the key of that name is not the right one, or the value is damaged or was stored under another etcd key")]
    WrongKey,
    /// The data key of a KMS value was not given.
    #[error("its data key is needed, which {} encrypted as {encrypted} (--kms-keys)", Kms(key_id.as_deref()))]
    NoDataKey {
        /// The encrypted data key as it is stored, in base64; the KMS can decrypt it.
        encrypted: String,
        /// The KMS' name for its own key.
        key_id: Option<String>,
    },
    /// A KMS value is broken, or of a later version.
    #[error("the data of its KMS provider cannot be read")]
    Envelope,
    /// The provider is unknown.
    #[error("unknown provider")]
    Provider,
}

struct Kms<'a>(Option<&'a str>);

impl std::fmt::Display for Kms<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(id) => write!(f, "the KMS' key {id}"),
            None => f.write_str("the KMS"),
        }
    }
}

/// The provider and key of an encrypted value, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealName {
    /// The provider, as `aescbc` or `kms v2`.
    pub provider: &'static str,
    /// The name of the key, or of the KMS plugin, escaped. A name may have a `:`, and without the configuration nothing
    /// shows where it ends: then `NAME or LONGER:NAME`.
    pub key: String,
}

impl std::fmt::Display for SealName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (key {})", self.provider, self.key)
    }
}

impl SealName {
    /// The name where a configuration shows where it ends.
    pub(super) fn configured(seal: &Seal<'_>) -> Self {
        Self { provider: seal.provider.name(), key: crate::bytes::escape(seal.name) }
    }
}

impl From<&Seal<'_>> for SealName {
    fn from(seal: &Seal<'_>) -> Self {
        let key = crate::bytes::escape(seal.name);
        let key = match seal.longer_name() {
            Some(longer) => format!("{key} or {}", crate::bytes::escape(longer)),
            None => key,
        };
        Self { provider: seal.provider.name(), key }
    }
}

/// A field that the table of kinds does not have: it is reported, never dropped silently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The message that has the field, as a path of JSON names from the object down.
    pub path: String,
    /// The field's number.
    pub number: u32,
    /// Hash of the part of its value that is not shown, so that a difference in it is found.
    pub digest: u64,
}

impl Unknown {
    pub(super) fn new(path: String, field: &Field<'_>) -> Self {
        let mut hasher = DefaultHasher::new();
        match field.wire {
            Wire::Varint(number) | Wire::Fixed64(number) => number.hash(&mut hasher),
            Wire::Fixed32(number) => number.hash(&mut hasher),
            Wire::Len(bytes) | Wire::Group(bytes) => bytes.hash(&mut hasher),
        }
        Self { path, number: field.number, digest: hasher.finish() }
    }
}
