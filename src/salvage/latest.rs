//! Whether a tree is the latest one. Only then does it delete: what it does not reach outside of its holes is not live.
//!
//! Pages of an older tree were given away since, to other leaves and branches, so that what it does not reach may be
//! live. The older tree gives itself away: there is a record after its last one, a leaf that lacks what it reaches, or
//! a root with a later entry of the log. A tree without a meta must be whole, too. All others are a source of records
//! like any page.

use super::{
    cover::Cover,
    links::Branch,
    root::RootOf,
    set::Set,
    walk::{Seams, Walked},
};
use crate::bolt::Root;

/// Whether nothing shows that the tree of the best root is older than other pages; `head` is the last revision of a
/// state that a log continues.
pub(super) fn is_latest(set: &Set, roots: &[RootOf<'_>], walked: &Walked, head: Option<i64>) -> bool {
    let Some((root, others)) = roots.split_first() else { return false };
    let Some(last) = set.entries.last() else { return true };
    // A compaction may have removed the last records, if that which was the last of all is a deletion.
    let compacted = root.compacted();
    let deletion = root.of_meta && last.tombstone && last.revision.main <= compacted;
    let reaches = walked.head.map(|head| last.revision <= head || deletion);
    if !(root.of_meta || (walked.holes == 0 && reaches == Some(true))) {
        return false;
    }
    let replaced =
        |other: &RootOf<'_>| root.has_meta && other.has_meta && other.consistent_index > root.consistent_index;
    head.is_some() || (reaches != Some(false) && !others.iter().any(replaced))
}

/// Adds to `cover` what the tree of `root`, which is the latest one, proves of the records that it does not reach.
/// `saved`: the file is a snapshot, and has its end.
pub(super) fn delete(
    set: &Set,
    root: &RootOf<'_>,
    (walked, seams, branches, saved): (&mut Walked, Seams, &[Branch], bool),
    cover: &Cover,
) {
    for (last, next, at_once) in seams {
        cover.follow(last, next, at_once);
    }
    let records = set.entries.len();
    if let Some(Ok(last)) = walked.head.map(|head| set.find(head)) {
        cover.remove(last.saturating_add(1), records);
    }
    let Some(first) = walked.first else { return };
    // The page of its root may have been given to a leaf or a branch of the tree that is now.
    let page = root.bucket("key").and_then(|key| if let Root::Page(page) = key.root { Some(page) } else { None });
    let is_child = |branch: &Branch| branch.children.iter().any(|(at, of)| Some(*of) == page && *at == Ok(first));
    let is_part = branches.iter().any(is_child) || (walked.leaves == 1 && set.pages.branches > 0);
    let (reached, left) = (set.entries.iter().filter(|of| of.reached).count(), set.entries.get(..first));
    let small = !(saved && root.of_meta) && left.is_some_and(|left| left.len() > reached);
    if walked.holes == 0 && !is_part && !small {
        cover.remove(0, first);
    } else if is_part || small {
        walked.begins = false;
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Entry;
    use super::*;
    use crate::{bolt::PageId, etcd::Revision};

    fn root(of_meta: bool, index: u64) -> RootOf<'static> {
        RootOf {
            page: PageId(9),
            of_meta,
            buckets: Vec::new(),
            has_meta: true,
            consistent_index: Some(index),
            term: None,
            finished: Some(Revision::first(4)),
            scheduled: None,
            head: None,
        }
    }

    #[test]
    fn a_tree_is_the_latest_where_nothing_is_later() {
        let entry = |main| Entry { revision: Revision::first(main), tombstone: main == 4, ..Entry::default() };
        let set = |last| Set { entries: vec![entry(2), entry(last)], ..Set::default() };
        let walked = |head: Option<i64>, holes| Walked { head: head.map(Revision::first), holes, ..Walked::default() };
        for (name, roots, last, head, holes, latest) in [
            ("whole", vec![root(true, 7)], 9, Some(9), 0, true),
            ("whole, no meta", vec![root(false, 7)], 9, Some(9), 0, true),
            ("a later record", vec![root(true, 7)], 10, Some(9), 0, false),
            ("a later record, no meta", vec![root(false, 7)], 10, Some(9), 0, false),
            ("a deletion that was compacted", vec![root(true, 7)], 4, Some(2), 0, true),
            ("a deletion that was compacted, no meta", vec![root(false, 7)], 4, Some(2), 0, false),
            ("a record that no compaction removes", vec![root(true, 7)], 3, Some(2), 0, false),
            ("a later root", vec![root(true, 7), root(false, 8)], 9, Some(9), 0, false),
            ("an older root", vec![root(true, 7), root(false, 6)], 9, Some(9), 0, true),
            ("holes", vec![root(true, 7)], 9, Some(9), 1, true),
            ("holes, no meta", vec![root(false, 7)], 9, Some(9), 1, false),
            ("no end", vec![root(true, 7)], 9, None, 1, true),
            ("no end, a later root", vec![root(true, 7), root(false, 8)], 9, None, 1, false),
            ("none", vec![], 9, None, 0, false),
        ] {
            assert_eq!(is_latest(&set(last), &roots, &walked(head, holes), None), latest, "{name}");
        }
        assert!(is_latest(&set(9), &[root(false, 7), root(false, 8)], &walked(Some(9), 0), Some(9)));
    }

    fn removed(walked: Walked, branches: &[Branch], (pages, reached): (u64, usize)) -> (Vec<bool>, bool) {
        let entry =
            |at: usize| Entry { revision: Revision::first(at as i64 + 2), reached: at >= reached, ..Entry::default() };
        let mut set = Set { entries: (0..5).map(entry).collect(), ..Set::default() };
        set.pages.branches = pages;
        let bytes = 7_u64.to_le_bytes().into_iter().chain([0; 8]).collect::<Vec<_>>();
        let mut root = root(false, 1);
        root.buckets.extend(crate::bolt::Bucket::read(b"key", Vec::leak(bytes), 0));
        let (mut walked, cover) = (walked, Cover::new(5));
        delete(&set, &root, (&mut walked, Vec::new(), branches, false), &cover);
        cover.apply(&mut set.entries);
        (set.entries.iter().map(|entry| entry.removed).collect(), walked.begins)
    }

    #[test]
    fn what_is_before_the_tree_is_not_deleted_where_its_root_may_be_a_part() {
        let walked = Walked { first: Some(2), begins: true, leaves: 2, ..Walked::default() };
        let all = (vec![true, true, false, false, false], true);
        let none = (vec![false; 5], false);
        assert_eq!(removed(walked, &[], (1, 2)), all);
        let of = |at, page| [Branch { page: PageId(5), children: vec![(Ok(0), PageId(6)), (Ok(at), PageId(page))] }];
        assert_eq!(removed(walked, &of(2, 7), (2, 2)), none, "another branch names it");
        assert_eq!(removed(walked, &of(3, 7), (2, 2)), all, "it did, when it was another page");
        assert_eq!(removed(walked, &of(2, 8), (2, 2)), all);
        assert_eq!(removed(Walked { leaves: 1, ..walked }, &[], (1, 2)), none, "a leaf, and there are branches");
        assert_eq!(removed(Walked { leaves: 1, ..walked }, &[], (0, 2)), all);
        let walked = Walked { first: Some(3), ..walked };
        assert_eq!(removed(walked, &[], (1, 3)), none, "more is before it than in it");
    }
}
