//! `evidence check`.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use etcdsnap::{Error, document};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    evidence::{Key, LONGEST, sum, unsigned},
    failure::{Exit, Failure},
    render::printable,
    session::Session,
};

/// The records that --evidence has written
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap verify backup.db --evidence record.ndjson    # any command: append a record of the run
  etcdsnap evidence check record.ndjson                 # was the record changed since then?")]
pub(crate) struct EvidenceArgs {
    #[command(subcommand)]
    command: EvidenceCommand,
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    Check(Check),
}

/// Check that no record was changed, inserted or removed
///
/// Each record has the SHA-256 of the line before it, so a change shows in the next record. Records that are removed
/// at the end, and a chain that is written anew, show in two ways: keep the SHA-256 of the last record elsewhere, and
/// give it with --anchor; or let each run sign its record with --evidence-key, and give the same key here.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap evidence check record.ndjson
  etcdsnap evidence check record.ndjson --anchor 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  etcdsnap evidence check record.ndjson --evidence-key key")]
struct Check {
    /// The file that --evidence names
    file: PathBuf,
    /// The SHA-256 of a record, from an earlier check: the record has to be there still
    #[arg(long, value_name = "SHA256")]
    anchor: Vec<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Output {
    /// A line for the file, and one for each fault
    #[default]
    Text,
    /// One document
    Json,
}

/// The members of a record that are checked.
#[derive(Deserialize)]
struct Record {
    start: String,
    end: String,
    previous: Option<String>,
}

/// The result for a file.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    schema_version: u32,
    tool: &'static str,
    file: String,
    records: u64,
    /// Start of the first run.
    first: Option<String>,
    /// End of the last run.
    last: Option<String>,
    /// SHA-256 of the last record.
    anchor: Option<String>,
    /// Records with an HMAC.
    signed: u64,
    /// Whether the HMACs were checked.
    key: bool,
    faults: Vec<Fault>,
    /// Faults beyond those that are listed.
    more_faults: u64,
}

/// The most faults that are listed.
const LISTED: usize = 1000;

#[derive(Debug, Serialize)]
struct Fault {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    what: String,
}

impl EvidenceArgs {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let EvidenceCommand::Check(check) = self.command;
        let checked = check.file(session.evidence_key()?.as_ref())?;
        match check.output {
            Output::Json => {
                serde_json::to_writer_pretty(&mut session.out, &checked)?;
                writeln!(session.out)?;
            }
            Output::Text => text(session, &checked)?,
        }
        Ok(if checked.faults.is_empty() { Exit::Good } else { Exit::Content })
    }
}

impl Check {
    fn file(&self, key: Option<&Key>) -> Result<Checked, Error> {
        let name = self.file.display().to_string();
        let fault = |doing| {
            let file = name.clone();
            move |source| Error::io(file, doing, source)
        };
        if let Some(odd) = self.anchor.iter().find(|anchor| anchor.len() != 64 || !anchor.bytes().all(is_hex)) {
            return Err(Error::usage(format!("--anchor {odd}: not a SHA-256 of 64 hex digits")));
        }
        if !Path::metadata(&self.file).map_err(fault("open"))?.is_file() {
            return Err(Error::usage(format!("{name}: not a file")));
        }
        let (schema_version, tool) = (document::SCHEMA_VERSION, document::TOOL);
        let mut checked =
            Checked { schema_version, tool, file: name.clone(), key: key.is_some(), ..Checked::default() };
        let mut anchors: Vec<_> = self.anchor.iter().map(|anchor| anchor.to_ascii_lowercase()).collect();
        let (mut file, mut before, mut number) =
            (BufReader::new(File::open(&self.file).map_err(fault("open"))?), None, 0_u64);
        loop {
            let mut line = Vec::new();
            let limit = LONGEST as u64;
            if (&mut file).take(limit).read_until(b'\n', &mut line).map_err(fault("read"))? == 0 {
                break;
            }
            number = number.saturating_add(1);
            let Some(line) = line.strip_suffix(b"\n") else {
                checked.fault(Some(number), "a record that was cut off, or is no record".to_owned());
                break;
            };
            checked.record(number, line, before.as_deref(), key);
            let sum = sum(line);
            anchors.retain(|anchor| *anchor != sum);
            before = Some(sum);
        }
        for anchor in anchors {
            let what = format!(
                "no record has the SHA-256 {anchor}: records were removed at the end, or the chain was rewritten"
            );
            checked.fault(None, what);
        }
        checked.anchor = before;
        Ok(checked)
    }
}

fn is_hex(digit: u8) -> bool {
    digit.is_ascii_hexdigit()
}

impl Checked {
    /// Checks the record in `line`, after one with the SHA-256 `before`.
    fn record(&mut self, number: u64, line: &[u8], before: Option<&str>, key: Option<&Key>) {
        let record = serde_json::from_slice::<Record>(line).ok();
        let is_time = |time: &str| time.parse::<Timestamp>().is_ok();
        let Some(record) = record.filter(|record| is_time(&record.start) && is_time(&record.end)) else {
            return self
                .fault(Some(number), "no record: a run was broken off while it wrote, or it was changed".to_owned());
        };
        self.records = self.records.saturating_add(1);
        let is_signed = unsigned(line).is_some();
        self.signed = self.signed.saturating_add(u64::from(is_signed));
        match (record.previous.as_deref(), before) {
            (previous, before) if previous == before => {}
            (Some(_), None) => self.fault(Some(number), "the records before the first one are gone".to_owned()),
            _ => {
                let what =
                    "`previous` is not the SHA-256 of the line before: a record was changed, removed or inserted";
                self.fault(Some(number), what.to_owned());
            }
        }
        match key {
            Some(_) if !is_signed => self.fault(Some(number), "the record has no HMAC".to_owned()),
            Some(key) if !key.fits(line) => {
                self.fault(Some(number), "the HMAC is not that of the record under this key".to_owned());
            }
            _ => {}
        }
        self.first.get_or_insert(record.start);
        self.last = Some(record.end);
    }

    fn fault(&mut self, line: Option<u64>, what: String) {
        if self.faults.len() < LISTED {
            self.faults.push(Fault { line, what });
        } else {
            self.more_faults = self.more_faults.saturating_add(1);
        }
    }
}

fn text(session: &mut Session, checked: &Checked) -> Result<(), Failure> {
    let Checked { records, signed, key, faults, more_faults, .. } = checked;
    let file = printable(checked.file.clone());
    for Fault { line, what } in faults {
        match line {
            Some(line) => writeln!(session.out, "{file}: line {line}: {what}")?,
            None => writeln!(session.out, "{file}: {what}")?,
        }
    }
    if *more_faults > 0 {
        writeln!(session.out, "{file}: {more_faults} more faults")?;
    }
    let span = checked.first.as_ref().zip(checked.last.as_ref());
    let span = span.map_or(String::new(), |(first, last)| format!(", {first} to {last}"));
    writeln!(session.out, "{file}: {records} records{span}, {signed} with an HMAC")?;
    if let Some(anchor) = &checked.anchor {
        writeln!(session.out, "anchor {anchor}")?;
    }
    session.out.flush()?;
    if *signed > 0 && !key {
        say!("note: the HMACs were not checked: --evidence-key FILE has the key");
    }
    Ok(())
}
