//! Reads the records of a file, and checks their chain.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::chain::{Key, LONGEST, sum, unsigned};
use crate::{Error, Result, document::Stamp};

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
pub struct Checked {
    #[serde(flatten)]
    stamp: Stamp,
    /// The file as the user named it.
    pub file: String,
    /// Number of records.
    pub records: u64,
    /// Start of the first run.
    pub first: Option<String>,
    /// End of the last run.
    pub last: Option<String>,
    /// SHA-256 of the last record.
    pub anchor: Option<String>,
    /// Records with an HMAC.
    pub signed: u64,
    /// Whether the HMACs were checked.
    pub key: bool,
    /// Whether the last record is known to be unchanged: by its SHA-256 among the anchors, or by its HMAC. The chain
    /// proves only what is before it.
    pub last_proved: bool,
    /// What is wrong, at most 1000 of them.
    pub faults: Vec<Fault>,
    /// Faults beyond those that are listed.
    pub more_faults: u64,
}

/// The most faults that are listed.
const LISTED: usize = 1000;

/// One thing that is wrong with the records.
#[derive(Debug, Serialize)]
pub struct Fault {
    /// The line, from 1; `None` for what is of no line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What is wrong.
    pub what: String,
}

/// Checks the records in `file`; those with the SHA-256 sums `anchors` have to be there still. With `key` every record
/// has to have its HMAC.
///
/// # Errors
/// When the file cannot be read, or an anchor is no SHA-256.
pub fn check(file: &Path, anchors: &[String], key: Option<&Key>) -> Result<Checked> {
    let name = file.display().to_string();
    let fault = |doing| {
        let file = name.clone();
        move |source| Error::io(file, doing, source)
    };
    if let Some(odd) = anchors.iter().find(|anchor| anchor.len() != 64 || !anchor.bytes().all(is_hex)) {
        return Err(Error::usage(format!("--anchor {odd}: not a SHA-256 of 64 hex digits")));
    }
    if !Path::metadata(file).map_err(fault("open"))?.is_file() {
        return Err(Error::usage(format!("{name}: not a file")));
    }
    let mut checked = Checked { file: name.clone(), key: key.is_some(), ..Checked::default() };
    let mut missing: Vec<_> = anchors.iter().map(|anchor| anchor.to_ascii_lowercase()).collect();
    let (mut file, mut before, mut number) = (BufReader::new(File::open(file).map_err(fault("open"))?), None, 0_u64);
    loop {
        let mut line = Vec::new();
        let limit = LONGEST as u64;
        if (&mut file).take(limit).read_until(b'\n', &mut line).map_err(fault("read"))? == 0 {
            break;
        }
        number = number.saturating_add(1);
        let Some(line) = line.strip_suffix(b"\n") else {
            checked.fault(Some(number), "cut off, or not a record".to_owned());
            break;
        };
        checked.record(number, line, before.as_deref(), key);
        let sum = sum(line);
        missing.retain(|anchor| *anchor != sum);
        before = Some(sum);
    }
    if number == 0 {
        checked.fault(None, "empty: it holds no record, or all were removed".to_owned());
    }
    for anchor in missing {
        let what =
            format!("no record has the SHA-256 {anchor}: records were removed at the end, or the chain was rewritten");
        checked.fault(None, what);
    }
    let is_anchored =
        before.as_deref().is_some_and(|last| anchors.iter().any(|anchor| anchor.eq_ignore_ascii_case(last)));
    checked.last_proved = checked.faults.is_empty() && (is_anchored || key.is_some());
    checked.anchor = before;
    Ok(checked)
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
            return self.fault(
                Some(number),
                "not a record: a run was interrupted while it wrote, or the line was changed".to_owned(),
            );
        };
        self.records = self.records.saturating_add(1);
        let is_signed = unsigned(line).is_some();
        self.signed = self.signed.saturating_add(u64::from(is_signed));
        match (record.previous.as_deref(), before) {
            (previous, before) if previous == before => {}
            (Some(_), None) => self.fault(Some(number), "the records before the first one are missing".to_owned()),
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
