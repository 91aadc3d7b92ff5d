use super::*;
use crate::k8s::decode;

const OBJECT: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"b":"2","a":"1"},"name":"web","null":null},
"spec":{"n":3,"f":1.5,"list":["x",7,null,{"k":"v"}],"empty":[],"yes":true},"data":{"p":"aHVudGVyMg==","bad":"?"}}"#;

fn run(template: &str) -> String {
    let object = decode(OBJECT.as_bytes()).unwrap();
    let mut out = Vec::new();
    let text = |out: Vec<u8>| String::from_utf8(out).unwrap();
    match GoTemplate::parse(template) {
        Err(why) => format!("ERROR {why}"),
        Ok(template) => match template.execute(&mut out, &object.value) {
            Ok(()) => text(out),
            Err(why) => format!("{}ERROR {why}", text(out)),
        },
    }
}

#[test]
fn actions_are_applied() {
    for (template, want) in [
        ("{{.metadata.name}}", "web"),
        ("a {{- .kind -}} \n b", "aPodb"),
        ("{{/* no */}}x{{- /* no */ -}} y", "xy"),
        ("{{.nope.nope}}|{{.metadata.null}}", "<no value>|<no value>"),
        ("{{range $k, $v := .metadata.labels}}{{$k}}={{$v}},{{end}}", "a=1,b=2,"),
        ("{{range .spec.empty}}x{{else}}none{{end}}", "none"),
        ("{{range $i, $e := .spec.list}}{{if eq $i 2}}{{break}}{{end}}{{$e}};{{end}}", "x;7;"),
        ("{{with .spec}}{{.n}}{{$.kind}}{{else}}no{{end}}", "3Pod"),
        ("{{if .nope}}a{{else if .spec.yes}}b{{else}}c{{end}}", "b"),
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"),
        (r#"{{define "t"}}<{{.}}>{{end}}{{template "t" .kind}}{{block "u" 5}}{{.}}{{end}}"#, "<Pod>5"),
        (r#"{{.spec.n | printf "%s-%d" "a" | len}}"#, "3"),
        ("{{.spec.list}} {{.spec}}", "[x 7 <nil> map[k:v]] map[empty:[] f:1.5 list:[x 7 <nil> map[k:v]] n:3 yes:true]"),
        ("{{(index .spec.list 3).k}}{{len .kind}}{{slice .kind 1 2}}", "v3o"),
        ("{{.data.p | base64decode}}", "hunter2"),
        (r#"{{exists . "spec" "n"}}{{exists .spec.list 9}}{{not .spec.yes}}"#, "truefalsefalse"),
        ("{{and .spec.n .kind}}{{or .nope \"d\"}}{{gt .spec.n 2}}{{eq .kind \"x\" \"Pod\"}}", "Poddtruetrue"),
        ("{{range 3}}{{.}}{{end}}", "012"),
    ] {
        assert_eq!(run(template), want, "{template}");
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(5000), close.repeat(5000));
    for template in [deep("{{if 1}}", "{{end}}"), format!("{{{{{}}}}}", deep("(", ")")), deep("{{with 1}}{{else ", "")]
    {
        assert!(run(&template).starts_with("ERROR"), "{}", run(&template));
    }
    assert!(
        run(r#"{{define "t"}}{{template "t"}}{{end}}{{template "t"}}"#).contains("exceeded maximum template depth")
    );
}

/// Each template calls the next one twice.
#[test]
fn calls_are_bounded() {
    let twice = |n: u8| format!(r#"{{{{template "{n}"}}}}"#).repeat(2);
    let calls: String = (0..60).map(|n| format!(r#"{{{{define "{n}"}}}}{}{{{{end}}}}"#, twice(n + 1))).collect();
    let printed = run(&format!(r#"{calls}{{{{define "60"}}}}{{{{end}}}}{{{{template "0"}}}}"#));
    assert!(printed.contains("too much output"), "{printed}");
}

/// What prints nothing is counted, too: each template prints a dot a round, and ends long before its last round.
#[test]
fn steps_without_output_are_counted() {
    let wide = r#"{{$x := printf "%60000d" 1}}{{range 100000}}.{{$y := ACTION}}{{end}}"#;
    for (template, most) in [
        (wide.replace("ACTION", "$x"), 300),
        (wide.replace("ACTION", "eq $x $x"), 150),
        (wide.replace("ACTION", "$x | len"), 300),
        (r#"{{range 1000000}}.{{$y := printf "%.0s" $}}{{end}}"#.to_owned(), 200_000),
        ("{{range 100}}.{{range 1000000}}{{end}}{{end}}".to_owned(), 17),
        ("{{range 100}}.{{range 500}}{{range 500}}{{if .}}{{end}}{{end}}{{end}}{{end}}".to_owned(), 32),
        (r#"{{$x := "a"}}{{range 60}}.{{$x = print $x $x}}{{end}}"#.to_owned(), 24),
    ] {
        let printed = run(&template);
        let dots = printed.bytes().take_while(|byte| *byte == b'.').count();
        assert!(printed.contains("too many steps") && dots <= most, "{template}: {dots} rounds");
    }
    assert_eq!(run("{{range 1000000}}{{$x := 1}}{{end}}done"), "done");
}

#[test]
fn no_template_panics() {
    let pieces = [
        "{{",
        "}}",
        "{{- ",
        " -}}",
        "/*",
        "*/",
        ".",
        "$",
        "x",
        "range",
        "if",
        "else",
        "end",
        "with",
        "define",
        "block",
        "\"a\"",
        "`",
        "'a'",
        "|",
        ":=",
        "=",
        ",",
        "(",
        ")",
        "0x",
        "1e9",
        "-",
        "printf",
        "\"%*[d%\"",
        "index",
        "slice",
        "nil",
        " ",
        "\n",
        "é",
        "\\",
        "template",
        "break",
        ".spec.list",
        "$x",
        "html",
        "99999999999999999999",
    ];
    let mut seed = 7_usize;
    for _ in 0..20_000 {
        let mut template = String::from("{{");
        for _ in 0..12 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            template += pieces[(seed >> 33) % pieces.len()];
        }
        run(&template);
    }
}
