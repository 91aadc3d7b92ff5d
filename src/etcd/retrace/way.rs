//! One way in which the entries may have had the results that the db shows.

use std::rc::Rc;

use hashbrown::HashMap;

use super::{
    ground::{Ground, KeyId},
    key_state::{KeyState, Live},
    step::{Effect, Step},
};
use crate::etcd::{
    Range, Record,
    request::{Compare, CompareResult, CompareTarget},
};

/// The maximum number of different revisions that are compared in vain with that of one key without a write between.
const MOST_STALE: usize = 3;

/// What is known of one change besides its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fact {
    /// Whether the key existed before.
    pub(super) existed: Option<bool>,
    /// The revision that created the key, of a put.
    pub(super) create_revision: Option<i64>,
    /// The version that the put made.
    pub(super) version: Option<i64>,
}

/// What an entry did that wrote a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Did<'a> {
    /// The place of the entry.
    pub(super) at: usize,
    /// The revision that it wrote.
    pub(super) revision: i64,
    /// The changes of single keys.
    pub(super) changes: Vec<(Effect<'a>, Fact)>,
}

/// What is common to all ways, for the entries from some place on.
#[derive(Debug)]
pub(super) struct Base<'a> {
    /// The states of the keys.
    pub(super) keys: Vec<KeyState<'a>>,
    /// The keys that were written at a revision that is not reached yet.
    pub(super) due: HashMap<i64, Vec<KeyId>>,
    /// The revisions that requests compared in vain with that of a key, since the key's next write.
    pub(super) stale: HashMap<KeyId, Vec<i64>>,
}

/// The state before an entry, and what that one and the later ones did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way<'a> {
    /// The revision of the store.
    pub(super) revision: i64,
    /// What differs from the base.
    pub(super) keys: HashMap<KeyId, KeyState<'a>>,
    pub(super) due: HashMap<i64, Vec<KeyId>>,
    pub(super) stale: HashMap<KeyId, Vec<i64>>,
    /// What the entries did that are not in the base, the last first.
    pub(super) did: Vec<Rc<Did<'a>>>,
}

impl<'a> Way<'a> {
    pub(super) fn new(revision: i64) -> Self {
        Self { revision, keys: HashMap::new(), due: HashMap::new(), stale: HashMap::new(), did: Vec::new() }
    }

