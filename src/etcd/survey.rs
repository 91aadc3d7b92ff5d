//! One pass over all records: the status hash, the counts, the newest records, the findings.

use std::collections::VecDeque;

use super::{
    Depth, Record, Revision, Snapshot,
    chain::PartId,
    newest::NewestByKey,
    snapshot::{Contents, hash_leaf},
};
use crate::{Code, Finding, Findings, error::Severity, hash::Crc32cWriter};

/// The number of newest records that are returned: their times show when the backup was taken.
const RECENT: usize = 256;

/// Appends a record to the newest ones.
pub(super) fn push_recent<'a>(recent: &mut VecDeque<Record<'a>>, record: &Record<'a>) {
    if recent.len() >= RECENT {
        recent.pop_front();
    }
    recent.push_back(*record);
}

/// Appends the newest records of the next part to those of the parts before.
pub(super) fn append_recent<'a>(recent: &mut VecDeque<Record<'a>>, mut next: VecDeque<Record<'a>>) {
    recent.append(&mut next);
    recent.drain(..recent.len().saturating_sub(RECENT));
}

/// Result of one pass over all records and pages (`etcdutl snapshot status` and more).
#[derive(Debug)]
pub struct Survey<'a> {
    /// The status hash: CRC-32C over every bucket's name, keys and values.
    pub hash: u32,
    /// The last record's main revision in the db, 0 without records.
    pub revision: i64,
    /// Keys in the db's last state (`totalKey` since etcd 3.6).
    pub total_key: u64,
    /// Items in all buckets (`totalKey` up to etcd 3.5).
    pub total_records: u64,
    /// Size of the db by its meta page: the high-water mark times the page size (`totalSize`).
    pub total_size: u64,
    /// The live keys.
    pub(crate) live: NewestByKey<'a>,
    /// The newest records, oldest first.
    pub(crate) recent: VecDeque<Record<'a>>,
    /// Pages that the trees reach, the two metas included.
    pub(crate) pages_met: u64,
    /// Findings about the file: [`Snapshot::findings`], then those about the records, then those about the freelist.
    pub findings: Findings,
}

#[derive(Default)]
struct Part<'a> {
    id: PartId,
    sum: Crc32cWriter,
    items: u64,
    first: Option<Record<'a>>,
    last: Option<Record<'a>>,
    recent: VecDeque<Record<'a>>,
    findings: Findings,
}

impl<'a> Snapshot<'a> {
    /// Visits every record once, then compares the freelist with the pages visited. Counts and sums are of the db
    /// alone; the live keys and the newest records include those of the log.
    #[must_use]
    pub fn survey(&self) -> Survey<'a> {
        let keyspace = self.keyspace.without_log();
        let depth = keyspace.depth();
        let scan = keyspace.scan(
            &self.walk,
            NewestByKey::new,
            Part::default,
            |_, part, leaf| {
                hash_leaf(&mut part.sum, leaf);
                part.items = part.items.saturating_add(leaf.items.len() as u64);
            },
            |live, part, record| {
                live.link(record, &mut part.id, depth);
                part.take(depth, record);
            },
        );
        let live = scan.shared;
        let mut findings = self.findings_and(scan.findings);
        let (mut keys, mut recent, mut last) = (Contents::default(), VecDeque::new(), None);
        for part in scan.parts {
            keys.sum = keys.sum.join(part.sum.finish());
            keys.items = keys.items.saturating_add(part.items);
            match (&last, &part.first) {
                (Some(before), Some(next)) => findings.push_all(gap(depth.dropped, before, next)),
                (None, Some(first)) => findings.push_all(gap_before(depth.dropped, first)),
                _ => {}
            }
            findings.append(part.findings);
            append_recent(&mut recent, part.recent);
            last = part.last.or(last);
        }
        live.check_chains(depth, self.db().image(), &mut findings);
        self.db().check_pages(&scan.met, &mut findings);
        let (mut sum, mut items) = (crate::hash::Crc32c::default(), 0_u64);
        for (bucket, contents) in &self.buckets {
            let contents = contents.unwrap_or(keys);
            sum = sum.join(crate::hash::Crc32c::of(bucket.name)).join(contents.sum);
            items = items.saturating_add(contents.items);
        }
        let total_key = live.count_live();
        for record in self.keyspace.log_records.records() {
            live.offer(&record);
            push_recent(&mut recent, &record);
        }
        Survey {
            hash: sum.sum(),
            revision: last.map_or(0, |record| record.revision.main),
            total_key,
            total_records: items,
            total_size: self.db().size(),
            live,
            recent,
            pages_met: scan.met.len(),
            findings,
        }
    }
}

impl<'a> Part<'a> {
    fn take(&mut self, depth: Depth, record: &Record<'a>) {
        self.findings.push_all(record.check(depth));
        if let Some(last) = &self.last {
            self.findings.push_all(gap(depth.dropped, last, record));
        }
        self.first.get_or_insert(*record);
        self.last = Some(*record);
        push_recent(&mut self.recent, record);
    }
}

/// Finding about two neighbouring records: above the revision `dropped` the revisions have no gap, and the revision of
/// a bump, which is not above it, has no other record.
fn gap(dropped: i64, before: &Record<'_>, next: &Record<'_>) -> Option<Finding> {
    let (a, b) = (before.revision, next.revision);
    let fault =
        |severity, code, what: String| Some(Finding::new(severity, code, what).at(next.offset).key(next.kv.key));
    if a == b {
        return fault(Severity::Error, Code::Record, format!("two records have the revision {a}"));
    }
    if before.is_bump() && a.main == b.main {
        return fault(Severity::Error, Code::Record, format!("revision {a}: the record is empty"));
    }
    if next.is_bump() && b.main <= dropped && b.main == a.main.saturating_add(1) {
        let what =
            format!("revision {b}: an empty record: the revision was raised by 1 in a restore, or a value is gone");
        return fault(Severity::Warning, Code::Record, what);
    }
    let follows = b.main <= dropped
        || (a.main > dropped && a.main == b.main && b.sub == a.sub.saturating_add(1))
        || (b.main == a.main.max(dropped).saturating_add(1) && b.sub == 0);
    if follows {
        return None;
    }
    fault(Severity::Error, Code::RevisionGap, format!("records are missing between the revisions {a} and {b}"))
}

/// Finding about missing revisions before the first record: etcd's first transaction has the revision 2.
fn gap_before(dropped: i64, first: &Record<'_>) -> Option<Finding> {
    let (revision, start) = (first.revision, Revision::first(dropped.max(1).saturating_add(1)));
    (revision.main > dropped && revision > start).then(|| {
        let what = format!("records are missing before the revision {revision}");
        Finding::error(Code::RevisionGap, what).at(first.offset).key(first.kv.key)
    })
}
