//! The records that the decided entries made, in order.

use std::collections::BTreeMap;

use super::{
    ground::Ground,
    step::{Effect, Step},
    way::{Did, Fact},
};
use crate::{
    etcd::{KeyValue, Revision, added::AddedWriter, tombstone},
    wal::Entry,
};

/// The version of a key that existed before, of whose earlier puts nothing is known.
pub(super) const EXISTED: i64 = -1;

/// A key that exists.
#[derive(Debug, Clone, Copy)]
struct Live {
    create_revision: i64,
    version: i64,
    lease: i64,
}

/// Writes the records, and counts the revisions of which some may be missing.
#[derive(Debug)]
pub(super) struct Records<'w, 'a> {
    pub(super) writer: &'w mut AddedWriter,
    pub(super) ground: &'w Ground<'a>,
    /// The place of the first entry that is decided.
    pub(super) first: usize,
    /// The keys of which it is known whether they exist.
    keys: BTreeMap<&'a [u8], Option<Live>>,
    /// The number of revisions that may have deleted more keys than are known.
    pub(super) partial: u64,
}

impl<'w, 'a> Records<'w, 'a> {
    pub(super) fn new(writer: &'w mut AddedWriter, ground: &'w Ground<'a>, first: usize) -> Self {
        Self { writer, ground, first, keys: BTreeMap::new(), partial: 0 }
    }

    /// Adds what `entry` did, which is `step`.
    pub(super) fn add(&mut self, entry: &Entry<'a>, step: &Step<'a>, did: &Did<'a>) {
        let mut at = Revision::first(did.revision);
        let mut deleted: Vec<&'a [u8]> = Vec::new();
        match step {
            Step::Choice { .. } => {
                for (effect, fact) in &did.changes {
                    match effect {
                        Effect::Put { key, value, lease } => self.put(entry, &mut at, (key, value, *lease), fact),
                        Effect::Delete { key } => match fact.existed.or(self.exists(key)) {
                            Some(true) => self.delete(entry, &mut at, key),
                            Some(false) => {}
                            None => self.partial = self.partial.saturating_add(1),
                        },
                    }
                }
            }
            Step::DeleteRange(range) => {
                let live = self.keys.iter().filter(|(key, live)| live.is_some() && range.contains(key));
                deleted.extend(live.map(|(key, _)| *key));
                self.partial = self.partial.saturating_add(1);
            }
            Step::Revoke(id) => {
                let keys: std::collections::BTreeSet<_> = self.ground.leases.keys(*id).iter().copied().collect();
                let attached = |key: &&[u8]| matches!(self.keys.get(key), Some(Some(live)) if live.lease == *id);
                deleted.extend(keys.into_iter().filter(attached));
                if self.ground.leases.grant(*id, did.at).is_none_or(|grant| grant < self.first) {
                    self.partial = self.partial.saturating_add(1);
                }
            }
            Step::Beyond => {}
        }
        deleted.iter().for_each(|key| self.delete(entry, &mut at, key));
    }

    fn exists(&self, key: &[u8]) -> Option<bool> {
        self.keys.get(key).map(Option::is_some)
    }

    fn put(&mut self, entry: &Entry<'a>, at: &mut Revision, put: (&'a [u8], &'a [u8], i64), fact: &Fact) {
        let (key, value, lease) = put;
        let before = self.keys.get(key).copied();
        let (create_revision, version) = match (fact.existed.or(self.exists(key)), fact.version, before) {
            (Some(false), ..) => (at.main, 1),
            (_, Some(version), _) => (fact.create_revision.unwrap_or(0), version),
            (_, None, Some(Some(live))) if live.version > 0 => (live.create_revision, live.version.saturating_add(1)),
            (Some(true), ..) => (fact.create_revision.unwrap_or(0), EXISTED),
            (None, ..) => (fact.create_revision.unwrap_or(0), 0),
        };
        let kv = KeyValue { key, create_revision, mod_revision: at.main, version, value, lease };
        if !self.ground.at(at.main).iter().any(|record| record.kv.key == key) {
            self.writer.push(*at, false, &kv.encode(), entry.offset);
        }
        self.keys.insert(key, Some(Live { create_revision, version, lease }));
        at.sub = at.sub.saturating_add(1);
    }

    fn delete(&mut self, entry: &Entry<'a>, at: &mut Revision, key: &'a [u8]) {
        if !self.ground.at(at.main).iter().any(|record| record.kv.key == key) {
            self.writer.push(*at, true, &tombstone(key), entry.offset);
        }
        self.keys.insert(key, None);
        at.sub = at.sub.saturating_add(1);
    }
}
