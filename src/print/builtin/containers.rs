//! The cells of what makes Pods.

use super::fields::Fields;
use crate::k8s::Value;

/// `layoutContainerCells`: the names and the images of containers.
pub(super) fn names_and_images(containers: &[Value<'_>]) -> [String; 2] {
    ["name", "image"].map(|field| {
        let texts: Vec<_> = containers.iter().map(|container| container.text(field)).collect();
        texts.join(",")
    })
}

/// The same for the template of Pods in an object.
pub(super) fn of_template(object: &Value<'_>) -> [String; 2] {
    names_and_images(object.list("spec.template.spec.containers"))
}
