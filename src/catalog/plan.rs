//! Which backups may be removed.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::{Path, PathBuf},
};

use super::{
    branch::{Branch, Labels},
    entry::{FileRow, Stamp},
    lives::Holder,
    open::Catalog,
    retention::{Fate, Keep},
    scope::Scope,
};
use crate::source::is_url;

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFate {
    /// It is kept, for these reasons.
    Kept(Vec<&'static str>),
    /// It may be removed.
    ToBeRemoved,
    /// It was removed.
    Removed,
    /// It should have been removed, and was not, for this reason.
    NotRemoved(String),
}

impl fmt::Display for FileFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(why) => write!(f, "kept: {}", why.join(", ")),
            Self::ToBeRemoved => f.write_str("to be removed"),
            Self::Removed => f.write_str("removed"),
            Self::NotRemoved(why) => write!(f, "not removed: {why}"),
        }
    }
}

/// A file of a backup, and what becomes of it.
#[derive(Debug, Clone)]
pub struct Planned<'c> {
    /// The backup.
    pub holder: &'c Holder,
    /// The file.
    pub file: &'c Path,
    /// What becomes of it.
    pub fate: FileFate,
    /// What the system reported of it when it was added.
    pub(super) stamp: Option<Stamp>,
}

/// A branch, and what is kept of its good backups.
#[derive(Debug)]
pub(super) struct Counted<'c> {
    pub(super) branch: Branch,
    /// Why, by the ids of the backups.
    kept: HashMap<&'c str, Vec<&'static str>>,
    /// The newest of all, and the newest that is certainly of this branch.
    pub(super) newest: Vec<&'c Holder>,
}

impl<'c> Counted<'c> {
    fn of(holders: &'c [Holder], branch: Branch, keep: Keep) -> Self {
        let all: Vec<&Holder> = holders.iter().filter(|of| is_counted(of) && branch.has(of)).collect();
        let certain: Vec<&Holder> = all.iter().copied().filter(|of| !of.is_undecided(holders)).collect();
        let mut counted = Self { branch, kept: HashMap::new(), newest: Vec::new() };
        // One that may be of another branch must not take the place of one that is certainly of this branch.
        for holders in [all, certain] {
            let times: Vec<_> = holders.iter().map(|of| of.entry.time()).collect();
            for (holder, fate) in holders.iter().zip(keep.decide(&times)) {
                if let Fate::Kept(why) = fate {
                    add(counted.kept.entry(&holder.entry.id).or_default(), &why);
                }
            }
            counted.newest.extend(holders.iter().rev().find(|of| counted.kept.contains_key(of.entry.id.as_str())));
        }
        counted
    }
}

/// Adds reasons, each once.
fn add(reasons: &mut Vec<&'static str>, more: &[&'static str]) {
    for why in more {
        if !reasons.contains(why) {
            reasons.push(why);
        }
    }
}

/// Whether a backup is counted, and may be removed: it is there, good, and of a known branch of a known cluster.
fn is_counted(holder: &Holder) -> bool {
    holder.there && holder.is_good() && holder.entry.identity.is_some() && !holder.entry.lineages.is_empty()
}

/// What is kept of the good backups of each branch, and which others may be removed.
#[derive(Debug)]
pub struct Plan<'c> {
    pub(super) branches: Vec<Counted<'c>>,
    /// The numbers of the lineages that are asked for.
    pub(super) wanted: HashSet<u32>,
    /// The good backups of these, by their labels, and the reasons to keep them.
    pub(super) backups: Vec<(&'c Holder, Vec<&'static str>)>,
    pub(super) files: Vec<Planned<'c>>,
    /// Good backups whose file was found to have another content: what is there now is not known.
    pub(super) changed: Vec<&'c Holder>,
}

