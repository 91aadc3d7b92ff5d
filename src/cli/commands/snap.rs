use std::{io::Write as _, path::PathBuf};

use clap::{Args, ValueEnum};
use etcdsnap::{
    bytes::escape,
    document::Id,
    etcd::{SnapFiles, SnapFormat, SnapshotFile},
    source::RaftKind,
};

use crate::{
    args::{LogDir, Masking},
    failure::{Exit, Failure},
    render::{self, Columns, etcdutl::member_cells, printable},
    session::Session,
};

/// List Raft's .snap files: last entry, voters, and the v2store's members
///
/// PATH is one file, or a data directory. For a directory all files in member/snap are listed, the newest last, and the
/// one that etcd starts from is marked. etcd 3.4 and 3.5 read the members from this file, etcd 3.6 reads the voters,
/// and etcd 3.7 does not open it.
///
/// A `.snap.db` is a whole db that the leader sent: `etcdsnap status` and all other commands open it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap snap /var/lib/etcd
  etcdsnap snap member/snap/0000000000000002-00000000000186a1.snap -o json
  etcdsnap snap member.tar.gz -o json | jq '.snaps[] | select(.taken)'

Exit status: 1 when a .snap file is damaged; one that etcd has renamed to .broken does not count")]
pub(crate) struct Snaps {
    /// The data directory, folder or file
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    masking: Masking,
    #[command(flatten)]
    log: LogDir,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Columns for people
    Table,
    /// One JSON document
    Json,
}

impl Snaps {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let options = session.options(&self.log, [self.path.as_path()])?;
        let files = session.find_raft(&self.path, RaftKind::Snaps, &options)?;
        let mut all = SnapFiles::read(&files);
        match self.output {
            Output::Table => table(session, &all)?,
            Output::Json => {
                let mask = self.masking.mask()?;
                all.mask(|value| mask.bytes(value));
                render::json(&mut session.out, &all, false)?;
            }
        }
        session.intact(&files)?;
        for finding in all.findings.list() {
            let file = printable(finding.file.clone().unwrap_or_default());
            say!("{}: {file}: {}", finding.severity, finding.bare());
            finding.hint.iter().for_each(|hint| say!("    hint: {hint}"));
        }
        Ok(if all.findings.damaged() { Exit::Content } else { Exit::Good })
    }
}

fn table(session: &mut Session, all: &SnapFiles<'_>) -> Result<(), Failure> {
    let headers =
        ["FILE", "TERM", "INDEX", "VOTERS", "LEARNERS", "MEMBERS", "REMOVED", "VERSION", "V2 KEYS", "SIZE", "NOTE"];
    let mut columns = Columns::new(&headers).right(&[1, 2, 9]);
    all.snaps.iter().for_each(|file| columns.add(row(file)));
    columns.finish(&mut session.out)?;
    let out = &mut session.out;
    let newest =
        all.snaps.iter().rfind(|file| file.taken).or_else(|| all.snaps.iter().rfind(|file| file.snap.is_some()));
    if let Some(file) = newest.filter(|file| !file.store.members.is_empty()) {
        writeln!(out, "\nmembers in {}:", escape(file.base_name().as_bytes()))?;
        for member in file.members() {
            writeln!(out, "{}", printable(member_cells(member).join(", ")))?;
        }
        file.store.removed.iter().try_for_each(|id| writeln!(out, "removed: {id:x}"))?;
    }
    if !all.has_log {
        return Ok(());
    }
    if let Some(snapshot) = all.newest_in_log {
        let (index, term) = (snapshot.index, snapshot.term);
        writeln!(
            out,
            "\nthe newest snapshot record of the log, from which etcd 3.7 starts: index {index}, term {term}"
        )?;
    }
    if !all.snaps.iter().any(|file| file.taken) {
        writeln!(out, "etcd 3.6 and older use none of these files: they start from the log alone")?;
    }
    Ok(())
}

fn row(file: &SnapshotFile<'_>) -> [String; 11] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let ids = |ids: &[Id]| {
        let hex: Vec<_> = ids.iter().map(Id::to_string).collect();
        (!hex.is_empty()).then(|| hex.join(","))
    };
    let (snap, store) = (file.snap.as_ref(), &file.store);
    let count = |n: usize| or_dash(snap.map(|_| n.to_string()));
    let note = match file.format {
        SnapFormat::Db => "a db: see `etcdsnap status`",
        SnapFormat::Broken => "set aside by etcd",
        SnapFormat::Snap if snap.is_none() => "damaged",
        SnapFormat::Snap if file.taken => "etcd 3.6 and older start from it",
        SnapFormat::Snap => "-",
    };
    [
        escape(file.base_name().as_bytes()),
        or_dash(snap.map(|snap| snap.term.to_string())),
        or_dash(file.index().map(|index| index.to_string())),
        or_dash(snap.and_then(|snap| ids(&snap.conf_state.voters))),
        or_dash(snap.and_then(|snap| ids(&snap.conf_state.learners))),
        count(store.members.len()),
        count(store.removed.len()),
        or_dash(store.version.clone()),
        count(store.keys.len()),
        file.size.to_string(),
        note.to_owned(),
    ]
}
