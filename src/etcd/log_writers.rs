//! What the entries of a log may have written, entry by entry.

use super::{
    Record, Request, State,
    request::{AlarmAction, AuthOp, DeleteRange, Op, Put, RequestOp, Txn},
};
use crate::wal::{Entry, Log};

/// Changes that an entry may make.
pub(super) enum Write<'a> {
    Put(Put<'a>),
    Txn(Txn<'a>),
    Delete(DeleteRange<'a>),
    /// The end of a lease: the keys that were bound to it.
    Revoke,
}

/// Why an entry may have changed nothing, whatever it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubts {
    /// An alarm may have refused it.
    pub(super) alarmed: bool,
    /// An alarm or a permission may have refused it.
    pub(super) refusable: bool,
    /// Another entry, which cannot be read, may have replaced what it writes.
    pub(super) unread: bool,
}

impl Doubts {
    fn of<'o, 'a: 'o>(state: &State, ops: impl Iterator<Item = &'o Op<'a>>) -> Self {
        let (mut alarmed, mut auth) = (!state.alarms.is_empty(), state.auth.enabled);
        for op in ops {
            // One that ends here was active before.
            match op {
                Op::Auth(AuthOp::Enable | AuthOp::Disable) => auth = true,
                Op::Alarm { action: AlarmAction::Activate | AlarmAction::Deactivate, .. } => alarmed = true,
                _ => {}
            }
        }
        Self { alarmed, refusable: alarmed || auth, unread: false }
    }
}

/// Entries that may have written the last revisions of a db, in the order of the log: their changes, and whether the db
/// surely holds the entry.
pub(super) struct Writers<'a>(pub(super) Vec<(Entry<'a>, Write<'a>, bool)>);

impl<'a> Writers<'a> {
    /// `entries` of `log`, up to the last one that the db holds, and those that they have overwritten.
    pub(super) fn of(log: &Log<'a>, entries: &[Entry<'a>], state: &State) -> (Self, Doubts) {
        let mut all: Vec<_> = entries.iter().map(|entry| (entry, true)).collect();
        all.extend(log.replaced_among(entries).map(|entry| (entry, false)));
        all.sort_by_key(|(entry, _)| (entry.segment, entry.offset));
        let (mut requests, mut unread) = (Vec::new(), false);
        for (entry, kept) in all {
            match Request::of(entry) {
                Ok(request) => requests.extend(request.map(|request| (*entry, request.op, kept))),
                Err(_) => unread = true,
            }
        }
        let doubts = Doubts { unread, ..Doubts::of(state, requests.iter().map(|(_, op, _)| op)) };
        let (mut writers, mut reached) = (Vec::new(), None);
        for (entry, op, kept) in requests {
            if !kept {
                reached = reached.max(Some(entry.index));
            }
            let sure = kept && Some(entry.index) > reached;
            writers.extend(Write::of(op).map(|write| (entry, write, sure)));
        }
        (Self(writers), doubts)
    }

    /// The first revision that they may have written, of a db whose last one is `head`.
    pub(super) fn first(&self, head: i64) -> i64 {
        head.saturating_sub(i64::try_from(self.0.len()).unwrap_or(i64::MAX)).saturating_add(1)
    }
}

impl<'a> Write<'a> {
    pub(super) fn of(op: Op<'a>) -> Option<Self> {
        match op {
            Op::Put(put) => Some(Self::Put(put)),
            Op::Txn(txn) => Some(Self::Txn(txn)),
            Op::DeleteRange(delete) => Some(Self::Delete(delete)),
            Op::LeaseRevoke { .. } => Some(Self::Revoke),
            _ => None,
        }
    }

    /// Whether the entry writes in any case, unless a permission or an alarm prevents it.
    pub(super) fn is_certain(&self) -> bool {
        matches!(self, Self::Put(put) if put.lease == 0 && !put.ignore_value && !put.ignore_lease)
    }

    /// The key, when the entry is one put.
    pub(super) fn key(&self) -> &'a [u8] {
        match self {
            Self::Put(put) => put.key,
            _ => b"",
        }
    }

    pub(super) fn puts(&self) -> bool {
        match self {
            Self::Put(_) => true,
            Self::Txn(txn) => any(*txn, &|step| matches!(step, RequestOp::Put(_))),
            Self::Delete(_) | Self::Revoke => false,
        }
    }

    /// Whether the entry may have written a revision with these changes.
    pub(super) fn makes(&self, changes: &[Record<'_>]) -> bool {
        let mut records = changes.iter();
        match self {
            Self::Put(put) => changes.len() == 1 && records.all(|record| is_put(put, record)),
            Self::Delete(delete) => records.all(|record| record.tombstone && delete.range().contains(record.kv.key)),
            Self::Revoke => records.all(|record| record.tombstone),
            Self::Txn(txn) => records.all(|record| {
                any(*txn, &|step| match step {
                    RequestOp::Put(put) => is_put(put, record),
                    RequestOp::DeleteRange(delete) => record.tombstone && delete.range().contains(record.kv.key),
                    _ => false,
                })
            }),
        }
    }
}

fn is_put(put: &Put<'_>, record: &Record<'_>) -> bool {
    !record.tombstone && put.key == record.kv.key && (put.ignore_value || put.value == record.kv.value)
}

/// Calls `with` for each step of the transaction, and of those in it.
pub(super) fn each<'a>(txn: Txn<'a>, with: &mut dyn FnMut(&RequestOp<'a>)) {
    for step in txn.success().chain(txn.failure()) {
        match step {
            RequestOp::Txn(inner) => each(inner, with),
            step => with(&step),
        }
    }
}

/// Whether `wanted` is true for a step of the transaction, or for one of a nested transaction.
fn any(txn: Txn<'_>, wanted: &dyn Fn(&RequestOp<'_>) -> bool) -> bool {
    txn.success().chain(txn.failure()).any(|step| match step {
        RequestOp::Txn(inner) => any(inner, wanted),
        step => wanted(&step),
    })
}
