//! The judgement on made-up sets of records.

#![allow(clippy::arithmetic_side_effects)]

use super::{
    cover::Cover,
    entry::Entry,
    judge::{Gap, Horizon, Judged, Rule, Verdict, judge},
    latest,
    root::RootOf,
    set::Set,
    walk::Walked,
};
use crate::{bolt::PageId, etcd::Revision};

const SURE: Horizon =
    Horizon { finished: Some(-1), scheduled: -1, begins: true, closed: true, unfinished: false, mixed: false };

/// A record that the tree reaches, and that the next one follows at once.
fn put(main: i64, key: u32) -> Entry {
    Entry { revision: Revision::first(main), key, reached: true, linked: true, copies: 1, ..Entry::default() }
}

fn stale(main: i64, key: u32) -> Entry {
    Entry { reached: false, ..put(main, key) }
}

fn tombstone(main: i64, key: u32) -> Entry {
    Entry { tombstone: true, ..put(main, key) }
}

fn judged(entries: &[Entry], horizon: Horizon) -> Judged {
    judge(entries, entries.iter().map(|entry| entry.key + 1).max().unwrap_or(0), &horizon)
}

fn verdicts(entries: &[Entry], horizon: Horizon) -> Vec<(Verdict, Rule)> {
    judged(entries, horizon).verdicts
}

#[test]
fn what_is_reached_with_nothing_missing_is_proved() {
    let entries = [put(2, 0), put(3, 1), put(4, 0), tombstone(5, 1)];
    let all = [
        (Verdict::Superseded, Rule::Newer),
        (Verdict::Deleted, Rule::DeletedLater),
        (Verdict::Proved, Rule::Reachable),
        (Verdict::Deleted, Rule::Tombstone),
    ];
    assert_eq!(verdicts(&entries, SURE), all);
}

#[test]
fn a_revision_that_is_missing_puts_all_before_in_doubt() {
    let entries = [put(2, 0), put(3, 1), Entry { linked: false, ..put(4, 2) }, put(8, 3)];
    let judged = judged(&entries, SURE);
    let verdicts: Vec<_> = judged.verdicts.iter().map(|(verdict, _)| *verdict).collect();
    assert_eq!(verdicts, [Verdict::Likely, Verdict::Likely, Verdict::Likely, Verdict::Proved]);
    let gap = Gap { after: Revision::first(4), before: Revision::first(8), missing: 3 };
    assert_eq!((judged.missing, judged.gaps), (3, vec![gap]));
}

#[test]
fn the_end_of_a_transaction_may_be_missing() {
    // 4.0 ends a leaf, and nothing shows that 4.1 was never there.
    let entries = [put(2, 0), Entry { linked: false, ..put(4, 1) }, put(5, 2)];
    let horizon = Horizon { finished: Some(3), scheduled: 3, ..SURE };
    let judged = judged(&entries, horizon);
    assert_eq!((judged.missing, judged.gaps.len(), judged.verdict(0).1), (0, 1, Rule::Gap));
    // The first change of a transaction that is missing is missing.
    let second = Entry { revision: Revision { main: 3, sub: 1 }, ..put(3, 1) };
    let entries = [put(2, 0), second, put(4, 2)];
    assert_eq!(verdicts(&entries, SURE)[0], (Verdict::Likely, Rule::Gap));
    let whole = [put(2, 0), put(3, 3), second, put(4, 2)];
    assert_eq!(verdicts(&whole, SURE)[0], (Verdict::Proved, Rule::Reachable));
}