impl<'c> Plan<'c> {
    /// What is kept of the branches that are `wanted`.
    #[must_use]
    pub fn new(catalog: &'c Catalog, keep: Keep, wanted: &[Branch]) -> Self {
        Self::of(catalog.holders(), catalog.files(), Branch::all(catalog), keep, wanted)
    }

    pub(super) fn of(
        holders: &'c [Holder],
        rows: &'c [(PathBuf, FileRow)],
        branches: Vec<Branch>,
        keep: Keep,
        wanted: &[Branch],
    ) -> Self {
        let wanted: HashSet<u32> = wanted.iter().map(|branch| branch.number).collect();
        let labels = Labels::of(&branches);
        // A backup from before a fork is kept for a branch that is not asked for, too.
        let branches: Vec<_> = branches.into_iter().map(|branch| Counted::of(holders, branch, keep)).collect();
        let within = |of: &Holder| of.entry.lineages.iter().any(|number| wanted.contains(number));
        let mut backups: Vec<_> = holders.iter().filter(|of| is_counted(of) && within(of)).collect();
        backups.sort_by_cached_key(|of| (of.entry.identity.clone(), labels.one(of)));
        let backups: Vec<_> = backups.into_iter().map(|of| (of, reasons(&branches, of))).collect();
        let rows: HashMap<&Path, &FileRow> = rows.iter().map(|(path, row)| (path.as_path(), row)).collect();
        let file = |holder: &'c Holder, why: &[&'static str], file: &'c Path| {
            let row = rows.get(file);
            let fate = match why {
                [_, ..] => FileFate::Kept(why.to_vec()),
                // only files on disk are removed
                [] if row.is_some_and(|row| row.archive.is_some()) => FileFate::Kept(vec!["in an archive"]),
                [] if is_url(file) => FileFate::Kept(vec!["in an object store"]),
                // at the name that was given to it there may be no file
                [] if row.is_some_and(|row| row.stamp.is_none()) => FileFate::Kept(vec!["added from a pipe"]),
                [] => FileFate::ToBeRemoved,
            };
            Planned { holder, file, fate, stamp: row.and_then(|row| row.stamp) }
        };
        let files = backups.iter().flat_map(|(of, why)| of.files.iter().map(|path| file(of, why, path))).collect();
        let changed = holders.iter().filter(|of| of.changed && of.is_good()).collect();
        Self { branches, wanted, backups, files, changed }
    }

    /// The good backups of the branches that are asked for.
    pub fn holders(&self) -> impl Iterator<Item = &'c Holder> {
        self.backups.iter().map(|(holder, _)| *holder)
    }

    /// Their files, in the same order.
    #[must_use]
    pub fn files(&self) -> &[Planned<'c>] {
        &self.files
    }
}

impl Catalog {
    /// Number of backups that no plan for `scope` touches: damaged and doubtful ones, and those of no known cluster,
    /// which may be of these clusters.
    #[must_use]
    pub fn not_counted(&self, scope: &Scope) -> usize {
        let others = self.holders().iter().filter(|of| of.there && !is_counted(of));
        others.filter(|of| scope.may_have(of.entry.identity.as_deref())).count()
    }
}

