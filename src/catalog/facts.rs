//! What can be asked for beside kind and name: labels, images and the uid of a version.

use serde::{Deserialize, Serialize};

use super::version::Half;
use crate::{
    hash::Sha256,
    k8s::{Object, Value},
};

/// The most bytes of labels and images that are kept of an object.
const KEPT: usize = 64 << 10;

/// Labels and images of a version; equal ones are stored once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// `metadata.labels`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
    /// The images of the containers of a Pod or of a template of Pods, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
}

impl Facts {
    /// The facts of an object, and its uid.
    pub(super) fn of(object: &Object<'_>) -> (Self, Option<Half>) {
        let mut facts = Self::default();
        let mut size = 0_usize;
        let mut fits = |text: &str| {
            size = size.saturating_add(text.len());
            size <= KEPT
        };
        let labels = object.metadata().and_then(|of| of.get("labels")).and_then(Value::as_object);
        for (name, value) in labels.into_iter().flat_map(|labels| labels.iter()) {
            let value = value.as_str().unwrap_or_default();
            if fits(name) && fits(value) {
                facts.labels.push((name.to_string(), value.to_owned()));
            }
        }
        let mut images = Vec::new();
        if let Some(spec) = object.value.get("spec") {
            images_of(spec, 0, &mut images);
        }
        images.sort_unstable();
        images.dedup();
        facts.images = images.into_iter().filter(|image| fits(image)).map(str::to_owned).collect();
        let uid = object.metadata().and_then(|of| of.get("uid")).and_then(Value::as_str).and_then(uid);
        (facts, uid)
    }

    /// Its id and its row; 0 and nothing where there are none.
    pub(super) fn row(&self) -> (u64, Vec<u8>) {
        if self == &Self::default() {
            return (0, Vec::new());
        }
        let row = serde_json::to_vec(self).unwrap_or_default();
        let mut sha = Sha256::default();
        sha.update(&row);
        let id = sha.finish().first_chunk().copied().map_or(0, u64::from_le_bytes);
        (id.max(1), row)
    }
}

/// The images in `containers`, `initContainers` and `ephemeralContainers`, also in templates below: a CronJob's are at
/// `spec.jobTemplate.spec.template.spec`.
fn images_of<'o>(value: &'o Value<'_>, depth: usize, images: &mut Vec<&'o str>) {
    for (name, below) in value.as_object().into_iter().flat_map(|map| map.iter()) {
        match name.as_ref() {
            "containers" | "initContainers" | "ephemeralContainers" => {
                let containers = below.as_list().unwrap_or_default().iter();
                images.extend(containers.filter_map(|of| of.get("image")).filter_map(Value::as_str));
            }
            "template" | "spec" | "jobTemplate" if depth < 5 => images_of(below, depth.saturating_add(1), images),
            _ => {}
        }
    }
}

/// The bytes of a UUID.
pub(super) fn uid(text: &str) -> Option<Half> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    let mut uid = Half::default();
    if digits.len() != 32 || text.len() != 36 {
        return None;
    }
    for (byte, pair) in uid.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(uid)
}

/// A UUID as text.
pub(super) fn uid_text(uid: &Half) -> String {
    let hex = crate::hash::hex(uid);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::decode;

    #[test]
    fn facts_are_those_of_the_object() {
        let text = br#"{"kind":"CronJob","apiVersion":"batch/v1","metadata":{"uid":"0f1d8c0e-7d0b-4e1b-9d0a-0123456789ab",
            "labels":{"app":"web"}},"spec":{"jobTemplate":{"spec":{"template":{"spec":{"initContainers":[{"image":"b:1"}],
            "containers":[{"image":"a:1"},{"image":"b:1"},{"name":"none"}]}}}}}}"#;
        let (facts, id) = Facts::of(&decode(text).unwrap());
        assert_eq!(facts.labels, [("app".to_owned(), "web".to_owned())]);
        assert_eq!(facts.images, ["a:1", "b:1"]);
        assert_eq!(uid_text(&id.unwrap()), "0f1d8c0e-7d0b-4e1b-9d0a-0123456789ab");
        assert_eq!(uid("0f1d8c0e-7d0b-4e1b-9d0a-0123456789a"), None);
        assert_ne!(facts.row().0, 0);
        assert_eq!(Facts::default().row(), (0, Vec::new()));
    }
}
