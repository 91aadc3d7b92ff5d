//! [`Error`] ends a command; a [`Finding`] is something seen in the input on the way.

mod advice;
mod code;

use std::{collections::BTreeMap, fmt, io};

use serde::Serialize;

pub use advice::{Advice, Call, Next};
pub use code::Code;

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault an [`Error`] is; its number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The content of the input: damaged, not a snapshot, not found in it.
    Content = 1,
    /// The caller: wrong usage.
    Caller = 2,
    /// The system: could not read or write, or the input changed while it was read.
    System = 3,
}

/// Why a command could not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{file}: cannot {doing}: {source}{}", At(*offset))]
    Io {
        /// The file as the user named it.
        file: String,
        /// What was being done: `open`, `read`, ...
        doing: &'static str,
        /// Where in the file, if it was being read.
        offset: Option<u64>,
        /// The system's error.
        source: io::Error,
    },
    /// The input is not what it was when it was opened, so nothing that was printed about it is certain.
    #[error("{file} changed while it was read: {what}{}", At(*offset))]
    Changed {
        /// The file as the user named it.
        file: String,
        /// What changed: its size, its modification time, ...
        what: String,
        /// The first byte that is known to be lost.
        offset: Option<u64>,
    },
    /// The person stopped it.
    #[error("interrupted; nothing was changed")]
    Interrupted,
    /// Something else than an etcd backup, and named for what it is.
    #[error("{file}: not an etcd snapshot: {what}")]
    Foreign {
        /// The file as the user named it.
        file: String,
        /// What the file is, in words.
        what: String,
        /// What to do instead.
        hint: Advice,
        /// Whether the file may be a backup all the same, or what is left of one: empty, encrypted, of no known format.
        may_be_one: bool,
    },
    /// An etcd backup that is too damaged to be opened at all.
    #[error("{file}: {finding}")]
    Damaged {
        /// The file as the user named it.
        file: String,
        /// What is wrong with it.
        finding: Box<Finding>,
    },
    /// The input can be read, but not used for this.
    #[error("{what}")]
    Refused {
        /// Why not, in a sentence.
        what: String,
        /// What to do next.
        hint: Option<Advice>,
    },
    /// What was asked for is not in the input.
    #[error("{what}")]
    NotFound {
        /// What is missing, in a sentence.
        what: String,
        /// What to do next.
        hint: Option<Advice>,
    },
    /// The input holds several backups, and none of them was named.
    #[error("{what}")]
    Several {
        /// The input as the user named it, and a list of the backups in it.
        what: String,
        /// The names of the backups inside.
        found: Vec<String>,
        /// What to type instead.
        hint: Advice,
    },
    /// Another run of this program is writing there.
    #[error("{folder}: another etcdsnap is writing there")]
    Busy {
        /// The folder that the other run has locked.
        folder: String,
    },
    /// The call makes no sense, or is not precise enough.
    #[error("{what}")]
    Usage {
        /// What is wrong with it.
        what: String,
        /// What to type instead.
        hint: Option<Advice>,
    },
}

impl Error {
    /// The call makes no sense, or is not precise enough; `what` is the reason.
    #[must_use]
    pub fn usage(what: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), hint: None }
    }

    /// The input can be read, but not used for this; `what` is the reason.
    #[must_use]
    pub fn refused(what: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), hint: None }
    }

    /// The input does not hold what was asked for; `what` names what is missing.
    #[must_use]
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into(), hint: None }
    }

    /// The system refused to `doing` (`open`, `read`, ...) the file that the user knows as `file`.
    #[must_use]
    pub fn io(file: impl Into<String>, doing: &'static str, source: io::Error) -> Self {
        Self::Io { file: file.into(), doing, offset: None, source }
    }

    /// Adds what to do next. Only [`Error::Usage`], [`Error::Refused`] and [`Error::NotFound`] take a hint.
    #[must_use]
    pub fn hinted(self, hint: impl Into<Advice>) -> Self {
        self.hinted_if(Some(hint))
    }

    /// Adds what to do next, where there is something to do.
    #[must_use]
    pub fn hinted_if(mut self, new: Option<impl Into<Advice>>) -> Self {
        if let Self::Refused { hint, .. } | Self::NotFound { hint, .. } | Self::Usage { hint, .. } = &mut self {
            *hint = new.map(Into::into);
        }
        self
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Io { .. } | Self::Changed { .. } | Self::Interrupted => Fault::System,
            Self::Foreign { .. } | Self::Damaged { .. } | Self::Refused { .. } | Self::NotFound { .. } => {
                Fault::Content
            }
            Self::Several { .. } | Self::Usage { .. } | Self::Busy { .. } => Fault::Caller,
        }
    }

    /// What the person may do next, if anything.
    #[must_use]
    pub fn advice(&self) -> Option<Advice> {
        match self {
            Self::Foreign { hint, .. } | Self::Several { hint, .. } => Some(hint.clone()),
            Self::Damaged { finding, .. } => finding.hint.clone(),
            Self::Refused { hint, .. } | Self::NotFound { hint, .. } | Self::Usage { hint, .. } => hint.clone(),
            Self::Io { .. } | Self::Changed { .. } | Self::Interrupted | Self::Busy { .. } => {
                self.hint().map(Advice::from)
            }
        }
    }

    /// The text of [`Error::advice`].
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("there is no space left in that file system: make room, and run it again")
            }
            Self::Io { .. } | Self::Interrupted => None,
            Self::Busy { .. } => Some("wait until it ends"),
            Self::Changed { .. } => Some("copy the file to where nothing writes to it, and read the copy"),
            Self::Foreign { hint, .. } | Self::Several { hint, .. } => Some(hint),
            Self::Damaged { finding, .. } => finding.hint.as_deref(),
            Self::Refused { hint, .. } | Self::NotFound { hint, .. } | Self::Usage { hint, .. } => hint.as_deref(),
        }
    }
}

