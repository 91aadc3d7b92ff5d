//! The storage version of a stopped member's db, up or down, so that another etcd starts on it.
//!
//! Mirrors `etcdutl/etcdutl/migrate_command.go` and `server/storage/schema/{schema,migration}.go`; the bucket `meta` is
//! written as etcdutl writes it. etcdutl leaves the cluster's version as it is, and no lower etcd starts on that. Here
//! it is lowered, too, and the log starts after the entries that raised it ([`LogStart`]).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    change::PlannedChange,
    directory::{Directory, copy_part},
    log,
    log_start::{LogStart, beyond, check_applicable},
    requests::Alarmed,
    voters::{agreed, known},
};
use crate::{
    Error, Result,
    bytes::size,
    document::Id,
    error::{Advice, Call, Next},
    etcd::{
        Bootstrap, Load, Request, Snapshot, State,
        boot::{Minor, Role, Startup, by_version, starting, starts_on},
        request::Op,
        rewrite::{Changes, Items},
        state::Downgrade,
    },
    publish::{Watch, fault},
    source::{Part, Source},
    wal::Log,
};

/// The plan to bring a db to another version.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Migrate {
    /// The directory, as the user named it.
    pub source: String,
    /// The last revision in the db.
    pub revision: i64,
    /// The db's length in bytes, up to the high-water mark.
    pub total_size: u64,
    /// The storage version of the db.
    pub from: String,
    /// The storage version that the db gets.
    #[serde(serialize_with = "text")]
    pub to: Minor,
    /// The cluster's version, old and new, when that has to change.
    pub cluster_version: Option<(String, String)>,
    /// The members that vote although the db has them as learners; they become voters in the db.
    pub promoted: Vec<Id>,
    /// The alarms that its members raised, which are kept.
    pub alarms: Vec<Alarmed>,
    /// The entry that the log starts after, when that has to change.
    pub snapshot_at: Option<u64>,
    /// Why etcdutl would refuse the migration.
    pub forced: Option<String>,
    /// Which etcd versions start on the result.
    #[serde(serialize_with = "by_version")]
    pub starts_on: Vec<(Minor, Startup)>,
    #[serde(skip)]
    buckets: BTreeMap<&'static str, Items>,
    #[serde(skip)]
    state: State,
    #[serde(skip)]
    log_start: Option<LogStart>,
}

fn text<S: serde::Serializer>(version: &Minor, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(version)
}

/// The lowest etcd that has a storage version; below it none is stored.
const FIRST: Minor = Minor { major: 3, minor: 6 };

