use std::io::Write as _;

use clap::Args;
use etcdsnap::{
    Error,
    catalog::{Branch, Holder, Labels, ListedBackup},
};

use super::common::{Db, Of, file, minute, note_undecided, since};
use crate::{
    args::Format,
    failure::{Exit, Failure},
    render,
    session::Session,
};

/// Show the newest backup of each cluster, and of each branch of one
///
/// The newest is the one with the highest revision, because a clock may be wrong. Files that did not exist at the last
/// `catalog add` are not shown.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap catalog last --good

Exit status: 1 when a cluster has none, or the branch of one is not known")]
pub(crate) struct Last {
    #[command(flatten)]
    which: Which,
}

/// Show the oldest backup of each cluster, and of each branch of one
#[derive(Debug, Args)]
pub(crate) struct Oldest {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct Which {
    /// Only those that `verify` calls good
    #[arg(long)]
    good: bool,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    db: Db,
}

impl Last {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        self.which.run(session, |holders| holders.last().copied())
    }
}

impl Oldest {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        self.which.run(session, |holders| holders.first().copied())
    }
}

impl Which {
    fn run(
        self,
        session: &mut Session,
        pick: impl for<'h, 'c> Fn(&'h [&'c Holder]) -> Option<&'c Holder>,
    ) -> Result<Exit, Failure> {
        let catalog = self.db.open()?;
        let wanted = self.of.scope().branches(&catalog)?;
        let labels = Labels::of(&Branch::all(&catalog));
        let (mut exit, mut items) = (Exit::Good, Vec::new());
        for row in &wanted {
            match pick(&row.holders_there(&catalog, self.good)) {
                Some(holder) => items.push((row, holder)),
                None => {
                    let good = if self.good { " good" } else { "" };
                    let error = Error::not_found(format!("{}: no{good} backup whose file is there", row.label));
                    Failure::from(error).say();
                    exit = Exit::Content;
                }
            }
        }
        exit = exit.max(note_undecided(&catalog.undecided(items.iter().map(|(_, holder)| *holder))));
        match self.output {
            Format::Table => {
                for (row, holder) in items {
                    let entry = &holder.entry;
                    let time = match entry.time() {
                        None => "no time known".to_owned(),
                        time => format!("{}, {} ago", minute(time), since(time)),
                    };
                    writeln!(
                        session.out,
                        "{}: {} ({time}, revision {}, {})",
                        row.label,
                        file(holder),
                        entry.revision.unwrap_or_default(),
                        entry.verdict
                    )?;
                }
            }
            Format::Json | Format::Ndjson => {
                let items: Vec<_> = items.into_iter().map(|(_, holder)| ListedBackup::new(holder, &labels)).collect();
                render::documents(&mut session.out, &items, false, self.output == Format::Ndjson)?;
            }
        }
        Ok(exit)
    }
}
