//! The images that an object names.

use std::borrow::Cow;

use crate::k8s::{Object, Value};

/// Where a kind has the spec of a pod.
const POD_SPECS: [&[&str]; 4] = [
    &["spec"],
    &["spec", "template", "spec"],
    &["spec", "jobTemplate", "spec", "template", "spec"],
    &["template", "spec"],
];

/// Lists of containers in the spec of a pod.
const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// The images of containers and of image volumes in an object, each once, in order: those of a pod, or of the template
/// of its pods.
pub(super) fn images<'a>(object: &mut Object<'a>) -> Vec<Cow<'a, str>> {
    let mut images = Vec::new();
    for path in POD_SPECS {
        let Some(spec) = at_mut(&mut object.value, path) else { continue };
        for list in CONTAINERS {
            each(spec, list, |container| take(container, "image", &mut images));
        }
        each(spec, "volumes", |volume| {
            if let Some(image) = at_mut(volume, &["image"]) {
                take(image, "reference", &mut images);
            }
        });
    }
    images
}

/// The value at the end of a path of names.
pub(super) fn at_mut<'v, 'a>(value: &'v mut Value<'a>, path: &[&str]) -> Option<&'v mut Value<'a>> {
    path.iter().try_fold(value, |value, name| value.as_object_mut()?.get_mut(name))
}

fn each<'a>(spec: &mut Value<'a>, list: &str, mut of: impl FnMut(&mut Value<'a>)) {
    if let Some(Value::List(items)) = at_mut(spec, &[list]) {
        items.iter_mut().for_each(&mut of);
    }
}

/// Adds the text called `name`, unless it is there already.
fn take<'a>(value: &mut Value<'a>, name: &str, to: &mut Vec<Cow<'a, str>>) {
    if let Some(Value::Str(text)) = at_mut(value, &[name])
        && !text.is_empty()
        && !to.contains(text)
    {
        to.push(std::mem::take(text));
    }
}
