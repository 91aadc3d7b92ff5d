//! Long lists as one JSON document a line: what `-o json` has in one, and nothing else.

use crate::common::etcdsnap;
use serde_json::Value;

/// What is printed; objects that are no JSON make it 1.
#[track_caller]
fn printed(args: &[&str], exit: i32) -> String {
    let output = etcdsnap(args);
    assert_eq!(output.status.code(), Some(exit), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_key_has_a_line() {
    for more in [&[][..], &["--keys-only"], &["/many/1", "--prefix", "--limit", "3"], &["/nothing", "--prefix"]] {
        let args = |format| [&["kv", "fixtures/etcd-3.6.db"], more, &["-w", format]].concat();
        let lines = printed(&args("ndjson"), 0);
        let key = |line: &str| {
            let mut document = document(line);
            let fields = document.as_object_mut().unwrap();
            assert_eq!(fields.remove("schemaVersion"), Some(1.into()));
            assert!(fields.remove("tool").unwrap().as_str().unwrap().starts_with("etcdsnap "));
            document
        };
        let whole = document(&printed(&args("json"), 0));
        let kvs = whole["kvs"].as_array().cloned().unwrap_or_default();
        assert_eq!(lines.lines().map(key).collect::<Vec<_>>(), kvs, "{more:?}");
    }
    let count = printed(&["kv", "fixtures/etcd-3.6.db", "--count-only", "-w", "ndjson"], 0);
    assert!(count.lines().count() == 1 && document(&count)["count"].as_u64().unwrap() > 100, "{count}");
}

#[test]
fn every_object_has_a_line() {
    for (words, least) in [(&["pods,services", "-n", "shop"][..], 5), (&["pods", "-l", "app=nobody"], 0)] {
        let args = |format| [&["get", "fixtures/kube.db"], words, &["-o", format]].concat();
        let lines = printed(&args("ndjson"), 0);
        let items = document(&printed(&args("json"), 0))["items"].as_array().unwrap().clone();
        assert_eq!(lines.lines().map(document).collect::<Vec<_>>(), items, "{words:?}");
        assert!(items.len() >= least, "{words:?}");
    }
    let alone = |format| printed(&["get", "fixtures/kube.db", "deploy/web", "-n", "shop", "-o", format], 0);
    assert_eq!(alone("ndjson").lines().count(), 1);
    assert_eq!(document(&alone("ndjson")), document(&alone("json")));
    // a key that is no object is reported, and has no line
    let key = ["get", "fixtures/kube.db", "--key", "compact_rev_key", "-o", "ndjson"];
    assert_eq!(printed(&key, 1), "");
}
