use std::{io::Write as _, path::PathBuf};

use clap::{Args, ValueEnum};
use etcdsnap::{
    Code, Finding, Findings,
    bolt::Db,
    bytes::escape,
    etcd::state::Member,
    k8s::Mask,
    snap::{Snap, V2Store, taken},
    source::{Part, RaftFiles, RaftKind},
    wal::{Log, Segment},
};
use serde_json::{Map, Value, json};

use super::members::cells;
use crate::{
    args::Masking,
    failure::{Exit, Failure},
    render::{self, Columns, printable},
    session::Session,
};

/// What raft's snapshots beside the db say: up to which entry, who votes, and the v2store's members and version
///
/// PATH is one file, or a data directory: then all of its member/snap, the newest last, and which of them etcd starts
/// from, by what the log says. etcd 3.4 and 3.5 take the members from such a file, 3.6 who votes; 3.7 opens none.
///
/// A `.snap.db` is a whole db that the leader sent: `etcdsnap status` and all other commands open it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap snap /var/lib/etcd
  etcdsnap snap member/snap/0000000000000002-00000000000186a1.snap -o json
  etcdsnap snap member.tar.gz -o json | jq '.snaps[] | select(.taken)'

Exit status: 1 when a .snap file is damaged; one that etcd has set aside as .broken is no news")]
pub(crate) struct Snaps {
    /// The data directory, folder or file
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    masking: Masking,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Columns for people
    Table,
    /// One JSON document
    Json,
}

/// One file.
struct File<'p> {
    part: &'p Part,
    kind: Kind,
    snap: Option<Snap>,
    store: V2Store,
    taken: bool,
}

/// What it is, by the name that etcd gives it, else by what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Snap,
    Db,
    Broken,
}

impl Kind {
    fn of(part: &Part) -> Self {
        let is = |ending| part.name().ends_with(ending);
        if is(".broken") {
            Self::Broken
        } else if is(".snap.db") || !is(".snap") && Db::open(part.bytes()).is_ok() {
            Self::Db
        } else {
            Self::Snap
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Snap => "snap",
            Self::Db => "db",
            Self::Broken => "broken",
        }
    }
}

impl<'p> File<'p> {
    fn read(part: &'p Part, findings: &mut Findings) -> Self {
        let kind = Kind::of(part);
        let mut file = Self { part, kind, snap: None, store: V2Store::default(), taken: false };
        if kind == Kind::Db {
            return file;
        }
        let result = Snap::decode(part.bytes()).and_then(|snap| {
            if !snap.store.is_empty() {
                file.store = V2Store::decode(&snap.store)?;
            }
            file.snap = Some(snap);
            Ok(())
        });
        if let Err(malformed) = result {
            let finding = match kind {
                Kind::Broken => Finding::info(Code::SnapBroken, format!("etcd has set it aside: {malformed}")),
                _ if !part.name().ends_with(".snap") => {
                    Finding::error(Code::Snap, format!("no .snap file: {malformed}"))
                        .hint("name a data directory, its member/snap, or a file in it")
                }
                _ => Finding::error(Code::Snap, malformed.to_string())
                    .hint("etcd renames it to .broken at its next start, and takes the one before it"),
            };
            findings.push(finding.at(malformed.at as u64).file(part.name()));
        }
        file
    }

    fn name(&self) -> String {
        escape(self.part.name().rsplit(['/', ':']).next().unwrap_or_default().as_bytes())
    }

    /// The raft index that it stands at; where it cannot be read, or is a db, its name tells it.
    fn index(&self) -> Option<u64> {
        let name = self.name();
        let number = |hex: &str| u64::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 16);
        let by_name = || number(name.split('.').next()?.rsplit('-').next()?);
        self.snap.as_ref().map(|snap| snap.index).or_else(by_name)
    }

    fn row(&self) -> Vec<String> {
        let or = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let hex = |ids: &[u64]| or((!ids.is_empty()).then(|| list(ids)));
        let state = self.snap.as_ref().map(|snap| &snap.conf_state);
        let count = |n: usize| or(self.snap.as_ref().map(|_| n.to_string()));
        let note = match self.kind {
            Kind::Db => "a db: see `etcdsnap status`",
            Kind::Broken => "set aside by etcd",
            Kind::Snap if self.snap.is_none() => "damaged",
            Kind::Snap if self.taken => "etcd to 3.6 starts from it",
            Kind::Snap => "-",
        };
        vec![
            self.name(),
            or(self.snap.as_ref().map(|snap| snap.term.to_string())),
            or(self.index().map(|index| index.to_string())),
            or(state.map(|state| hex(&state.voters))),
            or(state.map(|state| hex(&state.learners))),
            count(self.store.members.len()),
            count(self.store.removed.len()),
            or(self.store.version.clone()),
            count(self.store.keys.len()),
            self.part.len().to_string(),
            note.to_owned(),
        ]
    }

    fn members(&self) -> impl Iterator<Item = Member> {
        self.store.members.iter().map(|member| Member {
            id: member.id,
            name: member.name.clone(),
            peer_urls: member.peer_urls.clone(),
            client_urls: member.client_urls.clone(),
            is_learner: member.is_learner,
        })
    }

    fn document(&self, mask: &Mask) -> Value {
        let mut of = Map::new();
        of.insert("file".to_owned(), self.part.name().into());
        of.insert("kind".to_owned(), self.kind.name().into());
        of.insert("size".to_owned(), self.part.len().into());
        of.insert("index".to_owned(), json!(self.index()));
        of.insert("taken".to_owned(), self.taken.into());
        let Some(snap) = &self.snap else { return Value::Object(of) };
        let store = &self.store;
        of.insert("term".to_owned(), snap.term.into());
        of.insert("confState".to_owned(), super::wal::conf_state(&snap.conf_state));
        of.insert("members".to_owned(), self.members().map(|member| super::members::member(&member)).collect());
        of.insert("memberIDsHex".to_owned(), store.members.iter().map(|member| format!("{:x}", member.id)).collect());
        of.insert("removed".to_owned(), json!(store.removed));
        of.insert("removedHex".to_owned(), store.removed.iter().map(|id| format!("{id:x}")).collect());
        of.insert("version".to_owned(), json!(store.version));
        let keys = store.keys.iter().map(|key| {
            // users of the v2 API, with their passwords' hashes
            let secret = key.value.as_ref().filter(|_| key.path.starts_with("/2/"));
            let masked = secret.and_then(|value| mask.bytes(value.as_bytes()));
            json!({"path": key.path, "value": masked.as_ref().or(key.value.as_ref())})
        });
        of.insert("v2Keys".to_owned(), keys.collect());
        Value::Object(of)
    }
}

