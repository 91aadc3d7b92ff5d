//! Several dead members: which one is restored, and what of its log counts.

use std::path::{Path, PathBuf};

use etcdsnap::{Error, Result, etcd::agreement, source::Source, wal::Agreement};

use crate::{args::LogDir, failure::Failure, render::printable, session::Session};

/// Compares the members, and returns the one to restore.
pub(super) fn choose(session: &mut Session, first: &Path, others: &[PathBuf]) -> Result<(Source, Agreement), Failure> {
    let paths = [first].into_iter().chain(others.iter().map(PathBuf::as_path));
    let mut sources = paths.map(|path| session.open(path, &LogDir::default())).collect::<Result<Vec<_>>>()?;
    let agreement = agreement(&sources.iter().collect::<Vec<_>>())?;
    let names: Vec<_> = sources.iter().map(|source| source.name().to_owned()).collect();
    for line in agreement.lines(&names) {
        say!("note: {}", printable(line));
    }
    if agreement.keep >= sources.len() {
        return Err(Error::usage("no member is to be restored").into());
    }
    let kept = sources.swap_remove(agreement.keep);
    kept.intact()?;
    // They are not read again.
    sources.iter().try_for_each(|source| session.intact(source))?;
    Ok((kept, agreement))
}
