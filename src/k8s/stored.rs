//! The form of a stored value, by its first bytes: one keyspace may have all forms, and nothing else records them.

use crate::proto::{Malformed, Reader};

/// The bytes before a protobuf value (`serializer/protobuf`).
pub(super) const PROTOBUF: &[u8] = b"k8s\0";
/// The bytes before a CBOR value: tag 55799, "self-described".
pub(super) const CBOR: &[u8] = &[0xd9, 0xd9, 0xf7];
/// The bytes before an encrypted value.
pub(super) const ENCRYPTED: &[u8] = b"k8s:enc:";

/// The form of one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stored<'a> {
    /// Protobuf: built-in kinds, normally.
    Protobuf(Envelope<'a>),
    /// JSON: custom resources, and their definitions.
    Json(&'a [u8]),
    /// CBOR with its tag: custom resources with the `CBORServingAndStorage` gate.
    Cbor(&'a [u8]),
    /// Encrypted at rest.
    Encrypted(Seal<'a>),
    /// None of these forms.
    Opaque,
}

impl<'a> Stored<'a> {
    /// Finds the form by the first bytes; of a protobuf value also reads the envelope.
    ///
    /// # Errors
    /// When a protobuf value's envelope is broken.
    pub(crate) fn new(value: &'a [u8]) -> Result<Self, Malformed> {
        if let Some(envelope) = value.strip_prefix(PROTOBUF) {
            return Envelope::read(envelope).map(Self::Protobuf);
        }
        if value.starts_with(ENCRYPTED) {
            return Ok(Seal::read(value).map_or(Self::Opaque, Self::Encrypted));
        }
        Ok(match value.first() {
            Some(b'{') => Self::Json(value),
            _ if value.starts_with(CBOR) => Self::Cbor(value),
            _ => Self::Opaque,
        })
    }
}

/// The envelope of an object, with its kind (`runtime.Unknown`).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Envelope<'a> {
    /// `apps/v1`.
    pub api_version: &'a str,
    /// `Deployment`.
    pub kind: &'a str,
    /// The object's message, without its TypeMeta.
    pub raw: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// API version and kind of the protobuf value that `bytes` begin with, which may end before the value does.
    #[must_use]
    pub(crate) fn type_at(bytes: &'a [u8]) -> Option<(&'a str, &'a str)> {
        let type_meta = bytes.strip_prefix(PROTOBUF)?.strip_prefix(b"\x0a")?;
        let (len, type_meta) = type_meta.split_first()?;
        // the length is one byte, as is that of every type
        let mut reader = Reader::new(type_meta.get(..usize::from(*len)).filter(|_| *len < 0x80)?);
        let (mut api_version, mut kind) = ("", "");
        while let Some(f) = reader.next_field().ok()? {
            let name = match f.number {
                1 => &mut api_version,
                2 => &mut kind,
                _ => return None,
            };
            *name = std::str::from_utf8(f.bytes().ok()?).ok()?;
        }
        (!kind.is_empty()).then_some((api_version, kind))
    }

    fn read(data: &'a [u8]) -> Result<Self, Malformed> {
        let (mut reader, mut type_meta, mut raw) = (Reader::new(data), &[][..], &[][..]);
        while let Some(f) = reader.next_field()? {
            match f.number {
                1 => type_meta = f.bytes()?,
                2 => raw = f.bytes()?,
                _ => {}
            }
        }
        let (mut reader, mut of) = (Reader::new(type_meta), Self { raw, ..Self::default() });
        while let Some(f) = reader.next_field()? {
            let name = match f.number {
                1 => &mut of.api_version,
                2 => &mut of.kind,
                _ => continue,
            };
            let wrong = |_| Malformed { what: "type name that is not UTF-8", at: f.at };
            *name = std::str::from_utf8(f.bytes()?).map_err(wrong)?;
        }
        Ok(of)
    }
}

/// The provider that encrypted a value (`k8s.io/apiserver/pkg/storage/value/encrypt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Provider {
    /// AES-CBC with PKCS#7 padding.
    AesCbc,
    /// AES-GCM with the etcd key as additional data.
    AesGcm,
    /// XSalsa20 and Poly1305.
    Secretbox,
    /// A KMS plugin, one data key per value.
    KmsV1,
    /// A KMS plugin, one seed for many values.
    KmsV2,
    /// An unknown provider.
    Other,
}

impl Provider {
    /// The provider's name in an EncryptionConfiguration.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AesCbc => "aescbc",
            Self::AesGcm => "aesgcm",
            Self::Secretbox => "secretbox",
            Self::KmsV1 => "kms v1",
            Self::KmsV2 => "kms v2",
            Self::Other => "an unknown provider",
        }
    }
}

