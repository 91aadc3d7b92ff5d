//! The part of a log that is restored.

use serde::Serialize;

use super::facts::Facts;
use crate::{Code, Error, Finding, Result, bytes::counted_are, etcd::Uncommitted, source::BackupKind};

/// The entries of the log that are added to the db.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FromLog {
    /// The name of the log, when it was named separately from the backup.
    pub name: Option<String>,
    /// The number of its entries that are applied.
    pub entries: u64,
    /// The number of these that are past the last commit on disk.
    pub uncommitted: u64,
    /// The number of entries that are left out.
    pub left_out: u64,
    /// The number of entries after a gap, which cannot be applied.
    #[serde(rename = "behindGap")]
    pub after_gap: u64,
    /// The number of entries past the last commit on disk, applied or not.
    pub past_commit: u64,
    /// The last entry that the db holds.
    pub from_index: u64,
    /// The last entry that is restored.
    pub to_index: u64,
    /// The db's last revision.
    pub from_revision: i64,
    /// The last revision that is restored.
    pub to_revision: i64,
}

impl FromLog {
    /// Decides; `None` when there is no log, or it is not used.
    ///
    /// # Errors
    /// When it is not clear how far the log is to be applied.
    pub(super) fn decide(facts: &Facts<'_>) -> Result<Option<Self>> {
        if !facts.load.wal {
            return Ok(None);
        }
        let Some(log) = facts.log else {
            if facts.kind != BackupKind::DataDir {
                return Ok(None);
            }
            let what = format!("{}: a data directory without a log: the db alone may be incomplete", facts.source);
            let hint = "--wal DIR names its log, --no-wal uses the db alone".to_owned();
            return Err(Error::refused(what).hinted(hint));
        };
        let (load, unsure) = (&facts.load, log.unapplied.past_commit);
        // An entry or revision that was named, and reached, is a decision too.
        if unsure > 0 && load.uncommitted.is_none() && !load.has_end() {
            let what = format!(
                "{}: {} past the last commit on disk: etcd may have acknowledged such a write to a client",
                facts.source,
                counted_are(unsure, "entry", " of its log")
            );
            let hint = "--uncommitted keep restores them too, --uncommitted drop leaves them out";
            return Err(Error::refused(what).hinted(hint));
        }
        Ok(Some(Self {
            name: facts.log_name.clone(),
            entries: log.applied,
            uncommitted: log.uncommitted,
            left_out: log.unapplied.count().saturating_sub(log.applied),
            after_gap: log.unapplied.after_gap,
            past_commit: unsure,
            from_index: log.from,
            to_index: log.index,
            from_revision: facts.db_head,
            to_revision: facts.head,
        }))
    }
}

/// Adds the warnings about the log; `compared` where the logs of several members were.
pub(super) fn warnings(facts: &Facts<'_>, compared: bool, findings: &mut Vec<Finding>) {
    let Some(log) = facts.log else { return };
    // What two voters have acknowledged is in the logs of both. An end that was named is a decision.
    let voters = facts.state.members.iter().filter(|member| !member.is_learner).count();
    if voters > 2 && !compared && !facts.load.has_end() {
        let what = format!(
            "the data are those of one member, and the cluster has {voters} voters: writes that the others acknowledged may be missing"
        );
        let hint = "if their directories can be read, name them too (`etcdsnap restore DIR1 DIR2 DIR3`): their logs show what was committed";
        findings.push(Finding::warning(Code::OneOfSeveral, what).hint(hint));
    }
    if log.uncommitted > 0 {
        let what = format!("{} restored", counted_are(log.uncommitted, "entry", " past the last commit on disk"));
        findings.push(Finding::warning(Code::Uncommitted, what).hint("other members that still run may not have them"));
    }
    let left = log.unapplied.count().saturating_sub(log.applied);
    if left == 0 {
        return;
    }
    let what = if !facts.load.wal {
        format!("{} not in the db, and will be lost", counted_are(left, "entry", " of the log"))
    } else if facts.load.uncommitted == Some(Uncommitted::Drop) && left == log.unapplied.past_commit {
        format!("{} left out, and will be lost", counted_are(left, "entry", " past the last commit on disk"))
    } else {
        format!("{} left out, after entry {}", counted_are(left, "entry", " of the log"), log.index)
    };
    let hint = match facts.load.wal {
        false => "etcd itself applies them when it starts on the directory",
        true => "etcd may have acknowledged these writes to clients",
    };
    findings.push(Finding::warning(Code::LogNotApplied, what).hint(hint));
}
