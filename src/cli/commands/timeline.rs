use std::{
    io::Write as _,
    path::PathBuf,
    sync::mpsc::{self, Receiver},
    thread,
};

use clap::{Args, ValueEnum};
use etcdsnap::{
    Error, Findings,
    audit::{Known, Requests, Wanted},
    bytes::counted,
    diff::{Change, Detail, Diff, Difference, Ignore, Verb, changes, stamped},
    etcd::{Range, Snapshot},
    k8s::{Clock, ManagedFields},
    objects::{At, Cluster, Period, Point, Query, Time},
    ordered::ordered,
    select::{LabelSelector, Selection},
    source::Source,
};

use super::object::{never_there, note_deletions, note_namespace};
use crate::{
    args::{AuditArgs, InNamespace, Keys, LogArgs, Masking, etcd_prefix, is_labelled, unknown_labels},
    failure::{Exit, Failure},
    render::{self, printable},
    session::{Session, is_whole},
};

/// List every change that a backup holds, one a line, with its time and program
///
/// A backup holds every change since its last compaction. Kubernetes compacts every 5 minutes, so a normal backup goes
/// back 5 to 10 minutes. For a data directory, changes that are only in its log are added if they are certain; a note
/// names them.
///
/// etcd records no times. Kubernetes' objects hold some times (creation, managedFields, deletion requests, the Leases
/// that nodes renew). A change was written between TIME and TIME plus WITHIN, if the clocks of the API servers were
/// right. MANAGER is the program that wrote it (metadata.managedFields[].manager). The program chose this name itself,
/// and it does not name a person. `-`: not certain which program. etcd stores no program or user with a delete.
///
/// With --audit-log, USER is the user who requested the change, and FROM the address that the request came from. KNOWN
/// shows how certain this is. `exact`: the log holds the revision. `by time and object`: only this request about the
/// object was running at that time; for a delete, the log may not show that it was a dry run. `unsure`: it may be one
/// of several requests, or none of them.
///
/// Left out by default, but counted: renewals of Leases, data that API servers write for themselves, and writes that
/// changed only managedFields, resourceVersion or generation.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap timeline backup.db
  etcdsnap timeline backup.db pods,deployments -n shop
  etcdsnap timeline backup.db --since 2026-11-21T02:00:00Z --until 2026-11-21T02:05:00Z
  etcdsnap timeline backup.db -A --since -10m --verb delete
  etcdsnap timeline backup.db --audit-log /var/log/kubernetes/audit*.log --user alice
  etcdsnap timeline backup.db -o ndjson | jq -r 'select(.verb == \"delete\") | .key'

WITHIN: the change was written at TIME, or at most so much later. MANAGER `-`: it is not certain
which program wrote it. VERB `put`: only a log shows the write, and nothing shows whether the key
existed

Exit status: 1 when what was named has no revision here, the period is compacted, it is not certain
which revisions a time means, the backup is damaged, labels cannot be read, older entries of the log
are left out, the audit log has no events or is not whole, a request is unsure, or --user misses one")]
pub(crate) struct Timeline {
    /// The backup
    snapshot: PathBuf,
    /// KIND[/NAME] [NAME...]
    #[arg(value_name = "KIND[/NAME]")]
    what: Vec<String>,
    #[command(flatten)]
    within: InNamespace,
    /// Only these verbs, with commas: create, update, delete; put, where only a log shows the write
    /// and nothing shows whether the key existed
    #[arg(long, value_name = "VERB", value_delimiter = ',', value_parser = verb)]
    verb: Vec<Verb>,
    /// Only changes that were certainly written by these programs, with commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    manager: Vec<String>,
    /// Only objects with these labels before or after the change, as `kubectl get -l` takes them
    #[arg(short = 'l', long, value_name = "LABELS", value_parser = LabelSelector::parse)]
    selector: Option<LabelSelector>,
    /// Only keys below PREFIX, the API server's --etcd-prefix
    #[arg(long, value_name = "PREFIX", value_parser = etcd_prefix)]
    prefix: Option<Range<'static>>,
    /// Only changes from this time (2026-11-21T02:04:00Z, -10m) or revision on; changes that may be from then are
    /// included
    #[arg(long, value_name = "TIME|REVISION", value_parser = since, allow_hyphen_values = true)]
    since: Option<Point>,
    /// Only changes up to this time or revision; changes that may be from then are included
    #[arg(long, value_name = "TIME|REVISION", value_parser = point, allow_hyphen_values = true)]
    until: Option<Point>,
    /// Show also the changes that are left out by default
    #[arg(long)]
    all: bool,
    /// Print no line of headers
    #[arg(long)]
    no_headers: bool,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    audit: AuditArgs,
    /// Only changes that this user requested, or may have requested, by the audit log; may be given more than once
    #[arg(long, value_name = "NAME", value_delimiter = ',', requires = "audit_log")]
    user: Vec<String>,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    masking: Masking,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Columns for people
    Table,
    /// One JSON document a line
    Ndjson,
}

