use std::io::Write as _;

use clap::Args;
use etcdsnap::{
    Error,
    catalog::{BackupPair, Comparison, Holder},
};

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

impl Diff {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let catalog = self.db.open()?;
        let pair = BackupPair::new(&catalog, &self.of.scope(), &self.a, &self.b)?;
        let absent = self.note_absent(&pair)?;
        if self.fields {
            return Ok(absent.max(self.open_both(&pair, session)?));
        }
        let comparison = pair.compare(&self.what.wanted(), self.all)?;
        match self.output {
            ReportFormat::Json => render::json(&mut session.out, &comparison, false)?,
            ReportFormat::Text => text(&pair, &comparison, session)?,
        }
        Ok(if comparison.changes.is_empty() { absent } else { Exit::Content })
    }

    /// Calls `diff` with the two backups.
    fn open_both(&self, pair: &BackupPair<'_>, session: &mut Session) -> Result<Exit, Failure> {
        let there = |holder: &Holder| {
            let gone = || Error::not_found(format!("the file {} is missing", holder.file()));
            holder.file_there().map(Into::into).ok_or_else(gone)
        };
        let mut call = vec!["etcdsnap".into(), "diff".into(), there(pair.from)?, there(pair.to)?];
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
        Cli::call(call)?.command.run(session)
    }

    /// Reports what is asked for and neither of the two backups holds.
    fn note_absent(&self, pair: &BackupPair<'_>) -> Result<Exit, Failure> {
        let absent = pair.absent(&self.what.wanted())?;
        let exit = note_missing(&absent.names, "neither backup holds", &[]);
        let nothing = match absent.namespace {
            Some(namespace) => format!("a namespace {namespace}"),
            None if absent.is_range_empty => self.what.words(),
            None => return Ok(exit),
        };
        Failure::from(Error::not_found(format!("neither backup holds {nothing}"))).say();
        Ok(Exit::Content)
    }
}

fn text(pair: &BackupPair<'_>, comparison: &Comparison<'_>, session: &mut Session) -> Result<(), Failure> {
    let out = &mut session.out;
    for (sign, of, revision) in
        [("from", pair.from, comparison.from.revision), ("to  ", pair.to, comparison.to.revision)]
    {
        writeln!(out, "{sign} {}  {}, revision {revision}", file(of), minute(of.entry.time()))?;
    }
    for change in &comparison.changes {
        let text = format!("{} {}", change.sign, printable(change.object.clone()));
        out.colored(Color::of_sign(change.sign), &text)?;
        writeln!(out)?;
    }
    if comparison.ignored > 0 {
        writeln!(out, "{} Events, Leases and keys of API servers: --all lists them", comparison.ignored)?;
    }
    if comparison.changes.is_empty() {
        writeln!(out, "no other difference")?;
    }
    Ok(())
}
