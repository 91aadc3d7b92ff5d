use std::{io::Write as _, path::Path};

use clap::Args;
use etcdsnap::{
    Error,
    catalog::{BackupAt, Doubts, FoundObject, FoundVersion, Wanted},
};
use serde::Serialize;

use super::common::{
    Db, Had, Of, What, below, display, minute, not_searched, note_doubts, note_missing, note_sealed, one_file,
};
use crate::{
    args::ReportFormat,
    failure::{Exit, Failure},
    render::{self, Columns, printable},
    session::Session,
};

/// Find the backups that hold an object: first and last seen, every version, and the line that brings it back
///
/// Select objects by name, kind, a prefix of keys, one key, labels, an image or the uid. Every backup that is or was in
/// the catalog is searched, but not damaged ones. Some writes are in no backup, because a later write replaced them
/// before the next backup: their number is printed.
///
/// The line that brings an object back is for the newest version of which a file is there. It has --all, because
/// `export` leaves out what a cluster makes by itself, as the Pods of a Deployment: these may not need to be brought
/// back. For an encrypted object it has --encryption-config. Replace DIR, and FILE by the configuration with the keys.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap catalog find deploy/web -n shop
  etcdsnap catalog find pods -l app=web
  etcdsnap catalog find --image nginx:1.29
  etcdsnap catalog find --uid 0f1d8c0e-7d0b-4e1b-9d0a-0123456789ab

Exit status: 1 when no backup holds it, or not all could be searched or decrypted")]
pub(crate) struct Find {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    had: Had,
    /// Only the object with this metadata.uid
    #[arg(long, value_name = "UID")]
    uid: Option<String>,
    /// The format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    db: Db,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'c> {
    items: Vec<Item<'c>>,
    not_indexed: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'c> {
    #[serde(flatten)]
    found: FoundObject<'c>,
    bring_back: Option<String>,
    /// The revision of the version that the line brings back.
    bring_back_revision: Option<i64>,
}

impl<'c> Item<'c> {
    fn of(found: FoundObject<'c>) -> Self {
        let bring_back = found.bring_back.as_ref();
        let line = bring_back.map(|of| of.call(&below(of.file)).to_string());
        Self { bring_back: line, bring_back_revision: bring_back.map(|of| of.revision), found }
    }
}

impl Find {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let catalog = self.db.open()?;
        let uid = self.uid.as_ref().map(|uid| format!("--uid {uid}"));
        let filters: Vec<_> = self.had.words().into_iter().chain(uid).collect();
        let wanted = Wanted { uid: self.uid, ..self.had.wanted(&self.what) };
        if wanted.is_empty() {
            let error = Error::usage("name what to find: KIND/NAME, KIND, -n, --prefix, --key, -l, --image or --uid");
            return Err(error.hinted("etcdsnap catalog find deploy/web -n shop").into());
        }
        let scope = self.of.scope();
        let found = catalog.found(&scope, &wanted)?;
        let doubts = catalog.doubts(&scope)?;
        let sealed = note_sealed(found.sealed);
        if found.objects.is_empty() {
            let what = format!("no backup in the catalog holds {}", self.what.words_with(filters));
            return Err(Error::not_found(what).hinted(hint(&doubts)).into());
        }
        let items: Vec<_> = found.objects.into_iter().map(Item::of).collect();
        match self.output {
            ReportFormat::Json => {
                render::json(&mut session.out, &Document { items, not_indexed: doubts.not_searched() }, false)?;
            }
            ReportFormat::Text => {
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        writeln!(session.out)?;
                    }
                    text(session, item)?;
                }
            }
        }
        let missing = note_missing(&found.names, "no backup in the catalog holds", &filters);
        Ok(missing.max(note_doubts(&doubts)).max(sealed))
    }
}

/// Where else an object may be that is in no backup.
fn hint(doubts: &Doubts<'_>) -> String {
    match not_searched(doubts) {
        None => "an object that was created and deleted between two backups is in neither of them".to_owned(),
        Some(what) => {
            format!("not searched: {what}; `etcdsnap salvage FILE --list` lists what is in a damaged backup")
        }
    }
}

/// The number of other files with the same state that are named.
const MOST: usize = 4;

/// A file for a line.
fn shown((path, there): (&Path, bool)) -> String {
    if there { display(path) } else { format!("{} (missing or changed)", display(path)) }
}

/// A backup for a line.
fn name(at: &BackupAt<'_>) -> String {
    match at.file() {
        Some(file) => shown(file),
        None => at.holder.map_or_else(|| format!("revision {}", at.revision), one_file),
    }
}

fn place(at: &BackupAt<'_>) -> String {
    format!("{}  {}", minute(at.holder.and_then(|holder| holder.entry.time())), name(at))
}

/// The other files with the same state.
fn others(at: &BackupAt<'_>) -> String {
    let mut names: Vec<_> = at.others().take(MOST).map(shown).collect();
    let more = at.others().count().saturating_sub(MOST);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}

fn note(of: &FoundVersion<'_>) -> String {
    let note = match of.unseen {
        None if of.raised_to.is_some() => "made again".to_owned(),
        None => "deleted and made again before it".to_owned(),
        Some(0) if of.is_same => "the same value written again".to_owned(),
        Some(0) => String::new(),
        Some(n) => {
            let writes = if n == 1 { "1 write before it is".to_owned() } else { format!("{n} writes before it are") };
            format!("{writes} in no backup{}", if of.is_same { "; the value is the same" } else { "" })
        }
    };
    match of.raised_to {
        Some(bump) if note.is_empty() => format!("after a restore that raised the revision to {bump}"),
        Some(bump) => format!("{note}, after a restore that raised the revision to {bump}"),
        None => note,
    }
}

fn text(session: &mut Session, item: &Item<'_>) -> Result<(), Failure> {
    let out = &mut session.out;
    let found = &item.found;
    writeln!(out, "{}  (cluster {})", printable(found.object.clone()), found.row)?;
    writeln!(out, "  first seen  {}", place(&found.first_seen))?;
    let gone = match &found.gone_in {
        Some(at) => format!("; gone in {}", name(at)),
        None => ", the newest".to_owned(),
    };
    writeln!(out, "  last seen   {}{gone}", place(&found.last_seen))?;
    // that others have the same state is said where one of them is the answer
    let same = others(&found.last_seen);
    if !same.is_empty() {
        writeln!(out, "              {same} {}", if same.contains(", ") { "hold the same" } else { "holds the same" })?;
    }
    let mut columns = Columns::new(&["  REVISION", "WRITE", "SIZE", "IN", "NOTE"]).right(&[0, 1, 2]);
    for of in &found.versions {
        let (first, last) = (name(&of.from), name(&of.to));
        columns.add([
            format!("  {}", of.version.mod_revision),
            of.version.version.to_string(),
            of.version.size.to_string(),
            if first == last { first } else { format!("{first} to {last}") },
            note(of),
        ]);
    }
    columns.finish(out)?;
    match &item.bring_back {
        Some(line) => writeln!(out, "  bring it back: {}", printable(line.clone()))?,
        None if found.from_stdin => writeln!(
            out,
            "  cannot be brought back: it was read from standard input, and no file that holds it is known"
        )?,
        None => writeln!(out, "  all of these files are missing")?,
    }
    let last = found.versions.last().map(|of| of.version.mod_revision);
    if let (Some(back), Some(last)) = (item.bring_back_revision, last)
        && back != last
    {
        writeln!(out, "                 revision {back}, not the last seen {last}")?;
    }
    Ok(())
}
