//! The flags of `kubectl get` that people type: those that count print what kubectl prints, the others say why not.

use std::process::{Command, Output};

use etcdsnap::k8s::{decode, kyaml};

use crate::{
    common::{Etcd, Peers, apiserver::Apiserver},
    tables::cells,
};

fn get(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(["get", "fixtures/kube.db"]).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Whether two texts are the same, with the first line that is not.
#[track_caller]
fn same(ours: &str, theirs: &str, what: impl std::fmt::Debug) {
    let differs = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
    assert!(ours == theirs, "{what:?}: {differs:?} of {} and {} bytes", ours.len(), theirs.len());
}

/// Tables, asked of both.
const TABLES: &[&[&str]] = &[
    &["pods", "-n", "shop", "-L", "app"],
    &["pods", "-A", "-L", "app,pod-template-hash", "-L", "apps.kubernetes.io/pod-index"],
    &["pods", "-A", "-L", "app", "-o", "wide"],
    &["deploy", "-n", "shop", "--label-columns=app,none", "--show-kind"],
    &["pods", "-n", "shop", "--show-kind"],
    &["deploy,svc", "-n", "shop", "--show-kind", "-L", "app"],
    &["nodes", "-L", "kubernetes.io/hostname,none"],
    &["nodes", "--show-kind", "--show-labels", "-L", "kubernetes.io/os"],
    &["pods", "-n", "shop", "--chunk-size", "1", "--server-print=true"],
    &["pods", "-n", "shop", "-l", "app=nobody", "-l", "app=db"],
];

/// The same, to the byte: what is there, and what is not.
const ANSWERS: &[&[&str]] = &[
    &["pods/nobody", "-n", "shop", "--ignore-not-found"],
    &["pods/nobody", "-n", "shop", "--ignore-not-found", "-o", "json"],
    &["pods", "nobody", "db-0", "-n", "shop", "--ignore-not-found", "-o", "name"],
    &["pods", "-n", "shop", "-l", "app=nobody", "--ignore-not-found"],
    &["pods", "-n", "shop", "-l", "app=nobody", "--ignore-not-found", "-o", "yaml"],
    &["cm", "-n", "shop", "-o", "kyaml"],
    &["cm/web-cfg", "-n", "shop", "-o", "kyaml"],
    &["pods", "-A", "-o", "kyaml"],
    &["secrets", "-A", "-o", "kyaml"],
    &["crd", "-o", "kyaml"],
    &["deploy/web", "-n", "shop", "-o", "kyaml", "--show-managed-fields"],
    &["pods", "-n", "shop", "-l", "app=nobody", "-o", "kyaml"],
    &["pods/db-0", "-n", "shop", "--subresource", "status", "-o", "jsonpath={.metadata.name}"],
];

/// Names and texts that YAML could take for something else, and lines of all kinds.
const ODD: &str = r#"{"apiVersion":"v1","data":{"":"","-a":"x","0b11":"b","0o17":"o","0x1F":"x","0x1p-2":"f","1":"1",
"1.5":"1.5","1.2.3":"v","1_0":"_","1e5":"e","1e999":"e","2026-11-26":"d","2026-02-30":"d","a b":"b","a-":"-","a.b/c-d":"k",
"cr":"a\rb\r\n","end":"x\n","esc":"\u001b[31m\u0000\u0001","ff":"\f","inf":"i","infinity":"i","lines":"one\n  two\n\n\tthree",
"n":"no","nan":"n","null":"null","off":"off","one":"a\tb\"\\","sp":" lead\n trail \n","t":"t","uni":"é 日本 😀 <&>","yEs":"y"},
"kind":"ConfigMap","metadata":{"name":"odd","namespace":"default"},"more":{"a":[[1,2.5,-0.5,1e21],[],{}],"b":[{}],"c":[null,true]}}"#;

