//! A template as tokens (`text/template/parse/lex.go`).

use super::{
    error::quoted,
    token::{KEYWORDS, Kind, Token},
};

/// All tokens; the last one is the end, or an error.
pub(super) fn tokens(input: &str) -> Vec<Token> {
    let mut lexer = Lexer { input, start: 0, pos: 0, depth: 0, counted: (0, 1), tokens: Vec::new() };
    if let Err(what) = lexer.text() {
        lexer.push(Kind::Error, what);
    }
    lexer.tokens
}

struct Lexer<'i> {
    input: &'i str,
    /// Offset of the token.
    start: usize,
    pos: usize,
    /// Number of open parentheses.
    depth: usize,
    /// The offset up to which lines are counted, and the line there.
    counted: (usize, usize),
    tokens: Vec<Token>,
}

type Done = Result<(), String>;

const COMMENT: (&str, &str) = ("/*", "*/");

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// `- ` after a left delimiter.
fn trims_left(rest: &str) -> bool {
    rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(is_space))
}

/// Whether ` -}}` or `}}` is next, and whether it trims.
fn right_delim(rest: &str) -> Option<bool> {
    let trims = rest.strip_prefix(is_space).is_some_and(|rest| rest.starts_with("-}}"));
    if trims { Some(true) } else { rest.starts_with("}}").then_some(false) }
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.input.get(self.pos..).unwrap_or_default()
    }

    fn skip(&mut self, n: usize) {
        self.pos = self.pos.saturating_add(n).min(self.input.len());
    }

    fn ignore(&mut self) {
        self.start = self.pos;
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.skip(next.map_or(0, char::len_utf8));
        next
    }

    fn accept(&mut self, set: &str) -> bool {
        let fits = self.peek().is_some_and(|c| set.contains(c));
        if fits {
            self.next();
        }
        fits
    }

    fn accept_run(&mut self, fits: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&fits) {
            self.next();
        }
    }

    fn word(&self) -> &str {
        self.input.get(self.start..self.pos).unwrap_or_default()
    }

    fn emit(&mut self, kind: Kind) {
        self.push(kind, self.word().to_owned());
        self.ignore();
    }

    fn push(&mut self, kind: Kind, text: String) {
        let (from, line) = self.counted;
        let passed = self.input.as_bytes().get(from..self.start).unwrap_or_default();
        let line = line.saturating_add(passed.iter().filter(|b| **b == b'\n').count());
        self.counted = (self.start, line);
        self.tokens.push(Token { kind, pos: self.start, line, text });
    }

    /// `lexText`, action after action.
    fn text(&mut self) -> Done {
        loop {
            let Some(x) = self.rest().find("{{") else {
                self.skip(self.input.len());
                if self.pos > self.start {
                    self.emit(Kind::Text);
                }
                self.emit(Kind::Eof);
                return Ok(());
            };
            let end = self.pos.saturating_add(x);
            let trims = trims_left(self.input.get(end.saturating_add(2)..).unwrap_or_default());
            let text = self.input.get(self.pos..end).unwrap_or_default();
            self.skip(if trims { text.trim_end_matches(is_space).len() } else { x });
            if self.pos > self.start {
                self.emit(Kind::Text);
            }
            self.pos = end;
            self.ignore();
            self.left_delim()?;
        }
    }

    fn left_delim(&mut self) -> Done {
        self.skip(2);
        let marker = if trims_left(self.rest()) { 2 } else { 0 };
        if self.rest().get(marker..).is_some_and(|rest| rest.starts_with(COMMENT.0)) {
            self.skip(marker);
            self.ignore();
            return self.comment();
        }
        self.emit(Kind::LeftDelim);
        self.skip(marker);
        self.ignore();
        self.depth = 0;
        while !self.inside()? {}
        Ok(())
    }

    fn comment(&mut self) -> Done {
        let end = self.rest().find(COMMENT.1).ok_or("unclosed comment")?;
        self.skip(end.saturating_add(COMMENT.1.len()));
        let trims = right_delim(self.rest()).ok_or("comment ends before closing delimiter")?;
        self.close(trims);
        Ok(())
    }

    /// Skips a right delimiter, and the blanks that it trims.
    fn close(&mut self, trims: bool) {
        self.skip(if trims { 4 } else { 2 });
        if trims {
            self.accept_run(is_space);
        }
        self.ignore();
    }

    /// The next token of an action (`lexInsideAction`); true at its end.
    fn inside(&mut self) -> Result<bool, String> {
        if let Some(trims) = right_delim(self.rest()) {
            if self.depth > 0 {
                return Err("unclosed left paren".to_owned());
            }
            self.push(Kind::RightDelim, "}}".to_owned());
            self.close(trims);
            return Ok(true);
        }
        let kind = match self.next().ok_or("unclosed action")? {
            c if is_space(c) => self.space(),
            '=' => Kind::Assign,
            ':' if self.accept("=") => Kind::Declare,
            ':' => return Err("expected :=".to_owned()),
            '|' => Kind::Pipe,
            '"' => self.quote('"', "unterminated quoted string")?,
            '\'' => self.quote('\'', "unterminated character constant")?,
            '`' => self.raw_quote()?,
            '$' => self.field(Kind::Variable)?,
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => self.field(Kind::Field)?,
            '.' | '+' | '-' | '0'..='9' => self.number()?,
            c if is_alphanumeric(c) => self.identifier()?,
            '(' => {
                self.depth = self.depth.saturating_add(1);
                Kind::LeftParen
            }
            ')' => {
                self.depth = self.depth.checked_sub(1).ok_or("unexpected right paren")?;
                Kind::RightParen
            }
            c if c.is_ascii_graphic() => Kind::Char,
            c => return Err(format!("unrecognized character in action: {}", unicode(c))),
        };
        self.emit(kind);
        Ok(false)
    }

    /// Skips blanks, except the one of ` -}}`.
    fn space(&mut self) -> Kind {
        while self.peek().is_some_and(is_space) && right_delim(self.rest()).is_none() {
            self.next();
        }
        Kind::Space
    }

    fn quote(&mut self, quote: char, error: &str) -> Result<Kind, String> {
        loop {
            match self.next() {
                Some('\\') if !matches!(self.peek(), None | Some('\n')) => {
                    self.next();
                }
                None | Some('\n' | '\\') => return Err(error.to_owned()),
                Some(c) if c == quote => break,
                Some(_) => {}
            }
        }
        Ok(if quote == '"' { Kind::String } else { Kind::CharConstant })
    }

    fn raw_quote(&mut self) -> Result<Kind, String> {
        let end = self.rest().find('`').ok_or("unterminated raw quoted string")?;
        self.skip(end.saturating_add(1));
        Ok(Kind::RawString)
    }

    /// Reads the name after `.` or `$`.
    fn field(&mut self, kind: Kind) -> Result<Kind, String> {
        if self.at_terminator() {
            return Ok(if kind == Kind::Variable { kind } else { Kind::Dot });
        }
        self.accept_run(is_alphanumeric);
        self.terminated().map(|()| kind)
    }

    fn identifier(&mut self) -> Result<Kind, String> {
        self.accept_run(is_alphanumeric);
        self.terminated()?;
        let word = self.word();
        let keyword = KEYWORDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
        Ok(keyword.unwrap_or(if matches!(word, "true" | "false") { Kind::Bool } else { Kind::Identifier }))
    }

    fn at_terminator(&self) -> bool {
        let ends = |c: char| is_space(c) || matches!(c, '.' | ',' | '|' | ':' | ')' | '(');
        self.peek().is_none_or(ends) || self.rest().starts_with("}}")
    }

    fn terminated(&self) -> Done {
        let bad = self.peek().filter(|_| !self.at_terminator());
        bad.map_or(Ok(()), |c| Err(format!("bad character {}", unicode(c))))
    }

    fn number(&mut self) -> Result<Kind, String> {
        self.pos = self.start;
        let bad = |lexer: &Self| format!("bad number syntax: {}", quoted(lexer.word()));
        if !self.scan_number() {
            return Err(bad(self));
        }
        if !matches!(self.peek(), Some('+' | '-')) {
            return Ok(Kind::Number);
        }
        if self.scan_number() && self.word().ends_with('i') { Ok(Kind::Complex) } else { Err(bad(self)) }
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            digits = match () {
                () if self.accept("xX") => "0123456789abcdefABCDEF_",
                () if self.accept("oO") => "01234567_",
                () if self.accept("bB") => "01_",
                () => digits,
            };
        }
        self.accept_run(|c| digits.contains(c));
        if self.accept(".") {
            self.accept_run(|c| digits.contains(c));
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if self.accept(exponent) {
            self.accept("+-");
            self.accept_run(|c| c.is_ascii_digit() || c == '_');
        }
        self.accept("i");
        let ended = !self.peek().is_some_and(is_alphanumeric);
        if !ended {
            self.next();
        }
        ended
    }
}

/// Go's `%#U`.
fn unicode(c: char) -> String {
    let code = u32::from(c);
    if c.is_control() { format!("U+{code:04X}") } else { format!("U+{code:04X} '{c}'") }
}
