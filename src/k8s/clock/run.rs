//! Selection of the times that are used where they contradict each other.

use hashbrown::HashMap;

use super::points::{Point, Times, Unsure};

/// No component of a running cluster is silent for this many seconds.
const LONE: i64 = 3600;

/// The points that are used, in order. Of those that were set for their write, as many as possible whose times never
/// fall; the others may be of any age, and are left out where a later one of the first is older.
///
/// A Lease most of whose times would run backwards has a wrong clock: all its renewals are left out, the first and the
/// last too, which no other time contradicts.
pub(super) fn consistent(points: Vec<Point<'_>>) -> Vec<Point<'_>> {
    let (mut new, mut others): (Vec<_>, Vec<_>) = points.into_iter().partition(|point| point.is_new);
    let mut kept: HashMap<&[u8], (usize, usize)> = HashMap::new();
    for point in new.iter().filter(|point| point.is_holders) {
        let (_, all) = kept.entry(point.key).or_default();
        *all = all.saturating_add(1);
    }
    let mut run = longest_run(&new);
    for point in run.iter().filter_map(|at| new.get(*at)) {
        if let Some((kept, _)) = kept.get_mut(point.key) {
            *kept = kept.saturating_add(1);
        }
    }
    let most = |point: &Point<'_>| kept.get(point.key).is_some_and(|(kept, all)| kept.saturating_mul(2) > *all);
    let all = new.len();
    new.retain(|point| !point.is_holders || most(point));
    if new.len() < all {
        run = longest_run(&new);
    }
    let mut run: Vec<_> = run.into_iter().filter_map(|at| new.get(at).copied()).collect();
    others.retain(|point| {
        let next = run.get(run.partition_point(|of| of.revision < point.revision));
        next.is_none_or(|next| point.at.seconds <= next.at.seconds)
    });
    run.append(&mut others);
    run.sort_by_key(|point| point.revision);
    run
}

/// The number of points without those at the end that are of a single key and more than [`LONE`] seconds after all
/// others; their times rise. Only where Leases of other keys are renewed does such a silence show a wrong clock, or
/// that the cluster was down: which of them, is not known, unless only the clock of a Lease's holder gives the times.
pub(super) fn without_lone_end(points: &[Point<'_>], leases: &Leases<'_>) -> (usize, Option<Unsure>) {
    let all = (points.len(), None);
    let Some(last) = points.last() else { return all };
    let start = points.iter().rposition(|point| point.key != last.key).map_or(0, |other| other.saturating_add(1));
    let seconds = |at: usize| points.get(at).map(|point| point.at.seconds);
    let is_far = |at: &usize| {
        let before = at.checked_sub(1).and_then(seconds);
        before.zip(seconds(*at)).is_some_and(|(before, at)| at.saturating_sub(before) > LONE)
    };
    let others_renew = leases.other_than(last.key);
    let Some(first) = (start..points.len()).find(is_far).filter(|_| others_renew || last.is_holders) else {
        return all;
    };
    let is_contradicted = others_renew && points.iter().skip(first).all(|point| point.is_holders);
    let revision = points.get(first).map(|point| point.revision).filter(|_| !is_contradicted);
    (first, revision.map(|revision| Unsure { revision, newest: last.at }))
}

/// The keys of the Leases: one or more.
#[derive(Debug, Default)]
pub(super) struct Leases<'a> {
    one: Option<&'a [u8]>,
    several: bool,
}

impl<'a> Leases<'a> {
    pub(super) fn add(&mut self, times: &Times<'a>) {
        if times.renewed.is_some() {
            self.several |= self.one.is_some_and(|one| one != times.key);
            self.one = Some(times.key);
        }
    }

    /// Whether there is one that is not `key`.
    fn other_than(&self, key: &[u8]) -> bool {
        self.several || self.one.is_some_and(|one| one != key)
    }
}

/// The places of the longest run whose seconds never fall: `ends` holds, by length, the run that ends earliest.
fn longest_run(points: &[Point<'_>]) -> Vec<usize> {
    let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::with_capacity(points.len()));
    // most times are whole seconds: within one, their order is not known
    let time = |at: usize| points.get(at).map(|point| point.at.seconds);
    for (at, point) in points.iter().enumerate() {
        let fits = |end: &usize| time(*end) <= Some(point.at.seconds);
        // nearly always after the last one
        let length = if ends.last().is_none_or(fits) { ends.len() } else { ends.partition_point(fits) };
        before.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter).copied()));
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let run = std::iter::successors(ends.last().copied(), |at| before.get(*at).copied().flatten());
    let mut run: Vec<_> = run.collect();
    run.reverse();
    run
}
