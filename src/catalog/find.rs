//! Objects with the backups that hold them, and the command that brings one back.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::Path};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::{
    branch::Branch,
    lives::{Holder, Life, Object},
    open::Catalog,
    scope::Scope,
    search::{ByName, Searched},
    version::Version,
    wanted::{Wanted, kind_of, words},
};
use crate::{
    Result,
    error::Call,
    k8s::{Key, Resources},
    source::is_stdin,
};

/// The answer to a question about objects.
#[derive(Debug)]
pub struct FoundObjects<'c> {
    /// The objects, by branch and in the order of their keys.
    pub objects: Vec<FoundObject<'c>>,
    /// The objects that were named, and which were found.
    pub names: ByName,
    /// Number of objects of which it is not known whether they have what is asked for: no key opened them.
    pub sealed: u64,
}

/// An object of a branch, with the backups that hold it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundObject<'c> {
    /// The identity of the cluster.
    pub cluster: Option<String>,
    /// The label of the branch.
    pub row: String,
    /// The object in words, as [`words`].
    pub object: String,
    /// The key of etcd; bytes that are not UTF-8 are replaced.
    pub key: String,
    /// The oldest backup that holds it.
    pub first_seen: BackupAt<'c>,
    /// The newest backup that holds it.
    pub last_seen: BackupAt<'c>,
    /// Whether the newest backup of the branch holds it.
    pub in_newest: bool,
    /// Its versions, oldest first.
    pub versions: Vec<FoundVersion<'c>>,
    /// The first backup after those that hold it.
    #[serde(skip)]
    pub gone_in: Option<BackupAt<'c>>,
    /// How it is brought back; `None` where no file that holds it is there.
    #[serde(skip)]
    pub bring_back: Option<BringBack<'c>>,
    /// Whether it was read from standard input, of which no file is known.
    #[serde(skip)]
    pub from_stdin: bool,
}

/// A version of an object, with the backups that hold it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundVersion<'c> {
    /// The version.
    #[serde(flatten)]
    pub version: Version,
    /// Number of writes before it that no backup holds; `None` where the object was deleted in between.
    pub unseen: Option<i64>,
    /// The revision that a restore with `--bump-revision` raised the cluster to, after the version before.
    pub raised_to: Option<i64>,
    /// The oldest backup that holds it.
    pub from: BackupAt<'c>,
    /// The newest backup that holds it.
    pub to: BackupAt<'c>,
    /// Whether it has the value of the version before.
    #[serde(skip)]
    pub is_same: bool,
}

/// The backups of a branch that have one last revision, and so the same state: copies of one, and those of several
/// members.
#[derive(Debug, Clone)]
pub struct BackupAt<'c> {
    /// The revision.
    pub revision: i64,
    /// One of the backups, as [`Catalog::holder`].
    pub holder: Option<&'c Holder>,
    /// Their files, as [`Catalog::files_at`].
    files: Vec<(&'c Path, bool)>,
    /// The place of the file to name.
    named: Option<usize>,
}

impl<'c> BackupAt<'c> {
    /// The first file is the one to name: paths have dates in them.
    fn first(catalog: &'c Catalog, branch: &Branch, revision: i64) -> Self {
        Self::at(catalog, branch, revision, |files, is_there| files.iter().position(|(_, there)| *there == is_there))
    }

    /// The last file is the one to name.
    fn last(catalog: &'c Catalog, branch: &Branch, revision: i64) -> Self {
        Self::at(catalog, branch, revision, |files, is_there| files.iter().rposition(|(_, there)| *there == is_there))
    }

    /// `name` finds the file to name, of those that are there if any is.
    fn at(
        catalog: &'c Catalog,
        branch: &Branch,
        revision: i64,
        name: impl FnOnce(&[(&Path, bool)], bool) -> Option<usize>,
    ) -> Self {
        let (holder, files) = (catalog.holder(branch.number, revision), catalog.files_at(branch.number, revision));
        let named = files.first().and_then(|(_, is_there)| name(&files, *is_there));
        Self { revision, holder, files, named }
    }

    /// The file to name, and whether it is there.
    #[must_use]
    pub fn file(&self) -> Option<(&'c Path, bool)> {
        self.files.get(self.named?).copied()
    }

    /// The other files, each with `true` where it is there.
    pub fn others(&self) -> impl Iterator<Item = (&'c Path, bool)> {
        self.files.iter().enumerate().filter(|(at, _)| Some(*at) != self.named).map(|(_, file)| *file)
    }
}

/// The newest time in the backup, the revision, the file to name, and all files with this state.
impl Serialize for BackupAt<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = |path: &Path| path.display().to_string();
        let files: Vec<_> = self.files.iter().map(|(file, _)| text(file)).collect();
        let mut out = serializer.serialize_struct("BackupAt", 4)?;
        out.serialize_field("time", &self.holder.and_then(|of| of.entry.newest.as_ref()))?;
        out.serialize_field("revision", &self.revision)?;
        out.serialize_field("file", &self.file().map(|(file, _)| text(file)))?;
        out.serialize_field("files", &files)?;
        out.end()
    }
}

