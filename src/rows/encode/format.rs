//! The formats by their names.

use std::{io, path::Path};

#[cfg(feature = "arrow")]
use super::arrow;
#[cfg(feature = "parquet")]
use super::parquet;
use super::{csv, encoder::Encoder, ndjson};
use crate::{
    Error, Result,
    bytes::file_name,
    rows::table::{Column, Table},
};

/// A format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON document a line.
    Ndjson,
    /// Comma-separated values (RFC 4180) with a line of names. Lists and maps are JSON.
    Csv,
    /// Parquet, with the feature `parquet`.
    Parquet,
    /// An Arrow IPC stream, with the feature `arrow`.
    Arrow,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Ndjson, Self::Csv, Self::Parquet, Self::Arrow];

    /// The name, which is the ending of files, too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// The format of a file by the ending of its name; ndjson where it has none.
    ///
    /// # Errors
    /// When the ending is that of no format: the file would not be what its name says.
    pub fn of(path: &Path) -> Result<Self> {
        let Some(ending) = path.extension() else { return Ok(Self::Ndjson) };
        let known = Self::ALL.into_iter().find(|format| ending == format.name() || ending == format.other_ending());
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            let what = format!("{}: not the ending of a format: {}", file_name(path), names.join(", "));
            Error::usage(what).hinted(format!("--format {} names the format of any file", names.join("|")))
        })
    }

    /// Another ending that files of the format have.
    fn other_ending(self) -> &'static str {
        match self {
            Self::Ndjson => "jsonl",
            Self::Arrow => "arrows",
            Self::Csv | Self::Parquet => self.name(),
        }
    }

    /// Whether the format is text, which a terminal can show.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Ndjson | Self::Csv)
    }

    /// Whether this build has it.
    #[must_use]
    pub fn is_here(self) -> bool {
        match self {
            Self::Ndjson | Self::Csv => true,
            Self::Parquet => cfg!(feature = "parquet"),
            Self::Arrow => cfg!(feature = "arrow"),
        }
    }

    /// Checks that this build has it.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(self) -> Result<()> {
        if self.is_here() {
            return Ok(());
        }
        let name = self.name();
        let hint = format!(
            "cargo install --path . --features {name}, or the published program; ndjson and csv are always there"
        );
        Err(Error::usage(format!("{name}: this program was built without it")).hinted(hint))
    }

    /// Begins an output with these columns.
    ///
    /// # Errors
    /// When it cannot be begun, or this build has no such format.
    pub fn encoder<T: Table>(self, columns: Vec<Column<T>>) -> io::Result<Box<dyn Encoder<T>>> {
        match self {
            Self::Ndjson => Ok(Box::new(ndjson::Ndjson::new(columns))),
            Self::Csv => Ok(Box::new(csv::Csv::new(columns))),
            #[cfg(feature = "parquet")]
            Self::Parquet => Ok(Box::new(parquet::Parquet::new(&columns)?)),
            #[cfg(feature = "arrow")]
            Self::Arrow => Ok(Box::new(arrow::Arrow::new(&columns)?)),
            #[cfg(not(all(feature = "parquet", feature = "arrow")))]
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
