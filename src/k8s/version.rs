//! Versions of an API, in the order of discovery.

use std::{borrow::Cow, cmp::Reverse};

/// One version of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersion {
    /// `v1`, without its group.
    pub name: Cow<'static, str>,
    /// Whether an API server serves it. For a built-in kind: some release does.
    pub served: bool,
    /// Whether objects are stored in this version. False for built-in kinds: theirs depends on the release.
    pub stored: bool,
}

/// `version.CompareKubeAwareVersionStrings`, first in discovery first: `v2`, `v1`, `v1beta2`, `v1beta1`, `v1alpha1`,
/// then the rest by name.
#[must_use]
pub(crate) fn precedence(version: &str) -> (Reverse<u8>, Reverse<u64>, Reverse<u64>, &str) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let split = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (major, rest) = rest.split_at_checked(split)?;
        let (stage, minor) = match rest {
            "" => (3, "0"),
            rest => rest.strip_prefix("beta").map(|n| (2, n)).or_else(|| Some((1, rest.strip_prefix("alpha")?)))?,
        };
        Some((stage, major.parse().ok()?, minor.parse().ok()?))
    };
    let (stage, major, minor) = parse().unwrap_or_default();
    (Reverse(stage), Reverse(major), Reverse(minor), version)
}

/// `v1`, not `v1beta1`.
pub(super) fn is_stable(version: &str) -> bool {
    let (Reverse(stage), ..) = precedence(version);
    stage == 3
}

#[cfg(test)]
mod tests {
    use super::precedence;

    #[test]
    fn versions_are_in_the_order_of_discovery() {
        let mut versions =
            ["foo10", "v1alpha1", "v3beta1", "v11alpha2", "foo1", "v10", "v2", "v12alpha1", "v11beta2", "v1"];
        versions.sort_by_key(|version| precedence(version));
        let want = ["v10", "v2", "v1", "v11beta2", "v3beta1", "v12alpha1", "v11alpha2", "v1alpha1", "foo1", "foo10"];
        assert_eq!(versions, want);
        let mut versions = ["v1alpha2", "foo", "v1", "v11", "v2beta1", "v1beta3", "v2", "bar", "v1alpha1"];
        versions.sort_by_key(|version| precedence(version));
        assert_eq!(versions, ["v11", "v2", "v1", "v2beta1", "v1beta3", "v1alpha2", "v1alpha1", "bar", "foo"]);
    }
}
