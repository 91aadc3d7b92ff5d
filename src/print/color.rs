//! Colour, where it carries meaning: what was added, removed or changed, and verdicts.

use std::io::{self, Write};

/// A colour by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Added, or good.
    Green,
    /// Removed, or damaged.
    Red,
    /// Changed, or doubtful.
    Yellow,
    /// Made again under the same name.
    Magenta,
}

impl Color {
    /// The colour of a line that begins with `sign`, as `diff` and `history` have them.
    #[must_use]
    pub fn of_sign(sign: char) -> Option<Self> {
        match sign {
            '+' => Some(Self::Green),
            '-' => Some(Self::Red),
            '~' => Some(Self::Yellow),
            '!' => Some(Self::Magenta),
            _ => None,
        }
    }
}

/// A writer that may have colours.
pub trait Ink: Write {
    /// Writes `text` in this colour, or as it is where there are none.
    ///
    /// # Errors
    /// When it cannot be written.
    fn colored(&mut self, color: Option<Color>, text: &str) -> io::Result<()>;
}
