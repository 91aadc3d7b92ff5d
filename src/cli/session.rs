//! One run: the output, the inputs that were opened, and the messages about them at the end.

use std::{
    cell::Cell,
    io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use etcdsnap::{
    Code, Error, Findings, Result,
    bytes::counted_are,
    error::{Advice, Call, Severity},
    etcd::{Load, Retraced, Snapshot},
    evidence::{Key, Printed, Recorder, Served},
    source::{Candidates, Input, Options, RaftFiles, RaftKind, Remote, Source, is_stdin},
    verify::{propose, salvaging},
};
use rayon::prelude::*;

use crate::{
    args::{Cli, Global, LogDir},
    failure::{Exit, Failure},
    render::{Progress, Screen, printable, shell},
};

/// Runs the command that was asked for.
pub(crate) fn run(cli: Cli) -> Result<Exit, Failure> {
    if let Some(threads) = cli.global.threads {
        // Fails only when a pool is there already, and none is.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global();
    }
    if cli.global.evidence_key.is_some() && cli.global.evidence.is_none() && !cli.command.reads_evidence() {
        return Err(Error::usage("--evidence-key: there is no --evidence that it is the key of").into());
    }
    let mut session = Session::new(&cli.global)?;
    let ended = cli.command.run(&mut session).and_then(|exit| {
        session.out.flush()?;
        session.evidence.as_mut().map_or(Ok(()), Recorder::ended)?;
        Ok(exit)
    });
    if let Some(evidence) = &session.evidence {
        let exit = ended.as_ref().map_or_else(Failure::exit, |exit| *exit);
        if let Err(error) = evidence.write(&arguments(), session.out.get_ref().get_ref(), exit as u8) {
            // Why the run failed comes first.
            if let Err(failure) = &ended {
                failure.say();
            }
            return Err(error.into());
        }
    }
    ended
}

/// The context of a command.
pub(crate) struct Session {
    /// The output of data.
    pub(crate) out: Screen<BufWriter<Printed<StdoutLock<'static>>>>,
    options: Options,
    tmp_named: bool,
    stdin_named: bool,
    progress: bool,
    /// Whether the user left out the log.
    no_wal: Cell<bool>,
    evidence: Option<Recorder>,
    evidence_key: Option<PathBuf>,
}

impl Session {
    fn new(global: &Global) -> Result<Self> {
        let mut options = Options::default();
        options.tmp_dir = global.tmp_dir.clone().unwrap_or(options.tmp_dir);
        options.max_unpacked = global.max_unpacked.unwrap_or(options.max_unpacked);
        options.remote = remote(global);
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let key = || global.evidence_key.as_deref().map(Key::read).transpose();
        let evidence = global.evidence.as_deref().map(|path| Recorder::new(path, key()?)).transpose()?;
        let out = BufWriter::with_capacity(1 << 16, Printed::new(stdout.lock(), evidence.is_some()));
        let out = Screen::new(out, terminal).with_color(global.color.allows(terminal));
        let tmp_named = global.tmp_dir.is_some();
        let evidence_key = global.evidence_key.clone();
        let (stdin_named, progress, no_wal) = (false, global.progress, Cell::new(false));
        Ok(Self { out, options, tmp_named, stdin_named, progress, no_wal, evidence, evidence_key })
    }

    /// The key of the HMACs in evidence.
    pub(crate) fn evidence_key(&self) -> Result<Option<Key>> {
        self.evidence_key.as_deref().map(Key::read).transpose()
    }

    /// Unpacks compressed input beside `path`, where there has to be room for it anyway, unless a folder was named.
    pub(crate) fn unpack_near(&mut self, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_default();
        let near = path.ancestors().find(|dir| dir.is_dir()).filter(|_| !self.tmp_named);
        if let Some(near) = near {
            near.clone_into(&mut self.options.tmp_dir);
        }
    }

    /// How inputs are opened that are `named` together: with the log of the data directory among them in the folder
    /// that `log` names.
    ///
    /// # Errors
    /// When there is no segment in that folder, or not one data directory in `named`, whose log it would be.
    pub(crate) fn options<'p>(&self, log: &LogDir, named: impl IntoIterator<Item = &'p Path>) -> Result<Options> {
        log.check(named.into_iter())?;
        Ok(self.options_with(log.folder.as_deref()))
    }

    /// How a data directory is opened whose log is in `wal_dir` when not in `member/wal`.
    pub(crate) fn options_with(&self, wal_dir: Option<&Path>) -> Options {
        Options { wal_dir: wal_dir.map(Path::to_path_buf), ..self.options.clone() }
    }

    /// Records files that are read besides the backups, before they are read. Files of keys and tokens are not
    /// recorded: a sum may give away a short secret.
    pub(crate) fn reads(&mut self, files: &[impl AsRef<Path>]) -> Result<()> {
        let evidence = self.evidence.as_mut();
        evidence.map_or(Ok(()), |evidence| files.iter().try_for_each(|file| evidence.reads(file.as_ref())))
    }

    /// Records the files that were written.
    pub(crate) fn wrote(&mut self, files: &[PathBuf]) -> Result<()> {
        let evidence = self.evidence.as_mut();
        evidence.map_or(Ok(()), |evidence| files.iter().try_for_each(|file| evidence.wrote(file)))
    }

    /// Whether the run is recorded.
    pub(crate) fn keeps_evidence(&self) -> bool {
        self.evidence.is_some()
    }

    /// Records what was served.
    pub(crate) fn served(&mut self, served: Served) {
        if let Some(evidence) = &mut self.evidence {
            evidence.served(served);
        }
    }

    /// Opens the one backup that the user named, and its log where `log` names a folder.
    pub(crate) fn open(&mut self, named: &Path, log: &LogDir) -> Result<Source> {
        let options = self.options(log, [named])?;
        self.open_with(named, &options)
    }

    /// Opens one of the backups that the user named.
    pub(crate) fn open_with(&mut self, named: &Path, options: &Options) -> Result<Source> {
        let source = self.open_quietly(named, options).map_err(|error| with_salvage(named, options, error))?;
        print_notes(&source);
        Ok(source)
    }

    /// Opens a file of which not even the kind may be recognisable any more, and the log of its data directory.
    pub(crate) fn open_any(&mut self, named: &Path) -> Result<Source> {
        let options = Options { metas_lost: true, ..self.options.clone() };
        self.open_with(named, &options)
    }

    /// Opens a backup for a command that reports the notes itself.
    pub(crate) fn open_quietly(&mut self, named: &Path, options: &Options) -> Result<Source> {
        self.note_stdin(named)?;
        let source = open(named, options)?;
        self.opened(&source)?;
        Ok(source)
    }

    /// Opens several at the same time, as [`Session::open_quietly`] opens one.
    pub(crate) fn open_all<'n>(
        &mut self,
        named: impl Iterator<Item = &'n Path>,
        options: &Options,
    ) -> Vec<Result<Source>> {
        let named: Vec<_> = named.collect();
        if let [one] = &named[..] {
            return vec![self.open_quietly(one, options)];
        }
        let opened: Vec<_> = named.par_iter().map(|named| open(named, options)).collect();
        opened.into_iter().map(|source| source.and_then(|source| self.opened(&source).map(|()| source))).collect()
    }

    /// Records an input that was opened.
    pub(crate) fn opened(&mut self, input: &impl Input) -> Result<()> {
        self.evidence.as_mut().map_or(Ok(()), |evidence| evidence.opened(input))
    }

    /// Notes that standard input is named, which is one backup and no more.
    fn note_stdin(&mut self, named: &Path) -> Result<()> {
        if is_stdin(named) && std::mem::replace(&mut self.stdin_named, true) { Err(stdin_twice()) } else { Ok(()) }
    }

    /// Opens the raft files that the user named.
    pub(crate) fn open_raft(&mut self, named: &Path, kind: RaftKind, options: &Options) -> Result<RaftFiles> {
        self.raft(named, || RaftFiles::open(named, kind, options))
    }

    /// Opens the raft files that the user named, or those of the one member in the folder that was named.
    pub(crate) fn find_raft(&mut self, named: &Path, kind: RaftKind, options: &Options) -> Result<RaftFiles> {
        self.raft(named, || RaftFiles::find(named, kind, options))
    }

    fn raft(&mut self, named: &Path, open: impl FnOnce() -> Result<RaftFiles>) -> Result<RaftFiles> {
        self.note_stdin(named)?;
        let files = open()?;
        self.opened(&files)?;
        print_notes(&files);
        Ok(files)
    }

    /// The folder for files of the run.
    #[cfg(feature = "serve")]
    pub(crate) fn tmp_dir(&self) -> &Path {
        &self.options.tmp_dir
    }

    /// Whether the user named that folder.
    #[cfg(feature = "serve")]
    pub(crate) fn is_tmp_named(&self) -> bool {
        self.tmp_named
    }

    /// Progress of reading `source`.
    pub(crate) fn progress(&self, source: &Source) -> Progress {
        Progress::new(source.name(), self.progress)
    }

    /// Whether progress was asked for.
    pub(crate) fn wants_progress(&self) -> bool {
        self.progress
    }

    /// Opens the backup in `source` as `load` asks for, and prints which entries of its log are applied and which are
    /// not.
    pub(crate) fn load<'s>(&self, source: &'s Source, load: &Load) -> Result<Snapshot<'s>> {
        let snapshot = Snapshot::load(source, load)?;
        self.no_wal.set(!load.wal);
        note_log(source, load, &snapshot);
        Ok(snapshot)
    }

    /// As [`Session::load`], with the compacted records where the log still holds all of them.
    pub(crate) fn load_whole<'s>(&self, source: &'s Source, load: &Load) -> Result<Snapshot<'s>> {
        let snapshot = Snapshot::load_whole(source, load)?;
        self.no_wal.set(!load.wal);
        note_log(source, load, &snapshot);
        let (keyspace, name) = (snapshot.keyspace, source.name());
        match &snapshot.retraced {
            Some(of) => note_retraced(source, of),
            None if keyspace.dropped() < keyspace.compacted() => {
                let at = keyspace.compacted();
                say!("note: {name}: records compacted at revision {at} are shown from its log");
            }
            None if load.wal && !is_whole(source, &snapshot) => {
                say!(
                    "note: {name}: its log is not used for compacted revisions: it does not fit the db, or etcd may have refused some of its requests"
                );
                say!("hint: {}", Call::new("etcdsnap wal").arg(source.word()).that("lists its entries"));
            }
            None => {}
        }
        Ok(snapshot)
    }

    /// Checks that the input did not change since it was opened. Buffered output is written first.
    pub(crate) fn intact(&mut self, input: &impl Input) -> Result<(), Failure> {
        self.out.flush()?;
        self.evidence.as_mut().map_or(Ok(()), |evidence| evidence.closed(input))?;
        Ok(input.intact()?)
    }

    /// Ends the reading of one input: checks that it did not change, and prints its findings. The exit status also
    /// shows that writes which only a log held are missing.
    pub(crate) fn close(&mut self, source: &Source, findings: &Findings) -> Result<Exit, Failure> {
        self.intact(source)?;
        let exit = print_findings(source.name(), findings);
        let lacks_log = !self.no_wal.get() && source.notes().iter().any(|note| note.code == Code::NoLog);
        Ok(if lacks_log { exit.max(Exit::Content) } else { exit })
    }

    /// Ends the reading of one input that holds nothing of what was asked for. What is wrong with it may be why.
    pub(crate) fn without(&mut self, source: &Source, findings: &Findings, error: impl Into<Failure>) -> Failure {
        self.close(source, findings).err().unwrap_or_else(|| error.into())
    }
}

