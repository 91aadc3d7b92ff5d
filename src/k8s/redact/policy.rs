//! Which texts of an object are secret, as [`super::super::Mask`] has it.

use super::{
    super::{key::Key, mask},
    visit::Visit,
    walk::Kinds,
    what::Hidden,
};

/// What is replaced besides secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Also {
    /// The data of ConfigMaps.
    pub configmaps: bool,
    /// The values of environment variables.
    pub env: bool,
    /// All annotations.
    pub annotations: bool,
    /// The names of objects and namespaces.
    pub names: bool,
}

/// What kind of secrets an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Nothing,
    /// A Secret.
    Secret,
    /// An OAuth client: everything but its identity.
    Client,
    /// An OAuth token: the same, and its name.
    Token,
    ConfigMap,
}

/// What of one object is replaced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    holds: Holds,
    also: Also,
}

/// Whether the object of a key is a secret, whatever its value is.
pub(super) fn is_secret(key: &Key<'_>) -> bool {
    key.object().is_some_and(|object| {
        matches!(object.resource.as_ref(), "secrets" | "oauthclients") || mask::is_secret_name(object)
    })
}

impl Policy {
    pub(super) fn of(key: &Key<'_>, kinds: &Kinds, also: Also) -> Self {
        let resource = key.object().map(|object| object.resource.as_ref()).unwrap_or_default();
        let is = |kind: &str| kinds.has(kind);
        let holds = if resource.starts_with("oauth") && key.object().is_some_and(mask::is_secret_name)
            || is("OAuthAccessToken")
            || is("OAuthAuthorizeToken")
        {
            Holds::Token
        } else if resource == "oauthclients" || is("OAuthClient") {
            Holds::Client
        } else if resource == "secrets" || is("Secret") {
            Holds::Secret
        } else if resource == "configmaps" || is("ConfigMap") {
            Holds::ConfigMap
        } else {
            Holds::Nothing
        };
        Self { holds, also }
    }

    /// Whether nothing can be secret in the object, so that it need not be read.
    pub(super) fn is_nothing(&self) -> bool {
        let Also { configmaps, env, annotations, names } = self.also;
        let by_flag = env || annotations || names || (configmaps && self.holds == Holds::ConfigMap);
        !by_flag && !self.is_of_secrets()
    }

    pub(super) fn is_of_secrets(&self) -> bool {
        matches!(self.holds, Holds::Secret | Holds::Client | Holds::Token)
    }

    /// What a text at `path` is, where it is replaced.
    pub(super) fn hides(&self, path: &[String], visit: &Visit) -> Option<Hidden> {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let first = names.first().copied().unwrap_or_default();
        let annotation = match names.as_slice() {
            [.., "annotations", name] => Some(*name),
            _ => None,
        };
        let repeats = annotation.is_some_and(|name| mask::REPEATS.contains(&name));
        if visit.unknown && self.is_of_secrets() && first != "scopeRestrictions" {
            return Some(if self.holds == Holds::Secret { Hidden::SecretData } else { Hidden::OAuth });
        }
        let by_kind = match (self.holds, first) {
            (_, "apiVersion" | "kind") => None,
            (Holds::Secret, "metadata") if repeats => Some(Hidden::Repeated),
            (Holds::Secret, "metadata" | "type" | "immutable") => None,
            (Holds::Secret, _) => Some(Hidden::SecretData),
            (Holds::Client | Holds::Token, "metadata") => annotation.map(|_| Hidden::OAuth),
            (Holds::Client, "grantMethod" | "scopeRestrictions") => None,
            (Holds::Client | Holds::Token, _) => Some(Hidden::OAuth),
            (Holds::ConfigMap, "data" | "binaryData") if self.also.configmaps => Some(Hidden::ConfigMap),
            (Holds::ConfigMap, "metadata") if repeats && self.also.configmaps => Some(Hidden::Repeated),
            (Holds::ConfigMap | Holds::Nothing, _) => None,
        };
        by_kind.or_else(|| match names.as_slice() {
            [.., "env", "value"] if self.also.env => Some(Hidden::Env),
            _ if repeats && self.also.env => Some(Hidden::Repeated),
            _ if annotation.is_some() && self.also.annotations => Some(Hidden::Annotation),
            _ => None,
        })
    }
}
