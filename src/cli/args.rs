//! Arguments of all commands: the root of the command line and its global flags.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Once,
};

use clap::{Args, Parser, ValueEnum, value_parser};
use etcdsnap::{
    Error, Result,
    audit::{self, Known, Requests, Stopped, Wanted},
    bytes::{counted, file_name},
    diff::{Diff, Pair},
    etcd::{self, Load, Range, Snapshot},
    k8s::{Mask, Ring},
    objects::{At, Dated, Time},
    select::LabelSelector,
    source::{is_data_dir, is_log_dir},
};

use crate::{
    commands::Command,
    failure::Exit,
    render::{ColorWhen, printable},
};

/// Open any etcd backup offline: verify it, see what is inside.
///
/// SNAPSHOT is a file from `etcdctl snapshot save`, a copy of `member/snap/db`, a data directory, any of these inside
/// gzip, zstd, xz, bzip2, zip or tar, a folder that holds exactly one of them, or - for standard input. etcdsnap never
/// changes it.
#[derive(Debug, Parser)]
#[command(
    name = "etcdsnap",
    bin_name = "etcdsnap",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = ENDING)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// The call of another command, for a command that ends in one.
    pub(crate) fn call(words: Vec<OsString>) -> Result<Self> {
        Self::try_parse_from(words).map_err(|error| Error::usage(error.to_string()))
    }
}

/// Names the format of each command as etcdctl does, too: `-w`, `--write-out`.
pub(crate) fn name_output(command: &mut clap::Command) {
    let is_output = |arg: &clap::Arg| arg.get_long() == Some("output") && arg.get_short() == Some('o');
    let takes =
        |short| move |arg: &clap::Arg| arg.get_short_and_visible_aliases().is_some_and(|all| all.contains(&short));
    let output = command.get_arguments().find(|arg| is_output(arg)).map(|arg| arg.get_id().clone());
    if let Some(output) = output.filter(|_| !command.get_arguments().any(takes('w'))) {
        *command = std::mem::take(command).mut_arg(output, |arg| arg.short_alias('w').alias("write-out"));
    }
    command.get_subcommands_mut().for_each(name_output);
}

const ENDING: &str = "\
Environment:
  ETCDSNAP_SNAPSHOT  the SNAPSHOT of a command that is given none: `etcdsnap get pods -n shop`;
                     a first argument that is a file is the SNAPSHOT instead

Exit status:
  0  good; of verify also doubtful, without --strict
  1  the content: damaged, not a snapshot, not found, or not certain; of diff and hashkv: they differ
  2  the call: wrong usage
  3  the system: could not read or write, or the input changed while it was read;
     of grep: something could not be searched";

/// The namespace that a command is limited to, as kubectl has it.
#[derive(Debug, Args)]
pub(crate) struct InNamespace {
    /// Only this namespace; kinds without namespaces, such as nodes, are not affected
    #[arg(short, long, value_parser = namespace)]
    namespace: Option<String>,
    /// All namespaces (the default); overrides -n
    #[arg(short = 'A', long, hide_short_help = true)]
    all_namespaces: bool,
}

impl InNamespace {
    /// The namespace, unless `-A` overrides it.
    pub(crate) fn only(&self) -> Option<String> {
        only_namespace(self.namespace.clone(), self.all_namespaces)
    }
}

/// The namespace of `-n`, unless it is empty, which is as if it was not given, or overridden by `-A`.
pub(crate) fn only_namespace(namespace: Option<String>, all: bool) -> Option<String> {
    static NOTED: Once = Once::new();
    let namespace = namespace.filter(|_| !all)?;
    if namespace.is_empty() {
        NOTED.call_once(|| say!("note: the namespace of -n is empty: this is of all namespaces"));
        return None;
    }
    Some(namespace)
}

