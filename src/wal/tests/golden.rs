//! Logs that etcdutl wrote.

use std::collections::BTreeSet;

use super::*;
use crate::document::Id;

const NODE: Id = Id(0x8e9e_05c5_2164_694d);

/// `etcdutl snapshot restore` with nothing but a snapshot, etcd 3.5 and 3.6: all that is not zeros.
const RESTORED_36: &str = "\
    040000000000008408041000000000002000000000000000080110bb81c7fc051a1608cdd2918bd2b881cf8e0110b298eaf1948386fccd01\
    0e0000000000008208051094bbc7ed0e1a040800100000007400000000000084080210c2ee92950b1a6a08011001180122620800100018cd\
    d2918bd2b881cf8e0122517b226964223a31303237363635373734333933323937353433372c227065657255524c73223a5b22687474703a\
    2f2f6c6f63616c686f73743a32333830225d2c226e616d65223a2264656661756c74227d0000000019000000000000870803109b98d6c308\
    1a0f080110cdd2918bd2b881cf8e011801000000000000001d000000000000830805108d9eaeef0d1a13080110011a0d08cdd2918bd2b881\
    cf8e012800000000";
/// The same, etcd 3.7, from the entry on.
const RESTORED_37: &str = "\
    7200000000000086080210dbf28c8e071a680801100118012260100018cdd2918bd2b881cf8e0122517b226964223a313032373636353737\
    34333933323937353433372c227065657255524c73223a5b22687474703a2f2f6c6f63616c686f73743a32333830225d2c226e616d65223a\
    2264656661756c74227d0000000000001900000000000087080310ffefac9c011a0f080110cdd2918bd2b881cf8e01180100000000000000\
    1b000000000000850805108f9a8eec0a1a11080110011a0b08cdd2918bd2b881cf8e010000000000";
/// The same, etcd 3.4, the snapshot record alone.
const RESTORED_34: &str = "0e00000000000082080510b8e0e0e1061a04080110010000";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub(super) fn restored() -> Vec<u8> {
    bytes(RESTORED_36)
}

#[test]
fn a_restored_members_log_is_read() {
    let (new, old) = (restored(), [&restored()[..248], &bytes(RESTORED_34)].concat());
    let newest = [&restored()[..80], &bytes(RESTORED_37)].concat();
    for (file, end, crc, voters) in [
        (&new, 288, 0xddeb_8f0d, Some(vec![NODE])),
        (&old, 272, 0x6c38_3038, None),
        (&newest, 288, 0xad83_8d0f, Some(vec![NODE])),
    ] {
        let mut long = file.clone();
        long.resize(64_000_000, 0);
        let (log, findings) = read(&[(NAME, &long)]);
        assert_eq!(codes(&findings), []);
        assert_eq!(log.metadata(), Some(Metadata { node_id: NODE, cluster_id: Id(0xcdf8_1819_4e3a_8c32) }));
        assert_eq!(log.hard_state(), Some(HardState { term: 1, vote: NODE, commit: 1 }));
        assert_eq!(log.tail(), Tail { segment: 0, offset: end, crc: Some(crc) });
        let [first, last] = log.snapshots() else { panic!("{:?}", log.snapshots()) };
        assert_eq!((first.index, first.term, first.offset), (0, 0, 56));
        assert_eq!((last.index, last.term, last.offset), (1, 1, 248));
        assert_eq!(last.voters().map(|state| state.voters), voters);
        let [entry] = log.entries() else { panic!("{:?}", log.entries()) };
        assert_eq!((entry.index, entry.term, entry.kind, entry.offset), (1, 1, EntryKind::ConfChange, 80));
        let change = entry.conf_change().unwrap();
        assert_eq!((change.kind, change.node_id), (ConfChangeKind::AddNode, NODE));
        assert!(change.context.ends_with(br#""name":"default"}"#));
        assert_eq!(log.voters(), Some(BTreeSet::from([NODE])));
        assert_eq!(log.pending(1, 1).counts(), Unapplied::default());
    }
}

/// What etcdutl writes for `member` of these, in the order of their ids.
fn written(member: Id, cluster_id: Id, members: &[(Id, &str)]) -> Vec<u8> {
    let commit = members.len() as u64;
    let voters: Vec<_> = members.iter().map(|(id, _)| *id).collect();
    let mut log = super::super::Writer::begin(&Metadata { node_id: member, cluster_id });
    for (index, (id, json)) in (1..).zip(members) {
        let change = ConfChange { kind: ConfChangeKind::AddNode, node_id: *id, context: json.as_bytes() };
        log.conf_change(1, index, &change);
    }
    log.state(&HardState { term: 1, vote: voters[0], commit });
    log.snapshot(1, commit, Some(&ConfState { voters, ..ConfState::default() }));
    log.finish()
}

#[test]
fn a_restored_members_log_is_written() {
    let json = r#"{"id":10276657743932975437,"peerURLs":["http://localhost:2380"],"name":"default"}"#;
    assert_eq!(written(NODE, Id(0xcdf8_1819_4e3a_8c32), &[(NODE, json)]), restored());
}

/// Three members, restored as m2 (etcd 3.5, 3.6).
#[test]
fn three_members_log_has_the_checksums_that_etcdutl_wrote() {
    let ids = [0x61b0_46c1_789d_11d8, 0x7aa1_8119_1753_809e, 0x9852_1e8c_6c48_c6da].map(Id);
    let json = |id: Id, n: u8| format!(r#"{{"id":{},"peerURLs":["http://10.0.0.{n}:2380"],"name":"m{n}"}}"#, id.0);
    let members = [(ids[0], json(ids[0], 2)), (ids[1], json(ids[1], 3)), (ids[2], json(ids[2], 1))];
    let members: Vec<_> = members.iter().map(|(id, json)| (*id, json.as_str())).collect();
    let file = written(ids[0], Id(0x8e67_f3b9_7769_8ab3), &members);
    let segments = [Segment { name: NAME, bytes: &file }];
    let (mut findings, mut sums) = (Findings::default(), Vec::new());
    let mut records = Records::new(&segments, &mut findings);
    while let Some(record) = records.next_record(&mut findings) {
        sums.push((record.offset, record.crc));
    }
    let want = [
        (0, 0),
        (16, 0x2f90_b96f),
        (56, 0x2f58_ad04),
        (80, 0x0172_3128),
        (200, 0x421c_ebe5),
        (320, 0x671b_938f),
        (440, 0x6b2f_f1c4),
        (472, 0x9637_18ad),
    ];
    assert_eq!(sums, want);
    assert_eq!(records.tail(), Tail { segment: 0, offset: 536, crc: Some(0x9637_18ad) });
    let (log, findings) = read(&[(NAME, &file)]);
    assert_eq!(codes(&findings), []);
    assert_eq!(log.voters(), Some(BTreeSet::from(ids)));
    assert_eq!(log.hard_state(), Some(HardState { term: 1, vote: ids[0], commit: 3 }));
}
