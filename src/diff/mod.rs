//! Differences between two states of a keyspace: two backups, or two revisions of one.
//!
//! Both states are in key order, so one walk along the two finds what is on one side only; values that are equal byte
//! for byte are equal and never decoded. The others are opened, decoded on all cores, and compared field by field.
//!
//! ```text
//!  View ─┐                          same bytes: equal
//!        ├─ merge join ─> Pair ──┬─ one side only: added, removed
//!  View ─┘                       └─ opened, decoded, masked ─> fields ─> ignore ─> Entry
//! ```
//!
//! Within one backup each record is a [`Change`]: the record, and its key's state before. Its [`Detail`] has the
//! differences, the time and the program that wrote it.

mod detail;
mod document;
mod entry;
mod fields;
mod filter;
mod history;
mod history_document;
mod ignore;
mod members;
mod pair;
mod patch;
mod relation;
mod state;
mod tally;
mod text;
mod writer;

use std::{
    cmp::Ordering,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use rayon::prelude::*;

pub use detail::{Detail, Occurrence, history, wanted};
pub use document::Document;
pub use entry::{Difference, Entry, Ref};
pub use fields::{Field, Path, Step, fields};
pub use filter::DiffFilter;
pub use history::{Chain, Change, Verb, changes};
pub use history_document::history_document;
pub use ignore::{Ignore, Reason};
pub use members::{Members, stamped};
pub use pair::{Diff, Pair};
pub use relation::{About, Newer, Relation};
pub use state::{StateChange, states};
pub use tally::{Counts, Tally};
pub use text::{Line, history_lines, window};
pub use writer::Writer;

use crate::{
    etcd::Newest,
    k8s::{Key, Value},
};
use pair::{WAVE, WAVE_BYTES};

/// Number of pairs that are compared byte by byte at once.
const BATCH: usize = 8192;

impl<'a> Diff<'_, 'a> {
    /// Compares the pairs that `wanted` accepts, and calls `each` with the differences in key order, until that fails.
    /// Returns whether the two have a record in common: the same key, value and revisions.
    ///
    /// # Errors
    /// Errors of `each`.
    pub fn each<E>(
        &self,
        wanted: impl Fn(&Pair<'a>) -> bool + Sync,
        mut each: impl FnMut(Pair<'a>, Entry<'a>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let related = AtomicBool::new(false);
        let differs = |(old, new): (Option<&Newest<'a>>, Option<&Newest<'a>>)| {
            if old.zip(new).is_some_and(|(old, new)| old.is_same(new)) {
                related.store(true, Relaxed);
                return None;
            }
            let pair = Pair { old: old.map(Newest::kv), new: new.map(Newest::kv) };
            let is_equal = pair.old.zip(pair.new).is_some_and(|(old, new)| old.value == new.value);
            (!is_equal && wanted(&pair)).then_some(pair)
        };
        let (mut batch, mut wave, mut bytes) = (Vec::with_capacity(BATCH), Vec::with_capacity(WAVE), 0_usize);
        let mut keys = self.keys();
        loop {
            batch.extend(keys.by_ref().take(BATCH));
            if batch.is_empty() {
                break;
            }
            let differing: Vec<_> = batch.par_drain(..).filter_map(differs).collect();
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

    /// The newest records of all keys of both sides, in key order.
    fn keys(&self) -> impl Iterator<Item = (Option<&Newest<'a>>, Option<&Newest<'a>>)> {
        let (mut a, mut b) = (self.old.view.newest().iter().peekable(), self.new.view.newest().iter().peekable());
        std::iter::from_fn(move || {
            let order = match (a.peek(), b.peek()) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.key.cmp(b.key),
            };
            let old = if order.is_le() { a.next() } else { None };
            Some((old, if order.is_ge() { b.next() } else { None }))
        })
    }

    /// Compares a pair; `None` when the content is equal and only its stored form differs.
    #[must_use]
    pub fn entry(&self, pair: &Pair<'a>) -> Option<Entry<'a>> {
        entry::compare(self, pair, |_, _| ())
    }

    /// The change as a JSON Patch (RFC 6902): it turns the old object into the new one, except for ignored fields.
    /// `None` when one of the two is missing or unreadable, or has masked values: a mask must not be applied.
    #[must_use]
    pub fn patch(&self, pair: &Pair<'a>) -> Option<Value<'a>> {
        let (key, old, new) = (Key::new(pair.key()), pair.old?, pair.new?);
        let (mut a, mut b) = entry::objects(self, &old, &new).ok()??;
        a.as_served(old.mod_revision);
        b.as_served(new.mod_revision);
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
