//! Decoding of one value to the object that kubectl would print.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    definition, endpoint_slice,
    error::{SealName, Undecodable, Unknown},
    json_read,
    path::Path,
    protobuf::Decoder,
    release::Release,
    renamed,
    stored::{Envelope, Stored},
    table::table,
    value::{Map, Value},
    what::{ManagedFields, What},
    wire,
};

/// One object, as it is stored; [`Object::as_served`] turns it into what an API server would return.
#[derive(Debug, Clone, PartialEq)]
pub struct Object<'a> {
    /// The whole object, `apiVersion` and `kind` included.
    pub value: Value<'a>,
    /// Whether its kind is in the table; always true for JSON and CBOR, which need no table.
    pub known: bool,
    /// The fields of the value that the table of kinds does not have.
    pub unknown: Vec<Unknown>,
    /// Whether the object was stored encrypted.
    pub encrypted: bool,
}

/// Decodes one stored value that is not encrypted; [`super::Ring::object`] also decrypts.
///
/// A kind that is not in the table is shown with its `metadata`, which has the same field number in all kinds, and the
/// other fields by their numbers.
///
/// # Errors
/// When the value is no object, is encrypted, or is broken.
pub fn decode(value: &[u8]) -> Result<Object<'_>, Undecodable> {
    decode_with(value, What::default())
}

/// As [`decode`], with a part of the object. Of JSON and CBOR only `managedFields` can be left out.
///
/// # Errors
/// As [`decode`].
pub(super) fn decode_with(value: &[u8], what: What) -> Result<Object<'_>, Undecodable> {
    let mut object = match Stored::new(value)? {
        Stored::Protobuf(envelope) => return protobuf(&envelope, what),
        Stored::Json(text) => Object::of(json_read::parse(text)?),
        Stored::Cbor(data) => Object::of(super::cbor::parse(data)?),
        Stored::Encrypted(seal) => return Err(Undecodable::Encrypted(Box::new(SealName::from(&seal)))),
        Stored::Opaque => return Err(Undecodable::Opaque(value.len())),
    };
    if what.managed_fields == ManagedFields::Hide {
        object.hide_managed_fields();
    }
    Ok(object)
}

fn protobuf<'a>(envelope: &Envelope<'a>, what: What) -> Result<Object<'a>, Undecodable> {
    let table = table();
    let mut decoder = Decoder::new(table, what);
    let kind = table.kind(envelope.api_version, envelope.kind);
    let mut map = match kind {
        Some(kind) => decoder.object(kind.message, envelope.raw, &Path::ROOT)?,
        None => wire::unknown_kind(&mut decoder, envelope.raw)?,
    };
    map.insert("apiVersion", Value::str(envelope.api_version));
    map.insert("kind", Value::str(envelope.kind));
    Ok(Object { known: kind.is_some(), unknown: decoder.unknown, ..Object::of(Value::Object(map)) })
}

impl<'a> Object<'a> {
    fn of(value: Value<'a>) -> Self {
        Self { value, known: true, unknown: Vec::new(), encrypted: false }
    }

