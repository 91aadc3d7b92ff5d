use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::PathBuf};

use clap::Args;
use etcdsnap::{
    Error,
    audit::{Known, Requests},
    diff::{Ignore, history_document, history_lines, wanted, window},
    error::Call,
    etcd::Range,
    objects::{At, Cluster, Joined, Query},
    source::Source,
};

use super::object::{near, never_there, note_deletions, note_namespace};
use crate::{
    args::{AuditArgs, InNamespace, Keys, LogArgs, Masking, ReportFormat, etcd_prefix},
    failure::{Exit, Failure},
    render::{self, printable},
    session::{Session, is_whole},
};

/// Show every stored revision of an object, and what changed at each
///
/// A backup holds every change since its last compaction. Of the time before, it holds only the newest state of each
/// key. Kubernetes compacts every 5 minutes: a normal backup goes back 5 to 10 minutes. The first line names this
/// window. --also adds more backups of the same cluster, so that the window is longer; a count shows writes that are in
/// none of the backups. Backups from before and after a restore to an older state are not joined. For a data directory,
/// revisions that are only in its log are added if they are certain; a note names them.
///
/// etcd records no times. Kubernetes' objects hold some times (creation, managedFields, deletion requests, the Leases
/// that nodes renew). `TIME +N s` means: written between TIME and N seconds after TIME, if the clocks of the API
/// servers were right.
///
/// `by` is the program that wrote the revision (metadata.managedFields[].manager). The program chose this name itself,
/// and it does not name a person. `-`: not certain which program. `by ownership`: no time shows which program wrote,
/// but only this program owns the fields that changed. A delete has no `by`, because etcd stores no name with a delete:
/// --audit-log names the user.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap history backup.db deploy/web -n shop
  etcdsnap history tuesday.db configmap/settings -n pay --also monday.db
  etcdsnap history backup.db pod/db-0 -n shop --status
  etcdsnap history backup.db --key /my/key
  etcdsnap history backup.db deploy/web -n shop --audit-log /var/log/kubernetes/audit.log
  etcdsnap history backup.db deploy/web -n shop -o json | jq '.revisions[] | [.revision, .verb, .manager]'

+ created, ~ updated, - deleted, = the last write before the compaction. `TIME +N s`: written at
TIME, or at most N seconds later. `by -`: it is not certain which program wrote it. The whole object
at a revision: etcdsnap get SNAPSHOT KIND/NAME -n NAMESPACE -o yaml --rev N

Exit status: 1 when no revision of the object is found, when the cluster was restored between two of
the backups, when it is not certain what a restore, or older entries of a data directory's log,
changed in it, when the audit log has no events or is not whole, or when a request in it is unsure")]
pub(crate) struct History {
    /// The backup
    snapshot: PathBuf,
    /// KIND/NAME, or KIND NAME...
    #[arg(value_name = "KIND/NAME", required_unless_present = "key")]
    what: Vec<String>,
    #[command(flatten)]
    within: InNamespace,
    /// The history of this key of etcd
    #[arg(long, conflicts_with_all = ["what", "namespace"])]
    key: Option<String>,
    /// Only keys below PREFIX, the API server's --etcd-prefix
    #[arg(long, value_name = "PREFIX", value_parser = etcd_prefix)]
    prefix: Option<Range<'static>>,
    /// More backups of the same cluster
    #[arg(long, value_name = "SNAPSHOT")]
    also: Vec<PathBuf>,
    /// Show all fields: managedFields, resourceVersion, generation and the status too
    #[arg(long)]
    all: bool,
    /// Show changes of the status; without this flag, updates of only the status are one line
    #[arg(long)]
    status: bool,
    /// The format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    audit: AuditArgs,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    masking: Masking,
    #[command(flatten)]
    log: LogArgs,
}

