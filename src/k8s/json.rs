//! [`Value`]s as JSON text, byte for byte as Go's encoding/json writes it and kubectl therefore prints it.

use super::{gofmt, value::Value};

impl Value<'_> {
    /// The value as JSON on one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        compact(&mut out, self);
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// Appends the value on one line.
pub fn compact(out: &mut Vec<u8>, value: &Value<'_>) {
    Writer { out, indent: None }.value(value, 0);
}

/// Appends the value as `kubectl -o json` does: four spaces a level, beginning at level `depth`, no newline at the end.
pub fn pretty(out: &mut Vec<u8>, value: &Value<'_>, depth: usize) {
    Writer { out, indent: Some(4) }.value(value, depth);
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    indent: Option<usize>,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value<'_>, depth: usize) {
        match value {
            Value::Null => self.out.extend_from_slice(b"null"),
            Value::Bool(true) => self.out.extend_from_slice(b"true"),
            Value::Bool(false) => self.out.extend_from_slice(b"false"),
            Value::Int(n) => integer(self.out, n.unsigned_abs(), *n < 0),
            Value::UInt(n) => integer(self.out, *n, false),
            Value::Float(f) => {
                let mut text = String::new();
                gofmt::float(&mut text, *f);
                self.out.extend_from_slice(text.as_bytes());
            }
            Value::Str(text) => string(self.out, text),
            Value::Bytes(bytes) => {
                self.out.push(b'"');
                gofmt::base64(self.out, bytes);
                self.out.push(b'"');
            }
            Value::List(list) => {
                self.out.push(b'[');
                for (i, element) in list.iter().enumerate() {
                    self.next(i, depth);
                    self.value(element, depth.saturating_add(1));
                }
                self.close(list.is_empty(), depth, b']');
            }
            Value::Object(map) => {
                self.out.push(b'{');
                for (i, (name, member)) in map.iter().enumerate() {
                    self.next(i, depth);
                    string(self.out, name);
                    self.out.extend_from_slice(if self.indent.is_some() { b": " } else { b":" });
                    self.value(member, depth.saturating_add(1));
                }
                self.close(map.is_empty(), depth, b'}');
            }
        }
    }

    fn next(&mut self, i: usize, depth: usize) {
        if i > 0 {
            self.out.push(b',');
        }
        self.line(depth.saturating_add(1));
    }

    fn close(&mut self, empty: bool, depth: usize, bracket: u8) {
        if !empty {
            self.line(depth);
        }
        self.out.push(bracket);
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.out.push(b'\n');
            let len = self.out.len().saturating_add(depth.saturating_mul(indent));
            self.out.resize(len, b' ');
        }
    }
}

fn integer(out: &mut Vec<u8>, mut n: u64, negative: bool) {
    let mut digits = [0; 20];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0'.wrapping_add((n % 10) as u8);
        used += 1;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    if negative {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(20 - used..).unwrap_or_default());
}

/// The bytes that are escaped in a string: quotes, controls, those that could end a script within HTML, and the
/// first byte of U+2028 and U+2029.
#[allow(clippy::indexing_slicing)] // evaluated by the compiler
static SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut b = 0;
    while b < 256 {
        special[b] = matches!(b as u8, 0..0x20 | b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2);
        b += 1;
    }
    special
};

fn is_special(b: u8) -> bool {
    SPECIAL.get(usize::from(b)).copied().unwrap_or(true)
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let plain = rest.iter().position(|b| is_special(*b)).unwrap_or(rest.len());
        let (before, after) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
        out.extend_from_slice(before);
        let Some((special, after)) = after.split_first() else { break };
        rest = after;
        match special {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            0xe2 => match after {
                [0x80, last @ (0xa8 | 0xa9), after @ ..] => {
                    out.extend_from_slice(if *last == 0xa8 { b"\\u2028" } else { b"\\u2029" });
                    rest = after;
                }
                _ => out.push(0xe2),
            },
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend([special >> 4, special & 15].map(hex));
            }
        }
    }
    out.push(b'"');
}

fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0'.wrapping_add(digit) } else { b'a'.wrapping_add(digit).wrapping_sub(10) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::json_read::parse;

    fn line(value: &Value<'_>) -> String {
        let mut out = Vec::new();
        compact(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_go_does() {
        let hostile = "a\"\\\n\r\t\u{8}\u{c}\u{1}<&>\u{2028}\u{2029}\u{2027}é\u{7f}";
        assert_eq!(
            line(&Value::str(hostile)),
            "\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u003c\\u0026\\u003e\\u2028\\u2029\u{2027}é\u{7f}\""
        );
    }

    #[test]
    fn numbers_and_bytes() {
        assert_eq!(line(&Value::Int(i64::MIN)), "-9223372036854775808");
        assert_eq!(line(&Value::UInt(u64::MAX)), "18446744073709551615");
        assert_eq!(line(&Value::Int(0)), "0");
        for (bytes, want) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(line(&Value::Bytes(bytes.as_bytes().into())), format!("\"{want}\""));
        }
    }

    #[test]
    fn indented_as_kubectl() {
        let mut out = Vec::new();
        pretty(&mut out, &parse(br#"{"b":[],"a":[1,{"x":{}}]}"#).unwrap(), 0);
        let want = "{\n    \"a\": [\n        1,\n        {\n            \"x\": {}\n        }\n    ],\n    \"b\": []\n}";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
