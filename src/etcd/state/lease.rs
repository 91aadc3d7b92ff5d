//! The bucket `lease` (`leasepb.Lease`).

use super::values::malformed;
use crate::{
    Code, Finding,
    bytes::u64_be,
    proto::{Reader, Writer},
};

/// A lease. The time of its expiry is not stored: etcd grants it again when it starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lease {
    /// The id of the lease.
    pub id: i64,
    /// The time to live that was granted, in seconds.
    pub ttl: i64,
    /// The remaining time to live at the last checkpoint, in seconds; 0 without one.
    pub remaining_ttl: i64,
}

impl Lease {
    /// The longest time to live, in seconds (`lease.MaxLeaseTTL`).
    pub(crate) const MAX_TTL: i64 = 9_000_000_000;
    /// The shortest in an etcd with the default election timeout, in seconds (`minLeaseTTL`).
    pub(crate) const MIN_TTL: i64 = 2;

    pub(in crate::etcd) fn read(key: &[u8], value: &[u8]) -> Result<Self, Finding> {
        let wrong = malformed(Code::Lease, "Lease");
        let (mut reader, mut lease) = (Reader::new(value), Self::default());
        while let Some(field) = reader.next_field().map_err(&wrong)? {
            match field.number {
                1 => lease.id = field.int64().map_err(&wrong)?,
                2 => lease.ttl = field.int64().map_err(&wrong)?,
                3 => lease.remaining_ttl = field.int64().map_err(&wrong)?,
                _ => {}
            }
        }
        if lease.ttl < 1 || lease.remaining_ttl < 0 {
            let Self { id, ttl, remaining_ttl } = lease;
            let what = format!("lease {id:x} has a TTL of {ttl} s, of which {remaining_ttl} s remain");
            return Err(Finding::error(Code::Lease, what));
        }
        match u64_be(key, 0).filter(|_| key.len() == 8).map(u64::cast_signed) {
            Some(id) if id == lease.id => Ok(lease),
            Some(id) => Err(Finding::error(
                Code::Lease,
                format!("the key is lease {id:x}, but its value is lease {:x}", lease.id),
            )),
            None => Err(Finding::error(Code::Lease, format!("the key of a lease has {} bytes, expected 8", key.len()))),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let fields = [(1, self.id), (2, self.ttl), (3, self.remaining_ttl)].into_iter().filter(|(_, n)| *n != 0);
        fields.fold(Writer::new(), |message, (number, n)| message.varint(number, n.cast_unsigned())).finish()
    }
}
