use std::{io::Write as _, path::PathBuf, str::FromStr as _};

use clap::Args;
use etcdsnap::{
    error::{Call, Next},
    etcd::Compact,
    publish::Watch,
    restore::{SaveJob, defrag},
};

use super::trust::TrustArgs;
use crate::{
    args::{LogArgs, ReportFormat},
    failure::{Exit, Failure},
    render::{self, printable, report::labelled},
    session::{Session, arguments, stop_at_signal},
};

/// Make a smaller copy, without free pages and old revisions
///
/// A new snapshot with its SHA-256, in which the pages are laid out as by etcd's own `defrag`: free pages, and the deleted
/// values in them, are not copied. Status hash and HashKV are those of the backup, unless --compact removes revisions; then
/// HashKV is that of an etcd that was compacted at REV.
///
/// The backup is verified meanwhile, and is never changed. FILE is complete, or there is none. Of a data directory the log
/// is applied, as etcd does when it starts.
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
        let trust = self.trust.trust();
        let job = SaveJob { to: self.to.clone(), owner: None, mode: 0o600, trust, arguments: arguments() };
        let (stop, progress) = (stop_at_signal(), session.progress(&source));
        let watch = Watch { stop: &stop, progress: &|done, all| progress.update(done, all) };
        let made = defrag(&source, &self.log.load(), self.compact, &job, watch)?;
        drop(progress);
        session.wrote(&made.done.files)?;
        for warning in made.warnings() {
            say!("warning: {}: {}", source.name(), warning.what);
        }
        let printed = match self.output {
            ReportFormat::Json => {
                let next: Next = [Call::new("etcdsnap verify").arg(&self.to)].into_iter().collect();
                render::json(&mut session.out, &made.document(next), false)
            }
            ReportFormat::Text => {
                let to = self.to.display().to_string();
                let title = printable(format!("defrag {}", source.name()));
                let written = writeln!(session.out, "{title}");
                written.and_then(|()| labelled(&mut session.out, made.lines(&to))).map_err(Failure::from)
            }
        };
        if printed.is_err() {
            say!("note: the file was made; its report could not be printed");
        }
        printed?;
        session.intact(&source)?;
        Ok(Exit::Good)
    }
}
