//! Objects in stores as backups.

use std::{
    io::{self, Read},
    path::Path,
    sync::PoisonError,
};

use super::{
    Digests, DoubtFile, Options, Origin, Part,
    locator::Locator,
    part::end_of_image,
    scratch::Scratch,
    store::{Listing, Object, Opened, Stat, Store},
};
use crate::{
    Code, Error, Finding, Result,
    bytes::{counted, one_line},
    hash::Sha256,
};

/// The store for `named`, a URL.
fn store<'o>(named: &Locator, options: &'o Options) -> Result<&'o Opened> {
    let store = options.remote.as_ref().map(|remote| &*remote.0);
    store.filter(|of| named.scheme().is_some_and(|scheme| of.store.takes(scheme))).ok_or_else(|| named.unsupported())
}

/// What a store reports of the object at the URL `named`.
///
/// # Errors
/// When there is no network access, no such object, or the store refuses.
pub fn stat(named: &Path, options: &Options) -> Result<Stat> {
    let named = Locator::parse(named)?;
    store(&named, options)?.store.stat(named.raw())
}

/// What a store reports of the objects that record doubt about the backup at the URL `named`.
///
/// # Errors
/// As [`stat`]; objects that do not exist are left out.
pub fn stat_doubts(named: &Path, options: &Options) -> Result<Vec<Stat>> {
    let named = Locator::parse(named)?;
    Ok(about(&named, named.raw().as_ref(), options, |store, name| store.stat(&name))?.0)
}

/// The objects in the folder `named`, a URL that ends in `/`.
pub(super) fn list(named: &Locator, recursive: bool, options: &Options) -> Result<Listing> {
    store(named, options)?.store.list(named.raw(), recursive)
}

