//! The limit on what one stored value is decoded into.

use super::error::Undecodable;

/// The most values in one object, far beyond any that an API server takes: one byte of CBOR becomes 32 bytes here, so
/// without a limit a small archive would need gigabytes.
const MAX_VALUES: usize = 1 << 21;

/// What a list or map that is not empty costs besides its items: memory is reserved for several at once.
const CONTAINER: usize = 4;

/// Values that may still be made.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_VALUES)
    }
}

impl Budget {
    /// Takes `n` values.
    pub(super) fn spend(&mut self, n: usize) -> Result<(), Undecodable> {
        self.0 = self.0.checked_sub(n).ok_or(Undecodable::Many(MAX_VALUES))?;
        Ok(())
    }

    /// Takes a value, and the memory of the list or map that it is the item `at` of.
    pub(super) fn item(&mut self, at: usize) -> Result<(), Undecodable> {
        self.spend(if at == 0 { CONTAINER.saturating_add(1) } else { 1 })
    }
}
