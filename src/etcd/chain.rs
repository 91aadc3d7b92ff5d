//! The history of each key: above the revision up to which records may be gone, every record continues the one before.
//!
//! ```text
//! put         version 1, created by itself, when the key does not exist
//!             version + 1, the same create_revision, when it does
//! tombstone   only when the key exists
//! ```
//!
//! The parts of a scan meet the records of one key in any order, but each part in revision order. So the records of a
//! part are linked as they come, and only the ends of these chains are kept, to be compared when all parts are done. A
//! key with one record that may be its first, as most are, has no chain.

use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use super::{Depth, KeyValue, Record, Revision, record::is_bump};
use crate::{Code, Finding};

/// The place of a chain in [`Chains`] for a key that has none.
const NO_CHAIN: u32 = u32::MAX;

/// How many parts may be read at the same time with one chain of each key.
const AT_ONCE: usize = 64;

/// A part of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PartId(u16);

impl PartId {
    /// A part that is not known, so that nothing is known to be its neighbour.
    const UNKNOWN: Self = Self(u16::MAX);

    /// The number of this part, given when it is asked for first; `parts` counts them.
    #[inline]
    pub(super) fn number(&mut self, parts: &AtomicU16) -> Self {
        if self.0 == 0 {
            let last = parts.fetch_update(Relaxed, Relaxed, |last| last.checked_add(1));
            *self = last.map_or(Self::UNKNOWN, |last| Self(last.saturating_add(1)));
        }
        *self
    }
}

/// One key's newest record: 56 bytes; everything else is read again from the record when needed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newest<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The revision that wrote it.
    pub revision: Revision,
    pub(super) message: &'a [u8],
    pub(super) tombstone: bool,
    /// The part of a scan that the key's only record is in, and the chains of a key with more ([`Chains`]).
    pub(super) part: PartId,
    pub(super) chain: u32,
}

impl<'a> Newest<'a> {
    pub(super) fn of(record: &Record<'a>, part: PartId) -> Self {
        let Record { revision, tombstone, kv, message, .. } = *record;
        Self { key: kv.key, revision, message, tombstone, part, chain: NO_CHAIN }
    }

    /// Whether the same revision wrote the same bytes to `other`.
    #[must_use]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.revision == other.revision && self.message == other.message
    }

    /// As [`Record::is_bump`].
    pub(crate) fn is_bump(&self) -> bool {
        is_bump(self.revision, self.tombstone, self.message)
    }

    /// The key-value pair that was written.
    #[must_use]
    pub(crate) fn kv(&self) -> KeyValue<'a> {
        KeyValue::decode(self.message).unwrap_or_default()
    }
}

/// A record as far as its neighbours depend on it.
#[derive(Debug, Clone, Copy)]
struct Step<'a> {
    revision: Revision,
    created: i64,
    /// 0 for a tombstone.
    version: i64,
    message: &'a [u8],
}

impl<'a> Step<'a> {
    #[inline]
    fn new(revision: Revision, tombstone: bool, kv: &KeyValue<'_>, message: &'a [u8]) -> Self {
        let (created, version) = if tombstone { (0, 0) } else { (kv.create_revision, kv.version) };
        Self { revision, created, version, message }
    }

    fn of(record: &Record<'a>) -> Self {
        Self::new(record.revision, record.tombstone, &record.kv, record.message)
    }

    fn order(&self) -> (Revision, usize) {
        (self.revision, self.message.as_ptr().addr())
    }

    /// Whether this may come after `before`.
    #[inline]
    fn follows(&self, before: Option<&Self>, depth: Depth) -> bool {
        match before {
            Some(_) if self.revision.main <= depth.finished => return false,
            _ if self.revision.main <= depth.dropped => return true,
            _ => {}
        }
        match before.filter(|before| before.version > 0) {
            Some(before) if self.version > 0 => {
                self.created == before.created && Some(self.version) == before.version.checked_add(1)
            }
            Some(_) => true,
            None => self.version == 1 && self.created == self.revision.main,
        }
    }
}

/// A record that may not come after the one before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Break<'a> {
    key: &'a [u8],
    before: Option<Step<'a>>,
    step: Step<'a>,
}

