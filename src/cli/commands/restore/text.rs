//! Text and JSON output of a plan and of its result.

use std::io::{self, Write};

use etcdsnap::{
    Finding,
    etcd::rewrite::Changes,
    publish::{Move, Rehearsal, Room},
    restore::{Done, FromLog, Plan},
};

use crate::render::{
    bytes, printable,
    report::{line, starts},
};

fn members(out: &mut impl Write, plan: &Plan<'_>) -> io::Result<()> {
    let Some(cluster) = &plan.cluster else {
        let names = plan.state.members.iter().map(|member| member.name.as_str());
        return line(out, "members", &format!("as in the backup: {}", names.collect::<Vec<_>>().join(", ")));
    };
    for (n, member) in cluster.members.iter().enumerate() {
        let name = if n == 0 { "members" } else { "" };
        let learner = if member.is_learner { ", learner" } else { "" };
        line(out, name, &format!("{} {} {}{learner}", member.id, member.name, member.peer_urls.join(",")))?;
    }
    line(out, "cluster", &format!("{}, token {}", cluster.id, cluster.token))
}

/// Prints the plan and the places `to` which it writes.
pub(super) fn plan(out: &mut impl Write, plan: &Plan<'_>, to: &[String]) -> io::Result<()> {
    let version = plan.version.as_ref().map_or(String::new(), |version| format!("storage version {version}, "));
    let in_use = plan.in_use.map_or(String::new(), |used| format!(" ({} in use)", bytes(used)));
    let revision = plan.log.as_ref().map_or(plan.revision, |log| log.from_revision);
    let (kind, size) = (plan.kind, bytes(plan.total_size));
    writeln!(out, "restore {}", printable(plan.source.clone()))?;
    line(out, "from", &format!("{kind}, {version}revision {revision}, {size}{in_use}"))?;
    if let Some(log) = &plan.log {
        line(out, "log", &from_log(log))?;
    }
    to.iter().try_for_each(|to| line(out, "to", to))?;
    members(out, plan)?;
    for (n, change) in changes(&plan.changes).iter().enumerate() {
        line(out, if n == 0 { "changes" } else { "" }, change)?;
    }
    line(out, "starts on", &starts(&plan.starts_on))?;
    for (name, findings) in [("note", &plan.carried), ("warning", &plan.warnings)] {
        findings.iter().try_for_each(|finding| note(out, name, finding))?;
    }
    Ok(())
}

/// The renames at the end, and the room for what is written.
pub(super) fn rehearsal(out: &mut impl Write, rehearsal: &Rehearsal) -> io::Result<()> {
    for (n, Move { from, to }) in rehearsal.renames.iter().enumerate() {
        line(out, if n == 0 { "renames" } else { "" }, &format!("{} -> {}", from.display(), to.display()))?;
    }
    for denied in &rehearsal.denied {
        line(out, "rights", &format!("{}: {}", denied.folder.display(), denied.why))?;
    }
    for Room { folder, needed, free, may_share, .. } in &rehearsal.room {
        let less = if *may_share { ", less where blocks are shared" } else { "" };
        let room = format!("{} needed{less}, {} free in {}", bytes(*needed), bytes(*free), folder.display());
        line(out, "room", &room)?;
    }
    Ok(())
}

/// Result of applying the log.
fn from_log(log: &FromLog) -> String {
    let FromLog { entries, from_index, to_index, from_revision, to_revision, left_out, after_gap, .. } = *log;
    let name = log.name.as_ref().map_or(String::new(), |name| format!("{name}: "));
    let what = match entries {
        0 => format!("nothing applied: the db ends at entry {from_index}"),
        _ => format!("{entries} entries applied, to entry {to_index}, revision {from_revision} to {to_revision}"),
    };
    let left = if left_out == 0 { String::new() } else { format!(", {left_out} left out") };
    let lost = if after_gap == 0 { String::new() } else { format!(", {after_gap} after a gap cannot be applied") };
    format!("{name}{what}{left}{lost}")
}

fn note(out: &mut impl Write, name: &str, finding: &Finding) -> io::Result<()> {
    line(out, name, &finding.what)?;
    finding.hint.as_ref().map_or(Ok(()), |hint| line(out, "", &format!("  {hint}")))
}

fn changes(changes: &Changes<'_>) -> Vec<String> {
    let mut lines = vec![format!("buckets {}", changes.buckets.keys().copied().collect::<Vec<_>>().join(", "))];
    if let Some(cut) = changes.cut_after {
        lines.push(format!("records after revision {cut} left out"));
    }
    if let Some(at) = changes.deleted_at {
        lines.push(format!("{} keys deleted, at revision {at}", changes.deleted.len()));
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

/// Prints the result.
pub(super) fn done(out: &mut impl Write, done: &Done) -> io::Result<()> {
    for kept in &done.kept {
        line(out, "kept", &kept.display().to_string())?;
    }
    if done.report.db_damaged() {
        line(out, "note", "the db is damaged: a new db was written, with all that could be read")?;
    }
    let restored = &done.restored;
    let (revision, keys, size) = (restored.revision, restored.total_key, bytes(restored.total_size));
    line(out, "restored", &format!("revision {revision}, {keys} keys, {size}, status hash {:x}", restored.hash))
}
