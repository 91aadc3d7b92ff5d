//! `bolt` on broken files, and on those without a valid meta page: what can be read is printed, and nothing is missed
//! that bbolt finds.

use std::{fs, path::Path, process::Command};

use crate::{
    bolt::ours,
    common::{Peers, random::Random, tree::fed},
};
use etcdsnap::{
    Findings,
    bolt::{Branch, Db, Freelist, Kind, Leaf, Usage, Use, Walk, assume_with_root, check, check_from, may_be_roots},
};

/// Without metas: by the page size, and by a root where there are several that may be it.
#[test]
fn a_file_without_metas_is_read() {
    let dir = tempfile::tempdir().unwrap();
    for fixture in ["small.db", "kube.db", "pages-16k.db", "pages-64k.db"] {
        let whole = fs::read(format!("fixtures/{fixture}")).unwrap();
        let image = &whole[..whole.len() - 32];
        let db = Db::open(image).unwrap();
        let (size, root) = (db.page_size(), db.meta().root);
        let (mut zeroed, mut torn) = (image.to_vec(), image.to_vec());
        for meta in [0, usize::try_from(size).unwrap()] {
            zeroed[meta..meta + 80].fill(0);
            torn[meta + 72] ^= 1;
        }
        let (zeroed, torn) = (save(dir.path(), "zeroed.db", &zeroed), save(dir.path(), "torn.db", &torn));
        let good = format!("fixtures/{fixture}");
        let (size, root) = (size.to_string(), root.to_string());
        for file in [&zeroed, &torn] {
            assert_eq!(ours(&["buckets", file]).status.code(), Some(1));
            for call in [&["buckets"][..], &["keys", "key"], &["stats"], &["get", "meta", "term"]] {
                let want = ours(&[&call[..1], &[good.as_str()], &call[1..]].concat()).stdout;
                let args =
                    [&call[..1], &[file.as_str()], &call[1..], &["--page-size", &size, "--root", &root]].concat();
                let got = ours(&args);
                let stderr = String::from_utf8(got.stderr).unwrap();
                assert_eq!((got.stdout, got.status.code()), (want, Some(1)), "{args:?}: {stderr}");
                assert!(stderr.contains("both meta pages are"), "{stderr}");
            }
        }
        // a meta whose checksum is wrong still has the root
        let got = ours(&["buckets", &torn, "--page-size", &size]);
        assert_eq!(got.stdout, ours(&["buckets", &good]).stdout, "{fixture}");
        let image = fs::read(&zeroed).unwrap();
        let db = assume_with_root(&image, size.parse().unwrap(), None).unwrap();
        let roots = may_be_roots(&db);
        assert!(!db.has_root() && roots.iter().any(|id| id.to_string() == root), "{fixture}: {roots:?}");
        let got = ours(&["buckets", &zeroed, "--page-size", &size]);
        let stderr = String::from_utf8(got.stderr).unwrap();
        if roots.len() == 1 {
            assert!(stderr.contains(&format!("page {root} is taken as the root bucket")), "{stderr}");
        } else {
            assert!(stderr.contains("--root PAGE names it") && got.stdout.is_empty(), "{stderr}");
        }
        let pages = ours(&["pages", &zeroed, "--page-size", &size]);
        assert_eq!(pages.status.code(), Some(1));
        assert!(
            String::from_utf8(pages.stdout)
                .unwrap()
                .lines()
                .any(|row| row.contains(" leaf ") && row.ends_with("unreached"))
        );
    }
    // in an archive, too
    let lost = save(dir.path(), "lost.db", &[&[0; 8192], &fs::read("fixtures/small.db").unwrap()[8192..]].concat());
    let want = ours(&["pages", &lost, "--page-size", "4096"]).stdout;
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_path_with_name(&lost, "etcd/lost.db").unwrap();
    let archive = archive.into_inner().unwrap();
    let packed = save(dir.path(), "lost.tar", &archive);
    for name in [packed.clone(), format!("{packed}:etcd/lost.db")] {
        assert_eq!(ours(&["pages", &name, "--page-size", "4096"]).stdout, want, "{name}");
    }
    assert_eq!(fed(&["bolt", "pages", "-", "--page-size", "4096"], &archive).0.stdout, want);
    // what was taken for text, or for nothing at all, can be looked at
    let odd = save(dir.path(), "odd", &b"hello\n".repeat(2000));
    assert_eq!(ours(&["dump", &odd, "1"]).status.code(), Some(1));
    let got = ours(&["dump", &odd, "1", "--page-size", "1024"]);
    assert!(got.stdout.starts_with(b"0000400 6f0a 6865 6c6c 6f0a 6865 6c6c 6f0a 6865\n"), "{got:?}");
}

