//! Names of inputs as the user typed them, and the files that they refer to.

use std::{
    ffi::OsStr,
    io::ErrorKind,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    bytes::{file_name, shell},
};

/// The name of standard input.
pub(super) const STDIN: &str = "-";

/// The name of an input: `PATH`, `-` for standard input, the URL of an object in a store, or `OUTER:INNER` for a file
/// or folder in a container or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locator {
    outer: PathBuf,
    inner: Option<String>,
    display: String,
}

impl Locator {
    /// Parses a name. Standard input comes first; then a file of exactly that name, with its colons; then URLs; then
    /// the longest `OUTER` that exists.
    ///
    /// # Errors
    /// [`Error::Io`] when no such file exists.
    pub(crate) fn parse(named: &Path) -> Result<Self> {
        let display = file_name(named);
        if let Some(rest) = in_stdin(&display) {
            let inner = Some(rest.trim_start_matches(':')).filter(|inner| !inner.is_empty()).map(str::to_owned);
            return Ok(Self { outer: STDIN.into(), inner, display: format!("{}{rest}", STDIN) });
        }
        let missing = match named.symlink_metadata() {
            Ok(_) => return Ok(Self { outer: named.to_owned(), inner: None, display }),
            Err(e) => e,
        };
        if matches!(missing.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
            if scheme(&display).is_some() {
                return Ok(Self { outer: named.to_owned(), inner: None, display: without_secrets(&display) });
            }
            let bytes = named.as_os_str().as_bytes();
            for (at, _) in bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b':') {
                let Some((outer, inner)) = bytes.split_at_checked(at) else { continue };
                let outer = Path::new(OsStr::from_bytes(outer));
                if outer.exists() {
                    let colons = inner.iter().take_while(|byte| **byte == b':').count();
                    let inner = file_name(OsStr::from_bytes(inner.get(colons..).unwrap_or_default()));
                    return Ok(Self { outer: outer.to_owned(), inner: Some(inner), display });
                }
            }
        }
        Err(Error::io(display, "open", missing))
    }

    /// Whether a name that was typed is that of a file, also in a container, or a URL.
    #[must_use]
    pub fn is_there(named: &Path) -> bool {
        !matches!(Self::parse(named), Err(Error::Io { .. }))
    }

    /// Whether the input is standard input, or a file in it.
    #[must_use]
    pub(crate) fn is_stdin(&self) -> bool {
        self.outer.as_os_str() == STDIN
    }

    /// Whether the input is an object in a store.
    #[must_use]
    pub(crate) fn is_url(&self) -> bool {
        self.scheme().is_some() && !self.outer.exists()
    }

    /// The scheme of a URL, without `://`.
    #[must_use]
    pub(super) fn scheme(&self) -> Option<&str> {
        scheme(self.raw())
    }

    /// A URL as it was typed.
    #[must_use]
    pub(super) fn raw(&self) -> &str {
        self.outer.to_str().unwrap_or_default()
    }

    /// The ways to read a URL as `OUTER` or `OUTER:INNER`, the longest `OUTER` first.
    pub(super) fn splits(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let raw = self.raw();
        let host = raw.find("://").map_or(0, |at| at.saturating_add(3));
        let path = raw.get(host..).and_then(|rest| rest.find('/')).map_or(raw.len(), |at| host.saturating_add(at));
        let colons = raw.match_indices(':').map(|(at, _)| at).filter(move |at| *at > path);
        let split = |at| raw.split_at_checked(at).map(|(outer, inner)| (outer, Some(inner.trim_start_matches(':'))));
        [(raw, None)].into_iter().chain(colons.collect::<Vec<_>>().into_iter().rev().filter_map(split))
    }

    /// The error for a URL that this build cannot open.
    #[must_use]
    pub(super) fn unsupported(&self) -> Error {
        let (scheme, display) = (self.scheme().unwrap_or_default(), &self.display);
        let what = format!("{display}: {scheme}:// is not supported by this build");
        Error::usage(what).hinted(fetch(scheme, self.raw()))
    }

    /// The file or folder on disk.
    #[must_use]
    pub(crate) fn outer(&self) -> &Path {
        &self.outer
    }

    /// The name of the picked file inside, as names in archives are displayed ([`file_name`]).
    #[must_use]
    pub(crate) fn inner(&self) -> Option<&str> {
        self.inner.as_deref()
    }

    /// The whole name, for messages.
    #[must_use]
    pub(crate) fn display(&self) -> &str {
        &self.display
    }
}

/// The rest of `named` after the name of standard input: empty, or `:INNER`.
fn in_stdin(named: &str) -> Option<&str> {
    let rest = ["/dev/stdin", STDIN].iter().find_map(|name| named.strip_prefix(name))?;
    (rest.is_empty() || rest.starts_with(':')).then_some(rest)
}

/// Whether `named` is standard input, or a file in it.
#[must_use]
pub fn is_stdin(named: &Path) -> bool {
    named.to_str().and_then(in_stdin).is_some()
}

/// Whether `named` is the URL of an object in a store, or of a folder there.
#[must_use]
pub fn is_url(named: &Path) -> bool {
    Locator::parse(named).is_ok_and(|named| !named.is_stdin() && named.is_url())
}

