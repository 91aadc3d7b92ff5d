//! The record of one run.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Serialize;

use super::chain::{Key, LONGEST, sum};
use crate::{
    Error, Result,
    bytes::file_name,
    document::Stamp,
    hash::{Sha256, hex},
    source::{Input, Part},
};

/// The record of a run, which is appended to a file when the run ends.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    key: Option<Key>,
    /// Whether there was no file before the run.
    made: bool,
    /// Whether the last record was cut off, as by a power cut: a line feed ends it before the next one begins.
    torn: bool,
    file: File,
    id: (u64, u64),
    start: Timestamp,
    inputs: Vec<InputFile>,
    /// Files that are read besides the backups, with their places in `inputs`.
    besides: Vec<(usize, PathBuf)>,
    outputs: Vec<OutputFile>,
    served: Option<Served>,
}

/// What clients could read while a run served backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Served {
    /// The states of backups, by the names under which they were served.
    pub contexts: Vec<ServedState>,
    /// Whether Secrets were served as they are stored.
    pub revealed: bool,
    /// The number of requests that were answered with what they asked for.
    pub answered: u64,
    /// The number of requests that were refused, and of those for what is not there.
    pub refused: u64,
}

/// A state of a backup that was served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServedState {
    /// The name of its context.
    pub name: String,
    /// The backup.
    pub path: String,
    /// The revision.
    pub revision: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InputFile {
    /// Device and inode: two files may have the same display name.
    #[serde(skip)]
    id: (u64, u64),
    path: String,
    size: u64,
    mtime: String,
    sha256_before: String,
    sha256_after: Option<String>,
}

impl InputFile {
    fn of(part: &Part) -> Result<Self> {
        Ok(Self {
            id: part.id(),
            path: part.name().to_owned(),
            size: part.len(),
            mtime: Timestamp::new(part.mtime().0, i32::try_from(part.mtime().1).unwrap_or(0))
                .unwrap_or_default()
                .to_string(),
            sha256_before: hex(&part.digests(|_| {})?.file),
            sha256_after: None,
        })
    }

    /// Notes the file after it was read.
    fn read(&mut self, part: &Part, sum: String) -> Result<()> {
        let same = self.sha256_before == sum;
        self.sha256_after = Some(sum);
        if same {
            return Ok(());
        }
        let what = "its SHA-256 differs from the one before".to_owned();
        Err(Error::Changed { file: part.name().to_owned(), what, offset: None })
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(flatten)]
    stamp: Stamp,
    tool_sha256: Option<String>,
    argv: &'a [String],
    host: Option<String>,
    start: String,
    end: String,
    inputs: &'a [InputFile],
    outputs: Vec<&'a OutputFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    served: Option<&'a Served>,
    exit: u8,
    previous: Option<String>,
}

#[derive(Debug, Serialize)]
struct OutputFile {
    path: String,
    size: u64,
    sha256: String,
}

impl Recorder {
    /// Begins the record that goes to `path`, which is opened now: a run that cannot be recorded does not start.
    ///
    /// # Errors
    /// When `path` cannot be opened or locked, or is no file of records.
    pub fn new(path: &Path, key: Option<Key>) -> Result<Self> {
        let name = path.display().to_string();
        let fault = |doing| {
            let file = name.clone();
            move |source| Error::io(file, doing, source)
        };
        let usage = |what: &str| Error::usage(format!("{name}: {what}"));
        let there = path.symlink_metadata().ok();
        if there.as_ref().is_some_and(|there| !there.is_file()) {
            return Err(usage("not a file: evidence is appended only to a regular file, and not through a link"));
        }
        let mut options = File::options();
        options
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
        let file = options.open(path).map_err(fault("open"))?;
        file.lock().map_err(fault("lock"))?;
        let metadata = file.metadata().map_err(fault("look at"))?;
        let mut head = [0];
        let n = file.read_at(&mut head, 0).map_err(fault("read"))?;
        if n == 1 && head != *b"{" {
            return Err(usage("not an evidence file: it does not begin with a record"));
        }
        let mut last = [0];
        let torn = metadata
            .len()
            .checked_sub(1)
            .is_some_and(|at| file.read_exact_at(&mut last, at).is_err() || last != *b"\n");
        Ok(Self {
            path: path.canonicalize().map_err(fault("look at"))?,
            key,
            made: there.is_none(),
            torn,
            file,
            id: (metadata.dev(), metadata.ino()),
            start: Timestamp::now(),
            inputs: Vec::new(),
            besides: Vec::new(),
            outputs: Vec::new(),
            served: None,
        })
    }

    /// Records the files of an input before they are read.
    ///
    /// # Errors
    /// When one cannot be read, or the record would be written into the input.
    pub fn opened(&mut self, input: &impl Input) -> Result<()> {
        self.is_outside(input)?;
        for part in input.files() {
            self.inputs.push(InputFile::of(part)?);
        }
        Ok(())
    }

    /// Checks that the file is neither a file of the input nor in its folder.
    fn is_outside(&mut self, input: &impl Input) -> Result<()> {
        let inside = |folder: &Path| folder.canonicalize().is_ok_and(|folder| self.path.starts_with(folder));
        let dir = Some(input.origin().path.as_path()).filter(|path| path.is_dir());
        // A data directory's log may be elsewhere.
        let folders = dir.into_iter().flat_map(|dir| {
            let files = input.files().into_iter().filter_map(|part| part.path().parent());
            [dir].into_iter().chain(files).collect::<Vec<_>>()
        });
        let is_part = input.files().iter().any(|part| part.id() == self.id);
        if !is_part && !folders.into_iter().any(inside) {
            return Ok(());
        }
        if self.made && !is_part {
            // It holds nothing yet; what cannot be removed is an empty file.
            let _ = fs::remove_file(&self.path);
        }
        let what = format!("{}: the evidence would be written into the input", input.origin().display);
        Err(Error::usage(what).hinted("name a file outside of it"))
    }

