//! Changes in full: what differs, when it was written, and by which program; and all changes of a key, in order.

use super::{
    Chain, Change, Diff, Difference, Entry, Ignore, Members, Verb, Writer,
    entry::{compare, objects},
    writer::{Stamped, writer_alone, writer_of_change, writer_of_creation},
};
use crate::{
    audit::{Act, Answer, Deletion, Requests, Wanted},
    bytes::escape,
    etcd::KeyValue,
    k8s::{Gap, ManagedFields, Mask, Meta, Moment, Ring, Value},
    objects::{Joined, Records, Stored},
};

/// A change in full.
#[derive(Debug)]
pub struct Detail<'a, 'm> {
    /// The change.
    pub change: Change<'a>,
    /// The differences; `None` when only the stored form of the object differs.
    pub entry: Option<Entry<'a>>,
    /// The moments between which it was written.
    pub gap: Gap,
    /// The program that wrote it; `None` where that is not certain.
    pub writer: Option<Writer>,
    /// Whether the change is the newest of its key before the compaction: what it changed is not known.
    pub compacted: bool,
    /// The request that made it, where an audit log was read and holds it.
    pub request: Option<Answer>,
    mask: &'m Mask,
}

impl<'a, 'm> Detail<'a, 'm> {
    /// Compares the two sides of a change. Both sides of `diff` are the backup of the change.
    #[must_use]
    pub fn new(change: Change<'a>, diff: &Diff<'m, 'a>, gap: Gap, compacted: bool) -> Self {
        let mut stamped = None;
        let entry = compare(diff, &change.pair(), |old, new| stamped = Some(Stamped::of(old, new)));
        let writer = writer(&change, stamped, diff, &gap, compacted);
        Self { change, entry, gap, writer, compacted, request: None, mask: diff.mask }
    }

    /// The revision: that of the transaction, and the change's place in it where it is not the first.
    #[must_use]
    pub fn revision(&self) -> String {
        let revision = self.change.record.revision;
        if revision.sub == 0 { revision.main.to_string() } else { revision.to_string() }
    }

    /// The object as `deployment.apps/web`, or the key of a value that is no object.
    #[must_use]
    pub fn name(&self) -> String {
        match self.entry.as_ref().and_then(Entry::newest) {
            Some(of) if !of.resource.is_empty() => format!("{}/{}", of.resource, of.name),
            _ => escape(&self.mask.key(self.change.key())),
        }
    }

    /// Whether only ignored fields changed.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.entry.as_ref().is_none_or(|entry| entry.difference == Difference::Ignored)
    }

    /// The verb: `create`, `update` or `delete`; `compacted` for the record that a compaction has left.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        if self.compacted { "compacted" } else { self.change.verb().name() }
    }

    /// The members of a JSON object.
    #[must_use]
    pub fn members(&self) -> Members {
        let revision = self.change.record.revision;
        let mut members = self.entry.as_ref().map(Entry::members).unwrap_or_default();
        if members.is_empty() {
            let key = String::from_utf8_lossy(&self.mask.key(self.change.key())).into_owned();
            members.push(("key".into(), Value::Str(key.into())));
        }
        // for a deletion it is that of the record before
        members.retain(|(name, _)| name != "modRevision" && name != "oldModRevision");
        members.push(("revision".into(), Value::Int(revision.main)));
        members.push(("sub".into(), Value::Int(revision.sub)));
        members.push(("verb".into(), Value::str(self.verb())));
        // of a put that only a log shows it may not be known
        let version =
            Some(self.change.record.kv.version).filter(|version| *version > 0 || self.change.record.tombstone);
        members.extend(version.map(|version| ("version".into(), Value::Int(version))));
        if self.change.missing > 0 {
            members.push(("missing".into(), Value::Int(self.change.missing)));
        }
        if self.change.may_miss {
            members.push(("mayMiss".into(), Value::Bool(true)));
        }
        for (name, moment) in [("after", self.gap.after), ("before", self.gap.before)] {
            members.extend(moment.map(|moment| (name.into(), Value::Str(moment.millis().into()))));
        }
        if let Some(Writer { manager, by_ownership }) = &self.writer {
            members.push(("manager".into(), Value::Str(manager.clone().into())));
            members.extend(by_ownership.then(|| ("managerByOwnership".into(), Value::Bool(true))));
        }
        members.extend(self.request.iter().map(|answer| ("request".into(), answer.value())));
        members
    }
}

/// The writer of a change. `stamped` is what its two sides show, where they were decoded.
fn writer<'a>(
    change: &Change<'a>,
    stamped: Option<Stamped>,
    diff: &Diff<'_, 'a>,
    gap: &Gap,
    compacted: bool,
) -> Option<Writer> {
    let ring = &diff.new.ring;
    let new = Some(change.record).filter(|record| !record.tombstone)?.kv;
    if change.verb() == Verb::Create {
        return writer_of_creation(&ring.managed(new.key, new.value, ManagedFields::Names).ok()?);
    }
    if compacted || change.missing > 0 {
        let read = |kv: KeyValue<'a>| ring.object_with(kv.key, kv.value, ManagedFields::Names).ok();
        return writer_alone(change.old.and_then(read).as_ref(), &read(new)?, gap);
    }
    let compared = || objects(diff, &change.old?, &new).ok()?.map(|(old, new)| Stamped::of(&old, &new));
    writer_of_change(stamped.or_else(compared)?, || ring.managed(new.key, new.value, ManagedFields::Keep).ok())
}

/// An event in the history of a key.
#[derive(Debug)]
pub enum Occurrence<'a, 'm> {
    /// A record of the key.
    Change(Box<Detail<'a, 'm>>),
    /// A deletion between these two revisions, by a record that no backup holds.
    Deleted(i64, i64),
}

