use std::io::Write as _;

use clap::Args;
use etcdsnap::{
    Findings,
    bolt::{PageId, check, check_from},
    error::Severity,
};

use super::file::{File, Metas};
use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// Check whether the pages are consistent
///
/// As `bbolt check`: it prints OK, or one line for each error and their number. It does not stop at an error, so it may
/// find more than bbolt. `etcdsnap verify` also checks the records and the trailer.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap bolt check backup.db
  etcdsnap bolt check backup.db --from-page 12

Exit status: 1 when something is wrong")]
pub(super) struct Check {
    #[command(flatten)]
    file: File,
    /// Check only the tree below this page
    #[arg(long, value_name = "PAGE", default_value_t = 0)]
    from_page: u64,
    #[command(flatten)]
    metas: Metas,
}

impl Check {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = self.metas.source(session, &self.file)?;
        let findings = if self.from_page == 0 {
            // The check of a whole file finds what is wrong with its metas, too.
            check(self.metas.walk(&source)?.0.db())
        } else {
            let (db, mut findings) = self.metas.db(&source)?;
            findings.append(check_from(&db, PageId(self.from_page)));
            findings
        };
        print(session, &findings)?;
        session.intact(&source)?;
        Ok(if findings.damaged() { Exit::Content } else { Exit::Good })
    }
}

/// Prints errors on stdout, as bbolt does, and warnings on stderr.
fn print(session: &mut Session, findings: &Findings) -> Result<(), Failure> {
    for finding in findings.list() {
        match finding.severity {
            Severity::Error => writeln!(session.out, "{finding}")?,
            severity => say!("{severity}: {finding}"),
        }
    }
    match findings.count(Severity::Error) {
        0 => writeln!(session.out, "OK")?,
        n => writeln!(session.out, "{n} errors found")?,
    }
    Ok(())
}
