//! Texts that YAML 1.1 would read as another type (`resolve.go`).

use std::borrow::Cow;

/// Whether a plain scalar of this text is read back as text.
pub(super) fn is_text(text: &str) -> bool {
    let Some(first) = text.bytes().next() else { return false };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => !is_word(text),
        b'.' => !(is_word(text) || underscores_part_digits(text) && is_float(&text.replace('_', ""))),
        b'0'..=b'9' | b'+' | b'-' if text.bytes().all(is_of_numbers) => {
            let plain = if text.contains('_') { text.replace('_', "").into() } else { Cow::Borrowed(text) };
            !(is_word(text) || is_base_60(text) || is_timestamp(text) || is_integer(&plain) || is_float(&plain))
        }
        _ => true,
    }
}

/// Whether a number, a time or `-.inf` may have the byte.
fn is_of_numbers(b: u8) -> bool {
    b.is_ascii_hexdigit() || b"_.:+-,xXoOtTZ iInNfF".contains(&b)
}

#[rustfmt::skip]
fn is_word(text: &str) -> bool {
    matches!(
        text,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" | "n" | "N" | "no" | "No" | "NO"
            | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" | "~" | "null" | "Null" | "NULL" | ".nan" | ".NaN" | ".NAN"
            | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF"
    )
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, and not too large.
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let shaped = unsigned.starts_with(|c: char| c == '.' || c.is_ascii_digit());
    // with that beginning, Rust reads what the expression describes, and no words
    shaped && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// `strconv.underscoreOK`, used only for numbers that begin with a point.
fn underscores_part_digits(text: &str) -> bool {
    let digit = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_digit());
    let pieces: Vec<&[u8]> = text.as_bytes().split(|b| *b == b'_').collect();
    pieces.windows(2).all(|pair| match pair {
        [before, after] => digit(before.last().copied()) && digit(after.first().copied()),
        _ => true,
    })
}

/// Whether `strconv.ParseInt` or `ParseUint` parses the text with base 0.
fn is_integer(text: &str) -> bool {
    let negative = text.starts_with('-');
    let signed = text.starts_with(['+', '-']);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let radix = |prefix: [&str; 2], radix| Some((prefix.iter().find_map(|p| digits.strip_prefix(*p))?, radix));
    let (digits, radix) = radix(["0x", "0X"], 16)
        .or_else(|| radix(["0b", "0B"], 2))
        .or_else(|| radix(["0o", "0O"], 8))
        .or_else(|| Some((digits.strip_prefix('0').filter(|d| !d.is_empty())?, 8)))
        .unwrap_or((digits, 10));
    if digits.starts_with(['+', '-']) {
        return false;
    }
    match u64::from_str_radix(digits, radix) {
        Ok(n) if negative => n <= 1 << 63,
        Ok(n) => !signed || i64::try_from(n).is_ok(),
        Err(_) => false,
    }
}

/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`, which other readers parse as a number.
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let first = parts.next().is_some_and(|p| p.starts_with(|c: char| c.is_ascii_digit()) && digits(p));
    let mut rest = parts.peekable();
    first
        && digits(fraction)
        && rest.peek().is_some()
        && rest.all(|p| matches!(p.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']))
}

/// Whether `parseTimestamp` parses the text: a date, or a date and a time after `T`, `t` with a zone, or after spaces
/// without.
fn is_timestamp(text: &str) -> bool {
    timestamp(text).is_some()
}

fn timestamp(text: &str) -> Option<()> {
    let (year, rest) = text.split_once('-').filter(|(y, _)| y.len() == 4)?;
    let year = year.parse::<u32>().ok().filter(|_| year.bytes().all(|b| b.is_ascii_digit()))?;
    let (month, rest) = number(rest)?;
    let (day, rest) = number(rest.strip_prefix('-')?)?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    if !(1..=days).contains(&day) {
        return None;
    }
    if rest.is_empty() {
        return Some(());
    }
    let zoned = rest.strip_prefix(['T', 't']);
    let rest = zoned.or_else(|| rest.strip_prefix(' ').map(|r| r.trim_start_matches(' ')))?;
    let (hour, rest) = number(rest)?;
    let (minute, rest) = number(rest.strip_prefix(':')?)?;
    let (second, rest) = number(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = rest.strip_prefix(['.', ',']).filter(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    let rest = fraction.map_or(rest, |r| r.trim_start_matches(|c: char| c.is_ascii_digit()));
    if zoned.is_some() { zone(rest) } else { rest.is_empty().then_some(()) }
}

fn zone(text: &str) -> Option<()> {
    if text == "Z" {
        return Some(());
    }
    let digit = |b: u8| b.checked_sub(b'0').filter(|d| *d < 10).map(u32::from);
    let [b'+' | b'-', h1, h2, b':', m1, m2] = text.as_bytes() else { return None };
    let (hours, minutes) = (digit(*h1)? * 10 + digit(*h2)?, digit(*m1)? * 10 + digit(*m2)?);
    (hours <= 24 && minutes <= 60).then_some(())
}

/// One or two digits.
fn number(text: &str) -> Option<(u32, &str)> {
    let len = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(len)?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_1_1_takes_for_something_else() {
        for other in [
            "",
            "y",
            "Off",
            "~",
            "null",
            ".5",
            ".5_1",
            ".inf",
            "1",
            "-1",
            "+1",
            "0777",
            "089",
            "0x1F",
            "0b11",
            "0o7",
            "1_000",
            "1e3",
            "1.",
            "18446744073709551615",
            "1:30",
            "1:30:59.5",
            "2001-01-01",
            "2001-1-1 1:2:3",
            "2001-01-01T00:00:00Z",
            "2001-1-1t1:2:3.4+01:00",
        ] {
            assert!(!is_text(other), "{other}");
        }
        for text in [
            "a",
            "yess",
            "<<",
            "=",
            ".",
            "-",
            "+",
            "0x",
            "0xg",
            "1e999",
            "1:60",
            "2001-13-01",
            "2001-02-29",
            "2001-01-01T00:00:00",
            "1.2.3",
            "10.0.0.1",
            "1.5Gi",
            "100m",
            "e3",
            ".e3",
            "._5",
            ".5_",
            "0x1ffffffffffffffff",
            "inf",
            "nan",
            "infinity",
            "-inf",
            "2001-01-01T25:00:00Z",
            "+ 1",
        ] {
            assert!(is_text(text), "{text}");
        }
    }
}
