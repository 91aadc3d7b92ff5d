//! What a run tells and counts.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
};

/// What is told of the run while it lasts: an answer that broke off, or that there are too many connections.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// What was answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answered {
    /// Requests that were answered with what they asked for.
    pub answered: u64,
    /// Requests that were refused, and those for what is not there.
    pub refused: u64,
}

/// What is counted while the server runs.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) connections: AtomicUsize,
    /// Whether a connection was refused because there were too many.
    pub(super) was_full: AtomicBool,
    pub(super) answered: AtomicU64,
    pub(super) refused: AtomicU64,
}

impl Shared {
    pub(super) fn count(&self, refused: bool) {
        let counter = if refused { &self.refused } else { &self.answered };
        counter.fetch_add(1, SeqCst);
    }
}

/// A connection that is counted as long as it lives.
pub(super) struct Counted(pub(super) Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, SeqCst);
    }
}
