//! Bytes and long texts for people.

use std::{borrow::Cow, ffi::OsStr, ops::Range, os::unix::ffi::OsStrExt as _};

/// Untrusted bytes as one line of printable text: what is UTF-8 and printable stays, the rest becomes `\xNN`.
///
/// Control characters, bidirectional overrides and the backslash itself are escaped, so that the result can go
/// to a terminal and can be told apart from every other input.
#[must_use]
pub fn escape(data: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(data.len());
    for chunk in data.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' {
                out.push_str("\\\\");
            } else if is_hostile(c) {
                let mut utf8 = [0; 4];
                for b in c.encode_utf8(&mut utf8).bytes() {
                    let _ = write!(out, "\\x{b:02x}");
                }
            } else {
                out.push(c);
            }
        }
        for b in chunk.invalid() {
            let _ = write!(out, "\\x{b:02x}");
        }
    }
    out
}

/// A file's name as text: as it is, or by [`escape`] where it is no UTF-8 or has a `\x` itself, so that no two are the
/// same.
#[must_use]
pub fn file_name(name: impl AsRef<OsStr>) -> String {
    let name = name.as_ref();
    let as_is = name.to_str().filter(|name| !name.contains("\\x"));
    as_is.map_or_else(|| escape(name.as_bytes()), str::to_owned)
}

/// Untrusted text as one line: as it is, or by [`escape`] where it has a character that changes the text around it.
#[must_use]
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_hostile) { Cow::Owned(escape(text.as_bytes())) } else { Cow::Borrowed(text) }
}

/// [`escape`] for messages: of what is long, the beginning and the length.
#[must_use]
pub fn excerpt(data: &[u8]) -> String {
    const SHOWN: usize = 256;
    match data.get(..SHOWN) {
        Some(start) if data.len() > SHOWN => abridged(&escape(start), 0..SHOWN, data.len()),
        _ => escape(data),
    }
}

/// The part `shown` of a text of `whole` bytes that is too long to show: dots where something is left out, and the
/// length. `range` is where the part is.
#[must_use]
pub(crate) fn abridged(shown: &str, range: Range<usize>, whole: usize) -> String {
    let dots = |left_out| if left_out { "..." } else { "" };
    format!("{}{shown}{} ({whole} bytes)", dots(range.start > 0), dots(range.end < whole))
}

/// JSON with the characters escaped that Go's `encoding/json` escapes beyond what JSON asks for. All of them are in
/// strings only.
#[must_use]
pub(crate) fn go_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}

/// Returns `text` as one line that is safe for a terminal.
#[must_use]
pub fn printable(text: String) -> String {
    if text.chars().any(is_hostile) { readable(text.as_bytes()) } else { text }
}

/// Returns `bytes` as one line that is safe for a terminal.
#[must_use]
pub fn readable(bytes: &[u8]) -> String {
    readable_but(bytes, &[])
}

/// Returns `bytes` as text, in which ASCII controls but those in `kept` and what is not UTF-8 are `\xNN`, and other
/// characters that a terminal acts on `\uNNNN`, so that JSON and YAML stay valid. A backslash is not doubled: the text
/// is for reading, and a pipe gets the bytes.
#[must_use]
pub fn readable_but(bytes: &[u8], kept: &[char]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            // writing to a string does not fail
            let _ = match c {
                c if kept.contains(&c) => out.write_char(c),
                c if c.is_ascii_control() => write!(out, "\\x{:02x}", u32::from(c)),
                c if is_hostile(c) => write!(out, "\\u{:04x}", u32::from(c)),
                c => out.write_char(c),
            };
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// A character that could change what a terminal shows around it: controls, bidirectional marks, line separators.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    let is_mark = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{feff}');
    c.is_control() || is_mark || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// A number and its noun: `1 entry`, `2 entries`.
#[must_use]
pub fn counted(n: impl std::fmt::Display, one: &str) -> String {
    let n = n.to_string();
    match (n.as_str(), one.strip_suffix('y')) {
        ("1", _) => format!("1 {one}"),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{n} {stem}ies"),
        _ if one.ends_with("sh") => format!("{n} {one}es"),
        _ => format!("{n} {one}s"),
    }
}

/// `1 entry of the log is`, `2 entries of the log are`: so many of `one`, the `rest` of the name, and the verb.
#[must_use]
pub fn counted_are(n: u64, one: &str, rest: &str) -> String {
    format!("{}{rest} {}", counted(n, one), if n == 1 { "is" } else { "are" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_told_apart() {
        let name = |name: &[u8]| file_name(OsStr::from_bytes(name));
        assert_eq!(name("a\\ü".as_bytes()), "a\\ü");
        assert_eq!(name(b"a\\\xfc"), "a\\\\\\xfc");
        assert_ne!(name(b"a\xff"), name(b"a\\xff"));
    }

    #[test]
    fn long_texts_are_abridged() {
        assert_eq!(excerpt(&[b'x'; 256]), "x".repeat(256));
        assert_eq!(excerpt(&[b'x'; 257]), format!("{}... (257 bytes)", "x".repeat(256)));
        assert_eq!(abridged("b", 1..2, 3), "...b... (3 bytes)");
        assert_eq!(abridged("c", 2..3, 3), "...c (3 bytes)");
    }

    #[test]
    fn escaped_bytes_are_printable_and_distinct() {
        assert_eq!(escape(b"/registry/pods/a"), "/registry/pods/a");
        assert_eq!(escape(b"a\\\x1b[2J\xff\n"), "a\\\\\\x1b[2J\\xff\\x0a");
        assert_eq!(escape("\u{202e}x é".as_bytes()), "\\xe2\\x80\\xaex é");
    }
}
