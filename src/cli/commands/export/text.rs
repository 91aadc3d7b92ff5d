//! The outcome of an export, for people: how much there is, what was left out, what to do next.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
};

use etcdsnap::{
    bytes::counted,
    etcd::KeyValue,
    export::{Exporter, LeftOut, Made, Tally, Why, Written},
};

use crate::{commands::unknown::UnknownFields, render::printable};

/// Secrets and encrypted objects that are named; more are counted.
const NAMED: usize = 10;

/// The first secrets and encrypted objects that were left out, by name, and what is not known in the others.
#[derive(Default)]
pub(super) struct Secrets {
    names: BTreeMap<Why, Vec<String>>,
    unknown: UnknownFields,
}

impl Secrets {
    /// Looks at what became of an object; reports at once what could not be read, and in the end what is not known.
    pub(super) fn note(&mut self, exporter: &Exporter<'_, '_>, kv: &KeyValue<'_>, made: &Result<Made, LeftOut>) {
        match made {
            Ok(made) => self.unknown.note(kv.key, &made.unknown),
            Err(left_out) => match left_out.why {
                Why::Unreadable => say!("error: {}: {left_out}", exporter.called(kv.key)),
                Why::Secret | Why::Encrypted => {
                    let names = self.names.entry(left_out.why).or_default();
                    if names.len() < NAMED {
                        names.push(exporter.called(kv.key));
                    }
                }
                _ => {}
            },
        }
    }
}

/// What came of an export.
pub(super) struct Outcome<'r, 'v, 'a> {
    pub(super) exporter: &'r Exporter<'v, 'a>,
    pub(super) tally: &'r Tally<'a>,
    pub(super) secrets: &'r Secrets,
}

impl Outcome<'_, '_, '_> {
    fn changes(&self, out: &mut impl Write, before: &str) -> io::Result<()> {
        for (n, line) in self.tally.changed().iter().enumerate() {
            writeln!(out, "{before}{:<11} {line}", if n == 0 { "changed" } else { "" })?;
        }
        let count = self.tally.needs.len();
        if count > 0 {
            let (objects, are) = if count == 1 { ("object", "is") } else { ("objects", "are") };
            writeln!(out, "{before}{:<11} {count} {objects} that {are} not in the export", "needs")?;
            for need in self.tally.needs.iter().take(NAMED) {
                writeln!(out, "{before}{:<11}   {}", "", self.exporter.describe(need))?;
            }
            if count > NAMED {
                writeln!(out, "{before}{:<11}   and {} more", "", count.saturating_sub(NAMED))?;
            }
        }
        self.left_out(out, before)
    }

    fn left_out(&self, out: &mut impl Write, before: &str) -> io::Result<()> {
        for (n, (why, count)) in self.tally.left_out.iter().enumerate() {
            writeln!(out, "{before}{:<11} {count} {why}", if n == 0 { "left out" } else { "" })?;
            if let Some(names) = self.secrets.names.get(why) {
                for name in names {
                    writeln!(out, "{before}{:<11}   {name}", "")?;
                }
                let more = count.saturating_sub(names.len() as u64);
                if more > 0 {
                    writeln!(out, "{before}{:<11}   and {more} more", "")?;
                }
            }
        }
        Ok(())
    }
}

/// Reports on stderr what a stream lacks.
pub(super) fn stream(outcome: &Outcome<'_, '_, '_>) {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = outcome.changes(&mut text, "note: ");
    String::from_utf8_lossy(&text).lines().for_each(|line| say!("{line}"));
    if outcome.tally.definitions {
        say!("note: custom resources are refused until their definitions are established: apply it twice");
    }
}

/// Reports what is in a folder, and what to do with it.
pub(super) fn folder(out: &mut impl Write, outcome: &Outcome<'_, '_, '_>, written: &Written) -> io::Result<()> {
    let name = |path: &Path| printable(path.display().to_string());
    writeln!(out, "export {}", name(&written.folder))?;
    writeln!(out, "  {:<11} {}", "exported", counted(outcome.tally.exported, "object"))?;
    outcome.changes(out, "  ")?;
    writeln!(out, "  {:<11} {} (`sha256sum -c` reads it) lists each", "manifest", name(&written.manifest))?;
    if let Some(doubt) = &written.doubt {
        writeln!(out, "  {:<11} {} describes the damage of the backup", "doubt", name(doubt))?;
    }
    writeln!(out, "next")?;
    outcome.tally.next(&written.folder).0.iter().try_for_each(|step| writeln!(out, "  {step}"))
}
