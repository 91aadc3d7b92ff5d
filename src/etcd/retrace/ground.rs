//! What is certain: the records that the db still holds, and the keys of the log.

use std::{collections::BTreeMap, ops::Bound};

use hashbrown::{HashMap, HashSet};

use super::{
    key_state::KeyState,
    step::{Effect, Leases, Step},
};
use crate::etcd::{Range, Record, Revision, Snapshot};

/// A key's place among [`Ground::keys`].
pub(super) type KeyId = usize;

/// What does not change while the entries are followed.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    /// Every key that an entry names, and its place.
    keys: BTreeMap<&'a [u8], KeyId>,
    /// The records that entries may have written, in order.
    records: Vec<Record<'a>>,
    /// The last revision.
    pub(super) head: i64,
    /// The revision up to which records may be gone.
    pub(super) dropped: i64,
    /// The lives of leases in the log.
    pub(super) leases: Leases<'a>,
    /// By the place of an entry: the keys whose value in the db it puts, as the first entry, and their revisions there.
    first_puts: HashMap<usize, Vec<(KeyId, i64)>>,
}

impl<'a> Ground<'a> {
    /// Reads the records of `snapshot`, without those of its log, from the revision that the first of `writes` entries
    /// can have written. Returns the last states of the keys too, in their places.
    pub(super) fn new(
        snapshot: &Snapshot<'a>,
        named: &HashSet<&'a [u8]>,
        writes: usize,
        leases: Leases<'a>,
    ) -> (Self, Vec<KeyState<'a>>) {
        let (keyspace, walk) = (snapshot.keyspace.without_log(), snapshot.fresh_walk());
        let newest = snapshot.fresh_walk();
        let last = keyspace.bucket.as_ref().and_then(|bucket| newest.last_leaf(bucket).ok());
        let last = last.and_then(|items| Record::decode(items.last()?).ok());
        let head = keyspace.head(last.map_or(Revision::default(), |record| record.revision));
        let first = head.saturating_sub(i64::try_from(writes).unwrap_or(i64::MAX)).saturating_add(1);
        let scan = keyspace.newest(&walk, Vec::new, |records: &mut Vec<Record<'a>>, record| {
            if record.is_bump() {
                return false;
            }
            if record.revision.main >= first {
                records.push(*record);
            }
            named.contains(record.kv.key)
        });
        let records = scan.parts.into_iter().flatten().collect();
        let keys: BTreeMap<_, _> = {
            let mut keys: Vec<_> = named.iter().copied().collect();
            keys.sort_unstable();
            keys.into_iter().enumerate().map(|(id, key)| (key, id)).collect()
        };
        let mut states = vec![KeyState::ABSENT; keys.len()];
        for newest in scan.shared.into_live() {
            let kv = newest.kv();
            if let Some(state) = keys.get(kv.key).and_then(|id| states.get_mut(*id)) {
                *state = KeyState::of(&kv);
            }
        }
        (Self { keys, records, head, dropped: keyspace.dropped(), leases, first_puts: HashMap::new() }, states)
    }

    /// Finds the first entry that puts the value that a key has in the db.
    pub(super) fn find_puts<'s>(&mut self, steps: impl Iterator<Item = (usize, &'s Step<'a>)>, states: &[KeyState<'a>])
    where
        'a: 's,
    {
        let mut found = HashSet::new();
        for (at, step) in steps {
            let Step::Choice { branches, .. } = step else { continue };
            for effect in branches.iter().flatten() {
                let Effect::Put { key, value, lease } = effect else { continue };
                let Some(id) = self.id(key) else { continue };
                let live = states.get(id).and_then(|known| known.live);
                let same = live.filter(|live| (live.value, live.lease) == (Some(*value), Some(*lease)));
                if let Some(revision) = same.and_then(|live| live.mod_revision)
                    && found.insert(id)
                {
                    self.first_puts.entry(at).or_default().push((id, revision));
                }
            }
        }
    }

    /// The keys whose value in the db the entry at `at` puts, as the first one, and their revisions there.
    pub(super) fn first_puts(&self, at: usize) -> &[(KeyId, i64)] {
        self.first_puts.get(&at).map_or(&[], Vec::as_slice)
    }

    /// The records of a revision.
    pub(super) fn at(&self, main: i64) -> &[Record<'a>] {
        let first = self.records.partition_point(|record| record.revision.main < main);
        let from = self.records.get(first..).unwrap_or_default();
        from.get(..from.partition_point(|record| record.revision.main == main)).unwrap_or_default()
    }

    /// Whether the db still holds all records of a revision.
    pub(super) fn holds_all(&self, main: i64) -> bool {
        main > self.dropped
    }

    pub(super) fn id(&self, key: &[u8]) -> Option<KeyId> {
        self.keys.get(key).copied()
    }

    /// The places of the keys in a range.
    pub(super) fn within(&self, range: &Range<'_>) -> impl Iterator<Item = (&'a [u8], KeyId)> {
        let keys = self.keys.range::<[u8], _>((Bound::Included(range.start()), Bound::Unbounded));
        keys.map(|(key, id)| (*key, *id)).take_while(|(key, _)| !range.is_before(key))
    }

    /// The places of the keys that may be attached to a lease when the entry at `at` revokes it.
    pub(super) fn attached(&self, lease: i64, at: usize) -> Vec<KeyId> {
        match self.leases.grant(lease, at) {
            Some(_) => self.leases.keys(lease).iter().filter_map(|key| self.id(key)).collect(),
            // before the log begins, any key
            None => self.keys.values().copied().collect(),
        }
    }
}
