//! The keys with their revisions, in memory: those of the file, and those that the overlay adds (`mvcc.store`,
//! `mvcc.treeIndex`).
//!
//! Values of the file stay in the file: a version of a key has the place of its record, which is decoded when it is
//! asked for.

use std::{collections::BTreeMap, ops::Bound};

use hyper::body::Bytes;
use rayon::prelude::*;

use super::{
    error::{compacted, future_revision},
    lease::Lessor,
    log::Log,
    proto::mvccpb,
    version::{Data, Version, compact, cost},
};
use crate::{
    etcd::{KeyValue, Range, Snapshot},
    hash::Crc32cWriter,
    k8s::Ring,
};

type Status = tonic::Status;

/// The keyspace.
pub(super) struct Store {
    pub(super) keys: BTreeMap<Bytes, Vec<Version>>,
    /// The current revision.
    pub(super) head: i64,
    /// The revision below which the state is not known, or -1.
    pub(super) compacted: i64,
    /// The current revision of the file.
    pub(super) file_head: i64,
    /// The changes since the file.
    pub(super) log: Log,
    pub(super) lessor: Lessor,
    /// The keys to encrypted values.
    ring: Ring,
    /// The bytes that the overlay takes.
    pub(super) used: u64,
}

/// Result of [`Store::hashkv`].
pub(super) struct HashKv {
    pub(super) hash: u32,
    pub(super) revision: i64,
}

impl Store {
    /// The keyspace of the backup. All records are read once.
    pub(super) fn load(snapshot: &Snapshot<'static>, ring: Ring) -> Self {
        type Row = (&'static [u8], Version);
        let scan = snapshot.keyspace.scan(
            &snapshot.fresh_walk(),
            || (),
            Vec::<Row>::new,
            |(), _, _| {},
            |(), rows, record| {
                let data = Data::File(record.message);
                rows.push((record.kv.key, Version { revision: record.revision, tombstone: record.tombstone, data }));
            },
        );
        let mut rows = scan.parts.concat();
        rows.par_sort_unstable_by(|(a, x), (b, y)| a.cmp(b).then(x.revision.cmp(&y.revision)));
        let last = rows.iter().map(|(_, version)| version.revision).max().unwrap_or_default();
        let head = snapshot.keyspace.head(last);
        let compacted = snapshot.keyspace.compacted();
        let keys = rows
            .chunk_by(|(a, _), (b, _)| a == b)
            .filter_map(|rows| {
                let (key, _) = rows.first()?;
                let mut versions: Vec<_> = rows.iter().map(|(_, version)| version.clone()).collect();
                // etcd finishes a compaction when it starts
                compact(&mut versions, compacted);
                (!versions.is_empty()).then(|| (Bytes::from_static(key), versions))
            })
            .collect();
        let mut store = Self {
            keys,
            head,
            compacted,
            file_head: head,
            log: Log::default(),
            lessor: Lessor::of_backup(&snapshot.state.leases),
            ring,
            used: 0,
        };
        let leased: Vec<_> = store.live().filter(|kv| kv.lease != 0).map(|kv| (kv.key, kv.lease)).collect();
        leased.into_iter().for_each(|(key, lease)| store.lessor.attach(lease, key));
        store
    }

    /// The newest version of each key that is there.
    fn live(&self) -> impl Iterator<Item = mvccpb::KeyValue> + '_ {
        self.keys.iter().filter_map(|(key, versions)| self.kv(key, versions.last()?))
    }

