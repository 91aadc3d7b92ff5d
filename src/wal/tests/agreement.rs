use std::collections::BTreeSet;

use super::*;
use crate::wal::agreement::Agreed::{No, Open, Yes};

/// A log of the member `id` of the voters 1, 2 and 3, whose snapshot is at entry 3: entries by term, and the commit.
fn of(id: u8, entries: &[(u64, std::ops::RangeInclusive<u64>)], commit: u64) -> Vec<u8> {
    let begin = Writer::default().record(4, None).record(1, Some(&[8, id, 16, 2])).snapshot(1, 3, &[8, 1, 8, 2, 8, 3]);
    let log = entries.iter().fold(begin, |log, (term, range)| log.entries(*term, range.clone()));
    log.state(9, commit).padded()
}

fn compared(logs: &[Vec<u8>], damaged: &[usize]) -> Result<Agreement, String> {
    let names: Vec<_> = logs.iter().map(|bytes| [(NAME, bytes.as_slice())]).collect();
    let whole: Vec<_> = names.iter().enumerate().map(|(at, files)| (read(files).0, damaged.contains(&at))).collect();
    Agreement::of(&whole, 0, &BTreeSet::new())
}

fn held(logs: &[Vec<u8>], damaged: &[usize]) -> Vec<(u64, u64, usize, Agreed)> {
    let all = compared(logs, damaged).unwrap().held;
    all.iter().map(|held| (held.first, held.last, held.by, held.agreed)).collect()
}

#[test]
fn what_a_majority_holds_was_agreed_on() {
    let a = of(1, &[(1, 4..=9)], 6);
    let b = of(2, &[(1, 4..=7)], 5);
    let c = of(3, &[(1, 4..=6)], 5);
    assert_eq!(held(&[a.clone(), b.clone(), c.clone()], &[]), [(7, 7, 2, Yes), (8, 9, 1, No)]);
    let all = compared(&[c.clone(), a.clone(), b.clone()], &[]).unwrap();
    assert_eq!(
        (all.keep, all.voters, all.here, all.last_agreed(), all.overruled.as_slice()),
        (1, 3, 3, Some(7), &[][..])
    );
    // what the third member may have
    assert_eq!(held(&[a.clone(), b.clone()], &[]), [(7, 7, 2, Yes), (8, 9, 1, Open)]);
    assert_eq!(compared(&[a.clone(), b.clone()], &[]).unwrap().last_agreed(), None);
    // or had, before it was damaged
    assert_eq!(held(&[a.clone(), b.clone(), c.clone()], &[2]), [(7, 7, 2, Yes), (8, 9, 1, Open)]);
    assert_eq!(compared(std::slice::from_ref(&a), &[]).unwrap_err(), "1 of 3 voters are here, which is no majority");
    assert_eq!(compared(&[a.clone(), a.clone()], &[]).unwrap_err(), "two of the logs are of one member");
    assert!(compared(&[a, b, c], &[0]).unwrap_err().contains("is damaged"));
}

/// Each line says what is known of the entry, and why.
#[test]
fn the_lines_say_what_was_committed() {
    let [a, b, c] = [of(1, &[(1, 4..=9)], 6), of(2, &[(1, 4..=7)], 5), of(3, &[(1, 4..=6)], 5)];
    let lines = |logs: &[Vec<u8>], committed: u64| {
        let names: Vec<_> = logs.iter().map(|log| [(NAME, log.as_slice())]).collect();
        let logs: Vec<_> = names.iter().map(|files| (read(files).0, false)).collect();
        let all = Agreement::of(&logs, committed, &BTreeSet::new()).unwrap();
        all.lines(&["a", "b", "c"].map(str::to_owned))[1..=2].join("\n")
    };
    assert_eq!(
        lines(&[a.clone(), b.clone(), c.clone()], 0),
        "entry 7 is in the logs of 2 of 3 voters: a majority, so committed\n\
         each of the entries 8 to 9 is in the logs of 1 of 3 voters: no majority can have had it, so never committed"
    );
    assert_eq!(
        lines(&[a, c], 7),
        "entry 7 is in the logs of 1 of 3 voters: but committed, as one of the members recorded\n\
         each of the entries 8 to 9 is in the logs of 1 of 3 voters: only the missing members can show whether it was \
         committed"
    );
}

