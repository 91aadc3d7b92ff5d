use std::{
    cell::OnceCell,
    io::{self, Write},
};

use clap::Args;
use etcdsnap::{
    Code, Finding, Findings,
    bolt::{Branch, BucketHeader, Db, Freelist, Kind, Leaf, Page, PageHeader, PageId, RawMeta, RawPage, Usage, Use},
    bytes::escape,
    etcd::bucket_of,
};

use super::{
    file::{File, Metas, close_pages},
    format::{Format, key},
    holds,
};
use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// The line between two pages.
pub(super) const SEPARATOR: &str = "===============================================";

/// Print one or more pages, decoded
///
/// As `bbolt page`. Values are printed as they are stored, Secrets too. With --etcd, the use of the page and the
/// content of each item are printed in the terms of etcd: revision, key and size of a record, members, leases, users,
/// roles. Values are not printed.
///
/// A page that cannot be read is reported on stdout, as bbolt does. For a free page this is no error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap bolt page backup.db 12
  etcdsnap bolt page backup.db 12 --etcd
  etcdsnap bolt page backup.db --all --format-value redacted

Exit status: 1 when a page that is in use cannot be read, or the file has no such page")]
pub(super) struct PageCommand {
    #[command(flatten)]
    file: File,
    /// The numbers of the pages
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    page: Vec<u64>,
    /// All pages
    #[arg(long)]
    all: bool,
    /// Explain what etcd stores in each page and item
    #[arg(long, conflicts_with = "format")]
    etcd: bool,
    /// How values of a leaf are printed
    #[arg(id = "format", long = "format-value", visible_alias = "format", value_enum, default_value_t = Format::Auto)]
    format: Format,
    #[command(flatten)]
    metas: Metas,
}

impl PageCommand {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = self.metas.source(session, &self.file)?;
        let (db, findings) = self.metas.db(&source)?;
        let mut printer = Printer { command: &self, db: &db, usage: OnceCell::new(), findings, missing: Vec::new() };
        if self.all {
            let mut wrong = Findings::default();
            printer.usage = OnceCell::from(Usage::of(&db, &mut wrong));
            printer.findings.append(wrong);
            let mut id = 0;
            while id < db.pages() {
                if id > 0 {
                    writeln!(session.out, "{SEPARATOR}")?;
                }
                let covered = printer.page(session, PageId(id))?;
                id = id.saturating_add(covered).saturating_add(1);
            }
        }
        for (n, id) in self.page.iter().enumerate() {
            if n > 0 {
                writeln!(session.out, "{SEPARATOR}")?;
            }
            printer.page(session, PageId(*id))?;
        }
        let Printer { findings, missing, .. } = printer;
        close_pages(session, &source, &db, &findings, &missing)
    }
}

/// The type of a page as bbolt prints it.
pub(super) fn type_name(header: &PageHeader) -> String {
    match header.kind() {
        Some(Kind::Branch) => "branch".to_owned(),
        Some(Kind::Leaf) => "leaf".to_owned(),
        Some(Kind::Meta) => "meta".to_owned(),
        Some(Kind::Freelist) => "freelist".to_owned(),
        None => format!("unknown<{:02x}>", header.flags),
    }
}

/// Prints pages.
struct Printer<'c, 's> {
    command: &'c PageCommand,
    db: &'c Db<'s>,
    usage: OnceCell<Usage<'s>>,
    findings: Findings,
    missing: Vec<u64>,
}

