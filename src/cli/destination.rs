//! The format of rows, and where they go.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum, builder::PossibleValue};
use etcdsnap::{
    Error, Result,
    bytes::{counted, file_name},
    rows::{Column, Encoder, Format, Sink, Table},
    source::is_stdin,
};

use crate::{failure::Failure, session::Session};

#[derive(Debug, Args)]
pub(crate) struct Destination {
    /// The format; without it by the ending of FILE, or ndjson
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<FormatName>,
    /// The file that is written; - for stdout (the default)
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Replace FILE if it exists
    #[arg(long, requires = "to")]
    pub(crate) overwrite: bool,
}

/// The name of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FormatName(Format);

impl ValueEnum for FormatName {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: &[FormatName] = &[
            FormatName(Format::Ndjson),
            FormatName(Format::Csv),
            FormatName(Format::Parquet),
            FormatName(Format::Arrow),
        ];
        ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()))
    }
}

impl Destination {
    /// The file that is written, if it is not stdout.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.to.as_deref().filter(|to| !is_stdin(to))
    }

    /// The format, which this build has.
    pub(crate) fn format(&self) -> Result<Format> {
        let format = match (self.format, self.file()) {
            (Some(name), _) => name.0,
            (None, Some(file)) => Format::of(file)?,
            (None, None) => Format::Ndjson,
        };
        format.check()?;
        Ok(format)
    }

    /// The one output of a table.
    pub(crate) fn open<T: Table>(&self, columns: Vec<Column<T>>) -> Result<Out<T>> {
        let format = self.format()?;
        match self.file() {
            Some(to) => Ok(Out::File(Sink::new(to, self.overwrite, format, columns)?)),
            None => Ok(Out::Stdout(Stdout::new(format, columns)?)),
        }
    }
}

/// Reports what was written; stdout stays free for other outputs.
pub(crate) fn say_written(rows: u64, to: &Path) {
    say!("wrote {} to {}", counted(rows, "row"), file_name(to));
}

/// Rows that go to stdout.
pub(crate) struct Stdout<T: Table> {
    encoder: Box<dyn Encoder<T>>,
    buffer: Vec<u8>,
}

impl<T: Table> Stdout<T> {
    /// Refuses a format that a terminal cannot show.
    pub(crate) fn new(format: Format, columns: Vec<Column<T>>) -> Result<Self> {
        if !format.is_text() && io::stdout().is_terminal() {
            let error = Error::usage(format!("{}: not for a terminal", format.name()));
            return Err(error.hinted("--to FILE"));
        }
        let encoder = format.encoder(columns).map_err(|e| Error::io("stdout", "write", e))?;
        Ok(Self { encoder, buffer: Vec::new() })
    }

    pub(crate) fn rows<'l>(&mut self, session: &mut Session, lines: &'l [T::Line<'l>]) -> Result<(), Failure> {
        self.encoder.rows(lines, &mut self.buffer)?;
        self.flush(session)
    }

    pub(crate) fn end(&mut self, session: &mut Session) -> Result<(), Failure> {
        self.encoder.end(&mut self.buffer)?;
        self.flush(session)
    }

    fn flush(&mut self, session: &mut Session) -> Result<(), Failure> {
        session.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

/// Rows that go to stdout or into one file.
pub(crate) enum Out<T: Table> {
    Stdout(Stdout<T>),
    File(Sink<T>),
}

impl<T: Table> Out<T> {
    pub(crate) fn rows<'l>(&mut self, session: &mut Session, lines: &'l [T::Line<'l>]) -> Result<(), Failure> {
        match self {
            Self::Stdout(out) => out.rows(session, lines),
            Self::File(sink) => Ok(sink.rows(lines)?),
        }
    }

    pub(crate) fn end(self, session: &mut Session) -> Result<(), Failure> {
        match self {
            Self::Stdout(mut out) => out.end(session),
            Self::File(sink) => {
                let rows = sink.count();
                let path = sink.publish()?;
                say_written(rows, &path);
                Ok(session.wrote(&[path])?)
            }
        }
    }
}
