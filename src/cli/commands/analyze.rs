use std::{io::Write as _, path::PathBuf};

use clap::Args;
use etcdsnap::{
    analyze::{Analysis, By, Group, Grown, Growth, Request, Top},
    bytes::counted,
    etcd::Load,
    source::Source,
};
use serde::Serialize;

use crate::{
    args::{Format, Keys, LogDir, Masking, namespace},
    failure::{Exit, Failure},
    render::{self, Columns, bytes, printable},
    session::{Session, one_stdin},
};

/// Show what fills a db: by kind, namespace, object, label or manager
///
/// Every byte of the file is counted once: live records, old revisions, tombstones, overhead and free pages add up to
/// its size. LIVE, OLD and TOMBSTONES are bytes in the file, of keys and values; MANAGED-FIELDS and LAST-APPLIED are
/// parts of LIVE. With a second, later backup, the growth of each group is printed first, in bytes and per hour.
///
/// For a data directory, only the db is counted. If its log has entries that are not in the db yet, a note reports
/// this, and the exit status is 1. Sizes after a defragmentation are estimates.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap analyze backup.db
  etcdsnap analyze backup.db --by namespace
  etcdsnap analyze backup.db --by name --kind events -n shop
  etcdsnap analyze backup.db --by label=app
  etcdsnap analyze monday.db tuesday.db
  etcdsnap analyze backup.db -o json | jq '.groups[] | [.name, .keys, .live]'")]
pub(crate) struct Analyze {
    /// The backup
    snapshot: PathBuf,
    /// A later backup of the same cluster
    #[arg(value_name = "LATER")]
    later: Option<PathBuf>,
    /// What the keys are grouped by: kind, namespace, name, manager (the one that wrote last), or label=NAME
    #[arg(long, value_name = "GROUP", value_parser = by, default_value = "kind")]
    by: By,
    /// Only this kind in the groups and lists: pods, deployments.apps
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only this namespace in the groups and lists
    #[arg(short, long, value_parser = namespace)]
    namespace: Option<String>,
    /// The number of lines of each list that are printed at most; 0 for all groups
    #[arg(long, value_name = "N", default_value_t = 15)]
    top: usize,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    masking: Masking,
    #[command(flatten)]
    log: LogDir,
}

fn by(text: &str) -> Result<By, String> {
    match text {
        "kind" => Ok(By::Kind),
        "namespace" => Ok(By::Namespace),
        "name" => Ok(By::Name),
        "manager" => Ok(By::Manager),
        _ => match text.split_once('=') {
            Some(("label", label)) if !label.is_empty() => Ok(By::Label(label.to_owned())),
            _ => Err("one of: kind, namespace, name, manager, label=NAME".to_owned()),
        },
    }
}

/// The document of two backups.
#[derive(Debug, Serialize)]
struct Both<'a> {
    growth: &'a Growth,
    earlier: &'a Analysis,
    later: &'a Analysis,
}

