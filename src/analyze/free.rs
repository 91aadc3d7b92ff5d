//! Values of Kubernetes in free pages: what was deleted, or overwritten, and is still in the file in clear text.

use std::collections::BTreeMap;

use memchr::memmem::Finder;
use rayon::prelude::*;
use serde::Serialize;

use super::space::Pages;
use crate::{
    bolt::{Db, FreeChunk},
    k8s::Envelope,
};

/// Bytes that one core reads at a time.
const CHUNK: usize = 4 << 20;

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
        let chunks = db.chunks(&db.runs_without(&pages.met), CHUNK, START);
        let finder = Finder::new(b"k8s\0");
        let of_chunk = |FreeChunk { bytes, own, .. }: FreeChunk<'_>| {
            let mut kinds = BTreeMap::<String, u64>::new();
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
