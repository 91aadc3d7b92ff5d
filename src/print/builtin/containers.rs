//! The cells of kinds that create Pods.

use super::fields::Fields;
use crate::k8s::Value;

/// `layoutContainerCells`: the names and the images of containers.
pub(super) fn names_and_images(containers: &[Value<'_>]) -> [String; 2] {
    ["name", "image"].map(|field| {
        let texts: Vec<_> = containers.iter().map(|container| container.text(field)).collect();
        texts.join(",")
    })
}

/// The names and the images of the containers in an object's Pod template.
pub(super) fn of_template(object: &Value<'_>) -> [String; 2] {
    names_and_images(object.list("spec.template.spec.containers"))
}
