//! The renames of a restore, as far as they are known before anything is staged.

use std::path::{Path, PathBuf};

use super::{
    destination::Destination,
    place::{Place, contents, has_content},
};
use crate::{
    Result,
    publish::{rehearsal::Move, run::Run, stage::Staging},
};

impl Destination {
    /// The renames that put the members into place, in their order, and the old ones out of the way; the log of each is
    /// one file, `segment`.
    ///
    /// # Errors
    /// When a folder there cannot be listed.
    pub(crate) fn renames(&self, segment: &str) -> Result<Vec<Move>> {
        let new = Staging::root(&self.folder, Run::Restore).join("new");
        let (whole, mut renames) = (!self.folder.is_dir(), Vec::new());
        for place in &self.places {
            if let Some(wal_dir) = &place.wal_dir {
                log(wal_dir, segment, &mut renames)?;
            }
            if !whole {
                member(
                    place,
                    &new.join(place.data_dir.strip_prefix(&self.folder).unwrap_or(Path::new(""))),
                    &mut renames,
                )?;
            }
        }
        if whole {
            renames.push(Move { from: new, to: self.folder.clone() });
        }
        Ok(renames)
    }
}

/// The renames of the member of `place`, which is staged in the data directory `data`.
fn member(place: &Place, data: &Path, renames: &mut Vec<Move>) -> Result<()> {
    let Place { data_dir, .. } = place;
    if !data_dir.is_dir() {
        renames.push(Move { from: data.to_owned(), to: data_dir.clone() });
        return Ok(());
    }
    let member = place.member_dir();
    if has_content(&member)? {
        renames.push(Move { from: member.clone(), to: before(data_dir, "member.before-") });
    }
    renames.push(Move { from: data.join("member"), to: member });
    Ok(())
}

/// The renames of a log that goes to `wal_dir`.
fn log(wal_dir: &Path, segment: &str, renames: &mut Vec<Move>) -> Result<()> {
    let from = Staging::root(wal_dir, Run::Restore).join("new");
    if wal_dir.is_dir() {
        let old = contents(wal_dir)?.into_iter().filter(|path| !is_aside(path));
        let aside = before(wal_dir, "before-");
        renames.extend(old.map(|path| Move { to: aside.join(path.file_name().unwrap_or_default()), from: path }));
        renames.push(Move { from: from.join(segment), to: wal_dir.join(segment) });
    } else {
        renames.push(Move { from, to: wal_dir.to_owned() });
    }
    Ok(())
}

fn before(folder: &Path, prefix: &str) -> PathBuf {
    folder.join(format!("{prefix}<UTC>"))
}

/// Whether an earlier restore moved the log aside to `path`.
pub(super) fn is_aside(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("before-"))
}
