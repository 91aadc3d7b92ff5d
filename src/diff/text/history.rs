//! The revisions of objects.

use std::collections::BTreeSet;

use super::Line;
use crate::{
    audit::{Answer, Request, Requests},
    bytes::{counted, printable},
    diff::{Detail, Difference, Entry, Ignore, Occurrence, Verb, history},
    k8s::{Gap, Mask},
    objects::{Cluster, Joined, Records},
};

/// Calls `give` with the lines about what the backups hold, and then with those of each revision of each key.
///
/// # Errors
/// Errors of `give`.
pub fn history_lines<E>(
    joined: &Joined<'_, '_>,
    found: &Records<'_>,
    ignore: &Ignore,
    mask: &Mask,
    requests: &Requests,
    mut give: impl FnMut(Vec<Line>) -> Result<(), E>,
) -> Result<(), E> {
    for backup in joined.backups {
        let (name, held, (first, _)) = (printable(backup.name.to_owned()), window(backup), backup.window());
        give(vec![Line::plain(format!(
            "{name} holds {held}, and for each key one older write, the last before {first}"
        ))])?;
    }
    for (key, records) in found {
        let key = printable(String::from_utf8_lossy(&mask.key(key)).into_owned());
        give(vec![Line::plain(""), Line::plain(key)])?;
        let mut run = Run::default();
        history(joined, records, ignore, mask, requests, |occurrence| {
            let lines = match occurrence {
                Occurrence::Change(change) if is_only_ignored(change) => {
                    run.add(change);
                    return Ok(());
                }
                Occurrence::Change(change) => {
                    let fields = change.entry.iter().flat_map(Entry::field_lines);
                    head(change).into_iter().chain(fields).collect()
                }
                Occurrence::Deleted(after, before) => {
                    let what = format!(
                        "deleted after revision {after} and before revision {before}; the deletion is compacted"
                    );
                    vec![Line::signed("", '-', &what)]
                }
            };
            give(std::mem::take(&mut run).lines())?;
            give(lines)
        })?;
        give(run.lines())?;
    }
    Ok(())
}

/// The revisions that a backup holds all of, and their times.
#[must_use]
pub fn window(backup: &Cluster<'_>) -> String {
    let time = |revision| backup.clock().gap(revision).in_brackets();
    let (first, last) = backup.window();
    if last < first {
        return "no revision in full".to_owned();
    }
    format!("the revisions {first}{} to {last}{}", time(first), time(last))
}

/// Whether it is an update of nothing that is shown.
fn is_only_ignored(detail: &Detail<'_, '_>) -> bool {
    let ignored = detail.entry.as_ref().is_some_and(|entry| entry.difference == Difference::Ignored);
    ignored && !detail.compacted && detail.change.missing == 0 && detail.change.verb() == Verb::Update
}

/// Updates one after the other of nothing that is shown.
#[derive(Default)]
struct Run {
    /// The first as it is printed alone, its revision, and that of the last.
    first: (Vec<Line>, String),
    last: String,
    gap: Gap,
    count: u64,
    writers: BTreeSet<String>,
    users: BTreeSet<String>,
    reasons: BTreeSet<&'static str>,
}

impl Run {
    fn add(&mut self, detail: &Detail<'_, '_>) {
        if self.count == 0 {
            self.first = (head(detail), detail.revision());
            self.gap.after = detail.gap.after;
        }
        self.count = self.count.saturating_add(1);
        self.last = detail.revision();
        self.gap.before = detail.gap.before;
        let name = detail.writer.as_ref().map_or("-", |writer| &writer.manager);
        self.writers.insert(name.to_owned());
        self.users.extend(detail.request.as_ref().map(Answer::users));
        let ignored = detail.entry.iter().flat_map(|entry| entry.ignored.keys());
        self.reasons.extend(ignored.map(|reason| reason.name()));
    }

    fn lines(self) -> Vec<Line> {
        let [after, width] = self.gap.cells();
        let by = printable(Vec::from_iter(self.writers).join(", "));
        let users = printable(Vec::from_iter(self.users).join(", "));
        let users = if users.is_empty() { users } else { format!(", asked by {users}") };
        let (head, first) = self.first;
        let head = match self.count {
            0 => return Vec::new(),
            1 => head,
            n => {
                let last = self.last;
                vec![Line::signed(
                    "",
                    '~',
                    &format!("revisions {first} to {last}   {after} {width}   {n} updates by {by}{users}"),
                )]
            }
        };
        // fields that every update changes carry no information
        let own = |reason: &&&str| !["managedFields", "resourceVersion", "generation"].contains(*reason);
        let shown: Vec<_> = self.reasons.iter().filter(own).copied().collect();
        let (shown, flag) = match shown.as_slice() {
            ["status"] => ("status".to_owned(), "--status"),
            [] => (Vec::from_iter(self.reasons).join(", "), "--all"),
            reasons => (reasons.join(", "), "--all"),
        };
        head.into_iter().chain([Line::plain(format!("    only {shown} changed ({flag} shows it)"))]).collect()
    }
}

/// Who asked for it: a line for each request that may be it.
fn asked(answer: &Answer) -> Vec<Line> {
    let line = |request: &Request| {
        let user = match &request.impersonated {
            Some(other) => format!("{} as {other}", request.user),
            None => request.user.clone(),
        };
        let (groups, from) = (request.groups.join(", "), request.source_ips.join(", "));
        let (verb, agent, known) = (&request.verb, &request.user_agent, answer.known.name());
        Line::plain(printable(format!("    asked by {user} ({groups}) from {from} with {agent}: {verb} ({known})")))
    };
    let more = Some(answer.more).filter(|more| *more > 0);
    let more = more.map(|more| Line::plain(format!("    and {more} more requests that are possible")));
    answer.requests.iter().map(line).chain(more).collect()
}

/// What was done, when and by which program.
fn head(detail: &Detail<'_, '_>) -> Vec<Line> {
    let verb = detail.change.verb();
    let (sign, what) = match (detail.compacted, verb) {
        (true, _) => ('=', "last write before the compaction;"),
        (_, Verb::Create) => ('+', verb.name()),
        (_, Verb::Update | Verb::Put) => ('~', verb.name()),
        (_, Verb::Delete) => ('-', verb.name()),
    };
    let [after, width] = detail.gap.cells();
    let by = match &detail.writer {
        Some(writer) => format!(" by {writer}"),
        None if verb == Verb::Delete => String::new(),
        None => " by -".to_owned(),
    };
    let text = format!("revision {}   {after} {width}   {what}{}", detail.revision(), printable(by));
    let missing = Some(detail.change.missing).filter(|n| *n > 0 && !detail.compacted);
    let missing = missing.map(|n| {
        let was = if n == 1 { "was" } else { "were" };
        Line::plain(format!("    {} before it {was} compacted", counted(n, "write")))
    });
    let may_miss = "    writes before it may be missing: no backup holds both the write above and this deletion";
    let may_miss = detail.change.may_miss.then(|| Line::plain(may_miss.to_owned()));
    let request = detail.request.iter().flat_map(asked);
    [Line::signed("", sign, &text)].into_iter().chain(missing).chain(may_miss).chain(request).collect()
}
