//! The differences for people.

use std::io::Write as _;

use etcdsnap::{
    bytes::abridged,
    diff::{Counts, Difference, Entry, Field, Newer, Ref, Relation, StateChange, Tally, fields},
    k8s::Value,
};

use crate::{
    failure::Failure,
    render::{self, Color, Ink as _, printable, readable},
    session::Session,
};

/// Longer values are cut, around where they differ.
const SHOWN: usize = 160;

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
        return signed(session, "", sign, &format!("{name}{place}"));
    }
    let revisions = match (&entry.old, &entry.new) {
        (Some(old), Some(new)) => format!("{} -> {}", old.mod_revision, new.mod_revision),
        _ => of.mod_revision.to_string(),
    };
    let what = match &entry.difference {
        Difference::Replaced(_) => ", made again under the same name",
        _ => "",
    };
    signed(session, "", sign, &format!("{name}{place}   (revision {revisions}{what})"))?;
    details(session, entry)
}

/// What changed in it, a field a line.
pub(in crate::commands) fn details(session: &mut Session, entry: &Entry<'_>) -> Result<(), Failure> {
    match &entry.difference {
        Difference::Replaced(fields) | Difference::Changed(fields) => fields.iter().try_for_each(|f| field(session, f)),
        Difference::Bytes { old: Some(old), new: Some(new) } => {
            Ok(writeln!(session.out, "    {} -> {}", cut(&render::quote(old), 0), cut(&render::quote(new), 0))?)
        }
        Difference::Bytes { .. } => {
            let bytes = |of: &Option<Ref>| of.as_ref().map_or(0, |of| of.bytes);
            Ok(writeln!(session.out, "    {} -> {} bytes", bytes(&entry.old), bytes(&entry.new))?)
        }
        Difference::NotComparable(why) => Ok(writeln!(session.out, "    {}", printable(why.to_string()))?),
        _ => Ok(()),
    }
}

fn field(session: &mut Session, field: &Field<'_>) -> Result<(), Failure> {
    let path = printable(field.path.to_string());
    let text = |value: &Value<'_>| printable(value.to_json());
    let (sign, line) = match (&field.old, &field.new) {
        (Some(old), Some(new)) => {
            let (old, new) = (text(old), text(new));
            let same = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
            ('~', format!("{path}: {} -> {}", cut(&old, same), cut(&new, same)))
        }
        (None, Some(new)) => ('+', format!("{path}: {}", cut(&text(new), 0))),
        (Some(old), None) => ('-', format!("{path}: {}", cut(&text(old), 0))),
        (None, None) => return Ok(()),
    };
    signed(session, "    ", sign, &line)
}

/// A line that begins with a sign, in the colour of that.
pub(in crate::commands) fn signed(session: &mut Session, indent: &str, sign: char, rest: &str) -> Result<(), Failure> {
    session.out.colored(Color::of_sign(sign), &format!("{indent}{sign} {rest}"))?;
    Ok(writeln!(session.out)?)
}

/// Lines of which the first begins with a sign, in the colour of that.
pub(in crate::commands) fn signed_block(session: &mut Session, text: &str) -> Result<(), Failure> {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    if first.is_empty() {
        return Ok(());
    }
    session.out.colored(first.chars().next().and_then(Color::of_sign), first)?;
    Ok(write!(session.out, "\n{rest}")?)
}

/// The text, or as much of it from just before the byte at `from` on as is shown.
fn cut(text: &str, from: usize) -> String {
    if text.len() <= SHOWN {
        return text.to_owned();
    }
    let boundary = |at: usize| (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = boundary(from.saturating_sub(SHOWN / 4).min(text.len().saturating_sub(SHOWN)));
    let start = if from < SHOWN / 2 { 0 } else { start };
    let end = boundary(start.saturating_add(SHOWN).min(text.len()));
    abridged(text.get(start..end).unwrap_or_default(), start..end, text.len())
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
        signed(session, "", sign, name.trim_end())?;
        if let (Some(old), Some(new), false) = (&change.old, &change.new, name_only || stat) {
            fields(old, new).iter().try_for_each(|f| field(session, f))?;
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
    fn long_values_are_cut_around_where_they_differ() {
        let long = "x".repeat(1000);
        assert_eq!(cut("short", 3), "short");
        assert_eq!(cut(&long, 0), format!("{}... (1000 bytes)", "x".repeat(SHOWN)));
        assert!(cut(&long, 500).starts_with("...xxx") && cut(&long, 999).ends_with("x (1000 bytes)"));
        assert!(cut(&"é".repeat(500), 333).contains('é'));
    }

    #[test]
    fn durations_have_two_units() {
        assert_eq!([0, 59, 60, 3661, 90_000].map(duration), ["0s", "59s", "1m", "1h1m", "1d1h"]);
    }
}
