//! Watches: what is there, what changed since a revision, and then nothing more, as a backup does not change.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    accept::Form,
    answer::{Answer, Content, JSON, Pieces, Step},
    backup::Backup,
    item::{Item, Writer},
    list::{Listing, Target, Wrap, table},
    options::{Options, ResourceVersionMatch},
    request::Request,
    status::Refusal,
};
use crate::{
    Findings,
    etcd::{KeyValue, Range, Record},
    k8s::{Value, json},
    objects::Cluster,
    print::Clock,
};

/// How long a watch is held that names no time (`--min-request-timeout`).
const HELD: u64 = 1800;
/// The longest time that a watch is held.
const LONGEST: u64 = 24 * 3600;
/// How often a client that asked for it is told that it has seen everything.
const BOOKMARKS: Duration = Duration::from_secs(60);
/// How often the file is looked at while nothing is sent.
const LOOKED_AT: Duration = Duration::from_secs(5);
/// The records that are read for one piece.
const RECORDS: usize = 20_000;

/// A running watch.
struct Watch {
    backup: Arc<Backup>,
    target: Target,
    options: Options,
    form: Form,
    clock: Clock,
    stage: Stage,
    /// Whether bookmarks are asked for.
    bookmarks: bool,
    /// Whether the client waits for the end of what is there.
    initial: bool,
    /// Whether the columns were sent.
    columns: bool,
    ends: Instant,
    bookmark: Instant,
}

enum Stage {
    /// The objects that are there.
    Present(Box<Listing>),
    /// The changes after a revision.
    Changes(Changes),
    /// There is nothing more to come.
    Held,
}

/// The changes after a revision, read piece by piece.
struct Changes {
    since: i64,
    /// The next revision that is read.
    next: i64,
    /// The state of each key that has changed so far; `None` when it is deleted.
    changed: HashMap<&'static [u8], Option<KeyValue<'static>>>,
}

/// Starts a watch.
pub(super) fn watch(
    backup: &Arc<Backup>,
    target: Target,
    options: Options,
    form: Form,
    request: &Request,
) -> Result<Answer, Refusal> {
    target.check(&options)?;
    let is = |name| request.value(name).is_some_and(|value| !matches!(value, "false" | "0"));
    let (bookmarks, initial) = (is("allowWatchBookmarks"), is("sendInitialEvents"));
    let seconds =
        request.value("timeoutSeconds").and_then(|seconds| seconds.parse().ok()).filter(|seconds| *seconds > 0);
    let (now, held) = (Instant::now(), Duration::from_secs(seconds.unwrap_or(HELD).min(LONGEST)));
    // a state that is not older
    let state = backup.state(ResourceVersionMatch::NotOlderThan(options.since))?;
    let clock = Backup::clock(&state);
    let options = Options { limit: 0, start: None, ..options };
    let stage = if initial || options.since == 0 {
        let listing = Listing::new(backup, state, target.clone(), options.clone(), form);
        Stage::Present(Box::new(listing))
    } else if options.since == backup.revision() {
        Stage::Held
    } else {
        let (since, compacted) = (options.since, backup.now.snapshot.keyspace.compacted());
        if since < compacted {
            let why = format!("too old resource version: {since} ({compacted})");
            return Ok(gone(&Refusal::expired(why)));
        }
        Stage::Changes(Changes { since, next: since.saturating_add(1), changed: HashMap::new() })
    };
    let watch = Watch {
        backup: Arc::clone(backup),
        target,
        options,
        form,
        clock,
        stage,
        bookmarks,
        initial,
        columns: false,
        ends: now.checked_add(held).unwrap_or(now),
        bookmark: now.checked_add(BOOKMARKS).unwrap_or(now),
    };
    let content = Content::Pieces(Box::new(watch));
    Ok(Answer { code: 200, content_type: JSON, headers: Vec::new(), content, is_watch: true })
}

/// A watch that ends with an error at once.
fn gone(refusal: &Refusal) -> Answer {
    let event = [b"{\"type\":\"ERROR\",\"object\":", refusal.document().as_slice(), b"}\n"].concat();
    Answer { is_watch: true, ..Answer::json(200, event) }
}

impl Pieces for Watch {
    fn next(&mut self) -> Step {
        let mut out = Vec::new();
        match &mut self.stage {
            Stage::Present(listing) => {
                let wrap = wrap(self.form, &self.target, self.columns);
                let ended = listing.fill(&mut out, &wrap);
                self.columns |= !out.is_empty();
                if ended {
                    self.stage = Stage::Held;
                    if self.initial {
                        self.bookmark(&mut out);
                    }
                }
            }
            Stage::Changes(_) => {
                if let Err(refusal) = self.changes(&mut out) {
                    out.extend_from_slice(b"{\"type\":\"ERROR\",\"object\":");
                    out.extend_from_slice(&refusal.document());
                    out.extend_from_slice(b"}\n");
                    return Step::Last(out);
                }
            }
            Stage::Held => {
                let now = Instant::now();
                if now >= self.ends {
                    return Step::Last(out);
                }
                if !self.bookmarks || now < self.bookmark {
                    return Step::Wait(LOOKED_AT.min(self.ends.saturating_duration_since(now)));
                }
                self.bookmark = now.checked_add(BOOKMARKS).unwrap_or(now);
                self.initial = false;
                self.bookmark(&mut out);
            }
        }
        Step::Piece(out)
    }
}

/// What is around an object in an event.
fn wrap(form: Form, target: &Target, columns: bool) -> Wrap {
    let event = |kind: &str, columns: bool| {
        let mut open = format!("{{\"type\":\"{kind}\",\"object\":").into_bytes();
        if form == Form::Table {
            table(&mut open, if columns { &target.served.printer.columns } else { &[] });
            open.extend_from_slice(b",\"metadata\":{},\"rows\":[");
        }
        open
    };
    let close: &[u8] = if form == Form::Table { b"]}}\n" } else { b"}\n" };
    Wrap { first: event("ADDED", !columns), open: event("ADDED", false), close: close.to_vec() }
}

