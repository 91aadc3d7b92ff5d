//! Progress and interruption.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::{Error, Result};

/// Progress and interruption of a long job.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Set to stop the job.
    pub stop: &'a AtomicBool,
    /// Called with the number of bytes done, and of all bytes.
    pub progress: &'a dyn Fn(u64, u64),
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

impl Watch<'_> {
    /// Whether the job is to be stopped.
    #[must_use]
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(SeqCst)
    }

    /// Ends a job that is to be stopped.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it is.
    pub(crate) fn check(&self) -> Result<()> {
        if self.stopped() { Err(Error::Interrupted) } else { Ok(()) }
    }
}
