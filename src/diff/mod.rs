//! What changed between two states of a keyspace: two backups, or two revisions of one.
//!
//! Both are in key order, so one walk along the two finds what is on one side only; values that are equal byte for
//! byte are equal and never decoded. The others are opened, decoded on all cores, and compared field by field.
//!
//! ```text
//!  View ─┐                          same bytes: equal
//!        ├─ merge join ─> Pair ──┬─ one side only: added, removed
//!  View ─┘                       └─ opened, decoded, masked ─> fields ─> ignore ─> Entry
//! ```
//!
//! Within one backup the records tell it one by one: a [`Change`] is a record and what its key was before.

mod entry;
mod fields;
mod history;
mod ignore;
mod patch;
mod state;

use std::{
    cmp::Ordering,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use rayon::prelude::*;

pub use entry::{Difference, Entry, Ref};
pub use fields::{Field, Path, Step, fields};
pub use history::{Chain, Change, Verb, changes, manager};
pub use ignore::{Ignore, Reason};
pub use state::{StateChange, states};

use crate::{
    etcd::{KeyValue, View},
    k8s::{Key, Mask, Resources, Ring, Value},
};

/// So many pairs are compared at once, or as many as have so many bytes; what they come to is held until it is handed
/// on in order.
const WAVE: usize = 1024;
const WAVE_BYTES: usize = 4 << 20;

/// So many pairs are held against each other byte by byte at once.
const BATCH: usize = 8192;

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Side<'s, 'a> {
    /// The state.
    pub view: &'s View<'a>,
    /// Its resources.
    pub resources: &'s Resources,
    /// The keys for what is encrypted.
    pub ring: &'s Ring,
}

/// A key that is on one side, or on both with other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<'a> {
    /// What the old side has.
    pub old: Option<KeyValue<'a>>,
    /// What the new side has.
    pub new: Option<KeyValue<'a>>,
}

impl<'a> Pair<'a> {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        self.old.or(self.new).map_or(&[], |kv| kv.key)
    }

    fn bytes(&self) -> usize {
        let len = |kv: Option<KeyValue<'_>>| kv.map_or(0, |kv| kv.value.len());
        len(self.old).saturating_add(len(self.new))
    }
}

/// A comparison of two states.
#[derive(Debug, Clone, Copy)]
pub struct Diff<'s, 'a> {
    /// The old side.
    pub old: Side<'s, 'a>,
    /// The new side.
    pub new: Side<'s, 'a>,
    /// What does not count.
    pub ignore: &'s Ignore,
    /// What is not shown. Equality is found out before it is masked.
    pub mask: &'s Mask,
    /// Keys and their bytes are compared, whatever they are.
    pub raw: bool,
}

impl<'a> Diff<'_, 'a> {
    /// Compares the pairs that `wanted` lets through, and hands what differs to `each` in key order, until that fails.
    /// Says whether the two have a record in common: the same key, value and revisions.
    ///
    /// # Errors
    /// What `each` says.
    pub fn each<E>(
        &self,
        wanted: impl Fn(&Pair<'a>) -> bool + Sync,
        mut each: impl FnMut(Pair<'a>, Entry<'a>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let related = AtomicBool::new(false);
        let differs = |pair: &Pair<'a>| match (pair.old, pair.new) {
            (Some(old), Some(new)) if old.value == new.value => {
                if old == new {
                    related.store(true, Relaxed);
                }
                false
            }
            _ => wanted(pair),
        };
        let (mut batch, mut wave, mut bytes) = (Vec::with_capacity(BATCH), Vec::with_capacity(WAVE), 0_usize);
        let mut pairs = self.pairs();
        loop {
            batch.extend(pairs.by_ref().take(BATCH));
            if batch.is_empty() {
                break;
            }
            let differing: Vec<_> = batch.par_drain(..).filter(differs).collect();
            for pair in differing {
                bytes = bytes.saturating_add(pair.bytes());
                wave.push(pair);
                if wave.len() >= WAVE || bytes >= WAVE_BYTES {
                    self.hand_on(&mut wave, &mut each)?;
                    bytes = 0;
                }
            }
        }
        self.hand_on(&mut wave, &mut each)?;
        Ok(related.into_inner())
    }

    /// All keys of both sides, in order.
    fn pairs(&self) -> impl Iterator<Item = Pair<'a>> {
        let (mut a, mut b) = (self.old.view.iter().peekable(), self.new.view.iter().peekable());
        std::iter::from_fn(move || {
            let order = match (a.peek(), b.peek()) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.key.cmp(b.key),
            };
            let old = if order.is_le() { a.next() } else { None };
            Some(Pair { old, new: if order.is_ge() { b.next() } else { None } })
        })
    }

    /// What differs about a pair; `None` when the content is the same and only its form differs.
    #[must_use]
    pub fn entry(&self, pair: &Pair<'a>) -> Option<Entry<'a>> {
        entry::compare(self, pair)
    }

    /// What changed as a JSON Patch (RFC 6902): applied to the old object, it makes the new one, but for what is ignored.
    /// `None` when the two are not both there and readable, or hold what is masked: a mask is not to be applied.
    #[must_use]
    pub fn patch(&self, pair: &Pair<'a>) -> Option<Value<'a>> {
        let (key, old, new) = (Key::new(pair.key()), pair.old?, pair.new?);
        let (a, b) = entry::objects(self, &old, &new).ok()??;
        if self.mask.hides(&key, &a) || self.mask.hides(&key, &b) {
            return None;
        }
        let resource = key.object().map_or("", |object| object.resource.as_ref());
        Some(patch::patch(&a.value, &b.value, resource, self.ignore))
    }

    fn hand_on<E>(
        &self,
        wave: &mut Vec<Pair<'a>>,
        each: &mut impl FnMut(Pair<'a>, Entry<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let entries: Vec<_> =
            wave.par_drain(..).filter_map(|pair| self.entry(&pair).map(|entry| (pair, entry))).collect();
        entries.into_iter().try_for_each(|(pair, entry)| each(pair, entry))
    }
}
