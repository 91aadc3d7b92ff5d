//! The write-ahead log, record by record.

mod diff;
mod filter;
mod findings;
mod head;
mod line;

use std::{collections::VecDeque, io::Write as _, path::PathBuf};

use clap::Args;
use etcdsnap::{
    Error, Finding, Findings, document,
    error::Severity,
    etcd::{LogFilter, LogItem, LogRecords},
    k8s::{Clock, Describer, Description, Resources},
    source::RaftKind,
    wal::{Log, Segment, Summary},
};
use serde::Serialize;

use self::{
    filter::Filter,
    findings::{close, say_finding},
};
use crate::{
    args::{Format, LogDir, Masking},
    failure::{Exit, Failure},
    render,
    session::Session,
};

/// List Raft's log (WAL), record by record, with the place of any damage
///
/// PATH is a data directory (its db may be missing), its `member/wal`, one segment, or any of these in an archive. The
/// lines before the table name the member, what is committed, and who votes.
///
/// SEQ and OFFSET are the place of a record: the number in the name of the segment file, and the byte at which the
/// record begins. NOTE marks entries that a later leader has replaced, entries past the last commit on disk, and
/// records after damage: etcd removes them when it starts. The log holds no times. TIME comes from the Kubernetes
/// objects that this entry and the entries before it write (creation, managedFields, deletion requests, Leases): the
/// entry was written at TIME or later. BY is the user, if auth was on, and the last four digits of the id of the member
/// that received the request.
///
/// Of a Kubernetes object only kind, name and size are shown. Passwords, tokens and other secrets are masked.
///
/// Damage is reported on stderr at its place among the records. The records before and after it are shown. An
/// incomplete last record, which etcd removes at its next start, is a warning.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap wal /var/lib/etcd
  etcdsnap wal /var/lib/etcd --type entry --tail 20
  etcdsnap wal /var/lib/etcd --from-index 120000 --type entry
  etcdsnap wal member.tar.gz --prefix /registry/secrets/shop/ --type put,txn,delete_range
  etcdsnap wal member/wal/0000000000000003-000000000002a51c.wal --type conf_change
  etcdsnap wal /var/lib/etcd -o ndjson | jq -c 'select(.overwritten or .committed == false)'
  etcdsnap wal /mnt/m1/etcd --diff /mnt/m2/etcd

Exit status: 1 when a log is damaged, or with --diff an entry that both logs hold differs; a torn end
is no damage")]
pub(crate) struct Wal {
    /// The data directory, folder or file
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Compare with the log of another member, entry by entry, instead of listing records
    ///
    /// Logs begin and end at different entries. An entry that only one of the two logs holds is listed, and is no
    /// difference: the exit status is 0, and `same` in JSON is true, if no entry that both hold differs. `onlyA` and
    /// `onlyB` count the entries that only one holds.
    #[arg(long, value_name = "PATH", conflicts_with_all = LISTING)]
    diff: Option<PathBuf>,
    /// Only the last N of the records
    #[arg(long, value_name = "N")]
    tail: Option<usize>,
    /// Print no lines before the table, and no line of headers
    #[arg(long)]
    no_headers: bool,
    /// Print each record's bytes too, in base64 and not masked; with json and ndjson
    #[arg(long)]
    raw: bool,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    masking: Masking,
    #[command(flatten)]
    log: LogDir,
}

/// The flags for the list of records, which --diff does not print.
const LISTING: [&str; 8] = ["tail", "no_headers", "raw", "from_index", "to_index", "term", "types", "prefix"];

