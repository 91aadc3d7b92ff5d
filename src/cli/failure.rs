//! The end of a run: its exit code, and the message when it failed.

use std::{
    ffi::OsString,
    fs, io,
    panic::PanicHookInfo,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

use clap::{
    Command,
    error::{ContextKind, ContextValue},
};
use etcdsnap::{
    Error,
    bytes::{is_hostile, shell},
    error::Fault,
    k8s::nearest,
    print::PrintError,
};
use signal_hook::{consts::SIGPIPE, low_level::emulate_default_handler};

use crate::{other_flags, other_words, render::printable};

/// The exit of a run that did its job; better ones order before worse ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Success.
    Good = 0,
    /// What the input holds is the reason: it is damaged, two sides differ, what was asked for is not in it, or it does
    /// not allow what was asked for.
    Content = 1,
    /// Wrong usage.
    Caller = 2,
    /// Could not read or write, or the input changed.
    System = 3,
    /// The reader of the output is gone; the code is the one that a shell reports for SIGPIPE.
    Pipe = 141,
    /// etcdutl's code for conflicting arguments, used by its alias only.
    BadArguments = 128,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Fault> for Exit {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Content => Self::Content,
            Fault::Caller => Self::Caller,
            Fault::System => Self::System,
        }
    }
}

/// Why a run failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the library.
    Error(Error),
    /// The output could not be written.
    Output(io::Error),
    /// A panic was caught.
    Panic(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<PrintError> for Failure {
    fn from(error: PrintError) -> Self {
        match error {
            PrintError::Template(error) => error.into(),
            PrintError::Output(error) => error.into(),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Output(error.into())
    }
}

impl Failure {
    /// Prints the error and its hint on stderr; nothing when only the reader of the output is gone.
    pub(crate) fn say(&self) {
        match self {
            Self::Error(error) => {
                // Names may hold anything; a message may have more than one line.
                let text = error.to_string();
                let lines: Vec<_> = text.split('\n').map(|line| printable(line.to_owned())).collect();
                say!("error: {}", lines.join("\n"));
                if let Some(hint) = error.hint() {
                    say!("hint: {hint}");
                } else if let Some(near) = similar_file(error) {
                    say!("hint: did you mean {}?", shell(near));
                }
            }
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Self::Output(error) => say!("error: cannot write the output: {error}"),
            Self::Panic(message) => {
                say!("error: etcdsnap stopped because of a bug: {message}");
                say!("hint: if the input was not changed during the run, please report this with the command line");
            }
        }
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Error(error) => error.fault().into(),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Pipe,
            Self::Output(_) | Self::Panic(_) => Exit::System,
        }
    }

    /// Prints the error, and ends the process with its exit code: where the reader of the output is gone, by SIGPIPE as
    /// `cat` and kubectl do, because the reader may have missed a finding.
    pub(crate) fn report(&self) -> ExitCode {
        self.say();
        let exit = self.exit();
        if exit == Exit::Pipe {
            let _ = emulate_default_handler(SIGPIPE);
        }
        exit.into()
    }
}

/// The file whose name is nearest to that of a missing one, in the same folder.
fn similar_file(error: &Error) -> Option<PathBuf> {
    let Error::Io { file, source, .. } = error else { return None };
    let missing = Path::new(file);
    let name = missing.file_name()?.to_str().filter(|_| source.kind() == io::ErrorKind::NotFound)?;
    let folder = missing.parent()?;
    let there = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let names = fs::read_dir(there).ok()?.take(10_000).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names: Vec<_> = names.collect();
    nearest(name, names.iter().map(String::as_str)).map(|near| folder.join(near))
}

/// Ends a run whose command line was not understood, or asked for help. A name that the shell has put there may be
/// hostile, and clap prints it as it is.
pub(crate) fn unparsed(mut error: clap::Error, root: &Command) -> ExitCode {
    let mut of = named(root, &error);
    // clap's own line shows each flag that was typed as if it were required
    if error.get(ContextKind::Usage).is_some() {
        error.insert(ContextKind::Usage, ContextValue::StyledStr(of.render_usage()));
    }
    let hint = other_flags::tip(&mut error, &of).or_else(|| other_words::hint(&error, &of));
    let hostile = |arg: OsString| arg.to_string_lossy().chars().any(is_hostile);
    if error.use_stderr() && std::env::args_os().any(hostile) {
        say!("{}", error.to_string().trim_end());
    } else {
        // Nobody minds when it cannot be shown.
        let _ = error.print();
    }
    if let Some(hint) = hint {
        say!("hint: {hint}");
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Caller as u8))
}

/// The command that the usage line of `error` names.
fn named(root: &Command, error: &clap::Error) -> Command {
    let mut of = root.clone();
    of.build();
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    for name in usage.split_whitespace().skip(2) {
        let Some(below) = of.find_subcommand(name).cloned() else { break };
        of = below;
    }
    // of a wrong value there is no usage line
    for name in std::env::args_os().skip(1).filter(|_| usage.is_empty()) {
        of = of.find_subcommand(name).cloned().unwrap_or(of);
    }
    of
}

/// Message and place of the first panic.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// The panic hook: keeps the message for the end.
pub(crate) fn note_panic(panic: &PanicHookInfo<'_>) {
    PANIC.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".to_owned());
        panic.location().map_or(text.clone(), |place| format!("{text} ({place})"))
    });
}

/// The message that was kept.
pub(crate) fn noted_panic() -> String {
    PANIC.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
}
