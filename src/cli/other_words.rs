//! Commands of other programs, and words that people try: what to type instead.

use std::ffi::OsString;

use clap::{
    Command,
    error::{ContextKind, ContextValue, ErrorKind},
};
use etcdsnap::{Error, bytes::file_name};

/// The words, and what to type instead.
const WORDS: &[(&[&str], &str)] = &[
    (
        &["downgrade", "upgrade"],
        "etcdsnap migrate --data-dir DIR --target-version 3.X changes a member's directory; \
        etcdsnap restore FILE --for-etcd 3.X ... makes one for another etcd",
    ),
    (&["log", "raft"], "etcdsnap wal DIR prints the log (WAL) of a member"),
    (
        &["check", "fsck", "validate"],
        "etcdsnap verify FILE checks a backup; etcdsnap bolt check FILE only its pages; \
        etcdsnap evidence check FILE a record of --evidence",
    ),
    (&["info", "inspect", "show"], "etcdsnap status FILE prints what a file is; etcdsnap get FILE what is in it"),
    (
        &["list", "ls", "keys", "api-resources"],
        "etcdsnap get FILE lists the objects; \
        etcdsnap kv FILE --keys-only the keys",
    ),
    (&["member", "alarm", "user", "role", "auth"], "etcdsnap members FILE lists members, alarms, users and roles"),
    (&["buckets", "page", "pages", "dump", "stats"], "etcdsnap bolt buckets|pages|page|dump|stats FILE"),
    (
        &["watch", "events", "audit", "changes"],
        "etcdsnap timeline FILE lists the changes; \
        etcdsnap get FILE events the Events",
    ),
    (
        &["undelete", "undo", "rollback", "apply", "create"],
        "etcdsnap export FILE KIND/NAME -n NAMESPACE --to DIR makes \
        files for kubectl apply; nothing is written to a cluster",
    ),
    (
        &["repair", "recover", "rescue", "fix"],
        "etcdsnap salvage FILE --to NEW saves what is left of a damaged db; \
        etcdsnap restore makes a data directory of a good one",
    ),
    (
        &["defrag", "compact"],
        "etcdsnap restore FILE ... --compact latest --defrag makes a smaller copy; \
        the backup itself is never changed",
    ),
    (
        &["hash"],
        "etcdsnap status FILE prints the hash of snapshot status; etcdsnap hashkv FILE the one that members compare",
    ),
    (&["compare", "cmp"], "etcdsnap diff A B"),
    (
        &["save", "backup"],
        "etcdctl snapshot save makes a backup of a running etcd; \
        etcdsnap restore DIR --to-snapshot FILE makes one of a data directory",
    ),
    (&["decrypt"], "etcdsnap get FILE secret/NAME -n NAMESPACE -o yaml --encryption-config CONFIG"),
    (
        &["edit", "delete", "patch", "replace", "scale", "set", "label", "annotate", "rollout", "exec", "logs", "top"],
        "a backup is not changed and runs nothing: of kubectl there are get, describe and diff",
    ),
];

/// The error for a first word that is no command, where it is known what is meant.
pub(crate) fn unknown(command: &Command, words: &[&OsString]) -> Option<Error> {
    let first = words.first()?.to_str()?;
    if let Some(group) = command.find_subcommand(first) {
        let second = words.get(1)?;
        let is_name = second.to_str().is_some_and(|name| name == "help" || group.find_subcommand(name).is_some());
        let hint = format!("the command is: etcdsnap evidence check {}", file_name(second));
        return (first == "evidence" && !is_name)
            .then(|| Error::usage(format!("evidence has no command {}", file_name(second))).hinted(hint));
    }
    let (_, hint) = WORDS.iter().find(|(words, _)| words.contains(&first))?;
    Some(Error::usage(format!("there is no command {first}")).hinted(*hint))
}

/// A hint for a command line that clap refuses.
pub(crate) fn hint(error: &clap::Error) -> Option<&'static str> {
    if error.kind() != ErrorKind::MissingRequiredArgument {
        return None;
    }
    let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg) else { return None };
    let lacks = |name: &str| missing.iter().any(|arg| arg.starts_with(name));
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    if lacks("--data-dir") && usage.contains("etcdsnap restore") {
        return Some(DESTINATIONS);
    }
    (lacks("<SNAPSHOT>") && is_pipe()).then_some("- is standard input: ... | etcdsnap verify -")
}

const DESTINATIONS: &str = "name the member, and where it goes, as in one of these:
  etcdsnap restore FILE --data-dir DIR --member NAME
  etcdsnap restore FILE --data-dir DIR --from-manifest /etc/kubernetes/manifests/etcd.yaml
  etcdsnap restore FILE --data-dir DIR --from-config FILE
  etcdsnap restore FILE --all-members --to DIR
  etcdsnap restore FILE --to-snapshot FILE";

/// Whether standard input is a pipe.
fn is_pipe() -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    std::fs::metadata("/dev/stdin").is_ok_and(|stdin| stdin.file_type().is_fifo())
}
