//! The write-ahead log, record by record.

mod filter;
mod head;
mod request;
mod stored;
mod told;
mod tree;

use std::{io::Write as _, path::PathBuf};

use clap::Args;
use etcdsnap::{
    Code, Error, Finding, Findings,
    error::Severity,
    k8s::Resources,
    source::{RaftFiles, RaftKind},
    wal::{Log, Records, Segment},
};
use serde_json::Value;

pub(super) use self::told::conf_state;
use self::{filter::Filter, request::Teller, told::Told};
use crate::{
    args::{Format, Masking},
    failure::{Exit, Failure},
    render::{self, SCHEMA_VERSION, TOOL, printable},
    session::Session,
};

/// What raft wrote into its log, record by record: entries decoded, damage told at its place
///
/// PATH is a data directory (with its db or without), its `member/wal`, one segment, or any of these inside containers.
/// Above the table stands whose log it is, what is committed, and who votes.
///
/// SEQ and OFFSET are a record's place: the segment's number in its file name, and the byte its frame begins at. NOTE
/// tells entries that a new leader's have overwritten, those past the last commit on disk, and what stands behind a torn
/// place, where etcd cuts the log off. TIME is the newest time
/// in the objects that an entry writes (Leases, Events, managedFields): what some program's clock said. BY is the user,
/// where auth was on, and the last four digits of the id of the member that the request was made to.
///
/// Of a Kubernetes object only kind, name and size are shown; passwords, tokens and what else is secret are masked.
///
/// What is damaged is told on stderr where it stands among the records, and what can be read around it is shown. A torn
/// end, which etcd cuts off at its next start, is a warning.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap wal /var/lib/etcd
  etcdsnap wal /var/lib/etcd --from-index 120000 --type entry
  etcdsnap wal member.tar.gz --prefix /registry/secrets/shop/ --type put,txn,delete_range
  etcdsnap wal member/wal/0000000000000003-000000000002a51c.wal --type conf_change
  etcdsnap wal /var/lib/etcd -o ndjson | jq -c 'select(.overwritten or .committed == false)'

Exit status: 1 when the log is damaged; a torn end is no damage")]
pub(crate) struct Wal {
    /// The data directory, folder or file
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Without what stands above the records, and the line of headers
    #[arg(long)]
    no_headers: bool,
    /// Each record's bytes too, base64: nothing in them is masked; with json and ndjson
    #[arg(long)]
    raw: bool,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    masking: Masking,
}

/// What the other records say about one.
struct Around<'l, 'a> {
    log: &'l Log<'a>,
    commit: u64,
}

impl Wal {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        if self.raw && self.output == Format::Table {
            let what = "a table does not hold the records' bytes".to_owned();
            return Err(Error::usage(what).hinted("--raw goes with -o json or -o ndjson").into());
        }
        let files = session.open_raft(&self.path, RaftKind::Log)?;
        let segments: Vec<_> = files.wal().iter().map(Segment::from).collect();
        // once for what the records add up to, once to tell them
        let mut findings = Findings::default();
        let log = Log::read(&segments, &mut findings);
        let around = Around { log: &log, commit: log.hard_state().map_or(0, |state| state.commit) };
        let teller = Teller { mask: self.masking.mask()?, resources: Resources::default() };
        let mut printer = Printer::new(&self, files.name(), &segments, &findings);
        printer.begin(session, &around, &files)?;
        let mut records = Records::new(&segments, &mut Findings::default());
        let mut again = Findings::default();
        while let Some(record) = records.next_record(&mut again) {
            printer.tell(session, (record.segment, record.offset))?;
            let told = Told::new(record, &around);
            if let Some(malformed) = told.malformed {
                let what = format!("entry {} is no request that an etcd makes: {malformed}", told.index().unwrap_or(0));
                let finding = Finding::error(Code::WalRequest, what).at(record.offset);
                let finding = finding.file(log.file(record.segment));
                printer.say(session, &finding)?;
                findings.push(finding);
            }
            if self.filter.takes(&told) {
                printer.record(session, &told, &around, &teller)?;
            }
        }
        printer.tell(session, (usize::MAX, u64::MAX))?;
        printer.end(session, &findings)?;
        self.close(session, &files, &findings)
    }

    fn close(&self, session: &mut Session, files: &RaftFiles, findings: &Findings) -> Result<Exit, Failure> {
        session.intact(files)?;
        let all = findings.counts().fold(0, |all: u64, (.., n)| all.saturating_add(n));
        let more = all.saturating_sub(findings.list().len() as u64);
        if more > 0 {
            eprintln!("{}: {more} more findings", printable(files.name().to_owned()));
        }
        if !findings.damaged() {
            return Ok(Exit::Good);
        }
        eprintln!("{}: damaged; what is shown is what could be read", printable(files.name().to_owned()));
        Ok(Exit::Content)
    }
}