struct At(Option<u64>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |at| write!(f, " (at offset {at:#x})"))
    }
}

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// All that could be checked is right, but something could not be, or will surprise.
    Warning,
    /// The input is damaged.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing seen in the input, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The kind of finding.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in words.
    pub what: String,
    /// The file of a data directory that it is in; `None` for the db itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Byte offset in that file.
    pub offset: Option<u64>,
    /// bbolt page number.
    pub page: Option<u64>,
    /// The key it concerns, escaped, and cut when it is long ([`crate::bytes::excerpt`]).
    pub key: Option<String>,
    /// What to do next.
    pub hint: Option<Advice>,
}

impl Finding {
    /// A finding of `severity`; add its place with the methods below.
    #[must_use]
    pub(crate) fn new(severity: Severity, code: Code, what: impl Into<String>) -> Self {
        Self { code, severity, what: what.into(), file: None, offset: None, page: None, key: None, hint: None }
    }

    /// Damage.
    #[must_use]
    pub fn error(code: Code, what: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, what)
    }

    /// Doubt.
    #[must_use]
    pub(crate) fn warning(code: Code, what: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, what)
    }

    /// A remark.
    #[must_use]
    pub(crate) fn info(code: Code, what: impl Into<String>) -> Self {
        Self::new(Severity::Info, code, what)
    }

    /// With its byte offset.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// With its page number.
    #[must_use]
    pub fn page(mut self, page: u64) -> Self {
        self.page = Some(page);
        self
    }

    /// With the key it concerns.
    #[must_use]
    pub fn key(mut self, key: &[u8]) -> Self {
        self.key = Some(crate::bytes::excerpt(key));
        self
    }

    /// With what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Advice>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The finding without its file, for lists that name the file already.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self { file: None, ..self.clone() }
    }

    /// With the file it is in.
    #[must_use]
    pub(crate) fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(page) = self.page {
            write!(f, "page {page}: ")?;
        }
        f.write_str(&self.what)?;
        if let Some(key) = &self.key {
            write!(f, " (key {key})")?;
        }
        let file = self.file.as_deref().map(|file| file.rsplit(['/', ':']).next().unwrap_or(file));
        match (self.offset, file) {
            (Some(at), Some(file)) => write!(f, " (at offset {at:#x} of {file})"),
            (None, Some(file)) => write!(f, " (in {file})"),
            (at, None) => write!(f, "{}", At(at)),
        }
    }
}

/// The findings of a run, in order: the first [`Findings::KEPT`] are kept, all are counted by code.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    list: Vec<Finding>,
    text: usize,
    counts: BTreeMap<(Code, Severity), u64>,
}

impl Findings {
    /// So many are kept whole; a broken file may hold millions.
    pub const KEPT: usize = 10_000;

    /// So many bytes of text are kept with them at the most: lists of many threads are held at once.
    const KEPT_TEXT: usize = 1 << 20;

    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        let count = self.counts.entry((finding.code, finding.severity)).or_default();
        *count = count.saturating_add(1);
        self.keep(finding);
    }

    /// Adds those that there are.
    pub(crate) fn push_all(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }

    /// Adds all of `other`, after those that are here.
    pub fn append(&mut self, other: Self) {
        for (code, n) in other.counts {
            let count = self.counts.entry(code).or_default();
            *count = count.saturating_add(n);
        }
        other.list.into_iter().for_each(|finding| self.keep(finding));
    }

    fn keep(&mut self, finding: Finding) {
        let (key, hint) = (finding.key.as_deref(), finding.hint.as_deref());
        let text = [key, hint].into_iter().flatten().map(str::len);
        let size = text.fold(finding.what.len(), usize::saturating_add);
        if self.list.len() < Self::KEPT && self.text < Self::KEPT_TEXT {
            self.text = self.text.saturating_add(size);
            self.list.push(finding);
        }
    }

    /// The findings that were kept, in the order they were seen.
    #[must_use]
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// How many there were of each code, kept or not.
    pub fn counts(&self) -> impl Iterator<Item = (Code, Severity, u64)> + '_ {
        self.counts.iter().map(|((code, severity), n)| (*code, *severity, *n))
    }

    /// How many there were of this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> u64 {
        self.counts.iter().filter(|((_, s), _)| *s == severity).fold(0, |sum, (_, n)| sum.saturating_add(*n))
    }

    /// Whether one of them is damage.
    #[must_use]
    pub fn damaged(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// Whether what was read may be of two members, or of two lives of one.
    #[must_use]
    pub fn mixed(&self) -> bool {
        self.counts.iter().any(|((code, _), n)| *code == Code::LogOfAnother && *n > 0)
    }
}
