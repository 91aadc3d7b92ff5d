//! Differences between two values, field by field.
//!
//! Items of a list are matched by their merge keys in Kubernetes (`patchMergeKey`, `listMapKey`): `name`,
//! `containerPort`, `mountPath` and the like. Lists of plain values are compared as a whole, and lists of objects
//! without a merge key by index.

use std::{cmp::Ordering, collections::HashMap, fmt};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::k8s::Value;

/// Values nested deeper are compared as a whole.
const MAX_DEPTH: usize = 64;

/// Merge keys of lists, by the list's name. Only the first key is used where it is unique.
const MERGE_KEYS: [(&str, &[&[&str]]); 12] = [
    ("ports", &[&["containerPort", "protocol"], &["port", "protocol"]]),
    ("volumeMounts", &[&["mountPath"]]),
    ("volumeDevices", &[&["devicePath"]]),
    ("conditions", &[&["type"]]),
    ("ownerReferences", &[&["uid"]]),
    ("hostAliases", &[&["ip"]]),
    ("podIPs", &[&["ip"]]),
    ("hostIPs", &[&["ip"]]),
    ("topologySpreadConstraints", &[&["topologyKey", "whenUnsatisfiable"]]),
    ("taints", &[&["key", "effect"]]),
    ("addresses", &[&["type", "address"]]),
    ("managedFields", &[&["manager", "operation", "subresource"]]),
];

/// Merge keys for any other list: the first one that is unique is used.
const ANY_MERGE_KEY: [&[&str]; 5] = [&["name"], &["type"], &["key"], &["host"], &["path"]];

/// One step of the path to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Name(String),
    /// An item of a list, by its merge key: `name=web`.
    Item(String),
    /// An item of a list, by its index.
    Index(usize),
    /// The order of a list's items.
    Order,
}

/// The path to a field: `spec.containers[name=web].image`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The path as text with `[*]` for every item of a list.
    #[must_use]
    pub(crate) fn any_item(&self) -> String {
        let any = |step: &Step| match step {
            Step::Name(_) => step.clone(),
            Step::Item(_) | Step::Index(_) | Step::Order => Step::Order,
        };
        Self(self.0.iter().map(any).collect()).to_string()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Name(name) if name.is_empty() || name.contains(['.', '[', ']', '=']) => {
                    write!(f, "[{}]", Value::str(name).to_json())?;
                }
                Step::Name(name) => write!(f, "{}{name}", if n == 0 { "" } else { "." })?,
                Step::Item(key) => write!(f, "[{key}]")?,
                Step::Index(at) => write!(f, "[{at}]")?,
                Step::Order => write!(f, "[*]")?,
            }
        }
        Ok(())
    }
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Field<'v> {
    /// The path of the field.
    pub path: Path,
    /// The old value; `None` when it was not set. For an order, the items' merge keys.
    pub old: Option<Value<'v>>,
    /// The new value; `None` when it was removed.
    pub new: Option<Value<'v>>,
}

/// Limit on the bytes of all paths of an object's fields: each repeats the names above it, so the paths of a small
/// object could need any amount of memory.
const MAX_PATHS: usize = 4 << 20;

/// All fields that differ, in the order of the values; when their paths exceed the limit, only the top-level members.
#[must_use]
pub(crate) fn fields<'v>(old: &Value<'v>, new: &Value<'v>) -> Vec<Field<'v>> {
    let mut fields = Fields { path: Path::default(), found: Vec::new(), left: MAX_PATHS };
    fields.compare(Some(old), Some(new));
    if fields.left > 0 {
        return fields.found;
    }
    let members = |value: &'_ Value<'v>| value.as_object().cloned().unwrap_or_default();
    let (old, new) = (members(old), members(new));
    let differing = join(old.iter(), new.iter()).filter(|(_, old, new)| !is_same(*old, *new));
    let whole = |(name, old, new): (&str, Option<&Value<'v>>, Option<&Value<'v>>)| Field {
        path: Path(vec![Step::Name(name.to_owned())]),
        old: old.cloned(),
        new: new.cloned(),
    };
    differing.map(whole).collect()
}

