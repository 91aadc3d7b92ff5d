//! The formats by their names.

use std::{io, path::Path};

use super::{csv, encoder::Encoder, ndjson};
use crate::rows::columns::{Column, columns};

/// A format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON document a line.
    Ndjson,
    /// Comma-separated values (RFC 4180) with a line of names. Lists and maps are JSON.
    Csv,
}

impl Format {
    /// All formats of this build.
    pub const ALL: &[Self] = &[Self::Ndjson, Self::Csv];

    /// The name, which is the ending of files, too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    /// The format of a file by the ending of its name.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?;
        Self::ALL.iter().copied().find(|format| ending == format.name())
    }

    /// Whether it is text, which a terminal can show.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Ndjson | Self::Csv)
    }

    /// Begins an output with all columns, or those but the object.
    ///
    /// # Errors
    /// When it cannot be begun.
    pub fn encoder(self, with_object: bool) -> io::Result<Box<dyn Encoder>> {
        let columns: Vec<Column> = columns(with_object);
        Ok(match self {
            Self::Ndjson => Box::new(ndjson::Ndjson::new(columns)),
            Self::Csv => Box::new(csv::Csv::new(columns)),
        })
    }
}
