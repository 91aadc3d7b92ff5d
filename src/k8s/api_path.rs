//! Paths of an API server: `/api/VERSION/...` and `/apis/GROUP/VERSION/...`, as `kubectl get --raw` takes them
//! (`apiserver/pkg/endpoints/request.RequestInfo`).

/// A path of objects: `[/namespaces/NAMESPACE]/RESOURCE[/NAME]` after group and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiPath<'p> {
    /// The API group; empty for the core group.
    pub group: &'p str,
    /// The plural name of the resource.
    pub resource: &'p str,
    /// The namespace, where there is one.
    pub namespace: Option<&'p str>,
    /// The object's name; none for all.
    pub name: Option<&'p str>,
}

impl<'p> ApiPath<'p> {
    /// Parses a path. `None` when no resource is in it.
    #[must_use]
    pub fn parse(path: &'p str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or_default();
        let words: Vec<_> = path.split('/').filter(|word| !word.is_empty()).collect();
        let (group, rest) = match words.as_slice() {
            ["api", _, rest @ ..] => ("", rest),
            ["apis", group, _, rest @ ..] => (*group, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
            _ => (None, rest),
        };
        let (resource, names) = rest.split_first()?;
        Some(Self { group, resource, namespace, name: names.first().copied() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_a_resource_or_is_none() {
        let parsed = |path| ApiPath::parse(path).map(|p| (p.group, p.resource, p.namespace, p.name));
        assert_eq!(
            parsed("/apis/apps/v1/namespaces/shop/deployments/web?limit=1"),
            Some(("apps", "deployments", Some("shop"), Some("web")))
        );
        assert_eq!(parsed("/api/v1/pods"), Some(("", "pods", None, None)));
        assert_eq!(parsed("api/v1/namespaces/shop"), Some(("", "namespaces", None, Some("shop"))));
        assert_eq!(["/healthz", "/api/v1", "/apis/apps", ""].map(ApiPath::parse), [None; 4]);
    }
}
