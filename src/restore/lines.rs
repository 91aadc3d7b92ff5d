//! A plan, its rehearsal and its result for people: lines, each with the name of what it is about, which is empty where
//! the line before has it.

use super::{Done, FromLog, Plan};
use crate::{
    Finding,
    bytes::{counted, size},
    etcd::{boot, rewrite::Changes},
    publish::{Move, Rehearsal, Room},
};

/// The name of what a line is about, and the line.
type Line = (&'static str, String);

/// The first of `lines` with its name, the others without.
fn named(name: &'static str, lines: impl IntoIterator<Item = String>) -> impl Iterator<Item = Line> {
    lines.into_iter().enumerate().map(move |(n, line)| (if n == 0 { name } else { "" }, line))
}

impl Plan<'_> {
    /// What is going to be done, and the places `to` which it is written.
    #[must_use]
    pub fn lines(&self, to: &[String]) -> Vec<Line> {
        let version = self.version.as_ref().map_or(String::new(), |version| format!("storage version {version}, "));
        let in_use = self.in_use.map_or(String::new(), |used| format!(" ({} in use)", size(used)));
        let revision = self.log.as_ref().map_or(self.revision, |log| log.from_revision);
        let (kind, total) = (self.kind, size(self.total_size));
        let mut lines = vec![("from", format!("{kind}, {version}revision {revision}, {total}{in_use}"))];
        lines.extend(self.log.as_ref().map(|log| ("log", from_log(log))));
        lines.extend(to.iter().map(|to| ("to", to.clone())));
        lines.extend(self.members());
        lines.extend(named("changes", changes(&self.changes)));
        lines.push(("starts on", boot::starting(&self.starts_on)));
        lines.extend(self.carried.iter().flat_map(|finding| note("note", finding)));
        lines.extend(self.warnings.iter().flat_map(|finding| note("warning", finding)));
        lines
    }

    fn members(&self) -> Vec<Line> {
        let Some(cluster) = &self.cluster else {
            let names: Vec<_> = self.state.members.iter().map(|member| member.name.as_str()).collect();
            return vec![("members", format!("as in the backup: {}", names.join(", ")))];
        };
        let members = cluster.members.iter().map(|member| {
            let learner = if member.is_learner { ", learner" } else { "" };
            format!("{} {} {}{learner}", member.id, member.name, member.peer_urls.join(","))
        });
        let whole = ("cluster", format!("{}, token {}", cluster.id, cluster.token));
        named("members", members).chain([whole]).collect()
    }
}

/// Result of applying the log.
fn from_log(log: &FromLog) -> String {
    let FromLog { entries, from_index, to_index, from_revision, to_revision, left_out, after_gap, .. } = *log;
    let name = log.name.as_ref().map_or(String::new(), |name| format!("{name}: "));
    let what = match entries {
        0 => format!("nothing applied: the db ends at entry {from_index}"),
        _ => format!(
            "{} applied, to entry {to_index}, revision {from_revision} to {to_revision}",
            counted(entries, "entry")
        ),
    };
    let left = if left_out == 0 { String::new() } else { format!(", {left_out} left out") };
    let lost = if after_gap == 0 { String::new() } else { format!(", {after_gap} after a gap cannot be applied") };
    format!("{name}{what}{left}{lost}")
}

fn note(name: &'static str, finding: &Finding) -> Vec<Line> {
    let hint = finding.hint.as_ref().map(|hint| ("", format!("  {hint}")));
    [(name, finding.what.clone())].into_iter().chain(hint).collect()
}

fn changes(changes: &Changes<'_>) -> Vec<String> {
    let mut lines = vec![format!("buckets {}", changes.buckets.keys().copied().collect::<Vec<_>>().join(", "))];
    if let Some(cut) = changes.cut_after {
        lines.push(format!("records after revision {cut} left out"));
    }
    if let Some(at) = changes.deleted_at {
        lines.push(format!("{} deleted, at revision {at}", counted(changes.deleted.len(), "key")));
    }
    if let Some(at) = changes.compact_to {
        let how = if changes.defrag { "left out" } else { "removed by etcd when it starts" };
        lines.push(format!("history before revision {at} removed: {how}"));
    }
    if changes.defrag {
        lines.push("written as a new db, without free pages".to_owned());
    }
    if let Some(to) = changes.bump_to {
        lines.push(format!("revision raised to {to}, all before it compacted"));
    }
    lines
}

impl Rehearsal {
    /// The renames at the end, the rights that are missing, and the room for what is written.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let rename = |Move { from, to }: &Move| format!("{} -> {}", from.display(), to.display());
        let mut lines: Vec<_> = named("renames", self.renames.iter().map(rename)).collect();
        for denied in &self.denied {
            lines.push(("rights", format!("{}: {}", denied.folder.display(), denied.why)));
        }
        for Room { folder, needed, free, may_share, .. } in &self.room {
            let less = if *may_share { ", less where blocks are shared" } else { "" };
            let (needed, free) = (size(*needed), size(*free));
            lines.push(("room", format!("{needed} needed{less}, {free} free in {}", folder.display())));
        }
        lines
    }
}

impl Done {
    /// What was checked, kept and restored.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = vec![("checked", self.report.in_words())];
        lines.extend(self.kept.iter().map(|kept| ("kept", kept.display().to_string())));
        if self.report.db_damaged() {
            lines.push(("note", "the db is damaged: a new db was written, with all that could be read".to_owned()));
        }
        let super::Restored { hash, revision, total_key, total_size } = self.restored;
        let total = size(total_size);
        let keys = counted(total_key, "key");
        lines.push(("restored", format!("revision {revision}, {keys}, {total}, status hash {hash:x}")));
        lines
    }
}
