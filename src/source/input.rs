//! What every kind of input has in common: it is opened, noted and closed in one way.

use super::{Origin, Part};
use crate::{Finding, Result};

/// An input that is open. Its files are read while it is there, and have to stay what they were.
pub trait Input {
    /// What the user named.
    fn origin(&self) -> &Origin;

    /// What was noticed while opening it.
    fn notes(&self) -> &[Finding];

    /// The files on disk that it is made of: the outermost container, or the parts themselves.
    fn files(&self) -> Vec<&Part>;

    /// Makes sure that everything that was read is still what it was.
    ///
    /// # Errors
    /// [`crate::Error::Changed`], with the first byte that is lost.
    fn intact(&self) -> Result<()>;
}

/// The outermost of `containers`, or without one the `parts` themselves.
pub(super) fn on_disk<'p>(
    containers: &'p [Part],
    parts: impl Iterator<Item = &'p Part>,
) -> impl Iterator<Item = &'p Part> {
    let outer = containers.first();
    outer.into_iter().chain(parts.filter(move |_| outer.is_none()))
}
