//! `bolt` on good files: the same bytes as the bbolt command line, for every subcommand that both have.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use crate::common::{Peers, etcdsnap, tree::fed};
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
pub fn ours(args: &[&str]) -> Output {
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
        (&["dump", file, "500"], "etcd-3.6.db: no page 500: the file has 31 pages"),
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
    let stderr = String::from_utf8(got.stderr).unwrap();
    assert!(stderr.contains("no page 500") && !stderr.contains("damaged"), "{stderr}");
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

/// The root of the older meta page leads to the state before the last commit.
#[test]
fn an_older_root_shows_the_state_before() {
    let dir = tempfile::tempdir().unwrap();
    files(dir.path());
    let file = dir.path().join("datadir.db").display().to_string();
    let metas = String::from_utf8(ours(&["page", &file, "0", "1"]).stdout).unwrap();
    let field = |name: &str| -> Vec<u64> {
        let values = metas.lines().filter_map(|line| line.strip_prefix(name));
        values.map(|value| value.trim().trim_start_matches("<pgid=").trim_end_matches('>').parse().unwrap()).collect()
    };
    let (roots, txids) = (field("Root:"), field("Txn ID:"));
    let [newer, older] = if txids[0] > txids[1] { [0, 1] } else { [1, 0] };
    assert_ne!(roots[0], roots[1]);
    let index = |more: &[&str]| {
        let output = ours(&[&["get", &file, "meta", "consistent_index", "--format", "hex"], more].concat());
        assert!(output.status.success(), "{output:?}");
        u64::from_str_radix(String::from_utf8(output.stdout).unwrap().trim(), 16).unwrap()
    };
    assert_eq!(index(&["--root", &roots[newer].to_string()]), index(&[]));
    assert!(index(&["--root", &roots[older].to_string()]) < index(&[]));
    // the size that the file has changes nothing
    assert_eq!(ours(&["pages", &file, "--page-size", "4096"]).stdout, ours(&["pages", &file]).stdout);
}

/// bbolt goes by the high-water mark of meta page 0, which may be the older one: it leaves out the newest pages then.
#[test]
fn all_pages_are_those_of_the_newest_meta() {
    let Some(peers) = Peers::find("all_pages_are_those_of_the_newest_meta") else { return };
    let dir = tempfile::tempdir().unwrap();
    files(dir.path());
    let file = dir.path().join("datadir.db");
    let mut bytes = fs::read(&file).unwrap();
    // the second meta page is the newer one here
    let high_water = u64::from_le_bytes(bytes[4096 + 56..4096 + 64].try_into().unwrap());
    bytes[56..64].copy_from_slice(&(high_water - 5).to_le_bytes());
    let fnv = |data: &[u8]| {
        data.iter().fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
    };
    let sum = fnv(&bytes[16..72]);
    bytes[72..80].copy_from_slice(&sum.to_le_bytes());
    fs::write(&file, bytes).unwrap();
    let args = ["page", file.to_str().unwrap(), "--all"];
    let (theirs, mine) = (peers.run("bbolt", args), ours(&args));
    assert!(
        mine.status.success() && mine.stdout.starts_with(&theirs.stdout) && mine.stdout.len() > theirs.stdout.len()
    );
    same(&peers, &["pages", args[1]]);
}
