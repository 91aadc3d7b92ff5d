//! kubectl prints the same of `etcdsnap serve` as of a kube-apiserver on the restored backup; where it does not,
//! docs/serve.md gives the reason.

use std::{
    collections::HashMap,
    path::Path,
    process::{Command, Output},
    sync::Mutex,
    thread,
};

use serde_json::Value;

use super::etcd::restored;
use crate::{
    common::{Peers, apiserver::Apiserver, serving::Serving},
    kubectl_calls::{self, Call, difference},
};

const CALLS: &str = include_str!("calls.txt");

#[test]
fn the_document_lists_the_calls_of_kubectl_that_differ() {
    kubectl_calls::document(&kubectl_calls::calls(CALLS), "docs/serve.md");
}

/// kubectl with the kubeconfig of a server.
pub fn kubectl(peers: &Peers, serving: &Serving, args: &[String]) -> Output {
    let mut command: Command = peers.command("kubectl");
    let cache = serving.home.path().join("cache");
    command.args(args).arg("--cache-dir").arg(cache).env("KUBECONFIG", &serving.kubeconfig).output().unwrap()
}

/// Compares every call, those of `get` with what the real server has answered; what is wrong.
pub fn compare(peers: &Peers, server: &Apiserver<'_>, snapshot: &str, got: &HashMap<String, Output>) -> Vec<String> {
    let serving = Serving::start(&[snapshot, "--reveal"]);
    let own = kubectl_calls::calls(CALLS);
    let gets = got.keys().filter(|line| own.iter().all(|call| call.line != format!("get {line}")));
    let gets = gets.map(|line| Call::new(format!("get {line}"), None));
    let calls: Vec<Call> = kubectl_calls::calls(CALLS).into_iter().chain(gets).collect();
    assert!(calls.len() >= 150, "{}", calls.len());
    compare_calls(peers, server, &serving, &calls, got)
}

