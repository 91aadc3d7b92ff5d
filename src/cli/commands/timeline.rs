use std::{io::Write as _, path::PathBuf};

use clap::{Args, ValueEnum};
use etcdsnap::{
    Error, Findings,
    diff::{Diff, Difference, Ignore, Pair, Side, changes},
    etcd::Range,
    k8s::{Clock, Moment},
    select::{LabelSelector, Selection, resources},
};
use rayon::prelude::*;

use super::{diff::document, get::etcd_prefix, history::Told};
use crate::{
    args::{self, Keys, LogArgs, Masking},
    failure::{Exit, Failure},
    render::{self, printable},
    session::Session,
};

/// Every change that a backup holds, one a line: when, what, to which object, by which program
///
/// A backup holds every change since its last compaction; Kubernetes compacts every 5 minutes, so a normal one goes back 5
/// to 10 of them. TIME and WITHIN are told from the Leases that nodes and components renew every few seconds: a change was
/// written at TIME or up to WITHIN later. MANAGER is the program that wrote it (metadata.managedFields[].manager), a name
/// that it gave itself: not a person.
///
/// Left out by default, but counted: renewals of Leases, what API servers keep for themselves, and writes that changed
/// nothing but managedFields, resourceVersion or generation.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap timeline backup.db
  etcdsnap timeline backup.db pods,deployments -n shop
  etcdsnap timeline backup.db --since 2026-11-21T02:00:00Z --until 2026-11-21T02:05:00Z
  etcdsnap timeline backup.db -o ndjson | jq -r 'select(.verb == \"delete\") | .key'")]
pub(crate) struct Timeline {
    /// The backup
    snapshot: PathBuf,
    /// KIND[/NAME] [NAME...]
    #[arg(value_name = "KIND[/NAME]")]
    what: Vec<String>,
    /// Only this namespace
    #[arg(short, long)]
    namespace: Option<String>,
    /// Only objects that had these labels before or have them then, as `kubectl get -l` takes them
    #[arg(short = 'l', long, value_name = "LABELS", value_parser = LabelSelector::parse)]
    selector: Option<LabelSelector>,
    /// Only what is stored below PREFIX, the API server's --etcd-prefix
    #[arg(long, value_name = "PREFIX", value_parser = etcd_prefix)]
    prefix: Option<Range<'static>>,
    /// Only what may have been written at this time or later, or at this revision or later
    #[arg(long, value_name = "TIME|REVISION", value_parser = Point::parse)]
    since: Option<Point>,
    /// Only what may have been written at this time or before, or at this revision or before
    #[arg(long, value_name = "TIME|REVISION", value_parser = Point::parse)]
    until: Option<Point>,
    /// Leave out nothing
    #[arg(long)]
    all: bool,
    /// Without the line of headers
    #[arg(long)]
    no_headers: bool,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    masking: Masking,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Columns for people
    Table,
    /// One JSON document a line
    Ndjson,
}

/// A place in time.
#[derive(Debug, Clone, Copy)]
enum Point {
    Time(Moment),
    Revision(i64),
}

impl Point {
    fn parse(text: &str) -> Result<Self, String> {
        let time = || Moment::parse(text).map(Self::Time);
        let point = text.parse().ok().filter(|n| *n > 0).map(Self::Revision).or_else(time);
        point.ok_or_else(|| "a time such as 2026-11-21T02:00:00Z, or a revision".to_owned())
    }
}

/// So many paths are told in a line.
const PATHS: usize = 4;

