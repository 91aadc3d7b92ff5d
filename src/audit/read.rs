//! The log's files, read as a stream.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use memchr::memrchr;

use super::{
    cover::Cover,
    event::{DryRun, Event, Request},
    requests::{Collected, Requests},
    wanted::{Match, Wanted},
};
use crate::{Error, Result, bytes::file_name, k8s::Moment, ordered::ordered, source::Gzip};

/// Bytes that one core reads at a time; a line may be longer.
const WINDOW: usize = 1 << 20;

/// Lines that are longer are not read: an API server takes requests of 3 MB at most.
const LONGEST: usize = 8 << 20;

/// How much of a log was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Lines that hold an event.
    pub events: u64,
    /// Lines that cannot be read: cut, too long, or something else.
    pub broken: u64,
    /// Whether the end of a file is cut.
    pub cut: bool,
    /// The gzip files that could not be read to their end.
    pub stopped: Vec<Stopped>,
    /// The times at which the first and the last event were written.
    pub times: Option<(Moment, Moment)>,
}

/// A gzip file of which only a part could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The name of the file.
    pub file: String,
    /// Whether the rest is missing; else it is damaged, and what was read may be wrong, too.
    pub is_cut: bool,
    /// The number of events that were read.
    pub events: u64,
    /// The time of the last event that was read.
    pub until: Option<Moment>,
}

impl Coverage {
    fn join(&mut self, other: &Self) {
        self.events = self.events.saturating_add(other.events);
        self.broken = self.broken.saturating_add(other.broken);
        self.cut |= other.cut;
        self.stopped.extend_from_slice(&other.stopped);
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
    let (mut collected, mut all, mut times) = (Collected::new(wanted), Coverage::default(), Vec::new());
    for path in files {
        let path = path.as_ref();
        let wrong = |source| Error::io(file_name(path), "read", source);
        let mut input = BufReader::with_capacity(1 << 16, File::open(path).map_err(wrong)?);
        let is_gzip = input.fill_buf().map_err(wrong)?.starts_with(&[0x1f, 0x8b]);
        let input: Box<dyn Read + Send> = if is_gzip { Box::new(Gzip::new(input)) } else { Box::new(input) };
        let (failed, mut coverage) = (std::sync::Mutex::new(None), Coverage::default());
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
            // not of the system: the content is no whole gzip file
            Some(error) if is_gzip && error.raw_os_error().is_none() => {
                let is_cut = error.kind() == io::ErrorKind::UnexpectedEof;
                let (events, until) = (coverage.events, coverage.times.map(|(_, last)| last));
                coverage.stopped.push(Stopped { file: file_name(path), is_cut, events, until });
            }
            Some(error) => return Err(wrong(error)),
            None => {}
        }
        times.extend(coverage.times);
        all.join(&coverage);
    }
    Ok((collected.decided(wanted, &Cover::of(times)), all))
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
        last_is_broken = !is_object
            || !add(line, wanted, &mut found, &mut coverage) && !add_list(line, wanted, &mut found, &mut coverage);
        coverage.broken = coverage.broken.saturating_add(last_is_broken.into());
    }
    // a last line that can be read is whole
    coverage.cut = is_cut && last_is_broken;
    (found, coverage)
}

/// Adds the event in a line; `false` where it holds none.
fn add(line: &[u8], wanted: &Wanted, found: &mut Vec<Suspect>, coverage: &mut Coverage) -> bool {
    let Some(event) = serde_json::from_slice::<Event<'_>>(line).ok().filter(Event::is_event) else { return false };
    // a watch that ends after the log begins was received long before
    let times = event.times().map(|(_, written)| (written, written));
    coverage.join(&Coverage { events: 1, times, ..Coverage::default() });
    if !event.is_write() {
        return true;
    }
    let mut matches = wanted.matches(&event);
    let dry_run = if matches.is_empty() { DryRun::Yes } else { event.dry_run(line) };
    if dry_run != DryRun::Yes {
        if dry_run == DryRun::Perhaps || event.has_failed() {
            matches.iter_mut().for_each(|(_, how)| *how = how.perhaps());
        }
        found.extend(event.request().map(|request| (matches, request)));
    }
    true
}

/// The form of a batch, as a webhook gets one: the kind `EventList`.
#[derive(serde::Deserialize)]
struct List {
    items: Vec<serde_json::Value>,
}

/// Adds the events of a list in a line; `false` where it is none, or holds something else.
fn add_list(line: &[u8], wanted: &Wanted, found: &mut Vec<Suspect>, coverage: &mut Coverage) -> bool {
    let Ok(List { items }) = serde_json::from_slice(line) else { return false };
    let events = items.iter().filter(|item| add(item.to_string().as_bytes(), wanted, found, coverage)).count();
    events == items.len()
}
