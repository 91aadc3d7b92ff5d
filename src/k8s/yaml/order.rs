//! The order of keys in YAML (`keyList.Less` in `sorter.go`): numbers within names count by value, letters come last.

use std::borrow::Cow;

use super::super::value::{Map, Value};

type Entry<'a> = (Cow<'a, str>, Value<'a>);

/// The members of a map in that order.
pub(super) fn natural<'m, 'a>(map: &'m Map<'a>) -> Vec<&'m Entry<'a>> {
    let entries: Vec<_> = map.iter().collect();
    if entries.is_sorted_by(|a, b| less(&a.0, &b.0)) { entries } else { merge_sort(entries) }
}

/// The standard library's sort may panic when an order contradicts itself, and this one does for odd names.
fn merge_sort<'m, 'a>(mut entries: Vec<&'m Entry<'a>>) -> Vec<&'m Entry<'a>> {
    if entries.len() < 2 {
        return entries;
    }
    let right = merge_sort(entries.split_off(entries.len() / 2));
    let left = merge_sort(entries);
    let mut out = Vec::with_capacity(left.len().saturating_add(right.len()));
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
        let next = if less(&r.0, &l.0) { right.next() } else { left.next() };
        out.extend(next);
    }
    out.extend(left);
    out.extend(right);
    out
}

fn less(a: &str, b: &str) -> bool {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    // back to the start of the character in which they differ
    let start = (0..=same).rev().find(|i| a.is_char_boundary(*i) && b.is_char_boundary(*i)).unwrap_or(0);
    let (common, a) = a.split_at_checked(start).unwrap_or(("", a));
    let b = b.get(start..).unwrap_or_default();
    let (Some(x), Some(y)) = (a.chars().next(), b.chars().next()) else { return a.len() < b.len() };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x < y,
        (false, false) => {}
        (_, y_is_letter) => return y_is_letter,
    }
    let mut carried = 0;
    if x == '0' || y == '0' {
        let digits = common.chars().rev().take_while(char::is_ascii_digit);
        carried = i64::from(digits.into_iter().any(|c| c != '0'));
    }
    let (x_value, x_len) = digits(a, carried);
    let (y_value, y_len) = digits(b, carried);
    (x_value, x_len, x) < (y_value, y_len, y)
}

/// The number a text begins with, wrapping as Go's int64 does, and how many digits it has.
fn digits(text: &str, carried: i64) -> (i64, usize) {
    let mut len = 0;
    let value = text.bytes().take_while(u8::is_ascii_digit).fold(carried, |n, d| {
        len += 1;
        n.wrapping_mul(10).wrapping_add(i64::from(d) - 48)
    });
    (value, len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_by_value() {
        for (first, second) in [
            ("a2", "a10"),
            ("a", "b"),
            ("a", "ab"),
            ("a.b", "ab"),
            ("a1", "ab"),
            ("B", "a"),
            ("a1", "a01"),
            ("x9", "x10"),
            ("a-1", "a.1"),
        ] {
            assert!(less(first, second) && !less(second, first), "{first} {second}");
        }
    }
}