fn since(text: &str) -> Result<Point, String> {
    Point::since(text).ok_or_else(|| format!("a revision, or {}", Time::FORMS))
}

fn point(text: &str) -> Result<Point, String> {
    Point::parse(text).ok_or_else(|| format!("a revision, or {}", Time::FORMS))
}

fn verb(text: &str) -> Result<Verb, String> {
    let verbs = [Verb::Create, Verb::Update, Verb::Delete, Verb::Put];
    verbs.into_iter().find(|verb| verb.name() == text).ok_or_else(|| "one of: create, update, delete, put".to_owned())
}

/// Changed paths that are named in a line.
const PATHS: usize = 4;

/// The changes that are asked for, and the form of their lines.
struct Asked<'t> {
    verbs: &'t [Verb],
    managers: &'t [String],
    users: &'t [String],
    labels: &'t Option<LabelSelector>,
    period: Period,
    requests: Requests,
    clock: &'t Clock,
    table: bool,
    audited: bool,
}

/// The lines of some changes, and what was counted among these changes.
#[derive(Default)]
struct Lines {
    rows: Vec<Vec<String>>,
    text: String,
    /// Changes that are left out by default.
    quiet: u64,
    /// Changes of objects whose labels cannot be read.
    unlabelled: u64,
    /// Changes of which no request is known, where a user is asked for.
    unasked: u64,
    /// Whether the request of a change that is printed is unsure.
    unsure: bool,
    deletes: bool,
}

impl Asked<'_> {
    fn lines<'a>(&self, wave: Vec<Change<'a>>, diff: &Diff<'_, 'a>) -> Lines {
        let mut lines = Lines::default();
        for change in wave {
            let revision = change.record.revision.main;
            let is_verb = self.verbs.is_empty() || self.verbs.contains(&change.verb());
            if !is_verb || !self.period.may_hold(revision, self.clock) {
                continue;
            }
            let is_labelled = is_labelled(self.labels, diff, &change.pair());
            if is_labelled != Some(true) {
                lines.unlabelled = lines.unlabelled.saturating_add(is_labelled.is_none().into());
                continue;
            }
            let mut detail = Detail::new(change, diff, self.clock.gap(revision), false);
            detail.request = self.requests.of(change.record.revision).cloned();
            if !self.is_of_manager(&detail) {
                continue;
            }
            if !self.may_be_of_user(&detail) {
                let is_unasked = detail.request.is_none() && !detail.is_quiet();
                lines.unasked = lines.unasked.saturating_add(is_unasked.into());
                continue;
            }
            let is_unsure = detail.request.as_ref().is_some_and(|answer| answer.known == Known::Unsure);
            lines.unsure |= is_unsure && !detail.is_quiet();
            if detail.is_quiet() {
                lines.quiet = lines.quiet.saturating_add(1);
            } else if self.table {
                lines.deletes |= detail.change.verb() == Verb::Delete;
                lines.rows.push(row(&detail, self.audited));
            } else {
                lines.text.extend([stamped(detail.members()).to_json().as_str(), "\n"]);
            }
        }
        lines
    }

    /// Whether one of the users requested the change, or may have requested it.
    fn may_be_of_user(&self, detail: &Detail<'_, '_>) -> bool {
        let is_by = |user: &String| {
            detail.request.as_ref().is_some_and(|answer| {
                let mut named = answer.requests.iter();
                answer.more > 0 || named.any(|of| of.user == *user || of.impersonated.as_ref() == Some(user))
            })
        };
        self.users.is_empty() || self.users.iter().any(is_by)
    }

    /// Whether one of the programs certainly wrote the change.
    fn is_of_manager(&self, detail: &Detail<'_, '_>) -> bool {
        let by = detail.writer.as_ref().map(|writer| &writer.manager);
        self.managers.is_empty() || by.is_some_and(|by| self.managers.contains(by))
    }
}

