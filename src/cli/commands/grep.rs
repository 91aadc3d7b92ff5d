use std::{io::Write as _, path::PathBuf};

use clap::{Args, ValueEnum};
use etcdsnap::{
    Findings,
    bytes::counted,
    document::Document,
    etcd::{KeyValue, Range, Record, Snapshot},
    grep::{FreeHit, Pattern, Place, Search, ValueHits, Words, search_free},
    k8s::Undecodable,
    objects::{At, Cluster, Query},
    ordered::{WINDOW, ordered, ordered_items},
    select::Selection,
};

use super::object::{missing, note_namespace, unreadable};
use crate::{
    args::{InNamespace, Keys, LogArgs, Masking, When, etcd_prefix},
    failure::{Exit, Failure},
    render::{self, printable},
    session::Session,
};

/// Search for text in every object, in old revisions, and in free pages
///
/// PATTERN is a regular expression in the syntax of Rust's crate regex; every string of every object is matched line by
/// line, also the names of labels, annotations and data, but not managedFields. The data of Secrets and other binary
/// fields are matched as bytes, not as base64. A match prints KIND/NAME -n NAMESPACE, the path of the string, and the
/// line.
///
/// Secrets are searched, too: a match is reported, and the secret text is masked. Everything in free pages is masked
/// unless --reveal is given, because deleted values may be Secrets. Encrypted values are searched only with their keys.
/// When nothing is found, a note on stderr has the number of values that were searched.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap grep 10.1.2.3 backup.db -F
  etcdsnap grep 'nginx:1\\.(19|20)' backup.db pods,deploy -n shop --path 'spec.**.image'
  etcdsnap grep -F 'hunter2' backup.db --all-revisions --free     # is that password still in there?
  etcdsnap grep -l -w web backup.db
  etcdsnap grep --keys /old-operator/ backup.db

Exit status: 0 found, 1 not found, 2 wrong usage, 3 not everything could be searched: damaged, or encrypted and no keys given")]
pub(crate) struct Grep {
    /// The regular expression
    pattern: String,
    /// The backup
    snapshot: PathBuf,
    /// KIND[,KIND...] [NAME...], or KIND/NAME...
    #[arg(value_name = "KIND[/NAME]")]
    what: Vec<String>,
    #[command(flatten)]
    within: InNamespace,
    /// Take PATTERN as text, not as an expression
    #[arg(short = 'F', long)]
    fixed_strings: bool,
    /// Ignore upper and lower case
    #[arg(short, long)]
    ignore_case: bool,
    /// Match whole words only
    #[arg(short, long)]
    word_regexp: bool,
    /// Print the objects only, not the lines
    #[arg(short = 'l', long, conflicts_with = "count")]
    files_with_matches: bool,
    /// Print the number of lines of each object instead of the lines
    #[arg(short, long)]
    count: bool,
    /// Search the keys of etcd instead of the values
    #[arg(long, conflicts_with_all = ["path", "free"])]
    keys: bool,
    /// Only in this field and below it: spec.**.image, data.*; * is any one field, ** any number of fields; lists have
    /// no part in PATH
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// Search every stored revision, deleted objects too
    #[arg(long, conflicts_with_all = ["rev", "at"])]
    all_revisions: bool,
    /// Search also the bytes of free pages, where deleted values may be
    #[arg(long, conflicts_with_all = ["what", "namespace"])]
    free: bool,
    /// Only keys below PREFIX, the API server's --etcd-prefix
    #[arg(long, value_name = "PREFIX", value_parser = etcd_prefix)]
    prefix: Option<Range<'static>>,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    when: When,
    #[command(flatten)]
    keyring: Keys,
    #[command(flatten)]
    masking: Masking,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines for people
    Text,
    /// One JSON document a line and object
    Ndjson,
}

/// What a window of values gave: the text, how many values were searched and how many have a match, what is wrong.
type Made = (String, u64, u64, Vec<(Vec<u8>, Undecodable)>);

/// What was found so far.
#[derive(Default)]
struct Tally {
    searched: u64,
    found: u64,
    sealed: u64,
    broken: u64,
}

