//! Which etcd versions start on a backend, and how the others fail (`schema.Validate`,
//! `membership.mustDetectDowngrade`). It depends only on a [`State`] and, for a member's own directory, on a
//! [`Bootstrap`].

use std::fmt;

use serde::{Serialize, Serializer};

use super::{Bootstrap, State};

/// An etcd release line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor {
    /// The major version: 3.
    pub major: u32,
    /// The minor version: 4 to 7.
    pub minor: u32,
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Minor {
    /// The release line of a version such as `3.6.0`.
    #[must_use]
    pub fn parse(version: &str) -> Option<Self> {
        let mut parts = version.split('.').map(|part| part.parse().ok());
        Some(Self { major: parts.next()??, minor: parts.next()?? })
    }
}

/// The release lines that are checked.
pub const JUDGED: [Minor; 4] = [
    Minor { major: 3, minor: 4 },
    Minor { major: 3, minor: 5 },
    Minor { major: 3, minor: 6 },
    Minor { major: 3, minor: 7 },
];

/// The first etcd that writes the term into its db.
pub(crate) const WITH_TERM: Minor = Minor { major: 3, minor: 5 };

/// The term of the last entry in the db, where it can be known: etcd 3.4 leaves what an etcd 3.5 or a restore wrote.
#[must_use]
pub(super) fn known_term(state: &State) -> Option<u64> {
    let cluster = state.cluster.version.as_deref().and_then(Minor::parse);
    state.meta.term.filter(|term| *term > 0 && cluster.is_none_or(|version| version >= WITH_TERM))
}

/// Whether a release line starts, and why (not).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Startup {
    /// Whether the release line starts; `None` for one that is not judged.
    pub ok: Option<bool>,
    /// Why it does not start, or a remark.
    pub why: String,
}

