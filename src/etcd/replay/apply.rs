//! Applies one entry after the other to the state, as etcd's applier does.

use super::applier::{Applier, Caller, Done, No};
use crate::{
    etcd::{
        Revision,
        request::{AlarmAction, Op, Put, Request},
        state::{Alarm, AlarmKind},
    },
    wal::{Entry, EntryKind},
};

/// The limit of steps in lists whose length a log decides: some ten seconds.
const MOST_WORK: u64 = 1 << 29;

impl<'a> Applier<'a> {
    /// Applies `entry`, which holds `request` (`EtcdServer.apply`).
    ///
    /// # Errors
    /// Why an etcd would panic on it, or that the log needs too many steps.
    pub(super) fn apply(&mut self, entry: &Entry<'a>, request: Option<&Request<'a>>) -> Result<(), String> {
        self.offset = entry.offset;
        let done = match (entry.kind, request) {
            (EntryKind::Normal, None) => Ok(()),
            (EntryKind::Normal, Some(request)) => self.request(request),
            (EntryKind::ConfChange, _) => self.conf_change(entry),
            (kind, _) => Err(No::Panic(format!("unknown type of entry: {kind:?}"))),
        };
        match done {
            Err(No::Panic(what)) => Err(format!("etcd panics when it applies entry {}: {what}", entry.index)),
            Ok(()) | Err(No::Refused) if self.work.get() <= MOST_WORK => Ok(()),
            Ok(()) | Err(No::Refused) => {
                Err(format!("applying the log up to entry {} takes more steps than any real log needs", entry.index))
            }
        }
    }

    /// `uberApplier.Apply` and its chain: first alarms, then permissions, then the request itself. The space that the
    /// quota leaves is not checked: etcd applies the entries of its log and raises the alarm afterwards.
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
            Op::Unknown(number) => Err(No::Panic(format!("unknown request of a later etcd, field {number}"))),
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

    /// `store.Compact`: etcd removes the records later, in the background.
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
}
