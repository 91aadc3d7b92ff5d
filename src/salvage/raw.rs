//! Records on pages whose header or elements are overwritten: found by their form alone.
//!
//! ```text
//! main, 8 bytes | _ | sub, 8 bytes | t, of a tombstone | KeyValue
//!
//! KeyValue: 0a key, 10 create, 18 mod, 20 version, 2a value, 30 lease
//! ```
//!
//! The key of the next record begins with a zero byte, which no field begins with: so the end is known, too.

use super::entry::Entry;
use crate::{
    bolt::{Item, PageId, carve::Carve},
    bytes::window,
    proto::Reader,
};

/// Bytes of a key in the bucket, without the mark of a tombstone.
const KEY: usize = 17;
/// Where the separator is in it.
const SEPARATOR: usize = 8;
/// The number of the value among the fields.
const VALUE: u32 = 5;
/// Bytes of a revision that are zero in every keyspace that there is: 2^48 transactions.
const ZEROS: usize = 2;

/// The records on the `lost` pages, `(first, how many)`.
pub(super) fn records(carve: &Carve<'_>, lost: &[(PageId, u64)]) -> Vec<Entry> {
    let mut found = Vec::new();
    for (first, count) in lost {
        let size = u64::from(carve.page_size());
        let Some(start) = carve.offset(*first) else { continue };
        let len = count.saturating_mul(size).min((carve.bytes().len() as u64).saturating_sub(start));
        let bytes = window(carve.bytes(), start, len).unwrap_or_default();
        let mut at = 0_usize;
        while let Some(next) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'_')) {
            let place = at.saturating_add(next);
            at = place.saturating_add(1);
            let Some(from) = place.checked_sub(SEPARATOR) else { continue };
            let Some((item, end)) = item(bytes, from, start) else { continue };
            let Some(entry) = Entry::of(&item) else { continue };
            at = end.max(at);
            let page = (from as u64).checked_div(size).unwrap_or(0).saturating_add(first.0);
            let page = u32::try_from(page.saturating_sub(carve.range().start)).unwrap_or(u32::MAX);
            found.push(Entry { page, erased: true, ..entry });
        }
    }
    found
}

/// The item whose key begins at `at`, if it has that form, and where it ends. `start` is the offset of `bytes`.
fn item(bytes: &[u8], at: usize, start: u64) -> Option<(Item<'_>, usize)> {
    let zeros =
        |from: usize| bytes.get(from..from.checked_add(ZEROS)?).map(|bytes| bytes.iter().all(|byte| *byte == 0));
    if zeros(at) != Some(true) || zeros(at.checked_add(SEPARATOR)?.checked_add(1)?) != Some(true) {
        return None;
    }
    let end = at.checked_add(KEY)?;
    let middle = if bytes.get(end) == Some(&b't') { end.checked_add(1)? } else { end };
    let (key, rest) = (bytes.get(at..middle)?, bytes.get(middle..)?);
    let (mut reader, mut last, mut len) = (Reader::new(rest), 0, 0);
    // The first that is no field, or not in order, belongs to what follows.
    while let Ok(Some(field)) = reader.next_field() {
        if field.number <= last || field.number > 6 {
            break;
        }
        (last, len) = (field.number, field.end);
    }
    // Where there is no value, what follows has to show that there was none: the next key, or the zeros at a page's
    // end.
    let ends = last >= VALUE || middle > end || rest.get(len).is_none_or(|byte| *byte == 0);
    let value = rest.get(..len).filter(|value| ends && !value.is_empty())?;
    let offset = start.saturating_add(at as u64);
    Some((Item { key, value, bucket: false, offset }, middle.checked_add(len)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::{KeyValue, Revision, tombstone};

    #[test]
    fn records_are_found_among_other_bytes() {
        let kv = |main: i64| {
            let value = b"a_b_c";
            KeyValue { key: b"k", create_revision: 2, mod_revision: main, version: 1, value, lease: 0 }.encode()
        };
        let key = |main, dead| Revision::first(main).to_bucket_key(dead);
        let page = [
            &b"_____\xff\xff"[..],
            &key(300, false),
            &kv(300),
            &key(301, true),
            &tombstone(b"k"),
            &key(302, false),
            &kv(999),
            &key(303, false),
            &kv(303),
        ]
        .concat();
        let carve = Carve::new(&page, None);
        let found = records(&carve, &[(PageId(0), 1)]);
        let got: Vec<_> = found.iter().map(|of| (of.revision.main, of.tombstone, of.kv(&page).value)).collect();
        assert_eq!(got, [(300, false, &b"a_b_c"[..]), (301, true, b""), (303, false, b"a_b_c")]);
        // One that is cut is none.
        let cut = page.len() - 3;
        assert_eq!(records(&Carve::new(&page[..cut], None), &[(PageId(0), 1)]).len(), 2);
    }
}
