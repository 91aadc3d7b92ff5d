//! Requests as etcd writes them, and bytes that are no request.

use super::*;
use crate::{
    etcd::state::{Permission, PermissionKind},
    proto::Writer,
};

fn of(number: u32, message: Writer) -> Vec<u8> {
    let header = Writer::new().varint(1, 7).bytes(2, b"alice").varint(3, 9).finish();
    Writer::new().bytes(number, &message.finish()).bytes(100, &header).finish()
}

fn op(data: &[u8]) -> Op<'_> {
    Request::decode(data).unwrap().op
}

#[test]
fn a_put_with_who_asked() {
    let data = of(4, Writer::new().bytes(1, b"k").bytes(2, b"v").varint(3, 5).varint(6, 1));
    let request = Request::decode(&data).unwrap();
    let put = Put { key: b"k", value: b"v", lease: 5, ignore_lease: true, ..Put::default() };
    assert_eq!((request.op, request.id), (Op::Put(put), 0));
    assert_eq!(request.header, Some(Header { id: 7, username: b"alice", auth_revision: 9 }));
}

#[test]
fn a_transaction_in_a_transaction() {
    let compare = Writer::new().varint(1, 3).varint(2, 3).bytes(3, b"k").bytes(7, b"v").bytes(64, b"\0").finish();
    let put = Writer::new().bytes(2, &Writer::new().bytes(1, b"k").finish()).finish();
    let delete = Writer::new().bytes(3, &Writer::new().bytes(1, b"k").finish()).finish();
    let inner = Writer::new().bytes(1, &compare).bytes(2, &put).bytes(2, &delete).finish();
    let data = of(6, Writer::new().bytes(3, &Writer::new().bytes(4, &inner).finish()).bytes(3, b""));
    let Op::Txn(outer) = op(&data) else { panic!() };
    assert_eq!((outer.compares().count(), outer.success().count()), (0, 0));
    let steps: Vec<_> = outer.failure().collect();
    let [RequestOp::Txn(inner), RequestOp::Empty] = steps.as_slice() else { panic!("{steps:?}") };
    let want =
        Compare { result: CompareResult::NotEqual, target: CompareTarget::Value(b"v"), key: b"k", range_end: b"\0" };
    assert_eq!(inner.compares().collect::<Vec<_>>(), [want]);
    let key = Put { key: b"k", ..Put::default() };
    let gone = DeleteRange { key: b"k", ..DeleteRange::default() };
    assert_eq!(inner.success().collect::<Vec<_>>(), [RequestOp::Put(key), RequestOp::DeleteRange(gone)]);
}

#[test]
fn transactions_are_not_followed_without_end() {
    let nested = |n| {
        (0..n).fold(Writer::new(), |inner: Writer, _| {
            Writer::new().bytes(2, &Writer::new().bytes(4, &inner.finish()).finish())
        })
    };
    assert!(Request::decode(&of(6, nested(99))).is_ok());
    assert_eq!(Request::decode(&of(6, nested(100))).unwrap_err().what, "transactions nested too deep");
}

#[test]
fn what_is_compared_with_another_target_is_not_given() {
    let compare = Writer::new().varint(2, 2).bytes(3, b"k").varint(4, 8).finish();
    let data = of(6, Writer::new().bytes(1, &compare));
    let Op::Txn(txn) = op(&data) else { panic!() };
    assert_eq!(txn.compares().next().unwrap().target, CompareTarget::Mod(0));
}

