//! The order of the rooms. A room may name only the rooms that the table gives it; reading the table is reading the
//! house. Within a room the files have an order, too: none names another that names it, itself or through others.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "layers/circles.rs"]
mod circles;
#[path = "layers/tokens.rs"]
mod tokens;
#[path = "layers/width.rs"]
mod width;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use tokens::{group, tokens};

/// The trunk, in the order of the data's way: a room may name every room of an earlier floor, none of its own.
const TRUNK: &[&[&str]] = &[
    &["bytes", "ordered"],
    &["error"],
    &["document"],
    &["proto"],
    &["hash"],
    &["source"],
    &["publish"],
    &["bolt"],
    &["wal"],
    &["snap"],
    &["etcd"],
    &["k8s"],
];

/// The branches, and which others each may name beside the whole trunk.
const BRANCHES: &[(&str, &[&str])] = &[
    ("analyze", &[]),
    ("audit", &[]),
    ("remote", &[]),
    ("evidence", &[]),
    ("grep", &[]),
    ("verify", &[]),
    ("select", &[]),
    ("objects", &["select"]),
    ("print", &["select"]),
    ("diff", &["audit", "objects"]),
    ("impact", &["objects"]),
    ("serve", &["select", "objects", "print"]),
    ("salvage", &[]),
    ("export", &["verify", "objects"]),
    ("rows", &["verify", "select", "objects"]),
    ("report", &["verify", "analyze", "objects", "diff"]),
    ("restore", &["verify"]),
    ("rewrite", &["verify"]),
    ("catalog", &["verify", "select", "objects", "rows"]),
];

/// The one place where the compiler's promises are replaced by ours.
const UNSAFE: &str = "source/map.rs";

/// What the crate's root gives to all.
const ROOT: &[&str] = &["Code", "Error", "Finding", "Findings", "Result"];

/// The rooms that `room` may name, or `None` when the house has no such room.
fn allowed(room: &str) -> Option<BTreeSet<&'static str>> {
    let trunk = |floors: &[&[&'static str]]| floors.iter().flat_map(|f| f.iter().copied()).collect::<BTreeSet<_>>();
    if let Some(floor) = TRUNK.iter().position(|floor| floor.contains(&room)) {
        return Some(trunk(&TRUNK[..floor]));
    }
    let (_, others) = BRANCHES.iter().find(|(name, _)| *name == room)?;
    let mut rooms = trunk(TRUNK);
    rooms.extend(others.iter().copied());
    Some(rooms)
}

/// The room of a file below `src`, and how many modules deep the file is: `bolt/page.rs` is `bolt`, 2.
fn place(file: &Path) -> (String, usize) {
    let mut modules: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if modules.last().is_some_and(|last| last == "mod") {
        modules.pop();
    }
    (modules.first().cloned().unwrap_or_default(), modules.len())
}

/// Faults of one file. `file` is its path below `src`, `text` what it holds.
fn faults(file: &Path, text: &str) -> Vec<String> {
    let (room, depth) = place(file);
    let tokens = tokens(text);
    let mut faults = Vec::new();
    if file != Path::new(UNSAFE) && tokens.iter().any(|t| t == "unsafe") {
        faults.push(format!("src/{}: `unsafe` belongs into src/{UNSAFE} only", file.display()));
    }
    match room.as_str() {
        "lib" => {}
        "cli" => {
            for named in names(&tokens, depth.saturating_sub(1), None) {
                if allowed(&named).is_some() && !Path::new("src/cli").join(format!("{named}.rs")).exists() {
                    faults.push(format!("src/{}: says `crate::{named}`, not `etcdsnap::{named}`", file.display()));
                }
            }
        }
        _ => match allowed(&room) {
            None => faults.push(format!("src/{}: the house has no room `{room}`", file.display())),
            Some(allowed) => {
                for named in names(&tokens, depth, Some("etcdsnap")) {
                    if named != room && !allowed.contains(named.as_str()) && !ROOT.contains(&named.as_str()) {
                        faults.push(format!("src/{}: `{room}` may not name `{named}`", file.display()));
                    }
                }
            }
        },
    }
    faults
}

/// Everything named in the crate's root: the first step of each path that begins with `crate` or `krate`, or with as
/// many `super` as the place is deep. Modules that are written inside a file add to its depth.
fn names(tokens: &[String], depth: usize, krate: Option<&str>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inner: Vec<usize> = Vec::new(); // at which brace depth each module written in this file was opened
    let mut braces = 0usize;
    let is = |at: usize, token: &str| tokens.get(at).is_some_and(|t| t == token);
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "{" => braces += 1,
            "}" => {
                braces = braces.saturating_sub(1);
                if inner.last() == Some(&braces) {
                    inner.pop();
                }
            }
            "mod" if is(at + 2, "{") => inner.push(braces),
            name if name == "crate" || Some(name) == krate => {
                let continues =
                    is(at.wrapping_sub(1), "::") && tokens.get(at.wrapping_sub(2)).is_some_and(|t| ends_step(t));
                if is(at + 1, "::") && !continues {
                    firsts(tokens, at + 2, &mut names);
                }
            }
            "super" if !is(at.wrapping_sub(1), "::") => {
                let mut ups = 1;
                while is(at + 1, "::") && is(at + 2, "super") {
                    ups += 1;
                    at += 2;
                }
                if is(at + 1, "::") {
                    climb(tokens, at + 2, (depth + inner.len()).saturating_sub(ups), &mut names);
                }
            }
            _ => {}
        }
        at += 1;
    }
    names
}