/// Whether both are equal; bytes and their base64 are, since either may be stored.
pub(super) fn is_same(old: Option<&Value<'_>>, new: Option<&Value<'_>>) -> bool {
    match (old, new) {
        (Some(Value::Bytes(bytes)), Some(Value::Str(text))) | (Some(Value::Str(text)), Some(Value::Bytes(bytes))) => {
            BASE64_STANDARD.decode(text.as_bytes()).is_ok_and(|decoded| decoded == bytes.as_ref())
        }
        _ => old == new,
    }
}

struct Fields<'v> {
    path: Path,
    found: Vec<Field<'v>>,
    /// The rest of [`MAX_PATHS`].
    left: usize,
}

impl<'v> Fields<'v> {
    fn compare(&mut self, old: Option<&Value<'v>>, new: Option<&Value<'v>>) {
        if is_same(old, new) || self.left == 0 {
            return;
        }
        let deep = self.path.0.len() < MAX_DEPTH;
        match (old, new) {
            (Some(Value::Object(a)), Some(Value::Object(b))) if deep => {
                for (name, old, new) in join(a.iter(), b.iter()) {
                    self.step(Step::Name(name.to_owned()), old, new);
                }
            }
            (Some(Value::List(a)), Some(Value::List(b))) if deep && are_objects(a, b) => self.lists(a, b),
            _ => self.differs(old.cloned(), new.cloned()),
        }
    }

    fn step(&mut self, step: Step, old: Option<&Value<'v>>, new: Option<&Value<'v>>) {
        self.path.0.push(step);
        self.compare(old, new);
        self.path.0.pop();
    }

    fn differs(&mut self, old: Option<Value<'v>>, new: Option<Value<'v>>) {
        let length = |step: &Step| match step {
            Step::Name(text) | Step::Item(text) => text.len().saturating_add(24),
            Step::Index(_) | Step::Order => 24,
        };
        self.left = self.path.0.iter().map(length).fold(self.left, usize::saturating_sub);
        if self.left > 0 {
            self.found.push(Field { path: self.path.clone(), old, new });
        }
    }

    fn lists(&mut self, a: &[Value<'v>], b: &[Value<'v>]) {
        let name = self.path.0.last().and_then(|step| if let Step::Name(name) = step { Some(name) } else { None });
        let Some(matched) = Matched::new(name.map_or("", String::as_str), a, b) else {
            // items that only moved because of an added or removed one are no change
            let head = a.iter().zip(b).take_while(|(old, new)| old == new).count();
            let (rest, more) = (a.get(head..).unwrap_or_default(), b.get(head..).unwrap_or_default());
            let tail = rest.iter().rev().zip(more.iter().rev()).take_while(|(old, new)| old == new).count();
            let (gone, come) = (rest.len().saturating_sub(tail), more.len().saturating_sub(tail));
            for at in 0..gone.max(come) {
                let side = |list: &'_ [Value<'v>], n: usize| list.get(at).filter(|_| at < n).cloned();
                self.step(Step::Index(head.saturating_add(at)), side(rest, gone).as_ref(), side(more, come).as_ref());
            }
            return;
        };
        for Item { key, old, new } in &matched.items {
            self.step(Step::Item(key.clone()), old.and_then(|at| a.get(at)), new.and_then(|at| b.get(at)));
        }
        if !matched.in_order() {
            let keys = |place: fn(&Item) -> Option<usize>| {
                let mut keys: Vec<_> =
                    matched.items.iter().filter_map(|item| Some((place(item)?, &item.key))).collect();
                keys.sort_unstable();
                Value::List(keys.into_iter().map(|(_, key)| Value::Str(key.clone().into())).collect())
            };
            self.path.0.push(Step::Order);
            self.differs(Some(keys(|item| item.old)), Some(keys(|item| item.new)));
            self.path.0.pop();
        }
    }
}

