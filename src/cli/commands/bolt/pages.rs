use std::io::Write as _;

use clap::Args;
use etcdsnap::bolt::{Usage, Use};

use super::{
    file::{File, Metas},
    page::type_name,
};
use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// List the pages with type, number of items and overflow pages
///
/// As `bbolt pages`. ITEMS is the number of keys in a leaf or branch page, and the number of free pages in the freelist
/// page. OVRFLW is the number of further pages that a page covers; these have no row of their own.
///
/// In a broken file, a page that no tree refers to may be free or in use. Its row ends with "unreached", and TYPE is
/// the type in the header of the page.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap bolt pages backup.db
  etcdsnap bolt pages broken.db --page-size 4096")]
pub(super) struct Pages {
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    metas: Metas,
}

impl Pages {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = self.metas.source(session, &self.file)?;
        let (db, mut findings) = self.metas.db(&source)?;
        let usage = Usage::of(&db, &mut findings);
        let out = &mut session.out;
        writeln!(out, "ID       TYPE       ITEMS  OVRFLW")?;
        writeln!(out, "======== ========== ====== ======")?;
        for page in usage.pages(&db) {
            let (id, header) = (page.id, page.header);
            let (mut kind, mut count, mut overflow) = (type_name(&header), header.count.to_string(), String::new());
            if header.overflow > 0 {
                overflow = header.overflow.to_string();
            }
            if page.used == Use::Free {
                (kind, count, overflow) = ("free".to_owned(), String::new(), String::new());
            }
            let note = if page.used == Use::Unknown { "unreached" } else { "" };
            writeln!(out, "{:<8} {kind:<10} {count:<6} {overflow:<6}{note}", id.0)?;
        }
        session.close(&source, &findings)
    }
}
