//! What was found and saved, as a document.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Serialize;

use super::{
    buckets::{From, Small},
    entry::Entry,
    judge::Verdict,
    log::{self, FromLog, Keys as Written},
    salvaged::{Other, Salvage, Trailer},
};
use crate::{error::Next, k8s::Key};

/// The most gaps, kinds and findings that a report lists.
pub(super) const LISTED: usize = 100;

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The input, as the user named it.
    pub source: String,
    /// Size of a page, in bytes.
    pub page_size: u32,
    /// Offset of page 0 in the input, in bytes; negative where the input lacks its start.
    pub base: i64,
    /// Whether every live key is proved, every small bucket is whole, nothing is missing, and the trailer does not
    /// differ.
    pub complete: bool,
    /// The trailer. Where it differs or is absent, nothing shows whether a byte of a value is wrong.
    pub trailer: Trailer,
    /// Whether the trailer differs from the SHA-256 of the file.
    pub trailer_differs: bool,
    /// The doubts that are recorded about the input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// Other dbs that are in the file, or other pieces of the same, the first hundred: none of them is read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Other>,
    /// The pages of the db, counted.
    pub pages: PagesRead,
    /// The root bucket whose tree decides which records are current.
    pub root: Root,
    /// The records that were found, counted.
    pub records: Records,
    /// The range of revisions that was found, and what is missing in it.
    pub revisions: Revisions,
    /// The keys, by the verdict on the newest record of each.
    pub keys: Keys,
    /// The kinds and namespaces in which something is not proved.
    pub kinds: Vec<KindHit>,
    /// Where the small buckets come from.
    pub buckets: Vec<BucketFrom>,
    /// What the log added.
    pub log: Option<FromLog>,
    /// Why a log that is there is not added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_left_out: Option<&'static str>,
    /// What is damaged in the log, the first hundred: entries of it may be lost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log_damage: Vec<String>,
    /// The file that was written.
    pub written: Option<Saved>,
    /// The commands that come next.
    #[serde(flatten)]
    pub next: Next,
}

/// The file that was written.
#[derive(Debug, Clone, Serialize)]
pub struct Saved {
    /// The path of the file.
    pub file: String,
    /// The last revision in the file.
    pub revision: i64,
    /// The revision of the last compaction, -1 for none.
    pub compacted: i64,
    /// Number of live keys in the file.
    pub keys: u64,
    /// Number of records in the file.
    pub records: u64,
    /// Size of the file in bytes, with the trailer.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// All files that were written.
    #[serde(skip)]
    pub files: Vec<PathBuf>,
}

/// Pages, counted.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PagesRead {
    /// Number of pages that the file has room for.
    pub total: u64,
    /// Number of leaf pages that hold records.
    pub leaves: u64,
    /// Number of branch pages.
    pub branches: u64,
    /// Number of pages that are neither a leaf with records nor a branch.
    pub other: u64,
    /// Number of leaf pages that the tree reaches.
    pub reachable: u64,
}

/// The root bucket.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Root {
    /// `meta` when a valid meta names it, `page` when it was found without one.
    pub from: Option<&'static str>,
    /// The number of the root bucket's page.
    pub page: Option<u64>,
    /// Whether the tree below the root bucket is taken for the latest one; if not, it proves nothing, and its pages are
    /// read as all others.
    pub latest: bool,
    /// Whether the tree below the root bucket has no hole.
    pub whole: bool,
    /// How many parts of the tree are missing.
    pub holes: u64,
    /// The last entry of the log that the tree includes (`meta/consistent_index`).
    pub consistent_index: Option<u64>,
    /// Whether the pages of the file were written at different times, as in a copy of a db in use.
    pub mixed: bool,
}

/// Records, counted.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Records {
    /// Number of records that were found; equal copies count once.
    pub found: u64,
    /// Number of records that the tree reaches.
    pub reachable: u64,
    /// Number of records on pages that the tree does not reach.
    pub unreachable: u64,
    /// Number of equal copies that were merged.
    pub copies: u64,
    /// Number of revisions whose copies differ.
    pub conflicts: u64,
    /// Number of records that are left out: their revision is far above all others, and no etcd has written it.
    pub far: u64,
    /// Number of records that were added from the log.
    pub log: u64,
    /// Number of records that are deletions.
    pub tombstones: u64,
}

