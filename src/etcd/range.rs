//! Ranges of keys, by etcd's rules for `key` and `range_end`.

use std::borrow::Cow;

/// The keys that a `key` and a `range_end` name, in a request, a permission or on the command line (`RangeRequest` in
/// `rpc.proto`):
///
/// ```text
/// range_end                      keys
/// empty                          `key` alone
/// one zero byte                  from `key` on; with a `key` of one zero byte, every key
/// anything else                  from `key` up to `range_end`, without it; none when it is not greater
/// `key`, its last byte plus one  those that begin with `key`: how clients ask for a prefix
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range<'k> {
    start: Cow<'k, [u8]>,
    end: End<'k>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum End<'k> {
    /// The range is its first key alone.
    One,
    Before(Cow<'k, [u8]>),
    Open,
}

impl Range<'static> {
    /// Every key.
    pub const ALL: Self = Self { start: Cow::Borrowed(b""), end: End::Open };
}

impl<'k> Range<'k> {
    /// The range of a request's or a permission's `key` and `range_end`.
    #[must_use]
    pub fn new(key: impl Into<Cow<'k, [u8]>>, range_end: impl Into<Cow<'k, [u8]>>) -> Self {
        let range_end = range_end.into();
        let end = match *range_end {
            [] => End::One,
            [0] => End::Open,
            _ => End::Before(range_end),
        };
        Self { start: key.into(), end }
    }

    /// One key.
    #[must_use]
    pub fn key(key: impl Into<Cow<'k, [u8]>>) -> Self {
        Self { start: key.into(), end: End::One }
    }

    /// `key` and all keys after it (`clientv3.WithFromKey`).
    #[must_use]
    pub fn from_key(key: impl Into<Cow<'k, [u8]>>) -> Self {
        Self { start: key.into(), end: End::Open }
    }

    /// The keys that begin with `prefix` (`clientv3.GetPrefixRangeEnd`); every key when it is empty.
    #[must_use]
    pub fn prefix(prefix: impl Into<Cow<'k, [u8]>>) -> Self {
        let start = prefix.into();
        let mut end = start.to_vec();
        while let Some(last) = end.pop() {
            if let Some(next) = last.checked_add(1) {
                end.push(next);
                break;
            }
        }
        let end = if end.is_empty() { End::Open } else { End::Before(end.into()) };
        Self { start, end }
    }

    /// The first key that the range may hold.
    #[must_use]
    pub(crate) fn start(&self) -> &[u8] {
        &self.start
    }

    /// The key, when the range is a single key.
    #[must_use]
    pub fn one(&self) -> Option<&[u8]> {
        (self.end == End::One).then_some(&*self.start)
    }

    /// Whether `key` is greater than all keys in the range.
    #[inline]
    #[must_use]
    pub(crate) fn is_before(&self, key: &[u8]) -> bool {
        match &self.end {
            End::One => key > &*self.start,
            End::Before(end) => key >= &**end,
            End::Open => false,
        }
    }

    /// Whether the range holds `key`.
    #[inline]
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= &*self.start && !self.is_before(key)
    }

    /// Whether the range can hold no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_before(&self.start)
    }

    /// Whether a key may be in this range and in `other`.
    #[must_use]
    pub(crate) fn meets(&self, other: &Range<'_>) -> bool {
        let start = self.start.as_ref().max(&other.start);
        self.contains(start) && other.contains(start)
    }

    /// The first key, and the first key after the range; `None` when it has no end.
    fn into_bounds(self) -> Bounds<'k> {
        let end = match self.end {
            End::One => Some([&*self.start, b"\0"].concat().into()),
            End::Before(end) => Some(end),
            End::Open => None,
        };
        (self.start, end)
    }
}

type Bounds<'k> = (Cow<'k, [u8]>, Option<Cow<'k, [u8]>>);

/// The keys of several ranges together.
#[derive(Debug, Default)]
pub(super) struct RangeSet<'k> {
    /// The ranges in order; no two have a key in common or follow each other without a gap.
    ranges: Vec<Bounds<'k>>,
}

impl<'k> FromIterator<Range<'k>> for RangeSet<'k> {
    fn from_iter<R: IntoIterator<Item = Range<'k>>>(ranges: R) -> Self {
        let mut all: Vec<_> = ranges.into_iter().filter(|range| !range.is_empty()).map(Range::into_bounds).collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut ranges: Vec<Bounds<'k>> = Vec::new();
        for (start, end) in all {
            match ranges.last_mut() {
                Some((_, last)) if last.as_ref().is_none_or(|last| start <= *last) => {
                    *last = last.take().zip(end).map(|(last, end)| last.max(end));
                }
                _ => ranges.push((start, end)),
            }
        }
        Self { ranges }
    }
}

