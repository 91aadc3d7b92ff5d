//! The text above the records.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use etcdsnap::{bytes::counted, document::Id, wal::Summary};

pub(super) fn text(out: &mut impl Write, log: &Summary<'_>) -> io::Result<()> {
    if let Some(of) = log.metadata {
        writeln!(out, "log of member {:x} of cluster {:x}", of.node_id, of.cluster_id)?;
    }
    if let Some(state) = log.hard_state {
        writeln!(out, "hard state: term {}, vote {:x}, commit {}", state.term, state.vote, state.commit)?;
    }
    let entries = log.entries;
    if let (Some(first), Some(last)) = (entries.first, entries.last) {
        let over = match entries.overwritten {
            0 => String::new(),
            n => format!(", {n} more were overwritten"),
        };
        writeln!(out, "entries: {}, from index {first} to {last}{over}", entries.count)?;
    }
    if entries.past_commit > 0 {
        let count = match log.voters.as_ref().map(BTreeSet::len) {
            Some(1) => "committed, because this member is the only voter",
            Some(_) => "only the other members show whether it was committed",
            None => "committed if this member is the only voter",
        };
        writeln!(out, "past the commit: {}; {count}", counted(entries.past_commit, "entry"))?;
    }
    if let (Some(index), Some(state)) = (log.conf_state_index, &log.conf_state) {
        let learners = match state.learners.as_slice() {
            [] => String::new(),
            ids => format!(", learners {}", hex(ids)),
        };
        let voters = hex(&state.voters);
        writeln!(out, "conf state of the snapshot at index {index}: voters {voters}{learners}")?;
    }
    if let Some(voters) = &log.voters_hex {
        writeln!(out, "voters at the commit: {}", hex(voters))?;
    }
    writeln!(out)
}

fn hex(ids: &[Id]) -> String {
    ids.iter().map(Id::to_string).collect::<Vec<_>>().join(" ")
}