#[test]
fn below_a_compaction_nothing_has_to_be_there() {
    let horizon = Horizon { finished: Some(90), scheduled: 90, ..SURE };
    let entries = [put(7, 0), put(40, 1), put(91, 2)];
    assert!(verdicts(&entries, horizon).iter().all(|of| *of == (Verdict::Proved, Rule::Reachable)));
    // What was removed there cannot be distinguished from what is lost, where no page shows it.
    let mut apart = [put(7, 0), Entry { linked: false, ..put(40, 1) }, put(91, 2)];
    assert_eq!(judged(&apart, horizon).missing_below, 50);
    apart[1].revision.main = 90;
    assert_eq!(judged(&apart, horizon).missing_below, 0);
    assert_eq!(judged(&apart, Horizon { begins: false, ..horizon }).missing_below, 5);
    // The first revision after it is missing.
    let entries = [put(7, 0), put(40, 1), put(92, 2)];
    assert_eq!(verdicts(&entries, horizon)[1], (Verdict::Likely, Rule::Gap));
    // Where the compaction is not known, nothing is proved.
    let unknown = Horizon { finished: None, ..horizon };
    assert_eq!(verdicts(&entries, unknown)[2], (Verdict::Likely, Rule::Gap));
}

#[test]
fn a_page_that_no_tree_reaches_proves_only_what_no_compaction_removes() {
    let horizon = Horizon { finished: Some(90), scheduled: 90, ..SURE };
    let entries = [stale(7, 0), stale(91, 1), put(92, 2)];
    let all = [(Verdict::Likely, Rule::Stale), (Verdict::Proved, Rule::Dense), (Verdict::Proved, Rule::Reachable)];
    assert_eq!(verdicts(&entries, horizon), all);
    // A compaction that was begun may have removed it.
    let begun = Horizon { scheduled: 91, ..horizon };
    assert_eq!(verdicts(&entries, begun)[1], (Verdict::Likely, Rule::Stale));
}

#[test]
fn a_removed_record_does_not_come_back() {
    let removed = Entry { removed: true, ..stale(7, 0) };
    let horizon = Horizon { finished: Some(90), scheduled: 90, ..SURE };
    assert_eq!(verdicts(&[removed, put(91, 1)], horizon)[0], (Verdict::Deleted, Rule::Compacted));
    // Not even an older one, which another page holds.
    let all = verdicts(&[stale(6, 0), removed, put(91, 1)], horizon);
    assert_eq!(all[0], (Verdict::Deleted, Rule::Compacted));
}

#[test]
fn doubt_about_the_whole_is_doubt_about_each() {
    let entries = [put(2, 0), put(3, 1)];
    for (horizon, rule) in [
        (Horizon { closed: false, ..SURE }, Rule::Open),
        (Horizon { mixed: true, ..SURE }, Rule::Mixed),
        (Horizon { mixed: true, closed: false, ..SURE }, Rule::Mixed),
    ] {
        assert!(verdicts(&entries, horizon).iter().all(|of| *of == (Verdict::Likely, rule)));
    }
    // The last transaction writes none of its keys again.
    let both = verdicts(&entries, Horizon { unfinished: true, ..SURE });
    assert_eq!(both, [(Verdict::Likely, Rule::Unfinished), (Verdict::Proved, Rule::Reachable)]);
}

#[test]
fn copies_that_differ_are_a_conflict_and_hide_what_was_before() {
    let differs = Entry { differs: true, ..stale(3, 1) };
    let all = verdicts(&[put(2, 0), differs, put(4, 2)], SURE);
    assert_eq!(all[1], (Verdict::Conflicting, Rule::Differs));
    // One of the two copies may be of another key.
    assert_eq!(all[0], (Verdict::Likely, Rule::Gap));
    assert_eq!(all[2], (Verdict::Proved, Rule::Reachable));
    let erased = Entry { erased: true, ..put(3, 1) };
    assert_eq!(verdicts(&[put(2, 0), erased, put(4, 2)], SURE)[1], (Verdict::Likely, Rule::Erased));
}

