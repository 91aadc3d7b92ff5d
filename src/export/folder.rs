//! The files and their MANIFEST: all of them or none.
//!
//! ```text
//! PARENT/.DIR.etcdsnap-export/     locked while it is worked in; one that nobody has locked was left by a kill
//!     new/                         -> DIR, by one rename, which an empty DIR does not mind
//!     left-out                     becomes the end of MANIFEST
//! PARENT/DIR.etcdsnap.json         what is known against the source, there before DIR is
//! ```

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use rayon::prelude::*;

use super::staging::{Staging, create, fault, look, make_dir, real, sync_dir};
use crate::{
    Result,
    hash::{Sha256, hex},
    verify::Doubt,
};

/// A folder that is being written; gone when this is dropped before it was published.
#[derive(Debug)]
pub struct Folder {
    to: PathBuf,
    staging: Staging,
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
        let staging = Staging::claim(&to)?;
        let (new, left_out) = (staging.path("new"), staging.path("left-out"));
        make_dir(&new)?;
        let mut manifest = BufWriter::new(create(&new.join("MANIFEST"))?);
        writeln!(manifest, "# {about}").map_err(fault(&new, "write"))?;
        let left_out = BufWriter::new(create(&left_out)?);
        Ok(Self { to, staging, manifest, left_out })
    }

    /// Writes files, on all cores, and notes their sums in this order.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&mut self, files: &[(String, Vec<u8>)]) -> Result<()> {
        let new = self.staging.path("new");
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
    pub fn leave_out(&mut self, what: &str) -> Result<()> {
        writeln!(self.left_out, "# {what}").map_err(fault(&self.staging.path("left-out"), "write"))
    }

    /// Shows the folder, and `doubt` beside it.
    ///
    /// # Errors
    /// When it cannot; then all is as it was.
    pub fn publish(mut self, doubt: Option<&Doubt>) -> Result<Written> {
        let new = self.staging.path("new");
        self.end_manifest().map_err(fault(&new.join("MANIFEST"), "write"))?;
        let told = self.staging.path("doubt");
        if let Some(doubt) = doubt {
            let text = serde_json::to_vec_pretty(doubt).map_err(|e| fault(&told, "write")(e.into()))?;
            let mut file = create(&told)?;
            file.write_all(&text).and_then(|()| file.sync_all()).map_err(fault(&told, "write"))?;
        }
        let before = fs::metadata(&self.to).ok().map(|metadata| metadata.permissions());
        if let Some(before) = &before {
            fs::set_permissions(&new, before.clone()).map_err(fault(&new, "change the mode of"))?;
        }
        // One sync of the file system: one for each of a hundred thousand small files takes minutes.
        File::open(&new).and_then(|dir| Ok(rustix::fs::syncfs(dir)?)).map_err(fault(&new, "sync"))?;
        let beside = Doubt::beside(&self.to);
        // What lies beside a folder that is not there tells of nothing.
        let stale = beside.exists().then(|| (beside.clone(), self.staging.path("stale")));
        let steps = [stale, doubt.map(|_| (told, beside.clone())), Some((new, self.to.clone()))];
        let steps: Vec<_> = steps.into_iter().flatten().collect();
        for (n, (from, to)) in steps.iter().enumerate() {
            if let Err(error) = fs::rename(from, to) {
                self.undo(steps.get(..n).unwrap_or_default(), None);
                return Err(fault(to, "rename into place")(error));
            }
        }
        if let Err(error) = self.to.parent().map_or(Ok(()), sync_dir) {
            self.undo(&steps, before);
            return Err(error);
        }
        Ok(Written { manifest: self.to.join("MANIFEST"), folder: self.to, doubt: doubt.map(|_| beside) })
    }

    fn end_manifest(&mut self) -> io::Result<()> {
        self.left_out.flush()?;
        let mut left_out = File::open(self.staging.path("left-out"))?;
        writeln!(self.manifest, "# left out:")?;
        io::copy(&mut left_out, &mut self.manifest)?;
        self.manifest.flush()?;
        self.manifest.get_ref().sync_all()
    }

    /// Takes renames back, newest first, and puts the folder back that was there `before`.
    fn undo(&self, steps: &[(PathBuf, PathBuf)], before: Option<fs::Permissions>) {
        for (from, to) in steps.iter().rev() {
            // What cannot be taken back is told by the error that it is done for.
            let _ = fs::rename(to, from);
        }
        if let Some(before) = before {
            let _ = fs::create_dir(&self.to).and_then(|()| fs::set_permissions(&self.to, before));
        }
    }
}
