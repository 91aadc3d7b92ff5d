use std::io::Write as _;

use clap::Args;
use etcdsnap::{
    Error,
    bytes::counted,
    catalog::{CheckReport, FileState, Writer},
    error::Call,
};

use super::{
    common::{Db, below, display},
    opener::Files,
};
use crate::{
    args::ReportFormat,
    failure::{Exit, Failure},
    render::{self, printable},
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

impl Check {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let catalog = self.db.open()?;
        let mut files = Files::new(session);
        let report = CheckReport::new(&catalog, self.quick, &files.options(), &mut files)?;
        if report.has_news()
            && let Err(error) = self.record(&report, session)
        {
            say!("note: what has changed is not recorded in the catalog: {error}");
        }
        let exits = report.files.iter().map(|of| match of.state {
            FileState::AsItWas => Exit::Good,
            FileState::Unreadable => Exit::System,
            FileState::Missing | FileState::Changed | FileState::Bad => Exit::Content,
        });
        let exit = exits.fold(Exit::Good, Exit::max);
        match self.output {
            ReportFormat::Json => render::json(&mut session.out, &report, false)?,
            ReportFormat::Text => self.text(&report, exit, session)?,
        }
        Ok(exit)
    }

    /// Notes in the catalog which files have changed.
    fn record(&self, report: &CheckReport, session: &mut Session) -> Result<(), Error> {
        let path = self.db.path()?;
        if report.record(Writer::open(&path)?)? {
            session.wrote(&[path])?;
        }
        Ok(())
    }

    fn text(&self, report: &CheckReport, exit: Exit, session: &mut Session) -> Result<(), Failure> {
        let (good, others): (Vec<_>, Vec<_>) = report.files.iter().partition(|of| of.state == FileState::AsItWas);
        for of in &others {
            let why = of.why.as_ref().map(|why| format!(": {}", printable(why.clone()))).unwrap_or_default();
            writeln!(session.out, "{}: {}{why}", display(of.file.as_ref()), of.state)?;
        }
        let how = if self.quick { " by size and time" } else { "" };
        let of = counted(report.files.len(), "file");
        writeln!(session.out, "{} of {of} unchanged{how}", good.len())?;
        let bad: Vec<_> = others.iter().filter(|of| of.state == FileState::Bad).collect();
        if !bad.is_empty() {
            let files = bad.iter().take(MOST).map(|of| below(&of.on_disk));
            let call = Call::new("etcdsnap catalog add").args(files).option("--db", self.db.named());
            let others = if bad.len() > MOST { ", and so on," } else { "" };
            say!("hint: `{call}`{others} reads what is bad again, and records what is wrong with it");
        } else if exit != Exit::Good {
            say!("hint: `etcdsnap catalog add` brings the catalog up to date with what is there now");
        }
        Ok(())
    }
}

/// The most files that a hint names.
const MOST: usize = 4;
