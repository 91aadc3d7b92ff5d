//! Differences that are always there and have no meaning.

use std::fmt;

use super::fields::{Path, Step};
use crate::k8s::{Key, ObjectKey};

/// The reason why a difference is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// `metadata.managedFields`.
    ManagedFields,
    /// `metadata.resourceVersion`.
    ResourceVersion,
    /// `metadata.generation`, `status.observedGeneration`.
    Generation,
    /// The renewal of a Lease.
    LeaseTimes,
    /// Heartbeats of API servers: masterleases, peerserverleases, their own Leases.
    ApiServers,
    /// Internal state of API servers: allocated addresses and ports, the revision of the last compaction.
    Bookkeeping,
    /// An Event.
    Events,
    /// A lease of etcd, in a Kubernetes keyspace.
    Leases,
    /// A field of the status.
    Status,
    /// A field that the user named.
    Asked,
}

impl Reason {
    /// The reason's name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ManagedFields => "managedFields",
            Self::ResourceVersion => "resourceVersion",
            Self::Generation => "generation",
            Self::LeaseTimes => "leaseTimes",
            Self::ApiServers => "apiServerLeases",
            Self::Bookkeeping => "bookkeeping",
            Self::Events => "events",
            Self::Leases => "leases",
            Self::Status => "status",
            Self::Asked => "ignored",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The settings for ignored differences.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    /// Only the fields that the user named are ignored.
    pub all: bool,
    /// The status counts.
    pub status: bool,
    /// Events count.
    pub events: bool,
    /// Fields that are ignored with all fields below them, as [`Path`] writes them: `spec.replicas`,
    /// `spec.containers[name=web].image`; `[*]` matches every item of a list.
    pub paths: Vec<String>,
}

impl Ignore {
    /// The reason to ignore the whole difference at a key.
    #[must_use]
    pub(crate) fn key(&self, key: &Key<'_>) -> Option<Reason> {
        if self.all {
            return None;
        }
        match key {
            Key::MasterLease(_) | Key::PeerLease(_) => Some(Reason::ApiServers),
            Key::CompactRev | Key::Range(_) => Some(Reason::Bookkeeping),
            Key::Object(object) if object.resource == "events" && !self.events => Some(Reason::Events),
            Key::Object(object) if is_apiserver(object) => Some(Reason::ApiServers),
            _ => None,
        }
    }

    /// The reason to ignore a field of an object of `resource`.
    #[must_use]
    pub(crate) fn field(&self, resource: &str, path: &Path) -> Option<Reason> {
        if !self.paths.is_empty() {
            let (text, any) = (path.to_string(), path.any_item());
            if self.paths.iter().any(|ignored| is_below(&text, ignored) || is_below(&any, ignored)) {
                return Some(Reason::Asked);
            }
        }
        if self.all {
            return None;
        }
        let mut names = path.0.iter().map(|step| match step {
            Step::Name(name) => name.as_str(),
            Step::Item(_) | Step::Index(_) | Step::Order => "",
        });
        match (names.next()?, names.next()) {
            ("metadata", Some("managedFields")) => Some(Reason::ManagedFields),
            ("metadata", Some("resourceVersion")) => Some(Reason::ResourceVersion),
            ("metadata", Some("generation")) | ("status", Some("observedGeneration")) => Some(Reason::Generation),
            ("spec", Some("renewTime" | "acquireTime")) if resource == "leases" => Some(Reason::LeaseTimes),
            ("status", _) if !self.status => Some(Reason::Status),
            _ => None,
        }
    }
}

/// Whether a key is of the heartbeat Lease of an API server (`kube-apiserver-...` before Kubernetes 1.26).
fn is_apiserver(key: &ObjectKey<'_>) -> bool {
    let named = ["apiserver-", "kube-apiserver-"].iter().any(|start| key.name.starts_with(start));
    named && key.resource == "leases" && key.namespace == Some("kube-system")
}

/// Whether the field `text` is `ignored`, or below it.
fn is_below(text: &str, ignored: &str) -> bool {
    text.strip_prefix(ignored).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(steps: &[Step]) -> Path {
        Path(steps.to_vec())
    }

    fn name(name: &str) -> Step {
        Step::Name(name.to_owned())
    }

    #[test]
    fn what_the_user_names_is_left_out_with_all_below_it() {
        let ignore = Ignore { all: true, paths: vec!["spec.containers[*].image".to_owned()], ..Ignore::default() };
        let image = path(&[name("spec"), name("containers"), Step::Item("name=web".to_owned()), name("image")]);
        assert_eq!(ignore.field("pods", &image), Some(Reason::Asked));
        let policy =
            path(&[name("spec"), name("containers"), Step::Item("name=web".to_owned()), name("imagePullPolicy")]);
        assert_eq!(ignore.field("pods", &policy), None);
        let one = Ignore { paths: vec!["spec.containers[name=web]".to_owned()], ..Ignore::default() };
        assert_eq!(one.field("pods", &image), Some(Reason::Asked));
    }

    #[test]
    fn all_switches_off_what_is_left_out_by_default() {
        let status = path(&[name("status"), name("phase")]);
        let by_default = Ignore::default();
        assert_eq!(by_default.field("pods", &status), Some(Reason::Status));
        assert_eq!(Ignore { status: true, ..Ignore::default() }.field("pods", &status), None);
        assert_eq!(Ignore { all: true, ..Ignore::default() }.field("pods", &status), None);
        let renewed = path(&[name("spec"), name("renewTime")]);
        assert_eq!(by_default.field("leases", &renewed), Some(Reason::LeaseTimes));
        assert_eq!(by_default.field("widgets", &renewed), None);
        assert_eq!(by_default.key(&Key::new(b"/registry/events/shop/a.1")), Some(Reason::Events));
        assert_eq!(by_default.key(&Key::new(b"/registry/pods/shop/a")), None);
    }
}