/// Whether a `::` after this token continues a path, as in `a::b`, and does not begin one, as in `use ::b`.
fn ends_step(token: &str) -> bool {
    !["use", "return", "as", "in", "dyn", "impl", "mut", "for", "where"].contains(&token)
        && token.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '>')
}

/// After `super::`s: at the root (`left` is 0) the next step is a name; in a group, its `super`s climb on.
fn climb(tokens: &[String], at: usize, left: usize, names: &mut BTreeSet<String>) {
    if left == 0 {
        firsts(tokens, at, names);
    } else if tokens.get(at).is_some_and(|t| t == "{") {
        for item in group(tokens, at) {
            let mut at = item;
            let mut left = left;
            while tokens.get(at).is_some_and(|t| t == "super") && tokens.get(at + 1).is_some_and(|t| t == "::") {
                left = left.saturating_sub(1);
                at += 2;
            }
            if at > item {
                climb(tokens, at, left, names);
            }
        }
    }
}

/// The first step of the path at `at`, or of each path of the group there.
fn firsts(tokens: &[String], at: usize, names: &mut BTreeSet<String>) {
    match tokens.get(at).map(String::as_str) {
        Some("{") => {
            for item in group(tokens, at) {
                firsts(tokens, item, names);
            }
        }
        Some("self") | None => {}
        Some(name) => {
            names.insert(name.to_owned());
        }
    }
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_house_is_in_order() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    found.sort();
    assert!(found.len() > 3, "looked at the wrong place: {}", src.display());
    let faults: Vec<String> = found
        .iter()
        .flat_map(|path| faults(path.strip_prefix(&src).unwrap(), &fs::read_to_string(path).unwrap()))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The faults of `text`, if it were the file src/`file`.
fn found(file: &str, text: &str) -> Vec<String> {
    faults(Path::new(file), text)
}

#[track_caller]
fn caught(file: &str, text: &str, named: &str) {
    let faults = found(file, text);
    assert!(faults.len() == 1 && faults[0].ends_with(&format!("may not name `{named}`")), "{text}: {faults:?}");
}

#[track_caller]
fn fine(file: &str, text: &str) {
    assert_eq!(found(file, text), Vec::<String>::new(), "{text}");
}

#[test]
fn a_path_up_is_caught() {
    caught("bolt/page.rs", "use crate::etcd::Record;", "etcd");
    caught("bolt/page.rs", "fn f() -> crate::k8s::Object { todo!() }", "k8s");
    caught("bolt/page.rs", "pub(crate) use crate :: etcd;", "etcd");
    caught("bolt/page.rs", "use ::etcdsnap::verify;", "verify");
    fine("bolt/page.rs", "use crate::bytes::window; use crate::Result; pub(crate) fn f() {}");
    fine("bolt/page.rs", "use crate::bolt::meta::Meta;");
}

#[test]
fn a_group_is_looked_into() {
    caught("bolt/page.rs", "use crate::{bytes, etcd};", "etcd");
    caught("bolt/page.rs", "use crate::{bytes::{window, u16_le}, etcd::{key::Key, Record}, error};", "etcd");
    caught("wal/mod.rs", "use {std::fs, crate::{error::{Error, Result}, snap::Snap}};", "snap");
    fine("k8s/mod.rs", "use crate::{error::{Error}, bytes::{diff, verify}, etcd::{restore::{catalog}, self}};");
}

#[test]
fn climbing_out_by_super_is_caught() {
    caught("bolt/page.rs", "use super::super::etcd::Record;", "etcd");
    caught("bolt/page.rs", "use super::{super::{etcd::Record, bytes}, meta::Meta};", "etcd");
    caught("bolt/mod.rs", "use super::etcd;", "etcd");
    caught("hash.rs", "mod tests { use super::super::bolt::Page; }", "bolt");
    caught("bolt/a/b.rs", "use super::super::super::etcd;", "etcd");
    fine("bolt/page.rs", "use super::etcd; mod tests { use super::super::etcd; use super::*; }");
    fine("hash.rs", "mod tests { use super::*; use super::bolt; } use super::bytes;");
    caught("hash.rs", "mod tests { fn f() { if x { y } } } use super::bolt;", "bolt");
}

#[test]
fn a_room_of_a_single_file_is_a_room() {
    caught("hash.rs", "use crate::source::Source;", "source");
    caught("error.rs", "use crate::bytes::escape; use crate::proto;", "proto");
    caught("snap.rs", "use crate::etcd::State;", "etcd");
    fine("hash.rs", "use crate::proto;");
}

#[test]
fn a_branch_names_the_trunk_and_its_own_friends() {
    caught("diff/mod.rs", "use crate::{k8s, bolt, select};", "select");
    caught("etcd/replay.rs", "use crate::verify::Verdict;", "verify");
    caught("salvage.rs", "use crate::restore;", "restore");
    fine("restore/plan.rs", "use crate::{verify::Verdict, k8s, wal, snap};");
    fine("catalog/mod.rs", "use crate::{verify, select};");
    caught("catalog/mod.rs", "use crate::{verify, restore};", "restore");
}

#[test]
fn an_unknown_room_or_name_is_caught() {
    assert_eq!(found("util.rs", ""), ["src/util.rs: the house has no room `util`"]);
    assert_eq!(found("misc/mod.rs", "").len(), 1);
    caught("etcd/mod.rs", "use crate::util::sort;", "util");
    caught("etcd/mod.rs", "use crate::cli::args;", "cli");
}

#[test]
fn the_command_line_uses_the_library_from_outside() {
    fine("cli/status.rs", "use etcdsnap::{bolt, verify, catalog}; use crate::args::Args; use super::render;");
    assert_eq!(found("cli/status.rs", "use crate::bolt::Db;").len(), 1);
    assert_eq!(found("cli/main.rs", "use crate::{args, etcd::State};").len(), 1);
}

#[test]
fn unsafe_stays_in_its_file() {
    assert_eq!(found("bolt/page.rs", "fn f() { unsafe { g() } }").len(), 1);
    assert_eq!(found("cli/main.rs", "unsafe fn f() {}").len(), 1);
    assert_eq!(found("lib.rs", "unsafe impl Send for X {}").len(), 1);
    fine("source/map.rs", "unsafe { g() }");
    fine("bolt/page.rs", "#![deny(unsafe_code)] // unsafe\n/* unsafe /* */ unsafe */ const A: &str = \"unsafe\";");
}

#[test]
fn text_is_not_code() {
    fine("bolt/page.rs", "/// See [`crate::etcd`].\n//! crate::etcd\nconst A: &str = r#\"crate::etcd \" \"#;");
    fine(
        "bolt/page.rs",
        "const A: &str = \"\\\"crate::etcd\"; const B: char = '\"'; const C: &[u8] = b\"crate::k8s\";",
    );
    caught(
        "bolt/page.rs",
        "const B: [char; 3] = ['\"', '\\'', '\\u{22}']; fn f<'a>(x: &'a crate::etcd::Key) {}",
        "etcd",
    );
}
