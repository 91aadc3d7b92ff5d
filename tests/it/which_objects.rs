//! Which objects a command takes, and in which order: kinds, names and namespaces as kubectl reads them.

use std::process::Output;

use crate::common::{Etcd, Peers, etcdsnap, made};

fn get(args: &[&str]) -> Output {
    etcdsnap([&["get", "fixtures/kube.db"], args].concat())
}

/// What `get` prints; it must not fail.
#[track_caller]
fn printed(args: &[&str]) -> String {
    let output = get(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Their names, of the kinds that they are of.
#[track_caller]
fn names(args: &[&str]) -> Vec<String> {
    printed(&[args, &["-o", "name"]].concat()).lines().map(str::to_owned).collect()
}

#[test]
fn kinds_that_live_in_no_namespace_are_found_whatever_the_namespace() {
    assert_eq!(names(&["nodes", "-n", "shop"]), ["node/node-a"]);
    assert_eq!(names(&["node/node-a", "-n", "nowhere"]), ["node/node-a"]);
    assert_eq!(names(&["pods,nodes", "-n", "shop", "-l", "app=db"]), ["pod/db-0", "pod/db-1"]);
    let mixed = names(&["nodes,cm,ns", "-n", "pay"]);
    assert!(mixed[0] == "node/node-a" && mixed.contains(&"namespace/shop".to_owned()), "{mixed:?}");
    assert_eq!(mixed.iter().filter(|name| name.starts_with("configmap/")).count(), 1);
    let described = etcdsnap(["describe", "fixtures/kube.db", "ns/shop", "-n", "pay"]);
    assert!(String::from_utf8_lossy(&described.stdout).starts_with("Name:         shop\n"));
    let changed = etcdsnap(["diff", "fixtures/kube.db", "fixtures/kube-later.db", "ns", "-n", "nowhere"]);
    assert!(String::from_utf8_lossy(&changed.stdout).contains("\n~ namespace/"));
    let output = etcdsnap(["export", "fixtures/kube.db", "crd,widgets,ns", "-n", "pay", "--to", "-", "-o", "json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let kinds: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("    \"kind\": ")).collect();
    for kind in ["\"CustomResourceDefinition\",", "\"Namespace\",", "\"Widget\","] {
        assert!(kinds.contains(&kind), "{kind} {kinds:?}");
    }
    assert!(text.contains("\"name\": \"two\"") && !text.contains("\"name\": \"one\""), "{text}");
    // without a kind it is the namespace alone
    assert!(!printed(&["-n", "pay"]).contains("node-a"));
}

#[test]
fn objects_are_in_the_order_they_are_asked_for() {
    let kinds = |args: &[&str]| {
        let mut kinds: Vec<_> = names(args).iter().map(|name| name.split('/').next().unwrap().to_owned()).collect();
        kinds.dedup();
        kinds
    };
    assert_eq!(kinds(&["svc,po,cm", "-n", "shop"]), ["service", "pod", "configmap"]);
    assert_eq!(kinds(&["cm,po,svc,pods", "-n", "shop"]), ["configmap", "pod", "service"]);
    let mixed = ["pod/db-1", "service/web", "pod/db-0"];
    assert_eq!(names(&["pod/db-1", "svc/web", "pods/db-0", "-n", "shop"]), mixed);
    assert_eq!(names(&["svc,deploy", "web", "-n", "shop"]), ["service/web", "deployment.apps/web"]);
    let json = printed(&["pod/db-1", "svc/web", "pods/db-0", "-n", "shop", "-o", "ndjson"]);
    let places = [r#""name":"db-1","namespace""#, r#""name":"web","namespace""#, r#""name":"db-0","namespace""#];
    assert!(places.map(|name| json.find(name).unwrap()).is_sorted(), "{json}");
    let columns = "custom-columns=N:.metadata.name";
    assert_eq!(printed(&["pod/db-1", "svc/web", "-n", "shop", "-o", columns]), "N\ndb-1\nweb\n");
    let tables = printed(&["pod/db-1", "svc/web", "pod/db-0", "-n", "shop"]);
    let first: Vec<_> = tables.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(first, ["NAME", "pod/db-1", "", "NAME", "service/web", "", "NAME", "pod/db-0"]);
}

#[test]
fn each_name_that_is_missing_is_named_with_its_kind() {
    let output = get(&["pods,svc", "web", "-n", "shop", "-o", "name"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stdout)), (Some(1), "service/web\n"));
    assert!(
        said.starts_with("error: no pods web in namespace shop at revision ") && said.lines().count() == 2,
        "{said}"
    );
    // the Pods of the Deployment have its name and more
    assert!(said.ends_with("hint: did you mean pods/web-546f5ff66b-fj4ch -n shop?\n"), "{said}");
    let list = get(&["pods", "no", "none", "-n", "shop", "-o", "json"]);
    assert!(list.status.code() == Some(1) && String::from_utf8_lossy(&list.stdout).contains("\"items\": []"));
    assert!(get(&["pods", "none", "-n", "shop", "-o", "json"]).stdout.is_empty());
    for (args, what) in [
        (&["pods", "pod/db-0"] as &[&str], "there is no need to specify a resource type as a separate argument"),
        (&["pod/a/b"], "arguments in resource/name form may not have more than one slash"),
        (&["pods,svc/web"], "arguments in resource/name form must have a single resource and name"),
        (&["/db-0"], "/db-0: get takes a KIND and a NAME, not a key of etcd"),
        (&["pods", ""], "resource name may not be empty"),
    ] {
        let output = get(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.starts_with(&format!("error: {what}")), "{args:?}: {said}");
    }
}

#[test]
fn templates_see_managed_fields() {
    let manager = printed(&["deploy/web", "-n", "shop", "-o", "jsonpath={.metadata.managedFields[0].manager}"]);
    assert!(!manager.is_empty());
    let columns = printed(&["deploy/web", "-n", "shop", "-o", "custom-columns=M:.metadata.managedFields[0].manager"]);
    assert_eq!(columns, format!("M\n{manager}\n"));
    assert!(!printed(&["deploy/web", "-n", "shop", "-o", "json"]).contains("managedFields"));
}

#[test]
fn a_job_without_labels_has_those_of_its_pods() {
    let labels = "jsonpath={.metadata.labels}";
    let job = printed(&["job/once", "-n", "pay", "-o", labels]);
    assert!(job.contains(r#""job-name":"once""#), "{job}");
    assert_eq!(names(&["jobs", "-l", "job-name=once"]), ["job.batch/once"]);
    // Go sorts the pairs
    let shown = printed(&["job/once", "-n", "pay", "--show-labels", "--no-headers"]);
    let shown = shown.split_whitespace().last().unwrap().to_owned();
    assert!(shown.split(',').is_sorted() && shown.contains(",job-name=once"), "{shown}");
}

/// An API server gives a Job without labels those of its template when it reads the Job, and stores none.
#[test]
fn a_job_that_is_stored_without_labels_has_those_of_its_template() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("job.db");
    let job = r#"{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a","namespace":"b"},"spec":{"template":{
        "metadata":{"labels":{"z":"1","app":"x"}},"spec":{"containers":[{"name":"c","image":"d"}]}}}}"#;
    made::snapshot(&file, &[(b"/registry/jobs/b/a", job.into())]);
    let get = |more: &[&str]| {
        let output = etcdsnap([&["get", file.to_str().unwrap(), "jobs"], more].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(get(&["--show-labels", "--no-headers"]).ends_with(" app=x,z=1\n"), "{}", get(&["--show-labels"]));
    assert_eq!(get(&["-l", "app=x", "-o", "name"]), "job.batch/a\n");
    assert_eq!(get(&["-o", "jsonpath={.items[0].metadata.labels.app}"]), "x");
}

/// A Deployment was made at revision 273 or so, two minutes after the Namespace `default`.
#[test]
fn ages_count_from_the_time_of_the_revision() {
    let age = |kind: &str, at: &[&str]| {
        let table = printed(&[&[kind, "--no-headers"], at].concat());
        table.split_whitespace().last().unwrap().to_owned()
    };
    let web = ["deploy/web", "ns/shop"];
    let ages = |at: &[&str]| web.map(|kind| age(kind, at));
    assert_eq!(ages(&["--rev", "300"]), ["1s", "1s"]);
    assert_eq!(ages(&["--rev", "404"]), ["12s", "12s"]);
    assert_eq!(ages(&[]), ["39s", "39s"]);
    assert_eq!(age("ns/default", &["--rev", "300"]), "2m37s");
}

#[test]
fn keys_that_are_no_objects_are_no_error() {
    let Some(peers) = Peers::find("keys_that_are_no_objects_are_no_error") else { return };
    let etcd = Etcd::start(&peers, "36");
    let map = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"b"}}"#;
    for (key, value) in
        [("compact_rev_key", "345"), ("/bootstrap/6ab8c9", "salt:sealed"), ("/registry/configmaps/b/a", map)]
    {
        etcd.ctl(&["put", key, value]);
    }
    let dir = tempfile::tempdir().unwrap();
    let saved = |name: &str| {
        let path = dir.path().join(name).display().to_string();
        etcd.ctl(&["snapshot", "save", &path]);
        path
    };
    let path = saved("clean.db");
    for format in ["json", "yaml", "ndjson", "name", "jsonpath={.items[*].kind}", "custom-columns=K:.kind"] {
        let output = etcdsnap(["get", &path, "-o", format]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{format}: {said}");
        assert!(String::from_utf8_lossy(&output.stdout).to_lowercase().contains("configmap"), "{format}");
    }
    let summary = etcdsnap(["get", &path]);
    assert!(String::from_utf8_lossy(&summary.stdout).contains("compacted by the API server up to revision 345"));
    let asked = etcdsnap(["get", &path, "--key", "compact_rev_key", "-o", "json"]);
    assert_eq!(asked.status.code(), Some(1));
    // what is under a key that nobody knows may have been an object
    etcd.ctl(&["put", "/registry/novelties/b/a", "garbled"]);
    let path = saved("garbled.db");
    for format in ["json", "name"] {
        let output = etcdsnap(["get", &path, "-o", format]);
        assert_eq!(output.status.code(), Some(1), "{format}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("/registry/novelties/b/a"), "{format}");
        assert!(String::from_utf8_lossy(&output.stdout).to_lowercase().contains("configmap"), "{format}");
    }
}
