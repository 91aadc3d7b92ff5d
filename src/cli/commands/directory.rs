//! Arguments of the commands that change a member's own directory: the directory, the destination, the confirmation.

use std::{io::Write, path::PathBuf};

use clap::{ArgGroup, Args};
use etcdsnap::{
    Result,
    bytes::counted,
    publish::{Place, Watch},
    rewrite::{Directory, Document, PlannedChange, Rewritten, Way, apply, judge, served},
    source::Source,
    verify::verify,
};
use serde::Serialize;

use crate::{
    args::ReportFormat,
    failure::{Exit, Failure},
    render::{self, printable, report::labelled},
    session::{Session, arguments, stop_at_signal},
};

/// Which directory, and where the result goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which directory, and where the result goes")]
#[command(group(ArgGroup::new("way").args(["to", "in_place"]).required(true)))]
pub(super) struct DirectoryArgs {
    /// The data directory of a member that is stopped
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: PathBuf,
    /// The log is in DIR and not in member/wal; in a copy it is in member/wal
    #[arg(long, value_name = "DIR")]
    wal_dir: Option<PathBuf>,
    /// Make the result in NEWDIR: a copy, which shares its blocks with DIR where the file system can do that
    #[arg(long, value_name = "NEWDIR")]
    to: Option<PathBuf>,
    /// Change DIR itself; each file that is replaced is kept beside it, as NAME.before-<UTC>
    #[arg(long)]
    in_place: bool,
    /// With --in-place: carry out the plan; without --yes it is only printed
    #[arg(long, requires = "in_place")]
    yes: bool,
    /// Print the plan, verify DIR, change nothing; where the run would be refused, so is this
    #[arg(long)]
    dry_run: bool,
    /// The format of what is printed
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
}

impl DirectoryArgs {
    /// Opens the directory.
    pub(super) fn open(&self, session: &mut Session) -> Result<Source> {
        if self.in_place && self.yes && !self.dry_run {
            Directory::recover(&self.data_dir, self.wal_dir.as_deref())?;
        }
        let options = session.options_with(self.wal_dir.as_deref());
        session.open_with(&self.data_dir, &options)
    }

    /// The directory that `source` is.
    pub(super) fn directory<'s>(&self, source: &'s Source) -> Result<Directory<'s>> {
        Directory::new(source, self.wal_dir.as_deref())
    }

    /// Prints `plan` and carries it out; with `force` also in a damaged directory.
    pub(super) fn run(
        &self,
        session: &mut Session,
        directory: &Directory<'_>,
        plan: &(impl PlannedChange + Serialize),
        force: bool,
    ) -> Result<Exit, Failure> {
        let source = directory.source;
        let way = match &self.to {
            Some(to) => Way::Copy(Place::new("member", to, None)?),
            None => Way::InPlace,
        };
        let unsaid = self.in_place && !self.yes;
        way.look(directory, !self.dry_run)?;
        let text = self.output == ReportFormat::Text;
        if text {
            let (command, lines) = plan.lines(source);
            writeln!(session.out, "{command} {}", printable(source.name().to_owned()))?;
            labelled(&mut session.out, lines)?;
            self.print_way(&mut session.out, directory, plan, &way)?;
            session.out.flush()?;
        }
        if self.dry_run || unsaid {
            let progress = session.progress(source);
            let report = verify(source, &plan.load(), |done| progress.update(done, source.db().len()))?;
            drop(progress);
            if text {
                labelled(&mut session.out, [("checked", report.in_words())])?;
            } else {
                render::json(&mut session.out, &Document::planned(plan, &report), false)?;
            }
            session.intact(source)?;
            judge(&report, plan, force)?;
            if unsaid && !self.dry_run {
                say!("error: nothing was changed: --in-place changes the directory itself");
                say!("hint: --yes changes it; --to NEWDIR makes a copy instead");
                return Ok(Exit::Caller);
            }
            return Ok(Exit::Good);
        }
        let stop = stop_at_signal();
        let progress = session.progress(source);
        let watch = Watch { stop: &stop, progress: &|done, all| progress.update(done, all) };
        let done = apply(directory, plan, &way, force, arguments(), watch)?;
        drop(progress);
        session.wrote(&done.files)?;
        let printed = self.print_done(session, source, plan, &done);
        if printed.is_err() {
            say!("note: the change succeeded; its summary could not be printed");
        }
        printed?;
        session.intact(source)?;
        Ok(Exit::Good)
    }

    fn print_way(
        &self,
        out: &mut impl Write,
        directory: &Directory<'_>,
        plan: &(impl PlannedChange + Serialize),
        way: &Way,
    ) -> Result<(), Failure> {
        match way {
            Way::Copy(place) => Ok(labelled(out, [("to", format!("{}, a copy", place.member_dir().display()))])?),
            Way::InPlace => {
                let files = plan.files(directory)?.into_iter().map(|file| file.display().to_string());
                let kept = "new content; the old file is kept beside it, as NAME.before-<UTC>".to_owned();
                let names = std::iter::once("in place").chain(std::iter::repeat(""));
                Ok(labelled(out, names.zip(files.chain([kept])))?)
            }
        }
    }

    fn print_done(
        &self,
        session: &mut Session,
        source: &Source,
        plan: &(impl PlannedChange + Serialize),
        done: &Rewritten,
    ) -> Result<(), Failure> {
        let data_dir = self.to.as_ref().unwrap_or(&self.data_dir);
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let wal_dir = self.wal_dir.as_ref().filter(|_| self.to.is_none()).map(absolute);
        let next = plan.next(&absolute(data_dir), wal_dir.as_deref());
        let out = &mut session.out;
        match self.output {
            ReportFormat::Text => {
                let (revision, keys) = served(source, plan)?;
                labelled(out, [("checked", done.report.in_words())])?;
                labelled(out, done.kept.iter().map(|kept| ("kept", kept.display().to_string())))?;
                labelled(out, done.warnings().iter().map(|warning| ("warning", (*warning).to_owned())))?;
                labelled(out, [("done", format!("revision {revision}, {}", counted(keys, "key")))])?;
                writeln!(out, "next")?;
                next.0.iter().try_for_each(|step| writeln!(out, "  {step}"))?;
            }
            ReportFormat::Json => render::json(out, &Document::done(plan, done, &next), false)?,
        }
        Ok(out.flush()?)
    }
}
