//! The catalog as two tables for other engines: every version of every key, and the backups. `docs/rows.md` lists the
//! columns.

use std::{
    borrow::Cow,
    collections::HashSet,
    path::{Path, PathBuf},
};

use super::{
    branch::Branch,
    entry::Entry,
    facts::{Facts, uid_text},
    lives::{Holder, Life, Object},
    open::Catalog,
};
use crate::{
    Result,
    bytes::file_name,
    k8s::{Key, Moment},
    rows::{Column, Of, Pair, Table, key_text},
};

/// The table of versions: one that no later backup changed is one row, however many backups hold it.
#[derive(Debug, Clone, Copy)]
pub enum Versions {}

impl Table for Versions {
    type Line<'l> = &'l VersionRow<'l>;
}

/// A version of a key, with the backups of a lineage that hold it.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionRow<'a> {
    cluster: Option<&'a str>,
    lineage: &'a str,
    key: Cow<'a, str>,
    group: Option<Cow<'a, str>>,
    resource: Option<Cow<'a, str>>,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    uid: Option<String>,
    labels: Vec<Pair<'a>>,
    images: Vec<Cow<'a, str>>,
    life: &'a Life,
    unseen: Option<i64>,
    first: Seen,
    last: Seen,
}

/// The name and the time of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Seen {
    snapshot: Option<String>,
    time: Option<Moment>,
}

/// The columns of the table of versions.
pub const VERSIONS: [Column<Versions>; 22] = [
    Column::new("cluster", Of::Text(|of| of.cluster), "the cluster's identity: the uid of its Namespace kube-system"),
    Column::required(
        "lineage",
        Of::Text(|of| Some(of.lineage)),
        "the lineage of backups that it is in, as `catalog ls` names it; a version from before a fork is in each branch",
    ),
    Column::required("key", Of::Text(|of| Some(&of.key)), "the key of etcd; bytes that are not UTF-8 are `\\xNN`"),
    Column::new("group", Of::Text(|of| of.group.as_deref()), "the API group, by the key; empty for the core group"),
    Column::new(
        "resource",
        Of::Text(|of| of.resource.as_deref()),
        "the plural name of the kind, by the key; null for a key that is no object's",
    ),
    Column::new("namespace", Of::Text(|of| of.namespace), "the namespace"),
    Column::new("name", Of::Text(|of| of.name), "the name"),
    Column::new("uid", Of::Text(|of| of.uid.as_deref()), "the uid; null where no key opened the value"),
    Column::required("labels", Of::Map(|of| &of.labels), "metadata.labels"),
    Column::required("images", Of::Texts(|of| &of.images), "the images of a pod or of its template, each once"),
    Column::required(
        "create_revision",
        Of::Int(|of| Some(of.life.version.create_revision)),
        "the revision that created the key",
    ),
    Column::required(
        "mod_revision",
        Of::Int(|of| Some(of.life.version.mod_revision)),
        "the revision that wrote the value",
    ),
    Column::required(
        "version",
        Of::Int(|of| Some(of.life.version.version)),
        "how often it was written since its creation",
    ),
    Column::new(
        "unseen",
        Of::Int(|of| of.unseen),
        "the number of writes before it that no backup holds; null where the key was deleted before it",
    ),
    Column::required("value_size", Of::Int(|of| Some(size(of))), "bytes of the value, as it is stored"),
    Column::new(
        "value_hmac",
        Of::Bytes(|of| of.life.version.content.as_ref().map(<[u8; 16]>::as_slice)),
        "the first 16 bytes of an HMAC-SHA-256 of the value after decryption, with the key of this catalog: equal for \
         equal values; null where no key opened the value",
    ),
    Column::required(
        "first",
        Of::Int(|of| Some(of.life.first)),
        "the last revision of the oldest backup of the lineage that holds it",
    ),
    Column::required(
        "last",
        Of::Int(|of| Some(of.life.last)),
        "the last revision of the newest backup of the lineage that holds it: every one from `first` to `last` does",
    ),
    Column::new("first_time", Of::Time(|of| of.first.time), "the newest time in the oldest backup that holds it"),
    Column::new("last_time", Of::Time(|of| of.last.time), "the newest time in the newest backup that holds it"),
    Column::new(
        "first_snapshot",
        Of::Text(|of| of.first.snapshot.as_deref()),
        "the file of the oldest backup that holds it",
    ),
    Column::new(
        "last_snapshot",
        Of::Text(|of| of.last.snapshot.as_deref()),
        "the file of the newest backup that holds it",
    ),
];

fn size(of: &VersionRow<'_>) -> i64 {
    i64::try_from(of.life.version.size).unwrap_or(i64::MAX)
}

impl Seen {
    fn of(holder: Option<&Holder>) -> Self {
        Self {
            snapshot: holder.and_then(|of| of.files.first()).map(|file| text(file)),
            time: holder.and_then(|of| of.entry.time()),
        }
    }
}

fn text(path: &Path) -> String {
    file_name(path.as_os_str())
}

