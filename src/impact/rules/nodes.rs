//! Nodes, leaders, and clients that watch.

use super::{
    super::{
        danger::Subject,
        kinds::{LEASE, NODE},
    },
    sides::{Sides, then_and_now},
};

/// A machine that comes back under the same name is no other Node.
pub(super) fn gone(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let gone = sides.backup.each(NODE).filter(|(id, _)| sides.now.has(NODE) && sides.now.get(id).is_none());
    gone.map(|(id, _)| Subject::plain(id)).collect()
}

pub(super) fn joined(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let joined = sides.now.each(NODE).filter(|(id, _)| sides.backup.get(id).is_none());
    joined.map(|(id, _)| Subject::plain(id)).collect()
}

/// The Leases of Nodes name the Node itself, and those of API servers one process of many.
pub(super) fn leases(sides: Sides<'_>) -> Vec<Subject<'_>> {
    const HOLDER: &[&str] = &["spec", "holderIdentity"];
    let mut found = Vec::new();
    for (id, then, now) in sides.both(LEASE) {
        let (a, b) = (then.text(HOLDER), now.text(HOLDER));
        let is_own = id.namespace == "kube-node-lease" || id.name.starts_with("apiserver-");
        if !is_own && !a.is_empty() && a != b {
            found.push(Subject::new(id, &[then_and_now(a, b)]));
        }
    }
    found
}

pub(super) fn revision(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let (then, now) = (sides.backup.revision, sides.now.revision);
    let both = then_and_now(&then.to_string(), &now.to_string());
    if now > then {
        vec![Subject::other(both)]
    } else if is_of_another_branch(sides) {
        vec![Subject::other(format!("{both}: the cluster was restored in between"))]
    } else {
        Vec::new()
    }
}

/// Whether the backup holds other records than the cluster now under the revisions of clients that watch. Who asks for
/// what the backup has compacted gets an error.
fn is_of_another_branch(sides: Sides<'_>) -> bool {
    let Some((backup, now)) = sides.backup.snapshot.zip(sides.now.snapshot) else { return false };
    let next = sides.now.revision.saturating_add(1);
    next >= backup.keyspace.compacted() && backup.continues(now) == Some(false)
}
