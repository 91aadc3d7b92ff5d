//! Numbers, times, durations and bytes in the spelling of Go's standard library.

use std::{borrow::Cow, fmt::Write as _};

use super::value::Value;

/// A value as `fmt.Sprint` writes what encoding/json decoded: unquoted text, `[a b]`, `map[a:1 b:2]`, `<nil>`.
#[must_use]
pub fn sprint<'v>(value: &'v Value<'_>) -> Cow<'v, str> {
    if let Value::Str(text) = value {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    write_value(&mut out, value);
    Cow::Owned(out)
}

fn write_value(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Null => out.push_str("<nil>"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(n) => {
            let _ = write!(out, "{n}");
        }
        Value::UInt(n) => float_g(out, *n as f64),
        Value::Float(f) => float_g(out, *f),
        Value::Str(text) => out.push_str(text),
        Value::Bytes(bytes) => {
            let mut text = Vec::new();
            base64(&mut text, bytes);
            out.push_str(&String::from_utf8_lossy(&text));
        }
        Value::List(list) => {
            out.push('[');
            for (i, element) in list.iter().enumerate() {
                out.push_str(if i > 0 { " " } else { "" });
                write_value(out, element);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push_str("map[");
            for (i, (name, member)) in map.iter().enumerate() {
                out.push_str(if i > 0 { " " } else { "" });
                out.push_str(name);
                out.push(':');
                write_value(out, member);
            }
            out.push(']');
        }
    }
}

/// `unicode.IsPrint`: characters that `escape_debug` does not escape after another one.
pub(super) fn is_print(c: char) -> bool {
    if c.is_ascii() { !c.is_ascii_control() } else { format!("x{c}").escape_debug().count() == 2 }
}

/// A float as encoding/json writes it: `e` form below 1e-6 and from 1e21 on, else plain (`floatEncoder`).
pub(super) fn float(out: &mut String, f: f64) {
    let abs = f.abs();
    if !f.is_finite() {
        out.push_str("null"); // Go refuses; nothing stored can hold one
    } else if abs != 0.0 && !(1e-6..1e21).contains(&abs) {
        exponent(out, f, 1);
    } else {
        let _ = write!(out, "{f}");
    }
}

/// A float as go-yaml writes it: `strconv.FormatFloat(f, 'g', -1, 64)`.
pub(super) fn float_g(out: &mut String, f: f64) {
    let text = format!("{f:e}");
    let (digits, exp) = text.split_once('e').unwrap_or((&text, "0"));
    let exp = exp.parse::<i32>().unwrap_or(0);
    if digits.is_empty() || !(-4..6).contains(&exp) {
        exponent(out, f, 2);
    } else {
        let _ = write!(out, "{f}");
    }
}

fn exponent(out: &mut String, f: f64, least: usize) {
    let text = format!("{f:e}");
    let (digits, exp) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exp) = exp.strip_prefix('-').map_or(('+', exp), |exp| ('-', exp));
    let _ = write!(out, "{digits}e{sign}{exp:0>least$}");
}

/// `time.RFC3339` in UTC, of seconds since 1970.
pub(super) fn rfc3339(seconds: i64) -> String {
    let mut out = String::with_capacity(20);
    date_time(&mut out, seconds);
    out.push('Z');
    out
}

/// The form of `MicroTime`: always six digits.
pub(super) fn rfc3339_micro(seconds: i64, nanos: i32) -> String {
    let mut out = String::with_capacity(27);
    let whole = i64::from(nanos).div_euclid(1_000_000_000);
    date_time(&mut out, seconds.saturating_add(whole));
    let _ = write!(out, ".{:06}Z", i64::from(nanos).rem_euclid(1_000_000_000) / 1000);
    out
}

fn date_time(out: &mut String, seconds: i64) {
    let days = seconds.div_euclid(86400);
    let rest = seconds.rem_euclid(86400);
    let (year, month, day) = civil(days);
    let sign = if year < 0 { "-" } else { "" };
    let year = year.unsigned_abs();
    if sign.is_empty() && year <= 9999 {
        let digits = [
            (year / 1000) as u8,
            (year / 100 % 10) as u8,
            (year / 10 % 10) as u8,
            (year % 10) as u8,
            253,
            (month / 10) as u8,
            (month % 10) as u8,
            253,
            (day / 10) as u8,
            (day % 10) as u8,
            36,
            (rest / 36000) as u8,
            (rest / 3600 % 10) as u8,
            10,
            (rest % 3600 / 600) as u8,
            (rest / 60 % 10) as u8,
            10,
            (rest % 60 / 10) as u8,
            (rest % 10) as u8,
        ];
        out.extend(digits.iter().map(|d| char::from(b'0'.wrapping_add(*d))));
        return;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let _ = write!(out, "{sign}{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
}

/// Year, month and day of a day since 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// `time.Duration.String`: `1h2m3.5s`, below a second with one unit.
pub(super) fn duration(nanos: i64) -> String {
    let mut out = String::new();
    let n = nanos.unsigned_abs();
    if nanos == 0 {
        return "0s".into();
    }
    if nanos < 0 {
        out.push('-');
    }
    match n {
        0..1_000 => {
            let _ = write!(out, "{n}ns");
        }
        1_000..1_000_000 => fraction(&mut out, n, 1_000, 3, "µs"),
        1_000_000..1_000_000_000 => fraction(&mut out, n, 1_000_000, 6, "ms"),
        _ => {
            let minutes = n / 60_000_000_000;
            if minutes >= 60 {
                let _ = write!(out, "{}h", minutes / 60);
            }
            if minutes > 0 {
                let _ = write!(out, "{}m", minutes % 60);
            }
            fraction(&mut out, n % 60_000_000_000, 1_000_000_000, 9, "s");
        }
    }
    out
}

fn fraction(out: &mut String, n: u64, unit: u64, digits: usize, name: &str) {
    let _ = write!(out, "{}", n / unit);
    if !n.is_multiple_of(unit) {
        let fraction = format!(".{:0digits$}", n % unit);
        out.push_str(fraction.trim_end_matches('0'));
    }
    out.push_str(name);
}

/// Standard base64 with padding, as encoding/json writes `[]byte`.
pub(super) fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |n: u32| DIGITS.get((n & 63) as usize).copied().unwrap_or(b'=');
    out.reserve(bytes.len().div_ceil(3).saturating_mul(4));
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let n = byte(0) << 16 | byte(1) << 8 | byte(2);
        let third = if chunk.len() > 1 { digit(n >> 6) } else { b'=' };
        let fourth = if chunk.len() > 2 { digit(n) } else { b'=' };
        out.extend_from_slice(&[digit(n >> 18), digit(n >> 12), third, fourth]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_spelled_as_in_go() {
        let json = |f| {
            let mut s = String::new();
            float(&mut s, f);
            s
        };
        let yaml = |f| {
            let mut s = String::new();
            float_g(&mut s, f);
            s
        };
        for (f, want_json, want_yaml) in [
            (1.0, "1", "1"),
            (-0.5, "-0.5", "-0.5"),
            (1e20, "100000000000000000000", "1e+20"),
            (1e21, "1e+21", "1e+21"),
            (123_456_789.0, "123456789", "1.23456789e+08"),
            (1e-6, "0.000001", "1e-06"),
            (1.5e-7, "1.5e-7", "1.5e-07"),
            (1e-5, "0.00001", "1e-05"),
            (0.0001, "0.0001", "0.0001"),
        ] {
            assert_eq!((json(f).as_str(), yaml(f).as_str()), (want_json, want_yaml));
        }
    }

    #[test]
    fn values_are_printed_as_by_fmt() {
        let value = crate::k8s::json_read::parse(br#"{"b":[1,"x",null,true],"a":{"f":1e6,"g":1e-5}}"#).unwrap();
        assert_eq!(sprint(&value), "map[a:map[f:1e+06 g:1e-05] b:[1 x <nil> true]]");
        assert_eq!(sprint(&Value::UInt(u64::MAX)), "1.8446744073709552e+19");
        assert_eq!(sprint(&Value::Bytes(b"foo".into())), "Zm9v");
    }

    #[test]
    fn times_and_durations_are_spelled_as_in_go() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_709_210_096), "2024-02-29T12:34:56Z");
        assert_eq!(rfc3339(-62_135_596_801), "0000-12-31T23:59:59Z");
        assert_eq!(rfc3339(253_402_300_800), "10000-01-01T00:00:00Z");
        assert_eq!(rfc3339_micro(1, 1_999), "1970-01-01T00:00:01.000001Z");
        for (n, want) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (2_000_000, "2ms"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (-3_661_500_000_000, "-1h1m1.5s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(duration(n), want);
        }
    }
}