/// The revisions.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revisions {
    /// The lowest revision of a record that was found.
    pub first: Option<i64>,
    /// The highest revision of a record that was found.
    pub last: Option<i64>,
    /// The revision of the last compaction, -1 for none.
    pub compacted: i64,
    /// Number of revisions that are missing between the compaction and the last revision: at most as many transactions
    /// are lost. `None` where no compaction is known.
    pub missing: Option<u64>,
    /// Number of revisions up to the compaction of which records may be missing: at most as many keys are lost there.
    pub missing_below: Option<u64>,
    /// Whether revisions after the last one that was found may be lost.
    pub open: bool,
    /// Whether the end of the last transaction may be lost.
    pub unfinished: bool,
    /// The gaps between revisions, the first hundred.
    pub gaps: Vec<GapRange>,
    /// Number of gaps, also of those that are not listed.
    pub gap_count: usize,
}

/// A gap between two revisions.
#[derive(Debug, Clone, Serialize)]
pub struct GapRange {
    /// The last revision before the gap.
    pub after: String,
    /// The first revision after the gap.
    pub before: String,
    /// Number of missing revisions; 0 where only the end of the transaction before the gap may be missing.
    pub missing: u64,
}

impl BucketFrom {
    /// Where `small` comes from.
    #[must_use]
    pub(super) fn new(small: &Small) -> Self {
        let Small { name, from, page, partial, items } = small;
        Self { name, from: *from, page: *page, items: items.len(), partial: *partial }
    }

    /// Whether the bucket is read from the latest tree, with all of its items. Every etcd creates each of the small
    /// buckets.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.from == From::Tree && !self.partial
    }

    /// The place that the bucket comes from, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        match (self.from, self.page) {
            (From::Made, _) if self.name == "meta" => {
                "nothing usable was found: it is written with a compaction alone".to_owned()
            }
            (From::Made, _) => "nothing of it was found: it is written empty".to_owned(),
            (from, page) => {
                let old = if from == From::Page { ", which may be an older state" } else { "" };
                let part = if self.partial { ", not all of it" } else { "" };
                format!("from page {}{old}{part}", page.unwrap_or(0))
            }
        }
    }
}

/// Keys, counted by the verdict on their newest record.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Keys {
    /// Number of keys whose value is proved.
    pub proved: u64,
    /// Number of keys whose value is likely.
    pub likely: u64,
    /// Number of keys whose newest record has copies that differ.
    pub conflicting: u64,
    /// Number of keys that are deleted.
    pub deleted: u64,
    /// Number of keys that are written to the new file.
    pub written: u64,
}

/// A kind in a namespace.
#[derive(Debug, Clone, Serialize)]
pub struct KindHit {
    /// The plural name of the resource; empty for what is not of Kubernetes.
    pub resource: String,
    /// The namespace.
    pub namespace: Option<String>,
    /// Keys that are proved.
    pub proved: u64,
    /// Keys that are likely.
    pub likely: u64,
    /// Keys whose copies differ.
    pub conflicting: u64,
}

/// The place that a small bucket was read from.
#[derive(Debug, Clone, Serialize)]
pub struct BucketFrom {
    /// The name of the bucket: `meta`, `members`, `lease`.
    pub name: &'static str,
    /// The tree or the page that the bucket was read from.
    pub from: From,
    /// The page of the root bucket that it was in.
    pub page: Option<u64>,
    /// Number of items that were read.
    pub items: usize,
    /// Whether items of the bucket are missing, or cannot be read.
    #[serde(skip_serializing_if = "crate::document::is_false")]
    pub partial: bool,
}

