//! What can be wrong with a stored value.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::stored::Seal;
use crate::proto::{Field, Malformed, Wire};

/// Why a value is not shown as an object.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Undecodable {
    /// Its protobuf is broken.
    #[error("broken protobuf: {0}")]
    Protobuf(#[from] Malformed),
    /// Its JSON is broken.
    #[error("broken JSON: {what} at byte {at}")]
    Json {
        /// What is wrong.
        what: &'static str,
        /// Where in the JSON text.
        at: usize,
    },
    /// Its CBOR is broken.
    #[error("broken CBOR: {what} at byte {at}")]
    Cbor {
        /// What is wrong.
        what: &'static str,
        /// Where in the CBOR.
        at: usize,
    },
    /// It is nested deeper than any real object.
    #[error("nested too deep")]
    Deep,
    /// It is encrypted, and there are no keys.
    #[error("encrypted by {0}")]
    Encrypted(Box<SealName>),
    /// It is encrypted, and the keys that there are do not open it.
    #[error("encrypted by {seal}: {why}")]
    Unopened {
        /// By what.
        seal: Box<SealName>,
        /// Why not.
        why: Unopened,
    },
    /// Of two objects: what differs is in fields that the table of kinds does not have.
    #[error("only fields that this version does not know differ")]
    UnknownFields,
    /// It is none of the forms that Kubernetes stores objects in.
    #[error("not a Kubernetes object ({0} bytes)")]
    Opaque(usize),
}

impl Undecodable {
    /// Whether the right keys would open it.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        matches!(self, Self::Encrypted(_) | Self::Unopened { .. })
    }
}

/// Why the keys of a [`super::Ring`] do not open a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// The configuration has no such key for the resource.
    #[error("the encryption configuration has no such key for {}", .resource.as_deref().unwrap_or("any resource"))]
    NoKey {
        /// The resource, if the etcd key tells it.
        resource: Option<String>,
    },
    /// A key of that name is there.
    #[error("the key of that name is another one, or the value is damaged or was stored under another etcd key")]
    WrongKey,
    /// A KMS value, and its data key is not there.
    #[error("its data key is needed, which {} encrypted as {encrypted} (--kms-keys)", Kms(key_id.as_deref()))]
    NoDataKey {
        /// The data key as it is stored, in base64: what the KMS has to decrypt.
        encrypted: String,
        /// The name that the KMS gave to its own key.
        key_id: Option<String>,
    },
    /// A KMS value that is broken, or of a later version.
    #[error("what its KMS provider stored beside it cannot be read")]
    Envelope,
    /// A provider that nobody knows.
    #[error("nothing is known of this provider")]
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

/// By what a value is encrypted, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealName {
    /// The provider, as `aescbc` or `kms v2`.
    pub provider: &'static str,
    /// The name of the key, or of the KMS plugin, escaped.
    pub key: String,
}

impl std::fmt::Display for SealName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (key {})", self.provider, self.key)
    }
}

impl From<&Seal<'_>> for SealName {
    fn from(seal: &Seal<'_>) -> Self {
        Self { provider: seal.provider.name(), key: crate::bytes::escape(seal.name) }
    }
}

/// Something in a message that the table does not know: it is told, never dropped silently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The message it is in, as a path of JSON names from the object down.
    pub path: String,
    /// The field's number.
    pub number: u32,
    /// A hash of its value, as far as it is not shown: what differs here differs.
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
