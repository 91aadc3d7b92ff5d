//! `wal --diff`: where two logs differ.

use std::{io::Write as _, path::Path};

use etcdsnap::{
    Findings,
    error::Severity,
    source::{Options, RaftFiles, RaftKind},
    wal::{Log, LogDiff, Segment, Span},
};

use super::findings::{close, say_finding};
use crate::{
    args::Format,
    failure::{Exit, Failure},
    render::{self, printable},
    session::Session,
};

/// Compares the logs at `a` and `b`.
pub(super) fn run(
    session: &mut Session,
    a: &Path,
    b: &Path,
    options: &Options,
    output: Format,
) -> Result<Exit, Failure> {
    let (a, b) = (session.find_raft(a, RaftKind::Log, options)?, session.find_raft(b, RaftKind::Log, options)?);
    let mut findings = [Findings::default(), Findings::default()];
    let [of_a, of_b] = &mut findings;
    let (segments_a, segments_b): (Vec<_>, Vec<_>) =
        (a.wal().iter().map(Segment::from).collect(), b.wal().iter().map(Segment::from).collect());
    let (log_a, log_b) = (Log::read(&segments_a, of_a), Log::read(&segments_b, of_b));
    let diff = LogDiff::of(&log_a, &log_b);
    if output == Format::Table {
        table(session, &[(&a, &log_a), (&b, &log_b)], &diff)?;
    } else {
        let found = findings.iter().flat_map(Findings::list).collect();
        render::json(&mut session.out, &diff.document(a.name(), b.name(), found), output == Format::Ndjson)?;
    }
    session.out.flush()?;
    let mut exit = if diff.is_same() { Exit::Good } else { Exit::Content };
    for (files, findings) in [&a, &b].into_iter().zip(&findings) {
        let worth = findings.list().iter().filter(|finding| finding.severity > Severity::Info);
        worth.for_each(|finding| say_finding(finding, files.name()));
        exit = exit.max(close(session, files, findings)?);
    }
    Ok(exit)
}

fn table(session: &mut Session, logs: &[(&RaftFiles, &Log<'_>); 2], diff: &LogDiff) -> Result<(), Failure> {
    for ((files, log), letter) in logs.iter().zip(["a", "b"]) {
        let whose = log.metadata().map(|whose| (whose.node_id, whose.cluster_id));
        let whose = whose.map_or(String::new(), |(id, of)| format!(", member {id:x} of cluster {of:x}"));
        let name = printable(files.name().to_owned());
        writeln!(session.out, "{letter}: {name}{whose}, commit {}", log.commit())?;
    }
    for span in &diff.spans {
        writeln!(session.out, "{}", line(span))?;
    }
    Ok(())
}

fn line(span: &Span) -> String {
    let Span { first, last, a, b, same } = *span;
    let which = if first == last { format!("entry {first}") } else { format!("entries {first} to {last}") };
    match (a, b) {
        _ if same => format!("  {which}: the same"),
        (Some(a), Some(b)) if a == b => format!("! {which}: term {a} in both, but other content"),
        (Some(a), Some(b)) => format!("! {which}: term {a} in a, term {b} in b"),
        (Some(a), None) => format!("- {which}: only in a, term {a}"),
        (None, b) => format!("+ {which}: only in b, term {}", b.unwrap_or(0)),
    }
}
