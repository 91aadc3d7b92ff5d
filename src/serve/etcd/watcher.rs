//! One watcher: which changes it sends, and how far it has come (`mvcc.watcher`).

use hyper::body::Bytes;

use super::{
    Etcd,
    log::{KeyChange, Revised},
    proto::{
        etcdserverpb::{WatchCreateRequest, watch_create_request::FilterType},
        mvccpb::{Event, event::EventType},
    },
    store::Store,
};
use crate::{
    Findings,
    etcd::{Range, Record},
};

/// The records of the file that are read at once.
const RECORDS: usize = 20_000;
/// The revisions that are sent at once (`watchBatchMaxRevs`).
const REVISIONS: usize = 1000;
/// The bytes after which no further revision is added to a message.
const BYTES: usize = 4 << 20;

/// A watcher.
pub(super) struct Watcher {
    range: Range<'static>,
    /// The first revision that it was to send.
    pub(super) start: i64,
    /// The next revision that it sends.
    pub(super) next: i64,
    no_put: bool,
    no_delete: bool,
    prev_kv: bool,
    pub(super) fragment: bool,
    /// Whether the client wants reports of progress.
    pub(super) progress: bool,
    /// Whether the watcher has sent nothing since it was last asked about progress.
    pub(super) quiet: bool,
    /// Whether the whole history from the start on is needed.
    fresh: bool,
}

/// What a watcher sends next.
pub(super) enum Next {
    /// The events, and the revision of the header.
    Events(Vec<Event>, i64),
    /// The watcher cannot continue: what it needs was compacted at this revision.
    Compacted(i64),
    /// The watcher has sent everything up to the revision that was asked for.
    Done,
}

impl Watcher {
    /// A watcher that starts at the revision `head` of the store; none when its range is empty.
    pub(super) fn new(request: WatchCreateRequest, head: i64) -> Option<Self> {
        let has = |filter: FilterType| request.filters.contains(&(filter as i32));
        let (no_put, no_delete) = (has(FilterType::Noput), has(FilterType::Nodelete));
        let key = if request.key.is_empty() { Bytes::from_static(b"\0") } else { request.key };
        let range = Range::new(key.to_vec(), request.range_end.to_vec());
        let next = head.saturating_add(1);
        let start = if request.start_revision == 0 { next } else { request.start_revision };
        let watcher = Self {
            range,
            start,
            next: start,
            no_put,
            no_delete,
            prev_kv: request.prev_kv,
            fragment: request.fragment,
            progress: request.progress_notify,
            quiet: true,
            fresh: true,
        };
        (!watcher.range.is_empty()).then_some(watcher)
    }

    /// What it sends next, of the revisions up to `head`.
    pub(super) fn advance(&mut self, etcd: &Etcd, store: &Store, head: i64) -> Next {
        while self.next <= head {
            let is_in_log = self.next > store.file_head && store.log.first().is_some_and(|first| first <= self.next);
            if self.next < store.compacted && (self.fresh || !is_in_log) {
                return Next::Compacted(store.compacted);
            }
            self.fresh = false;
            let (events, revision) = if self.next <= store.file_head {
                (self.of_file(etcd, store), head)
            } else {
                let next = self.next;
                let Some(revised) = store.log.from(next).next().filter(|revised| revised.revision <= head) else {
                    self.next = head.saturating_add(1);
                    break;
                };
                self.next = revised.revision.saturating_add(1);
                (self.of_log(store, revised), revised.revision)
            };
            if !events.is_empty() {
                self.quiet = false;
                return Next::Events(events, revision);
            }
        }
        Next::Done
    }

    fn wants(&self, key: &[u8], deleted: bool) -> bool {
        !(if deleted { self.no_delete } else { self.no_put }) && self.range.contains(key)
    }

    fn of_log(&self, store: &Store, revised: &Revised) -> Vec<Event> {
        let event = |change: &KeyChange| {
            // as etcd: none for a key that is created, even where the same transaction deleted it
            let created = !change.deleted && change.kv.create_revision == change.kv.mod_revision;
            let prev_kv = change.before.as_ref().filter(|_| self.prev_kv && !created);
            let prev_kv = prev_kv.and_then(|before| store.kv(&change.key, before));
            let kind = if change.deleted { EventType::Delete } else { EventType::Put };
            Event { r#type: kind as i32, kv: Some((*change.kv).clone()), prev_kv }
        };
        revised.changes.iter().filter(|change| self.wants(&change.key, change.deleted)).map(event).collect()
    }

    /// A part of the history in the file.
    fn of_file(&mut self, etcd: &Etcd, store: &Store) -> Vec<Event> {
        let (last, mut events) = (store.file_head, Vec::new());
        let (mut read, mut revisions, mut bytes, mut revision) = (0_usize, 0_usize, 0_usize, 0_i64);
        let mut next = last.saturating_add(1);
        // what is wrong with a page was reported when the file was opened; it ends early where there is enough
        let _: Result<(), ()> = etcd.snapshot.each_record_from(self.next, &mut Findings::default(), |record| {
            let main = record.revision.main;
            if main > last {
                return Err(());
            }
            if main > revision && (read >= RECORDS || revisions >= REVISIONS || bytes >= BYTES) {
                next = main;
                return Err(());
            }
            read = read.saturating_add(1);
            if self.wants(record.kv.key, record.tombstone) {
                if main > revision {
                    revisions = revisions.saturating_add(1);
                }
                bytes = bytes.saturating_add(record.message.len());
                events.push(self.event(store, &record));
            }
            revision = main;
            Ok(())
        });
        self.next = next;
        events
    }

    fn event(&self, store: &Store, record: &Record<'static>) -> Event {
        let mut kv = store.opened(record.message);
        let before = record.revision.main.saturating_sub(1);
        let created = !record.tombstone && kv.create_revision == kv.mod_revision;
        let is_known = self.prev_kv && !created && before >= store.compacted;
        let prev_kv = is_known.then(|| store.get(record.kv.key, before)).flatten();
        let kind = if record.tombstone { EventType::Delete } else { EventType::Put };
        kv.mod_revision = record.revision.main;
        Event { r#type: kind as i32, kv: Some(kv), prev_kv }
    }
}