    /// The keys in `range` with their versions.
    pub(super) fn within<'s>(&'s self, range: &Range<'_>) -> impl Iterator<Item = (&'s Bytes, &'s Vec<Version>)> {
        let one = range.one().map(|key| self.keys.get_key_value(key));
        let start = range.start();
        // the end is looked at on the way: a map cannot be asked for a range that ends before it begins
        let many = one.is_none().then(|| self.keys.range::<[u8], _>((Bound::Included(start), Bound::Unbounded)));
        let many = many.into_iter().flatten().take_while(|(key, _)| !range.is_before(key));
        one.flatten().into_iter().chain(many)
    }

    /// The version of a key at a revision; none when it is not there.
    pub(super) fn at(versions: &[Version], revision: i64) -> Option<&Version> {
        let after = versions.partition_point(|version| version.revision.main <= revision);
        versions.get(after.checked_sub(1)?).filter(|version| !version.tombstone)
    }

    /// The key and its value at a revision.
    pub(super) fn get(&self, key: &[u8], revision: i64) -> Option<mvccpb::KeyValue> {
        let (key, versions) = self.keys.get_key_value(key)?;
        self.kv(key, Self::at(versions, revision)?)
    }

    /// The content of a version; none when it is a deletion.
    pub(super) fn kv(&self, key: &Bytes, version: &Version) -> Option<mvccpb::KeyValue> {
        match &version.data {
            _ if version.tombstone => None,
            Data::File(message) => Some(self.opened(message)),
            Data::Memory(kv) => Some((**kv).clone()),
            Data::Deleted => Some(mvccpb::KeyValue { key: key.clone(), ..Default::default() }),
        }
    }

    /// A record of the file, its value opened where the keys to it are there.
    pub(super) fn opened(&self, message: &'static [u8]) -> mvccpb::KeyValue {
        // it was decoded when the file was read
        let kv = KeyValue::decode(message).unwrap_or_default();
        let value = match self.ring.is_empty() {
            true => Bytes::from_static(kv.value),
            false => match self.ring.open(kv.key, kv.value) {
                Ok(std::borrow::Cow::Owned(opened)) => opened.into(),
                _ => Bytes::from_static(kv.value),
            },
        };
        mvccpb::KeyValue {
            key: Bytes::from_static(kv.key),
            create_revision: kv.create_revision,
            mod_revision: kv.mod_revision,
            version: kv.version,
            value,
            lease: kv.lease,
        }
    }

    /// The revision that a request reads, which may be 0 for the current one.
    pub(super) fn readable(&self, revision: i64, current: i64) -> Result<i64, Status> {
        match revision {
            revision if revision > current => Err(future_revision()),
            ..=0 => Ok(current),
            revision if revision < self.compacted => Err(compacted()),
            revision => Ok(revision),
        }
    }

    /// Removes what is not needed for the states from `revision` on.
    pub(super) fn compact(&mut self, revision: i64) -> Result<(), Status> {
        if revision <= self.compacted {
            return Err(compacted());
        }
        if revision > self.head {
            return Err(future_revision());
        }
        self.compacted = revision;
        self.keys.retain(|_, versions| {
            compact(versions, revision);
            !versions.is_empty()
        });
        self.log.compact(revision);
        self.used = self.keys.iter().map(|(key, versions)| cost(key, versions)).fold(0, u64::saturating_add);
        self.used = self.used.saturating_add(self.lessor.cost());
        Ok(())
    }

    /// The records at the revisions up to `revision`, in order.
    pub(super) fn records(&self, revision: i64) -> Vec<(&Bytes, &Version)> {
        let all = self.keys.iter().flat_map(|(key, versions)| versions.iter().map(move |version| (key, version)));
        let mut records: Vec<_> = all.filter(|(_, version)| version.revision.main <= revision).collect();
        records.par_sort_unstable_by_key(|(_, version)| version.revision);
        records
    }

    /// The HashKV of `kvHasher`.
    pub(super) fn hashkv(&self, revision: i64) -> Result<HashKv, Status> {
        let revision = self.readable(revision, self.head)?;
        let kept = |key: &Bytes| Some(Self::at(self.keys.get(key)?, revision)?.revision);
        let keep_all = !self.keys.values().any(|versions| Self::at(versions, revision).is_some());
        let mut sum = Crc32cWriter::default();
        sum.update(b"key");
        for (key, version) in self.records(revision) {
            let main = version.revision.main;
            let is_kept = main > self.compacted || keep_all || kept(key) == Some(version.revision);
            if is_kept && !(main == self.compacted && version.tombstone) {
                sum.update(&version.revision.to_bucket_key(version.tombstone));
                sum.update(&version.message(key));
            }
        }
        Ok(HashKv { hash: sum.finish().sum(), revision })
    }
}
