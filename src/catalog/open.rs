//! Reading a catalog. A reader sees the catalog as it was when it was opened, whatever a writer does meanwhile.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    ops::ControlFlow,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use redb::{Builder, ReadTransaction};

use super::{
    chain,
    entry::{Entry, FileRow, Lineage},
    facts::{self, Facts},
    file::{Image, broken, caught},
    lives::{Change, Holder, Life, Object},
    rows::{DEFINITIONS, Definition, FACTS, FILES, LINEAGES, OBJECTS, REPORTS, Rows, SNAPSHOTS, after},
    version::{self, Version},
    wanted::Wanted,
};
use crate::{
    Error, Result,
    etcd::Range,
    k8s::{Resource, Resources, Value, decode},
    select::{LabelSelector, Selection},
    verify::Verdict,
};

/// redb's cache: a catalog is read through a map of its file.
const CACHE: usize = 4 << 20;

type Table = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;

/// A catalog that is open for questions.
pub struct Catalog {
    path: PathBuf,
    tx: ReadTransaction,
    lineages: BTreeMap<u32, Lineage>,
    holders: Vec<Holder>,
    files: Vec<(PathBuf, FileRow)>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Catalog {
    /// Opens the catalog at `path`, after a check of the whole file.
    ///
    /// # Errors
    /// When there is none, it is damaged, or of a newer schema.
    pub fn open(path: &Path) -> Result<Self> {
        let image = Image::open(path)?;
        let tx = caught(path, || {
            let db = Builder::new().set_cache_size(CACHE).open_read_only_with_backend(image);
            redb::ReadableDatabase::begin_read(&db.map_err(|e| broken(path, e))?).map_err(|e| broken(path, e))
        })?;
        let mut catalog =
            Self { path: path.to_owned(), tx, lineages: BTreeMap::new(), holders: Vec::new(), files: Vec::new() };
        catalog.load()?;
        Ok(catalog)
    }

    fn load(&mut self) -> Result<()> {
        let lineages: Vec<(Vec<u8>, Lineage)> = self.read(LINEAGES, |rows| rows.all())?;
        let number = |key: Vec<u8>| <[u8; 4]>::try_from(key).map(u32::from_be_bytes).unwrap_or_default();
        self.lineages = lineages.into_iter().map(|(key, lineage)| (number(key), lineage)).collect();
        let files: Vec<(Vec<u8>, FileRow)> = self.read(FILES, |rows| rows.all())?;
        self.files = files.into_iter().map(|(name, row)| (PathBuf::from(OsStr::from_bytes(&name)), row)).collect();
        let mut paths: HashMap<&str, Vec<(bool, bool, PathBuf)>> = HashMap::new();
        for (name, row) in &self.files {
            if let Some(id) = &row.snapshot {
                paths.entry(id).or_default().push((row.missing, row.changed, name.clone()));
            }
        }
        let entries: Vec<(Vec<u8>, Entry)> = self.read(SNAPSHOTS, |rows| rows.all())?;
        let mut holders: Vec<Holder> = Vec::new();
        for (_, entry) in entries {
            let entry = entry.of_what_was_read();
            let mut files = paths.remove(entry.id.as_str()).unwrap_or_default();
            files.sort();
            let (missing, changed) = files.first().map_or((true, false), |(missing, changed, _)| (*missing, *changed));
            let files = files.into_iter().map(|(.., file)| file).collect();
            holders.push(Holder { entry, files, there: !missing && !changed, changed: !missing && changed });
        }
        holders.sort_by_cached_key(|holder| {
            (holder.entry.time(), holder.entry.revision, holder.files.first().cloned(), holder.entry.id.clone())
        });
        self.holders = holders;
        Ok(())
    }

    fn read<T>(&self, definition: Definition, read: impl FnOnce(Rows<'_, Table>) -> Result<T>) -> Result<T> {
        let path = &self.path;
        caught(path, || {
            let table = self.tx.open_table(definition).map_err(|e| broken(path, e))?;
            read(Rows { path, definition, table: &table })
        })
    }

    /// The backups with their files, oldest content first.
    #[must_use]
    pub fn holders(&self) -> &[Holder] {
        &self.holders
    }

    /// Every file that is known, in the order of their paths.
    #[must_use]
    pub fn files(&self) -> &[(PathBuf, FileRow)] {
        &self.files
    }

    /// The lineages by number.
    #[must_use]
    pub fn lineages(&self) -> &BTreeMap<u32, Lineage> {
        &self.lineages
    }

    /// The report of `verify` on a backup, as JSON.
    ///
    /// # Errors
    /// When the catalog is damaged.
    pub fn report(&self, id: &str) -> Result<Option<serde_json::Value>> {
        self.read(REPORTS, |rows| rows.json(id.as_bytes()))
    }

    /// The backups of a lineage, oldest content first.
    pub(super) fn within(&self, lineage: u32) -> impl Iterator<Item = &Holder> {
        self.holders.iter().filter(move |of| of.entry.lineages.contains(&lineage))
    }

    /// The backup of a lineage whose last revision is `head`: of several, a good one, and one whose file is there.
    #[must_use]
    pub fn holder(&self, lineage: u32, head: i64) -> Option<&Holder> {
        self.within(lineage)
            .filter(|of| of.entry.revision == Some(head))
            .min_by_key(|of| (!of.there, of.entry.verdict != Verdict::Good))
    }

    /// The files of all backups of a lineage whose last revision is `head`: copies of one, and those of several
    /// members. Those that are there come first, each with `true`; in the order of their paths.
    #[must_use]
    pub fn files_at(&self, lineage: u32, head: i64) -> Vec<(&Path, bool)> {
        let files = self.within(lineage).filter(|of| of.entry.revision == Some(head)).flat_map(|of| &of.files);
        let mut files: Vec<_> = files.map(|file| (file.as_path(), self.is_there(file))).collect();
        files.sort_unstable_by_key(|(file, there)| (!there, file.as_os_str()));
        files
    }

    /// Whether a file was there, and as it was, when it was last looked at.
    fn is_there(&self, file: &Path) -> bool {
        // in the order of their bytes
        let at = self.files.binary_search_by(|(path, _)| path.as_os_str().cmp(file.as_os_str()));
        at.ok().and_then(|at| self.files.get(at)).is_some_and(|(_, row)| !row.missing && !row.changed)
    }

    /// The last revisions of the backups of a lineage, ascending.
    pub(super) fn heads(&self, lineage: u32) -> &[i64] {
        self.lineages.get(&lineage).map(|of| of.heads.as_slice()).unwrap_or_default()
    }

    /// The backups of a lineage, in the order of their revisions.
    #[must_use]
    pub fn holders_of(&self, lineage: u32) -> Vec<&Holder> {
        let heads = self.heads(lineage);
        heads.iter().filter_map(|head| self.holder(lineage, *head)).collect()
    }

    /// The revisions that restores with `--bump-revision` raised a lineage to, ascending.
    #[must_use]
    pub fn bumps(&self, lineage: u32) -> Vec<i64> {
        let mut bumps: Vec<_> = self.within(lineage).filter_map(|of| of.entry.bump).collect();
        bumps.sort_unstable();
        bumps.dedup();
        bumps
    }

    /// The resources of a lineage: those of Kubernetes, and those that its backups define.
    ///
    /// # Errors
    /// When the catalog is damaged.
    pub fn resources(&self, lineage: u32) -> Result<Resources> {
        let mut resources = Resources::default();
        let prefix = lineage.to_be_bytes();
        self.read(DEFINITIONS, |rows| {
            rows.each(&prefix, after(&prefix).as_deref(), |_, row| {
                let (_, definition): (i64, serde_json::Value) =
                    serde_json::from_slice(row).map_err(|_| rows.damaged())?;
                let text = serde_json::json!({"apiVersion": "apiextensions.k8s.io/v1",
                    "kind": "CustomResourceDefinition", "spec": definition.get("spec")});
                if let Ok(object) = decode(text.to_string().as_bytes())
                    && let Some(resource) = Resource::of_definition(&object.value)
                {
                    resources.add(resource);
                }
                Ok(ControlFlow::Continue(()))
            })
        })?;
        Ok(resources)
    }

    /// Calls `each` with the keys of a lineage in `range` and their versions, in key order.
    ///
    /// # Errors
    /// When the catalog is damaged, and the errors of `each`.
    pub fn each(
        &self,
        lineage: u32,
        range: &Range<'_>,
        mut each: impl FnMut(&[u8], Vec<Version>) -> Result<()>,
    ) -> Result<()> {
        let prefix = lineage.to_be_bytes();
        self.read(OBJECTS, |rows| {
            let start = [&prefix, range.start()].concat();
            rows.each(&start, after(&prefix).as_deref(), |key, row| {
                let key = key.get(prefix.len()..).unwrap_or_default();
                if !range.contains(key) {
                    return Ok(ControlFlow::Break(()));
                }
                each(key, version::decode(row).ok_or_else(|| rows.damaged())?)?;
                Ok(ControlFlow::Continue(()))
            })
        })
    }

    /// The labels and images of a version.
    ///
    /// # Errors
    /// When the catalog is damaged.
    pub fn facts(&self, version: &Version) -> Result<Facts> {
        if version.facts == 0 {
            return Ok(Facts::default());
        }
        self.read(FACTS, |rows| rows.json(&version.facts.to_le_bytes())?.ok_or_else(|| rows.damaged()))
    }

    /// The objects of a lineage that a query finds, with every version that a backup holds.
    ///
    /// # Errors
    /// When the catalog is damaged, or there is no such kind.
    pub fn find(&self, lineage: u32, query: &Wanted) -> Result<Vec<Object>> {
        let mut found = Vec::new();
        self.each_object::<Error>(lineage, query, |object| {
            found.push(object);
            Ok(())
        })?;
        Ok(found)
    }

    /// Calls `each` with the objects that [`Catalog::find`] returns, in key order. Returns the number of those of which
    /// it is not known whether they have what is asked for: no key opened them when they were added.
    ///
    /// # Errors
    /// As [`Catalog::find`], and the errors of `each`.
    pub fn each_object<E: From<Error>>(
        &self,
        lineage: u32,
        query: &Wanted,
        each: impl FnMut(Object) -> Result<(), E>,
    ) -> Result<u64, E> {
        let (resources, selection) = self.select(lineage, query)?;
        self.each_selected(lineage, query, (&resources, &selection), each)
    }

    /// The resources of a lineage, and the kinds and names in these that a query asks for.
    ///
    /// # Errors
    /// As [`Catalog::find`].
    pub(super) fn select(&self, lineage: u32, query: &Wanted) -> Result<(Resources, Selection)> {
        let resources = self.resources(lineage)?;
        let selection = Selection::in_catalog(&query.what, query.namespace.as_deref(), &resources)?;
        Ok((resources, selection.within(query.range.clone())))
    }

    /// As [`Catalog::each_object`], with what [`Catalog::select`] returned.
    ///
    /// # Errors
    /// As [`Catalog::each_object`].
    pub(super) fn each_selected<E: From<Error>>(
        &self,
        lineage: u32,
        query: &Wanted,
        (resources, selection): (&Resources, &Selection),
        mut each: impl FnMut(Object) -> Result<(), E>,
    ) -> Result<u64, E> {
        // An object that is named is below its kind; only one that was stored otherwise needs a look at all keys.
        let below = match &query.range {
            None => self.ranges(lineage, selection, query.namespace.as_deref(), resources),
            Some(_) => Vec::new(),
        };
        let (mut found, mut known, mut failed, mut sealed) = (false, HashMap::new(), None, 0_u64);
        for ranges in [below, vec![query.range.clone().unwrap_or(Range::ALL)]] {
            sealed = 0;
            for range in ranges {
                let walked = self.each(lineage, &range, |key, versions| {
                    if selection.matches(key) {
                        match self.has(query, &versions, &mut known)? {
                            Some(true) => {
                                found = true;
                                failed = each(self.object(lineage, key, versions)).err();
                            }
                            Some(false) => {}
                            None => sealed = sealed.saturating_add(1),
                        }
                    }
                    // The caller's error ends the walk, and is returned in place of this.
                    if failed.is_some() { Err(Error::Interrupted) } else { Ok(()) }
                });
                if let Some(failed) = failed {
                    return Err(failed);
                }
                walked?;
            }
            if found {
                break;
            }
        }
        Ok(sealed)
    }

    /// The keys below the kinds of a selection; those of the named objects alone, where they follow from the names.
    fn ranges(
        &self,
        lineage: u32,
        selection: &Selection,
        namespace: Option<&str>,
        resources: &Resources,
    ) -> Vec<Range<'static>> {
        let prefixes = self.lineages.get(&lineage).map(|of| of.prefixes.as_slice()).unwrap_or_default();
        let mut names: Vec<_> = selection.names().iter().map(|of| of.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let mut ranges = Vec::new();
        for of in selection.kinds().iter().filter_map(|kind| resources.get(&kind.group, &kind.plural)) {
            for prefix in prefixes {
                let kind = format!("{prefix}/{}/", of.stored);
                let folder = match namespace.filter(|_| of.namespaced) {
                    Some(namespace) => format!("{kind}{namespace}/"),
                    None => kind,
                };
                match of.namespaced && namespace.is_none() || names.is_empty() {
                    true => ranges.push(Range::prefix(folder.into_bytes())),
                    false => ranges.extend(names.iter().map(|name| Range::key(format!("{folder}{name}").into_bytes()))),
                }
            }
        }
        ranges
    }

    /// Whether one of the versions has the labels, the image and the uid that are asked for; `None` when none is known
    /// to have them, and no key opened one.
    fn has(&self, query: &Wanted, versions: &[Version], known: &mut HashMap<u64, bool>) -> Result<Option<bool>> {
        let unless_sealed = versions.iter().all(|of| of.content.is_some()).then_some(false);
        if let Some(uid) = &query.uid {
            let uid = facts::uid(uid);
            if uid.is_none() {
                return Ok(Some(false));
            }
            if !versions.iter().any(|of| of.uid == uid) {
                return Ok(unless_sealed);
            }
        }
        if query.labels.is_none() && query.image.is_none() {
            return Ok(Some(true));
        }
        for version in versions.iter().filter(|of| of.uid.is_some() || of.facts != 0) {
            let has = match known.get(&version.facts) {
                Some(has) => *has,
                None => {
                    let facts = self.facts(version)?;
                    let image = query.image.as_ref();
                    let image = image.is_none_or(|image| facts.images.iter().any(|have| have.contains(&**image)));
                    let has = image && query.labels.as_ref().is_none_or(|labels| is_labelled(labels, &facts));
                    known.insert(version.facts, has);
                    has
                }
            };
            if has {
                return Ok(Some(true));
            }
        }
        Ok(unless_sealed)
    }

    fn object(&self, lineage: u32, key: &[u8], versions: Vec<Version>) -> Object {
        let heads = self.heads(lineage);
        let newest = heads.last().copied().unwrap_or_default();
        let life = |version: Version| {
            // A version is in every backup from in between: the first whose revision reaches it.
            let first = heads.get(heads.partition_point(|head| *head < version.mod_revision)).copied();
            let last = if version.last == version::OPEN { newest } else { version.last };
            Life { first: first.unwrap_or(last), last, version }
        };
        let lives: Vec<Life> = versions.into_iter().map(life).collect();
        Object { lineage, key: key.to_vec(), newest, lives }
    }

    /// The keys that differ between two backups of a lineage, by their last revisions, in key order.
    ///
    /// # Errors
    /// When the catalog is damaged.
    pub fn changes(&self, lineage: u32, from: i64, to: i64, query: &Wanted) -> Result<Vec<Change>> {
        let (_, selection) = self.select(lineage, query)?;
        let mut changes = Vec::new();
        self.each(lineage, query.range.as_ref().unwrap_or(&Range::ALL), |key, versions| {
            let (old, new) = (chain::at(&versions, from), chain::at(&versions, to));
            let same = old.map(|of| of.mod_revision) == new.map(|of| of.mod_revision);
            if !same && selection.matches(key) {
                changes.push(Change { key: key.to_vec(), old: old.cloned(), new: new.cloned() });
            }
            Ok(())
        })?;
        Ok(changes)
    }
}

fn is_labelled(labels: &LabelSelector, facts: &Facts) -> bool {
    let map: Vec<_> = facts.labels.iter().map(|(name, value)| (name.as_str().into(), Value::str(value))).collect();
    let labelled = vec![("labels".into(), Value::Object(crate::k8s::Map::from_unsorted(map)))];
    labels.matches(Some(&crate::k8s::Map::from_unsorted(labelled)))
}
