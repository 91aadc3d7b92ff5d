//! Two versions of an object, decoded where they differ.
//!
//! Most writes change one member: the status, or an annotation. A member that both versions store in the same bytes is
//! equal, and is left out of both:
//!
//! ```text
//!  apiVersion  kind  metadata ┬ name  annotations  managedFields   spec  status
//!      ─         ─            │   =        ≠             =           =     ≠       left out: =
//! ```

use std::borrow::Cow;

use super::{
    error::Undecodable,
    object::{Object, is_converted},
    seal::decode_opened,
    special::field,
    stored::Stored,
    what::{METADATA, ManagedFields, What, Without},
};
use crate::proto::{Malformed, Reader};

/// Two versions of an object, from the bytes that [`Ring::open`](super::Ring::open) returned, without the members of
/// the object and of its metadata that are the same in both. `apiVersion`, `kind` and `metadata` are always there.
///
/// # Errors
/// As [`decode`](super::decode), for what differs.
pub(crate) fn differing<'v>(
    old: Cow<'v, [u8]>,
    new: Cow<'v, [u8]>,
    managed_fields: ManagedFields,
) -> Result<(Object<'v>, Object<'v>), Undecodable> {
    let what = What { managed_fields, without: same(&old, &new)?, ..What::default() };
    Ok((decode_opened(old, what)?, decode_opened(new, what)?))
}

/// The fields that are the same in two values of one kind; none where a member of the object depends on another.
fn same(old: &[u8], new: &[u8]) -> Result<Without, Malformed> {
    let (Stored::Protobuf(old), Stored::Protobuf(new)) = (Stored::new(old)?, Stored::new(new)?) else {
        return Ok(Without::default());
    };
    if (old.api_version, old.kind) != (new.api_version, new.kind) || is_converted(new.kind) {
        return Ok(Without::default());
    }
    let metadata = match (field(old.raw, METADATA)?, field(new.raw, METADATA)?) {
        (Some(old), Some(new)) => same_fields(old.bytes()?, new.bytes()?)?,
        _ => 0,
    };
    Ok(Without { object: same_fields(old.raw, new.raw)? & !Without::bit(METADATA), metadata })
}

/// The fields of which two messages have the same values.
fn same_fields(old: &[u8], new: &[u8]) -> Result<u64, Malformed> {
    let (mut old, mut new) = (Reader::new(old), Reader::new(new));
    let (mut same, mut other) = (0, 0);
    loop {
        match (old.next_field()?, new.next_field()?) {
            (None, None) => return Ok(same & !other),
            (Some(old), Some(new)) if (old.number, old.wire) == (new.number, new.wire) => {
                same |= Without::bit(new.number);
            }
            (old, new) => old.iter().chain(&new).for_each(|field| other |= Without::bit(field.number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{k8s::decode, proto::Writer};

    fn same_of(old: &[(u32, u64)], new: &[(u32, u64)]) -> u64 {
        let message = |fields: &[(u32, u64)]| {
            fields.iter().fold(Writer::new(), |message, (number, n)| message.varint(*number, *n)).finish()
        };
        same_fields(&message(old), &message(new)).unwrap()
    }

    #[test]
    fn a_field_is_the_same_where_all_its_values_are() {
        assert_eq!(same_of(&[(1, 1), (2, 2), (3, 3)], &[(1, 1), (2, 7), (3, 3)]), 1 << 1 | 1 << 3);
        assert_eq!(same_of(&[(1, 1), (2, 2), (2, 3)], &[(1, 1), (2, 2)]), 1 << 1);
        assert_eq!(same_of(&[(2, 2), (2, 3), (3, 1)], &[(2, 2), (3, 1)]), 0);
        assert_eq!(same_of(&[(1, 1), (2, 2), (1, 3)], &[(1, 1), (2, 2), (1, 4)]), 1 << 2);
        assert_eq!(same_of(&[(70, 1)], &[(70, 1)]), 0);
    }

    #[test]
    fn members_that_differ_are_decoded_as_they_are_alone() {
        let read = |name: &str| std::fs::read(format!("fixtures/k8s/{name}.pb")).unwrap();
        let old = read("core.v1.Pod");
        // the second version has another name, and no status
        let Stored::Protobuf(envelope) = Stored::new(&old).unwrap() else { panic!() };
        let mut reader = Reader::new(envelope.raw);
        let (meta, spec) = (reader.next_field().unwrap().unwrap(), reader.next_field().unwrap().unwrap());
        assert_eq!((meta.number, spec.number), (1, 2));
        let renamed = [meta.bytes().unwrap(), &Writer::new().bytes(1, b"other").finish()].concat();
        let raw = Writer::new().bytes(1, &renamed).bytes(2, spec.bytes().unwrap()).finish();
        let types = Writer::new().bytes(1, b"v1").bytes(2, b"Pod").finish();
        let new = [b"k8s\0", &Writer::new().bytes(1, &types).bytes(2, &raw).finish()[..]].concat();

        let (a, b) = differing(Cow::Borrowed(&old), Cow::Borrowed(&new), ManagedFields::Keep).unwrap();
        let (whole_a, whole_b) = (decode(&old).unwrap(), decode(&new).unwrap());
        assert!(a.value.get("spec").is_none() && whole_a.value.get("spec").is_some());
        assert_eq!(a.value.get("status"), whole_a.value.get("status"));
        assert_eq!(b.value.get("status"), whole_b.value.get("status"));
        assert_eq!((a.name(), b.name()), (whole_a.name(), "other"));
        assert!(a.value.at(&["metadata", "uid"]).is_none() && a.kind() == "Pod");
    }
}
