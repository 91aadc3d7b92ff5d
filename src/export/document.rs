//! The outcome of an export: what was changed, what to do next, and all of it as a JSON document.

use std::path::Path;

use serde::Serialize;

use super::{
    exporter::{Exporter, Who},
    folder::Written,
    left_out::Why,
    needs::{Lack, Need},
    work::Tally,
};
use crate::error::{Advice, Call, Next};

/// What was exported, changed and left out, and what is needed besides.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    folder: String,
    exported: u64,
    changed: Vec<String>,
    needs: Vec<Needed>,
    left_out: Vec<Counted>,
    manifest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    doubt: Option<String>,
    #[serde(flatten)]
    next: Next,
}

/// An object that is needed and was not exported.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Needed {
    #[serde(flatten)]
    object: Who,
    needed_by: Who,
    count: u64,
    in_backup: bool,
    why: String,
}

/// So many objects, and why.
#[derive(Debug, Serialize)]
struct Counted {
    why: String,
    count: u64,
}

impl Tally<'_> {
    /// What was changed in some objects and their readers have to know, in lines.
    #[must_use]
    pub fn changed(&self) -> Vec<String> {
        let of = |count| format!("{count} object{}", if count == 1 { "" } else { "s" });
        let versions = self.versions.iter();
        let mut lines: Vec<_> = versions
            .map(|((stored, exported), count)| format!("{} stored as {stored}, exported as {exported}", of(*count)))
            .collect();
        let mut more = |count, what| lines.extend((count > 0).then(|| format!("{} {what}", of(count))));
        more(self.deleted, "being deleted, exported without deletionTimestamp and finalizers");
        more(self.pruned, "exported without fields that their definitions do not have");
        more(self.named_twice, "to apply without --server-side, as a list names an item twice");
        more(self.not_served, "exported in a version that no cluster serves by default");
        lines
    }

    /// The steps that make a cluster take the folder.
    #[must_use]
    pub fn next(&self, folder: &Path) -> Next {
        let mut steps: Vec<Advice> = Vec::new();
        let apply = Call::new("kubectl apply --server-side -f");
        // objects over 256 KiB do not fit into the annotation that apply without --server-side makes
        if self.definitions {
            // A CustomResourceDefinition is no use before it is established.
            let files = folder.join("*-customresourcedefinition-*");
            steps.push(apply.clone().arg(&files).into());
            steps.push(Call::new("kubectl wait --for=condition=Established -f").arg(&files).into());
        }
        steps.push(apply.arg(folder).into());
        if self.namespaces && self.pods {
            steps.push(
                "run it again if a Pod was refused: a new Namespace gets its ServiceAccount after a moment".into(),
            );
        }
        Next(steps)
    }
}

impl Exporter<'_, '_> {
    /// The document of the folder that was written.
    #[must_use]
    pub fn document(&self, tally: &Tally<'_>, written: &Written) -> Document {
        let name = |path: &Path| path.display().to_string();
        let needed = |need: &Need| Needed {
            object: self.who(&need.key),
            needed_by: self.who(&need.by),
            count: need.count,
            in_backup: need.lack != Lack::Absent,
            why: need.lack.to_string(),
        };
        let counted = |(why, count): (&Why, &u64)| Counted { why: why.to_string(), count: *count };
        Document {
            folder: name(&written.folder),
            exported: tally.exported,
            changed: tally.changed(),
            needs: tally.needs.iter().map(needed).collect(),
            left_out: tally.left_out.iter().map(counted).collect(),
            manifest: name(&written.manifest),
            doubt: written.doubt.as_deref().map(name),
            next: tally.next(&written.folder),
        }
    }
}
