use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::Args;
use etcdsnap::{
    Error,
    bytes::counted,
    etcd::Glance,
    source::{BackupKind, Ranges, Source},
    verify::{self, LogAhead, TRAILER, Trailer},
};
use serde::Serialize;

use crate::{
    args::{Format, LogArgs},
    failure::{Exit, Failure},
    render::{self, Columns},
    session::{Session, note_doubt},
};

/// Show what a backup is, and how much is in it
///
/// A list for one backup, a table for several. The fields are those of `etcdutl snapshot status`, the kind of file, and
/// whether it has a trailer. For a data directory, REVISION and KEYS include the entries of the log that etcd applies
/// when it starts; LOG names these entries, and the last revision of the db alone. HASH, RECORDS and SIZE are of the db
/// alone. For a file that was cut off, SIZE is both: the size of the file, and that of the db. Identity is the uid of
/// the namespace kube-system: it names the cluster. Newest time is the newest time in an object: the backup was taken
/// then or later.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap status backup.db
  etcdsnap status /var/lib/etcd -o json
  etcdsnap status backups/*.db
  etcdsnap status --quick s3://backups/prod/a.db

NEWEST is the newest time in its objects: the backup was taken then or later. IDENTITY is the uid of
the namespace kube-system: where it is the same, the cluster is the same. STORAGE VERSION is stored
since etcd 3.6; it is not the version of the etcd program. REVISION of a data directory includes its
log; LOG has the revision of the db alone")]
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
    /// Read only the pages that hold the last revision and the versions: for large files, and for URLs
    ///
    /// A few hundred kilobytes are read, of a URL by range requests. Nothing is checked but that the file is as long as
    /// its db. Hash, keys, records, newest time and identity are not known then. The file must not be compressed.
    #[arg(long, conflicts_with = "check")]
    quick: bool,
    #[command(flatten)]
    log: LogArgs,
}

impl Status {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        if self.quick {
            return self.quick(session);
        }
        let options = session.options(&self.log.dir, self.snapshot.iter().map(PathBuf::as_path))?;
        let mut rows = Vec::new();
        let exit = each_file(session, &self.snapshot, |session, file| {
            let source = session.open_with(file, &options)?;
            let (row, exit) = self.one(session, &source)?;
            rows.push(row);
            Ok(exit)
        })?;
        self.print(session, &rows, list, table)?;
        Ok(exit)
    }

    fn quick(self, session: &mut Session) -> Result<Exit, Failure> {
        if session.keeps_evidence() {
            let error = Error::usage("--evidence records the SHA-256 of whole files, and --quick reads parts of them");
            return Err(error.into());
        }
        let options = session.options(&self.log.dir, self.snapshot.iter().map(PathBuf::as_path))?;
        let mut rows = Vec::new();
        let exit = each_file(session, &self.snapshot, |_, file| {
            rows.push(Glance::read(&Ranges::open(file, &options)?)?);
            Ok(Exit::Good)
        })?;
        self.print(session, &rows, quick_list, quick_table)?;
        Ok(exit)
    }

    /// A list for the one backup that was named, else a table; or documents.
    fn print<T: Serialize>(
        &self,
        session: &mut Session,
        rows: &[T],
        list: fn(&T) -> Columns,
        table: fn(&[T]) -> Columns,
    ) -> Result<(), Failure> {
        let is_one = self.snapshot.len() == 1;
        match (self.output, rows) {
            (Format::Table, []) => {}
            (Format::Table, [row]) if is_one => list(row).finish(&mut session.out)?,
            (Format::Table, rows) => table(rows).finish(&mut session.out)?,
            (output, rows) => render::documents(&mut session.out, rows, is_one, output == Format::Ndjson)?,
        }
        session.out.flush()?;
        Ok(())
    }

    fn one(&self, session: &mut Session, source: &Source) -> Result<(verify::Status, Exit), Failure> {
        let snapshot = session.load(source, &self.log.load())?;
        let digests = match source.db().trailer() {
            Some(_) if self.check && source.kind() != BackupKind::DataDir => {
                let progress = session.progress(source);
                Some(source.db().digests(|done| progress.update(done, source.db().len()))?)
            }
            _ => None,
        };
        let status = verify::Status::of(source, &snapshot, digests.as_ref());
        let exit = session.close(source, &status.findings)?;
        let exit = exit.max(note_doubt(source.name(), status.newest_doubt.clone()));
        let differs = matches!(status.trailer, Trailer::Differs { .. });
        Ok((status, if differs { exit.max(Exit::Content) } else { exit }))
    }
}

/// Runs `each` for every file. A file that cannot be read is reported, and does not keep the others from their turn.
fn each_file(
    session: &mut Session,
    files: &[PathBuf],
    mut each: impl FnMut(&mut Session, &Path) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let mut worst = Exit::Good;
    for file in files {
        match each(session, file) {
            Ok(exit) => worst = worst.max(exit),
            Err(failure @ Failure::Error(_)) => {
                failure.say();
                worst = worst.max(failure.exit());
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(worst)
}

/// A trailer that was not compared with the content.
const UNCHECKED: &str = "present, not checked";

/// The fields of a status, as the header of a table and in a list.
const FIELDS: [(&str, &str); 13] = [
    ("FILE", "File:"),
    ("KIND", "Kind:"),
    ("HASH", "Hash:"),
    ("REVISION", "Revision:"),
    ("KEYS", "Keys:"),
    ("RECORDS", "Records:"),
    ("SIZE", "Size:"),
    ("STORAGE VERSION", "Storage version:"),
    ("TRAILER", "Trailer:"),
    ("NEWEST", "Newest time:"),
    ("IDENTITY", "Identity:"),
    ("ENCRYPTED", "Encrypted:"),
    ("LOG", "Log:"),
];

/// The fields of a quick status.
const GLANCE: [(&str, &str); 8] = [
    ("FILE", "File:"),
    ("REVISION", "Revision:"),
    ("COMPACTED", "Compacted at:"),
    ("SIZE", "Size:"),
    ("STORAGE VERSION", "Storage version:"),
    ("TRAILER", "Trailer:"),
    ("CONSISTENT INDEX", "Consistent index:"),
    ("TERM", "Term:"),
];

fn glance(row: &Glance) -> [String; GLANCE.len()] {
    let number = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    [
        row.path.clone(),
        row.revision.to_string(),
        if row.compact_revision < 0 { "-".to_owned() } else { row.compact_revision.to_string() },
        render::size(row.total_size, row.file_size),
        if row.version.is_empty() { "-".to_owned() } else { row.version.clone() },
        if row.trailer { UNCHECKED } else { "absent" }.to_owned(),
        number(row.consistent_index),
        number(row.term),
    ]
}

fn quick_list(row: &Glance) -> Columns {
    let mut list = Columns::bare();
    GLANCE.iter().zip(glance(row)).for_each(|((_, name), field)| list.add([(*name).to_owned(), field]));
    list.add(["Not read:".to_owned(), "hash, keys, records, newest time, identity".to_owned()]);
    list
}

fn quick_table(rows: &[Glance]) -> Columns {
    let mut columns = Columns::new(&GLANCE.map(|(header, _)| header)).right(&[1, 2, 3]);
    rows.iter().for_each(|row| columns.add(glance(row)));
    columns
}

fn table(rows: &[verify::Status]) -> Columns {
    let mut columns = Columns::new(&FIELDS.map(|(header, _)| header)).right(&[2, 3, 4, 5, 6]);
    rows.iter().for_each(|row| columns.add(fields(row)));
    columns
}

fn list(row: &verify::Status) -> Columns {
    let mut columns = Columns::bare();
    let adds = row.log.is_some_and(|log| log.entries > 0);
    for ((header, name), field) in FIELDS.iter().zip(fields(row)) {
        let what = match (*header, field.as_str()) {
            ("STORAGE VERSION", "-") => "stored since etcd 3.6",
            ("NEWEST", "-") => "no Kubernetes object with a time",
            ("NEWEST", _) => "taken then or later",
            ("IDENTITY", "-") => "no readable namespace kube-system",
            ("IDENTITY", _) => "the cluster: uid of kube-system",
            ("REVISION" | "KEYS", _) if adds => "with the log",
            ("HASH" | "RECORDS", _) if adds => "of the db alone",
            _ => "",
        };
        let field = match (*header, what) {
            ("SIZE", _) if row.file_size > row.total_size.saturating_add(TRAILER) => {
                format!("{field}  (in a file of {})", render::bytes(row.file_size))
            }
            (_, "") => field,
            _ => format!("{field}  ({what})"),
        };
        columns.add([(*name).to_owned(), field]);
    }
    columns
}

fn fields(row: &verify::Status) -> [String; FIELDS.len()] {
    let dash = || "-".to_owned();
    let (revision, keys) = row.log.map_or((row.revision, row.total_key), |log| (log.revision, log.total_key));
    // of a db of which nothing can be read, these are not known
    let known = |text: String| if row.damaged && row.total_records == 0 { dash() } else { text };
    [
        row.path.clone(),
        row.kind.to_string(),
        known(row.hash_hex.clone()),
        known(revision.to_string()),
        known(keys.to_string()),
        known(row.total_records.to_string()),
        render::size(row.total_size, row.file_size),
        if row.version.is_empty() { dash() } else { row.version.clone() },
        if row.trailer == Trailer::Unchecked { UNCHECKED.to_owned() } else { row.trailer.to_string() },
        row.newest_time.clone().unwrap_or_else(dash),
        row.identity.clone().unwrap_or_else(dash),
        encrypted(&row.encryption),
        row.log.as_ref().map_or_else(dash, |log| added(log, row.revision)),
    ]
}

/// `2 aescbc (key key1), 1 secretbox (key sbx)`.
fn encrypted(by_key: &BTreeMap<String, u64>) -> String {
    let counts: Vec<_> = by_key.iter().map(|(key, n)| format!("{n} {key}")).collect();
    if counts.is_empty() { "-".to_owned() } else { counts.join(", ") }
}

/// What the log adds to the db, whose last revision is `db`.
fn added(log: &LogAhead, db: i64) -> String {
    let adds = match log.entries {
        0 => "adds nothing to the db".to_owned(),
        n => format!("adds {}; db alone: revision {db}", counted(n, "entry")),
    };
    match log.past_commit {
        0 => adds,
        n => format!("{adds}; {n} more past the commit"),
    }
}
