use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::Args;
use etcdsnap::{
    Error,
    analyze::{Analysis, By, Request},
    bytes::file_name,
    etcd::Load,
    objects::{At, Cluster},
    publish::replace,
    report::{Changes, Report},
    source::is_stdin,
    verify::{Verdict, verify},
};

use super::analyze::note_left_out;
use crate::{
    args::{Keys, LogDir, Masking},
    failure::{Exit, Failure},
    render::printable,
    session::Session,
};

/// Write a page about a backup: verdict, what fills it, what changed
///
/// One HTML file that needs no other file: a treemap, tables that sort and filter, the changes. It loads nothing and
/// sends nothing. It holds the names of objects, but no values. Names of Secrets are masked unless --reveal is given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap report backup.db --html report.html
  etcdsnap report backup.db --html - > report.html

Exit status: 1 when the backup is damaged, or a log has entries that are not counted; the page is
written, too")]
pub(crate) struct ReportCommand {
    /// The backup
    snapshot: PathBuf,
    /// The HTML file to write; - for stdout
    #[arg(long, value_name = "FILE", required = true)]
    html: PathBuf,
    /// Replace FILE if it exists
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    masking: Masking,
    #[command(flatten)]
    log: LogDir,
}

/// The most objects in a list.
const TOP: usize = 1000;

impl ReportCommand {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let to = Some(self.html.as_path()).filter(|to| !is_stdin(to));
        if let Some(to) = to.filter(|to| to.exists() && !self.overwrite) {
            return Err(Error::usage(format!("{}: it exists", file_name(to))).hinted("--overwrite replaces it").into());
        }
        let (ring, mask) = (self.keys.ring()?, self.masking.mask()?);
        let source = session.open(&self.snapshot, &self.log)?;
        let load = Load { wal: false, ..Load::default() };
        let progress = session.progress(&source);
        let checked = verify(&source, &load, |done| progress.update(done, source.db().len()))?;
        drop(progress);
        let snapshot = session.load(&source, &load)?;
        let by = By::KindAndNamespace;
        let request = Request { by, kind: None, namespace: None, top: TOP, ring: &ring, mask: &mask };
        let analysis = Analysis::of(&source, &snapshot, &request);
        let cluster = Cluster::open(&snapshot, ring, At::Last)?;
        let report = Report::of(&checked, &analysis, Changes::of(&cluster, &mask), &cluster, &mask);
        let page = report.html();
        // No page is written of a file that changed while it was read.
        let exit = session.close(&source, &analysis.findings)?.max(note_left_out(source.name(), &analysis));
        match to {
            Some(to) => self.write(session, to, &page)?,
            None => session.out.write_all(&page)?,
        }
        if checked.verdict() != Some(Verdict::Damaged) {
            return Ok(exit);
        }
        say!("note: {} is damaged; the page lists the findings of verify", printable(source.name().to_owned()));
        Ok(exit.max(Exit::Content))
    }

    fn write(&self, session: &mut Session, to: &Path, page: &[u8]) -> Result<(), Failure> {
        replace(to, 0o600, page)?;
        session.wrote(&[to.to_owned()])?;
        Ok(())
    }
}