/// Compares these calls, and the schemas.
fn compare_calls(
    peers: &Peers,
    server: &Apiserver<'_>,
    serving: &Serving,
    calls: &[Call],
    got: &HashMap<String, Output>,
) -> Vec<String> {
    let (next, wrong) = (Mutex::new(calls.iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(call) = next.lock().unwrap().next() else { break };
                    let cached = call.line.strip_prefix("get ").and_then(|line| got.get(line));
                    let args: Vec<&str> = call.args.iter().map(String::as_str).collect();
                    let asked = || server.try_kubectl(&args, "");
                    let theirs = cached.cloned().unwrap_or_else(asked);
                    let ours = kubectl(peers, serving, &call.args);
                    let how = if is_same_json(&ours, &theirs) { None } else { difference(&ours, &theirs, false) };
                    match (how, &call.differs) {
                        (None, None) | (Some(_), Some(_)) => {}
                        (Some(how), None) => wrong.lock().unwrap().push(format!("{}\n{how}", call.line)),
                        (None, Some(why)) => wrong.lock().unwrap().push(format!("{}: no difference: {why}", call.line)),
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.extend(schemas(server, serving));
    wrong
}

/// The schemas of OpenAPI that differ: all of v2, and of v3 those of groups with custom kinds.
fn schemas(server: &Apiserver<'_>, serving: &Serving) -> Vec<String> {
    let theirs = |path: &str| serde_json::from_str::<Value>(&server.kubectl(&["get", "--raw", path])).unwrap();
    let mut wrong = Vec::new();
    let ours = serving.json("/openapi/v2")["definitions"].take();
    assert!(ours.as_object().unwrap().len() > 580, "{}", ours.as_object().unwrap().len());
    differing("v2", ours, &theirs("/openapi/v2")["definitions"], &mut wrong);
    let index = serving.json("/openapi/v3");
    let custom = index["paths"].as_object().unwrap().keys().filter(|path| path.contains("acme.io/"));
    for path in custom.map(|path| format!("/openapi/v3/{path}")) {
        let ours = serving.json(&path)["components"]["schemas"].take();
        assert!(ours.as_object().unwrap().keys().any(|name| name.ends_with("List")), "{ours}");
        differing(&path, ours, &theirs(&path)["components"]["schemas"], &mut wrong);
    }
    wrong
}

/// Adds those of our schemas that differ from theirs.
fn differing(of: &str, mut ours: Value, theirs: &Value, wrong: &mut Vec<String>) {
    for (name, ours) in ours.as_object_mut().unwrap() {
        let mut theirs = theirs[name].clone();
        // theirs are of every group
        if name.ends_with(".DeleteOptions") || name.ends_with(".WatchEvent") {
            for schema in [&mut *ours, &mut theirs] {
                schema["x-kubernetes-group-version-kind"] = Value::Null;
            }
        }
        if *ours != theirs {
            wrong.push(format!("openapi {of} {name}\nours: {ours}\ntheirs: {theirs}"));
        }
    }
}

/// Whether both have printed the same document, in whatever order of names; revisions of lists count from another
/// state.
fn is_same_json(ours: &Output, theirs: &Output) -> bool {
    let document = |output: &Output| {
        let mut value = serde_json::from_slice::<Value>(&output.stdout).ok()?;
        if value["kind"].as_str().is_some_and(|kind| kind.ends_with("List"))
            && let Some(metadata) = value["metadata"].as_object_mut()
        {
            metadata.remove("resourceVersion");
            metadata.remove("continue");
        }
        Some(value)
    };
    let (ours, theirs) = (document(ours), document(theirs));
    ours.is_some() && ours == theirs
}

/// Compares what `serve` and a kube-apiserver answer of a backup whose values are encrypted, both with its
/// configuration.
#[track_caller]
fn same_with_keys(peers: &Peers, fixture: &str, keys: &str, own: &'static str) {
    let path = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).display().to_string();
    let (_dir, etcd) = restored(peers, "36", Path::new(&path(fixture)));
    let server = Apiserver::start_flagged(peers, &etcd, &["--encryption-provider-config".to_owned(), path(keys)]);
    // with what the API server writes when it starts
    let dir = tempfile::tempdir().unwrap();
    let snapshot = dir.path().join(fixture).display().to_string();
    etcd.ctl(&["snapshot", "save", &snapshot]);
    let serving = Serving::start(&[&snapshot, "--reveal", "--encryption-config", &path(keys)]);
    // the others do not differ where there is nothing that they show
    let calls: Vec<Call> = kubectl_calls::calls(CALLS).into_iter().filter(|call| call.differs.is_none()).collect();
    let calls: Vec<Call> = kubectl_calls::calls(own).into_iter().chain(calls).collect();
    assert!(calls.len() >= 150, "{}", calls.len());
    let wrong = compare_calls(peers, &server, &serving, &calls, &HashMap::new());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), calls.len(), wrong.join("\n\n"));
}

#[test]
fn same_answers_of_encrypted_values_after_four_rotations() {
    let Some(peers) = Peers::find_kube("same_answers_of_encrypted_values_after_four_rotations") else { return };
    same_with_keys(&peers, "encrypted.db", "encryption.yaml", include_str!("calls_encrypted.txt"));
}

#[test]
fn same_answers_of_a_later_backup() {
    let Some(peers) = Peers::find_kube("same_answers_of_a_later_backup") else { return };
    same_with_keys(&peers, "kube-later.db", "kube-later.yaml", include_str!("calls_later.txt"));
}

#[test]
fn the_readme_shows_what_kubectl_prints() {
    let Some(peers) = Peers::find_kube("the_readme_shows_what_kubectl_prints") else { return };
    let readme = std::fs::read_to_string("README.md").unwrap();
    let section = readme.split("### kubectl on a backup\n").nth(1).unwrap().split("\n### ").next().unwrap();
    let serve = section.split("$ etcdsnap serve ").nth(1).unwrap().lines().next().unwrap();
    let serving = Serving::start(&serve.split(' ').collect::<Vec<_>>());
    let shown: Vec<_> = section.split("$ kubectl ").skip(1).collect();
    assert!(shown.len() >= 3, "{section}");
    for example in shown {
        let (args, shown) = example.split("```").next().unwrap().split_once('\n').unwrap();
        let args: Vec<String> = args.split(' ').map(str::to_owned).collect();
        let output = kubectl(&peers, &serving, &args);
        let printed = [output.stdout, output.stderr].concat();
        assert_eq!(String::from_utf8(printed).unwrap(), shown, "{args:?}");
    }
}
