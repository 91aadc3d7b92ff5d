//! Kinds that are stored in one API version and served in a later one with the same fields: the conversion changes
//! `apiVersion` only (`zz_generated.conversion.go` of each group).

use super::{
    release::Release,
    value::{Map, Value},
};

/// A conversion: the kinds, the stored version, the version that kubectl asks for, and the first release that serves it
/// by default.
type Renamed = (&'static [&'static str], &'static str, &'static str, Release);

const RENAMED: [Renamed; 5] = [
    (
        &["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
        "admissionregistration.k8s.io/v1beta1",
        "admissionregistration.k8s.io/v1",
        Release::new(30),
    ),
    (
        &["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"],
        "admissionregistration.k8s.io/v1beta1",
        "admissionregistration.k8s.io/v1",
        Release::new(37),
    ),
    (&["IPAddress", "ServiceCIDR"], "networking.k8s.io/v1beta1", "networking.k8s.io/v1", Release::new(33)),
    (
        &["DeviceClass", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice"],
        "resource.k8s.io/v1beta2",
        "resource.k8s.io/v1",
        Release::new(34),
    ),
    (&["StorageVersionMigration"], "storagemigration.k8s.io/v1beta1", "storagemigration.k8s.io/v1", Release::new(37)),
];

/// Whether some version of this kind is renamed.
pub(super) fn is_renamed(kind: &str) -> bool {
    RENAMED.iter().any(|(kinds, ..)| kinds.contains(&kind))
}

/// Sets `apiVersion` to the version that a release serves; any other object is not changed.
pub(super) fn to_served(root: &mut Map<'_>, release: Release) {
    let text = |name| root.get(name).and_then(Value::as_str).unwrap_or_default();
    let (kind, version) = (text("kind"), text("apiVersion"));
    let served =
        RENAMED.iter().find(|(kinds, from, _, since)| release >= *since && *from == version && kinds.contains(&kind));
    if let Some((_, _, to, _)) = served {
        root.insert("apiVersion", Value::str(to));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{
        super::table::{Field, Table, Type, table},
        *,
    };

    /// The first field by which two messages differ, or those in them, in the form that a release prints.
    fn differ(table: &Table, from: u32, to: u32, release: Release, seen: &mut HashSet<(u32, u32)>) -> Option<String> {
        if from == to || !seen.insert((from, to)) {
            return None;
        }
        let fields = |message| -> Vec<&Field> {
            table.message(message).unwrap().fields.iter().filter(|field| field.is_in(release)).collect()
        };
        let (from, to) = (fields(from), fields(to));
        if from.len() != to.len() {
            return Some("a field more".to_owned());
        }
        from.into_iter().zip(to).find_map(|(one, other)| match (one.of, other.of) {
            _ if (one.number, one.name, one.shape, one.omit, one.pointer)
                != (other.number, other.name, other.shape, other.omit, other.pointer) =>
            {
                Some(one.name.to_string())
            }
            (Type::Message(one), Type::Message(other)) => differ(table, one, other, release, seen),
            (a, b) if a == b => None,
            _ => Some(one.name.to_string()),
        })
    }

    #[test]
    fn both_versions_have_the_same_fields() {
        let table = table();
        for (kinds, from, to, since) in RENAMED {
            for kind in kinds {
                let message = |version| table.kind(version, kind).unwrap().message;
                for release in [since, Release::default().max(since)] {
                    let differ = differ(table, message(from), message(to), release, &mut HashSet::new());
                    assert_eq!(differ, None, "{kind} {from} of {release:?}");
                }
            }
        }
    }

    #[test]
    fn a_release_serves_what_it_has() {
        let served = |minor, kind, version| {
            let text = |text| Value::str(text);
            let mut root = Map::from_unsorted(vec![("apiVersion".into(), text(version)), ("kind".into(), text(kind))]);
            to_served(&mut root, Release::new(minor));
            root.get("apiVersion").and_then(Value::as_str).unwrap().to_owned()
        };
        assert_eq!(served(33, "IPAddress", "networking.k8s.io/v1beta1"), "networking.k8s.io/v1");
        assert_eq!(served(32, "IPAddress", "networking.k8s.io/v1beta1"), "networking.k8s.io/v1beta1");
        assert_eq!(served(37, "IPAddress", "networking.k8s.io/v1alpha1"), "networking.k8s.io/v1alpha1");
        assert_eq!(served(37, "Ingress", "networking.k8s.io/v1beta1"), "networking.k8s.io/v1beta1");
    }
}