/// The stores that URLs are opened from.
#[cfg(feature = "remote")]
fn remote(global: &Global) -> Option<Remote> {
    let asked = global.progress;
    let progress = move |name: &str| {
        let progress = Progress::new(name, asked);
        Box::new(move |done, all| progress.update(done, all)) as Box<dyn Fn(u64, u64)>
    };
    Some(Remote::new(etcdsnap::remote::Stores::new(global.endpoint_url.clone(), Box::new(progress))))
}

/// This build has no network access.
#[cfg(not(feature = "remote"))]
fn remote(_: &Global) -> Option<Remote> {
    None
}

fn open(named: &Path, options: &Options) -> Result<Source> {
    Source::open(named, options).map_err(|error| with_newest(named, options, error))
}

/// `error`, with the command that saves what is left where `named` is no db, and pages of one are in it.
fn with_salvage(named: &Path, options: &Options, error: Error) -> Error {
    match error {
        // standard input cannot be read again
        Error::Foreign { file, what, hint, may_be_one: true } if named.is_file() => {
            let hint = match salvaging(named, options) {
                Some(call) => hint.and("; to save what is left:").call(call),
                None => hint,
            };
            Error::Foreign { file, what, hint, may_be_one: true }
        }
        error => error,
    }
}

/// `error`, with the newest good backup as the hint where `named` is a folder that holds several.
fn with_newest(named: &Path, options: &Options, error: Error) -> Error {
    let (what, hint) = match error {
        Error::Several { what, hint, .. } if named.is_dir() => (what, Some(hint)),
        Error::Usage { what, hint } => (what, hint),
        error => return error,
    };
    let files: Vec<_> = match named.is_dir() {
        true => Candidates::of(&[named.to_owned()], false, options).files.into_iter().map(|file| file.path).collect(),
        false => Vec::new(),
    };
    if files.len() < 2 {
        return Error::usage(what).hinted_if(hint);
    }
    Error::usage(what).hinted(match propose(&files, options) {
        Some(path) => Advice::from(format!("the newest good one of them: {}", shell(path))),
        None => Call::new("etcdsnap verify").arg(named).that("shows which is the newest good one"),
    })
}

