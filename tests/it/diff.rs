//! What changed between two backups is what kubectl was asked to change, and no more.

use std::{collections::BTreeMap, fs};

use crate::common::etcdsnap;
use serde_json::{Value, json};

const BEFORE: &str = "fixtures/kube.db";
const AFTER: &str = "fixtures/kube-later.db";
const CONFIG: [&str; 2] = ["--encryption-config", "fixtures/kube-later.yaml"];

/// Standard output, standard error, exit code.
fn diff(args: &[&str]) -> (String, String, i32) {
    let output = etcdsnap([&["diff"], args].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

fn document(args: &[&str]) -> Value {
    let (out, err, exit) = diff(&[args, &["-o", "json"]].concat());
    assert!(exit <= 1, "{err}");
    serde_json::from_str(&out).unwrap()
}

/// The objects of a list, as KIND/NAME.
fn names(document: &Value, list: &str) -> Vec<String> {
    let name = |of: &Value| format!("{}/{}", of["kind"].as_str().unwrap_or("-"), of["name"].as_str().unwrap());
    document[list].as_array().unwrap().iter().map(name).collect()
}

#[test]
fn it_finds_what_was_changed_and_no_more() {
    let found = document(&[&[BEFORE, AFTER], &CONFIG[..]].concat());
    let changed =
        ["Widget/one", "ConfigMap/web-cfg", "Deployment/web", "Namespace/pay", "Secret/plain-secret", "Service/web"];
    assert_eq!(names(&found, "changed"), changed);
    let added =
        ["ConfigMap/notes", "ConfigMap/sealed", "Pod/once", "Secret/later-box", "Secret/later-cbc", "Secret/later-gcm"];
    assert_eq!(names(&found, "added"), added);
    assert_eq!(names(&found, "removed"), ["Ingress/web"]);
    assert_eq!(names(&found, "replaced"), ["Pod/db-1"]);
    assert_eq!(found["notComparable"], json!([]));
    assert_eq!((&found["newer"], &found["sameCluster"]), (&json!("to"), &json!(true)));
    let image = json!({
        "path": "spec.template.spec.containers[name=web].image", "old": "nginx:1.27", "new": "nginx:1.28"
    });
    let replicas = json!({"path": "spec.replicas", "old": 3, "new": 5});
    assert_eq!(found["changed"][2]["fields"], json!([replicas, image]));
    assert_eq!(found["changed"][2]["apiVersion"], "apps/v1");
    assert_eq!(
        found["changed"][5]["fields"],
        json!([{"path": "spec.ports[port=80].targetPort", "old": "http", "new": 8081}])
    );
    assert_eq!(diff(&[&[BEFORE, AFTER], &CONFIG[..]].concat()).2, 1);
    assert_eq!(diff(&[AFTER, AFTER]).2, 0);
}

/// As `git diff --diff-filter`: what is not listed is counted still, and the exit status is of what is listed.
#[test]
fn a_filter_lists_what_was_added_deleted_modified_or_replaced() {
    let of = |filter: &str| {
        let flag = format!("--diff-filter={filter}");
        (
            document(&[&[BEFORE, AFTER, &flag], &CONFIG[..]].concat()),
            diff(&[&[BEFORE, AFTER, &flag, "--name-only"], &CONFIG[..]].concat()),
        )
    };
    let all = document(&[&[BEFORE, AFTER], &CONFIG[..]].concat());
    for (letter, list, sign) in
        [("A", "added", '+'), ("D", "removed", '-'), ("M", "changed", '~'), ("R", "replaced", '!')]
    {
        let (only, (out, err, exit)) = of(letter);
        assert!(out.lines().all(|line| line.starts_with(sign)) && !out.is_empty() && exit == 1, "{letter}: {out}");
        assert!(err.contains("--diff-filter: what was ") && err.contains(" is counted, but not listed"), "{err}");
        assert_eq!(only["summary"], all["summary"], "{letter}");
        for other in ["added", "removed", "changed", "replaced"] {
            let want = if other == list { names(&all, other) } else { Vec::new() };
            assert_eq!(names(&only, other), want, "{letter}: {other}");
        }
        let (others, _) = of(&letter.to_lowercase());
        assert!(names(&others, list).is_empty());
        assert!(["added", "changed"].iter().any(|list| !names(&others, list).is_empty()));
    }
    let both = names(&of("DR").0, "removed");
    assert_eq!(both, ["Ingress/web"]);
    // nothing of the kind that is asked for differs
    assert_eq!(diff(&[BEFORE, AFTER, "cm/web-cfg", "-n", "shop", "--diff-filter=D"]).2, 0);
    assert_eq!(diff(&[BEFORE, AFTER, "cm/web-cfg", "-n", "shop", "--diff-filter=M"]).2, 1);
    let (_, err, exit) = diff(&[BEFORE, AFTER, "--diff-filter=deleted"]);
    assert!(exit == 2 && err.contains("D (deleted)"), "{err}");
}

#[test]
fn what_cannot_be_opened_is_not_comparable_and_never_changed() {
    let found = document(&[BEFORE, AFTER]);
    assert_eq!(
        names(&found, "notComparable"),
        ["ConfigMap/kube-root-ca.crt", "ConfigMap/web-cfg", "Secret/plain-secret"]
    );
    assert_eq!(names(&found, "changed"), ["Widget/one", "Deployment/web", "Namespace/pay", "Service/web"]);
    assert_eq!(found["notComparable"][0]["why"], "encrypted by aescbc (key cbc1)");
    assert_eq!(names(&found, "added").len(), 6);
    // equal bytes are equal, whoever can read them
    assert_eq!(document(&[AFTER, AFTER])["notComparable"], json!([]));
}

/// Each patch, applied to what kubectl said before, is what kubectl said after.
#[test]
fn patches_lead_from_what_kubectl_said_to_what_it_said_then() {
    let read = |file: &str| {
        let lists: Vec<Value> = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let items = lists.into_iter().flat_map(|list| match list["items"].as_array() {
            Some(items) => items.clone(),
            None => vec![list],
        });
        let name = |object: &Value| (object["kind"].to_string(), object["metadata"]["name"].to_string());
        items.map(|object| (name(&object), object)).collect::<BTreeMap<_, _>>()
    };
    let (before, after) = (read("fixtures/kube-later.before.json"), read("fixtures/kube-later.after.json"));
    let (out, _, exit) = diff(&[&[BEFORE, AFTER, "--all", "--reveal", "-o", "patch"], &CONFIG[..]].concat());
    assert_eq!(exit, 1);
    let mut checked = 0;
    for line in out.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let name = (line["kind"].to_string(), line["name"].to_string());
        if let Some(old) = before.get(&name) {
            let mut object = old.clone();
            line["patch"].as_array().unwrap().iter().for_each(|operation| apply(&mut object, operation));
            assert_eq!(object, after[&name], "{name:?}");
            checked += 1;
        }
    }
    assert_eq!((checked, before.len()), (5, 5));
}

/// One operation of RFC 6902.
fn apply(object: &mut Value, operation: &Value) {
    let (parent, last) = operation["path"].as_str().unwrap().rsplit_once('/').unwrap();
    let last = last.replace("~1", "/").replace("~0", "~");
    let value = operation["value"].clone();
    match (object.pointer_mut(parent).unwrap(), operation["op"].as_str().unwrap()) {
        (Value::Object(map), "add") => assert!(map.insert(last, value).is_none()),
        (Value::Object(map), "replace") => assert!(map.insert(last, value).is_some()),
        (Value::Object(map), "remove") => assert!(map.remove(&last).is_some()),
        (Value::Array(list), "add") => list.insert(last.parse().unwrap(), value),
        (Value::Array(list), "replace") => list[last.parse::<usize>().unwrap()] = value,
        (Value::Array(list), "remove") => drop(list.remove(last.parse().unwrap())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_revisions_of_one_backup() {
    let (out, err, exit) = diff(&[AFTER, "pods", "-n", "shop", "--rev", "463..468"]);
    assert_eq!((err.as_str(), exit), ("", 1));
    assert!(out.starts_with("fixtures/kube-later.db: revision 463 to 468\n\n! pod/db-1 -n shop "), "{out}");
    assert!(out.contains("\n0 added, 0 removed, 1 replaced, 0 changed\n"), "{out}");
    let (_, err, exit) = diff(&[AFTER, "--rev", "3..468"]);
    assert!(exit == 1 && err.contains("revision 3 has been compacted") && err.contains("462 to 505"), "{err}");
    assert_eq!(diff(&[AFTER]).2, 2);
    assert_eq!(diff(&[AFTER, "--rev", "7"]).2, 2);
}

#[test]
fn what_is_asked_for_and_what_is_not() {
    let (out, _, _) = diff(&[BEFORE, AFTER, "deploy,svc", "-n", "shop", "--name-only"]);
    assert_eq!(out, "~ deployment.apps/web -n shop\n~ service/web -n shop\n");
    let (out, _, exit) = diff(&[BEFORE, AFTER, "svc/web", "-n", "shop", "--ignore", "spec.ports[*].targetPort"]);
    assert!(exit == 0 && out.contains("0 changed\nleft out: managedFields 1, resourceVersion 1, ignored 1"), "{out}");
    let (out, _, _) = diff(&[BEFORE, AFTER, "deploy", "--stat"]);
    assert!(out.contains("deployment.apps   shop") && out.contains("NOT COMPARABLE"), "{out}");
    let stat = &document(&[BEFORE, AFTER, "--stat"])["stat"];
    let secrets = stat.as_array().unwrap().iter().find(|row| row["kind"] == "secret").unwrap();
    assert_eq!((&secrets["added"], &secrets["notComparable"]), (&json!(3), &json!(1)));
    let (out, _, _) = diff(&[BEFORE, AFTER, "-l", "env=prod", "--name-only"]);
    assert_eq!(out, "~ namespace/pay\n");
    let (out, err, exit) = diff(&[&[BEFORE, AFTER, "-l", "no=such"], &CONFIG[..]].concat());
    assert!(exit == 0 && err.is_empty() && out.contains("0 added"), "{out}{err}");
    // what cannot be read may have the labels
    let (out, _, exit) = diff(&[BEFORE, AFTER, "secret", "-n", "shop", "-l", "no=such"]);
    assert!(exit == 1 && out.contains("note: for 4 objects, the labels cannot be read"), "{out}");
    let found = document(&[BEFORE, AFTER, "secret", "-n", "shop", "-l", "no=such"]);
    let is_told = |note: &Value| note.as_str().unwrap().starts_with("for 4 objects, the labels cannot be read");
    assert!(found["notes"].as_array().unwrap().iter().any(is_told), "{found}");
    assert_eq!(diff(&[BEFORE, AFTER, "-l", "a in"]).2, 2);
    let (_, err, exit) = diff(&[BEFORE, AFTER, "nosuchkind"]);
    assert!(exit == 1 && err.contains("no kind \"nosuchkind\""), "{err}");
    // what was named is on neither side
    let (_, err, exit) = diff(&[BEFORE, AFTER, "deploy/wbe", "-n", "shop", "-o", "json"]);
    assert!(
        exit == 1 && err.starts_with("error: neither side holds deploy/wbe\nhint: did you mean deploy/web"),
        "{err}"
    );
    let (out, err, _) = diff(&[BEFORE, AFTER, "svc/web", "svc/nosuch", "-n", "shop"]);
    assert!(out.contains("~ service/web") && err.contains("neither side holds svc/nosuch"), "{out}{err}");
    let (_, err, exit) = diff(&[BEFORE, AFTER, "ingress/web", "pod/db-0", "-n", "shop", "--diff-filter=M"]);
    assert!(!err.contains("neither side") && exit == 0, "{err}");
}

#[test]
fn all_leaves_out_nothing() {
    let found = document(&[&[BEFORE, AFTER, "--all"], &CONFIG[..]].concat());
    assert_eq!(found["ignored"], json!({}));
    let keys: Vec<_> = found["changed"].as_array().unwrap().iter().map(|of| of["key"].as_str().unwrap()).collect();
    assert!(keys.contains(&"/registry/masterleases/10.0.0.1"), "{keys:?}");
    let paths = found["changed"].to_string();
    assert!(paths.contains("metadata.resourceVersion") && paths.contains("metadata.managedFields["), "{paths}");
    let whats: Vec<_> =
        found["state"].as_array().unwrap().iter().map(|change| change["what"].as_str().unwrap()).collect();
    assert!(whats.contains(&"member") && whats.contains(&"lease"), "{whats:?}");
}

/// Keys that Kubernetes does not know, members, users and leases.
#[test]
fn keyspaces_of_others() {
    let (out, _, exit) = diff(&["fixtures/etcd-3.6.db", "fixtures/small.db", "--raw"]);
    assert_eq!(exit, 1);
    for line in ["- user alice", "- role ", "- lease "] {
        assert!(!out.contains(line), "{line} in a comparison of keys: {out}");
    }
    assert!(out.contains("note: the two have no record in common"), "{out}");
    let (out, _, _) = diff(&["fixtures/etcd-3.6.db", "fixtures/small.db"]);
    for line in ["- user alice", "- role ", "- lease ", "~ auth\n    ~ enabled: true -> false", "- member "] {
        assert!(out.contains(line), "{line}: {out}");
    }
    let (out, _, _) = diff(&["fixtures/etcd-3.6.db", "--rev", "167..173", "-o", "yaml"]);
    assert!(out.contains("\nremoved:\n") && out.contains("\nsummary:\n"), "{out}");
}

/// One good file and a broken one: what can be compared is, and the answer names what could not.
#[test]
fn a_broken_side_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken.db");
    let good = fs::read(AFTER).unwrap();
    let (mut told, broken_name) = (0, broken.to_str().unwrap());
    for page in (3..good.len() / 4096).step_by(9) {
        let mut bytes = good.clone();
        bytes[page * 4096..page * 4096 + 64].fill(0xff);
        fs::write(&broken, &bytes).unwrap();
        for files in [[AFTER, broken_name], [broken_name, AFTER]] {
            let (out, err, exit) = diff(&files);
            // in the middle of a long value it is a change as any other, or makes it one that cannot be decoded
            let told_of = ["\n~ ", "\n? "].iter().any(|sign| out.contains(sign));
            assert!(exit == 0 || err.contains("damaged") || told_of, "{out}{err}");
            if err.contains("damaged") {
                told += 1;
                assert_eq!(exit, 1);
                assert!(out.contains("broken.db is damaged: only its readable part is compared"), "{out}");
                let document = document(&files);
                assert!(document["notes"].to_string().contains("is damaged"), "{document}");
            }
        }
    }
    assert!(told > 4, "{told}");
    fs::write(&broken, &good[..100]).unwrap();
    let (out, err, exit) = diff(&[BEFORE, broken_name]);
    assert!(out.contains("broken.db is damaged") && err.contains("cut short") && exit == 1, "{out}{err}");
}

/// What was written between two times that come to one revision is unknown, and not nothing.
#[test]
fn two_times_of_one_revision_are_noted() {
    let (out, err, exit) = diff(&[AFTER, "--at", "2026-11-21T11:06:22Z..2026-11-21T11:06:46Z"]);
    assert!(exit == 0 && out.contains("revision 462 to 462"), "{out}");
    assert!(err.contains("so there is no difference"), "{err}");
    // the last state, by a time after it and by its revision
    for flags in [
        ["--at", "2026-11-21T11:06:22Z..2026-11-21T11:06:46Z"],
        ["--at", "2098-01-01..2099-01-01"],
        ["--rev", "505..505"],
    ] {
        let (_, err, exit) = diff(&[&[AFTER][..], &flags].concat());
        assert!(exit == 0 && err.contains("note: both sides are revision "), "{flags:?}: {err}");
    }
}
