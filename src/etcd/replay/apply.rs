//! One entry after the other, done to the state as etcd's applier does it.

use std::{cell::Cell, collections::BTreeMap, ops::Bound};

use super::{edits::Edits, named::Found};
use crate::{
    Findings,
    etcd::{
        KeyValue, Range, Revision, Snapshot, State,
        added::AddedWriter,
        boot::Minor,
        request::{AlarmAction, Op, Put, Request},
        state::{Alarm, AlarmKind, Lease, StoredUser},
        tombstone,
    },
    source::Spool,
    wal::{Entry, EntryKind},
};

/// So many steps a log may take in lists that it makes long itself: some ten seconds.
const MOST_WORK: u64 = 1 << 29;

/// Why a request changed nothing.
#[derive(Debug)]
pub(super) enum No {
    /// etcd answers it with an error.
    Refused,
    /// etcd panics on it, and does not start on this log.
    Panic(String),
}

/// What a request comes to.
pub(super) type Done<T = ()> = Result<T, No>;

/// Who asks, for etcd's `auth.AuthInfo`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) username: &'a [u8],
    pub(super) auth_revision: u64,
}

/// The changes of one entry to the keys: they are one revision, if there are any.
#[derive(Debug)]
pub(super) struct Write {
    main: i64,
    sub: i64,
    offset: u64,
}

/// The state, and what a replay has to know beside it.
#[derive(Debug)]
pub(super) struct Applier<'a> {
    pub(super) state: State,
    pub(super) users: BTreeMap<Vec<u8>, StoredUser>,
    pub(super) edits: Edits,
    pub(super) log_records: AddedWriter,
    pub(super) leases: BTreeMap<i64, Lease>,
    pub(super) found: Found<'a>,
    pub(super) revision: i64,
    pub(super) compacted: i64,
    pub(super) findings: Findings,
    /// How many steps were taken in lists that a log can make as long as it likes, against [`MOST_WORK`].
    work: Cell<u64>,
    /// Where the entry at hand begins in the log's file.
    offset: u64,
}

impl<'a> Applier<'a> {
    pub(super) fn new(snapshot: &Snapshot<'a>, found: Found<'a>, spool: Spool) -> Self {
        let users = snapshot.items("authUsers").into_iter();
        let mut state = snapshot.state.clone();
        let mut edits = Edits::default();
        // Every etcd counts it up from 0 when it starts.
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

    /// Notes so many steps.
    pub(super) fn charge(&self, steps: usize) {
        self.work.set(self.work.get().saturating_add(steps as u64));
    }

    /// Does what `entry` asks for (`EtcdServer.apply`); `request` is what it holds.
    ///
    /// # Errors
    /// Why an etcd would panic on it, or that the log is made to keep one busy.
    pub(super) fn apply(&mut self, entry: &Entry<'a>, request: Option<&Request<'a>>) -> Result<(), String> {
        self.offset = entry.offset;
        let done = match (entry.kind, request) {
            (EntryKind::Normal, None) => Ok(()),
            (EntryKind::Normal, Some(request)) => self.request(request),
            (EntryKind::ConfChange, _) => self.conf_change(entry),
            (kind, _) => Err(No::Panic(format!("it is of a type that no etcd writes: {kind:?}"))),
        };
        match done {
            Err(No::Panic(what)) => Err(format!("etcd does not get over entry {}: {what}", entry.index)),
            Ok(()) | Err(No::Refused) if self.work.get() <= MOST_WORK => Ok(()),
            Ok(()) | Err(No::Refused) => {
                Err(format!("to apply the log up to entry {} has taken more steps than any real one does", entry.index))
            }
        }
    }

    /// `uberApplier.Apply` and what it goes through: alarms first, then rights, then the thing itself. How much room the
    /// quota leaves is not asked: etcd applies what is in its log and raises the alarm behind it.
    fn request(&mut self, request: &Request<'a>) -> Done {
        let caller = match request.header {
            Some(header) => Caller { username: header.username, auth_revision: header.auth_revision },
            None => Caller { username: b"", auth_revision: 0 },
        };
        match &request.op {
            Op::Put(put) => {
                self.check_alarms(true)?;
                self.check_put(caller, put)?;
                self.put_request(put)
            }
            Op::DeleteRange(delete) => {
                self.check_alarms(false)?;
                self.check_delete(caller, delete)?;
                let mut write = self.begin();
                self.delete_range(&mut write, delete.range());
                self.end(&write);
                Ok(())
            }
            Op::Txn(txn) => self.txn_request(caller, *txn),
            Op::Compaction { revision, .. } => self.compact(*revision),
            Op::LeaseGrant { id, ttl } => self.grant(*id, *ttl),
            Op::LeaseRevoke { id } => self.revoke(caller, *id),
            Op::LeaseCheckpoint(checkpoints) => {
                checkpoints.iter().for_each(|(id, remaining)| self.checkpoint(*id, *remaining));
                Ok(())
            }
            Op::Alarm { action, member, kind } => {
                self.alarm(*action, Alarm { member: *member, kind: *kind });
                Ok(())
            }
            Op::Auth(op) => self.auth(caller, op),
            Op::ClusterVersionSet { version } => {
                self.cluster_version(version);
                Ok(())
            }
            Op::ClusterMemberAttrSet { member, name, client_urls } => self.attributes(*member, name, client_urls),
            Op::DowngradeInfoSet { enabled, version } => {
                self.downgrade(*enabled, version);
                Ok(())
            }
            Op::V2(request) => self.v2(request),
            Op::Range(_) | Op::DowngradeVersionTest { .. } => Ok(()),
            Op::Unknown(number) => {
                Err(No::Panic(format!("it asks for something of a later etcd, field {number} of its request")))
            }
        }
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

    fn put_request(&mut self, put: &Put<'a>) -> Done {
        if put.lease != 0 && !self.leases.contains_key(&put.lease) {
            return Err(No::Refused);
        }
        let mut write = self.begin();
        self.put(&mut write, put)?;
        self.end(&write);
        Ok(())
    }

    /// `txn.put`: what is to stay has to be there.
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
            return Err(No::Panic(format!("a key is to stay on the lease {lease:x}, which is not there")));
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

    /// `store.Compact`: what it gives up, etcd takes out when it has the time.
    fn compact(&mut self, at: i64) -> Done {
        self.check_alarms(false)?;
        if at <= self.compacted || at > self.revision {
            return Err(No::Refused);
        }
        self.compacted = at;
        let scheduled = Revision::first(at);
        self.state.meta.scheduled_compact_rev = Some(scheduled);
        self.edits.put("meta", b"scheduledCompactRev", scheduled.to_bucket_key(false));
        Ok(())
    }

    fn alarm(&mut self, action: AlarmAction, alarm: Alarm) {
        self.charge(self.state.alarms.len());
        let known = self.state.alarms.contains(&alarm);
        match action {
            AlarmAction::Activate if !known && alarm.kind != AlarmKind::None => {
                self.state.alarms.push(alarm);
                self.edits.put("alarm", alarm.key(), b"");
            }
            AlarmAction::Deactivate if known => {
                self.state.alarms.retain(|other| *other != alarm);
                self.edits.delete("alarm", alarm.key());
            }
            _ => {}
        }
    }

    /// Whether all members have been at 3.`minor` or later.
    pub(super) fn cluster_is(&self, minor: u32) -> bool {
        let version = self.state.cluster.version.as_deref().and_then(Minor::parse);
        version.is_some_and(|version| version >= Minor { major: 3, minor })
    }

    /// Notes the last entry that was applied.
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