    /// Records the files of an input after they were read.
    ///
    /// # Errors
    /// When one cannot be read, or was changed meanwhile.
    pub fn closed(&mut self, input: &impl Input) -> Result<()> {
        for part in input.files() {
            let sum = hex(&part.digests(|_| {})?.file);
            // A file that was named twice is noted twice, and closed as often.
            let is_it = |input: &&mut InputFile| input.id == part.id() && input.sha256_after.is_none();
            if let Some(input) = self.inputs.iter_mut().find(is_it) {
                input.read(part, sum)?;
            }
        }
        Ok(())
    }

    /// Records a file that is read besides the backups, before it is read.
    ///
    /// # Errors
    /// When it cannot be read twice, or is the file of the records.
    pub fn reads(&mut self, file: &Path) -> Result<()> {
        let name = file_name(file);
        let metadata = file.metadata().map_err(|source| Error::io(&name, "open", source))?;
        if !metadata.is_file() {
            let what = format!("{name}: not a file, and --evidence records the SHA-256 of what is read");
            return Err(Error::usage(what).hinted("write its content to a file first"));
        }
        if (metadata.dev(), metadata.ino()) == self.id {
            return Err(Error::usage(format!("{name}: the evidence would be written into the input")));
        }
        self.besides.push((self.inputs.len(), file.to_owned()));
        self.inputs.push(InputFile::of(&Part::open(file)?)?);
        Ok(())
    }

    /// Records the files that were read besides the backups, at the end of the run.
    ///
    /// # Errors
    /// When one cannot be read, or was changed meanwhile.
    pub fn ended(&mut self) -> Result<()> {
        for (at, file) in &self.besides {
            let part = Part::open(file)?;
            let sum = hex(&part.digests(|_| {})?.file);
            self.inputs.get_mut(*at).map_or(Ok(()), |input| input.read(&part, sum))?;
        }
        Ok(())
    }

    /// Records a file that was written.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn wrote(&mut self, file: &Path) -> Result<()> {
        let part = Part::open(file)?;
        let sha256 = hex(&part.digests(|_| {})?.file);
        self.outputs.push(OutputFile { path: part.name().to_owned(), size: part.len(), sha256 });
        Ok(())
    }

    /// Records what was served.
    pub fn served(&mut self, served: Served) {
        self.served = Some(served);
    }

    /// Appends the record of a run with these `arguments` and this exit code, which `printed` to stdout.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, arguments: &[String], printed: &Printed<impl Write>, exit: u8) -> Result<()> {
        let fault = |doing| move |source| Error::io(self.path.display().to_string(), doing, source);
        let sha256 = hex(&printed.sum.clone().finish());
        let stdout = OutputFile { path: "stdout".to_owned(), size: printed.size, sha256 };
        let record = Record {
            stamp: Stamp::default(),
            tool_sha256: own_sum().ok(),
            argv: arguments,
            host: fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned()),
            start: self.start.to_string(),
            end: Timestamp::now().to_string(),
            inputs: &self.inputs,
            outputs: [&stdout].into_iter().chain(&self.outputs).collect(),
            served: self.served.as_ref(),
            exit,
            previous: last_line(&self.file).map_err(fault("read"))?,
        };
        let mut line = serde_json::to_vec(&record).map_err(|e| fault("write")(e.into()))?;
        if let Some(key) = &self.key {
            line = key.sign(&line);
        }
        line.push(b'\n');
        if self.torn {
            line.insert(0, b'\n');
        }
        (&self.file).write_all(&line).and_then(|()| self.file.sync_all()).map_err(fault("write"))
    }
}

/// The SHA-256 of the last record: the file is read from its end.
fn last_line(file: &File) -> io::Result<Option<String>> {
    let mut end = file.metadata()?.len();
    let mut tail = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(64 << 10);
        let mut block = vec![0; usize::try_from(end - start).unwrap_or(0)];
        file.read_exact_at(&mut block, start)?;
        block.append(&mut tail);
        tail = block;
        let body = tail.strip_suffix(b"\n").unwrap_or(&tail);
        if let Some(at) = body.iter().rposition(|b| *b == b'\n') {
            return Ok(body.get(at.saturating_add(1)..).map(sum));
        }
        if tail.len() > LONGEST {
            return Err(io::Error::other("its last line is not a record"));
        }
        end = start;
    }
    Ok(Some(tail.strip_suffix(b"\n").unwrap_or(&tail)).filter(|line| !line.is_empty()).map(sum))
}

fn own_sum() -> io::Result<String> {
    Ok(sum(&fs::read(std::env::current_exe()?)?))
}

/// An output that computes the SHA-256 of what is written.
pub struct Printed<W> {
    out: W,
    sum: Sha256,
    size: u64,
    wanted: bool,
}

impl<W> Printed<W> {
    /// Computes the SHA-256 only when it is `wanted`.
    pub fn new(out: W, wanted: bool) -> Self {
        Self { out, sum: Sha256::default(), size: 0, wanted }
    }
}

impl<W: Write> Write for Printed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        if self.wanted {
            self.sum.update(bytes.get(..n).unwrap_or_default());
            self.size = self.size.saturating_add(n as u64);
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
