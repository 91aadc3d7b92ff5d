use std::{
    ffi::OsString,
    io::{self, Write},
    os::unix::ffi::OsStringExt as _,
    path::PathBuf,
};

use base64::{Engine as _, engine::general_purpose::STANDARD, write::EncoderWriter};
use clap::{Args, ValueEnum};
use etcdsnap::{
    Error,
    bytes::escape,
    document,
    etcd::{KeyValue, Range, View},
    ordered::ordered_items,
};

use crate::{
    args::{LogArgs, When},
    failure::{Exit, Failure},
    render::quote,
    session::Session,
};

/// Raw keys and values, as `etcdctl get` prints them
///
/// Without KEY: every key. Values are shown as they are stored, Secrets too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap kv backup.db / --prefix --keys-only
  etcdsnap kv backup.db /registry/namespaces/default --rev 1200 -w json
  etcdsnap kv backup.db --count-only -w fields
  etcdsnap kv backup.db -w ndjson | jq -r '.key | @base64d'

Exit status: 1 when the one KEY asked for is not there")]
pub(crate) struct Kv {
    /// The backup
    snapshot: PathBuf,
    /// The key, or the first key of a range
    key: Option<OsString>,
    /// The first key after the range
    range_end: Option<OsString>,
    /// All keys that begin with KEY
    #[arg(long, conflicts_with_all = ["range_end", "from_key"])]
    prefix: bool,
    /// KEY and all keys after it
    #[arg(long, conflicts_with = "range_end")]
    from_key: bool,
    /// Keys without values
    #[arg(long)]
    keys_only: bool,
    /// Only how many there are
    #[arg(long, conflicts_with_all = ["keys_only", "print_value_only"])]
    count_only: bool,
    /// Values without keys
    #[arg(long, conflicts_with = "keys_only")]
    print_value_only: bool,
    /// No more than N; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: usize,
    #[command(flatten)]
    when: When,
    /// Sort by this
    #[arg(long, value_enum, ignore_case = true, default_value_t = SortBy::Key)]
    sort_by: SortBy,
    /// In this order
    #[arg(long, value_enum, ignore_case = true, default_value_t = Order::Ascend)]
    order: Order,
    /// Every byte as \xNN
    #[arg(long)]
    hex: bool,
    /// The format
    #[arg(short = 'w', long, short_alias = 'o', visible_alias = "output", value_enum, default_value_t = WriteOut::Simple)]
    write_out: WriteOut,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SortBy {
    Key,
    Create,
    Modify,
    Version,
    Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Order {
    Ascend,
    Descend,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WriteOut {
    /// A key and a value, a line each
    Simple,
    /// One JSON document, base64 as etcdctl writes it
    Json,
    /// One JSON document a line and key
    Ndjson,
    /// A name and a value a line
    Fields,
}

impl Kv {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let range = self.range();
        let source = session.open(&self.snapshot, &self.log.dir)?;
        let snapshot = session.load(&source, &self.log.load())?;
        let at = self.when.revision(&snapshot, &etcdsnap::k8s::Ring::default())?;
        let view = snapshot.view(at, &range)?;
        let exit = self.print(session, &view, &range)?;
        Ok(exit.max(session.close(&source, &view.findings)?))
    }

    fn range(&self) -> Range<'static> {
        let bytes = |text: &Option<OsString>| text.clone().map(OsString::into_vec);
        match bytes(&self.key) {
            None => Range::ALL,
            Some(key) if self.prefix => Range::prefix(key),
            Some(key) if self.from_key => Range::from_key(key),
            Some(key) => Range::new(key, bytes(&self.range_end).unwrap_or_default()),
        }
    }

    fn print(&self, session: &mut Session, view: &View<'_>, range: &Range<'_>) -> Result<Exit, Failure> {
        let shown = if self.limit == 0 { view.len() } else { self.limit.min(view.len()) };
        let more = shown < view.len();
        if self.count_only {
            self.count(session, view)?;
        } else {
            let printer = Printer { kv: self };
            printer.begin(&mut session.out, view)?;
            if self.sort_by == SortBy::Key {
                match self.order {
                    Order::Ascend => printer.all(&mut session.out, view.iter().take(shown))?,
                    Order::Descend => printer.all(&mut session.out, view.iter().rev().take(shown))?,
                }
            } else {
                let mut sorted: Vec<_> = view.iter().collect();
                sorted.sort_by(|a, b| self.compare(a, b));
                printer.all(&mut session.out, sorted.into_iter().take(shown))?;
            }
            printer.end(&mut session.out, view, more)?;
        }
        match range.one() {
            Some(key) if view.is_empty() => {
                let revision = view.revision;
                let what = format!("no key {} at revision {revision}", escape(key));
                let hint = Some("`--prefix --keys-only` lists the keys that begin so".to_owned());
                Failure::from(Error::not_found(what).hinted_if(hint)).say();
                Ok(Exit::Content)
            }
            _ => Ok(Exit::Good),
        }
    }

    fn count(&self, session: &mut Session, view: &View<'_>) -> io::Result<()> {
        let (out, n, head) = (&mut session.out, view.len(), view.head);
        match self.write_out {
            WriteOut::Simple => writeln!(out, "{n}"),
            WriteOut::Fields => writeln!(out, "\"Revision\" : {head}\n\"More\" : false\n\"Count\" : {n}"),
            WriteOut::Json | WriteOut::Ndjson => {
                writeln!(out, "{{\"header\":{{\"revision\":{head}}},\"count\":{n},{}}}", document::stamp())
            }
        }
    }

    fn compare(&self, a: &KeyValue<'_>, b: &KeyValue<'_>) -> std::cmp::Ordering {
        let order = match self.sort_by {
            SortBy::Key => a.key.cmp(b.key),
            SortBy::Create => a.create_revision.cmp(&b.create_revision),
            SortBy::Modify => a.mod_revision.cmp(&b.mod_revision),
            SortBy::Version => a.version.cmp(&b.version),
            SortBy::Value => a.value.cmp(b.value),
        };
        if self.order == Order::Descend { order.reverse() } else { order }
    }
}

/// Prints keys and values, in windows made on all cores.
struct Printer<'k> {
    kv: &'k Kv,
}