impl Timeline {
    pub(super) fn run(mut self, session: &mut Session) -> Result<Exit, Failure> {
        let source = session.open(&self.snapshot, &self.log.dir)?;
        let snapshot = session.load_whole(&source, &self.log.load())?;
        let cluster = Cluster::open(&snapshot, self.keys.ring()?, At::Last)?;
        let what = std::mem::take(&mut self.what);
        let query = Query { what, namespace: self.within.only(), range: self.prefix.take() };
        let selection = cluster.select_former(&query)?;
        let (give, waves) = mpsc::sync_channel(1);
        let (cluster, selection) = (&cluster, &selection);
        thread::scope(|threads| {
            // The states before the first change are found while other cores read the times.
            threads.spawn(move || {
                // The cluster's findings are the same.
                let mut again = Findings::default();
                let wanted = |key: &[u8]| selection.matches(key);
                // Ends early when nothing more is wanted.
                let _ = changes(cluster.snapshot, &mut again, wanted, |wave| give.send(wave));
            });
            self.print(session, (&source, cluster), (&query, selection), waves)
        })
    }

    /// Prints the changes of `waves` that are asked for.
    fn print<'a>(
        self,
        session: &mut Session,
        (source, cluster): (&Source, &Cluster<'a>),
        (query, selection): (&Query, &Selection),
        waves: Receiver<Vec<Change<'a>>>,
    ) -> Result<Exit, Failure> {
        let snapshot = cluster.snapshot;
        let (mask, clock, window) = (self.masking.mask()?, cluster.clock(), cluster.window());
        let absent = note_namespace(&[cluster], query.namespace.as_deref());
        let period = Period { since: self.since, until: self.until };
        period.check(clock, window).map_err(|error| session.without(source, cluster.findings(), error))?;
        note_window(&printable(source.name().to_owned()), cluster);
        let mut unknown = Exit::Good;
        if !selection.names().is_empty() {
            let records = snapshot.records(|key| selection.matches(key));
            unknown =
                never_there(query, selection, records.iter().map(|record| record.kv.key).collect(), Some(cluster));
            if records.is_empty() {
                return Ok(unknown.max(session.close(source, cluster.findings())?));
            }
        }

        let audited = !self.audit.files.is_empty();
        let (requests, doubt) = match self.audit.files.as_slice() {
            [] => (Requests::default(), Exit::Good),
            files => {
                let wanted = wanted(snapshot, cluster, Wanted::new(query.names_objects()), selection, &period);
                session.reads(files)?;
                self.audit.read(&wanted, files)?
            }
        };
        let table = self.output == Output::Table;
        let asked = Asked {
            verbs: &self.verb,
            managers: &self.manager,
            users: &self.user,
            labels: &self.selector,
            period,
            requests,
            clock,
            table,
            audited,
        };
        let ignore = Ignore { all: self.all, status: true, events: true, paths: Vec::new() };
        // what was ignored is not in the table
        let managed_fields = if table && !self.all { ManagedFields::Names } else { ManagedFields::Keep };
        let diff = Diff { old: cluster, new: cluster, ignore: &ignore, mask: &mask, raw: false, managed_fields };
        let headers: Vec<_> =
            HEADERS.into_iter().filter(|of| audited || !["USER", "FROM", "KNOWN"].contains(of)).collect();
        let mut columns =
            if self.no_headers || !table { render::Columns::bare() } else { render::Columns::new(&headers) };
        let (mut left_out, mut unlabelled, mut unasked) = (0_u64, 0_u64, 0_u64);
        let (mut any, mut deletes, mut unsure) = (false, false, false);
        ordered(
            |give| {
                waves.into_iter().all(give);
            },
            |wave| asked.lines(wave, &diff),
            |lines| {
                deletes |= lines.deletes;
                unsure |= lines.unsure;
                left_out = left_out.saturating_add(lines.quiet);
                unlabelled = unlabelled.saturating_add(lines.unlabelled);
                unasked = unasked.saturating_add(lines.unasked);
                any |= lines.quiet > 0 || !lines.rows.is_empty() || !lines.text.is_empty();
                lines.rows.into_iter().try_for_each(|row| columns.row(&mut session.out, row))?;
                session.out.write_all(lines.text.as_bytes())
            },
        )?;
        columns.finish(&mut session.out)?;
        if deletes && !audited {
            note_deletions();
        }
        if left_out > 0 {
            say!("note: {} left out, such as renewals of Leases; --all shows them", counted(left_out, "change"));
        }
        if unasked > 0 {
            say!(
                "note: {} left out of which the audit log has no request: the user may have requested them",
                counted(unasked, "change")
            );
        }
        let unlabelled = unknown_labels(unlabelled, "change");
        unlabelled.iter().for_each(|note| say!("note: {note}"));
        if cluster.view.head == 0 {
            return Err(Error::not_found("the backup holds no keys").into());
        }
        let exit = session.close(source, cluster.findings())?;
        let exit = if self.log.load().wal && !is_whole(source, snapshot) { exit.max(Exit::Content) } else { exit };
        let exit = exit.max(doubt).max(unknown);
        let exit = if unlabelled.is_some() || unasked > 0 || unsure { exit.max(Exit::Content) } else { exit };
        // it may have been deleted since
        Ok(if any { exit } else { exit.max(absent) })
    }
}