impl<'s> Printer<'_, 's> {
    fn usage(&self) -> &Usage<'s> {
        // What is wrong with other pages is not about those that are printed.
        self.usage.get_or_init(|| Usage::of(self.db, &mut Findings::default()))
    }

    /// Prints page `id`, and returns how many overflow pages it covers.
    fn page(&mut self, session: &mut Session, id: PageId) -> Result<u64, Failure> {
        let Some(raw) = self.db.raw_page(id) else {
            self.failed(session, id, "EOF")?;
            if id < self.db.meta().high_water {
                let what = "it lies beyond the end of the file";
                self.findings.push(Finding::error(Code::PageBeyondEnd, what).page(id.0));
            } else {
                self.missing.push(id.0);
            }
            return Ok(0);
        };
        let header = raw.header;
        let plain = header.id == id.0 && header.overflow == 0;
        let used = if plain { None } else { Some(self.usage().of_page(id)) };
        let is_free = used == Some(Use::Free);
        let mut wrong = Findings::default();
        if header.id != id.0 {
            let what = format!("expected to be page {id}, but self identifies as {}", header.id);
            wrong.push(Finding::error(Code::PageId, what).page(id.0).at(raw.offset));
            let head = self.usage().overflow_of(id);
            if is_free || head.is_some() || header.kind().is_none() {
                let why = format!("error: invalid value due to unexpected Page id: {} != {id}", header.id);
                self.failed(session, id, &why)?;
                match head {
                    Some(head) => say!("note: page {id} is an overflow page of page {head}"),
                    None => self.note(id, wrong),
                }
                return Ok(0);
            }
        }
        let covered = if plain { 0 } else { self.usage().together(self.db, id, header.overflow) };
        if covered < u64::from(header.overflow) {
            if let Some(why) = self.too_long(&raw).filter(|_| is_free) {
                self.failed(session, id, &why)?;
                return Ok(0);
            }
            let what = format!("of its {} overflow pages {covered} are its own", header.overflow);
            wrong.push(Finding::error(Code::PageOverflow, what).page(id.0).at(raw.offset));
        }
        let raw = self.db.cut(&raw, covered);
        self.print(session, &raw, &mut wrong)?;
        self.note(id, wrong);
        Ok(covered)
    }

    /// Prints that a page cannot be read, in bbolt's words.
    fn failed(&self, session: &mut Session, id: PageId, why: &str) -> io::Result<()> {
        writeln!(session.out, "Prining page {id} failed: {why}. Continuing...")
    }

    /// Why bbolt does not read a page that claims too many overflow pages.
    fn too_long(&self, raw: &RawPage<'_>) -> Option<String> {
        let high_water = RawMeta::read(self.db.image())?.high_water.0;
        let overflow = raw.header.overflow;
        if u64::from(overflow) >= high_water.saturating_sub(3) {
            return Some(format!(
                "error: invalid value, Page claims to have {overflow} overflow pages (>=hwm={high_water}). \
                 Interrupting to avoid risky OOM"
            ));
        }
        let len = u64::from(overflow).saturating_add(1).saturating_mul(self.db.page_size());
        (raw.offset.saturating_add(len) > self.db.image().len() as u64).then(|| "EOF".to_owned())
    }

    /// Keeps what is wrong with page `id`, unless it is free: its content is then no damage.
    fn note(&mut self, id: PageId, wrong: Findings) {
        if !wrong.damaged() {
            return;
        }
        match self.usage().of_page(id) {
            Use::Free if self.command.all => {}
            Use::Free => say!("note: page {id} is free, and what it held is overwritten"),
            // The trees were walked, and it was found then.
            Use::Bucket(_) | Use::Freelist if self.command.all => {}
            _ => self.findings.append(wrong),
        }
    }

    fn print(&self, session: &mut Session, raw: &RawPage<'s>, wrong: &mut Findings) -> Result<(), Failure> {
        let (header, out) = (raw.header, &mut session.out);
        writeln!(out, "Page ID:    {}", header.id)?;
        writeln!(out, "Page Type:  {}", type_name(&header))?;
        writeln!(out, "Total Size: {} bytes", raw.bytes.len())?;
        writeln!(out, "Overflow pages: {}", header.overflow)?;
        if self.command.etcd {
            writeln!(out, "Used By:    {}", self.used_by(raw.id))?;
        }
        let Some(page) = raw.page() else {
            let what = format!("has unexpected type/flags: {:#x}", header.flags);
            wrong.push(Finding::error(Code::PageType, what).page(raw.id.0).at(raw.offset));
            return Ok(());
        };
        match page.kind {
            Kind::Meta => self.meta(session, raw)?,
            Kind::Freelist => freelist(session, page, wrong)?,
            Kind::Branch if self.command.etcd => holds::branch(session, page, self.bucket(raw.id), wrong)?,
            Kind::Leaf if self.command.etcd => holds::leaf(session, page, self.bucket(raw.id), wrong)?,
            Kind::Branch => branch(session, page, wrong)?,
            Kind::Leaf => leaf(session, page, self.command.format, wrong)?,
        }
        Ok(())
    }

    /// The bucket of etcd that a page is of, if it is of one.
    fn bucket(&self, id: PageId) -> Option<&'static str> {
        match self.usage().of_page(id) {
            Use::Bucket(bucket) => bucket_of(&self.usage().path(bucket, LEVELS)),
            _ => None,
        }
    }

    fn used_by(&self, id: PageId) -> String {
        match self.usage().of_page(id) {
            Use::Meta => "the file, as a meta page".to_owned(),
            Use::Freelist => "the freelist".to_owned(),
            Use::Free => "nothing: it is free, and holds what an older transaction left".to_owned(),
            Use::Unknown => "unknown: no tree that can be read leads to it".to_owned(),
            Use::Bucket(bucket) => {
                let path: Vec<_> = self.usage().path(bucket, LEVELS).into_iter().map(escape).collect();
                if path.is_empty() { "the root bucket".to_owned() } else { format!("bucket {}", path.join(" ")) }
            }
        }
    }

    fn meta(&self, session: &mut Session, raw: &RawPage<'_>) -> Result<(), Failure> {
        let Some(meta) = RawMeta::read(raw.bytes) else { return Ok(()) };
        let out = &mut session.out;
        writeln!(out, "Version:    {}", meta.version)?;
        writeln!(out, "Page Size:  {} bytes", meta.page_size)?;
        writeln!(out, "Flags:      {:08x}", meta.flags)?;
        writeln!(out, "Root:       <pgid={}>", meta.root)?;
        writeln!(out, "Freelist:   <pgid={}>", meta.freelist)?;
        writeln!(out, "HWM:        <pgid={}>", meta.high_water)?;
        writeln!(out, "Txn ID:     {}", meta.txid)?;
        writeln!(out, "Checksum:   {:016x}", meta.checksum)?;
        if self.command.etcd {
            let counts = self.db.current().is_some_and(|current| u64::from(current) == raw.id.0);
            match meta.check() {
                Ok(_) if counts => writeln!(out, "Valid:      yes, and the newest")?,
                Ok(_) => writeln!(out, "Valid:      yes")?,
                Err(fault) => writeln!(out, "Valid:      no: {fault}")?,
            }
        }
        Ok(writeln!(out)?)
    }
}

