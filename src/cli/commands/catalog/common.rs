//! What the commands about a catalog share.

use std::path::{Path, PathBuf};

use clap::Args;
use etcdsnap::{
    Error, Result,
    bytes::counted,
    catalog::{ByName, Catalog, Doubts, Holder, Scope, Wanted},
    etcd::Range,
    k8s::Moment,
    select::LabelSelector,
};
use jiff::Timestamp;

use crate::{
    args::InNamespace,
    failure::{Exit, Failure},
    render::printable,
};

/// Which catalog.
#[derive(Debug, Args)]
pub(super) struct Db {
    /// The catalog, instead of $XDG_STATE_HOME/etcdsnap/catalog.redb
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
}

impl Db {
    /// Its path.
    pub(super) fn path(&self) -> Result<PathBuf> {
        if let Some(path) = &self.db {
            return Ok(path.clone());
        }
        let dir = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
        let state = dir("XDG_STATE_HOME").or_else(|| dir("HOME").map(|home| home.join(".local/state")));
        let state = state.ok_or_else(|| {
            Error::usage("neither $XDG_STATE_HOME nor $HOME names a folder").hinted("name the catalog with --db FILE")
        })?;
        Ok(state.join("etcdsnap/catalog.redb"))
    }

    /// Its path, where it was named.
    pub(super) fn named(&self) -> Option<&Path> {
        self.db.as_deref()
    }

    pub(super) fn open(&self) -> Result<Catalog> {
        Catalog::open(&self.path()?)
    }
}

/// Which clusters.
#[derive(Debug, Args)]
pub(super) struct Of {
    /// Only the cluster whose identity, as `catalog ls` prints it, begins with ID
    #[arg(long, value_name = "ID")]
    cluster: Option<String>,
}

impl Of {
    pub(super) fn scope(&self) -> Scope {
        Scope::new(self.cluster.clone())
    }
}

/// Objects that are asked for.
#[derive(Debug, Args)]
pub(super) struct What {
    /// KIND, KIND/NAME, or KIND NAME...
    #[arg(value_name = "KIND/NAME")]
    pub(super) what: Vec<String>,
    #[command(flatten)]
    pub(super) within: InNamespace,
    /// Only keys of etcd that begin with PREFIX
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// The object at this key of etcd
    #[arg(long, conflicts_with = "prefix")]
    pub(super) key: Option<String>,
}

impl What {
    pub(super) fn wanted(&self) -> Wanted {
        let key = self.key.as_ref().map(|key| Range::key(key.clone().into_bytes()));
        let range = key.or_else(|| self.prefix.as_ref().map(|prefix| Range::prefix(prefix.clone().into_bytes())));
        Wanted { what: self.what.clone(), namespace: self.within.only(), range, ..Wanted::default() }
    }

    /// --prefix for a command that takes the prefix of an API server: a folder of keys, from `/` to `/`.
    pub(super) fn folder(&self) -> Result<Option<&str>> {
        let Some(prefix) = self.prefix.as_deref() else { return Ok(None) };
        match prefix.trim_matches('/') {
            name if !name.is_empty() && prefix == format!("/{name}/") => Ok(Some(prefix)),
            _ => Err(Error::usage(format!("--prefix {prefix}: the backups are opened, and this takes whole folders"))
                .hinted("name a prefix that begins and ends with /, such as /registry/")),
        }
    }

    /// The words that were typed.
    pub(super) fn words(&self) -> String {
        self.words_with(Vec::new())
    }

    /// The words that were typed, with those of `filters`.
    pub(super) fn words_with(&self, mut filters: Vec<String>) -> String {
        let key = self.key.iter().chain(&self.prefix).cloned();
        let mut names: Vec<_> = self.what.iter().cloned().chain(key).collect();
        let within = self.within.only().map(|namespace| format!("-n {namespace}"));
        if names.is_empty() {
            names.push("an object".to_owned());
            filters.splice(0..0, within);
        } else {
            names.extend(within);
        }
        printable(format!("{}{}", names.join(" "), with(&filters)))
    }
}

/// The words of filters, after those of what they are applied to.
fn with(filters: &[String]) -> String {
    if filters.is_empty() { String::new() } else { printable(format!(" with {}", filters.join(" "))) }
}

/// A selector of labels, and its text.
#[derive(Debug, Clone)]
struct Selector {
    text: String,
    selector: LabelSelector,
}

impl Selector {
    fn parse(text: &str) -> Result<Self> {
        Ok(Self { text: text.to_owned(), selector: LabelSelector::parse(text)? })
    }
}

/// What an object had.
#[derive(Debug, Args)]
pub(super) struct Had {
    /// Only objects that had these labels at some time, as `kubectl get -l` takes them
    #[arg(short = 'l', long = "selector", value_name = "LABELS", value_parser = Selector::parse)]
    labels: Option<Selector>,
    /// Only objects that used an image with this in its name
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
}

