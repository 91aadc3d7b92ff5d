//! Each danger, made on a real cluster: a backup, changes, the report; then the restore, to see that the report was
//! true.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{codes, impact, made::*, objects, run};
use crate::common::{Etcd, Peers, apiserver::Apiserver, eventually, restore};

/// What `docs/impact.md` says to ask for.
const KINDS: &str = "ns,nodes,pv,volumeattachments,secrets,cm,sa,svc,pods,leases,crd,apiservices,\
    validatingwebhookconfigurations,mutatingwebhookconfigurations";

fn before(server: &Apiserver<'_>) {
    server.apply(&list(&[
        volume("old", None),
        volume("kept", None),
        volume("claimed", Some("a")),
        attachment("then", "kept", "kept"),
        node("gone"),
        node("kept"),
        secret("old", "1"),
        secret("rotated", "hunter2"),
        certificate("1"),
        bootstrap_token(),
        account("again"),
        account("kept"),
        token("token"),
        service("lb-old", "LoadBalancer", 30080),
        service("balanced", "LoadBalancer", 30083),
        service("ports", "NodePort", 30090),
        service("far", "NodePort", 30091),
        pod("far", "gone"),
        lease("a"),
        definition("widgets", &["v1"], false),
        definition("gadgets", &["v1", "v2"], true),
        webhook("lost", "Fail", "b25l"),
        webhook("ignored", "Ignore", "b25l"),
        webhook("far", "Fail", "b25l"),
        api_service(),
    ]));
    address(server, "10.9.0.1");
    eventually("the token is written", || {
        let token = server.try_kubectl(&["get", "secret", "token", "-o", "jsonpath={.data.token}"], "");
        !token.stdout.is_empty()
    });
}

/// Writes the address of a load balancer, as a cloud's controller does.
fn address(server: &Apiserver<'_>, ip: &str) {
    let patch = json!({"status": {"loadBalancer": {"ingress": [{"ip": ip}]}}}).to_string();
    server.kubectl(&["patch", "svc", "balanced", "--subresource", "status", "--type", "merge", "-p", &patch]);
}

fn change(server: &Apiserver<'_>) {
    server.kubectl(&["delete", "pod/far", "--force", "--grace-period", "0"]);
    for gone in [
        ["pv/old", "node/gone", "secret/old", "secret/token", "sa/again", "svc/lb-old"].as_slice(),
        &["validatingwebhookconfiguration/hook-lost", "validatingwebhookconfiguration/hook-ignored"],
        &["crd/gadgets.acme.io", "apiservice/v1.late.example", "volumeattachment/then"],
    ] {
        server.kubectl(&[&["delete"], gone].concat());
    }
    server.kubectl(&["delete", "secret", "bootstrap-token-abcdef", "--namespace", "kube-system"]);
    server.apply(&list(&[
        volume("new", None),
        volume("claimed", Some("b")),
        attachment("now", "kept", "new"),
        node("new"),
        secret("rotated", "hunter3"),
        certificate("2"),
        account("again"),
        token("token-2"),
        service("lb-new", "LoadBalancer", 30081),
        service("ports", "NodePort", 30092),
        pod("far", "kept"),
        lease("b"),
        definition("widgets", &["v1", "v2"], false),
        webhook("far", "Fail", "dHdv"),
    ]));
    address(server, "10.9.0.2");
    eventually("the new token is written", || {
        let token = server.try_kubectl(&["get", "secret", "token-2", "-o", "jsonpath={.data.token}"], "");
        !token.stdout.is_empty()
    });
}

