//! Text in the four styles of YAML, and the choice between them.

use super::{
    emitter::{Emitter, INDENT, WIDTH},
    resolve,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// Properties of a text that decide its style (`yaml_emitter_analyze_scalar`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Analysis {
    pub(super) multiline: bool,
    plain: bool,
    single: bool,
    block: bool,
}

impl Analysis {
    pub(super) fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self { multiline: false, plain: true, single: true, block: false };
        }
        let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/');
        if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(word) {
            return Self { multiline: false, plain: true, single: true, block: true };
        }
        Self::scan(text, inert)
    }

    /// Scans all characters; `inert` is the length of a run, not at the start of the text, that changes nothing.
    fn scan(text: &str, inert: impl Fn(&str) -> usize) -> Self {
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut breaks, mut special, mut edge_space, mut edge_break) = (false, false, false, false);
        let (mut trailing_space, mut break_space, mut space_break) = (false, false, false);
        let (mut after_space, mut after_break, mut after_blank) = (false, false, true);
        let mut rest = text;
        while let Some((c, after)) = first(rest) {
            let at_start = rest.len() == text.len();
            let run = if at_start { 0 } else { inert(rest) };
            if let Some((_, after)) = rest.split_at_checked(run).filter(|_| run > 0) {
                (after_space, after_break, after_blank) = (false, false, false);
                rest = after;
                continue;
            }
            let next = after.chars().next();
            let before_blank = next.is_none_or(is_blank);
            indicators |= match c {
                '#' if !at_start => after_blank,
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                    at_start
                }
                '?' | '-' => at_start && before_blank,
                ':' => before_blank,
                _ => false,
            };
            special |= !is_printable(c);
            if c == ' ' {
                edge_space |= at_start;
                trailing_space |= next.is_none();
                break_space |= after_break;
            } else if is_break(c) {
                breaks = true;
                edge_break |= at_start || next.is_none();
                space_break |= after_space;
            }
            after_space = c == ' ';
            after_break = is_break(c);
            after_blank = is_blank(c) || is_break(c) || c == '\0';
            rest = after;
        }
        let quoted = space_break || special;
        let plain = !(edge_space || edge_break || trailing_space || break_space || quoted || breaks || indicators);
        Self { multiline: breaks, plain, single: !(break_space || quoted), block: !(trailing_space || quoted) }
    }

    /// `encoder.stringv`, then `yaml_emitter_select_scalar_style`.
    fn style(&self, text: &str, key: bool) -> Style {
        let mut style = if self.multiline && text.contains('\n') {
            Style::Literal
        } else if resolve::is_text(text) {
            Style::Plain
        } else {
            Style::Double
        };
        if key && self.multiline {
            style = Style::Double;
        }
        if style == Style::Plain && (!self.plain || text.is_empty() && key) {
            style = Style::Single;
        }
        if style == Style::Single && !self.single || style == Style::Literal && (!self.block || key) {
            style = Style::Double;
        }
        style
    }
}