impl Catalog {
    /// The rows of one object of a lineage that is printed as `label`; `facts` are those of [`Catalog::facts_of`].
    pub(super) fn version_rows<'a>(
        &'a self,
        label: &'a str,
        object: &'a Object,
        facts: &'a [Facts],
    ) -> Vec<VersionRow<'a>> {
        let key = Key::new(&object.key);
        let of = key.object();
        let lineage = self.lineages().get(&object.lineage);
        let version = |(at, (life, facts)): (usize, (&'a Life, &'a Facts))| VersionRow {
            cluster: lineage.and_then(|of| of.identity.as_deref()),
            lineage: label,
            key: key_text(Cow::Borrowed(&object.key)),
            group: of.and_then(|of| of.group.clone()),
            resource: of.map(|of| of.resource.clone()),
            namespace: of.and_then(|of| of.namespace),
            name: of.map(|of| of.name),
            uid: life.version.uid.as_ref().map(uid_text),
            labels: facts.labels.iter().map(|(name, value)| (Cow::from(name), Cow::from(value))).collect(),
            images: facts.images.iter().map(Cow::from).collect(),
            life,
            unseen: object.unseen(at),
            first: Seen::of(self.holder(object.lineage, life.first)),
            last: Seen::of(self.holder(object.lineage, life.last)),
        };
        object.lives.iter().zip(facts).enumerate().map(version).collect()
    }

    /// The labels and images of each version of an object.
    pub(super) fn facts_of(&self, object: &Object) -> Result<Vec<Facts>> {
        object.lives.iter().map(|life| self.facts(&life.version)).collect()
    }

    /// The rows of backups: one for each of `branches` that it is in, or one without a branch.
    #[must_use]
    pub fn backup_rows<'a>(&self, holders: &[&'a Holder], branches: &'a [Branch]) -> Vec<BackupRow<'a>> {
        let missing: HashSet<&Path> =
            self.files().iter().filter(|(_, row)| row.missing).map(|(path, _)| path.as_path()).collect();
        let texts = |files: Vec<&PathBuf>| files.into_iter().map(|file| Cow::Owned(text(file))).collect();
        let mut rows = Vec::new();
        for holder in holders {
            let (gone, there) = holder.files.iter().partition::<Vec<_>, _>(|file| missing.contains(file.as_path()));
            let row = BackupRow { entry: &holder.entry, lineage: None, there: texts(there), gone: texts(gone) };
            let mut within = branches.iter().filter(|branch| branch.has(holder)).peekable();
            if within.peek().is_none() {
                rows.push(row.clone());
            }
            rows.extend(within.map(|branch| BackupRow { lineage: Some(branch.label.as_str()), ..row.clone() }));
        }
        rows
    }
}

/// The table of backups.
#[derive(Debug, Clone, Copy)]
pub enum Backups {}

impl Table for Backups {
    type Line<'l> = &'l BackupRow<'l>;
}

/// A backup in a lineage, or in none.
#[derive(Debug, Clone)]
pub struct BackupRow<'a> {
    entry: &'a Entry,
    lineage: Option<&'a str>,
    there: Vec<Cow<'a, str>>,
    gone: Vec<Cow<'a, str>>,
}

/// The columns of the table of backups.
pub const BACKUPS: [Column<Backups>; 13] = [
    Column::new("cluster", Of::Text(|of| of.entry.identity.as_deref()), "the cluster's identity"),
    Column::new(
        "lineage",
        Of::Text(|of| of.lineage),
        "the lineage that it is in; one from before a fork has a line for each branch; null for a damaged one",
    ),
    Column::required("files", Of::Texts(|of| &of.there), "its files"),
    Column::required(
        "missing",
        Of::Texts(|of| &of.gone),
        "those of its files that were gone at the last `catalog add`",
    ),
    Column::new("snapshot_sha256", Of::Text(|of| of.entry.sha256.as_deref()), "SHA-256 of the file, unpacked"),
    Column::new(
        "snapshot_revision",
        Of::Int(|of| of.entry.revision),
        "the last revision in it; it holds the versions of its lineage with `first <= snapshot_revision <= last`",
    ),
    Column::new("snapshot_time", Of::Time(|of| of.entry.time()), "the newest time in it"),
    Column::required("snapshot_verdict", Of::Text(|of| Some(of.entry.verdict.name())), "the verdict of `verify`"),
    Column::new("finding", Of::Text(|of| of.entry.finding.as_deref()), "the worst finding of `verify`"),
    Column::new("compacted", Of::Int(|of| of.entry.compacted), "the revision up to which it is compacted"),
    Column::new("keys", Of::Int(|of| of.entry.keys.and_then(|keys| i64::try_from(keys).ok())), "live keys"),
    Column::required("size", Of::Int(|of| i64::try_from(of.entry.size).ok()), "bytes of the unpacked db"),
    Column::required("sealed", Of::Int(|of| i64::try_from(of.entry.sealed).ok()), "live values that no key opened"),
];