impl Watch {
    /// Appends a bookmark: the client has seen everything up to the revision that is served.
    fn bookmark(&self, out: &mut Vec<u8>) {
        let (served, revision) = (&self.target.served, self.backup.revision());
        let annotations = match self.initial {
            true => ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}",
            false => "",
        };
        let (kind, api_version, rest) = match self.form {
            Form::Object => (served.resource.kind.to_string(), served.api_version(), ""),
            Form::Metadata => ("PartialObjectMetadata".to_owned(), "meta.k8s.io/v1".to_owned(), ""),
            Form::Table => ("Table".to_owned(), "meta.k8s.io/v1".to_owned(), ",\"columnDefinitions\":[],\"rows\":[]"),
        };
        let text = |text: String| Value::Str(text.into()).to_json();
        let (kind, api_version) = (text(kind), text(api_version));
        out.extend_from_slice(
            format!(
                "{{\"type\":\"BOOKMARK\",\"object\":{{\"kind\":{kind},\"apiVersion\":{api_version},\
                 \"metadata\":{{\"resourceVersion\":\"{revision}\"{annotations}}}{rest}}}}}\n"
            )
            .as_bytes(),
        );
    }

    /// Appends the next changes.
    fn changes(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let Stage::Changes(changes) = &mut self.stage else { return Ok(()) };
        let last = self.backup.revision();
        let (records, next) = read(&self.backup.now, changes.next, last, &self.target, &self.options);
        changes.next = next;
        let mut events: VecDeque<(Record<'static>, Option<KeyValue<'static>>)> = VecDeque::new();
        for record in records {
            let before = match changes.changed.get(record.kv.key) {
                Some(before) => *before,
                // only where it counts: such a state is read from the file
                None if record.tombstone || !self.options.all => {
                    let state = self.backup.state(ResourceVersionMatch::Exact(changes.since))?;
                    state.view.get(record.kv.key)
                }
                None => None,
            };
            let after = (!record.tombstone).then_some(record.kv);
            changes.changed.insert(record.kv.key, after);
            events.push_back((record, before));
        }
        if next > last {
            self.stage = Stage::Held;
        }
        let state = Arc::clone(&self.backup.now);
        let writer = Writer {
            state: &state,
            served: &self.target.served,
            mask: &self.backup.mask,
            form: self.form,
            include: self.options.include,
            clock: self.clock,
        };
        let mut columns = self.columns;
        for (record, before) in events {
            let selected = |kv: &KeyValue<'static>| writer.item(kv).filter(|item| item.is_selected(&self.options));
            let was = before
                .and_then(|kv| selected(&KeyValue { mod_revision: record.revision.main, ..kv }).map(|item| (kv, item)));
            let is = (!record.tombstone).then_some(record.kv).and_then(|kv| selected(&kv).map(|item| (kv, item)));
            let existed = before.is_some() || (self.options.all && record.kv.create_revision < record.kv.mod_revision);
            let (kind, (kv, item)) = match (was, is) {
                (was, Some(is)) if was.is_some() || existed && self.options.all => ("MODIFIED", is),
                (_, Some(is)) => ("ADDED", is),
                (Some(was), None) => ("DELETED", was),
                (None, None) => continue,
            };
            let kv = KeyValue { mod_revision: record.revision.main, ..kv };
            event(out, kind, &writer, &kv, item, &self.target, !columns);
            columns = true;
        }
        self.columns = columns;
        Ok(())
    }
}

fn event(
    out: &mut Vec<u8>,
    kind: &str,
    writer: &Writer<'_>,
    kv: &KeyValue<'_>,
    item: Item<'_>,
    target: &Target,
    columns: bool,
) {
    out.extend_from_slice(b"{\"type\":");
    json::compact(out, &Value::str(kind));
    out.extend_from_slice(b",\"object\":");
    let is_table = writer.form == Form::Table;
    if is_table {
        table(out, if columns { &target.served.printer.columns } else { &[] });
        out.extend_from_slice(
            format!(",\"metadata\":{{\"resourceVersion\":\"{}\"}},\"rows\":[", kv.mod_revision).as_bytes(),
        );
    }
    writer.write(out, item);
    out.extend_from_slice(if is_table { b"]}}\n" } else { b"}\n" });
}

/// The records of the target from revision `from` to `last`, a part of them; and the first revision after them.
fn read(
    state: &Cluster<'static>,
    from: i64,
    last: i64,
    target: &Target,
    options: &Options,
) -> (Vec<Record<'static>>, i64) {
    let ranges: Vec<_> = target.ranges(state, options).into_iter().collect();
    let ranges: Vec<_> = ranges.iter().map(|(start, end)| Range::new(start.as_slice(), end.as_slice())).collect();
    let (mut records, mut read, mut next) = (Vec::new(), 0_usize, last.saturating_add(1));
    // what is wrong with a page was reported when the file was opened
    let ended: Result<(), ()> = state.snapshot.each_record_from(from, &mut Findings::default(), |record| {
        let revision = record.revision.main;
        if revision > last {
            return Err(());
        }
        if read >= RECORDS && records.last().is_none_or(|kept: &Record<'_>| kept.revision.main < revision) {
            next = revision;
            return Err(());
        }
        read = read.saturating_add(1);
        if ranges.iter().any(|range| range.contains(record.kv.key)) {
            records.push(record);
        }
        Ok(())
    });
    // it ends before the last record where there is enough for a piece
    let _ = ended;
    (records, next)
}