impl Break<'_> {
    /// The order of findings: the revision of the record and, of a damaged db's several with one revision, its place.
    pub(super) fn order(&self) -> (Revision, usize) {
        self.step.order()
    }

    /// The finding about the record, which is in `image`.
    pub(super) fn finding(&self, depth: Depth, image: &[u8]) -> Finding {
        let Step { revision, created, version, message } = self.step;
        let what = match (self.before, version) {
            (Some(before), _) if revision.main <= depth.finished => format!(
                "revision {revision}: the last compaction leaves one record of a key, but revision {} is there, too",
                before.revision
            ),
            (None, 0) => format!("revision {revision} deletes a key that does not exist"),
            (Some(before), 0) => {
                format!("revision {revision} deletes a key that does not exist since revision {}", before.revision)
            }
            (Some(before), _) if before.version > 0 => format!(
                "revision {revision}: version {version}, created at {created}, after version {}, created at {}, of \
                 revision {}",
                before.version, before.created, before.revision
            ),
            _ => format!("revision {revision}: version {version}, created at {created}, of a key that did not exist"),
        };
        let offset = (message.as_ptr() as usize).saturating_sub(image.as_ptr() as usize);
        Finding::error(Code::KeyHistory, what).at(offset as u64).key(self.key)
    }
}

/// Records of one key that follow each other in one part of a scan.
#[derive(Debug)]
struct Chain<'a> {
    part: PartId,
    first: Step<'a>,
    last: Step<'a>,
    /// The key's chain before, [`NO_CHAIN`] without one.
    next: u32,
}

/// The chain of `part` among the newest ones of a key: parts that are read at the same time add their records in turns.
#[inline]
fn of_part<'c, 'a>(chains: &'c mut [Chain<'a>], head: u32, part: PartId) -> Option<&'c mut Chain<'a>> {
    let mut at = head;
    for _ in 0..AT_ONCE {
        let chain = chains.get(at as usize)?;
        if chain.part == part {
            break;
        }
        at = chain.next;
    }
    chains.get_mut(at as usize).filter(|chain| chain.part == part && part != PartId::UNKNOWN)
}

/// The chains of the keys of one table.
#[derive(Debug, Default)]
pub(super) struct Chains<'a> {
    chains: Vec<Chain<'a>>,
    /// Records that do not follow the one before in their part.
    broken: Vec<Break<'a>>,
}

impl<'a> Chains<'a> {
    /// The chain of a key's first record.
    #[inline]
    pub(super) fn first(&mut self, record: &Record<'a>, part: PartId, depth: Depth) -> u32 {
        let step = Step::of(record);
        if step.follows(None, depth) { NO_CHAIN } else { self.push(part, step, NO_CHAIN) }
    }

    /// Adds a further record of the key `known`, and returns the key's chain.
    #[inline]
    pub(super) fn add(&mut self, known: &Newest<'a>, record: &Record<'a>, part: PartId, depth: Depth) -> u32 {
        let step = Step::of(record);
        let head = if known.chain == NO_CHAIN {
            let only = Step::new(known.revision, known.tombstone, &known.kv(), known.message);
            self.push(known.part, only, NO_CHAIN)
        } else {
            known.chain
        };
        match of_part(&mut self.chains, head, part) {
            Some(chain) => {
                if !step.follows(Some(&chain.last), depth) {
                    self.broken.push(Break { key: record.kv.key, before: Some(chain.last), step });
                }
                chain.last = step;
                head
            }
            None => self.push(part, step, head),
        }
    }

    fn push(&mut self, part: PartId, step: Step<'a>, next: u32) -> u32 {
        let at = u32::try_from(self.chains.len()).unwrap_or(NO_CHAIN);
        self.chains.push(Chain { part, first: step, last: step, next });
        at
    }

    /// Appends the records that do not follow the one before; `keys` are those of the table.
    pub(super) fn breaks<'k>(
        &self,
        keys: impl Iterator<Item = &'k Newest<'a>>,
        depth: Depth,
        breaks: &mut Vec<Break<'a>>,
    ) where
        'a: 'k,
    {
        breaks.extend_from_slice(&self.broken);
        let mut chains: Vec<&Chain<'a>> = Vec::new();
        for known in keys.filter(|known| known.chain != NO_CHAIN) {
            chains.clear();
            let mut at = known.chain;
            while let Some(chain) = self.chains.get(at as usize) {
                chains.push(chain);
                at = chain.next;
            }
            chains.sort_unstable_by_key(|chain| chain.first.order());
            let mut before = None;
            for chain in &chains {
                if !chain.first.follows(before.as_ref(), depth) {
                    breaks.push(Break { key: known.key, before, step: chain.first });
                }
                before = Some(chain.last);
            }
        }
    }
}
