//! 468 kinds of damage to one snapshot, and how this program, etcdutl and bbolt end on each: the table in the README.

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{common::Peers, targets};

/// How many there are: as many as in the survey that the table follows.
const KINDS: usize = 468;

/// The damaged files. Whole pages, the fields of their headers and of their elements, cuts, and for the rest single
/// bits.
fn damaged() -> Vec<Vec<u8>> {
    let good = fs::read("fixtures/etcd-3.6.db").unwrap();
    let mut all = Vec::new();
    let mut push = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        if bytes != good {
            all.push(bytes);
        }
    };
    for page in (0..good.len() / 4096).map(|page| page * 4096) {
        push(&|bytes| bytes[page..page + 4096].fill(0));
        push(&|bytes| bytes[page..page + 4096].fill(0xff));
        let count = u16::from_le_bytes([good[page + 10], good[page + 11]]);
        let header: [(usize, &[u8]); 6] =
            [(0, &[99]), (8, &[0, 0]), (8, &[0xff; 2]), (10, &[0, 0]), (10, &[0xff; 2]), (12, &[0xff; 4])];
        for (at, value) in header {
            push(&|bytes| bytes[page + at..page + at + value.len()].copy_from_slice(value));
        }
        // not the bytes of a value that is several pages long
        let is_page = good[page..page + 8] == (page as u64 / 4096).to_le_bytes();
        if page >= 8192 && is_page && count > 0 {
            // pos, ksize, vsize of the element in the middle
            let element = page + 16 + 16 * usize::from(count / 2);
            for at in [4, 8, 12] {
                push(&|bytes| bytes[element + at..element + at + 4].fill(0xff));
            }
        }
    }
    (1..16).for_each(|part| push(&|bytes| bytes.truncate(good.len() * part / 16 / 512 * 512)));
    let mut random = crate::common::random::Random::default();
    while all.len() < KINDS {
        let (at, bit) = (random.next() % (good.len() - 32), random.next() % 8);
        let mut bytes = good.clone();
        bytes[at] ^= 1 << bit;
        all.push(bytes);
    }
    assert_eq!(all.len(), KINDS);
    all
}

/// The columns of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Zero,
    Message,
    Panic,
    Fault,
    Hang,
}

/// Runs a command that gets a copy of the file, for some write to it.
fn end(command: &mut Command) -> End {
    let errors = tempfile::tempfile().unwrap();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors.try_clone().unwrap()).spawn().unwrap();
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if super::child::hangs(child.id(), start) => {
                let _ = child.kill();
                let _ = child.wait();
                return End::Hang;
            }
            None => thread::sleep(Duration::from_millis(1)),
        }
    };
    use std::io::{Read as _, Seek as _};
    let (mut text, mut errors) = (Vec::new(), errors);
    errors.rewind().unwrap();
    errors.take(1 << 20).read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text);
    if status.code().is_none() || text.contains("[signal SIG") || text.contains("unexpected fault address") {
        End::Fault
    } else if text.contains("panic:") || text.contains("fatal error:") || text.contains("because of a bug") {
        End::Panic
    } else if status.success() {
        End::Zero
    } else {
        End::Message
    }
}

/// Prints the table: `.ci/damage.sh`.
#[test]
fn table_of_damage() {
    let Ok(only) = env::var("ETCDSNAP_DAMAGE") else { return };
    let peers = Peers::find("table_of_damage").expect("the table compares with the real programs");
    let ours = [
        "status",
        "verify",
        "hashkv",
        "get",
        "kv",
        "restore --force",
        "snapshot status",
        "snapshot restore",
        "salvage",
    ];
    let theirs = [
        ("etcdutl36", "snapshot status"),
        ("etcdutl37", "snapshot status"),
        ("etcdutl37", "hashkv"),
        ("etcdutl37", "snapshot restore"),
        ("bbolt", "check"),
        ("bbolt", "pages"),
        ("bbolt", "stats"),
    ];
    let rows = ours.map(|call| ("etcdsnap", call)).into_iter().chain(theirs);
    let dir = tempfile::tempdir_in(if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" }).unwrap();
    let files = damaged();
    println!(
        "| command | exit 0 | error or findings | panic | SIGSEGV, SIGBUS | longer than 10 s of CPU |\n|---|---:|---:|---:|---:|---:|"
    );
    for (program, call) in rows.filter(|(program, call)| only == "1" || format!("{program} {call}").contains(&only)) {
        let mut counts = BTreeMap::<End, usize>::new();
        for file in &files {
            let (path, out) = (dir.path().join("damaged.db"), dir.path().join("out"));
            let _ = if out.is_dir() { fs::remove_dir_all(&out) } else { fs::remove_file(&out) };
            let _ = fs::remove_file(dir.path().join("out.etcdsnap.json"));
            fs::write(&path, file).unwrap();
            let mut command = match program {
                "etcdsnap" => Command::new(super::child::program()),
                peer => peers.command(peer),
            };
            command.args(call.split(' ')).arg(&path);
            if call == "salvage" {
                command.arg("--to").arg(&out);
            }
            if call.contains("restore") {
                let named = ["--name", "m", "--initial-cluster", "m=http://127.0.0.1:2380", "--skip-hash-check"];
                let urls = "--initial-advertise-peer-urls=http://127.0.0.1:2380";
                command.args(named).arg(urls).arg("--data-dir").arg(&out);
            }
            *counts.entry(end(&mut command)).or_default() += 1;
        }
        let cells = [End::Zero, End::Message, End::Panic, End::Fault, End::Hang]
            .map(|end| counts.get(&end).map_or("0".to_owned(), ToString::to_string));
        println!("| `{program} {call}` | {} |", cells.join(" | "));
    }
}

/// The same files in this process, with everything that reads.
#[test]
fn none_of_the_468_kinds_of_damage_is_fatal() {
    let target = targets::TARGETS.iter().find(|target| target.name == "db").unwrap();
    damaged().iter().for_each(|file| (target.run)(file));
    let _ = fs::remove_dir_all(targets::scratch());
}
