//! Bounds on a record's revision by the times in it.

use hashbrown::{HashTable, hash_table::Entry};
use rayon::prelude::*;

use crate::{
    etcd::Record,
    k8s::{Key, Meta, Moment, Ring},
};

const SECOND: i64 = 1_000_000_000;
const MICROSECOND: i64 = 1_000;

/// The times in one record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times<'a> {
    pub(super) key: &'a [u8],
    pub(super) revision: i64,
    pub(super) create_revision: i64,
    /// The creation time, or the newest time in managedFields.
    pub(super) stamped: Option<Moment>,
    /// Whether an API server created the object by this write; `false` for one that was copied into etcd.
    pub(super) is_created: bool,
    /// The time of the request to delete it.
    pub(super) deleted: Option<Moment>,
    /// The time of the renewal, by the holder's clock; of Leases only.
    pub(super) renewed: Option<Moment>,
}

impl<'a> Times<'a> {
    /// Reads the times in a record; `None` where there is no readable object.
    pub(super) fn of(record: &Record<'a>, ring: &Ring) -> Option<Self> {
        let kv = &record.kv;
        if record.tombstone || Key::new(kv.key).object().is_none() {
            return None;
        }
        let opened = ring.open(kv.key, kv.value).ok()?;
        let meta = Meta::read_times(&opened).ok()?;
        let changed = meta.managed > meta.created.map(|created| created.plus(SECOND));
        Some(Self {
            key: kv.key,
            revision: record.revision.main,
            create_revision: kv.create_revision,
            // at a creation the client may have set managedFields itself
            stamped: if kv.version == 1 { meta.created } else { meta.created.max(meta.managed) },
            is_created: kv.version == 1 && !changed,
            deleted: meta.deleted,
            renewed: Self::renewed(&meta),
        })
    }

    /// Times with one that an API server or etcd set, and no other.
    pub(super) fn stamped(revision: i64, key: &'a [u8], stamped: Option<Moment>) -> Self {
        Self { key, revision, create_revision: 0, stamped, is_created: false, deleted: None, renewed: None }
    }

    pub(super) fn renewed(meta: &Meta<'_>) -> Option<Moment> {
        meta.client.filter(|_| meta.kind.starts_with("Lease"))
    }
}

/// Times at the end of a keyspace that may be of a wrong clock: of a single key, and more than an hour after all
/// others, although Leases are renewed there every few seconds. Nothing later shows whether they are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsure {
    /// The first revision with such a time.
    pub revision: i64,
    /// The last of the times.
    pub newest: Moment,
}

/// A bound on the times of revisions, from one record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point<'a> {
    /// The record's key.
    pub(super) key: &'a [u8],
    /// The record's revision.
    pub(super) revision: i64,
    /// The revision was written at this time or later.
    pub(super) at: Moment,
    /// Revisions that were read before the time was set were written at this time or earlier.
    pub(super) until: Moment,
    /// Whether the time was set for this write.
    pub(super) is_new: bool,
    /// The revision that was read before the time was set.
    pub(super) read: Option<i64>,
    /// Whether only the clock of a Lease's holder gives the time.
    pub(super) is_holders: bool,
}

/// Times, and a hash of their key.
pub(super) type Hashed<'a> = (u64, Times<'a>);

/// The points of records, in order of their revisions, in which `parts` hold the records' times. A record with the
/// times of its previous version has none.
pub(super) fn points<'a>(parts: &[Vec<Hashed<'a>>]) -> Vec<Point<'a>> {
    // Each core takes some of the keys.
    let shards = rayon::current_num_threads() as u64;
    let of_shard = |shard: u64| {
        let (mut known, mut points): (HashTable<&Hashed<'a>>, _) = (HashTable::new(), Vec::new());
        for (at, hashed) in parts.iter().flatten().enumerate().filter(|(_, (hash, _))| hash % shards == shard) {
            let (hash, times) = hashed;
            let is_of = |(other, last): &&Hashed<'a>| other == hash && last.key == times.key;
            let last = match known.entry(*hash, is_of, |(hash, _)| *hash) {
                Entry::Occupied(mut known) => Some(&std::mem::replace(known.get_mut(), hashed).1),
                Entry::Vacant(place) => {
                    place.insert(hashed);
                    None
                }
            };
            let last = last.filter(|last| last.create_revision == times.create_revision);
            points.extend(point(times, last).map(|point| (at, point)));
        }
        points
    };
    let mut points: Vec<_> = (0..shards).into_par_iter().flat_map_iter(of_shard).collect();
    // merges the shards: in each, the places rise
    points.sort_by_key(|(at, _)| *at);
    points.into_iter().map(|(_, point)| point).collect()
}

fn point<'a>(times: &Times<'a>, last: Option<&Times<'a>>) -> Option<Point<'a>> {
    let (key, revision) = (times.key, times.revision);
    let read = last.map(|last| last.revision);
    let stamped = times.stamped.max(times.deleted);
    let is_stamped = times.is_created
        || last.is_some_and(|last| last.stamped < times.stamped)
        // a later request may set it back
        || last.is_some_and(|last| last.deleted.is_none() && times.deleted.is_some());
    let renewed = times.renewed.filter(|renewed| last.is_none_or(|last| last.renewed < Some(*renewed)));
    let agrees = |renewed: &Moment| stamped.is_some_and(|at| renewed.plus(SECOND) >= at && *renewed < at.plus(SECOND));
    if let Some(renewed) = renewed.filter(agrees) {
        let at = stamped.map_or(renewed, |stamped| stamped.max(renewed));
        return Some(Point {
            key,
            revision,
            at,
            until: renewed.plus(MICROSECOND),
            is_new: true,
            read,
            is_holders: false,
        });
    }
    if let Some(at) = stamped
        && last.is_none_or(|last| last.stamped.max(last.deleted) < stamped)
    {
        let read = read.filter(|_| is_stamped);
        return Some(Point { key, revision, at, until: at.plus(SECOND), is_new: is_stamped, read, is_holders: false });
    }
    let at = renewed?;
    Some(Point { key, revision, at, until: at.plus(MICROSECOND), is_new: true, read, is_holders: true })
}
