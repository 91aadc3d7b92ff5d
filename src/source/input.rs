//! The interface that every kind of input shares.

use super::{Origin, Part};
use crate::{Finding, Result};

/// An open input. Its files are read while it exists, and must not change.
pub trait Input {
    /// The input's name, as the user typed it.
    fn origin(&self) -> &Origin;

    /// Findings made while the input was opened.
    fn notes(&self) -> &[Finding];

    /// The input's files on disk: the outermost container, or the parts themselves.
    fn files(&self) -> Vec<&Part>;

    /// Checks that the files did not change while they were read.
    ///
    /// # Errors
    /// [`crate::Error::Changed`], with the first byte that is lost.
    fn intact(&self) -> Result<()>;
}

/// The outermost of `containers`; without one the `parts` themselves.
pub(super) fn on_disk<'p>(
    containers: &'p [Part],
    parts: impl Iterator<Item = &'p Part>,
) -> impl Iterator<Item = &'p Part> {
    let outer = containers.first();
    outer.into_iter().chain(parts.filter(move |_| outer.is_none()))
}
