//! Promise 7: what was made from a doubtful backup has a file beside it that states the doubt, and `verify` reads it.

use std::{fs, io::Write as _, path::Path, process::Command};

use crate::common::tree::{Tree, assert_one_sentence, etcdsnap, run_in};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const BESIDE: &str = "member.etcdsnap.json";

/// A backup that is good, and others that are not, each with the flags that let it through.
fn backups(dir: &Path) -> Vec<(&'static str, &'static str, &'static str)> {
    let good = fs::read("fixtures/small.db").unwrap();
    let (image, trailer) = good.split_at(good.len() - 32);
    let mut damaged = image.to_vec();
    // The number that the page has of itself on which all that counts lies.
    damaged[3 * 4096] ^= 0xff;
    let wrong = [image, &trailer.iter().map(|byte| !byte).collect::<Vec<_>>()].concat();
    fs::write(dir.join("good"), &good).unwrap();
    fs::write(dir.join("none"), image).unwrap();
    fs::write(dir.join("wrong"), wrong).unwrap();
    fs::write(dir.join("damaged"), [&damaged[..], &Sha256::digest(&damaged)].concat()).unwrap();
    vec![
        ("none", "--skip-hash-check", "doubtful"),
        ("wrong", "--skip-hash-check --force", "damaged"),
        ("damaged", "--force", "damaged"),
    ]
}

fn restore(dir: &Path, line: &str) -> (Option<i32>, String) {
    run_in(dir, &format!("restore --initial-cluster a=http://a:1,b=http://b:1 {line}"))
}

/// The codes of what `verify` finds in a data directory.
fn found(dir: &Path, data_dir: &str) -> Vec<String> {
    let output = etcdsnap(["verify", data_dir, "-o", "json"]).current_dir(dir).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = report.get(0).unwrap_or(&report);
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_restore_tells_of_its_backup() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for (name, flags, verdict) in backups(dir) {
        let before = Tree::of(dir);
        let (code, said) = restore(dir, &format!("{name} --name a --data-dir of-{name}"));
        assert_eq!(code, Some(1), "{name}: {said}");
        assert_one_sentence(&said, name);
        assert_eq!(Tree::of(dir), before);
        for line in [format!("--name a --data-dir of-{name}"), format!("--all-members --to all-{name}")] {
            let (code, said) = restore(dir, &format!("{name} {line} {flags}"));
            assert_eq!(code, Some(0), "{line}: {said}");
        }
        for data_dir in [format!("of-{name}"), format!("all-{name}/a"), format!("all-{name}/b")] {
            let doubt: Value = serde_json::from_slice(&fs::read(dir.join(&data_dir).join(BESIDE)).unwrap()).unwrap();
            let sum = Sha256::digest(fs::read(dir.join(name)).unwrap());
            let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!((doubt["source"].as_str(), doubt["sha256"].as_str()), (Some(name), Some(sum.as_str())));
            assert_eq!(doubt["verdict"], verdict, "{name}");
            assert!(!doubt["findings"].as_array().unwrap().is_empty(), "{doubt}");
            assert!(found(dir, &data_dir).contains(&"made-in-doubt".to_owned()), "{data_dir}");
            let (_, said) = run_in(dir, &format!("verify {data_dir}"));
            assert!(!said.contains("error: "), "{said}");
        }
    }
}

/// A good backup leaves no such file, and removes one about a result that no longer exists.
#[test]
fn it_goes_with_what_it_tells_of() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    backups(dir);
    assert_eq!(restore(dir, "none --name a --data-dir d --skip-hash-check"), (Some(0), String::new()));
    assert_eq!(restore(dir, "good --name a --data-dir d --keep-old"), (Some(0), String::new()));
    let kept = Tree::of(&dir.join("d"));
    let kept: Vec<_> = kept.names().into_iter().filter(|name| !name.contains('/')).collect();
    assert_eq!(kept, ["member", "member.before-UTC", "member.before-UTC.etcdsnap.json"]);
    assert!(!found(dir, "d").contains(&"made-in-doubt".to_owned()));
    // Nobody knows any more which result it was about.
    fs::create_dir(dir.join("stale")).unwrap();
    fs::write(dir.join("stale").join(BESIDE), "{}").unwrap();
    assert_eq!(restore(dir, "good --name a --data-dir stale"), (Some(0), String::new()));
    assert!(!dir.join("stale").join(BESIDE).exists());
}

