use std::{ffi::OsStr, io::Write as _, os::unix::ffi::OsStrExt as _, path::Path};

use clap::Args;
use etcdsnap::{
    Error,
    catalog::{Branch, ByName, Catalog, Object, Searched, Version, Wanted, kind_of, words},
    error::Call,
    k8s::{Key, Resources},
    source::is_stdin,
};
use serde::Serialize;

use super::common::{
    Db, Had, Of, What, below, display, minute, not_searched, note_doubts, note_missing, note_sealed, one_file,
};
use crate::{
    args::ReportFormat,
    failure::{Exit, Failure},
    render::{self, Columns, printable},
    session::Session,
};

/// Find the backups that hold an object: first and last seen, every version, and the line that brings it back
///
/// Select objects by name, kind, a prefix of keys, one key, labels, an image or the uid. Every backup that is or was in
/// the catalog is searched, but not damaged ones. Some writes are in no backup, because a later write replaced them
/// before the next backup: their number is printed.
///
/// The line that brings an object back is for the newest version of which a file is there. It has --all, because
/// `export` leaves out what a cluster makes by itself, as the Pods of a Deployment: these may not need to be brought
/// back. For an encrypted object it has --encryption-config. Replace DIR, and FILE by the configuration with the keys.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap catalog find deploy/web -n shop
  etcdsnap catalog find pods -l app=web
  etcdsnap catalog find --image nginx:1.29
  etcdsnap catalog find --uid 0f1d8c0e-7d0b-4e1b-9d0a-0123456789ab

Exit status: 1 when no backup holds it, or not all could be searched or decrypted")]
pub(crate) struct Find {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    had: Had,
    /// Only the object with this metadata.uid
    #[arg(long, value_name = "UID")]
    uid: Option<String>,
    /// The format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    db: Db,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    items: Vec<One>,
    not_indexed: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct One {
    cluster: Option<String>,
    row: String,
    object: String,
    key: String,
    first_seen: Seen,
    last_seen: Seen,
    in_newest: bool,
    versions: Vec<Held>,
    bring_back: Option<String>,
    /// The revision of the version that the line brings back.
    bring_back_revision: Option<i64>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    time: Option<String>,
    revision: i64,
    file: Option<String>,
    /// All files with the state at that revision.
    files: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Held {
    #[serde(flatten)]
    version: Version,
    /// Writes before it that no backup holds; none where the object was deleted in between.
    unseen: Option<i64>,
    /// The revision that a restore with --bump-revision raised the cluster to, after the version before.
    raised_to: Option<i64>,
    from: Seen,
    to: Seen,
}

impl Find {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let catalog = self.db.open()?;
        let uid = self.uid.as_ref().map(|uid| format!("--uid {uid}"));
        let filters: Vec<_> = self.had.words().into_iter().chain(uid).collect();
        let wanted = Wanted { uid: self.uid, ..self.had.wanted(&self.what) };
        if wanted.what.is_empty()
            && (&wanted.range, &wanted.labels, &wanted.image, &wanted.uid, &wanted.namespace)
                == (&None, &None, &None, &None, &None)
        {
            let error = Error::usage("name what to find: KIND/NAME, KIND, -n, --prefix, --key, -l, --image or --uid");
            return Err(error.hinted("etcdsnap catalog find deploy/web -n shop").into());
        }
        let (mut items, mut names, mut sealed) = (Vec::new(), ByName::default(), 0_u64);
        let scope = self.of.scope();
        for Searched { branch: row, resources, selection } in scope.search(&catalog, &wanted)? {
            let mut objects = Vec::new();
            let unknown = catalog.each_object::<Error>(row.number, &wanted, |object| {
                objects.push(object);
                Ok(())
            })?;
            sealed = sealed.saturating_add(unknown);
            names.ask(&selection);
            objects.iter().for_each(|object| names.find(&selection, &object.key));
            let bumps = catalog.bumps(row.number);
            let one = |object: Object| (row.clone(), one(&catalog, &row, &resources, &object, &bumps), object);
            items.extend(objects.into_iter().map(one));
        }
        let doubts = catalog.doubts(&scope)?;
        // a uid is of one object
        let sealed = note_sealed(if wanted.uid.is_some() && !items.is_empty() { 0 } else { sealed });
        if items.is_empty() {
            let what = format!("no backup in the catalog holds {}", self.what.words_with(filters));
            let hint = match not_searched(&doubts) {
                None => "an object that was created and deleted between two backups is in neither of them".to_owned(),
                Some(what) => {
                    format!("not searched: {what}; `etcdsnap salvage FILE --list` lists what is in a damaged backup")
                }
            };
            return Err(Error::not_found(what).hinted(hint).into());
        }
        match self.output {
            ReportFormat::Json => {
                let items = items.into_iter().map(|(_, one, _)| one).collect();
                render::json(&mut session.out, &Document { items, not_indexed: doubts.not_searched() }, false)?;
            }
            ReportFormat::Text => {
                for (at, (row, one, object)) in items.iter().enumerate() {
                    if at > 0 {
                        writeln!(session.out)?;
                    }
                    text(session, &catalog, row, one, object)?;
                }
            }
        }
        Ok(note_missing(&names, "no backup in the catalog holds", &filters).max(note_doubts(&doubts)).max(sealed))
    }
}

/// The number of other files with the same state that are named.
const MOST: usize = 4;

/// Which of several files with the same state is named: the first or the last by its path, for paths have dates in
/// them.
#[derive(Debug, Clone, Copy)]
enum End {
    First,
    Last,
}

impl End {
    /// The file that is named, of those at `head`, and the others; a file that is there, if any is.
    fn of<'c>(self, catalog: &'c Catalog, row: &Branch, head: i64) -> Option<(Named<'c>, Vec<Named<'c>>)> {
        let mut files = catalog.files_at(row.number, head);
        let is_there = files.first()?.1;
        let at = match self {
            Self::First => files.iter().position(|(_, there)| *there == is_there),
            Self::Last => files.iter().rposition(|(_, there)| *there == is_there),
        };
        let named = files.remove(at?);
        Some((named, files))
    }
}

