//! Keys and values as text, as `etcdctl get` prints them.

use std::io::{self, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD, write::EncoderWriter};

use super::{KeyValue, View};
use crate::{bytes::quote, document, ordered::ordered_items};

/// Format in which keys and values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvFormat {
    /// A key and a value, a line each.
    Simple,
    /// One JSON document, base64 as etcdctl writes it.
    Json,
    /// One JSON document a line and key.
    Ndjson,
    /// A name and a value a line.
    Fields,
}

/// A writer of keys and values.
#[derive(Debug, Clone, Copy)]
pub struct KvPrinter {
    /// The format.
    pub format: KvFormat,
    /// Whether keys are written; of the simple format only.
    pub keys: bool,
    /// Whether values are written.
    pub values: bool,
    /// Whether each byte is written as `\xNN`; of the simple format only. Leases are hexadecimal then.
    pub hex: bool,
}

impl KvPrinter {
    /// Writes the number of keys only.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn count(&self, out: &mut impl Write, view: &View<'_>) -> io::Result<()> {
        let (n, head) = (view.len(), view.head);
        match self.format {
            KvFormat::Simple => writeln!(out, "{n}"),
            KvFormat::Fields => writeln!(out, "\"Revision\" : {head}\n\"More\" : false\n\"Count\" : {n}"),
            KvFormat::Json | KvFormat::Ndjson => {
                writeln!(out, "{{\"header\":{{\"revision\":{head}}},\"count\":{n},{}}}", document::stamp())
            }
        }
    }

    /// Writes what is before the first key.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn begin(&self, out: &mut impl Write, view: &View<'_>) -> io::Result<()> {
        match self.format {
            KvFormat::Simple | KvFormat::Ndjson => Ok(()),
            KvFormat::Fields => writeln!(out, "\"Revision\" : {}", view.head),
            KvFormat::Json => write!(out, "{{\"header\":{{\"revision\":{}}}", view.head),
        }
    }

    /// Writes keys and values, in windows made on all cores.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn all<'a>(&self, out: &mut impl Write, kvs: impl Iterator<Item = KeyValue<'a>> + Send) -> io::Result<()> {
        let print = |window: Vec<(usize, KeyValue<'a>)>| {
            let mut text = Vec::new();
            let printed = window.iter().try_for_each(|(n, kv)| self.one(&mut text, *n == 0, kv));
            printed.map(|()| text)
        };
        let size = |(_, kv): &(usize, KeyValue<'_>)| kv.key.len().saturating_add(kv.value.len());
        ordered_items(kvs.enumerate(), size, print, |text| out.write_all(&text?))
    }

    fn one(&self, out: &mut Vec<u8>, first: bool, kv: &KeyValue<'_>) -> io::Result<()> {
        let Self { keys, values, .. } = *self;
        match self.format {
            KvFormat::Simple => {
                if keys {
                    self.line(out, kv.key)?;
                }
                // etcdctl leaves the value's line empty, and so a list of keys has a free line after each.
                self.line(out, if values { kv.value } else { b"" })
            }
            KvFormat::Fields => {
                let lease = if self.hex { format!("{:016x}", kv.lease) } else { kv.lease.to_string() };
                let value = if values { kv.value } else { b"" };
                writeln!(out, "\"Key\" : {}\n\"CreateRevision\" : {}", quote(kv.key), kv.create_revision)?;
                writeln!(out, "\"ModRevision\" : {}\n\"Version\" : {}", kv.mod_revision, kv.version)?;
                writeln!(out, "\"Value\" : {}\n\"Lease\" : {lease}", quote(value))
            }
            KvFormat::Json => {
                out.write_all(if first { b",\"kvs\":[" } else { b"," })?;
                json(out, kv, values)?;
                out.write_all(b"}")
            }
            KvFormat::Ndjson => {
                json(out, kv, values)?;
                writeln!(out, ",{}}}", document::stamp())
            }
        }
    }

    fn line(&self, out: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
        if self.hex {
            bytes.iter().try_for_each(|b| write!(out, "\\x{b:02x}"))?;
        } else {
            out.write_all(bytes)?;
        }
        out.write_all(b"\n")
    }

    /// Writes what is after the last key; `more` when not all of `view` was written.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn end(&self, out: &mut impl Write, view: &View<'_>, more: bool) -> io::Result<()> {
        match self.format {
            KvFormat::Simple | KvFormat::Ndjson => Ok(()),
            KvFormat::Fields => writeln!(out, "\"More\" : {more}\n\"Count\" : {}", view.len()),
            KvFormat::Json => {
                if !view.is_empty() {
                    out.write_all(b"]")?;
                }
                if more {
                    out.write_all(b",\"more\":true")?;
                }
                if !view.is_empty() {
                    write!(out, ",\"count\":{}", view.len())?;
                }
                writeln!(out, ",{}}}", document::stamp())
            }
        }
    }
}

/// An object of `mvccpb.KeyValue`'s fields as etcdctl writes it, open at its end.
fn json(out: &mut impl Write, kv: &KeyValue<'_>, value: bool) -> io::Result<()> {
    write!(out, "{{\"key\":\"{}\",\"create_revision\":{}", STANDARD.encode(kv.key), kv.create_revision)?;
    write!(out, ",\"mod_revision\":{},\"version\":{}", kv.mod_revision, kv.version)?;
    if value && !kv.value.is_empty() {
        out.write_all(b",\"value\":\"")?;
        let mut encoder = EncoderWriter::new(&mut *out, &STANDARD);
        encoder.write_all(kv.value)?;
        encoder.finish()?;
        drop(encoder);
        out.write_all(b"\"")?;
    }
    if kv.lease != 0 { write!(out, ",\"lease\":{}", kv.lease) } else { Ok(()) }
}
