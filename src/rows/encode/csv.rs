//! Comma-separated values (RFC 4180), lines end with a line feed. A null is empty, an empty text is `""`.

use std::io;

use super::{encoder::Encoder, text::Cell};
use crate::rows::table::{Column, Of, Table};

pub(super) struct Csv<T: Table> {
    columns: Vec<Column<T>>,
    begun: bool,
}

impl<T: Table> Csv<T> {
    pub(super) fn new(columns: Vec<Column<T>>) -> Self {
        Self { columns, begun: false }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
            out.extend_from_slice(names.join(",").as_bytes());
            out.push(b'\n');
        }
    }
}

impl<T: Table> Encoder<T> for Csv<T> {
    fn rows<'l>(&mut self, lines: &'l [T::Line<'l>], out: &mut Vec<u8>) -> io::Result<()> {
        self.begin(out);
        for line in lines {
            for (at, column) in self.columns.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                match column.of {
                    Of::Text(get) => get(line).into_iter().for_each(|text| field(out, text)),
                    Of::Texts(_) | Of::Owners(_) | Of::Map(_) => {
                        field(out, &serde_json::to_string(&Cell::<T>(column.of, line))?);
                    }
                    // a number, a time in quotes that need not be there, or null
                    of @ (Of::Int(_) | Of::Time(_) | Of::Bytes(_)) => {
                        let text = serde_json::to_string(&Cell::<T>(of, line))?;
                        let text = if text == "null" { "" } else { text.trim_matches('"') };
                        out.extend_from_slice(text.as_bytes());
                    }
                }
            }
            out.push(b'\n');
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.begin(out);
        Ok(())
    }
}

fn field(out: &mut Vec<u8>, text: &str) {
    if text.is_empty() || text.contains([',', '"', '\n', '\r']) {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_where_it_has_to_be() {
        let mut out = Vec::new();
        for text in ["plain", "", "a,b", "say \"x\"", "two\nlines"] {
            field(&mut out, text);
            out.push(b';');
        }
        assert_eq!(String::from_utf8(out).unwrap(), "plain;\"\";\"a,b\";\"say \"\"x\"\"\";\"two\nlines\";");
    }
}
