//! Lists, and single objects.

use std::{collections::VecDeque, sync::Arc};

use super::{
    accept::Form,
    answer::{Answer, Content, JSON, Pieces, Step},
    backup::Backup,
    catalog::Served,
    item::Writer,
    options::{Options, token},
    status::Refusal,
};
use crate::{
    bytes::escape,
    etcd::{KeyValue, Range},
    k8s::{Key, Value, json, key_for_messages},
    objects::Cluster,
    print::{Clock, Column},
};

/// A piece is sent when it has this size.
const PIECE: usize = 64 << 10;
/// The most objects that are decoded for one piece, when few are selected.
const DECODED: usize = 2000;

/// What of a resource is asked for.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) served: Arc<Served>,
    pub(super) namespace: Option<String>,
}

impl Target {
    /// The ranges of keys that hold the objects: from the first key to the first after them.
    pub(super) fn ranges(&self, state: &Cluster<'_>, options: &Options) -> VecDeque<(Vec<u8>, Vec<u8>)> {
        let resource = &self.served.resource;
        let namespace = self.namespace.as_deref().or_else(|| options.fields.required("metadata.namespace"));
        let name = options.fields.required("metadata.name");
        let within = |prefix: &str| {
            let folder = match namespace.filter(|_| resource.namespaced) {
                Some(namespace) => format!("{prefix}/{}/{namespace}/", resource.stored),
                None => format!("{prefix}/{}/", resource.stored),
            };
            match name.filter(|_| namespace.is_some() || !resource.namespaced) {
                Some(name) => (format!("{folder}{name}").into_bytes(), format!("{folder}{name}\0").into_bytes()),
                // the byte after a slash is a zero
                None => (folder.clone().into_bytes(), format!("{}0", folder.trim_end_matches('/')).into_bytes()),
            }
        };
        let mut ranges: VecDeque<_> = state.prefixes().map(within).collect();
        if let Some(start) = &options.start {
            ranges.retain(|(_, end)| end > start);
            for (first, _) in &mut ranges {
                if *first < *start {
                    first.clone_from(start);
                }
            }
        }
        ranges
    }

    /// The stored object of a name.
    pub(super) fn get(&self, state: &Cluster<'static>, name: &str) -> Option<KeyValue<'static>> {
        let resource = &self.served.resource;
        let path = match &self.namespace {
            Some(namespace) => format!("{}/{namespace}/{name}", resource.stored),
            None => format!("{}/{name}", resource.stored),
        };
        let kv = state.prefixes().find_map(|prefix| state.view.get(format!("{prefix}/{path}").as_bytes()))?;
        Key::new(kv.key).object().is_some_and(|key| self.served.has(key)).then_some(kv)
    }

    /// Refuses fields that no object of the resource can be selected by.
    pub(super) fn check(&self, options: &Options) -> Result<(), Refusal> {
        let served = &self.served;
        let mut form = crate::k8s::Map::default();
        form.insert("apiVersion", Value::Str(served.api_version().into()));
        form.insert("kind", Value::str(&served.resource.kind));
        match options.fields.unsupported(&Value::Object(form), &served.selectable) {
            None => Ok(()),
            Some(field) => Err(Refusal::bad_request(format!("field label not supported: {field}"))),
        }
    }
}

/// The objects that a request selects, in key order.
pub(super) struct Listing {
    backup: Arc<Backup>,
    pub(super) state: Arc<Cluster<'static>>,
    target: Target,
    options: Options,
    form: Form,
    clock: Clock,
    ranges: VecDeque<(Vec<u8>, Vec<u8>)>,
    written: usize,
    /// The key of the first object that is not in the list, where there is a limit.
    next: Option<Vec<u8>>,
}

impl Listing {
    pub(super) fn new(
        backup: &Arc<Backup>,
        state: Arc<Cluster<'static>>,
        target: Target,
        options: Options,
        form: Form,
    ) -> Self {
        let ranges = target.ranges(&state, &options);
        let clock = Backup::clock(&state);
        let (written, next) = (0, None);
        Self { backup: Arc::clone(backup), state, target, options, form, clock, ranges, written, next }
    }

