//! `get`'s selectors, templates and sorting: kubectl's, checked against kubectl itself where it is at hand.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Command, Output},
    thread,
};

use crate::common::Peers;

fn etcdsnap(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    command.args(["get", "fixtures/kube.db"]).args(args).output().unwrap()
}

#[track_caller]
fn get(args: &[&str]) -> String {
    let output = etcdsnap(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code and first line of the standard error.
fn refused(args: &[&str]) -> (i32, String) {
    let output = etcdsnap(args);
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn labels_and_fields_select() {
    for (args, want) in [
        (&["pods", "-l", "app=db", "-o", "name"] as &[&str], "pod/db-0\npod/db-1\n"),
        (&["pods", "-l", "app in (db,x),statefulset.kubernetes.io/pod-name!=db-0", "-o", "name"], "pod/db-1\n"),
        (&["pods", "-l", "apps.kubernetes.io/pod-index>0", "-o", "name"], "pod/db-1\n"),
        (&["pods", "-l", "!app", "-n", "pay", "-o", "name"], "pod/once-6xzc5\n"),
        (&["pods", "-l", "app=nobody", "-o", "name"], ""),
        (&["pods", "--field-selector", "metadata.namespace=shop,metadata.name=db-1", "-o", "name"], "pod/db-1\n"),
        (&["deploy", "--field-selector", "spec.replicas=3", "-n", "shop", "-o", "name"], "deployment.apps/web\n"),
        (&["ns", "--field-selector", "status.phase=Active,metadata.name==shop", "-o", "name"], "namespace/shop\n"),
        (&["pods,sts", "-n", "shop", "-l", "app=db", "--no-headers", "-o", "name"], "pod/db-0\npod/db-1\n"),
    ] {
        assert_eq!(get(args), want, "{args:?}");
    }
    let on = |args: &[&str]| get(args).lines().count();
    let everywhere = on(&["pods", "-o", "name"]);
    let host = |flag: &str| get(&["pods", "--field-selector", &format!("spec.hostNetwork={flag}"), "-o", "name"]);
    assert_eq!(host("true"), "pod/agent-pf5pf\n");
    assert_eq!(host("false").lines().count(), everywhere - 1);
    assert_eq!(on(&["pods", "--field-selector", "status.phase!=Nonsense", "-l", " ", "-o", "name"]), everywhere);
}

#[test]
fn everything_is_what_kubectl_calls_all() {
    let kinds: Vec<String> =
        get(&["all", "-o", "name"]).lines().map(|line| line.split('/').next().unwrap().to_owned()).collect();
    for kind in
        ["pod", "service", "deployment.apps", "statefulset.apps", "daemonset.apps", "job.batch", "cronjob.batch"]
    {
        assert!(kinds.iter().any(|have| have == kind), "{kind}");
    }
    assert!(!kinds.iter().any(|kind| kind == "configmap" || kind == "secret"));
    assert_eq!(get(&["pods", "db-1", "db-0", "-o", "name"]), "pod/db-1\npod/db-0\n");
}

#[test]
fn templates_print() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("template");
    let file = file.to_str().unwrap();
    let name = r#"{.metadata.name}{"\n"}"#;
    assert_eq!(get(&["pods/db-0", "-o", &format!("jsonpath={name}")]), "db-0\n");
    fs::write(file, name).unwrap();
    assert_eq!(get(&["pods/db-0", "-o", &format!("jsonpath-file={file}")]), "db-0\n");
    assert_eq!(get(&["pods/db-0", "-o", "jsonpath-as-json={.kind}"]), "[\n    \"Pod\"\n]\n");
    let key = "/registry/pods/shop/db-0";
    assert_eq!(get(&["--key", key, "-o", "jsonpath={.metadata.namespace}"]), "shop");
    assert_eq!(get(&["pods", "-l", "app=nobody", "-o", "jsonpath={.kind} {.items}"]), "List []");
    let want = "NAME   KIND\ndb-0   Pod\ndb-1   Pod\n";
    let columns = "custom-columns=NAME:.metadata.name,KIND:{.kind}";
    assert_eq!(get(&["pods", "-l", "app=db", "-o", columns]), want);
    assert_eq!(get(&["pods", "-l", "app=nobody", "-o", columns]), "NAME   KIND\n");
    assert_eq!(get(&["pods", "-l", "app=db", "-o", columns, "--no-headers"]), want.split_once('\n').unwrap().1);
    fs::write(file, "NAME          KIND\nmetadata.name kind\n").unwrap();
    assert_eq!(get(&["pods", "-l", "app=db", "-o", &format!("custom-columns-file={file}")]), want);
    let by_name = get(&["pods", "-A", "--sort-by", ".metadata.name", "-o", "name"]);
    assert!(by_name.lines().is_sorted() && by_name.lines().count() > 3, "{by_name}");
    // tables too, where kubectl's have an order of their own as well
    let names = |text: &str, column| -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().nth(column).unwrap().to_owned()).collect()
    };
    let pods = get(&["pods", "-n", "shop", "-l", "app=db", "--sort-by", ".metadata.uid", "--no-headers"]);
    let sorted = get(&["pods", "-n", "shop", "-l", "app=db", "--sort-by", ".metadata.uid", "-o", "name"]);
    assert_eq!(names(&pods, 0).join("\npod/"), sorted.trim_end().strip_prefix("pod/").unwrap());
    let events = get(&["events", "-n", "shop", "--sort-by", "reason", "--no-headers"]);
    assert!(names(&events, 2).is_sorted() && events.lines().count() > 1, "{events}");
}

