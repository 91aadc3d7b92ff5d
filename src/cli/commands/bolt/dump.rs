use std::io::{self, Write};

use clap::Args;
use etcdsnap::{Code, Finding, bolt::PageId};

use super::{
    file::{File, Metas, close_pages},
    format::hex,
    page::SEPARATOR,
};
use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// Print the bytes of pages as hex
///
/// As `bbolt dump`: one physical page for each PAGE, without its overflow pages. A line with * replaces lines that are
/// equal to the line before it. Bytes are printed as they are stored, also the bytes of Secrets.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap bolt dump backup.db 12
  etcdsnap bolt dump backup.db 0 1

Exit status: 1 when the file has no such page")]
pub(super) struct Dump {
    #[command(flatten)]
    file: File,
    /// The numbers of the pages
    #[arg(required = true)]
    page: Vec<u64>,
    #[command(flatten)]
    metas: Metas,
}

/// Bytes in a line.
const LINE: usize = 16;

impl Dump {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = self.metas.source(session, &self.file)?;
        let (db, mut findings) = self.metas.db(&source)?;
        let mut missing = Vec::new();
        for (n, id) in self.page.iter().enumerate() {
            if n > 0 {
                writeln!(session.out, "{SEPARATOR}")?;
            }
            let page = db.physical_page(PageId(*id));
            if let Some((offset, bytes)) = page {
                dump(&mut session.out, offset, bytes)?;
            }
            if page.is_none() && PageId(*id) >= db.meta().high_water {
                missing.push(*id);
            } else if page.is_none_or(|(_, bytes)| (bytes.len() as u64) < db.page_size()) {
                let what = "it lies beyond the end of the file";
                findings.push(Finding::error(Code::PageBeyondEnd, what).page(*id));
            }
        }
        close_pages(session, &source, &db, &findings, &missing)
    }
}

fn dump(out: &mut impl Write, offset: u64, page: &[u8]) -> io::Result<()> {
    let (mut previous, mut skipped): (&[u8], bool) = (&[], false);
    let mut lines = (offset..).step_by(LINE).zip(page.chunks(LINE)).peekable();
    while let Some((at, line)) = lines.next() {
        if line == previous && lines.peek().is_some() {
            if !skipped {
                writeln!(out, "{at:07x} *")?;
            }
            skipped = true;
        } else {
            write!(out, "{at:07x}")?;
            for pair in line.chunks(2) {
                out.write_all(b" ")?;
                hex(out, pair)?;
            }
            writeln!(out)?;
            skipped = false;
        }
        previous = line;
    }
    writeln!(out)
}
