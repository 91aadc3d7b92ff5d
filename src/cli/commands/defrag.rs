use std::{path::PathBuf, str::FromStr as _};

use clap::Args;
use etcdsnap::{etcd::Compact, restore::defrag};

use super::{copy, trust::TrustArgs};
use crate::{
    args::{LogArgs, ReportFormat},
    failure::{Exit, Failure},
    session::Session,
};

/// Make a smaller copy, without free pages and old revisions
///
/// A new snapshot with its SHA-256. Free pages, and the deleted values in them, are not copied. The pages are
/// arranged as by etcd's own `defrag`. Status hash and HashKV are those of the backup. With --compact,
/// HashKV is the one of an etcd that was compacted at REV.
///
/// The backup is verified at the same time, and is never changed. FILE is complete, or it is not written. For a data
/// directory, the entries of the log are applied, as etcd does when it starts.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap defrag backup.db --to small.db
  etcdsnap defrag backup.db --to small.db --compact latest

Exit status: 0 made; 1 refused because of the backup; 2 wrong usage, or FILE is there; 3 could not
be read or written")]
pub(crate) struct Defrag {
    /// The backup
    snapshot: PathBuf,
    /// The new file that is written
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Remove the history before REV, too
    #[arg(long, value_name = "REV|latest", value_parser = Compact::from_str)]
    compact: Option<Compact>,
    /// The format of the report
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    log: LogArgs,
}

impl Defrag {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        session.unpack_near(&self.to);
        let source = session.open(&self.snapshot, &self.log.dir)?;
        let made = copy::make(session, &source, &self.to, &self.trust, |job, watch| {
            defrag(&source, &self.log.load(), self.compact, job, watch)
        })?;
        session.wrote(&made.done.files)?;
        for warning in made.warnings() {
            say!("warning: {}: {}", source.name(), warning.what);
        }
        let what = ("defrag", self.to.as_path());
        copy::report(session, &source, what, self.output, Vec::new(), |to| made.lines(to), |next| made.document(next))
    }
}
