//! Text for a terminal, on which no byte of the input may act.

use std::io::{self, Write};

use etcdsnap::{
    bytes::readable_but,
    print::{Color, Ink},
};

use super::color::{END, begin};

/// A writer that escapes, where it ends on a terminal, what could change the text around it: control characters but
/// line feed and tab, bidirectional marks, and what is not UTF-8. Anywhere else the bytes pass as they are.
pub(crate) struct Screen<W> {
    out: W,
    terminal: bool,
    color: bool,
    /// The beginning of a character whose other bytes are still to come.
    cut: Vec<u8>,
}

impl<W: Write> Screen<W> {
    /// A writer to `out`, which is a terminal or not.
    pub(crate) fn new(out: W, terminal: bool) -> Self {
        Self { out, terminal, color: false, cut: Vec::new() }
    }

    /// With colours, or without.
    pub(crate) fn with_color(self, color: bool) -> Self {
        Self { color, ..self }
    }

    /// The inner writer.
    pub(crate) fn get_ref(&self) -> &W {
        &self.out
    }
}

impl<W: Write> Write for Screen<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.terminal {
            return self.out.write(bytes);
        }
        let mut all = std::mem::take(&mut self.cut);
        all.extend_from_slice(bytes);
        let (whole, cut) = split_at_cut(&all);
        self.cut = cut.to_vec();
        self.out.write_all(readable_but(whole, LAYOUT).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let cut = std::mem::take(&mut self.cut);
        self.out.write_all(readable_but(&cut, LAYOUT).as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Ink for Screen<W> {
    fn colored(&mut self, color: Option<Color>, text: &str) -> io::Result<()> {
        let Some(color) = color.filter(|_| self.color) else { return self.write_all(text.as_bytes()) };
        self.out.write_all(begin(color))?;
        self.write_all(text.as_bytes())?;
        self.out.write_all(END)
    }
}

/// The bytes up to a character that is not complete, and the beginning of that.
fn split_at_cut(bytes: &[u8]) -> (&[u8], &[u8]) {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    let cut = std::str::from_utf8(last).is_err_and(|e| e.error_len().is_none());
    bytes.split_at_checked(bytes.len() - if cut { last.len() } else { 0 }).unwrap_or((bytes, &[]))
}

/// The control characters that lay out what is printed.
const LAYOUT: &[char] = &['\n', '\t'];

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(terminal: bool, pieces: &[&[u8]]) -> Vec<u8> {
        let mut screen = Screen::new(Vec::new(), terminal);
        pieces.iter().for_each(|piece| screen.write_all(piece).unwrap());
        screen.flush().unwrap();
        screen.out
    }

    #[test]
    fn only_what_can_be_seen_reaches_a_terminal() {
        let hostile = "a\x1b[31m\u{9b}2J\x07\r\u{202e}\\\té日\n".as_bytes();
        assert_eq!(shown(false, &[hostile]), hostile);
        let want = "a\\x1b[31m\\u009b2J\\x07\\x0d\\u202e\\\té日\n".as_bytes();
        assert_eq!(shown(true, &[hostile]), want);
        for at in 0..hostile.len() {
            assert_eq!(shown(true, &[&hostile[..at], &hostile[at..]]), want, "cut at {at}");
        }
        assert_eq!(shown(true, &[b"\xff\xe2\x80", b"x\xe2\x80"]), b"\\xff\\xe2\\x80x\\xe2\\x80");
        assert_eq!(shown(true, &[b"\xf0", b"\x9f", b"\x98", b"\x80\xf0\x9f"]), "😀\\xf0\\x9f".as_bytes());
    }

    #[test]
    fn colours_are_around_text_that_has_none() {
        let shown = |color| {
            let mut screen = Screen::new(Vec::new(), true).with_color(color);
            screen.colored(Some(Color::Red), "- \x1b[32m").unwrap();
            screen.colored(None, "x").unwrap();
            screen.out
        };
        assert_eq!(shown(false), b"- \\x1b[32mx");
        assert_eq!(shown(true), b"\x1b[31m- \\x1b[32m\x1b[0mx");
    }
}