#[test]
fn mistakes_are_told() {
    for (args, code, said) in [
        (&["pods", "db-0", "-l", "app"] as &[&str], 2, "error: name cannot be provided when a selector is specified"),
        (
            &["pods", "-l", "a=b=c"],
            2,
            "error: the provided selector \"a=b=c\" is not valid: found '=', expected: ',' or 'end of string'",
        ),
        (&["pods", "--field-selector", "x"], 2, "error: invalid selector: 'x'; can't understand 'x'"),
        (&["pods", "--field-selector", "status.phse=x"], 2, "error: field label not supported: status.phse"),
        (
            &["pods", "--sort-by", "{.a}{.b}"],
            2,
            "error: unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'",
        ),
        (
            &["pods", "--sort-by", ".nope"],
            1,
            "error: couldn't find any field with path \"{.nope}\" in the list of objects",
        ),
        (&["pods", "--sort-by", ".spec"], 1, "error: Field {.spec} is an unsortable type: map[string]interface {}"),
        (&["pods", "-o", "jsonpath={.x"], 2, "error: error parsing jsonpath {.x, unclosed action"),
        (
            &["pods", "-o", "jsonpath={.items[99]}"],
            1,
            "error: error executing jsonpath \"{.items[99]}\": array index out of bounds: index 99, length 7",
        ),
        (
            &["pods", "-o", "jsonpath={.x}", "--allow-missing-template-keys=false"],
            1,
            "error: error executing jsonpath \"{.x}\": x is not found",
        ),
        (
            &["pods", "-o", "custom-columns=A"],
            2,
            "error: unexpected custom-columns spec: A, expected <header>:<json-path-expr>",
        ),
        (&["pods", "-o", "jsonpath"], 2, "error: template format specified but no template given"),
        (&["pods", "-o", "jsonpat"], 2, "error: invalid value 'jsonpat' for '--output <OUTPUT>'"),
        (
            &["pods", "-o", "jsonpath-file=/no/such"],
            3,
            "error: /no/such: cannot read: No such file or directory (os error 2)",
        ),
        (&["pods/nobody", "-o", "jsonpath={.x}"], 1, "error: no pods nobody at revision 600"),
    ] {
        let (have, first) = refused(args);
        let first = first.split(" at revision").next().unwrap();
        assert_eq!((have, first), (code, said.split(" at revision").next().unwrap()), "{args:?}");
    }
}

/// As much of an API server as `kubectl get RESOURCE -A` asks for, over lists that we printed.
fn serve(answers: BTreeMap<String, String>) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(&mut stream.unwrap(), &answers);
        }
    });
    address
}

