//! Writes buckets to a db file: as a transaction of an existing db, or as a new db.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Seek as _, SeekFrom, Write},
    os::unix::fs::FileExt as _,
    path::Path,
};

use crate::{
    Error, Finding,
    bolt::{Bucket, Db, Meta, PageId, Tree, Writer},
};

/// Items of a small bucket, in key order.
pub(crate) type Items = Vec<(Vec<u8>, Vec<u8>)>;

/// Bytes of output that are written at once.
const BUFFER: usize = 1 << 20;

/// Why a db could not be written.
#[derive(Debug)]
pub(crate) enum Unwritten {
    /// An error of the db that is read.
    Damaged(Finding),
    /// An error of the file that is written.
    Io(io::Error),
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Unwritten {
    /// Converts to an error of the backup `source`, or of the file `path` that was written.
    #[must_use]
    pub(crate) fn error(self, source: &str, path: &Path) -> Error {
        match self {
            Self::Io(e) if e.kind() == io::ErrorKind::Interrupted => Error::Interrupted,
            Self::Io(source) => Error::io(path.display().to_string(), "write", source),
            Self::Damaged(finding) => Error::Damaged { file: source.to_owned(), finding: Box::new(finding) },
        }
    }
}

/// Writes a db bucket by bucket; nothing takes effect before the end, which writes the metas.
pub(crate) struct DbWriter<'f, 'a> {
    out: Out<'f>,
    pages: Writer<Box<dyn Write + 'f>>,
    written: BTreeMap<Vec<u8>, Content>,
    /// Whether small buckets are inside the root bucket, as bbolt has them.
    inlines: bool,
    kept: Vec<Bucket<'a>>,
    /// The metas before those that are written.
    metas: Vec<Meta>,
}

/// Where the content of a bucket is.
enum Content {
    /// From this page on.
    Page(PageId),
    /// In a page inside the bucket.
    Inline(Vec<u8>),
}

/// Where the metas go.
enum Out<'f> {
    /// Into a file that has all pages by then.
    Last(&'f File),
    /// The same, when the pages are on disk.
    Ordered(&'f File),
    /// Nowhere: only the layout is found out, or they came first.
    Nowhere,
}

/// The root bucket's page, and the number of all pages: what the metas of a new db hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    root: PageId,
    high_water: PageId,
    page_size: u32,
    txid: u64,
}

impl Layout {
    /// Bytes of the whole db.
    pub(crate) fn size(&self) -> u64 {
        self.high_water.0.saturating_mul(self.page_size.into())
    }

    /// The two pages before all others.
    fn metas(&self) -> Vec<u8> {
        let mut pages = vec![0; (self.page_size as usize).saturating_mul(2)];
        for before in fresh_metas(self.page_size, self.txid) {
            let (at, meta) = before.commit(self.root, self.high_water);
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            if let Some(to) = pages.get_mut(at..at.saturating_add(meta.len())) {
                to.copy_from_slice(&meta);
            }
        }
        pages
    }
}

/// Both metas lead to the same pages, as in a saved snapshot.
fn fresh_metas(page_size: u32, txid: u64) -> Vec<Meta> {
    let meta = |txid| Meta { page_size, root: PageId(0), freelist: None, high_water: PageId(0), txid };
    vec![meta(txid), meta(txid.wrapping_add(1))]
}

impl<'f, 'a> DbWriter<'f, 'a> {
    /// Begins a new db in `file`, which is empty, with pages of `page_size` bytes; its transactions are those after
    /// `txid`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn fresh(file: &'f File, page_size: u32, txid: u64) -> io::Result<Self> {
        let pages = Self::seek(file, page_size, PageId(2))?;
        Ok(Self::begin(Out::Last(file), pages, fresh_metas(page_size, txid)))
    }

    /// Writes nothing: [`DbWriter::end`] returns where [`DbWriter::fresh`] would put all.
    pub(crate) fn dry(page_size: u32, txid: u64) -> Self {
        let pages = Writer::dry(Box::new(io::sink()) as Box<dyn Write>, page_size, PageId(2));
        Self { inlines: true, ..Self::begin(Out::Nowhere, pages, fresh_metas(page_size, txid)) }
    }

