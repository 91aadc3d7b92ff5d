//! Records of a member's log, described for people and as JSON. Of a Kubernetes object only kind, name and size are
//! shown, and secrets are masked.

mod describer;
mod line;
mod request;
mod stored;
mod tree;

pub use describer::Describer;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Map, Value};

use self::{stored::member, tree::Tree};
use super::Moment;
use crate::{
    bytes::escape,
    document::{Id, is_false},
    etcd::{
        LogRecord, Request,
        request::{Op, RequestOp, Txn},
    },
    wal::{ConfChange, ConfChangeKind, ConfChangeV2, Content, EntryKind},
};

/// A record of a member's log, as `wal -o json` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description<'a> {
    /// The segment that it is in.
    pub file: &'a str,
    /// Byte offset of the record's frame in that file.
    pub offset: u64,
    /// The record's type ([`LogRecord::type_name`]).
    #[serde(rename = "type")]
    pub type_name: &'static str,
    /// The running checksum after it, 8 hex digits.
    pub crc: String,
    /// The raft term.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<u64>,
    /// The raft index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// Whether etcd truncates it.
    #[serde(skip_serializing_if = "is_false")]
    pub cut_off: bool,
    /// Whether an entry is committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub committed: Option<bool>,
    /// Whether a later entry has overwritten it.
    #[serde(skip_serializing_if = "is_false")]
    pub overwritten: bool,
    /// The newest time in the objects that it writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The time at or after which it was written, by the log up to it; of entries only. It never falls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The number that the proposer gave to its request (`idutil.Generator`).
    #[serde(rename = "requestID", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<u64>,
    /// The number of the request in hex.
    #[serde(rename = "requestIDHex", skip_serializing_if = "Option::is_none")]
    pub request_id_hex: Option<Id>,
    /// The last four hex digits of the id of the member that received the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposer: Option<String>,
    /// The earliest time of the request, by the proposer's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// The user who made it, where auth was enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The request, by the name of its operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Map<String, Value>>,
    /// The other content of the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Map<String, Value>>,
    /// The record's bytes in base64, if they are wanted; nothing in them is masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

impl Describer {
    /// Describes `record`, with its bytes when `raw`.
    #[must_use]
    pub fn record<'a>(&self, record: &LogRecord<'a>, raw: bool) -> Description<'a> {
        let id = record.request.as_ref().and_then(number);
        let content = Some(content(record)).filter(|content| !content.is_empty() && record.request.is_none());
        Description {
            file: record.file,
            offset: record.record.offset,
            type_name: record.type_name,
            crc: format!("{:08x}", record.record.crc),
            term: record.term(),
            index: record.index(),
            cut_off: record.cut_off,
            committed: record.committed,
            overwritten: record.overwritten,
            time: record.request.as_ref().and_then(time).map(|time| time.millis()),
            after: None,
            request_id: id,
            request_id_hex: id.map(Id),
            proposer: id.map(|id| format!("{:04x}", id >> 48)),
            not_before: id.map(|id| not_before(id).millis()),
            username: record.request.as_ref().and_then(Request::username).map(escape),
            request: record.request.as_ref().map(|request| self.op(&request.op)),
            content,
            data: raw.then(|| STANDARD.encode(record.record.data)),
        }
    }
}

/// The newest time in the objects that a request writes, by some program's clock.
fn time(request: &Request<'_>) -> Option<Moment> {
    match &request.op {
        Op::Put(put) => stored::time(put.value),
        Op::Txn(txn) => newest(*txn),
        Op::V2(request) => Moment::of_nanos(request.time),
        _ => None,
    }
}

fn newest(txn: Txn<'_>) -> Option<Moment> {
    let of = |op: RequestOp<'_>| match op {
        RequestOp::Put(put) => stored::time(put.value),
        RequestOp::Txn(txn) => newest(txn),
        _ => None,
    };
    txn.success().chain(txn.failure()).filter_map(of).max()
}

/// The number that the proposer gave to a request.
fn number(request: &Request<'_>) -> Option<u64> {
    let header = request.header.map(|header| header.id).filter(|id| *id != 0);
    header.or(Some(request.id)).filter(|id| *id != 0)
}

/// The earliest time of a request with this number: it contains the proposer's clock at its start, plus one for each
/// request.
fn not_before(id: u64) -> Moment {
    // 40 bits of milliseconds: they wrapped in 2004, and will in 2039
    let millis = (1_u64 << 40) | (id >> 8 & ((1 << 40) - 1));
    let nanos = i32::try_from(millis % 1000).unwrap_or_default().saturating_mul(1_000_000);
    Moment { seconds: i64::try_from(millis / 1000).unwrap_or_default(), nanos }
}

/// The fields of a record that carries no request.
fn content(record: &LogRecord<'_>) -> Map<String, Value> {
    let tree = Tree::default();
    match record.content {
        Some(Content::Metadata(of)) => tree.id("nodeID", of.node_id).id("clusterID", of.cluster_id),
        Some(Content::State(state)) => tree.id("vote", state.vote).with("commit", state.commit.into()),
        Some(Content::Snapshot(snapshot)) => match snapshot.voters().map(serde_json::to_value) {
            Some(Ok(state)) => tree.with("confState", state),
            _ => tree,
        },
        Some(Content::Entry(entry)) => match entry.kind {
            EntryKind::ConfChange => entry.conf_change().map(|change| conf_change(&change)).unwrap_or_default(),
            EntryKind::ConfChangeV2 => ConfChangeV2::decode(entry.data).map(|all| several(&all)).unwrap_or_default(),
            EntryKind::Unknown(number) => tree.with("entryType", number.into()),
            EntryKind::Normal => match record.malformed {
                Some(malformed) => tree.with("unreadable", malformed.to_string().into()),
                None => tree,
            },
        },
        Some(Content::Crc) | None => tree,
    }
    .0
}

fn conf_change(change: &ConfChange<'_>) -> Tree {
    let tree = Tree::default().with("change", kind_of(change.kind).into()).id("node_id", change.node_id);
    if change.context.is_empty() { tree } else { tree.with("context", member(change.context)) }
}

fn several(all: &ConfChangeV2<'_>) -> Tree {
    let one = |(kind, id): &(ConfChangeKind, Id)| {
        Tree::default().with("change", kind_of(*kind).into()).id("node_id", *id).value()
    };
    let tree = Tree::default().with("transition", all.transition.into()).list("changes", all.changes.iter().map(one));
    if all.context.is_empty() { tree } else { tree.with("context", member(all.context)) }
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
