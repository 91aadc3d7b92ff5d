use std::{
    ffi::OsString,
    io::Write as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use super::object::{note_namespace, on_neither_side};
use crate::{
    args::{InNamespace, Keys, LogArgs, Masking, etcd_prefix, is_labelled, revision_at, unknown_labels},
    failure::{Exit, Failure},
    render::{self, Columns, printable},
    session::Session,
};
use clap::{Args, ValueEnum};
use etcdsnap::{
    Error,
    bytes::counted,
    diff::{Diff, DiffFilter, Difference, Document, Entry, Ignore, Line, Pair, Relation, Tally, stamped},
    error::Call,
    etcd::{Range, Snapshot},
    k8s::{ManagedFields, json},
    objects::{At, Cluster, Query, Time},
    select::LabelSelector,
    source::Source,
};

/// Show what changed between two backups, or two revisions of one
///
/// Added (+), removed (-), replaced (!: the same name, another uid) and changed (~) objects, and what changed in them
/// field by field. Items of a list are matched by their merge key, such as the name of a container, not by position.
/// Two objects are equal when their bytes are equal after decryption. Equal revisions do not prove this, because a
/// restored cluster uses the same revisions again. An encrypted value cannot be compared without its key (?), unless
/// its bytes are equal.
///
/// Left out by default, but counted: managedFields, resourceVersion, generation, status, the times of Leases, Events,
/// and data that API servers write for themselves. Secrets are masked; equal ones have equal masks.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap diff monday.db tuesday.db
  etcdsnap diff monday.db tuesday.db deployments -n shop
  etcdsnap diff monday.db tuesday.db deploy/web -n shop -o patch
  etcdsnap diff monday.db tuesday.db -n shop --name-only
  etcdsnap diff monday.db tuesday.db --diff-filter=D
  etcdsnap diff monday.db tuesday.db --stat
  etcdsnap diff monday.db tuesday.db --ignore spec.replicas --ignore 'spec.template.spec.containers[*].image'
  etcdsnap diff backup.db --rev 1200..1300
  etcdsnap diff monday.db tuesday.db -o json --encryption-config encryption.yaml | jq '.changed[].name'

Exit status: 0 when nothing differs; 1 when something does or could not be compared, what was named
is on neither side, a backup is damaged, or a namespace or time is not certain")]
pub(crate) struct Compare {
    /// The older backup
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The newer backup, unless --rev names two revisions of A; after it the objects: KIND[/NAME] [NAME...]
    #[arg(value_name = "B [KIND[/NAME]...]")]
    rest: Vec<OsString>,
    /// The two revisions of A that are compared, instead of two backups
    #[arg(long, value_name = "N..M", value_parser = revisions)]
    rev: Option<(i64, i64)>,
    /// The two times of A that are compared, instead of two backups, such as
    /// 2026-11-21T02:00:00Z..2026-11-21T02:10:00Z (UTC)
    #[arg(long, value_name = "FROM..TO", value_parser = times, conflicts_with = "rev", allow_hyphen_values = true)]
    at: Option<(Time, Time)>,
    #[command(flatten)]
    within: InNamespace,
    /// Only objects that have these labels on either side, as `kubectl get -l` takes them
    #[arg(short = 'l', long, value_name = "LABELS", value_parser = LabelSelector::parse)]
    selector: Option<LabelSelector>,
    /// Only keys below PREFIX, the API server's --etcd-prefix
    #[arg(long, value_name = "PREFIX", value_parser = etcd_prefix)]
    prefix: Option<Range<'static>>,
    /// Leave out this field and all below it: spec.replicas, spec.containers[name=web].image; [*] is any item
    #[arg(long, value_name = "PATH")]
    ignore: Vec<String>,
    /// Leave out only what --ignore names
    #[arg(long)]
    all: bool,
    /// Compare the status too
    #[arg(long)]
    status: bool,
    /// Print only counts and bytes, by kind and namespace
    #[arg(long, conflicts_with = "name_only")]
    stat: bool,
    /// Print only which objects differ
    #[arg(long)]
    name_only: bool,
    /// List only what was added (A), deleted (D), modified (M) or replaced (R); lower-case letters leave out, as in git
    #[arg(long, value_name = "LETTERS", conflicts_with = "stat")]
    diff_filter: Option<DiffFilter>,
    /// Compare keys and values as etcd stores them, without decoding them
    #[arg(long)]
    raw: bool,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    masking: Masking,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// The same as YAML
    Yaml,
    /// A JSON Patch (RFC 6902) for each object that changed, one a line
    Patch,
}

fn times(text: &str) -> Result<(Time, Time), String> {
    let both = text.split_once("..").and_then(|(from, to)| Some((Time::parse(from)?, Time::parse(to)?)));
    both.ok_or_else(|| "two times, such as 2026-11-21T02:00:00Z..2026-11-21T02:05:00Z, or -10m..-5m".to_owned())
}

fn revisions(text: &str) -> Result<(i64, i64), String> {
    let number = |text: &str| text.parse::<i64>().ok().filter(|n| *n > 0);
    let both = text.split_once("..").and_then(|(from, to)| Some((number(from)?, number(to)?)));
    both.ok_or_else(|| "two revisions, such as 1200..1300".to_owned())
}

/// KIND/NAME and so on, which are text.
fn words(words: &[OsString]) -> Result<Vec<String>, Error> {
    let text = |word: &OsString| {
        let wrong = || Error::usage(format!("{} is no KIND or NAME", word.display()));
        word.to_str().map(str::to_owned).ok_or_else(wrong)
    };
    words.iter().map(text).collect()
}

impl Compare {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let named = [self.a.as_path()].into_iter().chain(self.rest.first().map(Path::new));
        let options = session.options(&self.log.dir, named)?;
        let a = session.open_with(&self.a, &options)?;
        let old = session.load(&a, &self.log.load())?;
        if let Some((from, to)) = self.states(&old)? {
            let from = self.side(&a, &old, from)?;
            let to = self.side(&a, &old, to)?;
            if from.view.revision == to.view.revision {
                let revision = from.view.revision;
                say!(
                    "note: both sides are revision {revision}, so there is no difference; --rev N..M compares two revisions"
                );
            }
            let exit = self.compare(session, &from, &to, &words(&self.rest)?)?;
            return Ok(exit.max(session.close(&a, from.findings())?));
        }
        let Some((b, what)) = self.rest.split_first() else {
            let error = Error::usage("diff takes two backups, or one with --rev or --at");
            return Err(error.hinted(Call::new("etcdsnap diff").arg(&self.a).arg("OTHER")).into());
        };
        let b = session.open_with(b.as_ref(), &options)?;
        let new = session.load(&b, &self.log.load())?;
        let (from, to) = (self.side(&a, &old, At::Last)?, self.side(&b, &new, At::Last)?);
        let exit = self.compare(session, &from, &to, &words(what)?)?;
        let closed = session.close(&a, from.findings())?;
        Ok(exit.max(closed).max(session.close(&b, to.findings())?))
    }

    fn side<'s>(&self, source: &'s Source, snapshot: &'s Snapshot<'s>, at: At) -> Result<Cluster<'s>, Error> {
        Ok(Cluster::open(snapshot, self.keys.ring()?, at)?.named(source.name()))
    }

    /// Whether not everything is compared.
    fn selects(&self, what: &[String]) -> bool {
        !what.is_empty() || self.within.only().is_some() || self.prefix.is_some() || self.selector.is_some()
    }

    /// The two states of one backup, where that is asked for.
    fn states(&self, snapshot: &Snapshot<'_>) -> Result<Option<(At, At)>, Error> {
        let Some((from, to)) = self.at else {
            return Ok(self.rev.map(|(from, to)| (At::Revision(from), At::Revision(to))));
        };
        let ring = self.keys.ring()?;
        let at = |time: Time| Ok::<_, Error>(revision_at(time, snapshot, &ring)?.map_or(At::Last, At::Revision));
        Ok(Some((at(from)?, at(to)?)))
    }

    fn compare(
        &self,
        session: &mut Session,
        from: &Cluster<'_>,
        to: &Cluster<'_>,
        what: &[String],
    ) -> Result<Exit, Failure> {
        let query = Query { what: what.to_vec(), namespace: self.within.only(), range: self.prefix.clone() };
        // a kind may have been defined on one side only
        let selection = to.select(&query).or_else(|_| from.select(&query))?;
        let absent = note_namespace(&[from, to], query.namespace.as_deref());
        if self.output == Output::Patch && (self.stat || self.name_only) {
            let what = "-o patch goes without --stat and --name-only".to_owned();
            return Err(Error::usage(what).into());
        }
        let absent = absent.max(on_neither_side(&query, &selection, from, to));
        let (mask, whole) = (self.masking.mask()?, !self.selects(what));
        let ignore = Ignore {
            all: self.all,
            status: self.status,
            events: self.all || !what.is_empty(),
            paths: self.ignore.clone(),
        };
        let diff = Diff {
            old: from,
            new: to,
            ignore: &ignore,
            mask: &mask,
            raw: self.raw,
            managed_fields: ManagedFields::Keep,
        };
        let (relation, mut tally) = (Relation::of(from, to), Tally::default());
        let unknown = AtomicU64::new(0);
        let wanted = |pair: &Pair<'_>| {
            selection.matches(pair.key())
                && is_labelled(&self.selector, &diff, pair).unwrap_or_else(|| {
                    unknown.fetch_add(1, Relaxed);
                    false
                })
        };
        let mut document = matches!(self.output, Output::Json | Output::Yaml)
            .then(|| Document::new(self.output == Output::Yaml, self.stat, self.name_only));
        match (&mut document, self.output) {
            (Some(document), _) => document.head(&mut session.out, &relation)?,
            (None, Output::Text) if !self.name_only => {
                render::lines(&mut session.out, relation.lines())?;
                writeln!(session.out)?;
            }
            (None, _) => {}
        }
        let mut unpatched = 0_u64;
        let mut listed = false;
        let common = diff.each(wanted, |pair, entry| {
            tally.count(&entry);
            if self.diff_filter.is_some_and(|filter| !filter.takes(&entry.difference)) {
                return Ok(());
            }
            listed |= entry.difference != Difference::Ignored;
            match (&mut document, self.output) {
                (Some(document), _) => Ok(document.entry(&mut session.out, pair, &entry)?),
                (None, Output::Patch) => {
                    let done = patch_line(session, &diff, &pair, &entry)?;
                    unpatched = unpatched.saturating_add((!done).into());
                    Ok(())
                }
                _ if self.stat => Ok(()),
                _ => render::lines(&mut session.out, entry.lines(self.name_only)).map_err(Failure::from),
            }
        })?;
        let mut changes = if whole && !self.raw { diff.states(&relation, &mut tally) } else { Vec::new() };
        changes.retain(|change| self.diff_filter.is_none_or(|filter| filter.takes_state(change)));
        let exit = if listed || !changes.is_empty() { Exit::Content } else { Exit::Good };
        let mut notes = relation.notes(&common, &tally);
        if tally.not_comparable > 0 {
            let open = if tally.sealed { ": --encryption-config and --kms-keys open what is encrypted" } else { "" };
            notes.push(format!("{} could not be compared{open}", counted(tally.not_comparable, "object")));
        }
        if unpatched > 0 {
            notes.push(format!(
                "no patch is printed for changed objects that hold secrets: {unpatched}; --reveal prints their patches"
            ));
        }
        notes.extend(self.diff_filter.and_then(DiffFilter::note));
        let unknown = unknown_labels(unknown.into_inner(), "object");
        let unsure = unknown.is_some() || relation.from.doubt.is_some() || relation.to.doubt.is_some();
        notes.extend(unknown);
        let least = if unsure { Exit::Content } else { absent };
        match (document, self.output) {
            (Some(document), _) => {
                let (same_cluster, branches) = (relation.same_cluster(&common), relation.are_branches(&common));
                document.finish(&mut session.out, &diff, &changes, &tally, (same_cluster, branches, &notes))?;
            }
            (None, Output::Text) => {
                let details = !self.stat && !self.name_only;
                render::lines(&mut session.out, changes.iter().flat_map(|change| change.lines(details)))?;
                if !self.name_only {
                    self.finish(session, &tally, &notes)?;
                    return Ok(exit.max(least));
                }
                notes.iter().for_each(|note| say!("note: {}", printable(note.clone())));
            }
            (None, _) => notes.iter().for_each(|note| say!("note: {}", printable(note.clone()))),
        }
        Ok(exit.max(least))
    }

    /// Prints what it all comes to.
    fn finish(&self, session: &mut Session, tally: &Tally, notes: &[String]) -> Result<(), Failure> {
        let out = &mut session.out;
        if self.stat && !tally.by_kind.is_empty() {
            let mut table = Columns::new(&Tally::HEADERS).right(&[2, 3, 4, 5, 6, 7, 8]);
            tally.rows().for_each(|row| table.add(row));
            table.finish(out)?;
        }
        if tally.differs() {
            writeln!(out)?;
        }
        render::lines(out, tally.lines().into_iter().chain(notes.iter().map(|note| Line::note(note))))?;
        Ok(())
    }
}

/// A changed object's patch, on a line; false when there has to be one and is none.
fn patch_line<'a>(
    session: &mut Session,
    diff: &Diff<'_, 'a>,
    pair: &Pair<'a>,
    entry: &Entry<'_>,
) -> Result<bool, Failure> {
    let changed = matches!(entry.difference, Difference::Changed(_) | Difference::Replaced(_));
    let Some(of) = entry.newest().filter(|_| changed) else { return Ok(true) };
    let Some(patch) = diff.patch(pair) else { return Ok(false) };
    let mut members = of.members();
    members.push(("patch".into(), patch.into_owned()));
    let mut line = Vec::new();
    json::compact(&mut line, &stamped(members));
    line.push(b'\n');
    session.out.write_all(&line)?;
    Ok(true)
}