    /// Appends objects to `out`, each in its wrap, until there are enough for a piece; returns whether these were the
    /// last ones.
    pub(super) fn fill(&mut self, out: &mut Vec<u8>, wrap: &Wrap) -> bool {
        let writer = Writer {
            state: &self.state,
            served: &self.target.served,
            mask: &self.backup.mask,
            form: self.form,
            include: self.options.include,
            clock: self.clock,
        };
        let mut decoded = 0_usize;
        while let Some((start, end)) = self.ranges.front_mut() {
            let mut stopped = None;
            for kv in self.state.view.range(&Range::new(start.as_slice(), end.as_slice())) {
                let full = self.options.limit > 0 && self.written >= self.options.limit;
                if full || out.len() >= PIECE || decoded >= DECODED {
                    stopped = Some((kv.key.to_vec(), full));
                    break;
                }
                let Some(item) = writer.item(&kv) else { continue };
                decoded = decoded.saturating_add(1);
                if !item.is_selected(&self.options) {
                    continue;
                }
                out.extend_from_slice(if self.written == 0 { &wrap.first } else { &wrap.open });
                writer.write(out, item);
                out.extend_from_slice(&wrap.close);
                self.written = self.written.saturating_add(1);
            }
            match stopped {
                Some((key, true)) => {
                    self.next = Some(key);
                    return true;
                }
                Some((key, false)) => {
                    *start = key;
                    return false;
                }
                None => drop(self.ranges.pop_front()),
            }
        }
        true
    }

    /// The number of keys after the list, where that is the number of objects.
    fn remaining(&self) -> Option<usize> {
        let next = self.next.as_ref().filter(|_| self.options.all)?;
        let count = |(n, (start, end)): (usize, &(Vec<u8>, Vec<u8>))| {
            let start = if n == 0 { next.as_slice() } else { start.as_slice() };
            self.state.view.count(&Range::new(start, end.as_slice()))
        };
        Some(self.ranges.iter().enumerate().map(count).sum())
    }
}

/// What is written around each object.
pub(super) struct Wrap {
    /// Before the first object.
    pub(super) first: Vec<u8>,
    /// Before each other one.
    pub(super) open: Vec<u8>,
    pub(super) close: Vec<u8>,
}

/// A list as JSON, its metadata after the items: only then it is known whether there is more.
struct List {
    listing: Listing,
    begun: bool,
}

impl Pieces for List {
    fn next(&mut self) -> Step {
        let mut out = Vec::new();
        if !self.begun {
            self.begun = true;
            self.head(&mut out);
        }
        let wrap = Wrap { first: Vec::new(), open: b",".to_vec(), close: Vec::new() };
        if !self.listing.fill(&mut out, &wrap) {
            return Step::Piece(out);
        }
        out.extend_from_slice(b"],\"metadata\":{\"resourceVersion\":");
        text(&mut out, &self.listing.state.view.revision.to_string());
        if let Some(next) = &self.listing.next {
            out.extend_from_slice(b",\"continue\":");
            text(&mut out, &token(self.listing.state.view.revision, next));
            if let Some(remaining) = self.listing.remaining() {
                out.extend_from_slice(format!(",\"remainingItemCount\":{remaining}").as_bytes());
            }
        }
        out.extend_from_slice(b"}}\n");
        Step::Last(out)
    }
}

impl List {
    fn head(&self, out: &mut Vec<u8>) {
        let served = &self.listing.target.served;
        match self.listing.form {
            Form::Object => {
                out.extend_from_slice(b"{\"kind\":");
                text(out, &format!("{}List", served.resource.kind));
                out.extend_from_slice(b",\"apiVersion\":");
                text(out, &served.api_version());
                out.extend_from_slice(b",\"items\":[");
            }
            Form::Metadata => out.extend_from_slice(
                b"{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\",\"items\":[",
            ),
            Form::Table => {
                table(out, &served.printer.columns);
                out.extend_from_slice(b",\"rows\":[");
            }
        }
    }
}

/// The beginning of a Table, with its columns.
pub(super) fn table(out: &mut Vec<u8>, columns: &[Column]) {
    out.extend_from_slice(b"{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"columnDefinitions\":[");
    for (n, column) in columns.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        for (name, value) in [
            (&b"{\"name\":"[..], &*column.name),
            (b",\"type\":", column.kind.name()),
            (b",\"format\":", &*column.format),
            (b",\"description\":", &*column.description),
        ] {
            out.extend_from_slice(name);
            text(out, value);
        }
        out.extend_from_slice(format!(",\"priority\":{}}}", column.priority).as_bytes());
    }
    out.push(b']');
}

