//! A data directory's log, and what of it the db does not have.

use crate::{Finding, etcd::Snapshot};

/// What there is to say about the log that belongs to `snapshot`.
pub(super) fn check(snapshot: &Snapshot<'_>) -> Vec<Finding> {
    let mut told = Vec::new();
    let Some(log) = snapshot.log else { return told };
    let (more, unsure) = (log.unapplied.applied_at_start, log.unapplied.past_commit);
    if more > 0 {
        let what = format!("{more} entries of the log are not in the db yet; etcd applies them when it starts");
        let finding = Finding::info("log-unapplied", what);
        told.push(match log.revision {
            Some(revision) => finding.hint(format!("the commands show what comes of it: revision {revision}")),
            None => finding,
        });
    }
    if unsure > 0 {
        let what = format!("{unsure} entries of the log are past the last commit on disk");
        let hint =
            "a client may have been told that they are in: only the other members know; --uncommitted keep shows them";
        told.push(Finding::warning("log-past-commit", what).hint(hint));
    }
    told
}
