//! Small databases, made from items; and all that reads one.

use std::{collections::BTreeMap, convert::Infallible, fmt::Debug};

use etcdsnap::{
    Findings, bolt,
    bolt::{Bucket, Db, Kind, Leaf, Meta, PageId, Tree, Usage, Walk, Writer},
    diff::changes,
    etcd::{KeyValue, Load, Range, Snapshot, boot},
    k8s::{Clock, ClusterInfo, Ring},
    source::{Options, Source},
    verify::{Report, Status, Verdict, verify},
};

/// Items by bucket and key.
pub type Buckets = BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Vec<u8>>>;

/// The smallest pages that bbolt has: a mutation hits more that way.
const PAGE_SIZE: u32 = 1024;

/// A db with these items.
pub fn build(buckets: &Buckets) -> Vec<u8> {
    let mut writer = Writer::new(vec![0; PAGE_SIZE as usize * 2], PAGE_SIZE, PageId(2));
    let mut top = Tree::default();
    for (name, items) in buckets {
        let mut tree = Tree::default();
        items.iter().for_each(|(key, value)| writer.push(&mut tree, key, value).unwrap());
        let root = writer.finish(tree).unwrap();
        writer.push_bucket(&mut top, name, root).unwrap();
    }
    let root = writer.finish(top).unwrap();
    let (high_water, mut image) = writer.end();
    for txid in [1, 2] {
        let meta = Meta { page_size: PAGE_SIZE, root, freelist: None, high_water, txid };
        let (at, page) = meta.commit(root, high_water);
        let at = usize::try_from(at).unwrap();
        image[at..at + page.len()].copy_from_slice(&page);
    }
    image
}

/// The items of a good db; of the bucket `key` the first `records`, with at most `longest` bytes of their values.
pub fn items(image: &[u8], records: usize, longest: usize) -> Buckets {
    let snapshot = Snapshot::open(image).unwrap();
    let mut buckets = Buckets::new();
    for bucket in snapshot.buckets() {
        let items = buckets.entry(bucket.name.to_vec()).or_default();
        let each: Result<(), Infallible> = snapshot.fresh_walk().in_order(bucket, &mut Findings::default(), |leaf| {
            items.extend(leaf.items.iter().map(|item| (item.key.to_vec(), item.value.to_vec())));
            Ok(())
        });
        each.unwrap();
        if bucket.name == b"key" {
            for record in items.values_mut().filter(|record| record.len() > longest) {
                let kv = KeyValue::decode(record).unwrap();
                let value = &kv.value[..kv.value.len().min(longest)];
                *record = KeyValue { value, ..kv }.encode();
            }
            if let Some(end) = items.keys().nth(records).cloned() {
                items.split_off(&end);
            }
        }
    }
    buckets
}

/// A good db again, on the smallest pages and with fewer records.
pub fn rebuilt(image: &[u8], records: usize, longest: usize) -> Vec<u8> {
    build(&items(image, records, longest))
}

/// Everything at the level of pages; also as of a file of which no meta holds.
pub fn read_pages(image: &[u8]) {
    if let Ok(db) = Db::open(image) {
        pages_of(&db);
    }
    for size in [PAGE_SIZE, 4096] {
        let Ok(db) = bolt::assume_with_root(image, size, None) else { continue };
        pages_of(&db);
        if let Some(root) = bolt::may_be_roots(&db).pop() {
            let _ = bolt::assume_with_root(image, size, Some(root)).map(|db| Usage::of(&db, &mut Findings::default()));
        }
    }
}

fn pages_of(db: &Db<'_>) {
    let _ = (bolt::check(db), bolt::check_from(db, PageId(3)));
    let (mut findings, mut scratch) = (Findings::default(), Vec::new());
    let usage = Usage::of(db, &mut findings);
    assert!(usage.pages(db).count() as u64 <= db.pages());
    for id in (0..db.pages().min(64)).map(PageId) {
        let _ = (usage.of_page(id), usage.overflow_of(id), db.raw_page(id).map(|raw| raw.page().is_some()));
        let Ok(page) = db.page(id) else { continue };
        if page.kind == Kind::Leaf {
            let leaf = Leaf::read(page, &mut scratch, &mut findings);
            for item in leaf.items.iter().filter(|item| item.bucket) {
                let _ = Bucket::read(item.key, item.value, item.offset);
            }
        }
    }
    let mut walk = Walk::new(db.clone());
    let root = walk.root();
    let _ = (walk.stats(&root, &mut findings), walk.bucket_at(&[b"key"], &mut findings));
    for bucket in Walk::new(db.clone()).buckets(&mut findings) {
        let _ = (walk.last_leaf(&bucket), walk.get(&bucket, b"consistent_index", &mut findings));
    }
}