/// How many levels of nested buckets are named.
const LEVELS: usize = 16;

fn leaf(session: &mut Session, page: Page<'_>, format: Format, wrong: &mut Findings) -> io::Result<()> {
    let (out, mut items) = (&mut session.out, Vec::new());
    writeln!(out, "Item Count: {}\n", page.count)?;
    for item in Leaf::read(page, &mut items, wrong).items {
        key(out, item.key)?;
        out.write_all(b": ")?;
        match BucketHeader::read(item.value).filter(|_| item.bucket) {
            Some(BucketHeader { root, sequence }) => writeln!(out, "<pgid={root},seq={sequence}>")?,
            None => format.line(out, item.value)?,
        }
    }
    writeln!(out)
}

fn branch(session: &mut Session, page: Page<'_>, wrong: &mut Findings) -> io::Result<()> {
    let (out, mut children) = (&mut session.out, Vec::new());
    writeln!(out, "Item Count: {}\n", page.count)?;
    for child in Branch::read(page, &mut children, wrong).children {
        key(out, child.key)?;
        writeln!(out, ": <pgid={}>", child.page)?;
    }
    writeln!(out)
}

fn freelist(session: &mut Session, page: Page<'_>, wrong: &mut Findings) -> io::Result<()> {
    let out = &mut session.out;
    match Freelist::on_page(&page) {
        Ok(freelist) => {
            writeln!(out, "Item Count: {}\nOverflow: {}\n", freelist.ids().count(), page.overflow)?;
            freelist.ids().try_for_each(|(id, _)| writeln!(out, "{id}"))?;
        }
        Err(finding) => {
            writeln!(out, "Item Count: {}\nOverflow: {}\n", page.count, page.overflow)?;
            wrong.push(finding);
        }
    }
    writeln!(out)
}
