//! Requests that write, and transactions (`txn.Txn`, `mvcc.storeTxnWrite`).

use std::sync::Arc;

use hyper::body::Bytes;
use tonic::Status;

use super::{
    error::{key_not_found, lease_not_found, no_space},
    header,
    log::{KeyChange, Revised},
    proto::{
        etcdserverpb::{
            Compare, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RequestOp, ResponseHeader,
            ResponseOp, TxnRequest, TxnResponse,
            compare::{CompareTarget, TargetUnion},
            request_op::Request,
            response_op::Response,
        },
        mvccpb,
    },
    store::Store,
    version::{Data, Version, put_cost, record},
};
use crate::etcd::{Range, Revision, request};

/// What a transaction has written so far.
struct Writing {
    /// The revision before it.
    begin: i64,
    changes: Vec<KeyChange>,
}

/// Which branch is taken, of a transaction and of those in it.
struct Path {
    succeeded: bool,
    inner: Vec<Self>,
}

impl Writing {
    /// The revision that it writes.
    fn next(&self) -> i64 {
        self.begin.saturating_add(1)
    }

    /// The revision that it sees.
    fn current(&self) -> i64 {
        if self.changes.is_empty() { self.begin } else { self.next() }
    }

    fn revision(&self) -> Revision {
        Revision { main: self.next(), sub: self.changes.len().try_into().unwrap_or(i64::MAX) }
    }
}

/// Whether a transaction can only read, whichever branch is taken.
pub(super) fn is_read_only(request: &TxnRequest) -> bool {
    let mut all = request.success.iter().chain(&request.failure);
    all.all(|operation| matches!(operation.request, Some(Request::RequestRange(_))))
}

fn branch<'r>(request: &'r TxnRequest, path: &Path) -> &'r [RequestOp] {
    if path.succeeded { &request.success } else { &request.failure }
}

impl Store {
    fn begin(&self) -> Writing {
        Writing { begin: self.head, changes: Vec::new() }
    }

    /// Makes the changes a revision; returns whether there are any.
    fn commit(&mut self, writing: Writing) -> bool {
        if writing.changes.is_empty() {
            return false;
        }
        self.head = writing.next();
        self.log.push(Revised { revision: self.head, changes: writing.changes.into() });
        true
    }

    pub(super) fn put(&mut self, request: &PutRequest, limit: u64) -> Result<PutResponse, Status> {
        self.check_lease(request)?;
        self.check_put(request)?;
        self.fits(put_cost(&request.key, &request.value), limit)?;
        let mut writing = self.begin();
        let response = self.put_in(request, &mut writing);
        self.commit(writing);
        Ok(response)
    }

    pub(super) fn delete(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let mut writing = self.begin();
        let response = self.delete_in(request, &mut writing);
        self.commit(writing);
        response
    }

    /// Revokes a lease: its keys are deleted.
    pub(super) fn revoke(&mut self, id: i64) -> Result<(), Status> {
        let keys = self.lessor.remove(id).ok_or_else(lease_not_found)?;
        let mut writing = self.begin();
        for key in keys {
            self.delete_one(&key, &mut writing);
        }
        self.commit(writing);
        Ok(())
    }

    /// Whether the overlay may take so many more bytes.
    pub(super) fn fits(&self, more: u64, limit: u64) -> Result<(), Status> {
        if self.used.saturating_add(more) > limit { Err(no_space()) } else { Ok(()) }
    }

    /// A transaction that only reads.
    pub(super) fn read(&self, request: &TxnRequest) -> Result<TxnResponse, Status> {
        let succeeded = request.compare.iter().all(|compare| self.compare(compare));
        let operations = if succeeded { &request.success } else { &request.failure };
        let mut responses = Vec::new();
        for operation in operations {
            let Some(Request::RequestRange(request)) = &operation.request else { continue };
            let response = self.range(request, self.head)?;
            responses.push(ResponseOp { response: Some(Response::ResponseRange(response)) });
        }
        Ok(TxnResponse { header: header(self.head), succeeded, responses })
    }

