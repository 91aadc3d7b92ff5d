use std::{
    collections::{HashMap, HashSet},
    fs,
    io::Write as _,
    path::PathBuf,
};

use clap::Args;
use etcdsnap::{
    Error,
    bytes::one_line,
    catalog::{Branch, Catalog, Fate, Holder, Keep, Labels, Stamp, Writer},
    hash::hex,
    k8s::Moment,
    source::{Options, Source, is_url},
};
use serde::Serialize;

use super::common::{Db, Of, Undecided, display, minute};
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
    items: Vec<One>,
    removed: bool,
}

#[derive(Debug, Clone, Serialize)]
struct One {
    cluster: String,
    #[serde(skip)]
    label: String,
    rows: Vec<String>,
    time: Option<String>,
    file: String,
    fate: String,
}

/// A branch of the history of a cluster, or the whole of it, and what is kept of its good backups.
struct Counted<'c> {
    row: Branch,
    /// Why, by the ids of the backups.
    kept: HashMap<&'c str, Vec<&'static str>>,
    /// The newest of all, and the newest that is certainly of this branch.
    newest: Vec<&'c Holder>,
}

impl<'c> Counted<'c> {
    fn of(catalog: &'c Catalog, row: Branch, keep: Keep) -> Self {
        let mut branch = Self { row, kept: HashMap::new(), newest: Vec::new() };
        let all: Vec<&Holder> = catalog.holders().iter().filter(|of| is_counted(of) && branch.row.has(of)).collect();
        let certain: Vec<&Holder> = all.iter().copied().filter(|of| !catalog.is_undecided(of)).collect();
        // One that may be of another branch must not take the place of one that is certainly of this branch.
        for holders in [all, certain] {
            let times: Vec<_> = holders.iter().map(|of| of.entry.time()).collect();
            for (holder, fate) in holders.iter().zip(keep.decide(&times)) {
                if let Fate::Kept(why) = fate {
                    add(branch.kept.entry(&holder.entry.id).or_default(), &why);
                }
            }
            branch.newest.extend(holders.iter().rev().find(|of| branch.kept.contains_key(of.entry.id.as_str())));
        }
        branch
    }
}

/// Adds reasons, each once.
fn add(reasons: &mut Vec<&'static str>, more: &[&'static str]) {
    for why in more {
        if !reasons.contains(why) {
            reasons.push(why);
        }
    }
}

/// Why a backup is kept, in any of the branches that it is in; nothing where it may be removed.
fn reasons(branches: &[Counted<'_>], holder: &Holder) -> Vec<&'static str> {
    let mut all = Vec::new();
    for why in branches.iter().filter_map(|branch| branch.kept.get(holder.entry.id.as_str())) {
        add(&mut all, why);
    }
    all
}

/// Whether a backup is counted, and may be removed.
fn is_counted(holder: &Holder) -> bool {
    holder.there && holder.is_good() && holder.entry.identity.is_some() && !holder.entry.lineages.is_empty()
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
        let wanted: HashSet<u32> = self.of.rows(&catalog)?.into_iter().map(|row| row.number).collect();
        let rows = Branch::all(&catalog);
        let labels = Labels::of(&rows);
        // A backup from before a fork is kept for a branch that --cluster does not name, too.
        let branches: Vec<_> = rows.into_iter().map(|row| Counted::of(&catalog, row, keep)).collect();
        let within = |of: &Holder| of.entry.lineages.iter().any(|number| wanted.contains(number));
        let mut listed: Vec<_> = catalog.holders().iter().filter(|of| is_counted(of) && within(of)).collect();
        listed.sort_by_cached_key(|of| (of.entry.identity.clone(), labels.one(of)));
        let listed: Vec<_> = listed.into_iter().map(|of| (of, reasons(&branches, of))).collect();

        let mut exit = Exit::Good;
        let mut items = Vec::new();
        let mut removal = self.yes.then(|| Removal::new(&self.db, &catalog)).transpose()?;
        if let Some(removal) = &mut removal {
            let loses = |branch: &Counted<'_>| listed.iter().any(|(of, why)| why.is_empty() && branch.row.has(of));
            let touched = branches.iter().filter(|branch| wanted.contains(&branch.row.number) || loses(branch));
            exit = removal.refuse(touched, &session.options_with(None));
        }
        let archived: HashSet<_> =
            catalog.files().iter().filter(|(_, row)| row.archive.is_some()).map(|(path, _)| path).collect();
        for (holder, why) in &listed {
            for file in &holder.files {
                let fate = match &mut removal {
                    _ if !why.is_empty() => format!("kept: {}", why.join(", ")),
                    // only files on disk are removed
                    _ if archived.contains(file) => "kept: in an archive".to_owned(),
                    _ if is_url(file) => "kept: in an object store".to_owned(),
                    Some(removal) if !removal.is_refused(holder) => match removal.remove(file)? {
                        Ok(()) => "removed".to_owned(),
                        Err(why) => {
                            exit = exit.max(Exit::Content);
                            format!("not removed: {why}")
                        }
                    },
                    _ => TO_BE_REMOVED.to_owned(),
                };
                items.push(One {
                    cluster: holder.entry.identity.clone().unwrap_or_default(),
                    label: labels.one(holder),
                    rows: labels.all(holder),
                    time: holder.entry.newest.clone(),
                    file: file.display().to_string(),
                    fate,
                });
            }
        }
        if let Some(removal) = removal {
            removal.writer.finish()?;
        }
        exit = exit.max(Undecided::of(&catalog, listed.iter().map(|(of, _)| *of)).note());
        let document = Document { items, removed: self.yes };
        match self.output {
            ReportFormat::Json => render::json(&mut session.out, &document, false)?,
            ReportFormat::Text => {
                let may_be = |identity: Option<&str>| identity.is_none() || self.of.has(identity);
                let others = catalog.holders().iter().filter(|of| of.there && !is_counted(of));
                let left = others.filter(|of| may_be(of.entry.identity.as_deref())).count();
                text(session, &document, left)?;
            }
        }
        Ok(exit)
    }
}

const TO_BE_REMOVED: &str = "to be removed";

/// Removes files. What is kept has to be good now, not only when it was added.
struct Removal<'c> {
    catalog: &'c Catalog,
    writer: Writer,
    /// The branches of which nothing is removed.
    refused: HashSet<u32>,
}

