//! Lines about what changed, which `diff` and `history` share.

use std::io;

use etcdsnap::{
    bytes::{abridged, quote},
    diff::{Difference, Entry, Field, Ref},
    k8s::Value,
};

use super::{Color, Ink, printable};

/// Longer values are cut, around where they differ.
const SHOWN: usize = 160;

/// What changed in an object, a field a line.
pub(crate) fn details(out: &mut impl Ink, entry: &Entry<'_>) -> io::Result<()> {
    match &entry.difference {
        Difference::Replaced(fields) | Difference::Changed(fields) => fields.iter().try_for_each(|f| field(out, f)),
        Difference::Bytes { old: Some(old), new: Some(new) } => {
            writeln!(out, "    {} -> {}", cut(&quote(old), 0), cut(&quote(new), 0))
        }
        Difference::Bytes { .. } => {
            let bytes = |of: &Option<Ref>| of.as_ref().map_or(0, |of| of.bytes);
            writeln!(out, "    {} -> {} bytes", bytes(&entry.old), bytes(&entry.new))
        }
        Difference::NotComparable(why) => writeln!(out, "    {}", printable(why.to_string())),
        _ => Ok(()),
    }
}

/// A field that changed, on a line.
pub(crate) fn field(out: &mut impl Ink, field: &Field<'_>) -> io::Result<()> {
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
    signed(out, "    ", sign, &line)
}

/// A line that begins with a sign, in its colour.
pub(crate) fn signed(out: &mut impl Ink, indent: &str, sign: char, rest: &str) -> io::Result<()> {
    out.colored(Color::of_sign(sign), &format!("{indent}{sign} {rest}"))?;
    writeln!(out)
}

/// Lines of which the first begins with a sign, in its colour.
pub(crate) fn signed_block(out: &mut impl Ink, text: &str) -> io::Result<()> {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    if first.is_empty() {
        return Ok(());
    }
    out.colored(first.chars().next().and_then(Color::of_sign), first)?;
    write!(out, "\n{rest}")
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
