//! A copy of a snapshot that may be shared: the same keys, revisions and sizes, without the secrets.

use std::{convert::Infallible, path::Path};

use serde::Serialize;

use super::{Done, Facts, Options, Plan, SaveJob, save};
use crate::{
    Findings, Result,
    bytes::{counted, size},
    error::{Advice, Call, Next},
    etcd::{
        Load, Snapshot,
        rewrite::{Items, Rewrite},
    },
    k8s::{Also, Counts, KnownNames, Redactor},
    publish::Watch,
    source::Source,
    verify::Checked,
};

/// A copy that was made.
#[derive(Debug)]
pub struct Redacted {
    /// The copy, and the report on the backup.
    pub done: Done,
    /// What was replaced in it.
    pub counts: Counts,
}

impl Rewrite for Redactor {
    fn record(&self, message: &[u8]) -> Option<Vec<u8>> {
        Self::record(self, message)
    }
}

/// Makes a copy of `source`, read as `load` asks for, without secrets and without what `also` names.
///
/// # Errors
/// Any error; then there is no file.
pub fn redact(source: &Source, load: &Load, also: Also, job: &SaveJob, watch: Watch<'_>) -> Result<Redacted> {
    job.recover()?;
    job.look()?;
    let mut names = KnownNames::default();
    if also.names {
        let snapshot = Snapshot::load(source, load)?;
        // what is wrong with the backup is found when it is copied
        let _: Result<(), Infallible> = snapshot.each_record(&mut Findings::default(), |record| {
            names.learn(record.kv.key);
            Ok(())
        });
    }
    let redactor = Redactor::new(also, &names)?;
    let wanted = Options::copy(None);
    let facts = Facts::gather(source, load, &wanted.carry)?;
    let mut plan = Plan::make(&facts, &wanted)?;
    plan.changes.rewrite = Some(&redactor);
    if !facts.users.is_empty() {
        let users: Items = facts.users.iter().map(|(name, user)| (name.clone(), redactor.user(user))).collect();
        plan.state = plan.state.with_bucket("authUsers", &users);
        plan.changes.buckets.insert("authUsers", users);
    }
    let done = save(source, &plan, job, watch)?;
    Ok(Redacted { done, counts: redactor.counts() })
}

impl Redacted {
    /// What was done, in lines for people, each with the name of what it is about; `also` is what was asked for.
    #[must_use]
    pub fn lines(&self, to: &str, also: Also) -> Vec<(&'static str, String)> {
        let mut lines = vec![("checked", self.done.report.in_words())];
        for (what, count, bytes) in self.counts.each() {
            let name = if lines.len() == 1 { "replaced" } else { "" };
            lines.push((name, format!("{}, {}", what.counted(count), size(bytes))));
        }
        if lines.len() == 1 {
            lines.push(("replaced", "nothing: no secret is in it".to_owned()));
        }
        let Also { configmaps, env, annotations, names } = also;
        let kept = [(configmaps, "ConfigMaps"), (env, "environment variables"), (annotations, "annotations")];
        let kept: Vec<_> = kept.into_iter().filter(|(replaced, _)| !replaced).map(|(_, name)| name).collect();
        let names = match names {
            true => "names of kinds, labels and containers, names that Kubernetes itself uses",
            false => "names",
        };
        let kept = [&kept[..], &["custom resources", "arguments of containers", names]].concat();
        lines.push(("kept", kept.join(", ")));
        let other = self.counts.kept_not_of_kubernetes();
        if other > 0 {
            lines.push(("", format!("{} of keys that are not of Kubernetes", counted(other, "value"))));
        }
        if self.counts.kept_names() > 0 {
            let what = counted(self.counts.kept_names(), "name");
            lines.push(("", format!("{what}: no other name of the same length was found")));
        }
        let restored = self.done.restored;
        let (total, hash) = (size(restored.total_size), restored.hash);
        let keys = counted(restored.total_key, "key");
        let what = format!("{to}: revision {}, {keys}, {total}", restored.revision);
        lines.push(("written", format!("{what}, status hash {hash:x}")));
        lines
    }

    /// What to check before the copy at `to` is shared: a word that must not be in it, and what `also` did not replace.
    #[must_use]
    pub fn checks(to: &Path, also: Also) -> Vec<Advice> {
        let Also { configmaps, env, annotations, names } = also;
        let grep = Call::new("etcdsnap grep -F WORD").arg(to).arg("--all-revisions");
        let mut checks = vec![grep.that("must find nothing: try names, passwords and addresses of yours as WORD")];
        let values = [(configmaps, "configmaps"), (env, "env"), (annotations, "annotations"), (names, "names")];
        let unused: Vec<_> = values.into_iter().filter(|(used, _)| !used).map(|(_, name)| name).collect();
        if !unused.is_empty() {
            checks.push(format!("--also {} replaces these, too", unused.join(",")).into());
        }
        checks
    }

    /// The document that `redact -o json` prints; `next` are the steps after it.
    #[must_use]
    pub fn document(&self, next: Next) -> impl Serialize + '_ {
        Document {
            source: self.done.report.checked(),
            replaced: &self.counts,
            kept_not_of_kubernetes: self.counts.kept_not_of_kubernetes(),
            written: &self.done,
            next,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'d> {
    source: Checked<'d>,
    replaced: &'d Counts,
    kept_not_of_kubernetes: u64,
    written: &'d Done,
    #[serde(flatten)]
    next: Next,
}