impl Printer<'_> {
    fn begin(&self, out: &mut impl Write, view: &View<'_>) -> io::Result<()> {
        match self.kv.write_out {
            WriteOut::Simple | WriteOut::Ndjson => Ok(()),
            WriteOut::Fields => writeln!(out, "\"Revision\" : {}", view.head),
            WriteOut::Json => write!(out, "{{\"header\":{{\"revision\":{}}}", view.head),
        }
    }

    fn all<'a>(&self, out: &mut impl Write, kvs: impl Iterator<Item = KeyValue<'a>> + Send) -> io::Result<()> {
        let print = |window: Vec<(usize, KeyValue<'a>)>| {
            let mut text = Vec::new();
            let printed = window.iter().try_for_each(|(n, kv)| self.one(&mut text, *n == 0, kv));
            printed.map(|()| text)
        };
        let size = |(_, kv): &(usize, KeyValue<'_>)| kv.key.len().saturating_add(kv.value.len());
        ordered_items(kvs.enumerate(), size, print, |text| out.write_all(&text?))
    }

    fn one(&self, out: &mut Vec<u8>, first: bool, kv: &KeyValue<'_>) -> io::Result<()> {
        let (keys, values) = (!self.kv.print_value_only, !self.kv.keys_only);
        match self.kv.write_out {
            WriteOut::Simple => {
                if keys {
                    self.line(out, kv.key)?;
                }
                // etcdctl leaves the value's line empty, and so a list of keys has a free line after each.
                self.line(out, if values { kv.value } else { b"" })
            }
            WriteOut::Fields => {
                let lease = if self.kv.hex { format!("{:016x}", kv.lease) } else { kv.lease.to_string() };
                let value = if values { kv.value } else { b"" };
                writeln!(out, "\"Key\" : {}\n\"CreateRevision\" : {}", quote(kv.key), kv.create_revision)?;
                writeln!(out, "\"ModRevision\" : {}\n\"Version\" : {}", kv.mod_revision, kv.version)?;
                writeln!(out, "\"Value\" : {}\n\"Lease\" : {lease}", quote(value))
            }
            WriteOut::Json => {
                out.write_all(if first { b",\"kvs\":[" } else { b"," })?;
                json(out, kv, values)?;
                out.write_all(b"}")
            }
            WriteOut::Ndjson => {
                json(out, kv, values)?;
                writeln!(out, ",{}}}", document::stamp())
            }
        }
    }

    fn line(&self, out: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
        if self.kv.hex {
            bytes.iter().try_for_each(|b| write!(out, "\\x{b:02x}"))?;
        } else {
            out.write_all(bytes)?;
        }
        out.write_all(b"\n")
    }

    fn end(&self, out: &mut impl Write, view: &View<'_>, more: bool) -> io::Result<()> {
        match self.kv.write_out {
            WriteOut::Simple | WriteOut::Ndjson => Ok(()),
            WriteOut::Fields => writeln!(out, "\"More\" : {more}\n\"Count\" : {}", view.len()),
            WriteOut::Json => {
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