    /// Begins a new db of which the `layout` is known, so that it can be written from its first byte to its last.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub(crate) fn stream(mut out: impl Write + 'f, layout: &Layout) -> io::Result<Self> {
        out.write_all(&layout.metas())?;
        let pages = Writer::new(Box::new(out) as Box<dyn Write + 'f>, layout.page_size, PageId(2));
        Ok(Self { inlines: true, ..Self::begin(Out::Nowhere, pages, fresh_metas(layout.page_size, layout.txid)) })
    }

    /// Begins one more transaction in `file`, which holds `db`, whose `buckets` are kept unless they are written.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn over(file: &'f File, db: &Db<'a>, buckets: impl Iterator<Item = Bucket<'a>>) -> io::Result<Self> {
        let meta = *db.meta();
        // A trailer, or space that a running etcd has allocated ahead, is not part of the db.
        file.set_len(db.size())?;
        let pages = Self::seek(file, meta.page_size, meta.high_water)?;
        let writer = Self::begin(Out::Ordered(file), pages, vec![meta]);
        Ok(Self { kept: buckets.collect(), ..writer })
    }

    fn seek(mut file: &'f File, page_size: u32, first: PageId) -> io::Result<Writer<Box<dyn Write + 'f>>> {
        file.seek(SeekFrom::Start(first.0.saturating_mul(page_size.into())))?;
        Ok(Writer::new(Box::new(BufWriter::with_capacity(BUFFER, file)), page_size, first))
    }

    fn begin(out: Out<'f>, pages: Writer<Box<dyn Write + 'f>>, metas: Vec<Meta>) -> Self {
        Self { out, pages, written: BTreeMap::new(), inlines: false, kept: Vec::new(), metas }
    }

    /// Adds an item to the tree of a bucket, after all others in it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn push(&mut self, tree: &mut Tree, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.pages.push(tree, key, value)
    }

    /// Writes the rest of `tree`, the content of the bucket `name`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn bucket(&mut self, name: &[u8], tree: Tree) -> io::Result<()> {
        let content = match self.pages.inline(&tree).filter(|_| self.inlines) {
            Some(page) => Content::Inline(page),
            None => Content::Page(self.pages.finish(tree)?),
        };
        self.written.insert(name.to_vec(), content);
        Ok(())
    }

    /// Writes the bucket `name` with all its `items`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn small(&mut self, name: &str, items: &Items) -> io::Result<()> {
        let mut tree = Tree::default();
        for (key, value) in items {
            self.push(&mut tree, key, value)?;
        }
        self.bucket(name.as_bytes(), tree)
    }

    /// Writes the root bucket, and the metas that make all changes take effect. Returns where all is.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn end(self) -> io::Result<Layout> {
        let Self { out: to, mut pages, written, kept, metas, .. } = self;
        let kept = kept.iter().map(|bucket| (bucket.name, Err(bucket)));
        let written = written.iter().map(|(name, content)| (name.as_slice(), Ok(content)));
        let all: BTreeMap<_, _> = kept.chain(written).collect();
        let mut root = Tree::default();
        for (name, bucket) in all {
            match bucket {
                Ok(Content::Page(page)) => pages.push_bucket(&mut root, name, *page)?,
                Ok(Content::Inline(page)) => pages.push_inline(&mut root, name, page)?,
                Err(bucket) => pages.keep_bucket(&mut root, bucket)?,
            }
        }
        let root = pages.finish(root)?;
        let (high_water, mut out) = pages.end();
        out.flush()?;
        drop(out);
        let first = metas.first().copied();
        let layout = |meta: Meta| Layout { root, high_water, page_size: meta.page_size, txid: meta.txid };
        let layout = first.map(layout).ok_or_else(|| io::Error::other("a db without a meta page"))?;
        let file = match to {
            Out::Nowhere => return Ok(layout),
            Out::Last(file) => file,
            Out::Ordered(file) => {
                file.sync_data()?;
                file
            }
        };
        for before in metas {
            let (at, page) = before.commit(root, high_water);
            file.write_all_at(&page, at)?;
        }
        Ok(layout)
    }
}
