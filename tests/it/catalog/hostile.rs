//! Catalogs that are damaged, of a newer version, or written by two at once; runs that are killed; folders of other
//! files.

use std::{
    fs,
    panic::catch_unwind,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use etcdsnap::{
    catalog::{Catalog, SCHEMA, Wanted, Writer},
    etcd::Range,
    hash::Crc32c,
};

use super::Bench;
use crate::common::{made, random::Random};

/// Everything that the catalog at a path answers, as text.
fn answers(path: &Path) -> Result<String, String> {
    let read = || {
        let catalog = Catalog::open(path)?;
        let mut out = String::new();
        for holder in catalog.holders() {
            out += &format!("{holder:?} {:?}\n", catalog.report(&holder.entry.id)?);
        }
        out += &format!("{:?} {:?}\n", catalog.files(), catalog.lineages());
        for lineage in catalog.lineages().keys() {
            catalog.each(*lineage, &Range::ALL, |key, versions| {
                out += &format!("{key:?} {versions:?}\n");
                for version in &versions {
                    out += &format!("{:?}\n", catalog.facts(version)?);
                }
                Ok(())
            })?;
            let wanted = Wanted { what: vec!["deploy/web".to_owned()], ..Wanted::default() };
            out += &format!("{:?}\n", catalog.find(*lineage, &wanted)?);
        }
        Ok(out)
    };
    read().map_err(|error: etcdsnap::Error| format!("{error}; {}", error.hint().unwrap_or_default()))
}

fn made() -> (Bench, Vec<u8>, String) {
    let bench = Bench::with(&["kube.db", "kube-later.db", "small.db"]);
    bench.add(0);
    let (bytes, right) = (fs::read(bench.db()).unwrap(), answers(&bench.db()).unwrap());
    (bench, bytes, right)
}

#[test]
fn a_damaged_catalog_is_an_error_with_the_way_out() {
    let (bench, bytes, right) = made();
    let path = bench.folder().join("damaged.redb");
    let mut random = Random::seeded(1);
    for n in 0..2000 {
        let mut bad = bytes.clone();
        if n % 4 == 3 {
            bad.truncate(random.next() % bytes.len());
        } else {
            for _ in 0..=n % 3 {
                let at = random.next() % bad.len();
                bad[at] ^= 1 + (random.next() % 255) as u8;
            }
        }
        fs::write(&path, &bad).unwrap();
        match answers(&path) {
            Ok(got) => assert!(bad == bytes && got == right, "{n}"),
            Err(error) => assert!(error.contains("catalog"), "{n}: {error}"),
        }
    }
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let error = answers(&path).unwrap_err();
    assert!(error.contains("the catalog is damaged") && error.contains("etcdsnap catalog rebuild FOLDER"), "{error}");
    // The way out.
    fs::write(bench.db(), &bytes[..bytes.len() / 2]).unwrap();
    let folder = bench.folder();
    assert_eq!(bench.run(["ls"]).status.code(), Some(1));
    assert_eq!(bench.run(["add", folder.to_str().unwrap()]).status.code(), Some(1));
    fs::remove_file(&path).unwrap();
    bench.says(0, ["rebuild", folder.to_str().unwrap()]);
    let without_key = |text: &str| text.lines().filter(|line| line.starts_with("Holder")).count();
    assert_eq!(without_key(&answers(&bench.db()).unwrap()), without_key(&right));
}

/// The sum is made right again, so that redb and the rows see the damage: whatever comes of it, no panic, and no row
/// that is not as it was written.
#[test]
fn pages_that_lie_do_not_end_in_a_panic() {
    let (bench, bytes, right) = made();
    let path = bench.folder().join("damaged.redb");
    let known: std::collections::HashSet<&str> = right.lines().collect();
    let mut random = Random::seeded(2);
    std::panic::set_hook(Box::new(|_| {}));
    let (mut errors, mut answered) = (0, 0);
    for n in 0..300 {
        let mut bad = bytes.clone();
        let end = bad.len() - 32;
        for _ in 0..3 {
            let at = random.next() % end;
            bad[at] ^= 1 + (random.next() % 255) as u8;
        }
        let sum = Crc32c::of(&bad[..end]).sum();
        bad[end + 20..end + 24].copy_from_slice(&sum.to_le_bytes());
        fs::write(&path, &bad).unwrap();
        match catch_unwind(|| answers(&path)) {
            Ok(Ok(got)) => {
                answered += 1;
                // Rows may be missing, but none is another one.
                let others = ["[(", "[O", "[]"];
                let is_row = |line: &&str| line.starts_with('[') && !others.iter().any(|start| line.starts_with(start));
                let wrong = got.lines().filter(is_row).find(|row| !known.contains(row));
                assert_eq!(wrong, None, "{n}");
            }
            Ok(Err(_)) => errors += 1,
            Err(_) => {
                let _ = std::panic::take_hook();
                panic!("{n}: a panic");
            }
        }
    }
    let _ = std::panic::take_hook();
    assert!(errors > 50 && answered > 50, "{errors} {answered}");
}

#[test]
fn another_schema_is_refused_by_its_name() {
    let (bench, mut bytes, _) = made();
    let at = bytes.len() - 16;
    for (schema, way_out) in [(SCHEMA + 1, "or a newer one"), (SCHEMA - 1, "etcdsnap catalog rebuild FOLDER")] {
        bytes[at..at + 4].copy_from_slice(&schema.to_le_bytes());
        fs::write(bench.db(), &bytes).unwrap();
        for args in [vec!["ls"], vec!["add", "fixtures"]] {
            let output = bench.run(&args);
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.code() == Some(1) && text.contains(&format!("has the schema {schema}")), "{text}");
            assert!(text.contains(way_out), "{text}");
        }
        assert_eq!(fs::read(bench.db()).unwrap(), bytes, "nothing was changed");
    }
    // The older one is made again.
    bench.run(["rebuild".as_ref(), bench.folder().as_os_str()]);
    assert_eq!(bench.json(0, &["ls"])["items"].as_array().unwrap().len(), 3);
}

