//! The search in one stored value.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    hit::{Hit, ValueHits},
    pattern::Pattern,
    place::Place,
    walk::{Walk, at, text},
};
use crate::{
    etcd::KeyValue,
    k8s::{Key, ManagedFields, Mask, Meta, Object, Resources, Ring, Undecodable, Value, kind_of},
};

/// What is searched for, and where.
#[derive(Debug)]
pub struct Search<'s> {
    /// The pattern.
    pub pattern: &'s Pattern,
    /// Where in objects; everywhere without.
    pub place: Option<&'s Place>,
    /// Whether the keys of etcd are searched, not the values.
    pub keys: bool,
    /// The encryption keys.
    pub ring: &'s Ring,
    /// The names of the resources.
    pub resources: &'s Resources,
    /// The mask.
    pub mask: &'s Mask,
}

impl Search<'_> {
    /// Searches one stored value.
    ///
    /// # Errors
    /// When the value cannot be read, and so was not searched.
    pub fn value(&self, kv: &KeyValue<'_>) -> Result<Option<ValueHits>, Undecodable> {
        let key = Key::new(kv.key);
        if self.keys {
            return Ok(self.pattern.is_in(kv.key).then(|| {
                let shown = String::from_utf8_lossy(&self.mask.key(kv.key)).into_owned();
                let masked = shown.as_bytes() != kv.key && self.mask.key(kv.key).as_ref() != kv.key;
                let hit = Hit { path: String::new(), line: 0, text: shown, masked };
                self.found(&key, kv, None, vec![hit])
            }));
        }
        let is_secret = key.object().is_some_and(|object| object.resource == "secrets");
        if !self.pattern.may_be_in(kv.value, is_secret) {
            return Ok(None);
        }
        match self.ring.object_with(kv.key, kv.value, ManagedFields::Hide) {
            Ok(object) => Ok(self.object(&key, kv, object)),
            Err(Undecodable::Opaque(_)) if self.place.is_none() => Ok(self.bytes(&key, kv)),
            Err(Undecodable::Opaque(_)) if key.object().is_none() => Ok(None),
            Err(why) => Err(why),
        }
    }

    fn object(&self, key: &Key<'_>, kv: &KeyValue<'_>, mut object: Object<'_>) -> Option<ValueHits> {
        decode_data(&mut object);
        let matches = Walk::matches(self.pattern, self.place, &object.value);
        if matches.is_empty() {
            return None;
        }
        let mut masked = object.clone();
        self.mask.object(key, &mut masked);
        let hits = matches.into_iter().map(|found| {
            let [open, shown] = [&object.value, &masked.value].map(|value| at(value, &found.path));
            let is_masked = open != shown;
            let text_of = |value: &Value<'_>| value.as_str().map_or_else(|| value.to_json(), str::to_owned);
            let line = if is_masked { 0 } else { found.line };
            let text_shown = if is_masked { shown.map(text_of).unwrap_or_default() } else { found.text };
            Hit { path: text(&found.path), line, text: text_shown, masked: is_masked }
        });
        let hits = hits.collect();
        Some(self.found(key, kv, Some(&object), hits))
    }

    /// The value of a key that is no object.
    fn bytes(&self, key: &Key<'_>, kv: &KeyValue<'_>) -> Option<ValueHits> {
        let value = Value::Bytes(Cow::Borrowed(kv.value));
        let matches = Walk::matches(self.pattern, None, &value);
        let masked = self.mask.value(kv.key, kv.value);
        let is_masked = masked.as_ref() != kv.value;
        let shown = |text: String| if is_masked { String::from_utf8_lossy(&masked).into_owned() } else { text };
        let hit = |found: super::walk::Match<'_>| Hit {
            path: String::new(),
            line: if is_masked { 0 } else { found.line },
            text: shown(found.text),
            masked: is_masked,
        };
        let hits: Vec<_> = matches.into_iter().map(hit).collect();
        (!hits.is_empty()).then(|| self.found(key, kv, None, hits))
    }

    fn found(&self, key: &Key<'_>, kv: &KeyValue<'_>, object: Option<&Object<'_>>, hits: Vec<Hit>) -> ValueHits {
        let meta = object.map(|object| Meta::tree(&object.value)).unwrap_or_default();
        let (kind, namespace, name) = match key.object() {
            Some(of) => {
                let kind = kind_of(key, &meta, self.resources);
                (kind, of.namespace.unwrap_or_default().to_owned(), self.mask.name_of(key, &meta.kind, of.name))
            }
            None => (String::new(), String::new(), String::from_utf8_lossy(kv.key)),
        };
        ValueHits { kind, namespace, name: name.into_owned(), revision: kv.mod_revision, deleted: false, hits }
    }
}

/// Decodes the content of a Secret that was stored as JSON.
fn decode_data(object: &mut Object<'_>) {
    if object.kind() != "Secret" {
        return;
    }
    let data = object.value.as_object_mut().and_then(|root| root.get_mut("data")).and_then(Value::as_object_mut);
    let Some(data) = data else { return };
    let names: Vec<String> = data.iter().map(|(name, _)| name.to_string()).collect();
    for name in &names {
        if let Some(value) = data.get_mut(name)
            && let Value::Str(text) = value
            && let Ok(bytes) = BASE64_STANDARD.decode(text.as_bytes())
        {
            *value = Value::Bytes(Cow::Owned(bytes));
        }
    }
}
