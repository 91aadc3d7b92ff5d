//! Requests to a member that continues alone, other than changes of its members: entries of the log, which every etcd
//! applies when it starts (`etcdserverpb.InternalRaftRequest`).

use serde::Serialize;

use crate::{
    Result,
    document::Id,
    etcd::{Compact, Compacted, Snapshot, state::Alarm},
    proto::Writer,
};

/// Requests to a member that continues alone, other than changes of its members.
#[derive(Debug, Clone, Copy, Default)]
pub struct Besides {
    /// Whether the alarms are disarmed.
    pub disarm_alarms: bool,
    /// Which older revisions are removed.
    pub compact: Option<Compact>,
}

/// An alarm that is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarmed {
    /// The member that raised the alarm.
    pub member: Id,
    /// `NOSPACE`, `CORRUPT`.
    pub alarm: String,
}

impl From<&Alarm> for Alarmed {
    fn from(alarm: &Alarm) -> Self {
        Self { member: alarm.member, alarm: alarm.kind.to_string() }
    }
}

/// The requests, in order, and the revision that is compacted at.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests {
    pub(super) compact_to: Option<i64>,
    /// Number and content of the field of each request.
    fields: Vec<(u32, Vec<u8>)>,
}

impl Requests {
    /// The requests for `besides` to a member with the state of `snapshot`.
    pub(super) fn of(snapshot: &Snapshot<'_>, besides: Besides, head: i64) -> Result<Self> {
        let keyspace = &snapshot.keyspace;
        let compacted = Compacted { at: keyspace.compacted(), pending: keyspace.compaction_pending() };
        let compact_to = besides.compact.map_or(Ok(None), |compact| compact.revision(&compacted, head))?;
        let alarms = snapshot.state.alarms.iter().filter(|_| besides.disarm_alarms);
        // The alarms first: CORRUPT refuses a compaction.
        let mut fields: Vec<_> = alarms.map(|alarm| (ALARM, disarm(alarm))).collect();
        fields.extend(compact_to.map(|to| (COMPACTION, Writer::new().varint(1, to.cast_unsigned()).finish())));
        Ok(Self { compact_to, fields })
    }

    /// The number of requests.
    pub(super) fn len(&self) -> u64 {
        self.fields.len() as u64
    }

    /// The requests, encoded, for the entries from `first` on.
    pub(super) fn encoded(&self, first: u64) -> impl Iterator<Item = (u64, Vec<u8>)> + '_ {
        (first..).zip(&self.fields).map(|(index, (number, content))| {
            // etcd takes the number of a request from here, and no client waits for an answer.
            let header = Writer::new().varint(1, index).finish();
            (index, Writer::new().bytes(*number, content).bytes(HEADER, &header).finish())
        })
    }
}

const COMPACTION: u32 = 7;
const ALARM: u32 = 10;
const HEADER: u32 = 100;
/// `AlarmRequest.DEACTIVATE`.
const DEACTIVATE: u64 = 2;

/// An `AlarmRequest`.
fn disarm(alarm: &Alarm) -> Vec<u8> {
    Writer::new().varint(1, DEACTIVATE).varint(2, alarm.member.0).varint(3, alarm.kind.number()).finish()
}