impl Occurrence<'_, '_> {
    /// The members of a JSON object.
    #[must_use]
    pub(crate) fn members(&self) -> Members {
        match self {
            Self::Change(detail) => detail.members(),
            Self::Deleted(after, before) => vec![
                ("verb".into(), Value::str("delete")),
                ("afterRevision".into(), Value::Int(*after)),
                ("beforeRevision".into(), Value::Int(*before)),
            ],
        }
    }
}

impl<'a> Change<'a> {
    /// Adds it to those whose requests are looked for; it was written in `gap`. See [`Wanted::add`] for `is_asked`.
    pub fn want(&self, ring: &Ring, gap: Gap, is_asked: bool, wanted: &mut Wanted) {
        let act = match self.verb() {
            Verb::Create => Act::Create,
            Verb::Update => Act::Update(self.deletion(ring)),
            Verb::Delete => Act::Delete,
            Verb::Put => Act::Put(self.deletion(ring)),
        };
        let before = self.old.filter(|_| self.missing == 0 && !self.may_miss).map(|old| old.mod_revision);
        wanted.add(self.key(), self.record.revision, act, before, gap, is_asked);
    }

    /// Whether a request to delete the object made the change.
    fn deletion(&self, ring: &Ring) -> Deletion {
        let requested = |kv: &KeyValue<'_>| -> Option<Option<Moment>> {
            let value = ring.open(kv.key, kv.value).ok()?;
            let meta = Meta::read_times(&value).ok()?;
            Some(meta.deleted)
        };
        let before = || self.old.as_ref().filter(|_| self.missing == 0).and_then(requested);
        match requested(&self.record.kv) {
            Some(None) => Deletion::No,
            Some(Some(_)) if before() == Some(None) => Deletion::Yes,
            Some(Some(_)) if self.keeps_deletion(ring) == Some(true) => Deletion::No,
            _ => Deletion::Perhaps,
        }
    }

    /// Whether the change leaves what a request to delete writes.
    fn keeps_deletion(&self, ring: &Ring) -> Option<bool> {
        let read = |kv: &KeyValue<'a>| ring.object_with(kv.key, kv.value, ManagedFields::Names).ok();
        let old = read(self.old.as_ref().filter(|_| self.missing == 0)?)?;
        let new = read(&self.record.kv)?;
        let is_kept = |name| old.value.at(&["metadata", name]) == new.value.at(&["metadata", name]);
        Some(["deletionTimestamp", "deletionGracePeriodSeconds", "finalizers"].into_iter().all(is_kept))
    }
}

/// The changes of the keys that were `found`, to look for their requests.
#[must_use]
pub fn wanted(joined: &Joined<'_, '_>, found: &Records<'_>) -> Wanted {
    let mut wanted = Wanted::new(true);
    for records in found.values() {
        let (mut chain, mut last) = (Chain::default(), None);
        for stored in records {
            let (change, gap) = (linked(joined, &mut chain, last, stored), joined.gap(stored.record.revision.main));
            if let Some(backup) = joined.backups.get(stored.backup) {
                change.want(&backup.ring, gap, true, &mut wanted);
            }
            last = Some(stored);
        }
    }
    wanted
}

/// The change by a record of several backups; `last` is the record before it.
fn linked<'a>(
    joined: &Joined<'_, 'a>,
    chain: &mut Chain<'a>,
    last: Option<&Stored<'a>>,
    stored: &Stored<'a>,
) -> Change<'a> {
    let change = chain.link(stored.record);
    let is_apart = |last: &Stored<'_>| {
        let (first, end) = (last.record.revision.main, stored.record.revision.main);
        !stored.is_held_with(last) && !joined.holds_all(first.saturating_add(1), end.saturating_sub(1))
    };
    let may_miss = stored.record.tombstone && change.old.is_some() && last.is_some_and(is_apart);
    Change { may_miss, ..change }
}

/// Calls `each` with the events in the history of one key, in order.
///
/// # Errors
/// Errors of `each`.
pub fn history<'a, E>(
    joined: &Joined<'_, 'a>,
    records: &[Stored<'a>],
    ignore: &Ignore,
    mask: &Mask,
    requests: &Requests,
    mut each: impl FnMut(&Occurrence<'a, '_>) -> Result<(), E>,
) -> Result<(), E> {
    let (mut chain, mut last): (_, Option<&Stored<'_>>) = (Chain::default(), None);
    for stored in records {
        let (record, Some(backup)) = (stored.record, joined.backups.get(stored.backup)) else { continue };
        let diff = Diff { old: backup, new: backup, ignore, mask, raw: false, managed_fields: ManagedFields::Keep };
        let (change, main) = (linked(joined, &mut chain, last, stored), record.revision.main);
        let before = last.map(|last| last.record);
        if let Some(last) = before.filter(|last| change.is_another(last) && !joined.is_left_out(last.revision.main)) {
            each(&Occurrence::Deleted(last.revision.main, record.kv.create_revision))?;
        }
        let mut detail = Detail::new(change, &diff, joined.gap(main), joined.is_compacted(main));
        detail.request = requests.of(record.revision).cloned();
        each(&Occurrence::Change(Box::new(detail)))?;
        last = Some(stored);
    }
    let last = last.map(|last| last.record).filter(|last| !last.tombstone);
    if let (Some(last), Some(newest)) = (last, joined.newest())
        && newest.view.get(last.kv.key).is_none()
        && !joined.is_left_out(last.revision.main)
        // what cannot be read of it may have the key
        && !newest.findings().damaged()
    {
        each(&Occurrence::Deleted(last.revision.main, newest.window().0))?;
    }
    Ok(())
}