fn save(dir: &Path, name: &str, bytes: &[u8]) -> String {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

/// A page that another was written over, and one that only claims to be another: what can be read is printed.
#[test]
fn broken_pages_are_printed_as_far_as_they_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = fs::read("fixtures/kube.db").unwrap();
    let db = Db::open(&bytes).unwrap();
    let usage = Usage::of(&db, &mut Findings::default());
    let leaf = usage
        .pages(&db)
        .find(|page| page.header.kind() == Some(Kind::Leaf) && matches!(page.used, Use::Bucket(n) if n > 0))
        .unwrap();
    let (id, at) = (leaf.id.0, usize::try_from(leaf.id.0).unwrap() * 4096);
    let number = id.to_string();
    let want = String::from_utf8(ours(&["page", "fixtures/kube.db", &number]).stdout).unwrap();
    bytes[at] ^= 0x40;
    let file = save(dir.path(), "id.db", &bytes);
    let got = ours(&["page", &file, &number]);
    let claimed = format!("Page ID:    {}\n", id ^ 0x40);
    assert_eq!(String::from_utf8(got.stdout).unwrap(), want.replacen(&format!("Page ID:    {id}\n"), &claimed, 1));
    let stderr = String::from_utf8(got.stderr).unwrap();
    let finding = format!("page {id}: expected to be page {id}, but self identifies as {}", id ^ 0x40);
    assert!(got.status.code() == Some(1) && stderr.contains(&finding), "{stderr}");
    bytes[at] ^= 0x40;
    // one element of it leads out of the page
    bytes[at + 16 + 16 + 4..at + 16 + 16 + 8].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let file = save(dir.path(), "element.db", &bytes);
    let got = ours(&["page", &file, &number]);
    let mut lines: Vec<_> = want.lines().collect();
    lines.remove(7);
    assert_eq!(String::from_utf8(got.stdout).unwrap().lines().collect::<Vec<_>>(), lines);
    let stderr = String::from_utf8(got.stderr).unwrap();
    assert!(got.status.code() == Some(1) && stderr.contains("element 1 of "), "{stderr}");
    let check = ours(&["check", &file]);
    let stdout = String::from_utf8(check.stdout).unwrap();
    assert!(
        check.status.code() == Some(1)
            && stdout.ends_with("errors found\n")
            && stdout.contains(&format!("page {id}: "))
    );
    // the other pages of the file are still whole
    let other = ours(&["page", &file, "0"]);
    assert!(other.status.success(), "{other:?}");
}

/// A page that is in use and in the freelist, too, is no free page, and is found by all that look at the freelist.
#[test]
fn a_page_in_use_that_the_freelist_holds_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = fs::read("fixtures/freelist.db").unwrap();
    let db = Db::open(&bytes).unwrap();
    let usage = Usage::of(&db, &mut Findings::default());
    let leaf = usage.pages(&db).find(|page| matches!(page.used, Use::Bucket(n) if n > 0)).unwrap().id;
    let Freelist::Persisted { offset, .. } = Freelist::read(&db).unwrap() else { panic!("no freelist") };
    let (at, number) = (usize::try_from(offset).unwrap(), leaf.to_string());
    bytes[at..at + 8].copy_from_slice(&leaf.0.to_le_bytes());
    let file = save(dir.path(), "listed.db", &bytes);
    let finding = format!("page {leaf}: reachable, but the freelist holds it");
    for call in [&["pages"][..], &["check"], &["check", "--from-page", &number], &["page", "--all"]] {
        let output = ours(&[&call[..1], &[file.as_str()], &call[1..]].concat());
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(output.status.code() == Some(1) && text.contains(&finding), "{call:?}: {text}");
    }
}