impl Analyze {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let files: Vec<_> = std::iter::once(&self.snapshot).chain(&self.later).cloned().collect();
        one_stdin(&files)?;
        let options = session.options(&self.log, files.iter().map(PathBuf::as_path))?;
        let (ring, mask) = (self.keys.ring()?, self.masking.mask()?);
        let mut opened = Vec::new();
        for file in &files {
            let source = session.open_with(file, &options)?;
            let request = Request {
                by: self.by.clone(),
                kind: self.kind.clone(),
                namespace: self.namespace.clone().filter(|namespace| !namespace.is_empty()),
                top: if self.top == 0 { usize::MAX >> 2 } else { self.top },
                ring: &ring,
                mask: &mask,
            };
            let analysis = one(session, &source, &request)?;
            opened.push((source, analysis));
        }
        let mut exit = Exit::Good;
        match (opened.as_slice(), self.output) {
            ([(_, earlier), (_, later)], format) => {
                let growth = Growth::between(earlier, later);
                if growth.same_cluster == Some(false) {
                    say!("note: the two are of different clusters: the uids of their Namespaces kube-system differ");
                    exit = Exit::Content;
                }
                match format {
                    Format::Table => self.growth(session, earlier, later, &growth)?,
                    _ => {
                        let both = Both { growth: &growth, earlier, later };
                        render::json(&mut session.out, &both, format == Format::Ndjson)?;
                    }
                }
            }
            ([(_, analysis), ..], Format::Table) => self.table(session, analysis)?,
            ([(_, analysis), ..], format) => render::json(&mut session.out, analysis, format == Format::Ndjson)?,
            ([], _) => {}
        }
        for (source, analysis) in &opened {
            exit = exit.max(note_left_out(source.name(), analysis));
            if analysis.unread > 0 {
                let (n, name) = (analysis.unread, printable(source.name().to_owned()));
                say!(
                    "note: {name}: the metadata of {} cannot be read: damaged, or encrypted and no key opens it",
                    counted(n, "value")
                );
            }
            exit = exit.max(session.close(source, &analysis.findings)?);
        }
        Ok(exit)
    }

    /// The lines of a list that are printed.
    fn shown<'l, T>(&self, list: &'l [T]) -> &'l [T] {
        list.get(..if self.top == 0 { list.len() } else { self.top.min(list.len()) }).unwrap_or_default()
    }

    fn table(&self, session: &mut Session, of: &Analysis) -> Result<(), Failure> {
        space(session, of)?;
        writeln!(session.out)?;
        let name = of.by.to_uppercase();
        let headers =
            [&name, "KEYS", "LIVE", "OLD-REVISIONS", "OLD", "DELETED", "TOMBSTONES", "MANAGED-FIELDS", "LAST-APPLIED"];
        let mut columns = Columns::new(&headers).right(&[1, 2, 3, 4, 5, 6, 7, 8]);
        self.shown(&of.groups).iter().for_each(|group| columns.add(row(group)));
        let rest = of.groups.get(self.shown(&of.groups).len()..).unwrap_or_default();
        columns.finish(&mut session.out)?;
        if !rest.is_empty() {
            let sum = rest.iter().fold(0_u64, |sum, group| sum.saturating_add(group.bytes()));
            say!("note: {} more with {} are left out; --top 0 shows all", rest.len(), bytes(sum));
        }
        tops(session, "BIGGEST VALUES", &of.biggest, |top| bytes(top.value_bytes), "BYTES")?;
        let many: Vec<_> = of.most_revisions.iter().filter(|top| top.records > 1).cloned().collect();
        tops(session, "MOST REVISIONS", &many, |top| top.records.to_string(), "REVISIONS")?;
        writeln!(session.out)?;
        facts(of).finish(&mut session.out)?;
        Ok(())
    }

    fn growth(&self, session: &mut Session, old: &Analysis, new: &Analysis, growth: &Growth) -> Result<(), Failure> {
        let time = |of: &Analysis| of.newest_time.map_or_else(|| "-".to_owned(), |time| time.to_string());
        let (from, to) = (time(old), time(new));
        writeln!(session.out, "from {from} to {to}, revision {} to {}", old.revision, new.revision)?;
        if growth.seconds.is_none() {
            say!("note: the time between the two is not known: no rates");
        }
        let mut columns = Columns::new(&["WHAT", "BEFORE", "NOW", "GROWN", "PER HOUR"]).right(&[1, 2, 3, 4]);
        let hour = |grown: i64| growth.per_hour(grown).map_or_else(|| "-".to_owned(), signed);
        for ((name, before), (_, now)) in whats(old).zip(whats(new)) {
            let grown = i64::try_from(i128::from(now) - i128::from(before)).unwrap_or_default();
            columns.add([name.to_owned(), bytes(before), bytes(now), signed(grown), hour(grown)]);
        }
        let per_hour = growth.per_hour(growth.revisions).map_or_else(|| "-".to_owned(), |n| format!("{n:+}"));
        let revisions =
            [old.revision.to_string(), new.revision.to_string(), format!("{:+}", growth.revisions), per_hour];
        columns.add(std::iter::once("revision".to_owned()).chain(revisions));
        columns.finish(&mut session.out)?;
        writeln!(session.out)?;
        let name = new.by.to_uppercase();
        let mut columns = Columns::new(&[&name, "KEYS", "LIVE", "ALL", "NOW", "PER HOUR"]).right(&[1, 2, 3, 4, 5]);
        for grown in self.shown(&growth.groups) {
            let Grown { name, keys, bytes: all, live, now } = grown;
            columns.add([
                printable(name.clone()),
                format!("{keys:+}"),
                signed(*live),
                signed(*all),
                bytes(*now),
                hour(*all),
            ]);
        }
        columns.finish(&mut session.out)?;
        Ok(())
    }
}

fn one(session: &mut Session, source: &Source, request: &Request<'_>) -> Result<Analysis, Failure> {
    let snapshot = session.load(source, &Load { wal: false, ..Load::default() })?;
    Ok(Analysis::of(source, &snapshot, request))
}

/// Prints that the entries of a log are not counted.
pub(super) fn note_left_out(name: &str, analysis: &Analysis) -> Exit {
    if analysis.log_entries_left_out == 0 {
        return Exit::Good;
    }
    say!("note: {}: only the db is counted, without these entries", printable(name.to_owned()));
    Exit::Content
}

/// `+1.0 kB`.
fn signed(n: i64) -> String {
    format!("{}{}", if n < 0 { "-" } else { "+" }, bytes(n.unsigned_abs()))
}

