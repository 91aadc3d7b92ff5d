//! Requests as JSON, with the field names of etcd's own messages. Unset fields are left out, as in their text form.

use serde_json::{Map, Value, json};

use super::{Describer, stored::stored, tree::Tree};
use crate::{
    bytes::escape,
    document::Id,
    etcd::{
        request::{
            AlarmAction, AuthOp, Compare, CompareResult, CompareTarget, DeleteRange, Op, Put, RangeRead, RequestOp,
            Txn, V2Request,
        },
        state::{Permission, PermissionKind},
    },
};

impl Describer {
    /// The fields of a request, without its name: `{"key": ..., "value": ...}`.
    #[must_use]
    pub(crate) fn op(&self, op: &Op<'_>) -> Map<String, Value> {
        let tree = Tree::default();
        match op {
            Op::Range(range) => self.range_read(range),
            Op::Put(put) => self.put(put),
            Op::DeleteRange(delete) => delete_range(self, delete),
            Op::Txn(txn) => self.txn(*txn),
            Op::Compaction { revision, physical } => tree.number("revision", *revision).flag("physical", *physical).0,
            Op::LeaseGrant { id, ttl } => tree.number("TTL", *ttl).id("ID", Id(id.cast_unsigned())).0,
            Op::LeaseRevoke { id } => tree.id("ID", Id(id.cast_unsigned())).0,
            Op::Alarm { action, member, kind } => {
                let action = match action {
                    AlarmAction::Get => "GET".to_owned(),
                    AlarmAction::Activate => "ACTIVATE".to_owned(),
                    AlarmAction::Deactivate => "DEACTIVATE".to_owned(),
                    AlarmAction::Unknown(other) => other.to_string(),
                };
                tree.with("action", action.into()).id("memberID", *member).with("alarm", kind.to_string().into()).0
            }
            Op::LeaseCheckpoint(leases) => {
                let one = |(id, ttl): &(i64, i64)| {
                    Tree::default().id("ID", Id(id.cast_unsigned())).number("remaining_TTL", *ttl).value()
                };
                tree.list("checkpoints", leases.iter().map(one)).0
            }
            Op::Auth(auth) => self.auth(auth),
            Op::ClusterVersionSet { version } | Op::DowngradeVersionTest { version } => tree.text("ver", version).0,
            Op::ClusterMemberAttrSet { member, name, client_urls } => {
                let urls = client_urls.iter().map(|url| escape(url).into());
                let attributes = Tree::default().text("name", name).list("client_urls", urls);
                tree.id("member_ID", *member).with("member_attributes", attributes.value()).0
            }
            Op::DowngradeInfoSet { enabled, version } => tree.flag("enabled", *enabled).text("ver", version).0,
            Op::V2(request) => self.v2(request),
            Op::Unknown(field) => tree.with("field", (*field).into()).0,
        }
    }

    fn put(&self, put: &Put<'_>) -> Map<String, Value> {
        let tree = Tree::default().text("key", &self.mask.key(put.key));
        // no value is written where it is kept (`ignore_value`)
        let tree = if put.ignore_value { tree } else { tree.with("value", stored(self, put.key, put.value)) };
        let tree = tree.id("lease", Id(put.lease.cast_unsigned())).flag("prev_kv", put.prev_kv);
        tree.flag("ignore_value", put.ignore_value).flag("ignore_lease", put.ignore_lease).0
    }

    fn txn(&self, txn: Txn<'_>) -> Map<String, Value> {
        let ops = |ops: &mut dyn Iterator<Item = RequestOp<'_>>| ops.map(|op| self.step(&op)).collect::<Vec<_>>();
        Tree::default()
            .list("compare", txn.compares().map(|compare| self.compare(&compare)))
            .list("success", ops(&mut txn.success()))
            .list("failure", ops(&mut txn.failure()))
            .0
    }

    fn step(&self, op: &RequestOp<'_>) -> Value {
        let (name, of) = match op {
            RequestOp::Range(range) => ("request_range", self.range_read(range)),
            RequestOp::Put(put) => ("request_put", self.put(put)),
            RequestOp::DeleteRange(delete) => ("request_delete_range", delete_range(self, delete)),
            RequestOp::Txn(txn) => ("request_txn", self.txn(*txn)),
            RequestOp::Empty => return json!({}),
        };
        json!({ name: of })
    }

