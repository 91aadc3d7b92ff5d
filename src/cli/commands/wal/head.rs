//! What stands above the records: whose log it is, what is committed, who votes.

use std::io::{self, Write};

use etcdsnap::{
    source::RaftFiles,
    wal::{ConfState, Log, Snapshot},
};
use serde_json::{Map, Value, json};

use super::{
    told::{conf_state, ids},
    tree::Tree,
};

pub(super) fn text(out: &mut impl Write, log: &Log<'_>) -> io::Result<()> {
    if let Some(of) = log.metadata() {
        writeln!(out, "log of member {:x} of cluster {:x}", of.node_id, of.cluster_id)?;
    }
    if let Some(state) = log.hard_state() {
        writeln!(out, "hard state: term {}, vote {:x}, commit {}", state.term, state.vote, state.commit)?;
    }
    let entries = log.entries();
    if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
        let over = match log.overwritten() {
            0 => String::new(),
            n => format!(", {n} more were overwritten"),
        };
        let (first, last, n) = (first.index, last.index, entries.len());
        writeln!(out, "entries: {n}, from index {first} to {last}{over}")?;
    }
    let past = past_commit(log);
    if past > 0 {
        let count = match log.voters().map(|voters| voters.len()) {
            Some(1) => "they count all the same, as this member is the only voter",
            Some(_) => "whether they count only the other members know",
            None => "they count if this member is the only voter",
        };
        writeln!(out, "past the commit: {past}; {count}")?;
    }
    if let Some((snapshot, state)) = last_conf_state(log) {
        let hex = |ids: &[u64]| ids.iter().map(|id| format!("{id:x}")).collect::<Vec<_>>().join(" ");
        let learners = match state.learners.as_slice() {
            [] => String::new(),
            ids => format!(", learners {}", hex(ids)),
        };
        writeln!(
            out,
            "conf state of the snapshot at index {}: voters {}{learners}",
            snapshot.index,
            hex(&state.voters)
        )?;
    }
    if let Some(voters) = log.voters() {
        let hex: Vec<_> = voters.iter().map(|id| format!("{id:x}")).collect();
        writeln!(out, "voters at the commit: {}", hex.join(" "))?;
    }
    writeln!(out)
}

/// How many entries stand behind the last that was committed.
fn past_commit(log: &Log<'_>) -> usize {
    let commit = log.hard_state().map_or(0, |state| state.commit);
    log.entries().len() - log.entries().partition_point(|entry| entry.index <= commit)
}

/// It as JSON.
pub(super) fn document(files: &RaftFiles, log: &Log<'_>) -> Map<String, Value> {
    let segments = files.wal().iter().map(|part| json!({"file": part.name(), "size": part.len()}));
    let tree = Tree::default().with("path", files.name().into()).list("segments", segments);
    let tree = log.metadata().into_iter().fold(tree, |tree, of| {
        let of = Tree::default().id("nodeID", of.node_id).id("clusterID", of.cluster_id);
        tree.with("metadata", of.value())
    });
    let tree = log.hard_state().into_iter().fold(tree, |tree, state| {
        let of = Tree::default().with("term", state.term.into()).id("vote", state.vote);
        tree.with("hardState", of.with("commit", state.commit.into()).value())
    });
    let index = |entry: Option<&etcdsnap::wal::Entry<'_>>| entry.map(|entry| entry.index);
    let entries = json!({
        "first": index(log.entries().first()),
        "last": index(log.entries().last()),
        "count": log.entries().len(),
        "pastCommit": past_commit(log),
        "overwritten": log.overwritten(),
    });
    let snapshots = log.snapshots().iter().map(|snapshot| json!({"index": snapshot.index, "term": snapshot.term}));
    let tree = tree.with("entries", entries).list("snapshots", snapshots);
    let state = last_conf_state(log).map(|(_, state)| conf_state(&state));
    let [voters, hex] = ids(log.voters());
    tree.with("confState", json!(state)).with("voters", voters).with("votersHex", hex).0
}

/// Who voted at the last snapshot that says so.
fn last_conf_state<'l, 'a>(log: &'l Log<'a>) -> Option<(&'l Snapshot<'a>, ConfState)> {
    log.snapshots().iter().rev().find_map(|snapshot| Some((snapshot, snapshot.voters()?)))
}
