//! One regular file, open and in memory, watched for changes.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::Path,
    sync::mpsc::{self, Receiver, SyncSender},
};

use super::{
    content::Content,
    locator::Origin,
    map,
    stamp::{PIPE, Stamp, irregular},
};
use crate::{Error, Result, bytes::file_name, hash::Sha256};

/// Size of the windows that are read to be hashed: they fit the cache, and a file that was cut is noticed.
const WINDOW: usize = 128 * 1024;
/// Size of the windows that are hashed where they are mapped.
const MAPPED: usize = 1 << 20;
/// Size of one copying step: small enough that copying can be stopped.
const COPIED: usize = 8 << 20;
/// Number of windows that are read ahead.
const WINDOWS: usize = 4;
/// Number of files of one kind that stay open; etcd keeps five segments and five `.snap` files by default.
const OPEN: usize = 64;

/// One file of a source. A clone is the same open file.
#[derive(Debug, Clone)]
pub struct Part {
    origin: Origin,
    content: Content,
    stamp: Stamp,
    /// Whether this program made the file, and nobody else writes to it.
    pub(crate) own: bool,
    /// The sums, where they were computed while the file was made.
    known: Option<Digests>,
}

/// Bytes that are hashed next.
enum Window<'p> {
    /// Where they are mapped.
    Mapped(&'p [u8]),
    /// A copy.
    Read(Vec<u8>),
}

/// SHA-256 sums of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// Digest of everything before the trailer.
    pub image: [u8; 32],
    /// Digest of the whole file.
    pub file: [u8; 32],
}

impl Part {
    /// A part for `file`, which is the one at `origin`.
    pub(super) fn new(origin: Origin, file: File) -> Result<Self> {
        let fault = |doing, source| Error::io(&origin.display, doing, source);
        let stamp = Stamp::of(&file.metadata().map_err(|e| fault("look at", e))?);
        let content = Content::mapped(file, stamp.size).map_err(|e| fault("map", e))?;
        Ok(Self { origin, content, stamp, own: false, known: None })
    }

    /// A part for a nameless file that this program made from `origin`.
    pub(super) fn own(origin: Origin, file: File) -> Result<Self> {
        Self::new(origin, file).map(|part| Self { own: true, ..part })
    }

    /// This part, a file that this program made, with its sums.
    #[must_use]
    pub(super) fn summed(self, digests: Digests) -> Self {
        Self { known: Some(digests), ..self }
    }

    /// This part beside others of its kind. Where they are many it is closed, and stays mapped: etcd may have kept
    /// thousands, and a process has a limited number of open files.
    #[must_use]
    pub(super) fn beside(mut self, others: usize) -> Self {
        if others >= OPEN {
            self.content.close();
        }
        self
    }

    fn fault(&self, doing: &'static str, offset: Option<u64>, source: io::Error) -> Error {
        Error::Io { file: self.origin.display.clone(), doing, offset, source }
    }

    fn changed(&self, what: impl Into<String>, offset: Option<u64>) -> Error {
        Error::Changed { file: self.origin.display.clone(), what: what.into(), offset }
    }