/// Prints why the newest time in a backup may be wrong.
pub(crate) fn note_doubt(of: &str, doubt: Option<String>) -> Exit {
    let Some(doubt) = doubt else { return Exit::Good };
    say!("note: {}: {doubt}", printable(of.to_owned()));
    Exit::Content
}

/// Prints which compacted revisions are shown from a log, and what of it is not certain.
fn note_retraced(source: &Source, of: &Retraced<'_>) {
    let name = source.name();
    let Retraced { first, last, unsure, until, partial, .. } = of;
    if first <= last {
        say!(
            "note: {name}: the revisions {first} to {last}, which a compaction removed from the db, are shown from its log"
        );
    }
    if *partial > 0 {
        let what = "when its lease ended or its range was deleted";
        say!("note: {name}: in {partial} of these revisions, more keys may have been deleted than are shown ({what})");
    }
    if *unsure > 0 {
        say!("note: {name}: it is not certain what {unsure} older entries of its log changed; they are not shown");
        let call = Call::new("etcdsnap wal").arg(source.word()).option("--to-index", Some(until.to_string()));
        say!("hint: {}", call.that("lists them"));
    }
}

/// Whether a backup shows all that its db and its log hold, as far as it was compacted.
pub(crate) fn is_whole(source: &Source, snapshot: &Snapshot<'_>) -> bool {
    match &snapshot.retraced {
        Some(of) => of.unsure == 0 && of.partial == 0,
        None => {
            let keyspace = snapshot.keyspace;
            keyspace.dropped() < 0 || keyspace.dropped() < keyspace.compacted() || source.wal().is_empty()
        }
    }
}

