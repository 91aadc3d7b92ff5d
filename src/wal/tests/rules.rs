//! What the records add up to.

use std::collections::BTreeSet;

use super::*;
use crate::document::Id;

#[test]
fn later_entries_replace_earlier_ones() {
    let file = Writer::new().entries(1, 1..=5).state(1, 2).entry(2, 3).entry(2, 4).state(2, 4).padded();
    let (log, findings) = read(&[(NAME, &file)]);
    assert_eq!(codes(&findings), []);
    let entries: Vec<_> = log.entries().iter().map(|entry| (entry.index, entry.term)).collect();
    assert_eq!(entries, [(1, 1), (2, 1), (3, 2), (4, 2)]);
    assert_eq!(log.overwritten(), 3);
    assert_eq!(log.hard_state().unwrap().commit, 4);
}

#[test]
fn the_checksum_runs_on_from_file_to_file() {
    let mut writer = Writer::new().entries(1, 1..=3);
    let first = writer.next_file();
    let second = writer.state(1, 3).entries(1, 4..=6).padded();
    let names = [NAME, "0000000000000001-0000000000000004.wal"];
    let (log, findings) = read(&[(names[0], &first), (names[1], &second)]);
    assert_eq!(codes(&findings), []);
    assert_eq!(indexes(&log), [1, 2, 3, 4, 5, 6]);
    assert_eq!(log.file(log.entries()[3].segment), names[1]);

    // older segments are removed as etcd goes along
    let (log, findings) = read(&[(names[1], &second)]);
    assert_eq!((codes(&findings), indexes(&log)), (vec![], vec![4, 5, 6]));
    assert_eq!(log.pending(3, 1).counts(), Unapplied { applied_at_start: 3, ..Unapplied::default() });
    assert_eq!(log.pending(1, 1).counts(), Unapplied { after_gap: 3, ..Unapplied::default() });
    // a file that has lost its name
    let (log, findings) = read(&[("wal", &second)]);
    assert_eq!(codes(&findings), [(Code::WalSequence, Severity::Warning)]);
    assert_eq!(indexes(&log), [4, 5, 6]);

    // the first file has lost its last record
    let cut = Writer::new().entries(1, 1..=2).file;
    let (log, findings) = read(&[(names[0], &cut), (names[1], &second)]);
    assert_eq!(codes(&findings), [(Code::WalCrc, Severity::Error), (Code::WalGap, Severity::Error)]);
    assert_eq!(findings.list()[0].file.as_deref(), Some(names[1]));
    assert_eq!(indexes(&log), [1, 2, 4, 5, 6]);

    // a whole file is missing
    let names = [NAME, "0000000000000002-0000000000000004.wal"];
    let (_, findings) = read(&[(names[0], &cut), (names[1], &second)]);
    assert_eq!(codes(&findings), [(Code::WalSequence, Severity::Error), (Code::WalGap, Severity::Error)]);
}

#[test]
fn one_voter_has_all_of_its_log_and_several_what_was_committed() {
    let file = Writer::new().entries(1, 1..=10).state(1, 7).padded();
    let (log, _) = read(&[(NAME, &file)]);
    assert_eq!(log.pending(4, 1).counts(), Unapplied { applied_at_start: 6, past_commit: 0, after_gap: 0 });
    assert_eq!(log.pending(4, 3).counts(), Unapplied { applied_at_start: 3, past_commit: 3, after_gap: 0 });
    assert_eq!(log.pending(8, 3).counts(), Unapplied { applied_at_start: 0, past_commit: 2, after_gap: 0 });
    assert_eq!(log.pending(10, 3).counts(), Unapplied::default());
    assert_eq!(log.pending(u64::MAX, 1).counts(), Unapplied::default());
}

