//! The decisions of a restore, made before anything is written from what is wanted and what the snapshot holds. Pure.

use std::collections::BTreeMap;

use super::{
    cluster::NewMember,
    facts::Facts,
    log::FromLog,
    options::{Bump, Carry, GUESS, Options},
    past::Past,
    plan::Plan,
    warnings,
};
use crate::{
    Error, Result,
    error::Severity,
    etcd::{
        Compacted, Revision,
        boot::{Minor, Role, WITH_TERM, starts_on},
        rewrite::{Changes, Items},
        state::Member,
    },
};

fn usage(what: impl Into<String>, hint: &str) -> Error {
    Error::usage(what).hinted(hint)
}

impl<'a> Plan<'a> {
    /// Plans a restore.
    ///
    /// # Errors
    /// When that is not possible with this snapshot.
    pub fn make(facts: &Facts<'a>, wanted: &Options) -> Result<Self> {
        let log = FromLog::decide(facts)?;
        let members: Vec<&NewMember> = match &wanted.cluster {
            Some(cluster) => wanted.members.iter().map(|name| cluster.member(name)).collect::<Result<_>>()?,
            None => Vec::new(),
        };
        let (log_records, cut_after) = (facts.log_records, facts.cut);
        // Records that are left out must not stay in the file.
        let defrag = wanted.defrag || cut_after.is_some();
        let mut changes = Changes { defrag, log_records, cut_after, ..Changes::default() };
        let new_revision = revisions(facts, wanted, &mut changes)?;
        buckets(facts, wanted, &mut changes);
        let mut state = facts.state.clone();
        for (bucket, items) in &changes.buckets {
            state = state.with_bucket(bucket, items);
        }
        let mut plan = Self {
            source: facts.source.clone(),
            kind: facts.kind,
            total_size: facts.total_size,
            in_use: facts.in_use,
            version: facts.state.meta.storage_version.clone(),
            revision: facts.head,
            new_revision,
            log,
            cluster: wanted.cluster.clone(),
            members: members.iter().map(|member| member.name.clone()).collect(),
            changes,
            starts_on: starts_on(&state, Role::Restored),
            carried: Vec::new(),
            warnings: Vec::new(),
            state,
            load: facts.load,
            db: facts.db,
        };
        let findings = warnings::all(facts, wanted, &plan);
        (plan.warnings, plan.carried) = findings.into_iter().partition(|finding| finding.severity > Severity::Info);
        Ok(plan)
    }
}

/// The highest revision to which it is raised: half of what etcd can count is left. etcdutl takes any number, and a
/// cluster at its last revision can write no more, and cannot be brought back to a lower one under its clients.
const HIGHEST: i64 = 1 << 62;

/// Decides about the records that are added to `key` and the compaction; returns the last revision then.
fn revisions(facts: &Facts<'_>, wanted: &Options, changes: &mut Changes<'_>) -> Result<i64> {
    let too_high = || {
        let what = format!("the revision would be higher than {HIGHEST}: etcd could run out of revisions");
        usage(what, &format!("take a smaller --bump-revision: auto adds {GUESS} if the last revision is not known"))
    };
    let mut head = facts.head;
    if !facts.dropped.is_empty() {
        head = head.checked_add(1).ok_or_else(too_high)?;
        changes.deleted_at = Some(head);
        changes.deleted.clone_from(&facts.dropped);
    }
    let compacted = Compacted { at: facts.compacted, pending: facts.compaction_pending };
    changes.compact_to = wanted.compact.map_or(Ok(None), |compact| compact.revision(&compacted, head))?;
    let known = wanted.known.unwrap_or(head).max(facts.db_head).max(head).cast_unsigned();
    let by = match wanted.bump {
        None if wanted.past.is_some() => {
            let hint =
                "--bump-revision auto goes past the backups of --past, --bump-revision N raises the revision by N";
            return Err(usage("--past alone raises no revision", hint));
        }
        None => return Ok(head),
        Some(Bump::By(by)) => by,
        Some(Bump::Auto) => match &wanted.past {
            Some(Past { revision, is_end: true, .. }) => {
                let highest = revision.cast_unsigned().max(known);
                let target = highest.saturating_add(highest / 5).saturating_add(1);
                target.saturating_sub(head.cast_unsigned())
            }
            // Backups are lower bounds only.
            past => {
                let highest = past.as_ref().map_or(0, |past| past.revision.cast_unsigned()).max(known);
                highest.saturating_add(GUESS).saturating_sub(head.cast_unsigned())
            }
        },
    };
    let to = head.checked_add_unsigned(by).filter(|to| *to <= HIGHEST).ok_or_else(too_high)?;
    if by == 0 {
        return Err(usage("--bump-revision 0 changes nothing", "leave it out, or use auto"));
    }
    changes.bump_to = Some(to);
    Ok(to)
}

