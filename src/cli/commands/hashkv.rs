use std::{io::Write as _, path::PathBuf};

use clap::Args;
use etcdsnap::{
    Error,
    bytes::counted,
    k8s::Ring,
    source::Source,
    verify::{Difference, HashKvs, Held, OfFile},
};

use crate::{
    args::{LogArgs, When},
    failure::{Exit, Failure},
    render::{
        self, Columns,
        etcdutl::{Answer, WriteOut, boxed},
        printable,
    },
    session::{Session, one_stdin},
};

/// Compute HashKV, the sum that members compare
///
/// The same sum as that of `etcdutl hashkv` and of a live member. The file is not changed. The sum is of the last
/// revision, or of the one that --rev names. Two members hold the same keys if their sums are equal at the same
/// revision and the same compacted revision (-1: never compacted).
///
/// Several backups of one cluster are compared over the revisions that all of them hold: from the highest compacted
/// revision to the lowest last revision. If they differ, the first revision with a difference is printed, with its
/// keys.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap hashkv backup.db
  etcdsnap hashkv backup.db --rev 1200 -w json
  etcdsnap hashkv m1.db m2.db m3.db

Exit status: 0 computed, and those of several backups are equal; 1 they differ, are of different
clusters or have no revision in common, or one is damaged; 2 wrong usage; 3 could not be read")]
pub(crate) struct HashKv {
    /// The backups
    #[arg(required = true)]
    snapshot: Vec<PathBuf>,
    #[command(flatten)]
    when: When,
    /// The format
    #[arg(short = 'w', long, short_alias = 'o', visible_alias = "output", value_enum, default_value_t = WriteOut::Simple)]
    write_out: WriteOut,
    #[command(flatten)]
    log: LogArgs,
}

impl HashKv {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        one_stdin(&self.snapshot)?;
        let options = session.options(&self.log.dir, self.snapshot.iter().map(PathBuf::as_path))?;
        let sources = self.snapshot.iter().map(|file| session.open_with(file, &options));
        let sources = sources.collect::<Result<Vec<_>, Error>>()?;
        match sources.as_slice() {
            [source] => self.one(session, source),
            sources => self.several(session, sources),
        }
    }

    fn one(&self, session: &mut Session, source: &Source) -> Result<Exit, Failure> {
        let snapshot = session.load(source, &self.log.load())?;
        let at = self.when.revision(&snapshot, &Ring::default())?;
        let sum = snapshot.hashkv(at)?;
        let cells = [sum.hash.to_string(), sum.revision.to_string(), sum.compact_revision.to_string()];
        let [h, r, c] = cells.clone();
        let printer = Answer {
            fields: &[("Hash", h), ("Hash revision", r), ("Compact revision", c)],
            table: (&["HASH", "HASH REVISION", "COMPACT REVISION"], &cells),
        };
        match self.write_out {
            WriteOut::Simple => writeln!(session.out, "{}", cells.join(", "))?,
            WriteOut::Fields => printer.fields(&mut session.out)?,
            WriteOut::Table => printer.table(&mut session.out)?,
            WriteOut::Json => render::json(&mut session.out, &sum, true)?,
        }
        session.close(source, &sum.findings)
    }

    fn several(&self, session: &mut Session, sources: &[Source]) -> Result<Exit, Failure> {
        let load = self.log.load();
        let snapshots = sources.iter().map(|source| session.load(source, &load)).collect::<Result<Vec<_>, Error>>()?;
        let at = snapshots.first().map_or(Ok(None), |first| self.when.revision(first, &Ring::default()))?;
        let members: Vec<_> = sources.iter().map(Source::name).zip(&snapshots).collect();
        let sums = HashKvs::compare(&members, at)?;
        for (a, b) in &sums.unrelated {
            say!("note: {}", printable(format!("nothing shows that {a} and {b} are of one cluster")));
        }
        let (revision, compacted) = (sums.revision.to_string(), sums.compact_revision.to_string());
        let cells =
            sums.files.iter().map(|of| vec![of.file.clone(), of.hash.to_string(), revision.clone(), compacted.clone()]);
        let rows: Vec<_> = cells.collect();
        let out = &mut session.out;
        match self.write_out {
            WriteOut::Simple => {
                rows.iter().try_for_each(|row| writeln!(out, "{}", printable(row.join(", "))))?;
            }
            WriteOut::Fields => {
                for row in &rows {
                    let names = ["File", "Hash", "Hash revision", "Compact revision"];
                    for (name, cell) in names.iter().zip(row) {
                        let cell = if *name == "File" { format!("{cell:?}") } else { cell.clone() };
                        writeln!(out, "\"{name}\" : {}", printable(cell))?;
                    }
                    writeln!(out)?;
                }
            }
            WriteOut::Table => boxed(out, &["FILE", "HASH", "HASH REVISION", "COMPACT REVISION"], &rows)?,
            WriteOut::Json => render::json(out, &sums, true)?,
        }
        if self.write_out != WriteOut::Json {
            for difference in &sums.differences {
                print_difference(session, difference)?;
            }
        }
        if sums.equal {
            say!("note: equal at revision {}", sums.revision);
        }
        for OfFile { file, last_revision, .. } in sums.files.iter().filter(|of| of.last_revision > sums.revision) {
            say!("note: {}", printable(format!("{file} goes on to revision {last_revision}, which was not compared")));
        }
        let mut exit = if sums.equal { Exit::Good } else { Exit::Content };
        for (source, of) in sources.iter().zip(&sums.files) {
            exit = exit.max(session.close(source, &of.findings)?);
        }
        Ok(exit)
    }
}

fn print_difference(session: &mut Session, difference: &Difference) -> Result<(), Failure> {
    let Difference { of, and, first_revision, records, more, keys } = difference;
    let out = &mut session.out;
    let first = format!("{of} and {and} differ first at revision {first_revision}, {} in all", counted(*keys, "key"));
    writeln!(out, "{}", printable(first))?;
    let mut columns = Columns::new(&["REVISION", "KEY", of, and]);
    for record in records {
        let same = record.of == record.and;
        let of = held(record.of.as_ref());
        let and = if same { "the same, with other bytes".to_owned() } else { held(record.and.as_ref()) };
        columns.add([record.revision.clone(), record.key.clone(), of, and]);
    }
    columns.finish(out)?;
    if *more > 0 {
        writeln!(out, "and {more} more records of this revision")?;
    }
    Ok(())
}

/// What a backup holds of a record.
fn held(record: Option<&Held>) -> String {
    match record {
        None => "-".to_owned(),
        Some(Held { deleted: true, .. }) => "deleted".to_owned(),
        Some(Held { version, value_size, .. }) => format!("version {version}, {value_size} bytes"),
    }
}
