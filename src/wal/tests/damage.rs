//! What is left of a log when its bytes change.

use proptest::prelude::*;

use super::{super::layout::RawRecord, golden::restored, *};

#[test]
fn one_bad_record_does_not_take_the_others_with_it() {
    let head = Writer::new().entries(1, 1..=3);
    let at = head.file.len();
    let whole = head.entries(1, 4..=9).state(1, 9).padded();
    let (_, findings) = read(&[(NAME, &whole)]);
    assert_eq!(codes(&findings), []);
    let len = RawRecord::exact(&whole, at).unwrap().1 - at;
    for i in at..at + len {
        for bit in 0..8 {
            let mut file = whole.clone();
            file[i] ^= 1 << bit;
            let (log, findings) = read(&[(NAME, &file)]);
            if findings.list().is_empty() {
                assert_eq!(indexes(&log), (1..=9).collect::<Vec<_>>(), "bit {bit} of byte {i}");
                continue;
            }
            assert_eq!(findings.list()[0].offset, Some(at as u64), "bit {bit} of byte {i}");
            // a length that leads behind the file's end is the end of the log for etcd, whatever follows
            if codes(&findings).contains(&(Code::WalTorn, Severity::Warning)) {
                assert!(codes(&findings).contains(&(Code::WalCutOff, Severity::Error)), "bit {bit} of byte {i}");
                assert_eq!((indexes(&log), log.hard_state()), (vec![1, 2, 3], None), "bit {bit} of byte {i}");
                continue;
            }
            assert_eq!(log.hard_state().unwrap().commit, 9);
            let lost = indexes(&log) == [1, 2, 3, 5, 6, 7, 8, 9];
            assert!(lost || indexes(&log).len() == 9, "bit {bit} of byte {i}: {:?}", indexes(&log));
            if lost {
                assert!(codes(&findings).contains(&(Code::WalGap, Severity::Error)));
                assert_eq!(log.pending(2, 1).counts(), Unapplied { applied_at_start: 1, past_commit: 0, after_gap: 5 });
            }
        }
    }
}

#[test]
fn a_torn_end_is_told_from_damage() {
    let head = Writer::new().entries(1, 1..=3).state(1, 3);
    let at = head.file.len();
    let file = head.clone().entry_of(0, 1, 4, &[b'x'; 3000]).file;
    let mut next = head.clone().entry_of(0, 1, 4, &[b'x'; 3000]);
    let next = (next.next_file(), next.state(1, 3).entry(1, 5).padded());
    let second = "0000000000000001-0000000000000005.wal";

    // a sector of the last record was never written; a byte of it has changed; the file was cut inside it
    let mut torn = file.clone();
    torn[1024..1536].fill(0);
    torn.resize(64_000, 0);
    let mut changed = file.clone();
    changed[1030] ^= 1;
    changed.resize(64_000, 0);
    for (file, code) in [(&torn, (Code::WalTorn, Severity::Warning)), (&changed, (Code::WalCrc, Severity::Error))] {
        let (log, findings) = read(&[(NAME, file)]);
        assert_eq!((codes(&findings), indexes(&log)), (vec![code], vec![1, 2, 3]));
        assert_eq!(findings.list()[0].offset, Some(at as u64));
    }
    let (log, findings) = read(&[(NAME, &file[..1536])]);
    assert_eq!((codes(&findings), indexes(&log)), (vec![(Code::WalTorn, Severity::Warning)], vec![1, 2, 3]));
    assert_eq!(log.tail().offset, at as u64);

    // only the last file can be torn
    let mut first = next.0.clone();
    first[1024..1536].fill(0);
    let (log, findings) = read(&[(NAME, &first), (second, &next.1)]);
    assert_eq!(codes(&findings), [(Code::WalCrc, Severity::Error), (Code::WalGap, Severity::Warning)]);
    assert_eq!(indexes(&log), [1, 2, 3, 5]);
}

