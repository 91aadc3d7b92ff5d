//! Export of many objects: converted on all cores, written in order.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

use super::{Change, Exported, Exporter, Folder, LeftOut, Need, Needs, Reference, Why, file_name, folder::Note};
use crate::{
    Error, Result,
    etcd::{KeyValue, Load},
    hash::{Sha256, hex},
    k8s::Unknown,
    objects::Form,
    ordered::ordered_items,
    source::Source,
    verify::{Report, verify},
};

/// An exported object as text.
#[derive(Debug)]
pub struct Made {
    /// The object's kind in lower case, namespace and name.
    pub name: [String; 3],
    /// The object's text.
    pub text: Vec<u8>,
    /// The object's unknown fields.
    pub unknown: Vec<Unknown>,
    /// The changes, besides the fields that are stripped from every object.
    pub changes: Vec<Change>,
    /// The other objects that the object refers to.
    needs: Vec<Reference>,
    /// SHA-256 of the text as hex, for MANIFEST; empty where there is none.
    sum: String,
}

impl Made {
    fn new(exported: Exported<'_>, form: Form) -> Self {
        let Exported { object, changes, needs } = exported;
        let name = [object.kind().to_lowercase(), object.namespace().to_owned(), object.name().to_owned()];
        let mut text = Vec::new();
        form.item(&mut text, &object.value);
        Self { name, text, unknown: object.unknown, changes, needs, sum: String::new() }
    }

    fn summed(self) -> Self {
        let mut sum = Sha256::default();
        sum.update(&self.text);
        Self { sum: hex(&sum.finish()), ..self }
    }
}

/// Counts of exported objects, and of those that were left out.
#[derive(Debug, Default)]
pub struct Tally<'a> {
    /// Objects that were exported.
    pub exported: u64,
    /// Objects that were left out, by reason.
    pub left_out: BTreeMap<Why, u64>,
    /// Whether there are CustomResourceDefinitions among those exported.
    pub definitions: bool,
    /// Whether there are Namespaces.
    pub namespaces: bool,
    /// Whether there are Pods.
    pub pods: bool,
    /// Objects whose version was changed, by the stored and the exported one.
    pub versions: BTreeMap<(String, String), u64>,
    /// Objects that are exported though they were being deleted.
    pub deleted: u64,
    /// Objects that an apply with `--server-side` refuses.
    pub named_twice: u64,
    /// Custom resources that lack fields which their definitions do not have.
    pub pruned: u64,
    /// Objects that are exported in a version that no cluster serves by default.
    pub not_served: u64,
    /// The objects that exported ones need and the export does not hold, in key order.
    pub needs: Vec<Need>,
    /// The references of the exported objects.
    named: Needs<'a>,
}