/// Prints which entries of a backup's log are applied and which are not.
fn note_log(source: &Source, load: &Load, snapshot: &Snapshot<'_>) {
    let Some(log) = snapshot.log else { return };
    let note = |what: String| say!("note: {}: {what}", source.name());
    let left = log.unapplied.count().saturating_sub(log.applied);
    if log.applied > 0 {
        note(format!("{} applied that the db does not hold yet", counted_are(log.applied, "entry", " of the log")));
    }
    match load.uncommitted {
        _ if left == 0 => {}
        None if log.unapplied.past_commit == left => {
            note(format!("{} past the last commit on disk and left out", counted_are(left, "entry", " of the log")));
            say!("hint: --uncommitted keep applies them too: etcd may have acknowledged these writes to clients");
        }
        _ => note(format!("{} left out", counted_are(left, "entry", " of the log"))),
    }
}

/// Refuses standard input where it is named more than once.
pub(crate) fn one_stdin(named: &[PathBuf]) -> Result<()> {
    if named.iter().filter(|path| is_stdin(path)).count() > 1 { Err(stdin_twice()) } else { Ok(()) }
}

fn stdin_twice() -> Error {
    Error::usage("standard input (-) is named twice").hinted("write one of the two to a file")
}

/// Prints the notes about an input from its opening.
pub(crate) fn print_notes(input: &impl Input) {
    for note in input.notes() {
        say!("{}: {}: {note}", note.severity, input.origin().display);
    }
}