/// Opens the object that `named`, a URL, names: read once, into a nameless file, because a backup needs random access.
/// Returns it with the name of the file inside that is asked for: an object of exactly that name comes first, with its
/// colons, then the longest `OUTER` that there is.
pub(super) fn open(named: &Locator, options: &Options) -> Result<(Part, Option<String>)> {
    let Opened { store, last } = store(named, options)?;
    if named.raw().ends_with('/') {
        let found = store.list(named.raw(), false)?.objects.len();
        let what = format!("{}: a folder with {}", named.display(), counted(found as u64, "object"));
        return Err(Error::usage(what).hinted("name one of its objects; `verify` and `catalog add` take a folder"));
    }
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    let mut absent = None;
    for (outer, inner) in named.splits() {
        let inner = inner.map(str::to_owned);
        if let Some((_, part)) = last.as_ref().filter(|(url, _)| url == outer) {
            return Ok((part.clone(), inner));
        }
        match store.open(outer) {
            Ok(object) => {
                // One that is not used any more makes room first.
                *last = None;
                let part = spooled(object, outer, options)?;
                *last = Some((outer.to_owned(), part.clone()));
                return Ok((part, inner));
            }
            Err(error) if is_absent(&error) => absent = absent.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    Err(absent.unwrap_or_else(|| named.unsupported()))
}

fn spooled(object: Object, url: &str, options: &Options) -> Result<Part> {
    let origin = Origin::url(url);
    let broken = |error: io::Error| error.downcast().unwrap_or_else(|error| Error::io(&origin.display, "read", error));
    let mut content = Summed::new(object.content, end_of_image(object.size));
    let file = Scratch::new(options).take(&mut content, &origin.display, "is", broken)?;
    let got = file.metadata().map_err(|e| Error::io(&origin.display, "look at", e))?.len();
    if got != object.size {
        let what = format!("{got} of {} bytes arrived", object.size);
        return Err(Error::io(&origin.display, "read", io::Error::new(io::ErrorKind::UnexpectedEof, what)));
    }
    Part::own(origin, file).map(|part| part.summed(content.digests()))
}

/// A reader that computes the sums of what it reads, for a file of a known length.
struct Summed<R> {
    from: R,
    sha: Sha256,
    /// The bytes that are left before the trailer.
    left: u64,
    image: Option<[u8; 32]>,
}

impl<R> Summed<R> {
    fn new(from: R, image: u64) -> Self {
        Self { from, sha: Sha256::default(), left: image, image: None }
    }

    fn digests(self) -> Digests {
        let file = self.sha.finish();
        Digests { image: self.image.unwrap_or(file), file }
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(into)?;
        let read = into.get(..n).unwrap_or_default();
        let of_image = usize::try_from(self.left).unwrap_or(n).min(n);
        let (image, rest) = read.split_at_checked(of_image).unwrap_or((read, &[]));
        self.sha.update(image);
        self.left = self.left.saturating_sub(of_image as u64);
        if !rest.is_empty() {
            self.image.get_or_insert_with(|| self.sha.clone().finish());
            self.sha.update(rest);
        }
        Ok(n)
    }
}

/// Whether there is no such object. A store that may not list its objects refuses one that it does not have.
fn is_absent(error: &Error) -> bool {
    let absent = [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied];
    matches!(error, Error::Io { source, .. } if absent.contains(&source.kind()))
}

/// The files about the backup `url` that lie beside it, and a note where the store does not say whether there is one.
pub(super) fn doubts(named: &Locator, url: &Path, options: &Options) -> Result<(Vec<DoubtFile>, Option<Finding>)> {
    about(named, url, options, |store, name| store.open(&name).map(|object| DoubtFile::read(name, object.content)))
}

/// What `look` returns of each of these files that there is.
fn about<T>(
    named: &Locator,
    url: &Path,
    options: &Options,
    look: impl Fn(&dyn Store, String) -> Result<T>,
) -> Result<(Vec<T>, Option<Finding>)> {
    let Opened { store, .. } = store(named, options)?;
    let (mut found, mut unknown) = (Vec::new(), None);
    if !named.scheme().is_some_and(|scheme| store.has_folders(scheme)) {
        return Ok((found, unknown));
    }
    for name in DoubtFile::names(url) {
        match look(&**store, name.clone()) {
            Ok(one) => found.push(one),
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) if is_absent(&error) => {
                let what = format!("it is not known whether {} exists: the store refuses the request", one_line(&name));
                let hint = "the file would record doubt about the backup; the permission to list the bucket is needed";
                unknown = unknown.or_else(|| Some(Finding::info(Code::DoubtUnknown, what).hint(hint)));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((found, unknown))
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::{super::Remote, *};

    /// A store that has no object, and refuses requests for some.
    #[derive(Debug)]
    struct Refusing(&'static str);

    impl super::super::Store for Refusing {
        fn takes(&self, _: &str) -> bool {
            true
        }

        fn has_folders(&self, _: &str) -> bool {
            true
        }

        fn open(&self, url: &str) -> Result<Object> {
            let kind = if url.ends_with(self.0) { io::ErrorKind::PermissionDenied } else { io::ErrorKind::NotFound };
            Err(Error::io(url, "open", kind.into()))
        }

        fn stat(&self, url: &str) -> Result<Stat> {
            Err(Error::io(url, "look at", io::ErrorKind::NotFound.into()))
        }

        fn range(&self, url: &str, _: &Stat, _: Range<u64>) -> Result<Vec<u8>> {
            Err(Error::io(url, "read", io::ErrorKind::NotFound.into()))
        }

        fn list(&self, _: &str, _: bool) -> Result<Listing> {
            Ok(Listing::default())
        }
    }

    #[test]
    fn what_a_store_does_not_tell_is_not_taken_for_absent() {
        let url = Path::new("s3://b/k.db");
        let unknown = |refused| {
            let options = Options { remote: Some(Remote::new(Refusing(refused))), ..Options::default() };
            let (found, unknown) = doubts(&Locator::parse(url).unwrap(), url, &options).unwrap();
            assert_eq!(found, []);
            unknown.map(|finding| finding.what)
        };
        assert_eq!(unknown("nothing"), None);
        let what = "it is not known whether s3://b/k.db.etcdsnap.json exists: the store refuses the request";
        assert_eq!(unknown(".json").as_deref(), Some(what));
    }
}
