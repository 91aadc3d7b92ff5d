use std::{
    collections::{BTreeMap, HashSet},
    fs,
    io::Write as _,
    path::PathBuf,
};

use clap::Args;
use etcdsnap::{
    Error,
    bytes::one_line,
    catalog::{Catalog, Fate, Holder, Keep, Stamp, Writer},
    hash::hex,
    source::{Options, Source, is_url},
};
use serde::Serialize;

use super::{
    common::{Db, Of, display, minute, short},
    ls::is_good,
};
use crate::{
    args::ReportFormat,
    failure::{Exit, Failure},
    render,
    session::Session,
};

/// Print which old backups can be removed, and with --yes remove them
///
/// Nothing is removed without --yes. The backups of each cluster are counted separately. The time of a backup is the
/// newest time in it. The last N backups are kept, and the last backup of each of the last N hours, days, weeks and
/// months (UTC) that have one. Only good backups are counted and removed. Damaged and doubtful backups are kept, and so
/// are all backups of a cluster that has no good one, and backups of no known cluster.
///
/// The newest good backup of a cluster is never removed. It is read again before a backup of that cluster is removed. A
/// file that has changed since it was added is not removed. Copies of a removed backup are removed too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap catalog prune --keep-last 28
  etcdsnap catalog prune --keep-daily 14 --keep-monthly 12 --yes")]
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
    time: Option<String>,
    file: String,
    fate: String,
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
        let mut clusters: BTreeMap<&str, Vec<&Holder>> = BTreeMap::new();
        for holder in catalog.holders().iter().filter(|of| of.there && is_good(of)) {
            if let Some(identity) = holder.entry.identity.as_deref().filter(|identity| self.of.has(Some(identity))) {
                clusters.entry(identity).or_default().push(holder);
            }
        }
        let mut writer = self.yes.then(|| Writer::open(&self.db.path()?)).transpose()?;
        let archived: HashSet<_> =
            catalog.files().iter().filter(|(_, row)| row.archive.is_some()).map(|(path, _)| path).collect();
        let (mut items, mut exit) = (Vec::new(), Exit::Good);
        for (identity, holders) in clusters {
            let times: Vec<_> = holders.iter().map(|of| of.entry.time()).collect();
            let fates = keep.decide(&times);
            // What is kept has to be good now, not only when it was added.
            let newest = holders.iter().zip(&fates).rev().find(|(_, fate)| **fate != Fate::Removed);
            let refused = match (&writer, newest) {
                (None, _) => None,
                (Some(_), Some((newest, _))) => not_as_it_was(newest, &session.options_with(None)),
                (Some(_), None) => Some("none of its backups is kept".to_owned()),
            };
            if let Some(why) = &refused {
                let what = format!("{}: nothing is removed: {why}", short(Some(identity)));
                Failure::from(Error::refused(what)).say();
                exit = Exit::Content;
            }
            for (holder, fate) in holders.iter().zip(&fates) {
                for file in &holder.files {
                    // only files on disk are removed
                    let elsewhere = match archived.contains(file) {
                        true => Some("kept: in an archive"),
                        false => is_url(file).then_some("kept: in an object store"),
                    };
                    let mut done = match (fate, elsewhere) {
                        (Fate::Kept(why), _) => format!("kept: {}", why.join(", ")),
                        (Fate::Removed, Some(kept)) => kept.to_owned(),
                        (Fate::Removed, None) => "to be removed".to_owned(),
                    };
                    if let (Some(writer), Fate::Removed, None, None) = (&mut writer, fate, &refused, elsewhere) {
                        done = match removed(&catalog, file) {
                            Ok(()) => {
                                writer.forget(file)?;
                                "removed".to_owned()
                            }
                            Err(why) => {
                                exit = exit.max(Exit::Content);
                                format!("not removed: {why}")
                            }
                        };
                    }
                    items.push(One {
                        cluster: identity.to_owned(),
                        time: holder.entry.newest.clone(),
                        file: file.display().to_string(),
                        fate: done,
                    });
                }
            }
        }
        if let Some(writer) = writer {
            writer.finish()?;
        }
        let left =
            catalog.holders().iter().filter(|of| of.there && !(is_good(of) && of.entry.identity.is_some())).count();
        match self.output {
            ReportFormat::Json => render::json(&mut session.out, &Document { items, removed: self.yes }, false)?,
            ReportFormat::Text => {
                let mut columns = render::Columns::new(&["CLUSTER", "NEWEST", "FATE", "FILE"]);
                for one in &items {
                    let time = one.time.as_deref().and_then(etcdsnap::k8s::Moment::parse);
                    columns.add([
                        short(Some(&one.cluster)),
                        minute(time),
                        one.fate.clone(),
                        display(one.file.as_ref()),
                    ]);
                }
                columns.finish(&mut session.out)?;
                if left > 0 {
                    writeln!(
                        session.out,
                        "{left} more that are damaged, doubtful or of no known cluster are not touched"
                    )?;
                }
                if !self.yes && items.iter().any(|one| one.fate == "to be removed") {
                    say!("nothing was removed; --yes removes the files that are listed as \"to be removed\"");
                }
            }
        }
        Ok(exit)
    }
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
