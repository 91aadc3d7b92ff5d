//! The release of Kubernetes that wrote a backup: an empty field is printed by one release and left out by another.

use super::{
    special::field,
    stored::{Envelope, Stored},
    value::text,
};
use crate::etcd::{KeyValue, View};

/// A minor version of Kubernetes 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release(u8);

impl Default for Release {
    /// The newest stable release in the table of kinds.
    fn default() -> Self {
        Self(37)
    }
}

/// Suffixes of keys that an API server writes when it starts, and the first release that does so by default: the
/// versions that it serves (`DefaultAPIResourceConfigSource`) and its roles (`bootstrappolicy`).
const STARTED: [(&str, Release); 11] = [
    ("/apiservices/v1.storagemigration.k8s.io", Release(37)),
    ("/apiservices/v1.resource.k8s.io", Release(34)),
    ("/clusterroles/system:controller:service-cidrs-controller", Release(33)),
    ("/clusterroles/system:controller:validatingadmissionpolicy-status-controller", Release(30)),
    ("/apiservices/v1.flowcontrol.apiserver.k8s.io", Release(29)),
    ("/apiservices/v1beta3.flowcontrol.apiserver.k8s.io", Release(26)),
    ("/apiservices/v2.autoscaling", Release(23)),
    ("/apiservices/v1.policy", Release(21)),
    ("/apiservices/v1.node.k8s.io", Release(20)),
    ("/apiservices/v1.certificates.k8s.io", Release(19)),
    ("/apiservices/v1.apps", Release(16)),
];

/// Number of Nodes that are read.
const NODES: usize = 100;

impl Release {
    /// Kubernetes 1.`minor`.
    #[must_use]
    pub const fn new(minor: u8) -> Self {
        Self(minor)
    }

    /// The minor version of the release: 36.
    #[must_use]
    pub const fn minor(self) -> u8 {
        self.0
    }

    /// The release of the API server that wrote last, as far as is known: the newest that left a trace, or whose
    /// kubelet runs, as no kubelet may be newer than its API server. `traces` are the keys of [`Release::is_told_by`]
    /// in order. `None` if there is no trace of any.
    #[must_use]
    pub(crate) fn of(view: &View<'_>, traces: &[&[u8]]) -> Option<Self> {
        let nodes = traces.iter().filter(|key| is_node(key)).take(NODES).filter_map(|key| view.get(key));
        nodes.filter_map(|kv| kubelet(&kv)).chain(traces.iter().filter_map(|key| started(key))).max()
    }

    /// Whether [`Release::of`] uses this key.
    #[must_use]
    pub(crate) fn is_told_by(key: &[u8]) -> bool {
        match directory(key) {
            Some(b"minions") => true,
            Some(b"apiservices" | b"clusterroles") => started(key).is_some(),
            _ => false,
        }
    }

    /// The release in a version such as `v1.30.14+k3s1`: 1.30.
    fn parse(version: &str) -> Option<Self> {
        version.strip_prefix("v1.")?.split('.').next()?.parse().ok().map(Self)
    }
}

fn started(key: &[u8]) -> Option<Release> {
    STARTED.iter().find(|(end, _)| key.ends_with(end.as_bytes())).map(|(_, release)| *release)
}

fn is_node(key: &[u8]) -> bool {
    directory(key) == Some(b"minions")
}

/// The part of a key before its last one: every key is asked for it, and few for more.
fn directory(key: &[u8]) -> Option<&[u8]> {
    key.rsplitn(3, |b| *b == b'/').nth(1)
}

/// `status.nodeInfo.kubeletVersion` of a Node, without the rest of it.
fn kubelet(node: &KeyValue<'_>) -> Option<Release> {
    let Ok(Stored::Protobuf(Envelope { kind: "Node", raw, .. })) = Stored::new(node.value) else { return None };
    let inner = |data, number| field(data, number).ok()??.bytes().ok();
    Release::parse(&text(inner(inner(inner(raw, 3)?, 7)?, 7)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_known_by_their_traces() {
        let release = |key: &str| started(key.as_bytes()).map(|release| release.0);
        assert_eq!(release("/registry/apiregistration.k8s.io/apiservices/v1.resource.k8s.io"), Some(34));
        assert_eq!(release("/registry/clusterroles/system:node"), None);
        for (end, _) in STARTED {
            assert!(Release::is_told_by(format!("/registry{end}").as_bytes()), "{end}");
        }
        assert!(is_node(b"/registry/minions/a") && !is_node(b"/registry/minions") && !is_node(b"/registry/pods/a/b"));
        let node = b"k8s\0\x0a\x0a\x0a\x02v1\x12\x04Node\x12\x0d\x1a\x0b\x3a\x09\x3a\x07v1.31.2";
        assert_eq!(kubelet(&KeyValue { value: node, ..KeyValue::default() }), Some(Release(31)));
        for (version, want) in [("v1.30.14+k3s1", Some(Release(30))), ("v1.20.0", Some(Release(20))), ("1.30", None)] {
            assert_eq!(Release::parse(version), want, "{version}");
        }
    }
}
