use std::{io::Write as _, path::PathBuf};

use clap::Args;
use etcdsnap::k8s::Ring;

use crate::{
    args::{LogArgs, When},
    failure::{Exit, Failure},
    render::{
        self,
        etcdutl::{Answer, WriteOut},
    },
    session::Session,
};

/// Compute HashKV, the sum that members compare
///
/// The same sum as that of `etcdutl hashkv` and of a live member. The file is not changed. The sum is of the last
/// revision, or of the one that --rev names. Two members hold the same keys if their sums are equal at the same
/// revision and the same compacted revision (-1: never compacted).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap hashkv backup.db
  etcdsnap hashkv backup.db --rev 1200 -w json")]
pub(crate) struct HashKv {
    /// The backup
    snapshot: PathBuf,
    #[command(flatten)]
    when: When,
    /// The format
    #[arg(short = 'w', long, short_alias = 'o', visible_alias = "output", value_enum, default_value_t = WriteOut::Simple)]
    write_out: WriteOut,
    #[command(flatten)]
    log: LogArgs,
}

impl HashKv {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = session.open(&self.snapshot, &self.log.dir)?;
        let snapshot = session.load(&source, &self.log.load())?;
        let at = self.when.revision(&snapshot, &Ring::default())?;
        let sum = snapshot.hashkv(at)?;
        let cells = [sum.hash.to_string(), sum.revision.to_string(), sum.compact_revision.to_string()];
        let [h, r, c] = cells.clone();
        let printer = Answer {
            fields: &[("Hash", h), ("Hash revision", r), ("Compact revision", c)],
            table: (&["HASH", "HASH REVISION", "COMPACT REVISION"], &cells),
        };
        match self.write_out {
            WriteOut::Simple => writeln!(session.out, "{}", cells.join(", "))?,
            WriteOut::Fields => printer.fields(&mut session.out)?,
            WriteOut::Table => printer.table(&mut session.out)?,
            WriteOut::Json => render::json(&mut session.out, &sum, true)?,
        }
        session.close(&source, &sum.findings)
    }
}