/// A URL without the password and the query, which may be a signature that lets everybody read the object.
#[must_use]
pub fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| scheme.starts_with("http")) else {
        return url.to_owned();
    };
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let host = host.rsplit('@').next().unwrap_or_default();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}/{path}")
}

/// The scheme of a URL, without `://`. One with a dot in it is a file's name, as in `member.tar://db`.
fn scheme(name: &str) -> Option<&str> {
    let (scheme, _) = name.split_once("://")?;
    let mut letters = scheme.chars();
    let first = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
    (first && scheme.len() > 1 && letters.all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '-')).then_some(scheme)
}

/// Hint for getting a file from a URL.
fn fetch(scheme: &str, url: &str) -> String {
    let is_folder = url.ends_with('/');
    let url = shell(url);
    match scheme {
        "s3" if is_folder => format!("aws s3 sync {url} FOLDER; etcdsnap verify FOLDER"),
        "gs" if is_folder => format!("gcloud storage rsync -r {url} FOLDER; etcdsnap verify FOLDER"),
        "s3" => format!("aws s3 cp {url} - | etcdsnap verify -"),
        "gs" => format!("gcloud storage cat {url} | etcdsnap verify -"),
        "http" | "https" => format!("curl -f {url} | etcdsnap verify -"),
        "file" => "name its path".to_owned(),
        _ => "copy it to a file first, and name the file".to_owned(),
    }
}

/// Where a part's bytes come from: its identity on disk, separate from its name in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Path of the file on disk, in the system's bytes; for an unpacked part, that of the container.
    pub path: PathBuf,
    /// Name in messages: escaped where it is not UTF-8, so never to be opened.
    pub display: String,
}

impl Origin {
    /// Origin of the file or folder at `path`.
    #[must_use]
    pub(crate) fn file(path: &Path) -> Self {
        Self { path: path.to_owned(), display: file_name(path) }
    }

    /// Origin of the object at `url`.
    #[must_use]
    pub(crate) fn url(url: &str) -> Self {
        Self { path: url.into(), display: without_secrets(url) }
    }

    /// Origin of a part that is unpacked from this one and called `display`.
    #[must_use]
    pub(crate) fn inside(&self, display: impl Into<String>) -> Self {
        Self { path: self.path.clone(), display: display.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_one_unless_there_is_such_a_file() {
        let parse = |url: &str| Locator::parse(Path::new(url));
        let url = parse("s3://bucket/k").unwrap();
        assert_eq!((url.is_url(), url.scheme(), url.raw()), (true, Some("s3"), "s3://bucket/k"));
        let error = url.unsupported();
        assert_eq!(error.to_string(), "s3://bucket/k: s3:// is not supported by this build");
        assert_eq!(error.hint(), Some("aws s3 cp s3://bucket/k - | etcdsnap verify -"));
        assert!(matches!(parse("a.tar://b"), Err(Error::Io { .. })));
        assert!(matches!(parse("c://b"), Err(Error::Io { .. })));
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("b"), b"").unwrap();
        assert!(!is_url(&dir.path().join("b")) && is_url(Path::new("gs://b/k")));
    }

    #[test]
    fn a_url_may_name_a_file_inside_an_object() {
        let splits = |url: &str| {
            let url = Locator::parse(Path::new(url)).unwrap();
            url.splits().map(|(outer, inner)| (outer.to_owned(), inner.map(str::to_owned))).collect::<Vec<_>>()
        };
        let split = |outer: &str, inner: &str| (outer.to_owned(), Some(inner.to_owned()));
        let whole = |url: &str| (url.to_owned(), None);
        let times = "s3://b/a-10:00.tar:x.db";
        assert_eq!(
            splits(times),
            [whole(times), split("s3://b/a-10:00.tar", "x.db"), split("s3://b/a-10", "00.tar:x.db")]
        );
        assert_eq!(splits("http://[::1]:80/k"), [whole("http://[::1]:80/k")]);
        assert_eq!(splits("https://host:80"), [whole("https://host:80")]);
    }

    #[test]
    fn messages_show_no_signature_of_a_url() {
        let shown = |url: &str| Locator::parse(Path::new(url)).unwrap().display().to_owned();
        assert_eq!(shown("https://me:pw@host:8/b/k.db?X-Amz-Signature=1"), "https://host:8/b/k.db");
        assert_eq!(shown("s3://b/k?c"), "s3://b/k?c");
    }

    #[test]
    fn the_longest_outer_that_is_there_holds_the_inner() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "a:b", "a:b:c"] {
            std::fs::write(dir.path().join(name), b"").unwrap();
        }
        let parse = |name: &str| {
            let locator = Locator::parse(&dir.path().join(name)).unwrap();
            (locator.outer().file_name().unwrap().to_owned(), locator.inner().map(str::to_owned))
        };
        assert_eq!(parse("a:b:c"), ("a:b:c".into(), None));
        assert_eq!(parse("a:b:d"), ("a:b".into(), Some("d".to_owned())));
        assert_eq!(parse("a::x"), ("a".into(), Some("x".to_owned())));
    }
}
