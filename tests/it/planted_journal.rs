//! A journal that somebody else put into a data directory does not rename files outside of it.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use crate::common::tree::{Tree, assert_one_sentence, run_in};
use serde_json::{Value, json};

const FOLDER: &str = ".etcdsnap-restore";

/// A folder with a file `outside/file`, an empty `d`, and a good backup.
fn scene() -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    fs::copy("fixtures/small.db", temp.path().join("small.db")).unwrap();
    for folder in ["outside", "outside/.etcdsnap-restore", "d"] {
        fs::create_dir(temp.path().join(folder)).unwrap();
    }
    fs::write(temp.path().join("outside/file"), "precious").unwrap();
    temp
}

fn id(path: &Path) -> u64 {
    path.symlink_metadata().unwrap().ino()
}

fn step(from: &Path, to: &Path, id: u64) -> Value {
    json!({"from": from, "to": to, "exchange": false, "id": id})
}

fn plant(staging: &Path, steps: &[Value], after: &[Value], also: &[&Path]) {
    fs::create_dir_all(staging).unwrap();
    let folder = fs::canonicalize(staging).unwrap();
    let journal = json!({"steps": steps, "after": after, "also": also, "folder": folder});
    fs::write(staging.join("journal.json"), journal.to_string()).unwrap();
}

const LINE: &str = "restore small.db --name a --initial-cluster a=http://a:1 --data-dir d";

#[track_caller]
fn is_refused(dir: &Path) {
    let before = Tree::of(dir);
    let (code, said) = run_in(dir, LINE);
    assert_eq!(code, Some(2), "{said}");
    assert_one_sentence(&said, "which is no path of this run");
    assert_eq!(Tree::of(dir), before);
}

#[test]
fn files_outside_are_neither_fetched_nor_replaced() {
    let scene = scene();
    let (dir, d) = (scene.path(), scene.path().join("d"));
    let (precious, staging) = (dir.join("outside/file"), d.join(FOLDER));
    let never = d.join("never");
    fs::write(d.join("new"), "planted").unwrap();
    std::os::unix::fs::symlink("../outside", d.join("link")).unwrap();
    let last = step(&never, &d.join("new"), id(&d.join("new")));
    let other = dir.join("outside").join(FOLDER);
    for outside in [&precious, &d.join("../outside/file"), &d.join("link/file")] {
        // A rename that was done is undone: the file outside would be moved to `never`.
        plant(
            &staging,
            &[step(&never, outside, id(&precious)), step(&d.join("new"), &never, id(&d.join("new")))],
            &[],
            &[],
        );
        is_refused(dir);
        // The rename that decides was done, so what tidies up is done.
        let after = step(outside, &d.join("taken"), id(&precious));
        plant(&staging, std::slice::from_ref(&last), &[after], &[&other]);
        is_refused(dir);
        let to = outside.with_file_name("planted");
        plant(&staging, std::slice::from_ref(&last), &[step(&d.join("new"), &to, id(&d.join("new")))], &[&other]);
        is_refused(dir);
    }
    // A mark in the directory makes nothing outside its own.
    fs::write(staging.join("journal"), json!(fs::canonicalize(&staging).unwrap()).to_string()).unwrap();
    is_refused(dir);
}

#[test]
fn a_staging_folder_that_does_not_name_the_journal_is_not_removed() {
    let scene = scene();
    let (dir, d) = (scene.path(), scene.path().join("d"));
    let other = dir.join("outside").join(FOLDER);
    fs::write(other.join("old member"), "precious").unwrap();
    plant(&d.join(FOLDER), &[step(&d.join("never"), &d, id(&d))], &[], &[&other]);
    let (code, said) = run_in(dir, LINE);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert!(other.join("old member").exists() && !d.join(FOLDER).exists());
}

/// Beside the destination, the journal is about that alone.
#[test]
fn the_neighbours_of_a_destination_are_left_alone() {
    let scene = scene();
    let dir = scene.path();
    fs::remove_dir(dir.join("d")).unwrap();
    let precious = dir.join("outside/file");
    let (to_do, backup) = (dir.join("d/never"), dir.join("small.db"));
    let steps = [step(&dir.join("d/taken"), &precious, id(&precious)), step(&backup, &to_do, id(&backup))];
    plant(&dir.join(".d.etcdsnap-restore"), &steps, &[], &[]);
    is_refused(dir);
}

#[test]
fn a_journal_that_is_no_file_is_not_waited_for() {
    let scene = scene();
    let (dir, d) = (scene.path(), scene.path().join("d"));
    fs::create_dir(d.join(FOLDER)).unwrap();
    let fifo = d.join(FOLDER).join("journal.json");
    assert!(std::process::Command::new("mkfifo").arg(fifo).status().unwrap().success());
    let (code, said) = run_in(dir, LINE);
    assert_eq!(code, Some(3), "{said}");
    assert_one_sentence(&said, "not a file");
}
