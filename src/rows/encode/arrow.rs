//! An Arrow IPC stream, as plain as can be: no dictionaries, microseconds, no compression. Spark's `mapInArrow` takes
//! nothing else.

use std::{io, sync::Arc};

use arrow_array::{
    ArrayRef, BinaryArray, Int64Array, ListArray, MapArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, TimeUnit};

use super::{
    encoder::Encoder,
    gathered::{Cells, Gathered, Leaf, cut},
};
use crate::rows::table::{Column, Of, Table};

/// Rows in a batch at most.
const ROWS: usize = 1 << 14;

/// Bytes in a batch at most.
const BYTES: usize = 32 << 20;

pub(super) struct Arrow<T: Table> {
    gathered: Gathered<T>,
    schema: Arc<Schema>,
    writer: StreamWriter<Vec<u8>>,
}

fn fault(error: ArrowError) -> io::Error {
    io::Error::other(error)
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, false)
}

fn owner() -> Fields {
    ["kind", "name", "uid"].into_iter().map(text).collect()
}

fn pair() -> Fields {
    ["key", "value"].into_iter().map(text).collect()
}

/// The field of the items of a list.
fn item(of: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", of, false))
}

/// The field of the entries of a map.
fn entries() -> Arc<Field> {
    Arc::new(Field::new("entries", DataType::Struct(pair()), false))
}

fn field<T: Table>(column: &Column<T>) -> Field {
    let of = match column.of {
        Of::Text(_) => DataType::Utf8,
        Of::Int(_) => DataType::Int64,
        Of::Time(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Of::Bytes(_) => DataType::Binary,
        Of::Texts(_) => DataType::List(item(DataType::Utf8)),
        Of::Owners(_) => DataType::List(item(DataType::Struct(owner()))),
        Of::Map(_) => DataType::Map(entries(), false),
    };
    Field::new(column.name, of, !column.required)
}

/// The values of a column by row, with its nulls.
fn with_nulls<V>(present: Vec<bool>, values: impl Iterator<Item = V>) -> Vec<Option<V>> {
    if present.is_empty() {
        return values.map(Some).collect();
    }
    let mut values = values;
    present.into_iter().map(|there| if there { values.next() } else { None }).collect()
}

fn texts(bytes: &[u8], ends: &[usize]) -> StringArray {
    // texts were put in; bytes are none of these columns
    StringArray::from_iter_values(cut(bytes, ends).map(|text| std::str::from_utf8(text).unwrap_or_default()))
}

fn array<T: Table>(column: &Column<T>, cells: Cells) -> Result<ArrayRef, ArrowError> {
    let Cells { mut leaves, present, lengths } = cells;
    let mut members: Vec<ArrayRef> = Vec::new();
    for leaf in &leaves {
        if let (Leaf::Bytes(bytes, ends), Of::Texts(_) | Of::Owners(_) | Of::Map(_)) = (leaf, column.of) {
            members.push(Arc::new(texts(bytes, ends)));
        }
    }
    let offsets = || OffsetBuffer::<i32>::from_lengths(lengths.iter().copied());
    Ok(match (column.of, leaves.pop()) {
        (Of::Texts(_), _) => {
            let values = members.pop().unwrap_or_else(|| Arc::new(StringArray::new_null(0)));
            Arc::new(ListArray::try_new(item(DataType::Utf8), offsets(), values, None)?)
        }
        (Of::Owners(_), _) => {
            let values = StructArray::try_new(owner(), members, None)?;
            Arc::new(ListArray::try_new(item(DataType::Struct(owner())), offsets(), Arc::new(values), None)?)
        }
        (Of::Map(_), _) => {
            let values = StructArray::try_new(pair(), members, None)?;
            Arc::new(MapArray::try_new(entries(), offsets(), values, None, false)?)
        }
        (Of::Time(_), Some(Leaf::Ints(values))) => {
            let values = with_nulls(present, values.into_iter());
            Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
        }
        (_, Some(Leaf::Ints(values))) => Arc::new(Int64Array::from(with_nulls(present, values.into_iter()))),
        (Of::Bytes(_), Some(Leaf::Bytes(bytes, ends))) => {
            Arc::new(BinaryArray::from(with_nulls(present, cut(&bytes, &ends))))
        }
        (_, Some(Leaf::Bytes(bytes, ends))) => {
            let values = cut(&bytes, &ends).map(|text| std::str::from_utf8(text).unwrap_or_default());
            Arc::new(StringArray::from(with_nulls(present, values)))
        }
        (_, None) => return Err(ArrowError::SchemaError(format!("{} has no values", column.name))),
    })
}

impl<T: Table> Arrow<T> {
    pub(super) fn new(columns: &[Column<T>]) -> io::Result<Self> {
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let writer = StreamWriter::try_new(Vec::new(), &schema).map_err(fault)?;
        Ok(Self { gathered: Gathered::new(columns), schema, writer })
    }

    /// Writes a batch.
    fn batch(&mut self) -> Result<(), ArrowError> {
        let gathered = self.gathered.take();
        if gathered.rows == 0 {
            return Ok(());
        }
        let columns = gathered.columns.into_iter().map(|(column, cells)| array(&column, cells));
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns.collect::<Result<_, _>>()?)?;
        self.writer.write(&batch)
    }
}

impl<T: Table> Encoder<T> for Arrow<T> {
    fn rows<'l>(&mut self, mut lines: &'l [T::Line<'l>], out: &mut Vec<u8>) -> io::Result<()> {
        while !lines.is_empty() {
            lines = self.gathered.add(lines, ROWS);
            if self.gathered.rows >= ROWS || self.gathered.bytes >= BYTES {
                self.batch().map_err(fault)?;
                out.append(self.writer.get_mut());
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.batch().map_err(fault)?;
        self.writer.finish().map_err(fault)?;
        out.append(self.writer.get_mut());
        Ok(())
    }
}