/// What was made from what was made in doubt is no better.
#[test]
fn it_is_handed_on() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    backups(dir);
    assert_eq!(restore(dir, "wrong --name a --data-dir d --skip-hash-check --force").0, Some(0));
    let (code, said) = restore(dir, "d --name a --data-dir e --no-wal");
    assert!(code == Some(0), "{said}");
    assert!(found(dir, "e").contains(&"made-in-doubt".to_owned()));
}

/// Packs `files` of `dir` into the zip archive `to`, under their own names.
fn zip(dir: &Path, files: &[&str], to: &Path) {
    let mut zip = zip::ZipWriter::new(fs::File::create(to).unwrap());
    for file in files.iter().filter(|file| dir.join(file).is_file()) {
        zip.start_file(file, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&fs::read(dir.join(file)).unwrap()).unwrap();
    }
    zip.finish().unwrap();
}

/// Neither a container around the result, nor another name for it, hides the file beside it.
#[test]
fn doubt_stays_with_what_is_packed_or_named_in_part() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path();
    backups(dir);
    assert_eq!(restore(dir, "wrong --name a --data-dir d --skip-hash-check --force").0, Some(0));
    assert_eq!(run_in(dir, "restore wrong --to-snapshot s.db --skip-hash-check --force"), (Some(0), String::new()));
    assert_eq!(restore(dir, "good --name a --data-dir good-dir").0, Some(0));
    let run = |program: &str, args: &str| {
        let status = Command::new(program).args(args.split_whitespace()).current_dir(dir).status();
        assert!(status.unwrap().success(), "{program} {args}");
    };
    run("tar", "-cf whole.tar d");
    run("tar", "-czf dotted.tgz -C d .");
    run("gzip", "-k s.db");
    run("tar", "-cf file.tar s.db s.db.etcdsnap.json");
    run("tar", "-cf packed.tar s.db.gz s.db.etcdsnap.json");
    zip(dir, &Tree::of(dir).names(), &dir.join("all.zip"));
    zip(&dir.join("d"), &Tree::of(&dir.join("d")).names(), &dir.join("dir.zip"));
    run("tar", "-cf both.tar d good-dir");
    run("gzip", "-k whole.tar");
    std::os::unix::fs::symlink("d/member/snap/db", dir.join("link")).unwrap();
    fs::create_dir(dir.join("folder")).unwrap();
    fs::rename(dir.join("file.tar"), dir.join("folder/file.tar")).unwrap();
    let named = [
        "whole.tar",
        "whole.tar.gz",
        "dotted.tgz",
        "dir.zip",
        "folder",
        "packed.tar",
        "s.db.gz",
        "link",
        "d/member",
        "d/member/",
        "d/member/snap/db",
        "all.zip:d/member/snap/db",
        "all.zip:s.db",
        "both.tar:d/member/snap/db",
    ];
    for (n, name) in named.into_iter().enumerate() {
        assert!(found(dir, name).contains(&"made-in-doubt".to_owned()), "{name}");
        let (code, said) = restore(dir, &format!("{name} --name a --skip-hash-check --data-dir again-{n}"));
        assert_eq!(code, Some(0), "{name}: {said}");
        assert!(found(dir, &format!("again-{n}")).contains(&"made-in-doubt".to_owned()), "again from {name}");
    }
    for inside in ["d", "d/member", "d/member/snap"] {
        let here = dir.join(inside);
        let name = if inside.ends_with("snap") { "db" } else { "." };
        assert!(found(&here, name).contains(&"made-in-doubt".to_owned()), "{name} in {inside}");
    }
    for name in ["both.tar:good-dir/member/snap/db", "good", "good-dir", "all.zip:good"] {
        assert!(!found(dir, name).contains(&"made-in-doubt".to_owned()), "{name}");
    }
}