impl RangeSet<'_> {
    /// Whether one of the ranges holds `key`.
    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.covers(&Range::key(key))
    }

    /// Whether the ranges together hold all keys of `range`; of an empty one, whether they hold its first key.
    pub(super) fn covers(&self, range: &Range<'_>) -> bool {
        let after = self.ranges.partition_point(|(start, _)| **start <= *range.start);
        let last = after.checked_sub(1).and_then(|at| self.ranges.get(at));
        last.is_some_and(|(_, end)| match (end, &range.end) {
            (None, _) => true,
            (Some(_), End::Open) => false,
            (Some(end), End::One) => *range.start < **end,
            (Some(end), End::Before(last)) => range.start < *end && last <= end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(holds: impl Fn(&[u8]) -> bool) -> String {
        let keys = ["", "\0", "a", "a\0", "b", "ba", "c", "\u{7f}"];
        keys.into_iter().filter(|key| holds(key.as_bytes())).map(|key| key.escape_debug().to_string() + " ").collect()
    }

    #[test]
    fn a_key_and_an_end_mean_what_they_mean_to_etcd() {
        let cases: [(Range<'_>, &str); 10] = [
            (Range::new(b"a", b""), "a "),
            (Range::new(b"a", b"c"), "a a\\0 b ba "),
            (Range::new(b"b", b"\0"), "b ba c \\u{7f} "),
            (Range::new(b"\0", b"\0"), "\\0 a a\\0 b ba c \\u{7f} "),
            (Range::new(b"c", b"a"), ""),
            (Range::new(b"b", b"b"), ""),
            (Range::prefix(b"b"), "b ba "),
            (Range::prefix(b""), " \\0 a a\\0 b ba c \\u{7f} "),
            (Range::from_key(b"ba"), "ba c \\u{7f} "),
            (Range::ALL, " \\0 a a\\0 b ba c \\u{7f} "),
        ];
        for (range, want) in cases {
            assert_eq!(held(|key| range.contains(key)), want, "{range:?}");
            assert_eq!(range.is_empty(), want.is_empty(), "{range:?}");
        }
    }

    #[test]
    fn the_end_of_a_prefix_is_the_next_key_that_does_not_begin_so() {
        assert_eq!(Range::prefix(b"a/"), Range::new(b"a/", b"a0"));
        assert_eq!(Range::prefix(b"a\xff\xff"), Range::new(b"a\xff\xff", b"b"));
        assert_eq!(Range::prefix(b"\xff"), Range::from_key(b"\xff"));
    }

    #[test]
    fn ranges_meet_a_prefix() {
        let cases: [(&[u8], &[u8], bool); 9] = [
            (b"/a/1", b"", true),
            (b"/b", b"", false),
            (b"/", b"", false),
            (b"/", b"0", true),
            (b"/", b"\0", true),
            (b"/a/5", b"/a/6", true),
            (b"/a0", b"/b", false),
            (b"/", b"/a/", false),
            (b"/b", b"\0", false),
        ];
        for (key, end, want) in cases {
            let (range, prefix) = (Range::new(key, end), Range::prefix(b"/a/"));
            assert_eq!((range.meets(&prefix), prefix.meets(&range)), (want, want), "{range:?}");
        }
    }

    #[test]
    fn ranges_are_merged_and_keys_are_found_in_them() {
        let set = |ranges: &[(&'static [u8], &'static [u8])]| -> RangeSet<'_> {
            ranges.iter().map(|(key, end)| Range::new(*key, *end)).collect()
        };
        let holds = |set: &RangeSet<'_>, keys: &[u8]| keys.iter().map(|key| set.contains(&[*key])).collect::<Vec<_>>();
        let few = set(&[(b"m", b"p"), (b"a", b"c"), (b"b", b"d"), (b"k", b""), (b"z", b"a")]);
        assert_eq!(few.ranges.len(), 3);
        assert_eq!(holds(&few, b"acdklmpz"), [true, true, false, true, false, true, false, false]);
        let open = set(&[(b"m", b"p"), (b"n", b"\0"), (b"x", b"y")]);
        assert_eq!((open.ranges.len(), holds(&open, b"dmpz")), (1, vec![false, true, true, true]));
        let covers = |key: &[u8], end: &[u8]| few.covers(&Range::new(key, end));
        assert!(covers(b"a", b"d") && covers(b"k", b"") && covers(b"b", b"a") && open.covers(&Range::from_key(b"n")));
        assert!(!covers(b"a", b"e") && !covers(b"l", b"") && !covers(b"m", b"\0") && !covers(b"e", b"a"));
        let neighbours = set(&[(b"a", b""), (b"a\0", b"c"), (b"c", b"d")]);
        assert!(neighbours.ranges.len() == 1 && neighbours.covers(&Range::new(b"a", b"d")));
    }
}
