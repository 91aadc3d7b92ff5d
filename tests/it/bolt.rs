//! `bolt`: on good files the same bytes as the bbolt command line, for every subcommand that both have; on broken ones
//! what can be read.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use crate::common::{Peers, etcdsnap, random::Random, tree::fed};
use etcdsnap::{
    Findings,
    bolt::{Branch, Db, Freelist, Kind, Leaf, Usage, Use, Walk, assume_with_root, check, check_from, may_be_roots},
};
use flate2::read::GzDecoder;

const FORMATS: [&str; 5] = ["auto", "ascii-encoded", "hex", "bytes", "redacted"];

/// Every db in `fixtures/`, and those in archives, unpacked into `dir`.
fn files(dir: &Path) -> Vec<PathBuf> {
    let fixtures = fs::read_dir("fixtures").unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = fixtures.filter(|path| path.extension().is_some_and(|of| of == "db")).collect();
    files.sort();
    let (live, db) = (dir.join("live.db"), dir.join("datadir.db"));
    let mut unpacked = GzDecoder::new(fs::File::open("fixtures/live-3.6.db.gz").unwrap());
    std::io::copy(&mut unpacked, &mut fs::File::create(&live).unwrap()).unwrap();
    let archive = GzDecoder::new(fs::File::open("fixtures/datadir-3.6.tar.gz").unwrap());
    let mut archive = tar::Archive::new(archive);
    let mut entry = archive
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .find(|entry| entry.path().unwrap().ends_with("member/snap/db"))
        .unwrap();
    std::io::copy(&mut entry, &mut fs::File::create(&db).unwrap()).unwrap();
    files.extend([live, db]);
    files
}

/// Runs `etcdsnap bolt ARGS`.
fn ours(args: &[&str]) -> Output {
    etcdsnap(["bolt"].iter().chain(args))
}

/// The standard output of both, which has to be the same, as the exit status has.
#[track_caller]
fn same(peers: &Peers, args: &[&str]) -> String {
    let (want, got) = (peers.run("bbolt", args), ours(args));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let differs = want.stdout.split(|b| *b == b'\n').zip(got.stdout.split(|b| *b == b'\n')).find(|(a, b)| a != b);
    let differs = differs.map(|(a, b)| format!("{}\n{}", text(a), text(b)));
    assert!(want.stdout == got.stdout, "{args:?}: {differs:?} {}", text(&got.stderr));
    assert_eq!(want.status.code(), got.status.code(), "{args:?}: {}", text(&got.stderr));
    text(&got.stdout)
}

#[test]
fn good_files_are_printed_as_bbolt_does() {
    let Some(peers) = Peers::find("good_files_are_printed_as_bbolt_does") else { return };
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    assert!(files.len() > 14, "{files:?}");
    for file in &files {
        let file = file.to_str().unwrap();
        let buckets = same(&peers, &["buckets", file]);
        same(&peers, &["stats", file]);
        for prefix in ["a", "key", "no-such"] {
            same(&peers, &["stats", file, prefix]);
        }
        assert_eq!(same(&peers, &["check", file]), "OK\n");
        for format in FORMATS {
            same(&peers, &["page", file, "--all", "--format-value", format]);
            for bucket in buckets.lines() {
                same(&peers, &["keys", file, bucket, "--format", format]);
            }
        }
        let pages = same(&peers, &["pages", file]);
        let last: u64 = pages.lines().last().unwrap().split(' ').next().unwrap().parse().unwrap();
        let all: Vec<_> = (0..=last).map(|id| id.to_string()).collect();
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        same(&peers, &[&["dump", file][..], &all].concat());
        // overflow pages and free ones are among them, of which bbolt prints why it does not read them
        same(&peers, &[&["page", file][..], &all].concat());
    }
}

