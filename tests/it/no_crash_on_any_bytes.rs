//! Promise 2: no panic, signal, hang or unbounded memory on any input: a located finding or a clear error.

use std::{convert::Infallible, fs, process::Command};

use etcdsnap::{
    Findings,
    diff::changes,
    error::Severity,
    etcd::{Range, Snapshot},
    k8s::{Clock, Ring},
};
use proptest::prelude::*;

const SMALL: &str = "fixtures/small.db";

/// Does everything that reads, and returns whether anything was found to be wrong.
fn read_all(bytes: &[u8]) -> bool {
    let Ok(snapshot) = Snapshot::open(bytes) else { return true };
    let survey = snapshot.survey();
    let found = survey.findings.count(Severity::Info) < survey.findings.counts().map(|(.., n)| n).sum();
    let hashkv = snapshot.hashkv(None).is_err();
    let view = snapshot.view(None, &Range::ALL).map(|view| view.len() as u64);
    // The empty record of a bump counts for `totalKey`, as in etcdutl, but is no key.
    assert!(view.is_err() || view.unwrap() <= survey.total_key);
    let mut changed = 0_u64;
    let ended: Result<(), Infallible> = changes(
        &snapshot,
        &mut Findings::default(),
        |_| true,
        |wave| {
            changed += wave.len() as u64;
            Ok(())
        },
    );
    assert!(ended.is_ok() && changed <= survey.total_records, "{changed} changes");
    assert!(Clock::of(&snapshot, &Ring::default()).gap(7).width().is_none_or(|width| width >= 0));
    found || hashkv
}

/// The content of a saved snapshot, without its trailer.
fn small() -> Vec<u8> {
    let mut bytes = fs::read(SMALL).unwrap();
    bytes.truncate(bytes.len() - 32);
    bytes
}

#[test]
fn a_good_file_has_nothing_wrong() {
    assert!(!read_all(&small()));
    assert!(!read_all(fs::read("fixtures/kube.db").unwrap().split_last_chunk::<32>().unwrap().0));
}

#[test]
fn every_truncation_is_found() {
    let bytes = small();
    for len in 0..bytes.len() {
        assert!(read_all(&bytes[..len]), "cut to {len} bytes");
    }
}

/// Every byte of every header and element, set to what hurts most.
#[test]
fn every_damaged_header_is_survived() {
    let bytes = small();
    for page in (0..bytes.len()).step_by(4096) {
        let count = usize::from(bytes[page + 10]) + 256 * usize::from(bytes[page + 11]);
        for at in page..(page + 80.max(16 + 16 * count.min(200))) {
            for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at] ^ 1, bytes[at].wrapping_add(1)] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                read_all(&bytes);
            }
        }
    }
}

/// A command on the file: its exit code, which is never a signal's.
fn exit(args: &[&str], file: &std::path::Path) -> i32 {
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).arg(file).output().unwrap();
    let code = output.status.code().expect("ended by a signal");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("because of a bug"), "{stderr}");
    assert!(code == 0 || !stderr.is_empty() || !output.stdout.is_empty(), "failed without a word");
    code
}

#[test]
fn commands_end_with_1_on_what_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("damaged.db");
    let bytes = fs::read(SMALL).unwrap();
    for len in (0..bytes.len()).step_by(1021) {
        fs::write(&file, &bytes[..len]).unwrap();
        for command in [&["verify"][..], &["status"], &["hashkv"], &["kv"], &["members"], &["snapshot", "status"]] {
            // What is cut off may be no bucket that the command looks at.
            let lenient = len > 8192 && command != ["verify"];
            let code = exit(command, &file);
            assert!(code == 1 || lenient && code == 0, "{command:?} on {len} bytes: exit {code}");
        }
    }
    for at in (0..bytes.len()).step_by(257) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x10;
        fs::write(&file, &bytes).unwrap();
        assert_eq!(exit(&["verify"], &file), 1, "byte {at} flipped");
    }
}

/// What is damaged is restored when that is forced, as far as it can be read, or refused; never half.
#[test]
fn a_forced_restore_ends_with_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let (file, to) = (dir.path().join("damaged.db"), dir.path().join("to"));
    let bytes = fs::read(SMALL).unwrap();
    let named = ["--name", "m", "--initial-cluster", "m=http://h:1", "--force", "--skip-hash-check"];
    let (mut restored, mut refused) = (0, 0);
    for (n, at) in (0..bytes.len()).step_by(389).enumerate() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x10;
        fs::write(&file, &bytes).unwrap();
        let more: &[&str] = match n % 3 {
            0 => &[],
            1 => &["--defrag", "--compact", "latest"],
            _ => &["--bump-revision", "10", "--drop-leases"],
        };
        let args = [&["restore", "--data-dir", to.to_str().unwrap()], &named[..], more].concat();
        match exit(&args, &file) {
            0 => {
                restored += 1;
                assert!(to.join("member.etcdsnap.json").exists());
                exit(&["verify"], &to);
                fs::remove_dir_all(&to).unwrap();
            }
            1 => refused += 1,
            other => panic!("byte {at} flipped: exit {other}"),
        }
        assert!(!to.exists());
    }
    assert!(restored > 10 && refused > 0, "{restored} restored, {refused} refused");
}