/// A file, and whether it is there.
type Named<'c> = (&'c Path, bool);

/// A file for a line.
fn shown((path, there): Named<'_>) -> String {
    if there { display(path) } else { format!("{} (missing or changed)", display(path)) }
}

fn seen(catalog: &Catalog, row: &Branch, head: i64, end: End) -> Seen {
    let holder = catalog.holder(row.number, head);
    let files = catalog.files_at(row.number, head);
    Seen {
        time: holder.and_then(|of| of.entry.newest.clone()),
        revision: head,
        file: end.of(catalog, row, head).map(|((file, _), _)| file.display().to_string()),
        files: files.iter().map(|(file, _)| file.display().to_string()).collect(),
    }
}

fn one(catalog: &Catalog, row: &Branch, resources: &Resources, object: &Object, bumps: &[i64]) -> One {
    let held = |(at, life): (usize, &etcdsnap::catalog::Life)| Held {
        version: life.version.clone(),
        unseen: object.unseen(at),
        raised_to: object.bump_before(at, bumps),
        from: seen(catalog, row, life.first, End::First),
        to: seen(catalog, row, life.last, End::Last),
    };
    let words = words(resources, &object.key);
    let source = source(catalog, row, object);
    let (bring_back, bring_back_revision) = match source {
        Some((version, path)) => {
            (Some(bring_back(path, resources, &object.key, version).to_string()), Some(version.mod_revision))
        }
        None => (None, None),
    };
    One {
        cluster: row.identity.clone(),
        row: row.label.clone(),
        object: words,
        key: String::from_utf8_lossy(&object.key).into_owned(),
        first_seen: seen(catalog, row, object.first_seen().unwrap_or_default(), End::First),
        last_seen: seen(catalog, row, object.last_seen().unwrap_or_default(), End::Last),
        in_newest: object.is_there(),
        versions: object.lives.iter().enumerate().map(held).collect(),
        bring_back,
        bring_back_revision,
    }
}

/// The newest version of which a file is still there, and that file: of the files with the same state, one of a good
/// backup if there is any. What came from standard input is in no file.
fn source<'c, 'o>(catalog: &'c Catalog, row: &Branch, object: &'o Object) -> Option<(&'o Version, &'c Path)> {
    let heads = &catalog.lineages().get(&row.number)?.heads;
    object.lives.iter().rev().find_map(|life| {
        let mut heads = heads.iter().rev().filter(|head| (life.first..=life.last).contains(*head));
        let path = heads.find_map(|head| {
            let files = catalog.files_at(row.number, *head).into_iter();
            let files: Vec<_> = files.filter(|(path, there)| *there && !is_stdin(path)).map(|(path, _)| path).collect();
            let best = catalog.holder(row.number, *head);
            let is_best = |path: &&&Path| best.is_some_and(|best| best.files.iter().any(|of| of == **path));
            files.iter().find(is_best).or(files.first()).copied()
        })?;
        Some((&life.version, path))
    })
}

/// The command that writes a version of an object, which is in the backup at `path`.
fn bring_back(path: &Path, resources: &Resources, key: &[u8], version: &Version) -> Call {
    let path = below(path);
    let parsed = Key::new(key);
    let (Some(of), Some(kind)) = (parsed.object(), kind_of(resources, key)) else {
        return Call::new("etcdsnap kv").arg(path).arg(OsStr::from_bytes(key));
    };
    let is_encrypted = version.content != Some(version.stored);
    let call = Call::new("etcdsnap export").arg(path).arg(format!("{kind}/{}", of.name)).option("-n", of.namespace);
    let call = call.arg("--all");
    let call = if is_encrypted || of.resource == "secrets" { call.arg("--reveal") } else { call };
    let call = call.option("--encryption-config", is_encrypted.then_some("FILE"));
    call.args(["--to", "DIR"])
}