/// A namespace's name; it may be empty.
pub(crate) fn namespace(text: &str) -> Result<String, String> {
    let fits = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if text.len() <= 63 && text.as_bytes().iter().all(fits) {
        return Ok(text.to_owned());
    }
    Err(match text.contains(',') {
        true => "-n takes one namespace; without it, all are shown".to_owned(),
        false => "the name of a namespace has at most 63 characters: a-z, 0-9 and -".to_owned(),
    })
}

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Append a record of this run (tool, arguments, inputs and their SHA-256 before and after) to FILE as NDJSON
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) evidence: Option<PathBuf>,
    /// Add to each record an HMAC-SHA-256 with the bytes of FILE as key, which `evidence check` verifies
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) evidence_key: Option<PathBuf>,
    /// Unpack compressed or piped input in DIR instead of $TMPDIR
    #[arg(long, global = true, value_name = "DIR", hide_short_help = true)]
    pub(crate) tmp_dir: Option<PathBuf>,
    /// Unpack no more than BYTES of compressed or piped input
    #[arg(long, global = true, value_name = "BYTES", hide_short_help = true)]
    pub(crate) max_unpacked: Option<u64>,
    /// Send requests for s3://, gs:// and az:// to the server at URL instead of the cloud's own
    #[cfg(feature = "remote")]
    #[arg(long, global = true, value_name = "URL", hide_short_help = true)]
    pub(crate) endpoint_url: Option<String>,
    /// Print the progress of a long job every 10 seconds, even where stderr is no terminal
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) progress: bool,
    /// Use N threads instead of one for each core
    #[arg(long, global = true, value_name = "N", hide_short_help = true,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Colour added, removed and changed lines, and verdicts
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorWhen::Auto, hide_short_help = true)]
    pub(crate) color: ColorWhen,
}

/// The keys of encryption at rest, for every command that shows objects.
#[derive(Debug, Args)]
#[command(next_help_heading = "Encryption at rest")]
pub(crate) struct Keys {
    /// Open encrypted values with the keys in FILE, kube-apiserver's --encryption-provider-config
    ///
    /// The providers of a resource are tried in the order in FILE, as the API server does. FILE may also be OpenShift's
    /// static_kuberesources_*.tar.gz, or a Secret that holds such a file; configurations that OpenShift keeps in the
    /// snapshot are found there. FILE may be a pipe. The name of a key may contain a
    /// colon. Without FILE, nothing shows where such a name ends: both names are printed, `NAME or NAME:MORE`.
    #[arg(long, value_name = "FILE")]
    pub(crate) encryption_config: Option<PathBuf>,
    /// Open values of KMS providers with the data keys in FILE
    ///
    /// FILE is YAML or JSON: for the name of each provider, its data keys in base64, as the KMS has decrypted them (for
    /// KMS v2 also the seeds). The keys are a list `[KEY, ...]`, or a map `{ENCRYPTED: KEY, ...}`. All keys of a list
    /// are tried. In a map, ENCRYPTED is the encrypted data key, as it is stored with the value. When the key for a
    /// value is missing, a message names that encrypted data key.
    #[arg(long, hide_short_help = true, value_name = "FILE")]
    kms_keys: Option<PathBuf>,
}

impl Keys {
    /// Whether a file of keys is named.
    pub(crate) fn are_given(&self) -> bool {
        self.encryption_config.is_some() || self.kms_keys.is_some()
    }

    /// Reads them; [`Ring::learn`] adds those that a snapshot holds itself.
    pub(crate) fn ring(&self) -> Result<Ring> {
        Ring::read(self.encryption_config.as_deref(), self.kms_keys.as_deref())
    }
}

/// The log of a data directory, for every command that reads one.
#[derive(Debug, Args)]
#[command(next_help_heading = "Of a data directory", mut_arg("log_dir", |arg| arg.conflicts_with("no_wal")))]
pub(crate) struct LogArgs {
    #[command(flatten)]
    pub(crate) dir: LogDir,
    #[command(flatten)]
    limits: LogLimits,
}

