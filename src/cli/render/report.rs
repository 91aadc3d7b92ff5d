//! The lines of a plan and its result, which the commands share that write a data directory.

use std::io::{self, Write};

use etcdsnap::{
    error::Severity,
    etcd::boot::{Minor, Startup},
    verify::{Report, Trailer},
};

use super::printable;

/// Prints a line with the `name` of what it is about.
pub(crate) fn line(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "  {name:<11} {}", printable(text.to_owned()))
}

/// The etcd versions that start, as text.
pub(crate) fn starts(starts_on: &[(Minor, Startup)]) -> String {
    let of = |ok: Option<bool>| starts_on.iter().filter(move |(_, startup)| startup.ok == ok).map(|(etcd, _)| etcd);
    let starts: Vec<_> = of(Some(true)).map(Minor::to_string).collect();
    let starts = if starts.is_empty() { "none".to_owned() } else { format!("etcd {}", starts.join(" ")) };
    let unjudged = of(None).map(|etcd| format!("written by etcd {etcd}, which is not judged"));
    [starts].into_iter().chain(unjudged).collect::<Vec<_>>().join("; ")
}

/// Prints the verdict of the check.
pub(crate) fn verdict(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let verdict = report.verdict().map_or("not read".to_owned(), |verdict| verdict.to_string());
    let mut findings = report.findings.list().iter();
    let why = match (findings.find(|finding| finding.severity > Severity::Info), &report.trailer) {
        (Some(finding), _) => format!("{}, ", finding.what),
        (None, Trailer::Matches) => "SHA-256 trailer matches, ".to_owned(),
        (None, _) => String::new(),
    };
    let more = report.findings.count(Severity::Error).saturating_add(report.findings.count(Severity::Warning));
    let more = if more < 2 { String::new() } else { format!(", {} more: `etcdsnap verify` lists them", more - 1) };
    let keys = report.total_key.unwrap_or(0);
    line(out, "checked", &format!("{verdict}: {why}{keys} keys{more}"))
}
