//! Several dead members: which one is restored, and what of its log counts.

use std::path::{Path, PathBuf};

use etcdsnap::{Error, Result, etcd::agreement, source::Source, wal::Agreement};

use crate::{args::LogDir, render::printable, session::Session};

/// Compares the members, and returns the one to restore.
pub(super) fn choose(session: &mut Session, first: &Path, others: &[PathBuf]) -> Result<(Source, Agreement)> {
    let paths = [first].into_iter().chain(others.iter().map(PathBuf::as_path));
    let mut sources = paths.map(|path| session.open(path, &LogDir::default())).collect::<Result<Vec<_>>>()?;
    let agreement = agreement(&sources.iter().collect::<Vec<_>>())?;
    let names: Vec<_> = sources.iter().map(|source| source.name().to_owned()).collect();
    for line in agreement.lines(&names) {
        say!("note: {}", printable(line));
    }
    sources.iter().try_for_each(Source::intact)?;
    if agreement.keep >= sources.len() {
        return Err(Error::usage("no member is to be restored"));
    }
    Ok((sources.swap_remove(agreement.keep), agreement))
}