impl LogArgs {
    /// How the backup is read.
    pub(crate) fn load(&self) -> Load {
        self.limits.load()
    }
}

/// Where the log of a data directory is; `default()` is `member/wal`.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Of a data directory")]
pub(crate) struct LogDir {
    /// Read the log from DIR instead of member/wal, as etcd does with its own --wal-dir
    #[arg(id = "log_dir", long = "wal-dir", hide_short_help = true, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

impl LogDir {
    /// Checks that there is a log in the folder, and one data directory among those `named`, whose log it is.
    pub(crate) fn check<'p>(&self, named: impl Iterator<Item = &'p Path>) -> Result<()> {
        let Some(folder) = self.folder.as_deref() else { return Ok(()) };
        let named: Vec<_> = named.collect();
        match named.iter().filter(|path| is_data_dir(path)).count() {
            1 => {}
            0 => {
                let names: Vec<_> = named.iter().map(file_name).collect();
                let what =
                    format!("--wal-dir is the log of a data directory, and none was named: {}", names.join(", "));
                return Err(Error::usage(what).hinted("name the folder that holds member/, or leave --wal-dir out"));
            }
            n => {
                let what = format!("--wal-dir is the log of one data directory, and {n} were named");
                return Err(Error::usage(what).hinted("name each in a run of its own, with its log"));
            }
        }
        if !is_log_dir(folder)? {
            let what = format!("{}: no segments of a write-ahead log (*.wal) in it", file_name(folder));
            return Err(Error::not_found(what).hinted("--wal-dir takes the folder that holds the .wal files"));
        }
        Ok(())
    }
}

/// How far a data directory's log is applied.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Of a data directory")]
pub(crate) struct LogLimits {
    /// Read the db without the log
    ///
    /// Without this flag, the entries of the log that the db does not hold yet are applied, as etcd does when it
    /// starts.
    #[arg(long, hide_short_help = true, conflicts_with_all = ["uncommitted", "to_index"])]
    pub(crate) no_wal: bool,
    /// Apply, or leave out, the log's entries past the last commit on disk
    ///
    /// Without this flag they are left out. In a cluster of several members, one disk alone may not show whether the
    /// last entries of the log were committed, that is, written by most members. etcd may have acknowledged such a
    /// write to the client. `keep` applies these entries. In a cluster of one voter, every entry is committed.
    #[arg(long, hide_short_help = true, value_enum, value_name = "keep|drop", hide_possible_values = true)]
    pub(crate) uncommitted: Option<Uncommitted>,
    /// Apply no entry of the log after entry N
    #[arg(long, hide_short_help = true, value_name = "N")]
    pub(crate) to_index: Option<u64>,
    /// Apply the log up to revision N; a transaction is never split
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = value_parser!(i64).range(1..))]
    pub(crate) to_revision: Option<i64>,
}

impl LogLimits {
    /// How the backup is read.
    pub(crate) fn load(&self) -> Load {
        let uncommitted = self.uncommitted.map(Uncommitted::into);
        let (to_index, to_revision) = (self.to_index, self.to_revision);
        Load { wal: !self.no_wal, uncommitted, to_index, to_revision, may_be_past: false }
    }
}

/// What becomes of entries that are not known to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Uncommitted {
    /// Apply them
    Keep,
    /// Leave them out
    Drop,
}

impl From<Uncommitted> for etcd::Uncommitted {
    fn from(what: Uncommitted) -> Self {
        match what {
            Uncommitted::Keep => Self::Keep,
            Uncommitted::Drop => Self::Drop,
        }
    }
}

/// The mask of secrets, for commands that compare or report.
#[derive(Debug, Args)]
#[command(next_help_heading = "Secrets")]
pub(crate) struct Masking {
    /// Show secrets instead of masks (equal secrets have equal masks)
    #[arg(long, conflicts_with = "mask_key")]
    reveal: bool,
    /// Make the masks with the key in FILE, so that the masks of several runs can be compared
    #[arg(long, value_name = "FILE")]
    mask_key: Option<PathBuf>,
}