#[test]
fn a_hole_of_zeros_is_damage_where_its_entries_were_committed() {
    let head = Writer::new().entries(1, 1..=3);
    let (from, whole) = (head.file.len(), head.entries(1, 4..=9));
    for (commit, severity) in [(9, Severity::Error), (3, Severity::Warning)] {
        let mut file = whole.clone().state(1, commit).padded();
        file[from..from + 48].fill(0);
        let (log, findings) = read(&[(NAME, &file)]);
        assert_eq!(codes(&findings), [(Code::WalTorn, Severity::Warning), (Code::WalCutOff, severity)]);
        assert!(findings.list().iter().all(|finding| finding.offset == Some(from as u64)));
        assert_eq!((indexes(&log), log.hard_state(), log.tail().offset), (vec![1, 2, 3], None, from as u64));
    }
}

#[test]
fn what_no_etcd_writes_is_told_and_passed_by() {
    let log = Writer::new().record(9, Some(b"x")).record(3, Some(&[8])).record(2, Some(&[0xff]));
    let log = log.entry(1, 0).entry_of(7, 2, 1, b"").entry(1, 2).snapshot(1, 2, &[0x0a, 1, 0x80]).entry(2, 3);
    let file = log.padded();
    let (log, findings) = read(&[(NAME, &file)]);
    let found: Vec<_> = findings.list().iter().map(|finding| finding.code).collect();
    let want = [
        Code::WalRecord,
        Code::WalState,
        Code::WalEntry,
        Code::WalEntry,
        Code::WalEntry,
        Code::WalEntry,
        Code::WalSnapshot,
    ];
    assert_eq!((found, indexes(&log)), (want.to_vec(), vec![1, 2, 3]));
}

#[test]
fn absurd_lengths_are_lost_frames_and_not_allocations() {
    let torn = [u64::MAX, i64::MAX.cast_unsigned(), (1 << 56) - 1, 0x80 << 56 | 64_000_000, 1 << 40];
    let torn = torn.map(|word| (word, (Code::WalTorn, Severity::Warning)));
    // etcd does not take these for the end of the log
    let empty = [1 << 63, 7 << 56].map(|word| (word, (Code::WalFrame, Severity::Error)));
    for (word, told) in torn.into_iter().chain(empty) {
        let file = [&Writer::new().entry(1, 1).file[..], &word.to_le_bytes(), &[1; 64]].concat();
        let (log, findings) = read(&[(NAME, &file)]);
        assert_eq!((codes(&findings), indexes(&log)), (vec![told], vec![1]), "{word:x}");
        let tail = Writer::new().entry(1, 1).entries(1, 2..=4).file;
        let file = [&file[..], &tail[..]].concat();
        assert_eq!(codes(&read(&[(NAME, &file)]).1)[0], told, "{word:x}");
    }
}

/// Every prefix, and every value of every byte, of the log of a restored member.
#[test]
fn no_change_of_a_log_passes_unnoticed() {
    let file = restored();
    let (log, _) = read(&[(NAME, &file)]);
    let (whole, ends) = (said(&log), [56, 80, 208, 248, 288]);
    for cut in 0..file.len() {
        let (log, findings) = read(&[(NAME, &file[..cut])]);
        // behind a whole record nothing tells that there were more
        assert_eq!(findings.list().is_empty(), ends.contains(&cut), "cut at {cut}: {:?}", findings.list());
        assert!(log.entries().len() <= 1);
    }
    for i in 0..file.len() {
        for value in 0..=255 {
            let mut changed = file.clone();
            changed[i] = value;
            let (log, findings) = read(&[(NAME, &changed)]);
            let first = findings.list().iter().find_map(|finding| finding.offset);
            assert!(first.is_none_or(|at| at <= i as u64), "byte {i} = {value}: {:?}", findings.list());
            assert!(said(&log) == whole || !findings.list().is_empty(), "byte {i} = {value}");
        }
    }
}

