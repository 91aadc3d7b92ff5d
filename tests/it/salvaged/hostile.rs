//! What somebody did on purpose, and what a disk did that lost a write.

use std::{fs, path::Path, time::Instant};

use serde_json::json;

use super::{
    boots,
    damage::Maker,
    forged::{self, Stored},
    judged::{Broken, none_of, salvage},
    lives,
    pages::{Meta, Pages, meta_with_root},
    truth::Truth,
};
use crate::common::{
    Peers, etcdsnap,
    gateway::{Gateway, b64},
    log::FIRST,
    unpacked,
};

const BIG: &str = "/registry/backups/of-another";

/// A live db in which a value takes many pages; the pages that hold nothing else.
fn with_a_big_value(peers: &Peers) -> (Vec<u8>, Vec<usize>) {
    let etcd = lives::start(peers, "36");
    lives::write(&etcd, 1, 600);
    let big = json!({"key": b64(BIG), "value": b64(&"F".repeat(100_000))});
    Gateway::new(&etcd.endpoint).ask("/v3/kv/put", &big).unwrap();
    lives::write(&etcd, 2, 200);
    let (_home, data) = etcd.stop();
    let bytes = fs::read(data.join("member/snap/db")).unwrap();
    let maker = Maker::new(&bytes, 1);
    let of_the_value = |id: &usize| bytes[id * 4096..(id + 1) * 4096].iter().all(|byte| *byte == b'F');
    let pages = (0..bytes.len() / 4096).filter(|id| of_the_value(id) && !maker.free.contains(id)).collect();
    (bytes, pages)
}

/// Newer values, deletions and deleted keys of the file, as somebody would like them to be.
fn forged_records(truth: &Truth) -> Vec<Stored> {
    let mut live = truth.live.iter().filter(|(key, _)| key.as_slice() != BIG.as_bytes());
    let mut head = truth.head;
    let mut next = || {
        head += 1;
        head
    };
    let mut stored = Vec::new();
    for _ in 0..4 {
        let (key, was) = live.next().unwrap();
        stored.push(forged::put(next(), key, was.version as u64 + 1, b"forged"));
        stored.push(forged::tombstone(next(), live.next().unwrap().0));
    }
    for key in truth.deleted.iter().take(4) {
        stored.push(forged::put(next(), key, 1, b"risen"));
    }
    stored.push(forged::put(next(), b"/registry/new", 1, b"made up"));
    stored
}

/// A backup of another etcd is a value, and pages in it look as if they were the file's own.
#[test]
fn pages_within_a_value_are_a_value() {
    let Some(peers) = Peers::find("pages_within_a_value_are_a_value") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (mut whole, inner) = with_a_big_value(&peers);
    let stored = forged_records(&Truth::of(&whole));
    assert!(inner.len() > 12 && stored.len() > 10, "{inner:?}");
    let metas = Pages::of(&whole).1;
    let mut set = |id: usize, page: &[u8]| whole[id * 4096..id * 4096 + page.len()].copy_from_slice(page);
    set(inner[2], &forged::leaf(inner[2], &stored));
    set(inner[4], &forged::leaf(inner[4], &stored[..4]));
    // a root that lists this leaf as the whole bucket, and a meta page that names that root
    let root = &mut fs::read("fixtures/small.db").unwrap()[..];
    let (small, of_small) = Pages::of(root);
    let item = small.leaf(of_small[0].root).into_iter().find(|item| &root[item.key.clone()] == b"key").unwrap();
    let at = of_small[0].root * 4096;
    root[item.value.start..item.value.start + 8].copy_from_slice(&(inner[4] as u64).to_le_bytes());
    root[at..at + 8].copy_from_slice(&(inner[6] as u64).to_le_bytes());
    set(inner[6], &root[at..at + 4096]);
    let meta = Meta { at: metas[0].at, ..metas[0] };
    let page =
        [&root[..16], &meta_with_root(&fs::read("fixtures/small.db").unwrap(), &Meta { at: 0, ..meta }, inner[6])]
            .concat();
    set(inner[8], &page);
    let (truth, mut faults) = (Truth::of(&whole), Vec::new());
    for damage in Maker::new(&whole, 3).all() {
        let (bytes, base) = damage.on(&whole);
        let pages = Pages { bytes: &bytes, size: 4096, base };
        let what = format!("forged pages, {}", damage.what);
        Broken { is_forged: true, ..Broken::new(dir.path(), &what, pages, &truth) }.judge(&mut faults);
    }
    none_of(&faults);
}

