//! One record as it is told: in a row of the table, or as JSON.

use std::{borrow::Cow, collections::BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use etcdsnap::{
    bytes::escape,
    etcd::{
        Request,
        request::{Op, RequestOp, Txn},
    },
    k8s::Moment,
    proto::Malformed,
    source::SegmentName,
    wal::{ConfChange, ConfChangeKind, ConfChangeV2, ConfState, Content, Entry, EntryKind, Record},
};
use serde_json::{Map, Value, json};

use super::{
    Around,
    request::Teller,
    stored::{members, time},
    tree::{Tree, line},
};

/// A record, and what there is to say of it.
pub(super) struct Told<'a> {
    pub(super) record: Record<'a>,
    pub(super) content: Option<Content<'a>>,
    pub(super) request: Option<Request<'a>>,
    /// Its name in `--type`.
    pub(super) kind: Cow<'static, str>,
    /// Why what it holds could not be read.
    pub(super) malformed: Option<Malformed>,
    /// Whether it stands behind the place where the log is torn.
    cut_off: bool,
    /// Whether a later record has taken its place.
    overwritten: bool,
    /// Whether the last hard state commits it; of entries only.
    committed: Option<bool>,
}

impl<'a> Told<'a> {
    pub(super) fn new(record: Record<'a>, around: &Around<'_, 'a>) -> Self {
        let mut told = Self {
            record,
            content: None,
            request: None,
            kind: Cow::Borrowed(""),
            malformed: None,
            cut_off: around.log.tail().is_before(&record),
            overwritten: false,
            committed: None,
        };
        let kind = match record.content() {
            Ok(content) => {
                told.content = Some(content);
                match content {
                    Content::Metadata(_) => "metadata",
                    Content::State(_) => "state",
                    Content::Crc => "crc",
                    Content::Snapshot(_) => "snapshot",
                    Content::Entry(entry) => told.entry(&entry, around),
                }
            }
            // told by those who read the log
            Err(_) => "unreadable",
        };
        told.kind = kind.into();
        told
    }