/// The signals that end a run.
const SIGNALS: [i32; 3] = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP];

/// A flag that becomes true at ^C, so that a run can end and remove its files; a second ^C ends it at once.
pub(crate) fn stop_at_signal() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    at_signals(&stop, &stop);
    stop
}

/// At a signal the run ends at once where `at_once` is true; `asked` becomes true.
fn at_signals(at_once: &Arc<AtomicBool>, asked: &Arc<AtomicBool>) {
    for signal in SIGNALS {
        // Without a handler the default ends the run, and the next one tidies up.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, Exit::System as i32, Arc::clone(at_once));
        let _ = signal_hook::flag::register(signal, Arc::clone(asked));
    }
}

/// As [`stop_at_signal`] for a run that has something to remove at its end, which no signal may prevent: a signal ends
/// the run at once only while `at_once` is true, which it is at first.
pub(crate) struct Stop {
    pub(crate) asked: Arc<AtomicBool>,
    pub(crate) at_once: Arc<AtomicBool>,
}

impl Stop {
    pub(crate) fn at_signal() -> Self {
        let (asked, at_once) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
        at_signals(&at_once, &asked);
        Self { asked, at_once }
    }
}

/// The command line.
pub(crate) fn arguments() -> Vec<String> {
    std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect()
}

/// The number of findings that a command other than `verify` prints on stderr.
const SHOWN: usize = 10;

/// Prints the findings of a command other than `verify`.
fn print_findings(name: &str, findings: &Findings) -> Exit {
    let of = |severity| findings.list().iter().filter(move |finding| finding.severity == severity);
    // An error may come after many warnings.
    for finding in of(Severity::Error).chain(of(Severity::Warning)).take(SHOWN) {
        say!("{}: {name}: {finding}", finding.severity);
    }
    let all = findings.count(Severity::Error).saturating_add(findings.count(Severity::Warning));
    if all > SHOWN as u64 {
        say!("{name}: {} more findings; `etcdsnap verify` lists them", all.saturating_sub(SHOWN as u64));
    }
    if !findings.damaged() {
        if findings.mixed() {
            say!("{name}: the output may mix the data of two members; --no-wal shows the db alone");
            return Exit::Content;
        }
        return Exit::Good;
    }
    say!("{name}: damaged; the output holds what could be read");
    Exit::Content
}