/// Where a byte of a value is all that is wrong, nothing but the trailer shows this.
#[test]
fn a_trailer_that_differs_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = fs::read("fixtures/kube.db").unwrap();
    let at = bytes.windows(10).position(|window| window == b"nginx:1.27").unwrap();
    bytes[at] = b'm';
    let [file, to] = ["changed.db", "saved.db"].map(|name| dir.path().join(name).to_str().unwrap().to_owned());
    fs::write(&file, &bytes).unwrap();
    let output = salvage(&[&file, "--to", &to]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("trailer: the SHA-256 differs, so a byte of any value may be wrong"), "{said}");
    assert!(said.contains("keys: 281 proved"), "{said}");
    let beside = fs::read_to_string(format!("{to}.etcdsnap.json")).unwrap();
    assert!(beside.contains("\"verdict\": \"damaged\"") && beside.contains("\"trailerDiffers\": true"), "{beside}");
    let scanned = salvage(&[&file, "--scan", "--to", &format!("{to}2")]);
    let said = String::from_utf8(scanned.stdout).unwrap();
    assert!(scanned.status.code() == Some(1) && said.contains("trailer: the SHA-256 differs"), "{said}");
    let listed = salvage(&[&file, "--list", "deploy/web", "-n", "shop"]);
    let said = String::from_utf8(listed.stderr).unwrap();
    assert!(listed.status.code() == Some(1) && said.contains("the SHA-256 differs from the trailer"), "{said}");
    // without the trailer nothing can tell
    fs::write(&file, &bytes[..bytes.len() - 32]).unwrap();
    let bare = salvage(&[&file, "--to", &format!("{to}3")]);
    let said = String::from_utf8(bare.stdout).unwrap();
    assert!(said.contains("trailer: absent, so a byte of any value may be wrong"), "{said}");
}

/// What was made from a doubtful backup is not saved as if nothing were known against it.
#[test]
fn a_doubt_about_the_input_stays() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let mut bytes = fs::read("fixtures/kube.db").unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(at("wrong.db"), &bytes).unwrap();
    let forced =
        etcdsnap(["restore", &at("wrong.db"), "--force", "--skip-hash-check", "--to-snapshot", &at("forced.db")]);
    assert_eq!(forced.status.code(), Some(0), "{}", String::from_utf8_lossy(&forced.stderr));
    let output = salvage(&[&at("forced.db"), "--to", &at("saved.db")]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("doubt: it was made from "), "{said}");
    let verified = String::from_utf8(etcdsnap(["verify", &at("saved.db")]).stdout).unwrap();
    assert!(verified.contains("trailer-mismatch"), "{verified}");
}