/// The reason why there is no line that brings an object back.
fn why_not(catalog: &Catalog, row: &Branch, object: &Object) -> &'static str {
    let heads = catalog.lineages().get(&row.number).map(|of| of.heads.as_slice()).unwrap_or_default();
    let is_held = |head: &&i64| object.lives.iter().any(|life| (life.first..=life.last).contains(*head));
    let mut files = heads.iter().filter(is_held).flat_map(|head| catalog.files_at(row.number, *head));
    match files.any(|(path, _)| is_stdin(path)) {
        true => "cannot be brought back: it was read from standard input, and no file that holds it is known",
        false => "all of these files are missing",
    }
}

fn text(session: &mut Session, catalog: &Catalog, row: &Branch, one: &One, object: &Object) -> Result<(), Failure> {
    let name = |head: i64, end: End| match end.of(catalog, row, head) {
        Some((file, _)) => shown(file),
        None => catalog.holder(row.number, head).map_or_else(|| format!("revision {head}"), one_file),
    };
    let place = |head: i64, end: End| {
        let time = minute(catalog.holder(row.number, head).and_then(|holder| holder.entry.time()));
        format!("{time}  {}", name(head, end))
    };
    // that others have the same state is said where one of them is the answer
    let others = |head: i64, end: End| {
        let others = end.of(catalog, row, head).map(|(_, others)| others).unwrap_or_default();
        let mut names: Vec<_> = others.iter().take(MOST).map(|file| shown(*file)).collect();
        if others.len() > MOST {
            names.push(format!("and {} more", others.len().saturating_sub(MOST)));
        }
        names.join(", ")
    };
    writeln!(session.out, "{}  (cluster {})", printable(one.object.clone()), row.label)?;
    writeln!(session.out, "  first seen  {}", place(one.first_seen.revision, End::First))?;
    let after = catalog
        .lineages()
        .get(&row.number)
        .and_then(|lineage| lineage.heads.iter().find(|head| **head > one.last_seen.revision).copied());
    let gone = match after {
        Some(head) => format!("; gone in {}", name(head, End::First)),
        None => ", the newest".to_owned(),
    };
    writeln!(session.out, "  last seen   {}{gone}", place(one.last_seen.revision, End::Last))?;
    let same = others(one.last_seen.revision, End::Last);
    if !same.is_empty() {
        writeln!(
            session.out,
            "              {same} {}",
            if same.contains(", ") { "hold the same" } else { "holds the same" }
        )?;
    }
    let mut columns = Columns::new(&["  REVISION", "WRITE", "SIZE", "IN", "NOTE"]).right(&[0, 1, 2]);
    let mut before: Option<&Version> = None;
    for (at, (life, held)) in object.lives.iter().zip(&one.versions).enumerate() {
        let version = &life.version;
        let (first, last) = (name(life.first, End::First), name(life.last, End::Last));
        let within = if first == last { first } else { format!("{first} to {last}") };
        let is_same = before.is_some_and(|of| of.content.is_some() && of.content == version.content);
        let note = match object.unseen(at) {
            None if held.raised_to.is_some() => "made again".to_owned(),
            None => "deleted and made again before it".to_owned(),
            Some(0) if is_same => "the same value written again".to_owned(),
            Some(0) => String::new(),
            Some(n) => {
                let writes =
                    if n == 1 { "1 write before it is".to_owned() } else { format!("{n} writes before it are") };
                format!("{writes} in no backup{}", if is_same { "; the value is the same" } else { "" })
            }
        };
        let note = match held.raised_to {
            Some(bump) if note.is_empty() => format!("after a restore that raised the revision to {bump}"),
            Some(bump) => format!("{note}, after a restore that raised the revision to {bump}"),
            None => note,
        };
        columns.add([
            format!("  {}", version.mod_revision),
            version.version.to_string(),
            version.size.to_string(),
            within,
            note,
        ]);
        before = Some(version);
    }
    columns.finish(&mut session.out)?;
    match &one.bring_back {
        Some(line) => writeln!(session.out, "  bring it back: {}", printable(line.clone()))?,
        None => writeln!(session.out, "  {}", why_not(catalog, row, object))?,
    }
    let last = object.lives.last().map(|life| life.version.mod_revision);
    if let (Some(back), Some(last)) = (one.bring_back_revision, last)
        && back != last
    {
        writeln!(session.out, "                 revision {back}, not the last seen {last}")?;
    }
    Ok(())
}
