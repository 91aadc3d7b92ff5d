//! Several dead members: which one is restored, and what of its log counts.

use std::path::{Path, PathBuf};

use etcdsnap::{
    Error, Result,
    etcd::{Load, Uncommitted, agreement},
    source::Source,
    wal::{Agreed, Agreement},
};

use crate::{agreement::lines, args::LogDir, session::Session};

/// What a majority proves about the entries past the last commit on disk.
pub(super) struct Decided {
    uncommitted: Option<Uncommitted>,
    to_index: Option<u64>,
}

impl Decided {
    /// The entries up to the last one that was agreed on; nothing when the missing members decide.
    fn of(agreement: &Agreement) -> Self {
        let is = |agreed| agreement.held.iter().any(|held| held.agreed == agreed);
        let (kept, dropped) = (is(Agreed::Yes), is(Agreed::No));
        match agreement.last_agreed() {
            Some(last) if kept && dropped => Self { uncommitted: Some(Uncommitted::Keep), to_index: Some(last) },
            Some(_) if kept => Self { uncommitted: Some(Uncommitted::Keep), to_index: None },
            Some(_) if dropped => Self { uncommitted: Some(Uncommitted::Drop), to_index: None },
            _ => Self { uncommitted: None, to_index: None },
        }
    }

    /// `load`, with what was decided where that does not decide itself.
    pub(super) fn or_as(&self, load: &Load) -> Load {
        let own = load.uncommitted.is_some() || load.to_index.is_some() || load.to_revision.is_some();
        if own { *load } else { Load { uncommitted: self.uncommitted, to_index: self.to_index, ..*load } }
    }
}

/// Compares the members, and returns the one to restore.
pub(super) fn choose(session: &mut Session, first: &Path, others: &[PathBuf]) -> Result<(Source, Option<Decided>)> {
    let paths = [first].into_iter().chain(others.iter().map(PathBuf::as_path));
    let mut sources = paths.map(|path| session.open(path, &LogDir::default())).collect::<Result<Vec<_>>>()?;
    let agreement = agreement(&sources.iter().collect::<Vec<_>>())?;
    let names: Vec<_> = sources.iter().map(|source| source.name().to_owned()).collect();
    for line in lines(&agreement, &names) {
        say!("note: {line}");
    }
    sources.iter().try_for_each(Source::intact)?;
    if agreement.keep >= sources.len() {
        return Err(Error::usage("no member is to be restored"));
    }
    let decided = Decided::of(&agreement);
    Ok((sources.swap_remove(agreement.keep), Some(decided)))
}
