//! The interface to stores of objects, which URLs name. There is no network code here: a room of its own has it.

use std::{
    fmt,
    io::Read,
    ops::Range,
    sync::{Arc, Mutex},
};

use super::Part;
use crate::Result;

/// A store of objects, or several, by the schemes of their URLs.
pub trait Store: fmt::Debug + Send + Sync {
    /// Whether URLs of this scheme (`s3`, without `://`) can be opened.
    fn takes(&self, scheme: &str) -> bool;

    /// Whether objects lie beside others in folders, so that one may be about another.
    fn has_folders(&self, scheme: &str) -> bool;

    /// Opens the object at `url`. The errors of the reader are those of the system, or a [`crate::Error`] in a
    /// [`std::io::Error`].
    ///
    /// # Errors
    /// [`crate::Error::Io`]: of the kind `NotFound` when there is no such object, `PermissionDenied` when the store
    /// refuses.
    fn open(&self, url: &str) -> Result<Object>;

    /// What the store reports of the object at `url`, without its content.
    ///
    /// # Errors
    /// As [`Store::open`].
    fn stat(&self, url: &str) -> Result<Stat>;

    /// The bytes in `range` of the object at `url`, if that is still what `stat` reported.
    ///
    /// # Errors
    /// As [`Store::open`]; [`crate::Error::Changed`] when another object is there.
    fn range(&self, url: &str, stat: &Stat, range: Range<u64>) -> Result<Vec<u8>>;

    /// Lists the objects below the folder `url`, which ends in `/`.
    ///
    /// # Errors
    /// When the store cannot be reached, refuses, or has no folders.
    fn list(&self, url: &str, recursive: bool) -> Result<Listing>;
}

/// An object that is being read.
pub struct Object {
    /// The object's length in bytes.
    pub size: u64,
    /// The object's content.
    pub content: Box<dyn Read>,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("size", &self.size).finish_non_exhaustive()
    }
}

/// What a store reports of an object: a later difference is a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Bytes.
    pub size: u64,
    /// Time of the last write: seconds and nanoseconds since 1970.
    pub modified: (i64, i64),
    /// The ETag of the content.
    pub etag: Option<String>,
}

/// The objects in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The URLs of the objects, sorted.
    pub objects: Vec<(String, Stat)>,
    /// Number of folders that were not entered.
    pub folders: usize,
}

/// The store that URLs are opened from. A clone is the same one.
#[derive(Debug, Clone)]
pub struct Remote(pub(super) Arc<Opened>);

/// A store in use.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) store: Box<dyn Store>,
    /// The object that was opened last: the backups in an archive are opened one by one.
    pub(super) last: Mutex<Option<(String, Part)>>,
}

impl Remote {
    /// Opens URLs from `store`.
    #[must_use]
    pub fn new(store: impl Store + 'static) -> Self {
        Self(Arc::new(Opened { store: Box::new(store), last: Mutex::new(None) }))
    }
}
