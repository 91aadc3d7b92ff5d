//! One line for every key: the object in its value, or what else the value is.

use std::{borrow::Cow, fmt};

use super::{
    error::{SealName, Undecodable},
    key::Key,
    meta::Meta,
    resource::Resource,
    resources::Resources,
    special::field,
    stored::Stored,
};
use crate::proto::Malformed;

/// The content of one key.
#[derive(Debug, Clone, PartialEq)]
pub enum Summary<'a> {
    /// An object that can be read.
    Object {
        /// `pod`, `deployment.apps`.
        kind: String,
        /// The object's metadata.
        meta: Meta<'a>,
    },
    /// An encrypted object, known by its key only.
    Encrypted {
        /// `secret`; empty when the key does not show it.
        kind: String,
        /// From the key.
        namespace: &'a str,
        /// From the key.
        name: &'a str,
        /// The provider and its key.
        seal: SealName,
    },
    /// A bitmap of addresses or ports.
    Range {
        /// `serviceips`.
        name: &'a str,
        /// `10.96.0.0/16`.
        range: Cow<'a, str>,
        /// Number of addresses or ports that are allocated.
        allocated: u64,
    },
    /// The API server's compaction.
    CompactRev(i64),
    /// Any other value.
    Opaque {
        /// The length in bytes.
        bytes: usize,
        /// The reason why it could not be read.
        why: Undecodable,
    },
}

impl<'a> Summary<'a> {
    /// Summarises one record; kinds are named by `resources`.
    #[must_use]
    pub fn new(key: &'a [u8], value: &'a [u8], resources: &Resources) -> Self {
        let opaque = |why| Self::Opaque { bytes: value.len(), why };
        let parsed = Key::new(key);
        match &parsed {
            Key::CompactRev => {
                let revision = std::str::from_utf8(value).ok().and_then(|v| v.trim().parse().ok());
                return revision.map_or_else(|| opaque(Undecodable::Opaque(value.len())), Self::CompactRev);
            }
            Key::Range(name) => {
                if let Ok(Some((range, allocated))) = allocation(value) {
                    return Self::Range { name, range, allocated };
                }
            }
            _ => {}
        }
        match Meta::read(value) {
            Ok(meta) => Self::Object { kind: kind_of(&parsed, &meta, resources), meta },
            Err(Undecodable::Encrypted(seal)) => {
                let (namespace, name) = match parsed.object() {
                    Some(object) => (object.namespace.unwrap_or_default(), object.name),
                    None => ("", ""),
                };
                Self::Encrypted { kind: kind_of(&parsed, &Meta::default(), resources), namespace, name, seal: *seal }
            }
            Err(why) => opaque(why),
        }
    }
}

/// The kind as kubectl writes it before a name: by the resource in the key, else by the value.
pub(crate) fn kind_of(key: &Key<'_>, meta: &Meta<'_>, resources: &Resources) -> String {
    kind_in(resource_of(key, resources), key, meta)
}

/// The resource in the key, if it is known.
pub(crate) fn resource_of<'r>(key: &Key<'_>, resources: &'r Resources) -> Option<&'r Resource> {
    let object = key.object()?;
    resources.get(object.group.as_deref()?, &object.resource)
}

/// As [`kind_of`], with the resource that [`resource_of`] returned.
pub(crate) fn kind_in(known: Option<&Resource>, key: &Key<'_>, meta: &Meta<'_>) -> String {
    if let Some(resource) = known {
        return resource.kind_name();
    }
    let singular = meta.kind.to_lowercase();
    match meta.api_version.split_once('/') {
        Some((group, _)) => format!("{singular}.{group}"),
        None if singular.is_empty() => key.object().map(|o| o.resource.to_string()).unwrap_or_default(),
        None => singular,
    }
}

/// The range of a stored RangeAllocation, and the number of bits that are set in its bitmap.
fn allocation(value: &[u8]) -> Result<Option<(Cow<'_, str>, u64)>, Malformed> {
    let Stored::Protobuf(envelope) = Stored::new(value)? else { return Ok(None) };
    let Some(range) = field(envelope.raw, 2)? else { return Ok(None) };
    let bitmap = field(envelope.raw, 3)?.map_or(Ok(&[][..]), |f| f.bytes())?;
    let allocated = bitmap.iter().map(|b| u64::from(b.count_ones())).sum();
    Ok(Some((super::value::text(range.bytes()?), allocated)))
}

/// Number of addresses or ports in a range: `10.96.0.0/16` or `30000-32767`.
fn size(range: &str) -> Option<u128> {
    if let Some((first, last)) = range.split_once('-') {
        let (first, last): (u128, u128) = (first.parse().ok()?, last.parse().ok()?);
        return last.checked_sub(first)?.checked_add(1);
    }
    let (address, prefix) = range.split_once('/')?;
    let bits: u32 = if address.contains(':') { 128 } else { 32 };
    1_u128.checked_shl(bits.checked_sub(prefix.parse().ok()?)?)
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object { kind, meta } => {
                let created = meta.created.map_or_else(|| "-".to_owned(), |c| c.to_string());
                named(f, kind, &meta.namespace, &meta.name)?;
                write!(f, " {created}")
            }
            Self::Encrypted { kind, namespace, name, seal } => {
                named(f, kind, namespace, name)?;
                write!(f, " encrypted by {seal}")
            }
            Self::Range { name, range, allocated } => {
                let range_text = crate::bytes::escape(range.as_bytes());
                write!(f, "range {} {range_text}, {allocated}", crate::bytes::escape(name.as_bytes()))?;
                match size(range) {
                    Some(size) => write!(f, " of {size} allocated"),
                    None => f.write_str(" allocated"),
                }
            }
            Self::CompactRev(revision) => write!(f, "compacted by the API server up to revision {revision}"),
            Self::Opaque { why, .. } => write!(f, "{why}"),
        }
    }
}

fn named(f: &mut fmt::Formatter<'_>, kind: &str, namespace: &str, name: &str) -> fmt::Result {
    let namespace = if namespace.is_empty() { "-" } else { namespace };
    let escape = |text: &str| crate::bytes::escape(text.as_bytes());
    write!(f, "{} {} {}", escape(kind), escape(namespace), escape(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(key: &str, value: &[u8]) -> String {
        Summary::new(key.as_bytes(), value, &Resources::default()).to_string()
    }

    #[test]
    fn every_value_is_said_in_a_line() {
        let set = std::fs::read("fixtures/k8s/apps.v1.StatefulSet.pb").unwrap();
        let want = "statefulset.apps namespaceValue nameValue 2008-01-01T01:01:01Z";
        assert_eq!(line("/registry/statefulsets/namespaceValue/nameValue", &set), want);
        let ports = b"k8s\0\x0a\x15\x0a\x02v1\x12\x0fRangeAllocation\x12\x13\x12\x0b30000-32767\x1a\x04\x08\x00\x00\x01\x1a\0\"\0";
        assert_eq!(
            line("/registry/ranges/servicenodeports", ports),
            "range servicenodeports 30000-32767, 2 of 2768 allocated"
        );
        assert_eq!(line("compact_rev_key", b"345"), "compacted by the API server up to revision 345");
        let secret = b"k8s:enc:aescbc:v1:key1:....";
        assert_eq!(line("/registry/secrets/shop/db", secret), "secret shop db encrypted by aescbc (key key1)");
        assert_eq!(line("/registry/health", b"ok"), "not a Kubernetes object (2 bytes)");
    }
}