const HEADERS: [&str; 11] =
    ["REVISION", "TIME", "WITHIN", "VERB", "OBJECT", "NAMESPACE", "MANAGER", "USER", "FROM", "KNOWN", "CHANGED"];

/// Notes from which revision on the backup holds the changes.
fn note_window(name: &str, cluster: &Cluster<'_>) {
    let first = cluster.window().0;
    let since = cluster.clock().gap(first).in_brackets();
    if cluster.findings().damaged() {
        say!("note: {name} is damaged: of the changes from revision {first}{since} on some may be missing");
    } else {
        say!("note: {name} holds every change from revision {first}{since} on");
    }
}

/// The changes that an audit log is searched for.
fn wanted(
    snapshot: &Snapshot<'_>,
    cluster: &Cluster<'_>,
    mut wanted: Wanted,
    selection: &Selection,
    period: &Period,
) -> Wanted {
    let clock = cluster.clock();
    // The cluster's findings are the same, and nothing fails.
    let _: Result<(), ()> = changes(
        snapshot,
        &mut Findings::default(),
        |key| selection.matches(key),
        |wave| {
            // a request that may have made a change of the period may have made one outside it instead
            for change in &wave {
                let revision = change.record.revision.main;
                change.want(&cluster.ring, clock.gap(revision), period.may_hold(revision, clock), &mut wanted);
            }
            Ok(())
        },
    );
    wanted
}

fn row(detail: &Detail<'_, '_>, audited: bool) -> Vec<String> {
    let [after, width] = detail.gap.cells();
    let of = detail.entry.as_ref().and_then(|entry| entry.newest());
    let changed = match detail.entry.as_ref().map(|entry| &entry.difference) {
        Some(Difference::Changed(fields) | Difference::Replaced(fields)) => {
            let paths: Vec<_> = fields.iter().take(PATHS).map(|field| field.path.to_string()).collect();
            let more = fields.len().saturating_sub(PATHS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{more}", paths.join(", "))
        }
        Some(Difference::NotComparable(why)) => why.to_string(),
        Some(Difference::Bytes { .. }) => "the value".to_owned(),
        _ => String::new(),
    };
    let namespace = of.map_or("", |of| &of.namespace);
    let manager = detail.writer.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let mut row = vec![
        detail.revision(),
        after,
        width,
        detail.change.verb().name().to_owned(),
        detail.name(),
        if namespace.is_empty() { "-".to_owned() } else { namespace.to_owned() },
        manager,
    ];
    if audited {
        row.extend(match &detail.request {
            Some(answer) => [answer.users(), answer.addresses(), answer.known.name().to_owned()],
            None => ["-", "-", "-"].map(str::to_owned),
        });
    }
    row.push(changed);
    row.into_iter().map(printable).collect()
}
