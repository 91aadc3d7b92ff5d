//! Consistency of the small buckets with each other and with the keys, and notes on what a restore keeps.

use std::collections::HashSet;

use crate::{
    Code, Finding, Findings,
    etcd::{
        Snapshot, Survey,
        boot::Minor,
        state::{Alarm, AlarmKind, Auth, State},
    },
};

fn alarm(alarm: &Alarm) -> Finding {
    let Alarm { member, kind } = alarm;
    let (means, hint) = match kind {
        AlarmKind::NoSpace => (
            "the db had reached its quota",
            "etcd refuses writes until the alarm is disarmed: compact, defragment and disarm, or raise the quota",
        ),
        AlarmKind::Corrupt => (
            "its data differed from the other members'",
            "one of the members has wrong data, and it may be this one: compare with a backup of another member (etcdsnap hashkv, etcdsnap diff) before you use it",
        ),
        AlarmKind::None | AlarmKind::Other(_) => ("this alarm is not known", "etcd may refuse requests because of it"),
    };
    let what = format!("member {member:x} has raised the alarm {kind}: {means}; a restore keeps the alarm");
    Finding::warning(Code::Alarm, what).hint(hint)
}

/// Users and roles that etcd does not leave like this.
fn users(auth: &Auth, findings: &mut Findings) {
    let root = auth.users.iter().find(|user| user.name == "root");
    if auth.enabled && !root.is_some_and(|root| root.roles.iter().any(|role| role == "root")) {
        let what = "auth is enabled, but there is no user `root` with the role `root`";
        findings.push(Finding::error(Code::AuthUser, what));
    }
    for user in &auth.users {
        let is_missing = |role: &&String| *role != "root" && auth.roles.iter().all(|known| known.name != **role);
        for role in user.roles.iter().filter(is_missing) {
            let what = format!("user {} has the role {role}, which does not exist", user.name);
            findings.push(Finding::error(Code::AuthRole, what));
        }
    }
}

/// The first etcd that writes a storage version; a downgrade to 3.5 removes it.
const WITH_STORAGE_VERSION: Minor = Minor { major: 3, minor: 6 };

/// Versions that no etcd writes.
fn versions(state: &State, findings: &mut Findings) {
    let of = |version: &Option<String>| version.as_deref().and_then(Minor::parse);
    if let Some(storage) = of(&state.meta.storage_version).filter(|it| *it < WITH_STORAGE_VERSION || it.major > 3) {
        let what = format!("a storage version that no etcd writes: {storage}");
        findings.push(Finding::error(Code::MetaValue, what).key(b"storageVersion"));
    }
    if let Some(cluster) = of(&state.cluster.version).filter(|cluster| cluster.major != 3) {
        let what = format!("a cluster version that no etcd writes: {cluster}");
        findings.push(Finding::error(Code::ClusterValue, what).key(b"clusterVersion"));
    }
}

pub(super) fn check(snapshot: &Snapshot<'_>, survey: &Survey<'_>, findings: &mut Findings) {
    let (state, keyspace) = (&snapshot.state, &snapshot.keyspace);
    if !survey.findings.damaged() {
        users(&state.auth, findings);
    }
    versions(state, findings);
    for member in &state.members {
        if state.removed.binary_search(&member.id).is_ok() {
            let what = format!("member {:x} is listed as a member and as removed", member.id);
            findings.push(Finding::warning(Code::MemberRemoved, what));
        }
    }
    findings.push_all(state.alarms.iter().map(alarm));
    if state.auth.enabled {
        let what = format!("auth is enabled, with {} users; a restore keeps auth enabled", state.auth.users.len());
        findings.push(Finding::info(Code::AuthEnabled, what));
    }
    if keyspace.compaction_pending() {
        let what = format!("a compaction at revision {} was started and not finished", keyspace.compacted());
        findings.push(Finding::info(Code::CompactionPending, what).hint("etcd finishes it when it starts"));
    }
    if keyspace.finished > keyspace.scheduled {
        findings.push(Finding::warning(Code::Compaction, "a compaction was finished that was never scheduled"));
    }
    if let Some(downgrade) = state.cluster.downgrade.as_ref().filter(|downgrade| downgrade.enabled) {
        let what = format!("a downgrade to {} is in progress; a restore keeps it", downgrade.target_version);
        findings.push(Finding::info(Code::Downgrade, what));
    }
    let leases: HashSet<i64> = state.leases.iter().map(|lease| lease.id).collect();
    let mut lost = 0_u64;
    let mut example: Option<&[u8]> = None;
    survey.live.for_each_live(|newest| {
        let lease = newest.kv().lease;
        if lease != 0 && !leases.contains(&lease) {
            lost = lost.saturating_add(1);
            example = Some(example.map_or(newest.key, |key| key.min(newest.key)));
        }
    });
    if let Some(key) = example {
        let what = match lost {
            1 => "1 key references a missing lease and will never expire".to_owned(),
            _ => format!("{lost} keys reference missing leases and will never expire; the first of them"),
        };
        findings.push(Finding::warning(Code::LeaseMissing, what).key(key));
    }
    let (pages, used) = (snapshot.db().pages(), survey.pages_met);
    let free = pages.saturating_sub(used);
    if free > 0 && !survey.findings.damaged() {
        let what = format!("{free} of {pages} pages are free; they may still hold what was deleted, Secrets too");
        findings.push(Finding::info(Code::FreePages, what));
    }
}
