//! The log's files, read as a stream.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use memchr::memrchr;

use super::{
    event::{DryRun, Event, Request},
    requests::{Collected, Requests},
    wanted::{Match, Wanted},
};
use crate::{Error, Result, bytes::file_name, k8s::Moment, ordered::ordered};

/// Bytes that one core reads at a time; a line may be longer.
const WINDOW: usize = 1 << 20;

/// Lines that are longer are not read: an API server takes requests of 3 MB at most.
const LONGEST: usize = 8 << 20;

/// How much of a log was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Lines that hold an event.
    pub events: u64,
    /// Lines that cannot be read: cut, too long, or something else.
    pub broken: u64,
    /// Whether the end of a file is cut.
    pub cut: bool,
    /// The times of the first and the last event.
    pub times: Option<(Moment, Moment)>,
}

impl Coverage {
    fn join(&mut self, other: &Self) {
        self.events = self.events.saturating_add(other.events);
        self.broken = self.broken.saturating_add(other.broken);
        self.cut |= other.cut;
        self.times = match (self.times, other.times) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (a, b) => a.or(b),
        };
    }
}

/// Reads the files of a log, JSON lines or these in gzip, in any order, and finds the requests of the wanted changes.
///
/// # Errors
/// When a file cannot be read.
pub fn read(files: &[impl AsRef<Path>], wanted: &Wanted) -> Result<(Requests, Coverage)> {
    let (mut collected, mut coverage) = (Collected::new(wanted), Coverage::default());
    for path in files {
        let path = path.as_ref();
        let wrong = |source| Error::io(file_name(path), "read", source);
        let mut input = BufReader::with_capacity(1 << 16, File::open(path).map_err(wrong)?);
        let is_gzip = input.fill_buf().map_err(wrong)?.starts_with(&[0x1f, 0x8b]);
        let input: Box<dyn Read + Send> = if is_gzip { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) };
        let failed = std::sync::Mutex::new(None);
        let done: std::result::Result<(), ()> = ordered(
            |give| {
                if let Err(error) = windows(input, give)
                    && let Ok(mut failed) = failed.lock()
                {
                    *failed = Some(error);
                }
            },
            |window: Window| parse(&window, wanted),
            |(found, more)| {
                coverage.join(&more);
                found.into_iter().for_each(|(matches, request)| collected.add(&matches, &request));
                Ok(())
            },
        );
        // nothing that is taken fails
        let _ = done;
        match failed.into_inner().ok().flatten() {
            // the end of a gzip file is missing
            Some(error) if is_gzip && error.kind() == io::ErrorKind::UnexpectedEof => coverage.cut = true,
            Some(error) => return Err(wrong(error)),
            None => {}
        }
    }
    Ok((collected.decided(wanted), coverage))
}

/// Whole lines, and how many were left out after them.
struct Window {
    lines: Vec<u8>,
    too_long: u64,
}

/// Gives the lines of the input in windows.
fn windows(mut input: impl Read, give: &mut dyn FnMut(Window) -> bool) -> io::Result<()> {
    let (mut held, mut skips) = (Vec::new(), false);
    loop {
        let read = input.by_ref().take(WINDOW as u64).read_to_end(&mut held);
        if skips {
            match memchr::memchr(b'\n', &held) {
                Some(end) => {
                    held.drain(..=end);
                    skips = false;
                }
                None => held.clear(),
            }
        }
        let is_end = !matches!(read, Ok(n) if n > 0);
        let end = if is_end { Some(held.len()) } else { memrchr(b'\n', &held).map(|at| at.saturating_add(1)) };
        let mut too_long = 0;
        let lines = match end {
            Some(end) => {
                let rest = held.split_off(end.min(held.len()));
                std::mem::replace(&mut held, rest)
            }
            None if held.len() > LONGEST => {
                held.clear();
                (skips, too_long) = (true, 1);
                Vec::new()
            }
            None => continue,
        };
        if (!lines.is_empty() || too_long > 0) && !give(Window { lines, too_long }) {
            return Ok(());
        }
        match read {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error),
        }
    }
}

/// A request, and the changes that it may have made, by their places.
type Suspect = (Vec<(usize, Match)>, Request);

/// What is found in some lines.
fn parse(window: &Window, wanted: &Wanted) -> (Vec<Suspect>, Coverage) {
    let (mut found, mut coverage) = (Vec::new(), Coverage { broken: window.too_long, ..Coverage::default() });
    let (is_cut, mut last_is_broken) = (!window.lines.ends_with(b"\n"), false);
    for line in window.lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        // serde takes a list for a struct, too
        let is_object = line.trim_ascii_start().starts_with(b"{");
        let Some(event) = serde_json::from_slice::<Event<'_>>(line).ok().filter(|_| is_object) else {
            coverage.broken = coverage.broken.saturating_add(1);
            last_is_broken = true;
            continue;
        };
        last_is_broken = false;
        let times = event.times();
        coverage.join(&Coverage { events: 1, times, ..Coverage::default() });
        if event.is_write() {
            let mut matches = wanted.matches(&event);
            if !matches.is_empty() {
                match event.dry_run(line) {
                    DryRun::No => {}
                    DryRun::Perhaps => matches.iter_mut().for_each(|(_, how)| *how = how.if_not_dry()),
                    DryRun::Yes => continue,
                }
                found.extend(event.request().map(|request| (matches, request)));
            }
        }
    }
    // a last line that can be read is whole
    coverage.cut = is_cut && last_is_broken;
    (found, coverage)
}
