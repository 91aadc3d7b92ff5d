//! What is wrong with a request by itself (`v3rpc/key.go`).

use std::collections::{BTreeMap, BTreeSet};

use hyper::body::Bytes;
use tonic::Status;

use super::{
    error::{
        duplicate_key, empty_key, invalid_sort, key_not_found, lease_provided, too_large, too_many_ops, value_provided,
    },
    proto::etcdserverpb::{
        DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
        range_request::{SortOrder, SortTarget},
        request_op::Request,
    },
};

/// The most operations in a branch of a transaction (`--max-txn-ops`).
const OPERATIONS: usize = 128;
/// The size of a request that writes (`--max-request-bytes`).
const BYTES: usize = 1_572_864;

/// The size of a request that writes.
pub(super) fn size(message: &impl prost::Message) -> Result<(), Status> {
    if message.encoded_len() > BYTES { Err(too_large()) } else { Ok(()) }
}

pub(super) fn range(request: &RangeRequest) -> Result<(), Status> {
    if request.key.is_empty() {
        return Err(empty_key());
    }
    let is_known = SortOrder::try_from(request.sort_order).is_ok() && SortTarget::try_from(request.sort_target).is_ok();
    if is_known { Ok(()) } else { Err(invalid_sort()) }
}

/// A range in parts, which are in the order of the keys.
pub(super) fn range_stream(request: &RangeRequest) -> Result<(), Status> {
    range(request)?;
    let by_key = request.sort_target == SortTarget::Key as i32 && request.sort_order == SortOrder::Ascend as i32;
    if request.sort_order != SortOrder::None as i32 && !by_key {
        return Err(Status::unimplemented("RangeStream does not support custom sort orders"));
    }
    if is_filtered(request) {
        return Err(Status::unimplemented("RangeStream does not support revision filters"));
    }
    Ok(())
}

/// Whether keys are left out by their revisions.
pub(super) fn is_filtered(request: &RangeRequest) -> bool {
    let RangeRequest { min_mod_revision, max_mod_revision, min_create_revision, max_create_revision, .. } = request;
    [min_mod_revision, max_mod_revision, min_create_revision, max_create_revision] != [&0; 4]
}

pub(super) fn put(request: &PutRequest) -> Result<(), Status> {
    if request.key.is_empty() {
        Err(empty_key())
    } else if request.ignore_value && !request.value.is_empty() {
        Err(value_provided())
    } else if request.ignore_lease && request.lease != 0 {
        Err(lease_provided())
    } else {
        Ok(())
    }
}

pub(super) fn delete(request: &DeleteRangeRequest) -> Result<(), Status> {
    if request.key.is_empty() { Err(empty_key()) } else { Ok(()) }
}

pub(super) fn txn(request: &TxnRequest) -> Result<(), Status> {
    operations(request, OPERATIONS)?;
    Written::of(&request.success)?;
    Written::of(&request.failure)?;
    Ok(())
}

/// As etcd counts them: what is left for a transaction in it is what this one has not.
fn operations(request: &TxnRequest, most: usize) -> Result<(), Status> {
    let count = request.compare.len().max(request.success.len()).max(request.failure.len());
    let left = most.checked_sub(count).ok_or_else(too_many_ops)?;
    if request.compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(empty_key());
    }
    for operation in request.success.iter().chain(&request.failure) {
        match &operation.request {
            Some(Request::RequestRange(request)) => range(request)?,
            Some(Request::RequestPut(request)) => put(request)?,
            Some(Request::RequestDeleteRange(request)) => delete(request)?,
            Some(Request::RequestTxn(request)) => operations(request, left)?,
            None => return Err(key_not_found()),
        }
    }
    Ok(())
}

/// What a branch writes: no key may be written twice (`checkIntervals`).
#[derive(Default)]
struct Written<'r> {
    puts: BTreeSet<&'r Bytes>,
    deletes: Intervals<'r>,
}

impl<'r> Written<'r> {
    fn of(operations: &'r [RequestOp]) -> Result<Self, Status> {
        let mut all = Self::default();
        for operation in operations {
            if let Some(Request::RequestDeleteRange(delete)) = &operation.request {
                all.deletes.add(&delete.key, &delete.range_end);
            }
        }
        for operation in operations {
            let Some(Request::RequestTxn(txn)) = &operation.request else { continue };
            let (success, failure) = (Self::of(&txn.success)?, Self::of(&txn.failure)?);
            // only one of the two branches is executed
            for key in success.puts.union(&failure.puts) {
                all.put(key)?;
            }
            all.deletes.join(success.deletes);
            all.deletes.join(failure.deletes);
        }
        for operation in operations {
            if let Some(Request::RequestPut(put)) = &operation.request {
                all.put(&put.key)?;
            }
        }
        Ok(all)
    }

    fn put(&mut self, key: &'r Bytes) -> Result<(), Status> {
        if self.deletes.contains(key) || !self.puts.insert(key) { Err(duplicate_key()) } else { Ok(()) }
    }
}

/// Ranges of keys, none of which meets another: the first key of each, and its end; none for a single key.
#[derive(Default)]
struct Intervals<'r>(BTreeMap<&'r [u8], Option<&'r [u8]>>);

impl<'r> Intervals<'r> {
    /// As etcd compares them: what does not end after it begins has no keys, and so has a range up to the last key.
    fn add(&mut self, key: &'r [u8], end: &'r [u8]) {
        if end.is_empty() {
            self.insert(key, None);
        } else if end > key {
            self.insert(key, Some(end));
        }
    }

    fn insert(&mut self, key: &'r [u8], end: Option<&'r [u8]>) {
        let Some(mut last) = end else {
            if !self.contains(key) {
                self.0.insert(key, None);
            }
            return;
        };
        let mut first = key;
        if let Some((before, Some(end))) = self.0.range(..key).next_back()
            && *end >= key
        {
            (first, last) = (before, last.max(end));
        }
        // each is removed once
        while let Some((next, end)) = self.0.range(first..last).next() {
            last = end.map_or(last, |end| last.max(end));
            let next = *next;
            self.0.remove(next);
        }
        self.0.insert(first, Some(last));
    }

    fn join(&mut self, other: Self) {
        other.0.into_iter().for_each(|(key, end)| self.insert(key, end));
    }

    fn contains(&self, key: &[u8]) -> bool {
        let before = self.0.range::<[u8], _>((std::ops::Bound::Unbounded, std::ops::Bound::Included(key))).next_back();
        before.is_some_and(|(start, end)| end.map_or(*start == key, |end| key < end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_joined() {
        let mut intervals = Intervals::default();
        intervals.add(b"m", b"");
        intervals.add(b"b", b"d");
        intervals.add(b"c", b"f");
        intervals.add(b"x", b"\0");
        intervals.add(b"z", b"y");
        assert_eq!(intervals.0.len(), 2);
        let held = |key: &&str| intervals.contains(key.as_bytes());
        let keys: Vec<_> = ["a", "b", "c", "e", "f", "m", "m\0", "x", "y", "z"].into_iter().filter(held).collect();
        assert_eq!(keys, ["b", "c", "e", "m"]);
        intervals.add(b"a", b"zz");
        assert_eq!(intervals.0.len(), 1);
    }
}
