//! Promise 3, when the power goes: what a run does to a folder is followed by its system calls, and every moment of it
//! is a power cut. Whatever the disk may hold then ([`cut`]), nothing in it is half done: what was there is there, or
//! all that was wanted is, or a journal lets the next run put it right. The next run is tried, and the power goes in it
//! as well.

mod cut;
mod disk;
mod scenes;
mod trace;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Output,
};

use crate::common::tree::{Tree, ended, etcdsnap};
use cut::Counts;
use disk::{Content, Disk, Listing};
use tempfile::TempDir;
use trace::{Trace, follow};

/// After so many cuts of a scene the next run is tried.
const TRIED: usize = 10;
/// In so many of those the power goes again.
const AGAIN: usize = 2;

/// One command, and what is there before.
struct Scene {
    dir: TempDir,
    line: String,
    /// The exit status when it works.
    code: i32,
    before: Listing,
    good: Tree,
}

/// What may be left after a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Left {
    /// Neither: a journal is there.
    Between,
    /// What was there.
    Before,
    /// What was wanted.
    Good,
}

/// Without what an unfinished run works in, folders without files, and the times in names.
fn shown(all: &Listing) -> Listing {
    let shown: Listing =
        all.iter().filter(|(path, _)| !is_staged(path)).map(|(path, held)| (timeless(path), held.clone())).collect();
    let files: Vec<_> = shown.iter().filter(|(_, held)| held.1.is_some()).map(|(path, _)| path.clone()).collect();
    let needed: BTreeSet<_> =
        files.iter().flat_map(|path| Path::new(path).ancestors()).filter_map(|path| path.to_str()).collect();
    shown.into_iter().filter(|(path, _)| needed.contains(path.as_str())).collect()
}

fn is_staged(path: &str) -> bool {
    path.split('/').any(|name| name.contains(".etcdsnap-"))
}

fn timeless(path: &str) -> String {
    match path.split_once("before-2") {
        Some((what, rest)) => format!("{what}before-UTC{}", rest.split_once('Z').unwrap().1),
        None => path.to_owned(),
    }
}

/// Whether all of what was wanted is in its place; what was there before may not be out of the way yet.
fn is_done(is: &Listing, good: &Listing) -> bool {
    good.iter().filter(|(path, _)| !path.contains("before-UTC")).all(|(path, held)| is.get(path) == Some(held))
}

/// What is in a folder, without the content of what has the time in it.
fn undated(root: &Path) -> Tree {
    let mut tree = Tree::of(root);
    let dated = tree.0.iter_mut().filter(|(path, _)| path.ends_with(".etcdsnap.json"));
    dated.for_each(|(_, entry)| (entry.len, entry.sum) = (0, 0));
    tree
}

/// Whether a whole journal is there.
fn has_journal(all: &Listing) -> bool {
    let journals = all.iter().filter(|(path, _)| path.ends_with("/journal.json") && is_staged(path));
    let whole = |content: &Content| {
        serde_json::from_slice::<serde_json::Value>(&content.bytes).is_ok_and(|journal| journal["steps"].is_array())
    };
    journals.filter_map(|(_, (_, content))| content.as_ref()).any(whole)
}

