//! The archive that was decompressed last.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Part, stamp::Stamp};

/// The archive that was decompressed last, for the next backup in it: the backups in an archive are opened one by one.
/// A clone has the same one.
#[derive(Debug, Clone, Default)]
pub struct Recent(Arc<Mutex<Option<(Stamp, Part)>>>);

impl Recent {
    /// What the file of this stamp was decompressed to, if it was the last one.
    pub(super) fn get(&self, packed: &Part) -> Option<Part> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(stamp, _)| *stamp == packed.stamp()).map(|(_, part)| part.clone())
    }

    /// Forgets the last one, so that its space is free for the next.
    pub(super) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Keeps what `packed` was decompressed to.
    pub(super) fn set(&self, packed: &Part, part: &Part) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((packed.stamp(), part.clone()));
    }
}
