//! `evidence check`.

use std::{io::Write as _, path::PathBuf};

use clap::{Args, Subcommand};
use etcdsnap::{
    bytes::counted,
    evidence::{self, Checked, Fault},
};

use crate::{
    args::ReportFormat,
    failure::{Exit, Failure},
    render::printable,
    session::Session,
};

/// Check the records that --evidence has written
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
  etcdsnap evidence check record.ndjson --evidence-key key    # checks the HMAC of each record, too")]
struct Check {
    /// The file that --evidence names
    file: PathBuf,
    /// The SHA-256 of a record, from an earlier check: the record has to be there still
    #[arg(long, value_name = "SHA256")]
    anchor: Vec<String>,
    /// The format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
}

impl EvidenceArgs {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let EvidenceCommand::Check(check) = self.command;
        let checked = evidence::check(&check.file, &check.anchor, session.evidence_key()?.as_ref())?;
        match check.output {
            ReportFormat::Json => {
                serde_json::to_writer_pretty(&mut session.out, &checked)?;
                writeln!(session.out)?;
            }
            ReportFormat::Text => text(session, &checked)?,
        }
        Ok(if checked.faults.is_empty() { Exit::Good } else { Exit::Content })
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
    writeln!(session.out, "{file}: {}{span}; records with an HMAC: {signed}", counted(records, "record"))?;
    if let Some(anchor) = &checked.anchor {
        writeln!(session.out, "anchor {anchor}")?;
    }
    session.out.flush()?;
    if *signed > 0 && !key {
        say!("note: the HMACs were not checked: --evidence-key FILE has the key");
    }
    Ok(())
}
