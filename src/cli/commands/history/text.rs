//! The revisions of objects, for people.

use std::{collections::BTreeSet, io::Write as _};

use etcdsnap::{
    diff::{Detail, Difference, Ignore, Occurrence, Verb, history},
    k8s::{Gap, Mask},
    objects::{Cluster, Joined, Records},
};

use crate::{
    failure::Failure,
    render::{
        difference::{details, signed, signed_block},
        printable,
    },
    session::Session,
};

/// Prints what the backups hold, and then each key with its revisions.
pub(super) fn print(
    session: &mut Session,
    joined: &Joined<'_, '_>,
    found: &Records<'_>,
    ignore: &Ignore,
    mask: &Mask,
) -> Result<(), Failure> {
    for backup in joined.backups {
        let held = window(backup);
        writeln!(
            session.out,
            "{} holds {held}, and of older ones the last of each key",
            printable(backup.name.to_owned())
        )?;
    }
    for (key, records) in found {
        writeln!(session.out, "\n{}", printable(String::from_utf8_lossy(&mask.key(key)).into_owned()))?;
        let mut run = Run::default();
        history(joined, records, ignore, mask, |occurrence| match occurrence {
            Occurrence::Change(change) if is_only_ignored(change) => {
                run.add(change);
                Ok(())
            }
            Occurrence::Change(change) => {
                signed_block(&mut session.out, &std::mem::take(&mut run).text())?;
                signed_block(&mut session.out, &head(change))?;
                change.entry.as_ref().map_or(Ok(()), |entry| details(&mut session.out, entry))
            }
            Occurrence::Deleted(after, before) => {
                signed_block(&mut session.out, &std::mem::take(&mut run).text())?;
                let what = format!("deleted between the revisions {after} and {before}, which is compacted");
                signed(&mut session.out, "", '-', &what)
            }
        })?;
        signed_block(&mut session.out, &run.text())?;
    }
    Ok(())
}

/// The revisions that a backup holds all of, and their times.
pub(super) fn window(backup: &Cluster<'_>) -> String {
    let time = |revision| backup.clock().gap(revision).in_brackets();
    let (first, last) = backup.window();
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
    first: (String, String),
    last: String,
    gap: Gap,
    count: u64,
    writers: BTreeSet<String>,
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
        let ignored = detail.entry.iter().flat_map(|entry| entry.ignored.keys());
        self.reasons.extend(ignored.map(|reason| reason.name()));
    }

    fn text(self) -> String {
        let [after, width] = self.gap.cells();
        let by = printable(Vec::from_iter(self.writers).join(", "));
        let (head, first) = self.first;
        let head = match self.count {
            0 => return String::new(),
            1 => head,
            n => format!("~ revisions {first} to {}   {after} {width}   {n} updates by {by}\n", self.last),
        };
        // fields that every update changes carry no information
        let own = |reason: &&&str| !["managedFields", "resourceVersion", "generation"].contains(*reason);
        let shown: Vec<_> = self.reasons.iter().filter(own).copied().collect();
        let (shown, flag) = match shown.as_slice() {
            ["status"] => ("status".to_owned(), "--status"),
            [] => (Vec::from_iter(self.reasons).join(", "), "--all"),
            reasons => (reasons.join(", "), "--all"),
        };
        format!("{head}    only {shown} changed ({flag} shows it)\n")
    }
}

/// What was done, when and by which program.
fn head(detail: &Detail<'_, '_>) -> String {
    let verb = detail.change.verb();
    let (sign, what) = match (detail.compacted, verb) {
        (true, _) => ('=', "the last before the compaction"),
        (_, Verb::Create) => ('+', verb.name()),
        (_, Verb::Update) => ('~', verb.name()),
        (_, Verb::Delete) => ('-', verb.name()),
    };
    let [after, width] = detail.gap.cells();
    let by = match &detail.writer {
        Some(writer) if writer.by_ownership => format!(" by {} (by ownership)", writer.manager),
        Some(writer) => format!(" by {}", writer.manager),
        None if verb == Verb::Delete => String::new(),
        None => " by -".to_owned(),
    };
    let missing = match detail.change.missing {
        n if n > 0 && !detail.compacted => format!("    {n} writes before it were compacted\n"),
        _ => String::new(),
    };
    format!("{sign} revision {}   {after} {width}   {what}{}\n{missing}", detail.revision(), printable(by))
}
