//! What differs between two backups of one branch, by the catalog alone.

use serde::Serialize;

use super::{
    branch::Branch,
    lives::{Change, Holder, Life, Object},
    open::Catalog,
    scope::Scope,
    search::ByName,
    version::Version,
    wanted::{Wanted, words},
};
use crate::{Error, Result, bytes::shell, k8s::Key};

/// Two backups of one branch.
#[derive(Debug)]
pub struct BackupPair<'c> {
    /// The branch.
    pub branch: Branch,
    /// The earlier backup.
    pub from: &'c Holder,
    /// The later backup.
    pub to: &'c Holder,
    catalog: &'c Catalog,
}

/// What is asked for, and neither of two backups holds.
#[derive(Debug, Default)]
pub struct Absent {
    /// The objects that are named, and those that one of them holds.
    pub names: ByName,
    /// The namespace, where neither holds it nor an object in it.
    pub namespace: Option<String>,
    /// Whether there is a range of keys, and neither holds a key in it.
    pub is_range_empty: bool,
}

/// The differences between two backups.
#[derive(Debug, Serialize)]
pub struct Comparison<'c> {
    /// The label of the branch.
    pub row: &'c str,
    /// The earlier backup.
    pub from: ComparedBackup,
    /// The later backup.
    pub to: ComparedBackup,
    /// What differs, in key order.
    pub changes: Vec<ChangedObject>,
    /// Number of differences that are left out: Events, Leases and keys of API servers, which change all the time.
    pub ignored: usize,
}

/// One of two backups that are compared.
#[derive(Debug, Serialize)]
pub struct ComparedBackup {
    /// As [`Holder::file`].
    pub file: String,
    /// The newest time in it.
    pub time: Option<String>,
    /// Its last revision.
    pub revision: i64,
}

/// An object, or another key, that differs between two backups.
#[derive(Debug, Serialize)]
pub struct ChangedObject {
    /// As [`Change::name`].
    pub change: &'static str,
    /// As [`Change::sign`].
    #[serde(skip)]
    pub sign: char,
    /// The object in words, as [`words`].
    pub object: String,
    /// The key of etcd; bytes that are not UTF-8 are replaced.
    pub key: String,
    /// Its version in the earlier backup.
    pub old: Option<Version>,
    /// Its version in the later backup.
    pub new: Option<Version>,
}

impl<'c> BackupPair<'c> {
    /// The backups that a person names as [`Scope::backup`] takes them.
    ///
    /// # Errors
    /// As [`Scope::backup`], and when no branch of `scope` has both.
    pub fn new(catalog: &'c Catalog, scope: &Scope, from: &str, to: &str) -> Result<Self> {
        let (a, b) = (scope.backup(catalog, from)?, scope.backup(catalog, to)?);
        let is_common = |branch: &Branch| branch.has(a) && branch.has(b);
        let Some(branch) = scope.branches(catalog)?.into_iter().find(is_common) else {
            let why = match Branch::all(catalog).iter().any(is_common) {
                true => "they are not of the cluster or branch that --cluster names",
                false => "they are of two clusters or two branches, or one is damaged",
            };
            let what = format!("{from} and {to} cannot be compared in the catalog: {why}");
            let hint = match (a.files.first(), b.files.first()) {
                (Some(a), Some(b)) => format!("`etcdsnap diff {} {}` compares them as they are", shell(a), shell(b)),
                _ => "`etcdsnap catalog ls` lists them".to_owned(),
            };
            return Err(Error::not_found(what).hinted(hint));
        };
        Ok(Self { branch, from: a, to: b, catalog })
    }

    /// Their last revisions.
    fn revisions(&self) -> [i64; 2] {
        [self.from, self.to].map(|of| of.entry.revision.unwrap_or_default())
    }

    /// What is asked for, and neither of the two holds.
    ///
    /// # Errors
    /// When there is no such kind, or the catalog is damaged.
    pub fn absent(&self, wanted: &Wanted) -> Result<Absent> {
        let mut absent = Absent::default();
        if wanted.is_empty() {
            return Ok(absent);
        }
        let (_, selection) = self.catalog.select(self.branch.number, wanted)?;
        absent.names.ask(&selection);
        let (mut found, mut in_namespace) = (false, false);
        self.each_held(wanted, |object| {
            found = true;
            in_namespace |= Key::new(&object.key).object().is_some_and(|of| of.namespace.is_some());
            absent.names.find(&selection, &object.key);
        })?;
        absent.is_range_empty = wanted.range.is_some() && !found && selection.names().is_empty();
        absent.namespace = wanted.namespace.clone().filter(|_| !in_namespace);
        if let Some(namespace) = absent.namespace.clone()
            && self.has_namespace(&namespace)?
        {
            absent.namespace = None;
        }
        Ok(absent)
    }

    /// Whether one of them holds the Namespace itself, or else whatever is in it.
    fn has_namespace(&self, namespace: &str) -> Result<bool> {
        let mut is_there = false;
        for what in [vec![format!("namespaces/{namespace}")], Vec::new()] {
            let within = Some(namespace.to_owned()).filter(|_| what.is_empty());
            let wanted = Wanted { what, namespace: within, ..Wanted::default() };
            self.each_held(&wanted, |_| is_there = true)?;
            if is_there {
                break;
            }
        }
        Ok(is_there)
    }

    /// Calls `each` with the objects that one of them holds.
    fn each_held(&self, wanted: &Wanted, mut each: impl FnMut(&Object)) -> Result<()> {
        let is_in = |life: &Life| self.revisions().iter().any(|of| (life.first..=life.last).contains(of));
        let walked = self.catalog.each_object::<Error>(self.branch.number, wanted, |object| {
            if object.lives.iter().any(is_in) {
                each(&object);
            }
            Ok(())
        });
        walked.map(drop)
    }

    /// What differs. With `all`, also what changes all the time.
    ///
    /// # Errors
    /// When there is no such kind, or the catalog is damaged.
    pub fn compare(&self, wanted: &Wanted, all: bool) -> Result<Comparison<'_>> {
        let [from, to] = self.revisions();
        let mut changes = self.catalog.changes(self.branch.number, from, to, wanted)?;
        let found = changes.len();
        if !all {
            changes.retain(|change| !is_noise(change));
        }
        let ignored = found.saturating_sub(changes.len());
        let resources = self.catalog.resources(self.branch.number)?;
        let changed = |change: Change| ChangedObject {
            change: change.name(),
            sign: change.sign(),
            object: words(&resources, &change.key),
            key: String::from_utf8_lossy(&change.key).into_owned(),
            old: change.old,
            new: change.new,
        };
        let backup =
            |of: &Holder, revision| ComparedBackup { file: of.file(), time: of.entry.newest.clone(), revision };
        Ok(Comparison {
            row: &self.branch.label,
            from: backup(self.from, from),
            to: backup(self.to, to),
            changes: changes.into_iter().map(changed).collect(),
            ignored,
        })
    }
}

/// Whether it changes all the time.
fn is_noise(change: &Change) -> bool {
    match Key::new(&change.key) {
        Key::Object(object) => matches!(&*object.resource, "events" | "leases"),
        Key::Other => false,
        key => key.is_no_object(),
    }
}
