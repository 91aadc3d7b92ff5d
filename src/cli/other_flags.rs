//! Flags of other programs, and flags that people try: what to type instead. And which of the parser's own tips are
//! printed: it takes words for similar that have some letters in common.

use clap::{
    Command,
    error::{ContextKind, ContextValue, ErrorKind},
};
use etcdsnap::{
    error::{Advice, Call},
    k8s::nearest,
};

use crate::other_words::{Named, OBJECTS_BACK, name};

/// The commands that show objects.
const OBJECTS: &[&str] = &["get", "describe", "kv", "history", "timeline", "export", "rows", "diff"];

/// Of which commands, the flags, and what to type instead. No command is every command.
const FLAGS: &[(&[&str], &[&str], &str)] = &[
    (
        &["restore"],
        &[
            "-n",
            "--namespace",
            "-A",
            "--all-namespaces",
            "-l",
            "--selector",
            "--ns",
            "--namespaces",
            "--include-namespaces",
            "--include-resources",
            "--namespace-mappings",
            "--from",
            "--from-backup",
            "--from-schedule",
        ],
        OBJECTS_BACK,
    ),
    (
        &["restore", "snapshot restore"],
        &["--force-new-cluster"],
        "`etcdsnap force-new-cluster --data-dir DIR --to NEWDIR` makes a cluster of one member of a data directory",
    ),
    (
        &["restore", "snapshot restore"],
        &["--rev", "--revision"],
        "`etcdsnap restore FILE --to-revision 1200 --data-dir DIR --member NAME` applies a log up to a revision; \
        `etcdsnap export FILE -n NAMESPACE --rev 1200 --to DIR` makes files of the objects at a revision",
    ),
    (
        &["get", "describe", "grep", "rows", "timeline"],
        &["--image", "--images"],
        "`etcdsnap grep TEXT FILE --path spec.**.image -l` lists the objects with this image",
    ),
    (
        &["get"],
        &["--limit"],
        "get prints all objects, and `etcdsnap get FILE` | head the first ones; `etcdsnap kv FILE --limit 5` prints 5 keys",
    ),
    (&["kv"], &["--decode"], "`etcdsnap kv FILE KEY --print-value-only` | `etcdsnap decode` prints a value as YAML"),
    (&["get", "describe"], &["--decode"], "objects are decoded: `etcdsnap get FILE KIND/NAME -n NAMESPACE -o yaml`"),
    (&["get"], &["--export"], "`etcdsnap export FILE KIND/NAME -n NAMESPACE --to -` prints objects for kubectl apply"),
    (
        &["timeline", "history"],
        &["--who", "--by", "--author"],
        "etcd stores no users; `etcdsnap timeline FILE --audit-log LOG` names them, by the audit log of the API server",
    ),
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
        &["--keys-only", "--print-value-only", "--from-key", "--count-only", "--consistency"],
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
    if matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) {
        return other_value(error, of);
    }
    if !matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand) {
        return None;
    }
    // `to pass '-q' as a value, use '-- -q'`: nobody names a file so
    error.remove(ContextKind::Suggested);
    let typed = [ContextKind::InvalidArg, ContextKind::InvalidSubcommand].into_iter().find_map(|kind| {
        let Some(ContextValue::String(typed)) = error.get(kind) else { return None };
        Some(typed.clone())
    })?;
    let hint = renamed(of, &typed).or_else(|| hint(name(of), &typed));
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
    hint
}