/// Everything that etcd has: buckets, records, hashes, changes.
pub fn read_state(snapshot: &Snapshot<'_>) {
    let survey = snapshot.survey();
    let head = snapshot.head();
    // the totals are those of the db: what a log adds is not in them, and of two buckets that name a page one has it
    let is_sound = !survey.findings.damaged();
    let alone = snapshot.log.is_none() && is_sound;
    for at in [None, head.ok(), Some(survey.revision.checked_div(2).unwrap_or_default()), Some(i64::MAX)] {
        let _ = snapshot.hashkv(at).map(|hash| hash.hash);
        if let Ok(view) = snapshot.view(at, &Range::ALL) {
            let fits = !alone || at.is_some() || view.len() as u64 <= survey.total_key;
            assert!(fits, "{} keys of {}", view.len(), survey.total_key);
            if at.is_none() && is_sound {
                let met = snapshot.view_of_survey(&survey);
                assert!(met.head == view.head && met.iter().eq(view.iter()), "another last state");
            }
        }
    }
    let _ = snapshot.newest_records();
    let (mut changed, mut findings) = (0_u64, Findings::default());
    let ended: Result<(), Infallible> = changes(
        snapshot,
        &mut findings,
        |_| true,
        |wave| {
            changed += wave.len() as u64;
            Ok(())
        },
    );
    assert!(!alone || changed <= survey.total_records, "{changed} changes of {}", survey.total_records);
    assert!(ended.is_ok());
    let ended: Result<(), Infallible> = snapshot.each_record_from(survey.revision, &mut findings, |_| Ok(()));
    assert!(ended.is_ok());
    for bucket in ["meta", "members", "auth", "lease"] {
        let _ = snapshot.items(bucket);
    }
    let clock = Clock::of(snapshot, &Ring::default());
    assert!(clock.gap(survey.revision).width().is_none_or(|width| width >= 0));
    let _ = ClusterInfo::of(&survey);
    let _ = boot::starts_on(&snapshot.state, boot::Role::Restored);
    findings.list().iter().for_each(|finding| assert!(finding.to_string().len() < 4000, "a finding of pages"));
}

/// Everything, by the file's name; the report of `verify` where it could be opened.
pub fn read_file(bytes: &[u8]) -> Option<Report> {
    let path = super::file("db", bytes);
    let source = Source::open(&path, &Options::default()).ok()?;
    read_source(&source)
}

/// Everything in an open backup.
pub fn read_source(source: &Source) -> Option<Report> {
    let load = Load::default();
    if let Ok(snapshot) = Snapshot::load(source, &load) {
        read_state(&snapshot);
        json(&Status::of(source, &snapshot, None));
    }
    let report = verify(source, &load, |_| ()).ok()?;
    json(&report);
    if report.verdict() == Some(Verdict::Damaged) {
        assert!(!report.findings.list().is_empty());
    }
    Some(report)
}

/// The JSON in `text`, which has to be JSON; `None` where it is nested deeper than serde_json reads.
pub fn parsed(text: &[u8]) -> Option<serde_json::Value> {
    shallow(serde_json::from_slice(text))
}

/// Checks that `text` is JSON documents, one after the other, as far as serde_json reads.
pub fn documents(text: &[u8]) {
    for document in serde_json::Deserializer::from_slice(text).into_iter::<serde_json::Value>() {
        if shallow(document).is_none() {
            return;
        }
    }
}

fn shallow(value: serde_json::Result<serde_json::Value>) -> Option<serde_json::Value> {
    match value {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(error.to_string().contains("recursion limit"), "not JSON: {error}");
            None
        }
    }
}

/// What is written as JSON is JSON.
pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    let text = serde_json::to_string(value).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
    text
}

/// The same answer twice.
pub fn twice<T: PartialEq + Debug>(f: impl Fn() -> T) -> T {
    let (first, second) = (f(), f());
    assert_eq!(first, second);
    first
}
