//! The lines of a plan and its result, which the commands share that write a data directory.

use std::io::{self, Write};

use super::printable;

/// Prints `lines`, each with the name of what it is about.
pub(crate) fn labelled<'n>(out: &mut impl Write, lines: impl IntoIterator<Item = (&'n str, String)>) -> io::Result<()> {
    lines.into_iter().try_for_each(|(name, text)| writeln!(out, "  {name:<11} {}", printable(text)))
}
