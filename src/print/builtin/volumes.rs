//! PersistentVolumes and their claims.

use super::{Clock, Row, fields::Fields, row};
use crate::k8s::Value;

/// The columns of [`volume`].
pub(super) const VOLUME_COLUMNS: &str = "Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, \
    VolumeAttributesClass, Reason, Age, +VolumeMode";

/// The columns of [`claim`].
pub(super) const CLAIM_COLUMNS: &str =
    "Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age, +VolumeMode";

/// `printPersistentVolume`.
pub(super) fn volume(volume: &Value<'_>, clock: Clock) -> Row {
    let claim = volume.find("spec.claimRef").map(|claim| format!("{}/{}", claim.text("namespace"), claim.text("name")));
    row![
        volume.name(),
        volume.scalar("spec.capacity.storage").unwrap_or_else(|| "0".to_owned()),
        access_modes(volume, "spec.accessModes"),
        volume.text_or("spec.persistentVolumeReclaimPolicy", "Retain"),
        phase(volume),
        claim.unwrap_or_default(),
        class(volume),
        volume.find("spec.volumeAttributesClassName").and_then(Value::as_str).unwrap_or("<unset>"),
        volume.text("status.reason"),
        clock.age(volume),
        volume.text_or("spec.volumeMode", "Filesystem"),
    ]
}

/// `printPersistentVolumeClaim`.
pub(super) fn claim(claim: &Value<'_>, clock: Clock) -> Row {
    let volume = claim.text("spec.volumeName");
    let (capacity, modes) = if volume.is_empty() {
        (String::new(), String::new())
    } else {
        let capacity = claim.scalar("status.capacity.storage").unwrap_or_else(|| "0".to_owned());
        (capacity, access_modes(claim, "status.accessModes"))
    };
    row![
        claim.name(),
        phase(claim),
        volume,
        capacity,
        modes,
        class(claim),
        claim.find("spec.volumeAttributesClassName").and_then(Value::as_str).unwrap_or("<unset>"),
        clock.age(claim),
        claim.text_or("spec.volumeMode", "Filesystem"),
    ]
}

fn phase<'v>(object: &'v Value<'_>) -> &'v str {
    if object.deleted() { "Terminating" } else { object.text_or("status.phase", "Pending") }
}

/// `helper.GetPersistentVolumeClass`, `GetPersistentVolumeClaimClass`: the beta annotation has priority.
fn class<'v>(object: &'v Value<'_>) -> &'v str {
    const BETA: &str = "volume.beta.kubernetes.io/storage-class";
    let beta = object.map("metadata.annotations").and_then(|annotations| annotations.get(BETA));
    beta.and_then(Value::as_str).unwrap_or_else(|| object.text("spec.storageClassName"))
}

/// `helper.GetAccessModesAsString`.
fn access_modes(object: &Value<'_>, path: &str) -> String {
    let modes = object.texts(path);
    let short =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let has = short.iter().filter(|(mode, _)| modes.contains(mode)).map(|(_, short)| *short);
    has.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn volumes() {
        let volume = r#"{"metadata":{"name":"v","annotations":{"volume.beta.kubernetes.io/storage-class":"beta"}},
            "spec":{"capacity":{"storage":"4Gi"},"accessModes":["ReadWriteMany","ReadOnlyMany","ReadOnlyMany"],
            "claimRef":{"namespace":"shop","name":"data"},"storageClassName":"fast","volumeAttributesClassName":"gold",
            "volumeMode":"Block"},"status":{"phase":"Bound","reason":"why"}}"#;
        let want = ["v", "4Gi", "ROX,RWX", "Retain", "Bound", "shop/data", "beta", "gold", "why", "<unknown>", "Block"];
        assert_eq!(row("persistentvolumes", volume), want);
        let going = r#"{"metadata":{"name":"v","deletionTimestamp":"2026-01-01T00:00:00Z"}}"#;
        assert_eq!(row("persistentvolumes", going)[1..8], ["0", "", "Retain", "Terminating", "", "", "<unset>"]);
    }

    #[test]
    fn claims_have_a_size_once_they_have_a_volume() {
        let claim = |volume: &str| {
            row(
                "persistentvolumeclaims",
                &format!(
                    r#"{{"metadata":{{"name":"c"}},"spec":{{"storageClassName":"fast"{volume}}},
                "status":{{"phase":"Lost","capacity":{{"storage":"4Gi"}},"accessModes":["ReadWriteOncePod"]}}}}"#
                ),
            )
        };
        let want = ["c", "Lost", "v", "4Gi", "RWOP", "fast", "<unset>", "<unknown>", "Filesystem"];
        assert_eq!(claim(r#","volumeName":"v""#), want);
        assert_eq!(claim("")[1..6], ["Lost", "", "", "", "fast"]);
    }
}
