//! Which etcd versions start on a backend, and what the others say (`schema.Validate`, `membership.mustDetectDowngrade`).
//! Pure: it reads a [`State`] and nothing else.

use std::fmt;

use super::State;

/// An etcd release line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor {
    /// 3.
    pub major: u32,
    /// 4, 5, 6, 7.
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

/// The release lines that are judged.
pub const JUDGED: [Minor; 4] = [
    Minor { major: 3, minor: 4 },
    Minor { major: 3, minor: 5 },
    Minor { major: 3, minor: 6 },
    Minor { major: 3, minor: 7 },
];

/// Whether a release line starts, and why (not).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// Whether it starts.
    pub ok: bool,
    /// What it would say, or what to keep in mind.
    pub why: String,
}

/// What the backend is started as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The result of a plain restore of this backend: new members, term 1, nothing else changed.
    Restored,
    /// A member's own directory, as it is.
    Member,
}

/// Whether each of [`JUDGED`] starts on a backend that says `state`.
#[must_use]
pub fn starts_on(state: &State, role: Role) -> [(Minor, Startup); 4] {
    JUDGED.map(|etcd| (etcd, start(etcd, state, role)))
}

fn start(etcd: Minor, state: &State, role: Role) -> Startup {
    let refused = |why: String| Startup { ok: false, why };
    let storage = state.meta.storage_version.as_deref();
    let storage_minor = storage.and_then(Minor::parse);
    let cluster = state.cluster.version.as_deref().and_then(Minor::parse);
    match (etcd.minor, storage) {
        (4, Some(version)) if !matches!(storage_minor, Some(Minor { major: 3, minor: 4 | 5 })) => {
            return refused(format!("panics: unsupported storage version: {version}"));
        }
        (6.., Some(version)) if storage_minor.is_some_and(|storage| storage > etcd) => {
            return refused(format!("refuses: version {version:?} is not supported (storage version)"));
        }
        _ => {}
    }
    // A restore leaves 3.4 and 3.5 no cluster version: they look for it in the v2store, which starts empty.
    let reads_cluster_version = etcd.minor >= 6 || role == Role::Member;
    if let Some(cluster) = cluster.filter(|cluster| reads_cluster_version && *cluster > etcd) {
        return refused(format!("refuses: the server is lower than the cluster version {cluster}"));
    }
    let downgrade = state.cluster.downgrade.as_ref().filter(|downgrade| downgrade.enabled);
    if let Some(downgrade) = downgrade.filter(|_| etcd.minor == 5)
        && Minor::parse(&downgrade.target_version) != Some(etcd)
    {
        let target = &downgrade.target_version;
        return refused(format!("refuses: a downgrade to {target} is under way"));
    }
    let why = match (etcd.minor, storage) {
        (5, Some(version)) if storage_minor > Some(etcd) => {
            format!("starts; it ignores the storage version {version}, which a later upgrade may refuse")
        }
        _ => "starts".to_owned(),
    };
    Startup { ok: true, why }
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

    fn ok(state: &State) -> [bool; 4] {
        starts_on(state, Role::Restored).map(|(_, startup)| startup.ok)
    }

    #[test]
    fn the_matrix_of_restored_snapshots() {
        assert_eq!(ok(&state(None, Some("3.4.0"))), [true; 4]);
        assert_eq!(ok(&state(None, Some("3.5.0"))), [true; 4]);
        assert_eq!(ok(&state(Some("3.6.0"), Some("3.6.0"))), [false, true, true, true]);
        assert_eq!(ok(&state(Some("3.7.0"), Some("3.7.0"))), [false, true, false, true]);
    }

    #[test]
    fn a_downgrade_under_way_stops_3_5() {
        let mut state = state(None, Some("3.5.0"));
        let enabled = super::super::state::Downgrade { target_version: "3.4.0".to_owned(), enabled: true };
        state.cluster.downgrade = Some(enabled);
        assert_eq!(ok(&state), [true, false, true, true]);
    }
}