    /// Every way to go back over the entry at `at`.
    pub(super) fn back(&self, step: &Step<'a>, at: usize, base: &Base<'a>, ground: &Ground<'a>) -> Vec<Self> {
        let mut ways = Vec::new();
        match step {
            Step::Choice { compares, branches: [success, failure] } => {
                let doubtful = |effect: &Effect<'a>| match effect {
                    Effect::Put { lease, .. } => *lease != 0 && !ground.leases.exists(*lease, at),
                    Effect::Delete { .. } => false,
                };
                let mut silent = false;
                for (holds, effects) in [(true, success), (false, failure)] {
                    let back = Back { way: self, base, ground, at, compares, holds };
                    ways.extend(back.wrote(effects));
                    // a refused transaction, and one that only reads, change nothing
                    silent |= effects.iter().any(doubtful);
                    ways.extend(back.silent(effects));
                }
                if silent {
                    ways.push(self.clone());
                }
            }
            Step::DeleteRange(range) => {
                ways.extend(self.swept(range, at, base, ground));
                ways.extend(self.nothing_swept(range, base, ground));
            }
            Step::Revoke(lease) => {
                ways.extend(self.revoked(*lease, at, base, ground));
                ways.extend(self.nothing_revoked(*lease, base, ground));
            }
            Step::Beyond => {}
        }
        ways
    }

    /// Whether a key still has a value of the db, and the first entry that puts it is the one at `at`, which did not: a
    /// value of the db that entries put is from one of them.
    pub(super) fn has_missed(&self, at: usize, base: &Base<'a>, ground: &Ground<'a>) -> bool {
        let last = |(id, revision): &(KeyId, i64)| {
            self.known(*id, base).live.is_some_and(|live| live.mod_revision == Some(*revision))
        };
        ground.first_puts(at).iter().any(last)
    }

    pub(super) fn known(&self, id: KeyId, base: &Base<'a>) -> KeyState<'a> {
        self.keys.get(&id).or_else(|| base.keys.get(id)).copied().unwrap_or(KeyState::ABSENT)
    }

    /// Notes that the key did not have this revision; `false` where so many in a row are not to be believed: a client
    /// takes the revision from the key, and gets the right one with the answer that it was wrong.
    fn is_stale(&mut self, id: KeyId, revision: i64, base: &Base<'a>) -> bool {
        let stale = self.stale.entry(id).or_insert_with(|| base.stale.get(&id).cloned().unwrap_or_default());
        if !stale.contains(&revision) {
            stale.push(revision);
        }
        stale.len() <= MOST_STALE
    }

    fn due<'b>(&'b self, revision: i64, base: &'b Base<'a>) -> impl Iterator<Item = KeyId> + 'b {
        let both = [self.due.get(&revision), base.due.get(&revision)];
        both.into_iter().flatten().flatten().copied()
    }

    /// The way on which the entry deleted keys in one revision; `None` where the db shows that it is none.
    fn deleted(&self, at: usize, base: &Base<'a>, ground: &Ground<'a>) -> Option<Self> {
        let (revision, records) = (self.revision, ground.at(self.revision));
        let whole = ground.holds_all(revision);
        if revision <= 1 || (whole && records.is_empty()) || records.iter().any(|record| !record.tombstone) {
            return None;
        }
        if self.due(revision, base).next().is_some() {
            return None;
        }
        let mut way = self.clone();
        way.revision = revision.checked_sub(1)?;
        way.did.push(Rc::new(Did { at, revision, changes: Vec::new() }));
        Some(way)
    }

    fn swept(&self, range: &Range<'a>, at: usize, base: &Base<'a>, ground: &Ground<'a>) -> Option<Self> {
        let mut way = self.deleted(at, base, ground)?;
        let (records, whole) = (ground.at(self.revision), ground.holds_all(self.revision));
        if records.iter().any(|record| !range.contains(record.kv.key)) {
            return None;
        }
        for (key, id) in ground.within(range) {
            if !self.known(id, base).absent {
                return None;
            }
            let existed = whole.then(|| records.iter().any(|record| record.kv.key == key));
            way.keys.insert(id, before_deletion(existed));
        }
        Some(way)
    }

    fn nothing_swept(&self, range: &Range<'a>, base: &Base<'a>, ground: &Ground<'a>) -> Option<Self> {
        let mut way = self.clone();
        for (_, id) in ground.within(range) {
            if !self.known(id, base).absent {
                return None;
            }
            way.keys.insert(id, KeyState::ABSENT);
        }
        Some(way)
    }

    fn revoked(&self, lease: i64, at: usize, base: &Base<'a>, ground: &Ground<'a>) -> Option<Self> {
        let mut way = self.deleted(at, base, ground)?;
        let attached = Live { lease: Some(lease), ..Live::default() };
        if ground.holds_all(self.revision) {
            for record in ground.at(self.revision) {
                let Some(id) = ground.id(record.kv.key) else { continue };
                if !self.known(id, base).absent {
                    return None;
                }
                way.keys.insert(id, KeyState::live(attached));
            }
            return Some(way);
        }
        for id in ground.attached(lease, at) {
            let after = self.known(id, base);
            if after.absent {
                let live = after.live.map_or(attached, |_| Live::default());
                way.keys.insert(id, KeyState { absent: true, live: Some(live) });
            }
        }
        Some(way)
    }

    fn nothing_revoked(&self, lease: i64, base: &Base<'a>, ground: &Ground<'a>) -> Option<Self> {
        let mut way = self.clone();
        for id in ground.leases.keys(lease).iter().filter_map(|key| ground.id(key)) {
            let after = self.known(id, base);
            if after.live.is_some_and(|live| live.lease == Some(lease)) {
                let left = KeyState { live: None, ..after };
                left.is_possible().then(|| way.keys.insert(id, left))?;
            }
        }
        Some(way)
    }
}

/// The state of a key before a deletion.
fn before_deletion<'a>(existed: Option<bool>) -> KeyState<'a> {
    match existed {
        Some(true) => KeyState::live(Live::default()),
        Some(false) => KeyState::ABSENT,
        None => KeyState::anything(),
    }
}

/// One branch of a transaction, or a request that is like a transaction without conditions.
struct Back<'s, 'a> {
    way: &'s Way<'a>,
    base: &'s Base<'a>,
    ground: &'s Ground<'a>,
    at: usize,
    compares: &'s [Compare<'a>],
    holds: bool,
}

