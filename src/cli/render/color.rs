//! Colour, where it carries meaning: what was added, removed or changed, and verdicts.

use clap::ValueEnum;
use etcdsnap::print::Color;

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

/// The escape sequence that begins a colour (ECMA-48, SGR).
pub(super) fn begin(color: Color) -> &'static [u8] {
    match color {
        Color::Green => b"\x1b[32m",
        Color::Red => b"\x1b[31m",
        Color::Yellow => b"\x1b[33m",
        Color::Magenta => b"\x1b[35m",
    }
}

/// The escape sequence that ends a colour.
pub(super) const END: &[u8] = b"\x1b[0m";

/// The colour of a verdict.
pub(crate) fn of_verdict(verdict: &str) -> Option<Color> {
    match verdict {
        "good" => Some(Color::Green),
        "doubtful" => Some(Color::Yellow),
        "damaged" => Some(Color::Red),
        _ => None,
    }
}