/// Each etcd makes each bucket. One whose name is broken is lost, and nothing that is read then is all of it.
#[test]
fn a_bucket_that_is_gone_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let whole = fs::read("fixtures/kube-later.db").unwrap();
    let (pages, metas) = Pages::of(&whole[..whole.len() - 32]);
    let root = metas.iter().max_by_key(|meta| meta.txid).unwrap().root;
    for name in ["members", "meta", "key"] {
        let item = pages.leaf(root).into_iter().find(|item| &whole[item.key.clone()] == name.as_bytes()).unwrap();
        let mut bytes = whole[..whole.len() - 32].to_vec();
        bytes[item.key.end - 1] -= 1;
        fs::write(at("broken.db"), &bytes).unwrap();
        for line in ["status", "members", "hashkv", "timeline", "get", "kv / --prefix", "status --quick"] {
            let (command, more) = line.split_once(' ').unwrap_or((line, ""));
            let file = at("broken.db");
            let output = etcdsnap([command, &file].into_iter().chain(more.split_whitespace()));
            let said = String::from_utf8(output.stderr).unwrap();
            // the pages that it reads do not name the others
            let unseen = line == "status --quick" && name == "members";
            let expected = if unseen { Some(0) } else { Some(1) };
            assert_eq!(output.status.code(), expected, "{line} without {name}: {said}");
            assert!(unseen || said.contains(&format!("there is no bucket `{name}`")), "{line} without {name}: {said}");
        }
        let saved = at(&format!("without-{name}.db"));
        let output = salvage(&[&at("broken.db"), "--to", &saved]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        if name == "members" {
            assert!(said.contains("bucket members: ") && said.contains(" proved, 0 likely"), "{said}");
            let beside = fs::read_to_string(format!("{saved}.etcdsnap.json")).unwrap();
            assert!(beside.contains("salvaged: bucket members: "), "{beside}");
        }
    }
}

/// Entries of a damaged log are lost, and what they wrote is not known: no value is surely the last.
#[test]
fn a_damaged_log_proves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = unpacked(dir.path());
    let segment = data.join("member/wal").join(FIRST);
    let whole = fs::read(&segment).unwrap();
    let last = whole.windows(6).rposition(|window| window == b"/late/").unwrap();
    let save = |name: &str| {
        let output = salvage(&[data.to_str().unwrap(), "--to", dir.path().join(name).to_str().unwrap(), "-o", "json"]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (report, output.status.code())
    };
    let (report, _) = save("whole.db");
    assert!(report["keys"]["proved"].as_u64() > Some(100) && report.get("logDamage").is_none(), "{report}");
    let mut bytes = whole;
    bytes[last] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let (report, code) = save("damaged.db");
    assert_eq!((report["keys"]["proved"].as_u64(), code), (Some(0), Some(1)), "{report}");
    assert!(report["complete"] == false && report["logDamage"][0].as_str().unwrap().contains("checksum"), "{report}");
}

/// An etcd would panic over a member that is no JSON: what cannot be read is left out, with a word, and the result is
/// good.
#[test]
fn what_cannot_be_read_in_a_small_bucket_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = fs::read("fixtures/kube.db").unwrap();
    bytes.truncate(bytes.len() - 32);
    let members: Vec<_> =
        bytes.windows(6).enumerate().filter(|(_, window)| window == b"{\"id\":").map(|(at, _)| at).collect();
    members.iter().for_each(|at| bytes[*at] = b'[');
    let [file, to, data] = ["broken.db", "saved.db", "data"].map(|name| dir.path().join(name).display().to_string());
    fs::write(&file, &bytes).unwrap();
    assert_eq!(etcdsnap(["verify", &file]).status.code(), Some(1));
    let output = salvage(&[&file, "--to", &to]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("keys: 281 proved, 0 likely"), "{said}");
    assert!(said.contains("bucket members: from page") && said.contains(", not all of it"), "{said}");
    let beside = fs::read_to_string(format!("{to}.etcdsnap.json")).unwrap();
    assert!(beside.contains("salvaged: bucket members: from page "), "{beside}");
    let verified = String::from_utf8(etcdsnap(["verify", &to]).stdout).unwrap();
    assert!(!verified.contains(" error ") && verified.contains("  doubtful  "), "{verified}");
    let restored = etcdsnap(["restore", &to, "--data-dir", &data, "--member", "m1", "--bump-revision", "auto"]);
    assert!(restored.status.code() < Some(2), "{}", String::from_utf8_lossy(&restored.stderr));
}