#[test]
fn flags_print_what_kubectl_prints() {
    let Some(peers) = Peers::find_kube("flags_print_what_kubectl_prints") else { return };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let restored = Command::new(env!("CARGO_BIN_EXE_etcdsnap"))
        .args(["restore", "fixtures/kube.db", "--member", "m1", "--bump-revision", "1000000", "--data-dir"])
        .arg(&data)
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let etcd = Etcd::start_on(&peers, "36", Some(&data), &[]).unwrap();
    let server = Apiserver::start(&peers, &etcd);
    let theirs = |question: &[&str]| server.try_kubectl(&[&["get"], question].concat(), "");
    for question in TABLES {
        let (ours, theirs) = (text(&get(question).stdout), text(&theirs(question).stdout));
        assert!(!theirs.is_empty(), "{question:?}");
        assert_eq!(cells("", &ours), cells("", &theirs), "{question:?}\n{ours}{theirs}");
    }
    for question in ANSWERS {
        let (ours, theirs) = (get(question), theirs(question));
        same(&text(&ours.stdout), &text(&theirs.stdout), (question, text(&theirs.stderr)));
        assert_eq!(ours.status.success(), theirs.status.success(), "{question:?}: {}", text(&theirs.stderr));
        assert_eq!(ours.stderr.is_empty(), theirs.stderr.is_empty(), "{question:?}: {}", text(&ours.stderr));
    }
    let made = server.try_kubectl(&["create", "--dry-run=client", "--validate=false", "-o", "kyaml", "-f", "-"], ODD);
    let mut ours = Vec::new();
    kyaml::write(&mut ours, &decode(ODD.as_bytes()).unwrap().value);
    same(&text(&ours), &text(&made.stdout), text(&made.stderr));
}

#[test]
fn labels_are_columns() {
    let output = get(&["pods", "-n", "shop", "-L", "app,apps.kubernetes.io/pod-index", "--show-kind"]);
    let table = text(&output.stdout);
    let row = |n: usize| table.lines().nth(n).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(row(0), ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "APP", "POD-INDEX"]);
    assert_eq!(row(1), ["pod/db-0", "1/1", "Running", "2", "38s", "db", "0"]);
}

#[test]
fn what_is_not_there_may_be_ignored() {
    for args in [&["pods/nobody"] as &[&str], &["pods", "-l", "app=nobody"], &["--key", "/nowhere"]] {
        for format in [&[] as &[&str], &["-o", "json"], &["-o", "custom-columns=A:.a"]] {
            let output = get(&[args, format, &["--ignore-not-found"]].concat());
            assert_eq!((output.status.code(), output.stdout, text(&output.stderr)), (Some(0), vec![], String::new()));
        }
    }
    let output = get(&["pods", "nobody", "db-0", "--ignore-not-found", "-o", "name"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "pod/db-0\n".to_owned()));
}

#[test]
fn the_last_of_two_selectors_counts_and_that_is_said() {
    let output = get(&["pods", "-l", "app=web", "-l", "app=db", "-o", "name"]);
    assert_eq!(text(&output.stdout), "pod/db-0\npod/db-1\n");
    assert_eq!(text(&output.stderr), "note: -l was given 2 times, only the last one counts: \"app=db\"\n");
}

#[test]
fn flags_about_a_server_say_what_to_do_instead() {
    for (args, error, hint) in [
        (
            &["pods", "-w"] as &[&str],
            "a backup does not change, there is nothing to watch",
            "etcdsnap timeline fixtures/kube.db pods lists every change that it holds",
        ),
        (
            &["deploy/web", "--watch-only"],
            "a backup does not change, there is nothing to watch",
            "etcdsnap timeline fixtures/kube.db deploy lists every change that it holds",
        ),
        (
            &["--raw", "/apis/apps/v1/namespaces/shop/deployments/web"],
            "--raw asks a running API server, and a backup has none",
            "etcdsnap get fixtures/kube.db deployments.apps/web -n shop -o json",
        ),
        (
            &["-f", "pod.yaml"],
            "objects are not read from manifests, -f, -k and -R have no meaning here",
            "name the objects: etcdsnap get fixtures/kube.db KIND/NAME -n NAMESPACE",
        ),
        (
            &["deploy/web", "--subresource=scale"],
            "subresource \"scale\" is not stored, an API server makes it up",
            "without --subresource the whole object is printed",
        ),
        (
            &["pods", "--show-labels", "-o", "json"],
            "--show-labels needs a table: leave out --output, or use -o wide",
            "-o json prints the labels of each object with the rest of it",
        ),
    ] {
        let output = get(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(text(&output.stderr), format!("error: {error}\nhint: {hint}\n"), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    let plain = get(&["pods"]);
    for (args, note) in [
        (
            &["--context", "prod"] as &[&str],
            "note: --context has no effect, the objects are those of fixtures/kube.db\n",
        ),
        (&["--kubeconfig=/k"], "note: --kubeconfig has no effect, the objects are those of fixtures/kube.db\n"),
        (
            &["--server-print=false"],
            "note: --server-print=false has no effect, the columns are those that an API server prints\n",
        ),
        (&["--chunk-size=500", "--server-print", "--request-timeout", "5s"], ""),
    ] {
        let output = get(&[&["pods"], args].concat());
        assert_eq!((output.stdout, text(&output.stderr)), (plain.stdout.clone(), note.to_owned()), "{args:?}");
    }
}
