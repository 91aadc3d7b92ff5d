use std::io::Write as _;

use clap::Args;
use etcdsnap::{
    Error,
    bytes::shell,
    catalog::{Branch, ByName, Catalog, Change, Life, Wanted, words},
    k8s::Key,
    select::Selection,
};
use serde::Serialize;

use super::common::{Db, Of, What, file, minute, note_missing};
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

Exit status: 0 no difference, 1 differences, or neither backup holds what is named")]
pub(crate) struct Diff {
    /// The earlier backup
    #[arg(allow_hyphen_values = true)]
    a: String,
    /// The later backup
    #[arg(allow_hyphen_values = true)]
    b: String,
    #[command(flatten)]
    what: What,
    /// List Events and Leases too; with --fields also all other fields, as `diff --all` does
    #[arg(long)]
    all: bool,
    /// Open both, and show the fields that changed, as `diff` does
    #[arg(long, conflicts_with_all = ["output", "key"])]
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
        let scope = self.of.scope();
        let (from, to) = (scope.backup(&catalog, &self.a)?, scope.backup(&catalog, &self.b)?);
        let common = |row: &Branch| [from, to].iter().all(|of| row.has(of));
        let Some(row) = scope.branches(&catalog)?.into_iter().find(common) else {
            let why = match Branch::all(&catalog).iter().any(common) {
                true => "they are not of the cluster or branch that --cluster names",
                false => "they are of two clusters or two branches, or one is damaged",
            };
            let what = format!("{} and {} cannot be compared in the catalog: {why}", self.a, self.b);
            let hint = match (from.files.first(), to.files.first()) {
                (Some(a), Some(b)) => format!("`etcdsnap diff {} {}` compares them as they are", shell(a), shell(b)),
                _ => "`etcdsnap catalog ls` lists them".to_owned(),
            };
            return Err(Error::not_found(what).hinted(hint).into());
        };
        let revision = |of: &etcdsnap::catalog::Holder| of.entry.revision.unwrap_or_default();
        let absent = self.absent(&catalog, &row, [revision(from), revision(to)])?;
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
            if let Some(prefix) = self.what.folder()? {
                call.extend(["--prefix".into(), prefix.into()]);
            }
            if self.all {
                call.push("--all".into());
            }
            return Ok(absent.max(Cli::call(call)?.command.run(session)?));
        }
        let mut changes = catalog.changes(row.number, revision(from), revision(to), &self.what.wanted())?;
        let all = changes.len();
        if !self.all {
            changes.retain(|change| !is_noise(change));
        }
        let ignored = all.saturating_sub(changes.len());
        let resources = catalog.resources(row.number)?;
        let exit = if changes.is_empty() { absent } else { Exit::Content };
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

impl Diff {
    /// Reports what is asked for and neither of the two backups holds.
    fn absent(&self, catalog: &Catalog, row: &Branch, revisions: [i64; 2]) -> Result<Exit, Failure> {
        if !self.what.selects() {
            return Ok(Exit::Good);
        }
        let wanted = self.what.wanted();
        let selection =
            Selection::in_catalog(&wanted.what, wanted.namespace.as_deref(), &catalog.resources(row.number)?)?;
        let is_in = |life: &Life| revisions.iter().any(|of| (life.first..=life.last).contains(of));
        let (mut names, mut found, mut in_namespace) = (ByName::default(), false, wanted.namespace.is_none());
        names.ask(&selection);
        catalog.each_object::<Error>(row.number, &wanted, |object| {
            if object.lives.iter().any(is_in) {
                found = true;
                in_namespace |= Key::new(&object.key).object().is_some_and(|of| of.namespace.is_some());
                names.find(&selection, &object.key);
            }
            Ok(())
        })?;
        let mut exit = note_missing(&names, "neither backup holds", &[]);
        // the Namespace itself, or else whatever is in it
        let namespace = wanted.namespace.unwrap_or_default();
        for what in [vec![format!("namespaces/{namespace}")], Vec::new()] {
            if in_namespace {
                break;
            }
            let within = Some(namespace.clone()).filter(|_| what.is_empty());
            let wanted = Wanted { what, namespace: within, ..Wanted::default() };
            catalog.each_object::<Error>(row.number, &wanted, |object| {
                in_namespace |= object.lives.iter().any(is_in);
                Ok(())
            })?;
        }
        let nothing = match (in_namespace, &wanted.range) {
            (false, _) => Some(format!("a namespace {namespace}")),
            (true, Some(_)) if !found && selection.names().is_empty() => Some(self.what.words()),
            _ => None,
        };
        if let Some(what) = nothing {
            Failure::from(Error::not_found(format!("neither backup holds {what}"))).say();
            exit = Exit::Content;
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