    /// Opens the regular file at `path`, which is not in a container.
    ///
    /// # Errors
    /// When the file cannot be opened, or is not a regular file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let fault = |doing, source| Error::io(file_name(path), doing, source);
        let metadata = path.metadata().map_err(|e| fault("open", e))?;
        let regular = |metadata: &std::fs::Metadata| {
            let kind = irregular(metadata)?;
            let what = format!("{}: {kind}, not a file", file_name(path));
            let pipe = "etcdsnap reads it as standard input, which is called -: ... - < PIPE";
            let file = "write it to a file first: a backup needs random access";
            Some(Error::usage(what).hinted(if kind == PIPE { pipe } else { file }))
        };
        // Checked before it is opened, because opening a device may have an effect; and after, because it may be
        // replaced.
        if let Some(error) = regular(&metadata) {
            return Err(error);
        }
        let file = map::open(path).map_err(|e| fault("open", e))?;
        let metadata = file.metadata().map_err(|e| fault("look at", e))?;
        regular(&metadata).map_or_else(|| Self::new(Origin::file(path), file), Err)
    }

    /// The name in messages; use [`Part::path`] to open the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.origin.display
    }

    /// Path on disk; for an unpacked part, that of the container.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.origin.path
    }

    /// Path and name of the part.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// This part under another name.
    #[must_use]
    pub(super) fn called(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// What the file system reported of the file when it was opened.
    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// All bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.content.bytes()
    }

    /// Maps all of it at once, which takes less time than page by page.
    #[cfg(feature = "catalog")]
    pub(crate) fn will_be_read(&self) {
        // Only advice.
        let _ = self.content.in_memory(0, self.bytes().len());
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.stamp.size
    }

    /// Whether the file is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stamp.size == 0
    }

    /// Identity of the file: device and inode.
    #[must_use]
    pub(crate) fn id(&self) -> (u64, u64) {
        self.stamp.id
    }

    /// Time of the last write: seconds and nanoseconds since 1970.
    #[must_use]
    pub(crate) fn mtime(&self) -> (i64, i64) {
        self.stamp.mtime
    }

    /// The bytes before the trailer, if it has one.
    #[must_use]
    pub fn image(&self) -> &[u8] {
        let bytes = self.bytes();
        bytes.split_last_chunk::<32>().filter(|_| self.has_trailer()).map_or(bytes, |(image, _)| image)
    }

    /// The SHA-256 that `snapshot save` appends.
    #[must_use]
    pub fn trailer(&self) -> Option<[u8; 32]> {
        self.bytes().last_chunk().filter(|_| self.has_trailer()).copied()
    }

    fn has_trailer(&self) -> bool {
        end_of_image(self.stamp.size) != self.stamp.size
    }

    /// Reads the whole file once for its SHA-256, unless `Part::is_summed`, and reports the hashed bytes to
    /// `progress`. One thread reads ahead while this one hashes: into the map where the kernel can, which copies
    /// nothing.
    ///
    /// # Errors
    /// When the file cannot be read, or ends before it should.
    pub fn digests(&self, progress: impl Fn(u64)) -> Result<Digests> {
        if let Some(known) = self.known {
            progress(self.stamp.size);
            return Ok(known);
        }
        self.digests_when(progress, |_| true)
    }

    /// Whether the file's SHA-256 was computed while it was written.
    pub(crate) fn is_summed(&self) -> bool {
        self.known.is_some()
    }

    /// Computes [`Part::digests`] of a file that is still being written: before reading up to an offset it calls
    /// `ready`, which waits until the file has that length, or returns `false` when it never will.
    ///
    /// # Errors
    /// As [`Part::digests`]; [`Error::Interrupted`] when `ready` returned `false`.
    pub(crate) fn digests_when(&self, progress: impl Fn(u64), ready: impl Fn(u64) -> bool + Sync) -> Result<Digests> {
        let (full, windows) = mpsc::sync_channel::<Result<Window<'_>>>(WINDOWS);
        let (back, empty) = mpsc::channel();
        std::thread::scope(|scope| {
            let ready = &ready;
            scope.spawn(move || self.read_ahead(&full, &empty, ready));
            let (mut sha, mut image, mut at) = (Sha256::default(), None, 0);
            let end = self.image().len() as u64;
            for window in windows {
                let window = window?;
                if at == end {
                    image = Some(sha.clone());
                }
                let bytes = match &window {
                    Window::Mapped(bytes) => bytes,
                    Window::Read(bytes) => &**bytes,
                };
                sha.update(bytes);
                at += bytes.len() as u64;
                progress(at);
                if let Window::Read(window) = window {
                    // The reader may have ended.
                    let _ = back.send(window);
                }
            }
            let image = image.unwrap_or_else(|| sha.clone()).finish();
            Ok(Digests { image, file: sha.finish() })
        })
    }

    /// Sends the file window by window, cut where the trailer begins, until it ends, fails, or the receiver is gone.
    fn read_ahead<'p>(
        &'p self,
        full: &SyncSender<Result<Window<'p>>>,
        empty: &Receiver<Vec<u8>>,
        ready: &(impl Fn(u64) -> bool + Sync),
    ) {
        let (len, end, mut at) = (self.stamp.size, self.image().len() as u64, 0);
        while at < len {
            let until = if at < end { end } else { len };
            let want = usize::try_from(until - at).unwrap_or(MAPPED).min(MAPPED);
            if !ready(at + want as u64) {
                // The receiver is gone: there is nobody to report an error to.
                let _ = full.send(Err(Error::Interrupted));
                return;
            }
            let sent = if let Some(bytes) = self.content.in_memory(at, want) {
                at += want as u64;
                Ok(Window::Mapped(bytes))
            } else {
                let mut window = empty.try_recv().unwrap_or_default();
                window.resize(want.min(WINDOW), 0);
                match self.content.read_at(&mut window, at) {
                    Ok(0) => Err(self.changed(format!("it ended at {at} of {len} bytes"), Some(at))),
                    Ok(n) => {
                        window.truncate(n);
                        at += n as u64;
                        Ok(Window::Read(window))
                    }
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => Err(self.fault("read", Some(at), e)),
                }
            };
            let failed = sent.is_err();
            if full.send(sent).is_err() || failed {
                return;
            }
        }
    }

    /// Links an unpacked file, which has no name yet, at `path`: then nothing has to be copied.
    #[must_use]
    pub(crate) fn link_to(&self, path: &Path) -> bool {
        use std::os::fd::AsRawFd as _;
        let Some(file) = self.content.file() else { return false };
        let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
        let follow = rustix::fs::AtFlags::SYMLINK_FOLLOW;
        self.own && rustix::fs::linkat(rustix::fs::CWD, itself, rustix::fs::CWD, path, follow).is_ok()
    }

    /// Makes `to` share this file's blocks, where the file system supports it.
    #[must_use]
    pub(crate) fn clone_to(&self, to: &File) -> bool {
        self.content.file().is_some_and(|file| rustix::fs::ioctl_ficlone(to, file).is_ok())
    }

    /// Copies the whole file into `to`, from its start, inside the kernel where that is possible. `progress` receives
    /// the number of copied bytes, and returns `false` to stop.
    ///
    /// # Errors
    /// When one of the two files cannot be read or written, or this one ends before it should; [`Error::Interrupted`].
    pub(crate) fn copy_to(&self, to: &File, to_name: &str, progress: impl Fn(u64) -> bool) -> Result<()> {
        let len = self.stamp.size;
        let unwritable = |source| Error::io(to_name, "write", source);
        let (mut at, mut open) = (0, self.content.file());
        let mut window = Vec::new();
        while at < len {
            let want = usize::try_from(len - at).unwrap_or(COPIED).min(COPIED);
            let copied = if let Some(file) = open {
                let mut from = at;
                let mut into = at;
                match rustix::fs::copy_file_range(file, Some(&mut from), to, Some(&mut into), want) {
                    Ok(n) => n,
                    Err(rustix::io::Errno::INTR) => continue,
                    Err(e) if is_full(e) => return Err(unwritable(e.into())),
                    // The kernel cannot copy between these two. Other errors appear again when reading and writing.
                    Err(_) => {
                        open = None;
                        continue;
                    }
                }
            } else {
                window.resize(want, 0);
                match self.content.read_at(&mut window, at) {
                    Ok(n) => {
                        let read = window.get(..n).unwrap_or_default();
                        to.write_all_at(read, at).map_err(unwritable)?;
                        n
                    }
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => return Err(self.fault("read", Some(at), e)),
                }
            };
            if copied == 0 {
                return Err(self.changed(format!("it ended at {at} of {len} bytes"), Some(at)));
            }
            at += copied as u64;
            if !progress(at) {
                return Err(Error::Interrupted);
            }
        }
        Ok(())
    }

    /// Whether a running etcd holds it.
    #[must_use]
    pub(crate) fn is_locked(&self) -> bool {
        self.content.is_locked()
    }

    /// Whether another file is at the path now, or none. Where that cannot be checked, the answer is no.
    fn is_elsewhere(&self) -> bool {
        match std::fs::metadata(&self.origin.path) {
            Ok(there) => (there.dev(), there.ino()) != self.stamp.id,
            Err(e) => matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
        }
    }

    /// Checks that this file is still at its path.
    ///
    /// # Errors
    /// [`Error::Changed`], when it was moved away or replaced.
    pub(crate) fn is_at_its_path(&self) -> Result<()> {
        if self.own || !self.is_elsewhere() {
            return Ok(());
        }
        Err(self.changed("the file at its path was replaced or removed", None))
    }

    /// Checks that the file did not change since it was opened.
    pub(super) fn intact(&self) -> Result<()> {
        if self.own {
            return Ok(());
        }
        if let Some(hole) = self.content.hole() {
            return Err(self.changed("bytes could not be read, or are gone", Some(hole)));
        }
        let now = match self.content.file() {
            Some(file) => file.metadata().map_err(|e| self.fault("look at", None, e))?,
            None if self.is_elsewhere() => {
                return Err(
                    self.changed("the file at its path was replaced or removed, and it cannot be looked at", None)
                );
            }
            None => std::fs::metadata(&self.origin.path).map_err(|e| self.fault("look at", None, e))?,
        };
        match self.stamp.difference(&Stamp::of(&now)) {
            None => Ok(()),
            // Moved away: another file is at the path now, or none.
            Some((_, None)) if (now.mtime(), now.mtime_nsec()) == self.stamp.mtime && self.is_elsewhere() => Ok(()),
            Some((what, offset)) => Err(self.changed(what, offset)),
        }
    }
}

/// The length of what is before the trailer of a file, if it has one. Pages are multiples of 512 bytes, so 32 more
/// bytes are a trailer (`etcdutl/snapshot.hasChecksum`).
pub(super) fn end_of_image(size: u64) -> u64 {
    if size % 512 == 32 { size - 32 } else { size }
}

fn is_full(e: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    matches!(e, Errno::NOSPC | Errno::DQUOT | Errno::FBIG)
}