#[test]
fn values_and_nested_buckets_are_as_in_bbolt() {
    let Some(peers) = Peers::find("values_and_nested_buckets_are_as_in_bbolt") else { return };
    let mut gotten = 0;
    for file in ["fixtures/etcd-3.4.db", "fixtures/etcd-3.6.db", "fixtures/etcd-3.7.db", "fixtures/three-members.db"] {
        for bucket in same(&peers, &["buckets", file]).lines() {
            let keys = same(&peers, &["keys", file, bucket, "-f", "hex"]);
            for (n, key) in keys.lines().take(40).enumerate() {
                let format = FORMATS[n % FORMATS.len()];
                same(&peers, &["get", file, bucket, key, "--parse-format", "hex", "--format", format]);
                gotten += 1;
            }
        }
    }
    assert!(gotten > 100, "{gotten}");
    let nested = "fixtures/nested.db";
    let (mut left, mut buckets) = (vec![Vec::<String>::new()], 0);
    while let Some(path) = left.pop() {
        let names: Vec<_> = path.iter().map(String::as_str).collect();
        let names = match names.as_slice() {
            [] => same(&peers, &["buckets", nested]),
            names => same(&peers, &[&["keys", nested], names].concat()),
        };
        for name in names.lines().filter(|name| !name.is_empty()) {
            let path = [&path[..], &[name.to_owned()]].concat();
            let call: Vec<_> = path.iter().map(String::as_str).collect();
            let is_bucket = peers.run("bbolt", [&["keys", nested], &call[..]].concat()).status.success();
            let of = ours(&[&["keys", nested], &call[..]].concat());
            assert_eq!(is_bucket, of.status.success(), "{path:?}");
            if is_bucket {
                buckets += 1;
                left.push(path);
            } else if path.len() > 1 && path.len() + names.len() % 7 == 3 {
                same(&peers, &[&["get", nested], &call[..]].concat());
            }
        }
    }
    assert!(buckets >= 5, "{buckets}");
}

#[test]
fn what_is_not_there_is_an_error_as_in_bbolt() {
    let Some(peers) = Peers::find("what_is_not_there_is_an_error_as_in_bbolt") else { return };
    let file = "fixtures/etcd-3.6.db";
    for (args, hint) in [
        (&["keys", file, "no-such"][..], "bucket not found: no-such"),
        (&["keys", file, "meta", "term"], "bucket not found: meta term"),
        (&["get", file, "no-such", "key"], "bucket not found: no-such"),
        (&["get", file, "meta", "no-such"], "key not found: no-such (hex 6e6f2d73756368)"),
        (&["get", "fixtures/nested.db", "outer", "inner"], "not found"),
        (&["dump", file, "500"], "page 500: it lies beyond the end of the file"),
    ] {
        let (want, got) = (peers.run("bbolt", args), ours(args));
        assert_eq!((want.status.code(), got.status.code()), (Some(1), Some(1)), "{args:?}");
        assert_eq!((want.stdout.len(), got.stdout.len()), (0, 0), "{args:?}");
        let stderr = String::from_utf8(got.stderr).unwrap();
        assert!(stderr.contains(hint), "{args:?}: {stderr}");
    }
    // here it is our exit status that is 1
    let (want, got) = (peers.run("bbolt", ["page", file, "500"]), ours(&["page", file, "500"]));
    assert_eq!((want.stdout, got.status.code()), (got.stdout, Some(1)));
    for usage in [
        &["page", file][..],
        &["page", file, "1", "--all"],
        &["page", file, "x"],
        &["get", file, "meta"],
        &["get", file, "meta", ""],
        &["get", file, "meta", "0g", "--parse-format", "hex"],
        &["keys", file, "meta", "--format", "text"],
        &["dump", file],
        &["pages", file, "--page-size", "5000"],
    ] {
        assert_eq!(ours(usage).status.code(), Some(2), "{usage:?}");
    }
}

