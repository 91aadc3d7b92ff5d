//! Changes as a JSON Patch (RFC 6902): it turns the old object into the new one, except for ignored fields.

use super::{
    Ignore,
    fields::{Item, Matched, Path, Step, are_objects, is_same, join},
};
use crate::k8s::Value;

/// The operations that turn `old`, an object of `resource`, into `new`: `op`, `path` and `value` each.
pub(super) fn patch<'v>(old: &Value<'v>, new: &Value<'v>, resource: &str, ignore: &Ignore) -> Value<'v> {
    let mut patch = Patch { resource, ignore, path: Path::default(), pointer: String::new(), operations: Vec::new() };
    patch.compare(Some(old), Some(new));
    Value::List(patch.operations)
}

struct Patch<'i, 'v> {
    resource: &'i str,
    ignore: &'i Ignore,
    /// The readable path, by which fields are ignored.
    path: Path,
    /// The path as a JSON Pointer (RFC 6901).
    pointer: String,
    operations: Vec<Value<'v>>,
}

impl<'v> Patch<'_, 'v> {
    fn compare(&mut self, old: Option<&Value<'v>>, new: Option<&Value<'v>>) {
        if is_same(old, new) || self.ignore.field(self.resource, &self.path).is_some() {
            return;
        }
        match (old, new) {
            (Some(Value::Object(a)), Some(Value::Object(b))) => {
                for (name, old, new) in join(a.iter(), b.iter()) {
                    self.step(Step::Name(name.to_owned()), &pointer(name), old, new);
                }
            }
            (Some(Value::List(a)), Some(Value::List(b))) if are_objects(a, b) => self.lists(a, b, new),
            (None, Some(new)) => self.operation("add", Some(new)),
            (Some(_), Some(new)) => self.operation("replace", Some(new)),
            (_, None) => self.operation("remove", None),
        }
    }

    fn step(&mut self, step: Step, token: &str, old: Option<&Value<'v>>, new: Option<&Value<'v>>) {
        let len = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(token);
        self.path.0.push(step);
        self.compare(old, new);
        self.path.0.pop();
        self.pointer.truncate(len);
    }

    /// First the changes within items, at their old indexes; then removals, from the end; then additions, at
    /// their new indexes. This needs the kept items in the same order; else the list is replaced.
    fn lists(&mut self, a: &[Value<'v>], b: &[Value<'v>], new: Option<&Value<'v>>) {
        let name = self.path.0.last().and_then(|step| if let Step::Name(name) = step { Some(name) } else { None });
        let Some(matched) = Matched::new(name.map_or("", String::as_str), a, b).filter(Matched::in_order) else {
            return self.operation("replace", new);
        };
        for Item { key, old, new } in &matched.items {
            if let (Some(old), Some(new)) = (old, new) {
                self.step(Step::Item(key.clone()), &old.to_string(), a.get(*old), b.get(*new));
            }
        }
        for Item { key, old, .. } in matched.items.iter().rev().filter(|item| item.new.is_none()) {
            if let Some(old) = old {
                self.step(Step::Item(key.clone()), &old.to_string(), a.get(*old), None);
            }
        }
        // where an item is ignored, indexes are not known: new items go to the end
        let left_out = matched.items.iter().any(|item| self.leaves_out(&item.key));
        for Item { key, new, .. } in matched.items.iter().filter(|item| item.old.is_none()) {
            if let Some(new) = new {
                let place = if left_out { "-".to_owned() } else { new.to_string() };
                self.step(Step::Item(key.clone()), &place, None, b.get(*new));
            }
        }
    }

    fn leaves_out(&mut self, key: &str) -> bool {
        self.path.0.push(Step::Item(key.to_owned()));
        let ignored = self.ignore.field(self.resource, &self.path).is_some();
        self.path.0.pop();
        ignored
    }

    fn operation(&mut self, op: &'static str, value: Option<&Value<'v>>) {
        let path = Value::Str(self.pointer.clone().into());
        let mut operation = vec![("op".into(), Value::str(op)), ("path".into(), path)];
        operation.extend(value.map(|value| ("value".into(), value.clone())));
        self.operations.push(Value::Object(crate::k8s::Map::from_unsorted(operation)));
    }
}

/// A name escaped as in RFC 6901.
fn pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s;

    fn made(old: &str, new: &str) -> String {
        let (old, new) = (k8s::decode(old.as_bytes()).unwrap().value, k8s::decode(new.as_bytes()).unwrap().value);
        patch(&old, &new, "deployments", &Ignore::default()).to_json()
    }

    #[test]
    fn it_names_fields_by_pointer_and_leaves_out_what_is_ignored() {
        let old = r#"{"metadata":{"generation":1,"labels":{"a/b~c":"1","x":"2"}},"status":{"n":1}}"#;
        let new = r#"{"metadata":{"generation":2,"labels":{"a/b~c":"2","y":"2"}},"status":{"n":2}}"#;
        assert_eq!(
            made(old, new),
            concat!(
                r#"[{"op":"replace","path":"/metadata/labels/a~1b~0c","value":"2"},"#,
                r#"{"op":"remove","path":"/metadata/labels/x"},{"op":"add","path":"/metadata/labels/y","value":"2"}]"#
            )
        );
    }

    #[test]
    fn items_go_from_behind_and_come_where_they_belong() {
        let list = |items: &[&str]| format!(r#"{{"containers":[{}]}}"#, items.join(","));
        let (a, b, c) = (r#"{"name":"a"}"#, r#"{"name":"b"}"#, r#"{"name":"c"}"#);
        assert_eq!(
            made(&list(&[a, b, c]), &list(&[c, r#"{"name":"d"}"#])),
            concat!(
                r#"[{"op":"remove","path":"/containers/1"},{"op":"remove","path":"/containers/0"},"#,
                r#"{"op":"add","path":"/containers/1","value":{"name":"d"}}]"#
            )
        );
        let ignore = Ignore { paths: vec!["containers[name=x]".to_owned()], ..Ignore::default() };
        let (old, new) = (list(&[a]), list(&[r#"{"name":"x"}"#, a, b]));
        let (old, new) = (k8s::decode(old.as_bytes()).unwrap().value, k8s::decode(new.as_bytes()).unwrap().value);
        let patch = patch(&old, &new, "pods", &ignore).to_json();
        assert_eq!(patch, r#"[{"op":"add","path":"/containers/-","value":{"name":"b"}}]"#);
        let turned = made(&list(&[a, b]), &list(&[b, a]));
        assert!(turned.starts_with(r#"[{"op":"replace","path":"/containers","value":["#), "{turned}");
    }
}
