//! Range requests (`txn.executeRange`).

use std::cmp::Ordering;

use hyper::body::Bytes;
use tonic::Status;

use super::{
    check::is_filtered,
    header,
    proto::{
        etcdserverpb::{
            RangeRequest, RangeResponse,
            range_request::{SortOrder, SortTarget},
        },
        mvccpb::KeyValue,
    },
    store::Store,
};
use crate::etcd::Range;

impl Store {
    /// The answer to a request in a transaction that sees the revision `current`.
    pub(super) fn range(&self, request: &RangeRequest, current: i64) -> Result<RangeResponse, Status> {
        let revision = self.readable(request.revision, current)?;
        let range = Range::new(&request.key[..], &request.range_end[..]);
        let all_are_wanted = request.sort_order != SortOrder::None as i32 || is_filtered(request);
        let limit = usize::try_from(request.limit).unwrap_or(0);
        let most = if all_are_wanted || limit == 0 { usize::MAX } else { limit.saturating_add(1) };
        let (mut count, mut kvs) = (0_i64, Vec::new());
        for (key, versions) in self.within(&range) {
            let Some(version) = Self::at(versions, revision) else { continue };
            count = count.saturating_add(1);
            if !request.count_only && kvs.len() < most {
                kvs.extend(self.kv(key, version));
            }
        }
        kvs.retain(|kv| is_within(kv, request));
        sort(&mut kvs, request);
        let more = limit > 0 && kvs.len() > limit;
        if more {
            kvs.truncate(limit);
        }
        if request.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value = Bytes::new());
        }
        Ok(RangeResponse { header: header(current), kvs, more, count })
    }
}

fn is_within(kv: &KeyValue, request: &RangeRequest) -> bool {
    let at_most = |bound: i64, revision: i64| bound == 0 || revision <= bound;
    let at_least = |bound: i64, revision: i64| bound == 0 || revision >= bound;
    at_most(request.max_mod_revision, kv.mod_revision)
        && at_least(request.min_mod_revision, kv.mod_revision)
        && at_most(request.max_create_revision, kv.create_revision)
        && at_least(request.min_create_revision, kv.create_revision)
}

/// Sorts what is in the order of the keys. The order of equal ones is not defined by etcd.
fn sort(kvs: &mut [KeyValue], request: &RangeRequest) {
    let target = SortTarget::try_from(request.sort_target).unwrap_or(SortTarget::Key);
    let order = match SortOrder::try_from(request.sort_order) {
        Ok(SortOrder::None) if target == SortTarget::Key => return,
        Ok(SortOrder::Descend) => Ordering::reverse,
        _ => |order| order,
    };
    kvs.sort_by(|a, b| {
        order(match target {
            SortTarget::Key => a.key.cmp(&b.key),
            SortTarget::Version => a.version.cmp(&b.version),
            SortTarget::Create => a.create_revision.cmp(&b.create_revision),
            SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
            SortTarget::Value => a.value.cmp(&b.value),
        })
    });
}