/// Members of both, by name: each side is sorted.
pub(super) fn join<'m, 'v: 'm>(
    a: impl Iterator<Item = &'m (std::borrow::Cow<'v, str>, Value<'v>)>,
    b: impl Iterator<Item = &'m (std::borrow::Cow<'v, str>, Value<'v>)>,
) -> impl Iterator<Item = (&'m str, Option<&'m Value<'v>>, Option<&'m Value<'v>>)> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || {
        let order = match (a.peek(), b.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((x, _)), Some((y, _))) => x.cmp(y),
        };
        let old = if order.is_le() { a.next() } else { None };
        let new = if order.is_ge() { b.next() } else { None };
        let (name, _) = old.or(new)?;
        Some((name.as_ref(), old.map(|(_, value)| value), new.map(|(_, value)| value)))
    })
}

/// Whether both lists hold objects, and each at least one.
pub(super) fn are_objects(a: &[Value<'_>], b: &[Value<'_>]) -> bool {
    !a.is_empty() && !b.is_empty() && a.iter().chain(b).all(|item| matches!(item, Value::Object(_)))
}

/// An item of either list, or of both.
pub(super) struct Item {
    /// Its merge key: `name=web`.
    pub(super) key: String,
    /// Its index in the old list.
    pub(super) old: Option<usize>,
    /// Its index in the new list.
    pub(super) new: Option<usize>,
}

/// The items of two lists, side by side: the old list's in its order, then those that are only in the new one.
pub(super) struct Matched {
    pub(super) items: Vec<Item>,
}

impl Matched {
    /// Matches the items of the list `name`; `None` when no merge key is unique.
    pub(super) fn new(name: &str, a: &[Value<'_>], b: &[Value<'_>]) -> Option<Self> {
        let own = MERGE_KEYS.iter().find(|(list, _)| *list == name).map_or(&[][..], |(_, keys)| keys);
        own.iter().chain(&ANY_MERGE_KEY).find_map(|keys| {
            let first = keys.get(..1).unwrap_or_default();
            [first, keys].into_iter().find_map(|keys| Self::by(keys, a, b))
        })
    }

    fn by(keys: &[&str], a: &[Value<'_>], b: &[Value<'_>]) -> Option<Self> {
        let mut items = Vec::new();
        let mut places = HashMap::new();
        for (at, item) in a.iter().enumerate() {
            let key = merge_key(keys, item)?;
            if places.insert(key.clone(), items.len()).is_some() {
                return None;
            }
            items.push(Item { key, old: Some(at), new: None });
        }
        for (at, item) in b.iter().enumerate() {
            let key = merge_key(keys, item)?;
            match places.get(&key).and_then(|place| items.get_mut(*place)) {
                Some(Item { new: new @ None, .. }) => *new = Some(at),
                Some(_) => return None,
                None => {
                    places.insert(key.clone(), items.len());
                    items.push(Item { key, old: None, new: Some(at) });
                }
            }
        }
        Some(Self { items })
    }

    /// Whether the items that are in both lists are in the same order.
    pub(super) fn in_order(&self) -> bool {
        self.items.iter().filter(|item| item.old.is_some()).filter_map(|item| item.new).is_sorted()
    }
}

