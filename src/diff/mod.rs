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
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use rayon::prelude::*;

pub use detail::{Detail, Occurrence, history, wanted};
pub use document::Document;
pub use entry::{Difference, Entry, Ref};
pub(crate) use fields::fields;
pub use fields::{Field, Path, Step};
pub use filter::DiffFilter;
pub use history::{Chain, Change, Verb, changes};
pub use history_document::history_document;
pub use ignore::{Ignore, Reason};
pub(crate) use members::Members;
pub use members::stamped;
pub use pair::{Common, Diff, Pair};
pub(crate) use relation::Newer;
pub use relation::{About, Relation};
pub use state::StateChange;
pub use tally::{Counts, Tally};
pub use text::{Line, history_lines, window};
pub use writer::Writer;

use crate::{
    etcd::Newest,
    k8s::{Key, Value},
};
use pair::{WAVE, WAVE_BYTES};

/// Number of keys of a piece, which one core merges and compares byte by byte, and of pieces at once.
const PIECE: usize = 128;
const PIECES: usize = 64;

impl<'a> Diff<'_, 'a> {
    /// Compares the pairs that `wanted` accepts, and calls `each` with the differences in key order, until that fails.
    /// Returns what the two have in common.
    ///
    /// # Errors
    /// Errors of `each`.
    pub fn each<E>(
        &self,
        wanted: impl Fn(&Pair<'a>) -> bool + Sync,
        mut each: impl FnMut(Pair<'a>, Entry<'a>) -> Result<(), E>,
    ) -> Result<Common<'a>, E> {
        let (related, apart) = (AtomicBool::new(false), Mutex::new(None));
        let (from, to) = (self.old.view.revision, self.new.view.revision);
        let differs = |(old, new): (Option<&Newest<'a>>, Option<&Newest<'a>>)| {
            if old.zip(new).is_some_and(|(old, new)| old.is_same(new)) {
                related.store(true, Relaxed);
                return None;
            }
            let pair = Pair { old: old.map(Newest::kv), new: new.map(Newest::kv) };
            if !pair.is_of_one_history(from, to) {
                let mut first = apart.lock().unwrap_or_else(PoisonError::into_inner);
                *first = first.into_iter().chain([pair.key()]).min();
            }
            let is_equal = pair.old.zip(pair.new).is_some_and(|(old, new)| old.value == new.value);
            (!is_equal && wanted(&pair)).then_some(pair)
        };
        let (mut batch, mut wave, mut bytes) = (Vec::with_capacity(PIECES), Vec::with_capacity(WAVE), 0_usize);
        let mut pieces = pieces(self.old.view.newest(), self.new.view.newest());
        loop {
            batch.extend(pieces.by_ref().take(PIECES));
            if batch.is_empty() {
                break;
            }
            let differing: Vec<Vec<_>> =
                batch.par_drain(..).map(|(old, new)| merged(old, new).filter_map(differs).collect()).collect();
            for pair in differing.into_iter().flatten() {
                bytes = bytes.saturating_add(pair.bytes());
                wave.push(pair);
                if wave.len() >= WAVE || bytes >= WAVE_BYTES {
                    self.hand_on(&mut wave, &mut each)?;
                    bytes = 0;
                }
            }
        }
        self.hand_on(&mut wave, &mut each)?;
        let apart = apart.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Common { related: related.into_inner(), apart })
    }

    /// Compares a pair; `None` when the content is equal and only its stored form differs.
    #[must_use]
    pub(crate) fn entry(&self, pair: &Pair<'a>) -> Option<Entry<'a>> {
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

/// Both sides in pieces that hold the same range of keys, in order: at most [`PIECE`] keys of a side.
fn pieces<'v, 'a>(
    mut old: &'v [Newest<'a>],
    mut new: &'v [Newest<'a>],
) -> impl Iterator<Item = (&'v [Newest<'a>], &'v [Newest<'a>])> {
    std::iter::from_fn(move || {
        if old.is_empty() && new.is_empty() {
            return None;
        }
        let end = [old, new].into_iter().filter_map(|side| side.get(PIECE)).map(|newest| newest.key).min();
        let cut = |side: &mut &'v [Newest<'a>]| {
            let near = side.get(..PIECE).unwrap_or(side);
            let len = end.map_or(near.len(), |end| near.partition_point(|newest| newest.key < end));
            side.split_off(..len).unwrap_or_default()
        };
        Some((cut(&mut old), cut(&mut new)))
    })
}

/// The newest records of all keys of both sides, in key order.
fn merged<'v, 'a>(
    old: &'v [Newest<'a>],
    new: &'v [Newest<'a>],
) -> impl Iterator<Item = (Option<&'v Newest<'a>>, Option<&'v Newest<'a>>)> {
    let (mut a, mut b) = (old.iter().peekable(), new.iter().peekable());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::{Range, Snapshot};

    #[test]
    fn pieces_hold_every_key_once_and_both_sides_of_it() {
        let image = |name: &str| {
            let mut bytes = std::fs::read(format!("fixtures/{name}.db")).unwrap();
            bytes.truncate(bytes.len() - 32);
            bytes
        };
        let [early, late] = ["kube", "kube-later"].map(image);
        let [early, late] = [&early, &late].map(|image| Snapshot::open(image).unwrap());
        let all = [&early, &late].map(|snapshot| snapshot.view(None, &Range::ALL).unwrap());
        let pods = late.view(None, &Range::prefix(b"/registry/pods/")).unwrap();
        let none = late.view(None, &Range::prefix(b"/none/")).unwrap();
        for (old, new) in [(&all[0], &all[1]), (&all[0], &none), (&none, &all[1]), (&pods, &all[1]), (&none, &none)] {
            let (old, new) = (old.newest(), new.newest());
            let keys = |(a, b): (Option<&Newest<'_>>, Option<&Newest<'_>>)| {
                (a.map(|newest| newest.key.to_vec()), b.map(|newest| newest.key.to_vec()))
            };
            let mut together = Vec::new();
            for (old, new) in pieces(old, new) {
                assert!(old.len() <= PIECE && new.len() <= PIECE && old.len() + new.len() > 0);
                together.extend(merged(old, new).map(keys));
            }
            assert_eq!(together, merged(old, new).map(keys).collect::<Vec<_>>());
        }
        assert!(all[0].len() > 2 * PIECE);
    }
}