/// The command line with the value that is meant, where a flag does not take the one that it has.
fn other_value(error: &clap::Error, of: &Command) -> Option<Advice> {
    let [flag, value] = [ContextKind::InvalidArg, ContextKind::InvalidValue].map(|kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    });
    let takes = |value: &str| match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(all)) => all.iter().any(|one| one == value),
        _ => false,
    };
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let is_typed = |flag: &str| args.iter().any(|arg| arg.to_str().is_some_and(|arg| arg.starts_with(flag)));
    let (why, flag, meant) = match flag.split([' ', '=']).next()? {
        flag @ ("--output" | "--write-out") => match value.trim_end_matches('=') {
            "yml" if takes("yaml") => ("", flag, "yaml".to_owned()),
            other if other != value && takes(other) => ("", flag, other.to_owned()),
            "yaml" | "yml" | "json" | "csv" | "table" | "text" | "wide" | "name" | "html" => return None,
            file if of.get_arguments().any(|arg| arg.get_long() == Some("to")) && !is_typed("--to") => {
                ("-o is the format, --to the file:", "--to", file.to_owned())
            }
            _ => return None,
        },
        flag @ "--listen" => {
            let port: u16 = value.rsplit(':').next()?.parse().ok()?;
            ("", flag, format!("127.0.0.1:{port}"))
        }
        _ => return None,
    };
    let at = args.iter().position(|arg| arg.to_str().is_some_and(|arg| arg.ends_with(value)))?;
    // the flag is a word of its own, or begins the same word
    let from = if args.get(at)? == value { at.checked_sub(1)? } else { at };
    let (before, after) = (args.get(..from)?, args.get(at.saturating_add(1)..)?);
    let call = Call::new("etcdsnap").args(before).arg(flag).arg(meant).args(after);
    Some(if why.is_empty() { call.into() } else { Advice::from(why).call(call) })
}

fn hint(command: &str, typed: &str) -> Option<Advice> {
    let args: Vec<_> = std::env::args_os().collect();
    let (flag, value) = typed.split_once('=').map_or((typed, None), |(flag, value)| (flag, Some(value)));
    let is_meant = |commands: &[&str], flags: &[&str]| {
        flags.contains(&flag) && (commands.is_empty() || commands.contains(&command))
    };
    let hint = FLAGS.iter().find(|(commands, flags, _)| is_meant(commands, flags)).map(|(.., hint)| *hint)?;
    // the parser leaves out what is after `=`
    let in_word = args.iter().find_map(|arg| arg.to_str()?.strip_prefix(flag)?.strip_prefix('='));
    let next = args.iter().skip_while(|arg| *arg != flag).nth(1).and_then(|word| word.to_str());
    let value = value.or(in_word).or(next.filter(|word| !word.starts_with('-'))).map(str::to_owned);
    Some(Named::of(args).advice(hint, value.as_deref()))
}

/// Flags that have another name here.
const RENAMED: &[(&[&str], &str)] =
    &[(&["--ns"], "-n"), (&["--as-of", "--time", "--point-in-time"], "--at"), (&["--all"], "-A")];

/// The command line with the name that a flag has here, where the command has that flag.
fn renamed(of: &Command, typed: &str) -> Option<Advice> {
    let flag = typed.split('=').next().unwrap_or(typed);
    let (_, here) = RENAMED.iter().find(|(names, _)| names.contains(&flag))?;
    let is_here = |arg: &clap::Arg| {
        arg.get_short().is_some_and(|short| *here == format!("-{short}"))
            || arg.get_long().is_some_and(|long| *here == format!("--{long}"))
    };
    of.get_arguments().find(|arg| is_here(arg))?;
    let args = std::env::args_os().skip(1).flat_map(|word| {
        let rest = word.to_str().and_then(|word| word.strip_prefix(flag)).map(str::to_owned);
        match rest.as_deref().map(|rest| rest.strip_prefix('=').unwrap_or(rest)) {
            Some("") => vec![here.into()],
            Some(value) if rest.as_deref() != Some(value) => vec![here.into(), value.into()],
            _ => vec![word],
        }
    });
    Some(Call::new("etcdsnap").args(args).into())
}

/// All hints.
#[cfg(test)]
pub(crate) fn hints() -> impl Iterator<Item = &'static str> {
    FLAGS.iter().map(|(.., hint)| *hint)
}
