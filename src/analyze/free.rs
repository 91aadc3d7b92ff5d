//! Values of Kubernetes in free pages: what was deleted, or overwritten, and is still in the file in clear text.

use std::collections::BTreeMap;

use memchr::memmem::Finder;
use rayon::prelude::*;
use serde::Serialize;

use super::space::Pages;
use crate::{bolt::Db, k8s::Envelope};

/// The pages that one core reads at a time.
const PAGES: u64 = 1024;

/// The beginning of a value needs no more bytes than this to show its kind.
const START: usize = 160;

/// Values in free pages, encrypted ones not counted. One value may be there several times.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FreeValues {
    /// Number of beginnings of values, by kind.
    pub kinds: BTreeMap<String, u64>,
}

impl FreeValues {
    /// Searches what is not in use.
    pub(super) fn find(db: &Db<'_>, pages: &Pages<'_>) -> Self {
        let (page_size, image) = (db.page_size(), db.image());
        let at = |page: u64| usize::try_from(page.saturating_mul(page_size)).unwrap_or(usize::MAX).min(image.len());
        let mut chunks = Vec::new();
        for run in db.runs_without(&pages.met) {
            let mut start = run.start;
            while start < run.end {
                let stop = start.saturating_add(PAGES).min(run.end);
                chunks.push((at(start), at(stop), at(run.end)));
                start = stop;
            }
        }
        let finder = Finder::new(b"k8s\0");
        let of_chunk = |(start, stop, end): (usize, usize, usize)| {
            let mut kinds = BTreeMap::<String, u64>::new();
            // a value may begin at the end of the chunk
            let bytes = image.get(start..stop.saturating_add(START).min(end)).unwrap_or_default();
            let own = stop.saturating_sub(start);
            for found in finder.find_iter(bytes).take_while(|found| *found < own) {
                if let Some((_, kind)) = Envelope::type_at(bytes.get(found..).unwrap_or_default()) {
                    let count = kinds.entry(kind.to_owned()).or_default();
                    *count = count.saturating_add(1);
                }
            }
            kinds
        };
        let kinds = chunks.into_par_iter().map(of_chunk).reduce(BTreeMap::new, |mut a, b| {
            for (kind, more) in b {
                let count = a.entry(kind).or_default();
                *count = count.saturating_add(more);
            }
            a
        });
        Self { kinds }
    }
}
