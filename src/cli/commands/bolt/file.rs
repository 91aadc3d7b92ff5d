//! The db of a SNAPSHOT, open for its pages.

use std::path::PathBuf;

use clap::Args;
use etcdsnap::{
    Error, Findings,
    bolt::{Bucket, Db, Meta, PageId, Walk, assume_with_root, may_be_roots},
    bytes::{counted, escape},
    source::{Options, Source},
};

use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// The file, and what replaces its metas.
#[derive(Debug, Args)]
pub(super) struct File {
    /// The backup
    pub(super) snapshot: PathBuf,
}

/// What is taken instead of what the meta pages hold.
#[derive(Debug, Args)]
#[command(next_help_heading = "Instead of a valid meta page")]
pub(super) struct Metas {
    /// The size of a page in bytes, such as 4096
    ///
    /// For a file without a valid meta page, or of no known format.
    #[arg(long, value_name = "N")]
    page_size: Option<u32>,
    /// The page of the root bucket
    ///
    /// The root page of the older meta page shows the state before the last commit. In a file without a valid meta
    /// page, the root page is searched for; if several pages may be the root page, they are listed.
    #[arg(long, value_name = "PAGE")]
    root: Option<u64>,
}

/// How many pages are named that may hold the root bucket.
const NAMED: usize = 10;

impl Metas {
    /// Opens the backup.
    pub(super) fn source(&self, session: &mut Session, file: &File) -> Result<Source, Failure> {
        let options = Options { metas_lost: self.page_size.is_some(), ..session.options_with(None) };
        Ok(session.open_with(&file.snapshot, &options)?)
    }

    /// Opens the db in `source`, with what is wrong with its metas and length.
    pub(super) fn db<'s>(&self, source: &'s Source) -> Result<(Db<'s>, Findings), Failure> {
        let image = source.db().image();
        let odd = |size| move |_| Error::usage(format!("no bbolt has pages of {size} bytes"));
        let root = self.root.map(PageId);
        let db = match (Db::open(image), self.page_size) {
            (Ok(db), size) if root.is_none() && size.is_none_or(|size| size == db.meta().page_size) => db,
            (Ok(db), size) => {
                let meta = *db.meta();
                let page_size = size.unwrap_or(meta.page_size);
                let pages = (image.len() as u64).checked_div(page_size.into()).unwrap_or(0);
                let high_water = if page_size == meta.page_size { meta.high_water } else { PageId(pages) };
                let meta = Meta { page_size, root: root.unwrap_or(meta.root), high_water, ..meta };
                Db::assume(image, meta).map_err(odd(page_size))?
            }
            (Err(_), Some(size)) => assume_with_root(image, size, root).map_err(odd(size))?,
            (Err(finding), None) => {
                let hint = "--page-size 4096 reads its pages without a meta page; 4096 is the size on most machines";
                return Err(source.damaged(finding.hint(hint)).into());
            }
        };
        let findings = db.check_metas();
        Ok((db, findings))
    }

    /// A walk from the root bucket of the db in `source`.
    pub(super) fn walk<'s>(&self, source: &'s Source) -> Result<(Walk<'s>, Findings), Failure> {
        let (db, findings) = self.db(source)?;
        if db.has_root() {
            return Ok((Walk::new(db), findings));
        }
        let found = may_be_roots(&db);
        if let [root] = found.as_slice() {
            say!("note: {}: page {root} is taken as the root bucket: no other page holds only buckets", source.name());
            let meta = Meta { root: *root, ..*db.meta() };
            let db = Db::assume(source.db().image(), meta).map_err(|fault| Error::usage(fault.to_string()))?;
            return Ok((Walk::new(db), findings));
        }
        let some: Vec<_> = found.iter().take(NAMED).map(ToString::to_string).collect();
        let more = if found.len() > some.len() { ", ..." } else { "" };
        let hint = match found.len() {
            0 => "no page holds only buckets; is the page size right?".to_owned(),
            _ => format!("--root PAGE names it; pages that hold only buckets: {}{more}", some.join(", ")),
        };
        let what =
            format!("{}: no meta page is valid, and it is not known which page is the root bucket", source.name());
        Err(Error::not_found(what).hinted(hint).into())
    }
}

/// Ends a run that asked for pages by their numbers: those after the high-water mark that the file does not have are an
/// error of the call, and no damage.
pub(super) fn close_pages(
    session: &mut Session,
    source: &Source,
    db: &Db<'_>,
    findings: &Findings,
    missing: &[u64],
) -> Result<Exit, Failure> {
    let exit = session.close(source, findings)?;
    let [first, ..] = missing else { return Ok(exit) };
    let what = format!("{}: no page {first}: the file has {}", source.name(), counted(db.pages(), "page"));
    Failure::from(Error::not_found(what)).say();
    Ok(exit.max(Exit::Content))
}

/// The bucket at `path`, or the error that there is none.
pub(super) fn bucket<'s>(walk: &Walk<'s>, path: &[Vec<u8>], findings: &mut Findings) -> Result<Bucket<'s>, Failure> {
    let names: Vec<_> = path.iter().map(Vec::as_slice).collect();
    walk.bucket_at(&names, findings).ok_or_else(|| {
        let path: Vec<_> = path.iter().map(|name| escape(name)).collect();
        let hint = "`etcdsnap bolt buckets` lists them; a nested bucket is named after those around it";
        Error::not_found(format!("bucket not found: {}", path.join(" "))).hinted(hint).into()
    })
}
