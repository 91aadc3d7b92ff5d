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

/// Where the answers to a template differ. kubectl prints more than the reason where one does not fit.
fn differs(ours: &Output, theirs: &Output, what: &[&str]) -> Option<String> {
    let fits = theirs.status.success();
    let [(our, said), (their, reason)] = [ours, theirs].map(|output| (text(&output.stdout), text(&output.stderr)));
    let same = match fits {
        true => our == their,
        false => {
            let reason = reason.trim_end().rsplit("template: output:").next().unwrap();
            said.trim_end().ends_with(reason) && their.starts_with(&our)
        }
    };
    let shown = |text: &str| text.chars().take(400).collect::<String>();
    let (our, their) = (shown(&(our + &said)), shown(&(their + &reason)));
    (!same || ours.status.success() != fits).then(|| format!("{what:?}\n{our}\n{their}\n\n"))
}

/// Tables, asked of both.
const TABLES: &[&[&str]] = &[
    &["pods", "-n", "shop", "-L", "app"],
    &["pods", "-A", "-L", "app,pod-template-hash", "-L", "apps.kubernetes.io/pod-index"],
    &["pods", "-A", "-L", "app", "-o", "wide"],
    &["deploy", "-n", "shop", "--label-columns=app,none", "--show-kind"],
    &["pods", "-n", "shop", "--show-kind"],
    &["pods", "-A", "-n", "shop"],
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
    &["pods", "-n", "shop", "-A", "-o", "name"],
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
    let mut wrong = String::new();
    for template in TEMPLATES {
        let format = format!("go-template={template}");
        let question = ["pods", "-n", "shop", "--show-managed-fields", "-o", &format];
        let strict = [&question as &[&str], &["--allow-missing-template-keys=false"]].concat();
        let questions = if template.contains(".nope") { vec![&question[..], &strict] } else { vec![&question[..]] };
        for question in questions {
            wrong.extend(differs(&get(question), &theirs(question), question));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let made = server.try_kubectl(&["create", "--dry-run=client", "--validate=false", "-o", "kyaml", "-f", "-"], ODD);
    let mut ours = Vec::new();
    kyaml::write(&mut ours, &decode(ODD.as_bytes()).unwrap().value);
    same(&text(&ours), &text(&made.stdout), text(&made.stderr));
}

/// Go templates, asked of both. Nothing whose order or memory Go leaves to chance.
const TEMPLATES: &[&str] = &[
    "{{.kind}} {{.apiVersion}} {{len .items}}",
    "{{range .items}}{{.metadata.namespace}}/{{.metadata.name}}{{\"\\n\"}}{{end}}",
    "{{range $i, $pod := .items}}{{if $i}}, {{end}}{{$i}}:{{$pod.metadata.name}}{{end}}",
    "{{range .items}}{{range .spec.containers}}{{.name}}={{.image}} {{end}}{{else}}none{{end}}",
    "{{range .items}}{{with .spec.nodeName}}{{.}}{{else}}-{{end}} {{end}}",
    "{{range .items}}{{if eq .status.phase \"Running\"}}{{.metadata.name}} {{end}}{{end}}",
    "{{range .items}}{{if and .metadata.labels (eq .metadata.labels.app \"db\" \"x\")}}{{.metadata.name}} {{end}}{{end}}",
    "{{range .items}}{{index .metadata.labels \"app\"}}{{end}}",
    "{{range .items}}{{(index .spec.containers 0).image}} {{end}}",
    "{{(index .items 0).metadata}}",
    "{{index .items 0}}",
    "{{index .items 99}}",
    "{{index .items \"x\"}}",
    "{{index .items}}",
    "{{.items.x}}",
    "{{.nope}} {{.nope.nope}} {{.metadata.nope}}",
    "{{.metadata.resourceVersion | printf \"%q\"}} {{.metadata.selfLink}}",
    "{{/* a comment */}}a {{- /* b */ -}} c",
    "  {{- .kind -}}  \n x {{ .kind -}} \n",
    "{{range $k, $v := (index .items 0).metadata.labels}}{{$k}}={{$v}} {{end}}",
    "{{$n := 0}}{{range .items}}{{$n = len .metadata.name}}{{end}}{{$n}}",
    "{{range .items}}{{if eq .metadata.name \"db-1\"}}{{continue}}{{end}}{{.metadata.name}}{{break}}{{end}}",
    "{{define \"x\"}}<{{.metadata.name}}>{{end}}{{range .items}}{{template \"x\" .}}{{end}}",
    "{{block \"x\" .kind}}[{{.}}]{{end}}{{template \"x\" 1}}{{template \"x\"}}",
    "{{printf \"%s|%10s|%-10s|%.2s|%q|%x|%v\" .kind .kind .kind .kind .kind .kind .kind}}",
    "{{printf \"%d|%5d|%-5d|%05d|%+d|%x|%o|%b|%c|%U|%v\" 7 7 7 7 7 255 8 5 65 65 7}}",
    "{{printf \"%f|%.2f|%8.3f|%e|%g|%v\" 1.5 1.5 1.5 1.5 1.5 1e21}}",
    "{{printf \"%t|%v|%d|%s\" true false true 5}}",
    "{{printf \"%s %v %d\" .items .nope}}",
    "{{printf \"%d%% %z %!\" 5 6 7}}",
    "{{printf \"%T %T %T %T %T\" 1 1.5 .kind .items .metadata}}",
    "{{printf \"%06.2f|%6t|%06d|%+.1e\" 3.14159 true -42 12345.678}}",
    "{{print 1 2 \"a\" \"b\" 3}}{{println .kind 5}}{{print .nope}}",
    "{{html \"<a href='x'>&\"}} {{js \"it's <b>\"}} {{urlquery \"a b&c/ü\"}}",
    "{{\"aGVsbG8=\" | base64decode}} {{base64decode \"?\"}}",
    "{{exists . \"items\" 0 \"metadata\" \"name\"}} {{exists . \"nope\"}} {{exists .items 99}}",
    "{{len .kind}} {{slice .kind 1 3}} {{len .items}} {{slice .kind 9}}",
    "{{not .items}} {{not .nope}} {{or .nope \"default\"}} {{and .kind .nope}}",
    "{{eq 1 1}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt \"b\" \"a\"}} {{ge 1.5 1.5}}",
    "{{eq .kind 1}}",
    "{{lt .kind 1}}",
    "{{eq .items .items}}",
    "{{eq .nope .nope}} {{eq .nope \"x\"}}",
    "{{len 5}}",
    "{{.kind.name}}",
    "{{.kind \"x\"}}",
    "{{range .kind}}{{end}}",
    "{{range 3}}{{.}}{{end}}",
    "{{range $i, $c := .items}}{{$i}}{{end}}{{$}}",
    "{{with $x := .kind}}{{$x}}{{end}}",
    "{{if .nope}}a{{else if .kind}}b{{else}}c{{end}}{{with .nope}}d{{else with .kind}}{{.}}{{end}}",
    "{{true}} {{1}} {{0x1F}} {{1e3}} {{'a'}} {{`raw\\n`}} {{\"\\u00e9\\t\"}} {{1_000}} {{0b11}} {{-5}} {{1.50}}",
    "{{nil}}",
    "{{.kind | nil}}",
    "{{5 | 6}}",
    "{{.x",
    "{{if}}x{{end}}",
    "{{if .x}}x",
    "{{end}}",
    "{{else}}",
    "{{range}}{{end}}",
    "{{break}}",
    "{{nofunc 1}}",
    "{{$x}}",
    "{{.a.}}",
    "{{\"a}}",
    "{{(.kind}}",
    "{{.kind)}}",
    "{{.kind | }}",
    "{{template \"none\"}}",
    "{{define \"x\"}}",
    "{{printf}}",
    "{{len}}",
    "{{len 1 2}}",
    "{{@}}",
    "{{.a-b}}",
    "{{/* unclosed",
    "{{1.x}}",
    "a\n{{\n.kind.x.y}}",
    "{{call .kind}}",
    "",
];

#[test]
fn go_templates_come_in_every_way_that_kubectl_takes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("template");
    let template = "{{.metadata.name}} {{len .spec.containers}}\n";
    std::fs::write(&file, template).unwrap();
    let file = file.to_str().unwrap();
    let with = |format: &str, what: &str| format!("{format}={what}");
    for flags in [
        &["-o", &with("go-template", template)] as &[&str],
        &["-o", &with("template", template)],
        &["-o", &with("go-template-file", file)],
        &["-o", &with("templatefile", file)],
        &["--template", template],
        &["-o", "go-template", "--template", template],
        &["-o", "go-template-file", &with("--template", file)],
    ] {
        let output = get(&[&["pods/db-0", "-n", "shop"], flags].concat());
        assert_eq!((text(&output.stdout), text(&output.stderr)), ("db-0 1\n".to_owned(), String::new()), "{flags:?}");
    }
    let output = get(&["pods/db-0", "-o", "jsonpath", "--template", "{.kind}"]);
    assert_eq!(text(&output.stdout), "Pod");
    // a Secret is shown as it is stored, as in every other format
    let secret = "go-template={{.data.password | base64decode}}";
    assert_eq!(text(&get(&["secret/plain-secret", "-n", "shop", "-o", secret]).stdout), "s3cr3t-before-encryption");
    let output = get(&["pods", "-l", "app=nobody", "-o", "go-template={{.kind}} {{len .items}}"]);
    assert_eq!(text(&output.stdout), "List 0");
    for (args, code, error) in [
        (&["pods", "-o", "go-template"] as &[&str], 2, "template format specified but no template given"),
        (&["pods", "-o", "go-template={{.x"], 2, "error parsing template {{.x, template: output:1: unclosed action"),
        (
            &["pods", "-o", "jsonpath={.x}", "--template", "{{.x}}"],
            2,
            "a template in --output and one in --template: one is enough",
        ),
        (
            &["pods/db-0", "-o", "go-template={{.kind.x}}"],
            1,
            "error executing template \"{{.kind.x}}\": template: output:1:7: executing \"output\" at <.kind.x>: \
             can't evaluate field x in type interface {}",
        ),
        (
            &["pods/db-0", "-o", "go-template={{.nope}}", "--allow-missing-template-keys=false"],
            1,
            "error executing template \"{{.nope}}\": template: output:1:2: executing \"output\" at <.nope>: \
             map has no entry for key \"nope\"",
        ),
    ] {
        let output = get(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert_eq!(said.lines().next(), Some(format!("error: {error}").as_str()), "{args:?}");
    }
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
            "`etcdsnap timeline fixtures/kube.db pods` lists every change that it holds",
        ),
        (
            &["deploy/web", "--watch-only"],
            "a backup does not change, there is nothing to watch",
            "`etcdsnap timeline fixtures/kube.db deploy` lists every change that it holds",
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
            "subresource \"scale\" is not stored; an API server computes it",
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
