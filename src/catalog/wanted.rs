//! What a question to the catalog asks for, and the words for what it finds.

use crate::{
    bytes::escape,
    etcd::Range,
    k8s::{Key, Resources},
    select::LabelSelector,
};

/// What is asked for; every part that is given has to hold, and that of one version is enough.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// `KIND/NAME` and so on, as [`crate::select::Selection::new`] takes it.
    pub what: Vec<String>,
    /// Only this namespace.
    pub namespace: Option<String>,
    /// Only keys in this range.
    pub range: Option<Range<'static>>,
    /// Labels that it had.
    pub labels: Option<LabelSelector>,
    /// A part of the name of an image that it had.
    pub image: Option<String>,
    /// `metadata.uid`.
    pub uid: Option<String>,
}

impl Wanted {
    /// Whether no part is given: all keys are asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { what, namespace, range, labels, image, uid } = self;
        what.is_empty()
            && namespace.is_none()
            && range.is_none()
            && labels.is_none()
            && image.is_none()
            && uid.is_none()
    }
}

/// The words for an object under a key: `deployment.apps/web -n shop`, or the key itself.
#[must_use]
pub fn words(resources: &Resources, key: &[u8]) -> String {
    let parsed = Key::new(key);
    match (parsed.object(), kind_of(resources, key)) {
        (Some(object), Some(kind)) => {
            let namespace = object.namespace.map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
            format!("{kind}/{}{namespace}", object.name)
        }
        _ => format!("--key {}", escape(key)),
    }
}

/// The kind of the object under a key, as kubectl takes it: `deployment.apps`; `None` where the key is of no object.
#[must_use]
pub fn kind_of(resources: &Resources, key: &[u8]) -> Option<String> {
    let parsed = Key::new(key);
    let object = parsed.object()?;
    let group = object.group.as_deref().unwrap_or_default();
    Some(match resources.get(group, &object.resource) {
        Some(resource) => resource.kind_name(),
        None if group.is_empty() => object.resource.to_string(),
        None => format!("{}.{group}", object.resource),
    })
}