fn answer(stream: &mut TcpStream, answers: &BTreeMap<String, String>) -> std::io::Result<()> {
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    while reader.read_line(&mut request)? > 2 {}
    let path = request.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let (status, body) = answers.get(path).map_or(("404 Not Found", "{}"), |body| ("200 OK", body));
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Resources that are compared, with the group and kind that kubectl needs.
const RESOURCES: [(&str, &str, &str); 6] = [
    ("", "pods", "Pod"),
    ("", "nodes", "Node"),
    ("", "services", "Service"),
    ("", "configmaps", "ConfigMap"),
    ("", "events", "Event"),
    ("apps", "deployments", "Deployment"),
];

fn api() -> BTreeMap<String, String> {
    let mut answers = BTreeMap::new();
    let mut add = |path: &str, body: String| answers.insert(path.to_owned(), body);
    for (group, prefix, version) in [("", "/api/v1", "v1"), ("apps", "/apis/apps/v1", "apps/v1")] {
        let of_group = RESOURCES.iter().filter(|(of, ..)| *of == group);
        let resource = |(_, plural, kind): &(&str, &str, &str)| {
            let namespaced = *plural != "nodes";
            format!(
                r#"{{"name":"{plural}","singularName":"","namespaced":{namespaced},"kind":"{kind}","verbs":["get","list"]}}"#
            )
        };
        let resources = of_group.clone().map(resource).collect::<Vec<_>>().join(",");
        add(
            prefix,
            format!(
                r#"{{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"{version}","resources":[{resources}]}}"#
            ),
        );
        for (_, plural, _) in of_group {
            add(&format!("{prefix}/{plural}"), get(&[plural, "-o", "json", "--show-managed-fields"]));
        }
    }
    add("/api", r#"{"kind":"APIVersions","versions":["v1"]}"#.to_owned());
    let version = r#"{"groupVersion":"apps/v1","version":"v1"}"#;
    add(
        "/apis",
        format!(
            r#"{{"kind":"APIGroupList","apiVersion":"v1","groups":[{{"name":"apps","versions":[{version}],"preferredVersion":{version}}}]}}"#
        ),
    );
    add("/api/v1/namespaces/shop/pods/db-0", get(&["pods/db-0", "-n", "shop", "-o", "json", "--show-managed-fields"]));
    answers
}

/// What is asked of both. Nothing whose order Go leaves to chance: the members of objects by `*` and `..`.
const QUESTIONS: &[&[&str]] = &[
    &["pods", "-o", "jsonpath={.items[*].metadata.name}"],
    &["pods", "-o", "jsonpath={.kind} {.apiVersion} {.metadata}"],
    &["pods", "-o", "jsonpath={.items[0]}"],
    &["pods", "-o", "jsonpath={.items[-1:].spec.containers[*].image}"],
    &["pods", "-o", "jsonpath={.items[::2].metadata.uid}"],
    &["pods", "-o", "jsonpath={.items[0,2].metadata.labels}"],
    &["pods", "-o", "jsonpath={.items[*]['metadata.name','status.podIPs']}"],
    &["pods", "-o", r#"jsonpath={range .items[*]}{.metadata.namespace}{"\t"}{.metadata.name}{"\n"}{end}"#],
    &[
        "pods",
        "-o",
        r#"jsonpath={range .items[*]}{range .spec.containers[*]}{.name}:{.ports[*].containerPort},{end};{end}"#,
    ],
    &["pods", "-o", r#"jsonpath={.items[?(@.metadata.labels.app=="db")].metadata.name}"#],
    &["pods", "-o", "jsonpath={.items[?(@.metadata.labels.app!='db')].metadata.name}"],
    &["pods", "-o", r"jsonpath={.items[*].metadata.labels.statefulset\.kubernetes\.io/pod-name}"],
    &["pods", "-o", "jsonpath={.items[?(@.metadata.ownerReferences[0].controller==true)].metadata.name}"],
    &["pods", "-o", "jsonpath={.items[?(@.spec.containers)].spec.priority}"],
    &["pods", "-o", "jsonpath={.items[*].spec.nodeName}{'\\n'}{\"it's\"}"],
    &["pods", "-o", "jsonpath={..containerPort}"],
    &["pods", "-o", "jsonpath={.nope.nope}x"],
    &["pods", "-o", "jsonpath={.items[0:2].status}"],
    &["pods", "-o", "jsonpath-as-json={.items[*].metadata.name}{.kind}"],
    &["pods", "-o", "jsonpath-as-json={.items[0].metadata.annotations}"],
    &["pods", "-o", "jsonpath={range .items[*]}{.metadata.name}"],
    &["pods", "-o", "jsonpath={range .nope[*]}{.metadata.name}{end}."],
    &["pods", "-o", "jsonpath={.items[9223372036854775807]}"],
    &["pods", "-o", "jsonpath={.items[2:1]}"],
    &["pods", "-o", "jsonpath={.kind[0]}"],
    &["pods", "-o", "jsonpath={.items[?(@.metadata>1)]}"],
    &["pods", "-o", "jsonpath={.items[?(@.metadata.name>1)]}"],
    &["pods", "-o", "jsonpath={.items[?(@.metadata.name=~'x')]}"],
    &["pods", "-o", "jsonpath={.x}", "--allow-missing-template-keys=false"],
    &["pods", "-o", "jsonpath={end}"],
    &["pods", "-o", "jsonpath={items}"],
    &["pods", "-o", "jsonpath={.items[x]}"],
    &["pods", "-o", "jsonpath={.items"],
    &["nodes", "-o", "jsonpath={.items[*].status.capacity}"],
    &["nodes", "-o", "custom-columns=NAME:.metadata.name,CPU:.status.capacity.cpu,TAINTS:.spec.taints,NONE:.nope"],
    &[
        "services",
        "-o",
        "custom-columns=NAME:{metadata.name},PORTS:spec.ports[*].port,IP:.spec.clusterIP,ALL:.spec.ports",
    ],
    &["services", "-o", "jsonpath={.items[*].spec.ports[?(@.port>=80)].targetPort}"],
    &["services", "--sort-by", ".metadata.name", "-o", "custom-columns=A VERY LONG NAME:.metadata.name"],
    &["configmaps", "-o", "custom-columns=N:.metadata.name,DATA:.data", "--no-headers"],
    &["configmaps", "-o", "jsonpath={.items[*].data}"],
    &["events", "-o", "jsonpath={range .items[*]}{.reason}/{.count}/{.involvedObject.name} {end}"],
    &[
        "deployments",
        "-o",
        "custom-columns=N:.metadata.name,R:.spec.replicas,MAX:.spec.strategy.rollingUpdate.maxSurge,C:.status.conditions[*].type",
    ],
    &["deployments", "-o", "custom-columns=N:.spec.template.spec.containers[7].name"],
    &["pods", "--sort-by", ".metadata.uid", "-o", "custom-columns=U:.metadata.uid"],
    &["pods", "--sort-by", "{.metadata.name}", "-o", "jsonpath={.items[*].metadata.name}"],
    &["pods", "--sort-by", ".metadata.creationTimestamp", "-o", "json"],
    &["pods", "--sort-by", ".nope", "-o", "jsonpath={.kind}"],
    &["deployments", "--sort-by", ".metadata.generation", "-o", "name"],
    &["pod/db-0", "-n", "shop", "-o", "jsonpath={.metadata.name} {@.kind} {$.spec.containers[0]}"],
    &["pod/db-0", "-n", "shop", "-o", "custom-columns=NAME:.metadata.name,X:.metadata.labels"],
];

#[test]
fn same_answers_as_kubectl() {
    let Some(peers) = Peers::find_kube("same_answers_as_kubectl (selectors)") else { return };
    let server = serve(api());
    let home = tempfile::tempdir().unwrap();
    for question in QUESTIONS {
        let everywhere: &[&str] = if question.contains(&"-n") { &[] } else { &["-A"] };
        let mut kubectl = peers.command("kubectl");
        kubectl.env("HOME", home.path()).env_remove("KUBECONFIG").args(["--server", &server, "get"]);
        let theirs = kubectl.args(*question).args(everywhere).output().unwrap();
        let ours = etcdsnap(question);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(&ours.stdout), text(&theirs.stdout), "{question:?}: {}", text(&theirs.stderr));
        assert_eq!(ours.status.success(), theirs.status.success(), "{question:?}: {}", text(&theirs.stderr));
        // they add the object to the reason, we the column
        let said = text(&ours.stderr);
        let reason = said.lines().next().unwrap_or_default().rsplit(": ").next().unwrap_or_default();
        assert!(text(&theirs.stderr).contains(reason), "{question:?}: {said}{}", text(&theirs.stderr));
    }
}
