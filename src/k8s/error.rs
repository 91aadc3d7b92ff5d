//! What can be wrong with a stored value.

use super::stored::Seal;
use crate::proto::Malformed;

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
    /// It is encrypted.
    #[error("encrypted by {0}")]
    Encrypted(Box<SealName>),
    /// It is none of the forms that Kubernetes stores objects in.
    #[error("not a Kubernetes object ({0} bytes)")]
    Opaque(usize),
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
}
