//! The state that entries are applied to, and the steps that several kinds of request share.

use std::{cell::Cell, collections::BTreeMap, ops::Bound};

use super::{edits::Edits, named::NamedInDb};
use crate::{
    Findings,
    etcd::{
        KeyValue, Range, Revision, Snapshot, State,
        added::AddedWriter,
        boot::Minor,
        request::Put,
        state::{AlarmKind, Lease, StoredUser},
        tombstone,
    },
    source::Spool,
};

/// Why a request changed nothing.
#[derive(Debug)]
pub(super) enum No {
    /// etcd answers the request with an error.
    Refused,
    /// etcd panics when it applies the request, and does not start on this log.
    Panic(String),
}

/// Result of a request.
pub(super) type Done<T = ()> = Result<T, No>;

/// The user of a request (`auth.AuthInfo`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) username: &'a [u8],
    pub(super) auth_revision: u64,
}

/// The changes of keys by one entry: one revision, if there are any.
#[derive(Debug)]
pub(super) struct Write {
    main: i64,
    sub: i64,
    offset: u64,
}

/// The state, and the other data of a replay.
#[derive(Debug)]
pub(super) struct Applier<'a> {
    pub(super) state: State,
    pub(super) users: BTreeMap<Vec<u8>, StoredUser>,
    pub(super) edits: Edits,
    pub(super) log_records: AddedWriter,
    pub(super) leases: BTreeMap<i64, Lease>,
    pub(super) found: NamedInDb<'a>,
    pub(super) revision: i64,
    pub(super) compacted: i64,
    pub(super) findings: Findings,
    /// The number of steps taken in lists whose length a log decides.
    pub(super) work: Cell<u64>,
    /// The offset of the current entry in the log's file.
    pub(super) offset: u64,
}

impl<'a> Applier<'a> {
    pub(super) fn new(snapshot: &Snapshot<'a>, found: NamedInDb<'a>, spool: Spool) -> Self {
        let users = snapshot.items("authUsers").into_iter();
        let mut state = snapshot.state.clone();
        let mut edits = Edits::default();
        // Every etcd counts from 0 when it starts.
        if state.auth.revision.unwrap_or(0) == 0 {
            state.auth.revision = Some(1);
            edits.put("auth", b"authRevision", 1_u64.to_be_bytes());
        }
        Self {
            users: users.filter_map(|(key, value)| Some((key, StoredUser::decode(&value).ok()?))).collect(),
            leases: state.leases.iter().map(|lease| (lease.id, *lease)).collect(),
            state,
            edits,
            log_records: AddedWriter::new(spool),
            revision: snapshot.keyspace.head(found.last),
            compacted: snapshot.keyspace.compacted(),
            findings: Findings::default(),
            work: Cell::new(0),
            found,
            offset: 0,
        }
    }

    /// Counts `steps` more steps.
    pub(super) fn charge(&self, steps: usize) {
        self.work.set(self.work.get().saturating_add(steps as u64));
    }

    /// Whether an alarm forbids a request (`applierV3Corrupt`, `applierV3Capped`); one that `grows` the db needs space.
    pub(super) fn check_alarms(&self, grows: bool) -> Done {
        self.charge(self.state.alarms.len());
        let raised = |kind| self.state.alarms.iter().any(|alarm| alarm.kind == kind);
        let forbidden = raised(AlarmKind::Corrupt) || (grows && raised(AlarmKind::NoSpace));
        if forbidden { Err(No::Refused) } else { Ok(()) }
    }

    pub(super) fn begin(&self) -> Write {
        Write { main: self.revision.saturating_add(1), sub: 0, offset: self.offset }
    }

    pub(super) fn end(&mut self, write: &Write) {
        if write.sub > 0 {
            self.revision = write.main;
        }
    }

    /// `txn.put`: a value or lease that is to be kept has to exist.
    pub(super) fn put(&mut self, write: &mut Write, put: &Put<'a>) -> Done {
        let old = self.found.keys.get(put.key);
        let (mut value, mut lease) = (put.value, put.lease);
        if put.ignore_value || put.ignore_lease {
            let old = old.ok_or(No::Refused)?;
            value = if put.ignore_value { old.value } else { value };
            lease = if put.ignore_lease { old.lease } else { lease };
        }
        let (create_revision, version) =
            old.map_or((write.main, 1), |old| (old.create_revision, old.version.saturating_add(1)));
        let kv = KeyValue { key: put.key, create_revision, mod_revision: write.main, version, value, lease };
        self.append(write, false, &kv.encode());
        self.detach(kv.key);
        self.attach(kv.key, lease)?;
        self.found.keys.insert(kv.key, kv);
        Ok(())
    }

    /// `storeTxnWrite.DeleteRange`.
    pub(super) fn delete_range(&mut self, write: &mut Write, range: Range<'a>) {
        for key in self.live(range).map(|kv| kv.key).collect::<Vec<_>>() {
            self.append(write, true, &tombstone(key));
            self.detach(key);
            self.found.keys.remove(key);
        }
    }

    /// The live keys of a range, in order.
    pub(super) fn live(&self, range: Range<'a>) -> impl Iterator<Item = &KeyValue<'a>> {
        let keys = self.found.keys.range::<[u8], _>((Bound::Included(range.start()), Bound::Unbounded));
        keys.map(|(_, kv)| kv).take_while(move |kv| !range.is_before(kv.key))
    }

    fn append(&mut self, write: &mut Write, tombstone: bool, message: &[u8]) {
        let revision = Revision { main: write.main, sub: write.sub };
        self.log_records.push(revision, tombstone, message, write.offset);
        write.sub = write.sub.saturating_add(1);
    }

    /// `lessor.Attach`.
    fn attach(&mut self, key: &'a [u8], lease: i64) -> Done {
        if lease != 0 && !self.leases.contains_key(&lease) {
            return Err(No::Panic(format!("a key is to keep the lease {lease:x}, which does not exist")));
        }
        if let Some(keys) = self.found.attached.get_mut(&lease) {
            keys.insert(key);
        }
        Ok(())
    }

    fn detach(&mut self, key: &[u8]) {
        let lease = self.found.keys.get(key).map(|kv| kv.lease);
        if let Some(keys) = lease.and_then(|lease| self.found.attached.get_mut(&lease)) {
            keys.remove(key);
        }
    }

    /// Whether all members have been at 3.`minor` or later.
    pub(super) fn cluster_is(&self, minor: u32) -> bool {
        let version = self.state.cluster.version.as_deref().and_then(Minor::parse);
        version.is_some_and(|version| version >= Minor { major: 3, minor })
    }

    /// Records the last entry that was applied.
    pub(super) fn reached(&mut self, index: u64, term: u64) {
        let meta = &mut self.state.meta;
        meta.consistent_index = Some(index);
        self.edits.put("meta", b"consistent_index", index.to_be_bytes());
        if meta.term.is_some() {
            meta.term = Some(term);
            self.edits.put("meta", b"term", term.to_be_bytes());
        }
    }
}
