//! One run: the output, the inputs that were opened, what is said about them at the end.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write};

use etcdsnap::{
    Error, Findings, Result,
    bytes::escape,
    error::Severity,
    etcd::Snapshot,
    source::{Options, Source},
};

use crate::{
    args::{Cli, Global},
    failure::{Exit, Failure},
};

/// Runs the command that was asked for.
pub(crate) fn run(cli: Cli) -> Result<Exit, Failure> {
    if let Some(threads) = cli.global.threads {
        // Fails only when a pool is there already, and none is.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    }
    let mut session = Session::new(&cli.global);
    let exit = cli.command.run(&mut session)?;
    session.out.flush()?;
    Ok(exit)
}

/// What a command works with.
pub(crate) struct Session {
    /// Data goes here.
    pub(crate) out: BufWriter<StdoutLock<'static>>,
    /// Whether a person sees it.
    pub(crate) terminal: bool,
    options: Options,
}

impl Session {
    fn new(global: &Global) -> Self {
        let mut options = Options::default();
        options.tmp_dir = global.tmp_dir.clone().unwrap_or(options.tmp_dir);
        options.max_unpacked = global.max_unpacked.unwrap_or(options.max_unpacked);
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self { out: BufWriter::with_capacity(1 << 16, stdout.lock()), terminal, options }
    }

    /// Opens what the user named.
    pub(crate) fn open(&mut self, name: &str) -> Result<Source> {
        let source = self.open_quietly(name)?;
        for note in source.notes() {
            eprintln!("{}: {}: {note}", note.severity, source.name());
        }
        Ok(source)
    }

    /// The same, for a command that reports the notes itself.
    pub(crate) fn open_quietly(&mut self, name: &str) -> Result<Source> {
        Source::open(name, &self.options)
    }

    /// Opens the backend in `source`.
    pub(crate) fn load<'s>(&self, source: &'s Source) -> Result<Snapshot<'s>> {
        let image = source.db().image();
        Snapshot::load(image)
            .map_err(|finding| Error::Damaged { file: source.name().to_owned(), finding: finding.into() })
    }

    /// Ends the reading of one input: writes out what there is, makes sure that it still is what was opened, tells
    /// what is wrong with it.
    pub(crate) fn close(&mut self, source: &Source, findings: &Findings) -> Result<Exit, Failure> {
        self.out.flush()?;
        source.intact()?;
        Ok(tell(source.name(), findings))
    }
}

/// So many findings are told on stderr by a command that is not about them.
const TOLD: usize = 10;

/// Tells the findings of a command that is not about them.
pub(crate) fn tell(name: &str, findings: &Findings) -> Exit {
    let worth = findings.list().iter().filter(|finding| finding.severity > Severity::Info);
    for finding in worth.take(TOLD) {
        eprintln!("{}: {name}: {finding}", finding.severity);
    }
    let all = findings.count(Severity::Error).saturating_add(findings.count(Severity::Warning));
    if all > TOLD as u64 {
        eprintln!("{name}: {} more findings; `etcdsnap verify` lists them", all.saturating_sub(TOLD as u64));
    }
    if !findings.damaged() {
        return Exit::Good;
    }
    eprintln!("{name}: damaged; what is shown is what could be read");
    Exit::Content
}

impl Session {
    /// Untrusted bytes for the output: raw into a pipe, escaped on a terminal.
    pub(crate) fn untrusted(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.terminal { self.out.write_all(escape(bytes).as_bytes()) } else { self.out.write_all(bytes) }
    }
}
