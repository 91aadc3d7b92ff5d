//! [`Value`]s as KYAML, byte for byte as `kubectl -o kyaml` prints them: a form of YAML in which every text is quoted,
//! and indentation has no meaning (`sigs.k8s.io/yaml/kyaml`).
//!
//! One difference: kubectl reads the JSON back as YAML first, and fails on some control characters that JSON may hold.

use super::{gofmt, json, value::Value};

/// Appends the value as one document, with a newline at its end.
pub fn write(out: &mut Vec<u8>, value: &Value<'_>) {
    out.extend_from_slice(b"---\n");
    node(out, value, 0);
    out.push(b'\n');
}

/// Appends the value as it is in a document at level `depth`, with no newline at its end (`renderNode`).
pub(crate) fn node(out: &mut Vec<u8>, value: &Value<'_>, depth: usize) {
    let deeper = depth.saturating_add(1);
    match value {
        Value::Str(text) => quoted(out, text, deeper, false),
        Value::List(list) if list.is_empty() => out.extend_from_slice(b"[]"),
        Value::Object(map) if map.is_empty() => out.extend_from_slice(b"{}"),
        // brackets are joined where all elements have their own
        Value::List(list) if list.iter().all(|element| matches!(element, Value::List(_) | Value::Object(_))) => {
            for (i, element) in list.iter().enumerate() {
                out.extend_from_slice(if i == 0 { b"[" } else { b", " });
                node(out, element, depth);
            }
            out.push(b']');
        }
        Value::List(list) => {
            out.extend_from_slice(b"[\n");
            for element in list {
                indent(out, deeper);
                node(out, element, deeper);
                out.extend_from_slice(b",\n");
            }
            indent(out, depth);
            out.push(b']');
        }
        Value::Object(map) => {
            out.extend_from_slice(b"{\n");
            for (name, member) in map {
                indent(out, deeper);
                match needs_quotes(name) {
                    true => quoted(out, name, deeper, true),
                    false => out.extend_from_slice(name.as_bytes()),
                }
                out.extend_from_slice(b": ");
                node(out, member, deeper);
                out.extend_from_slice(b",\n");
            }
            indent(out, depth);
            out.push(b'}');
        }
        // a number as JSON has it; bytes are base64, which needs no escape
        _ => json::compact(out, value),
    }
}

fn indent(out: &mut Vec<u8>, depth: usize) {
    out.resize(out.len().saturating_add(depth.saturating_mul(2)), b' ');
}

/// Appends text in quotes, a line of it on a line of its own unless it has to be `compact` (`renderString`).
fn quoted(out: &mut Vec<u8>, text: &str, depth: usize, compact: bool) {
    let folds = !compact && text.contains('\n');
    let mut begins = folds;
    out.extend_from_slice(if folds { b"\"\\\n" } else { b"\"" });
    for c in text.chars() {
        if begins {
            indent(out, depth);
            // blanks at the beginning of a line count only when they are escaped
            out.push(if c.is_whitespace() && c != '\n' { b'\\' } else { b' ' });
        }
        begins = folds && c == '\n';
        escaped(out, c, compact);
    }
    if folds {
        if !begins {
            out.extend_from_slice(b"\\\n");
        }
        indent(out, depth);
    }
    out.push(b'"');
}

/// `appendEscapedRune`
fn escaped(out: &mut Vec<u8>, c: char, compact: bool) {
    let escape = match c {
        '\n' if !compact => "\\n\\\n",
        '\n' => "\\n",
        '\t' if !compact => "\t",
        '\t' => "\\t",
        '"' => "\\\"",
        '\\' => "\\\\",
        c if gofmt::is_print(c) => return out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        '\x07' => "\\a",
        '\x08' => "\\b",
        '\x0b' => "\\v",
        '\x0c' => "\\f",
        '\r' => "\\r",
        '\0' => "\\0",
        '\x1b' => "\\e",
        '\u{85}' => "\\N",
        '\u{a0}' => "\\_",
        '\u{2028}' => "\\L",
        '\u{2029}' => "\\P",
        c => {
            let code = u32::from(c);
            let text = match code {
                0..0x20 | 0x7f => format!("\\x{code:02x}"),
                0x20..0x1_0000 => format!("\\u{code:04x}"),
                _ => format!("\\U{code:08x}"),
            };
            return out.extend_from_slice(text.as_bytes());
        }
    };
    out.extend_from_slice(escape.as_bytes());
}

