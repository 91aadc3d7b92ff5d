mod format;
mod list;
mod text;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use etcdsnap::{
    Error,
    publish::Watch,
    salvage::{Job, Only, Options, save},
    source::RaftKind,
};
use format::Output;
use list::Listing;

use crate::{
    args::Uncommitted,
    failure::{Exit, Failure},
    render,
    session::{Session, arguments, stop_at_signal},
};

/// Save what is left in a broken db, as a new snapshot
///
/// For a db that `verify` calls damaged, for example because its tree is broken, a meta page or the end of the file is
/// lost, or pages were overwritten. Every page that still holds records is read, also pages that are not in the tree
/// any more. The newest record of each key gets a verdict. `proved`: it is the last state of the key, and no later
/// revision is missing. `likely`: a later change may be lost. `conflicting`: copies of the record differ. Deleted and
/// overwritten values are left out.
///
/// A data directory is read with its log; --wal adds another log. Entries whose changes the db lost are applied again.
/// Where the log is damaged, nothing is proved. A verdict is about revisions: only a SHA-256 trailer that matches shows
/// that no byte of a value is wrong.
///
/// FILE is a snapshot with a trailer. When something is missing, FILE holds only the last state of each key, and no
/// older revisions. FILE.etcdsnap.json holds the report. `verify` and `restore` read it, and do not call FILE good, as
/// long as it is beside FILE.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap salvage broken.db --to saved.db
  etcdsnap salvage broken.db --to saved.db --only proved
  etcdsnap salvage /mnt/dead/etcd --to saved.db
  etcdsnap salvage broken.db --wal /mnt/dead/etcd/member/wal --to saved.db
  etcdsnap salvage disk.img --scan --to saved.db
  etcdsnap salvage broken.db --list secrets -n shop --verdict deleted,superseded
  etcdsnap salvage broken.db --list --prefix /registry/secrets/ -o ndjson

Exit status: 0 every live key is proved and nothing is missing; 1 something is likely, conflicting
or missing, a small bucket is not whole, the log is damaged, the SHA-256 differs from the trailer,
or the input was made from a doubtful backup (FILE is there), or there is nothing to save; 2 wrong
usage, or FILE exists; 3 could not be read or written")]
pub(crate) struct Salvage {
    /// The broken db: a file, a data directory, or an archive that holds one, also a broken archive
    input: PathBuf,
    /// The new file that is written
    #[arg(long, value_name = "FILE", required_unless_present = "list")]
    to: Option<PathBuf>,
    /// Add a log that goes further: a member's member/wal or data directory
    #[arg(long, value_name = "DIR", conflicts_with = "list")]
    wal: Option<PathBuf>,
    /// Apply, or leave out, the log's entries past the last commit on disk
    #[arg(
        long,
        value_enum,
        value_name = "keep|drop",
        hide_possible_values = true,
        hide_short_help = true,
        conflicts_with = "list"
    )]
    uncommitted: Option<Uncommitted>,
    /// Write only values with this verdict or a better one [default: likely]
    #[arg(long, value_enum, value_name = "proved|likely", default_value_t = Values::Likely, hide_default_value = true,
          hide_possible_values = true)]
    only: Values,
    /// Write nothing: list every record that is there, deleted and overwritten ones too
    #[arg(long, conflicts_with_all = ["to", "only"])]
    list: bool,
    /// The format: text or json; with --list table, json or ndjson
    #[arg(short, long, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    output: Option<Output>,
    /// The page size in bytes, if most pages show a wrong one
    #[arg(long, value_name = "N", value_parser = page_size)]
    page_size: Option<u32>,
    /// Look for the db at every sector: for a disk image or another larger file that holds the db, or when the start of
    /// the db is missing
    #[arg(long)]
    scan: bool,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Values {
    /// Those that are proved
    Proved,
    /// Those that are proved or likely
    Likely,
}

fn page_size(text: &str) -> Result<u32, String> {
    let size = text.parse().ok().filter(|size: &u32| size.is_power_of_two() && (1024..=65536).contains(size));
    size.ok_or_else(|| "a page has 1024, 2048, 4096, 8192, 16384, 32768 or 65536 bytes".to_owned())
}

impl Salvage {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let options = Options { page_size: self.page_size, scan: self.scan };
        let wrong = |what: &str| Err(Error::usage(what).into());
        let Some(to) = &self.to else {
            if self.output == Some(Output::Text) {
                return wrong("--list prints a table, json or ndjson");
            }
            return self.listing.run(session, &self.input, &options, self.output);
        };
        if self.listing.is_given() {
            return wrong("KIND, -n, --key, --prefix, --verdict and --limit select what --list prints");
        }
        if matches!(self.output, Some(Output::Table | Output::Ndjson)) {
            return wrong("the report is text or json; with --list the records are a table, json or ndjson");
        }
        session.unpack_near(to);
        let source = session.open_any(&self.input)?;
        let source = match &self.wal {
            Some(wal) => source.with_log(session.open_raft(wal, RaftKind::Log, &session.options_with(None))?),
            None => source,
        };
        let only = if self.only == Values::Proved { Only::Proved } else { Only::Likely };
        let uncommitted = self.uncommitted.map(Into::into);
        let job = Job { to: to.clone(), only, options, uncommitted, arguments: arguments() };
        let (stop, progress) = (stop_at_signal(), session.progress(&source));
        let report = save(&source, &job, Watch { stop: &stop, progress: &|done, all| progress.update(done, all) })?;
        drop(progress);
        if let Some(saved) = &report.written {
            session.wrote(&saved.files)?;
        }
        let printed = match self.output {
            Some(Output::Json) => render::json(&mut session.out, &report, false),
            _ => text::report(&mut session.out, &report).map_err(Failure::from),
        };
        if printed.is_err() {
            say!("note: salvage wrote the file; its report could not be printed");
        }
        printed?;
        session.intact(&source)?;
        Ok(if report.complete { Exit::Good } else { Exit::Content })
    }
}
