use std::{ffi::OsString, os::unix::ffi::OsStringExt as _, path::PathBuf};

use clap::{Args, ValueEnum};
use etcdsnap::{
    Error,
    bytes::escape,
    etcd::{KeyValue, KvFormat, KvPrinter, Range, View},
    objects::Prefixes,
};

use crate::{
    args::{LogArgs, When},
    failure::{Exit, Failure},
    session::Session,
};

/// Print raw keys and values, as `etcdctl get` does
///
/// Without KEY: every key. Values are shown as they are stored, also Secrets.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap kv backup.db / --prefix --keys-only
  etcdsnap kv backup.db /my/key --print-value-only
  etcdsnap kv backup.db --not-kubernetes --keys-only
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
    /// Print all keys that begin with KEY
    #[arg(long, conflicts_with_all = ["range_end", "from_key"])]
    prefix: bool,
    /// Print KEY and all keys after it
    #[arg(long, conflicts_with = "range_end")]
    from_key: bool,
    /// Print only keys that are not of Kubernetes
    #[arg(long)]
    not_kubernetes: bool,
    /// Print keys without values
    #[arg(long)]
    keys_only: bool,
    /// Print only how many there are
    #[arg(long, conflicts_with_all = ["keys_only", "print_value_only"])]
    count_only: bool,
    /// Print values without keys
    #[arg(long, conflicts_with = "keys_only")]
    print_value_only: bool,
    /// The number of keys that are printed at most; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: usize,
    #[command(flatten)]
    when: When,
    /// What the keys are sorted by
    #[arg(long, value_enum, ignore_case = true, default_value_t = SortBy::Key)]
    sort_by: SortBy,
    /// The order
    #[arg(long, value_enum, ignore_case = true, default_value_t = Order::Ascend)]
    order: Order,
    /// Print every byte as \xNN
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

impl From<WriteOut> for KvFormat {
    fn from(format: WriteOut) -> Self {
        match format {
            WriteOut::Simple => Self::Simple,
            WriteOut::Json => Self::Json,
            WriteOut::Ndjson => Self::Ndjson,
            WriteOut::Fields => Self::Fields,
        }
    }
}

impl Kv {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let range = self.range();
        let source = session.open(&self.snapshot, &self.log.dir)?;
        let snapshot = session.load(&source, &self.log.load())?;
        let at = self.when.revision(&snapshot, &etcdsnap::k8s::Ring::default())?;
        let view = if self.not_kubernetes {
            let prefixes = Prefixes::of(&snapshot.view(at, &Range::ALL)?);
            snapshot.view_of(at, |key| range.contains(key) && !prefixes.have(key))?
        } else {
            snapshot.view(at, &range)?
        };
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
        let (keys, values) = (!self.print_value_only, !self.keys_only);
        let printer = KvPrinter { format: self.write_out.into(), keys, values, hex: self.hex };
        if self.count_only {
            printer.count(&mut session.out, view)?;
        } else {
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
            None if range.is_empty() => {
                let text =
                    |text: &Option<OsString>| escape(text.clone().unwrap_or_default().as_encoded_bytes()).to_string();
                let (from, to) = (text(&self.key), text(&self.range_end));
                let what = format!("no key is in the range from {from} to {to}: the range ends before it begins");
                let hint = Some("one key: `etcdsnap kv FILE KEY`; keys that begin with a text: `--prefix`".to_owned());
                Failure::from(Error::not_found(what).hinted_if(hint)).say();
                Ok(Exit::Content)
            }
            _ => Ok(Exit::Good),
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
