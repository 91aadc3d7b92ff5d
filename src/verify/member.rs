//! A member's directory: entries of the log that the db does not hold, and how db, log and `.snap` files fit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Code, Finding,
    bytes::counted_are,
    document::Id,
    etcd::{Bootstrap, Snapshot, V2},
};

/// Findings about the log and the `.snap` files that belong to `snapshot`; `revision` is the last of its db.
pub(super) fn check(snapshot: &Snapshot<'_>, member: &Bootstrap, revision: i64) -> Vec<Finding> {
    let mut findings = vec![identity(snapshot, member)];
    findings.extend(not_in_db(snapshot, revision));
    findings.extend(begin(snapshot, member));
    findings.extend(snaps(member));
    findings.extend(members(snapshot, member));
    findings
}

/// Identity of the member, and the last entry in each of its three stores.
fn identity(snapshot: &Snapshot<'_>, member: &Bootstrap) -> Finding {
    let (id, cluster) =
        member.metadata.map_or((Id::NONE, Id::NONE), |metadata| (metadata.node_id, metadata.cluster_id));
    let state = member.hard_state.unwrap_or_default();
    let (first, last) = member.entries.unwrap_or_default();
    let starts = match (&member.snap, member.record) {
        (Some(snap), _) => format!("etcd starts from {}", snap.name.rsplit('/').next().unwrap_or_default()),
        (None, Some((index, _))) if index > 0 => format!("etcd 3.7 starts from entry {index}"),
        _ => "etcd starts from the first entry".to_owned(),
    };
    let what = format!(
        "member {id:x} of cluster {cluster:x}, term {}: its log holds entries {first} to {last}, committed up to \
         {}; its db holds entries up to {}; {starts}",
        state.term,
        state.commit,
        snapshot.log.map_or(0, |log| log.from),
    );
    Finding::info(Code::Member, what)
}

/// Entries of the log that the db does not hold.
fn not_in_db(snapshot: &Snapshot<'_>, revision: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(log) = snapshot.log else { return findings };
    let (more, unsure) = (log.unapplied.applied_at_start, log.unapplied.past_commit);
    if more > 0 {
        let entries = counted_are(more, "entry", " of the log");
        let what = format!("{entries} not in the db yet; etcd applies them when it starts, and all commands show them");
        let finding = Finding::info(Code::LogUnapplied, what);
        findings.push(match log.revision.filter(|with| *with > revision) {
            Some(with) => finding.hint(format!("the db alone ends at revision {revision}, with the log at {with}")),
            None => finding,
        });
    }
    if unsure > 0 {
        let what = format!("{} past the last commit on disk", counted_are(unsure, "entry", " of the log"));
        let hint = "etcd may have acknowledged these writes to clients; only the disks of the other members show whether they were committed; --uncommitted keep applies them";
        findings.push(Finding::warning(Code::LogPastCommit, what).hint(hint));
    }
    findings
}

/// Whether the log begins where the db or a snapshot ends; one that ends before the db is a finding of the replay.
fn begin(snapshot: &Snapshot<'_>, member: &Bootstrap) -> Option<Finding> {
    if snapshot.log?.from > member.last_index() {
        return None;
    }
    let (first, _) = member.entries.filter(|_| !member.whole && member.snap.is_none() && member.record.is_none())?;
    let what = format!("the log begins with entry {first}, and no snapshot holds the entries before it");
    let hint = "no etcd starts on this directory; restore makes a member of the db and of the log entries after it";
    Some(Finding::warning(Code::LogBegin, what).hint(hint))
}

fn snaps(member: &Bootstrap) -> Vec<Finding> {
    let instead = match &member.snap {
        Some(snap) => format!("etcd up to 3.6 sets it aside and takes {}", snap.name),
        None => "etcd up to 3.6 sets it aside and reads the log alone".to_owned(),
    };
    let one = |(name, malformed): &(String, _)| {
        Finding::warning(Code::SnapBroken, format!("not a .snap file: {malformed}")).file(name).hint(instead.clone())
    };
    member.broken.iter().map(one).collect()
}

/// Differences between the member lists of the db, of the v2store and of the log, which has only the ids of voters.
fn members(snapshot: &Snapshot<'_>, member: &Bootstrap) -> Vec<Finding> {
    let (mut findings, state) = (Vec::new(), &snapshot.state);
    let own = member.metadata.map(|metadata| metadata.node_id);
    if let Some(id) = own.filter(|id| state.removed.binary_search(id).is_ok()) {
        let what = format!("the db lists this member, {id:x}, as removed from its cluster");
        findings.push(Finding::warning(Code::MemberRemoved, what).hint("the other members will reject it"));
    }
    let v2 = member.v2.as_ref().filter(|v2| v2.unreadable.is_none());
    let mut differ: BTreeMap<Id, String> = v2.map(|v2| v2_and_db(v2, snapshot).collect()).unwrap_or_default();
    if let Some(voters) = &member.voters {
        let listed = |id: Id| state.member(id).is_some_and(|member| !member.is_learner);
        for id in voters.iter().filter(|id| !listed(**id)) {
            let what = || format!("member {id:x} is a voter in the log, but not in the db");
            differ.entry(*id).or_insert_with(what);
        }
        let silent = state.members.iter().filter(|member| !member.is_learner && !voters.contains(&member.id));
        for member in silent {
            let what = || format!("member {:x} is a voter in the db, but not in the log", member.id);
            differ.entry(member.id).or_insert_with(what);
        }
    }
    findings.extend(differ.into_values().map(|what| Finding::warning(Code::MembersDiffer, what).hint(HINT)));
    findings
}

const HINT: &str = "etcd 3.4 and 3.5 use the v2store, 3.6 and later the db: before an upgrade to 3.6 start etcd 3.5.26 or \
                    later on it, which updates the db";

/// Differences between the member lists of the v2store and of the db, by id.
fn v2_and_db<'s>(v2: &'s V2, snapshot: &'s Snapshot<'_>) -> impl Iterator<Item = (Id, String)> + 's {
    let state = &snapshot.state;
    let both = state.members.iter().map(|member| member.id).chain(v2.members.keys().copied());
    let ids: BTreeSet<Id> = both.collect();
    ids.into_iter().filter_map(|id| {
        let store = v2.members.get(&id);
        let what = match (state.member(id), store) {
            (Some(db), None) => {
                let gone = if v2.removed.contains(&id) { ": there it is listed as removed" } else { "" };
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