impl History {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let names: Vec<_> = std::iter::once(&self.snapshot).chain(&self.also).collect();
        let options = session.options(&self.log.dir, names.iter().map(|name| name.as_path()))?;
        let sources = names.iter().map(|name| session.open_with(name, &options)).collect::<Result<Vec<_>, _>>()?;
        let load = |source| session.load_whole(source, &self.log.load());
        let snapshots = sources.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        let mut backups = Vec::new();
        for (source, snapshot) in sources.iter().zip(&snapshots) {
            backups.push(Cluster::open(snapshot, self.keys.ring()?, At::Last)?.named(source.name()));
        }
        let range = self.key.as_ref().map(|key| Range::key(key.as_bytes().to_vec())).or(self.prefix);
        let query = Query { what: self.what, namespace: self.within.only(), range };
        let joined = Joined::new(&backups);
        let selection = joined.select(&query)?;
        if self.key.is_none() && selection.names().is_empty() {
            let error = Error::usage("history takes an object: KIND/NAME");
            return Err(error.hinted("`timeline` shows the changes of all objects").into());
        }
        let found = joined.records(|key| selection.matches(key))?;
        for name in joined.strangers(&found) {
            let name = printable(name.to_owned());
            say!(
                "note: {name} holds no Namespace kube-system and none of these revisions that another holds: it may be of another cluster"
            );
        }
        if found.is_empty() {
            note_namespace(&backups.iter().collect::<Vec<_>>(), query.namespace.as_deref());
            let what = self.key.unwrap_or_else(|| query.what.join(" "));
            let held: Vec<_> = backups.iter().map(|of| format!("{} holds {}", of.name, window(of))).collect();
            let what = format!("no revision of {what} found; {}", held.join("; "));
            for (source, backup) in sources.iter().zip(&backups) {
                session.close(source, backup.findings())?;
            }
            let near = selection.names().iter().find_map(|of| near(&query, &of.kind, &of.name, backups.last()?));
            let hint = near.unwrap_or_else(|| elsewhere(&sources, query.namespace.is_some()));
            return Err(Error::not_found(printable(what)).hinted(hint).into());
        }
        let mut exit = never_there(&query, &selection, found.keys().copied().collect(), backups.last());
        let ignore = Ignore { all: self.all, status: self.status, events: true, paths: Vec::new() };
        let mask = self.masking.mask()?;
        let partial = sources.iter().zip(&snapshots).filter(|(source, snapshot)| !is_whole(source, snapshot));
        for (source, snapshot) in partial.filter(|_| self.log.load().wal) {
            let is_unsure = |key: &[u8]| snapshot.retraced.as_ref().is_none_or(|of| of.is_unsure(key));
            let unsure: Vec<_> = found.keys().filter(|key| is_unsure(key)).collect();
            for key in unsure.iter().filter(|key| *mask.key(key) == ****key).take(3) {
                let call = Call::new("etcdsnap wal").arg(source.word());
                let call = call.option("--prefix", Some(OsStr::from_bytes(key)));
                say!("hint: {}", printable(call.that("lists the entries that may have changed it").to_string()));
            }
            exit = if unsure.is_empty() { exit } else { Exit::Content };
        }
        for key in joined.unsure(&found) {
            let key = printable(String::from_utf8_lossy(&mask.key(key)).into_owned());
            say!(
                "note: {key}: the cluster was restored in between, with a higher revision: it is not certain whether the key was deleted, or was not in the restored backup"
            );
            exit = Exit::Content;
        }
        let requests = match self.audit.files.as_slice() {
            [] => Requests::default(),
            files => {
                session.reads(files)?;
                let (requests, doubt) = self.audit.read(&wanted(&joined, &found), files)?;
                exit = exit.max(doubt);
                exit = exit.max(if requests.count(Known::Unsure) > 0 { Exit::Content } else { Exit::Good });
                requests
            }
        };
        match self.output {
            ReportFormat::Text => {
                history_lines(&joined, &found, &ignore, &mask, &requests, |lines| {
                    render::lines(&mut session.out, lines)
                })?;
                if self.audit.files.is_empty() && found.values().flatten().any(|change| change.record.tombstone) {
                    note_deletions();
                }
            }
            ReportFormat::Json => history_document(&mut session.out, &joined, &found, &ignore, &mask, &requests)?,
        }
        sources
            .iter()
            .zip(&backups)
            .try_fold(exit, |exit, (source, backup)| Ok(exit.max(session.close(source, backup.findings())?)))
    }
}

/// Other places where a revision that was not found may be.
fn elsewhere(sources: &[Source], within: bool) -> String {
    let within = if within { "without -n, all namespaces are searched; " } else { "" };
    let wal = Call::new("etcdsnap wal");
    let log = match sources.iter().find(|source| !source.wal().is_empty()) {
        None => wal.that("shows a data directory's log"),
        Some(source) => wal.arg(source.word()).that("shows its log"),
    };
    format!("{within}--also SNAPSHOT adds another backup of the cluster; {log}, which may reach further back")
}
