//! The renames that put staged members into place.

use std::path::{Path, PathBuf};

use super::{
    destination::Destination,
    member_dir::MemberDir,
    place::{contents, has_content},
    renames::is_aside,
};
use crate::{
    Result,
    publish::{
        disk::{free_name, make_dir, now, sync_dir},
        doubt::Doubt,
        journal::{Journal, Step},
        stage::Staging,
    },
};

/// The renames that put `dirs`, staged in `staging`, into place, each with its `doubt`: logs elsewhere first, `member/`
/// last. The second value is what is moved aside, where it is then.
pub(super) fn journal(
    staging: &Staging,
    dirs: &[MemberDir<'_>],
    to: &Destination,
    doubt: Option<&Doubt>,
) -> Result<(Journal, Vec<PathBuf>)> {
    let (mut journal, mut kept) = (Journal::default(), Vec::new());
    let now = now();
    let whole = !to.folder.is_dir();
    for (n, one) in dirs.iter().enumerate() {
        let aside = |name: &str| staging.path(format!("{name}-{n}"));
        if let (Some(wal_dir), Some(other)) = (&one.place.wal_dir, &one.wal_staging) {
            journal.also.push(other.path(""));
            kept.extend(wal_steps(wal_dir, other, &one.wal, &now, &mut journal.steps)?);
        }
        let member = one.place.member_dir();
        if let Some(doubt) = doubt {
            doubt.write(&Doubt::beside(&one.data.join("member")))?;
        }
        if whole {
            continue;
        }
        let before = free_name(one.place.data_dir.join(format!("member.before-{now}")));
        let (old_doubt, new_doubt) = (Doubt::beside(&member), Doubt::beside(&one.data.join("member")));
        if old_doubt.exists() {
            // It is about the member that is there, and goes where that goes.
            journal.steps.push(Step::rename(old_doubt.clone(), aside("doubt"))?);
        }
        if !one.place.data_dir.is_dir() {
            journal.steps.push(Step::rename(one.data.clone(), one.place.data_dir.clone())?);
            continue;
        }
        if new_doubt.exists() {
            journal.steps.push(Step::rename(new_doubt, old_doubt.clone())?);
        }
        let staged_member = one.data.join("member");
        let has_old = has_content(&member)?;
        if has_old {
            kept.push(before.clone());
        }
        if has_old && staging.can_exchange() {
            journal.after.push(Step::rename(member.clone(), before.clone())?.moved_from(staged_member.clone()));
            journal.steps.push(Step::exchange(staged_member, member)?);
        } else {
            if has_old {
                journal.steps.push(Step::rename(member.clone(), before.clone())?);
            } else if member.exists() {
                journal.steps.push(Step::rename(member.clone(), aside("empty"))?);
            }
            journal.steps.push(Step::rename(staged_member, member)?);
        }
        if has_old && old_doubt.exists() {
            kept.push(Doubt::beside(&before));
            journal.after.push(Step::rename(old_doubt, Doubt::beside(&before))?.moved_from(aside("doubt")));
        }
    }
    if whole {
        journal.steps.push(Step::rename(staging.path("new"), to.folder.clone())?);
    }
    Ok((journal, kept))
}

/// The renames that put the log in `wal` into `wal_dir`; returns the folder that the old one is moved to.
fn wal_steps(
    wal_dir: &Path,
    staging: &Staging,
    wal: &Path,
    now: &str,
    steps: &mut Vec<Step>,
) -> Result<Option<PathBuf>> {
    if !wal_dir.is_dir() {
        steps.push(Step::rename(wal.to_owned(), wal_dir.to_owned())?);
        return Ok(None);
    }
    // It may be a mount point, which cannot be renamed: what is in it can.
    let mut old = contents(wal_dir)?;
    old.retain(|path| !is_aside(path));
    let before = (!old.is_empty()).then(|| free_name(wal_dir.join(format!("before-{now}"))));
    if let Some(before) = &before {
        let aside = staging.path("before");
        make_dir(&aside, 0o700)?;
        steps.push(Step::rename(aside, before.clone())?);
        for path in old {
            let name = path.file_name().unwrap_or_default();
            steps.push(Step::rename(path.clone(), before.join(name))?);
        }
    }
    for path in contents(wal)? {
        let name = path.file_name().unwrap_or_default();
        steps.push(Step::rename(path.clone(), wal_dir.join(name))?);
    }
    sync_dir(wal_dir)?;
    Ok(before)
}
