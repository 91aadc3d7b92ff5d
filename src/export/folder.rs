//! The files and their MANIFEST, all of them or none, with what is known against the source beside the folder.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use rayon::prelude::*;

use crate::{
    Error, Result,
    hash::{Sha256, hex},
    publish::{Doubt, Draft, Run, create, fault, make_dir},
};

/// The lines about what was left out, until they become the end of MANIFEST.
const LEFT_OUT: &str = "left-out";

/// A folder that is being written; dropping it before it is published leaves nothing behind.
#[derive(Debug)]
pub struct Folder {
    to: PathBuf,
    draft: Draft,
    manifest: BufWriter<File>,
    left_out: BufWriter<File>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The folder.
    pub folder: PathBuf,
    /// Its MANIFEST.
    pub manifest: PathBuf,
    /// What is known against the source, if there is something.
    pub doubt: Option<PathBuf>,
}

impl Folder {
    /// Begins the folder that becomes `to`; `about` is the first line of its MANIFEST.
    ///
    /// # Errors
    /// Why there can be no such folder, as [`look`] tells it.
    pub fn create(to: &Path, about: &str) -> Result<Self> {
        let to = real(to)?;
        look(&to)?;
        let draft = Draft::create(&to, Run::Export)?;
        let (new, left_out) = (draft.path(), draft.temporary(LEFT_OUT));
        make_dir(&new, 0o700)?;
        let mut manifest = BufWriter::new(create(&new.join("MANIFEST"))?);
        writeln!(manifest, "# {about}").map_err(fault(&new, "write"))?;
        let left_out = BufWriter::new(create(&left_out)?);
        Ok(Self { to, draft, manifest, left_out })
    }

    /// Writes files, on all cores, and notes their sums in this order.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(crate) fn write(&mut self, files: &[(String, Vec<u8>)]) -> Result<()> {
        let new = self.draft.path();
        let write = |(name, bytes): &(String, Vec<u8>)| {
            let path = new.join(name);
            let mut file = create(&path)?;
            file.write_all(bytes).map_err(fault(&path, "write"))?;
            let mut sum = Sha256::default();
            sum.update(bytes);
            Ok(hex(&sum.finish()))
        };
        let sums = files.par_iter().map(write).collect::<Result<Vec<_>>>()?;
        for ((name, _), sum) in files.iter().zip(sums) {
            writeln!(self.manifest, "{sum}  {name}").map_err(fault(&new, "write"))?;
        }
        Ok(())
    }

    /// Notes what is not among the files, in one line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn leave_out(&mut self, what: &str) -> Result<()> {
        writeln!(self.left_out, "# {what}").map_err(fault(&self.draft.temporary(LEFT_OUT), "write"))
    }

    /// Renames the folder into place, with `doubt` beside it.
    ///
    /// # Errors
    /// When that failed; then everything is as it was.
    pub fn publish(mut self, doubt: Option<&Doubt>) -> Result<Written> {
        self.end_manifest().map_err(fault(&self.draft.path().join("MANIFEST"), "write"))?;
        let doubt = self.draft.publish(doubt)?;
        Ok(Written { manifest: self.to.join("MANIFEST"), folder: self.to, doubt })
    }

    fn end_manifest(&mut self) -> io::Result<()> {
        self.left_out.flush()?;
        let mut left_out = File::open(self.draft.temporary(LEFT_OUT))?;
        writeln!(self.manifest, "# left out:")?;
        io::copy(&mut left_out, &mut self.manifest)?;
        self.manifest.flush()?;
        self.manifest.get_ref().sync_all()
    }
}

/// Checks that `to` can become a folder of exported objects: it is not there, or empty. What a killed run has left of its
/// work on it is cleaned up.
///
/// # Errors
/// Why it cannot, such as another run that is at it.
pub fn look(to: &Path) -> Result<()> {
    let to = &real(to)?;
    Draft::recover(to, Run::Export)?;
    if !to.exists() {
        let parent = to.parent().unwrap_or(to);
        return if parent.is_dir() { Ok(()) } else { Err(usage(parent, "no such folder", "make it first")) };
    }
    if !to.is_dir() {
        return Err(usage(to, "not a folder", "name a new one"));
    }
    if fs::read_dir(to).map_err(fault(to, "list"))?.next().is_some() {
        return Err(usage(to, "there is something in it already", "name a new folder"));
    }
    Ok(())
}

/// The absolute path, without links where it exists.
fn real(to: &Path) -> Result<PathBuf> {
    let real = if to.exists() { fs::canonicalize(to) } else { std::path::absolute(to) };
    real.map_err(fault(to, "look at"))
}

fn usage(path: &Path, what: &str, hint: &str) -> Error {
    Error::usage(format!("{}: {what}", path.display())).hinted(hint)
}
