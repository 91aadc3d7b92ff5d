use std::{io::Write as _, path::Path};

use clap::Args;
use etcdsnap::{
    Error,
    catalog::{Branch, Catalog, FileFate, Keep, Labels, Plan, Planned, Pruned, Writer, sum_without_doubt},
    k8s::Moment,
    source::{Options, Source},
};
use serde::Serialize;

use super::common::{Db, Of, display, minute, note_undecided};
use crate::{
    args::ReportFormat,
    failure::{Exit, Failure},
    render,
    session::Session,
};

/// Print which old backups can be removed, and with --yes remove them
///
/// Nothing is removed without --yes. The backups of each cluster are counted separately, and of each branch of one. A
/// backup of several branches is kept if one of them keeps it. The time of a backup is the newest time in it. The last
/// N backups are kept, and the last backup of each of the last N hours, days, weeks and months (UTC) that have one.
/// Only good backups are counted and removed. Damaged and doubtful backups are kept, and so are all backups of a
/// cluster that has no good one, and backups of no known cluster.
///
/// The newest good backup of a branch is never removed. It is read again before a backup of that branch is removed. A
/// file that has changed since it was added is not removed. Copies of a removed backup are removed too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap catalog prune --keep-last 28
  etcdsnap catalog prune --keep-daily 14 --keep-monthly 12 --yes

Exit status: 1 when a file that --yes should remove was not removed, the branch of a backup is not
known, or there is no such cluster")]
pub(crate) struct Prune {
    /// Keep the newest N
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep_last: usize,
    /// Keep the newest of each of the last N hours that have one
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep_hourly: usize,
    /// Keep the newest of each of the last N days that have one
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep_daily: usize,
    /// Keep the newest of each of the last N weeks that have one
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep_weekly: usize,
    /// Keep the newest of each of the last N months that have one
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep_monthly: usize,
    /// Remove the files
    #[arg(long)]
    yes: bool,
    /// The format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    db: Db,
}

#[derive(Debug, Serialize)]
struct Document {
    items: Vec<PlannedFile>,
    /// Whether a file was removed.
    removed: bool,
}

#[derive(Debug, Clone, Serialize)]
struct PlannedFile {
    cluster: String,
    #[serde(skip)]
    label: String,
    rows: Vec<String>,
    time: Option<String>,
    file: String,
    fate: String,
}

impl PlannedFile {
    fn of(Planned { holder, file, fate, .. }: &Planned<'_>, labels: &Labels) -> Self {
        Self {
            cluster: holder.entry.identity.clone().unwrap_or_default(),
            label: labels.one(holder),
            rows: labels.all(holder),
            time: holder.entry.newest.clone(),
            file: file.display().to_string(),
            fate: fate.to_string(),
        }
    }
}

impl Prune {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let keep = Keep {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
        };
        if keep.is_empty() {
            let error = Error::usage("at least one --keep-... flag is needed");
            return Err(error.hinted("etcdsnap catalog prune --keep-last 28").into());
        }
        let catalog = self.db.open()?;
        let plan = Plan::new(&catalog, keep, &self.of.scope().branches(&catalog)?);
        let undecided = catalog.undecided(plan.holders());
        let (done, exit) = match self.yes {
            true => self.apply(plan, session)?,
            false => (Pruned { files: plan.files().to_vec(), wrote: false, error: None }, Exit::Good),
        };
        let exit = exit.max(note_undecided(&undecided));
        let printed = self.print(&catalog, &done.files, session);
        let Some(error) = done.error else { return printed.map(|()| exit) };
        // Before the error, which is the one that the run ends with.
        if let Err(failure) = printed.and_then(|()| Ok(session.out.flush()?)) {
            failure.say();
        }
        if done.files.iter().any(is_removed) {
            say!(
                "note: the catalog may still list files that were removed; `etcdsnap catalog add` marks them as missing"
            );
        }
        Err(error.into())
    }

    /// Removes what may be removed. The exit status shows whether all of it was.
    fn apply<'c>(&self, plan: Plan<'c>, session: &mut Session) -> Result<(Pruned<'c>, Exit), Failure> {
        let path = self.db.path()?;
        let writer = Writer::open(&path)?;
        let options = session.options_with(None);
        let refused = plan.refused(|file| read_again(file, &options, session))?;
        for of in &refused {
            Failure::from(Error::refused(format!("{}: nothing is removed: {}", of.branch.label, of.why))).say();
        }
        let mut done = plan.apply(&refused, writer);
        if done.wrote
            && let Err(error) = session.wrote(&[path])
        {
            done.error.get_or_insert(error);
        }
        let is_left = |of: &Planned<'_>| matches!(of.fate, FileFate::NotRemoved(_));
        // The newest may be bad where nothing was to be removed.
        let all = refused.is_empty() && !done.files.iter().any(is_left);
        Ok((done, if all { Exit::Good } else { Exit::Content }))
    }

    fn print(&self, catalog: &Catalog, files: &[Planned<'_>], session: &mut Session) -> Result<(), Failure> {
        let labels = Labels::of(&Branch::all(catalog));
        let items = files.iter().map(|planned| PlannedFile::of(planned, &labels)).collect();
        let document = Document { items, removed: files.iter().any(is_removed) };
        match self.output {
            ReportFormat::Json => Ok(render::json(&mut session.out, &document, false)?),
            ReportFormat::Text => text(session, &document, catalog.not_counted(&self.of.scope())),
        }
    }
}

fn is_removed(planned: &Planned<'_>) -> bool {
    planned.fate == FileFate::Removed
}

/// The SHA-256 of a backup now. A run that cannot be recorded removes nothing: that is the outer error.
fn read_again(file: &Path, options: &Options, session: &mut Session) -> Result<Result<String, Error>, Failure> {
    let source = match Source::open(file, options) {
        Ok(source) => source,
        Err(error) => return Ok(Err(error)),
    };
    session.opened(&source)?;
    let sum = sum_without_doubt(&source);
    match session.intact(&source) {
        Ok(()) => Ok(sum),
        Err(Failure::Error(error)) => Ok(sum.and(Err(error))),
        Err(failure) => Err(failure),
    }
}

/// `left` is the number of backups that are not counted.
fn text(session: &mut Session, document: &Document, left: usize) -> Result<(), Failure> {
    let mut columns = render::Columns::new(&["CLUSTER", "NEWEST", "FATE", "FILE"]);
    for one in &document.items {
        let time = one.time.as_deref().and_then(Moment::parse);
        columns.add([one.label.clone(), minute(time), one.fate.clone(), display(one.file.as_ref())]);
    }
    columns.finish(&mut session.out)?;
    if left > 0 {
        writeln!(session.out, "{left} more that are damaged, doubtful or of no known cluster are not touched")?;
    }
    let to_be_removed = FileFate::ToBeRemoved.to_string();
    if document.items.iter().any(|one| one.fate == to_be_removed) {
        say!("nothing was removed; --yes removes the files that are listed as \"{to_be_removed}\"");
    }
    Ok(())
}