/// An encrypted value, not decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal<'a> {
    /// The provider that encrypted it.
    pub provider: Provider,
    /// The name of the key, or of the KMS plugin: up to the first `:`, though a local key's name may have one.
    pub name: &'a [u8],
    /// All after the provider's own prefix: `NAME:` and the ciphertext. Only the configured names show where a name
    /// ends.
    pub rest: &'a [u8],
}

impl<'a> Seal<'a> {
    fn read(value: &'a [u8]) -> Option<Self> {
        let providers: [(&[u8], Provider); 5] = [
            (b"k8s:enc:aescbc:v1:", Provider::AesCbc),
            (b"k8s:enc:aesgcm:v1:", Provider::AesGcm),
            (b"k8s:enc:secretbox:v1:", Provider::Secretbox),
            (b"k8s:enc:kms:v1:", Provider::KmsV1),
            (b"k8s:enc:kms:v2:", Provider::KmsV2),
        ];
        let known = providers.iter().find_map(|(prefix, provider)| Some((*provider, value.strip_prefix(*prefix)?)));
        let (provider, rest) = known.or_else(|| Some((Provider::Other, value.strip_prefix(ENCRYPTED)?)))?;
        let end = rest.iter().take(512).position(|b| *b == b':').unwrap_or_default();
        Some(Self { provider, name: rest.get(..end)?, rest })
    }

    /// The name with what follows it up to the next `:`, where that is text as in a name. kube-apiserver allows `:` in
    /// the names of local keys and of kms v1 plugins, but not of kms v2 (`ValidateEncryptionConfiguration`). Of 1,000
    /// ciphertexts after a name without `:` one begins so, too.
    #[must_use]
    pub(crate) fn longer_name(&self) -> Option<&'a [u8]> {
        if self.provider == Provider::KmsV2 {
            return None;
        }
        let rest = self.rest.get(self.name.len().checked_add(1)?..)?;
        let end = rest.iter().take(253).position(|byte| *byte == b':').filter(|end| *end > 0)?;
        let is_text = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        rest.get(..end).filter(|text| text.iter().all(is_text))?;
        self.rest.get(..self.name.len().checked_add(1)?.checked_add(end)?)
    }

    /// The ciphertext, if the key's name has no `:`.
    #[must_use]
    pub(crate) fn payload(&self) -> &'a [u8] {
        self.rest.get(self.name.len().saturating_add(1)..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_form() {
        assert_eq!(Stored::new(b"{}"), Ok(Stored::Json(b"{}")));
        assert_eq!(Stored::new(b"12"), Ok(Stored::Opaque));
        assert!(matches!(Stored::new(b"\xd9\xd9\xf7\xa0"), Ok(Stored::Cbor(_))));
        let pod = b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x01x\x1a\x00\x22\x00";
        let want = Envelope { api_version: "v1", kind: "Pod", raw: b"x" };
        assert_eq!(Stored::new(pod), Ok(Stored::Protobuf(want)));
        assert!(Stored::new(b"k8s\0\x0a\x09").is_err());
        assert_eq!(Envelope::type_at(&pod[..15]), Some(("v1", "Pod")));
        assert_eq!((Envelope::type_at(&pod[..14]), Envelope::type_at(b"k8s\0\x0a\xff")), (None, None));
    }

    #[test]
    fn encrypted_values_are_named() {
        let seal = |value| match Stored::new(value) {
            Ok(Stored::Encrypted(seal)) => (seal.provider, seal.name, seal.payload()),
            other => panic!("{other:?}"),
        };
        assert_eq!(seal(b"k8s:enc:aescbc:v1:key1:\x01:\x02"), (Provider::AesCbc, &b"key1"[..], &b"\x01:\x02"[..]));
        let kms = seal(b"k8s:enc:kms:v2:plug:\x12\x02id");
        assert_eq!((kms.0, kms.1), (Provider::KmsV2, &b"plug"[..]));
        assert_eq!(seal(b"k8s:enc:new:v9:k:x").0, Provider::Other);
    }

    #[test]
    fn a_name_may_be_longer_than_its_first_colon() {
        let longer = |value| match Stored::new(value) {
            Ok(Stored::Encrypted(seal)) => seal.longer_name(),
            other => panic!("{other:?}"),
        };
        assert_eq!(longer(b"k8s:enc:aesgcm:v1:2026:q4:\x01:\x02"), Some(&b"2026:q4"[..]));
        assert_eq!(longer(b"k8s:enc:kms:v1:my:plug:\x01"), Some(&b"my:plug"[..]));
        for none in [
            &b"k8s:enc:kms:v2:plug:q4:"[..],
            b"k8s:enc:aescbc:v1:key1:\x01\x02:",
            b"k8s:enc:aescbc:v1:key1::\x02",
            b"k8s:enc:aescbc:v1:key1:abc",
            b"k8s:enc:aescbc:v1:key1:",
            b"k8s:enc:aescbc:v1:",
        ] {
            assert_eq!(longer(none), None, "{none:?}");
        }
    }
}