/// Whatever is lost of a history, and whatever a compaction removed before: no value that was overwritten or deleted is
/// proved.
#[test]
fn no_loss_makes_an_old_value_proved() {
    let mut seed = 7_u64;
    let mut random = |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    let mut proved = 0;
    for _ in 0..20_000 {
        let (head, keys) = (3 + random(30) as i64, 1 + random(6) as u32);
        let mut history: Vec<Entry> = (2..=head)
            .map(|main| {
                let key = random(keys.into()) as u32;
                if random(4) == 0 { tombstone(main, key) } else { put(main, key) }
            })
            .collect();
        let compacted = random(head as u64 + 1) as i64;
        let newest =
            |key: u32, until: i64| history.iter().rev().find(|of| of.key == key && of.revision.main <= until).copied();
        let live: Vec<Option<Entry>> = (0..keys).map(|key| newest(key, head).filter(|of| !of.tombstone)).collect();
        let kept = |of: &Entry| {
            let main = of.revision.main;
            main > compacted
                || (newest(of.key, compacted).is_some_and(|new| new.revision == of.revision) && !of.tombstone)
        };
        // What a compaction has removed may be left on a stale page.
        let mut left: Vec<Entry> = Vec::new();
        for entry in &history {
            match kept(entry) {
                true => left.push(*entry),
                false if random(2) == 0 => left.push(Entry { reached: false, linked: false, ..*entry }),
                false => {}
            }
        }
        // Some pages are lost: what follows them is not linked any more; others are not reached any more.
        history.clear();
        let mut lost = false;
        for entry in left {
            if random(12) == 0 {
                lost = !lost;
            }
            if lost && random(3) > 0 {
                if let Some(last) = history.last_mut() {
                    last.linked = false;
                }
                continue;
            }
            history.push(Entry { reached: entry.reached && !lost, ..entry });
        }
        // Only neighbours of the tree are known to be neighbours.
        for at in 0..history.len() {
            let next = history.get(at + 1).map(|of| (of.revision.main, of.reached));
            let here = &mut history[at];
            here.linked &= next.is_some_and(|(_, reached)| reached == here.reached);
        }
        let at_end = history.last().is_some_and(|of| of.revision.main == head && of.reached);
        let horizon = Horizon {
            finished: Some(compacted),
            scheduled: compacted,
            begins: true,
            closed: at_end,
            unfinished: false,
            mixed: false,
        };
        let judged = judge(&history, keys, &horizon);
        for (entry, (verdict, rule)) in history.iter().zip(&judged.verdicts) {
            if *verdict == Verdict::Proved {
                let right = live[entry.key as usize].is_some_and(|of| of.revision == entry.revision);
                assert!(right, "{entry:?} {rule:?} of {history:?}, compacted {compacted}");
                proved += 1;
            }
        }
    }
    assert!(proved > 20_000, "{proved}");
}