fn text(out: &mut Vec<u8>, text: &str) {
    json::compact(out, &Value::str(text));
}

/// The list that a request asks for.
pub(super) fn list(backup: &Arc<Backup>, target: Target, options: Options, form: Form) -> Result<Answer, Refusal> {
    target.check(&options)?;
    let state = backup.state(options.wanted)?;
    let listing = Listing::new(backup, state, target, options, form);
    let content = Content::Pieces(Box::new(List { listing, begun: false }));
    Ok(Answer { code: 200, content_type: JSON, headers: Vec::new(), content, is_watch: false })
}

/// One object, in a Table by itself where that is asked for.
pub(super) fn get(
    backup: &Arc<Backup>,
    target: &Target,
    name: &str,
    options: &Options,
    form: Form,
) -> Result<Answer, Refusal> {
    let state = backup.state(options.wanted)?;
    let resource = &target.served.resource;
    let missing = || Refusal::no_object(&target.served.group, &resource.plural, name);
    let kv = target.get(&state, name).ok_or_else(missing)?;
    let (served, mask, clock) = (&*target.served, &backup.mask, Backup::clock(&state));
    let writer = Writer { state: &state, served, mask, form, include: options.include, clock };
    let item = writer.item(&kv).ok_or_else(missing)?;
    if let Some(why) = item.unreadable() {
        return Err(Refusal::internal(format!("{}: {}: {why}", backup.name, escape(&key_for_messages(kv.key)))));
    }
    let mut out = Vec::new();
    if form == Form::Table {
        table(&mut out, &served.printer.columns);
        out.extend_from_slice(b",\"metadata\":{\"resourceVersion\":");
        text(&mut out, &kv.mod_revision.to_string());
        out.extend_from_slice(b"},\"rows\":[");
        writer.write(&mut out, item);
        out.extend_from_slice(b"]}");
    } else {
        writer.write(&mut out, item);
    }
    out.push(b'\n');
    Ok(Answer::json(200, out))
}

/// The `Scale` of an object (`autoscaling/v1`).
pub(super) fn scale(backup: &Arc<Backup>, target: &Target, name: &str, options: &Options) -> Result<Answer, Refusal> {
    let state = backup.state(options.wanted)?;
    let served = &target.served;
    let missing = || Refusal::no_object(&served.group, &served.resource.plural, name);
    let paths = served.scale.as_ref().ok_or_else(Refusal::no_resource)?;
    let kv = target.get(&state, name).ok_or_else(missing)?;
    let object = state.object(&kv).map_err(|why| Refusal::internal(why.to_string()))?;
    if backup.mask.hides(&Key::new(kv.key), &object) {
        let name = escape(&key_for_messages(kv.key));
        return Err(Refusal::forbidden(format!("{name} is masked; `etcdsnap serve --reveal` serves its scale")));
    }
    let at = |path: &[String]| {
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        object.value.at(&path).cloned().unwrap_or_default()
    };
    let number = |path| match at(path) {
        Value::Int(number) => number,
        _ => 0,
    };
    let selector = match at(&paths.selector) {
        Value::Str(text) => text.into_owned(),
        Value::Object(selector) => {
            let labels = selector.get("matchLabels").and_then(Value::as_object).unwrap_or(&selector);
            let label =
                |(name, value): &(std::borrow::Cow<'_, str>, Value<'_>)| Some(format!("{name}={}", value.as_str()?));
            labels.iter().filter_map(label).collect::<Vec<_>>().join(",")
        }
        _ => String::new(),
    };
    let metadata = |name: &str| object.value.at(&["metadata", name]).and_then(Value::as_str).unwrap_or_default();
    let scale = serde_json::json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": object.name(), "namespace": object.namespace(), "uid": metadata("uid"),
            "resourceVersion": metadata("resourceVersion"), "creationTimestamp": metadata("creationTimestamp"),
        },
        "spec": {"replicas": number(&paths.wanted)},
        "status": {"replicas": number(&paths.present), "selector": selector},
    });
    Ok(Answer::json(200, scale.to_string().into_bytes()))
}