impl Wal {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        if self.raw && self.output == Format::Table {
            let what = "a table does not hold the records' bytes".to_owned();
            return Err(Error::usage(what).hinted("--raw goes with -o json or -o ndjson").into());
        }
        let named = [Some(&self.path), self.diff.as_ref()].into_iter().flatten();
        let options = session.options(&self.log, named.map(PathBuf::as_path))?;
        if let Some(other) = &self.diff {
            return diff::run(session, &self.path, other, &options, self.output);
        }
        let files = session.find_raft(&self.path, RaftKind::Log, &options)?;
        let segments: Vec<_> = files.wal().iter().map(Segment::from).collect();
        let mut findings = Findings::default();
        let log = Log::read(&segments, &mut findings);
        let describer = Describer { mask: self.masking.mask()?, resources: Resources::default() };
        let (filter, raw) = (LogFilter::from(self.filter), self.raw);
        let mut printer = Printer::new(self.output, self.no_headers, files.name());
        printer.begin(session, &Summary::of(&files, &log))?;
        let clock =
            Clock::of_log(LogRecords::new(&log, &segments, Findings::default()).filter_map(|item| match item {
                LogItem::Record(record) => Some(record),
                LogItem::Finding(_) => None,
            }));
        let (mut records, mut places) = (LogRecords::new(&log, &segments, findings), 0..);
        let mut last = VecDeque::new();
        for item in &mut records {
            match item {
                LogItem::Finding(finding) => printer.finding(session, &finding)?,
                LogItem::Record(record) => {
                    let place = places.next().filter(|_| record.is_entry());
                    if filter.takes(&record) {
                        let after = place.and_then(|place| clock.gap(place).after).map(|after| after.millis());
                        let Some(tail) = self.tail else {
                            printer.record(session, &Description { after, ..describer.record(&record, raw) })?;
                            continue;
                        };
                        last.push_back((record, after));
                        if last.len() > tail {
                            last.pop_front();
                        }
                    }
                }
            }
        }
        for (record, after) in last {
            printer.record(session, &Description { after, ..describer.record(&record, raw) })?;
        }
        let findings = records.into_findings();
        printer.end(session, &findings)?;
        close(session, &files, &findings)
    }
}

/// Prints records as they come, and findings between them.
struct Printer<'w> {
    output: Format,
    headers: bool,
    name: &'w str,
    lines: render::Columns,
    any: bool,
    /// Whether there is an entry, and whether one has a time.
    entries: bool,
    times: bool,
}

/// The members of the JSON document after its records.
#[derive(Serialize)]
struct Rest<'f> {
    findings: &'f [Finding],
}

impl<'w> Printer<'w> {
    fn new(output: Format, no_headers: bool, name: &'w str) -> Self {
        let without = no_headers || output != Format::Table;
        let lines = if without { render::Columns::bare() } else { render::Columns::new(&line::HEADERS) };
        Self { output, headers: !no_headers, name, lines, any: false, entries: false, times: false }
    }

    fn begin(&mut self, session: &mut Session, log: &Summary<'_>) -> Result<(), Failure> {
        match self.output {
            Format::Table if self.headers => head::text(&mut session.out, log)?,
            Format::Json => {
                document::begin(&mut session.out, log)?;
                session.out.write_all(b",\n\"records\":[")?;
            }
            Format::Table | Format::Ndjson => {}
        }
        Ok(())
    }

    fn finding(&mut self, session: &mut Session, finding: &Finding) -> Result<(), Failure> {
        if finding.severity > Severity::Info {
            // on a terminal it comes between the records
            self.lines.flush(&mut session.out)?;
            session.out.flush()?;
            say_finding(finding, self.name);
        }
        Ok(())
    }

    fn record(&mut self, session: &mut Session, record: &Description<'_>) -> Result<(), Failure> {
        let out = &mut session.out;
        match self.output {
            Format::Table => self.lines.row(out, line::row(record))?,
            Format::Json => {
                out.write_all(if self.any { b",\n" } else { b"\n" })?;
                serde_json::to_writer(&mut *out, record)?;
            }
            Format::Ndjson => render::json(out, record, true)?,
        }
        self.any = true;
        self.entries |= record.index.is_some();
        self.times |= record.after.is_some();
        Ok(())
    }

    fn end(self, session: &mut Session, findings: &Findings) -> Result<(), Failure> {
        match self.output {
            Format::Table => {
                self.lines.finish(&mut session.out)?;
                if self.entries && !self.times {
                    session.out.flush()?;
                    say!("note: no TIME is known: neither the log nor the objects in it hold a time");
                }
            }
            Format::Json => {
                session.out.write_all(b"\n],\n")?;
                document::end(&mut session.out, Rest { findings: findings.list() })?;
            }
            Format::Ndjson => {}
        }
        Ok(())
    }
}
