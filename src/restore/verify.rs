//! The result, read back before it is published and compared with the plan.

use std::path::Path;

use super::{
    cluster::{NewCluster, NewMember},
    member,
    plan::Plan,
};
use crate::{
    Findings, Result,
    etcd::{Snapshot, State},
    publish::fault,
    snap::Snap,
    source::Part,
    wal::{FIRST_SEGMENT, Log, Segment},
};

/// What the restored db holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// The status hash.
    pub hash: u32,
    /// The last revision in the restored db.
    pub revision: i64,
    /// Live keys.
    pub total_key: u64,
    /// Bytes of the db by its meta page, free pages included.
    pub total_size: u64,
}

/// Reads `snap/db` back. A `damaged` source has a damaged result.
pub(super) fn db(path: &Path, plan: &Plan<'_>, damaged: bool) -> Result<Restored> {
    let wrong = |what: String| fault(path, "read back")(std::io::Error::other(what));
    let part = Part::open(path)?;
    let snapshot = Snapshot::open(part.image()).map_err(|finding| wrong(finding.to_string()))?;
    let survey = snapshot.survey();
    if let Some(finding) = survey.findings.list().iter().find(|_| survey.findings.damaged() && !damaged) {
        return Err(wrong(finding.to_string()));
    }
    let revision = snapshot.keyspace.head(crate::etcd::Revision::first(survey.revision));
    if revision != plan.new_revision && !damaged {
        return Err(wrong(format!("the revision is {revision}, not {}", plan.new_revision)));
    }
    if let Some(bucket) = difference(&snapshot.state, &plan.state) {
        return Err(wrong(format!("the bucket {bucket} is not what it should be")));
    }
    let (hash, total_key, total_size) = (survey.hash, survey.total_key, survey.total_size);
    Ok(Restored { hash, revision, total_key, total_size })
}

fn difference(is: &State, should: &State) -> Option<&'static str> {
    if is.meta != should.meta {
        Some("meta")
    } else if is.members != should.members || is.removed != should.removed {
        Some("members")
    } else if is.cluster != should.cluster {
        Some("cluster")
    } else if is.leases != should.leases {
        Some("lease")
    } else if is.alarms != should.alarms {
        Some("alarm")
    } else if is.auth != should.auth {
        Some("auth")
    } else {
        None
    }
}

/// Reads the log in `wal` and the `.snap` in `snap` back.
pub(super) fn raft(wal: &Path, snap: &Path, cluster: &NewCluster, of: &NewMember) -> Result<()> {
    let wal = wal.join(FIRST_SEGMENT);
    let wrong = |what: &str| fault(&wal, "read back")(std::io::Error::other(what.to_owned()));
    let part = Part::open(&wal)?;
    let segments = [Segment { name: FIRST_SEGMENT, bytes: part.bytes() }];
    let mut findings = Findings::default();
    let log = Log::read(&segments, &mut findings);
    if let Some(finding) = findings.list().first() {
        return Err(wrong(&finding.to_string()));
    }
    let whose = log.metadata().map(|metadata| (metadata.node_id, metadata.cluster_id));
    if whose != Some((of.id, cluster.id)) || log.hard_state() != Some(member::hard_state(cluster)) {
        return Err(wrong("it is another member's"));
    }
    let should = member::snap(cluster);
    let voters = log.snapshots().last().and_then(crate::wal::Snapshot::voters);
    if voters.as_ref() != Some(&should.conf_state) || log.entries().len() != cluster.members.len() {
        return Err(wrong("its members are others"));
    }
    let path = snap.join(should.file_name());
    let is = Snap::decode(Part::open(&path)?.bytes());
    if is.as_ref() != Ok(&should) {
        return Err(fault(&path, "read back")(std::io::Error::other("it is not what was written")));
    }
    Ok(())
}