#[test]
fn the_others() {
    let n = |numbers: &[u64]| (1..).zip(numbers).fold(Writer::new(), |message, (i, n)| message.varint(i, *n));
    let minus_one = u64::MAX;
    assert_eq!(op(&of(7, n(&[5, 1]))), Op::Compaction { revision: 5, physical: true });
    assert_eq!(op(&of(8, n(&[60, minus_one]))), Op::LeaseGrant { id: -1, ttl: 60 });
    assert_eq!(op(&of(9, n(&[3]))), Op::LeaseRevoke { id: 3 });
    let alarm = Op::Alarm { action: AlarmAction::Activate, member: Id(2), kind: AlarmKind::NoSpace };
    assert_eq!(op(&of(10, n(&[1, 2, 1]))), alarm);
    let two = Writer::new().bytes(1, &n(&[3, 4]).finish()).bytes(1, &n(&[5]).finish());
    assert_eq!(op(&of(11, two)), Op::LeaseCheckpoint(vec![(3, 4), (5, 0)]));
    assert_eq!(op(&of(1300, Writer::new().bytes(1, b"3.6.0"))), Op::ClusterVersionSet { version: b"3.6.0" });
    let attributes = Writer::new().bytes(1, b"m1").bytes(2, b"a").bytes(2, b"b").finish();
    let set = Op::ClusterMemberAttrSet { member: Id(3), name: b"m1", client_urls: vec![b"a", b"b"] };
    assert_eq!(op(&of(1301, Writer::new().varint(1, 3).bytes(2, &attributes))), set);
    let down = Op::DowngradeInfoSet { enabled: true, version: b"3.5.0" };
    assert_eq!(op(&of(1302, Writer::new().varint(1, 1).bytes(2, b"3.5.0"))), down);
    assert_eq!(op(&of(4000, Writer::new())), Op::Unknown(4000));
}

#[test]
fn users_and_roles() {
    let add = Writer::new().bytes(1, b"u").bytes(3, &Writer::new().varint(1, 1).finish()).bytes(4, b"h");
    let want = AuthOp::UserAdd { name: b"u", password: b"", hashed_password: b"h", no_password: Some(true) };
    assert_eq!(op(&of(1100, add)), Op::Auth(want));
    let permission = Writer::new().varint(1, 2).bytes(2, b"k").bytes(3, b"\0").finish();
    let allowed = Permission { kind: PermissionKind::ReadWrite, key: b"k".to_vec(), range_end: b"\0".to_vec() };
    let want = AuthOp::RoleGrantPermission { name: b"r", permission: Some(allowed) };
    assert_eq!(op(&of(1203, Writer::new().bytes(1, b"r").bytes(2, &permission))), Op::Auth(want));
    assert_eq!(op(&of(1000, Writer::new())).name(), "auth_enable");
}

#[test]
fn v2_requests_are_told_apart_by_being_no_others() {
    let path = b"/0/members/8e9e05c52164694d/attributes";
    let v2 = |method: &[u8]| Writer::new().varint(1, 7).bytes(2, method).bytes(3, path).bytes(4, b"{}").varint(5, 0);
    for method in ["POST", "PUT", "DELETE", "QGET", "GET", "SYNC"] {
        let data = v2(method.as_bytes()).finish();
        let Op::V2(request) = op(&data) else { panic!("{method}") };
        assert_eq!((request.id, request.method.name(), request.path, request.val), (7, method, &path[..], &b"{}"[..]));
    }
    assert!(Request::decode(&v2(b"WIPE").finish()).is_err());
}

#[test]
fn garbage_is_an_error_with_its_place() {
    let put = Writer::new().bytes(1, b"k").finish();
    let what = |data: &[u8]| Request::decode(data).map(drop).map_err(|malformed| (malformed.what, malformed.at));
    assert_eq!(what(&[0x08, 7]), Err(("no request", 2)));
    let two = Writer::new().bytes(4, &put).bytes(4, &put).finish();
    assert_eq!(what(&two), Err(("two requests in one", 5)));
    assert_eq!(what(&[0x22, 2, 0x08, 1]), Err(("field with another wire type than its own", 2)));
    let txn = Writer::new().bytes(2, &[0x12, 2, 0x0a, 9]).finish();
    let deep = Writer::new().varint(1, 7).bytes(6, &txn).finish();
    assert_eq!(what(&deep), Err(("length beyond the end", 8)));
    for cut in 1..deep.len() {
        assert!(what(&deep[..cut]).is_err(), "{cut}");
    }
}
