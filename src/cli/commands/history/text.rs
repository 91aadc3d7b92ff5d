//! The revisions of objects, for people.

use std::io::Write as _;

use etcdsnap::{
    diff::{Detail, Difference, Ignore, Occurrence, Verb, history},
    k8s::{Gap, Mask},
    objects::{Joined, Records},
};

use crate::{
    commands::diff::text,
    failure::Failure,
    render::{gap, printable},
    session::Session,
};

/// Prints what the backups hold, and then each key with its revisions.
pub(super) fn print(
    session: &mut Session,
    joined: &Joined<'_, '_>,
    found: &Records<'_>,
    ignore: &Ignore,
    mask: &Mask,
) -> Result<(), Failure> {
    for backup in joined.backups {
        let ((first, last), name) = (backup.window(), printable(backup.name.to_owned()));
        let time = |revision| {
            let Gap { after, before } = backup.clock().gap(revision);
            after.or(before).map_or(String::new(), |at| format!(" ({at})"))
        };
        let (from, to) = (time(first), time(last));
        writeln!(
            session.out,
            "{name} holds the revisions {first}{from} to {last}{to}, and of older ones the last of each key"
        )?;
    }
    for (key, records) in found {
        writeln!(session.out, "\n{}", printable(String::from_utf8_lossy(&mask.key(key)).into_owned()))?;
        history(joined, records, ignore, mask, |occurrence| match occurrence {
            Occurrence::Change(change) => one(session, change),
            Occurrence::Deleted(after, before) => {
                Ok(writeln!(session.out, "- deleted between the revisions {after} and {before}, which is compacted")?)
            }
        })?;
    }
    Ok(())
}

fn one(session: &mut Session, detail: &Detail<'_, '_>) -> Result<(), Failure> {
    let verb = detail.change.verb();
    let (sign, what) = match (detail.compacted, verb) {
        (true, _) => ('=', "the last before the compaction"),
        (_, Verb::Create) => ('+', verb.name()),
        (_, Verb::Update) => ('~', verb.name()),
        (_, Verb::Delete) => ('-', verb.name()),
    };
    let [after, width] = gap(&detail.gap);
    let by = match &detail.writer {
        Some(writer) if writer.by_ownership => format!(" by {} (by ownership)", writer.manager),
        Some(writer) => format!(" by {}", writer.manager),
        None if verb == Verb::Delete => String::new(),
        None => " by -".to_owned(),
    };
    let by = printable(by);
    writeln!(session.out, "{sign} revision {}   {after} {width}   {what}{by}", detail.revision())?;
    if detail.change.missing > 0 && !detail.compacted {
        writeln!(session.out, "    {} writes before it were compacted", detail.change.missing)?;
    }
    let Some(entry) = &detail.entry else { return Ok(()) };
    if entry.difference == Difference::Ignored {
        let reasons: Vec<_> = entry.ignored.keys().map(|reason| reason.name()).collect();
        writeln!(session.out, "    nothing but {} (--all tells it)", reasons.join(", "))?;
    }
    text::details(session, entry)
}
