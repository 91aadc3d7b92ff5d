//! One difference, and the fields in it.

use super::Line;
use crate::{
    bytes::{abridged, printable, quote, readable},
    diff::{Difference, Entry, Field, Ref, StateChange, fields},
    k8s::Value,
};

/// Longer values are cut, around where they differ.
const SHOWN: usize = 160;

impl Entry<'_> {
    /// What happened to the object, and unless only its name is wanted the fields that differ. Empty for a difference
    /// that is ignored.
    #[must_use]
    pub fn lines(&self, name_only: bool) -> Vec<Line> {
        let sign = match &self.difference {
            Difference::Added => '+',
            Difference::Removed => '-',
            Difference::Replaced(_) => '!',
            Difference::Changed(_) | Difference::Bytes { .. } => '~',
            Difference::NotComparable(_) => '?',
            Difference::Ignored => return Vec::new(),
        };
        let Some(of) = self.newest() else { return Vec::new() };
        let name = match of.resource.as_str() {
            "" => readable(&of.key),
            resource => printable(format!("{resource}/{}", of.name)),
        };
        let place = if of.namespace.is_empty() { String::new() } else { printable(format!(" -n {}", of.namespace)) };
        if name_only {
            return vec![Line::signed("", sign, &format!("{name}{place}"))];
        }
        let revisions = match (&self.old, &self.new) {
            (Some(old), Some(new)) => format!("{} -> {}", old.mod_revision, new.mod_revision),
            _ => of.mod_revision.to_string(),
        };
        let again = matches!(self.difference, Difference::Replaced(_));
        let again = if again { ", made again under the same name" } else { "" };
        let mut lines = vec![Line::signed("", sign, &format!("{name}{place}   (revision {revisions}{again})"))];
        lines.extend(self.field_lines());
        lines
    }

    /// The fields that differ.
    pub(super) fn field_lines(&self) -> Vec<Line> {
        let text = |text: String| vec![Line::plain(format!("    {text}"))];
        match &self.difference {
            Difference::Replaced(fields) | Difference::Changed(fields) => fields.iter().filter_map(field).collect(),
            Difference::Bytes { old: Some(old), new: Some(new) } => {
                text(format!("{} -> {}", cut(&quote(old), 0), cut(&quote(new), 0)))
            }
            Difference::Bytes { .. } => {
                let bytes = |of: &Option<Ref>| of.as_ref().map_or(0, |of| of.bytes);
                text(format!("{} -> {} bytes", bytes(&self.old), bytes(&self.new)))
            }
            Difference::NotComparable(why) => text(printable(why.to_string())),
            Difference::Added | Difference::Removed | Difference::Ignored => Vec::new(),
        }
    }
}

impl StateChange {
    /// What happened, and with `details` the fields that differ.
    #[must_use]
    pub fn lines(&self, details: bool) -> Vec<Line> {
        let sign = match (&self.old, &self.new) {
            (None, _) => '+',
            (_, None) => '-',
            _ => '~',
        };
        let name = printable(format!("{} {}", self.what, self.id));
        let mut lines = vec![Line::signed("", sign, name.trim_end())];
        if let (Some(old), Some(new), true) = (&self.old, &self.new, details) {
            lines.extend(fields(old, new).iter().filter_map(field));
        }
        lines
    }
}

/// A field that differs.
fn field(field: &Field<'_>) -> Option<Line> {
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
        (None, None) => return None,
    };
    Some(Line::signed("    ", sign, &line))
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
}
