//! A broken db: all that is left in its pages, judged, listed and saved as a new snapshot.
//!
//! The first byte is the options: 1 pages at any sector, 2 metas as they are, 4 with a log, 8 only what is proved; the
//! bits from 16 on are the page size, 0 for the one that is found.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    sync::{OnceLock, atomic::AtomicBool},
};

use etcdsnap::{
    bolt::{PageId, Root, carve::Carve},
    etcd::{KeyValue, Load, Snapshot, Uncommitted},
    publish::Watch,
    salvage::{Job, Only, Options, Salvage, Verdict, read, save},
    source::{self, Source},
    verify,
};

use super::{
    database::{json, read_state},
    file, mend, scratch,
};

const SCAN: u8 = 1;
const AS_THEY_ARE: u8 = 2;
const WITH_LOG: u8 = 4;
const ONLY_PROVED: u8 = 8;

/// The longest that the log is.
const LONGEST: u64 = 1 << 18;

pub fn run(data: &[u8]) {
    let Some((flags, bytes)) = data.split_first() else { return };
    let is = |flag: u8| flags & flag != 0;
    let mut image = bytes.to_vec();
    if !is(AS_THEY_ARE) {
        mend::db(&mut image);
    }
    let page_size = Some(512 << (flags >> 4 & 7)).filter(|size| *size > 512);
    let options = Options { page_size, scan: is(SCAN) };
    pages(&image, &options);

    let path = file("salvage/member/snap/db", &image);
    let Ok(source) = Source::open(&path, &source::Options::default()) else { return };
    let Ok(salvage) = read(&source, &options) else {
        return saved(is(WITH_LOG), &path, &job(*flags, options));
    };
    listed(&source, &salvage);
    let job = job(*flags, options);
    if is(WITH_LOG) {
        return saved(true, &path, &job);
    }
    let Some(image) = written(&source, &job) else { return };
    let snapshot = Snapshot::open(&image).unwrap();
    read_state(&snapshot);
    let view = snapshot.view(None, &etcdsnap::etcd::Range::ALL).unwrap();
    let live = |row: &etcdsnap::salvage::Row<'_>| match row.verdict {
        Verdict::Proved => true,
        Verdict::Likely | Verdict::Conflicting => job.only == Only::Likely,
        Verdict::Superseded | Verdict::Deleted => false,
    };
    let live: BTreeMap<&[u8], KeyValue<'_>> = salvage.rows().filter(live).map(|row| (row.kv.key, row.kv)).collect();
    assert!(live.values().copied().eq(view.iter()), "what was saved is not what was listed");
}

/// The pages, from each one as a root.
fn pages(image: &[u8], options: &Options) {
    let Some(carve) = Carve::find(image, options.page_size, options.scan) else { return };
    let _ = (carve.metas(), carve.meta());
    let range = carve.range();
    for id in range.start..range.end.min(range.start + 64) {
        let offset = carve.offset(PageId(id)).unwrap();
        assert_eq!(carve.page_at(offset), id);
        let Some(scrap) = carve.page(PageId(id)) else { continue };
        assert!(scrap.page.bytes.len() <= image.len());
        let mut items = Vec::new();
        let whole = scrap.items(&mut items);
        assert!(!whole || items.len() == usize::from(scrap.page.count));
        let _ = items.iter().filter(|item| scrap.may_be_erased(item)).count();
        let root = Root::Page(PageId(id));
        let (mut leaves, mut holes, mut last) = (0, 0, None);
        carve.tree(root, |part| {
            let Some((_, items)) = part.leaf else { return holes += 1 };
            leaves += 1;
            last = items.last().map(|item| item.key);
        });
        assert!(leaves <= range.end - range.start);
        assert!(holes > 0 || carve.last_key(root) == Some(last), "another last key of page {id}");
    }
}

/// The list; of a db against which `verify` has nothing, what is called proved is what is there.
fn listed(source: &Source, salvage: &Salvage<'_>) {
    salvage.rows().for_each(|row| drop(json(&row)));
    let proved = || salvage.rows().filter(|row| row.verdict == Verdict::Proved);
    let report = verify::verify(source, &Load::default(), |_| ()).ok();
    if report.and_then(|report| report.verdict()).is_none_or(|it| it == verify::Verdict::Damaged) {
        return;
    }
    let snapshot = Snapshot::open(source.db().image()).unwrap();
    let view = snapshot.view(None, &etcdsnap::etcd::Range::ALL).unwrap();
    for row in proved() {
        assert_eq!(view.get(row.kv.key), Some(row.kv), "revision {} is called proved", row.revision);
    }
    assert!(!salvage.is_complete() || proved().count() == view.len(), "a key is left out");
}

/// Saves what is at `path`, with the log or without.
fn saved(with_log: bool, path: &std::path::Path, job: &Job) {
    let dir = scratch().join("salvage");
    let named = if with_log { dir.as_path() } else { path };
    let segment = dir.join("member/wal/0000000000000000-0000000000000000.wal");
    if with_log {
        file("salvage/member/wal/0000000000000000-0000000000000000.wal", log());
    }
    if let Ok(source) = Source::open(named, &source::Options::default())
        && let Some(image) = written(&source, job)
    {
        read_state(&Snapshot::open(&image).unwrap());
    }
    if with_log {
        fs::remove_file(segment).unwrap();
    }
}

fn job(flags: u8, options: Options) -> Job {
    let only = if flags & ONLY_PROVED == 0 { Only::Likely } else { Only::Proved };
    let to = scratch().join("saved.db");
    Job { to, only, options, uncommitted: Some(Uncommitted::Keep), arguments: Vec::new() }
}

/// The db that is saved, without its trailer.
fn written(source: &Source, job: &Job) -> Option<Vec<u8>> {
    let watch = Watch { stop: &AtomicBool::new(false), progress: &|_, _| () };
    let report = match save(source, job, watch) {
        Ok(report) => report,
        Err(error) => {
            assert!(!error.to_string().contains("read back"), "{error}");
            return None;
        }
    };
    json(&report);
    let mut image = fs::read(&job.to).unwrap();
    let written = report.written.unwrap();
    written.files.iter().for_each(|file| fs::remove_file(file).unwrap());
    assert_eq!(image.len() as u64, written.size);
    image.truncate(image.len() - 32);
    Some(image)
}

/// The log of the data directory of the fixtures, without the zeros after its entries.
fn log() -> &'static [u8] {
    static LOG: OnceLock<Vec<u8>> = OnceLock::new();
    LOG.get_or_init(|| {
        let packed = &include_bytes!("../../../fixtures/datadir-3.6.tar.gz")[..];
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(packed));
        let mut files = tar.entries().unwrap().map(Result::unwrap);
        let file = files.find(|file| file.path().unwrap().extension().is_some_and(|it| it == "wal")).unwrap();
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        assert!(end as u64 + 8 < LONGEST, "the log is longer");
        bytes.truncate((end + 1).next_multiple_of(8));
        bytes
    })
}
