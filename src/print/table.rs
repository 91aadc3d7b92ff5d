//! Columns and cells, as `metav1.Table` has them.

use std::{borrow::Cow, fmt};

use crate::k8s::{Value, sprint};

/// The cells of one object, one for each of its table's columns.
pub(crate) type Row = Vec<Cell>;

/// One value of a row. An API server writes it as JSON, and kubectl prints that as text.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Null, with an empty text.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A string; ages and times too.
    Text(String),
}

impl Cell {
    /// The text that kubectl prints.
    #[must_use]
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(is) => write!(f, "{is}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => f.write_str(&sprint(&Value::Float(*number))),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Cell {
    fn from(is: bool) -> Self {
        Self::Bool(is)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<usize> for Cell {
    fn from(count: usize) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// One column of a table (`metav1.TableColumnDefinition`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The column's header, in the spelling of the API.
    pub name: Cow<'static, str>,
    /// The type of its cells.
    pub kind: ColumnType,
    /// An OpenAPI format, or `name` for the object's name; mostly empty.
    pub format: Cow<'static, str>,
    /// The description in a custom column's definition; empty for built-in kinds.
    pub description: Cow<'static, str>,
    /// The priority; a column with another one than 0 is shown by `-o wide` only.
    pub priority: i64,
}

impl Column {
    /// Whether the column holds the object's name; kubectl writes the kind before it when there are several kinds.
    #[must_use]
    pub(crate) fn is_name(&self) -> bool {
        self.format == "name" && self.kind == ColumnType::String
    }
}

/// The type of a column. An API server's cells may be of another type: counts are often integers in a
/// column of strings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ColumnType {
    /// `string`.
    #[default]
    String,
    /// `integer`.
    Integer,
    /// `number`.
    Number,
    /// `boolean`.
    Boolean,
    /// `date`: the time since then, in the column of a custom kind.
    Date,
}

impl ColumnType {
    const NAMES: [(&str, Self); 5] = [
        ("string", Self::String),
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("date", Self::Date),
    ];

    /// The type of this name.
    #[must_use]
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(have, _)| *have == name).map(|(_, kind)| *kind)
    }

    /// The name of the type in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("string", |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_the_text_of_kubectl() {
        for (cell, want) in [
            (Cell::Null, ""),
            (Cell::Bool(true), "true"),
            (Cell::Int(-3), "-3"),
            (Cell::Float(2.5), "2.5"),
            (Cell::Float(1e21), "1e+21"),
            (Cell::from("<none>"), "<none>"),
            (Cell::from(3_usize), "3"),
        ] {
            assert_eq!((cell.to_string().as_str(), cell.into_text().as_str()), (want, want));
        }
    }

    #[test]
    fn types_have_the_names_of_the_api() {
        for (name, kind) in ColumnType::NAMES {
            assert_eq!((ColumnType::named(name), kind.name()), (Some(kind), name));
        }
        assert_eq!(ColumnType::named("text"), None);
    }
}