impl<'a> Tally<'a> {
    fn count(&mut self, key: &'a [u8], result: &mut Result<Made, LeftOut>) {
        match result {
            Ok(Made { name: [kind, ..], changes, needs, .. }) => {
                self.exported = self.exported.saturating_add(1);
                self.named.note(key, std::mem::take(needs));
                for change in changes {
                    let count = match change {
                        Change::Version { stored, exported } => {
                            self.versions.entry((stored.clone(), exported.clone())).or_default()
                        }
                        Change::Deleted(_) => &mut self.deleted,
                        Change::NamedTwice(_) => &mut self.named_twice,
                        Change::Pruned(_) => &mut self.pruned,
                        Change::NotServed(_) => &mut self.not_served,
                    };
                    *count = count.saturating_add(1);
                }
                self.definitions |= kind == "customresourcedefinition";
                self.namespaces |= kind == "namespace";
                self.pods |= kind == "pod";
            }
            Err(left_out) => {
                let count = self.left_out.entry(left_out.why).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    /// Checks that at least one object was exported.
    ///
    /// # Errors
    /// When no object was exported; the message has the reasons.
    pub fn check(&self) -> Result<()> {
        if self.exported > 0 {
            return Ok(());
        }
        let reasons: Vec<_> = self.left_out.iter().map(|(why, count)| format!("{count} {why}")).collect();
        let what = match reasons.as_slice() {
            [] => "there is no such object".to_owned(),
            reasons => format!("every object is left out: {}", reasons.join(", ")),
        };
        let sealed = self.left_out.contains_key(&Why::Encrypted);
        let keys = if sealed { ", and --encryption-config opens what is encrypted" } else { "" };
        let hint = (!reasons.is_empty())
            .then(|| format!("--all exports everything except secrets; --reveal exports those too{keys}"));
        Err(Error::not_found(format!("nothing to export: {what}")).hinted_if(hint))
    }
}

/// Progress of writing a folder, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Objects are being written: bytes of the stored values.
    Writing {
        /// Bytes done.
        done: u64,
        /// Bytes in total.
        all: u64,
    },
    /// The backup is being verified: bytes of the db.
    Verifying {
        /// Bytes done.
        done: u64,
        /// Bytes in total.
        all: u64,
    },
}

impl<'a> Exporter<'_, 'a> {
    /// Exports the objects of `found` on all cores, and calls `each` in order with each one, or the reason why it is
    /// left out.
    ///
    /// # Errors
    /// Errors of `each`.
    pub fn each<E>(
        &self,
        found: &[KeyValue<'a>],
        form: Form,
        tally: &mut Tally<'a>,
        mut each: impl FnMut(&KeyValue<'a>, Result<Made, LeftOut>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.windows(
            found,
            |exported| Made::new(exported, form),
            |window| {
                window.into_iter().try_for_each(|(kv, mut made)| {
                    tally.count(kv.key, &mut made);
                    each(&kv, made)
                })
            },
        )?;
        tally.needs = std::mem::take(&mut tally.named).list(|key, must| self.lack(key, must));
        Ok(())
    }

    /// As [`Exporter::each`], and verifies the backup of the objects at the same time.
    ///
    /// # Errors
    /// Errors of `each` and `watch`, and when the backup cannot be read.
    pub fn stream<E: From<Error>>(
        &self,
        (found, form): (&[KeyValue<'a>], Form),
        input: (&Source, &Load),
        tally: &mut Tally<'a>,
        each: impl FnMut(&KeyValue<'a>, Result<Made, LeftOut>) -> Result<(), E>,
        watch: impl FnMut(Stage) -> Result<()>,
    ) -> Result<Report, E> {
        verify_beside(input, watch, |_| self.each(found, form, tally, each))
    }

    /// Writes the objects of `found` into a folder, and verifies their backup at the same time. `each` receives the
    /// result for each object; `watch` receives the progress, and may stop the work with an error.
    ///
    /// # Errors
    /// When a file cannot be written, nothing is exported, or the backup cannot be read.
    pub fn fill(
        &self,
        folder: &mut Folder,
        (found, form): (&[KeyValue<'a>], Form),
        (source, load): (&Source, &Load),
        tally: &mut Tally<'a>,
        mut each: impl FnMut(&KeyValue<'a>, &Result<Made, LeftOut>),
        watch: impl FnMut(Stage) -> Result<()>,
    ) -> Result<Report> {
        verify_beside((source, load), watch, |watch| {
            let width = found.len().to_string().len().max(4);
            let ending = if form == Form::Yaml { "yaml" } else { "json" };
            let all = found.iter().fold(0, |all: u64, kv| all.saturating_add(kv.value.len() as u64));
            let mut done = 0_u64;
            self.windows(
                found,
                |exported| Made::new(exported, form).summed(),
                |window| {
                    for (kv, mut made) in window {
                        tally.count(kv.key, &mut made);
                        each(&kv, &made);
                        done = done.saturating_add(kv.value.len() as u64);
                        match made {
                            Ok(Made { name, text, sum, changes, .. }) => {
                                for change in changes {
                                    folder.note(Note::Changed, &format!("{}: {change}", self.called(kv.key)))?;
                                }
                                let name = name.each_ref().map(String::as_str);
                                let name = file_name(tally.exported as usize, width, &name, ending);
                                folder.write(&name, &text, &sum)?;
                            }
                            Err(left_out) => {
                                folder.note(Note::LeftOut, &format!("{}: {left_out}", self.called(kv.key)))?;
                            }
                        }
                    }
                    watch(Stage::Writing { done, all })
                },
            )?;
            tally.check()?;
            tally.needs = std::mem::take(&mut tally.named).list(|key, must| self.lack(key, must));
            tally.needs.iter().try_for_each(|need| folder.note(Note::Needs, &self.describe(need)))
        })
    }

    fn windows<E>(
        &self,
        found: &[KeyValue<'a>],
        make: impl Fn(Exported<'_>) -> Made + Sync,
        each: impl FnMut(Vec<(KeyValue<'a>, Result<Made, LeftOut>)>) -> Result<(), E>,
    ) -> Result<(), E> {
        let make = |kv: &KeyValue<'a>| (*kv, self.object(kv).map(&make));
        ordered_items(
            found.iter(),
            |kv| kv.value.len().saturating_add(kv.key.len()),
            |window| window.into_iter().map(make).collect(),
            each,
        )
    }
}

/// Verifies a backup while `work` is done. `watch` is given to the work, and receives how far the verification is after
/// it.
fn verify_beside<W: FnMut(Stage) -> Result<()>, E: From<Error>>(
    (source, load): (&Source, &Load),
    mut watch: W,
    work: impl FnOnce(&mut W) -> Result<(), E>,
) -> Result<Report, E> {
    let checked = AtomicU64::new(0);
    thread::scope(|scope| {
        let checks = scope.spawn(|| verify(source, load, |done| checked.store(done, Relaxed)));
        work(&mut watch)?;
        while !checks.is_finished() {
            watch(Stage::Verifying { done: checked.load(Relaxed), all: source.db().len() })?;
            thread::sleep(Duration::from_millis(10));
        }
        Ok(checks.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?)
    })
}
