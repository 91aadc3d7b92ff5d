//! Access to objects as to Go's typed structs: an absent field, null, or another type is the zero value.

use crate::k8s::{Map, Moment, Value};

/// Access by dotted path.
pub(super) trait Fields<'a> {
    /// The value at a path; `None` when it is not set.
    fn find(&self, path: &str) -> Option<&Value<'a>>;
    /// A string; empty without one.
    fn text(&self, path: &str) -> &str;
    /// The string, or a default where it is absent or empty.
    fn text_or<'t>(&'t self, path: &str, other: &'t str) -> &'t str;
    /// A number; 0 without one.
    fn int(&self, path: &str) -> i64;
    /// A number, if it is set.
    fn int_at(&self, path: &str) -> Option<i64>;
    /// A boolean, if it is set.
    fn flag_at(&self, path: &str) -> Option<bool>;
    /// A list; empty without one.
    fn list(&self, path: &str) -> &[Value<'a>];
    /// The number of a map's entries.
    fn len_of(&self, path: &str) -> usize;
    /// A map or struct.
    fn map(&self, path: &str) -> Option<&Map<'a>>;
    /// A `resource.Quantity` or an `intstr.IntOrString`, if it is set.
    fn scalar(&self, path: &str) -> Option<String>;
    /// A time that is not zero.
    fn time(&self, path: &str) -> Option<Moment>;
    /// The object's name.
    fn name(&self) -> &str;
    /// An annotation; empty without one.
    fn annotation(&self, name: &str) -> &str;
    /// Whether the object is being deleted.
    fn deleted(&self) -> bool;
    /// The strings of a list.
    fn texts(&self, path: &str) -> Vec<&str>;
}

impl<'a> Fields<'a> for Value<'a> {
    fn find(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |value, name| value.get(name)).filter(|value| **value != Self::Null)
    }

    fn text(&self, path: &str) -> &str {
        self.find(path).and_then(Self::as_str).unwrap_or_default()
    }

    fn text_or<'t>(&'t self, path: &str, other: &'t str) -> &'t str {
        or(self.text(path), other)
    }

    fn int(&self, path: &str) -> i64 {
        self.int_at(path).unwrap_or_default()
    }

    fn int_at(&self, path: &str) -> Option<i64> {
        match self.find(path)? {
            Self::Int(int) => Some(*int),
            Self::UInt(int) => Some(i64::try_from(*int).unwrap_or(i64::MAX)),
            Self::Float(float) => Some(*float as i64),
            _ => None,
        }
    }

    fn flag_at(&self, path: &str) -> Option<bool> {
        match self.find(path)? {
            Self::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    fn list(&self, path: &str) -> &[Self] {
        self.find(path).and_then(Self::as_list).unwrap_or_default()
    }

    fn len_of(&self, path: &str) -> usize {
        self.map(path).map_or(0, Map::len)
    }

    fn map(&self, path: &str) -> Option<&Map<'a>> {
        self.find(path).and_then(Self::as_object)
    }

    fn scalar(&self, path: &str) -> Option<String> {
        match self.find(path)? {
            Self::Str(text) => Some(text.to_string()),
            Self::Int(int) => Some(int.to_string()),
            Self::UInt(int) => Some(int.to_string()),
            Self::Float(float) => Some(float.to_string()),
            _ => None,
        }
    }

    fn time(&self, path: &str) -> Option<Moment> {
        Moment::parse(self.find(path)?.as_str()?)
    }

    fn name(&self) -> &str {
        self.text("metadata.name")
    }

    fn annotation(&self, name: &str) -> &str {
        let annotation = self.map("metadata.annotations").and_then(|map| map.get(name));
        annotation.and_then(Self::as_str).unwrap_or_default()
    }

    fn deleted(&self) -> bool {
        self.find("metadata.deletionTimestamp").is_some()
    }

    fn texts(&self, path: &str) -> Vec<&str> {
        self.list(path).iter().filter_map(Self::as_str).collect()
    }
}

/// The text, or a default where it is empty.
pub(super) fn or<'t>(text: &'t str, other: &'t str) -> &'t str {
    if text.is_empty() { other } else { text }
}

/// The first condition of this type.
pub(super) fn condition<'v, 'a>(conditions: &'v [Value<'a>], kind: &str) -> Option<&'v Value<'a>> {
    conditions.iter().find(|condition| condition.text("type") == kind)
}

/// Whether the first condition of this type is true.
pub(super) fn is_true(conditions: &[Value<'_>], kind: &str) -> bool {
    condition(conditions, kind).is_some_and(|condition| condition.text("status") == "True")
}

/// The first `most` of a list, and the number of the others (`listWithMoreString`).
pub(super) fn list_with_more(list: &[String], most: usize) -> String {
    let shown = list.get(..most).unwrap_or(list).join(",");
    match list.len().checked_sub(most) {
        Some(more) if more > 0 => format!("{shown} + {more} more..."),
        _ => or(&shown, "<unset>").to_owned(),
    }
}

/// A resource or kind, followed by its group (`schema.GroupResource.String`).
pub(super) fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}