    fn entry(&mut self, entry: &Entry<'a>, around: &Around<'_, 'a>) -> &'static str {
        let at = around.log.entries().binary_search_by_key(&entry.index, |kept| kept.index);
        let kept = at.ok().and_then(|at| around.log.entries().get(at));
        let is_kept = kept.is_some_and(|kept| (kept.segment, kept.offset) == (entry.segment, entry.offset));
        self.overwritten = !is_kept && !self.cut_off;
        self.committed = Some(is_kept && entry.index <= around.commit);
        match entry.kind {
            EntryKind::ConfChange => "conf_change",
            EntryKind::ConfChangeV2 => "conf_change_v2",
            EntryKind::Unknown(_) => "unknown",
            EntryKind::Normal => match Request::of(entry) {
                Ok(None) => "noop",
                Ok(Some(request)) => {
                    let name = request.op.name();
                    self.request = Some(request);
                    name
                }
                Err(malformed) => {
                    self.malformed = Some(malformed);
                    "unreadable"
                }
            },
        }
    }

    /// The raft index that it is about; a hard state's commit.
    pub(super) fn index(&self) -> Option<u64> {
        match self.content? {
            Content::Entry(entry) => Some(entry.index),
            Content::Snapshot(snapshot) => Some(snapshot.index),
            Content::State(state) => Some(state.commit),
            Content::Metadata(_) | Content::Crc => None,
        }
    }

    /// The term that it is of.
    pub(super) fn term(&self) -> Option<u64> {
        match self.content? {
            Content::Entry(entry) => Some(entry.term),
            Content::Snapshot(snapshot) => Some(snapshot.term),
            Content::State(state) => Some(state.term),
            Content::Metadata(_) | Content::Crc => None,
        }
    }

    /// The newest time that what it writes says.
    fn time(&self) -> Option<Moment> {
        match &self.request.as_ref()?.op {
            Op::Put(put) => time(put.value),
            Op::Txn(txn) => newest(*txn),
            Op::V2(request) if request.time > 0 => {
                let nanos = i32::try_from(request.time % 1_000_000_000).unwrap_or_default();
                Some(Moment { seconds: request.time / 1_000_000_000, nanos })
            }
            _ => None,
        }
    }

    /// The number that the proposer gave to its request (`idutil.Generator`).
    fn id(&self) -> Option<u64> {
        let request = self.request.as_ref()?;
        let header = request.header.map(|header| header.id).filter(|id| *id != 0);
        header.or(Some(request.id)).filter(|id| *id != 0)
    }

    /// Who asked, and through which member.
    fn by(&self) -> String {
        let user = self.request.as_ref().and_then(Request::username).map(escape).unwrap_or_default();
        match self.id() {
            Some(id) if user.is_empty() => format!("{:04x}", id >> 48),
            Some(id) => format!("{user}@{:04x}", id >> 48),
            None if user.is_empty() => "-".to_owned(),
            None => user,
        }
    }

    /// Its row: sequence, offset, type, term, index, note, time, by, what.
    pub(super) fn row(&self, around: &Around<'_, 'a>, teller: &Teller) -> [String; 9] {
        let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let file = around.log.file(self.record.segment);
        let sequence = SegmentName::parse(file).map(|name| format!("{:x}", name.sequence));
        let base = file.rsplit(['/', ':']).next().unwrap_or(file);
        let note = match self.committed {
            _ if self.cut_off => "cut off",
            _ if self.overwritten => "overwritten",
            Some(false) => "past commit",
            _ => "-",
        };
        let what = match self.content {
            Some(Content::Crc) => format!("{:08x} {}", self.record.crc, escape(base.as_bytes())),
            _ => line(&self.what(teller)),
        };
        [
            sequence.unwrap_or_else(|| escape(base.as_bytes())),
            format!("{:#x}", self.record.offset),
            self.kind.to_string(),
            number(self.term()),
            number(self.index()),
            note.to_owned(),
            self.time().map_or_else(|| "-".to_owned(), |time| time.millis()),
            self.by(),
            what,
        ]
    }

    /// It as JSON.
    pub(super) fn document(&self, around: &Around<'_, 'a>, teller: &Teller, raw: bool) -> Map<String, Value> {
        let record = &self.record;
        let mut tree = Tree::default()
            .with("file", around.log.file(record.segment).into())
            .with("offset", record.offset.into())
            .with("type", self.kind.as_ref().into())
            .with("crc", format!("{:08x}", record.crc).into());
        for (name, number) in [("term", self.term()), ("index", self.index())] {
            tree = number.into_iter().fold(tree, |tree, n| tree.with(name, n.into()));
        }
        tree = tree.flag("cutOff", self.cut_off);
        if let Some(committed) = self.committed {
            tree = tree.with("committed", committed.into()).flag("overwritten", self.overwritten);
        }
        if let Some(time) = self.time() {
            tree = tree.with("time", time.millis().into());
        }
        if let Some(id) = self.id() {
            let user = self.request.as_ref().and_then(Request::username).unwrap_or_default();
            tree = tree.id("requestID", id).with("proposer", format!("{:04x}", id >> 48).into());
            tree = tree.with("notBefore", not_before(id).millis().into()).text("username", user);
        }
        let what = self.what(teller);
        if !what.is_empty() || self.request.is_some() {
            tree = tree.with(if self.request.is_some() { "request" } else { "content" }, what.into());
        }
        if raw {
            tree = tree.with("data", STANDARD.encode(record.data).into());
        }
        tree.0
    }

    /// What it says.
    fn what(&self, teller: &Teller) -> Map<String, Value> {
        let tree = Tree::default();
        match (&self.request, self.content) {
            (Some(request), _) => teller.op(&request.op),
            (None, Some(Content::Metadata(of))) => tree.id("nodeID", of.node_id).id("clusterID", of.cluster_id).0,
            (None, Some(Content::State(state))) => tree.id("vote", state.vote).with("commit", state.commit.into()).0,
            (None, Some(Content::Snapshot(snapshot))) => {
                snapshot.voters().iter().fold(tree, |tree, state| tree.with("confState", conf_state(state))).0
            }
            (None, Some(Content::Entry(entry))) => match entry.kind {
                EntryKind::ConfChange => entry.conf_change().map(|change| conf_change(&change)).unwrap_or_default(),
                EntryKind::ConfChangeV2 => {
                    ConfChangeV2::decode(entry.data).map(|all| several(&all)).unwrap_or_default()
                }
                EntryKind::Unknown(number) => tree.with("entryType", number.into()).0,
                EntryKind::Normal => match self.malformed {
                    Some(malformed) => tree.with("unreadable", malformed.to_string().into()).0,
                    None => tree.0,
                },
            },
            (None, Some(Content::Crc) | None) => tree.0,
        }
    }
}

/// No request of this number was made before: the proposer's clock at its start, counted on with each request, is in it.
fn not_before(id: u64) -> Moment {
    // 40 bits of milliseconds: they began again in 2004, and will in 2039
    let millis = (1_u64 << 40) | (id >> 8 & ((1 << 40) - 1));
    let nanos = i32::try_from(millis % 1000).unwrap_or_default().saturating_mul(1_000_000);
    Moment { seconds: i64::try_from(millis / 1000).unwrap_or_default(), nanos }
}

fn newest(txn: Txn<'_>) -> Option<Moment> {
    let of = |op: RequestOp<'_>| match op {
        RequestOp::Put(put) => time(put.value),
        RequestOp::Txn(txn) => newest(txn),
        _ => None,
    };
    txn.success().chain(txn.failure()).filter_map(of).max()
}

