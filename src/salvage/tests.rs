//! The judgement on made-up sets of records.

#![allow(clippy::arithmetic_side_effects)]

use super::{Entry, Gap, Horizon, Judged, Rule, Verdict, judge};
use crate::etcd::Revision;

const SURE: Horizon = Horizon { finished: Some(-1), scheduled: -1, begins: true, closed: true, mixed: false };

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
        let horizon =
            Horizon { finished: Some(compacted), scheduled: compacted, begins: true, closed: at_end, mixed: false };
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
