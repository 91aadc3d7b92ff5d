//! `--evidence FILE`: what a run did, in a chain that shows when a link is missing.
//!
//! One JSON record a line: the tool and its own SHA-256, the arguments, host, start and end, every input with its
//! SHA-256 before and after, what was printed with its SHA-256, the exit code, and the SHA-256 of the line before.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
};

use etcdsnap::{
    Error, Result,
    hash::{Sha256, hex},
    source::Source,
};
use jiff::Timestamp;
use serde::Serialize;

/// What is noted during a run.
pub(crate) struct Evidence {
    path: PathBuf,
    start: Timestamp,
    inputs: Vec<Input>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    path: String,
    size: u64,
    mtime: String,
    sha256_before: String,
    sha256_after: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    schema_version: u32,
    tool: String,
    tool_sha256: Option<String>,
    argv: Vec<String>,
    host: Option<String>,
    start: String,
    end: String,
    inputs: &'a [Input],
    outputs: [Output; 1],
    exit: u8,
    previous: Option<String>,
}

#[derive(Serialize)]
struct Output {
    path: &'static str,
    size: u64,
    sha256: String,
}

impl Evidence {
    /// Begins the record that goes to `path`.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), start: Timestamp::now(), inputs: Vec::new() }
    }

    /// Notes the files of `source` as they are before they are read.
    pub(crate) fn opened(&mut self, source: &Source) -> Result<()> {
        for part in source.files() {
            self.inputs.push(Input {
                path: part.name().to_owned(),
                size: part.len(),
                mtime: Timestamp::new(part.mtime().0, 0).unwrap_or_default().to_string(),
                sha256_before: hex(&part.digests(|_| {})?.file),
                sha256_after: None,
            });
        }
        Ok(())
    }

    /// Notes them as they are after.
    pub(crate) fn closed(&mut self, source: &Source) -> Result<()> {
        for part in source.files() {
            let sum = hex(&part.digests(|_| {})?.file);
            let input = self.inputs.iter_mut().rev().find(|input| input.path == part.name());
            if let Some(input) = input {
                let same = input.sha256_before == sum;
                input.sha256_after = Some(sum);
                if !same {
                    let what = "its SHA-256 is another than before".to_owned();
                    return Err(Error::Changed { file: part.name().to_owned(), what, offset: None });
                }
            }
        }
        Ok(())
    }

    /// Appends the record.
    pub(crate) fn write(&self, printed: &Printed<impl Write>, exit: u8) -> Result<()> {
        let fault =
            |doing| move |source| Error::Io { file: self.path.display().to_string(), doing, offset: None, source };
        let mut file = File::options().read(true).append(true).create(true).open(&self.path).map_err(fault("open"))?;
        file.lock().map_err(fault("lock"))?;
        let record = Record {
            schema_version: crate::render::SCHEMA_VERSION,
            tool: format!("etcdsnap {}", env!("CARGO_PKG_VERSION")),
            tool_sha256: own_sum().ok(),
            argv: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
            host: fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned()),
            start: self.start.to_string(),
            end: Timestamp::now().to_string(),
            inputs: &self.inputs,
            outputs: [Output { path: "stdout", size: printed.size, sha256: hex(&printed.sum.clone().finish()) }],
            exit,
            previous: last_line(&mut file).map_err(fault("read"))?,
        };
        let mut line = serde_json::to_vec(&record).map_err(|e| fault("write")(e.into()))?;
        line.push(b'\n');
        file.write_all(&line).and_then(|()| file.sync_all()).map_err(fault("write"))
    }
}

/// The SHA-256 of the record that is last so far.
fn last_line(file: &mut File) -> io::Result<Option<String>> {
    file.seek(SeekFrom::Start(0))?;
    let mut last = None;
    for line in BufReader::new(file).split(b'\n') {
        let mut sum = Sha256::default();
        sum.update(&line?);
        last = Some(hex(&sum.finish()));
    }
    Ok(last)
}

fn own_sum() -> io::Result<String> {
    let mut sum = Sha256::default();
    sum.update(&fs::read(std::env::current_exe()?)?);
    Ok(hex(&sum.finish()))
}

/// An output that remembers what went through it.
pub(crate) struct Printed<W> {
    out: W,
    sum: Sha256,
    size: u64,
    wanted: bool,
}

impl<W> Printed<W> {
    /// Remembers only when it is `wanted`.
    pub(crate) fn new(out: W, wanted: bool) -> Self {
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