/// The metas, or nothing, name a root that is older than the last: pages of both states are there. No value that was
/// overwritten or deleted since is proved, and no live one that is there is called deleted.
#[test]
fn no_stale_root_makes_an_old_value_proved() {
    let mut seed = 11_u64;
    let mut random = |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    let (mut proved, mut believed, mut rejected) = (0, 0, 0);
    for _ in 0..20_000 {
        let (head, keys) = (3 + random(30) as i64, 1 + random(6) as u32);
        let history: Vec<Entry> = (2..=head)
            .map(|main| {
                let key = random(keys.into()) as u32;
                Entry {
                    reached: false,
                    linked: false,
                    ..if random(4) == 0 { tombstone(main, key) } else { put(main, key) }
                }
            })
            .collect();
        let newest = |key: u32, until: i64| history.iter().rev().find(|of| of.key == key && of.revision.main <= until);
        let state = |head: i64, compacted: i64| -> Vec<Entry> {
            let is_newest = |of: &Entry| newest(of.key, compacted).is_some_and(|new| new.revision == of.revision);
            let kept = |of: &&Entry| {
                let main = of.revision.main;
                main <= head && (main > compacted || (is_newest(of) && !of.tombstone))
            };
            history.iter().filter(kept).copied().collect()
        };
        // The older state, and the last one.
        let older = 2 + random(head as u64 - 1) as i64;
        let compacted = random(older as u64) as i64;
        let finished = compacted + random((head - compacted) as u64) as i64;
        let (was, is) = (state(older, compacted), state(head, finished));
        // The last state is there, or its root is and some of its leaves; of the older one some leaves are lost.
        let has_root = random(2) == 0;
        let mut leaves = |state: &[Entry], may_be_lost: bool| -> Vec<(bool, Vec<Revision>)> {
            let (mut leaves, mut rest) = (Vec::new(), state);
            while !rest.is_empty() {
                let (leaf, after) = rest.split_at((1 + random(5) as usize).min(rest.len()));
                leaves.push((!may_be_lost || random(4) > 0, leaf.iter().map(|of| of.revision).collect()));
                rest = after;
            }
            leaves
        };
        let (of_was, of_is) = (leaves(&was, has_root), leaves(&is, has_root));
        let there = |of: &Entry| of_was.iter().chain(&of_is).any(|(there, leaf)| *there && leaf.contains(&of.revision));
        let mut set = Set { entries: history.iter().filter(|of| there(of)).copied().collect(), keys, ..Set::default() };
        set.pages.branches = 2;
        let cover = Cover::new(set.entries.len());
        for (_, leaf) in of_was.iter().chain(&of_is).filter(|(there, _)| *there) {
            let places: Vec<usize> = leaf.iter().map(|of| set.find(*of).unwrap()).collect();
            places.windows(2).for_each(|pair| cover.follow(pair[0], pair[1], true));
        }
        // The walk over the older tree.
        let (mut walked, mut seams, mut last) = (Walked::default(), Vec::new(), None);
        for (n, (there, leaf)) in of_was.iter().enumerate() {
            if !there {
                (walked.holes, walked.head, last) = (walked.holes + 1, None, None);
                continue;
            }
            let places: Vec<usize> = leaf.iter().map(|of| set.find(*of).unwrap()).collect();
            places.iter().for_each(|at| set.entries[*at].reached = true);
            seams.extend(last.map(|last| (last, places[0], true)));
            (walked.begins, walked.leaves) = (walked.begins || n == 0, walked.leaves + 1);
            walked.first = walked.first.or((n == 0).then_some(places[0]));
            (walked.head, last) = (leaf.last().copied(), places.last().copied());
        }
        if was.is_empty() {
            (walked.begins, walked.head) = (true, Some(Revision::default()));
        }
        let root = |of_meta: bool, head: i64, compacted: i64| RootOf {
            page: PageId(9),
            of_meta,
            buckets: Vec::new(),
            has_meta: true,
            consistent_index: Some(head as u64 * 10 + compacted as u64),
            term: None,
            finished: Some(Revision::first(compacted)),
            scheduled: Some(Revision::first(compacted)),
            head: None,
        };
        let of_meta = random(2) == 0;
        let mut roots = vec![root(of_meta, older, compacted)];
        roots.extend(has_root.then(|| root(false, head, finished)));
        let newer = cover.is_newer(&set.entries);
        let is_latest = !newer && latest::is_latest(&set, &roots, &walked, None);
        if is_latest {
            latest::delete(&set, &roots[0], (&mut walked, seams, &[], false), &cover);
        } else {
            set.entries.iter_mut().for_each(|entry| entry.reached = false);
        }
        cover.apply(&mut set.entries);
        let last = set.entries.iter().rev().find(|entry| !entry.removed).map_or(Revision::default(), |of| of.revision);
        let horizon = Horizon {
            finished: Some(compacted),
            scheduled: compacted,
            begins: walked.begins && is_latest,
            closed: is_latest && walked.head == Some(last) && of_meta,
            unfinished: false,
            mixed: newer || (of_meta && !is_latest),
        };
        let judged = judge(&set.entries, keys, &horizon);
        for (at, entry) in set.entries.iter().enumerate() {
            let is_live = newest(entry.key, head).is_some_and(|of| of.revision == entry.revision && !of.tombstone);
            let (verdict, rule) = judged.verdict(at);
            let case = || format!("{entry:?} {rule:?}, of {history:?}; {older}/{compacted}, {head}/{finished}");
            assert!(verdict != Verdict::Proved || is_live, "proved: {}", case());
            assert!(!is_live || !matches!(verdict, Verdict::Deleted | Verdict::Superseded), "lost: {}", case());
            proved += usize::from(verdict == Verdict::Proved);
        }
        (believed, rejected) = (believed + usize::from(is_latest), rejected + usize::from(!is_latest));
    }
    assert!(proved > 1000 && believed > 1000 && rejected > 1000, "{proved} {believed} {rejected}");
}
