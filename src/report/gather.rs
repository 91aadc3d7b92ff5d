//! The parts of the report, put together.

use super::{
    Changes, Listed, Part, Report, Sum,
    names::{shown, shown_key},
};
use crate::{
    Finding,
    analyze::{Analysis, Top},
    bytes::{counted, printable, size},
    k8s::Mask,
    objects::Cluster,
    verify,
};

impl Report {
    /// Puts the parts together. The groups of `analysis` are by kind and namespace.
    #[must_use]
    pub fn of(
        checked: &verify::Report,
        analysis: &Analysis,
        changes: Changes,
        cluster: &Cluster<'_>,
        mask: &Mask,
    ) -> Self {
        let name = |top: &Top| Top { name: printable(shown(&top.name, cluster, mask)), ..top.clone() };
        let groups = analysis.groups.iter().map(|group| {
            let (kind, namespace) = group.name.split_once('\t').unwrap_or((&group.name, "-"));
            Sum {
                kind: printable(kind.to_owned()),
                namespace: printable(namespace.to_owned()),
                keys: group.keys,
                live: group.live,
                old: group.old,
                tombstones: group.tombstones,
                managed_fields: group.managed_fields,
                last_applied: group.last_applied,
            }
        });
        let findings = checked.findings.list().iter().map(|finding| {
            let finding = Finding { key: finding.key.as_ref().map(|key| shown_key(key, mask)), ..finding.clone() };
            let hint = finding.hint.as_ref().map(ToString::to_string).unwrap_or_default();
            [finding.severity.to_string(), finding.code.to_string(), finding.to_string(), hint].map(printable)
        });
        let printed = |(revision, time, verb, object, namespace, program, within): Listed| {
            let [verb, object, namespace, program] = [verb, object, namespace, program].map(printable);
            (revision, time, verb, object, namespace, program, within)
        };
        let verdict = checked.verdict().map_or_else(|| "unread".to_owned(), |verdict| verdict.to_string());
        let words = checked.in_words();
        // the verdict is before them
        let words = words.strip_prefix(&format!("{verdict}: ")).map_or(words.clone(), str::to_owned);
        Self {
            path: printable(analysis.path.clone()),
            verdict,
            words: printable(words),
            summary: summary(checked, analysis),
            space: analysis.bytes.parts().map(|(name, bytes)| Part { name, bytes }).into(),
            groups: groups.collect(),
            biggest: analysis.biggest.iter().map(name).collect(),
            most_revisions: analysis.most_revisions.iter().filter(|top| top.records > 1).map(name).collect(),
            findings: findings.collect(),
            minutes: changes.minutes,
            changes: changes.last.into_iter().map(printed).collect(),
            notes: notes(analysis).into_iter().chain(changes.note).collect(),
        }
    }
}

fn summary(checked: &verify::Report, analysis: &Analysis) -> Vec<(String, String)> {
    let or_dash = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned());
    let starts = checked.starts_on.iter().filter(|(_, startup)| startup.ok == Some(true));
    let starts: Vec<_> = starts.map(|(etcd, _)| etcd.to_string()).collect();
    let space = &analysis.bytes;
    let gives = &analysis.gives_back;
    let sealed = analysis.encryption.keys.values().fold(0_u64, |sum, n| sum.saturating_add(*n));
    let plain = analysis.encryption.free_pages.kinds.get("Secret").copied().unwrap_or_default();
    [
        ("newest time", or_dash(checked.portrait.newest.time.map(|time| time.to_string()))),
        ("revision", analysis.revision.to_string()),
        ("compacted at", analysis.compact_revision.to_string()),
        ("keys", analysis.all.keys.to_string()),
        ("size", size(space.total)),
        ("etcd", or_dash(checked.version.clone())),
        ("starts on", or_dash(Some(starts.join(" ")))),
        ("trailer", checked.trailer.to_string()),
        ("cluster", or_dash(analysis.identity.clone())),
        ("live", size(space.live)),
        ("old revisions", size(space.old)),
        ("free", size(space.free.sum())),
        ("after compaction and defragmentation, about", size(gives.size_after_both)),
        ("encrypted values", sealed.to_string()),
        ("Secrets in clear text in free pages", plain.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), printable(value)))
    .collect()
}

fn notes(analysis: &Analysis) -> Vec<String> {
    let mut notes = Vec::new();
    for plain in &analysis.encryption.plaintext {
        let (kind, live, old) = (printable(plain.kind.clone()), plain.live, plain.old);
        notes.push(format!(
            "Some {kind} are encrypted, and {live} live ones and {old} in old revisions are in clear text."
        ));
    }
    if analysis.unread > 0 {
        notes.push(format!(
            "The metadata of {} cannot be read: damaged, or encrypted and no key opens it.",
            counted(analysis.unread, "value")
        ));
    }
    if analysis.log_entries_left_out > 0 {
        notes.push(format!(
            "Only the db is counted: {} of the log are not in it yet.",
            counted(analysis.log_entries_left_out, "entry")
        ));
    }
    notes
}
