//! The state at a revision, in key order: the answer of a `get` at that revision.

use std::collections::VecDeque;

use rayon::prelude::*;

use super::{
    KeyValue, Newest, Range, Record, Revision, Snapshot, Survey,
    survey::{append_recent, push_recent},
};
use crate::{Error, Findings, Result};

/// The live keys at a revision, in key order.
#[derive(Debug)]
pub struct View<'a> {
    /// The revision of the state.
    pub revision: i64,
    /// The last revision of the whole keyspace.
    pub head: i64,
    /// The newest records of the whole keyspace, oldest first, as in `Survey::recent`.
    pub recent: VecDeque<Record<'a>>,
    /// Findings about the backup, as far as it was read for this: [`Snapshot::findings`], then those about the records.
    pub findings: Findings,
    keys: Vec<Newest<'a>>,
}

impl<'a> Snapshot<'a> {
    /// The state at revision `at`, or the last one, of the keys in `range`. Each call reads all records once.
    ///
    /// # Errors
    /// When the revision has been compacted, or is a future revision.
    pub fn view(&self, at: Option<i64>, range: &Range<'_>) -> Result<View<'a>> {
        self.view_of(at, |key| range.contains(key))
    }

    /// As [`Snapshot::view`], of the keys for which `wanted` is true.
    ///
    /// # Errors
    /// As [`Snapshot::view`].
    pub fn view_of(&self, at: Option<i64>, wanted: impl Fn(&[u8]) -> bool + Sync) -> Result<View<'a>> {
        let keyspace = self.keyspace;
        let limit = at.unwrap_or(i64::MAX);
        let scan = keyspace.newest(&self.walk, VecDeque::new, |recent, record| {
            push_recent(recent, record);
            // The empty record of a bump is no key.
            record.revision.main <= limit && wanted(record.kv.key) && !record.is_bump()
        });
        let mut recent = VecDeque::new();
        scan.parts.into_iter().for_each(|part| append_recent(&mut recent, part));
        let head = keyspace.head(recent.back().map_or(Revision::default(), |record| record.revision));
        let revision = self.check_revision(at, head)?;
        let findings = self.findings_and(scan.findings);
        Ok(View { revision, head, recent, findings, keys: scan.shared.into_sorted() })
    }

    /// The last state, from the survey of this snapshot: no record is read again.
    #[must_use]
    pub fn view_of_survey(&self, survey: &Survey<'a>) -> View<'a> {
        let head = self.keyspace.head(survey.recent.back().map_or(Revision::default(), |record| record.revision));
        let (recent, findings) = (survey.recent.clone(), survey.findings.clone());
        View { revision: head, head, recent, findings, keys: survey.live.sorted_keys() }
    }

    /// The revision that `at` means in a keyspace whose last one is `head`.
    pub(crate) fn check_revision(&self, at: Option<i64>, head: i64) -> Result<i64> {
        let compacted = self.keyspace.compacted();
        let window = || {
            let first = compacted.max(1);
            let damage = if self.findings.damaged() { ", as far as it can be read: it is damaged" } else { "" };
            Some(format!("the file holds the revisions {first} to {head}{damage}"))
        };
        match at {
            None => Ok(head),
            Some(at) if at < compacted => {
                Err(Error::not_found(format!("revision {at} has been compacted")).hinted_if(window()))
            }
            Some(at) if at > head => {
                Err(Error::not_found(format!("revision {at} is a future revision")).hinted_if(window()))
            }
            Some(at) => Ok(at),
        }
    }
}

impl<'a> View<'a> {
    /// The keys in `range` with their newest records, in key order. Found by binary search.
    pub fn range<'v>(
        &'v self,
        range: &Range<'_>,
    ) -> impl DoubleEndedIterator<Item = KeyValue<'a>> + ExactSizeIterator + use<'v, 'a> {
        self.within(range).iter().map(Newest::kv)
    }

    /// As [`View::range`], on all cores.
    pub(crate) fn par_range<'v>(
        &'v self,
        range: &Range<'_>,
    ) -> impl IndexedParallelIterator<Item = KeyValue<'a>> + use<'v, 'a> {
        self.within(range).par_iter().map(Newest::kv)
    }

    /// The number of keys in `range`.
    #[must_use]
    pub fn count(&self, range: &Range<'_>) -> usize {
        self.within(range).len()
    }

    fn within(&self, range: &Range<'_>) -> &[Newest<'a>] {
        let first = self.keys.partition_point(|newest| newest.key < range.start());
        let rest = self.keys.get(first..).unwrap_or_default();
        rest.get(..rest.partition_point(|newest| !range.is_before(newest.key))).unwrap_or_default()
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys with their newest records, in key order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = KeyValue<'a>> + ExactSizeIterator + '_ {
        self.keys.iter().map(Newest::kv)
    }

    /// As [`View::iter`], of the keys for which `wanted` is true, found on all cores; only their records are decoded.
    pub fn matching(&self, wanted: impl Fn(&'a [u8]) -> bool + Sync) -> Vec<KeyValue<'a>> {
        self.keys.par_iter().filter(|newest| wanted(newest.key)).map(Newest::kv).collect()
    }

    /// The newest record of each key, in key order, not decoded yet.
    #[must_use]
    pub(crate) fn newest(&self) -> &[Newest<'a>] {
        &self.keys
    }

    /// The keys alone, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + '_ {
        self.keys.iter().map(|newest| newest.key)
    }

    /// As [`View::keys`], on all cores.
    pub(crate) fn par_keys(&self) -> impl IndexedParallelIterator<Item = &'a [u8]> + '_ {
        self.keys.par_iter().map(|newest| newest.key)
    }

    /// The newest record of `key`.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<KeyValue<'a>> {
        let index = self.keys.binary_search_by(|newest| newest.key.cmp(key)).ok()?;
        self.keys.get(index).map(Newest::kv)
    }
}

