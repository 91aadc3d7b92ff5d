//! Facts about the snapshot that a plan needs. Cheap to gather, unless keys are to be dropped: those have to be found.

use std::collections::BTreeMap;

use super::options::Carry;
use crate::{
    Result,
    etcd::{AddedRecords, Load, Range, Replayed, Snapshot, State, Uncommitted, boot::Minor, rewrite::Items},
    source::{BackupKind, Options, Part, Source},
};

/// Facts about the snapshot that a plan needs.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The backup, as the user named it.
    pub source: String,
    /// What kind of backup it is.
    pub kind: BackupKind,
    /// How it is read.
    pub load: Load,
    /// The db of the backup, or the one that etcd uses instead.
    pub db: &'a Part,
    /// The db's length in bytes, up to the high-water mark.
    pub total_size: u64,
    /// Bytes of the db that are in use, where the whole file was read.
    pub in_use: Option<u64>,
    /// The state of its small buckets, changed by its log.
    pub state: State,
    /// The bucket `meta`, as stored.
    pub meta: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The bucket `cluster`, as stored.
    pub cluster: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The bucket `auth`, as stored.
    pub auth: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The bucket `authUsers`, as stored.
    pub users: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Small buckets that its log changes, with their new content.
    pub edited: BTreeMap<&'static str, Items>,
    /// The records that its log adds.
    pub log_records: AddedRecords<'a>,
    /// The name of a log that was named separately.
    pub log_name: Option<String>,
    /// The last revision that is restored.
    pub head: i64,
    /// The last revision in the db.
    pub db_head: i64,
    /// The revision after which the db's own records are left out.
    pub cut: Option<i64>,
    /// The number of live keys whose leases are missing, because they ended after the cut.
    pub orphans: usize,
    /// The compacted revision, or -1.
    pub compacted: i64,
    /// Whether that compaction was begun and not finished.
    pub compaction_pending: bool,
    /// Whether the keyspace looks like that of a Kubernetes cluster.
    pub kubernetes: bool,
    /// The keys that are to be dropped, in order.
    pub dropped: Vec<Vec<u8>>,
    /// The prefixes of keys to drop that no live key begins with.
    pub unmatched: Vec<Vec<u8>>,
    /// How the log was replayed.
    pub log: Option<Replayed>,
}

impl<'a> Facts<'a> {
    /// Gathers the facts from the backup, read as `load` asks for.
    ///
    /// # Errors
    /// As [`Snapshot::load`]; when its newest records cannot be reached.
    pub fn gather(source: &'a Source, load: &Load, carry: &Carry) -> Result<Self> {
        let damaged = |finding| source.damaged(finding);
        let snapshot = Snapshot::load(source, load)?;
        let newest = snapshot.newest_records().map_err(damaged)?;
        let head = snapshot.head().map_err(damaged)?;
        let db = snapshot.received.unwrap_or(source.db());
        let db_head = Snapshot::open(db.image()).and_then(|bare| bare.head()).map_err(damaged)?;
        let cut = load.to_revision.filter(|to| *to < head);
        if cut.is_some() {
            snapshot.check_revision(cut, head)?;
        }
        let edited = snapshot.edited().map(|name| (name, snapshot.items(name).into_iter().collect())).collect();
        let (dropped, unmatched) = dropped(&snapshot, cut, carry)?;
        let of_kubernetes = |key: &[u8]| [&b"/registry/"[..], b"/kubernetes.io/"].iter().any(|p| key.starts_with(p));
        Ok(Self {
            source: source.name().to_owned(),
            kind: source.kind(),
            load: *load,
            db,
            total_size: snapshot.db().size(),
            in_use: None,
            meta: snapshot.items("meta"),
            cluster: snapshot.items("cluster"),
            auth: snapshot.items("auth"),
            users: snapshot.items("authUsers"),
            edited,
            log_records: snapshot.keyspace.log_records,
            log_name: source.log_name().map(str::to_owned),
            head: cut.unwrap_or(head),
            db_head,
            cut,
            orphans: cut.map_or(Ok(0), |cut| orphans(&snapshot, cut))?,
            compacted: snapshot.keyspace.compacted(),
            compaction_pending: snapshot.keyspace.compaction_pending(),
            kubernetes: newest.iter().any(|record| of_kubernetes(record.kv.key)),
            dropped,
            unmatched,
            log: snapshot.log,
            state: snapshot.state,
        })
    }
}

impl Facts<'_> {
    /// Whether a downgrade is in progress that stops above the version `etcd`.
    pub(super) fn goes_down_above(&self, etcd: Option<Minor>) -> bool {
        let downgrade = self.state.cluster.downgrade.as_ref().filter(|downgrade| downgrade.enabled);
        let target = downgrade.and_then(|downgrade| Minor::parse(&downgrade.target_version));
        target.zip(etcd).is_some_and(|(target, etcd)| etcd < target)
    }
}

/// The highest revision of a backup, with everything in its log.
///
/// # Errors
/// As [`Facts::gather`].
fn highest_revision(source: &Source) -> Result<i64> {
    let load = Load { uncommitted: Some(Uncommitted::Keep), ..Load::default() };
    Ok(Facts::gather(source, &load, &Carry::default())?.head)
}

/// The highest revision of a backup of which `load` may leave out something; `None` when it leaves out nothing.
///
/// # Errors
/// As [`Facts::gather`].
pub fn known_beyond(source: &Source, load: &Load) -> Result<Option<i64>> {
    let whole = Load { may_be_past: true, ..Load::default() };
    (*load != whole).then(|| highest_revision(source)).transpose()
}

/// The number of entries that a db lacks which was named alone, and that the log of its data directory holds: those
/// that etcd applies when it starts, and those past the last commit on disk.
///
/// # Errors
/// When the data directory cannot be opened, or its log not be read.
pub fn left_beside(source: &Source) -> Result<u64> {
    let Some(dir) = source.part_of() else { return Ok(0) };
    let whole = Source::open(dir, &Options::default())?;
    let unapplied = Snapshot::load(&whole, &Load::default())?.log.map(|log| log.unapplied);
    Ok(unapplied.map_or(0, |log| log.count()))
}

/// The number of keys that are live at `cut` and whose leases are missing.
fn orphans(snapshot: &Snapshot<'_>, cut: i64) -> Result<usize> {
    let view = snapshot.view(Some(cut), &Range::ALL)?;
    let leases = &snapshot.state.leases;
    let gone = |id: i64| id != 0 && leases.iter().all(|lease| lease.id != id);
    Ok(view.iter().filter(|kv| gone(kv.lease)).count())
}

type Keys = Vec<Vec<u8>>;

/// The live keys that are to be dropped, and the prefixes that none of the live keys begins with.
fn dropped(snapshot: &Snapshot<'_>, cut: Option<i64>, carry: &Carry) -> Result<(Keys, Keys)> {
    if !carry.drop_leases && carry.drop_keys.is_empty() {
        return Ok((Keys::new(), Keys::new()));
    }
    let view = snapshot.view(cut, &Range::ALL)?;
    let mut unmatched = carry.drop_keys.clone();
    let mut gone = Vec::new();
    for kv in view.iter() {
        unmatched.retain(|prefix| !kv.key.starts_with(prefix));
        if (carry.drop_leases && kv.lease != 0) || carry.drop_keys.iter().any(|prefix| kv.key.starts_with(prefix)) {
            gone.push(kv.key.to_vec());
        }
    }
    Ok((gone, unmatched))
}
