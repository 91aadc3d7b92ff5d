//! The pages in `docs/` that are made from the code: `UPDATE_DOCS=1 cargo test docs` writes them.

use std::{fmt::Write as _, fs, path::Path};

use etcdsnap::{
    catalog::{BACKUPS, VERSIONS},
    error::Code,
    impact::Rule,
    rows::{COLUMNS, Column, Table},
};

const FINDINGS: &str = "\
# Findings

Every finding has a code, which is printed after its severity and is `code` in JSON. A code never changes its meaning and
is never used for another; new ones may be added.

`error`: something is wrong, and the exit status is 1. `warning`: something cannot be proved, or needs a decision. `info`:
worth knowing. Several codes come with more than one severity, by what was found.

| code | meaning |
|---|---|
";

fn findings() -> String {
    let mut page = FINDINGS.to_owned();
    for code in Code::ALL {
        writeln!(page, "| `{}` | {} |", code.name(), code.meaning().replace('|', "\\|")).unwrap();
    }
    page
}

#[test]
fn findings_are_listed_as_they_are_defined() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/findings.md");
    let page = findings();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, page).unwrap();
    } else {
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(there == page, "docs/findings.md differs from the codes: UPDATE_DOCS=1 cargo test docs");
    }
}

#[test]
fn codes_are_in_order_and_each_has_a_meaning() {
    assert!(Code::ALL.is_sorted_by(|a, b| a.name() < b.name()));
    assert!(Code::ALL.iter().all(|code| code.meaning().ends_with('.')));
}

fn columns<T: Table>(columns: &[Column<T>]) -> String {
    let mut table = "| column | type | null | meaning |\n|---|---|---|---|\n".to_owned();
    for column in columns {
        let null = if column.required { "" } else { "yes" };
        writeln!(table, "| `{}` | `{}` | {null} | {} |", column.name, column.of.name(), column.meaning).unwrap();
    }
    table
}

/// Compares the part of a page that is made from the code, or writes it.
fn check_part(page: &str, name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let page = fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name}: made from the code -->\n"), format!("<!-- {name}: end -->\n"));
    let (before, rest) = page.split_once(&begin).unwrap();
    let (there, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, [before, &begin, made, &end, after].concat()).unwrap();
    } else {
        assert!(there == made, "{} differs from the code: UPDATE_DOCS=1 cargo test docs", path.display());
    }
}

#[test]
fn columns_are_listed_as_they_are_defined() {
    for (name, columns) in
        [("columns", columns(&COLUMNS)), ("versions", columns(&VERSIONS)), ("backups", columns(&BACKUPS))]
    {
        check_part("docs/rows.md", name, &columns);
    }
}

#[test]
fn dangers_are_listed_as_they_are_defined() {
    let mut table = "| code | what is dangerous | what to do |\n|---|---|---|\n".to_owned();
    for rule in Rule::ALL {
        writeln!(table, "| `{}` | {} | {} |", rule.code(), rule.meaning(), rule.remedy()).unwrap();
    }
    check_part("docs/impact.md", "dangers", &table);
    assert!(Rule::ALL.is_sorted_by(|a, b| a.code() < b.code()));
}
