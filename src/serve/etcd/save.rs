//! The file with what the overlay wrote, as one snapshot (`snapshot save`).

use std::{
    collections::BTreeMap,
    io::Error as IoError,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::{Etcd, store::Store};
use crate::{
    Error, Result,
    bolt::{Db, Tree},
    etcd::{Revision, Snapshot, rewrite::DbWriter, state::Lease},
    publish::{Doubt, Draft, Run, check_names, create, fault, real, settle_one},
    source::Part,
};

/// The mode of the file: it holds secrets.
const MODE: u32 = 0o600;

type Items = BTreeMap<Vec<u8>, Vec<u8>>;

/// Checks that `to` can be made, and cleans up what a killed run has left of its work on it; returns its path without
/// links.
///
/// # Errors
/// Why it cannot be made, such as a file that is there.
pub fn saved_path(to: &Path) -> Result<PathBuf> {
    let to = std::path::absolute(to).map_err(fault(to, "look at"))?;
    check_names(&to)?;
    let to = real(&to)?;
    Draft::recover(&to, Run::Restore)?;
    if to.exists() {
        let what = format!("{}: there is a file or folder of this name already", to.display());
        return Err(Error::usage(what).hinted("name a new file"));
    }
    Ok(to)
}

impl Etcd {
    /// Writes the state with what was written to it as the snapshot `to`, a path from [`saved_path`], all or nothing,
    /// and reads it back; `doubt` is what is known against the backup.
    ///
    /// # Errors
    /// Any error; then there is no file.
    pub fn save(&self, to: &Path, doubt: Option<&Doubt>) -> Result<()> {
        let draft = Draft::create(to, Run::Restore)?;
        let path = draft.path();
        let store = self.store();
        let file = create(&path)?;
        self.write_db(&store, &file).map_err(fault(&path, "write"))?;
        let wrong = |what: String| fault(&path, "read back")(IoError::other(what));
        let size = {
            let part = Part::open(&path)?;
            let size = Db::open(part.image()).map_err(|finding| wrong(finding.to_string()))?.size();
            file.set_len(size).map_err(fault(&path, "write"))?;
            size
        };
        let sum = Part::open(&path)?.digests(|_| {})?.image;
        file.write_all_at(&sum, size).map_err(fault(&path, "write"))?;
        let part = Part::open(&path)?;
        if part.trailer() != Some(sum) || !is_saved(&part, &store) {
            return Err(wrong("it is not what was written".to_owned()));
        }
        settle_one(&path, MODE, None)?;
        self.source.intact()?;
        draft.publish(doubt).map(drop)
    }

    fn write_db(&self, store: &Store, file: &std::fs::File) -> std::io::Result<()> {
        let meta = self.snapshot.db().meta();
        let mut out = DbWriter::fresh(file, meta.page_size, meta.txid)?;
        let mut keys = Tree::default();
        for (key, version) in store.records(i64::MAX) {
            out.push(&mut keys, &version.revision.to_bucket_key(version.tombstone), &version.message(key))?;
        }
        out.bucket(b"key", keys)?;
        let names = self.snapshot.bucket_names().filter_map(|name| std::str::from_utf8(name).ok());
        let mut small: BTreeMap<&str, Items> = names.map(|name| (name, self.snapshot.items(name))).collect();
        small.remove("key");
        if store.compacted > self.snapshot.keyspace.compacted() {
            let compacted = Revision::first(store.compacted).to_bucket_key(false);
            let meta = small.entry("meta").or_default();
            meta.insert(b"scheduledCompactRev".to_vec(), compacted.clone());
            meta.insert(b"finishedCompactRev".to_vec(), compacted);
        }
        if store.lessor.is_changed() {
            let leases = small.entry("lease").or_default();
            leases.retain(|key, _| {
                key.first_chunk().is_some_and(|id| store.lessor.get(i64::from_be_bytes(*id)).is_some())
            });
            for (id, lease) in store.lessor.iter() {
                let written = || Lease { id, ttl: lease.ttl, remaining_ttl: 0 }.encode();
                leases.entry(id.to_be_bytes().to_vec()).or_insert_with(written);
            }
        }
        for (name, items) in small {
            out.small(name, &items.into_iter().collect())?;
        }
        out.end().map(drop)
    }
}

/// Whether the snapshot in `part` has the records and leases of `store`.
fn is_saved(part: &Part, store: &Store) -> bool {
    let Ok(snapshot) = Snapshot::open(part.image()) else { return false };
    let ids = snapshot.state.leases.iter().map(|lease| lease.id);
    let have = snapshot.hashkv(None).map(|hash| (hash.revision, hash.hash));
    let want = store.hashkv(0).map(|hash| (hash.revision, hash.hash));
    ids.eq(store.lessor.iter().map(|(id, _)| id)) && have.is_ok_and(|have| want.is_ok_and(|want| have == want))
}
