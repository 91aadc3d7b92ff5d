//! Errors of parsing and applying a template, in text/template's own words.

use std::fmt::Write as _;

/// Error in the text of a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template: output:{line}: {what}")]
pub struct SyntaxError {
    pub(super) line: usize,
    pub(super) what: String,
}

/// Error when a template is applied to an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template: output:{line}:{column}: executing {} at <{at}>: {what}", quoted(.name))]
pub struct ExecError {
    pub(super) line: usize,
    pub(super) column: usize,
    /// The template's name.
    pub(super) name: String,
    /// The expression.
    pub(super) at: String,
    pub(super) what: String,
}

/// Text as by Go's `%q`.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0b' => out.push_str("\\v"),
            '\x0c' => out.push_str("\\f"),
            c if is_print(c) => out.push(c),
            c if c.is_ascii() => drop(write!(out, "\\x{:02x}", u32::from(c))),
            c if u32::from(c) < 0x1_0000 => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => drop(write!(out, "\\U{:08x}", u32::from(c))),
        }
    }
    out + "\""
}

/// `unicode.IsPrint`
pub(super) fn is_print(c: char) -> bool {
    if c.is_ascii() { !c.is_ascii_control() } else { format!("x{c}").escape_debug().count() == 2 }
}
