//! The files in `member/snap` other than the db, and which of them etcd starts from.

use serde::Serialize;

use super::state::ListedMember;
use crate::{
    Code, Finding, Findings,
    bolt::Db,
    document::Id,
    proto::Malformed,
    snap::{Snap, V2Store, taken},
    source::{Part, RaftFiles},
    wal::{ConfState, Log, Segment, SnapshotRecord},
};

/// The files of one member, as `snap -o json` lists them.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapFiles<'s> {
    /// The folder or file as the user named it.
    pub path: &'s str,
    /// The files, by raft index.
    pub snaps: Vec<SnapshotFile<'s>>,
    /// The log's newest snapshot record, which etcd 3.7 starts from.
    pub newest_in_log: Option<SnapshotRecord>,
    /// Findings about the files.
    #[serde(serialize_with = "list")]
    pub findings: Findings,
    /// Whether the member has a log.
    #[serde(skip)]
    pub has_log: bool,
}

/// One file of `member/snap`.
#[derive(Debug, Clone)]
pub struct SnapshotFile<'s> {
    /// The name of the file.
    pub name: &'s str,
    /// The kind of the file.
    pub format: SnapFormat,
    /// The length of the file, in bytes.
    pub size: u64,
    /// The decoded content; `None` for a db, and for a file that cannot be read.
    pub snap: Option<Snap>,
    /// The v2store in the file.
    pub store: V2Store,
    /// Whether etcd up to 3.6 starts from the file.
    pub taken: bool,
}

/// The kind of a file, by the name that etcd gives it, else by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapFormat {
    /// A `.snap` file.
    Snap,
    /// A complete db that the leader sent.
    Db,
    /// A `.snap` file that etcd has set aside.
    Broken,
}

impl<'s> SnapFiles<'s> {
    /// Reads `files`. The log is read only for its snapshot records: its own findings are left out.
    #[must_use]
    pub fn read(files: &'s RaftFiles) -> Self {
        let mut findings = Findings::default();
        let mut snaps: Vec<_> = files.snaps().iter().map(|part| SnapshotFile::read(part, &mut findings)).collect();
        let segments: Vec<_> = files.wal().iter().map(Segment::from).collect();
        let log = (!segments.is_empty()).then(|| Log::read(&segments, &mut Findings::default()));
        if let Some(log) = &log {
            let by_name = |file: &SnapshotFile<'s>| file.format == SnapFormat::Snap;
            let read: Vec<_> = snaps.iter().map(|file| file.snap.as_ref().filter(|_| by_name(file))).collect();
            if let Some(file) = taken(&read, log).and_then(|at| snaps.get_mut(at)) {
                file.taken = true;
            }
        }
        snaps.sort_by_key(SnapshotFile::index);
        let newest = log.as_ref().and_then(Log::newest_snapshot);
        let newest_in_log = newest.map(|of| SnapshotRecord { index: of.index, term: of.term });
        Self { path: files.name(), snaps, newest_in_log, findings, has_log: log.is_some() }
    }

    /// Replaces the values of the v2 API's users, which hold their passwords' hashes, by the result of `mask`.
    pub fn mask(&mut self, mask: impl Fn(&[u8]) -> Option<String>) {
        let keys = self.snaps.iter_mut().flat_map(|file| &mut file.store.keys);
        for value in keys.filter(|key| key.path.starts_with("/2/")).filter_map(|key| key.value.as_mut()) {
            if let Some(masked) = mask(value.as_bytes()) {
                *value = masked;
            }
        }
    }
}

impl<'s> SnapshotFile<'s> {
    fn read(part: &'s Part, findings: &mut Findings) -> Self {
        let (name, format) = (part.name(), SnapFormat::of(part));
        let (snap, store) = (None, V2Store::default());
        let mut file = Self { name, format, size: part.len(), snap, store, taken: false };
        if format == SnapFormat::Db {
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
            findings.push(file.finding(malformed).at(malformed.at as u64).file(name));
        }
        file
    }

    fn finding(&self, malformed: Malformed) -> Finding {
        match self.format {
            SnapFormat::Broken => Finding::info(Code::SnapBroken, format!("etcd has set it aside: {malformed}")),
            _ if !self.name.ends_with(".snap") => Finding::error(Code::Snap, format!("not a .snap file: {malformed}"))
                .hint("name a data directory, its member/snap, or a file in it"),
            _ => Finding::error(Code::Snap, malformed.to_string())
                .hint("etcd renames it to .broken at its next start, and uses the previous .snap file"),
        }
    }

    /// The name without the folder.
    #[must_use]
    pub fn base_name(&self) -> &'s str {
        self.name.rsplit(['/', ':']).next().unwrap_or_default()
    }

    /// The index of the last raft entry that the file includes; for a db, and for an unreadable file, by its name.
    #[must_use]
    pub fn index(&self) -> Option<u64> {
        let number = |hex: &str| u64::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 16);
        let by_name = || number(self.base_name().split('.').next()?.rsplit('-').next()?);
        self.snap.as_ref().map(|snap| snap.index).or_else(by_name)
    }

    /// The members in the file's v2store, by id.
    pub fn members(&self) -> impl Iterator<Item = ListedMember<'_>> {
        self.store.members.iter().map(ListedMember::from)
    }
}

impl SnapFormat {
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
}

impl Serialize for SnapshotFile<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct File<'f> {
            file: &'f str,
            kind: SnapFormat,
            size: u64,
            index: Option<u64>,
            taken: bool,
            #[serde(flatten)]
            content: Option<Content<'f>>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Content<'f> {
            term: u64,
            conf_state: &'f ConfState,
            members: Vec<ListedMember<'f>>,
            #[serde(rename = "memberIDsHex")]
            member_ids_hex: Vec<Id>,
            removed: Vec<u64>,
            removed_hex: &'f [Id],
            version: Option<&'f str>,
            v2_keys: &'f [crate::snap::V2Key],
        }
        let content = self.snap.as_ref().map(|snap| Content {
            term: snap.term,
            conf_state: &snap.conf_state,
            members: self.members().collect(),
            member_ids_hex: self.members().map(|member| member.id).collect(),
            removed: Id::numbers(&self.store.removed),
            removed_hex: &self.store.removed,
            version: self.store.version.as_deref(),
            v2_keys: &self.store.keys,
        });
        let (kind, index) = (self.format, self.index());
        File { file: self.name, kind, size: self.size, index, taken: self.taken, content }.serialize(serializer)
    }
}

fn list<S: serde::Serializer>(findings: &Findings, serializer: S) -> Result<S::Ok, S::Error> {
    findings.list().serialize(serializer)
}
