//! `get KIND` prints the table that kubectl prints: `fixtures/k8s/tables`, by the real one of a restored `kube.db`.

use std::{
    fs,
    process::{Command, Output},
};

use crate::common::random::{damaged_values, stored_values};
use etcdsnap::{
    k8s::{self, Moment, Resources, Value},
    print::{Clock, TablePrinter},
};

/// Text about how long ago something was: kubectl counts from now.
const RELATIVE: [&str; 5] = ["AGE", "DURATION", "FIRST SEEN", "LAST SCHEDULE", "LAST SEEN"];

/// Rows of objects that the API server wrote to between the restore and the answer: file, part of the name, why.
const MOVED_ON: [(&str, &str, &str); 1] =
    [("leases.", "apiserver-", "an API server takes its own Lease when it starts")];

fn get(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(["get", "fixtures/kube.db"]).args(args).output().unwrap()
}

/// Tables as rows of cells, each with the spaces after it; what is relative to now is left out.
pub(crate) fn cells<'t>(file: &str, text: &'t str) -> Vec<Vec<&'t str>> {
    let mut rows = Vec::new();
    for table in text.split("\n\n") {
        let header = table.lines().next().unwrap();
        let begins = |at: &usize| *at == 0 || header[..*at].ends_with("   ") && !header[*at..].starts_with(' ');
        let starts: Vec<_> = (0..header.len()).filter(begins).collect();
        for line in table.lines() {
            if MOVED_ON.iter().any(|(of, name, _)| file.starts_with(of) && line.contains(name)) {
                continue;
            }
            let mut row = Vec::new();
            for (index, from) in starts.iter().enumerate() {
                let cell = |line: &'t str| &line[*from..starts.get(index + 1).copied().unwrap_or(line.len())];
                if !RELATIVE.contains(&cell(header).trim_end()) {
                    row.push(cell(line));
                }
            }
            rows.push(row);
        }
        rows.push(vec![""]);
    }
    rows
}

fn arguments(file: &str) -> Vec<&str> {
    match file {
        "all.shop" => vec!["all", "-n", "shop"],
        "services.shop" => vec!["services", "-n", "shop"],
        "pods.labels" => vec!["pods", "--show-labels"],
        _ => match file.strip_suffix(".wide") {
            Some(resource) => vec![resource, "-A", "-o", "wide"],
            None => vec![file, "-A"],
        },
    }
}

#[test]
fn tables_are_those_of_kubectl() {
    let mut compared = 0;
    for entry in fs::read_dir("fixtures/k8s/tables").unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        if file == "all.no-headers" {
            continue;
        }
        let want = fs::read_to_string(&path).unwrap();
        let output = get(&arguments(&file));
        let have = String::from_utf8(output.stdout).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{file}: {said}");
        let (have_cells, want_cells) = (cells(&file, &have), cells(&file, &want));
        assert_eq!(have_cells, want_cells, "{file}:\n{have}\nkubectl:\n{want}");
        compared += 1;
    }
    assert!(compared > 80, "{compared}");
}

#[test]
fn without_headers_nothing_parts_the_tables() {
    let want = fs::read_to_string("fixtures/k8s/tables/all.no-headers.txt").unwrap();
    let have = String::from_utf8(get(&["all", "--no-headers"]).stdout).unwrap();
    let is_time = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_digit())
            && word.chars().all(|c| c.is_ascii_digit() || "smhdy".contains(c))
            && word.ends_with(|c: char| c.is_ascii_lowercase())
    };
    let lines = |text: &str| -> Vec<Vec<String>> {
        let words = |line: &str| line.split_whitespace().filter(|word| !is_time(word)).map(str::to_owned).collect();
        text.lines().map(words).collect()
    };
    assert_eq!(lines(&have), lines(&want));
}

#[test]
fn what_is_not_there_is_told() {
    let said = |args: &[&str]| {
        let output = get(args);
        assert!(output.stdout.is_empty(), "{args:?}");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(said(&["resourceclaims"]), (Some(0), "No resources found\n".to_owned()));
    assert_eq!(
        said(&["jobs", "-n", "kube-public"]),
        (Some(0), "No resources found in kube-public namespace.\n".to_owned())
    );
    assert_eq!(said(&["volumeattachments", "-n", "kube-public"]), (Some(0), "No resources found\n".to_owned()));
    let (code, text) = said(&["pods", "nobody", "-n", "shop"]);
    assert!(code == Some(1) && text.contains("no pods nobody in namespace shop"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn one_line_for_everything_stays_without_a_kind() {
    let out = String::from_utf8(get(&["-n", "shop"]).stdout).unwrap();
    assert!(out.starts_with("KIND"), "{out}");
    let wide = String::from_utf8(get(&["-n", "shop", "-o", "wide"]).stdout).unwrap();
    assert!(wide.contains("\n\nNAME ") && wide.contains("\npod/db-0 "), "{wide}");
}

/// Every printer makes a cell for each column of any object.
fn survives(object: &Value<'_>) {
    let clock = Clock(Some(Moment { seconds: 1_800_000_000, nanos: 0 }));
    let resources = Resources::default();
    for resource in resources.all() {
        let printer = TablePrinter::new(resource, None, None);
        assert_eq!(printer.row(object, clock).len(), printer.columns.len(), "{}", resource.full_name());
    }
    let printer = TablePrinter::new(&resources.all()[0], Some(object), None);
    assert_eq!(printer.row(object, clock).len(), printer.columns.len());
}

#[test]
fn any_object_has_a_row() {
    let survives = |value: &[u8]| {
        if let Ok(object) = k8s::decode(value) {
            survives(&object.value);
        }
    };
    stored_values().iter().for_each(|value| survives(value));
    damaged_values(20, |value, _| survives(&value));
}

#[test]
fn fields_of_every_wrong_type_are_as_good_as_none() {
    // the same name at every depth leads into whatever a printer looks for
    let names = [
        "spec",
        "status",
        "metadata",
        "conditions",
        "containers",
        "template",
        "metrics",
        "subsets",
        "rules",
        "limited",
    ];
    for wrong in ["null", "true", "-1", "1e99", "18446744073709551615", "\"x\"", "[]", "[null,1,\"\",[],{}]", "{}"] {
        let object = names.iter().fold(wrong.to_owned(), |inner, _| {
            let fields: Vec<_> = names.iter().map(|name| format!("\"{name}\":{inner}")).collect();
            let whole = format!("{{{}}}", fields.join(","));
            if whole.len() > 100_000 { inner } else { whole }
        });
        survives(&k8s::decode(object.as_bytes()).unwrap().value);
        let lists = format!(
            r#"{{"spec":[{wrong}],"status":{{"conditions":[{wrong}],"podIPs":[{wrong}],"containerStatuses":[{wrong}]}},
            "metadata":{{"labels":{wrong},"annotations":{wrong},"creationTimestamp":{wrong}}}}}"#
        );
        survives(&k8s::decode(lists.as_bytes()).unwrap().value);
    }
}
