use std::{
    io::{ErrorKind, Write as _},
    path::Path,
};

use clap::Args;
use etcdsnap::{
    Error,
    bytes::counted,
    catalog::{Holder, Stamp, Writer},
    error::Call,
    hash::hex,
    source::is_url,
};
use serde::Serialize;

use super::common::{Db, below, display};
use crate::{
    args::ReportFormat,
    failure::{Exit, Failure},
    render::{self, Progress, printable},
    session::Session,
};

/// Check whether the files have changed since they were added, are missing, or were damaged by the disk
///
/// Every file is read again, and its SHA-256 is compared with the one in the catalog: a disk can change the content of
/// a file although nobody has written to it. --quick compares only size and time, and the ETag of an object in a store.
///
/// A file that the disk has changed is noted as such in the catalog: the next `catalog add` reads it again, although
/// its time is the same, and records what is wrong with it.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 1 when a file is not as it was, 3 when one could not be read")]
pub(crate) struct Check {
    /// Do not read the files
    #[arg(long)]
    quick: bool,
    /// The format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    db: Db,
}

#[derive(Debug, Serialize)]
struct Document {
    items: Vec<One>,
}

#[derive(Debug, Serialize)]
struct One {
    file: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Check {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let catalog = self.db.open()?;
        let all =
            catalog.files().iter().filter_map(|(_, row)| row.stamp).fold(0_u64, |sum, of| sum.saturating_add(of.size));
        let (progress, mut done) = (Progress::new("catalog", session.wants_progress()), 0_u64);
        let options = session.options_with(None);
        let (mut items, mut exit, mut bad, mut found) = (Vec::new(), Exit::Good, Vec::new(), Vec::new());
        for (path, row) in catalog.files() {
            let Some(was) = row.stamp.filter(|_| row.parts.is_empty()) else { continue };
            let (state, why) = match Stamp::now(row.on_disk(path), &options) {
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => ("missing", None),
                Err(error) => ("unreadable", Some(error.to_string())),
                Ok(now) => match difference(was, now, is_url(path)) {
                    Some(why) => ("changed", Some(why.to_owned())),
                    None if self.quick && row.changed => ("bad", Some(FOUND_BEFORE.to_owned())),
                    None if self.quick || row.error.is_some() => ("as it was", None),
                    None => {
                        let holder = catalog.holders().iter().find(|of| Some(&of.entry.id) == row.snapshot.as_ref());
                        read(session, path, holder, |read| progress.update(done.saturating_add(read), all))?
                    }
                },
            };
            done = done.saturating_add(was.size);
            exit = exit.max(match state {
                "as it was" => Exit::Good,
                "unreadable" => Exit::System,
                _ => Exit::Content,
            });
            if matches!(state, "bad" | "changed") && !row.changed {
                found.push((path.as_path(), was));
            }
            if state == "bad" {
                bad.push(row.on_disk(path));
            }
            items.push(One { file: path.display().to_string(), state, why });
        }
        if !found.is_empty() {
            match self.record(&found, session) {
                Err(Failure::Error(error)) => say!("note: what has changed is not recorded in the catalog: {error}"),
                recorded => recorded?,
            }
        }
        match self.output {
            ReportFormat::Json => render::json(&mut session.out, &Document { items }, false)?,
            ReportFormat::Text => {
                for one in items.iter().filter(|one| one.state != "as it was") {
                    let why = one.why.as_ref().map(|why| format!(": {}", printable(why.clone()))).unwrap_or_default();
                    writeln!(session.out, "{}: {}{why}", display(one.file.as_ref()), one.state)?;
                }
                let good = items.iter().filter(|one| one.state == "as it was").count();
                let how = if self.quick { " by size and time" } else { "" };
                let of = counted(items.len(), "file");
                writeln!(session.out, "{good} of {of} unchanged{how}")?;
                if !bad.is_empty() {
                    let files = bad.iter().take(MOST).map(|file| below(file));
                    let call = Call::new("etcdsnap catalog add").args(files).option("--db", self.db.named());
                    let others = if bad.len() > MOST { ", and so on," } else { "" };
                    say!("hint: `{call}`{others} reads what is bad again, and records what is wrong with it");
                } else if exit != Exit::Good {
                    say!("hint: `etcdsnap catalog add` brings the catalog up to date with what is there now");
                }
            }
        }
        Ok(exit)
    }

    /// Notes in the catalog which files have changed, so that the next `catalog add` reads them.
    fn record(&self, found: &[(&Path, Stamp)], session: &mut Session) -> Result<(), Failure> {
        let path = self.db.path()?;
        let mut writer = Writer::open(&path)?;
        found.iter().try_for_each(|(name, was)| writer.mark_changed(name, *was))?;
        if writer.finish()? {
            session.wrote(&[path])?;
        }
        Ok(())
    }
}

/// The most files that a hint names.
const MOST: usize = 4;

/// Why a file is bad that is not read now.
const FOUND_BEFORE: &str = "an earlier check found that its content has changed, and it was not added again since";

/// What shows that a file, or an object in a store, was written to. The inode of a file does not: one that was restored
/// with its time, as by rsync, has another.
fn difference(was: Stamp, now: Stamp, is_object: bool) -> Option<&'static str> {
    if (now.size, now.mtime) != (was.size, was.mtime) {
        return Some("it was written to since it was added");
    }
    if is_object && now.inode != was.inode {
        return Some("it was replaced since it was added: it has another ETag");
    }
    (now.doubts != was.doubts).then_some("its NAME.etcdsnap.json, which records doubt about it, has changed")
}

/// Reads a file that should be as it was.
fn read(
    session: &mut Session,
    path: &Path,
    holder: Option<&Holder>,
    progress: impl Fn(u64),
) -> Result<(&'static str, Option<String>), Failure> {
    let options = session.options_with(None);
    let source = match session.open_quietly(path, &options) {
        Ok(source) => source,
        Err(error) if error.fault() == etcdsnap::error::Fault::System => {
            return Ok(("unreadable", Some(error.to_string())));
        }
        Err(error) => return Ok(("bad", Some(error.to_string()))),
    };
    let digests = match source.db().digests(progress) {
        Ok(digests) => digests,
        Err(error) => return Ok(("unreadable", Some(error.to_string()))),
    };
    session.intact(&source)?;
    let was = holder.and_then(|of| of.entry.sha256.as_deref());
    let same = was == Some(hex(&digests.file).as_str());
    Ok(match same {
        true => ("as it was", None),
        false => (
            "bad",
            Some("its content has changed, although nothing has written to it: the disk may be failing".to_owned()),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_was_replaced_has_another_etag() {
        let was = Stamp { size: 1, mtime: (2, 3), inode: 4, doubts: None };
        assert_eq!(difference(was, was, true), None);
        assert_eq!(difference(was, Stamp { inode: 5, ..was }, false), None);
        for now in [Stamp { inode: 5, ..was }, Stamp { mtime: (2, 4), ..was }, Stamp { doubts: Some(1), ..was }] {
            assert!(difference(was, now, true).is_some(), "{now:?}");
        }
    }
}
