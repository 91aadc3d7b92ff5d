//! Classes and drivers of storage; the printer of CSIStorageCapacities is not used by the API server.

use super::{
    Builtin, Clock, Row,
    fields::{Fields, or},
    row,
};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    Some(match plural {
        "csidrivers" => {
            let columns = "Name, AttachRequired:boolean, PodInfoOnMount:boolean, StorageCapacity:boolean, \
                TokenRequests, RequiresRepublish, Modes, Age";
            Builtin(columns, csi_driver)
        }
        "csinodes" => Builtin("Name, Drivers:integer, Age", csi_node),
        "storageclasses" => {
            let columns = "Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age";
            Builtin(columns, storage_class)
        }
        "volumeattachments" => Builtin("Name, Attacher, PV, Node, Attached:boolean, Age", volume_attachment),
        "volumeattributesclasses" => Builtin("Name, DriverName, Age", volume_attributes_class),
        _ => return None,
    })
}

/// `printCSIDriver`.
fn csi_driver(driver: &Value<'_>, clock: Clock) -> Row {
    let flag = |field: &str, default: bool| driver.flag_at(&format!("spec.{field}")).unwrap_or(default);
    let tokens = driver.find("spec.tokenRequests").map(|_| {
        let requests = driver.list("spec.tokenRequests").iter().map(|request| request.text("audience"));
        requests.collect::<Vec<_>>().join(",")
    });
    row![
        driver.name(),
        flag("attachRequired", true),
        flag("podInfoOnMount", false),
        flag("storageCapacity", false),
        tokens.unwrap_or_else(|| "<unset>".to_owned()),
        flag("requiresRepublish", false),
        or(&driver.texts("spec.volumeLifecycleModes").join(","), "Persistent"),
        clock.age(driver),
    ]
}

/// `printCSINode`.
fn csi_node(node: &Value<'_>, clock: Clock) -> Row {
    row![node.name(), node.list("spec.drivers").len(), clock.age(node)]
}

/// `printStorageClass`.
fn storage_class(class: &Value<'_>, clock: Clock) -> Row {
    // `storageutil.IsDefaultAnnotation`
    let is_default =
        ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"]
            .iter()
            .any(|annotation| class.annotation(annotation) == "true");
    row![
        format!("{}{}", class.name(), if is_default { " (default)" } else { "" }),
        class.text("provisioner"),
        class.text_or("reclaimPolicy", "Delete"),
        class.text_or("volumeBindingMode", "Immediate"),
        class.flag_at("allowVolumeExpansion").unwrap_or(false),
        clock.age(class),
    ]
}

/// `printVolumeAttachment`.
fn volume_attachment(attachment: &Value<'_>, clock: Clock) -> Row {
    row![
        attachment.name(),
        attachment.text("spec.attacher"),
        attachment.text("spec.source.persistentVolumeName"),
        attachment.text("spec.nodeName"),
        attachment.flag_at("status.attached").unwrap_or(false),
        clock.age(attachment),
    ]
}

/// `printVolumeAttributesClass`.
fn volume_attributes_class(class: &Value<'_>, clock: Clock) -> Row {
    row![class.name(), class.text("driverName"), clock.age(class)]
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    fn of(plural: &str, text: &str) -> Vec<String> {
        row(&format!("{plural}.storage.k8s.io"), text)
    }

    #[test]
    fn classes() {
        let class = r#"{"metadata":{"name":"c","annotations":{"storageclass.beta.kubernetes.io/is-default-class":"true"}},
            "provisioner":"p","reclaimPolicy":"Retain","volumeBindingMode":"WaitForFirstConsumer",
            "allowVolumeExpansion":true}"#;
        let want = ["c (default)", "p", "Retain", "WaitForFirstConsumer", "true", "<unknown>"];
        assert_eq!(of("storageclasses", class), want);
        assert_eq!(of("storageclasses", "{}")[2..5], ["Delete", "Immediate", "false"]);
        assert_eq!(of("volumeattributesclasses", r#"{"driverName":"d"}"#)[1], "d");
    }

    #[test]
    fn drivers() {
        let driver = r#"{"metadata":{"name":"d"},"spec":{"attachRequired":false,"podInfoOnMount":true,
            "storageCapacity":true,"tokenRequests":[{"audience":""},{"audience":"x"}],"requiresRepublish":true,
            "volumeLifecycleModes":["Persistent","Ephemeral"]}}"#;
        let want = ["d", "false", "true", "true", ",x", "true", "Persistent,Ephemeral", "<unknown>"];
        assert_eq!(of("csidrivers", driver), want);
        assert_eq!(of("csidrivers", "{}")[1..7], ["true", "false", "false", "<unset>", "false", "Persistent"]);
        assert_eq!(of("csinodes", r#"{"spec":{"drivers":[{},{}]}}"#)[1], "2");
        let attachment = r#"{"metadata":{"name":"a"},"spec":{"attacher":"t","nodeName":"n",
            "source":{"persistentVolumeName":"v"}},"status":{"attached":true}}"#;
        assert_eq!(of("volumeattachments", attachment), ["a", "t", "v", "n", "true", "<unknown>"]);
        assert_eq!(of("csistoragecapacities", "{}"), ["", "0001-01-01T00:00:00Z"]);
    }
}
