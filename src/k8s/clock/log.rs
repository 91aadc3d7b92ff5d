//! Times in the records of a log.

use super::points::Times;
use crate::{
    etcd::{
        LogRecord,
        request::{Op, RequestOp, Txn},
    },
    k8s::{Meta, Moment},
};

/// The times in the objects that a record writes; `at` is its place in the log.
pub(super) fn times<'a>(at: i64, record: &LogRecord<'a>) -> Vec<Times<'a>> {
    let mut written = Vec::new();
    match record.request.as_ref().map(|request| &request.op) {
        Some(Op::Put(put)) => written.extend(of_value(at, put.key, put.value)),
        Some(Op::Txn(txn)) => of_txn(at, *txn, &mut written),
        Some(Op::V2(request)) => {
            let time = Moment::of_nanos(request.time);
            written.extend(time.map(|time| Times::stamped(at, request.path, Some(time))));
        }
        _ => {}
    }
    written
}

fn of_txn<'a>(at: i64, txn: Txn<'a>, written: &mut Vec<Times<'a>>) {
    for step in txn.success().chain(txn.failure()) {
        match step {
            RequestOp::Put(put) => written.extend(of_value(at, put.key, put.value)),
            RequestOp::Txn(inner) => of_txn(at, inner, written),
            _ => {}
        }
    }
}

fn of_value<'a>(at: i64, key: &'a [u8], value: &[u8]) -> Option<Times<'a>> {
    let meta = Meta::read_times(value).ok()?;
    let times = Times::stamped(at, key, meta.created.max(meta.managed));
    Some(Times { deleted: meta.deleted, renewed: Times::renewed(&meta), ..times })
}
