//! Answers about objects: their versions, and the backups that hold them.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::{entry::Entry, facts::uid_text, version::Version};
use crate::verify::Verdict;

/// A backup and the files that it is in.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The backup.
    pub entry: Entry,
    /// Its files: those that are there first, then those that have another content since.
    pub files: Vec<PathBuf>,
    /// Whether the first of them was there, and as it was, when it was last looked at.
    pub there: bool,
    /// Whether it was found to have another content since.
    pub changed: bool,
}

impl Holder {
    /// The file to name: one that is there, if any is.
    #[must_use]
    pub fn file(&self) -> String {
        self.files.first().map_or_else(|| "(no file)".to_owned(), |file| file.display().to_string())
    }

    /// A file of it that was there, and as it was, when it was last looked at.
    #[must_use]
    pub fn file_there(&self) -> Option<&Path> {
        self.files.first().filter(|_| self.there).map(PathBuf::as_path)
    }

    /// Whether it may be restored from without doubt.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.entry.verdict == Verdict::Good
    }

    /// Whether it is in several branches of a cluster, and later than the point where they part; `all` are the backups
    /// in the catalog. It is of one of them, and nothing that it holds shows of which.
    #[must_use]
    pub fn is_undecided(&self, all: &[Self]) -> bool {
        let rows = &self.entry.lineages;
        rows.len() > 1
            && all.iter().filter(|of| of.entry.revision < self.entry.revision).any(|earlier| {
                let is_in = |row: &u32| earlier.entry.lineages.contains(row);
                rows.iter().any(is_in) && !rows.iter().all(is_in)
            })
    }
}

/// A version of an object and the backups that hold it: all of its lineage from `first` to `last`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// The version.
    pub version: Version,
    /// The last revision of the oldest backup that holds it.
    pub first: i64,
    /// The last revision of the newest backup that holds it.
    pub last: i64,
}

/// An object, or another key, with every version that a backup of its lineage holds, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The lineage.
    pub lineage: u32,
    /// The key of etcd.
    pub key: Vec<u8>,
    /// The last revision of the newest backup of the lineage.
    pub newest: i64,
    /// The versions.
    pub lives: Vec<Life>,
}

impl Object {
    /// The last revision of the oldest backup that holds it.
    #[must_use]
    pub fn first_seen(&self) -> Option<i64> {
        self.lives.first().map(|life| life.first)
    }

    /// The last revision of the newest backup that holds it.
    #[must_use]
    pub fn last_seen(&self) -> Option<i64> {
        self.lives.last().map(|life| life.last)
    }

    /// Whether the newest backup holds it.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.last_seen() == Some(self.newest)
    }

    /// Number of writes between the version at `at` and the one before it that no backup holds; `None` where the key
    /// was deleted in between.
    #[must_use]
    pub fn unseen(&self, at: usize) -> Option<i64> {
        let life = self.lives.get(at)?;
        let Some(before) = at.checked_sub(1).and_then(|at| self.lives.get(at)) else {
            return Some(life.version.version.saturating_sub(1).max(0));
        };
        let same = before.version.create_revision == life.version.create_revision;
        same.then(|| life.version.version.saturating_sub(before.version.version).saturating_sub(1).max(0))
    }

    /// Of `bumps`, ascending, the last between the version at `at` and the one before it: the cluster was restored in
    /// between, perhaps from an older backup.
    #[must_use]
    pub fn bump_before(&self, at: usize, bumps: &[i64]) -> Option<i64> {
        let (life, before) = (self.lives.get(at)?, self.lives.get(at.checked_sub(1)?)?);
        let until = bumps.get(..bumps.partition_point(|bump| *bump <= life.version.mod_revision))?;
        until.last().copied().filter(|bump| *bump > before.last)
    }
}

/// A key that differs between two backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key of etcd.
    pub key: Vec<u8>,
    /// Its version in the first.
    pub old: Option<Version>,
    /// Its version in the second.
    pub new: Option<Version>,
}

impl Change {
    /// `+` added, `-` removed, `!` replaced by another of the same name, `~` changed, `=` written again with an equal
    /// value.
    #[must_use]
    pub fn sign(&self) -> char {
        match (&self.old, &self.new) {
            (None, _) => '+',
            (_, None) => '-',
            (Some(old), Some(new)) if old.create_revision != new.create_revision => '!',
            (Some(old), Some(new)) if old.content.is_some() && old.content == new.content => '=',
            _ => '~',
        }
    }

    /// The [`Change::sign`] as a word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.sign() {
            '+' => "added",
            '-' => "removed",
            '!' => "replaced",
            '=' => "rewritten",
            _ => "changed",
        }
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Version", 6)?;
        out.serialize_field("modRevision", &self.mod_revision)?;
        out.serialize_field("createRevision", &self.create_revision)?;
        out.serialize_field("version", &self.version)?;
        out.serialize_field("size", &self.size)?;
        out.serialize_field("uid", &self.uid.as_ref().map(uid_text))?;
        out.serialize_field("sealed", &self.content.is_none())?;
        out.end()
    }
}
