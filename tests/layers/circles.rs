//! Circles between the files of a room: a file names an item of a sibling that names the first, itself or through
//! others.
//!
//! An item belongs to the file that defines it: `use super::X` is an arrow to the file from which `mod.rs` re-exports
//! X. That re-export itself is no arrow. Test modules do not count.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::{
    files,
    tokens::{group, tokens},
};

/// The path of a module below the crate's root; the root's is empty.
type Module = Vec<String>;

/// An arrow from one file to another, each by its module.
type Arrow = (Module, Module);

/// What one file declares and names.
struct File {
    tokens: Vec<String>,
    /// By name, each path that a `use` gives it, and whether that is a re-export.
    uses: BTreeMap<String, (Vec<String>, bool)>,
    /// The paths of `use a::b::*`.
    globs: Vec<Vec<String>>,
    /// Every other path of more than one step.
    paths: Vec<Vec<String>>,
}

/// The files of a crate by their modules.
struct Files(BTreeMap<Module, File>);

impl Files {
    /// `sources` are the paths of the files below the crate's root, and what they hold.
    fn read<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut files = BTreeMap::new();
        let mut tests = BTreeSet::new();
        for (path, text) in sources {
            let mut module: Module = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
                module.pop();
            }
            let (tokens, of_tests) = without_tests(tokens(text));
            tests.extend(of_tests.into_iter().map(|name| [&module[..], &[name]].concat()));
            files.insert(module, File::of(tokens));
        }
        files.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Self(files)
    }

    /// All arrows between different files of the same room.
    fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (from, file) in &self.0 {
            let uses = file.uses.iter().filter(|(name, (_, again))| !again || file.mentions(name));
            let named = uses.map(|(_, (path, _))| path).chain(&file.globs).chain(&file.paths);
            for to in named.filter_map(|path| self.resolve(from, path, 0)) {
                if to != *from && to.first() == from.first() {
                    arrows.insert((from.clone(), to));
                }
            }
        }
        arrows
    }

    /// The file that defines what `path` names in the file `of`; `None` for what is of another crate, or local.
    fn resolve(&self, of: &Module, path: &[String], depth: usize) -> Option<Module> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Module::new(),
            "self" => of.clone(),
            "super" => self.parent(of),
            name => self.step(of, name, depth)?,
        };
        while let Some((name, after)) = rest.split_first() {
            at = if name == "super" { self.parent(&at) } else { self.step(&at, name, depth).unwrap_or(at) };
            rest = after;
        }
        self.0.contains_key(&at).then_some(at)
    }

    fn parent(&self, of: &Module) -> Module {
        of[..of.len().saturating_sub(1)].to_vec()
    }

    /// The file of `name` in `module`: its child, or what a `use` there names so.
    fn step(&self, module: &Module, name: &str, depth: usize) -> Option<Module> {
        let child = [&module[..], &[name.to_owned()]].concat();
        if self.0.contains_key(&child) {
            return Some(child);
        }
        let file = self.0.get(module).filter(|_| depth < 8)?;
        if let Some((path, _)) = file.uses.get(name) {
            return self.resolve(module, path, depth + 1);
        }
        let mut globs = file.globs.iter().filter_map(|path| self.resolve(module, path, depth + 1));
        globs.find(|glob| self.0.get(glob).is_some_and(|file| file.defines(name)))
    }
}