/// A leaf of 64 MB whose 65,000 items all claim the same 60 MB: 4 TB to sum, if one believed it.
#[test]
fn items_that_claim_the_same_bytes_end_at_once() {
    let mut bytes = small();
    let pages = 16_384_u32;
    bytes.resize(pages as usize * 4096, 0);
    // Both metas: the root is page 4, which covers the rest of the file.
    for page in [0, 4096] {
        bytes[page + 32..page + 40].copy_from_slice(&4_u64.to_le_bytes());
        bytes[page + 56..page + 64].copy_from_slice(&u64::from(pages).to_le_bytes());
        let sum = fnv1a(&bytes[page + 16..page + 72]);
        bytes[page + 72..page + 80].copy_from_slice(&sum.to_le_bytes());
    }
    let leaf = 4 * 4096;
    let count = 65_000_u16;
    bytes[leaf..leaf + 8].copy_from_slice(&4_u64.to_le_bytes());
    bytes[leaf + 8..leaf + 10].copy_from_slice(&2_u16.to_le_bytes());
    bytes[leaf + 10..leaf + 12].copy_from_slice(&count.to_le_bytes());
    bytes[leaf + 12..leaf + 16].copy_from_slice(&(pages - 5).to_le_bytes());
    for i in 0..u32::from(count) {
        let at = leaf + 16 + 16 * i as usize;
        for (field, value) in [(0, 0), (4, 2_000_000 - 16 * i), (8, 100), (12, 60_000_000)] {
            bytes[at + field..at + field + 4].copy_from_slice(&value.to_le_bytes());
        }
    }
    let snapshot = Snapshot::open(&bytes).unwrap();
    assert!(
        snapshot.findings.list().iter().any(|finding| finding.code == etcdsnap::Code::ElementOverlap),
        "{:?}",
        snapshot.findings
    );
}

/// One record whose key is as long as the file: what is said about it is not.
#[test]
fn a_finding_stays_small() {
    let key = vec![0xff_u8; 3_000_000];
    let finding = etcdsnap::Finding::error(etcdsnap::Code::Record, "a record").key(&key);
    assert!(finding.to_string().len() < 2000);
}

fn fnv1a(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Bytes of a good file changed anywhere, many at a time.
    #[test]
    fn no_change_of_bytes_is_fatal(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..60)) {
        let mut bytes = small();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        read_all(&bytes);
    }

    /// Pages of a good file copied over each other: cycles, double references, foreign trees.
    #[test]
    fn no_mix_of_pages_is_fatal(moves in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>()), 1..20)) {
        let mut bytes = small();
        let pages = bytes.len() / 4096;
        for (from, to, keep_id) in moves {
            let (from, to) = (from.index(pages) * 4096, to.index(pages) * 4096);
            let id = bytes[to..to + 8].to_vec();
            bytes.copy_within(from..from + 4096, to);
            if keep_id {
                bytes[to..to + 8].copy_from_slice(&id);
            }
        }
        read_all(&bytes);
    }

    /// What is found does not depend on which thread came first.
    #[test]
    fn the_same_answer_twice(child in 2_u64..64, at in any::<prop::sample::Index>()) {
        let mut bytes = small();
        // Some branch or bucket header now leads somewhere else.
        let at = at.index(bytes.len() / 8) * 8;
        bytes[at..at + 8].copy_from_slice(&child.to_le_bytes());
        let told = || {
            Snapshot::open(&bytes).ok().map(|snapshot| {
                let survey = snapshot.survey();
                (survey.hash, survey.total_key, survey.findings.list().to_vec())
            })
        };
        prop_assert_eq!(told(), told());
    }

    /// Values that say they are encrypted, and keys that fit their names.
    #[test]
    fn no_encrypted_value_is_fatal(prefix in 0_usize..8, bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0_usize..60) {
        let prefixes = [
            "k8s:enc:secretbox:v1:sbx:", "k8s:enc:aescbc:v1:key1:", "k8s:enc:aesgcm:v1:2026:q4:", "k8s:enc:aesgcm:v1:2026:",
            "k8s:enc:kms:v1:plug:", "k8s:enc:kms:v2:plug:", "k8s:enc:kms:v2:plug:\x28\x01\x0a", "k8s:enc:new:v1:k:",
        ];
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        fs::write(&keys, "plug: [AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=]").unwrap();
        let ring = Ring::read(Some("fixtures/encryption.yaml".as_ref()), Some(&keys)).unwrap();
        let value = [prefixes[prefix].as_bytes(), &bytes].concat();
        let key = b"/registry/secrets/shop/db";
        for value in [value.as_slice(), value.get(..cut).unwrap_or_default()] {
            prop_assert!(ring.object(key, value).is_err() && Ring::default().object(key, value).is_err());
        }
    }

    #[test]
    fn random_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..20_000)) {
        prop_assert!(read_all(&bytes));
    }
}