/// `name=web`, when the item has the first of the keys.
fn merge_key(keys: &[&str], item: &Value<'_>) -> Option<String> {
    let plain = |name: &str| match item.get(name)? {
        Value::Str(text) => Some(format!("{name}={text}")),
        Value::Int(n) => Some(format!("{name}={n}")),
        _ => None,
    };
    let (first, more) = keys.split_first()?;
    let key = plain(first)?;
    Some(more.iter().filter_map(|name| plain(name)).fold(key, |key, part| format!("{key},{part}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s;

    fn listed(name: &str, old: &str, new: &str) -> Vec<String> {
        let json = |value: &str| format!("{{\"{name}\":{value}}}").into_bytes();
        let (old, new) = (json(old), json(new));
        let (old, new) = (k8s::decode(&old).unwrap().value, k8s::decode(&new).unwrap().value);
        let show = |value: &Option<Value<'_>>| value.as_ref().map_or("-".to_owned(), Value::to_json);
        fields(&old, &new).iter().map(|f| format!("{} {} {}", f.path, show(&f.old), show(&f.new))).collect()
    }

    #[test]
    fn fields_are_named_by_their_path() {
        assert_eq!(listed("a", "1", "1"), [""; 0]);
        assert_eq!(listed("a", "1", "2"), ["a 1 2"]);
        assert_eq!(listed("a", r#"{"b":1,"c":2}"#, r#"{"b":3,"d":2}"#), ["a.b 1 3", "a.c 2 -", "a.d - 2"]);
        assert_eq!(listed("a", r#"{"x.y/z":"1"}"#, r#"{"x.y/z":"2"}"#), [r#"a["x.y/z"] "1" "2""#]);
        assert_eq!(listed("a", "[1,2]", "[1,3]"), ["a [1,2] [1,3]"]);
        assert_eq!(listed("a", "[]", r#"[{"name":"x"}]"#), [r#"a [] [{"name":"x"}]"#]);
    }

    #[test]
    fn items_are_matched_by_their_merge_key_and_not_by_index() {
        let (a, b) = (r#"{"name":"a","image":"1"}"#, r#"{"name":"b","image":"1"}"#);
        let other = r#"{"name":"b","image":"2"}"#;
        let c = "containers";
        assert_eq!(
            listed(c, &format!("[{a},{b}]"), &format!("[{other}]")),
            [r#"containers[name=a] {"image":"1","name":"a"} -"#, r#"containers[name=b].image "1" "2""#]
        );
        assert_eq!(
            listed(c, &format!("[{a},{b}]"), &format!("[{a},{other}]")),
            [r#"containers[name=b].image "1" "2""#]
        );
        assert_eq!(
            listed(c, &format!("[{b}]"), &format!("[{a},{b}]")),
            [r#"containers[name=a] - {"image":"1","name":"a"}"#]
        );
        // no merge key is unique
        assert_eq!(listed("a", r#"[{"q":1},{"q":1}]"#, r#"[{"q":1},{"q":2}]"#), ["a[1].q 1 2"]);
        assert_eq!(
            listed("a", r#"[{"q":[1]},{"q":[2]}]"#, r#"[{"q":[3]},{"q":[1]},{"q":[2]}]"#),
            [r#"a[0] - {"q":[3]}"#]
        );
    }

    #[test]
    fn long_names_over_many_fields_are_bounded() {
        let object = |n: u8| {
            let members: Vec<_> = (0..2000).map(|i| format!("\"{i}\":{n}")).collect();
            format!("{{\"{}\":{{{}}}}}", "x".repeat(20_000), members.join(","))
        };
        let fields = listed("a", &object(1), &object(2));
        assert_eq!(fields.len(), 1);
        assert!(fields[0].starts_with("a {"));
    }

    #[test]
    fn bytes_are_their_base64() {
        let (bytes, text) = (Value::Bytes(b"hi"[..].into()), Value::str("aGk="));
        assert!(fields(&bytes, &text).is_empty() && !fields(&bytes, &Value::str("aGl=")).is_empty());
    }

    #[test]
    fn an_order_that_changed_is_a_change() {
        let (a, b) = (r#"{"name":"a"}"#, r#"{"name":"b"}"#);
        assert_eq!(
            listed("initContainers", &format!("[{a},{b}]"), &format!("[{b},{a}]")),
            [r#"initContainers[*] ["name=a","name=b"] ["name=b","name=a"]"#]
        );
    }

    #[test]
    fn ports_go_by_their_number_and_by_their_protocol_where_that_does_not_tell() {
        let port = |x: u8| format!(r#"{{"name":"web","port":80,"protocol":"TCP","x":{x}}}"#);
        let udp = r#"{"name":"dns","port":80,"protocol":"UDP"}"#;
        assert_eq!(listed("ports", &format!("[{}]", port(1)), &format!("[{}]", port(2))), ["ports[port=80].x 1 2"]);
        assert_eq!(
            listed("ports", &format!("[{},{udp}]", port(1)), &format!("[{},{udp}]", port(2))),
            ["ports[port=80,protocol=TCP].x 1 2"]
        );
    }
}
