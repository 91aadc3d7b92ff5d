//! Warnings and notes before a restore: what it keeps or changes that people do not expect, and what to do about it.

use super::{
    facts::Facts,
    log,
    options::{Bump, GUESS, Options},
    plan::Plan,
};
use crate::{
    Code, Finding,
    bytes::{counted, excerpt},
    error::Severity,
    etcd::{boot::too_many_learners, state::AlarmKind},
};

/// All warnings about a plan, and notes on what it keeps.
pub(super) fn all(facts: &Facts<'_>, wanted: &Options, plan: &Plan<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    of_members(facts, plan, &mut findings);
    of_alarms(facts, wanted, &mut findings);
    of_state(facts, wanted, plan, &mut findings);
    of_revisions(facts, wanted, plan, &mut findings);
    log::warnings(facts, wanted.compared, &mut findings);
    findings
}

fn of_members(facts: &Facts<'_>, plan: &Plan<'_>, findings: &mut Vec<Finding>) {
    let old = &facts.state.members;
    let Some(cluster) = &plan.cluster else { return };
    if cluster.members.iter().any(|member| old.iter().any(|old| old.id == member.id)) {
        let what = "the new members have the same ids as the old ones: same URLs, same token";
        let hint =
            "make sure that no old member runs: it could join the new cluster; or give another --initial-cluster-token";
        findings.push(Finding::warning(Code::SameIds, what).hint(hint));
    }
    let local = |url: &&String| ["://localhost:", "://127.0.0.1:", "://[::1]:"].iter().any(|host| url.contains(host));
    if let Some(url) = cluster.members.iter().flat_map(|member| &member.peer_urls).find(local) {
        let what =
            format!("the other members will use {url} to reach this member: this does not work from another machine");
        let finding = Finding::warning(Code::Localhost, what);
        let known = old.iter().any(|old| old.peer_urls.contains(url));
        findings.push(if known { finding } else { finding.hint("--member NAME takes the URLs from the snapshot") });
    }
    for member in cluster.members.iter().filter(|member| !member.is_learner) {
        if old.iter().any(|old| old.is_learner && old.name == member.name) {
            let what = format!("{} was a learner, and becomes a voter", member.name);
            findings.push(
                Finding::warning(Code::Learner, what).hint(format!("--learner {} keeps it a learner", member.name)),
            );
        }
    }
    let unstarted = old.iter().filter(|member| !member.started()).count();
    if unstarted > 0 {
        let what = format!("members of the snapshot that never started, and have no name: {unstarted}");
        findings.push(Finding::info(Code::Unstarted, what).hint("add these members again when the cluster runs"));
    }
    let gone = old.iter().filter(|old| old.started() && cluster.members.iter().all(|member| member.name != old.name));
    let gone: Vec<_> = gone.map(|old| old.name.as_str()).collect();
    if !gone.is_empty() {
        let what = format!("no longer members: {}", gone.join(", "));
        findings.push(Finding::info(Code::MembersGone, what));
    }
    if facts.state.meta.conf_state.is_some() {
        let what = "meta/confState keeps the ids of the old voters, as after a restore by etcdutl; this has no effect, because etcd does not read it";
        findings.push(Finding::info(Code::ConfState, what));
    }
}

fn of_alarms(facts: &Facts<'_>, wanted: &Options, findings: &mut Vec<Finding>) {
    let in_use = facts.in_use.map_or(String::new(), |used| format!(", {used} of them in use"));
    for alarm in &facts.state.alarms {
        let member = alarm.member;
        let kind = alarm.kind;
        if !wanted.carry.disarm_alarms {
            let what =
                format!("the alarm {kind} of member {member:x} is kept: etcd refuses writes until it is disarmed");
            let hint = match kind {
                AlarmKind::NoSpace => "--disarm-alarms, with --compact latest --defrag to make room",
                _ => "--disarm-alarms, when you trust this backup",
            };
            findings.push(Finding::warning(Code::Alarm, what).hint(hint));
        } else if kind == AlarmKind::NoSpace && !(wanted.defrag && wanted.compact.is_some()) {
            let what = format!(
                "the db has {} bytes{in_use}: when that is over etcd's quota, the first write raises NOSPACE again",
                facts.total_size
            );
            findings.push(
                Finding::warning(Code::Quota, what)
                    .hint("--compact latest --defrag, or a higher --quota-backend-bytes"),
            );
        }
    }
}