/// What stands before so many bytes of data, fewer than 2^28, in the record of an entry.
fn claim(data: u64) -> Vec<u8> {
    let seven = |shift: u32| (data >> shift & 0x7f) as u8;
    vec![8, 2, 16, 1, 0x1a, 0x80 | seven(0), 0x80 | seven(7), 0x80 | seven(14), seven(21)]
}

/// Overlapping records that all but fit would ask for the square of the file's size.
#[test]
fn work_is_bounded_by_the_size_of_the_log() {
    let mut file = Writer::new().file;
    file.extend_from_slice(&u64::MAX.to_le_bytes());
    let end = file.len() + 4_000_000;
    while file.len() < end {
        let left = (end - file.len()) as u64;
        let record = claim(left);
        file.extend_from_slice(&Frame::around(record.len() as u64 + left).to_le_bytes());
        file.extend_from_slice(&record);
        file.resize(file.len().next_multiple_of(8), 0);
    }
    file.resize(end * 2, 1);
    let started = std::time::Instant::now();
    let (_, findings) = read(&[(NAME, &file)]);
    assert!(!findings.list().is_empty());
    assert!(started.elapsed().as_secs() < 20);
}

/// Each frame claims the rest of the file, but its length cannot be trusted: the log goes on inside it.
#[test]
fn frames_that_overlap_do_not_end_more_than_their_segment() {
    let head = Writer::new().entries(1, 1..=3);
    let pair = Writer { crc: 1, file: Vec::new() }.record(2, Some(&[])).record(2, Some(b"xx")).file;
    let (mut file, end) = (head.file, 1 << 20);
    while file.len() + pair.len() + 32 < end {
        file.extend_from_slice(&pair);
        let left = (end - file.len() - 8) as u64 & !7;
        let record = claim(left - 9);
        file.extend_from_slice(&(left | 0x81 << 56).to_le_bytes());
        file.extend_from_slice(&record);
        file.resize(file.len().next_multiple_of(8), 1);
    }
    file.resize(end, 1);
    let next = Writer::new().entries(1, 4..=6).padded();
    let (log, findings) = read(&[(NAME, &file), ("0000000000000001-0000000000000004.wal", &next)]);
    let codes = codes(&findings);
    assert_eq!(codes.iter().filter(|code| **code == (Code::WalOverlap, Severity::Error)).count(), 1, "{codes:?}");
    assert!(codes.len() < 200, "{} findings", codes.len());
    assert_eq!(indexes(&log), [1, 2, 3, 4, 5, 6]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_crash(
        files in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..3),
    ) {
        let files: Vec<_> = files.iter().map(|file| (NAME, &file[..])).collect();
        let (log, findings) = read(&files);
        prop_assert!(!findings.list().is_empty() || log.metadata().is_some());
    }

    #[test]
    fn any_damage_is_read_without_a_crash(
        holes in prop::collection::vec((0..2000_usize, prop::collection::vec(any::<u8>(), 1..40)), 1..6),
        commit in 0..40_u64, consistent in any::<u64>(), voters in 0..4_usize,
    ) {
        let mut writer = Writer::new().entries(1, 1..=20);
        let mut first = writer.next_file();
        let mut second = writer.state(1, commit).entries(2, 18..=40).snapshot(2, 30, &[8, 1]).padded();
        for (at, with) in holes {
            let file = if at % 2 == 0 { &mut first } else { &mut second };
            let at = at.min(file.len() - with.len());
            file[at..at + with.len()].copy_from_slice(&with);
        }
        let (log, _) = read(&[(NAME, &first), ("0000000000000001-0000000000000015.wal", &second)]);
        prop_assert!(log.entries().is_sorted_by(|a, b| a.index < b.index));
        let unapplied = log.pending(consistent, voters).counts();
        let new = log.entries().iter().filter(|entry| entry.index > consistent).count() as u64;
        prop_assert_eq!(unapplied.applied_at_start + unapplied.past_commit + unapplied.after_gap, new);
        let _ = log.voters();
    }
}
