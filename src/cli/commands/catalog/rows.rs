use clap::Args;
use etcdsnap::{
    Error,
    catalog::{BACKUPS, VERSIONS, VersionRows},
};

use super::common::{Db, Had, Of, What, note_doubts, note_missing, note_sealed, note_undecided, note_unread};
use crate::{
    destination::Destination,
    failure::{Exit, Failure},
    session::{Session, stop_at_signal},
};

/// Write a row for each version of each key, for other engines: with the first and the last backup that holds it
///
/// A version that is in 28 backups is one row, so this is much smaller than the rows of 28 backups. The columns are in
/// docs/rows.md. The catalog holds no values: `value_hmac` is equal for equal values, and its key is only in the
/// catalog. The catalog does not hold the objects of damaged backups; --backups lists these backups, too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap catalog rows --to versions.parquet
  etcdsnap catalog rows --backups --to backups.parquet
  etcdsnap catalog rows pods -n shop --format csv

Exit status: 1 when there is no such row, or not all backups could be searched or decrypted; with
--backups, when a file could not be read, or the branch of a backup is not known")]
pub(crate) struct Rows {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    had: Had,
    /// Write a row for each backup instead
    #[arg(long, conflicts_with_all = ["what", "namespace", "prefix", "key", "labels", "image"])]
    backups: bool,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    db: Db,
}

impl Rows {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        if self.backups {
            return self.list(session);
        }
        let catalog = self.db.open()?;
        let scope = self.of.scope();
        let wanted = self.had.wanted(&self.what);
        let versions = VersionRows::new(&catalog, &scope, &wanted)?;
        let mut out = self.destination.open(VERSIONS.to_vec())?;
        let found = versions.each(&stop_at_signal(), |rows| out.rows(session, &rows.iter().collect::<Vec<_>>()))?;
        let sealed = note_sealed(found.sealed);
        if found.rows == 0 {
            let what = format!("no backup in the catalog holds {}", self.what.words_with(self.had.words()));
            return Err(Error::not_found(what).into());
        }
        out.end(session)?;
        Ok(note_missing(&found.names, "no backup in the catalog holds", &self.had.words())
            .max(note_doubts(&catalog.doubts(&scope)?))
            .max(sealed))
    }

    /// Writes the table of backups.
    fn list(self, session: &mut Session) -> Result<Exit, Failure> {
        let catalog = self.db.open()?;
        let holders = self.of.scope().holders(&catalog)?;
        // Where all backups are damaged, none has a lineage.
        let rows = self.of.scope().branches(&catalog).unwrap_or_default();
        let mut out = self.destination.open(BACKUPS.to_vec())?;
        let backups = catalog.backup_rows(&holders, &rows);
        out.rows(session, &backups.iter().collect::<Vec<_>>())?;
        out.end(session)?;
        Ok(note_unread(&catalog).max(note_undecided(&catalog.undecided(holders))))
    }
}