impl File {
    fn of(tokens: Vec<String>) -> Self {
        let mut file = Self { tokens: Vec::new(), uses: BTreeMap::new(), globs: Vec::new(), paths: Vec::new() };
        let mut at = 0;
        let is = |at: usize, token: &str| tokens.get(at).is_some_and(|t| t == token);
        while at < tokens.len() {
            if tokens[at] == "use" {
                let again = at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")");
                file.add(&tokens, at + 1, &mut Vec::new(), again);
                while at < tokens.len() && tokens[at] != ";" {
                    at += 1;
                }
            } else if tokens[at] == "in" && at > 1 && is(at - 1, "(") && is(at - 2, "pub") {
                // `pub(in crate::room)` opens an item to a module, and uses nothing of it
                while at < tokens.len() && tokens[at] != ")" {
                    at += 1;
                }
            } else if is(at + 1, "::") && is_name(&tokens[at]) && !(at > 0 && is(at - 1, "::")) {
                let mut path = vec![tokens[at].clone()];
                let mut next = at + 1;
                while is(next, "::") && tokens.get(next + 1).is_some_and(|t| is_name(t)) {
                    path.push(tokens[next + 1].clone());
                    next += 2;
                }
                file.paths.push(path);
            }
            at += 1;
        }
        file.tokens = tokens;
        file
    }

    /// The paths of a `use` from `at` on, after the steps in `before`.
    fn add(&mut self, tokens: &[String], mut at: usize, before: &mut Vec<String>, again: bool) {
        let len = before.len();
        while let Some(token) = tokens.get(at) {
            match token.as_str() {
                "{" => {
                    group(tokens, at).into_iter().for_each(|item| self.add(tokens, item, before, again));
                    break;
                }
                "*" => {
                    // one that several modules of a file have is looked into once
                    if !self.globs.contains(before) {
                        self.globs.push(before.clone());
                    }
                    break;
                }
                "::" => {}
                name => {
                    if name != "self" || before.is_empty() {
                        before.push(name.to_owned());
                    }
                    if tokens.get(at + 1).is_none_or(|next| next != "::") {
                        let named = tokens.get(at + 1).filter(|t| *t == "as").and_then(|_| tokens.get(at + 2));
                        let name = named.or(before.last()).cloned().unwrap_or_default();
                        self.uses.insert(name, (before.clone(), again));
                        break;
                    }
                }
            }
            at += 1;
        }
        before.truncate(len);
    }

    /// Whether it names what it re-exports, besides.
    fn mentions(&self, name: &str) -> bool {
        let mut of_use = false;
        self.tokens.iter().any(|token| {
            of_use = (of_use || token == "use") && token != ";";
            !of_use && token == name
        })
    }

    fn defines(&self, name: &str) -> bool {
        let kinds = ["struct", "enum", "fn", "trait", "type", "const", "static", "union"];
        self.tokens.windows(2).any(|pair| pair[1] == name && kinds.contains(&pair[0].as_str()))
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The tokens without the modules that are tests, and the names of those that are files.
fn without_tests(tokens: Vec<String>) -> (Vec<String>, Vec<String>) {
    const MARK: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let (mut kept, mut files, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        if tokens[at..].iter().map(String::as_str).take(MARK.len()).ne(MARK) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        files.extend(tokens.get(at + MARK.len()).cloned());
        at += MARK.len() + 1;
        let mut depth = 0;
        while at < tokens.len() {
            match tokens[at].as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            at += 1;
            if depth == 0 {
                break;
            }
        }
    }
    (kept, files)
}

/// The arrows that lie on a circle.
fn on_circles(arrows: &BTreeSet<Arrow>) -> BTreeSet<&Arrow> {
    let mut ends: BTreeMap<&Module, Vec<&Module>> = BTreeMap::new();
    arrows.iter().for_each(|(from, to)| ends.entry(from).or_default().push(to));
    let reaches = |from, to| {
        let (mut seen, mut open) = (BTreeSet::from([from]), vec![from]);
        while let Some(at) = open.pop() {
            open.extend(ends.get(at).into_iter().flatten().filter(|end| seen.insert(**end)));
        }
        seen.contains(to)
    };
    arrows.iter().filter(|(from, to)| reaches(to, from)).collect()
}

/// No file of a room names another that names it in turn. The files of `cli` are a crate of their own.
#[test]
fn no_files_go_in_circles() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    let sources: Vec<_> = found
        .iter()
        .map(|path| (path.strip_prefix(&src).unwrap().to_str().unwrap(), fs::read_to_string(path).unwrap()))
        .collect();
    let (of_cli, of_lib): (Vec<_>, Vec<_>) = sources.iter().partition(|(path, _)| path.starts_with("cli/"));
    let mut arrows = Files::read(of_lib.iter().map(|(path, text)| (*path, text.as_str()))).arrows();
    let below = |module: Module| [&["cli".to_owned()], &module[..]].concat();
    let of_cli =
        Files::read(of_cli.iter().map(|(path, text)| (path.trim_start_matches("cli/"), text.as_str()))).arrows();
    arrows.extend(of_cli.into_iter().map(|(from, to)| (below(from), below(to))));
    assert!(arrows.len() > 100, "found no arrows: {arrows:?}");

    let faults: Vec<_> = on_circles(&arrows)
        .iter()
        .map(|(from, to)| format!("src/{} names src/{}, which names it in turn", from.join("/"), to.join("/")))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The arrows between these files that lie on circles.
fn circles(sources: &[(&str, &str)]) -> Vec<String> {
    let arrows = Files::read(sources.iter().copied()).arrows();
    on_circles(&arrows).iter().map(|(from, to)| format!("{} > {}", from.join("/"), to.join("/"))).collect()
}

#[test]
fn a_circle_of_files_is_caught() {
    let handed = ("room/mod.rs", "mod a; mod b; pub use a::A; pub(crate) use b::{self, make as b_of, B};");
    let both = ["room/a > room/b", "room/b > room/a"];
    assert_eq!(circles(&[handed, ("room/a.rs", "use super::B; "), ("room/b.rs", "use super::a::A;")]), both);
    assert_eq!(
        circles(&[handed, ("room/a.rs", "fn f() { super::b_of() }"), ("room/b.rs", "use crate::room::A;")]),
        both
    );
    let third = ("room/c.rs", "use crate::room::{A, c::C};");
    let through = [handed, ("room/a.rs", "use super::b;"), ("room/b.rs", "use super::c::C as D;"), third];
    assert_eq!(circles(&through), ["room/a > room/b", "room/b > room/c", "room/c > room/a"]);
    // what mod.rs itself defines, and uses of its parts
    let own = ("room/mod.rs", "mod a; pub use a::A; pub struct Own(A);");
    assert_eq!(circles(&[own, ("room/a.rs", "use super::Own;")]), ["room > room/a", "room/a > room"]);
}

#[test]
fn files_in_order_are_fine() {
    let handed = ("room/mod.rs", "mod a; mod b; pub use a::A; pub use b::*;");
    let test = "use super::A; struct B; #[cfg(test)] mod tests { use super::super::A; fn f() { A::b() } }";
    assert_eq!(circles(&[handed, ("room/a.rs", ""), ("room/b.rs", test)]), [""; 0]);
    let test = ("room/a/tests.rs", "use crate::room::B;");
    assert_eq!(
        circles(&[handed, ("room/a.rs", "#[cfg(test)] mod tests;"), test, ("room/b.rs", "use super::A;")]),
        [""; 0]
    );
    let open = ("room/a.rs", "pub(in crate::room) struct A;");
    assert_eq!(circles(&[("room/mod.rs", "mod a; struct Own(a::A);"), open]), [""; 0]);
    let elsewhere = ("hall.rs", "use crate::room::A;");
    assert_eq!(
        circles(&[handed, ("room/a.rs", "use crate::hall; // super::B"), ("room/b.rs", ""), elsewhere]),
        [""; 0]
    );
}
