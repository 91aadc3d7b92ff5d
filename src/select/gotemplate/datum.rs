//! Values of expressions in a template.

use std::{borrow::Cow, fmt::Write as _};

use crate::k8s::{Map, Value, sprint};

/// A value (`reflect.Value` in Go).
#[derive(Debug, Clone)]
pub(super) enum Datum<'v> {
    /// No value: a missing field (the zero `reflect.Value`).
    Nothing,
    /// Null.
    Nil,
    Bool(bool),
    /// A constant, a length, an index.
    Int(i64),
    /// A number of an object.
    Int64(i64),
    /// A byte of a text.
    Byte(u8),
    Float(f64),
    /// Text; decoded base64 may be any bytes.
    Text(Cow<'v, [u8]>),
    List(&'v [Value<'v>]),
    Map(&'v Map<'v>),
}

/// The kinds of values in comparisons (`basicKind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basic {
    None,
    Bool,
    Int,
    Uint,
    Float,
    Text,
}

impl<'v> From<&'v Value<'v>> for Datum<'v> {
    fn from(value: &'v Value<'v>) -> Self {
        match value {
            Value::Null => Self::Nil,
            Value::Bool(is) => Self::Bool(*is),
            Value::Int(n) => Self::Int64(*n),
            Value::UInt(n) => Self::Float(*n as f64),
            Value::Float(f) => Self::Float(*f),
            Value::Str(text) => Self::Text(Cow::Borrowed(text.as_bytes())),
            Value::Bytes(_) => Self::text(sprint(value).into_owned()),
            Value::List(list) => Self::List(list),
            Value::Object(map) => Self::Map(map),
        }
    }
}

impl<'v> Datum<'v> {
    /// Text from the template itself.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into().into_bytes()))
    }

    /// The value as a function or a variable receives it: null becomes no value.
    pub(super) fn unwrapped(self) -> Self {
        if matches!(self, Self::Nil) { Self::Nothing } else { self }
    }

    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing | Self::Nil)
    }

    /// Whether the value counts as true (`isTrue`).
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nothing | Self::Nil => false,
            Self::Bool(is) => *is,
            Self::Int(n) | Self::Int64(n) => *n != 0,
            Self::Byte(n) => *n != 0,
            Self::Float(f) => *f != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
        }
    }

    /// Steps that a copy, or a comparison, of the value takes.
    pub(super) fn steps(&self) -> usize {
        if let Self::Text(text) = self { text.len().saturating_add(1) } else { 1 }
    }

    /// Values and bytes of text in the value ([`Value::weight`]).
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::List(list) => list.iter().map(Value::weight).sum(),
            Self::Map(map) => map.iter().map(|(name, value)| value.weight().saturating_add(name.len())).sum(),
            other => other.steps(),
        }
    }

    /// The name of its type in Go.
    pub(super) fn go_type(&self) -> &'static str {
        match self {
            Self::Nothing | Self::Nil => "interface {}",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "[]interface {}",
            Self::Map(_) => "map[string]interface {}",
        }
    }

    pub(super) fn basic(&self) -> Basic {
        match self {
            Self::Nothing | Self::Nil | Self::List(_) | Self::Map(_) => Basic::None,
            Self::Bool(_) => Basic::Bool,
            Self::Int(_) | Self::Int64(_) => Basic::Int,
            Self::Byte(_) => Basic::Uint,
            Self::Float(_) => Basic::Float,
            Self::Text(_) => Basic::Text,
        }
    }

    /// The value as an integer, if it is one.
    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Self::Int(n) | Self::Int64(n) => Some(*n),
            Self::Byte(n) => Some((*n).into()),
            _ => None,
        }
    }

    /// The value as bytes, as by `fmt.Sprint`.
    pub(super) fn print(&self, out: &mut Vec<u8>) {
        let mut text = String::new();
        match self {
            Self::Nothing | Self::Nil => text.push_str("<nil>"),
            Self::Bool(is) => drop(write!(text, "{is}")),
            Self::Int(n) | Self::Int64(n) => drop(write!(text, "{n}")),
            Self::Byte(n) => drop(write!(text, "{n}")),
            Self::Float(f) => text.push_str(&sprint(&Value::Float(*f))),
            Self::Text(bytes) => out.extend_from_slice(bytes),
            Self::List(list) => {
                text.push('[');
                for (i, element) in list.iter().enumerate() {
                    text.push_str(if i > 0 { " " } else { "" });
                    text.push_str(&sprint(element));
                }
                text.push(']');
            }
            Self::Map(map) => {
                text.push_str("map[");
                for (i, (name, member)) in map.iter().enumerate() {
                    let blank = if i > 0 { " " } else { "" };
                    let _ = write!(text, "{blank}{name}:{}", sprint(member));
                }
                text.push(']');
            }
        }
        out.extend_from_slice(text.as_bytes());
    }

    /// The value as text.
    pub(super) fn shown(&self) -> String {
        let mut out = Vec::new();
        self.print(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}
