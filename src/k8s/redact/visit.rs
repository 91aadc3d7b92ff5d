//! What is visited in a value.

use std::ops::Range;

use super::fill::Form;

/// A text, or bytes, in a value.
#[derive(Debug)]
pub(super) struct Visit {
    /// Its place in the value.
    pub(super) at: Range<usize>,
    /// The form of what may be put there.
    pub(super) form: Form,
    /// Whether the table of kinds does not have the field.
    pub(super) unknown: bool,
}

impl Visit {
    pub(super) fn new(start: usize, len: usize, form: Form) -> Self {
        Self { at: start..start.saturating_add(len), form, unknown: false }
    }
}

/// Takes each text with the names that lead to it; items of lists have none.
pub(super) type Visitor<'v> = &'v mut dyn FnMut(&[String], &Visit);

/// The value cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable;

/// A value is not followed deeper, as JSON is not.
pub(super) const MAX_DEPTH: u32 = 400;
