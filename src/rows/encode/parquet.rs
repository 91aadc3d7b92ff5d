//! Parquet, compressed by Snappy, by the crate's low-level writer: its `arrow` feature would double the build.
//!
//! ```text
//! optional binary name (STRING)                                     a text that may be null
//! required group images (LIST) { repeated group list { required binary element (STRING) } }
//! required group labels (MAP) { repeated group key_value { required binary key; required binary value } }
//! ```
//!
//! Levels: of an optional column 0 is null; of a list 0 is empty, and a value that is not its first repeats at 1.

use std::{fmt::Write as _, io, sync::Arc};

use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding},
    column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer},
    data_type::ByteArray,
    errors::ParquetError,
    file::{
        properties::{WriterProperties, WriterPropertiesPtr},
        writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite},
    },
    schema::{
        parser::parse_message_type,
        types::{ColumnDescPtr, ColumnPath},
    },
};
use rayon::prelude::*;

use super::{
    encoder::Encoder,
    gathered::{Cells, Gathered, Leaf, cut},
};
use crate::{
    document::TOOL,
    rows::table::{Column, Of, Table},
};

/// Rows in a row group at most.
const ROWS: usize = 1 << 17;

/// Bytes that are gathered for a row group at most.
const BYTES: usize = 64 << 20;

/// Columns whose values hardly repeat: a dictionary would only be in the way.
const DISTINCT: [&str; 4] = ["uid", "value_hash", "object", "error"];

pub(super) struct Parquet<T: Table> {
    gathered: Gathered<T>,
    writer: SerializedFileWriter<Vec<u8>>,
}

fn fault(error: ParquetError) -> io::Error {
    io::Error::other(error)
}

/// The schema in the language of Parquet's own tools.
fn schema<T: Table>(columns: &[Column<T>]) -> String {
    let mut text = "message rows {".to_owned();
    for column in columns {
        let (name, null) = (column.name, if column.required { "required" } else { "optional" });
        // writing to a string does not fail
        let _ = match column.of {
            Of::Text(_) => write!(text, "{null} binary {name} (STRING);"),
            Of::Int(_) => write!(text, "{null} int64 {name};"),
            Of::Time(_) => write!(text, "{null} int64 {name} (TIMESTAMP(MICROS,true));"),
            Of::Bytes(_) => write!(text, "{null} binary {name};"),
            Of::Texts(_) => write!(
                text,
                "required group {name} (LIST) {{ repeated group list {{ required binary element (STRING); }} }}"
            ),
            Of::Owners(_) => write!(
                text,
                "required group {name} (LIST) {{ repeated group list {{ required group element {{ \
                 required binary kind (STRING); required binary name (STRING); required binary uid (STRING); }} }} }}"
            ),
            Of::Map(_) => write!(
                text,
                "required group {name} (MAP) {{ repeated group key_value {{ \
                 required binary key (STRING); required binary value (STRING); }} }}"
            ),
        };
    }
    text + "}"
}

impl<T: Table> Parquet<T> {
    pub(super) fn new(columns: &[Column<T>]) -> io::Result<Self> {
        let schema = parse_message_type(&schema(columns)).map_err(fault)?;
        let path = |name: &str| ColumnPath::new(vec![name.to_owned()]);
        let mut properties =
            WriterProperties::builder().set_created_by(TOOL.to_owned()).set_compression(Compression::SNAPPY);
        for name in DISTINCT {
            properties = properties.set_column_dictionary_enabled(path(name), false);
        }
        // each key begins as the one before it
        properties = properties
            .set_column_dictionary_enabled(path("key"), false)
            .set_column_encoding(path("key"), Encoding::DELTA_BYTE_ARRAY);
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties.build()));
        Ok(Self { gathered: Gathered::new(columns), writer: writer.map_err(fault)? })
    }

    /// Writes a row group.
    fn group(&mut self) -> Result<(), ParquetError> {
        let gathered = self.gathered.take();
        if gathered.rows == 0 {
            return Ok(());
        }
        let properties = Arc::clone(self.writer.properties());
        let mut leaves = self.writer.schema_descr().columns().iter();
        let columns: Vec<_> = gathered
            .columns
            .into_iter()
            .map(|(_, cells)| (leaves.by_ref().take(cells.leaves.len()).cloned().collect(), cells))
            .collect();
        let chunks: Vec<_> =
            columns.into_par_iter().map(|(leaves, cells)| chunks(leaves, cells, &properties)).collect();
        let mut group = self.writer.next_row_group()?;
        for chunk in chunks {
            for (bytes, close) in chunk? {
                group.append_column(&bytes, close)?;
            }
        }
        group.close().map(drop)
    }

    fn bytes(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.writer.flush()?;
        out.append(self.writer.inner_mut());
        Ok(())
    }
}

