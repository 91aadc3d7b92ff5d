//! The log of a real member, applied, cut, and damaged where its checksums do not show it.

use super::*;
use crate::{
    Code,
    etcd::{Range, state::AlarmKind},
    proto::Writer,
    source::Options,
    wal::EntryKind,
};

fn source() -> Source {
    Source::open("fixtures/datadir-3.6.tar.gz".as_ref(), &Options::default()).unwrap()
}

/// The entries of its log, from the first on.
fn entries(source: &Source) -> Vec<Entry<'_>> {
    read_log(source, &mut Findings::default()).entries().to_vec()
}

/// `source` with these requests applied to its db.
fn applied<'a>(source: &'a Source, requests: &'a [Vec<u8>]) -> (Snapshot<'a>, Replayed, Option<String>) {
    let mut snapshot = Snapshot::open(source.db().image()).unwrap();
    let entry = |data: &'a Vec<u8>| Entry { index: 1, term: 1, kind: EntryKind::Normal, data, segment: 0, offset: 0 };
    let entries: Vec<_> =
        requests.iter().map(|data| (entry(data), Request::decode(data).ok())).filter(|(_, r)| r.is_some()).collect();
    let mut replayed = Replayed::default();
    let halt = apply(&mut snapshot, source, &entries, None, &mut replayed).unwrap();
    (snapshot, replayed, halt.map(|(_, what)| what))
}

fn request(number: u32, message: Writer) -> Vec<u8> {
    let header = Writer::new().varint(1, 7).finish();
    Writer::new().bytes(number, &message.finish()).bytes(100, &header).finish()
}

fn put(key: &[u8]) -> Vec<u8> {
    request(4, Writer::new().bytes(1, key).bytes(2, b"new"))
}

fn alarm(action: u64, kind: u64) -> Vec<u8> {
    request(10, Writer::new().varint(1, action).varint(2, 9).varint(3, kind))
}

#[test]
fn a_corrupt_alarm_stops_all_and_no_space_what_grows() {
    let source = source();
    let range = Range::prefix(b"zz");
    let keys = |requests: &[Vec<u8>]| {
        let (snapshot, ..) = applied(&source, requests);
        let alarms: Vec<_> = snapshot.state.alarms.iter().map(|alarm| alarm.kind).collect();
        (snapshot.view(None, &range).unwrap().keys().map(<[u8]>::to_vec).collect::<Vec<_>>(), alarms)
    };
    let delete = || request(5, Writer::new().bytes(1, b"zz1"));
    let two = [b"zz1".to_vec(), b"zz2".to_vec()];
    assert_eq!(keys(&[put(b"zz1"), put(b"zz2")]), (two.to_vec(), vec![]));
    let (no_space, corrupt) = (alarm(1, 1), alarm(1, 2));
    let full = keys(&[put(b"zz1"), no_space.clone(), put(b"zz2"), delete()]);
    assert_eq!(full, (vec![], vec![AlarmKind::NoSpace]));
    let broken = keys(&[put(b"zz1"), corrupt, put(b"zz2"), delete()]);
    assert_eq!(broken, (vec![b"zz1".to_vec()], vec![AlarmKind::Corrupt]));
    assert_eq!(keys(&[put(b"zz1"), no_space, alarm(2, 1), put(b"zz2")]), (two.to_vec(), vec![]));
    for neither in [0, 3] {
        assert_eq!(keys(&[alarm(neither, 1), put(b"zz1")]), (vec![b"zz1".to_vec()], vec![]));
    }
}

/// A transaction with one step.
fn txn(number: u32, step: Writer) -> Writer {
    Writer::new().bytes(2, &Writer::new().bytes(number, &step.finish()).finish())
}

#[test]
fn a_range_that_cannot_be_read_refuses_all_but_in_the_outermost_transaction() {
    let source = source();
    let holds = |message: Writer| {
        let requests = [request(6, message)];
        let (snapshot, ..) = applied(&source, &requests);
        snapshot.view(None, &Range::prefix(b"zz")).unwrap().keys().count() == 1
    };
    let future = || Writer::new().bytes(1, b"a").varint(4, 1 << 40);
    let put = || Writer::new().bytes(1, b"zz1").bytes(2, b"new");
    let both = |range: Writer| {
        let steps = [(1, range), (2, put())].map(|(number, step)| Writer::new().bytes(number, &step.finish()).finish());
        Writer::new().bytes(2, &steps[0]).bytes(2, &steps[1])
    };
    assert!(holds(both(future())));
    assert!(!holds(txn(4, both(future()))));
    assert!(holds(txn(4, both(Writer::new().bytes(1, b"a")))));
}