impl Scene {
    fn new(prepare: fn(&Path), line: &str, code: i32) -> (Self, Trace) {
        let dir = tempfile::tempdir().unwrap();
        let mut line = format!("--threads 1 {line}");
        for (name, file) in
            [("SMALL", "fixtures/small.db"), ("KUBE", "fixtures/kube.db"), ("THREE", "fixtures/three-members.db")]
        {
            line = line.replace(name, fs::canonicalize(file).unwrap().to_str().unwrap());
        }
        prepare(dir.path());
        let trace = follow(dir.path(), &[&[env!("CARGO_BIN_EXE_etcdsnap")][..], &words(&line)].concat());
        assert_eq!(ended(&trace.output), (Some(code), String::new()), "{line}");
        let before = shown(&trace.before.list());
        assert!(before != shown(&trace.after.list()) && trace.events.len() > 15, "{line}");
        let good = undated(dir.path());
        (Self { dir, line, code, before, good }, trace)
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn clear(&self) {
        for entry in fs::read_dir(self.root()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
    }

    /// What `disk` is, or what is wrong with it.
    fn judge(&self, disk: &Disk, trees: &[Listing; 2]) -> Result<Left, String> {
        let [before, good] = trees;
        let (all, is) = (disk.list(), shown(&disk.list()));
        for (path, held) in is.iter().filter(|(_, held)| held.1.is_some()) {
            let known = [&self.before, before, good].iter().any(|tree| tree.get(path) == Some(held));
            if !known {
                return Err(format!("half of {path}"));
            }
        }
        for (path, (_, content)) in self.before.iter().filter(|(_, held)| held.1.is_some()) {
            // A catalog is replaced by one that holds the same and more.
            let is_replaced = self.line.contains("catalog add") && is.get(path) == good.get(path);
            if !is_replaced && !all.values().any(|(_, kept)| kept == content) {
                return Err(format!("{path} is lost"));
            }
        }
        match () {
            () if is == *good => Ok(Left::Good),
            () if is == self.before => Ok(Left::Before),
            () if has_journal(&all) => Ok(Left::Between),
            () => Err(format!("a part: {:?}", is.keys().collect::<Vec<_>>())),
        }
    }

    /// Lets the power go at every moment of the run that `trace` is of. Returns one cut of each kind for each number of
    /// names that are there.
    fn cut(&self, trace: &Trace) -> (Counts, Vec<(Left, Disk, String)>) {
        let (mut faults, mut kinds, mut samples) = (Vec::new(), BTreeMap::new(), Vec::new());
        let (end, trees) = (trace.events.len(), [&trace.before, &trace.after].map(|disk| shown(&disk.list())));
        let counts = cut::each(trace, |cut, disk| {
            let told = || {
                let lost = cut.lost.iter().map(|n| &trace.events[*n]).collect::<Vec<_>>();
                format!("{:?} {cut:?} lost {lost:?}", cut.at.checked_sub(1).map(|at| &trace.events[at]))
            };
            match self.judge(disk, &trees) {
                Err(fault) => faults.push(format!("{fault}: {}", told())),
                Ok(left) if cut.at == end && left != Left::Good => {
                    faults.push(format!("{left:?} after the end: {}", told()));
                }
                Ok(left) => {
                    let names: Vec<_> = disk.list().into_keys().collect();
                    let staged = names.iter().any(|name| is_staged(name));
                    if staged && kinds.insert((left, names), ()).is_none() {
                        let is_done = is_done(&shown(&disk.list()), &trees[1]);
                        samples.push((if is_done { Left::Good } else { left }, disk.clone(), told()));
                    }
                }
            }
        });
        assert!(
            faults.is_empty(),
            "{}: {} faults\n{}",
            self.line,
            faults.len(),
            faults[..faults.len().min(5)].join("\n")
        );
        samples.sort_by_key(|(left, ..)| *left);
        (counts, samples)
    }

    /// Writes a disk into the folder.
    fn lay(&self, disk: &Disk, trace: &Trace) {
        self.clear();
        disk.write(self.root(), &trace.whose);
    }

    /// The line of the next run, and how it is to end.
    fn next(&self, left: Left) -> (String, i32) {
        // What is in the catalog already is no error.
        let is_done = left == Left::Good && !self.line.contains("catalog add");
        (
            if is_done { self.line.replace(" --keep-old", "") } else { self.line.clone() },
            if is_done { 2 } else { self.code },
        )
    }

    /// The next run works: it makes what the first was to, or reports that it is there already.
    fn put_right(&self, output: &Output, left: Left, what: &str) {
        let ((line, code), (is, said)) = (self.next(left), ended(output));
        assert_eq!(is, Some(code), "{line}: after {what}: {said}");
        assert!(code != 2 || said.contains("already"), "{line}: after {what}: {said}");
        assert_eq!(undated(self.root()), self.good, "{line}: after {what}: {said}");
    }

    /// All of it for one scene.
    fn run(&self, trace: &Trace) -> [Counts; 2] {
        let (counts, samples) = self.cut(trace);
        let step = samples.len().div_ceil(TRIED).max(1);
        let (mut again, mut left_again) = (Counts::default(), AGAIN);
        for (n, (left, disk, what)) in samples.iter().enumerate() {
            let twice = *left != Left::Good && left_again > 0 && has_journal(&disk.list());
            if n % step != 0 && !twice {
                continue;
            }
            self.lay(disk, trace);
            let (line, _) = self.next(*left);
            if twice {
                left_again -= 1;
                let program = [&[env!("CARGO_BIN_EXE_etcdsnap")][..], &words(&line)].concat();
                let second = follow(self.root(), &program);
                self.put_right(&second.output, *left, what);
                again.add(self.cut(&second).0);
            } else {
                let output = etcdsnap(words(&line)).current_dir(self.root()).output().unwrap();
                self.put_right(&output, *left, what);
            }
            again.runs += 1;
        }
        [counts, again]
    }
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}
