//! Differences as lines for people: what `diff` and `history` print.
//!
//! ```text
//! ~ deployment.apps/web -n shop   (revision 841 -> 902)
//!     ~ spec.replicas: 2 -> 3
//! ```

mod entry;
mod history;
mod summary;

pub use history::{history_lines, window};

use crate::bytes::printable;

/// A line that is safe for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The sign of what the line reports, which shows its colour: `+` added, `-` removed, `~` changed, `!` made again,
    /// `?` not comparable, `=` as it was before. `None` for a line that reports no difference.
    pub sign: Option<char>,
    /// The whole line, with indent and sign.
    pub text: String,
}

impl Line {
    /// A line without a sign.
    fn plain(text: impl Into<String>) -> Self {
        Self { sign: None, text: text.into() }
    }

    /// A line that begins with `indent` and `sign`.
    fn signed(indent: &str, sign: char, text: &str) -> Self {
        Self { sign: Some(sign), text: format!("{indent}{sign} {text}") }
    }

    /// A note.
    #[must_use]
    pub fn note(text: &str) -> Self {
        Self::plain(format!("note: {}", printable(text.to_owned())))
    }
}
