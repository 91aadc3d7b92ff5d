//! A member's directory: what of the log the db does not have, and how db, log and `.snap` files fit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Code, Finding,
    etcd::{Bootstrap, Snapshot, V2},
};

/// What there is to say about the log and the `.snap` files that belong to `snapshot`.
pub(super) fn check(snapshot: &Snapshot<'_>, member: &Bootstrap) -> Vec<Finding> {
    let mut told = vec![whose(snapshot, member)];
    told.extend(behind(snapshot));
    told.extend(fit(snapshot, member));
    told.extend(snaps(member));
    told.extend(members(snapshot, member));
    told
}

/// Who it is, and where its three stores stand.
fn whose(snapshot: &Snapshot<'_>, member: &Bootstrap) -> Finding {
    let (id, cluster) = member.metadata.map_or((0, 0), |metadata| (metadata.node_id, metadata.cluster_id));
    let state = member.hard_state.unwrap_or_default();
    let (first, last) = member.entries.unwrap_or_default();
    let starts = match (&member.snap, member.record) {
        (Some(snap), _) => format!("a start goes from {}", snap.name.rsplit('/').next().unwrap_or_default()),
        (None, Some((index, _))) if index > 0 => format!("a start of etcd 3.7 goes from entry {index}"),
        _ => "a start goes from the first".to_owned(),
    };
    let what = format!(
        "member {id:x} of cluster {cluster:x}, term {}: its log has the entries {first} to {last}, committed up to {}; its db \
         those up to {}; {starts}",
        state.term,
        state.commit,
        snapshot.log.map_or(0, |log| log.from),
    );
    Finding::info(Code::Member, what)
}

/// What of the log the db does not have.
fn behind(snapshot: &Snapshot<'_>) -> Vec<Finding> {
    let mut told = Vec::new();
    let Some(log) = snapshot.log else { return told };
    let (more, unsure) = (log.unapplied.applied_at_start, log.unapplied.past_commit);
    if more > 0 {
        let what = format!("{more} entries of the log are not in the db yet; etcd applies them when it starts");
        let finding = Finding::info(Code::LogUnapplied, what);
        told.push(match log.revision {
            Some(revision) => finding.hint(format!("the commands show what comes of it: revision {revision}")),
            None => finding,
        });
    }
    if unsure > 0 {
        let (unsure, are) =
            if unsure == 1 { ("1 entry".to_owned(), "is") } else { (format!("{unsure} entries"), "are") };
        let what = format!("{unsure} of the log {are} past the last commit on disk");
        let hint =
            "a client may have been told that they are in: only the other members know; --uncommitted keep shows them";
        told.push(Finding::warning(Code::LogPastCommit, what).hint(hint));
    }
    told
}

/// Whether db and log are of one time.
fn fit(snapshot: &Snapshot<'_>, member: &Bootstrap) -> Option<Finding> {
    let (index, last) = (snapshot.log?.from, member.last_index());
    if index > last {
        let what = format!("the db holds the entries up to {index}, but the log ends at {last}");
        let hint = "they were copied at different times: etcd would take no write until its log is as long; restore makes a \
                    member of the db alone with --no-wal";
        return Some(Finding::error(Code::DbAhead, what).hint(hint));
    }
    let (first, _) = member.entries.filter(|_| !member.whole && member.snap.is_none() && member.record.is_none())?;
    let what = format!("the log begins with entry {first}, and no snapshot stands for what was before it");
    let hint = "no etcd starts on this directory; restore makes a member of the db and of what the log goes on with";
    Some(Finding::warning(Code::LogBegin, what).hint(hint))
}

fn snaps(member: &Bootstrap) -> Vec<Finding> {
    let instead = match &member.snap {
        Some(snap) => format!("etcd up to 3.6 sets it aside and takes {}", snap.name),
        None => "etcd up to 3.6 sets it aside and goes by the log alone".to_owned(),
    };
    let one = |(name, malformed): &(String, _)| {
        Finding::warning(Code::SnapBroken, format!("not a .snap file: {malformed}")).file(name).hint(instead.clone())
    };
    member.broken.iter().map(one).collect()
}

/// The member list stands in the db, in the v2store, and, as ids that vote, in the log.
fn members(snapshot: &Snapshot<'_>, member: &Bootstrap) -> Vec<Finding> {
    let (mut told, state) = (Vec::new(), &snapshot.state);
    let own = member.metadata.map(|metadata| metadata.node_id);
    if let Some(id) = own.filter(|id| state.removed.binary_search(id).is_ok()) {
        let what = format!("the db says that this member, {id:x}, was removed from its cluster");
        told.push(Finding::warning(Code::MemberRemoved, what).hint("the others will turn it away"));
    }
    let v2 = member.v2.as_ref().filter(|v2| v2.unreadable.is_none());
    let mut differ: BTreeMap<u64, String> = v2.map(|v2| v2_and_db(v2, snapshot).collect()).unwrap_or_default();
    if let Some(voters) = &member.voters {
        let listed = |id: u64| state.member(id).is_some_and(|member| !member.is_learner);
        for id in voters.iter().filter(|id| !listed(**id)) {
            let what = || format!("member {id:x} votes, as the log has it, but the db does not list it as a voter");
            differ.entry(*id).or_insert_with(what);
        }
        let silent = state.members.iter().filter(|member| !member.is_learner && !voters.contains(&member.id));
        for member in silent {
            let what = || format!("member {:x} is a voter in the db, but does not vote, as the log has it", member.id);
            differ.entry(member.id).or_insert_with(what);
        }
    }
    told.extend(differ.into_values().map(|what| Finding::warning(Code::MembersDiffer, what).hint(HINT)));
    told
}

const HINT: &str = "etcd 3.4 and 3.5 go by the v2store, 3.6 and later by the db: before an upgrade to 3.6 run it on 3.5.26 or \
                    later, which makes the db follow";

/// In what the two lists differ, by id.
fn v2_and_db<'s>(v2: &'s V2, snapshot: &'s Snapshot<'_>) -> impl Iterator<Item = (u64, String)> + 's {
    let state = &snapshot.state;
    let both = state.members.iter().map(|member| member.id).chain(v2.members.keys().copied());
    let ids: BTreeSet<u64> = both.collect();
    ids.into_iter().filter_map(|id| {
        let store = v2.members.get(&id);
        let what = match (state.member(id), store) {
            (Some(db), None) => {
                let gone = if v2.removed.contains(&id) { ": there it is removed" } else { "" };
                let name = if db.name.is_empty() { "without a name" } else { &db.name };
                format!("the db lists member {id:x} ({name}, {}), the v2store does not{gone}", db.peer_urls.join(","))
            }
            (None, Some(store)) => {
                format!("the v2store lists member {id:x} ({}), the db does not", store.peer_urls.join(","))
            }
            (Some(db), Some(store)) if db.is_learner != store.is_learner => {
                let which = |is_learner| if is_learner { "a learner" } else { "a voter" };
                let (db, store) = (which(db.is_learner), which(store.is_learner));
                format!("member {id:x} is {db} in the db, and {store} in the v2store")
            }
            (Some(db), Some(store)) if db.peer_urls != store.peer_urls => {
                let (db, store) = (db.peer_urls.join(","), store.peer_urls.join(","));
                format!("member {id:x} has the peer URLs {db} in the db, and {store} in the v2store")
            }
            _ => return None,
        };
        Some((id, what))
    })
}
