//! A data directory's log, and what of it the db does not have.

use crate::{
    Finding, Findings,
    etcd::{State, unapplied},
    source::{Kind, Source},
};

pub(super) fn check(source: &Source, state: &State, findings: &mut Findings) {
    if source.kind() != Kind::DataDir || source.wal().is_empty() {
        return;
    }
    let unapplied = unapplied(source.wal(), state, findings);
    if unapplied.applied_at_start > 0 {
        let what = format!(
            "{} entries of the log are not in the db yet; etcd applies them when it starts",
            unapplied.applied_at_start
        );
        findings
            .push(Finding::info("log-unapplied", what).hint("they are not shown yet, and not checked beyond the log"));
    }
    if unapplied.past_commit > 0 {
        let what = format!("{} entries of the log are past the last commit on disk", unapplied.past_commit);
        let hint = "a client may have been told that they are in: only the other members know";
        findings.push(Finding::warning("log-past-commit", what).hint(hint));
    }
    if unapplied.behind_gap > 0 {
        let what =
            format!("{} entries of the log cannot be reached: entries before them are missing", unapplied.behind_gap);
        findings.push(Finding::error("log-gap", what));
    }
}
