//! What a restore is going to do: decided before anything is written, from what is wanted and what the snapshot holds.
//! Pure; a plan can be printed and thrown away.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{
    carried,
    cluster::{NewCluster, NewMember},
    facts::Facts,
    log::FromLog,
};
use crate::{
    Error, Finding, Result,
    error::Severity,
    etcd::{
        Load, Revision, State,
        boot::{Minor, Role, Startup, starts_on},
        rewrite::{Changes, Items},
        state::Member,
    },
    source::{Kind, Part},
};

/// What is wanted of a restore.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The cluster that the members are of.
    pub cluster: NewCluster,
    /// The members whose directories are made, by name.
    pub members: Vec<String>,
    /// What is left behind on the way.
    pub carry: Carry,
    /// How far the revision is raised.
    pub bump: Option<Bump>,
    /// The highest revision that is known from elsewhere.
    pub past: Option<i64>,
    /// The highest revision in the backup and its log, where not all of them is restored.
    pub known: Option<i64>,
    /// Which older revisions are given up.
    pub compact: Option<Compact>,
    /// Whether the db is written afresh, without free pages.
    pub defrag: bool,
    /// The etcd that has to start on it.
    pub for_etcd: Option<Minor>,
    /// The etcd that is known to be started on it.
    pub runs: Option<Minor>,
}

/// What a restore carries along unless it is told not to.
#[derive(Debug, Clone, Default)]
pub struct Carry {
    /// Without the alarms.
    pub disarm_alarms: bool,
    /// With auth off, users kept.
    pub reset_auth: bool,
    /// Without auth, users and roles.
    pub drop_auth: bool,
    /// Without the leases and the keys bound to them.
    pub drop_leases: bool,
    /// Without the keys that begin so.
    pub drop_keys: Vec<Vec<u8>>,
    /// Without a downgrade that is under way.
    pub clear_downgrade: bool,
}

/// How far the revision is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bump {
    /// By so many.
    By(u64),
    /// Behind everything that is known, by a fifth; by [`GUESS`] when nothing is known.
    Auto,
}

/// How far `--bump-revision auto` goes when nothing is known: what OpenShift takes, too.
pub const GUESS: u64 = 1_000_000_000;

/// Which older revisions are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compact {
    /// Those before this one.
    At(i64),
    /// All but the last.
    Latest,
}

/// What a restore is going to do.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan<'a> {
    /// The backup, as the user named it.
    pub source: String,
    /// What kind of backup it is.
    #[serde(serialize_with = "display")]
    pub kind: Kind,
    /// Its length in bytes, up to the high-water mark.
    pub total_size: u64,
    /// Bytes of it that are in use, where the whole file was read.
    pub in_use: Option<u64>,
    /// Its storage version.
    pub version: Option<String>,
    /// The last revision in it.
    pub revision: i64,
    /// The revision that the restored cluster begins with.
    pub new_revision: i64,
    /// What the log adds.
    pub log: Option<FromLog>,
    /// The cluster that is made.
    pub cluster: NewCluster,
    /// The members whose directories are made, by name.
    pub members: Vec<String>,
    /// What is changed in the db.
    pub changes: Changes<'a>,
    /// Which etcd versions start on the result.
    #[serde(serialize_with = "by_version")]
    pub starts_on: Vec<(Minor, Startup)>,
    /// What is carried along and worth knowing.
    pub carried: Vec<Finding>,
    /// What may surprise.
    pub warnings: Vec<Finding>,
    /// What the small buckets say when all is done.
    #[serde(skip)]
    pub state: State,
    /// How the backup is read.
    #[serde(skip)]
    pub load: Load,
    /// The db that is copied and changed.
    #[serde(skip)]
    pub db: &'a Part,
}

fn display<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(kind)
}

pub(super) fn by_version<S: Serializer>(starts_on: &[(Minor, Startup)], serializer: S) -> Result<S::Ok, S::Error> {
    let entry = |startup: &Startup| serde_json::json!({"ok": startup.ok, "why": startup.why});
    serializer.collect_map(starts_on.iter().map(|(etcd, startup)| (etcd.to_string(), entry(startup))))
}

fn usage(what: impl Into<String>, hint: &str) -> Error {
    Error::usage(what).hinted(hint)
}

