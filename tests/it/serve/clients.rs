//! Clients that others wrote, against `etcdsnap serve` and against a kube-apiserver on the restored backup.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::etcd::restored;
use crate::common::{Peers, apiserver::Apiserver, serving::Serving, skipped};

/// What a program prints that must not fail.
#[track_caller]
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The objects that the informers of client-go hold, and the kinds of OpenAPI v2 as it reads them; those that the API
/// server made when it started are left out.
fn held(informers: &Path, kubeconfig: &Path) -> BTreeSet<String> {
    let lines = printed(Command::new(informers).arg("-kubeconfig").arg(kubeconfig));
    let is_stored = |line: &&str| {
        let words: Vec<_> = line.split(' ').collect();
        let in_shop = words.get(3).is_some_and(|name| name.starts_with("shop/") || name.starts_with("/shop"));
        let is_made = line.starts_with("openapi io.k8s.")
            || in_shop
            || ["nodes", "widgets", "storageclasses"].contains(&words[2]);
        // to Go an empty list in JSON is another one than in protobuf, in which the API server answers here
        let is_other = line.starts_with("typed apps/v1 statefulsets");
        // the leases of Events expire soon after the restore
        is_made && !is_other && words[2] != "events"
    };
    lines.lines().filter(is_stored).map(str::to_owned).collect()
}

#[test]
fn informers_hold_what_they_hold_of_a_kube_apiserver() {
    let test = "informers_hold_what_they_hold_of_a_kube_apiserver";
    let Some(peers) = Peers::find_kube(test) else { return };
    let informers = peers.path("informers");
    if !informers.exists() {
        return skipped(test, "no informers: .ci/peers.sh kube builds them");
    }
    let snapshot = Path::new("fixtures/kube.db");
    let serving = Serving::start(&[snapshot.to_str().unwrap(), "--reveal"]);
    let ours = held(&informers, &serving.kubeconfig);
    let (_dir, etcd) = restored(&peers, "36", snapshot);
    let server = Apiserver::start(&peers, &etcd);
    let theirs = held(&informers, &server.kubeconfig());
    for kind in
        ["typed v1 pods", "typed apps/v1 deployments", "dynamic v1 pods", "dynamic acme.io/v1 widgets", "metadata v1"]
    {
        assert!(ours.iter().any(|line| line.starts_with(kind)), "{kind}: {ours:?}");
    }
    let (more, less): (Vec<_>, Vec<_>) = (ours.difference(&theirs).collect(), theirs.difference(&ours).collect());
    assert!(more.is_empty() && less.is_empty(), "ours: {more:#?}\ntheirs: {less:#?}");
}

/// The Python of the folder of engines that has the Kubernetes client.
fn python(test: &str) -> Option<PathBuf> {
    let engines = std::env::var_os("ETCDSNAP_ENGINES").map(PathBuf::from);
    let python = engines.map(|engines| engines.join("kubernetes/bin/python")).filter(|python| python.exists());
    if python.is_none() {
        skipped(test, "no $ETCDSNAP_ENGINES: .ci/engines.sh installs it");
    }
    python
}

fn asked(python: &Path, args: &[&str]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/serve/client.py");
    serde_json::from_str(&printed(Command::new(python).arg(script).args(args))).unwrap()
}

#[test]
fn the_python_client_reads_lists_and_watches() {
    let Some(python) = python("the_python_client_reads_lists_and_watches") else { return };
    let serving = Serving::start(&["fixtures/kube-later.db", "--reveal"]);
    let out = asked(&python, &[serving.kubeconfig.to_str().unwrap(), "kube-later.db", "465"]);
    assert_eq!(out["typed"]["one"]["metadata"]["name"], "db-0");
    assert_eq!(out["dynamic"]["Widget"][0]["apiVersion"], "acme.io/v1");
    assert_eq!(out["refused"], json!([[404, "NotFound"], [504, "Timeout"], [400, "BadRequest"]]));
    let (watch, socket) = (out["watch"].as_array().unwrap(), out["websocket"].as_array().unwrap());
    // text messages, with the same events
    let socket: Vec<_> = socket.iter().map(|event| json!([event[1], event[2]])).collect();
    assert_eq!((&socket, &out["subprotocol"]), (watch, &"base64.binary.k8s.io".into()));
    assert_eq!(watch[..3].iter().map(|event| &event[0]).collect::<Vec<_>>(), ["MODIFIED", "DELETED", "ADDED"]);
    assert!(out["websocket"].as_array().unwrap().iter().all(|event| event[0] == 1));
}

#[test]
fn the_python_client_gets_what_it_gets_of_a_kube_apiserver() {
    let test = "the_python_client_gets_what_it_gets_of_a_kube_apiserver";
    let (Some(python), Some(peers)) = (python(test), Peers::find_kube(test)) else { return };
    let snapshot = Path::new("fixtures/kube.db");
    let serving = Serving::start(&[snapshot.to_str().unwrap(), "--reveal"]);
    let ours = asked(&python, &[serving.kubeconfig.to_str().unwrap()]);
    let (_dir, etcd) = restored(&peers, "36", snapshot);
    let server = Apiserver::start(&peers, &etcd);
    let theirs = asked(&python, &[server.kubeconfig().to_str().unwrap()]);
    for (name, theirs) in theirs.as_object().unwrap() {
        assert_eq!(&ours[name], theirs, "{name}");
    }
}
