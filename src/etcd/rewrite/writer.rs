//! Writes buckets to a db file: as a transaction of an existing db, or as a new db.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Seek as _, SeekFrom, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
};

use crate::{
    Error, Finding,
    bolt::{Bucket, Db, Meta, PageId, Tree, Writer},
};

/// Items of a small bucket, in key order.
pub type Items = Vec<(Vec<u8>, Vec<u8>)>;

/// Bytes of output that are written at once.
const BUFFER: usize = 1 << 20;

/// Why a db could not be written.
#[derive(Debug)]
pub enum Unwritten {
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

/// Writes a db bucket by bucket; nothing takes effect before [`DbWriter::end`].
#[derive(Debug)]
pub struct DbWriter<'f, 'a> {
    file: &'f File,
    pages: Writer<BufWriter<&'f File>>,
    written: BTreeMap<Vec<u8>, PageId>,
    kept: Vec<Bucket<'a>>,
    /// The metas before those that are written.
    metas: Vec<Meta>,
    /// Whether the pages have to be on disk before the meta is written.
    ordered: bool,
}

impl<'f, 'a> DbWriter<'f, 'a> {
    /// Begins a new db in `file`, which is empty, with pages of `page_size` bytes; its transactions are those after
    /// `txid`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn fresh(file: &'f File, page_size: u32, txid: u64) -> io::Result<Self> {
        let meta = |txid| Meta { page_size, root: PageId(0), freelist: None, high_water: PageId(0), txid };
        // Both metas lead to the same pages, as in a saved snapshot.
        let metas = vec![meta(txid), meta(txid.wrapping_add(1))];
        Self::begin(file, page_size, PageId(2), metas)
    }

    /// Begins one more transaction in `file`, which holds `db`, whose `buckets` are kept unless they are written.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn over(file: &'f File, db: &Db<'a>, buckets: impl Iterator<Item = Bucket<'a>>) -> io::Result<Self> {
        let meta = *db.meta();
        // A trailer, or space that a running etcd has allocated ahead, is not part of the db.
        file.set_len(db.size())?;
        let writer = Self::begin(file, meta.page_size, meta.high_water, vec![meta])?;
        Ok(Self { kept: buckets.collect(), ordered: true, ..writer })
    }

    fn begin(mut file: &'f File, page_size: u32, first: PageId, metas: Vec<Meta>) -> io::Result<Self> {
        file.seek(SeekFrom::Start(first.0.saturating_mul(page_size.into())))?;
        let pages = Writer::new(BufWriter::with_capacity(BUFFER, file), page_size, first);
        Ok(Self { file, pages, written: BTreeMap::new(), kept: Vec::new(), metas, ordered: false })
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
        let root = self.pages.finish(tree)?;
        self.written.insert(name.to_vec(), root);
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

    /// Writes the root bucket, and the metas that make all changes take effect.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn end(self) -> io::Result<()> {
        let Self { file, mut pages, written, kept, metas, ordered } = self;
        let kept = kept.iter().map(|bucket| (bucket.name, Err(bucket)));
        let written = written.iter().map(|(name, page)| (name.as_slice(), Ok(*page)));
        let all: BTreeMap<_, _> = kept.chain(written).collect();
        let mut root = Tree::default();
        for (name, bucket) in all {
            match bucket {
                Ok(page) => pages.push_bucket(&mut root, name, page)?,
                Err(bucket) => pages.keep_bucket(&mut root, bucket)?,
            }
        }
        let root = pages.finish(root)?;
        let (high_water, mut out) = pages.end();
        out.flush()?;
        drop(out);
        if ordered {
            file.sync_data()?;
        }
        for before in metas {
            let (at, page) = before.commit(root, high_water);
            file.write_all_at(&page, at)?;
        }
        Ok(())
    }
}
