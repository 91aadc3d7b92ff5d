//! Go's `%q`, and a shell's words.

use std::{ffi::OsStr, fmt::Write as _, io, os::unix::ffi::OsStrExt as _};

use super::text::{escape, is_hostile};

/// Bytes as Go's `strconv.Quote` writes them.
#[must_use]
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_add(2));
    out.push('"');
    quoted(bytes, &mut out, |_| Ok(())).unwrap_or_default();
    out.push('"');
    out
}

/// Writes bytes as [`quote`] has them, without holding all of the text.
///
/// # Errors
/// Errors of `out`.
pub fn write_quoted(out: &mut impl io::Write, bytes: &[u8]) -> io::Result<()> {
    let mut text = "\"".to_owned();
    quoted(bytes, &mut text, |text| {
        if text.len() > WINDOW {
            out.write_all(text.as_bytes())?;
            text.clear();
        }
        Ok(())
    })?;
    text.push('"');
    out.write_all(text.as_bytes())
}

/// The length of text from which on it is written.
const WINDOW: usize = 1 << 16;

/// Appends the bytes between the quotes to `text`, which `each` may empty.
fn quoted(bytes: &[u8], text: &mut String, mut each: impl FnMut(&mut String) -> io::Result<()>) -> io::Result<()> {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            escape_char(text, c);
            each(text)?;
        }
        for b in chunk.invalid() {
            let _ = write!(text, "\\x{b:02x}");
        }
        each(text)?;
    }
    Ok(())
}

/// Whether all of `bytes` is text that Go's `unicode.IsPrint` allows.
#[must_use]
pub fn is_printable(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(is_print))
}

/// Go's `unicode.IsPrint`.
fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // What `escape_debug` leaves as it is after another character.
    let mut buffer = [b'x'; 5];
    let [_, rest @ ..] = &mut buffer;
    let end = c.encode_utf8(rest).len().saturating_add(1);
    let text = buffer.get(..end).and_then(|text| std::str::from_utf8(text).ok());
    text.is_some_and(|text| text.escape_debug().count() == 2)
}

/// A word as a shell takes it.
pub fn shell(word: impl AsRef<OsStr>) -> String {
    let Some(word) = word.as_ref().to_str().filter(|word| !word.chars().any(is_hostile)) else {
        return format!("$'{}'", escape(word.as_ref().as_bytes()).replace('\'', "\\'"));
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn escape_char(out: &mut String, c: char) {
    match c {
        '"' | '\\' => out.extend(['\\', c]),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        '\'' => out.push(c),
        c if is_print(c) => out.push(c),
        c if c < ' ' || c == '\x7f' => {
            let _ = write!(out, "\\x{:02x}", u32::from(c));
        }
        c if u32::from(c) < 0x1_0000 => {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
        c => {
            let _ = write!(out, "\\U{:08x}", u32::from(c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_any_name() {
        for (word, want) in [(&b"a.db"[..], "a.db"), (b"it's", r"'it'\''s'"), (b"\xff's \\", r"$'\xff\'s \\'")] {
            assert_eq!(shell(OsStr::from_bytes(word)), want);
        }
    }

    #[test]
    fn as_go_quotes() {
        assert_eq!(quote(b"a\"\\\n\x01\x7f\xff'"), r#""a\"\\\n\x01\x7f\xff'""#);
        assert_eq!(quote("é\u{301}\u{a0}\u{200b}😀\u{e0001}".as_bytes()), "\"é\u{301}\\u00a0\\u200b😀\\U000e0001\"");
    }
}
