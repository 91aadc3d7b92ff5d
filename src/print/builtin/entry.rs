//! The entry of a kind in the file of its API group.

use crate::{
    k8s::Value,
    print::{Clock, Row},
};

/// A function that makes the row of an object.
pub(in crate::print) type RowOf = fn(&Value<'_>, Clock) -> Row;

/// A built-in kind's entry in `AddHandlers`: its columns, and the function for its rows. A column is its name, with `+`
/// before it when only `-o wide` shows it, and `:TYPE` after it when its type is not `string`.
pub(super) struct Builtin(pub(super) &'static str, pub(super) RowOf);

/// Makes a row of values that can be cells.
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($crate::print::Cell::from($cell)),*] };
}
pub(super) use row;
