//! Keys of etcd, and the objects that they name.
//!
//! The API server stores under `PREFIX/RESOURCE[/NAMESPACE]/NAME`. For built-in kinds RESOURCE is the plural name
//! without its group, except a few that kept older names; custom resources have `GROUP/PLURAL`. A name has no slash, so
//! the number of parts shows whether there is a namespace. The prefix is `/registry`, or that of `--etcd-prefix`;
//! OpenShift uses `/kubernetes.io` for the same and `/openshift.io` for its own.

use std::borrow::Cow;

use super::builtin::stored_under;

/// A parsed key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key<'a> {
    /// An object of a resource.
    Object(ObjectKey<'a>),
    /// A bitmap of what is allocated, such as `serviceips` (a RangeAllocation).
    Range(&'a str),
    /// The address of a running API server (an Endpoints object).
    MasterLease(&'a str),
    /// The address of a running API server, for its peers.
    PeerLease(&'a str),
    /// `compact_rev_key`: the revision up to which the API servers have compacted, in decimal.
    CompactRev,
    /// k3s' certificates and tokens, encrypted by its own token.
    Bootstrap(&'a str),
    /// Any other key; Kubernetes is not known to write it.
    Other,
}

/// The parts of an object's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectKey<'a> {
    /// `/registry`.
    pub prefix: &'a str,
    /// The API group; `None` when it is not known, for a built-in resource that is not in the table.
    pub group: Option<Cow<'a, str>>,
    /// The plural name.
    pub resource: Cow<'a, str>,
    /// The namespace; `None` for cluster-scoped objects.
    pub namespace: Option<&'a str>,
    /// The name.
    pub name: &'a str,
}

impl<'a> Key<'a> {
    /// Parses a key.
    #[must_use]
    pub fn new(key: &'a [u8]) -> Self {
        if key == b"compact_rev_key" {
            return Self::CompactRev;
        }
        std::str::from_utf8(key).ok().and_then(Self::read).unwrap_or(Self::Other)
    }

    fn read(key: &'a str) -> Option<Self> {
        for prefix in ["/registry", "/kubernetes.io"] {
            if let Some(rest) = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) {
                return special(rest).or_else(|| object(prefix, rest, true));
            }
        }
        if let Some(name) = key.strip_prefix("/bootstrap/") {
            return Some(Self::Bootstrap(name));
        }
        if let Some(rest) = key.strip_prefix("/openshift.io/") {
            return openshift("/openshift.io", rest);
        }
        // another --etcd-prefix: it ends where something well known begins
        let slashes = key.match_indices('/').map(|(at, _)| at).skip(1).take(4);
        slashes
            .filter_map(|at| Some((key.get(..at)?, key.get(at.checked_add(1)?..)?)))
            .find_map(|(prefix, rest)| special(rest).or_else(|| object(prefix, rest, false)))
    }

    /// Whether the value is known to be no object.
    #[must_use]
    pub fn is_no_object(&self) -> bool {
        matches!(self, Self::CompactRev | Self::Bootstrap(_))
    }

    /// The object's parts, if it is one.
    #[must_use]
    pub fn object(&self) -> Option<&ObjectKey<'a>> {
        match self {
            Self::Object(key) => Some(key),
            _ => None,
        }
    }
}

fn special(rest: &str) -> Option<Key<'_>> {
    let (kind, name) = rest.split_once('/')?;
    match kind {
        "ranges" => Some(Key::Range(name)),
        "masterleases" => Some(Key::MasterLease(name)),
        "peerserverleases" => Some(Key::PeerLease(name)),
        _ => None,
    }
}

/// Parses the key of an object. With `guess`, a resource that is not in the table is accepted too.
fn object<'a>(prefix: &'a str, rest: &'a str, guess: bool) -> Option<Key<'a>> {
    if let Some((resource, path)) = stored_under(rest) {
        let (namespace, name) =
            if resource.namespaced { path.split_once('/').map(|(ns, name)| (Some(ns), name))? } else { (None, path) };
        let (group, resource) = (resource.group.as_ref(), resource.plural.as_ref());
        return key(prefix, Some(group.into()), resource.into(), namespace, name);
    }
    let mut parts = rest.split('/');
    let parts = [parts.next(), parts.next(), parts.next(), parts.next(), parts.next()];
    match parts {
        [Some(group), Some(plural), Some(ns), Some(name), None] if group.contains('.') => {
            key(prefix, Some(group.into()), plural.into(), Some(ns), name)
        }
        [Some(group), Some(plural), Some(name), None, None] if group.contains('.') => {
            key(prefix, Some(group.into()), plural.into(), None, name)
        }
        [Some(plural), Some(ns), Some(name), None, None] if guess => key(prefix, None, plural.into(), Some(ns), name),
        [Some(plural), Some(name), None, None, None] if guess => key(prefix, None, plural.into(), None, name),
        _ => None,
    }
}

