//! Flags of other programs, and flags that people try: what to type instead. And which of the parser's own tips are
//! printed: it takes words for similar that have some letters in common.

use clap::{
    Command,
    error::{ContextKind, ContextValue, ErrorKind},
};
use etcdsnap::{error::Advice, k8s::nearest};

use crate::other_words::{OBJECTS_BACK, name};

/// The commands that show objects.
const OBJECTS: &[&str] = &["get", "describe", "kv", "history", "timeline", "export", "rows", "diff"];

/// Of which commands, the flags, and what to type instead. No command is every command.
const FLAGS: &[(&[&str], &[&str], &str)] = &[
    (&["restore"], &["-n", "--namespace", "-A", "--all-namespaces", "-l", "--selector"], OBJECTS_BACK),
    (
        &["diff"],
        &["--verb", "--only", "--deleted", "--added", "--removed", "--changed", "--type"],
        "--diff-filter=D prints only what was deleted, A what was added, M what was changed",
    ),
    (&["diff"], &["--name-status", "--names", "--summary"], "--name-only prints +, -, ~ or ! before each name"),
    (
        &["verify"],
        &["--newest", "--latest", "--last", "--best"],
        "the line \"newest good\" names the newest good backup of each cluster",
    ),
    (
        &["wal"],
        &["-n", "--lines", "--last", "--limit", "--number"],
        "--tail N prints the last N records, --from-index N those from entry N on",
    ),
    (&["timeline"], &["--deleted"], "--verb delete prints only deletions"),
    (&["timeline"], &["--added", "--created"], "--verb create prints only what was created"),
    (
        &["wal"],
        &["--since", "--until", "--at"],
        "an entry of the log has no time; --tail N prints the last ones, and `etcdsnap timeline DIR --since -10m` what they \
        changed",
    ),
    (&["history"], &["--all-revisions", "--revisions"], "all revisions are printed"),
    (
        &["history"],
        &["--rev", "--at"],
        "`etcdsnap get FILE KIND/NAME -n NAMESPACE -o yaml --rev 1200` prints the object at revision 1200",
    ),
    (
        &["history", "get", "describe", "diff", "export", "grep"],
        &["--since", "--until"],
        "`etcdsnap timeline FILE KIND/NAME -n NAMESPACE --since -10m` lists the changes of the last 10 minutes",
    ),
    (
        OBJECTS,
        &["--all-revisions", "--revisions"],
        "`etcdsnap history FILE KIND/NAME` prints every revision of an object; --rev N is the state at one revision",
    ),
    (
        &["get", "describe", "kv", "export", "hashkv", "serve"],
        &["--revision", "--resource-version"],
        "--rev N is the state at a revision",
    ),
    (&["diff"], &["--revision", "--revisions"], "--rev N..M compares two revisions"),
    (
        &["get", "kv"],
        &["--count"],
        "`etcdsnap kv FILE --count-only` prints the number of keys; `etcdsnap get FILE KIND --no-headers` | wc -l that of objects",
    ),
    (
        &["get", "kv", "describe", "export", "diff", "history", "timeline", "rows", "serve", "decode"],
        &["--key-file", "--keyfile", "--encryption-key", "--encryption-provider-config", "--decrypt"],
        "--encryption-config FILE opens encrypted values, with the API server's own configuration",
    ),
    (
        &["get"],
        &["--keys-only", "--print-value-only", "--from-key", "--limit", "--count-only", "--consistency"],
        "etcdctl's get is kv here: `etcdsnap kv FILE /registry/pods/ --prefix --keys-only`",
    ),
    (
        &["catalog ls"],
        &["--good", "--last", "--newest", "--latest"],
        "`etcdsnap catalog last --good` prints the newest good backup of each cluster; `etcdsnap catalog ls` has a column VERDICT",
    ),
    (&["serve"], &["--port", "-p", "--address", "--bind-address"], "--listen 127.0.0.1:PORT"),
    (
        &["rows"],
        &["-o", "-w", "--output", "--write-out"],
        "--format ndjson|csv|parquet|arrow, or --to FILE with that ending",
    ),
    (
        &["export", "salvage", "rows"],
        &["--out", "--output-dir", "--dir", "--file", "-f", "-d"],
        "--to names what is written",
    ),
    (
        &["verify"],
        &["-q", "--quiet", "--silent"],
        "the exit status is the verdict: 0 unless damaged, with --strict 1 on any doubt",
    ),
    (&["restore"], &["--output-dir", "--out", "--dir", "-d"], "--data-dir DIR, or --to-snapshot FILE"),
    (
        &[],
        &["--snapshot", "--backup", "--file", "-f", "--filename", "--db"],
        "the SNAPSHOT is named without a flag, after the command, as in `etcdsnap status FILE`",
    ),
    (&[], &["--json"], "-o json"),
    (&[], &["--yaml"], "-o yaml"),
];

/// Removes from the error each tip that misleads, and gives the hint for the flag that is not known.
pub(crate) fn tip(error: &mut clap::Error, of: &Command) -> Option<Advice> {
    if !matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand) {
        return None;
    }
    // `to pass '-q' as a value, use '-- -q'`: nobody names a file so
    error.remove(ContextKind::Suggested);
    let typed = [ContextKind::InvalidArg, ContextKind::InvalidSubcommand].into_iter().find_map(|kind| {
        let Some(ContextValue::String(typed)) = error.get(kind) else { return None };
        Some(typed.clone())
    })?;
    let hint = hint(name(of), &typed);
    for kind in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand] {
        let mut near = match error.remove(kind) {
            Some(ContextValue::String(one)) => vec![one],
            Some(ContextValue::Strings(several)) => several,
            _ => continue,
        };
        let bare = |word: &str| word.trim_start_matches('-').to_owned();
        near.retain(|name| hint.is_none() && nearest(&bare(&typed), [bare(name).as_str()]).is_some());
        match (near.pop(), kind) {
            (None, _) => None,
            (Some(one), ContextKind::SuggestedArg) => error.insert(kind, ContextValue::String(one)),
            (Some(one), _) => error.insert(kind, ContextValue::Strings(vec![one])),
        };
    }
    hint.map(Advice::quoting)
}

fn hint(command: &str, typed: &str) -> Option<&'static str> {
    let flag = typed.split('=').next().unwrap_or(typed);
    let is_meant = |commands: &[&str], flags: &[&str]| {
        flags.contains(&flag) && (commands.is_empty() || commands.contains(&command))
    };
    FLAGS.iter().find(|(commands, flags, _)| is_meant(commands, flags)).map(|(.., hint)| *hint)
}

/// All hints.
#[cfg(test)]
pub(crate) fn hints() -> impl Iterator<Item = &'static str> {
    FLAGS.iter().map(|(.., hint)| *hint)
}
