//! A stored value, described; of a Kubernetes object only its name.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Describer, tree::Tree};
use crate::k8s::{Key, Meta, Moment, Stored, Summary, is_encrypted};

/// `{"size", "kind", "namespace", "name"}` of an object, else `{"size", "text"}`, or with `base64` or `masked` instead
/// of `text`.
pub(super) fn stored(describer: &Describer, key: &[u8], value: &[u8]) -> Value {
    let tree = Tree::default().with("size", value.len().into());
    let parsed = Key::new(key);
    let named = |tree: Tree, kind: String| {
        let tree = tree.with("kind", kind.into());
        let Some(object) = parsed.object() else { return tree };
        let tree = tree.text("namespace", object.namespace.unwrap_or_default().as_bytes());
        tree.text("name", describer.mask.name(object).as_bytes())
    };
    match Summary::new(key, value, &describer.resources) {
        Summary::Object { kind, .. } if !kind.is_empty() => named(tree, kind).value(),
        Summary::Encrypted { kind, seal, .. } => named(tree, kind).with("encrypted", seal.to_string().into()).value(),
        Summary::Range { .. } => tree.with("kind", "rangeallocation".into()).value(),
        _ => {
            let shown = describer.mask.value(key, value);
            match std::str::from_utf8(&shown) {
                _ if shown != value => tree.with("masked", String::from_utf8_lossy(&shown).into()),
                // a broken value, or one without a kind, may still be a Secret
                _ if parsed.object().is_some() || is_object(value) => tree,
                Ok(text) => tree.with("text", text.into()),
                Err(_) => tree.with("base64", STANDARD.encode(value).into()),
            }
            .value()
        }
    }
}

/// Whether a value has a form in which only Kubernetes stores objects.
fn is_object(value: &[u8]) -> bool {
    !matches!(Stored::new(value), Ok(Stored::Opaque | Stored::Json(_)))
}

/// The newest time in a value, if it is an object; set by some program's clock.
pub(super) fn time(value: &[u8]) -> Option<Moment> {
    if is_encrypted(value) { None } else { Meta::read(value).ok()?.newest() }
}

/// The member that a conf change carries: the JSON it is stored as, else its bytes as text.
pub(super) fn member(context: &[u8]) -> Value {
    serde_json::from_slice(context).unwrap_or_else(|_| json!(crate::bytes::escape(context)))
}