/// The keys of openshift-apiserver.
fn openshift<'a>(prefix: &'a str, rest: &'a str) -> Option<Key<'a>> {
    let (stored, path) = rest.split_once('/')?;
    let (group, plural, namespaced, path) = match stored {
        "builds" | "buildconfigs" => ("build", Cow::from(stored), true, path),
        "deploymentconfigs" => ("apps", stored.into(), true, path),
        "imagestreams" => ("image", stored.into(), true, path),
        "images" => ("image", stored.into(), false, path),
        "routes" => ("route", stored.into(), true, path),
        "templates" | "templateinstances" => ("template", stored.into(), true, path),
        "brokertemplateinstances" => ("template", stored.into(), false, path),
        "users" | "groups" => ("user", stored.into(), false, path),
        "useridentities" => ("user", "identities".into(), false, path),
        "rangeallocations" => ("security", stored.into(), false, path),
        "oauth" => {
            let (kind, name) = path.split_once('/')?;
            ("oauth", format!("oauth{kind}").into(), false, name)
        }
        _ => return object(prefix, rest, true),
    };
    let (namespace, name) = if namespaced { path.split_once('/').map(|(ns, n)| (Some(ns), n))? } else { (None, path) };
    key(prefix, Some(format!("{group}.openshift.io").into()), plural, namespace, name)
}

fn key<'a>(
    prefix: &'a str,
    group: Option<Cow<'a, str>>,
    resource: Cow<'a, str>,
    namespace: Option<&'a str>,
    name: &'a str,
) -> Option<Key<'a>> {
    let whole = !name.is_empty() && !name.contains('/') && namespace != Some("");
    whole.then_some(Key::Object(ObjectKey { prefix, group, resource, namespace, name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(key: &str) -> String {
        match Key::new(key.as_bytes()) {
            Key::Object(k) => {
                let group = k.group.as_deref().unwrap_or("?");
                format!("{} {}.{group} {} {}", k.prefix, k.resource, k.namespace.unwrap_or("-"), k.name)
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn keys_name_their_objects() {
        for (key, want) in [
            ("/registry/pods/shop/web-1", "/registry pods. shop web-1"),
            ("/registry/minions/node-a", "/registry nodes. - node-a"),
            ("/registry/services/specs/shop/web", "/registry services. shop web"),
            ("/registry/services/endpoints/shop/web", "/registry endpoints. shop web"),
            ("/registry/controllers/a/b", "/registry replicationcontrollers. a b"),
            ("/registry/ingress/a/b", "/registry ingresses.networking.k8s.io a b"),
            ("/registry/deployments/a/b", "/registry deployments.apps a b"),
            ("/registry/events/a/b", "/registry events. a b"),
            ("/registry/clusterroles/system:node", "/registry clusterroles.rbac.authorization.k8s.io - system:node"),
            ("/registry/apiregistration.k8s.io/apiservices/v1.", "/registry apiservices.apiregistration.k8s.io - v1."),
            ("/registry/acme.io/widgets/pay/two", "/registry widgets.acme.io pay two"),
            ("/registry/acme.io/gadgets/two", "/registry gadgets.acme.io - two"),
            ("/registry/novelties/a/b", "/registry novelties.? a b"),
            ("/kubernetes.io/secrets/a/b", "/kubernetes.io secrets. a b"),
            ("/openshift.io/routes/a/b", "/openshift.io routes.route.openshift.io a b"),
            ("/openshift.io/oauth/clients/console", "/openshift.io oauthclients.oauth.openshift.io - console"),
            ("/my/cluster/pods/a/b", "/my/cluster pods. a b"),
            ("/registry/ranges/serviceips", "Range(\"serviceips\")"),
            ("/registry/masterleases/10.0.0.1", "MasterLease(\"10.0.0.1\")"),
            ("/registry/peerserverleases/x", "PeerLease(\"x\")"),
            ("compact_rev_key", "CompactRev"),
            ("/bootstrap/6ab8", "Bootstrap(\"6ab8\")"),
            ("/registry/health", "Other"),
            ("/registry/pods/a", "Other"),
            ("/registry/pods/a/b/c", "Other"),
            ("/some/thing", "Other"),
            ("", "Other"),
        ] {
            assert_eq!(parts(key), want, "{key}");
        }
        assert_eq!(Key::new(b"/registry/\xff"), Key::Other);
    }
}
