//! `docs/damage.md`, made of the counts.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use super::{
    INVISIBLE, INVISIBLE_SMALL, ROUNDS,
    bases::{Base, Mutant, chapters},
};

const HEAD: &str = "\
# What `verify` sees of damage

Counted, not estimated: each kind of damage was done ROUNDS times, each time elsewhere, to saved snapshots of etcd 3.4, 3.5,
3.6 and 3.7, to one of a cluster of three members, to one that was never compacted, to a db with its freelist on disk, and to the db in the data directory of
an etcd 3.6. The checksums of the meta pages were computed again, so that the damage is not found by these alone.
`UPDATE_DOCS=1 cargo test --test it what_verify_sees::` with the real programs makes this page again.

- *with trailer*: how many mutants `verify` found by the SHA-256 that `snapshot save` appends. The SHA-256 finds any change.
- *without*: how many it found when the trailer fits, as if there were none: what the content itself shows. Of a plain copy
  of `member/snap/db` `verify` says, too, that nothing proves the values.
- *missed, served equally* and *missed, served otherwise*: a real etcd of the same version was started on each mutant that
  `verify` called good. Keys, values, revisions, HashKV, earlier revisions, leases, alarms, members, users and roles were the
  same as those of the whole file, or not.

Without a trailer nothing shows a change that leaves a content which an etcd could have written: a flipped bit in a value,
in the key of a key-value pair with one record, or in a password; a record that only a compaction could have kept; the last
revisions. Nor does anything show that a meta names an older root page which is still whole: bbolt's pages do not hold the
number of their transaction, and newer pages that nothing leads to are also in a snapshot of an etcd that wrote while the
snapshot was saved, and in the db of an etcd that was killed. Keep the trailer: never store a snapshot without its last 32
bytes. Other mutants, also of data directories that etcd 3.4, 3.5, 3.7 and 3.8 left when they were killed, are tried in each
run of the tests. In these tables, or in other rounds, only these kinds of damage were served otherwise:

";

/// The counts of one kind of damage.
#[derive(Default, Clone, Copy)]
struct Row {
    mutants: usize,
    with_trailer: usize,
    without: usize,
    otherwise: usize,
}

/// The counts of all kinds, by chapter and kind: of snapshots, and of the db of a data directory.
#[derive(Default)]
pub struct Counts(BTreeMap<(bool, &'static str, &'static str), Row>);

impl Counts {
    pub fn add(
        &mut self,
        base: &Base,
        mutant: &Mutant,
        with_trailer: Option<bool>,
        without: bool,
        otherwise: Option<bool>,
    ) {
        let row = self.0.entry((base.member.is_some(), mutant.chapter, mutant.kind)).or_default();
        row.mutants += 1;
        row.with_trailer += usize::from(with_trailer == Some(true));
        row.without += usize::from(without);
        row.otherwise += usize::from(otherwise == Some(true));
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/damage.md")
}

pub fn write(counts: &Counts) {
    fs::write(path(), page(counts)).unwrap();
}

/// The page has these counts; what etcd serves is only counted when the page is written.
pub fn compare(counts: &Counts) {
    let there = fs::read_to_string(path()).unwrap();
    let rows = |page: &str| page.lines().map(|line| seen(line).to_owned()).collect::<Vec<_>>();
    let made = page(counts);
    for (there, made) in rows(&there).iter().zip(rows(&made)) {
        assert_eq!(*there, made, "docs/damage.md: UPDATE_DOCS=1 cargo test --test it what_verify_sees::");
    }
    assert_eq!(there.lines().count(), made.lines().count());
}

/// A line without its last two cells, where it is a row of counts.
fn seen(line: &str) -> &str {
    let last = |line: &str| line.trim_end_matches(" |").rfind(" |");
    match last(line) {
        Some(end) if line.starts_with("| ") => line.get(..last(&line[..end]).unwrap_or(end)).unwrap_or(line),
        _ => line,
    }
}

fn page(counts: &Counts) -> String {
    let mut page = HEAD.replace("ROUNDS", &ROUNDS.to_string());
    for kind in INVISIBLE.iter().chain(&INVISIBLE_SMALL) {
        writeln!(page, "- {kind}").unwrap();
    }
    for (of_member, title) in [(false, "Saved snapshots"), (true, "The db of a data directory")] {
        writeln!(page, "\n## {title}").unwrap();
        for (chapter, kinds) in chapters() {
            let rows: Vec<_> =
                kinds.iter().filter_map(|kind| Some((kind, counts.0.get(&(of_member, chapter, kind))?))).collect();
            if rows.is_empty() {
                continue;
            }
            let trailer = if of_member { ["", ""] } else { [" with trailer |", "---|"] };
            writeln!(page, "\n### {chapter}\n").unwrap();
            let columns = "without | missed, served equally | missed, served otherwise |";
            writeln!(page, "| damage |{} {columns}\n|---|{}---|---|---|", trailer[0], trailer[1]).unwrap();
            for (kind, row) in rows {
                let Row { mutants, with_trailer, without, otherwise } = row;
                let trailer = if of_member { String::new() } else { format!(" {with_trailer} of {mutants} |") };
                let missed = mutants - without - otherwise;
                writeln!(page, "| {kind} |{trailer} {without} of {mutants} | {missed} | {otherwise} |").unwrap();
            }
        }
    }
    page
}
