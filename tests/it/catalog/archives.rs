//! Archives of several backups, values that a key opens later, and a run that is interrupted.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use super::{Bench, name};
use crate::common::{etcdsnap, eventually};

fn zip(to: &Path, files: &[&str]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(to).unwrap());
    for file in files {
        zip.start_file(*file, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&fs::read(format!("fixtures/{file}")).unwrap()).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn each_backup_in_an_archive_has_its_own_entry() {
    let bench = Bench::with(&["etcd-3.6.db"]);
    let archive = bench.backup("all.zip");
    zip(&archive, &["kube.db", "README.md", "kube-later.db"]);
    let text = bench.add(0);
    assert!(text.contains("added 3 (") && text.contains("3 good, 0 doubtful, 0 damaged"), "{text}");
    let again = bench.add(0);
    assert!(again.contains("added 0 (") && again.contains("; 3 as they were") && !again.contains("missing"), "{again}");
    let ls = bench.json(0, &["ls"]);
    let names: Vec<_> = ls["items"].as_array().unwrap().iter().map(|item| name(&item["files"][0])).collect();
    assert_eq!(names, ["etcd-3.6.db", "all.zip:kube.db", "all.zip:kube-later.db"]);
    assert!(ls["unread"].as_array().unwrap().is_empty());
    // The line that brings an object back names the one in the archive.
    let found = bench.json(0, &["find", "deploy/web", "-n", "shop", "--cluster", "31cfb609"]);
    let line = found["items"][0]["bringBack"].as_str().unwrap();
    assert!(line.contains("all.zip:kube-later.db deployment.apps/web -n shop"), "{line}");
    let to = bench.folder().join("back");
    let words = line.replace("--to DIR", &format!("--to {}", to.display()));
    assert!(etcdsnap(words.split(' ').skip(1)).status.success(), "{line}");
    assert!(bench.says(0, ["check"]).contains("3 of 3 files unchanged"));
    let prune = bench.says(0, ["prune", "--keep-last", "1"]);
    assert!(prune.contains("kept: in an archive") && !prune.contains("to be removed"), "{prune}");
    bench.says(0, ["prune", "--keep-last", "1", "--yes"]);
    assert!(archive.exists());
    fs::remove_dir_all(to).unwrap();

    // One of them is taken out, and then the archive.
    zip(&archive, &["kube-later.db"]);
    zip(&bench.backup("two.zip"), &["small.db", "kube-later.db"]);
    bench.add(0);
    let gone = |bench: &Bench| {
        let ls = bench.json(0, &["ls"]);
        let missing = ls["items"].as_array().unwrap().iter().filter(|item| item["missing"] == true);
        missing.map(|item| name(&item["files"][0]).to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(gone(&bench), BTreeSet::from(["all.zip:kube.db".to_owned()]));
    fs::remove_file(bench.backup("two.zip")).unwrap();
    assert!(bench.add(0).contains("3 missing now"));
    assert_eq!(gone(&bench), BTreeSet::from(["all.zip:kube.db".to_owned(), "two.zip:small.db".to_owned()]));
}

#[test]
fn what_a_key_opens_is_read_again() {
    let bench = Bench::with(&["encrypted.db", "kube.db"]);
    let sealed = |bench: &Bench| {
        let ls = bench.json(0, &["ls"]);
        let items = ls["items"].as_array().unwrap().iter();
        items.map(|item| item["sealed"].as_u64().unwrap()).sum::<u64>()
    };
    bench.add(0);
    let before = sealed(&bench);
    assert!(before > 0);
    let images = |bench: &Bench| bench.says(0, ["rows"]).matches("\"value_hmac\":null").count();
    let without = images(&bench);
    let add = || {
        let (folder, key) = (bench.folder(), fs::canonicalize("fixtures/encryption.yaml").unwrap());
        bench.says(0, ["add".as_ref(), folder.as_os_str(), "--encryption-config".as_ref(), key.as_os_str()])
    };
    assert!(bench.add(0).contains("; 2 as they were"));
    let text = add();
    assert!(text.contains("added 1 (") && text.contains("; 1 as they were"), "{text}");
    assert!(sealed(&bench) < before, "{} of {before}", sealed(&bench));
    assert!(images(&bench) < without);
    // What no key of the file opens is tried again each time that one is given.
    let left = if sealed(&bench) == 0 { "; 2 as they were" } else { "; 1 as they were" };
    assert!(add().contains(left));
    assert!(bench.add(0).contains("; 2 as they were"));
}

#[test]
fn an_interrupted_run_keeps_what_was_added() {
    let bench = Bench::with(&["kube.db", "small.db"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_etcdsnap"))
        .args(["catalog", "add"])
        .args([bench.backup("kube.db"), "-".into(), bench.backup("small.db")])
        .arg("--db")
        .arg(bench.db())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A pipe takes so much only when it is read: the second is being read, and the run is asked to stop.
    let mut writer = child.stdin.take().unwrap();
    writer.write_all(&[b'x'; 1 << 20]).unwrap();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    eventually("the signal arrives", || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let pending =
            |name: &str| status.lines().find(|line| line.starts_with(name)).is_some_and(|l| l.ends_with("0000"));
        pending("SigPnd") && pending("ShdPnd")
    });
    drop(writer);
    let output = child.wait_with_output().unwrap();
    let (text, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(3), "{text}{said}");
    assert!(text.contains("added 1 (") && said.contains("interrupted: what was added is kept"), "{text}{said}");
    let ls = bench.json(0, &["ls"]);
    assert_eq!(ls["items"].as_array().unwrap().len(), 1);
    assert!(bench.add(0).contains("added 1 ("));
}