fn check(found: &Value, is_list: bool) {
    let mut want = BTreeSet::from([
        "apiservice-backend",
        "bootstrap-data",
        "bootstrap-token",
        "ca-bundle",
        "certificate",
        "cluster-ca",
        "crd-version",
        "leader-lease",
        "load-balancer",
        "node-gone",
        "node-joined",
        "node-port",
        "revision",
        "secret-back",
        "secret-older",
        "serviceaccount-key",
        "serviceaccount-uid",
        "volume-attached",
        "volume-claim",
        "volume-deleted",
        "volume-unowned",
        "webhook-backend",
    ]);
    let not_judged: Vec<_> = found["notJudged"].as_array().unwrap().iter().map(|of| &of["code"]).collect();
    if is_list {
        want.remove("bootstrap-data");
        assert_eq!(not_judged, ["bootstrap-data"], "{found}");
    } else {
        assert!(not_judged.is_empty(), "{found}");
        assert_eq!(objects(found, "bootstrap-data"), ["/bootstrap/1a2b"]);
    }
    assert_eq!(codes(found), want, "{found}");
    for (code, want) in [
        (
            "apiservice-backend",
            &["apiservice.apiregistration.k8s.io/v1.late.example (no such service: service/backend -n default)"][..],
        ),
        ("bootstrap-token", &["secret/bootstrap-token-abcdef -n kube-system (bootstrap.kubernetes.io/token)"]),
        ("ca-bundle", &["validatingwebhookconfiguration.admissionregistration.k8s.io/hook-far (a.acme.io)"]),
        ("certificate", &["secret/tls -n default (kubernetes.io/tls)"]),
        ("crd-version", &["customresourcedefinition.apiextensions.k8s.io/widgets.acme.io (without v2)"]),
        ("leader-lease", &["lease.coordination.k8s.io/leader -n default (a in the backup, b now)"]),
        (
            "load-balancer",
            &[
                "service/lb-old -n default (deleted since)",
                "service/lb-new -n default (made since)",
                "service/balanced -n default (10.9.0.1 in the backup, 10.9.0.2 now)",
            ],
        ),
        ("node-gone", &["node/gone"]),
        ("node-joined", &["node/new"]),
        ("node-port", &["service/ports -n default (30090 in the backup, 30092 now)"]),
        (
            "secret-back",
            &["secret/old -n default (Opaque)", "secret/token -n default (kubernetes.io/service-account-token)"],
        ),
        ("secret-older", &["secret/rotated -n default (Opaque)"]),
        ("serviceaccount-uid", &["serviceaccount/again -n default"]),
        ("volume-attached", &["volumeattachment.storage.k8s.io/then (volume kept, kept in the backup, new now)"]),
        ("volume-claim", &["persistentvolume/claimed (default/a in the backup, default/b now)"]),
        ("volume-deleted", &["persistentvolume/old (reclaim policy Delete, disk disk-old)"]),
        ("volume-unowned", &["persistentvolume/new (reclaim policy Delete, disk disk-new)"]),
        (
            "webhook-backend",
            &[
                "customresourcedefinition.apiextensions.k8s.io/gadgets.acme.io (no such service: service/nowhere -n default)",
                "validatingwebhookconfiguration.admissionregistration.k8s.io/hook-far (its pods are on no Node that is there now: service/far -n default)",
                "validatingwebhookconfiguration.admissionregistration.k8s.io/hook-lost (no such service: service/lost -n default)",
            ],
        ),
    ] {
        assert_eq!(objects(found, code), want, "{code}");
    }
    assert!(objects(found, "cluster-ca").contains(&"configmap/kube-root-ca.crt -n kube-system".to_owned()), "{found}");
    assert!(objects(found, "serviceaccount-key")[0].starts_with("secret/token -n default (key "), "{found}");
    assert_eq!(
        (&found["kinds"]["persistentvolume"]["comesBack"], &found["kinds"]["node"]["disappears"]),
        (&json!(1), &json!(1))
    );
    assert!(!found.to_string().contains("hunter"), "{found}");
}

/// A token of a ServiceAccount, made now.
fn new_token(server: &Apiserver<'_>, account: &str) -> String {
    server.kubectl(&["create", "token", account]).trim().to_owned()
}