impl Migrate {
    /// Makes the plan. As in etcdutl, some migrations need `force`.
    ///
    /// # Errors
    /// When the db has no known version, is at `to` already, or holds what `to` does not know.
    pub fn plan(directory: &Directory<'_>, to: Minor, force: bool) -> Result<Self> {
        let source = directory.source;
        let damaged = |finding| source.damaged(finding);
        let snapshot = Snapshot::open(source.db().image()).map_err(damaged)?;
        let log = log::read(source, None)?;
        directory.check_log(&log)?;
        let (meta, cluster) = (&snapshot.state.meta, &snapshot.state.cluster);
        let at = meta.consistent_index.unwrap_or(0);
        log::reaches(source, &log, at)?;
        let from = match &meta.storage_version {
            Some(version) => version.clone(),
            None if meta.term.unwrap_or(0) > 0 => "3.5.0".to_owned(),
            None => {
                let what = format!("{}: missing term information: its storage version is not known", source.name());
                let hint = Some("it is of etcd 3.4 or older: start etcd 3.5 on it once".to_owned());
                return Err(Error::refused(what).hinted_if(hint));
            }
        };
        let above = |version: &str| Minor::parse(version).is_some_and(|version| version > to);
        let forced = if above(&from) { newer(&log, to) } else { None };
        if let Some(why) = forced.as_ref().filter(|_| !force) {
            let hint = Some(format!(
                "start an etcd {from} on it and stop it once, which may remove them; --force migrates it as it is"
            ));
            return Err(Error::refused(format!("{}: {why}", source.name())).hinted_if(hint));
        }
        let mut buckets: BTreeMap<&'static str, Items> = BTreeMap::new();
        let text = format!("{to}.0");
        if Minor::parse(&from) != Some(to) {
            let mut meta = snapshot.items("meta");
            match to < FIRST {
                true => drop(meta.remove(&b"storageVersion"[..])),
                false => drop(meta.insert(b"storageVersion".to_vec(), text.clone().into_bytes())),
            }
            buckets.insert("meta", meta.into_iter().collect());
        }
        let cluster_version =
            cluster.version.clone().filter(|version| above(version)).map(|version| (version, text.clone()));
        let elsewhere =
            |downgrade: &&Downgrade| downgrade.enabled && Minor::parse(&downgrade.target_version) != Some(to);
        let downgrade = cluster.downgrade.as_ref().filter(elsewhere);
        if cluster_version.is_some() || downgrade.is_some() {
            let mut cluster = snapshot.items("cluster");
            if cluster_version.is_some() {
                cluster.insert(b"clusterVersion".to_vec(), text.into_bytes());
            }
            if downgrade.is_some() {
                cluster.insert(b"downgrade".to_vec(), Downgrade::default().json());
            }
            buckets.insert("cluster", cluster.into_iter().collect());
        }
        if buckets.is_empty() {
            let what = format!("{}: storage version up-to-date: it is {from} already", source.name());
            return Err(Error::usage(what).hinted(format!("etcd {to} starts on it as it is")));
        }
        let raft = known(source, &log, at, &snapshot.state);
        let members = agreed(source, &snapshot.state, &raft);
        // etcd 3.7 takes the voters from the db.
        let promoted: Vec<_> =
            members.iter().flatten().filter(|m| !snapshot.state.members.contains(m)).cloned().collect();
        if !promoted.is_empty() {
            let mut items = snapshot.items("members");
            items.extend(promoted.iter().map(|member| (member.key(), member.json())));
            buckets.insert("members", items.into_iter().collect());
        }
        let state =
            buckets.iter().fold(snapshot.state.clone(), |state, (bucket, items)| state.with_bucket(bucket, items));
        let start = log.newest_snapshot().map_or(0, |newest| newest.index);
        let elsewhere = cluster_version.is_some() || beyond(&log, start, to).is_some();
        let log_start = || {
            check_applicable(source, &log, at, to)?;
            LogStart::plan(source, &log, &snapshot.state, &members?)
        };
        let log_start = elsewhere.then(log_start).transpose()?;
        let bootstrap = match &log_start {
            Some(log_start) => log_start.bootstrap(&log, &state, u64::MAX),
            None => Bootstrap::of(source, &log, &state, u64::MAX),
        };
        Ok(Self {
            source: source.name().to_owned(),
            revision: snapshot.head().map_err(damaged)?,
            total_size: snapshot.db().size(),
            from,
            to,
            cluster_version,
            promoted: promoted.iter().map(|member| member.id).collect(),
            alarms: alarms(source, &snapshot),
            snapshot_at: log_start.as_ref().map(LogStart::index),
            forced,
            starts_on: starts_on(&state, Role::Member(&bootstrap)),
            buckets,
            state,
            log_start,
        })
    }
}

/// The alarms after the log's entries; those of the db where the log cannot be applied, which the checks report.
fn alarms(source: &Source, db: &Snapshot<'_>) -> Vec<Alarmed> {
    let served = Snapshot::load(source, &Load::default());
    let state = served.as_ref().map_or(&db.state, |served| &served.state);
    state.alarms.iter().map(Alarmed::from).collect()
}

/// Why `to` cannot read the log after the last snapshot (`wal.MinimalEtcdVersion`): it holds requests or fields of a
/// newer etcd. Since 3.5 there is one such request, which only etcd's tests send.
fn newer(log: &Log<'_>, to: Minor) -> Option<String> {
    let from = log.newest_snapshot().map_or(0, |newest| newest.index);
    let entries = log.entries().iter().filter(|entry| entry.index > from);
    let needs = entries.filter_map(|entry| match Request::of(entry).ok()??.op {
        Op::DowngradeVersionTest { version } => Minor::parse(std::str::from_utf8(version).ok()?).max(Some(FIRST)),
        _ => None,
    });
    let needs = needs.max().filter(|needs| *needs > to)?;
    Some(format!(
        "cannot downgrade storage, WAL contains newer entries, as the target version ({to}.0) is lower than the version \
         ({needs}.0) detected from WAL logs"
    ))
}

