//! Results of an expression.

use std::borrow::Cow;

use crate::k8s::{Value, sprint};

/// One result of an expression (a `reflect.Value` in Go).
#[derive(Debug, Clone)]
pub(crate) enum Evaluated<'v> {
    /// A value in the object.
    In(&'v Value<'v>),
    /// A value from the template itself: text, a number, or a byte of a text ([`Value::UInt`]).
    Made(Value<'v>),
    /// No value, as in a range over null (the zero `reflect.Value`).
    Nothing,
}

impl<'v> Evaluated<'v> {
    /// The value, if there is one.
    #[must_use]
    pub(crate) fn value(&self) -> Option<&Value<'v>> {
        match self {
            Self::In(value) => Some(value),
            Self::Made(value) => Some(value),
            Self::Nothing => None,
        }
    }

    /// The result as text, as by Go's `fmt.Sprint`.
    #[must_use]
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Made(Value::UInt(byte)) => Cow::Owned(byte.to_string()),
            _ => self.value().map_or(Cow::Borrowed("<nil>"), sprint),
        }
    }

    /// Whether it is null (`template.Indirect`).
    pub(super) fn is_null(&self) -> bool {
        self.value() == Some(&Value::Null)
    }

    /// The name of its type in Go.
    pub(super) fn go_type(&self) -> &'static str {
        match (self, self.value()) {
            (Self::Made(Value::Int(_)), _) => "int",
            (Self::Made(Value::UInt(_)), _) => "uint8",
            (_, None) => "invalid",
            (_, Some(value)) => match value {
                Value::Null => "nil",
                Value::Bool(_) => "bool",
                Value::Int(_) => "int64",
                Value::UInt(_) | Value::Float(_) => "float64",
                Value::Str(_) | Value::Bytes(_) => "string",
                Value::List(_) => "[]interface {}",
                Value::Object(_) => "map[string]interface {}",
            },
        }
    }

    /// The number of [`Evaluated::members`].
    pub(super) fn size(&self) -> usize {
        match self {
            Self::In(Value::List(list)) => list.len(),
            Self::In(Value::Object(map)) => map.len(),
            _ => match self.value() {
                Some(Value::Str(_) | Value::Bytes(_)) => self.text().len(),
                _ => 0,
            },
        }
    }

    /// The elements or members, or a text's bytes (`evalWildcard`).
    pub(super) fn members(&self) -> Vec<Self> {
        match self {
            Self::In(Value::List(list)) => list.iter().map(Self::In).collect(),
            Self::In(Value::Object(map)) => map.iter().map(|(_, value)| Self::In(value)).collect(),
            _ => match self.value() {
                Some(Value::Str(_) | Value::Bytes(_)) => {
                    self.text().bytes().map(|byte| Self::Made(Value::UInt(byte.into()))).collect()
                }
                _ => Vec::new(),
            },
        }
    }
}
