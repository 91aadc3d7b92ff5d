//! The search in free pages: what was deleted or overwritten, and is still in the file.

use rayon::prelude::*;
use serde::Serialize;

use super::pattern::Pattern;
use crate::{
    Findings,
    bolt::{FreeChunk, free_runs},
    etcd::Snapshot,
    k8s::Mask,
};

/// Bytes that one core searches at a time.
const CHUNK: usize = 1 << 20;

/// A match is looked for up to this many bytes after the end of its chunk.
const OVERLAP: usize = 4096;

/// Bytes around a match that are shown.
const AROUND: usize = 40;

/// A match in a free page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FreeHit {
    /// The page.
    pub page: u64,
    /// Where the match begins in the file, in bytes.
    pub offset: u64,
    /// The match with some bytes around it; a mask of the match unless secrets are revealed.
    pub text: String,
    /// Whether the text is masked.
    pub masked: bool,
}

/// Searches the pages that no tree leads to. In a damaged file live records may be among them.
#[must_use]
pub fn search_free(snapshot: &Snapshot<'_>, pattern: &Pattern, mask: &Mask, findings: &mut Findings) -> Vec<FreeHit> {
    let db = snapshot.db();
    let page_size = db.page_size();
    let of_chunk = |FreeChunk { offset: start, bytes, own }: FreeChunk<'_>| {
        let hit = |(from, to): (usize, usize)| {
            let offset = start.saturating_add(from) as u64;
            let masked = mask.bytes(bytes.get(from..to).unwrap_or_default());
            let is_masked = masked.is_some();
            let text = masked.unwrap_or_else(|| {
                let around = from.saturating_sub(AROUND)..to.saturating_add(AROUND).min(bytes.len());
                String::from_utf8_lossy(bytes.get(around).unwrap_or_default()).replace('\n', " ")
            });
            FreeHit { page: offset.checked_div(page_size).unwrap_or_default(), offset, text, masked: is_masked }
        };
        let places = pattern.places(bytes).filter(|(from, to)| from < to).take_while(|(from, _)| *from < own);
        places.map(hit).collect::<Vec<_>>()
    };
    db.chunks(&free_runs(db, findings), CHUNK, OVERLAP).into_par_iter().flat_map_iter(of_chunk).collect()
}
