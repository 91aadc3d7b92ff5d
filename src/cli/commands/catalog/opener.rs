//! The files of backups, opened in a session.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use etcdsnap::{
    Error, Result,
    catalog::Opener,
    source::{Options, Source},
};

use crate::{
    failure::Failure,
    render::Progress,
    session::{Session, stop_at_signal},
};

/// Files that are opened in a session, which records them.
pub(super) struct Files<'s> {
    session: &'s mut Session,
    progress: Progress,
    stop: Arc<AtomicBool>,
}

impl<'s> Files<'s> {
    pub(super) fn new(session: &'s mut Session) -> Self {
        let progress = Progress::new("catalog", session.wants_progress());
        Self { session, progress, stop: Arc::default() }
    }

    /// ^C ends the run after the files that are being read.
    pub(super) fn stopped_at_signal(session: &'s mut Session) -> Self {
        Self { stop: stop_at_signal(), ..Self::new(session) }
    }

    /// How they are opened.
    pub(super) fn options(&self) -> Options {
        self.session.options_with(None)
    }
}

impl Opener for Files<'_> {
    type Failure = Failure;

    fn open(&mut self, file: &Path, options: &Options) -> Result<Source> {
        self.session.open_quietly(file, options)
    }

    fn open_all(&mut self, files: &[&Path], options: &Options) -> Vec<Result<Source>> {
        self.session.open_all(files.iter().copied(), options)
    }

    fn close(&mut self, source: &Source) -> Result<Result<(), Error>, Failure> {
        match self.session.intact(source) {
            Ok(()) => Ok(Ok(())),
            Err(Failure::Error(error)) => Ok(Err(error)),
            Err(failure) => Err(failure),
        }
    }

    fn progress(&self, done: u64, all: u64) {
        self.progress.update(done, all);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