impl Grep {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let words = Words { fixed: self.fixed_strings, ignore_case: self.ignore_case, word: self.word_regexp };
        let pattern = Pattern::new(&self.pattern, words)?;
        let place = self.path.as_deref().map(Place::parse).transpose()?;
        let mask = self.masking.mask()?;
        let ring = self.keyring.ring()?;
        let source = session.open(&self.snapshot, &self.log.dir)?;
        let snapshot = session.load(&source, &self.log.load())?;
        let at = if self.all_revisions { At::Last } else { self.when.at(&snapshot, &ring)? };
        let query = Query { what: self.what.clone(), namespace: self.within.only(), range: self.prefix.clone() };
        let cluster = Cluster::open_range(&snapshot, ring, at, query.range())?;
        let search = Search {
            pattern: &pattern,
            place: place.as_ref(),
            keys: self.keys,
            ring: &cluster.ring,
            resources: &cluster.resources,
            mask: &mask,
        };
        let (mut tally, mut absent) = (Tally::default(), Exit::Good);
        let mut findings = cluster.findings().clone();
        if self.all_revisions {
            let selection = cluster.select_former(&query)?;
            self.revisions(session, &snapshot, &selection, &search, &mut tally)?;
        } else {
            let found = cluster.find(&query)?;
            if found.objects.is_empty() {
                absent = note_namespace(&[&cluster], query.namespace.as_deref());
            }
            absent = absent.max(missing(&query, &found, &cluster));
            let make = |window: Vec<&KeyValue<'_>>| self.window(window.into_iter().map(|kv| (*kv, false)), &search);
            let size = |kv: &&KeyValue<'_>| kv.value.len();
            ordered_items(found.objects.iter(), size, make, |made| self.take(session, made, &mut tally))?;
        }
        if self.free {
            let mut more = Findings::default();
            let hits = search_free(&snapshot, &pattern, &mask, &mut more);
            if more.damaged() && !findings.damaged() {
                findings.append(more);
            }
            tally.found = tally.found.saturating_add(hits.len() as u64);
            self.free(session, &hits)?;
        }
        let closed = session.close(&source, &findings)?;
        if tally.found == 0 {
            self.note_nothing(&tally, &cluster);
        }
        if tally.sealed > 0 {
            let was = if tally.sealed == 1 { "was" } else { "were" };
            say!("note: {} {was} not searched", counted(tally.sealed, "encrypted value"));
            say!("hint: --encryption-config FILE, or --kms-keys FILE, opens what is encrypted");
        }
        if tally.sealed > 0 || tally.broken > 0 || closed != Exit::Good {
            return Ok(Exit::System);
        }
        Ok(if tally.found > 0 { absent } else { Exit::Content })
    }

    /// Reports how much was searched without a match, and what searches more.
    fn note_nothing(&self, tally: &Tally, cluster: &Cluster<'_>) {
        let what = if self.keys { "key" } else { "value" };
        let (what, revision) = (counted(tally.searched, what), cluster.view.revision);
        match self.all_revisions {
            true => say!("note: no match in {what}, of all revisions up to {revision}"),
            false => {
                let keys = counted(cluster.view.len(), "key");
                say!("note: no match in {what}, of {keys} at revision {revision}");
            }
        }
        let (narrow, named) = (self.within.only().is_some(), !self.what.is_empty());
        let wider = [
            ((narrow || named) && !self.free, "without KIND and -n every object is searched"),
            (self.path.is_some(), "PATH begins at the root of an object, and --path '**.image' is at any depth"),
            (self.path.is_some(), "without --path every field is searched"),
            (!self.ignore_case, "-i ignores upper and lower case"),
            (!self.all_revisions, "--all-revisions searches old revisions and deleted objects, too"),
            (!self.free && !self.keys && !narrow && !named, "--free searches free pages, too"),
            (!self.keys, "--keys searches the keys of etcd"),
        ];
        let wider: Vec<_> = wider.into_iter().filter(|(fits, _)| *fits).map(|(_, what)| what).collect();
        if !wider.is_empty() {
            say!("hint: {}", wider.join("; "));
        }
    }

    /// Searches every stored record of the selected keys.
    fn revisions<'a>(
        &self,
        session: &mut Session,
        snapshot: &Snapshot<'a>,
        selection: &Selection,
        search: &Search<'_>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let produce = |give: &mut dyn FnMut(Vec<Record<'a>>) -> bool| {
            let (mut window, mut bytes) = (Vec::new(), 0_usize);
            let mut again = Findings::default();
            // Ends early when nothing more is wanted; the findings are the cluster's.
            let _: Result<(), ()> = snapshot.each_record(&mut again, |record| {
                // of a deleted key there is no value
                if record.tombstone && !self.keys || !selection.matches(record.kv.key) {
                    return Ok(());
                }
                bytes = bytes.saturating_add(record.message.len()).saturating_add(64);
                window.push(record);
                if bytes < WINDOW {
                    return Ok(());
                }
                bytes = 0;
                if give(std::mem::take(&mut window)) { Ok(()) } else { Err(()) }
            });
            if !window.is_empty() {
                give(window);
            }
        };
        let kv = |record: Record<'a>| (KeyValue { mod_revision: record.revision.main, ..record.kv }, record.tombstone);
        let make = |window: Vec<Record<'a>>| self.window(window.into_iter().map(kv), search);
        ordered(produce, make, |made| self.take(session, made, tally))
    }

    /// Searches some values; of each, whether its key was deleted.
    fn window<'a>(&self, window: impl Iterator<Item = (KeyValue<'a>, bool)>, search: &Search<'_>) -> Made {
        let (mut text, mut searched, mut found, mut wrong) = (String::new(), 0_u64, 0_u64, Vec::new());
        for (kv, deleted) in window {
            match search.value(&kv) {
                Ok(of) => {
                    searched = searched.saturating_add(1);
                    if let Some(of) = of {
                        found = found.saturating_add(1);
                        self.print(&mut text, &ValueHits { deleted, ..of });
                    }
                }
                Err(why) => wrong.push((kv.key.to_vec(), why)),
            }
        }
        (text, searched, found, wrong)
    }

    fn take(
        &self,
        session: &mut Session,
        (text, searched, found, wrong): Made,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        tally.searched = tally.searched.saturating_add(searched);
        tally.found = tally.found.saturating_add(found);
        for (key, why) in wrong {
            if why.is_sealed() {
                tally.sealed = tally.sealed.saturating_add(1);
            } else {
                unreadable(&key, &why);
                tally.broken = tally.broken.saturating_add(1);
            }
        }
        Ok(session.out.write_all(text.as_bytes())?)
    }

    /// Appends what was found in one value.
    fn print(&self, text: &mut String, found: &ValueHits) {
        if self.output == Output::Ndjson {
            let json = serde_json::to_string(&Document::new(found)).unwrap_or_default();
            return text.extend([&json, "\n"]);
        }
        let mut name = if found.kind.is_empty() {
            printable(found.name.clone())
        } else {
            printable(format!("{}/{}", found.kind, found.name))
        };
        if !found.namespace.is_empty() {
            name.extend([" -n ", &printable(found.namespace.clone())]);
        }
        if self.all_revisions {
            name.extend([" --rev ", &found.revision.to_string(), if found.deleted { " (deleted)" } else { "" }]);
        }
        if self.files_with_matches {
            return text.extend([&name, "\n"]);
        }
        if self.count {
            return text.extend([&name, ": ", &found.hits.len().to_string(), "\n"]);
        }
        for hit in &found.hits {
            let line = if hit.line > 0 { format!(":{}", hit.line) } else { String::new() };
            let path = printable(hit.path.clone());
            let gap = if path.is_empty() { "" } else { "  " };
            text.extend([&name, gap, &path, &line, ": ", &printable(hit.text.clone()), "\n"]);
        }
    }

    fn free(&self, session: &mut Session, hits: &[FreeHit]) -> Result<(), Failure> {
        if self.output == Output::Text && (self.files_with_matches || self.count) {
            for page in hits.chunk_by(|a, b| a.page == b.page) {
                let count = if self.count { format!(": {}", page.len()) } else { String::new() };
                writeln!(session.out, "free page {}{count}", page.first().map_or(0, |hit| hit.page))?;
            }
            return Ok(());
        }
        for hit in hits {
            if self.output == Output::Ndjson {
                render::json(&mut session.out, hit, true)?;
            } else {
                let text = printable(hit.text.clone());
                writeln!(session.out, "free page {} (at offset {:#x}): {text}", hit.page, hit.offset)?;
            }
        }
        Ok(())
    }
}
