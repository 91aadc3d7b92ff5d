//! Which differences are listed, as `git diff --diff-filter` selects files.

use std::str::FromStr;

use super::{Difference, StateChange};

/// Letters of git: A added, D deleted, M modified; R is replaced here, where git has renamed. Lower case leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiffFilter {
    added: bool,
    removed: bool,
    changed: bool,
    replaced: bool,
}

impl FromStr for DiffFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = !text.chars().any(char::is_uppercase);
        let mut filter = Self { added: all, removed: all, changed: all, replaced: all };
        for letter in text.chars() {
            let field = match letter.to_ascii_uppercase() {
                'A' => &mut filter.added,
                'D' => &mut filter.removed,
                'M' => &mut filter.changed,
                'R' => &mut filter.replaced,
                _ => return Err(Self::LETTERS.to_owned()),
            };
            *field = letter.is_uppercase();
        }
        if text.is_empty() { Err(Self::LETTERS.to_owned()) } else { Ok(filter) }
    }
}

impl DiffFilter {
    const LETTERS: &str = "letters of A (added), D (deleted), M (modified), R (replaced); lower-case letters leave out";

    /// Whether a difference is listed. One that is not known may be a change or a replacement.
    #[must_use]
    pub fn takes(self, difference: &Difference<'_>) -> bool {
        match difference {
            Difference::Added => self.added,
            Difference::Removed => self.removed,
            Difference::Replaced(_) => self.replaced,
            Difference::Changed(_) | Difference::Bytes { .. } => self.changed,
            Difference::NotComparable(_) => self.changed || self.replaced,
            Difference::Ignored => false,
        }
    }

    /// Whether a change outside of the keys is listed.
    #[must_use]
    pub fn takes_state(self, change: &StateChange) -> bool {
        match (&change.old, &change.new) {
            (None, _) => self.added,
            (_, None) => self.removed,
            _ => self.changed,
        }
    }

    /// The note on what is not listed; none where everything is.
    #[must_use]
    pub fn note(self) -> Option<String> {
        let kinds =
            [(self.added, "added"), (self.removed, "removed"), (self.replaced, "replaced"), (self.changed, "changed")];
        let left: Vec<_> = kinds.iter().filter(|(listed, _)| !listed).map(|(_, name)| *name).collect();
        (!left.is_empty()).then(|| format!("--diff-filter: what was {} is counted, but not listed", left.join(" or ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_select_and_small_ones_leave_out() {
        let of = |text: &str| text.parse::<DiffFilter>().map(|f| [f.added, f.removed, f.changed, f.replaced]);
        assert_eq!(of("D"), Ok([false, true, false, false]));
        assert_eq!(of("AM"), Ok([true, false, true, false]));
        assert_eq!(of("d"), Ok([true, false, true, true]));
        assert_eq!(of("Rd"), Ok([false, false, false, true]));
        for wrong in ["", "X", "deleted", "A,D"] {
            assert!(of(wrong).unwrap_err().contains("D (deleted)"), "{wrong}");
        }
    }
}