/// bbolt's own check passes, and its list of pages lacks the second meta page.
#[test]
fn a_meta_page_with_overflow_pages_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = fs::read("fixtures/small.db").unwrap();
    bytes[12] = 1;
    let file = save(dir.path(), "meta.db", &bytes);
    let check = ours(&["check", &file]);
    let text = String::from_utf8(check.stdout).unwrap();
    assert_eq!(
        (check.status.code(), text.lines().next()),
        (Some(1), Some("page 0: a meta page is one page, but its overflow is 1 (at offset 0x0)"))
    );
    let pages = String::from_utf8(ours(&["pages", &file]).stdout).unwrap();
    assert!(pages.lines().any(|row| row.starts_with("1        meta ")), "{pages}");
}

/// Reads a db by every way of the page level, and returns what was found.
fn read_all(image: &[u8]) -> Option<String> {
    let mut answer = String::new();
    let db = Db::open(image).or_else(|_| assume_with_root(image, 4096, None).map_err(|_| ())).ok()?;
    let mut findings = db.check_metas();
    let usage = Usage::of(&db, &mut findings);
    let (mut items, mut children) = (Vec::new(), Vec::new());
    for listed in usage.pages(&db) {
        answer.push_str(&format!("{} {:?} {:?}\n", listed.id, listed.used, usage.overflow_of(listed.id)));
        let raw = db.raw_page(listed.id).unwrap();
        let raw = db.cut(&raw, usage.together(&db, listed.id, raw.header.overflow));
        let Some(page) = raw.page() else { continue };
        let read: usize =
            Leaf::read(page, &mut items, &mut findings).items.iter().map(|of| of.key.len() + of.value.len()).sum();
        assert!(read <= image.len());
        let read: usize = Branch::read(page, &mut children, &mut findings).children.iter().map(|of| of.key.len()).sum();
        assert!(read <= image.len());
        if let Ok(freelist) = Freelist::on_page(&page) {
            assert!(freelist.ids().count() <= image.len() / 8);
        }
        findings.append(check_from(&db, listed.id));
    }
    let mut walk = Walk::new(db.clone());
    for bucket in walk.buckets(&mut findings) {
        answer.push_str(&format!("{:?}\n", walk.stats(&bucket, &mut findings)));
        let found = Walk::new(db.clone()).bucket_at(&[bucket.name], &mut findings);
        answer.push_str(&format!("{:?}\n", found.map(|of| of.offset)));
    }
    findings.append(check(&db));
    answer.push_str(&format!("{:?} {:?}", may_be_roots(&db), findings.list()));
    Some(answer)
}

/// A db with random damage that goes deep: headers, elements, pages over each other, an end that is missing.
fn mutant(whole: &[u8], size: usize, random: &mut Random) -> Vec<u8> {
    let (mut bytes, pages) = (whole.to_vec(), whole.len() / size);
    for _ in 0..=random.next() % 3 {
        let page = (random.next() % pages) * size;
        let value = [0, 1, 2, 4, 0x10, 0x7f, 0x80, 0xff, random.next() as u8][random.next() % 9];
        match random.next() % 6 {
            0 => bytes[page + random.next() % 16] = value,
            1 => bytes[page + 16 + random.next() % 400] = value,
            2 => {
                let from = (random.next() % pages) * size;
                bytes.copy_within(from..from + size, page);
            }
            3 => {
                let from = (random.next() % pages) * size;
                bytes.copy_within(from + 8..from + size, page + 8);
            }
            4 => bytes[page + random.next() % size] = value,
            _ => bytes[page..page + size].fill(0),
        }
    }
    if random.next().is_multiple_of(8) {
        bytes.truncate(random.next() % bytes.len());
    }
    bytes
}

