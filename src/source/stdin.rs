//! Standard input as a backup: read once, into a nameless file, because a backup needs random access.

use std::{
    fs::{self, File},
    io::{self, IsTerminal as _, Seek as _},
    os::fd::AsFd as _,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use super::{Options, Origin, Part, locator::STDIN, scratch::Scratch};
use crate::{Error, Result};

/// Path under which the system shows the file that is standard input.
const SHOWN: &str = "/proc/self/fd/0";

/// The path, the file, and whether this program made it.
static READ: Mutex<Option<(PathBuf, File, bool)>> = Mutex::new(None);

/// Opens standard input; the same bytes however often it is opened.
pub(super) fn open(options: &Options) -> Result<Part> {
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let (path, file, own) = match &mut *read {
        Some(read) => read,
        none => none.insert(take(options)?),
    };
    let origin = Origin { path: path.clone(), display: STDIN.to_owned() };
    let file = file.try_clone().map_err(|e| fault("read", e))?;
    if *own { Part::own(origin, file) } else { Part::new(origin, file) }
}

fn take(options: &Options) -> Result<(PathBuf, File, bool)> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        let what = format!("{STDIN}: standard input is a terminal");
        return Err(Error::usage(what).hinted("pipe a backup into it: cat backup.db | etcdsnap verify -"));
    }
    let mut file = File::from(stdin.as_fd().try_clone_to_owned().map_err(|e| fault("read", e))?);
    let metadata = file.metadata().map_err(|e| fault("read", e))?;
    // A file that has not been read from yet needs no copy.
    if metadata.is_file() && file.stream_position().is_ok_and(|at| at == 0) {
        return Ok((fs::read_link(SHOWN).unwrap_or_else(|_| SHOWN.into()), file, false));
    }
    let copied = Scratch::new(options).take(stdin.lock(), STDIN, "is", |e| fault("read", e))?;
    Ok((SHOWN.into(), copied, true))
}

fn fault(doing: &'static str, source: io::Error) -> Error {
    Error::io(STDIN, doing, source)
}