    /// `metadata`.
    #[must_use]
    pub fn metadata(&self) -> Option<&Map<'a>> {
        self.value.get("metadata").and_then(Value::as_object)
    }

    /// `apiVersion`, empty when there is none.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.text(&["apiVersion"])
    }

    /// `kind`, empty when there is none.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text(&["kind"])
    }

    /// `metadata.name`, empty when there is none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text(&["metadata", "name"])
    }

    /// `metadata.namespace`, empty when there is none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.text(&["metadata", "namespace"])
    }

    /// The size in bytes of each value in a Secret's `data`, which is base64 in JSON.
    #[must_use]
    pub fn data_sizes(&self) -> Vec<(String, usize)> {
        let data = self.value.get("data").and_then(Value::as_object).into_iter().flat_map(Map::iter);
        let size = |value: &Value<'_>| match value {
            Value::Bytes(bytes) => bytes.len(),
            other => {
                let text = other.as_str().unwrap_or_default();
                BASE64_STANDARD.decode(text).map_or(text.len(), |bytes| bytes.len())
            }
        };
        data.map(|(name, value)| (name.to_string(), size(value))).collect()
    }

    fn text(&self, path: &[&str]) -> &str {
        self.value.at(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// Changes the object as an API server does when it reads: sets `metadata.resourceVersion` to the revision the
    /// object was last changed at, serves CustomResourceDefinitions, EndpointSlices and the kinds of `renamed` in the
    /// version that kubectl asks for, and fills in the defaults that it sets on every read.
    ///
    /// Those are few, as nearly all defaults were filled in before the object was stored. Other objects of an old API
    /// version are not converted to the one that is served today.
    pub fn as_served(&mut self, mod_revision: i64) {
        self.as_served_by(Release::default(), mod_revision);
    }

    /// As [`Object::as_served`], by the API server of a release.
    pub(crate) fn as_served_by(&mut self, release: Release, mod_revision: i64) {
        let claims = self.kind() == "StatefulSet" && self.api_version().starts_with("apps/");
        let job = self.kind() == "Job" && self.api_version().starts_with("batch/");
        let volume = self.api_version() == "v1" && matches!(self.kind(), "PersistentVolume" | "PersistentVolumeClaim");
        let Some(root) = self.value.as_object_mut() else { return };
        if let Some(Value::Object(meta)) = root.get_mut("metadata") {
            meta.insert("resourceVersion", Value::Str(Cow::Owned(mod_revision.to_string())));
        }
        if claims {
            volume_claims(root);
        } else if volume {
            pending(root);
        } else if job {
            labels_of_template(root);
        } else {
            definition::to_v1(root);
            if release >= endpoint_slice::SERVED_AS_V1 {
                endpoint_slice::to_v1(root);
            }
            renamed::to_served(root, release);
        }
    }

    /// Removes `metadata.managedFields`, which kubectl hides.
    fn hide_managed_fields(&mut self) {
        if let Some(root) = self.value.as_object_mut()
            && let Some(Value::Object(meta)) = root.get_mut("metadata")
        {
            meta.remove("managedFields");
        }
    }
}

/// Whether [`Object::as_served`] sets members of a kind by others, of the object or of its metadata.
pub(super) fn is_converted(kind: &str) -> bool {
    const KINDS: [&str; 6] = [
        "CustomResourceDefinition",
        "EndpointSlice",
        "Job",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "StatefulSet",
    ];
    KINDS.contains(&kind) || renamed::is_renamed(kind)
}

/// The claims of a StatefulSet have a type, which protobuf does not store.
fn volume_claims(root: &mut Map<'_>) {
    if let Some(Value::Object(spec)) = root.get_mut("spec")
        && let Some(Value::List(list)) = spec.get_mut("volumeClaimTemplates")
    {
        for claim in list.iter_mut().filter_map(Value::as_object_mut) {
            claim.insert("apiVersion", Value::str("v1"));
            claim.insert("kind", Value::str("PersistentVolumeClaim"));
            pending(claim);
        }
    }
}

/// A Job without labels has those of its pods (`SetDefaults_Job`), which the API server adds after it has set defaults.
fn labels_of_template(root: &mut Map<'_>) {
    let is_empty = |labels: Option<&Value<'_>>| labels.and_then(Value::as_object).is_none_or(Map::is_empty);
    let labels = root.get("spec").and_then(|spec| spec.at(&["template", "metadata", "labels"])).cloned();
    if let Some(Value::Object(meta)) = root.get_mut("metadata")
        && is_empty(meta.get("labels"))
        && !is_empty(labels.as_ref())
    {
        meta.insert("labels", labels.unwrap_or_default());
    }
}

/// A volume or claim without a phase is pending (`SetDefaults_PersistentVolumeClaim`).
fn pending(root: &mut Map<'_>) {
    if let Some(Value::Object(status)) = root.get_mut("status")
        && status.get("phase").is_none()
    {
        status.insert("phase", Value::str("Pending"));
    }
}