fn of_state(facts: &Facts<'_>, wanted: &Options, plan: &Plan<'_>, findings: &mut Vec<Finding>) {
    if plan.state.auth.enabled {
        let what = format!("auth stays on, with {} and all passwords", counted(plan.state.auth.users.len(), "user"));
        findings.push(
            Finding::warning(Code::Auth, what)
                .hint("--reset-auth turns it off and keeps the users, --drop-auth removes them"),
        );
    }
    if !plan.state.leases.is_empty() {
        let kept = plan.state.leases.iter().filter(|lease| lease.remaining_ttl > 0).count();
        let most = plan.state.leases.len();
        let what = match kept {
            0 if most == 1 => "1 lease is kept, and gets its full time to live again".to_owned(),
            0 => format!("{most} leases are kept, and get their full time to live again"),
            1 if most == 1 => "1 lease is kept, with its remaining time to live".to_owned(),
            _ => {
                format!("{most} leases are kept: {kept} with the remaining time to live, the others with the full one")
            }
        };
        findings.push(Finding::info(Code::Leases, what).hint("--drop-leases removes them and their keys"));
    }
    for prefix in &facts.unmatched {
        let what = format!("--drop-key {}: no key begins with that", excerpt(prefix));
        let hint = "nothing was removed for it: `etcdsnap kv SNAPSHOT PREFIX --prefix --keys-only` lists keys";
        findings.push(Finding::warning(Code::DropKey, what).hint(hint));
    }
    let dropped = !plan.changes.deleted.is_empty() || wanted.carry.drop_auth;
    if dropped && !plan.changes.defrag {
        let what = "removed data stay in free pages of the file until etcd overwrites them";
        findings.push(Finding::info(Code::FreePages, what).hint("--defrag leaves out free pages"));
    }
    if let Some(downgrade) = plan.state.cluster.downgrade.as_ref().filter(|downgrade| downgrade.enabled) {
        let what = format!("a downgrade to {} is in progress, and is kept", downgrade.target_version);
        findings.push(Finding::warning(Code::Downgrade, what).hint("--clear-downgrade ends it"));
    }
    if let Some(etcd) = wanted.for_etcd.filter(|_| facts.goes_down_above(wanted.for_etcd)) {
        let what = format!("the downgrade in progress is ended: its target is newer than etcd {etcd}");
        findings.push(Finding::info(Code::Downgrade, what));
    }
    match wanted.for_etcd {
        Some(etcd) => {
            let refuses =
                plan.starts_on.iter().find(|(version, startup)| *version == etcd && startup.ok == Some(false));
            if let Some((_, startup)) = refuses {
                findings.push(Finding::warning(Code::ForEtcd, format!("etcd {etcd} will not start: {}", startup.why)));
            }
        }
        None => {
            for (etcd, startup) in plan.starts_on.iter().filter(|(_, startup)| startup.ok == Some(false)) {
                let runs = wanted.runs == Some(*etcd);
                let severity = if runs { Severity::Warning } else { Severity::Info };
                let what =
                    format!("etcd {etcd}{} {}", if runs { ", which the manifest runs," } else { "" }, startup.why);
                let hint = Some(format!("--for-etcd {etcd} makes it start"));
                let hint = hint.filter(|_| too_many_learners(*etcd, &plan.state).is_none());
                let finding = Finding::new(severity, Code::StartsOn, what);
                findings.push(match hint {
                    Some(hint) => finding.hint(hint),
                    None => finding,
                });
            }
        }
    }
}

fn of_revisions(facts: &Facts<'_>, wanted: &Options, plan: &Plan<'_>, findings: &mut Vec<Finding>) {
    if let Some(cut) = facts.cut {
        let last = facts.db_head;
        let what = format!(
            "only the keys go back to revision {cut}: members, leases, users and alarms are those of revision {last}"
        );
        findings.push(Finding::warning(Code::Cut, what).hint("a db does not hold their earlier state"));
    }
    if facts.orphans > 0 && !wanted.carry.drop_leases {
        let what = format!("{} with a lease that the db's last revision removed", counted(facts.orphans, "key"));
        findings.push(Finding::warning(Code::Orphans, what).hint("they will never expire: --drop-leases removes them"));
    }
    if facts.kubernetes && plan.changes.bump_to.is_none() {
        let what = "Kubernetes clients that watch from a revision after this backup get no events and no error until the new cluster reaches that revision";
        findings.push(
            Finding::warning(Code::NoBump, what)
                .hint("--bump-revision auto, with --past for newer backups and directories"),
        );
    }
    if wanted.bump == Some(Bump::Auto) && !wanted.past.as_ref().is_some_and(|past| past.is_end) {
        let what = format!("the last revision of the old cluster is not known: adding {GUESS} is a guess");
        findings.push(Finding::info(Code::BumpGuess, what).hint(
            "--past DIR names the data directories of dead members: those of most members show the last revision",
        ));
    }
    for (name, revision) in wanted.past.iter().flat_map(|past| &past.damaged) {
        let what = format!("{name} is damaged: it may have held revisions after {revision}, the highest that was read");
        let hint = "`etcdsnap verify` shows the damage; name another copy with --past, or --bump-revision auto";
        findings.push(Finding::warning(Code::PastDamaged, what).hint(hint));
    }
    if plan.changes.bump_to.is_some()
        && wanted
            .past
            .as_ref()
            .map(|past| past.revision)
            .max(wanted.known)
            .is_some_and(|past| past >= plan.new_revision)
    {
        let what = format!("the revision {} is not higher than all revisions of the old cluster", plan.new_revision);
        findings.push(Finding::warning(Code::BumpLow, what).hint("--bump-revision auto goes past it"));
    }
}
