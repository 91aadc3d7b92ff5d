use std::{collections::BTreeMap, io::Write as _, path::PathBuf};

use clap::Args;
use etcdsnap::{
    error::Severity,
    etcd::Replayed,
    k8s::Portrait,
    source::{Kind, Source},
    wal::Unapplied,
};
use serde::Serialize;

use super::each_file;
use crate::{
    args::{Format, LogArgs},
    failure::{Exit, Failure},
    render::{self, Columns},
    session::Session,
};

/// What a backup is and how much is in it: one row a file
///
/// The fields of `etcdutl snapshot status`, and: what kind of file it is and whether it has a trailer. Of a data directory
/// they are those of its db alone; LOG says what its log holds besides, and to which revision that leads.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap status backup.db
  etcdsnap status /var/lib/etcd -o json
  etcdsnap status backups/*.db")]
pub(crate) struct Status {
    /// The backups
    #[arg(required = true)]
    snapshot: Vec<PathBuf>,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Check the trailer too: a SHA-256 over the whole file
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    log: LogArgs,
}

/// One file's row; the names of `etcdutl snapshot status -w json` first.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    hash: u32,
    revision: i64,
    total_key: u64,
    total_size: u64,
    version: String,
    path: String,
    kind: String,
    trailer: &'static str,
    total_records: u64,
    hash_hex: String,
    compact_revision: i64,
    newest_time: Option<String>,
    identity: Option<String>,
    /// Live values by the key that encrypts them.
    encryption: BTreeMap<String, u64>,
    damaged: bool,
    /// What the log of a data directory holds that its db does not.
    log: Option<Behind>,
}

/// How far a log is ahead of the db.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Behind {
    entries: u64,
    past_commit: u64,
    /// The last entry that the other commands take into account.
    index: u64,
    /// And the revision that it leads to.
    revision: i64,
}

impl Behind {
    fn of(log: Replayed, db_revision: i64) -> Self {
        let Unapplied { applied_at_start: entries, past_commit, .. } = log.unapplied;
        Self { entries, past_commit, index: log.index, revision: log.revision.unwrap_or(db_revision) }
    }

    fn cell(&self) -> String {
        let Self { entries, past_commit, revision, .. } = self;
        match (entries, past_commit) {
            (0, 0) => "in the db".to_owned(),
            (_, 0) => format!("{entries} entries, revision {revision}"),
            _ => format!("{entries} entries, revision {revision}, {past_commit} past the commit"),
        }
    }
}

impl Status {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let mut rows = Vec::new();
        let exit = each_file(session, &self.snapshot, |session, file| {
            let source = session.open(file)?;
            let (row, exit) = self.row(session, &source)?;
            rows.push(row);
            Ok(exit)
        })?;
        match self.output {
            Format::Table if rows.is_empty() => {}
            Format::Table => table(&rows).finish(&mut session.out)?,
            Format::Json | Format::Ndjson => {
                let (one, compact) = (self.snapshot.len() == 1, self.output == Format::Ndjson);
                render::documents(&mut session.out, &rows, one, compact)?;
            }
        }
        session.out.flush()?;
        Ok(exit)
    }

    fn row(&self, session: &mut Session, source: &Source) -> Result<(Row, Exit), Failure> {
        let snapshot = session.load(source, &self.log.load())?;
        let survey = snapshot.survey();
        let portrait = Portrait::of(&survey);
        let trailer = match (source.db().trailer(), self.check) {
            _ if source.kind() == Kind::DataDir => "none expected",
            (None, _) => "absent",
            (Some(_), false) => "present",
            (Some(stored), true) if self.image_sum(session, source)? == stored => "matches",
            (Some(_), true) => "differs",
        };
        let row = Row {
            hash: survey.hash,
            revision: survey.revision,
            total_key: survey.total_key,
            total_size: survey.total_size,
            version: snapshot.state.meta.storage_version.clone().unwrap_or_default(),
            path: source.name().to_owned(),
            kind: source.kind().to_string(),
            trailer,
            total_records: survey.total_records,
            hash_hex: format!("{:x}", survey.hash),
            compact_revision: snapshot.keyspace.compacted(),
            newest_time: portrait.newest.map(|newest| newest.to_string()),
            identity: portrait.identity,
            encryption: portrait.sealed,
            damaged: survey.findings.count(Severity::Error) > 0,
            log: snapshot.log.map(|log| Behind::of(log, survey.revision)),
        };
        let exit = session.close(source, &survey.findings)?;
        Ok((row, if trailer == "differs" { exit.max(Exit::Content) } else { exit }))
    }
}

impl Status {
    fn image_sum(&self, session: &Session, source: &Source) -> Result<[u8; 32], Failure> {
        let progress = session.progress(source);
        Ok(source.db().digests(|done| progress.tell(done, source.db().len()))?.image)
    }
}

fn table(rows: &[Row]) -> Columns {
    let headers = [
        "FILE",
        "KIND",
        "HASH",
        "REVISION",
        "KEYS",
        "RECORDS",
        "SIZE",
        "VERSION",
        "TRAILER",
        "NEWEST",
        "IDENTITY",
        "ENCRYPTED",
        "LOG",
    ];
    let mut columns = Columns::new(&headers).right(&[2, 3, 4, 5, 6]);
    for row in rows {
        columns.add([
            row.path.clone(),
            row.kind.clone(),
            row.hash_hex.clone(),
            row.revision.to_string(),
            row.total_key.to_string(),
            row.total_records.to_string(),
            render::bytes(row.total_size),
            if row.version.is_empty() { "-".to_owned() } else { row.version.clone() },
            row.trailer.to_owned(),
            row.newest_time.clone().unwrap_or_else(|| "-".to_owned()),
            row.identity.clone().unwrap_or_else(|| "-".to_owned()),
            encrypted(&row.encryption),
            row.log.as_ref().map_or_else(|| "-".to_owned(), Behind::cell),
        ]);
    }
    columns
}

/// `2 aescbc (key key1), 1 secretbox (key sbx)`.
fn encrypted(by_key: &BTreeMap<String, u64>) -> String {
    let counts: Vec<_> = by_key.iter().map(|(key, n)| format!("{n} {key}")).collect();
    if counts.is_empty() { "-".to_owned() } else { counts.join(", ") }
}
