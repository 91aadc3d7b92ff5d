//! One stored object as an answer has it.

use std::borrow::Cow;

use super::{
    accept::Form,
    catalog::Served,
    convert,
    options::{Include, Options},
};
use crate::{
    etcd::KeyValue,
    k8s::{Key, ManagedFields, Map, Mask, Object, Value, json},
    objects::Cluster,
    print::{Cell, Clock, Row},
};

/// The annotation of an object that cannot be read, with the reason: such an object has no other content.
const UNREADABLE: &str = "etcdsnap/unreadable";

/// How the objects of a resource are written.
pub(super) struct Writer<'w> {
    pub(super) state: &'w Cluster<'static>,
    pub(super) served: &'w Served,
    pub(super) mask: &'w Mask,
    pub(super) form: Form,
    pub(super) include: Include,
    pub(super) clock: Clock,
}

/// A decoded and masked object, or what is shown instead.
pub(super) struct Item<'a> {
    object: Object<'a>,
    /// The object in the version that is served, where that is not the stored one.
    converted: Option<Value<'static>>,
    readable: bool,
}

impl Item<'_> {
    /// What is shown of it.
    fn shown(&self) -> &Value<'_> {
        self.converted.as_ref().unwrap_or(&self.object.value)
    }

    /// Why it cannot be read.
    pub(super) fn unreadable(&self) -> Option<&str> {
        let why = || self.object.value.at(&["metadata", "annotations", UNREADABLE]).and_then(Value::as_str);
        if self.readable { None } else { Some(why().unwrap_or_default()) }
    }

    /// Whether the selectors select it. What cannot be read is selected: it may be what is looked for.
    pub(super) fn is_selected(&self, options: &Options) -> bool {
        options.all
            || !self.readable
            || options.labels.matches(self.object.metadata()) && options.fields.selects(&self.object.value)
    }
}

impl Writer<'_> {
    /// Decodes an object of the resource, and masks what is secret in it; `None` for a key of something else.
    pub(super) fn item(&self, kv: &KeyValue<'static>) -> Option<Item<'static>> {
        let key = Key::new(kv.key);
        let parts = key.object().filter(|parts| self.served.has(parts))?;
        match self.decoded(kv) {
            Ok((mut object, mut converted)) => {
                // before anything is selected: what a selector finds must not tell what is masked
                if self.mask.object(&key, &mut object) && converted.is_some() {
                    // it was converted before anything was masked
                    converted = convert::to_v1(&object.value, self.state.release).ok();
                }
                Some(Item { object, converted, readable: true })
            }
            Err(why) => {
                let mut metadata = Map::default();
                let why = Value::Str(Cow::Owned(why));
                metadata.insert("annotations", Value::Object(Map::from_unsorted(vec![(UNREADABLE.into(), why)])));
                let name = self.mask.name(parts).into_owned();
                metadata.insert("name", Value::Str(Cow::Owned(name)));
                if let Some(namespace) = parts.namespace {
                    metadata.insert("namespace", Value::Str(Cow::Owned(namespace.to_owned())));
                }
                metadata.insert("resourceVersion", Value::Str(Cow::Owned(kv.mod_revision.to_string())));
                let mut root = Map::default();
                root.insert("apiVersion", Value::Str(Cow::Owned(self.served.api_version())));
                root.insert("kind", Value::Str(Cow::Owned(self.served.resource.kind.to_string())));
                root.insert("metadata", Value::Object(metadata));
                let value = Value::Object(root);
                let object = Object { value, known: true, unknown: Vec::new(), encrypted: false };
                Some(Item { object, converted: None, readable: false })
            }
        }
    }

    /// The object, and as it is converted; or why there is none.
    fn decoded(&self, kv: &KeyValue<'static>) -> Result<(Object<'static>, Option<Value<'static>>), String> {
        let object = self.state.object_with(kv, ManagedFields::Keep).map_err(|why| why.to_string())?;
        let converted = self.served.converted.then(|| convert::to_v1(&object.value, self.state.release));
        Ok((object, converted.transpose()?))
    }

    /// Appends an object in the form of the answer.
    pub(super) fn write(&self, out: &mut Vec<u8>, item: Item<'_>) {
        match self.form {
            Form::Object => json::compact(out, &self.converted(item)),
            Form::Metadata => metadata(out, item.shown()),
            Form::Table => {
                let row = if item.readable {
                    self.served.printer.row(&item.object.value, self.clock)
                } else {
                    let name = Cell::from(item.object.name());
                    let columns = self.served.printer.columns.len();
                    let rest = std::iter::repeat_n(Cell::from("<unreadable>"), columns.saturating_sub(1));
                    std::iter::once(name).chain(rest).collect()
                };
                out.extend_from_slice(b"{\"cells\":");
                cells(out, row);
                out.extend_from_slice(b",\"object\":");
                match self.include {
                    Include::None => out.extend_from_slice(b"null"),
                    Include::Metadata => metadata(out, item.shown()),
                    Include::Object => json::compact(out, &self.converted(item)),
                }
                out.push(b'}');
            }
        }
    }

    /// The object in the version that is served, where all versions have one form.
    fn converted<'v>(&self, item: Item<'v>) -> Value<'v> {
        let mut value = item.converted.unwrap_or(item.object.value);
        let Some(root) = value.as_object_mut() else { return value };
        if self.served.custom || self.served.is_renamed_event() {
            root.insert("apiVersion", Value::Str(Cow::Owned(self.served.api_version())));
        }
        if self.served.is_renamed_event() {
            for (name, renamed) in EVENT_FIELDS {
                if let Some(member) = root.remove(name) {
                    root.insert(renamed, member);
                }
            }
        }
        value
    }
}

/// Fields of an Event in the core group, and in `events.k8s.io` (`pkg/apis/events/v1/conversion.go`).
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// A `PartialObjectMetadata`.
fn metadata(out: &mut Vec<u8>, object: &Value<'_>) {
    out.extend_from_slice(b"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":");
    match object.get("metadata") {
        Some(metadata) => json::compact(out, metadata),
        None => out.extend_from_slice(b"{}"),
    }
    out.push(b'}');
}

fn cells(out: &mut Vec<u8>, row: Row) {
    let value = |cell| match cell {
        Cell::Null => Value::Null,
        Cell::Bool(is) => Value::Bool(is),
        Cell::Int(number) => Value::Int(number),
        Cell::Float(number) => Value::Float(number),
        Cell::Text(text) => Value::Str(Cow::Owned(text)),
    };
    json::compact(out, &Value::List(row.into_iter().map(value).collect()));
}
