//! One JSON document a line.

use std::io;

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{encoder::Encoder, text::Cell};
use crate::rows::table::{Column, Table};

pub(super) struct Ndjson<T: Table>(Vec<Column<T>>);

impl<T: Table> Ndjson<T> {
    pub(super) fn new(columns: Vec<Column<T>>) -> Self {
        Self(columns)
    }
}

struct Document<'c, 'l, T: Table>(&'c [Column<T>], &'l T::Line<'l>);

impl<T: Table> Serialize for Document<'_, '_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|column| map.serialize_entry(column.name, &Cell(column.of, self.1)))?;
        map.end()
    }
}

impl<T: Table> Encoder<T> for Ndjson<T> {
    fn rows<'l>(&mut self, lines: &'l [T::Line<'l>], out: &mut Vec<u8>) -> io::Result<()> {
        for line in lines {
            serde_json::to_writer(&mut *out, &Document(&self.0, line))?;
            out.push(b'\n');
        }
        Ok(())
    }

    fn end(&mut self, _: &mut Vec<u8>) -> io::Result<()> {
        Ok(())
    }
}
