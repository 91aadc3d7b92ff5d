//! All leaves of a bucket on all cores, with results in key order.

use rayon::prelude::*;

use super::{
    layout::Kind,
    leaf::{self, Item, Leaf},
    pages::PageSet,
    walk::{Bucket, Node, TWICE, Walk, below_a_branch},
};
use crate::{Code, Finding, Findings, error::Severity};

/// Parts a bucket is cut into for each thread: enough to level them, few enough that joining costs nothing.
const PARTS_PER_THREAD: usize = 64;

/// What came of a bucket's leaves.
#[derive(Debug)]
pub struct Fold<S, T> {
    /// What all parts shared.
    pub shared: S,
    /// The parts, in key order.
    pub parts: Vec<T>,
    /// What was wrong on the way, in key order.
    pub findings: Findings,
    /// The pages met: those of this bucket, and those that the walk had met before.
    pub met: PageSet,
}

impl<'a> Walk<'a> {
    /// Visits every leaf of `bucket` in parallel: the leaves are cut into parts, each part begins with `init` and
    /// takes its leaves in key order; `shared` is there for all. The walk itself does not change, so a bucket can be
    /// folded any number of times; [`Walk::enter`] adds the pages met to those of the walk.
    ///
    /// Where a page is reached twice, who met it first depends on the threads: then all is thrown away and done
    /// again in order, so the answer is always the same. Where there is no bucket there is no part.
    pub fn fold<S: Sync, T: Send>(
        &self,
        bucket: Option<&Bucket<'a>>,
        shared: impl Fn() -> S,
        init: impl Fn() -> T + Sync,
        step: impl Fn(&S, &mut T, &Leaf<'_, 'a>) + Sync,
    ) -> Fold<S, T> {
        let met = self.met.clone();
        let mut findings = Findings::default();
        let units = |met: &PageSet, findings: &mut Findings| match bucket {
            Some(bucket) => self.units(met, bucket, None, findings),
            None => Vec::new(),
        };
        let first = units(&met, &mut findings);
        let together = shared();
        let part = |met: &PageSet, shared: &S, scratch: &mut Vec<Item<'a>>, units: &[Node<'a>]| {
            let (mut state, mut findings) = (init(), Findings::default());
            for unit in units {
                self.leaves(met, *unit, None, scratch, &mut findings, &mut |leaf| step(shared, &mut state, leaf));
            }
            (state, findings)
        };
        let parts = PARTS_PER_THREAD.saturating_mul(rayon::current_num_threads()).max(1);
        let size = first.len().div_ceil(parts).max(1);
        let done: Vec<_> =
            first.par_chunks(size).map_init(Vec::new, |scratch, units| part(&met, &together, scratch, units)).collect();
        if !done.iter().any(|(_, findings)| findings.counts().any(|(code, ..)| code == TWICE)) {
            return Fold::join(together, done, findings, met);
        }
        let (met, together, mut findings) = (self.met.clone(), shared(), Findings::default());
        let mut scratch = Vec::new();
        let done =
            units(&met, &mut findings).chunks(size).map(|units| part(&met, &together, &mut scratch, units)).collect();
        Fold::join(together, done, findings, met)
    }

    /// Adds the pages that `fold` met to those of the walk and its findings to `findings`; returns what its parts
    /// shared.
    pub fn enter<S, T>(&mut self, fold: Fold<S, T>, findings: &mut Findings) -> S {
        self.met = fold.met;
        findings.append(fold.findings);
        fold.shared
    }

    /// Visits every leaf of `bucket` in key order, until `step` fails.
    ///
    /// # Errors
    /// What `step` returns.
    pub fn in_order<E>(
        &self,
        bucket: &Bucket<'a>,
        findings: &mut Findings,
        step: impl FnMut(&Leaf<'_, 'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.leaves_from(bucket, None, findings, step)
    }

    /// Visits the leaves of `bucket` in key order, until `step` fails, from the one that holds the first key that is
    /// `from` or greater: smaller keys may precede it there. Only the pages on the way to these leaves are read, so
    /// nothing is said about others.
    ///
    /// # Errors
    /// What `step` returns.
    pub(crate) fn seek<E>(
        &self,
        bucket: &Bucket<'a>,
        from: &[u8],
        findings: &mut Findings,
        step: impl FnMut(&Leaf<'_, 'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.leaves_from(bucket, Some(from), findings, step)
    }

    fn leaves_from<E>(
        &self,
        bucket: &Bucket<'a>,
        from: Option<&[u8]>,
        findings: &mut Findings,
        mut step: impl FnMut(&Leaf<'_, 'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (met, mut scratch, mut ended) = (self.met.clone(), Vec::new(), Ok(()));
        for unit in self.units(&met, bucket, from, findings) {
            self.leaves(&met, unit, from, &mut scratch, findings, &mut |leaf| {
                if ended.is_ok() {
                    ended = step(leaf);
                }
            });
            if ended.is_err() {
                break;
            }
        }
        ended
    }

    fn leaves(
        &self,
        met: &PageSet,
        unit: Node<'a>,
        from: Option<&[u8]>,
        scratch: &mut Vec<Item<'a>>,
        findings: &mut Findings,
        step: &mut impl FnMut(&Leaf<'_, 'a>),
    ) {
        if unit.page.kind == Kind::Leaf {
            step(&leaf::read(unit.page, unit.bounds, scratch, findings));
            return;
        }
        let mut children = Vec::new();
        self.children(&unit, &mut children, findings);
        for (id, bounds) in children.into_iter().filter(|(_, bounds)| bounds.reach(from)) {
            match self.meet(met, id) {
                Ok(page) if page.kind == Kind::Leaf => {
                    findings.push_all(below_a_branch(&page));
                    step(&leaf::read(page, bounds, scratch, findings));
                }
                // A branch beside leaves: the tree is not level, which no bbolt writes.
                Ok(page) => findings.push(
                    Finding::new(Severity::Error, Code::PageType, "a branch where its siblings are leaves")
                        .page(page.id.0)
                        .at(page.offset),
                ),
                Err(finding) => findings.push(finding),
            }
        }
    }
}

impl<S, T> Fold<S, T> {
    fn join(shared: S, done: Vec<(T, Findings)>, mut findings: Findings, met: PageSet) -> Self {
        let mut parts = Vec::with_capacity(done.len());
        for (part, more) in done {
            parts.push(part);
            findings.append(more);
        }
        Self { shared, parts, findings, met }
    }
}