/// A version of an object that can be brought back, and the file that it is in.
#[derive(Debug, Clone)]
pub struct BringBack<'c> {
    /// The file, which is there.
    pub file: &'c Path,
    /// The revision of the version.
    pub revision: i64,
    key: Vec<u8>,
    kind: Option<String>,
    is_encrypted: bool,
}

impl<'c> BringBack<'c> {
    /// The newest version of which a file is still there: of the files with the same state, one of a good backup if
    /// there is any. What came from standard input is in no file.
    fn of(catalog: &'c Catalog, branch: &Branch, resources: &Resources, object: &Object) -> Option<Self> {
        let (version, file) = object.lives.iter().rev().find_map(|life| {
            let mut heads = heads_of(catalog, branch, life).rev();
            let file = heads.find_map(|head| {
                let files = catalog.files_at(branch.number, head).into_iter();
                let files: Vec<_> = files.filter(|(path, there)| *there && !is_stdin(path)).collect();
                let best = catalog.holder(branch.number, head);
                let is_best = |path: &Path| best.is_some_and(|best| best.files.iter().any(|of| of == path));
                files.iter().find(|(path, _)| is_best(path)).or(files.first()).map(|(path, _)| *path)
            })?;
            Some((&life.version, file))
        })?;
        let is_encrypted = version.content != Some(version.stored);
        let (key, kind) = (object.key.clone(), kind_of(resources, &object.key));
        Some(Self { file, revision: version.mod_revision, key, kind, is_encrypted })
    }

    /// The command that writes this version, with the file under the name `file`.
    #[must_use]
    pub fn call(&self, file: &Path) -> Call {
        let parsed = Key::new(&self.key);
        let (Some(of), Some(kind)) = (parsed.object(), &self.kind) else {
            return Call::new("etcdsnap kv").arg(file).arg(OsStr::from_bytes(&self.key));
        };
        let call = Call::new("etcdsnap export").arg(file).arg(format!("{kind}/{}", of.name));
        let call = call.option("-n", of.namespace).arg("--all");
        let call = if self.is_encrypted || of.resource == "secrets" { call.arg("--reveal") } else { call };
        let call = call.option("--encryption-config", self.is_encrypted.then_some("FILE"));
        call.args(["--to", "DIR"])
    }
}

/// The last revisions of the backups of a branch that hold a version, ascending.
fn heads_of<'c>(catalog: &'c Catalog, branch: &Branch, life: &Life) -> impl DoubleEndedIterator<Item = i64> + use<'c> {
    let heads = catalog.heads(branch.number);
    let (first, last) = (life.first, life.last);
    heads.iter().copied().filter(move |head| (first..=last).contains(head))
}

impl<'c> FoundObject<'c> {
    fn of(catalog: &'c Catalog, branch: &Branch, resources: &Resources, object: &Object, bumps: &[i64]) -> Self {
        let mut before: Option<&Version> = None;
        let mut versions = Vec::new();
        for (at, life) in object.lives.iter().enumerate() {
            let version = &life.version;
            versions.push(FoundVersion {
                version: version.clone(),
                unseen: object.unseen(at),
                raised_to: object.bump_before(at, bumps),
                from: BackupAt::first(catalog, branch, life.first),
                to: BackupAt::last(catalog, branch, life.last),
                is_same: before.is_some_and(|of| of.content.is_some() && of.content == version.content),
            });
            before = Some(version);
        }
        let last = object.last_seen().unwrap_or_default();
        let heads = catalog.heads(branch.number);
        let after = heads.iter().find(|head| **head > last);
        let mut held = object.lives.iter().flat_map(|life| heads_of(catalog, branch, life));
        let is_piped = |head| catalog.files_at(branch.number, head).iter().any(|(path, _)| is_stdin(path));
        Self {
            cluster: branch.identity.clone(),
            row: branch.label.clone(),
            object: words(resources, &object.key),
            key: String::from_utf8_lossy(&object.key).into_owned(),
            first_seen: BackupAt::first(catalog, branch, object.first_seen().unwrap_or_default()),
            last_seen: BackupAt::last(catalog, branch, last),
            in_newest: object.is_there(),
            versions,
            gone_in: after.map(|head| BackupAt::first(catalog, branch, *head)),
            bring_back: BringBack::of(catalog, branch, resources, object),
            from_stdin: held.any(is_piped),
        }
    }
}

impl Catalog {
    /// The objects that are `wanted`, in all branches of `scope`.
    ///
    /// # Errors
    /// As [`Scope::search`], and when the catalog is damaged.
    pub fn found(&self, scope: &Scope, wanted: &Wanted) -> Result<FoundObjects<'_>> {
        let mut found = FoundObjects { objects: Vec::new(), names: ByName::default(), sealed: 0 };
        for Searched { branch, resources, selection } in scope.search(self, wanted)? {
            found.names.ask(&selection);
            let bumps = self.bumps(branch.number);
            let selected = (&resources, &selection);
            let sealed = self.each_selected::<crate::Error>(branch.number, wanted, selected, |object| {
                found.names.find(&selection, &object.key);
                found.objects.push(FoundObject::of(self, &branch, &resources, &object, &bumps));
                Ok(())
            })?;
            found.sealed = found.sealed.saturating_add(sealed);
        }
        // a uid is of one object
        if wanted.uid.is_some() && !found.objects.is_empty() {
            found.sealed = 0;
        }
        Ok(found)
    }
}
