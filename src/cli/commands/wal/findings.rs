//! Findings about a log.

use etcdsnap::{Finding, Findings, source::RaftFiles};

use crate::{
    failure::{Exit, Failure},
    render::printable,
    session::Session,
};

/// Prints how many more findings there are, and that the log is damaged, if it is.
pub(super) fn close(session: &mut Session, files: &RaftFiles, findings: &Findings) -> Result<Exit, Failure> {
    session.intact(files)?;
    let all = findings.counts().fold(0, |all: u64, (.., n)| all.saturating_add(n));
    let more = all.saturating_sub(findings.list().len() as u64);
    if more > 0 {
        say!("{}: {more} more findings", printable(files.name().to_owned()));
    }
    if !findings.damaged() {
        return Ok(Exit::Good);
    }
    say!("{}: damaged; the output holds what could be read", printable(files.name().to_owned()));
    Ok(Exit::Content)
}

/// Prints a finding about the log that is called `name`.
pub(super) fn say_finding(finding: &Finding, name: &str) {
    let file = printable(finding.file.as_deref().unwrap_or(name).to_owned());
    say!("{}: {file}: {}", finding.severity, finding.bare());
    finding.hint.iter().for_each(|hint| say!("    hint: {hint}"));
}
