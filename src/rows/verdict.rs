//! What became of one backup, as a line for a table of many.

use serde::Serialize;

use super::read::Read;
use crate::{
    Code, Error, Finding,
    document::Document,
    error::Severity,
    hash::hex,
    verify::{Report, Verdict, unopened},
};

/// The most findings that are listed.
const LISTED: usize = 10;

/// What became of one backup.
#[derive(Debug, Clone, Serialize)]
pub struct Judged {
    path: String,
    sha256: Option<String>,
    verdict: Option<Verdict>,
    unread: Option<&'static str>,
    identity: Option<String>,
    revision: Option<i64>,
    newest: Option<String>,
    rows: u64,
    unreadable: u64,
    errors: u64,
    findings: Vec<Finding>,
    /// The file that its rows are in.
    file: Option<String>,
    /// What the exit status is because of it.
    exit: u8,
    seconds: f64,
}

impl Judged {
    /// A backup that was read, in `seconds`.
    #[must_use]
    pub fn read(read: &Read, file: Option<String>, exit: u8, seconds: f64) -> Self {
        let mut judged = Self::of(&read.report, exit, seconds);
        if let Some(missing) = &read.missing {
            judged.findings.insert(0, Finding::warning(Code::NotFound, missing.to_string()));
            judged.findings.truncate(LISTED);
        }
        Self { rows: read.rows, unreadable: read.unreadable, file, ..judged }
    }

    /// A backup that could not be read.
    #[must_use]
    pub fn failed(path: &str, error: &Error, seconds: f64) -> Self {
        Self::of(&unopened(path, error), error.fault() as u8, seconds)
    }

    fn of(report: &Report, exit: u8, seconds: f64) -> Self {
        let worth = report.findings.list().iter().filter(|finding| finding.severity > Severity::Info);
        Self {
            path: report.path.clone(),
            sha256: report.sha256.map(|sum| hex(&sum)),
            verdict: report.verdict(),
            unread: report.unread,
            identity: report.portrait.identity.clone(),
            revision: report.last_revision(),
            newest: report.portrait.newest.time.map(|newest| newest.to_string()),
            rows: 0,
            unreadable: 0,
            errors: report.findings.count(Severity::Error),
            findings: worth.take(LISTED).cloned().collect(),
            file: None,
            exit,
            seconds: (seconds * 1000.0).round() / 1000.0,
        }
    }

    /// Notes the `file` of all backups, once it is written.
    pub fn written(&mut self, file: &str) {
        if self.rows > 0 {
            self.file = Some(file.to_owned());
        }
    }

    /// Notes that the run ended with the status `exit` before all was written: a backup without a file has no rows
    /// then, unless they were `printed`.
    pub fn cut_short(&mut self, exit: u8, printed: bool) {
        if self.file.is_some() {
            return;
        }
        self.exit = self.exit.max(exit);
        if !printed {
            (self.rows, self.unreadable) = (0, 0);
        }
    }

    /// Number of its rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The line, with its line feed.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(&Document::new(self)).unwrap_or_default() + "\n"
    }
}
