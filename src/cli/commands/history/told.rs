//! One change, as `history` and `timeline` tell it.

use std::io::Write as _;

use etcdsnap::{
    bytes::escape,
    diff::{Change, Diff, Difference, Entry, Verb, manager},
    etcd::KeyValue,
    k8s::{Gap, Mask, Value},
};

use crate::{
    commands::diff::{
        document::{self, Members},
        text,
    },
    failure::Failure,
    render::printable,
    session::Session,
};

/// A change, when it was made, and by which program.
pub(in crate::commands) struct Told<'s, 'm> {
    pub(in crate::commands) change: Change<'s>,
    pub(in crate::commands) entry: Option<Entry<'s>>,
    gap: Gap,
    pub(in crate::commands) manager: Option<String>,
    /// It is the last of its key before the compaction.
    compacted: bool,
    mask: &'m Mask,
}

impl<'s, 'm> Told<'s, 'm> {
    pub(in crate::commands) fn new(change: Change<'s>, diff: &Diff<'m, 's>, gap: Gap, compacted: bool) -> Self {
        let object = |kv: Option<KeyValue<'s>>| kv.and_then(|kv| diff.new.ring.object(kv.key, kv.value).ok());
        let (old, new) = (object(change.old), object(change.pair().new));
        let manager = new.as_ref().and_then(|new| manager(old.as_ref(), new)).map(str::to_owned);
        Self { change, entry: diff.entry(&change.pair()), gap, manager, compacted, mask: diff.mask }
    }

    /// Its revision: that of the transaction, and which of its changes it is where it is not the first.
    pub(in crate::commands) fn revision(&self) -> String {
        let revision = self.change.record.revision;
        if revision.sub == 0 { revision.main.to_string() } else { revision.to_string() }
    }

    /// `deployment.apps/web`, or the key of what is no object.
    pub(in crate::commands) fn name(&self) -> String {
        match self.entry.as_ref().and_then(Entry::newest) {
            Some(of) if !of.resource.is_empty() => format!("{}/{}", of.resource, of.name),
            _ => escape(&self.mask.key(self.change.key())),
        }
    }

    /// Whether nothing changed that counts.
    pub(in crate::commands) fn is_quiet(&self) -> bool {
        self.entry.as_ref().is_none_or(|entry| entry.difference == Difference::Ignored)
    }

    /// `2026-11-21T02:04:31.532Z +8.4s`.
    pub(in crate::commands) fn time(&self) -> [String; 2] {
        let tenths = |width: i128| width.saturating_add(99_999_999) / 100_000_000;
        let width = self.gap.width().map(tenths).map_or(String::new(), |n| format!("+{}.{}s", n / 10, n % 10));
        [self.gap.after.map_or_else(|| "-".to_owned(), |at| at.millis()), width]
    }

    /// `create`, or what is known of it when it is all that a compaction has left.
    fn verb(&self) -> &'static str {
        if self.compacted { "compacted" } else { self.change.verb().name() }
    }

    pub(super) fn text(&self, session: &mut Session) -> Result<(), Failure> {
        let sign = match (self.compacted, self.change.verb()) {
            (true, _) => '=',
            (_, Verb::Create) => '+',
            (_, Verb::Update) => '~',
            (_, Verb::Delete) => '-',
        };
        let [after, width] = self.time();
        let by = self.manager.as_ref().map_or(String::new(), |manager| printable(format!(" by {manager}")));
        let verb = if self.compacted { "the last before the compaction" } else { self.verb() };
        writeln!(session.out, "{sign} revision {}   {after} {width}   {verb}{by}", self.revision())?;
        if self.change.missing > 0 && !self.compacted {
            writeln!(session.out, "    {} writes before it were compacted", self.change.missing)?;
        }
        let Some(entry) = &self.entry else { return Ok(()) };
        if entry.difference == Difference::Ignored {
            let reasons: Vec<_> = entry.ignored.keys().map(|reason| reason.name()).collect();
            writeln!(session.out, "    nothing but {} (--all tells it)", reasons.join(", "))?;
        }
        text::details(session, entry)
    }

    /// It as JSON.
    pub(in crate::commands) fn members(&self) -> Members {
        let revision = self.change.record.revision;
        let mut members = self.entry.as_ref().map(document::described).unwrap_or_default();
        if members.is_empty() {
            let key = String::from_utf8_lossy(&self.mask.key(self.change.key())).into_owned();
            members.push(("key".into(), Value::Str(key.into())));
        }
        // that of the record before, where it deletes
        members.retain(|(name, _)| name != "modRevision" && name != "oldModRevision");
        members.push(("revision".into(), Value::Int(revision.main)));
        members.push(("sub".into(), Value::Int(revision.sub)));
        members.push(("verb".into(), Value::str(self.verb())));
        members.push(("version".into(), Value::Int(self.change.record.kv.version)));
        if self.change.missing > 0 {
            members.push(("missing".into(), Value::Int(self.change.missing)));
        }
        for (name, moment) in [("after", self.gap.after), ("before", self.gap.before)] {
            members.extend(moment.map(|moment| (name.into(), Value::Str(moment.millis().into()))));
        }
        members.extend(self.manager.clone().map(|manager| ("manager".into(), Value::Str(manager.into()))));
        members
    }
}