#[test]
fn a_check_from_a_page_ends_as_in_bbolt() {
    let Some(peers) = Peers::find("a_check_from_a_page_ends_as_in_bbolt") else { return };
    let mut checked = 0;
    for file in ["fixtures/etcd-3.6.db", "fixtures/freelist.db", "fixtures/nested.db", "fixtures/pages-64k.db"] {
        for row in same(&peers, &["pages", file]).lines().skip(2).filter(|row| !row.contains(" meta ")) {
            let id = row.split(' ').next().unwrap();
            let (want, got) =
                (peers.run("bbolt", ["check", file, "--from-page", id]), ours(&["check", file, "--from-page", id]));
            assert_eq!(want.status.code(), got.status.code(), "{file}: {row}: {got:?}");
            if want.status.success() {
                assert_eq!((want.stdout.as_slice(), got.stdout.as_slice()), (&b"OK\n"[..], &b"OK\n"[..]));
                checked += 1;
            }
        }
        for outside in ["1", "100000"] {
            same(&peers, &["check", file, "--from-page", outside]);
        }
    }
    assert!(checked > 40, "{checked}");
}

#[test]
fn every_input_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    files(dir.path());
    for (packed, plain) in [("live-3.6.db.gz", "live.db"), ("datadir-3.6.tar.gz", "datadir.db")] {
        let (packed, plain) = (format!("fixtures/{packed}"), dir.path().join(plain).display().to_string());
        for call in [&["pages"][..], &["stats"], &["check"], &["page", "--all"], &["buckets"]] {
            let of = |file: &str| {
                let output = ours(&[&call[..1], &[file], &call[1..]].concat());
                assert!(output.status.success(), "{call:?}: {output:?}");
                output.stdout
            };
            let want = of(&plain);
            assert_eq!(of(&packed), want, "{call:?}");
            let args = [&["bolt", call[0], "-"], &call[1..]].concat();
            assert_eq!(fed(&args, &fs::read(&packed).unwrap()).0.stdout, want, "{call:?}");
        }
    }
}

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

/// In etcd's words, without values.
#[test]
fn pages_are_shown_as_etcd_sees_them() {
    let mut seen = String::new();
    for file in ["fixtures/kube.db", "fixtures/three-members.db", "fixtures/etcd-3.6.db", "fixtures/encrypted.db"] {
        let got = ours(&["page", file, "--all", "--etcd"]);
        assert!(got.status.success(), "{got:?}");
        seen.push_str(&String::from_utf8(got.stdout).unwrap());
    }
    for want in [
        "Used By:    the root bucket\n",
        "Used By:    bucket key\n",
        "Used By:    the file, as a meta page\n",
        "Used By:    nothing: it is free, and holds what an older transaction left\n",
        "Valid:      yes, and the newest\n",
        "put /registry/secrets/shop/plain-secret, create_revision ",
        "  delete /registry/",
        "  member m1, peer URLs http://",
        "  not started, peer",
        ", learner\n",
        "  removed member 883c9be7a5e974ca\n",
        "  alarm NOSPACE of member 526abfc26e9b8740\n",
        "  lease, granted for ",
        "  user root, roles root\n",
        "  bucket, root page ",
        "  bucket, inline, ",
    ] {
        let want = want.replace("  not started", "member not started");
        assert!(seen.contains(&want), "{want}");
    }
    // neither a Secret nor the hash of a password
    for secret in ["s3cr3t", "czNjcjN0", "$2a$", "24326124"] {
        assert!(!seen.contains(secret), "{secret}");
    }
    let redacted = ours(&["page", "fixtures/kube.db", "--all", "--format-value", "redacted"]).stdout;
    assert!(!String::from_utf8_lossy(&redacted).contains("s3cr3t"));
    // as it is stored where nothing else is asked for: the search above would find it
    let hex = ours(&["page", "fixtures/kube.db", "--all", "--format-value", "bytes"]).stdout;
    assert!(String::from_utf8_lossy(&hex).contains("s3cr3t"));
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
