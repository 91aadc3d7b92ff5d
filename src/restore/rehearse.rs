//! A restore that writes nothing.

use std::path::Path;

use super::{apply::Job, facts::Facts, options::Options, plan::Plan, save::SaveJob};
use crate::{
    Result,
    publish::{Blocks, Draft, Rehearsal, Run},
    source::Source,
    verify::{Report, verify},
    wal::{FIRST_SEGMENT, SEGMENT_SIZE},
};

/// Verifies the backup, calling `progress` with the number of bytes read, and plans again with what the db is known to
/// use then.
///
/// # Errors
/// The errors of [`verify`] and [`Plan::make`].
pub fn rehearse<'a>(
    source: &Source,
    facts: Facts<'a>,
    wanted: &Options,
    progress: impl Fn(u64),
) -> Result<(Plan<'a>, Report)> {
    let report = verify(source, &facts.load, progress)?;
    source.intact()?;
    let plan = Plan::make(&Facts { in_use: report.in_use, ..facts }, wanted)?;
    Ok((plan, report))
}

impl Job {
    /// What [`super::apply`] is going to rename, and whether it has the rights and the room, found out without writing.
    ///
    /// # Errors
    /// When the destination cannot be looked at.
    pub(crate) fn rehearse(&self, plan: &Plan<'_>) -> Result<Rehearsal> {
        let to = &self.to;
        let mut rehearsal = Rehearsal { renames: to.renames(FIRST_SEGMENT)?, ..Rehearsal::default() };
        let db = add_db(&mut rehearsal, plan, &to.folder)?;
        for (n, place) in to.places.iter().enumerate() {
            if n > 0 {
                rehearsal.write(&to.folder, db, Blocks::OfItself)?;
            }
            // Written to by the renames.
            rehearsal.write(&place.data_dir, 0, Blocks::New)?;
            let wal_dir = place.wal_dir.as_ref().unwrap_or(&to.folder);
            rehearsal.write(wal_dir, SEGMENT_SIZE, Blocks::New)?;
            [&to.folder, wal_dir].into_iter().for_each(|dir| rehearsal.give(dir, to.owner));
        }
        Ok(rehearsal)
    }
}

impl SaveJob {
    /// What [`super::save`] is going to rename, and whether it has the rights and the room, found out without writing.
    ///
    /// # Errors
    /// When the file cannot be made, or its folder not be looked at.
    pub(crate) fn rehearse(&self, plan: &Plan<'_>) -> Result<Rehearsal> {
        let to = self.look()?;
        let renames = vec![Draft::rename(&to, Run::Restore)?];
        let mut rehearsal = Rehearsal { renames, ..Rehearsal::default() };
        add_db(&mut rehearsal, plan, &to)?;
        rehearsal.give(&to, self.owner);
        Ok(rehearsal)
    }
}

/// Adds the room for the db of `plan` at `path`; returns its size.
fn add_db(rehearsal: &mut Rehearsal, plan: &Plan<'_>, path: &Path) -> Result<u64> {
    let log_records = plan.changes.log_records.len() as u64;
    let (size, blocks) = match plan.in_use {
        Some(in_use) if plan.changes.defrag => (in_use, Blocks::New),
        _ => (plan.db.len(), Blocks::Of(plan.db)),
    };
    rehearsal.write(path, size, blocks)?;
    rehearsal.write(path, log_records, Blocks::New)?;
    Ok(size.saturating_add(log_records))
}
