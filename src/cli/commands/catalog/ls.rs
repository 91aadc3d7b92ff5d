use std::{collections::HashMap, io::Write as _};

use clap::Args;
use etcdsnap::catalog::{Branch, Entry, Gap, Holder, Labels, gaps};
use serde::Serialize;

use super::common::{Db, Of, age, file, minute, note_undecided, since};
use crate::{
    args::Format,
    failure::{Exit, Failure},
    render::{self, Columns, bytes, printable},
    session::Session,
};

/// List the backups in the catalog, oldest content first
///
/// NEWEST is the newest time in the backup, AGE counts from that time to now. CLUSTER is the start of the identity of
/// the cluster; `/1` and `/2` after it are branches of the history, which begin when a cluster is restored. The
/// identity is the uid of the Namespace kube-system. `-` is the identity of backups without this Namespace: `-/1` and
/// `-/2` are histories that do not fit together, of one such cluster or of several. A note names the places where the
/// usual interval between two backups is exceeded. Files without a readable backup come last.
///
/// REVISION and KEYS include the log of a data directory. FILE SIZE is the size of the unpacked file. It may be larger
/// than the db in it, whose size `verify` prints as SIZE. `-`: not known, because no key of a damaged file could be
/// read.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 1 when there is no such cluster")]
pub(crate) struct Ls {
    /// The format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    db: Db,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'c> {
    items: Vec<One<'c>>,
    unread: Vec<Unread>,
}

/// One backup, for JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct One<'c> {
    pub(super) files: Vec<String>,
    missing: bool,
    changed: bool,
    rows: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<&'c Gap>,
    #[serde(flatten)]
    entry: &'c Entry,
}

#[derive(Debug, Serialize)]
struct Unread {
    file: String,
    error: String,
    missing: bool,
}

impl<'c> One<'c> {
    pub(super) fn new(holder: &'c Holder, labels: &Labels, gap: Option<&'c Gap>) -> Self {
        let files = holder.files.iter().map(|file| file.display().to_string()).collect();
        let (missing, changed) = (!holder.there && !holder.changed, holder.changed);
        Self { files, missing, changed, rows: labels.all(holder), gap, entry: &holder.entry }
    }
}

impl Ls {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let catalog = self.db.open()?;
        let rows = Branch::all(&catalog);
        let labels = Labels::of(&rows);
        let mut holes: HashMap<&str, Gap> = HashMap::new();
        for row in &rows {
            let holders: Vec<_> =
                catalog.holders_of(row.number).into_iter().filter(|of| of.entry.time().is_some()).collect();
            let times: Vec<_> = holders.iter().filter_map(|of| of.entry.time()).collect();
            for gap in gaps(&times) {
                if let Some(after) = holders.get(gap.after) {
                    holes.insert(&after.entry.id, gap);
                }
            }
        }
        let holders = self.of.scope().holders(&catalog)?.into_iter();
        let unread = catalog.files().iter().filter_map(|(path, row)| Some((path, row.error.as_ref()?, row.missing)));
        match self.output {
            Format::Table => {
                let headers = ["NEWEST", "AGE", "CLUSTER", "REVISION", "KEYS", "FILE SIZE", "VERDICT", "NOTE", "FILE"];
                let mut columns = Columns::new(&headers).right(&[1, 3, 4, 5]).colored(6, render::of_verdict);
                for holder in holders.clone() {
                    let entry = &holder.entry;
                    let dash = || "-".to_owned();
                    columns.add([
                        minute(entry.time()),
                        since(entry.time()),
                        labels.one(holder),
                        entry.revision.map_or_else(dash, |of| of.to_string()),
                        entry.keys.map_or_else(dash, |of| of.to_string()),
                        bytes(entry.size),
                        entry.verdict.to_string(),
                        holes.get(entry.id.as_str()).map_or_else(dash, |gap| {
                            format!("{} since the one before, usually {}", age(gap.seconds), age(gap.usual))
                        }),
                        file(holder),
                    ]);
                }
                columns.finish(&mut session.out)?;
                // Such a backup is listed without a branch, so the list is not wrong.
                let _ = note_undecided(&catalog.undecided(holders));
                for (_, error, missing) in unread {
                    let error = error.lines().next().unwrap_or_default().to_owned();
                    let missing = if missing { " (missing)" } else { "" };
                    writeln!(session.out, "no backup{missing}: {}", printable(error))?;
                }
            }
            Format::Json | Format::Ndjson => {
                let one = |holder| One::new(holder, &labels, holes.get(holder_id(holder)));
                let items: Vec<_> = holders.map(one).collect();
                if self.output == Format::Ndjson {
                    items.iter().try_for_each(|item| render::json(&mut session.out, item, true))?;
                } else {
                    let unread = unread.map(|(path, error, missing)| Unread {
                        file: path.display().to_string(),
                        error: error.clone(),
                        missing,
                    });
                    let document = Document { items, unread: unread.collect() };
                    render::json(&mut session.out, &document, false)?;
                }
            }
        }
        Ok(Exit::Good)
    }
}

fn holder_id(holder: &Holder) -> &str {
    &holder.entry.id
}
