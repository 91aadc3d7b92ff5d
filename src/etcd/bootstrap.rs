//! The state that etcd reads from a member's log and `.snap` files when it starts (`server/etcdserver/bootstrap.go`).
//!
//! ```text
//! 3.4, 3.5    members and cluster version: the v2store of a .snap file, changed by the log's entries after it
//! 3.6         voters: the same file; members and version: the db
//! 3.7         opens no .snap file: it uses the log's last snapshot record instead
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::{
    Request, State,
    replay::context,
    request::{Op, V2Method, V2Request},
    state::text,
};
use crate::{
    document::Id,
    proto::Malformed,
    snap::{Snap, V2Member, V2Store, taken},
    source::Source,
    wal::{ConfChangeKind, Entry, EntryKind, HardState, Log, Metadata, SnapshotRecord},
};

/// State of a member and its cluster, by the member's raft files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bootstrap {
    /// The members that the db lists after start, ascending.
    pub db: Vec<Id>,
    /// The ids of the member and the cluster that the log belongs to.
    pub metadata: Option<Metadata>,
    /// The last hard state in the log.
    pub hard_state: Option<HardState>,
    /// The first and the last entry of the log, by index.
    pub entries: Option<(u64, u64)>,
    /// Index and term of the snapshot record that etcd 3.7 starts from; index 0 is the log's beginning.
    pub record: Option<(u64, u64)>,
    /// The `.snap` file that etcd 3.4 to 3.6 start from; without one they start from the log's beginning.
    pub snap: Option<SnapFile>,
    /// The names of the `.snap` files that cannot be read, and why.
    pub broken: Vec<(String, Malformed)>,
    /// Whether the log holds its first entry.
    pub whole: bool,
    /// The voters, by raft.
    pub voters: Option<BTreeSet<Id>>,
    /// The v2store after start; `None` where the files do not determine it.
    pub v2: Option<V2>,
    /// The first request of the v2 API after [`Bootstrap::record`], by its entry's index: etcd 3.7 panics there.
    pub v2_request: Option<u64>,
}

/// A `.snap` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapFile {
    /// The name of the file.
    pub name: String,
    /// The index of the last entry that it includes.
    pub index: u64,
    /// That entry's term.
    pub term: u64,
    /// The members that its v2store lists, ascending.
    pub members: Vec<Id>,
}

/// The v2store of etcd 3.4 and 3.5 after their start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct V2 {
    /// The members, by id.
    pub members: BTreeMap<Id, V2Member>,
    /// The ids of removed members.
    pub removed: BTreeSet<Id>,
    /// The cluster's version for etcd 3.4, set by the v2 API.
    pub version: Option<String>,
    /// The cluster's version for etcd 3.5, which applies [`Op::ClusterVersionSet`] too.
    pub agreed: Option<String>,
    /// Why the store in the `.snap` file cannot be read.
    pub unreadable: Option<Malformed>,
    /// A key of the v2 API's users in the `.snap` file.
    pub key: Option<String>,
    /// The first request after the `.snap` file that changes such keys, by its entry's index.
    pub request: Option<u64>,
}

impl Bootstrap {
    /// State by `log` and the `.snap` files of `source`, with the entries up to `index` applied, and by the db's
    /// `state`.
    #[must_use]
    pub(crate) fn of(source: &Source, log: &Log<'_>, state: &State, index: u64) -> Self {
        let decoded: Vec<_> = source.snaps().iter().map(|part| (part, Snap::decode(part.bytes()))).collect();
        let snaps: Vec<_> = decoded.iter().map(|(_, snap)| snap.as_ref().ok()).collect();
        let broken = decoded.iter().filter_map(|(part, snap)| Some((part.name().to_owned(), snap.clone().err()?)));
        let taken = taken(&snaps, log).and_then(|at| decoded.get(at));
        let taken = taken.and_then(|(part, snap)| Some((part.name(), snap.as_ref().ok()?)));
        let record = log.newest_snapshot().map(|record| (record.index, record.term));
        Self { broken: broken.collect(), ..Self::from(taken, record, log, state, index) }
    }

    /// As [`Bootstrap::of`], from the `.snap` file `taken` and the snapshot record `record`, which may not be written
    /// yet.
    #[must_use]
    pub(crate) fn from(
        taken: Option<(&str, &Snap)>,
        record: Option<(u64, u64)>,
        log: &Log<'_>,
        state: &State,
        index: u64,
    ) -> Self {
        let entries = log.entries();
        let after = |from: u64| entries.iter().filter(move |entry| entry.index > from && entry.index <= index);
        let whole = log.snapshots().iter().any(|record| record.index == 0);
        let store = taken.map(|(_, snap)| V2Store::decode(&snap.store));
        let snap = taken.map(|(name, snap)| {
            let listed = store.as_ref().and_then(|store| store.as_ref().ok());
            let members = listed.map_or(Vec::new(), |store| store.members.iter().map(|member| member.id).collect());
            SnapFile { name: name.to_owned(), index: snap.index, term: snap.term, members }
        });
        let from = snap.as_ref().map(|snap| snap.index).or(whole.then_some(0)).filter(|from| *from <= index);
        let v2 = from.map(|from| {
            let mut v2 = V2::of(store);
            after(from).for_each(|entry| v2.apply(entry));
            v2
        });
        let v2_request = record.and_then(|(from, _)| {
            let by_v2 = |entry: &&Entry<'_>| matches!(Request::of(entry), Ok(Some(Request { op: Op::V2(_), .. })));
            after(from).find(by_v2).map(|entry| entry.index)
        });
        Self {
            db: state.members.iter().map(|member| member.id).collect(),
            metadata: log.metadata(),
            hard_state: log.hard_state(),
            entries: entries.first().zip(entries.last()).map(|(first, last)| (first.index, last.index)),
            record,
            snap,
            broken: Vec::new(),
            whole,
            voters: log.voters(),
            v2,
            v2_request,
        }
    }