impl<'c> Removal<'c> {
    fn new(db: &Db, catalog: &'c Catalog) -> Result<Self, Failure> {
        Ok(Self { catalog, writer: Writer::open(&db.path()?)?, refused: HashSet::new() })
    }

    /// Reads the newest backups of these branches again. Nothing is removed of a branch where one is not good now.
    fn refuse<'b>(&mut self, branches: impl Iterator<Item = &'b Counted<'b>>, options: &Options) -> Exit {
        let (mut read, mut exit) = (HashMap::new(), Exit::Good);
        for branch in branches {
            let fault = |newest: &&'b Holder| {
                read.entry(&newest.entry.id).or_insert_with(|| not_as_it_was(newest, options)).clone()
            };
            if let Some(why) = branch.newest.iter().find_map(fault) {
                Failure::from(Error::refused(format!("{}: nothing is removed: {why}", branch.row.label))).say();
                exit = Exit::Content;
                self.refused.insert(branch.row.number);
            }
        }
        exit
    }

    fn is_refused(&self, holder: &Holder) -> bool {
        holder.entry.lineages.iter().any(|number| self.refused.contains(number))
    }

    /// Removes a file that is as it was, and its row in the catalog; or says why it does not.
    fn remove(&mut self, file: &PathBuf) -> Result<Result<(), String>, Error> {
        let removed = removed(self.catalog, file);
        if removed.is_ok() {
            self.writer.forget(file)?;
        }
        Ok(removed)
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
    if !document.removed && document.items.iter().any(|one| one.fate == TO_BE_REMOVED) {
        say!("nothing was removed; --yes removes the files that are listed as \"{TO_BE_REMOVED}\"");
    }
    Ok(())
}

/// Why a backup is not certain to be as it was when it was added.
fn not_as_it_was(holder: &Holder, options: &Options) -> Option<String> {
    let Some(file) = holder.files.first() else { return Some("the newest has no file".to_owned()) };
    let check = || {
        let source = Source::open(file, options)?;
        if let Some(doubt) = source.doubts().first() {
            let what = format!("{} records doubt about it", one_line(&doubt.name));
            return Err(Error::refused(what));
        }
        let digests = source.db().digests(|_| {})?;
        source.intact()?;
        Ok(hex(&digests.file))
    };
    let sum: Result<String, Error> = check();
    match sum {
        Ok(sum) if Some(&sum) == holder.entry.sha256.as_ref() => None,
        Ok(_) => Some(format!("the newest, {}, has changed since it was added", file.display())),
        Err(error) => Some(format!("the newest, {}, is not certain to be good: {error}", file.display())),
    }
}

/// Removes a file that is as it was.
fn removed(catalog: &Catalog, file: &PathBuf) -> Result<(), String> {
    let row = catalog.files().iter().find(|(path, _)| path == file).map(|(_, row)| row);
    let stamp = Stamp::of(file).map_err(|e| e.to_string())?;
    if row.and_then(|row| row.stamp) != Some(stamp) {
        return Err("it has changed since it was added".to_owned());
    }
    if !file.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err("only regular files are removed".to_owned());
    }
    fs::remove_file(file).map_err(|e| e.to_string())
}
