//! One JSON document a line.

use std::io;

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{encoder::Encoder, text::Cell};
use crate::rows::{
    columns::{Column, Line},
    header::Header,
    row::Row,
};

pub(super) struct Ndjson(Vec<Column>);

impl Ndjson {
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self(columns)
    }
}

struct Document<'l>(&'l [Column], Line<'l>);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|column| map.serialize_entry(column.name, &Cell(column.of, self.1)))?;
        map.end()
    }
}

impl Encoder for Ndjson {
    fn rows(&mut self, header: &Header, rows: &[Row<'_>], out: &mut Vec<u8>) -> io::Result<()> {
        for row in rows {
            serde_json::to_writer(&mut *out, &Document(&self.0, Line { header, row }))?;
            out.push(b'\n');
        }
        Ok(())
    }

    fn end(&mut self, _: &mut Vec<u8>) -> io::Result<()> {
        Ok(())
    }
}