impl Emitter<'_> {
    /// A text in the style that go-yaml would choose; a simple key is never broken.
    pub(super) fn text(&mut self, text: &str, analysis: &Analysis, key: bool) {
        match analysis.style(text, key) {
            Style::Plain => self.plain(text, !key),
            Style::Single => self.single(text, !key),
            Style::Double => self.double(text, !key),
            Style::Literal => self.literal(text),
        }
    }

    pub(super) fn plain(&mut self, text: &str, fold: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        if fold && self.column.saturating_add(text.len()) > WIDTH {
            self.folded(text, false);
        } else {
            self.out.extend_from_slice(text.as_bytes());
            self.column = self.column.saturating_add(text.chars().count());
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn single(&mut self, text: &str, fold: bool) {
        self.indicator(b"'", true, false, false);
        if fold {
            self.folded(text, true);
        } else {
            for c in text.chars() {
                if c == '\'' {
                    self.put('\'');
                }
                self.put(c);
            }
        }
        self.indicator(b"'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    /// Writes plain and single quoted text: a single space after the width becomes a line break.
    fn folded(&mut self, text: &str, quoted: bool) {
        let (mut spaces, mut breaks) = (false, false);
        let mut rest = text;
        while let Some((c, after)) = first(rest) {
            let run = word(rest);
            if let Some((word, after)) = rest.split_at_checked(run).filter(|_| run > 0) {
                if breaks {
                    self.write_indent();
                }
                self.run(word);
                self.indention = false;
                (spaces, breaks) = (false, false);
                rest = after;
                continue;
            }
            if c == ' ' {
                let inner = !quoted || rest.len() < text.len() && !after.is_empty();
                if !spaces && self.column > WIDTH && inner && !after.starts_with(' ') {
                    self.write_indent();
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else if is_break(c) {
                if !breaks && c == '\n' {
                    self.line_break();
                }
                self.write_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                if quoted && c == '\'' {
                    self.put('\'');
                }
                self.put(c);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
            rest = after;
        }
    }

    /// Puts ASCII text without breaks.
    fn run(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column = self.column.saturating_add(text.len());
    }

    fn double(&mut self, text: &str, fold: bool) {
        self.indicator(b"\"", true, false, false);
        let mut spaces = false;
        let last = text.len().saturating_sub(1);
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if !is_printable(c) || is_break(c) || c == '"' || c == '\\' {
                self.escape(c);
                spaces = false;
            } else if c == ' ' && fold && !spaces && self.column > WIDTH && at > 0 && at < last {
                self.write_indent();
                if chars.peek().is_some_and(|(_, c)| *c == ' ') {
                    self.put('\\');
                }
                spaces = true;
            } else {
                self.put(c);
                spaces = c == ' ';
            }
        }
        self.indicator(b"\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' | '\\' => c,
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(c);
                let escaped = match code {
                    0..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                escaped.chars().for_each(|c| self.put(c));
                return;
            }
        };
        self.put('\\');
        self.put(short);
    }

    fn literal(&mut self, text: &str) {
        self.indicator(b"|", true, false, false);
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            let hint = INDENT.to_string();
            self.indicator(hint.as_bytes(), false, false, false);
        }
        let mut from_end = text.chars().rev();
        if !from_end.next().is_some_and(is_break) {
            self.indicator(b"-", false, false, false);
        } else if from_end.next().is_none_or(is_break) {
            self.indicator(b"+", false, false, false);
        }
        self.line_break();
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        let mut rest = text;
        while let Some((c, after)) = first(rest) {
            rest = after;
            if is_break(c) {
                self.write_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                self.put(c);
                let end = rest.bytes().position(|b| !(b' '..=b'~').contains(&b)).unwrap_or(rest.len());
                if let Some((line, after)) = rest.split_at_checked(end) {
                    self.run(line);
                    rest = after;
                }
                self.indention = false;
                breaks = false;
            }
        }
    }
}

/// The first character, and what comes after it.
fn first(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    Some((chars.next()?, chars.as_str()))
}

/// Length of the ASCII word that a text begins with: nothing in it is a space, a break or a single quote.
fn word(text: &str) -> usize {
    leading(text, |b| b.is_ascii_graphic() & (b != b'\''))
}

/// Length of the words at the start of `text`, and of the spaces between them, that do not decide about the style of
/// the scalar whose rest it is.
fn inert(text: &str) -> usize {
    if text.starts_with(' ') {
        return 0;
    }
    let run = leading(text, |b| (b' '..=b'~').contains(&b) & (b != b'#') & (b != b':'));
    text.get(..run).map_or(0, |run| run.trim_ascii_end().len())
}

/// Length of what `text` begins with that is `inert`, which is true of ASCII characters only.
fn leading(text: &str, inert: impl Fn(u8) -> bool) -> usize {
    const BLOCK: usize = 16;
    let (blocks, _) = text.as_bytes().as_chunks::<BLOCK>();
    // a block is looked at as a whole, without a branch for each byte
    let whole = blocks.iter().take_while(|block| block.iter().fold(true, |all, b| all & inert(*b))).count();
    let start = whole.saturating_mul(BLOCK);
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    start.saturating_add(rest.iter().take_while(|b| inert(**b)).count())
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a character may be unescaped; those beyond U+FFFF may not.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// go-yaml's `yaml_emitter_write_plain_scalar`, `..._single_quoted_scalar` and `..._literal_scalar`, a character at
    /// a time.
    fn by_character(emitter: &mut Emitter<'_>, text: &str, quoted: bool, literal: bool) {
        let (mut spaces, mut breaks) = (false, literal);
        let last = text.len().saturating_sub(1);
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next_is_space = chars.peek().is_some_and(|(_, c)| *c == ' ');
            if c == ' ' && !literal {
                let inner = !quoted || at > 0 && at < last;
                if !spaces && emitter.column > WIDTH && inner && !next_is_space {
                    emitter.write_indent();
                } else {
                    emitter.put(' ');
                }
                spaces = true;
            } else if is_break(c) {
                if !literal && !breaks && c == '\n' {
                    emitter.line_break();
                }
                emitter.write_break(c);
                (emitter.indention, breaks) = (true, true);
            } else {
                if breaks {
                    emitter.write_indent();
                }
                if quoted && c == '\'' {
                    emitter.put(c);
                }
                emitter.put(c);
                (emitter.indention, spaces, breaks) = (false, false, false);
            }
        }
    }

    proptest! {
        #[test]
        fn texts_are_analysed_as_by_character(
            text in "([a-z:,'\"#?!.-]{1,40}|[ \t]{1,3}|[\n\r]|[\u{85}\u{2028}é日\u{7f}\0\u{1F600}]){1,12}",
        ) {
            let word = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'.'));
            prop_assume!(!word(&text) || !text.starts_with(|c: char| c.is_ascii_lowercase()));
            prop_assert_eq!(Analysis::of(&text), Analysis::scan(&text, |_| 0));
        }

        #[test]
        fn words_are_written_as_characters_are(
            text in "([a-z:'\"#-]{1,9}|[ ]{1,3}|[\n\r\t]|[\u{85}\u{a0}\u{2028}é日\u{7f}\u{1F600}]|[a-z ]{60,90}){0,40}",
            indent in 0_usize..20,
        ) {
            for (quoted, literal) in [(false, false), (true, false), (false, true)] {
                let (mut have, mut want) = (Vec::new(), Vec::new());
                let (mut a, mut b) = (Emitter::new(&mut have, Some(indent)), Emitter::new(&mut want, Some(indent)));
                if literal {
                    a.literal(&text);
                    let head = a.out.iter().position(|b| *b == b'\n').unwrap() + 1;
                    b.out.extend_from_slice(&a.out[..head]);
                    (b.indention, b.whitespace) = (true, true);
                } else {
                    a.folded(&text, quoted);
                }
                by_character(&mut b, &text, quoted, literal);
                prop_assert_eq!(
                    (a.column, a.whitespace, a.indention),
                    (b.column, b.whitespace, b.indention)
                );
                prop_assert_eq!(String::from_utf8(have), String::from_utf8(want));
            }
        }
    }
}