impl<'a> Plan<'a> {
    /// Decides.
    ///
    /// # Errors
    /// When what is wanted cannot be had of this snapshot.
    pub fn make(facts: &Facts<'a>, wanted: &Wanted) -> Result<Self> {
        let log = FromLog::decide(facts)?;
        let members: Vec<&NewMember> =
            wanted.members.iter().map(|name| wanted.cluster.member(name)).collect::<Result<_>>()?;
        let (tail, cut_after) = (facts.tail, facts.cut);
        // What is left out cannot be left in the file.
        let defrag = wanted.defrag || cut_after.is_some();
        let mut changes = Changes { defrag, tail, cut_after, ..Changes::default() };
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
            starts_on: starts_on(&state, Role::Restored).to_vec(),
            carried: Vec::new(),
            warnings: Vec::new(),
            state,
            load: facts.load,
            db: facts.db,
        };
        let told = carried::tell(facts, wanted, &plan);
        (plan.warnings, plan.carried) = told.into_iter().partition(|finding| finding.severity > Severity::Info);
        Ok(plan)
    }
}

/// Decides about the records that are added to `key` and the compaction; returns the last revision then.
fn revisions(facts: &Facts<'_>, wanted: &Wanted, changes: &mut Changes<'_>) -> Result<i64> {
    let too_high = || usage("the revision would be higher than etcd can count", "take a smaller --bump-revision");
    let mut head = facts.head;
    if !facts.dropped.is_empty() {
        head = head.checked_add(1).ok_or_else(too_high)?;
        changes.deleted_at = Some(head);
        changes.deleted.clone_from(&facts.dropped);
    }
    changes.compact_to = match wanted.compact {
        None => None,
        // One that was begun there is finished: what it gives up is still in the file.
        Some(Compact::Latest) => Some(head).filter(|head| *head > facts.compacted || facts.compaction_pending),
        Some(Compact::At(at)) if at > head => {
            return Err(usage(
                format!("--compact {at}: required revision is a future revision"),
                &format!("the last one is {head}: --compact latest gives up all before it"),
            ));
        }
        Some(Compact::At(at)) if at <= facts.compacted => {
            let what = format!("--compact {at}: required revision has been compacted");
            return Err(usage(what, &format!("the snapshot is compacted at {} already", facts.compacted)));
        }
        Some(Compact::At(at)) => Some(at),
    };
    let known = wanted.known.unwrap_or(head).max(facts.db_head).max(head).cast_unsigned();
    let by = match wanted.bump {
        None if wanted.past.is_some() => {
            let hint = "--bump-revision auto goes behind what --past names, --bump-revision N raises the revision by N";
            return Err(usage("--past alone raises no revision", hint));
        }
        None => return Ok(head),
        Some(Bump::By(by)) => by,
        Some(Bump::Auto) => match wanted.past {
            None => known.saturating_add(GUESS).saturating_sub(head.cast_unsigned()),
            Some(past) => {
                let highest = past.cast_unsigned().max(known);
                let target = highest.saturating_add(highest / 5).saturating_add(1);
                target.saturating_sub(head.cast_unsigned())
            }
        },
    };
    let to = head.checked_add_unsigned(by).filter(|to| *to < i64::MAX).ok_or_else(too_high)?;
    if by == 0 {
        return Err(usage("--bump-revision 0 changes nothing", "leave it out, or say auto"));
    }
    changes.bump_to = Some(to);
    Ok(to)
}

/// Decides about the small buckets.
fn buckets(facts: &Facts<'_>, wanted: &Wanted, changes: &mut Changes<'_>) {
    changes.buckets.clone_from(&facts.edited);
    let cluster = &wanted.cluster;
    // in the order of their keys: hex ids without padding do not sort as numbers do
    let members: BTreeMap<_, _> = cluster.members.iter().map(Member::from).map(|m| (m.key(), m.json())).collect();
    changes.buckets.insert("members", members.into_iter().collect());
    changes.buckets.insert("members_removed", Vec::new());
    let mut meta = facts.meta.clone();
    let mut put = |key: &str, value: &[u8]| meta.insert(key.as_bytes().to_vec(), value.to_vec());
    put("consistent_index", &(cluster.members.len() as u64).to_be_bytes());
    put("term", &1_u64.to_be_bytes());
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
        // Up to 3.5 there is none; from 3.6 on it may be missing, and is 3.5 then.
        if etcd.minor <= 5 {
            meta.remove(&b"storageVersion"[..]);
        } else if above(&facts.state.meta.storage_version) {
            meta.insert(b"storageVersion".to_vec(), version.clone());
        }
        if above(&facts.state.cluster.version) {
            of_cluster.insert(b"clusterVersion".to_vec(), version);
        }
    }
    if wanted.carry.clear_downgrade && of_cluster.contains_key(&b"downgrade"[..]) {
        of_cluster.insert(b"downgrade".to_vec(), br#"{"target-version":"","enabled":false}"#.to_vec());
    }
    let items = |map: BTreeMap<Vec<u8>, Vec<u8>>| map.into_iter().collect::<Items>();
    changes.buckets.insert("meta", items(meta));
    // It is made where there is none, as etcdutl does.
    if of_cluster != facts.cluster || of_cluster.is_empty() {
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
