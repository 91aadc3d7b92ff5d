//! Whether several backups are of one cluster.

use std::collections::BTreeSet;

use crate::{
    Error, Result,
    document::Id,
    etcd::{Snapshot, State},
    k8s::{Ring, identity, is_identity_key},
};

/// One of several backups, with its name.
pub(super) type Member<'s, 'a> = (&'s str, &'s Snapshot<'a>);

/// Checks that no two of `members` are of different clusters, by the uid of kube-system. All are compared with the
/// first one that has this uid. Returns the pairs of which nothing shows that they are of one cluster: neither that
/// uid, nor a member that both list.
///
/// # Errors
/// When they are of different clusters.
pub(super) fn check(members: &[Member<'_, '_>]) -> Result<Vec<(String, String)>> {
    let known = members.iter().map(|(name, snapshot)| Ok((*name, uid(snapshot)?, listed(&snapshot.state))));
    let known = known.collect::<Result<Vec<_>>>()?;
    let mut unrelated = Vec::new();
    let at = known.iter().position(|(_, uid, _)| uid.is_some()).unwrap_or_default();
    let Some((first, uid, listed)) = known.get(at) else { return Ok(unrelated) };
    for (name, other, members) in known.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, of)| of) {
        match uid.as_ref().zip(other.as_ref()) {
            Some((a, b)) if a != b => {
                let what = format!("{name}: of another cluster: kube-system has the uid {b} there, and {a} in {first}");
                return Err(Error::refused(what).hinted("HashKV compares the members of one cluster: leave it out"));
            }
            Some(_) => {}
            None if listed.is_disjoint(members) => unrelated.push(((*first).to_owned(), (*name).to_owned())),
            None => {}
        }
    }
    Ok(unrelated)
}

fn uid(snapshot: &Snapshot<'_>) -> Result<Option<String>> {
    Ok(identity(&snapshot.view_of(None, is_identity_key)?, &Ring::default()))
}

/// The members that a backup lists, those that were removed too.
pub(in crate::verify) fn listed(state: &State) -> BTreeSet<Id> {
    state.members.iter().map(|member| member.id).chain(state.removed.iter().copied()).collect()
}