/// Serializes the startups as a map from version to `{ok, why}`.
///
/// # Errors
/// Errors of the serializer.
pub(crate) fn by_version<S: Serializer>(starts_on: &[(Minor, Startup)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(starts_on.iter().map(|(etcd, startup)| (etcd.to_string(), startup)))
}

/// How the backend is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role<'b> {
    /// The result of a plain restore of this backend: new members, term 1, nothing else changed.
    Restored,
    /// A member's own directory, as it is.
    Member(&'b Bootstrap),
}

/// Whether each of [`JUDGED`] starts on a backend with the state `state`. A newer etcd that wrote it follows, not
/// judged.
#[must_use]
pub fn starts_on(state: &State, role: Role<'_>) -> Vec<(Minor, Startup)> {
    let judged = JUDGED.iter().map(|etcd| (*etcd, start(*etcd, state, role)));
    let why = |writer| format!("wrote it, and etcdsnap does not know whether etcd {writer} starts on it");
    let unjudged = newer_writer(state).map(|writer| (writer, Startup { ok: None, why: why(writer) }));
    judged.chain(unjudged).collect()
}

/// The etcd that wrote the backend, when it is newer than all of [`JUDGED`].
fn newer_writer(state: &State) -> Option<Minor> {
    let versions = [&state.meta.storage_version, &state.cluster.version];
    let writer = versions.into_iter().flatten().filter_map(|version| Minor::parse(version)).max();
    writer.filter(|writer| JUDGED.iter().all(|judged| writer > judged))
}

fn start(etcd: Minor, state: &State, role: Role<'_>) -> Startup {
    let refused = |why: String| Startup { ok: Some(false), why };
    if let Role::Member(member) = role
        && let Some(why) = stopped_by_files(etcd, state, member)
    {
        return refused(why);
    }
    let storage = state.meta.storage_version.as_deref();
    let storage_minor = storage.and_then(Minor::parse);
    // 3.4 and 3.5 look for the cluster's version in the v2store; a restore leaves that empty.
    let v2 = if let Role::Member(member) = role { member.v2.as_ref() } else { None };
    let cluster = match etcd.minor {
        4 => v2.and_then(|v2| v2.version.as_deref()),
        5 => v2.and_then(|v2| v2.agreed.as_deref()),
        _ => state.cluster.version.as_deref(),
    };
    match (etcd.minor, storage) {
        (4, Some(version)) if !matches!(storage_minor, Some(Minor { major: 3, minor: 4 | 5 })) => {
            return refused(format!("(3.4.31 and later) refuses: unsupported storage version: {version}"));
        }
        (6.., Some(version)) if storage_minor.is_some_and(|storage| storage.major != etcd.major) => {
            return refused(format!(
                "refuses: changing major storage version is not supported (storage version {version})"
            ));
        }
        // `schemaChanges` begin with those from 3.5 to 3.6
        (6.., Some(version)) if storage_minor.is_some_and(|storage| storage > etcd || storage < WITH_TERM) => {
            return refused(format!("refuses: version {version:?} is not supported (storage version)"));
        }
        _ => {}
    }
    // 3.5 checks the downgrade first, and when that is a downgrade to this version, it checks nothing else
    let downgrade = state.cluster.downgrade.as_ref().filter(|downgrade| etcd.minor == 5 && downgrade.enabled);
    match downgrade.map(|downgrade| downgrade.target_version.as_str()).filter(|target| !target.is_empty()) {
        Some(target) if Minor::parse(target) == Some(etcd) => {}
        Some(target) => return refused(format!("refuses: a downgrade to {target} is in progress")),
        None => {
            if let Some(cluster) = cluster.and_then(Minor::parse).filter(|cluster| *cluster > etcd) {
                return refused(format!("refuses: the server is lower than the cluster version {cluster}"));
            }
        }
    }
    if let Some(learners) = too_many_learners(etcd, state) {
        return refused(format!(
            "refuses: too many learner members, unless it is started with --max-learners {learners}"
        ));
    }
    let why = match (etcd.minor, storage) {
        (5, Some(version)) if storage_minor > Some(etcd) => {
            format!("starts; it ignores the storage version {version}, which a later upgrade may refuse")
        }
        _ => "starts".to_owned(),
    };
    Startup { ok: Some(true), why }
}

/// The number of learners, when `etcd` starts with so many only with its flag `--max-learners`.
pub(crate) fn too_many_learners(etcd: Minor, state: &State) -> Option<usize> {
    let learners = state.members.iter().filter(|member| member.is_learner).count();
    (etcd.minor >= 6 && learners > 1).then_some(learners)
}

/// Why an etcd does not start on a member's log and `.snap` files.
fn stopped_by_files(etcd: Minor, state: &State, member: &Bootstrap) -> Option<String> {
    let from = if etcd.minor < 7 { member.snap.as_ref().map(|snap| snap.index) } else { member.record.map(|at| at.0) };
    if from.is_none() && !member.whole {
        return Some(
            "nothing to start from: the log's first entries are gone, and no snapshot includes them".to_owned(),
        );
    }
    let v2 = member.v2.as_ref().filter(|_| etcd.minor < 7);
    if let Some(malformed) = v2.and_then(|v2| v2.unreadable.as_ref()) {
        return Some(format!("panics: the v2store in the .snap file cannot be read: {malformed}"));
    }
    if let Some(key) = v2.and_then(|v2| v2.key.as_ref()).filter(|_| etcd.minor == 6) {
        return Some(format!("refuses: the v2store holds custom content: {key}"));
    }
    let request = if etcd.minor < 7 { v2.and_then(|v2| v2.request) } else { member.v2_request };
    if let Some(index) = request.filter(|_| etcd.minor > 5) {
        let first = if etcd.minor > 6 { "; start 3.6 first, until it has taken a snapshot" } else { "" };
        return Some(format!("panics: entry {index} of the log is a request of the v2 API{first}"));
    }
    let id = member.metadata?.node_id;
    let listed = match etcd.minor {
        ..6 => v2.is_none_or(|v2| v2.members.contains_key(&id)),
        _ => state.member(id).is_some(),
    };
    let place = if etcd.minor < 6 { "v2store" } else { "db" };
    (!listed).then(|| format!("does not find its own id: the {place} does not list member {id:x}"))
}

/// The etcd versions that start, for people.
#[must_use]
pub(crate) fn starting(starts_on: &[(Minor, Startup)]) -> String {
    let of = |ok: Option<bool>| starts_on.iter().filter(move |(_, startup)| startup.ok == ok).map(|(etcd, _)| etcd);
    let starts: Vec<_> = of(Some(true)).map(Minor::to_string).collect();
    let starts = if starts.is_empty() { "none".to_owned() } else { format!("etcd {}", starts.join(" ")) };
    let unjudged = of(None).map(|etcd| format!("written by etcd {etcd}, which is not judged"));
    [starts].into_iter().chain(unjudged).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(storage: Option<&str>, cluster: Option<&str>) -> State {
        let mut state = State::default();
        state.meta.storage_version = storage.map(str::to_owned);
        state.cluster.version = cluster.map(str::to_owned);
        state
    }

    fn ok(state: &State) -> Vec<Option<bool>> {
        starts_on(state, Role::Restored).into_iter().map(|(_, startup)| startup.ok).collect()
    }

    #[test]
    fn the_matrix_of_restored_snapshots() {
        assert_eq!(ok(&state(None, Some("3.4.0"))), [Some(true); 4]);
        assert_eq!(ok(&state(None, Some("3.5.0"))), [Some(true); 4]);
        assert_eq!(ok(&state(Some("3.6.0"), Some("3.6.0"))), [false, true, true, true].map(Some));
        assert_eq!(ok(&state(Some("3.7.0"), Some("3.7.0"))), [false, true, false, true].map(Some));
        // no etcd from 3.6 on has a way from these
        assert_eq!(ok(&state(Some("3.4.0"), Some("3.6.0"))), [true, true, false, false].map(Some));
        assert_eq!(ok(&state(Some("2.6.0"), Some("3.6.0"))), [false, true, false, false].map(Some));
    }

    #[test]
    fn a_newer_etcd_that_wrote_it_is_named_and_not_judged() {
        let ends =
            |state: State| starts_on(&state, Role::Restored).pop().map(|(etcd, startup)| (etcd.minor, startup.ok));
        assert_eq!(ends(state(Some("3.8.0"), Some("3.8.0"))), Some((8, None)));
        assert_eq!(ends(state(None, Some("3.10.0"))), Some((10, None)));
        assert_eq!(ends(state(Some("3.7.0"), Some("3.7.0"))), Some((7, Some(true))));
    }

    #[test]
    fn a_downgrade_under_way_stops_3_5_unless_it_is_to_it() {
        let mut state = state(None, Some("3.5.0"));
        let mut to = |target: &str| {
            let target_version = target.to_owned();
            state.cluster.downgrade = Some(super::super::state::Downgrade { target_version, enabled: true });
            ok(&state)
        };
        assert_eq!(to("3.4.0"), [true, false, true, true].map(Some));
        assert_eq!((to("3.5.0"), to("")), (vec![Some(true); 4], vec![Some(true); 4]));
    }
}