#[test]
fn there_is_one_writer_and_readers_beside_it() {
    let (bench, _, right) = made();
    let writer = Writer::open(&bench.db()).unwrap();
    let output = bench.run(["add", "fixtures/encrypted.db"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("another etcdsnap is adding to the catalog"), "{text}");
    assert_eq!(answers(&bench.db()).unwrap(), right);
    assert!(bench.says(0, ["find", "deploy/web"]).contains("kube-later.db"));
    drop(writer);
    bench.says(0, ["add", "fixtures/encrypted.db"]);
}

#[test]
fn a_killed_run_leaves_the_catalog_whole() {
    let bench = Bench::with(&["kube.db", "kube-later.db", "encrypted.db", "small.db", "etcd-3.6.db", "etcd-3.7.db"]);
    let add = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
        command.args(["catalog", "add"]).arg(bench.folder()).arg("--db").arg(bench.db());
        command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
        command
    };
    let mut random = Random::seeded(3);
    for n in 0..30 {
        let mut child = add().spawn().unwrap();
        thread::sleep(Duration::from_millis((random.next() % (1 + 13 * n)) as u64));
        let _ = child.kill();
        child.wait().unwrap();
        if bench.db().exists() {
            answers(&bench.db()).unwrap();
        }
    }
    bench.add(0);
    let after = super::series::told(&bench);
    let undisturbed =
        Bench::with(&["kube.db", "kube-later.db", "encrypted.db", "small.db", "etcd-3.6.db", "etcd-3.7.db"]);
    undisturbed.add(0);
    assert_eq!(after, super::series::told(&undisturbed));
    let names: Vec<_> = fs::read_dir(bench.db().parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["catalog.redb"], "and no working copy");
}

#[test]
fn many_small_files_that_are_no_snapshots_are_passed_over() {
    let bench = Bench::with(&["small.db"]);
    for n in 0..3000 {
        fs::write(bench.backup(&format!("{n}.txt")), format!("{n}\n")).unwrap();
    }
    let text = bench.add(0);
    assert!(text.contains("added 1 ") && text.contains("3000 other files"), "{text}");
    assert_eq!(bench.json(0, &["ls"])["unread"].as_array().unwrap().len(), 0);
    assert!(fs::metadata(bench.db()).unwrap().len() < 1 << 20);
}

#[test]
fn the_line_that_brings_back_is_safe_in_a_shell() {
    let bench = Bench::new();
    let value = br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","namespace":"shop","uid":"1"}}"#;
    let keys: [&[u8]; 4] = [
        b"/registry/configmaps/shop/$(touch made)",
        b"/registry/configmaps/shop/a;touch made",
        b"/registry/configmaps/shop/it's & touch made",
        b"/other/`touch made`",
    ];
    made::snapshot(&bench.backup("a b.db"), &keys.map(|key| (key, value.to_vec())));
    bench.add(0);
    let found = bench.json(0, &["find", "--prefix", "/"]);
    let items = found["items"].as_array().unwrap();
    assert_eq!(items.len(), keys.len(), "{found}");
    for (n, item) in items.iter().enumerate() {
        let line = item["bringBack"].as_str().unwrap();
        let program = env!("CARGO_BIN_EXE_etcdsnap");
        let line = line.replacen("etcdsnap", program, 1).replace("--to DIR", &format!("--to back{n}"));
        let ran = Command::new("sh").args(["-c", &line]).current_dir(bench.folder()).output().unwrap();
        assert!(ran.status.success(), "{line}: {ran:?}");
        assert!(!bench.backup("made").exists(), "{line}");
    }
}

/// `rebuild` replaces a catalog by a whole one, and nothing else.
#[test]
fn a_rebuild_replaces_only_a_catalog_and_only_by_backups() {
    let (bench, bytes, _) = made();
    let kept = |args: &[&str], exit: i32, words: &str| {
        let before = fs::read(bench.db()).unwrap();
        let output = bench.run(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(exit) && said.contains(words), "{said}");
        assert_eq!(fs::read(bench.db()).unwrap(), before, "{args:?}");
    };
    let (folder, empty) = (bench.folder(), bench.folder().join("empty"));
    fs::create_dir(&empty).unwrap();
    let folder = folder.to_str().unwrap();
    kept(&["rebuild", empty.to_str().unwrap()], 1, "nothing was added; the old catalog is kept");
    kept(&["rebuild", folder, "/no/such/folder"], 3, "/no/such/folder");
    let newer = {
        let mut bytes = bytes.clone();
        let at = bytes.len() - 16;
        bytes[at] = 0xff;
        bytes
    };
    for (content, words) in
        [(fs::read("fixtures/kube.db").unwrap(), "no catalog"), (b"hello".to_vec(), "no catalog"), (newer, "schema")]
    {
        fs::write(bench.db(), content).unwrap();
        kept(&["rebuild", folder], 1, words);
        kept(&["ls"], 1, words);
        kept(&["add", folder], 1, words);
    }
    // its start or its end is enough
    for damaged in [&bytes[..bytes.len() / 2], &[&[0; 4096], &bytes[4096..]].concat()] {
        fs::write(bench.db(), damaged).unwrap();
        kept(&["ls"], 1, "the catalog is damaged");
        assert_eq!(bench.run(["rebuild", folder]).status.code(), Some(0));
        assert_eq!(bench.run(["ls"]).status.code(), Some(0));
    }
}
