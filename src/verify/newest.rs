//! Which of many backups is the newest.

use std::{
    cmp::Reverse,
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::{Report, Verdict, verify};
use crate::{
    error::Fault,
    etcd::{Load, Snapshot},
    k8s::{Moment, Newest, Ring},
    source::{Options, Source},
};

/// The most backups that one is compared with.
const ASKED: usize = 3;

/// Places among several reports.
pub(super) struct Order {
    /// All of them, newest content first.
    pub(super) places: Vec<usize>,
    /// The newest good one of each identity.
    pub(super) newest_good: Vec<usize>,
}

/// Orders `reports`, newest content first: by the times inside, then by the revisions. Where one backup continues from
/// another of its identity, it is the newer one, whatever a wrong clock wrote; `continues` decides that for two places,
/// the later backup first, and is called only where times and revisions contradict each other.
pub(super) fn newest_first(reports: &[&Report], mut continues: impl FnMut(usize, usize) -> bool) -> Order {
    let mut order: Vec<_> = (0..reports.len()).collect();
    let revision = |at: usize| reports.get(at).and_then(|report| report.last_revision());
    order.sort_by_key(|at| Reverse(revision(*at)));
    let mut times: Vec<Option<Moment>> = reports.iter().map(|report| report.portrait.newest.time).collect();
    let mut later: HashMap<&str, Vec<usize>> = HashMap::new();
    for at in &order {
        let Some(report) = reports.get(*at) else { continue };
        let Some(identity) = report.portrait.identity.as_deref() else { continue };
        let others = later.entry(identity).or_default();
        let lagging =
            |other: &&usize| times.get(**other) < times.get(*at) && revision(**other) > report.last_revision();
        // The nearest ones are the most likely to hold what this one ends with.
        let mut nearest = others.iter().rev().filter(lagging).take(ASKED);
        if let Some(time) = nearest.find(|other| continues(**other, *at)).and_then(|other| times.get(*other).copied())
            && let Some(own) = times.get_mut(*at)
        {
            *own = time;
        }
        others.push(*at);
    }
    let time = |at: usize| times.get(at).copied().flatten();
    order.sort_by_key(|at| Reverse((time(*at), revision(*at))));
    let (mut seen, mut newest_good) = (Vec::new(), Vec::new());
    for at in &order {
        let report = reports.get(*at).filter(|report| report.verdict() == Some(Verdict::Good));
        let Some(identity) = report.map(|report| report.portrait.identity.as_deref()) else { continue };
        if !seen.contains(&identity) {
            seen.push(identity);
            newest_good.push(*at);
        }
    }
    Order { places: order, newest_good }
}

/// The newest good one of `files`, for a hint; `None` when it is not found with little work: only the newest few are
/// verified, and none where one has to be unpacked or cannot be read.
#[must_use]
pub fn propose<'p>(files: &'p [PathBuf], options: &Options) -> Option<&'p PathBuf> {
    let mut looked = Vec::new();
    for file in files {
        let source = match Source::open(file, options) {
            Err(error) if error.fault() == Fault::System => return None,
            Err(_) => continue,
            Ok(source) => source,
        };
        if !source.wrapping().is_empty() {
            return None;
        }
        let Ok(snapshot) = Snapshot::load(&source, &Load::default()) else { continue };
        let (Ok(newest), Ok(head)) = (snapshot.newest_records(), snapshot.head()) else { continue };
        looked.push((Newest::of(&newest, &Ring::default()).time, head, file));
    }
    looked.sort_by_key(|(newest, head, _)| Reverse((*newest, *head)));
    let good = |file: &Path| {
        let source = Source::open(file, options).ok()?;
        verify(&source, &Load::default(), |_| {}).ok().filter(|report| report.verdict() == Some(Verdict::Good))
    };
    looked.into_iter().take(ASKED).map(|(.., file)| file).find(|file| good(file).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(path: &str, identity: &str, seconds: i64, revision: i64) -> Report {
        let mut report = Report::empty(path);
        report.portrait.identity = Some(identity.to_owned()).filter(|identity| !identity.is_empty());
        report.portrait.newest.time = Some(Moment { seconds, nanos: 0 });
        report.revision = Some(revision);
        report
    }

    fn sorted(reports: Vec<Report>, continues: bool) -> Vec<String> {
        let order = newest_first(&reports.iter().collect::<Vec<_>>(), |_, _| continues);
        let name =
            |at: &usize| format!("{}{}", reports[*at].path, if order.newest_good.contains(at) { "*" } else { "" });
        order.places.iter().map(name).collect()
    }

    #[test]
    fn the_higher_revision_of_one_history_is_newer_whatever_the_clocks_say() {
        let reports =
            || vec![report("late", "a", 200, 20), report("wrong", "a", 9_999, 10), report("first", "a", 1, 1)];
        assert_eq!(sorted(reports(), true), ["late*", "wrong", "first"]);
        // Restored from an older one: the revisions began again.
        assert_eq!(sorted(reports(), false), ["wrong*", "late", "first"]);
    }

    #[test]
    fn each_identity_has_its_newest_good_one() {
        let reports =
            vec![report("a1", "a", 1, 1), report("b1", "b", 5, 1), report("a2", "a", 2, 2), report("none", "", 3, 9)];
        assert_eq!(sorted(reports, true), ["b1*", "none*", "a2*", "a1"]);
    }
}