    pub(super) fn txn(&mut self, request: &TxnRequest, limit: u64) -> Result<TxnResponse, Status> {
        let path = self.path(request);
        let more = self.check_txn(request, &path)?;
        self.fits(more, limit)?;
        let mut writing = self.begin();
        let response = self.execute(request, &path, &mut writing)?;
        let current = writing.current();
        self.commit(writing);
        Ok(TxnResponse { header: header(current), ..response })
    }

    /// All comparisons are made before anything is written.
    fn path(&self, request: &TxnRequest) -> Path {
        let succeeded = request.compare.iter().all(|compare| self.compare(compare));
        let mut path = Path { succeeded, inner: Vec::new() };
        let inner = branch(request, &path).iter().filter_map(|operation| match &operation.request {
            Some(Request::RequestTxn(request)) => Some(self.path(request)),
            _ => None,
        });
        path.inner = inner.collect();
        path
    }

    /// Checks all operations before any is executed; returns the bytes that the puts take.
    fn check_txn(&self, request: &TxnRequest, path: &Path) -> Result<u64, Status> {
        let (mut inner, mut bytes) = (path.inner.iter(), 0_u64);
        for operation in branch(request, path) {
            let more = match &operation.request {
                Some(Request::RequestRange(request)) => self.readable(request.revision, self.head).map(|_| 0)?,
                Some(Request::RequestPut(request)) => {
                    self.check_put(request)?;
                    put_cost(&request.key, &request.value)
                }
                Some(Request::RequestTxn(request)) => match inner.next() {
                    Some(path) => self.check_txn(request, path)?,
                    None => 0,
                },
                Some(Request::RequestDeleteRange(_)) | None => 0,
            };
            bytes = bytes.saturating_add(more);
        }
        Ok(bytes)
    }

    fn execute(&mut self, request: &TxnRequest, path: &Path, writing: &mut Writing) -> Result<TxnResponse, Status> {
        let (mut inner, mut responses) = (path.inner.iter(), Vec::new());
        for operation in branch(request, path) {
            let response = match &operation.request {
                Some(Request::RequestRange(request)) => {
                    Some(Response::ResponseRange(self.range(request, writing.current())?))
                }
                Some(Request::RequestPut(request)) => Some(Response::ResponsePut(self.put_in(request, writing))),
                Some(Request::RequestDeleteRange(request)) => {
                    Some(Response::ResponseDeleteRange(self.delete_in(request, writing)))
                }
                Some(Request::RequestTxn(request)) => match inner.next() {
                    Some(path) => Some(Response::ResponseTxn(self.execute(request, path, writing)?)),
                    None => None,
                },
                None => None,
            };
            responses.push(ResponseOp { response });
        }
        // only the whole one has a revision
        let header = Some(ResponseHeader::default());
        Ok(TxnResponse { header, succeeded: path.succeeded, responses })
    }

    fn check_put(&self, request: &PutRequest) -> Result<(), Status> {
        if (request.ignore_value || request.ignore_lease) && self.get(&request.key, self.head).is_none() {
            return Err(key_not_found());
        }
        self.check_lease(request)
    }

    fn check_lease(&self, request: &PutRequest) -> Result<(), Status> {
        let is_there = request.lease == 0 || self.lessor.get(request.lease).is_some();
        if is_there { Ok(()) } else { Err(lease_not_found()) }
    }

    fn put_in(&mut self, request: &PutRequest, writing: &mut Writing) -> PutResponse {
        let (revision, main) = (writing.revision(), writing.next());
        let before = self.get(&request.key, writing.current());
        let value = before.as_ref().filter(|_| request.ignore_value).map_or(&request.value, |before| &before.value);
        let lease = before.as_ref().filter(|_| request.ignore_lease).map_or(request.lease, |before| before.lease);
        // what was sent is a part of a larger buffer
        let own = Bytes::copy_from_slice;
        let key = self.keys.get_key_value(&request.key).map_or_else(|| own(&request.key), |(key, _)| key.clone());
        let kv = Arc::new(mvccpb::KeyValue {
            key: key.clone(),
            create_revision: before.as_ref().map_or(main, |before| before.create_revision),
            mod_revision: main,
            version: before.as_ref().map_or(1, |before| before.version.saturating_add(1)),
            value: own(value),
            lease,
        });
        let old = before.as_ref().map_or(0, |before| before.lease);
        if old != lease {
            self.lessor.detach(old, &key);
            self.lessor.attach(lease, key.clone());
        }
        self.used = self.used.saturating_add(put_cost(&key, &kv.value));
        let version = Version { revision, tombstone: false, data: Data::Memory(Arc::clone(&kv)) };
        let before_it = self.push(&key, version);
        writing.changes.push(KeyChange { key, kv, deleted: false, before: before_it });
        PutResponse { header: header(main), prev_kv: before.filter(|_| request.prev_kv) }
    }

