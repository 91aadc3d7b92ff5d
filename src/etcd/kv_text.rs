//! Keys and values as text, as `etcdctl get` prints them.

use std::io::{self, Write};

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer};

use super::{KeyValue, View};
use crate::{
    bytes::quote,
    document::{self, Document, is_false},
    ordered::ordered_items,
};

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
                document::begin(out, &Head::of(view))?;
                out.write_all(b",")?;
                document::end(out, Rest { more: false, count: Some(n) })
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
            KvFormat::Json => document::begin(out, &Head::of(view)),
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
                Ok(serde_json::to_writer(out, &Item::of(kv, values))?)
            }
            KvFormat::Ndjson => {
                serde_json::to_writer(&mut *out, &Document::new(Item::of(kv, values)))?;
                out.write_all(b"\n")
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
                // Go leaves out what is empty
                out.write_all(if view.is_empty() { b"," } else { b"]," })?;
                document::end(out, Rest { more, count: Some(view.len()).filter(|n| *n > 0) })
            }
        }
    }
}

/// The members of etcdctl's answer before its keys (`etcdserverpb.RangeResponse`).
#[derive(Serialize)]
struct Head {
    header: Header,
}

#[derive(Serialize)]
struct Header {
    revision: i64,
}

impl Head {
    fn of(view: &View<'_>) -> Self {
        Self { header: Header { revision: view.head } }
    }
}

/// The members after its keys.
#[derive(Serialize)]
struct Rest {
    #[serde(skip_serializing_if = "is_false")]
    more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
}

/// A key as etcdctl writes it (`mvccpb.KeyValue`).
#[derive(Serialize)]
struct Item<'a> {
    key: Base64<'a>,
    create_revision: i64,
    mod_revision: i64,
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Base64<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<i64>,
}

impl<'a> Item<'a> {
    fn of(kv: &KeyValue<'a>, value: bool) -> Self {
        Self {
            key: Base64(kv.key),
            create_revision: kv.create_revision,
            mod_revision: kv.mod_revision,
            version: kv.version,
            value: Some(Base64(kv.value)).filter(|of| value && !of.0.is_empty()),
            lease: Some(kv.lease).filter(|lease| *lease != 0),
        }
    }
}

struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}
