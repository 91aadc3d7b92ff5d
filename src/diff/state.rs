//! Changes outside the keys: members, alarms, leases, users and roles, the cluster's version.

use std::collections::BTreeMap;

use super::{Diff, Reason, Relation, Tally};
use crate::{
    bytes::escape,
    etcd::{
        Snapshot,
        state::{Permission, PermissionKind},
    },
    k8s::{Map, Mask, Value},
    proto::Reader,
};

/// A difference outside the keys.
#[derive(Debug, Clone, PartialEq)]
pub struct StateChange {
    /// `member`, `removedMember`, `alarm`, `lease`, `user`, `role`, `auth` or `cluster`.
    pub what: &'static str,
    /// An id in hex, or a name; empty where only one can exist.
    pub id: String,
    /// The old fields.
    pub old: Option<Value<'static>>,
    /// The new fields.
    pub new: Option<Value<'static>>,
}

impl Diff<'_, '_> {
    /// The differences outside the keys. Leases of a Kubernetes keyspace, which change all the time, are only counted
    /// as ignored.
    pub fn states(&self, relation: &Relation<'_>, tally: &mut Tally) -> Vec<StateChange> {
        let mut changes = states(self.old.snapshot, self.new.snapshot, self.mask);
        if !self.ignore.all && relation.is_kubernetes() {
            let (leases, others): (Vec<_>, _) = changes.into_iter().partition(|change| change.what == "lease");
            leases.iter().for_each(|_| tally.ignore(Reason::Leases));
            changes = others;
        }
        tally.state = changes.len() as u64;
        changes
    }
}

/// Compares the small buckets of two backends, in the order of [`StateChange::what`]'s list. Fields that always differ
/// (consistent index, term) are left out. A password is a mask of its hash, and so are names of tokens in permissions.
#[must_use]
pub(crate) fn states(old: &Snapshot<'_>, new: &Snapshot<'_>, mask: &Mask) -> Vec<StateChange> {
    let (mut old, mut new) = (entries(old, mask), entries(new, mask));
    let ids: Vec<_> = old.keys().chain(new.keys().filter(|id| !old.contains_key(*id))).cloned().collect();
    let mut changes: Vec<_> = ids
        .into_iter()
        .filter_map(|id| {
            let (old, new) = (old.remove(&id), new.remove(&id));
            let (what, id) = id;
            (old != new).then_some(StateChange { what, id, old, new })
        })
        .collect();
    let rank = |change: &StateChange| WHATS.iter().position(|what| *what == change.what);
    changes.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.id.cmp(&b.id)));
    changes
}

const WHATS: [&str; 8] = ["member", "removedMember", "alarm", "lease", "user", "role", "auth", "cluster"];

type Entries = BTreeMap<(&'static str, String), Value<'static>>;

fn entries(snapshot: &Snapshot<'_>, mask: &Mask) -> Entries {
    let state = &snapshot.state;
    let mut entries = Entries::new();
    let mut add = |what: &'static str, id: String, fields: Vec<(&'static str, Value<'static>)>| {
        let fields = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
        entries.insert((what, id), Value::Object(Map::from_unsorted(fields)));
    };
    for member in &state.members {
        let fields = vec![
            ("name", text(&member.name)),
            ("peerURLs", texts(&member.peer_urls)),
            ("clientURLs", texts(&member.client_urls)),
            ("isLearner", Value::Bool(member.is_learner)),
        ];
        add("member", format!("{:x}", member.id), fields);
    }
    for id in &state.removed {
        add("removedMember", format!("{id:x}"), Vec::new());
    }
    for alarm in &state.alarms {
        add("alarm", format!("{} {:x}", alarm.kind, alarm.member), Vec::new());
    }
    for lease in &state.leases {
        add("lease", format!("{:x}", lease.id), vec![("ttl", Value::Int(lease.ttl))]);
    }
    let passwords: BTreeMap<_, _> = snapshot.items("authUsers").into_iter().collect();
    for user in &state.auth.users {
        let hash = passwords.get(user.name.as_bytes()).and_then(|user| password(user)).unwrap_or_default();
        let shown = mask.bytes(hash).unwrap_or_else(|| escape(hash));
        let password = if hash.is_empty() { Value::Null } else { Value::Str(shown.into()) };
        let fields =
            vec![("roles", texts(&user.roles)), ("noPassword", Value::Bool(user.no_password)), ("password", password)];
        add("user", user.name.clone(), fields);
    }
    for role in &state.auth.roles {
        let permissions = role.permissions.iter().map(|permission| text(&allowed(permission, mask))).collect();
        add("role", role.name.clone(), vec![("permissions", Value::List(permissions))]);
    }
    let revision = state.auth.revision.map_or(Value::Null, Value::UInt);
    add("auth", String::new(), vec![("enabled", Value::Bool(state.auth.enabled)), ("revision", revision)]);
    let version = |version: &Option<String>| version.as_deref().map_or(Value::Null, text);
    let downgrade = state.cluster.downgrade.as_ref().filter(|downgrade| downgrade.enabled);
    let fields = vec![
        ("clusterVersion", version(&state.cluster.version)),
        ("storageVersion", version(&state.meta.storage_version)),
        ("downgradeTo", downgrade.map_or(Value::Null, |downgrade| text(&downgrade.target_version))),
    ];
    add("cluster", String::new(), fields);
    entries
}

fn text(text: &str) -> Value<'static> {
    Value::Str(text.to_owned().into())
}

fn texts(texts: &[String]) -> Value<'static> {
    Value::List(texts.iter().map(|item| text(item)).collect())
}

/// The hash in an `authpb.User`.
fn password(user: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(user);
    while let Some(field) = reader.next_field().ok()? {
        if field.number == 2 {
            return field.bytes().ok();
        }
    }
    None
}

/// A permission as text: `readwrite /a to /b`.
fn allowed(permission: &Permission, mask: &Mask) -> String {
    let kind = match permission.kind {
        PermissionKind::Read => "read",
        PermissionKind::Write => "write",
        PermissionKind::ReadWrite => "readwrite",
    };
    let key = escape(&mask.key(&permission.key));
    match permission.range_end.as_slice() {
        [] => format!("{kind} {key}"),
        [0] => format!("{kind} {key} and all keys after it"),
        end => format!("{kind} {key} to {}", escape(&mask.key(end))),
    }
}
