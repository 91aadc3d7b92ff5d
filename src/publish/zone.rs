//! The folders that the journal in a staging folder may rename in. Whoever packed a data directory could have put a
//! journal into it that names other files of this machine.
//!
//! ```text
//! DIR/.etcdsnap-RUN            DIR, and what is in it
//! PARENT/.NAME.etcdsnap-RUN    PARENT/NAME, what is in it, and the doubt file beside it
//! another staging folder       the same, when the file `journal` in it names the staging folder of this journal
//! ```

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
};

use super::{
    disk::{create, fault},
    doubt::Doubt,
    json_path,
    run::Run,
};
use crate::{Result, source::read_small};

/// The file in another staging folder.
const MARK: &str = "journal";
/// The longest path, and its JSON.
const MAX_MARK: u64 = 1 << 16;

/// Real paths below which a journal may rename.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Zone(Vec<PathBuf>);

impl Zone {
    /// The zone of the journal in `folder`, which has the staging folders `also`.
    pub(super) fn of(folder: &Path, also: &[PathBuf], run: Run) -> Self {
        let Ok(folder) = folder.canonicalize() else { return Self(Vec::new()) };
        let mut roots = around(&folder, run);
        let marked = also.iter().filter(|other| is_marked(other, &folder, run));
        roots.extend(marked.filter_map(|other| other.canonicalize().ok()).flat_map(|other| around(&other, run)));
        Self(roots)
    }

    /// Whether `path` is in it, through whatever links.
    pub(super) fn holds(&self, path: &Path) -> bool {
        real_name(path).is_some_and(|path| self.0.iter().any(|root| path.starts_with(root)))
    }
}

/// The paths that the staging folder `folder` is for.
fn around(folder: &Path, run: Run) -> Vec<PathBuf> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else { return Vec::new() };
    if name == run.folder().as_str() {
        return vec![parent.to_owned()];
    }
    let mut around = vec![folder.to_owned()];
    if let Some(of) = run.destination(folder) {
        around.extend([Doubt::beside(&of), of]);
    }
    around
}

/// Writes into the staging folder `other` that the journal in `folder`, a real path, names it.
///
/// # Errors
/// When it cannot be written.
pub(super) fn mark(other: &Path, folder: &Path) -> Result<()> {
    let path = other.join(MARK);
    let text = serde_json::to_vec(&json_path::Json::from(folder)).map_err(|e| fault(&path, "write")(e.into()))?;
    let mut file = create(&path)?;
    std::io::Write::write_all(&mut file, &text).and_then(|()| file.sync_all()).map_err(fault(&path, "write"))
}

/// Whether `other` is a staging folder of this user that is marked for the journal in `folder`.
pub(super) fn is_marked(other: &Path, folder: &Path, run: Run) -> bool {
    let Ok(metadata) = other.symlink_metadata() else { return false };
    let of_user = metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw();
    let mark = || {
        let text = read_small(&other.join(MARK), MAX_MARK).ok()?;
        serde_json::from_slice::<json_path::Json>(&text).ok().map(PathBuf::from)
    };
    run.is_folder(other) && of_user && mark().is_some_and(|mark| mark == folder)
}

/// The absolute path without links in the folders of it; `None` when there is none.
fn real_name(path: &Path) -> Option<PathBuf> {
    let (parent, name) = (path.parent().filter(|_| path.is_absolute())?, path.file_name()?);
    let (there, real) = parent.ancestors().find_map(|dir| Some((dir, fs::canonicalize(dir).ok()?)))?;
    let missing = parent.strip_prefix(there).ok()?;
    missing.components().all(|part| matches!(part, Component::Normal(_))).then(|| real.join(missing).join(name))
}
