//! The differences for people.

use std::io::Write as _;

use etcdsnap::diff::{Counts, Difference, Entry, Newer, Relation, StateChange, Tally, fields};

use crate::{
    failure::Failure,
    render::{
        self,
        difference::{details, field, signed},
        printable, readable,
    },
    session::Session,
};

/// The first line: which is newer.
pub(super) fn head(session: &mut Session, relation: &Relation<'_>) -> Result<(), Failure> {
    let (from, to) = (&relation.from, &relation.to);
    let (a, b) = (printable(from.name.to_owned()), printable(to.name.to_owned()));
    let revisions = format!("revision {} to {}", from.revision, to.revision);
    let line = match (relation.newer(), from.newest.zip(to.newest)) {
        _ if relation.one => format!("{a}: {revisions}"),
        (newer @ (Newer::From | Newer::To), times) if relation.continues == Some(true) => {
            let (newer, older) = if newer == Newer::To { (b, a) } else { (a, b) };
            let times = times.map_or(String::new(), |(at, then)| format!(", newest time {at} to {then}"));
            format!("{newer} is newer than {older}, from whose last revision it continues: {revisions}{times}")
        }
        (Newer::Neither, Some((at, _))) => format!("{a} and {b} are equally new: newest time {at}, {revisions}"),
        (newer, Some((at, then))) => {
            let (newer, older) = if newer == Newer::To { (b, a) } else { (a, b) };
            let seconds = then.seconds.abs_diff(at.seconds);
            format!("{newer} is newer than {older} by {}: newest time {at} to {then}, {revisions}", duration(seconds))
        }
        (_, None) => format!("{a} to {b}: {revisions}, no times to tell which is newer"),
    };
    writeln!(session.out, "{line}")?;
    if !relation.one && relation.newer() == Newer::From {
        let back = format!(
            "the first one named is the newer one: + and - are what going back to {} would do",
            printable(to.name.to_owned())
        );
        writeln!(session.out, "note: {back}")?;
    }
    Ok(writeln!(session.out)?)
}

/// `2d3h`, `4m10s`: the two largest units.
fn duration(seconds: u64) -> String {
    let units = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let first = units.iter().position(|(n, _)| *n > 0).unwrap_or(3);
    let shown = units.iter().skip(first).take(2).filter(|(n, _)| *n > 0 || first == 3);
    shown.map(|(n, unit)| format!("{n}{unit}")).collect()
}

/// One object, and its fields.
pub(super) fn entry(session: &mut Session, entry: &Entry<'_>, name_only: bool) -> Result<(), Failure> {
    let sign = match &entry.difference {
        Difference::Added => '+',
        Difference::Removed => '-',
        Difference::Replaced(_) => '!',
        Difference::Changed(_) | Difference::Bytes { .. } => '~',
        Difference::NotComparable(_) => '?',
        Difference::Ignored => return Ok(()),
    };
    let Some(of) = entry.newest() else { return Ok(()) };
    let name = match of.resource.as_str() {
        "" => readable(&of.key),
        resource => printable(format!("{resource}/{}", of.name)),
    };
    let place = if of.namespace.is_empty() { String::new() } else { printable(format!(" -n {}", of.namespace)) };
    if name_only {
        return Ok(signed(&mut session.out, "", sign, &format!("{name}{place}"))?);
    }
    let revisions = match (&entry.old, &entry.new) {
        (Some(old), Some(new)) => format!("{} -> {}", old.mod_revision, new.mod_revision),
        _ => of.mod_revision.to_string(),
    };
    let what = match &entry.difference {
        Difference::Replaced(_) => ", made again under the same name",
        _ => "",
    };
    signed(&mut session.out, "", sign, &format!("{name}{place}   (revision {revisions}{what})"))?;
    Ok(details(&mut session.out, entry)?)
}

/// What changed beside the keys, and what it all comes to.
pub(super) fn finish(
    session: &mut Session,
    changes: &[StateChange],
    tally: &Tally,
    notes: &[String],
    stat: bool,
    name_only: bool,
) -> Result<(), Failure> {
    for change in changes {
        let sign = match (&change.old, &change.new) {
            (None, _) => '+',
            (_, None) => '-',
            _ => '~',
        };
        let name = printable(format!("{} {}", change.what, change.id));
        signed(&mut session.out, "", sign, name.trim_end())?;
        if let (Some(old), Some(new), false) = (&change.old, &change.new, name_only || stat) {
            fields(old, new).iter().try_for_each(|f| field(&mut session.out, f))?;
        }
    }
    if name_only {
        notes.iter().for_each(|note| say!("note: {}", printable(note.clone())));
        return Ok(());
    }
    if stat {
        table(session, tally)?;
    }
    if tally.differs() {
        writeln!(session.out)?;
    }
    let Counts { added, removed, replaced, changed, not_comparable, .. } = **tally;
    let unsure = if not_comparable > 0 { format!(", {not_comparable} not comparable") } else { String::new() };
    writeln!(session.out, "{added} added, {removed} removed, {replaced} replaced, {changed} changed{unsure}")?;
    let events = tally.events;
    if events.sum() > 0 {
        writeln!(
            session.out,
            "events: {} added, {} removed, {} changed",
            events.added, events.removed, events.changed
        )?;
    }
    let reasons: Vec<_> = tally.ignored.iter().map(|(reason, n)| format!("{reason} {n}")).collect();
    if !reasons.is_empty() {
        let only = match tally.only_ignored {
            0 => String::new(),
            n => format!(" ({n} objects differ in nothing else; --all shows them)"),
        };
        writeln!(session.out, "left out: {}{only}", reasons.join(", "))?;
    }
    notes.iter().try_for_each(|note| writeln!(session.out, "note: {}", printable(note.clone())))?;
    Ok(())
}

fn table(session: &mut Session, tally: &Tally) -> Result<(), Failure> {
    let headers = [
        "KIND",
        "NAMESPACE",
        "ADDED",
        "REMOVED",
        "REPLACED",
        "CHANGED",
        "NOT COMPARABLE",
        "BYTES BEFORE",
        "BYTES AFTER",
    ];
    let mut table = render::Columns::new(&headers).right(&[2, 3, 4, 5, 6, 7, 8]);
    for ((kind, namespace), counts) in &tally.by_kind {
        let namespace = if namespace.is_empty() { "-" } else { namespace };
        let numbers = [
            counts.added,
            counts.removed,
            counts.replaced,
            counts.changed,
            counts.not_comparable,
            counts.old_bytes,
            counts.new_bytes,
        ];
        let cells = [kind.clone(), namespace.to_owned()].into_iter().chain(numbers.map(|n| n.to_string()));
        table.add(cells);
    }
    if !tally.by_kind.is_empty() {
        table.finish(&mut session.out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        assert_eq!([0, 59, 60, 3661, 90_000].map(duration), ["0s", "59s", "1m", "1h1m", "1d1h"]);
    }
}
