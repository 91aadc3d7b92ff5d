//! The folder of an export: the files and their MANIFEST, all of them or none, and a doubt file beside it.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    bytes::is_hostile,
    publish::{Doubt, Draft, Run, create, create_in, fault, make_dir},
};

/// The comments at the end of MANIFEST, in the order of its sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    /// The changes in objects.
    Changed,
    /// The objects that exported objects need.
    Needs,
    /// The objects that are left out.
    LeftOut,
}

impl Note {
    const ALL: [Self; 3] = [Self::Changed, Self::Needs, Self::LeftOut];

    /// The title of the section.
    fn title(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Needs => "needs",
            Self::LeftOut => "left out",
        }
    }
}

/// The comments of one section, until they become part of MANIFEST.
#[derive(Debug)]
struct Notes {
    of: Note,
    any: bool,
    path: PathBuf,
    file: BufWriter<File>,
}

/// A folder that is being written; dropping it before it is published leaves nothing.
#[derive(Debug)]
pub struct Folder {
    to: PathBuf,
    draft: Draft,
    dir: File,
    manifest: BufWriter<File>,
    notes: Vec<Notes>,
}

/// The result of a finished export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The path of the folder.
    pub folder: PathBuf,
    /// The path of its MANIFEST.
    pub manifest: PathBuf,
    /// The path of the doubt file about the source, if there is one.
    pub doubt: Option<PathBuf>,
}

impl Folder {
    /// Creates the folder that becomes `to`; `about` is the first line of its MANIFEST.
    ///
    /// # Errors
    /// Errors of [`look`].
    pub fn create(to: &Path, about: &str) -> Result<Self> {
        let to = real(to)?;
        look(&to)?;
        let draft = Draft::create(&to, Run::Export)?;
        let new = draft.path();
        make_dir(&new, 0o700)?;
        let dir = File::open(&new).map_err(fault(&new, "open"))?;
        let mut manifest = BufWriter::new(create(&new.join("MANIFEST"))?);
        writeln!(manifest, "# {}", one_line(about)).map_err(fault(&new, "write"))?;
        let notes = |of: Note| {
            let path = draft.temporary(of.title());
            Ok(Notes { of, any: false, file: BufWriter::new(create(&path)?), path })
        };
        let notes = Note::ALL.into_iter().map(notes).collect::<Result<_>>()?;
        Ok(Self { to, draft, dir, manifest, notes })
    }

    /// Writes a file, and notes its SHA-256, `sum` as hex.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&mut self, name: &str, text: &[u8], sum: &str) -> Result<()> {
        let new = self.draft.path();
        let mut file = create_in(&self.dir, &new, name)?;
        file.write_all(text).map_err(|e| fault(&new.join(name), "write")(e))?;
        writeln!(self.manifest, "{sum}  {name}").map_err(|e| fault(&new, "write")(e))
    }

    /// Adds a line to a section.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn note(&mut self, of: Note, what: &str) -> Result<()> {
        let Some(notes) = self.notes.iter_mut().find(|notes| notes.of == of) else { return Ok(()) };
        notes.any = true;
        writeln!(notes.file, "# {}", one_line(what)).map_err(fault(&notes.path, "write"))
    }

    /// Renames the folder into place, with `doubt` beside it.
    ///
    /// # Errors
    /// When the rename failed; then nothing has changed.
    pub fn publish(mut self, doubt: Option<&Doubt>) -> Result<Written> {
        self.end_manifest().map_err(fault(&self.draft.path().join("MANIFEST"), "write"))?;
        let doubt = self.draft.publish(doubt)?;
        Ok(Written { manifest: self.to.join("MANIFEST"), folder: self.to, doubt })
    }

    fn end_manifest(&mut self) -> io::Result<()> {
        for notes in &mut self.notes {
            notes.file.flush()?;
            // the last section is written even when it is empty
            if notes.any || notes.of == Note::LeftOut {
                writeln!(self.manifest, "# {}:", notes.of.title())?;
                io::copy(&mut File::open(&notes.path)?, &mut self.manifest)?;
            }
        }
        self.manifest.flush()?;
        self.manifest.get_ref().sync_all()
    }
}

/// `text` without characters that begin a new line or change the order of others: names of files, fields and owners may
/// have any.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_hostile(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Checks that `to` can become a folder of exported objects: it does not exist, or is empty. Temporary files of a
/// killed run are removed.
///
/// # Errors
/// The reason why it cannot, such as another run that writes it.
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
        return Err(usage(to, "already has files in it", "name a new folder"));
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