impl Masking {
    /// Whether secrets are shown.
    #[cfg(feature = "serve")]
    pub(crate) fn reveals(&self) -> bool {
        self.reveal
    }

    /// The mask of this run.
    pub(crate) fn mask(&self) -> Result<Mask> {
        match &self.mask_key {
            _ if self.reveal => Ok(Mask::reveal()),
            Some(path) => Mask::read(path),
            None => Mask::random(),
        }
    }
}

/// The API server's audit log.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Name the request that made each change, from the API server's audit log (JSON lines, also in gzip)
    ///
    /// `exact`: the answer in the audit log names the revision (level RequestResponse), and the times agree. `by time
    /// and object`: only this request about the object was running when the change was written. At the level Metadata,
    /// the log does not show whether a delete was a dry run. `unsure`: it may be one of several requests, or none of
    /// them, as where the log does not cover the time of the change; then the exit status is 1. Give the logs of all
    /// API servers: a request that is only in the log of another server is not seen.
    #[arg(id = "audit_log", long = "audit-log", value_name = "FILE", num_args = 1..)]
    pub(crate) files: Vec<PathBuf>,
}

impl AuditArgs {
    /// Reads the log, and prints what of it cannot be read, which the exit status shows. That the request of a change
    /// is unsure is for the caller to show.
    pub(crate) fn read(&self, wanted: &Wanted, files: &[PathBuf]) -> Result<(Requests, Exit)> {
        let (requests, coverage) = audit::read(files, wanted)?;
        let [exact, unsure] = [Known::Exact, Known::Unsure].map(|known| requests.count(known));
        let by_time = requests.count(Known::TimeAndObject).saturating_add(requests.count(Known::TimeAndKind));
        match coverage.times {
            Some((first, last)) => say!(
                "note: the audit log holds {} from {} to {}; the request is exact for {}, found by time for {by_time}, and unsure for {unsure}",
                counted(coverage.events, "event"),
                first.millis(),
                last.millis(),
                counted(exact, "change")
            ),
            None => say!("note: the audit log holds no events"),
        }
        if requests.uncovered() > 0 {
            say!(
                "note: the audit log does not cover all of the time in which these may have been written, and they are unsure: {}",
                counted(requests.uncovered(), "change")
            );
        }
        if coverage.broken > 0 {
            let cut = if coverage.cut { "; it ends in the middle of a line" } else { "" };
            say!("note: {} of the audit log cannot be read{cut}", counted(coverage.broken, "line"));
        }
        for Stopped { file, is_cut, events, until } in &coverage.stopped {
            let (file, read) = (printable(file.clone()), counted(*events, "event"));
            let until = until.map(|until| format!(", until {}", until.millis())).unwrap_or_default();
            match is_cut {
                true => say!("note: {file}: the gzip file ends early; read of it: {read}{until}"),
                false => say!("note: {file}: the gzip file is damaged; read of it, and perhaps wrong: {read}{until}"),
            }
        }
        let is_whole = coverage.broken == 0 && coverage.stopped.is_empty() && coverage.events > 0;
        Ok((requests, if is_whole { Exit::Good } else { Exit::Content }))
    }
}