/// Prints records as they come, and findings between them.
struct Printer<'w> {
    wal: &'w Wal,
    name: &'w str,
    lines: render::Columns,
    /// By their place in the log, the last first.
    findings: Vec<((usize, u64), Finding)>,
    any: bool,
}

impl<'w> Printer<'w> {
    fn new(wal: &'w Wal, name: &'w str, segments: &[Segment<'_>], findings: &Findings) -> Self {
        let headers = ["SEQ", "OFFSET", "TYPE", "TERM", "INDEX", "NOTE", "TIME", "BY", "WHAT"];
        let segment = |finding: &Finding| {
            let file = finding.file.as_deref()?;
            segments.iter().position(|segment| segment.name == file)
        };
        // what has no place is told at the end
        let place = |finding: &Finding| (segment(finding).unwrap_or(usize::MAX), finding.offset.unwrap_or(u64::MAX));
        let mut findings: Vec<_> = findings.list().iter().map(|finding| (place(finding), finding.clone())).collect();
        findings.sort_by_key(|(place, _)| *place);
        findings.reverse();
        let without = wal.no_headers || wal.output != Format::Table;
        let lines = if without { render::Columns::bare() } else { render::Columns::new(&headers) };
        Self { wal, name, lines, findings, any: false }
    }

    fn begin(&mut self, session: &mut Session, around: &Around<'_, '_>, files: &RaftFiles) -> Result<(), Failure> {
        match self.wal.output {
            Format::Table if self.wal.no_headers => {}
            Format::Table => head::text(&mut session.out, around.log)?,
            Format::Json => {
                let head = serde_json::to_string(&head::document(files, around.log))?;
                write!(session.out, "{},\n\"records\":[", head.strip_suffix('}').unwrap_or(&head))?;
            }
            Format::Ndjson => {}
        }
        Ok(())
    }

    /// Tells what was found up to this place.
    fn tell(&mut self, session: &mut Session, place: (usize, u64)) -> Result<(), Failure> {
        while let Some((_, finding)) = self.findings.pop_if(|(at, _)| *at <= place) {
            self.say(session, &finding)?;
        }
        Ok(())
    }

    fn say(&mut self, session: &mut Session, finding: &Finding) -> Result<(), Failure> {
        if finding.severity > Severity::Info {
            // on a terminal it stands between the records
            self.lines.flush(&mut session.out)?;
            session.out.flush()?;
            let file = printable(finding.file.as_deref().unwrap_or(self.name).to_owned());
            eprintln!("{}: {file}: {}", finding.severity, finding.bare());
            if let Some(hint) = &finding.hint {
                eprintln!("    hint: {hint}");
            }
        }
        Ok(())
    }

    fn record<'a>(
        &mut self,
        session: &mut Session,
        told: &Told<'a>,
        around: &Around<'_, 'a>,
        teller: &Teller,
    ) -> Result<(), Failure> {
        let out = &mut session.out;
        match self.wal.output {
            Format::Table => self.lines.row(out, told.row(around, teller).map(printable))?,
            Format::Json => {
                out.write_all(if self.any { b",\n" } else { b"\n" })?;
                serde_json::to_writer(&mut *out, &told.document(around, teller, self.wal.raw))?;
            }
            Format::Ndjson => {
                let document = Value::Object(told.document(around, teller, self.wal.raw));
                render::json(out, &document, true)?;
            }
        }
        self.any = true;
        Ok(())
    }

    fn end(self, session: &mut Session, findings: &Findings) -> Result<(), Failure> {
        match self.wal.output {
            Format::Table => self.lines.finish(&mut session.out)?,
            Format::Json => {
                let findings = serde_json::to_string(findings.list())?;
                let end =
                    format!("\n],\n\"findings\":{findings},\"schemaVersion\":{SCHEMA_VERSION},\"tool\":\"{TOOL}\"}}");
                writeln!(session.out, "{end}")?;
            }
            Format::Ndjson => {}
        }
        Ok(())
    }
}