/// The parts of a file and the file, and what each takes.
fn whats(of: &Analysis) -> impl Iterator<Item = (&'static str, u64)> {
    of.bytes.parts().into_iter().chain([("file", of.bytes.total)])
}

fn space(session: &mut Session, of: &Analysis) -> Result<(), Failure> {
    let (space, all) = (&of.bytes, &of.all);
    let overhead = &space.overhead;
    let overheads = [
        ("meta pages, freelist", overhead.metas.saturating_add(overhead.freelist)),
        ("branches", overhead.branches),
        ("headers, elements", overhead.elements),
        ("unused room in leaves", overhead.unused),
        ("other buckets", overhead.buckets),
        ("cannot be read", overhead.unreadable),
        ("trailer", overhead.trailer),
    ];
    let frees = [("not known: the file is damaged", space.free.unknown), ("after the last page", space.free.after)];
    let count = |what: &str| match what {
        "live" => counted(all.keys, "key"),
        "old revisions" => counted(all.old_records, "record"),
        "tombstones" => counted(all.tombstone_records, "record"),
        "free" => counted(space.free.sum().checked_div(of.page_size).unwrap_or_default(), "page"),
        "file" => format!("{} bytes", space.total),
        "unused room in leaves" => format!("{} of {} leaves are less than half full", of.half_empty_leaves, of.leaves),
        _ => String::new(),
    };
    let share = |n: u64| match space.total {
        0 => "-".to_owned(),
        total => format!("{:.1}%", n as f64 / total as f64 * 100.0),
    };
    let mut columns = Columns::new(&["WHAT", "SIZE", "SHARE", "COUNT"]).right(&[1, 2]);
    for (what, n) in whats(of) {
        columns.add([what.to_owned(), bytes(n), share(n), count(what)]);
        let inner = if what == "overhead" {
            &overheads[..]
        } else if what == "free" {
            &frees[..]
        } else {
            &[]
        };
        for (what, n) in inner.iter().filter(|(_, n)| *n > 0) {
            columns.add([format!("  {what}"), bytes(*n), share(*n), count(what)]);
        }
    }
    Ok(columns.finish(&mut session.out)?)
}

fn row(group: &Group) -> [String; 9] {
    [
        printable(group.name.clone()),
        group.keys.to_string(),
        bytes(group.live),
        group.old_records.to_string(),
        bytes(group.old),
        group.tombstone_records.to_string(),
        bytes(group.tombstones),
        bytes(group.managed_fields),
        bytes(group.last_applied),
    ]
}

fn tops(
    session: &mut Session,
    title: &str,
    list: &[Top],
    number: impl Fn(&Top) -> String,
    header: &str,
) -> Result<(), Failure> {
    if list.is_empty() {
        return Ok(());
    }
    writeln!(session.out)?;
    let mut columns = Columns::new(&[title, header, "ALL RECORDS"]).right(&[1, 2]);
    for top in list {
        columns.add([printable(top.name.clone()), number(top), bytes(top.bytes)]);
    }
    Ok(columns.finish(&mut session.out)?)
}

/// Lines after the tables: what maintenance gives back, keys with a lease, encryption.
fn facts(of: &Analysis) -> Columns {
    let mut columns = Columns::bare();
    let mut add = |name: &str, text: String| columns.add([name.to_owned(), text]);
    let gives = &of.gives_back;
    add("Compaction:", format!("frees {} of records, for new records in the same file", bytes(gives.compaction)));
    add(
        "Defragmentation:",
        format!(
            "about {}; after a compaction, about {}",
            bytes(gives.size_after_defragmentation),
            bytes(gives.size_after_both)
        ),
    );
    if of.leased.keys > 0 {
        let (keys, size) = (of.leased.keys, bytes(of.leased.live));
        add("With a lease:", format!("{} on {}, {size}", counted(keys, "key"), counted(of.leases, "lease")));
    }
    if of.not_kubernetes.keys > 0 {
        add(
            "Not of Kubernetes:",
            format!("{}, {}", counted(of.not_kubernetes.keys, "key"), bytes(of.not_kubernetes.live)),
        );
    }
    for (key, values) in &of.encryption.keys {
        add("Encrypted by:", format!("{}: {}", printable(key.clone()), counted(values, "value")));
    }
    for plain in &of.encryption.plaintext {
        let kind = printable(plain.kind.clone());
        add("In clear text:", format!("{kind}: {} live, {} in old revisions", plain.live, plain.old));
    }
    let free = &of.encryption.free_pages.kinds;
    let values = free.values().fold(0_u64, |sum, n| sum.saturating_add(*n));
    if values > 0 {
        let secrets = free.get("Secret").copied().unwrap_or_default();
        add("In free pages:", format!("{} in clear text, {secrets} of them Secrets", counted(values, "value")));
    }
    columns
}
