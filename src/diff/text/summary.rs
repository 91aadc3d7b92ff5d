//! The first lines, which of the two is newer, and the last, what it all comes to.

use super::Line;
use crate::{
    bytes::{counted, printable},
    diff::{Counts, Newer, Relation, Tally},
};

impl Relation<'_> {
    /// Which of the two is newer, and by how much.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let (from, to) = (&self.from, &self.to);
        let (a, b) = (printable(from.name.to_owned()), printable(to.name.to_owned()));
        let revisions = format!("revision {} to {}", from.revision, to.revision);
        let sorted = |newer| if newer == Newer::To { (&b, &a) } else { (&a, &b) };
        let line = match (self.newer(), from.newest.zip(to.newest)) {
            _ if self.one => format!("{a}: {revisions}"),
            (newer @ (Newer::From | Newer::To), times) if self.continues == Some(true) => {
                let (newer, older) = sorted(newer);
                let times = times.map_or(String::new(), |(at, then)| format!(", newest time {at} to {then}"));
                format!("{newer} is newer: it continues from the last revision of {older}: {revisions}{times}")
            }
            (Newer::Neither, Some((at, _))) => format!("{a} and {b} are equally new: newest time {at}, {revisions}"),
            (newer, Some((at, then))) => {
                let (newer, older) = sorted(newer);
                let by = duration(then.seconds.abs_diff(at.seconds));
                format!("{newer} is newer than {older} by {by}: newest time {at} to {then}, {revisions}")
            }
            (_, None) => format!("{a} to {b}: {revisions}, no times to tell which is newer"),
        };
        let mut lines = vec![Line::plain(line)];
        if !self.one && self.newer() == Newer::From {
            let back = format!("the first backup is the newer one: + and - show what going back to {b} would change");
            lines.push(Line::plain(format!("note: {back}")));
        }
        lines
    }
}

/// `2d3h`, `4m10s`: the two largest units.
fn duration(seconds: u64) -> String {
    let units = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let first = units.iter().position(|(n, _)| *n > 0).unwrap_or(3);
    let shown = units.iter().skip(first).take(2).filter(|(n, _)| *n > 0 || first == 3);
    shown.map(|(n, unit)| format!("{n}{unit}")).collect()
}

impl Tally {
    /// The headers of [`Tally::rows`]; all but the first two are of numbers.
    pub const HEADERS: [&'static str; 9] = [
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

    /// The counts of each kind and namespace.
    pub fn rows(&self) -> impl Iterator<Item = [String; 9]> + '_ {
        self.by_kind.iter().map(|((kind, namespace), counts)| {
            let Counts { added, removed, replaced, changed, not_comparable, old_bytes, new_bytes } = *counts;
            let namespace = if namespace.is_empty() { "-" } else { namespace };
            let [a, b, c, d, e, f, g] =
                [added, removed, replaced, changed, not_comparable, old_bytes, new_bytes].map(|n| n.to_string());
            [kind.clone(), namespace.to_owned(), a, b, c, d, e, f, g]
        })
    }

    /// The counts of all, and what was left out.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let Counts { added, removed, replaced, changed, not_comparable, .. } = self.all;
        let unsure = if not_comparable > 0 { format!(", {not_comparable} not comparable") } else { String::new() };
        let all = format!("{added} added, {removed} removed, {replaced} replaced, {changed} changed{unsure}");
        let mut lines = vec![Line::plain(all)];
        let Counts { added, removed, changed, .. } = self.events;
        if self.events.sum() > 0 {
            lines.push(Line::plain(format!("events: {added} added, {removed} removed, {changed} changed")));
        }
        let reasons: Vec<_> = self.ignored.iter().map(|(reason, n)| format!("{reason} {n}")).collect();
        if !reasons.is_empty() {
            let only = match self.only_ignored {
                0 => String::new(),
                n => format!(" ({} differ only in these fields; --all shows them)", counted(n, "object")),
            };
            lines.push(Line::plain(format!("left out: {}{only}", reasons.join(", "))));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        assert_eq!([0, 59, 60, 3661, 90_000].map(duration), ["0s", "59s", "1m", "1h1m", "1d1h"]);
    }
}