fn is_db(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == "db")
}

impl PlannedChange for Migrate {
    fn load(&self) -> Load {
        Load::default()
    }

    fn stopped(&self) -> Option<String> {
        let (etcd, startup) = self.starts_on.iter().find(|(etcd, _)| *etcd == self.to)?;
        (startup.ok == Some(false)).then(|| format!("etcd {etcd} would not start on the result: {}", startup.why))
    }

    fn files(&self, directory: &Directory<'_>) -> Result<Vec<PathBuf>> {
        let mut files = match &self.log_start {
            Some(log_start) => log_start.files(directory)?.to_vec(),
            None => Vec::new(),
        };
        files.push(directory.path_of(directory.source.db()));
        Ok(files)
    }

    fn write(&self, source: &Source, file: &Path, path: &Path, watch: Watch<'_>) -> Result<()> {
        if let Some(log_start) = self.log_start.as_ref().filter(|_| !is_db(file)) {
            return log_start.write(source, file, path);
        }
        let file = copy_part(source.db(), path, watch)?;
        let copied = Part::open(path)?;
        let damaged = |finding| source.damaged(finding);
        let snapshot = Snapshot::open(copied.image()).map_err(damaged)?;
        let changes = Changes { buckets: self.buckets.clone(), ..Changes::default() };
        changes.write_over(&snapshot, &file).map_err(|error| error.error(source.name(), path))?;
        file.sync_all().map_err(fault(path, "sync"))
    }

    fn lines(&self, source: &Source) -> (&'static str, Vec<(&'static str, String)>) {
        let (kind, revision, total) = (source.kind(), self.revision, size(self.total_size));
        let mut lines = vec![
            ("from", format!("{kind}, storage version {}, revision {revision}, {total}", self.from)),
            ("version", format!("storage version {}.0", self.to)),
        ];
        let versions = self.cluster_version.as_ref();
        lines.extend(versions.map(|(from, to)| ("", format!("cluster version {to}, was {from}"))));
        let promoted = |id: &Id| ("members", format!("{id} is a voter in raft, but still a learner in the db"));
        lines.extend(self.promoted.iter().map(promoted));
        lines.extend(self.alarms.iter().map(|alarm| {
            let refuses = if alarm.alarm == "CORRUPT" { "requests" } else { "writes" };
            ("alarm", format!("{} of member {}, kept: etcd refuses {refuses}", alarm.alarm, alarm.member))
        }));
        let starts = |at| ("log", format!("starts after entry {at}, the last one in the db"));
        lines.extend(self.snapshot_at.map(starts));
        lines.extend(self.forced.iter().map(|forced| ("warning", forced.clone())));
        lines.push(("starts on", starting(&self.starts_on)));
        ("migrate", lines)
    }

    fn next(&self, data_dir: &Path, wal_dir: Option<&Path>) -> Next {
        let call = Call::new("etcd --data-dir").arg(data_dir).option("--wal-dir", wal_dir);
        let flags = format!("start etcd {} with the flags of the member, and these:", self.to);
        Next(vec![Advice::from(flags).call(call)])
    }

    fn check(&self, source: &Source, file: &Path, path: &Path) -> Result<()> {
        if let Some(log_start) = self.log_start.as_ref().filter(|_| !is_db(file)) {
            return log_start.check(source, file, path);
        }
        let wrong = |what: String| fault(path, "read back")(std::io::Error::other(what));
        let part = Part::open(path)?;
        let snapshot = Snapshot::open(part.image()).map_err(|finding| wrong(finding.to_string()))?;
        if snapshot.state != self.state {
            return Err(wrong("its small buckets are not what they should be".to_owned()));
        }
        let revision = snapshot.head().map_err(|finding| wrong(finding.to_string()))?;
        if revision == self.revision { Ok(()) } else { Err(wrong(format!("the revision is {revision}"))) }
    }
}