impl<'a> Back<'_, 'a> {
    /// The branch was taken, and changed keys.
    fn wrote(&self, effects: &[Effect<'a>]) -> Option<Way<'a>> {
        let (revision, ground) = (self.way.revision, self.ground);
        let (records, whole) = (ground.at(revision), ground.holds_all(revision));
        let written = |record: &Record<'a>| effects.iter().any(|effect| writes(effect, record));
        let is_put = |id| effects.iter().any(|e| matches!(e, Effect::Put { key, .. } if ground.id(key) == Some(id)));
        if effects.is_empty()
            || revision <= 1
            || (whole && records.is_empty())
            || !records.iter().all(written)
            || !self.way.due(revision, self.base).all(is_put)
        {
            return None;
        }
        let mut way = self.way.clone();
        way.revision = revision.checked_sub(1)?;
        let mut facts = Vec::with_capacity(effects.len());
        for effect in effects {
            let id = ground.id(effect.key())?;
            let after = self.way.known(id, self.base);
            let record = records.iter().find(|record| record.kv.key == effect.key());
            let (before, fact) = match effect {
                Effect::Put { value, lease, .. } => {
                    let live = after.live.filter(|live| {
                        live.mod_revision.is_none_or(|known| known == revision)
                            && live.value.is_none_or(|known| known == *value)
                            && live.lease.is_none_or(|known| known == *lease)
                    })?;
                    if whole && record.is_none() {
                        return None;
                    }
                    let create = record.map(|of| of.kv.create_revision).or(live.create_revision);
                    let version = record.map(|of| of.kv.version).or(live.version);
                    (before_put(revision, create, version), (create, version))
                }
                Effect::Delete { .. } => {
                    let existed = match whole {
                        true => Some(record.is_some()),
                        false => (effects.len() == 1).then_some(true),
                    };
                    (Some(before_deletion(existed)).filter(|_| after.absent)?, (None, None))
                }
            };
            way.keys.insert(id, before);
            way.stale.insert(id, Vec::new());
            facts.push(fact);
        }
        self.compare(&mut way)?;
        let changes = effects.iter().zip(facts).map(|(effect, (create_revision, version))| {
            let existed = ground.id(effect.key()).and_then(|id| way.known(id, self.base).exists());
            (*effect, Fact { existed, create_revision, version })
        });
        let changes = changes.collect();
        way.did.push(Rc::new(Did { at: self.at, revision, changes }));
        Some(way)
    }

    /// The branch was taken, and changed nothing.
    fn silent(&self, effects: &[Effect<'a>]) -> Option<Way<'a>> {
        let mut way = self.way.clone();
        for effect in effects {
            let id = self.ground.id(effect.key()).filter(|_| matches!(effect, Effect::Delete { .. }))?;
            self.way.known(id, self.base).absent.then(|| way.keys.insert(id, KeyState::ABSENT))?;
        }
        self.compare(&mut way)?;
        Some(way)
    }

    /// Adds what the result of the conditions shows; `None` where they cannot have it.
    fn compare(&self, way: &mut Way<'a>) -> Option<()> {
        let single = |compare: &&Compare<'a>| compare.range().one().is_some();
        if !self.holds {
            let known = |compare: &Compare<'a>| {
                let id = self.ground.id(compare.key).filter(|_| single(&compare));
                id.map(|id| (id, way.known(id, self.base)))
            };
            if self.compares.iter().all(|compare| known(compare).is_some_and(|(_, known)| known.surely(compare))) {
                return None;
            }
            if let [compare] = self.compares
                && let Some((id, before)) = known(compare)
            {
                let given = before.given(compare, false);
                if given != before {
                    way.keys.insert(id, given);
                }
                if let (CompareTarget::Mod(revision), CompareResult::Equal) = (compare.target, compare.result)
                    && revision > 0
                {
                    way.is_stale(id, revision, self.base).then_some(())?;
                }
            }
            return Some(());
        }
        for compare in self.compares.iter().filter(single) {
            let id = self.ground.id(compare.key)?;
            let known = way.known(id, self.base);
            let given = known.given(compare, true);
            if !given.is_possible() {
                return None;
            }
            way.keys.insert(id, given);
            if let (CompareTarget::Mod(revision), CompareResult::Equal) = (compare.target, compare.result)
                && revision > 0
                && known.live.and_then(|live| live.mod_revision).is_none()
            {
                self.is_written(compare.key, revision, way.revision).then_some(())?;
                way.due.entry(revision).or_default().push(id);
            }
        }
        Some(())
    }

    /// Whether a key can have been written last at `revision`, as far as the db shows it, before `last`.
    fn is_written(&self, key: &[u8], revision: i64, last: i64) -> bool {
        let put = |record: &Record<'_>| !record.tombstone && record.kv.key == key;
        revision <= last && (!self.ground.holds_all(revision) || self.ground.at(revision).iter().any(put))
    }
}

/// Whether a change makes this record.
fn writes(effect: &Effect<'_>, record: &Record<'_>) -> bool {
    match effect {
        Effect::Put { key, value, lease } => {
            let kv = &record.kv;
            !record.tombstone && (kv.key, kv.value, kv.lease) == (*key, *value, *lease)
        }
        Effect::Delete { key } => record.tombstone && record.kv.key == *key,
    }
}

/// The state of a key before a put that made a record with this version of this creation.
fn before_put<'a>(revision: i64, create_revision: Option<i64>, version: Option<i64>) -> KeyState<'a> {
    match (create_revision, version) {
        (_, Some(1)) => KeyState::ABSENT,
        (Some(create), _) if create == revision => KeyState::ABSENT,
        (None, None) => KeyState::anything(),
        (create_revision, version) => {
            let version = version.map(|version| version.saturating_sub(1));
            KeyState::live(Live { create_revision, version, ..Live::default() })
        }
    }
}