    /// The index of the last entry in the log or in a snapshot.
    #[must_use]
    pub(crate) fn last_index(&self) -> u64 {
        self.entries.map_or(0, |(_, last)| last).max(self.record.map_or(0, |(index, _)| index))
    }
}

/// Ids are hex, because JSON readers round numbers beyond 2^53.
impl Serialize for Bootstrap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields<'b> {
            id: Option<Id>,
            #[serde(rename = "clusterID")]
            cluster_id: Option<Id>,
            term: u64,
            vote: Id,
            commit: u64,
            first_index: Option<u64>,
            last_index: Option<u64>,
            snap: Option<SnapOf<'b>>,
            snapshot_record: Option<SnapshotRecord>,
            members: Lists,
        }
        #[derive(Serialize)]
        struct SnapOf<'b> {
            file: &'b str,
            index: u64,
            term: u64,
        }
        #[derive(Serialize)]
        struct Lists {
            db: Vec<Id>,
            snap: Option<Vec<Id>>,
            v2store: Option<Vec<Id>>,
            voters: Option<Vec<Id>>,
        }
        let state = self.hard_state.unwrap_or_default();
        let (first_index, last_index) = self.entries.unzip();
        let snap = self.snap.as_ref();
        Fields {
            id: self.metadata.map(|of| of.node_id),
            cluster_id: self.metadata.map(|of| of.cluster_id),
            term: state.term,
            vote: state.vote,
            commit: state.commit,
            first_index,
            last_index,
            snap: snap.map(|snap| SnapOf { file: &snap.name, index: snap.index, term: snap.term }),
            snapshot_record: self.record.map(|(index, term)| SnapshotRecord { index, term }),
            members: Lists {
                db: self.db.clone(),
                snap: snap.map(|snap| snap.members.clone()),
                v2store: self.v2.as_ref().map(|v2| v2.members.keys().copied().collect()),
                voters: self.voters.as_ref().map(|voters| voters.iter().copied().collect()),
            },
        }
        .serialize(serializer)
    }
}

impl V2 {
    fn of(store: Option<Result<V2Store, Malformed>>) -> Self {
        match store {
            None => Self::default(),
            Some(Err(malformed)) => Self { unreadable: Some(malformed), ..Self::default() },
            Some(Ok(store)) => Self {
                removed: store.removed.into_iter().collect(),
                agreed: store.version.clone(),
                version: store.version,
                // `membership.IsMetaStoreOnly` checks for nodes other than /0
                key: store.keys.into_iter().map(|key| key.path).find(|path| !path.starts_with("/0/")),
                members: store.members.into_iter().map(|member| (member.id, member)).collect(),
                ..Self::default()
            },
        }
    }

    fn apply(&mut self, entry: &Entry<'_>) {
        if entry.kind == EntryKind::ConfChange {
            self.conf_change(entry);
        } else if let Ok(Some(Request { op, .. })) = Request::of(entry) {
            match op {
                Op::ClusterVersionSet { version } => self.agreed = Some(text(version)),
                Op::V2(request) => self.request(entry, &request),
                _ => {}
            }
        }
    }

    /// Applies a change of the members. A refused one changes nothing; one that cannot be read is reported by the
    /// replay.
    fn conf_change(&mut self, entry: &Entry<'_>) {
        let Ok(change) = entry.conf_change() else { return };
        let id = change.node_id;
        let known = self.members.get_mut(&id);
        match (change.kind, known) {
            _ if self.removed.contains(&id) => {}
            (ConfChangeKind::RemoveNode, Some(_)) => {
                self.members.remove(&id);
                self.removed.insert(id);
            }
            (ConfChangeKind::AddNode | ConfChangeKind::AddLearner, None) => {
                let Ok(context) = context(&change) else { return };
                let (peer_urls, is_learner) = (context.member.peer_urls, context.member.is_learner);
                self.members.insert(id, V2Member { id, peer_urls, is_learner, ..V2Member::default() });
            }
            (ConfChangeKind::AddNode | ConfChangeKind::AddLearner, Some(member)) => {
                member.is_learner &= !context(&change).is_ok_and(|context| context.promote);
            }
            (ConfChangeKind::UpdateNode, Some(member)) => {
                if let Ok(context) = context(&change) {
                    member.peer_urls = context.member.peer_urls;
                }
            }
            _ => {}
        }
    }

    fn request(&mut self, entry: &Entry<'_>, request: &V2Request<'_>) {
        let of_members = request.path.starts_with(b"/0/members/") && request.path.ends_with(b"/attributes");
        match (request.method, request.path) {
            (V2Method::Put, b"/0/version") => {
                self.version = Some(text(request.val));
                self.agreed.clone_from(&self.version);
            }
            (V2Method::Put, _) if of_members => {}
            _ => self.request = self.request.or(Some(entry.index)),
        }
    }
}
