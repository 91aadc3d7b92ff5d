//! Promise 4: custom resources in the columns that kubectl shows, whatever their definitions ask for.

use crate::common::{Etcd, Peers, apiserver::Apiserver, etcdsnap};

/// Columns by type and path, none of which has members in Go's random order. A filter in a filter is no path there
/// either; after it there are no columns.
const COLUMNS: &[(&str, &str)] = &[
    ("string", ".spec.text"),
    ("string", ".spec.whole"),
    ("string", ".spec.part"),
    ("string", ".spec.flag"),
    ("string", ".spec.list"),
    ("string", ".spec.map"),
    ("string", ".spec.list[*]"),
    ("string", ".spec.list[1:3]"),
    ("string", ".spec.list[-1]"),
    ("string", ".spec.list[9]"),
    ("string", "..deep"),
    ("string", ".spec.map.c.*"),
    ("string", ".spec.map['a\\.b','c']"),
    ("string", ".spec.map.a\\.b"),
    ("string", r#".spec.items[?(@.type=="B")].value"#),
    ("string", ".spec.items[?(@.value>1)].type"),
    ("string", ".spec.items[?(@.gone)].type"),
    ("string", ".spec.null"),
    ("string", ".spec.text}, {.spec.flag"),
    ("string", ".metadata.creationTimestamp.more"),
    ("integer", ".spec.whole"),
    ("integer", ".spec.part"),
    ("integer", ".spec.text"),
    ("integer", ".spec.null"),
    ("number", ".spec.whole"),
    ("number", ".spec.part"),
    ("number", ".spec.large"),
    ("number", ".spec.small"),
    ("number", ".spec.beyond"),
    ("number", ".spec.flag"),
    ("boolean", ".spec.flag"),
    ("boolean", ".spec.text"),
    ("date", ".spec.text"),
    ("date", ".spec.whole"),
    ("string", ".spec.items[?(@.inner[?(@.x==1)])].type"),
    ("string", ".spec.text"),
];

#[test]
fn custom_columns_are_those_of_kubectl() {
    let Some(peers) = Peers::find_kube("custom_columns_are_those_of_kubectl") else { return };
    let etcd = Etcd::start(&peers, "36");
    let server = Apiserver::start(&peers, &etcd);
    let column = |(n, (kind, path)): (usize, &(&str, &str))| serde_json::json!({"name": format!("c{n}"), "type": kind, "jsonPath": path});
    let columns: Vec<_> = COLUMNS.iter().enumerate().map(column).collect();
    let definition = serde_json::json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.acme.io"},
        "spec": {
            "group": "acme.io", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "additionalPrinterColumns": columns,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    });
    server.apply(&definition.to_string());
    server.kubectl(&["wait", "--for", "condition=established", "crd/things.acme.io"]);
    let thing = |name: &str, spec: &str| {
        server.apply(&format!(
            r#"{{"apiVersion":"acme.io/v1","kind":"Thing","metadata":{{"name":"{name}","namespace":"default"}},"spec":{spec}}}"#
        ));
    };
    thing(
        "all",
        r#"{"text":"plain","whole":12345678,"part":2500000.5,"flag":true,"list":["a",1,null,{"b":"<"}],
        "map":{"a.b":1,"c":{"deep":"found"}},"items":[{"type":"A","value":1,"inner":[{"x":1}]},{"type":"B","value":2}],
        "null":null,"large":1.5e300,"small":-0.0000025,"beyond":18446744073709551615}"#,
    );
    thing("none", "{}");
    thing(
        "wrong",
        r#"{"text":7,"whole":"x","part":[1.5],"flag":"yes","list":{"a":1},"map":[1],"items":{"type":"A"},"large":"1e3",
        "small":false,"beyond":-1.0}"#,
    );
    let theirs = server.kubectl(&["get", "things", "-A"]);
    let last = format!("C{}", COLUMNS.len() - 3);
    assert!(theirs.lines().next().unwrap().ends_with(&last), "{theirs}");
    let dir = tempfile::tempdir().unwrap();
    let saved = dir.path().join("saved.db").display().to_string();
    etcd.ctl(&["snapshot", "save", &saved]);
    let ours = etcdsnap(["get", &saved, "things"]);
    assert!(ours.status.success(), "{}", String::from_utf8_lossy(&ours.stderr));
    assert_eq!(String::from_utf8_lossy(&ours.stdout), theirs);
}
