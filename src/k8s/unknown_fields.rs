//! Fields that the table of kinds does not have, reported once for each resource and not for each object.

use std::collections::{BTreeMap, BTreeSet};

use super::{Key, Unknown, key_for_messages};
use crate::bytes::escape;

/// How many fields of a resource are named.
const FIELDS: usize = 10;

/// Fields that are not known, by resource.
#[derive(Debug, Default)]
pub struct UnknownFields(BTreeMap<String, Noted>);

#[derive(Debug, Default)]
struct Noted {
    objects: u64,
    first: String,
    /// Up to one more than are named.
    fields: BTreeSet<String>,
}

impl UnknownFields {
    /// Notes the unknown fields of the object under `key`.
    pub fn note(&mut self, key: &[u8], unknown: &[Unknown]) {
        if unknown.is_empty() {
            return;
        }
        let parsed = Key::new(key);
        let resource = parsed.object().map_or_else(String::new, |object| match object.group.as_deref() {
            None | Some("") => escape(object.resource.as_bytes()),
            Some(group) => escape(format!("{}.{group}", object.resource).as_bytes()),
        });
        self.note_as(resource, || escape(&key_for_messages(key)), unknown);
    }

    /// Notes the unknown fields of an object called `name`, of a resource that may not be known.
    pub fn note_as(&mut self, resource: String, name: impl Fn() -> String, unknown: &[Unknown]) {
        if unknown.is_empty() {
            return;
        }
        let noted = self.0.entry(resource).or_default();
        if noted.objects == 0 {
            noted.first = name();
        }
        noted.objects = noted.objects.saturating_add(1);
        for Unknown { path, number, .. } in unknown {
            if noted.fields.len() <= FIELDS {
                let path = escape(path.as_bytes());
                noted.fields.insert(format!("{path}{}field {number}", if path.is_empty() { "" } else { " " }));
            }
        }
    }

    /// A warning for each resource, and a hint at one of several objects.
    #[must_use]
    pub fn warnings(&self) -> Vec<(String, Option<String>)> {
        let warning = |(resource, noted): (&String, &Noted)| {
            let Noted { objects, first, fields } = noted;
            let more = if fields.len() > FIELDS { " and more" } else { "" };
            let fields = fields.iter().take(FIELDS).cloned().collect::<Vec<_>>().join(", ");
            if *objects == 1 {
                return (format!("{first} has fields that this version does not know: {fields}{more}"), None);
            }
            let resource = if resource.is_empty() { "objects" } else { resource };
            let what = format!("{objects} {resource} have fields that this version does not know: {fields}{more}");
            (what, Some(format!("the first is {first}")))
        };
        self.0.iter().map(warning).collect()
    }
}