/// A file that cannot be read, or is something else, still counts as doubt; and is not waited for.
#[test]
fn a_doubt_file_that_cannot_be_read_is_doubt() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path();
    backups(dir);
    let beside = dir.join("good.etcdsnap.json");
    assert!(Command::new("mkfifo").arg(&beside).status().unwrap().success());
    assert!(found(dir, "good").contains(&"made-in-doubt".to_owned()));
    fs::remove_file(&beside).unwrap();
    std::os::unix::fs::symlink("nowhere", &beside).unwrap();
    assert!(found(dir, "good").contains(&"made-in-doubt".to_owned()));
}

/// What of a damaged db can be read is written afresh: a tree with a hole in it would stop etcd. That records are
/// missing is still seen.
#[test]
fn what_is_restored_of_a_damaged_db_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (file, to) = (dir.path().join("damaged.db"), dir.path().join("to"));
    let mut bytes = fs::read("fixtures/kube.db").unwrap();
    let leaf = crate::common::key_leaf(&bytes);
    bytes[leaf..leaf + 16].fill(0);
    fs::write(&file, &bytes).unwrap();
    let run = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
    let (file, to) = (file.to_str().unwrap(), to.to_str().unwrap());
    let args = ["restore", file, "--data-dir", to, "--name", "m", "--initial-cluster", "m=http://h:1"];
    assert_eq!(run(&args).status.code(), Some(1));
    let done = run(&[&args[..], &["--force", "--skip-hash-check"]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let verified = run(&["verify", to]);
    let said = String::from_utf8_lossy(&verified.stdout);
    let whole = ["made-in-doubt", "revision-gap", "key-history", "member:"];
    let about = said.lines().filter(|line| line.starts_with(&format!("{to}: ")));
    assert!(about.clone().all(|line| whole.iter().any(|code| line.contains(code))), "{said}");
    assert!(said.contains("made-in-doubt") && said.contains("revision-gap"), "{said}");
}

/// The log is looked at as closely as the db.
#[test]
fn doubt_about_the_log_goes_along_too() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let tar = fs::canonicalize("fixtures/datadir-3.6.tar.gz").unwrap();
    assert!(Command::new("tar").arg("xzf").arg(&tar).arg("-C").arg(dir).status().unwrap().success());
    let wal = dir.join("datadir-3.6/member/wal/0000000000000000-0000000000000000.wal");
    let whole = fs::read(&wal).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
    // a write that was under way, and a bit that fell over
    let torn = whole[..end - 3].to_vec();
    let mut damaged = whole;
    damaged[end - 600] ^= 1;
    for (name, bytes, flags, verdict) in [("torn", torn, "", "doubtful"), ("damaged", damaged, "--force", "damaged")] {
        fs::write(&wal, bytes).unwrap();
        let line = format!("datadir-3.6 --name a --data-dir of-{name}");
        if !flags.is_empty() {
            let (code, said) = restore(dir, &line);
            assert_eq!(code, Some(1), "{name}: {said}");
            assert!(!dir.join(format!("of-{name}")).exists());
        }
        let (code, said) = restore(dir, &format!("{line} {flags}"));
        assert_eq!(code, Some(0), "{name}: {said}");
        let beside = dir.join(format!("of-{name}")).join(BESIDE);
        let doubt: Value = serde_json::from_slice(&fs::read(beside).unwrap()).unwrap();
        assert_eq!(doubt["verdict"], verdict, "{doubt}");
        assert!(doubt["findings"].to_string().contains("wal-"), "{doubt}");
    }
}
