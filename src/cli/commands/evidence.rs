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
  etcdsnap evidence check record.ndjson                 # check, and print the anchor
  etcdsnap evidence check record.ndjson --anchor SHA256 # later: was anything changed or removed since then?")]
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
/// Each record has the SHA-256 of the line before it, so a change shows in the next record. The chain alone does not
/// show that the last record was changed, that records at the end were removed, or that the whole file was replaced.
/// The anchor, the SHA-256 of the last record, shows all three: keep it in another place, and give it with --anchor.
/// With --evidence-key in each run and here, a changed record is found without an anchor. Notes name what could not be
/// checked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap evidence check record.ndjson
  etcdsnap evidence check record.ndjson --anchor 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  etcdsnap evidence check record.ndjson --evidence-key key    # checks the HMAC of each record, too")]
struct Check {
    /// The file that --evidence names
    file: PathBuf,
    /// The SHA-256 of a record, from an earlier check: the file must still hold this record
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
            ReportFormat::Text => text(session, &checked, !check.anchor.is_empty())?,
        }
        Ok(if checked.faults.is_empty() { Exit::Good } else { Exit::Content })
    }
}

fn text(session: &mut Session, checked: &Checked, anchored: bool) -> Result<(), Failure> {
    let Checked { records, signed, key, last_proved, faults, more_faults, .. } = checked;
    let file = printable(checked.file.clone());
    if *records == 0 && faults.iter().any(|fault| fault.line.is_some()) {
        return Ok(writeln!(session.out, "{file}: not an evidence file: no line in it is a record")?);
    }
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
    if faults.is_empty() && *records > 0 {
        if !last_proved {
            say!(
                "note: the chain does not prove the last record: give its SHA-256 with --anchor, or use --evidence-key"
            );
        }
        if !anchored {
            say!("note: records that were removed at the end show only with --anchor, from an earlier check");
        }
    }
    Ok(())
}
