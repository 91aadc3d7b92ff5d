use std::io::Write as _;

use clap::Args;
use etcdsnap::{
    Error,
    bytes::shell,
    catalog::{Change, words},
    k8s::Key,
};
use serde::Serialize;

use super::common::{Db, Of, What, file, minute, named, rows};
use crate::{
    args::{Cli, ReportFormat},
    failure::{Exit, Failure},
    render::{self, Color, Ink as _, printable},
    session::Session,
};

/// Show what differs between two backups of one cluster, without opening them
///
/// A and B are paths, names of files, or times; a time means the newest backup that is not later. `+` added, `-`
/// removed, `!` replaced by another object of the same name, `~` changed, `=` written again with an equal value. Events
/// and Leases are counted; --all lists them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap catalog diff 2026-11-20 2026-11-21
  etcdsnap catalog diff monday.db tuesday.db deployments -n shop
  etcdsnap catalog diff -7d -1d --fields

Exit status: 0 no difference, 1 differences")]
pub(crate) struct Diff {
    /// The earlier backup
    #[arg(allow_hyphen_values = true)]
    a: String,
    /// The later backup
    #[arg(allow_hyphen_values = true)]
    b: String,
    #[command(flatten)]
    what: What,
    /// List Events and Leases too
    #[arg(long)]
    all: bool,
    /// Open both, and show the fields that changed, as `diff` does
    #[arg(long, conflicts_with = "output")]
    fields: bool,
    /// The format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    db: Db,
}

#[derive(Debug, Serialize)]
struct Document<'c> {
    row: &'c str,
    from: Side,
    to: Side,
    changes: Vec<One>,
    ignored: usize,
}

#[derive(Debug, Serialize)]
struct Side {
    file: String,
    time: Option<String>,
    revision: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct One {
    change: &'static str,
    object: String,
    key: String,
    old: Option<etcdsnap::catalog::Version>,
    new: Option<etcdsnap::catalog::Version>,
}

impl Diff {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let catalog = self.db.open()?;
        let (from, to) = (named(&catalog, &self.of, &self.a)?, named(&catalog, &self.of, &self.b)?);
        let common = |row: &super::common::Row| [from, to].iter().all(|of| of.entry.lineages.contains(&row.number));
        let Some(row) = rows(&catalog).into_iter().find(common) else {
            let what = format!(
                "{} and {} cannot be compared in the catalog: they are of two clusters or two branches, or one is damaged",
                self.a, self.b
            );
            let hint = match (from.files.first(), to.files.first()) {
                (Some(a), Some(b)) => format!("`etcdsnap diff {} {}` compares them as they are", shell(a), shell(b)),
                _ => "`etcdsnap catalog ls` lists them".to_owned(),
            };
            return Err(Error::not_found(what).hinted(hint).into());
        };
        if self.fields {
            let there = |holder: &etcdsnap::catalog::Holder| {
                let gone = || Error::not_found(format!("the file {} is missing", holder.file()));
                holder.files.first().filter(|_| holder.there).cloned().ok_or_else(gone)
            };
            let mut call = vec!["etcdsnap".into(), "diff".into(), there(from)?.into(), there(to)?.into()];
            call.extend(self.what.what.iter().map(Into::into));
            if let Some(namespace) = self.what.within.only() {
                call.extend(["-n".into(), namespace.into()]);
            }
            return Cli::call(call)?.command.run(session);
        }
        let revision = |of: &etcdsnap::catalog::Holder| of.entry.revision.unwrap_or_default();
        let mut changes = catalog.changes(row.number, revision(from), revision(to), &self.what.wanted())?;
        let all = changes.len();
        if !self.all {
            changes.retain(|change| !is_noise(change));
        }
        let ignored = all.saturating_sub(changes.len());
        let resources = catalog.resources(row.number)?;
        let exit = if changes.is_empty() { Exit::Good } else { Exit::Content };
        match self.output {
            ReportFormat::Json => {
                let side = |of: &etcdsnap::catalog::Holder| Side {
                    file: of.file(),
                    time: of.entry.newest.clone(),
                    revision: revision(of),
                };
                let changes = changes.into_iter().map(|change| One {
                    change: name(change.sign()),
                    object: words(&resources, &change.key),
                    key: String::from_utf8_lossy(&change.key).into_owned(),
                    old: change.old,
                    new: change.new,
                });
                let (from, to) = (side(from), side(to));
                let document = Document { row: &row.label, from, to, changes: changes.collect(), ignored };
                render::json(&mut session.out, &document, false)?;
            }
            ReportFormat::Text => {
                for (sign, of) in [("from", from), ("to  ", to)] {
                    let (time, revision) = (minute(of.entry.time()), revision(of));
                    writeln!(session.out, "{sign} {}  {time}, revision {revision}", file(of))?;
                }
                for change in &changes {
                    let sign = change.sign();
                    let text = format!("{sign} {}", printable(words(&resources, &change.key)));
                    session.out.colored(Color::of_sign(sign), &text)?;
                    writeln!(session.out)?;
                }
                if ignored > 0 {
                    writeln!(session.out, "{ignored} Events, Leases and keys of API servers: --all lists them")?;
                }
                if changes.is_empty() {
                    writeln!(session.out, "no other difference")?;
                }
            }
        }
        Ok(exit)
    }
}

fn name(sign: char) -> &'static str {
    match sign {
        '+' => "added",
        '-' => "removed",
        '!' => "replaced",
        '=' => "rewritten",
        _ => "changed",
    }
}

/// Whether it changes all the time.
fn is_noise(change: &Change) -> bool {
    match Key::new(&change.key) {
        Key::Object(object) => matches!(&*object.resource, "events" | "leases"),
        Key::Other => false,
        key => key.is_no_object(),
    }
}
