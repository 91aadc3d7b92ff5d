//! Promise 2, out of process: mutants of every kind of input, to every command, each twice (`ETCDSNAP_MUTANTS_TWICE=4`:
//! every fourth).
//!
//! In a run of the tests there are 150; `.ci/mutants.sh` makes as many as are wanted. Checksums are made right
//! again in most mutants, so that the damage goes deep. A mutant's number and the seed are all that it is made of, so
//! that one of them can be made again.

mod bases;
mod bytes;
mod calls;
mod child;
mod table;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use self::{
    bases::{Base, Kind, bases},
    child::{End, Ended},
};
use crate::common::random::Random;

/// How the calls on mutants of one kind ended.
type Counts = BTreeMap<End, u64>;
/// How many calls each command had on mutants of each kind.
type Commands = BTreeMap<String, BTreeMap<Kind, u64>>;

/// A number that the environment has, or `default`.
fn number(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: no number")))
}

#[test]
fn no_mutant_ends_badly() {
    let (count, seed) = (number("ETCDSNAP_MUTANTS", 150), number("ETCDSNAP_MUTANTS_SEED", 1));
    let first = number("ETCDSNAP_MUTANTS_FIRST", 0);
    let failed = PathBuf::from(env::var_os("ETCDSNAP_MUTANTS_FAILED").unwrap_or_else(|| "target/mutants".into()));
    let home = crate::targets::scratch().with_file_name(format!("etcdsnap-mutants-{}", std::process::id()));
    fs::create_dir_all(&home).unwrap();
    let bases = bases(&home);
    let (next, counts) = (AtomicUsize::new(first), Mutex::new(BTreeMap::<Kind, Counts>::new()));
    let (bad, commands) = (Mutex::new(Vec::new()), Mutex::new(Commands::new()));
    let twice = number("ETCDSNAP_MUTANTS_TWICE", 1);
    thread::scope(|scope| {
        for worker in 0..number("ETCDSNAP_MUTANTS_THREADS", thread::available_parallelism().map_or(1, usize::from)) {
            let dir = home.join(format!("worker-{worker}"));
            let (bases, next, counts, bad, commands, failed) = (&bases, &next, &counts, &bad, &commands, &failed);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= first + count {
                        break;
                    }
                    let (kind, ended) = one(bases, number, seed, number.is_multiple_of(twice), &dir);
                    *commands.lock().unwrap().entry(ended.command()).or_default().entry(kind).or_default() += 1;
                    if ended.end.is_bad() {
                        keep(&dir, &failed.join(format!("{seed}-{number}")), &ended);
                        bad.lock().unwrap().push(format!("{number}: {kind:?}: {}: {:?}", ended.call, ended.end));
                    }
                    *counts.lock().unwrap().entry(kind).or_default().entry(ended.end).or_default() += 1;
                }
                fs::remove_dir_all(&dir).unwrap();
            });
        }
    });
    fs::remove_dir_all(&home).unwrap();
    print(&counts.into_inner().unwrap());
    print_commands(&commands.into_inner().unwrap());
    let bad = bad.into_inner().unwrap();
    assert!(bad.is_empty(), "{} of {count} mutants, kept in {}:\n{}", bad.len(), failed.display(), bad.join("\n"));
}

/// Makes one mutant and runs one command on it, once or twice.
fn one(bases: &[Base], number: usize, seed: usize, twice: bool, dir: &Path) -> (Kind, Ended) {
    let mut random = Random::seeded((seed as u64) << 40 | number as u64);
    // the first numbers of a xorshift are alike for like seeds
    for _ in 0..8 {
        random.next();
    }
    let base = &bases[random.next() % bases.len()];
    let input = base.mutant(&mut random, dir);
    let call = calls::call(base.kind, &input, &mut random);
    (base.kind, child::watch(&call, twice, dir))
}

/// What is needed to look at a mutant that ended badly.
fn keep(dir: &Path, to: &Path, ended: &Ended) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    let _ = fs::remove_dir_all(to);
    crate::common::killed::copy(dir, to);
    fs::write(to.join("call"), format!("{}\n{:?}\n{}\n", ended.call, ended.end, ended.said)).unwrap();
}

/// A table for the reader of the log.
fn print(counts: &BTreeMap<Kind, Counts>) {
    let ends =
        [End::Exit0, End::Exit1, End::Exit2, End::Exit3, End::Panic, End::Signal, End::Hang, End::Differs, End::NoJson];
    let line = |name: &str, cells: Vec<String>| println!("{name:<10} {}", cells.join(" "));
    line(
        "mutants",
        std::iter::once("calls".to_owned())
            .chain(ends.iter().map(|end| format!("{end:?}")))
            .map(|cell| format!("{cell:>8}"))
            .collect(),
    );
    let mut sums = Counts::new();
    for (kind, ended) in counts {
        ended.iter().for_each(|(end, n)| *sums.entry(*end).or_default() += n);
        row(&format!("{kind:?}").to_lowercase(), ended, &ends);
    }
    row("all", &sums, &ends);
}

fn print_commands(commands: &Commands) {
    let kinds = [Kind::Db, Kind::Wal, Kind::Snap, Kind::Value, Kind::Container];
    let names = kinds.iter().map(|kind| format!("{:>9}", format!("{kind:?}").to_lowercase()));
    println!("{:<18} {}", "command", names.collect::<Vec<_>>().join(" "));
    for (command, counts) in commands {
        let cells = kinds.iter().map(|kind| format!("{:>9}", counts.get(kind).copied().unwrap_or_default()));
        println!("{command:<18} {}", cells.collect::<Vec<_>>().join(" "));
    }
}

fn row(name: &str, counts: &Counts, ends: &[End]) {
    let of = |end: &End| counts.get(end).copied().unwrap_or_default();
    let cells = std::iter::once(counts.values().sum::<u64>()).chain(ends.iter().map(of));
    println!("{name:<10} {}", cells.map(|n| format!("{n:>8}")).collect::<Vec<_>>().join(" "));
}
