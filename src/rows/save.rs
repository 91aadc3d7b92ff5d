//! Rows as files, all or nothing.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{
    columns::{Keys, columns, lines},
    dataset,
    encode::{Encoder, Format},
    header::Header,
    row::Row,
    table::{Column, Table},
};
use crate::{
    Error, Result,
    publish::{Draft, Run, create, fault, sync_dir, target},
};

/// The longest wait for another run that writes the same file of a dataset.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// Bytes that are gathered before they are written.
const BUFFER: usize = 1 << 20;

/// Where rows are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// All into one file.
    File(PathBuf),
    /// Into a folder, a file for each backup: `cluster=ID/date=DATE/SHA16.FORMAT`.
    Dataset(PathBuf),
}

/// Files of rows that are being written. What is not published leaves nothing.
#[derive(Debug)]
pub struct Files {
    target: Target,
    format: Format,
    with_object: bool,
    draft: Option<Sink<Keys>>,
}

impl Files {
    /// Looks whether the target can be written. A file that is there is replaced when `overwrite` is set; one of a
    /// dataset always, for it is of the same backup.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(to: Target, overwrite: bool, format: Format, with_object: bool) -> Result<Self> {
        let target = match to {
            Target::File(to) => Target::File(free(&to, overwrite).map_err(|error| again(&to, error))?),
            Target::Dataset(dir) if dir.exists() && !dir.is_dir() => {
                return Err(Error::usage(format!("{}: it is no folder", dir.display())).hinted("name a folder"));
            }
            dataset @ Target::Dataset(_) => dataset,
        };
        Ok(Self { target, format, with_object, draft: None })
    }

    /// Adds rows of a backup.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn rows(&mut self, header: &Header, rows: &[Row<'_>]) -> Result<()> {
        if self.draft.is_none() {
            let file = match &self.target {
                Target::File(to) => to.clone(),
                Target::Dataset(dir) => dataset::file(dir, header, self.format),
            };
            let begun = Instant::now();
            let sink = || Sink::create(&target(&file)?, self.format, columns(self.with_object));
            self.draft = Some(loop {
                match sink() {
                    // Another run writes the same rows, of a copy of the backup.
                    Err(Error::Busy { .. }) if begun.elapsed() < PATIENCE => thread::sleep(PAUSE),
                    sink => break sink.map_err(|error| again(&file, error))?,
                }
            });
        }
        self.draft.as_mut().map_or(Ok(()), |sink| sink.rows(&lines(header, rows)))
    }

    /// Ends a backup: publishes its file in a dataset, and returns the path.
    ///
    /// # Errors
    /// When that failed.
    pub fn end_backup(&mut self) -> Result<Option<PathBuf>> {
        match self.target {
            Target::File(_) => Ok(None),
            Target::Dataset(_) => self.draft.take().map(Sink::publish).transpose(),
        }
    }

    /// Removes from a dataset the file that an earlier run made of a backup which has no rows now, and returns its
    /// path.
    ///
    /// # Errors
    /// When that failed.
    pub fn remove_old(&self, header: &Header) -> Result<Option<PathBuf>> {
        let Target::Dataset(dir) = &self.target else { return Ok(None) };
        let old = dataset::file(dir, header, self.format);
        match fs::remove_file(&old) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            removed => removed.map_err(fault(&old, "remove"))?,
        }
        old.parent().map_or(Ok(()), sync_dir)?;
        Ok(Some(old))
    }

    /// Publishes the one file, even one without rows, and returns its path.
    ///
    /// # Errors
    /// When that failed.
    pub fn end(&mut self) -> Result<Option<PathBuf>> {
        match (&self.target, self.draft.take()) {
            (Target::Dataset(_), _) => Ok(None),
            (Target::File(_), Some(sink)) => sink.publish().map(Some),
            (Target::File(to), None) => {
                let sink = Sink::create(to, self.format, columns(self.with_object));
                sink.map_err(|error| again(to, error))?.publish().map(Some)
            }
        }
    }
}

/// The path of a file that can be written: there is none, or it may be replaced.
///
/// # Errors
/// When there is one and it may not be replaced, or its folder cannot be found.
fn free(to: &Path, overwrite: bool) -> Result<PathBuf> {
    let file = target(to)?;
    if file.exists() && !overwrite {
        let what = format!("{}: there is a file of this name already", to.display());
        return Err(Error::usage(what).hinted("--overwrite replaces it"));
    }
    Ok(file)
}

/// Another run at the same file is an error of the system: this one may be tried again.
fn again(to: &Path, error: Error) -> Error {
    match error {
        Error::Busy { .. } => {
            let other = io::Error::new(io::ErrorKind::ResourceBusy, "another etcdsnap is writing the same file");
            fault(to, "write")(other)
        }
        error => error,
    }
}

/// One file of a table that is being written. What is not published leaves nothing.
pub struct Sink<T: Table> {
    draft: Draft,
    to: PathBuf,
    path: PathBuf,
    file: File,
    encoder: Box<dyn Encoder<T>>,
    out: Vec<u8>,
    count: u64,
}

impl<T: Table> std::fmt::Debug for Sink<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sink").field(&self.to).finish()
    }
}

impl<T: Table> Sink<T> {
    /// Begins the file at `to`, where there is none unless `overwrite` is set.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(to: &Path, overwrite: bool, format: Format, columns: Vec<Column<T>>) -> Result<Self> {
        let sink = free(to, overwrite).and_then(|file| Self::create(&file, format, columns));
        sink.map_err(|error| again(to, error))
    }

    fn create(to: &Path, format: Format, columns: Vec<Column<T>>) -> Result<Self> {
        let draft = Draft::create(to, Run::Rows)?;
        let path = draft.path();
        let file = create(&path)?;
        let encoder = format.encoder(columns).map_err(fault(to, "write"))?;
        Ok(Self { draft, to: to.to_owned(), path, file, encoder, out: Vec::new(), count: 0 })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn rows<'l>(&mut self, lines: &'l [T::Line<'l>]) -> Result<()> {
        self.encoder.rows(lines, &mut self.out).map_err(fault(&self.to, "write"))?;
        self.count = self.count.saturating_add(lines.len() as u64);
        if self.out.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.file.write_all(&self.out).map_err(fault(&self.path, "write"))?;
        self.out.clear();
        Ok(())
    }

    /// The number of rows that were added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Puts the file in its place, and returns its path.
    ///
    /// # Errors
    /// When that failed.
    pub fn publish(mut self) -> Result<PathBuf> {
        self.encoder.end(&mut self.out).map_err(fault(&self.to, "write"))?;
        self.flush()?;
        self.draft.replace()?;
        Ok(self.to)
    }
}