#[test]
fn every_danger_is_reported_and_comes_true() {
    let Some(peers) = Peers::find_kube("every_danger_is_reported_and_comes_true") else { return };
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let etcd = Etcd::start(&peers, "36");
    let save = |name: &str| etcd.ctl(&["snapshot", "save", &at(name)]);
    let (server, controllers) = Apiserver::start_with_controllers(&peers, &etcd);
    before(&server);
    etcd.ctl(&["put", "/bootstrap/1a2b", "sealed by the token of then"]);
    let ca = || ["get", "cm", "kube-root-ca.crt", "--namespace", "kube-system", "-o", "jsonpath={.data}"];
    eventually("the CA certificates are written", || server.try_kubectl(&ca(), "").status.success());
    let authority = server.kubectl(&ca());
    save("before.db");
    save("same.db");
    // nothing was changed but what the control plane renews by itself
    let same = etcdsnap_impact(&at("before.db"), &at("same.db"));
    assert!(same.iter().all(|code| code == "revision"), "{same:?}");

    // another key for tokens, another CA
    drop(controllers);
    drop(server);
    let (server, controllers) = Apiserver::start_with_controllers(&peers, &etcd);
    eventually("the CA certificates are renewed", || server.kubectl(&ca()) != authority);
    change(&server);
    etcd.ctl(&["put", "/bootstrap/1a2b", "sealed by another token"]);
    save("now.db");
    for form in ["json", "yaml"] {
        fs::write(at(&format!("now.{form}")), server.kubectl(&["get", KINDS, "-A", "-o", form])).unwrap();
    }
    let tokens = ["again", "kept"].map(|account| new_token(&server, account));
    for now in ["now.db", "now.json", "now.yaml"] {
        check(&impact(1, &[&at("before.db"), "--against", &at(now)]), now != "now.db");
    }
    let (out, err) = run(1, &[&at("before.db"), "--against", &at("now.db")]);
    assert!(
        out.contains("\nvolume-deleted: A PersistentVolume comes back") && out.contains("persistentvolume/old"),
        "{out}"
    );
    assert!(err.contains("--name-only"), "{err}");

    let keys = server.keep_keys();
    drop(controllers);
    drop(server);
    let head = etcd.ctl(&["get", "none", "-w", "json"]);
    let head: Value = serde_json::from_str(&head).unwrap();
    drop(etcd);
    restore([&at("before.db"), "--data-dir", &at("restored"), "--member", "m1"]);
    let etcd = Etcd::start_on(&peers, "36", Some(&dir.path().join("restored")), &[]).unwrap();
    comes_true(
        &Apiserver::start_like(&peers, &etcd, keys.path()),
        head["header"]["revision"].as_u64().unwrap(),
        &tokens,
    );
}

/// Sees the dangers on the restored cluster.
fn comes_true(server: &Apiserver<'_>, head: u64, [again, kept]: &[String; 2]) {
    #[track_caller]
    fn fails(server: &Apiserver<'_>, args: &[&str], input: &str, why: &str) {
        let output = server.try_kubectl(args, input);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && err.contains(why), "{args:?}: {err}");
    }
    let get = |args: &[&str]| server.kubectl(&[&["get"], args].concat());
    // what a webhook is asked about cannot be written
    let widget =
        json!({"apiVersion": "acme.io/v1", "kind": "WIDGET", "metadata": {"name": "w", "namespace": "default"}});
    fails(server, &["create", "-f", "-"], &widget.to_string(), "failed calling webhook");
    let gadget =
        json!({"apiVersion": "acme.io/v2", "kind": "GADGET", "metadata": {"name": "g", "namespace": "default"}});
    fails(server, &["create", "-f", "-"], &gadget.to_string(), "conversion webhook for");
    fails(server, &["get", "--raw", "/apis/late.example/v1"], "", "unable to handle the request");
    fails(server, &["get", "widgets.v2.acme.io"], "", "the server doesn't have a resource type");
    // credentials of now are refused, and those of then are back
    server.kubectl(&["auth", "whoami", "--token", kept]);
    fails(server, &["auth", "whoami", "--token", again], "", "Unauthorized");
    let token = get(&["secret", "token", "-o", "go-template={{.data.token | base64decode}}"]);
    fails(server, &["auth", "whoami", "--token", &token], "", "Unauthorized");
    assert_eq!(get(&["secret", "rotated", "-o", "go-template={{.data.a | base64decode}}"]), "hunter2");
    // what is back, and what nobody knows
    get(&["pv/old", "node/gone", "secret/old", "secret/tls", "svc/lb-old", "volumeattachment/then"]);
    get(&["secret", "bootstrap-token-abcdef", "--namespace", "kube-system"]);
    for unknown in ["pv/new", "node/new", "svc/lb-new"] {
        fails(server, &["get", unknown], "", "not found");
    }
    assert_eq!(get(&["svc/ports", "-o", "jsonpath={.spec.ports[0].nodePort}"]), "30090");
    assert_eq!(get(&["lease/leader", "-o", "jsonpath={.spec.holderIdentity}"]), "a");
    assert_eq!(get(&["pv/claimed", "-o", "jsonpath={.spec.claimRef.name}"]), "a");
    // a client that has seen a newer revision
    let path = format!("/api/v1/namespaces?resourceVersion={head}&resourceVersionMatch=NotOlderThan");
    fails(server, &["get", "--raw", &path], "", "Too large resource version");
}

