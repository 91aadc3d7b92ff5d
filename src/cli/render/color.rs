//! Colour, where it carries meaning: what was added, removed or changed, and verdicts.

use std::io::{self, Write};

use clap::ValueEnum;

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb
    #[default]
    Auto,
    /// In files and pipes, too
    Always,
    /// Never
    Never,
}

impl When {
    /// Whether output is coloured that goes to a `terminal` or not.
    pub(crate) fn allows(self, terminal: bool) -> bool {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        }
    }
}

/// A colour by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Color {
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
    pub(crate) fn of_sign(sign: char) -> Option<Self> {
        match sign {
            '+' => Some(Self::Green),
            '-' => Some(Self::Red),
            '~' => Some(Self::Yellow),
            '!' => Some(Self::Magenta),
            _ => None,
        }
    }

    /// The escape sequence that begins the colour (ECMA-48, SGR).
    pub(super) fn begin(self) -> &'static [u8] {
        match self {
            Self::Green => b"\x1b[32m",
            Self::Red => b"\x1b[31m",
            Self::Yellow => b"\x1b[33m",
            Self::Magenta => b"\x1b[35m",
        }
    }
}

/// The escape sequence that ends a colour.
pub(super) const END: &[u8] = b"\x1b[0m";

/// A writer that may have colours.
pub(crate) trait Ink: Write {
    /// Writes `text` in this colour, or as it is where there are none.
    fn colored(&mut self, color: Option<Color>, text: &str) -> io::Result<()>;
}
