//! The cases of client-go's own tests (`jsonpath_test.go`, `parser_test.go`).

use super::{EvalError, JsonPath};
use crate::k8s::decode;

/// The output of a template for a JSON text, which is under `v` when it is no object; or the error.
fn run(template: &str, data: &str, allow_missing: bool) -> Result<String, String> {
    let path = JsonPath::parse(template).map_err(|e| e.to_string())?.allow_missing_keys(allow_missing);
    let object = decode(data.as_bytes()).unwrap();
    let mut out = Vec::new();
    path.execute(&mut out, &object.value).map_err(|e| e.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

#[track_caller]
fn same(data: &str, cases: &[(&str, &str)]) {
    for (template, want) in cases {
        assert_eq!(run(template, data, false).as_deref(), Ok(*want), "{template}");
    }
}

#[track_caller]
fn refused(data: &str, cases: &[(&str, &str)]) {
    for (template, want) in cases {
        assert_eq!(run(template, data, false), Err((*want).to_owned()), "{template}");
    }
}

const TYPES: &str = r#"{"bools":[true,false,true,false],"ints":[1,2,3,4],"floats":[1.0,2.2,3.3,4.0],
    "texts":["one","two","three","four"],"mixed":[true,"one",1,1.1,null],
    "maps":[{"name":"one","value":1},{"name":"two","value":2.02},{"name":"three","value":3.03}],"big":1e6,"html":"<&>",
    "empty":""}"#;

#[test]
fn values_are_printed_by_their_type() {
    same(
        TYPES,
        &[
            ("hello jsonpath", "hello jsonpath"),
            ("{ .bools }", "[true,false,true,false]"),
            ("{.bools[-1]}", "false"),
            ("{.ints[0:2]}", "1 2"),
            ("{.floats}", "[1,2.2,3.3,4]"),
            ("{.floats[0]}-{.floats[-2]}", "1-3.3"),
            ("{.texts}", r#"["one","two","three","four"]"#),
            ("{.texts[:4:2]}", "one three"),
            ("{.mixed[*]}", "true one 1 1.1 null"),
            ("{.maps[1::2]}", r#"{"name":"two","value":2.02}"#),
            ("{.maps[::2].name}", "one three"),
            ("{.big} {.html}", "1e+06 <&>"),
            ("{.maps[0]['name','value']}", "one 1"),
            (r#"{"{"}{'}'}"#, "{}"),
            ("{true} {1} {-2.50}", "true 1 -2.5"),
            ("{.texts[0].*}", "111 110 101"),
            ("{.empty..}x", "x"),
        ],
    );
    let compact = run("{@}", r#"{"html":"<&>"}"#, false);
    assert_eq!(compact, run("{$}", r#"{"html":"<&>"}"#, false));
    assert_eq!(compact.as_deref(), Ok(r#"{"html":"\u003c\u0026\u003e"}"#));
}

#[test]
fn json_output_prints_arrays() {
    let object = decode(TYPES.as_bytes()).unwrap();
    let mut out = Vec::new();
    JsonPath::parse("{.ints[:2]}x{.bools[0:0]}").unwrap().output_json(true).execute(&mut out, &object.value).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "[\n    1,\n    2\n]\n[\n    \"x\"\n]\n[]\n");
}

const STORE: &str = r#"{"Name":"jsonpath","Book":[
    {"Category":"reference","Author":"Nigel Rees","Price":8.95},
    {"Category":"fiction","Author":"Evelyn Waugh","Price":12.99},
    {"Category":"fiction","Author":"Herman Melville","Price":8.99}],
    "Bicycle":[{"Color":"red","Price":19.95,"IsNew":true},{"Color":"green","Price":20.01,"IsNew":false}],
    "Labels":{"engieer":10,"web/html":15,"k8s-app":20,"a.b/c":30}}"#;

#[test]
fn the_shop_of_the_go_tests() {
    same(
        STORE,
        &[
            ("hello {.Name}", "hello jsonpath"),
            ("{$.Labels.web/html}", "15"),
            ("{.Labels.k8s-app}", "20"),
            (r"{.Labels.a\.b/c} {.Labels['a\.b/c']}", "30 30"),
            ("{.Bicycle[*].Color}", "red green"),
            ("{.Book[*].Author}", "Nigel Rees Evelyn Waugh Herman Melville"),
            (r#"{range .Bicycle[*]}{ "{" }{ @.* }{ "} " }{end}"#, "{red true 19.95} {green false 20.01} "),
            ("{..Price}", "19.95 20.01 8.95 12.99 8.99"),
            ("{...Price}", "19.95 20.01 8.95 12.99 8.99"),
            ("{.Bicycle[0:1]}", r#"{"Color":"red","IsNew":true,"Price":19.95}"#),
            ("{.Book[-1:].Author}", "Herman Melville"),
            ("{..Book[2].Author}", "Herman Melville"),
            ("{.Bicycle[?(@.IsNew==true)].Color}", "red"),
            ("{.Book[?(@.Price<10.5)].Author}", "Nigel Rees Herman Melville"),
            ("{.Book[?(@.Price>=8.99)].Price}", "12.99 8.99"),
            (r#"{.Book[?(@.Category!='fiction')].Author}"#, "Nigel Rees"),
            ("{.Bicycle[?(@.Color<'h')].Color}", "green"),
        ],
    );
    refused(
        STORE,
        &[
            ("{hello}", "unrecognized identifier hello"),
            ("{.hello}", "hello is not found"),
            ("{.Labels[0]}", "map[string]interface {} is not array or slice"),
            ("{.Name[0]}", "string is not array or slice"),
            ("{.Book[?(@.Price<>10)]}", "unrecognized filter operator <>"),
            ("{.Name[?(@.x)]}", "jsonpath is not array or slice and cannot be filtered"),
            ("{.Book[?(@.Price==10)]}", "incompatible types for comparison"),
            ("{.Book[?(@==10)]}", "invalid type for comparison"),
            ("{.Bicycle[?(@.IsNew<true)]}", "invalid type for comparison"),
            ("{.Book[?(@.*=='x')]}", "can only compare one element at a time"),
            ("{range .Labels.*}{@}{end}{end}", "not in range, nothing to end"),
        ],
    );
    assert_eq!(run("before-{.hello}after", STORE, true).as_deref(), Ok("before-after"));
}

#[test]
fn json_points() {
    let points = r#"{"v":[{"id":"i1","x":4,"y":-5},{"id":"i2","x":-2,"y":-5,"z":1},{"id":"i5","x":0,"y":2,"z":1},
        {"id":"i7","x":null,"y":4}]}"#;
    same(points, &[("{.v[?(@.z)].id}", "i2 i5"), ("{.v[0]['id']}", "i1"), ("{.v[-1]['x']}", "null")]);
    same(points, &[("{.v[?(@.y>0)].id}", "i5 i7"), ("{.v[?(@.y==-5)].id}", "i1 i2")]);
    same(r#"{"v":[null,1]}"#, &[("{range .v[*]}[{@}]{end}", "[<no value>][1]")]);
}

const NODES: &str = r#"{"kind":"List","items":[
    {"kind":"None","metadata":{"name":"127.0.0.1","labels":{"kubernetes.io/hostname":"127.0.0.1"}},
     "status":{"capacity":{"cpu":"4"},"ready":true,"addresses":[{"type":"LegacyHostIP","address":"127.0.0.1"}]}},
    {"kind":"None","metadata":{"name":"127.0.0.2","labels":{"kubernetes.io/hostname":"127.0.0.2"}},
     "status":{"capacity":{"cpu":"8"},"ready":false,
        "addresses":[{"type":"LegacyHostIP","address":"127.0.0.2"},{"type":"another","address":"127.0.0.3"}]}}],
    "users":[{"name":"myself","user":{}},{"name":"e2e","user":{"username":"admin","password":"secret"}}]}"#;

#[test]
fn uses_from_kubernetes() {
    same(
        NODES,
        &[
            ("{range .items[*]}{.metadata.name}, {end}{.kind}", "127.0.0.1, 127.0.0.2, List"),
            (r#"{range .items[*]}{.metadata.name}{"\t"}{end}"#, "127.0.0.1\t127.0.0.2\t"),
            ("{.items[*].status.addresses[*].address}", "127.0.0.1 127.0.0.2 127.0.0.3"),
            (
                "{range .items[*]}{range .status.addresses[*]}{.address}, {end}{end}",
                "127.0.0.1, 127.0.0.2, 127.0.0.3, ",
            ),
            ("{.items[*]['metadata.name', 'status.capacity']}", r#"127.0.0.1 127.0.0.2 {"cpu":"4"} {"cpu":"8"}"#),
            (
                "{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}",
                r#"[127.0.0.1, {"cpu":"4"}] [127.0.0.2, {"cpu":"8"}] "#,
            ),
            (r#"{.users[?(@.name=="e2e")].user.password}"#, "secret"),
            (r"{.items[0].metadata.labels.kubernetes\.io/hostname}", "127.0.0.1"),
            (r#"{.items[?(@.metadata.labels.kubernetes\.io/hostname=="127.0.0.1")].kind}"#, "None"),
            ("{.items[?(@..ready==true)].metadata.name}", "127.0.0.1"),
            ("{..name}", "127.0.0.1 127.0.0.2 myself e2e"),
        ],
    );
    refused(NODES, &[(r#"{.items[?(@.kind=="None" && @.x=="y")]}"#, "unrecognized character in action: U+0026 '&'")]);
}

#[test]
fn empty_ranges_print_nothing() {
    let nested = r#"{range .items[*]}{.metadata.name}{":"}{range @.spec.containers[*]}{.name}{","}{end}{"+"}{end}"#;
    for template in ["{range .items[*]}{.metadata.name}{end}", nested] {
        assert_eq!(run(template, r#"{"items":[]}"#, true).as_deref(), Ok(""));
    }
    assert_eq!(run(nested, r#"{"items":[]}"#, false), Err("metadata is not found".into()));
}

#[test]
fn ranges_in_ranges() {
    let pod = |name, containers: &[&str]| {
        let one = |c: &&str| format!(r#"{{"name":"{c}","another":[{{"name":"value1"}},{{"name":"value2"}}]}}"#);
        let containers = containers.iter().map(one).collect::<Vec<_>>().join(",");
        format!(r#"{{"metadata":{{"name":"{name}"}},"spec":{{"containers":[{containers}]}}}}"#)
    };
    let pods = format!(r#"{{"items":[{},{}]}}"#, pod("pod1", &["foo", "bar"]), pod("pod2", &["baz"]));
    let open = r#"{range .items[*]}{.metadata.name}"#;
    same(
        &pods,
        &[
            (
                &format!(r#"{open}{{":"}}{{range @.spec.containers[*]}}{{.name}}{{","}}{{end}}{{"+"}}{{end}}"#),
                "pod1:foo,bar,+pod2:baz,+",
            ),
            (
                &format!(
                    r#"{open}~{{range @.spec.containers[*]}}{{.name}}:{{range @.another[*]}}{{.name}},{{end}}+{{end}}#{{end}}"#
                ),
                "pod1~foo:value1,value2,+bar:value1,value2,+#pod2~baz:value1,value2,+#",
            ),
            (
                &format!(
                    r#"{open} {{range .spec.containers[*]}}{{.name}} {{end}}- {{range .spec.containers[*]}}{{.name}} {{end}};{{end}}."#
                ),
                "pod1 foo bar - foo bar ;pod2 baz - baz ;.",
            ),
        ],
    );
}

#[test]
fn a_range_without_an_end_goes_on_outside() {
    let data = r#"{"a":[{"x":1},{"x":2}],"x":3}"#;
    same(data, &[("{range .a[*]}{.x},", "1,2,3,")]);
    assert_eq!(run(&"{range @}".repeat(100), data, true), Err(EvalError::Deep.to_string()));
}

#[test]
fn filters_pass_over_what_is_missing() {
    let pods = r#"{"items":[{"metadata":{"name":"pod1","annotations":{"color":"blue"}},"status":{"phase":"Running"}},
        {"metadata":{"name":"pod2"},"status":{"phase":"Running"}},
        {"metadata":{"name":"pod4","annotations":{"color":"blue"}}},{"resourceVersion":""}]}"#;
    let blue = r#"{.items[?(@.metadata.annotations.color=="blue")].metadata.name}"#;
    assert_eq!(run(blue, pods, true).as_deref(), Ok("pod1 pod4"));
    assert_eq!(run(blue, pods, false), Err("annotations is not found".into()));
    let running = r#"{range .items[?(.status.phase=="Running")]}{.metadata.name}{" is Running\n"}{end}"#;
    assert_eq!(run(running, pods, true).as_deref(), Ok("pod1 is Running\npod2 is Running\n"));
}

#[test]
fn indexes_slices_and_steps() {
    let data = r#"{"v":["0","1","2","3","4","5"]}"#;
    same(
        data,
        &[
            ("{.v[0]}{.v[]}", "00"),
            ("{.v[0:0]}", ""),
            ("{.v[0:-1]}", "0 1 2 3 4"),
            ("{.v[-1]}", "5"),
            ("{.v[-2:]}", "4 5"),
            ("{.v[-6:]}", "0 1 2 3 4 5"),
            ("{.v[-6]}", "0"),
            ("{.v[7:7]}", ""),
            ("{.v[-7:-7]}", ""),
            ("{.v[0:6:]}", "0 1 2 3 4 5"),
            ("{.v[1:4:2]}", "1 3"),
            ("{.v[1:4:4]}", "1"),
            ("{.v[0:6:5]}", "0 5"),
            ("{.v[0,2,-1]}", "0 2 5"),
            ("{.v[0:6:9223372036854775807]}", "0"),
        ],
    );
    refused(
        data,
        &[
            ("{.v[6]}", "array index out of bounds: index 6, length 6"),
            ("{.v[0:7]}", "array index out of bounds: index 6, length 6"),
            ("{.v[-7]}", "array index out of bounds: index -1, length 6"),
            ("{.v[3:1]}", "starting index 3 is greater than ending index 1"),
            ("{.v[-1:-2]}", "starting index 5 is greater than ending index 4"),
            ("{.v[-1:0]}", "starting index 5 is greater than ending index 0"),
            ("{.v[0:6:0]}", "step must be > 0"),
            ("{.v[0:6:-1]}", "step must be > 0"),
            ("{.v[9223372036854775807]}", "array index out of bounds: index 9223372036854775807, length 6"),
        ],
    );
}

#[test]
fn what_is_no_template() {
    for (template, want) in [
        ("{.hello", "unclosed action"),
        ("{*}", "unrecognized character in action: U+002A '*'"),
        ("{\t}", "unrecognized character in action: U+0009"),
        ("{+12.3.0}", "cannot parse number +12.3.0"),
        ("{[1}", "unterminated array"),
        ("{[x]}", "invalid array index x"),
        ("{[1:2:3:4]}", "invalid array index 1:2:3:4"),
        ("{[-]}", "array index - is not a number"),
        ("{[?(.price]}", "unterminated filter"),
        ("{[?(.price)}", "unclosed array expect ]"),
        ("{........}", "invalid multiple recursive descent"),
        ("{\"a}", "unterminated quoted string"),
        (r#"{"\q"}"#, r#"unquote string "\q" error invalid syntax"#),
        (r"{\\\}", r"unrecognized character in action: U+005C '\'"),
    ] {
        assert_eq!(JsonPath::parse(template).map_err(|e| e.to_string()), Err(want.to_owned()), "{template}");
    }
    let nested = format!("{{{}x{}}}", "[?(@".repeat(100), ")]".repeat(100));
    assert!(JsonPath::parse(&nested).is_err());
}

#[test]
fn filters_take_quotes_as_they_come() {
    for (text, filter) in [
        ("()", r#""()""#),
        ("(\"\")", r#""(\"\")""#),
        ("())(", r#""())(""#),
        ("{[()]}", r#""{[()]}""#),
        ("''", r#""''""#),
        ("\"\"", r#"'""'"#),
        ("\\'", r"'\\\''"),
        ("Linux", "'Linux'"),
    ] {
        let data = format!(r#"{{"v":[{{"t":{}}},{{"t":"other"}}]}}"#, serde_json::to_string(text).unwrap());
        let template = format!("{{.v[?(@.t == {filter})].t}}");
        assert_eq!(run(&template, &data, false).as_deref(), Ok(text), "{template}");
    }
}
