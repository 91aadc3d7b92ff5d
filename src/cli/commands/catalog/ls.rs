use std::io::Write as _;

use clap::Args;
use etcdsnap::catalog::{Catalog, ListedBackup, Listing, UnreadFile};

use super::common::{Db, Of, age, file, minute, note_undecided, since};
use crate::{
    args::Format,
    failure::{Exit, Failure},
    render::{self, Columns, bytes, printable},
    session::Session,
};

/// List the backups in the catalog, oldest content first
///
/// NEWEST is the newest time in the backup, AGE counts from that time to now. CLUSTER is the start of the identity of
/// the cluster; `/1` and `/2` after it are branches of the history, which begin when a cluster is restored. The
/// identity is the uid of the Namespace kube-system. `-` is the identity of backups without this Namespace: `-/1` and
/// `-/2` are histories that do not fit together, of one such cluster or of several. A note names the places where the
/// usual interval between two backups is exceeded. Files without a readable backup come last.
///
/// REVISION and KEYS include the log of a data directory. FILE SIZE is the size of the unpacked file. It may be larger
/// than the db in it, whose size `verify` prints as SIZE. `-`: not known, because no key of a damaged file could be
/// read.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 1 when there is no such cluster")]
pub(crate) struct Ls {
    /// The format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    db: Db,
}

impl Ls {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let catalog = self.db.open()?;
        let listing = catalog.listing(&self.of.scope())?;
        match self.output {
            Format::Table => table(&catalog, &listing, session)?,
            Format::Json => render::json(&mut session.out, &listing, false)?,
            Format::Ndjson => {
                listing.items.iter().try_for_each(|item| render::json(&mut session.out, item, true))?;
            }
        }
        Ok(Exit::Good)
    }
}

fn table(catalog: &Catalog, listing: &Listing<'_>, session: &mut Session) -> Result<(), Failure> {
    let headers = ["NEWEST", "AGE", "CLUSTER", "REVISION", "KEYS", "FILE SIZE", "VERDICT", "NOTE", "FILE"];
    let mut columns = Columns::new(&headers).right(&[1, 3, 4, 5]).colored(6, render::of_verdict);
    for ListedBackup { holder, entry, gap, label, .. } in &listing.items {
        let dash = || "-".to_owned();
        columns.add([
            minute(entry.time()),
            since(entry.time()),
            label.clone(),
            entry.revision.map_or_else(dash, |of| of.to_string()),
            entry.keys.map_or_else(dash, |of| of.to_string()),
            bytes(entry.size),
            entry.verdict.to_string(),
            gap.as_ref().map_or_else(dash, |gap| {
                format!("{} since the one before, usually {}", age(gap.seconds), age(gap.usual))
            }),
            file(holder),
        ]);
    }
    columns.finish(&mut session.out)?;
    // Such a backup is listed without a branch, so the list is not wrong.
    let _ = note_undecided(&catalog.undecided(listing.items.iter().map(|of| of.holder)));
    for UnreadFile { error, missing, .. } in &listing.unread {
        let error = error.lines().next().unwrap_or_default().to_owned();
        let missing = if *missing { " (missing)" } else { "" };
        writeln!(session.out, "no backup{missing}: {}", printable(error))?;
    }
    Ok(())
}