#[test]
fn the_last_numbers_of_all_are_counted() {
    let log = Writer::new().entries(1, 1..=2).entries(1, u64::MAX - 1..=u64::MAX).state(1, 2).padded();
    let (log, _) = read(&[(NAME, &log)]);
    assert_eq!(log.pending(u64::MAX - 2, 1).counts(), Unapplied { applied_at_start: 2, past_commit: 0, after_gap: 0 });
    assert_eq!(log.pending(u64::MAX - 2, 3).counts(), Unapplied { applied_at_start: 0, past_commit: 2, after_gap: 0 });
    assert_eq!(log.pending(u64::MAX - 3, 1).counts().after_gap, 2);
}

#[test]
fn a_snapshot_from_the_leader_stands_for_the_entries_before_it() {
    let log = Writer::new().entries(1, 1..=5).state(1, 3).snapshot(2, 100, &[8, 1, 8, 9]).state(2, 100);
    let file = log.entries(2, 101..=103).padded();
    let (log, findings) = read(&[(NAME, &file)]);
    assert_eq!((codes(&findings), indexes(&log)), (vec![], vec![1, 2, 3, 101, 102, 103]));
    assert_eq!(log.pending(100, 2).counts(), Unapplied { applied_at_start: 0, past_commit: 3, after_gap: 0 });
    assert_eq!(log.pending(2, 2).counts().after_gap, 3);
    assert_eq!(log.voters(), Some(BTreeSet::from([Id(1), Id(9)])));
}

/// As `recoverSnapshot` of etcd 3.7 has it: not the highest, but the last of those that were committed.
#[test]
fn the_last_committed_snapshot_is_the_newest() {
    let log = Writer::new().entries(1, 1..=9).state(1, 8).snapshot(1, 6, &[8, 1]).snapshot(1, 4, &[8, 2]);
    let file = log.snapshot(1, 9, &[8, 3]).padded();
    let (log, _) = read(&[(NAME, &file)]);
    assert_eq!(log.valid_snapshots().map(|snapshot| snapshot.index).collect::<Vec<_>>(), [0, 6, 4]);
    assert_eq!(log.newest_snapshot().map(|snapshot| snapshot.index), Some(4));
    assert_eq!(log.voters(), Some(BTreeSet::from([Id(2)])));
}

#[test]
fn voters_are_those_at_the_commit() {
    let change = |kind: u8, id: u8| [8, 0, 16, kind, 24, id];
    let log = Writer::new().entry_of(1, 1, 1, &change(0, 1)).entry_of(1, 1, 2, &change(3, 2));
    let log = log.entry_of(1, 1, 3, &change(0, 2)).entry_of(1, 1, 4, &change(1, 1)).entry_of(1, 1, 5, &change(0, 1));
    for (commit, want) in [(1, vec![1]), (2, vec![1]), (3, vec![1, 2]), (4, vec![2]), (5, vec![2])] {
        let file = log.clone().state(1, commit).padded();
        assert_eq!(read(&[(NAME, &file)]).0.voters(), Some(want.into_iter().map(Id).collect()), "commit {commit}");
    }
    let file = log.state(1, 6).padded();
    let (log, findings) = read(&[(NAME, &file)]);
    assert_eq!((log.voters(), codes(&findings)), (None, vec![(Code::WalCommit, Severity::Error)]));
}

#[test]
fn logs_of_two_members_in_one_are_told() {
    let file = Writer::new().record(1, Some(&[8, 1, 16, 3])).entry(1, 1).padded();
    let (log, findings) = read(&[(NAME, &file)]);
    assert_eq!(codes(&findings), [(Code::WalMetadata, Severity::Error)]);
    assert_eq!((log.metadata(), indexes(&log)), (Some(Metadata { node_id: Id(1), cluster_id: Id(2) }), vec![1]));
    assert_eq!(codes(&read(&[]).1), [(Code::WalEmpty, Severity::Error)]);
    assert_eq!(codes(&read(&[(NAME, &[0; 4096])]).1), [(Code::WalEmpty, Severity::Error)]);
}
