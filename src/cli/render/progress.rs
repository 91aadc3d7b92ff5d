//! Progress of a long job: on a terminal a line that is overwritten, without one a line every ten seconds on request.

use std::{
    cell::Cell,
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use super::bytes;

/// Progress of a job, printed on stderr when it takes longer than a second.
pub(crate) struct Progress {
    name: String,
    start: Instant,
    every: Option<Duration>,
    terminal: bool,
    printed: Cell<Option<Instant>>,
}

impl Progress {
    /// Progress of the job on `name`; without a terminal only when it is `asked` for.
    pub(crate) fn new(name: &str, asked: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let every = match (terminal, asked) {
            (true, _) => Some(Duration::from_millis(200)),
            (false, true) => Some(Duration::from_secs(10)),
            (false, false) => None,
        };
        let name = etcdsnap::bytes::escape(name.as_bytes());
        Self { name, start: Instant::now(), every, terminal, printed: Cell::new(None) }
    }

    /// Prints that `done` of `all` bytes are done, when a line is due.
    pub(crate) fn update(&self, done: u64, all: u64) {
        let Some(every) = self.every else { return };
        let took = self.start.elapsed();
        let due = self.printed.get().map_or(took >= Duration::from_secs(1), |printed| printed.elapsed() >= every);
        if !due || done == 0 {
            return;
        }
        self.printed.set(Some(Instant::now()));
        let rate = done as f64 / took.as_secs_f64();
        let left = all.saturating_sub(done) as f64 / rate;
        let percent = (done as f64 / all.max(1) as f64 * 100.0).floor();
        let line = format!("{}: {percent} % of {}, {}/s, {left:.0} s left", self.name, bytes(all), bytes(rate as u64));
        // Nobody minds when the progress cannot be shown.
        let _ = if self.terminal {
            write!(std::io::stderr(), "\r\x1b[K{line}")
        } else {
            writeln!(std::io::stderr(), "{line}")
        };
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal && self.printed.get().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