/// Why a backup is kept, in any of the branches that it is in; nothing where it may be removed.
fn reasons(branches: &[Counted<'_>], holder: &Holder) -> Vec<&'static str> {
    let mut all = Vec::new();
    for why in branches.iter().filter_map(|of| of.kept.get(holder.entry.id.as_str())) {
        add(&mut all, why);
    }
    all
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{catalog::Entry, verify::Verdict};

    pub(in super::super) const LAST: Keep = Keep { last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0 };

    /// A good backup in the file `/ID`, whose digits are its revision and its hour.
    pub(in super::super) fn backup(id: &str, lineages: &[u32]) -> Holder {
        let revision: i64 = id.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        let entry = Entry {
            id: id.to_owned(),
            sha256: Some(format!("sum of {id}")),
            lineages: lineages.to_vec(),
            identity: Some("31cfb609-0000".to_owned()),
            revision: Some(revision),
            compacted: None,
            bump: None,
            keys: None,
            size: 1,
            newest: Some(format!("2026-11-01T{revision:02}:00:00Z")),
            verdict: Verdict::Good,
            finding: None,
            sealed: 0,
        };
        Holder { entry, files: vec![PathBuf::from(format!("/{id}"))], there: true, changed: false }
    }

    pub(in super::super) fn branches(numbers: &[u32]) -> Vec<Branch> {
        let label = |number: u32| if numbers.len() > 1 { format!("31cfb609/{number}") } else { "31cfb609".to_owned() };
        let of = |number: &u32| Branch {
            number: *number,
            identity: Some("31cfb609-0000".to_owned()),
            label: label(*number),
        };
        numbers.iter().map(of).collect()
    }

    /// A plan for the branches `wanted` of all `numbers`.
    pub(in super::super) fn plan<'c>(holders: &'c [Holder], numbers: &[u32], keep: Keep, wanted: &[u32]) -> Plan<'c> {
        let wanted: Vec<_> = branches(numbers).into_iter().filter(|of| wanted.contains(&of.number)).collect();
        Plan::of(holders, &[], branches(numbers), keep, &wanted)
    }

    pub(in super::super) fn fates(files: &[Planned<'_>]) -> Vec<String> {
        files.iter().map(|of| format!("{} {}", of.file.display(), of.fate)).collect()
    }

    #[test]
    fn each_branch_keeps_its_newest() {
        let holders = [backup("both1", &[1, 2]), backup("one2", &[1]), backup("two3", &[2]), backup("two4", &[2])];
        let all = plan(&holders, &[1, 2], LAST, &[1, 2]);
        let want = ["/both1 to be removed", "/one2 kept: newest, last", "/two3 to be removed"];
        assert_eq!(fates(all.files()), [&want[..], &["/two4 kept: newest, last"]].concat());
        // What one branch would remove is kept for the other.
        let holders = [backup("both1", &[1, 2]), backup("one2", &[1])];
        let one = plan(&holders, &[1, 2], LAST, &[1]);
        assert_eq!(fates(one.files()), ["/both1 kept: newest, last", "/one2 kept: newest, last"]);
        assert_eq!(fates(plan(&holders, &[1, 2], LAST, &[2]).files()), ["/both1 kept: newest, last"]);
    }

    #[test]
    fn one_that_may_be_of_another_branch_takes_no_place() {
        let holders = [backup("one1", &[1]), backup("two2", &[2]), backup("both3", &[1, 2])];
        let all = plan(&holders, &[1, 2], LAST, &[1, 2]);
        assert!(all.files().iter().all(|of| matches!(of.fate, FileFate::Kept(_))), "{:?}", fates(all.files()));
    }

    #[test]
    fn only_good_backups_on_disk_are_counted() {
        let mut holders = vec![backup("a1", &[1]), backup("object2", &[1]), backup("a.tar:3", &[1])];
        holders.extend([
            backup("doubtful4", &[1]),
            backup("gone5", &[1]),
            backup("unknown6", &[1]),
            backup("none7", &[]),
        ]);
        holders[1].files = vec!["s3://b/2".into(), "/copy2".into()];
        holders[3].entry.verdict = Verdict::Doubtful;
        holders[4].there = false;
        holders[5].entry.identity = None;
        holders.push(backup("last8", &[1]));
        let rows = [("/a.tar:3".into(), FileRow { archive: Some(6), ..FileRow::default() })];
        let all = Plan::of(&holders, &rows, branches(&[1]), LAST, &branches(&[1]));
        let want = ["/a1 to be removed", "s3://b/2 kept: in an object store", "/copy2 to be removed"];
        let more = ["/a.tar:3 kept: in an archive", "/last8 kept: newest, last"];
        assert_eq!(fates(all.files()), [&want[..], &more].concat());
    }
}
