//! What a plan has to know of the snapshot. Cheap to gather, unless keys are to be dropped: those have to be found.

use std::collections::BTreeMap;

use super::plan::Carry;
use crate::{
    Error, Result,
    etcd::{Load, Range, Revision, Snapshot, State},
    source::{Kind, Source},
    wal::Unapplied,
};

/// What a plan has to know of the snapshot.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The backup, as the user named it.
    pub source: String,
    /// What kind of backup it is.
    pub kind: Kind,
    /// Its length in bytes, up to the high-water mark.
    pub total_size: u64,
    /// Bytes of it that are in use, where the whole file was read.
    pub in_use: Option<u64>,
    /// What its small buckets say.
    pub state: State,
    /// The bucket `meta`, as stored.
    pub meta: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The bucket `cluster`, as stored.
    pub cluster: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The bucket `auth`, as stored.
    pub auth: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The last revision.
    pub head: i64,
    /// The compacted revision, or -1.
    pub compacted: i64,
    /// Whether the compaction there was begun and not finished.
    pub compaction_pending: bool,
    /// Whether it looks like the keyspace of a Kubernetes cluster.
    pub kubernetes: bool,
    /// The keys that are to be dropped, in order.
    pub dropped: Vec<Vec<u8>>,
    /// What the log of a data directory holds besides.
    pub unapplied: Unapplied,
}

impl Facts {
    /// Gathers them from the backup as `load` has it.
    ///
    /// # Errors
    /// When the db cannot be opened, or its newest records cannot be reached.
    pub fn gather(source: &Source, load: &Load, carry: &Carry) -> Result<Self> {
        let damaged = |finding| Error::Damaged { file: source.name().to_owned(), finding: Box::new(finding) };
        let mut snapshot = Snapshot::load(source, load)?;
        let newest = snapshot.newest_records().map_err(damaged)?;
        let last = newest.last().map_or(Revision::default(), |record| record.revision);
        let of_kubernetes = |key: &[u8]| [&b"/registry/"[..], b"/kubernetes.io/"].iter().any(|p| key.starts_with(p));
        Ok(Self {
            source: source.name().to_owned(),
            kind: source.kind(),
            total_size: snapshot.db().size(),
            in_use: None,
            meta: snapshot.items("meta"),
            cluster: snapshot.items("cluster"),
            auth: snapshot.items("auth"),
            head: snapshot.keyspace.head(last),
            compacted: snapshot.keyspace.compacted(),
            compaction_pending: snapshot.keyspace.compaction_pending(),
            kubernetes: newest.iter().any(|record| of_kubernetes(record.kv.key)),
            dropped: dropped(&mut snapshot, carry)?,
            unapplied: snapshot.log.map(|log| log.unapplied).unwrap_or_default(),
            state: snapshot.state,
        })
    }
}

/// The live keys that are to be dropped.
fn dropped(snapshot: &mut Snapshot<'_>, carry: &Carry) -> Result<Vec<Vec<u8>>> {
    if !carry.drop_leases && carry.drop_keys.is_empty() {
        return Ok(Vec::new());
    }
    let view = snapshot.view(None, &Range::All)?;
    let prefixed = |key: &[u8]| carry.drop_keys.iter().any(|prefix| key.starts_with(prefix));
    let gone = view.iter().filter(|kv| (carry.drop_leases && kv.lease != 0) || prefixed(kv.key));
    Ok(gone.map(|kv| kv.key.to_vec()).collect())
}