fn list(ids: &[u64]) -> String {
    ids.iter().map(|id| format!("{id:x}")).collect::<Vec<_>>().join(",")
}

impl Snaps {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let files = session.open_raft(&self.path, RaftKind::Snaps)?;
        let mut findings = Findings::default();
        let mut all: Vec<_> = files.snaps().iter().map(|part| File::read(part, &mut findings)).collect();
        // the log is told by `wal`
        let segments: Vec<_> = files.wal().iter().map(Segment::from).collect();
        let log = (!segments.is_empty()).then(|| Log::read(&segments, &mut Findings::default()));
        if let Some(log) = &log {
            let snaps: Vec<_> = all.iter().map(|file| file.snap.as_ref().filter(|_| file.kind == Kind::Snap)).collect();
            if let Some(file) = taken(&snaps, log).and_then(|at| all.get_mut(at)) {
                file.taken = true;
            }
        }
        all.sort_by_key(File::index);
        match self.output {
            Output::Table => table(session, &all, log.as_ref())?,
            Output::Json => self.json(session, &files, &all, log.as_ref(), &findings)?,
        }
        session.intact(&files)?;
        for finding in findings.list() {
            let file = printable(finding.file.clone().unwrap_or_default());
            eprintln!("{}: {file}: {}", finding.severity, finding.bare());
            finding.hint.iter().for_each(|hint| eprintln!("    hint: {hint}"));
        }
        Ok(if findings.damaged() { Exit::Content } else { Exit::Good })
    }

    fn json(
        &self,
        session: &mut Session,
        files: &RaftFiles,
        all: &[File<'_>],
        log: Option<&Log<'_>>,
        findings: &Findings,
    ) -> Result<(), Failure> {
        let mask = self.masking.mask()?;
        let newest = log.and_then(Log::newest_snapshot);
        let document = json!({
            "path": files.name(),
            "snaps": all.iter().map(|file| file.document(&mask)).collect::<Vec<_>>(),
            "newestInLog": newest.map(|snapshot| json!({"index": snapshot.index, "term": snapshot.term})),
            "findings": findings.list(),
        });
        render::json(&mut session.out, &document, false)
    }
}

fn table(session: &mut Session, all: &[File<'_>], log: Option<&Log<'_>>) -> Result<(), Failure> {
    let headers =
        ["FILE", "TERM", "INDEX", "VOTERS", "LEARNERS", "MEMBERS", "REMOVED", "VERSION", "V2 KEYS", "SIZE", "NOTE"];
    let mut columns = Columns::new(&headers).right(&[1, 2, 9]);
    all.iter().for_each(|file| columns.add(file.row()));
    columns.finish(&mut session.out)?;
    let out = &mut session.out;
    let newest = all.iter().rfind(|file| file.taken).or_else(|| all.iter().rfind(|file| file.snap.is_some()));
    if let Some(file) = newest.filter(|file| !file.store.members.is_empty()) {
        writeln!(out, "\nmembers in {}:", printable(file.name()))?;
        for member in file.members() {
            writeln!(out, "{}", cells(&member).join(", "))?;
        }
        file.store.removed.iter().try_for_each(|id| writeln!(out, "removed: {id:x}"))?;
    }
    let Some(log) = log else { return Ok(()) };
    if let Some(snapshot) = log.newest_snapshot() {
        let (index, term) = (snapshot.index, snapshot.term);
        writeln!(out, "\nthe log's newest snapshot, which etcd 3.7 goes by: index {index}, term {term}")?;
    }
    if !all.iter().any(|file| file.taken) {
        writeln!(out, "etcd to 3.6 takes none of them: it starts from the log alone")?;
    }
    Ok(())
}
