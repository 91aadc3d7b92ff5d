//! Objects on their way out: made on all cores, a wave at a time, and written in order.

use std::{
    io::Write as _,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

use etcdsnap::{
    Error,
    bytes::escape,
    etcd::{KeyValue, Load},
    export::{Exporter, Folder, Written, file_name},
    k8s::{Object, json, yaml},
    source::Source,
    verify::verify,
};
use rayon::prelude::*;

use super::{super::get::tell_unknown, Output, tally::Tally};
use crate::{
    failure::{Exit, Failure},
    render::Progress,
    session::{Session, arguments, stop_at_signal},
};

/// So many bytes of stored values are made into objects at once.
const WAVE: usize = 1 << 20;

/// An export.
pub(super) struct Work<'v, 'a> {
    exporter: Exporter<'v, 'a>,
    output: Output,
    /// What has come of it.
    pub(super) tally: Tally,
}

/// An object as text, and what it is.
struct Made {
    name: [String; 3],
    text: Vec<u8>,
}

impl<'v, 'a> Work<'v, 'a> {
    pub(super) fn new(exporter: Exporter<'v, 'a>, output: Output) -> Self {
        Self { exporter, output, tally: Tally::default() }
    }

    /// Writes one document after the other.
    pub(super) fn stream(&mut self, session: &mut Session, found: &[KeyValue<'a>]) -> Result<(), Failure> {
        for wave in waves(found) {
            for made in self.make(wave, |_| Ok(()))? {
                session.out.write_all(if self.output == Output::Yaml { b"---\n" } else { b"" })?;
                session.out.write_all(&made.text)?;
            }
        }
        if self.tally.is_empty() { Err(self.tally.nothing().into()) } else { Ok(()) }
    }

    /// Writes the files, and looks besides whether the backup is good. ^C ends it and leaves nothing behind.
    pub(super) fn folder(
        &mut self,
        session: &mut Session,
        (source, load): (&Source, &Load),
        found: &[KeyValue<'a>],
        to: &Path,
        about: &str,
    ) -> Result<(Written, Exit), Failure> {
        let stop = stop_at_signal();
        let go_on = || if stop.load(Relaxed) { Err(Error::Interrupted) } else { Ok(()) };
        let checked = AtomicU64::new(0);
        let (folder, report) = thread::scope(|scope| {
            let checks = scope.spawn(|| verify(source, load, |done| checked.store(done, Relaxed)));
            let folder = self.files(session.progress(source), found, Folder::create(to, about)?, &go_on)?;
            let progress = session.progress(source);
            while !checks.is_finished() {
                go_on()?;
                progress.tell(checked.load(Relaxed), source.db().len());
                thread::sleep(Duration::from_millis(10));
            }
            let report = checks.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok::<_, Failure>((folder, report))
        })?;
        let exit = session.close(source, &report.findings)?;
        go_on()?;
        let written = folder.publish(report.doubt(&arguments()).as_ref())?;
        session.wrote(std::slice::from_ref(&written.manifest))?;
        Ok((written, exit))
    }

    /// Writes the files into the staging.
    fn files(
        &mut self,
        progress: Progress,
        found: &[KeyValue<'a>],
        mut folder: Folder,
        go_on: &impl Fn() -> Result<(), Error>,
    ) -> Result<Folder, Failure> {
        let width = found.len().to_string().len().max(4);
        let ending = if self.output == Output::Yaml { "yaml" } else { "json" };
        let all = size(found);
        let (mut number, mut done) = (0_usize, 0_u64);
        for wave in waves(found) {
            go_on()?;
            let mut files = Vec::new();
            for made in self.make(wave, |line| folder.leave_out(&line))? {
                number = number.saturating_add(1);
                let name = made.name.each_ref().map(String::as_str);
                files.push((file_name(number, width, &name, ending), made.text));
            }
            folder.write(&files)?;
            done = done.saturating_add(size(wave));
            progress.tell(done, all);
        }
        if number == 0 {
            return Err(self.tally.nothing().into());
        }
        Ok(folder)
    }

    /// Makes the objects of a wave; each that is left out is noted, in words.
    fn make(
        &mut self,
        wave: &[KeyValue<'a>],
        mut note: impl FnMut(String) -> Result<(), Error>,
    ) -> Result<Vec<Made>, Error> {
        let (exporter, output) = (&self.exporter, self.output);
        let made = wave.par_iter().map(|kv| {
            exporter.object(kv).map(|object| {
                let name = [object.kind().to_lowercase(), object.namespace().to_owned(), object.name().to_owned()];
                let text = text(&object, output);
                (object.unknown, Made { name, text })
            })
        });
        let made: Vec<_> = made.collect();
        let mut objects = Vec::new();
        for (kv, made) in wave.iter().zip(made) {
            match made {
                Ok((unknown, made)) => {
                    tell_unknown(&escape(kv.key), &unknown);
                    self.tally.exported(&made.name);
                    objects.push(made);
                }
                Err(left_out) => {
                    let called = self.exporter.called(kv.key);
                    note(format!("{called}: {left_out}"))?;
                    self.tally.left_out(&left_out, called);
                }
            }
        }
        Ok(objects)
    }
}

fn text(object: &Object<'_>, output: Output) -> Vec<u8> {
    let mut text = Vec::new();
    match output {
        Output::Yaml => yaml::write(&mut text, &object.value),
        Output::Json => {
            json::pretty(&mut text, &object.value, 0);
            text.push(b'\n');
        }
    }
    text
}

fn size(found: &[KeyValue<'_>]) -> u64 {
    found.iter().fold(0, |all: u64, kv| all.saturating_add(kv.value.len() as u64))
}

/// So many at once as have [`WAVE`] bytes together, and one at least.
fn waves<'f, 'a>(mut found: &'f [KeyValue<'a>]) -> impl Iterator<Item = &'f [KeyValue<'a>]> {
    std::iter::from_fn(move || {
        let mut bytes = 0_usize;
        let fits = |kv: &KeyValue<'_>| {
            bytes = bytes.saturating_add(kv.value.len()).saturating_add(kv.key.len());
            bytes <= WAVE
        };
        let n = found.iter().map(fits).take_while(|fits| *fits).count().max(1);
        let (wave, rest) = found.split_at_checked(n)?;
        found = rest;
        Some(wave)
    })
}