/// Records in free pages that are newer than all others, one of them as new as can be; etcd starts all the same, and
/// takes a put. An old root has one of these pages as its whole tree.
#[test]
fn the_highest_revision_is_no_use() {
    let Some(peers) = Peers::find("the_highest_revision_is_no_use") else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut whole = lives::db(&peers, "36", 9, 400);
    let truth = Truth::of(&whole);
    let (maker, mut faults) = (Maker::new(&whole, 1), Vec::new());
    let mut free = Vec::new();
    for id in maker.old_roots().into_iter().map(|(_, key)| key).chain(maker.free.iter().copied()) {
        if maker.free.contains(&id) && !free.contains(&id) {
            free.push(id);
        }
    }
    let key = truth.live.keys().next().unwrap();
    for (n, main) in [i64::MAX, i64::MAX - 1, 1 << 62, truth.head + 1_000_000_000].into_iter().enumerate() {
        let page = forged::leaf(free[n], &[forged::put(main, key, 1, b"forged")]);
        whole[free[n] * 4096..(free[n] + 1) * 4096].copy_from_slice(&page);
        for damage in Maker::new(&whole, 3).all().into_iter().filter(|damage| damage.kind != "one page zeroed") {
            let (bytes, base) = damage.on(&whole);
            let what = format!("revision {main}, {}", damage.what);
            let pages = Pages { bytes: &bytes, size: 4096, base };
            Broken { is_forged: true, ..Broken::new(dir.path(), &what, pages, &truth) }.judge(&mut faults);
            if matches!(damage.kind, "none" | "metas, root, branches") {
                let saved = dir.path().join("saved.db");
                let etcd = boots::boot(&peers, "36", &saved, &dir.path().join("data"));
                boots::serves(&etcd, &saved, &what);
            }
        }
    }
    none_of(&faults);
}

/// Work, memory and what is written are bounded by the size of the file.
#[test]
fn records_that_overlap_are_not_all_taken() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    for (pages, one_revision) in [(64, true), (64, false), (1024, true), (1024, false)] {
        let bytes = forged::bomb(pages, one_revision);
        assert!(Truth::highest(&Pages { bytes: &bytes, size: 4096, base: 0 }) > 1, "they are no records");
        fs::write(at("bomb.db"), &bytes).unwrap();
        let start = Instant::now();
        for more in [&["--to", "saved.db"][..], &["--to", "saved.db", "--scan"], &["--list", "-o", "ndjson"]] {
            let to = at("saved.db");
            let _ = fs::remove_file(&to);
            let more = more.iter().map(|arg| if *arg == "saved.db" { to.as_str() } else { arg });
            salvage(&[at("bomb.db").as_str()].into_iter().chain(more).collect::<Vec<_>>());
            let len = fs::metadata(&to).map_or(0, |file| file.len());
            assert!(len <= 4 * bytes.len() as u64 + 100_000, "{len} bytes of {}", bytes.len());
        }
        assert!(start.elapsed().as_secs() < 60, "{pages} pages, {one_revision}: {:?}", start.elapsed());
    }
}

/// A disk with the db of last week and that of today: no state is proved while there is a newer one.
#[test]
fn an_older_db_in_the_same_image_is_not_taken_for_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let [older, newer] = ["kube", "kube-later"].map(|name| fs::read(format!("fixtures/{name}.db")).unwrap());
    let truth = Truth::of(&newer);
    for (n, order) in [[&older, &newer], [&newer, &older]].into_iter().enumerate() {
        let image = [&[b'x'; 51_200][..], order[0], &[b'y'; 10_240 - 32], order[1]].concat();
        fs::write(at("image"), image).unwrap();
        let to = at(&format!("{n}.db"));
        let args = [at("image").into_os_string(), "--scan".into(), "--to".into(), to.clone().into_os_string()];
        let args: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
        let output = salvage(&[&args[..], &["--only", "proved"]].concat());
        assert_eq!(output.status.code(), Some(1), "{n}: two dbs, and nothing is in doubt");
        let proved = fs::read(&to).map(|bytes| Truth::of(&bytes)).unwrap_or_default();
        for (key, found) in &proved.live {
            assert_eq!(Some(found), truth.live.get(key), "{n}: {} is called proved", String::from_utf8_lossy(key));
        }
    }
}