impl Report {
    /// The report on `salvage`, whose small buckets are `buckets`, and to which the log has added something.
    #[must_use]
    pub(super) fn new(
        source: &str,
        salvage: &Salvage<'_>,
        buckets: Vec<BucketFrom>,
        log: Option<(FromLog, &Written)>,
    ) -> Self {
        let Salvage { carve, set, roots, walked, horizon, judged, .. } = salvage;
        let entries = &set.entries;
        let count = |counts: &dyn Fn(&&Entry) -> bool| entries.iter().filter(counts).count() as u64;
        let (root, reachable) = (roots.first(), count(&|entry| entry.reached));
        let found = entries.len() as u64;
        let gaps = judged.gaps.iter().take(LISTED).map(|gap| GapRange {
            after: gap.after.to_string(),
            before: gap.before.to_string(),
            missing: gap.missing,
        });
        let pages = carve.range();
        let trailer = salvage.trailer();
        Self {
            source: source.to_owned(),
            page_size: carve.page_size(),
            base: carve.base(),
            complete: salvage.is_complete()
                && trailer != Trailer::Differs
                && buckets.iter().all(BucketFrom::is_whole)
                && log.is_none_or(|(log, _)| log.left | log.differ | log.newer == 0),
            trailer,
            trailer_differs: trailer == Trailer::Differs,
            doubts: Vec::new(),
            others: salvage.others.iter().take(LISTED).copied().collect(),
            pages: PagesRead {
                total: pages.end.saturating_sub(pages.start),
                leaves: set.pages.leaves,
                branches: set.pages.branches,
                other: set.pages.other,
                reachable: if salvage.latest { walked.leaves } else { 0 },
            },
            root: Root {
                from: root.map(|root| if root.of_meta { "meta" } else { "page" }),
                page: root.map(|root| root.page.0),
                latest: root.is_some() && salvage.latest,
                whole: root.is_some() && walked.holes == 0,
                holes: walked.holes,
                consistent_index: root.and_then(|root| root.consistent_index),
                mixed: horizon.mixed,
            },
            records: Records {
                found,
                reachable,
                unreachable: found.saturating_sub(reachable),
                copies: set.copies,
                conflicts: set.conflicts,
                far: salvage.far,
                log: log.map_or(0, |(log, _)| log.records),
                tombstones: count(&|entry| entry.tombstone),
            },
            revisions: Revisions {
                first: entries.first().map(|entry| entry.revision.main),
                last: entries.last().map(|entry| entry.revision.main),
                compacted: salvage.compacted(),
                missing: horizon.finished.map(|_| judged.missing),
                missing_below: horizon.finished.map(|_| judged.missing_below),
                open: !horizon.closed || horizon.mixed,
                unfinished: horizon.unfinished,
                gaps: gaps.collect(),
                gap_count: judged.gaps.len(),
            },
            keys: keys(salvage, log.map(|(log, written)| (written, log.differ == 0))),
            kinds: kinds(salvage, log.map(|(_, written)| written)),
            buckets,
            log: log.map(|(log, _)| log),
            log_left_out: None,
            log_damage: Vec::new(),
            written: None,
            next: Next::default(),
        }
    }
}

/// The keys by verdict; the second value of `log` is whether what it wrote is sure.
fn keys(salvage: &Salvage<'_>, log: Option<(&Written, bool)>) -> Keys {
    let nothing = Written::new();
    let (written, sure) = log.unwrap_or((&nothing, true));
    let sure = sure && salvage.is_complete();
    let [proved, likely, conflicting, deleted] = log::count(salvage, written, sure);
    Keys { proved, likely, conflicting, deleted, written: 0 }
}

fn kinds(salvage: &Salvage<'_>, written: Option<&Written>) -> Vec<KindHit> {
    let mut kinds: BTreeMap<(String, Option<String>), [u64; 3]> = BTreeMap::new();
    for at in &salvage.judged.newest {
        let at = *at as usize;
        let index = match salvage.judged.verdict(at).0 {
            Verdict::Proved => 0,
            Verdict::Likely => 1,
            Verdict::Conflicting => 2,
            _ => continue,
        };
        let Some(entry) = salvage.set.entries.get(at) else { continue };
        let kv = entry.kv(salvage.carve.bytes());
        if written.is_some_and(|written| written.contains_key(kv.key)) {
            continue;
        }
        let name = match Key::new(kv.key) {
            Key::Object(key) => (key.resource.into_owned(), key.namespace.map(str::to_owned)),
            _ => (String::new(), None),
        };
        if let Some(count) = kinds.entry(name).or_default().get_mut(index) {
            *count = count.saturating_add(1);
        }
    }
    let hit = kinds.into_iter().filter(|(_, [_, likely, conflicting])| likely.saturating_add(*conflicting) > 0);
    let hit = hit.map(|((resource, namespace), [proved, likely, conflicting])| KindHit {
        resource,
        namespace,
        proved,
        likely,
        conflicting,
    });
    hit.take(LISTED).collect()
}
