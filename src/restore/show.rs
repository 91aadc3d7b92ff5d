//! The renames that show what was staged.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{
    apply::Job,
    disk::{fault, make_dir, sync_dir},
    journal::{Journal, Step},
    member,
    place::{contents, has_content},
    stage::Staging,
    staged::Staged,
};
use crate::{Result, verify::Doubt};

/// The renames that show the result: logs elsewhere first, `member/` last.
pub(super) fn journal(staging: &Staging, staged: &[Staged<'_>], job: &Job, doubt: Option<&Doubt>) -> Result<Journal> {
    let mut journal = Journal::default();
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let whole = !job.destination.is_dir();
    for (n, one) in staged.iter().enumerate() {
        let aside = |name: &str| staging.path(format!("{name}-{n}"));
        if let (Some(wal_dir), Some(other)) = (&one.place.wal_dir, &one.wal_staging) {
            journal.also.push(other.path(""));
            wal_steps(wal_dir, other, &one.wal, &now, &mut journal.steps)?;
        }
        let member = one.place.member_dir();
        if let Some(doubt) = doubt {
            let path = Doubt::beside(&one.data.join("member"));
            let text = serde_json::to_vec_pretty(doubt).map_err(|e| fault(&path, "write")(e.into()))?;
            fs::write(&path, text).and_then(|()| File::open(&path)?.sync_all()).map_err(fault(&path, "write"))?;
        }
        if whole {
            continue;
        }
        let before = free(one.place.data_dir.join(format!("member.before-{now}")));
        let (old_doubt, new_doubt) = (Doubt::beside(&member), Doubt::beside(&one.data.join("member")));
        if old_doubt.exists() {
            // It is about the member that was there, and goes where that goes.
            journal.steps.push(Step::new(old_doubt.clone(), aside("doubt"), false)?);
        }
        if !one.place.data_dir.is_dir() {
            journal.steps.push(Step::new(one.data.clone(), one.place.data_dir.clone(), false)?);
            continue;
        }
        if new_doubt.exists() {
            journal.steps.push(Step::new(new_doubt, old_doubt.clone(), false)?);
        }
        let staged_member = one.data.join("member");
        let has_old = has_content(&member)?;
        if has_old && staging.can_exchange() {
            journal.after.push(Step::new(member.clone(), before.clone(), false)?.moved_from(staged_member.clone()));
            journal.steps.push(Step::new(staged_member, member, true)?);
        } else {
            if has_old {
                journal.steps.push(Step::new(member.clone(), before.clone(), false)?);
            } else if member.exists() {
                journal.steps.push(Step::new(member.clone(), aside("empty"), false)?);
            }
            journal.steps.push(Step::new(staged_member, member, false)?);
        }
        if has_old && old_doubt.exists() {
            journal.after.push(Step::new(old_doubt, Doubt::beside(&before), false)?.moved_from(aside("doubt")));
        }
    }
    if whole {
        journal.steps.push(Step::new(staging.path("new"), job.destination.clone(), false)?);
    }
    Ok(journal)
}

/// How the log comes to `wal_dir`.
fn wal_steps(wal_dir: &Path, staging: &Staging, wal: &Path, now: &str, steps: &mut Vec<Step>) -> Result<()> {
    if !wal_dir.is_dir() {
        steps.push(Step::new(wal.to_owned(), wal_dir.to_owned(), false)?);
        return Ok(());
    }
    // It may be a mount point, which cannot be renamed: what is in it can.
    let aside_before =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("before-"));
    let mut old = contents(wal_dir)?;
    old.retain(|path| !aside_before(path));
    if !old.is_empty() {
        let (aside, before) = (staging.path("before"), free(wal_dir.join(format!("before-{now}"))));
        make_dir(&aside, 0o700)?;
        steps.push(Step::new(aside, before.clone(), false)?);
        for path in old {
            let name = path.file_name().unwrap_or_default();
            steps.push(Step::new(path.clone(), before.join(name), false)?);
        }
    }
    steps.push(Step::new(wal.join(member::SEGMENT), wal_dir.join(member::SEGMENT), false)?);
    sync_dir(wal_dir)
}

/// The path, with a number behind it when it is taken: two runs may end in the same second.
pub(super) fn free(path: PathBuf) -> PathBuf {
    let numbered = |n: u32| {
        let mut name = path.clone().into_os_string();
        name.push(format!("-{n}"));
        PathBuf::from(name)
    };
    if path.exists() { (2..).map(numbered).find(|path| !path.exists()).unwrap_or(path) } else { path }
}
