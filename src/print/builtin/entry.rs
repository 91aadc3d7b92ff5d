//! What the file of an API group says of each of its kinds.

use crate::{
    k8s::Value,
    print::{Clock, Row},
};

/// Makes the row of an object.
pub(in crate::print) type RowOf = fn(&Value<'_>, Clock) -> Row;

/// A built-in kind's entry in `AddHandlers`: its columns, and what fills them. A column is its name, after `+` when only
/// `-o wide` shows it, and before `:TYPE` when its type is not `string`.
pub(super) struct Builtin(pub(super) &'static str, pub(super) RowOf);

/// A row of whatever can be a cell.
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($crate::print::Cell::from($cell)),*] };
}
pub(super) use row;