impl Timeline {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = session.open(&self.snapshot)?;
        let snapshot = session.load(&source, &self.log.load())?;
        let view = snapshot.view(None, &Range::ALL)?;
        let (mut ring, mask) = (self.keys.ring()?, self.masking.mask()?);
        ring.learn(view.iter());
        let clock = Clock::of(&snapshot, &ring);
        let resources = resources(&view, &ring);
        let selection = Selection::new(&self.what, self.namespace.as_deref(), &resources)?;
        let ignore = Ignore { all: self.all, status: true, events: true, paths: Vec::new() };
        let side = Side { view: &view, resources: &resources, ring: &ring };
        let diff = Diff { old: side, new: side, ignore: &ignore, mask: &mask, raw: false };
        let below = self.prefix.clone().unwrap_or(Range::ALL);
        let first = snapshot.keyspace.compacted().saturating_add(1).max(1);
        let from = clock.gap(first).after.or_else(|| clock.span().map(|span| span.0));
        let since = from.map_or(String::new(), |at| format!(" ({at})"));
        eprintln!("note: {} holds every change from revision {first}{since} on", printable(source.name().to_owned()));

        let headers = ["REVISION", "TIME", "WITHIN", "VERB", "OBJECT", "NAMESPACE", "MANAGER", "CHANGED"];
        let without = self.no_headers || self.output == Output::Ndjson;
        let mut lines = if without { render::Columns::bare() } else { render::Columns::new(&headers) };
        let (mut findings, mut left_out) = (Findings::default(), 0_u64);
        let wanted = |key: &[u8]| selection.matches(key) && below.contains(key);
        let labelled = |pair: &Pair<'_>| {
            [pair.old, pair.new].iter().flatten().any(|kv| args::is_labelled(&self.selector, kv, &ring))
        };
        changes(&snapshot, &mut findings, wanted, |wave| {
            let told: Vec<_> = wave
                .par_iter()
                .filter(|change| self.is_meant(change.record.revision.main, &clock) && labelled(&change.pair()))
                .map(|change| Told::new(*change, &diff, clock.gap(change.record.revision.main), false))
                .collect();
            for told in told {
                if told.is_quiet() {
                    left_out = left_out.saturating_add(1);
                    continue;
                }
                match self.output {
                    Output::Table => lines.row(&mut session.out, row(&told))?,
                    Output::Ndjson => {
                        writeln!(session.out, "{}", document::stamped(told.members()).to_json())?;
                    }
                }
            }
            Ok::<_, Failure>(())
        })?;
        lines.finish(&mut session.out)?;
        if left_out > 0 {
            eprintln!("note: {left_out} changes that tell nothing are left out; --all shows them");
        }
        if view.head == 0 {
            return Err(Error::not_found("the backup holds no keys").into());
        }
        findings.append(view.findings);
        session.close(&source, &findings)
    }

    fn is_meant(&self, revision: i64, clock: &Clock) -> bool {
        let gap = clock.gap(revision);
        let since = match self.since {
            Some(Point::Revision(from)) => revision >= from,
            Some(Point::Time(from)) => gap.before.is_none_or(|before| before >= from),
            None => true,
        };
        let until = match self.until {
            Some(Point::Revision(to)) => revision <= to,
            Some(Point::Time(to)) => gap.after.is_none_or(|after| after <= to),
            None => true,
        };
        since && until
    }
}

fn row(told: &Told<'_, '_>) -> [String; 8] {
    let [after, width] = told.time();
    let of = told.entry.as_ref().and_then(|entry| entry.newest());
    let name = told.name();
    let changed = match told.entry.as_ref().map(|entry| &entry.difference) {
        Some(Difference::Changed(fields) | Difference::Replaced(fields)) => {
            let paths: Vec<_> = fields.iter().take(PATHS).map(|field| field.path.to_string()).collect();
            let more = fields.len().saturating_sub(PATHS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{more}", paths.join(", "))
        }
        Some(Difference::NotComparable(why)) => why.to_string(),
        Some(Difference::Bytes { .. }) => "the value".to_owned(),
        _ => String::new(),
    };
    let namespace = of.map_or("", |of| &of.namespace);
    [
        told.revision(),
        after,
        width,
        told.change.verb().name().to_owned(),
        name,
        if namespace.is_empty() { "-".to_owned() } else { namespace.to_owned() },
        told.manager.clone().unwrap_or_else(|| "-".to_owned()),
        changed,
    ]
    .map(printable)
}