#[test]
fn mutants_are_read_twice_the_same() {
    let (mut random, mut opened) = (Random::default(), 0);
    for (fixture, size) in [("small.db", 4096), ("nested.db", 4096), ("freelist.db", 4096), ("pages-16k.db", 16384)] {
        let mut whole = fs::read(format!("fixtures/{fixture}")).unwrap();
        whole.truncate(whole.len() / size * size);
        for n in 0..250 {
            let bytes = mutant(&whole, size, &mut random);
            let first = read_all(&bytes);
            assert_eq!(first, read_all(&bytes), "{fixture}, mutant {n}");
            opened += usize::from(first.is_some());
        }
    }
    assert!(opened > 900, "{opened}");
}

#[test]
fn commands_on_mutants_end_with_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let (mut random, mut codes) = (Random::seeded(7), [0; 3]);
    for (fixture, size) in [("small.db", 4096), ("nested.db", 4096), ("pages-16k.db", 16384)] {
        let mut whole = fs::read(format!("fixtures/{fixture}")).unwrap();
        whole.truncate(whole.len() / size * size);
        for n in 0..100 {
            let file = save(dir.path(), "mutant.db", &mutant(&whole, size, &mut random));
            let id = (random.next() % (whole.len() / size + 2)).to_string();
            let calls: [&[&str]; 12] = [
                &["buckets"],
                &["keys", "key"],
                &["keys", "outer", "-f", "redacted"],
                &["get", "meta", "consistent_index"],
                &["pages"],
                &["page", "--all"],
                &["page", "--all", "--etcd"],
                &["page", &id, "0", "--etcd"],
                &["stats"],
                &["check"],
                &["check", "--from-page", &id],
                &["dump", &id],
            ];
            // each of them on a third of the mutants
            for call in calls.iter().skip(n % 3).step_by(3) {
                let args = [&call[..1], &[file.as_str()], &call[1..]].concat();
                let output = ours(&args);
                let code = output.status.code().expect("ended by a signal");
                let stderr = String::from_utf8(output.stderr).unwrap();
                assert!(!stderr.contains("because of a bug") && (0..2).contains(&code), "{args:?}: {code} {stderr}");
                assert!(code == 0 || !stderr.is_empty() || !output.stdout.is_empty(), "{args:?}");
                codes[usize::try_from(code).unwrap()] += 1;
                if n % 10 == 0 {
                    assert_eq!(output.stdout, ours(&args).stdout, "{args:?}");
                }
            }
        }
    }
    assert!(codes[0] > 100 && codes[1] > 100, "{codes:?}");
}

/// What makes bbolt's own check complain, panic or not end is found. Where both find nothing, all else is the same.
#[test]
fn what_bbolt_finds_is_found() {
    let Some(peers) = Peers::find("what_bbolt_finds_is_found") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (mut random, mut both) = (Random::seeded(3), [0; 2]);
    for (fixture, size) in [("small.db", 4096), ("nested.db", 4096), ("freelist.db", 4096), ("pages-16k.db", 16384)] {
        let mut whole = fs::read(format!("fixtures/{fixture}")).unwrap();
        whole.truncate(whole.len() / size * size);
        for n in 0..40 {
            let file = save(dir.path(), "mutant.db", &mutant(&whole, size, &mut random));
            let limited = r#"ulimit -v 8000000; exec timeout 10 "$0" check "$1" 2>&1"#;
            let bbolt = peers.path("bbolt");
            let theirs = Command::new("sh").args(["-c", limited]).arg(&bbolt).arg(&file).output().unwrap();
            let mine = ours(&["check", &file]);
            let (theirs_good, mine_good) = (theirs.status.success(), mine.status.success());
            let text = String::from_utf8_lossy(&theirs.stdout);
            assert!(theirs_good || !mine_good, "{fixture}, mutant {n}: {}", text.lines().next().unwrap_or_default());
            both[usize::from(theirs_good)] += 1;
            if !theirs_good || !mine_good {
                continue;
            }
            for call in ["buckets", "pages", "stats"] {
                let (theirs, mine) = (peers.run("bbolt", [call, &file]), ours(&[call, &file]));
                assert!(theirs.stdout == mine.stdout && mine.status.success(), "{fixture}, mutant {n}: {call}");
            }
        }
    }
    assert!(both[0] > 30 && both[1] > 30, "{both:?}");
}