/// Who votes, as `raftpb.ConfState` in JSON.
pub(in crate::commands) fn conf_state(state: &ConfState) -> Value {
    let ids = |tree: Tree, name: &str, ids: &[u64]| {
        let hex = ids.iter().map(|id| format!("{id:x}").into());
        tree.list(name, ids.iter().map(|id| (*id).into())).list(&format!("{name}Hex"), hex)
    };
    let tree = ids(ids(Tree::default(), "voters", &state.voters), "learners", &state.learners);
    let tree = ids(ids(tree, "voters_outgoing", &state.voters_outgoing), "learners_next", &state.learners_next);
    tree.flag("auto_leave", state.auto_leave).value()
}

fn conf_change(change: &ConfChange<'_>) -> Map<String, Value> {
    let tree = Tree::default().with("change", kind_of(change.kind).into()).id("node_id", change.node_id);
    if change.context.is_empty() { tree.0 } else { tree.with("context", members(change.context)).0 }
}

fn several(all: &ConfChangeV2<'_>) -> Map<String, Value> {
    let one = |(kind, id): &(ConfChangeKind, u64)| {
        Tree::default().with("change", kind_of(*kind).into()).id("node_id", *id).value()
    };
    let tree = Tree::default().with("transition", all.transition.into()).list("changes", all.changes.iter().map(one));
    if all.context.is_empty() { tree.0 } else { tree.with("context", members(all.context)).0 }
}

fn kind_of(kind: ConfChangeKind) -> String {
    match kind {
        ConfChangeKind::AddNode => "ConfChangeAddNode".to_owned(),
        ConfChangeKind::RemoveNode => "ConfChangeRemoveNode".to_owned(),
        ConfChangeKind::UpdateNode => "ConfChangeUpdateNode".to_owned(),
        ConfChangeKind::AddLearner => "ConfChangeAddLearnerNode".to_owned(),
        ConfChangeKind::Unknown(other) => other.to_string(),
    }
}

/// Ids as JSON, and as hex besides.
pub(super) fn ids(ids: Option<BTreeSet<u64>>) -> [Value; 2] {
    let hex = ids.as_ref().map(|ids| ids.iter().map(|id| format!("{id:x}")).collect::<Vec<_>>());
    [json!(ids), json!(hex)]
}
