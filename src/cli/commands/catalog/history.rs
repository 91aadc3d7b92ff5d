use clap::Args;
use etcdsnap::Error;

use super::common::{Db, Of, What, note_doubts};
use crate::{
    args::{Cli, ReportFormat},
    failure::{Exit, Failure},
    session::Session,
};

/// Show every stored revision of an object in all backups of its cluster, and what changed at each
///
/// As `history --also`: the backups that hold the object are opened, and each shows every change since its last
/// compaction. Backups whose file is missing are left out, and a message names them. `catalog find` answers without
/// opening a backup.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap catalog history deploy/web -n shop

Exit status: 1 when no backup holds it, or not all could be searched")]
pub(crate) struct History {
    #[command(flatten)]
    what: What,
    /// Show all fields: managedFields, resourceVersion, generation and the status too
    #[arg(long)]
    all: bool,
    /// The format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    db: Db,
}

impl History {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let is_named = !self.what.what.is_empty() || self.what.within.only().is_some();
        if self.what.what.is_empty() && self.what.key.is_none() || is_named && self.what.key.is_some() {
            return Err(Error::usage("name what to show: KIND/NAME with -n, or --key alone")
                .hinted("etcdsnap catalog history deploy/web -n shop")
                .into());
        }
        let prefix = self.what.folder()?;
        let catalog = self.db.open()?;
        let scope = self.of.scope();
        let sources = catalog.history_sources(&scope, &self.what.wanted())?;
        let sources = match &sources[..] {
            [one] => one,
            [] => {
                let what = format!("no backup in the catalog holds {}", self.what.words());
                return Err(Error::not_found(what).into());
            }
            several => {
                let labels: Vec<_> = several.iter().map(|of| of.branch.label.as_str()).collect();
                let what = format!("{} is in several: {}", self.what.words(), labels.join(", "));
                return Err(Error::usage(what).hinted("name one with --cluster ID").into());
            }
        };
        let mut exit = note_doubts(&catalog.doubts(&scope)?);
        // Those were removed on purpose, or replaced: the answer is all that the backups of now hold.
        if sources.removed > 0 {
            let removed = sources.removed;
            say!("note: backups that may have held more revisions of it, and were removed or replaced: {removed}");
        }
        if sources.missing > 0 {
            say!("note: missing backups that may hold more revisions of it: {}", sources.missing);
            exit = Exit::Content;
        }
        let Some((newest, others)) = sources.files.split_last() else {
            return Err(Error::not_found("the files of all backups that hold it are missing").into());
        };
        let mut call = vec!["etcdsnap".into(), "history".into(), newest.into()];
        call.extend(self.what.what.iter().map(Into::into));
        if let Some(namespace) = self.what.within.only() {
            call.extend(["-n".into(), namespace.into()]);
        }
        if let Some(key) = &self.what.key {
            call.extend(["--key".into(), key.into()]);
        }
        if let Some(prefix) = prefix {
            call.extend(["--prefix".into(), prefix.into()]);
        }
        for other in others {
            call.extend(["--also".into(), other.into()]);
        }
        if self.all {
            call.push("--all".into());
        }
        if self.output == ReportFormat::Json {
            call.extend(["-o".into(), "json".into()]);
        }
        Ok(exit.max(Cli::call(call)?.command.run(session)?))
    }
}