impl Had {
    /// What is asked for, of the objects in `what`.
    pub(super) fn wanted(&self, what: &What) -> Wanted {
        let labels = self.labels.as_ref().map(|labels| labels.selector.clone());
        Wanted { labels, image: self.image.clone(), ..what.wanted() }
    }

    /// The words that were typed.
    pub(super) fn words(&self) -> Vec<String> {
        let labels = self.labels.as_ref().map(|labels| format!("-l {}", labels.text));
        labels.into_iter().chain(self.image.as_ref().map(|image| format!("--image {image}"))).collect()
    }
}

/// Reports the named objects that are not found: that `holder` does not hold them with what `filters` ask for.
pub(super) fn note_missing(names: &ByName, holder: &str, filters: &[String]) -> Exit {
    let mut exit = Exit::Good;
    for name in names.missing() {
        Failure::from(Error::not_found(format!("{holder} {}{}", printable(name.to_owned()), with(filters)))).say();
        exit = Exit::Content;
    }
    exit
}

/// What is not searched; none where all is.
pub(super) fn not_searched(doubts: &Doubts<'_>) -> Option<String> {
    let kinds = [(doubts.damaged, "damaged backup"), (doubts.unread, "unreadable file")];
    let counts: Vec<_> = kinds.into_iter().filter(|(n, _)| *n > 0).map(|(n, kind)| counted(n, kind)).collect();
    (!counts.is_empty()).then(|| counts.join(" and "))
}

/// Prints that an answer may be incomplete, which the exit status shows too.
pub(super) fn note_doubts(doubts: &Doubts<'_>) -> Exit {
    let exit = note_undecided(&doubts.undecided);
    let Some(what) = not_searched(doubts) else { return exit };
    say!("note: the answer may be incomplete: not searched: {what}");
    say!("hint: `etcdsnap catalog ls` lists them");
    Exit::Content
}

/// Prints that files are not listed because they cannot be read, which the exit status shows too.
pub(super) fn note_unread(catalog: &Catalog) -> Exit {
    let unread = catalog.unread();
    if unread == 0 {
        return Exit::Good;
    }
    say!("note: the answer may be incomplete: not read: {}", counted(unread, "unreadable file"));
    say!("hint: `etcdsnap catalog ls` lists them");
    Exit::Content
}

/// Reports that objects may be missing in an answer, as no key opened them when they were added.
pub(super) fn note_sealed(count: u64) -> Exit {
    if count == 0 {
        return Exit::Good;
    }
    say!(
        "note: the answer may be incomplete: labels, images and uid are not known of {}",
        counted(count, "encrypted object")
    );
    say!(
        "hint: `etcdsnap catalog add FOLDER --encryption-config FILE` reads backups with such objects again, and opens them"
    );
    Exit::Content
}

/// Prints which backups may be of another branch than the one that they are counted to. The exit status shows it too.
pub(super) fn note_undecided(undecided: &[&Holder]) -> Exit {
    let Some((first, others)) = undecided.split_first() else { return Exit::Good };
    let first = one_file(first);
    let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    say!("note: counted to several branches of one cluster, and not known of which: {first}{more}");
    say!(
        "hint: every key that differed between the branches was written again, or deleted, before the backup was taken"
    );
    Exit::Content
}

/// A time for a table: to the minute.
pub(super) fn minute(time: Option<Moment>) -> String {
    let text = time.map(|time| time.millis()).unwrap_or_default();
    text.get(..16).map_or_else(|| "-".to_owned(), |text| format!("{}Z", text.replace('T', " ")))
}

/// Seconds as kubectl prints an age: `5m`, `3h`, `2d`.
pub(super) fn age(seconds: i64) -> String {
    match seconds {
        ..0 => "-".to_owned(),
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

/// Seconds since a time.
pub(super) fn since(time: Option<Moment>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| age(Timestamp::now().as_second().saturating_sub(time.seconds)))
}

/// The name of a file for a table: relative to the working folder where it is below that.
pub(super) fn display(path: &Path) -> String {
    printable(below(path).display().to_string())
}

/// A path relative to the working folder where it is below that.
pub(super) fn below(path: &Path) -> PathBuf {
    let here = std::env::current_dir().ok();
    here.and_then(|here| Some(path.strip_prefix(here).ok()?.to_owned())).unwrap_or_else(|| path.to_owned())
}

/// The file to name of a backup.
pub(super) fn one_file(holder: &Holder) -> String {
    match holder.files.first() {
        Some(path) if holder.there => display(path),
        Some(path) if holder.changed => format!("{} (changed)", display(path)),
        Some(path) => format!("{} (missing)", display(path)),
        None => "(removed or replaced)".to_owned(),
    }
}

/// The file of a backup for a table; files that are copies of it are counted.
pub(super) fn file(holder: &Holder) -> String {
    match holder.files.len() {
        0 | 1 => one_file(holder),
        n => format!("{} (and {} more)", one_file(holder), n.saturating_sub(1)),
    }
}
