//! What has come of an export, told for people: how much there is, what was left out, what to do next.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
};

use etcdsnap::{
    Error,
    export::{LeftOut, Why, Written},
};

use crate::{
    failure::Exit,
    render::{printable, shell},
};

/// So many secrets are told by name.
const TOLD: usize = 10;

/// How many objects were exported and left out.
#[derive(Default)]
pub(super) struct Tally {
    exported: u64,
    left_out: BTreeMap<Why, u64>,
    /// The first that nobody asked to see.
    secrets: Vec<String>,
    definitions: bool,
    namespaces: bool,
    pods: bool,
}

impl Tally {
    /// Counts an object: its kind in small letters, namespace and name.
    pub(super) fn exported(&mut self, [kind, ..]: &[String; 3]) {
        self.exported = self.exported.saturating_add(1);
        self.definitions |= kind == "customresourcedefinition";
        self.namespaces |= kind == "namespace";
        self.pods |= kind == "pod";
    }

    /// Counts one that is not; tells it when it should have been.
    pub(super) fn left_out(&mut self, left_out: &LeftOut, called: String) {
        let count = self.left_out.entry(left_out.why).or_default();
        *count = count.saturating_add(1);
        match left_out.why {
            Why::Unreadable => eprintln!("error: {called}: {left_out}"),
            Why::Secret if self.secrets.len() < TOLD => self.secrets.push(called),
            _ => {}
        }
    }

    /// Whether all could be read.
    pub(super) fn exit(&self) -> Exit {
        if self.left_out.contains_key(&Why::Unreadable) { Exit::Content } else { Exit::Good }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exported == 0
    }

    /// Why there is nothing.
    pub(super) fn nothing(&self) -> Error {
        let reasons: Vec<_> = self.left_out.iter().map(|(why, count)| format!("{count} {why}")).collect();
        let what = match reasons.as_slice() {
            [] => "there is no such object".to_owned(),
            reasons => format!("all is left out: {}", reasons.join(", ")),
        };
        let hint =
            (!reasons.is_empty()).then_some("--all leaves out nothing but what is secret, --reveal that neither");
        Error::not_found(format!("nothing to export: {what}")).hinted_if(hint.map(str::to_owned))
    }

    /// Tells what is missing in a stream, on stderr.
    pub(super) fn tell_stream(&self) {
        let mut err = io::stderr();
        // Nobody minds when it cannot be told.
        let _ = self.tell(&mut err, "note: ");
        if self.definitions {
            let _ = writeln!(
                err,
                "note: custom resources are taken once their definitions are established: apply it twice"
            );
        }
    }

    /// Tells what is in a folder, and what to do with it.
    pub(super) fn tell_folder(&self, out: &mut impl Write, written: &Written) -> io::Result<()> {
        let name = |path: &Path| printable(path.display().to_string());
        writeln!(out, "export {}", name(&written.folder))?;
        writeln!(out, "  {:<11} {} objects", "exported", self.exported)?;
        self.tell(out, "  ")?;
        writeln!(out, "  {:<11} {} (`sha256sum -c` reads it) names each", "manifest", name(&written.manifest))?;
        if let Some(doubt) = &written.doubt {
            writeln!(out, "  {:<11} {} says what is wrong with the backup", "doubt", name(doubt))?;
        }
        writeln!(out, "next")?;
        for line in self.next(&written.folder) {
            writeln!(out, "  {}", printable(line))?;
        }
        Ok(())
    }

    /// What makes a cluster take the folder.
    fn next(&self, folder: &Path) -> Vec<String> {
        let folder = folder.display().to_string();
        let mut lines = Vec::new();
        if self.definitions {
            // A CustomResourceDefinition is no use before it is established.
            let files = shell(format!("{folder}/*-customresourcedefinition-*"));
            lines.push(format!("kubectl apply -f {files}"));
            lines.push(format!("kubectl wait --for=condition=Established -f {files}"));
        }
        lines.push(format!("kubectl apply -f {}", shell(&folder)));
        if self.namespaces && self.pods {
            lines.push(
                "and again if a Pod was refused: a new Namespace has its ServiceAccount after a moment".to_owned(),
            );
        }
        lines
    }

    fn tell(&self, out: &mut impl Write, before: &str) -> io::Result<()> {
        for (n, (why, count)) in self.left_out.iter().enumerate() {
            writeln!(out, "{before}{:<11} {count} {why}", if n == 0 { "left out" } else { "" })?;
            if *why == Why::Secret {
                for name in &self.secrets {
                    writeln!(out, "{before}{:<11}   {name}", "")?;
                }
                let more = count.saturating_sub(self.secrets.len() as u64);
                if more > 0 {
                    writeln!(out, "{before}{:<11}   and {more} more", "")?;
                }
            }
        }
        Ok(())
    }
}