/// Which state of the keyspace.
#[derive(Debug, Args)]
pub(crate) struct When {
    /// The revision of the state that is read; 0 for the last
    #[arg(long, value_name = "REVISION", default_value_t = 0, value_parser = value_parser!(i64).range(0..))]
    rev: i64,
    /// The time of the state that is read, such as 2026-11-21T02:04:00Z (UTC) or -10m: the last revision that is known
    /// to be written at that time or before
    ///
    /// TIME is 2026-11-21T02:04:00Z, "2026-11-21 02:04" or 2026-11-21 (UTC), or -10m: before the newest time in the
    /// backup. etcd stores no times. The times in Kubernetes' objects show when a revision was written, exact to a few
    /// seconds. So changes of the last seconds before TIME may be missing. A note on stderr names the revision, and
    /// the times between which it was written.
    #[arg(long, value_name = "TIME", conflicts_with = "rev", value_parser = time, allow_hyphen_values = true)]
    at: Option<Time>,
}

/// The keys below an API server's prefix, which begins with a slash whether it is written or not.
pub(crate) fn etcd_prefix(text: &str) -> Result<Range<'static>, String> {
    match text.trim_matches('/') {
        "" => Err("an empty prefix is every key".to_owned()),
        prefix => Ok(Range::prefix(format!("/{prefix}/").into_bytes())),
    }
}

/// A time, as a person writes it.
pub(crate) fn time(text: &str) -> Result<Time, String> {
    Time::parse(text).ok_or_else(|| Time::FORMS.to_owned())
}

impl When {
    /// Whether a state is named.
    #[cfg(feature = "serve")]
    pub(crate) fn is_named(&self) -> bool {
        self.at.is_some() || self.rev != 0
    }

    /// The revision of the flags; none for the last. Prints the revision that was found for a time.
    pub(crate) fn revision(&self, snapshot: &Snapshot<'_>, ring: &Ring) -> Result<Option<i64>> {
        match self.at {
            Some(at) => revision_at(at, snapshot, ring),
            None => Ok((self.rev != 0).then_some(self.rev)),
        }
    }

    /// The same, to open a cluster at.
    pub(crate) fn at(&self, snapshot: &Snapshot<'_>, ring: &Ring) -> Result<At> {
        Ok(self.revision(snapshot, ring)?.map_or(At::Last, At::Revision))
    }
}

/// The last revision that is known to be written at `at` or before, which is printed; none for the last of all.
pub(crate) fn revision_at(at: Time, snapshot: &Snapshot<'_>, ring: &Ring) -> Result<Option<i64>> {
    let dated = Dated::of(snapshot, ring, at)?;
    match dated {
        Dated::Last { newest } => {
            say!("note: the newest time in the backup is {newest}: this is the last state");
        }
        Dated::Revision { revision, gap, later } => {
            let later = later.map_or_else(String::new, |later| {
                format!("; revision {later} was written after the time that was asked for")
            });
            say!("note: this is revision {revision}, written {}{later}", gap.in_words());
        }
    }
    Ok(dated.revision())
}

/// Whether an object has the labels that are asked for, on either side; `None` when that is not known, because a side
/// cannot be read, or both are missing.
pub(crate) fn is_labelled(labels: &Option<LabelSelector>, diff: &Diff<'_, '_>, pair: &Pair<'_>) -> Option<bool> {
    let Some(labels) = labels else { return Some(true) };
    let has = [(pair.old, diff.old), (pair.new, diff.new)].map(|(kv, side)| kv.map(|kv| side.is_labelled(&kv, labels)));
    match has {
        [Some(Some(true)), _] | [_, Some(Some(true))] => Some(true),
        [Some(None), _] | [_, Some(None)] | [None, None] => None,
        _ => Some(false),
    }
}

/// The note about objects or changes that were left out because their labels are not known.
pub(crate) fn unknown_labels(count: u64, what: &str) -> Option<String> {
    (count > 0).then(|| {
        let count = counted(count, what);
        format!(
            "for {count}, the labels cannot be read: what has the labels of -l may be missing here; --encryption-config and --kms-keys open what is encrypted"
        )
    })
}

/// The format of a command that reports in sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people
    Text,
    /// One JSON document
    Json,
}

/// The format of a command that prints a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    Table,
    /// One JSON document
    Json,
    /// One JSON document a line
    Ndjson,
}