type Levels = Option<Vec<i16>>;

/// Definition and repetition levels of each leaf of a column.
fn levels(cells: &Cells) -> (Levels, Levels) {
    if !cells.present.is_empty() {
        return (Some(cells.present.iter().map(|there| i16::from(*there)).collect()), None);
    }
    if cells.lengths.is_empty() {
        return (None, None);
    }
    let (mut definition, mut repetition) = (Vec::new(), Vec::new());
    for length in &cells.lengths {
        definition.extend(std::iter::repeat_n(i16::from(*length > 0), (*length).max(1)));
        repetition.push(0);
        repetition.extend(std::iter::repeat_n(1, length.saturating_sub(1)));
    }
    (Some(definition), Some(repetition))
}

/// A column's chunk of a row group, and what the footer says about it.
type Chunk = (Bytes, ColumnCloseResult);

/// The chunks of a column: one for each of its leaves.
fn chunks(
    leaves: Vec<ColumnDescPtr>,
    cells: Cells,
    properties: &WriterPropertiesPtr,
) -> Result<Vec<Chunk>, ParquetError> {
    let (definition, repetition) = levels(&cells);
    let chunk = |(leaf, values)| {
        let mut out = TrackedWrite::new(Vec::new());
        let pages = Box::new(SerializedPageWriter::new(&mut out));
        let mut column = get_column_writer(leaf, Arc::clone(properties), pages);
        write(&mut column, values, definition.as_deref(), repetition.as_deref())?;
        let close = column.close()?;
        Ok((out.into_inner()?.into(), close))
    };
    leaves.into_iter().zip(cells.leaves).map(chunk).collect()
}

fn write(
    column: &mut ColumnWriter<'_>,
    leaf: Leaf,
    definition: Option<&[i16]>,
    repetition: Option<&[i16]>,
) -> Result<usize, ParquetError> {
    match (leaf, column) {
        (Leaf::Ints(values), ColumnWriter::Int64ColumnWriter(column)) => {
            column.write_batch(&values, definition, repetition)
        }
        (Leaf::Bytes(bytes, ends), ColumnWriter::ByteArrayColumnWriter(column)) => {
            let lengths: Vec<_> = cut(&bytes, &ends).map(<[u8]>::len).collect();
            let all = ByteArray::from(bytes);
            let begin = |(end, len): (&usize, &usize)| all.slice(end.saturating_sub(*len), *len);
            let values: Vec<_> = ends.iter().zip(&lengths).map(begin).collect();
            column.write_batch(&values, definition, repetition)
        }
        _ => Err(ParquetError::General("the schema has another type".to_owned())),
    }
}

impl<T: Table> Encoder<T> for Parquet<T> {
    fn rows<'l>(&mut self, mut lines: &'l [T::Line<'l>], out: &mut Vec<u8>) -> io::Result<()> {
        while !lines.is_empty() {
            lines = self.gathered.add(lines, ROWS);
            if self.gathered.rows >= ROWS || self.gathered.bytes >= BYTES {
                self.group().map_err(fault)?;
                self.bytes(out)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.group().map_err(fault)?;
        self.writer.finish().map_err(fault)?;
        self.bytes(out)
    }
}