#[allow(clippy::arithmetic_side_effects)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    fn image(fixture: &str) -> Vec<u8> {
        let mut bytes = std::fs::read(fixture).unwrap();
        bytes.truncate(bytes.len() - 32);
        bytes
    }

    fn keys<'a>(view: &View<'a>) -> Vec<(&'a [u8], i64)> {
        view.iter().map(|kv| (kv.key, kv.mod_revision)).collect()
    }

    #[test]
    fn views_at_several_revisions_exist_side_by_side() {
        let image = image("fixtures/kube-later.db");
        let snapshot = Snapshot::open(&image).unwrap();
        let (all, head) = (Range::ALL, snapshot.head().unwrap());
        let first = snapshot.keyspace.compacted().max(1);
        let view = |at| snapshot.view(at, &all).unwrap();
        let views = [view(Some(first)), view(Some(head - 10)), view(Some(head)), view(None)];
        assert_eq!(views.each_ref().map(|view| view.revision), [first, head - 10, head, head]);
        assert!(views.iter().all(|view| view.head == head && view.findings.list().is_empty()));
        assert_eq!(keys(&views[2]), keys(&views[3]));
        assert_ne!(keys(&views[1]), keys(&views[2]));
        for view in &views {
            let fresh = Snapshot::open(&image).unwrap().view(Some(view.revision), &all).unwrap();
            assert_eq!(keys(view), keys(&fresh), "{}", view.revision);
            assert!(view.iter().all(|kv| kv.mod_revision <= view.revision));
        }
    }

    #[test]
    fn the_keys_of_a_range_are_those_that_it_holds() {
        let image = image("fixtures/kube.db");
        let view = Snapshot::open(&image).unwrap().view(None, &Range::ALL).unwrap();
        let (some, last) = (view.keys().nth(7).unwrap(), view.keys().next_back().unwrap());
        let ranges = [
            Range::ALL,
            Range::key(some),
            Range::key(b"/registry/none"),
            Range::prefix(b"/registry/pods/"),
            Range::new(some, last),
            Range::new(last, some),
            Range::from_key(last),
            Range::prefix(b"\xff"),
        ];
        for range in &ranges {
            let want: Vec<_> = view.iter().filter(|kv| range.contains(kv.key)).collect();
            assert_eq!(
                (view.range(range).collect::<Vec<_>>(), view.count(range)),
                (want.clone(), want.len()),
                "{range:?}"
            );
        }
        assert_eq!(ranges.map(|range| view.count(&range) > 1), [true, false, false, true, true, false, false, false]);
    }

    /// A page that is not found and a record that cannot be read, below what an open reads.
    fn broken() -> Vec<u8> {
        let mut image = image("fixtures/kube-later.db");
        let records = Snapshot::open(&image).unwrap().records(|_| true);
        let page = |offset: u64| offset as usize / 4096 * 4096;
        let leaf = |at: &usize| image[*at..*at + 8] == (*at as u64 / 4096).to_le_bytes();
        let record = records[10].offset as usize;
        let leaf =
            records.iter().map(|record| page(record.offset)).filter(leaf).find(|at| *at != page(records[10].offset));
        image[record + 8] = b'-';
        image[leaf.unwrap()] ^= 1;
        image
    }

    #[test]
    fn a_snapshot_is_read_any_number_of_times_in_any_order() {
        let broken = broken();
        let snapshot = Snapshot::open(&broken).unwrap();
        let before = snapshot.findings.list().to_vec();
        let (view, again) = (snapshot.view(None, &Range::ALL).unwrap(), snapshot.view(None, &Range::ALL).unwrap());
        let codes: Vec<_> = view.findings.list().iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::PageId, Code::RevisionKey]);
        assert_eq!((keys(&view), view.findings.list()), (keys(&again), again.findings.list()));
        let (survey, hashkv) = (snapshot.survey(), snapshot.hashkv(None).unwrap());
        let fresh = || Snapshot::open(&broken).unwrap();
        let (first_survey, first_hashkv) = (fresh().survey(), fresh().hashkv(None).unwrap());
        let found = |survey: &crate::etcd::Survey<'_>| {
            (survey.hash, survey.total_key, survey.pages_met, survey.findings.list().to_vec())
        };
        assert_eq!(found(&survey), found(&first_survey));
        assert_eq!(hashkv.hash, first_hashkv.hash);
        assert_eq!(hashkv.findings.list(), view.findings.list());
        assert_eq!(snapshot.findings.list(), before);
    }
}
