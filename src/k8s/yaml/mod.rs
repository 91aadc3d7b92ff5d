//! [`Value`]s as YAML, byte for byte as kubectl prints them: `sigs.k8s.io/yaml`, which is go-yaml v2, which is libyaml.
//!
//! kubectl reads YAML 1.1, where `n`, `off`, `1:30` and `0x1f` unquoted are not text; most YAML writers do not know
//! that, so this one imitates the writer that kubectl itself has. The rules of `emitterc.go`, `encode.go`,
//! `resolve.go` and `sorter.go` of go-yaml v2.4 are followed closely; these are
//! Copyright 2006-2011 Kirill Simonov (MIT) and Copyright 2011-2016 Canonical Ltd. (Apache-2.0).

mod emitter;
mod order;
mod resolve;
mod scalar;

use std::borrow::Cow;

use super::{
    gofmt,
    value::{Map, Value},
};
use emitter::{Emitter, INDENT};
use scalar::Analysis;

/// A longer key is written with a question mark.
const SIMPLE_KEY: usize = 128;

/// Appends the value as one YAML document, with a newline at its end.
pub fn write(out: &mut Vec<u8>, value: &Value<'_>) {
    let mut emitter = Emitter::new(out, None);
    emitter.node(value, false);
    emitter.write_indent();
}

/// Appends the value as one element of a sequence at the left margin, for a list that is written while it is read.
pub fn write_item(out: &mut Vec<u8>, value: &Value<'_>) {
    let mut emitter = Emitter::new(out, Some(0));
    emitter.indicator(b"-", true, false, true);
    emitter.node(value, false);
    emitter.indent = None;
    emitter.write_indent();
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
                gofmt::base64(&mut base64, bytes);
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
}
