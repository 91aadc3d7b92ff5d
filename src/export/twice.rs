//! Lists in which an item may be named once only when they are applied with `--server-side` (`+listMapKey` in
//! `core/v1`). An API server accepts them in other requests, and stored objects have such lists.

use std::collections::HashSet;

use crate::k8s::Value;

/// Lists of a Pod's spec, and of its containers, with the fields that name an item.
const POD: [(&str, &[&str]); 2] = [("hostAliases", &["ip"]), ("imagePullSecrets", &["name"])];
const CONTAINER: [(&str, &[&str]); 2] = [("env", &["name"]), ("ports", &["containerPort", "protocol"])];

/// The first item of a Pod's spec that is named twice: `containers[0].env has A twice`.
pub(super) fn named_twice(spec: &Value<'_>) -> Option<String> {
    let of_container = |list: &'static str| {
        let containers = spec.get(list).and_then(Value::as_list).unwrap_or_default().iter().enumerate();
        containers.flat_map(move |(n, container)| {
            let path = format!("{list}[{n}].");
            CONTAINER.into_iter().filter_map(move |(list, keys)| twice(container, &path, list, keys))
        })
    };
    let of_pod = POD.into_iter().filter_map(|(list, keys)| twice(spec, "", list, keys));
    of_pod.chain(of_container("containers")).chain(of_container("initContainers")).next()
}

fn twice(value: &Value<'_>, path: &str, list: &str, keys: &[&str]) -> Option<String> {
    let mut seen = HashSet::new();
    for item in value.get(list)?.as_list()? {
        let key = keys.iter().filter_map(|key| item.get(key));
        let key: Vec<_> = key.map(|key| key.as_str().map_or_else(|| key.to_json(), str::to_owned)).collect();
        if !seen.insert(key.clone()) {
            return Some(format!("{path}{list} has {} twice", key.join("/")));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::named_twice;
    use crate::k8s::decode;

    #[test]
    fn names_that_are_there_twice() {
        for (spec, want) in [
            (
                r#"{"containers":[{"env":[{"name":"A"},{"name":"B"}],"ports":[{"containerPort":80,"protocol":"TCP"},{"containerPort":80,"protocol":"UDP"}]}]}"#,
                None,
            ),
            (
                r#"{"containers":[{},{"env":[{"name":"A"},{"name":"B"},{"name":"A"}]}]}"#,
                Some("containers[1].env has A twice"),
            ),
            (
                r#"{"initContainers":[{"ports":[{"containerPort":80,"name":"a","protocol":"TCP"},{"containerPort":80,"protocol":"TCP"}]}]}"#,
                Some("initContainers[0].ports has 80/TCP twice"),
            ),
            (r#"{"imagePullSecrets":[{"name":"p"},{"name":"p"}]}"#, Some("imagePullSecrets has p twice")),
        ] {
            assert_eq!(named_twice(&decode(spec.as_bytes()).unwrap().value).as_deref(), want, "{spec}");
        }
    }
}