    fn compare(&self, compare: &Compare<'_>) -> Value {
        let result = match compare.result {
            CompareResult::Equal => "EQUAL".to_owned(),
            CompareResult::Greater => "GREATER".to_owned(),
            CompareResult::Less => "LESS".to_owned(),
            CompareResult::NotEqual => "NOT_EQUAL".to_owned(),
            CompareResult::Unknown(other) => other.to_string(),
        };
        let (target, name, with) = match compare.target {
            CompareTarget::Version(n) => ("VERSION", "version", n.into()),
            CompareTarget::Create(n) => ("CREATE", "create_revision", n.into()),
            CompareTarget::Mod(n) => ("MOD", "mod_revision", n.into()),
            CompareTarget::Value(value) => ("VALUE", "value", stored(self, compare.key, value)),
            CompareTarget::Lease(id) => ("LEASE", "lease", id.into()),
            CompareTarget::Unknown(_) => ("UNKNOWN", "target", Value::Null),
        };
        Tree::default()
            .text("key", &self.mask.key(compare.key))
            .text("range_end", &self.mask.key(compare.range_end))
            .with("target", target.into())
            .with("result", result.into())
            .with(name, with)
            .value()
    }

    fn auth(&self, auth: &AuthOp<'_>) -> Map<String, Value> {
        let tree = Tree::default();
        match auth {
            AuthOp::Enable | AuthOp::Disable | AuthOp::Status | AuthOp::UserList | AuthOp::RoleList => tree,
            AuthOp::Authenticate { name, password, simple_token } => {
                tree.text("name", name).secret(self, "password", password).secret(self, "simple_token", simple_token)
            }
            AuthOp::UserAdd { name, password, hashed_password, no_password } => {
                let tree = tree.text("name", name).secret(self, "password", password);
                let tree = match no_password {
                    Some(set) => tree.with("options", Tree::default().flag("no_password", *set).value()),
                    None => tree,
                };
                tree.secret(self, "hashedPassword", hashed_password)
            }
            AuthOp::UserChangePassword { name, password, hashed_password } => {
                let tree = tree.text("name", name).secret(self, "password", password);
                tree.secret(self, "hashedPassword", hashed_password)
            }
            AuthOp::UserDelete { name } | AuthOp::UserGet { name } | AuthOp::RoleAdd { name } => {
                tree.text("name", name)
            }
            AuthOp::UserGrantRole { user, role } => tree.text("user", user).text("role", role),
            AuthOp::UserRevokeRole { name, role } => tree.text("name", name).text("role", role),
            AuthOp::RoleDelete { role } | AuthOp::RoleGet { role } => tree.text("role", role),
            AuthOp::RoleGrantPermission { name, permission } => {
                let tree = tree.text("name", name);
                permission.iter().fold(tree, |tree, allowed| tree.with("perm", self.permission(allowed)))
            }
            AuthOp::RoleRevokePermission { role, key, range_end } => {
                tree.text("role", role).text("key", &self.mask.key(key)).text("range_end", &self.mask.key(range_end))
            }
        }
        .0
    }

    fn range_read(&self, range: &RangeRead<'_>) -> Map<String, Value> {
        let tree = Tree::default().text("key", &self.mask.key(range.key));
        tree.text("range_end", &self.mask.key(range.range_end)).number("revision", range.revision).0
    }

    fn permission(&self, allowed: &Permission) -> Value {
        let kind = match allowed.kind {
            PermissionKind::Read => "READ",
            PermissionKind::Write => "WRITE",
            PermissionKind::ReadWrite => "READWRITE",
        };
        let tree = Tree::default().with("permType", kind.into()).text("key", &self.mask.key(&allowed.key));
        tree.text("range_end", &self.mask.key(&allowed.range_end)).value()
    }

    fn v2(&self, request: &V2Request<'_>) -> Map<String, Value> {
        let tree = Tree::default().with("method", request.method.name().into()).text("path", request.path);
        // users of the v2 API, with their passwords' hashes
        let secret = request.path.starts_with(b"/2/");
        if secret { tree.secret(self, "val", request.val) } else { tree.text("val", request.val) }.0
    }
}

fn delete_range(describer: &Describer, delete: &DeleteRange<'_>) -> Map<String, Value> {
    let mask = &describer.mask;
    let tree = Tree::default().text("key", &mask.key(delete.key)).text("range_end", &mask.key(delete.range_end));
    tree.flag("prev_kv", delete.prev_kv).0
}