/// A damaged log does not stand for its voter: what it lost may have been agreed on with a voter that is missing.
#[test]
fn a_damaged_log_is_no_vote() {
    let [cut, whole, third] = [of(1, &[(1, 4..=6)], 5), of(2, &[(1, 4..=9)], 8), of(3, &[(1, 4..=9)], 9)];
    let two = [cut.clone(), whole.clone()];
    assert_eq!(compared(&two, &[0]).unwrap_err(), "1 of 3 voters have a whole log, which is no majority");
    let all = compared(&[cut, whole, third], &[0]).unwrap();
    assert_eq!((all.keep, all.here, all.last_agreed(), all.damaged.as_slice()), (1, 3, Some(9), &[0][..]));
    let names = ["a", "b", "c"].map(str::to_owned);
    assert_eq!(all.lines(&names)[1], "a: its log is damaged, and may have held more entries");
}

#[test]
fn a_snapshot_that_was_just_received_is_the_end_of_its_log() {
    let received = Writer::default().record(4, None).record(1, Some(&[8, 1, 16, 2]));
    let received = received.snapshot(2, 12, &[8, 1, 8, 2, 8, 3]).state(2, 12).padded();
    let behind = of(2, &[(1, 4..=9)], 7);
    let all = compared(&[behind.clone(), received.clone()], &[]).unwrap();
    assert_eq!((all.keep, all.held.as_slice(), all.overruled.as_slice()), (1, &[][..], &[][..]));
    // what is known to be committed has to be in a log
    let ahead = of(3, &[(1, 4..=9)], 12);
    let why = compared(&[behind, ahead], &[]).unwrap_err();
    assert_eq!(why, "entry 12 was committed, and the newest log ends at entry 9");
}

#[test]
fn a_later_leader_overrules() {
    // the longer log is of a leader that nobody followed
    let (a, b, c) =
        (of(1, &[(1, 4..=20)], 6), of(2, &[(1, 4..=7), (2, 8..=9)], 7), of(3, &[(1, 4..=7), (2, 8..=9)], 8));
    let all = compared(&[a, b, c], &[]).unwrap();
    assert_eq!((all.keep, all.overruled.as_slice(), all.last_agreed()), (1, &[(0, 8)][..], Some(9)));
    // one that another member knew to be committed is agreed on, whoever holds it
    let [one, other] = [of(1, &[(1, 4..=9)], 4), of(2, &[(1, 4..=5)], 5)];
    assert_eq!(held(&[one, other], &[]), [(5, 5, 2, Yes), (6, 9, 1, Open)]);
}

#[test]
fn two_logs_entry_by_entry() {
    let [a, b] = [of(1, &[(1, 4..=9)], 6), of(2, &[(1, 5..=7), (2, 8..=11)], 5)];
    let (files_a, files_b) = ([(NAME, a.as_slice())], [(NAME, b.as_slice())]);
    let (a, b) = (read(&files_a).0, read(&files_b).0);
    let spans = |diff: LogDiff| diff.spans.iter().map(|s| (s.first, s.last, s.a, s.b, s.same)).collect::<Vec<_>>();
    let (diff, same) = (LogDiff::of(&a, &b), LogDiff::of(&a, &a));
    assert_eq!((diff.is_same(), same.is_same(), same.spans.len()), (false, true, 1));
    let want = [
        (4, 4, Some(1), None, false),
        (5, 7, Some(1), Some(1), true),
        (8, 9, Some(1), Some(2), false),
        (10, 11, None, Some(2), false),
    ];
    assert_eq!(spans(diff), want);
}
