//! State of the YAML writer: columns, indentation, breaks.

/// Lines are folded at the first space after this column.
pub(super) const WIDTH: usize = 80;
/// Spaces a level.
pub(super) const INDENT: usize = 2;

/// libyaml's `yaml_emitter_t`, as far as block style needs it.
pub(super) struct Emitter<'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) column: usize,
    /// `None` is libyaml's -1: outside of everything.
    pub(super) indent: Option<usize>,
    /// Whether the last character was a space, or as good as one.
    pub(super) whitespace: bool,
    /// Whether the line has only indentation and indicators so far.
    pub(super) indention: bool,
}

impl<'o> Emitter<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>, indent: Option<usize>) -> Self {
        Self { out, column: 0, indent, whitespace: true, indention: true }
    }
}

impl Emitter<'_> {
    pub(super) fn increase_indent(&mut self, first: usize, indentless: bool) {
        self.indent = match self.indent {
            None => Some(first),
            Some(n) if indentless => Some(n),
            Some(n) => Some(n.saturating_add(INDENT)),
        };
    }

    pub(super) fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || self.column == indent && !self.whitespace {
            self.line_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    pub(super) fn indicator(&mut self, indicator: &[u8], need_space: bool, is_space: bool, is_indention: bool) {
        if need_space && !self.whitespace {
            self.put(' ');
        }
        self.out.extend_from_slice(indicator);
        self.column = self.column.saturating_add(indicator.len());
        self.whitespace = is_space;
        self.indention = self.indention && is_indention;
    }

    pub(super) fn put(&mut self, c: char) {
        let mut utf8 = [0; 4];
        self.out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
        self.column = self.column.saturating_add(1);
    }

    pub(super) fn line_break(&mut self) {
        self.out.push(b'\n');
        self.column = 0;
    }

    /// Writes a line break of the text itself; those of Unicode are kept.
    pub(super) fn write_break(&mut self, c: char) {
        if c == '\n' {
            self.line_break();
        } else {
            self.put(c);
            self.column = 0;
        }
    }
}
