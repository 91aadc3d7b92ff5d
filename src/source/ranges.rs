//! Parts of a file or of an object in a store, each by a read of its own.

use std::{fs::File, os::unix::fs::FileExt as _, path::Path};

use super::{
    Options, Origin, Stat,
    datadir::member_dir,
    foreign,
    locator::Locator,
    part::end_of_image,
    sniff::{HEAD, Sniffed, sniff},
    stamp::{Stamp, irregular},
    store::Remote,
    url,
};
use crate::{Error, Result, bytes::shell};

/// An input of which only parts are read. It is not unpacked: a compressed file is what its bytes are.
#[derive(Debug)]
pub struct Ranges {
    name: String,
    len: u64,
    from: From,
}

#[derive(Debug)]
enum From {
    File(File, Stamp),
    Object(Remote, String, Stat),
}

impl Ranges {
    /// Opens the file or URL `named`.
    ///
    /// # Errors
    /// When there is no such file, or it is none that can be read in parts, as a folder or a pipe.
    pub fn open(named: &Path, options: &Options) -> Result<Self> {
        let named = Locator::parse(named)?;
        let (name, raw) = (named.display().to_owned(), named.raw().to_owned());
        if named.is_url() {
            let stat = url::stat(Path::new(&raw), options)?;
            let remote = options.remote.clone().ok_or_else(|| named.unsupported())?;
            return Ok(Self { name, len: stat.size, from: From::Object(remote, raw, stat) });
        }
        if named.is_stdin() {
            return Err(Error::usage("standard input cannot be read in parts").hinted("etcdsnap status -"));
        }
        let origin = Origin::file(named.outer());
        let failed = |e| Error::io(&origin.display, "open", e);
        let kind = match origin.path.metadata().map_err(failed)? {
            _ if named.inner().is_some() => Some("a file in another"),
            metadata => irregular(&metadata),
        };
        if let Some(kind) = kind {
            let member = member_dir(named.outer()).filter(|_| named.inner().is_none());
            let hint = match member {
                Some(member) => format!("etcdsnap status --quick {}", shell(member.join("snap/db"))),
                None => format!("etcdsnap status {}", shell(&name)),
            };
            return Err(Error::usage(format!("{name}: {kind} cannot be read in parts")).hinted(hint));
        }
        let file = File::open(&origin.path).map_err(failed)?;
        let stamp = Stamp::of(&file.metadata().map_err(failed)?);
        Ok(Self { name, len: stamp.size, from: From::File(file, stamp) })
    }

    /// The name, for messages.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of the file.
    #[must_use]
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes before the trailer, if the file has one by its length.
    #[must_use]
    pub(crate) fn end_of_image(&self) -> u64 {
        end_of_image(self.len)
    }

    /// The first bytes of a bbolt file, with both metas.
    ///
    /// # Errors
    /// When the file is none: a compressed one, too.
    pub(crate) fn head(&self) -> Result<Vec<u8>> {
        let head = self.read(0, HEAD as u64)?;
        match sniff(&head) {
            Sniffed::Bbolt => Ok(head),
            Sniffed::Wrapped(wrapping) => {
                let what = format!("{}: {wrapping} cannot be read in parts", self.name);
                Err(Error::usage(what).hinted(format!("etcdsnap status {}", shell(&self.name))))
            }
            Sniffed::Other => Err(foreign::foreign(&self.name, &head)),
        }
    }

    /// The `len` bytes from `at`, or those up to the end.
    ///
    /// # Errors
    /// [`Error::Changed`] where the file is another one than when it was opened.
    pub(crate) fn read(&self, at: u64, len: u64) -> Result<Vec<u8>> {
        let end = at.saturating_add(len).min(self.len);
        let len = end.saturating_sub(at);
        if len == 0 {
            return Ok(Vec::new());
        }
        match &self.from {
            From::Object(remote, url, stat) => remote.0.store.range(url, stat, at..end),
            From::File(file, stamp) => {
                let failed = |e| Error::io(&self.name, "read", e);
                let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
                let read = file.read_exact_at(&mut bytes, at);
                let now = Stamp::of(&file.metadata().map_err(failed)?);
                if let Some((what, offset)) = stamp.difference(&now) {
                    return Err(Error::Changed { file: self.name.clone(), what, offset });
                }
                read.map_err(failed).map(|()| bytes)
            }
        }
    }
}