    fn delete_in(&mut self, request: &DeleteRangeRequest, writing: &mut Writing) -> DeleteRangeResponse {
        let (range, current) = (Range::new(&request.key[..], &request.range_end[..]), writing.current());
        let is_there = |versions: &[Version]| Self::at(versions, current).is_some();
        let within = self.within(&range).filter(|(_, versions)| is_there(versions));
        let keys: Vec<Bytes> = within.map(|(key, _)| key.clone()).collect();
        let before = keys.iter().filter(|_| request.prev_kv).filter_map(|key| self.get(key, current));
        let prev_kvs = before.collect();
        for key in &keys {
            self.delete_one(key, writing);
        }
        DeleteRangeResponse {
            header: header(writing.current()),
            deleted: keys.len().try_into().unwrap_or(i64::MAX),
            prev_kvs,
        }
    }

    fn delete_one(&mut self, key: &Bytes, writing: &mut Writing) {
        let (revision, current) = (writing.revision(), writing.current());
        let Some(before) = self.get(key, current) else { return };
        self.lessor.detach(before.lease, key);
        self.used = self.used.saturating_add(put_cost(key, b""));
        let before = self.push(key, Version { revision, tombstone: true, data: Data::Deleted });
        let kv = mvccpb::KeyValue { key: key.clone(), mod_revision: revision.main, ..Default::default() };
        writing.changes.push(KeyChange { key: key.clone(), kv: Arc::new(kv), deleted: true, before });
    }

    /// Adds a version; returns that of the revision before, when the key was there.
    fn push(&mut self, key: &Bytes, version: Version) -> Option<Version> {
        let versions = self.keys.entry(key.clone()).or_default();
        let before = Self::at(versions, version.revision.main.saturating_sub(1)).cloned();
        versions.push(version);
        before
    }

    /// Whether a comparison holds for all keys in its range.
    fn compare(&self, compare: &Compare) -> bool {
        let compare = condition(compare);
        let mut any = false;
        for (key, versions) in self.within(&compare.range()) {
            let Some(kv) = Self::at(versions, self.head).and_then(|version| self.kv(key, version)) else { continue };
            any = true;
            if !compare.holds(&record(&kv)) {
                return false;
            }
        }
        any || compare.holds_without_key()
    }
}

/// The condition, as a log has it. A value given for another target than the named one counts as not given.
fn condition(compare: &Compare) -> request::Compare<'_> {
    let target = match (CompareTarget::try_from(compare.target), &compare.target_union) {
        (Ok(CompareTarget::Version), Some(TargetUnion::Version(version))) => request::CompareTarget::Version(*version),
        (Ok(CompareTarget::Version), _) => request::CompareTarget::Version(0),
        (Ok(CompareTarget::Create), Some(TargetUnion::CreateRevision(at))) => request::CompareTarget::Create(*at),
        (Ok(CompareTarget::Create), _) => request::CompareTarget::Create(0),
        (Ok(CompareTarget::Mod), Some(TargetUnion::ModRevision(at))) => request::CompareTarget::Mod(*at),
        (Ok(CompareTarget::Mod), _) => request::CompareTarget::Mod(0),
        (Ok(CompareTarget::Value), Some(TargetUnion::Value(value))) => request::CompareTarget::Value(value),
        (Ok(CompareTarget::Value), _) => request::CompareTarget::Value(b""),
        (Ok(CompareTarget::Lease), Some(TargetUnion::Lease(lease))) => request::CompareTarget::Lease(*lease),
        (Ok(CompareTarget::Lease), _) => request::CompareTarget::Lease(0),
        (Err(_), _) => request::CompareTarget::Unknown(compare.target),
    };
    let result = request::CompareResult::of(compare.result);
    request::Compare { result, target, key: &compare.key, range_end: &compare.range_end }
}
