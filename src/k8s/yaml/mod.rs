//! [`Value`]s as YAML, byte for byte as kubectl prints them: `sigs.k8s.io/yaml`, which is go-yaml v2, which is libyaml.
//!
//! kubectl reads YAML 1.1, where `n`, `off`, `1:30` and `0x1f` unquoted are not text; most YAML writers do not know
//! that, so this one imitates the writer that kubectl itself has. The rules of `emitterc.go`, `encode.go`,
//! `resolve.go` and `sorter.go` of go-yaml v2.4 are followed closely; these are
//! Copyright 2006-2011 Kirill Simonov (MIT) and Copyright 2011-2016 Canonical Ltd. (Apache-2.0).

mod order;
mod resolve;
mod scalar;

use std::borrow::Cow;

use super::{
    gofmt, json,
    value::{Map, Value},
};
use scalar::Analysis;

/// Lines are folded at the first space behind this column.
const WIDTH: usize = 80;
/// Spaces a level.
const INDENT: usize = 2;
/// A longer key is written with a question mark.
const SIMPLE_KEY: usize = 128;

/// Appends the value as one YAML document, with a newline at its end.
pub fn write(out: &mut Vec<u8>, value: &Value<'_>) {
    let mut emitter = Emitter { out, column: 0, indent: None, whitespace: true, indention: true };
    emitter.node(value, false);
    emitter.write_indent();
}

/// Appends the value as one element of a sequence at the left margin, for a list that is written while it is read.
pub fn write_item(out: &mut Vec<u8>, value: &Value<'_>) {
    let mut emitter = Emitter { out, column: 0, indent: Some(0), whitespace: true, indention: true };
    emitter.indicator(b"-", true, false, true);
    emitter.node(value, false);
    emitter.indent = None;
    emitter.write_indent();
}

/// libyaml's `yaml_emitter_t`, as far as block style needs it.
struct Emitter<'o> {
    out: &'o mut Vec<u8>,
    column: usize,
    /// `None` is libyaml's -1: outside of everything.
    indent: Option<usize>,
    /// Whether the last character was a space, or as good as one.
    whitespace: bool,
    /// Whether the line has only indentation and indicators so far.
    indention: bool,
}

impl Emitter<'_> {
    fn node(&mut self, value: &Value<'_>, in_mapping: bool) {
        let saved = self.indent;
        match value {
            Value::List(list) if list.is_empty() => self.empty(b"[]"),
            Value::Object(map) if map.is_empty() => self.empty(b"{}"),
            Value::List(list) => {
                self.increase_indent(0, in_mapping && !self.indention);
                for element in list {
                    self.write_indent();
                    self.indicator(b"-", true, false, true);
                    self.node(element, false);
                }
            }
            Value::Object(map) => {
                self.increase_indent(0, false);
                self.members(map);
            }
            _ => {
                self.increase_indent(INDENT, false);
                self.leaf(value);
            }
        }
        self.indent = saved;
    }

    fn members(&mut self, map: &Map<'_>) {
        for (name, member) in order::natural(map) {
            self.write_indent();
            let analysis = Analysis::of(name);
            let simple = !analysis.multiline && name.len() <= SIMPLE_KEY;
            let saved = self.indent;
            if simple {
                self.increase_indent(INDENT, false);
                self.text(name, &analysis, true);
                self.indent = saved;
                self.indicator(b":", false, false, false);
            } else {
                self.indicator(b"?", true, false, true);
                self.increase_indent(INDENT, false);
                self.text(name, &analysis, false);
                self.indent = saved;
                self.write_indent();
                self.indicator(b":", true, false, true);
            }
            self.node(member, true);
        }
    }

    fn leaf(&mut self, value: &Value<'_>) {
        let text: Cow<'_, str> = match value {
            Value::Str(text) => return self.text(text, &Analysis::of(text), false),
            Value::Bytes(bytes) => {
                let mut base64 = Vec::new();
                json::base64(&mut base64, bytes);
                let base64 = String::from_utf8(base64).unwrap_or_default();
                return self.text(&base64, &Analysis::of(&base64), false);
            }
            Value::Bool(true) => "true".into(),
            Value::Bool(false) => "false".into(),
            Value::Int(n) => n.to_string().into(),
            Value::UInt(n) => n.to_string().into(),
            Value::Float(f) => {
                let mut text = String::new();
                // go-yaml sees the JSON, in which a whole number has no point
                if f.fract() == 0.0 && (-9_223_372_036_854_775_808.0..18_446_744_073_709_551_616.0).contains(f) {
                    gofmt::float(&mut text, *f + 0.0);
                } else {
                    gofmt::float_g(&mut text, *f);
                }
                text.into()
            }
            Value::Null | Value::List(_) | Value::Object(_) => "null".into(),
        };
        self.plain(&text, false);
    }

    fn empty(&mut self, brackets: &[u8; 2]) {
        let (open, close) = brackets.split_at(1);
        self.indicator(open, true, true, false);
        self.indicator(close, false, false, false);
    }

    fn increase_indent(&mut self, first: usize, indentless: bool) {
        self.indent = match self.indent {
            None => Some(first),
            Some(n) if indentless => Some(n),
            Some(n) => Some(n.saturating_add(INDENT)),
        };
    }

    fn write_indent(&mut self) {
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

    fn indicator(&mut self, indicator: &[u8], need_space: bool, is_space: bool, is_indention: bool) {
        if need_space && !self.whitespace {
            self.put(' ');
        }
        self.out.extend_from_slice(indicator);
        self.column = self.column.saturating_add(indicator.len());
        self.whitespace = is_space;
        self.indention = self.indention && is_indention;
    }

    fn put(&mut self, c: char) {
        let mut utf8 = [0; 4];
        self.out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
        self.column = self.column.saturating_add(1);
    }

    fn line_break(&mut self) {
        self.out.push(b'\n');
        self.column = 0;
    }

    /// A break of the text itself; those of Unicode stay what they are.
    fn write_break(&mut self, c: char) {
        if c == '\n' {
            self.line_break();
        } else {
            self.put(c);
            self.column = 0;
        }
    }
}
