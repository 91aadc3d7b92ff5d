use std::{io::Write as _, path::PathBuf};

use clap::Args;
use etcdsnap::{
    Error,
    catalog::{AddReport, AddedFile, Addition, FailedFile, Writer},
    verify::Verdict,
};

use super::{
    common::{Db, display},
    opener::Files,
};
use crate::{
    args::{Keys, ReportFormat},
    failure::{Exit, Failure},
    render::{bytes, json, printable},
    session::{Session, one_stdin},
};

/// Check backups, and note in the catalog what they hold
///
/// A folder means all backups in it and in the folders below, also compressed ones. Files that are certainly no backups
/// are left out. Each backup in an archive of several is added by its own name, ARCHIVE:NAME. A file that has not
/// changed since it was added is not read again, unless you give keys now and some of its values could not be opened
/// before. A file that is no longer in its folder is marked as missing; what the catalog noted about it is kept.
///
/// Files with the same content are one backup, with the worst verdict on any of them. So a doubtful backup does not
/// become good when you copy it without its NAME.etcdsnap.json; only `rebuild` forgets a verdict.
///
/// Damaged backups are listed, but their objects are not in the catalog, because some may be missing. Several small
/// files are read at the same time. After ^C, the files that are being read are finished, and everything that was added
/// is kept.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap catalog add /backups
  aws s3 cp s3://bucket/a.db - | etcdsnap catalog add - --name s3://bucket/a.db
  etcdsnap catalog add /backups --encryption-config keys.yaml

Exit status: 0 all good or doubtful, 1 a backup is damaged, 3 a file could not be read")]
pub(crate) struct Add {
    /// Backups, or folders of backups
    #[arg(required = true)]
    path: Vec<PathBuf>,
    /// The name of the one backup, instead of its path: where it is kept
    #[arg(long, value_name = "URL")]
    name: Option<String>,
    /// The format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    db: Db,
    #[command(flatten)]
    keys: Keys,
}

/// Make the catalog again from the backups, after it was damaged
///
/// Adds the backups to a new catalog, which replaces the old one at the end. The old one stays if nothing was added, a
/// PATH does not exist, or you press ^C.
#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    #[command(flatten)]
    add: Add,
}

impl Rebuild {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        self.add.add(session, true)
    }
}

impl Add {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        self.add(session, false)
    }

    fn add(self, session: &mut Session, fresh: bool) -> Result<Exit, Failure> {
        one_stdin(&self.path)?;
        let mut files = Files::stopped_at_signal(session);
        let addition = Addition::new(&self.path, self.name.as_deref(), files.options())?;
        if fresh {
            addition.exists()?;
        }
        for folder in addition.empty_folders()? {
            say!("note: {}: this folder holds no objects", printable(folder));
        }
        let path = self.db.path()?;
        let writer = if fresh { Writer::fresh(&path)? } else { Writer::open(&path)? };
        let keys = self.keys.are_given().then(|| self.keys.ring()).transpose()?;
        let report = addition.run(writer, keys, &mut files)?;
        if report.wrote {
            session.wrote(&[path])?;
        }
        match self.output {
            ReportFormat::Json => json(&mut session.out, &report, false)?,
            ReportFormat::Text => text(session, &report)?,
        }
        match (report.interrupted, report.keeps_old) {
            (true, true) => say!("interrupted: the old catalog is kept"),
            (true, false) => {
                say!("interrupted: what was added is kept; the next `catalog add` continues with the rest");
            }
            (false, true) => return Err(Error::refused("nothing was added; the old catalog is kept").into()),
            (false, false) => return Ok(exit(&report)),
        }
        Ok(Exit::System)
    }
}

fn exit(report: &AddReport) -> Exit {
    let damaged = if report.count(Verdict::Damaged) > 0 { Exit::Content } else { Exit::Good };
    let faults = report.failed.iter().map(|of| Exit::from(of.fault));
    // that one of several files is named wrongly is about that file, not about the call
    let faults = faults.map(|exit| if exit == Exit::Caller { Exit::Content } else { exit });
    faults.fold(damaged, Exit::max)
}

fn text(session: &mut Session, report: &AddReport) -> Result<(), Failure> {
    let out = &mut session.out;
    for AddedFile { file, was_worse, entry, .. } in &report.added {
        if entry.verdict != Verdict::Good {
            let why = printable(entry.finding.clone().unwrap_or_default());
            let when = if *was_worse { ", as a file with the same content that was added before" } else { "" };
            writeln!(out, "{}: {}{when}: {why}", display(file.as_ref()), entry.verdict)?;
        }
    }
    for FailedFile { error, .. } in &report.failed {
        // The first line names the file and the problem; the rest is a list.
        let error = error.lines().next().unwrap_or_default();
        writeln!(out, "not added: {}", printable(error.to_owned()))?;
    }
    let count = |verdict| report.count(verdict);
    let (good, doubtful, damaged) = (count(Verdict::Good), count(Verdict::Doubtful), count(Verdict::Damaged));
    write!(
        out,
        "added {} ({}): {good} good, {doubtful} doubtful, {damaged} damaged",
        report.added.len(),
        bytes(report.size())
    )?;
    for (n, what) in [
        (report.unchanged, "as they were"),
        (report.failed.len() as u64, "not added"),
        (report.newly_missing, "missing now"),
        (report.no_backups, "other files"),
    ] {
        if n > 0 {
            write!(out, "; {n} {what}")?;
        }
    }
    writeln!(out)?;
    Ok(())
}