/// The codes that are found where nothing was changed on purpose.
fn etcdsnap_impact(before: &str, same: &str) -> Vec<String> {
    let output = crate::common::etcdsnap(["impact", before, "--against", same, "-o", "json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(i32::from(!codes(&found).is_empty())));
    codes(&found).into_iter().map(str::to_owned).collect()
}

/// An EncryptionConfiguration that writes with the first of these keys.
fn encryption(keys: &[(&str, &str)]) -> String {
    let keys: Vec<_> = keys.iter().map(|(name, secret)| json!({"name": name, "secret": secret})).collect();
    json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": [
        {"resources": ["secrets"], "providers": [{"secretbox": {"keys": keys}}]}]})
    .to_string()
}

#[test]
fn a_key_that_the_api_server_lost_is_reported_and_comes_true() {
    let Some(peers) = Peers::find_kube("a_key_that_the_api_server_lost_is_reported_and_comes_true") else { return };
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (old, new) = (
        ("old", "PPJN1B7snwjqh615zK9CEe+4mH9lVBkj+NEi8+pO6eQ="),
        ("new", "yb5lAqUzarv6FxwHEnR1RI4gkz9EeZQ3ea41kDHB/6w="),
    );
    for (name, keys) in [("1", &[old][..]), ("2", &[new, old]), ("3", &[new])] {
        fs::write(at(name), encryption(keys)).unwrap();
    }
    let flags = |name: &str| ["--encryption-provider-config".to_owned(), at(name)];
    let etcd = Etcd::start(&peers, "36");
    let server = Apiserver::start_flagged(&peers, &etcd, &flags("1"));
    server.apply(&list(&[secret("kept", "1"), secret("rotated", "1")]));
    etcd.ctl(&["snapshot", "save", &at("before.db")]);
    drop(server);
    let server = Apiserver::start_flagged(&peers, &etcd, &flags("2"));
    // which writes it with the new key, and changes nothing else
    server.kubectl(&["patch", "secret", "kept", "--type", "merge", "--patch", "{}"]);
    server.apply(&list(&[secret("rotated", "2")]));
    etcd.ctl(&["snapshot", "save", &at("now.db")]);
    drop(server);

    let args = [&at("before.db"), "--against", &at("now.db")];
    let found = impact(1, &args);
    assert_eq!(objects(&found, "encryption-key"), ["secretbox (key old)"]);
    let unknown = |name: &str| format!("secret/{name} -n default (cannot be compared)");
    assert_eq!(objects(&found, "secret-older"), ["kept", "rotated"].map(unknown), "{found}");
    let found = impact(1, &[args.as_slice(), &["--encryption-config", &at("2")]].concat());
    assert_eq!(objects(&found, "encryption-key"), ["secretbox (key old)"]);
    assert_eq!(objects(&found, "secret-older"), ["secret/rotated -n default (Opaque)"], "{found}");
    assert_eq!(found["kinds"]["secret"], json!({"comesBack": 0, "disappears": 0, "rollsBack": 1}), "{found}");

    drop(etcd);
    restore([&at("before.db"), "--data-dir", &at("restored"), "--member", "m1"]);
    let etcd = Etcd::start_on(&peers, "36", Some(&dir.path().join("restored")), &[]).unwrap();
    Apiserver::fails(&peers, &etcd, &flags("3"), "no matching key was found");
    let server = Apiserver::start_flagged(&peers, &etcd, &flags("2"));
    server.kubectl(&["get", "secret", "kept"]);
}