#[test]
fn a_lease_takes_its_own_keys_with_it() {
    let source = source();
    let lease = |number: u32| request(number, Writer::new().varint(1, 77).varint(if number == 8 { 2 } else { 1 }, 77));
    let hung = |key: &[u8]| request(4, Writer::new().bytes(1, key).bytes(2, b"new").varint(3, 77));
    let requests = [lease(8), hung(b"zz1"), lease(9), hung(b"zz2"), put(b"zz3"), lease(8), hung(b"zz3"), put(b"zz3")];
    let (snapshot, ..) = applied(&source, &requests);
    let view = snapshot.view(None, &Range::prefix(b"zz")).unwrap();
    assert_eq!(view.keys().collect::<Vec<_>>(), [b"zz3"]);
    assert_eq!(snapshot.state.leases.iter().filter(|lease| lease.id == 77).count(), 1);
}

#[test]
fn a_password_that_every_member_hashes_itself_is_told() {
    let source = source();
    let requests = [request(1100, Writer::new().bytes(1, b"bob").bytes(2, b"secret"))];
    let (snapshot, ..) = applied(&source, &requests);
    assert!(snapshot.state.auth.users.iter().any(|user| user.name == "bob"));
    let findings: Vec<_> =
        snapshot.findings.list().iter().map(|finding| (finding.code, finding.what.as_str())).collect();
    assert!(findings.iter().any(|(code, what)| *code == Code::AuthPassword && what.contains("bob")), "{findings:?}");
    assert!(findings.iter().all(|(_, what)| !what.contains("secret")));
}

#[test]
fn what_no_etcd_gets_over_ends_it_and_is_told() {
    let source = source();
    let (_, replayed, halt) = applied(&source, &[put(b"zz1"), request(4000, Writer::new()), put(b"zz2")]);
    assert_eq!(replayed.applied, 1);
    assert!(halt.unwrap().contains("field 4000"));
    let nobody = request(1301, Writer::new().varint(1, 0xbad).bytes(2, &Writer::new().bytes(1, b"x").finish()));
    let (_, _, halt) = applied(&source, &[nobody]);
    assert_eq!(
        halt.unwrap(),
        "etcd panics when it applies entry 1: member bad publishes its attributes, but is not listed"
    );
}

#[test]
fn it_ends_where_it_is_told_to() {
    let source = source();
    let at = |load: Load| Snapshot::load(&source, &load).map(|snapshot| snapshot.log.unwrap());
    let db = Snapshot::open(source.db().image()).unwrap().state.meta.consistent_index.unwrap();
    let last = entries(&source).last().unwrap().index;
    for to in db..=last {
        let log = at(Load { to_index: Some(to), ..Load::default() }).unwrap();
        assert_eq!((log.index, log.applied), (to, to - db));
    }
    for to in [db - 1, last + 1] {
        let error = at(Load { to_index: Some(to), ..Load::default() }).unwrap_err();
        assert!(error.to_string().ends_with(&format!("it cannot be read up to entry {to}")), "{error}");
    }
}

/// Applies `requests` to the db, reads the result, and returns the number of records that etcd would not write so.
fn sound(source: &Source, requests: &[Vec<u8>]) -> u64 {
    let (snapshot, replayed, _) = applied(source, requests);
    let view = snapshot.view(None, &Range::ALL).unwrap();
    assert!(replayed.revision.is_none_or(|revision| revision == view.head), "{replayed:?}, {}", view.head);
    assert_eq!(applied(source, requests).0.hashkv(None).unwrap().revision, view.head);
    snapshot.keyspace.log_records.records().filter(|record| record.check(crate::etcd::Depth::NONE).is_some()).count()
        as u64
}

#[test]
fn the_whole_log_once_more_on_top_of_its_db() {
    let source = source();
    let all: Vec<_> = entries(&source).iter().map(|entry| entry.data.to_vec()).collect();
    assert_eq!(sound(&source, &all), 0);
}

#[test]
fn damaged_requests_are_survived() {
    let source = source();
    let all: Vec<_> = entries(&source).iter().map(|entry| entry.data.to_vec()).collect();
    let mut random = 1_usize;
    for _ in 0..100 {
        let mut damaged = all.clone();
        for byte in damaged.iter_mut().filter_map(|data| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (random >> 33).checked_rem(data.len())?;
            data.get_mut(at)
        }) {
            *byte = byte.wrapping_add(1);
        }
        sound(&source, &damaged);
    }
}
