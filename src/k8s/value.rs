//! One tree for all stored forms: protobuf, JSON and CBOR are decoded into it, and JSON and YAML are written from it.

use std::borrow::Cow;

/// A value that borrows from the stored bytes wherever it can.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value<'a> {
    /// Null.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above [`i64::MAX`].
    UInt(u64),
    /// Any other number.
    Float(f64),
    /// Text.
    Str(Cow<'a, str>),
    /// Bytes, which are printed in base64.
    Bytes(Cow<'a, [u8]>),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(Map<'a>),
}

/// Values by name, sorted bytewise as Go sorts a map's keys, each name once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Value<'a> {
    /// Text that lives as long as the program or the input.
    #[must_use]
    pub(crate) fn str(text: &'a str) -> Self {
        Self::Str(Cow::Borrowed(text))
    }

    /// A copy that borrows from nothing.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::UInt(value) => Value::UInt(value),
            Self::Float(value) => Value::Float(value),
            Self::Str(text) => Value::Str(Cow::Owned(text.into_owned())),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::List(list) => Value::List(list.into_iter().map(Value::into_owned).collect()),
            Self::Object(Map(entries)) => {
                let owned = |(name, value): (Cow<'_, str>, Value<'_>)| (name.into_owned().into(), value.into_owned());
                Value::Object(Map(entries.into_iter().map(owned).collect()))
            }
        }
    }

    /// The member of this name, if this is an object that has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_object().and_then(|map| map.get(name))
    }

    /// The value at the end of a path of names.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The members, if it is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Map<'a>> {
        match self {
            Self::Object(map) => Some(map),
            _ => None,
        }
    }

    /// The members, to change them.
    #[must_use]
    pub fn as_object_mut(&mut self) -> Option<&mut Map<'a>> {
        match self {
            Self::Object(map) => Some(map),
            _ => None,
        }
    }

    /// The elements, if it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The number of values in it, and of the bytes of their text: the most results that a template has that looks at
    /// each once.
    #[must_use]
    pub(crate) fn weight(&self) -> usize {
        let inside = match self {
            Self::List(list) => list.iter().map(Self::weight).sum(),
            Self::Object(map) => map.iter().map(|(name, value)| value.weight().saturating_add(name.len())).sum(),
            Self::Str(text) => text.len(),
            Self::Bytes(bytes) => bytes.len().saturating_mul(2),
            _ => 0_usize,
        };
        inside.saturating_add(1)
    }

    /// Whether Go's `omitempty` leaves the value out.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) | Self::Int(0) | Self::UInt(0) => true,
            Self::Float(f) => *f == 0.0,
            Self::Str(s) => s.is_empty(),
            Self::Bytes(b) => b.is_empty(),
            Self::List(l) => l.is_empty(),
            Self::Object(m) => m.is_empty(),
            Self::Bool(true) | Self::Int(_) | Self::UInt(_) => false,
        }
    }
}

impl<'a> Map<'a> {
    /// An empty map with room for `n`.
    #[must_use]
    pub(crate) fn with_capacity(n: usize) -> Self {
        Self(Vec::with_capacity(n))
    }

    /// A map of these entries; of two with the same name the later wins.
    #[must_use]
    pub fn from_unsorted(entries: Vec<(Cow<'a, str>, Value<'a>)>) -> Self {
        let mut map = Self(entries);
        map.sort();
        map
    }

    /// The value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.position(name).ok().and_then(|at| self.0.get(at)).map(|(_, v)| v)
    }

    /// The value of this name, to change it.
    #[must_use]
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value<'a>> {
        let at = self.position(name).ok()?;
        self.0.get_mut(at).map(|(_, v)| v)
    }

    /// Sets the value of a name, and replaces one that is there.
    pub(crate) fn insert(&mut self, name: impl Into<Cow<'a, str>>, value: Value<'a>) {
        let name = name.into();
        match self.position(&name) {
            Ok(at) => {
                if let Some((_, v)) = self.0.get_mut(at) {
                    *v = value;
                }
            }
            Err(at) => self.0.insert(at, (name, value)),
        }
    }

    /// Removes a value, and returns it.
    pub fn remove(&mut self, name: &str) -> Option<Value<'a>> {
        self.position(name).ok().map(|at| self.0.remove(at).1)
    }

    /// The entries, in order of their names.
    pub fn iter(&self) -> std::slice::Iter<'_, (Cow<'a, str>, Value<'a>)> {
        self.0.iter()
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the map is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries in the order they were pushed, while the map is being built; [`Map::sort`] ends that.
    pub(super) fn entries(&mut self) -> &mut Vec<(Cow<'a, str>, Value<'a>)> {
        &mut self.0
    }

    /// The entries, in order of their names.
    #[must_use]
    pub(crate) fn into_entries(self) -> Vec<(Cow<'a, str>, Value<'a>)> {
        self.0
    }

    /// Sorts pushed entries; of each name the last is kept.
    pub(super) fn sort(&mut self) {
        if self.0.is_sorted_by(|a, b| a.0 < b.0) {
            return;
        }
        self.0.sort_by(|a, b| a.0.cmp(&b.0));
        self.0.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(have, _)| have.as_ref().cmp(name))
    }
}

impl<'m, 'a> IntoIterator for &'m Map<'a> {
    type Item = &'m (Cow<'a, str>, Value<'a>);
    type IntoIter = std::slice::Iter<'m, (Cow<'a, str>, Value<'a>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Text from bytes as Go's encoding/json sees it: each byte that is not UTF-8 becomes U+FFFD.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_name_wins() {
        let entries = [("b", 1), ("a", 2), ("b", 3), ("b", 4)];
        let mut map = Map::from_unsorted(entries.map(|(k, v)| (Cow::Borrowed(k), Value::Int(v))).to_vec());
        assert_eq!(map.iter().map(|(k, _)| k.as_ref()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(map.get("b"), Some(&Value::Int(4)));
        map.insert("ab", Value::Null);
        assert_eq!(map.remove("a"), Some(Value::Int(2)));
        assert_eq!(map.len(), 2);
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced_one_by_one() {
        assert_eq!(text(b"a\xe2\x80\xffz"), "a\u{fffd}\u{fffd}\u{fffd}z");
    }
}