/// Whether the result is the state after an entry of the log, and nothing is left out of it or added.
fn is_of_an_entry(facts: &Facts<'_>, wanted: &Options) -> bool {
    let Carry { disarm_alarms, reset_auth, drop_auth, drop_leases, .. } = wanted.carry;
    let changed = disarm_alarms || reset_auth || drop_auth || drop_leases || wanted.bump.is_some();
    !changed && facts.cut.is_none() && facts.dropped.is_empty()
}

/// Decides about the small buckets.
fn buckets(facts: &Facts<'_>, wanted: &Options, changes: &mut Changes<'_>) {
    changes.buckets.clone_from(&facts.edited);
    let mut meta = facts.meta.clone();
    let mut put = |key: &str, value: &[u8]| meta.insert(key.as_bytes().to_vec(), value.to_vec());
    if let Some(cluster) = &wanted.cluster {
        // In the order of their keys: hex ids without padding do not sort as numbers do.
        let members: BTreeMap<_, _> = cluster.members.iter().map(Member::from).map(|m| (m.key(), m.json())).collect();
        changes.buckets.insert("members", members.into_iter().collect());
        changes.buckets.insert("members_removed", Vec::new());
        put("consistent_index", &(cluster.members.len() as u64).to_be_bytes());
        // etcd 3.4 would leave it as it is for ever.
        if wanted.for_etcd.or(wanted.runs).is_some_and(|etcd| etcd < WITH_TERM) {
            meta.remove(&b"term"[..]);
        } else {
            put("term", &1_u64.to_be_bytes());
        }
    } else if !is_of_an_entry(facts, wanted) {
        // No log continues from such a state.
        meta.retain(|key, _| ![&b"consistent_index"[..], b"term"].contains(&key.as_slice()));
    }
    let mut put = |key: &str, value: &[u8]| meta.insert(key.as_bytes().to_vec(), value.to_vec());
    if let Some(at) = changes.compact_to {
        let at = Revision::first(at).to_bucket_key(false);
        put("scheduledCompactRev", &at);
        if changes.defrag {
            put("finishedCompactRev", &at);
        }
    }
    if let Some(to) = changes.bump_to {
        put("scheduledCompactRev", &Revision::first(to).to_bucket_key(false));
    }
    let mut of_cluster = facts.cluster.clone();
    if let Some(etcd) = wanted.for_etcd {
        let above = |version: &Option<String>| version.as_deref().and_then(Minor::parse).is_some_and(|v| v > etcd);
        let version = format!("{etcd}.0").into_bytes();
        // Up to 3.5 there is none; from 3.6 on it may be missing, which means 3.5.
        if etcd.minor <= 5 {
            meta.remove(&b"storageVersion"[..]);
        } else if above(&facts.state.meta.storage_version) {
            meta.insert(b"storageVersion".to_vec(), version.clone());
        }
        if above(&facts.state.cluster.version) {
            of_cluster.insert(b"clusterVersion".to_vec(), version);
        }
    }
    if (wanted.carry.clear_downgrade || facts.goes_down_above(wanted.for_etcd))
        && of_cluster.contains_key(&b"downgrade"[..])
    {
        of_cluster.insert(b"downgrade".to_vec(), br#"{"target-version":"","enabled":false}"#.to_vec());
    }
    let items = |map: BTreeMap<Vec<u8>, Vec<u8>>| map.into_iter().collect::<Items>();
    changes.buckets.insert("meta", items(meta));
    // In a new cluster it is created where there is none, as etcdutl does.
    if of_cluster != facts.cluster || (of_cluster.is_empty() && wanted.cluster.is_some()) {
        changes.buckets.insert("cluster", items(of_cluster));
    }
    let Carry { disarm_alarms, reset_auth, drop_auth, drop_leases, .. } = wanted.carry;
    if disarm_alarms {
        changes.buckets.insert("alarm", Vec::new());
    }
    if drop_leases {
        changes.buckets.insert("lease", Vec::new());
    }
    if (reset_auth || drop_auth) && !facts.auth.is_empty() {
        let mut auth = facts.auth.clone();
        auth.insert(b"authEnabled".to_vec(), vec![0]);
        changes.buckets.insert("auth", items(auth));
    }
    if drop_auth {
        changes.buckets.insert("authUsers", Vec::new());
        changes.buckets.insert("authRoles", Vec::new());
    }
}