/// A disk on which the file system keeps a db in two places: what is not read is said.
#[test]
fn a_db_in_several_pieces_is_not_taken_for_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let whole = fs::read("fixtures/kube.db").unwrap();
    // without the trailer: both pieces begin with a sector
    let (whole, cut) = (&whole[..whole.len() - 32], 100 * 4096);
    for (n, order) in [[&whole[..cut], &whole[cut..]], [&whole[cut..], &whole[..cut]]].into_iter().enumerate() {
        fs::write(at("image"), [&[b'x'; 51_200][..], order[0], &[b'y'; 10_240], order[1]].concat()).unwrap();
        let to = at(&format!("{n}.db"));
        let output = salvage(&[&at("image"), "--scan", "--to", &to]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("in several pieces") && said.contains(" 0 proved"), "{said}");
        let beside = fs::read_to_string(format!("{to}.etcdsnap.json")).unwrap();
        assert!(beside.contains("of another piece of the db"), "{beside}");
    }
}

/// A disk that lost the write of a page: it holds what it held before, a valid page with the right number.
#[test]
fn a_page_that_was_not_written_is_noticed() {
    let Some(peers) = Peers::find("a_page_that_was_not_written_is_noticed") else { return };
    let dir = tempfile::tempdir().unwrap();
    let etcd = lives::start(&peers, "36");
    lives::write(&etcd, 1, 400);
    let (mut tried, mut faults) = (0, Vec::new());
    for round in 0..6 {
        etcd.signal("-STOP");
        let before = fs::read(etcd.data_dir().join("member/snap/db")).unwrap();
        etcd.signal("-CONT");
        lives::write(&etcd, 10 + round, 24);
        // the last commit is done
        std::thread::sleep(std::time::Duration::from_millis(100));
        etcd.signal("-STOP");
        let after = fs::read(etcd.data_dir().join("member/snap/db")).unwrap();
        etcd.signal("-CONT");
        tried += lost_writes(dir.path(), &before, &after, &mut faults);
    }
    assert!(tried > 10, "{tried}");
    none_of(&faults);
}

fn lost_writes(dir: &Path, before: &[u8], after: &[u8], faults: &mut Vec<String>) -> usize {
    let truth = Truth::of(after);
    let maker = Maker::new(after, 1);
    let mut tried = 0;
    let (was, is) = (Pages { bytes: before, size: 4096, base: 0 }, Pages { bytes: after, size: 4096, base: 0 });
    for id in maker.key.leaves.iter().chain(&maker.key.branches) {
        let range = id * 4096..(id + 1) * 4096;
        let (Some(old), Some(new)) = (before.get(range.clone()), after.get(range.clone())) else { continue };
        let of_a_page =
            [was.header(*id), is.header(*id)].map(|header| header.is_some_and(|header| header.overflow == 0));
        if old == new || of_a_page != [true; 2] {
            continue;
        }
        let mut bytes = after.to_vec();
        bytes[range.clone()].copy_from_slice(old);
        let what = format!("page {id} was not written");
        let pages = Pages { bytes: &bytes, size: 4096, base: 0 };
        Broken::new(dir, &what, pages, &truth).judge(faults);
        tried += 1;
    }
    tried
}

/// A bit that fell over in one of two copies of a record.
#[test]
fn copies_that_differ_are_not_proved() {
    let Some(peers) = Peers::find("copies_that_differ_are_not_proved") else { return };
    let dir = tempfile::tempdir().unwrap();
    let whole = lives::db(&peers, "37", 3, 600);
    let truth = Truth::of(&whole);
    let places = truth.places_twice(&Pages { bytes: &whole, size: 4096, base: 0 });
    // how many there are depends on how often etcd committed meanwhile
    assert!(places.len() > 1, "{places:?}");
    let mut faults = Vec::new();
    for at in places.into_iter().take(6) {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        let what = format!("byte {at} changed");
        let pages = Pages { bytes: &bytes, size: 4096, base: 0 };
        Broken { is_forged: true, ..Broken::new(dir.path(), &what, pages, &truth) }.judge(&mut faults);
    }
    none_of(&faults);
}
