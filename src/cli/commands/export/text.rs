//! The outcome of an export, for people: how much there is, what was left out, what to do next.

use std::{
    io::{self, Write},
    path::Path,
};

use etcdsnap::{
    bytes::escape,
    etcd::KeyValue,
    export::{Exporter, LeftOut, Made, Tally, Why, Written},
};

use crate::{
    commands::object::warn_unknown,
    render::{printable, shell},
};

/// Secrets that are named; more are counted.
const NAMED: usize = 10;

/// The first secrets that were left out, by name.
#[derive(Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Looks at what became of an object; reports at once what could not be read, or is not known in it.
    pub(super) fn note(&mut self, exporter: &Exporter<'_, '_>, kv: &KeyValue<'_>, made: &Result<Made, LeftOut>) {
        match made {
            Ok(made) => warn_unknown(&escape(kv.key), &made.unknown),
            Err(left_out) => match left_out.why {
                Why::Unreadable => say!("error: {}: {left_out}", exporter.called(kv.key)),
                Why::Secret if self.0.len() < NAMED => self.0.push(exporter.called(kv.key)),
                _ => {}
            },
        }
    }
}

/// Reports on stderr what a stream lacks.
pub(super) fn stream(tally: &Tally, secrets: &Secrets) {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = left_out(&mut text, tally, secrets, "note: ");
    String::from_utf8_lossy(&text).lines().for_each(|line| say!("{line}"));
    if tally.definitions {
        say!("note: custom resources are taken once their definitions are established: apply it twice");
    }
}

/// Reports what is in a folder, and what to do with it.
pub(super) fn folder(out: &mut impl Write, tally: &Tally, secrets: &Secrets, written: &Written) -> io::Result<()> {
    let name = |path: &Path| printable(path.display().to_string());
    writeln!(out, "export {}", name(&written.folder))?;
    writeln!(out, "  {:<11} {} objects", "exported", tally.exported)?;
    left_out(out, tally, secrets, "  ")?;
    writeln!(out, "  {:<11} {} (`sha256sum -c` reads it) names each", "manifest", name(&written.manifest))?;
    if let Some(doubt) = &written.doubt {
        writeln!(out, "  {:<11} {} says what is wrong with the backup", "doubt", name(doubt))?;
    }
    writeln!(out, "next")?;
    next(tally, &written.folder).into_iter().try_for_each(|line| writeln!(out, "  {}", printable(line)))
}

/// The commands that make a cluster take the folder.
fn next(tally: &Tally, folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let mut lines = Vec::new();
    if tally.definitions {
        // A CustomResourceDefinition is no use before it is established.
        let files = shell(format!("{folder}/*-customresourcedefinition-*"));
        lines.push(format!("kubectl apply -f {files}"));
        lines.push(format!("kubectl wait --for=condition=Established -f {files}"));
    }
    lines.push(format!("kubectl apply -f {}", shell(&folder)));
    if tally.namespaces && tally.pods {
        lines.push("and again if a Pod was refused: a new Namespace has its ServiceAccount after a moment".to_owned());
    }
    lines
}

fn left_out(out: &mut impl Write, tally: &Tally, secrets: &Secrets, before: &str) -> io::Result<()> {
    for (n, (why, count)) in tally.left_out.iter().enumerate() {
        writeln!(out, "{before}{:<11} {count} {why}", if n == 0 { "left out" } else { "" })?;
        if *why == Why::Secret {
            for name in &secrets.0 {
                writeln!(out, "{before}{:<11}   {name}", "")?;
            }
            let more = count.saturating_sub(secrets.0.len() as u64);
            if more > 0 {
                writeln!(out, "{before}{:<11}   and {more} more", "")?;
            }
        }
    }
    Ok(())
}