/// Whether a name needs quotes, because it could be read as something else (`needsQuotes`).
fn needs_quotes(name: &str) -> bool {
    let last = name.chars().count().saturating_sub(1);
    let allowed =
        |(i, c): (usize, char)| c.is_alphanumeric() || c == '_' || i > 0 && i < last && matches!(c, '-' | '.' | '/');
    name.is_empty() || !name.chars().enumerate().all(allowed) || is_ambiguous(name)
}

/// Whether YAML 1.1 or Go may read a name of allowed characters as null, a boolean, a number or a date
/// (`isTypeAmbiguous`).
fn is_ambiguous(name: &str) -> bool {
    const WORDS: [&str; 11] = ["null", "true", "y", "yes", "on", "false", "n", "no", "off", "t", "f"];
    let lower = name.to_lowercase();
    let number = lower.replace('_', "");
    WORDS.contains(&lower.as_str())
        || number.parse::<f64>().is_ok_and(|n| n.is_finite() || !number.starts_with(|c: char| c.is_ascii_digit()))
        || is_prefixed(&number)
        || is_date(name)
}

/// `0x1f`, `0b1`, `0o7`, `0x1p-2`
fn is_prefixed(number: &str) -> bool {
    let Some((prefix, digits)) = number.split_at_checked(2) else { return false };
    let integer = |radix| !digits.starts_with(['+', '-']) && i64::from_str_radix(digits, radix).is_ok();
    match prefix {
        "0b" => integer(2),
        "0o" => integer(8),
        "0x" => {
            integer(16)
                || digits.split_once('p').is_some_and(|(mantissa, exponent)| {
                    let hex = mantissa.replacen('.', "", 1);
                    !hex.is_empty() && hex.chars().all(|c| c.is_ascii_hexdigit()) && exponent.parse::<i16>().is_ok()
                })
        }
        _ => false,
    }
}

/// `2026-1-31`
fn is_date(name: &str) -> bool {
    let parts: Vec<_> = name.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let number = |text: &str| text.chars().all(|c| c.is_ascii_digit()).then(|| text.parse::<u16>().ok()).flatten();
    let (Some(y), Some(m), Some(d)) = (number(year), number(month), number(day)) else { return false };
    let days = match m {
        2 if y % 4 == 0 && (y % 100 != 0 || y % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    year.len() == 4 && month.len() <= 2 && day.len() <= 2 && (1..=days).contains(&d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::json_read::parse;

    fn kyaml(json: &str) -> String {
        let mut out = Vec::new();
        write(&mut out, &parse(json.as_bytes()).unwrap());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn brackets_cuddle_where_all_elements_have_some() {
        let text = kyaml(r#"{"a":[],"b":{},"c":[{"x":1},{"z":null}],"d":[1,{}],"e":[[true]],"g":1.5e300}"#);
        let want = "---\n{\n  a: [],\n  b: {},\n  c: [{\n    x: 1,\n  }, {\n    z: null,\n  }],\n  \
            d: [\n    1,\n    {},\n  ],\n  e: [[\n    true,\n  ]],\n  g: 1.5e+300,\n}\n";
        assert_eq!(text, want);
    }

    #[test]
    fn lines_are_folded() {
        let text = kyaml(r#"{"a":"one\n  two\n\n\tthree","b":"x\n","c":"t\tq\"\\\u0001\u001b\u00a0","d\ne":""}"#);
        let want = "---\n{\n  a: \"\\\n     one\\n\\\n    \\  two\\n\\\n     \\n\\\n    \\\tthree\\\n    \",\n  \
            b: \"\\\n     x\\n\\\n    \",\n  c: \"t\tq\\\"\\\\\\x01\\e\\_\",\n  \"d\\ne\": \"\",\n}\n";
        assert_eq!(text, want);
    }

    #[test]
    fn names_are_quoted_that_could_be_something_else() {
        let quoted = [
            "",
            "no",
            "Y",
            "t",
            "NULL",
            "12",
            "1_000",
            "1.5",
            "1e5",
            "inf",
            "NaN",
            "0x1F",
            "0b10",
            "0o17",
            "0x1p-2",
            "2026-11-26",
            "2026-2-29x:",
            "-a",
            "a-",
            ".a",
            "a b",
            "a:b",
            "a=b",
        ];
        let plain = ["a", "a.b/c-d", "_a_", "no1", "2026-02-30", "1e999", "0xg", "0b2", "e5", "ünï", "1.2.3"];
        quoted.iter().for_each(|name| assert!(needs_quotes(name), "{name}"));
        plain.iter().for_each(|name| assert!(!needs_quotes(name), "{name}"));
    }
}
