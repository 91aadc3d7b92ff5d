//! Commands of other programs, and words that people try: what to type instead. In the texts, a command line of this
//! program is in backquotes: it is a [`etcdsnap::error::Call`], and a test parses it.

use std::{ffi::OsString, path::Path};

use clap::{
    Command,
    error::{ContextKind, ContextValue, ErrorKind},
};
use etcdsnap::{
    Error,
    bytes::file_name,
    error::{Advice, Call},
    source::is_data_dir,
};

use crate::{args::namespace, words::is_kind};

/// The words, and what to type instead.
const WORDS: &[(&[&str], &str)] = &[
    (
        &["downgrade", "upgrade"],
        "`etcdsnap migrate --data-dir DIR --target-version 3.5 --to NEWDIR` changes the version of a member's directory; \
        `etcdsnap restore FILE --for-etcd 3.5 --data-dir DIR --member NAME` makes a directory for another etcd",
    ),
    (&["raft"], "`etcdsnap wal DIR` prints the log (WAL) of a member"),
    (
        &["log"],
        "`etcdsnap history FILE KIND/NAME -n NAMESPACE` prints the revisions of an object, `etcdsnap timeline FILE` all changes; \
        `etcdsnap wal DIR` prints the log (WAL) of a member",
    ),
    (
        &["logs"],
        "the logs of containers are not in a backup; `etcdsnap get FILE events -n NAMESPACE` lists the Events, \
        `etcdsnap describe FILE pod/NAME -n NAMESPACE` prints why a container ended",
    ),
    (
        &["sha256", "sha256sum", "checksum"],
        "`etcdsnap verify FILE` checks the SHA-256 of a snapshot; `etcdsnap hashkv FILE` prints the hash that members compare",
    ),
    (
        &["check", "fsck", "validate"],
        "`etcdsnap verify FILE` checks a backup; `etcdsnap bolt check FILE` checks only its pages; \
        `etcdsnap evidence check FILE` checks a record of --evidence",
    ),
    (
        &["info", "inspect", "show", "cat", "open"],
        "`etcdsnap status FILE` prints what a file is; `etcdsnap get FILE` prints what is in it, and \
        `etcdsnap get FILE KIND/NAME -n NAMESPACE -o yaml` an object",
    ),
    (
        &["list", "ls", "keys", "tree"],
        "`etcdsnap get FILE` lists the objects; `etcdsnap kv FILE --keys-only` lists the keys; \
        `etcdsnap verify DIR` lists the backups in a folder",
    ),
    (&["api-resources", "kinds"], "`etcdsnap analyze FILE --top 0` lists the kinds that are in a backup"),
    (&["top"], "`etcdsnap analyze FILE` prints what fills the db; the use of CPU and memory is not in a backup"),
    (
        &["extract"],
        "`etcdsnap get FILE KIND/NAME -n NAMESPACE -o yaml` prints an object; \
        `etcdsnap export FILE KIND/NAME -n NAMESPACE --to DIR` makes files for kubectl apply",
    ),
    (
        &["dump", "pg_dump"],
        "`etcdsnap get FILE -o yaml` prints all objects, `etcdsnap kv FILE -w json` all keys and values, \
        `etcdsnap bolt pages FILE` the pages of the db",
    ),
    (
        &["velero"],
        "`etcdsnap status FILE` prints what a backup is; `etcdsnap export FILE -n NAMESPACE --to DIR` makes files of its \
        objects for kubectl apply",
    ),
    (
        &["ui", "gui", "web", "browse", "shell", "mount"],
        "`etcdsnap serve FILE` serves a backup to kubectl, k9s and other clients",
    ),
    (&["images"], "`etcdsnap grep . FILE --path spec.**.image` prints the images of all objects"),
    (
        &["copy", "clone"],
        "`etcdsnap defrag FILE --to NEW` makes a copy without free pages, `etcdsnap redact FILE --to NEW` one without secrets",
    ),
    (
        &["encrypt"],
        "no command encrypts a backup; `etcdsnap analyze FILE` prints which secrets in it are in clear text, \
        `etcdsnap redact FILE --to NEW` makes a copy without secrets",
    ),
    (&["options"], "`etcdsnap get --help` shows the options of get, with those of every command"),
    (&["plugin", "plugins"], "there are no plugins; `etcdsnap --help` lists the commands"),
    (&["whoami"], WHO),
    (
        &["member", "alarm", "alarms", "user", "users", "role", "roles", "auth"],
        "`etcdsnap members FILE` lists members, alarms, users and roles",
    ),
    (
        &["buckets", "page", "pages", "stats"],
        "`etcdsnap bolt pages FILE` lists the pages; `etcdsnap bolt --help` shows the commands for buckets, pages and their bytes",
    ),
    (
        &["watch", "events", "audit", "changes"],
        "`etcdsnap timeline FILE` lists the changes; \
        `etcdsnap get FILE events` lists the Events",
    ),
    (
        &["undelete", "undo", "rollback", "revert", "checkout", "apply", "create"],
        "`etcdsnap export FILE KIND/NAME -n NAMESPACE --to DIR` makes \
        files for kubectl apply; nothing is written to a cluster",
    ),
    (
        &["repair", "recover", "rescue", "fix"],
        "`etcdsnap salvage FILE --to NEW` saves what is left of a damaged db; \
        `etcdsnap restore FILE --data-dir DIR --member NAME` makes a data directory of a good one",
    ),
    (
        &["compact", "compaction"],
        "`etcdsnap defrag FILE --to NEW --compact latest` makes a copy without old revisions; \
        the backup itself is never changed",
    ),
    (
        &["hash"],
        "`etcdsnap status FILE` prints the hash of snapshot status; `etcdsnap hashkv FILE...` prints the hash that members compare",
    ),
    (
        &["sql", "query", "csv", "parquet", "duckdb", "table"],
        "`etcdsnap rows FILE --to rows.csv` writes a row for each object, for a spreadsheet or a SQL engine",
    ),
    (
        &["certs", "cert", "certificates", "tls"],
        "`etcdsnap get FILE secrets --field-selector type=kubernetes.io/tls` lists the certificates in Secrets; \
        `etcdsnap get FILE csr` lists CertificateSigningRequests; the certificates of the nodes are not in a backup",
    ),
    (&["compare", "cmp"], "`etcdsnap diff A B` compares two backups"),
    (
        &["version"],
        "`etcdsnap --version` prints the version of etcdsnap; `etcdsnap status FILE` prints the version of a backup",
    ),
    (
        &["find", "search", "where"],
        "`etcdsnap grep TEXT FILE` finds a text in a backup; `etcdsnap catalog find KIND/NAME` finds the backups that hold an object",
    ),
    (
        &["blame", "who", "versions"],
        "`etcdsnap history FILE KIND/NAME -n NAMESPACE` prints when an object changed, and which program changed it",
    ),
    (
        &["size", "du", "space", "usage", "stat"],
        "`etcdsnap analyze FILE` prints what fills the db; `etcdsnap bolt stats FILE` prints the bytes of each bucket",
    ),
    (
        &["count", "wc"],
        "`etcdsnap kv FILE --count-only` prints the number of keys; `etcdsnap get FILE KIND --no-headers` | wc -l that of objects",
    ),
    (
        &["lease", "leases"],
        "`etcdsnap bolt keys FILE lease` lists the leases of etcd; `etcdsnap kv FILE -w json` prints the lease of each key; \
        `etcdsnap get FILE leases` lists those of Kubernetes",
    ),
    (
        &["explain"],
        "a backup holds no documentation of fields; `etcdsnap get FILE KIND/NAME -n NAMESPACE -o yaml` prints those of an object",
    ),
    (
        &["cluster-info", "config"],
        "`etcdsnap status FILE` prints the cluster of a backup (Identity); `etcdsnap members FILE` lists its members",
    ),
    (
        &["token", "bootstrap"],
        "`etcdsnap kv FILE /bootstrap/ --prefix --keys-only` lists the bootstrap data of k3s and RKE2, which are encrypted with \
        the token of the server; the token itself is not in a backup",
    ),
    (&["proxy", "port-forward", "kubectl"], "`etcdsnap serve FILE` serves a backup to kubectl"),
    (&["endpoint", "health"], "`etcdsnap verify FILE` checks a backup; no command connects to a running etcd"),
    (
        &["doctor", "preflight", "lint"],
        "`etcdsnap verify FILE` checks a backup; `etcdsnap restore FILE --data-dir DIR --member NAME --dry-run` checks a restore",
    ),
    (
        &["save", "backup"],
        "etcdctl snapshot save makes a backup of a running etcd; \
        `etcdsnap restore DIR --to-snapshot FILE` makes one of a data directory",
    ),
    (
        &["decrypt"],
        "`etcdsnap get FILE secret/NAME -n NAMESPACE -o yaml --encryption-config CONFIG` prints what is encrypted",
    ),
    (
        &["danger", "dangers", "risk", "risks", "preflight", "drift"],
        "`etcdsnap impact FILE --against NOW` prints what a restore would break",
    ),
    (
        &["anonymize", "sanitize", "mask", "scrub"],
        "`etcdsnap redact FILE --to NEW` makes a copy without secrets; get does not mask them, and diff and describe do",
    ),
    (
        &[
            "edit", "delete", "patch", "replace", "scale", "set", "label", "annotate", "rollout", "exec", "drain",
            "cordon", "uncordon", "taint", "evict", "run", "expose", "attach", "cp", "wait", "debug",
        ],
        "a backup cannot be changed, and nothing runs in it; of kubectl's commands there are get, describe and diff",
    ),
    (
        &["put", "del", "txn", "move-leader", "elect", "lock", "make-mirror"],
        "no command connects to a running etcd, and a backup cannot be changed; `etcdsnap kv FILE KEY` prints a value, \
        `etcdsnap members FILE` the members",
    ),
];

/// The same for the second word, of a group of commands here or in another program.
const IN_GROUPS: &[(&str, &[&str], &str)] = &[
    (
        "endpoint",
        &["hashkv"],
        "`etcdsnap hashkv FILE...` prints HashKV of backups; no command connects to a running etcd",
    ),
    (
        "endpoint",
        &["status"],
        "`etcdsnap status FILE...` prints what a backup is; no command connects to a running etcd",
    ),
    (
        "rollout",
        &["history", "status"],
        "`etcdsnap history FILE deploy/NAME -n NAMESPACE` prints each stored revision of an object, \
        `etcdsnap get FILE replicasets -n NAMESPACE -o wide` the ReplicaSets of each rollout",
    ),
    (
        "rollout",
        &["undo"],
        "`etcdsnap history FILE deploy/NAME -n NAMESPACE` prints the revisions, and \
        `etcdsnap export FILE deploy/NAME -n NAMESPACE --rev 1200 --to DIR` makes files of one for kubectl apply",
    ),
    (
        "alarm",
        &["disarm"],
        "`etcdsnap restore FILE --disarm-alarms --data-dir DIR --member NAME` makes a data directory without the alarms; \
        `etcdsnap members FILE` lists them",
    ),
    ("auth", &["can-i", "whoami"], WHO),
    ("describe", &["backup", "backups"], "`etcdsnap status FILE` prints what a backup is"),
    (
        "get",
        &["backup", "backups"],
        "`etcdsnap verify DIR` lists the backups in a folder; `etcdsnap status FILE` prints what a backup is",
    ),
    ("snapshot", &["save"], "etcdctl snapshot save makes a backup of a running etcd; `etcdsnap verify FILE` checks it"),
    ("snapshot", &["verify", "check"], "`etcdsnap verify FILE` checks a backup"),
    ("snapshot", &["list", "ls"], "`etcdsnap verify DIR` lists the backups in a folder, with the verdict on each"),
    ("snapshot", &["hashkv", "hash"], "`etcdsnap hashkv FILE` prints HashKV of a backup"),
    ("catalog", &["list", "show"], "`etcdsnap catalog ls` lists the backups"),
    (
        "catalog",
        &["search", "get"],
        "`etcdsnap catalog find KIND/NAME -n NAMESPACE` finds the backups that hold an object",
    ),
    (
        "catalog",
        &["timeline", "log"],
        "`etcdsnap catalog history KIND/NAME -n NAMESPACE` shows the revisions of an object",
    ),
];

const WHO: &str = "a backup has no user who asks; `etcdsnap get FILE rolebindings,clusterrolebindings -o wide` lists who has \
    which role";

/// The error for the `word` after the command `name`, where another program has one of these names.
pub(crate) fn of_group(name: &str, word: &OsString) -> Option<Error> {
    let (.., hint) = IN_GROUPS.iter().find(|(of, words, _)| *of == name && words.iter().any(|other| word == other))?;
    Some(Error::usage(format!("there is no file {}", file_name(word))).hinted(advice(hint)))
}

/// The namespace that `args` have, or else a word for it.
pub(crate) fn namespace_or(args: &[OsString], word: &str) -> OsString {
    Named::of(args.to_vec()).namespace.unwrap_or_else(|| word.into())
}

/// The error for a first word that is no command, where it is known what is meant.
pub(crate) fn unknown(command: &Command, words: &[&OsString]) -> Option<Error> {
    let first = words.first()?.to_str()?;
    let group = command.find_subcommand(first);
    let in_group = |(of, names, _): &&(&str, &[&str], &str)| {
        *of == first && words.get(1).and_then(|second| second.to_str()).is_some_and(|second| names.contains(&second))
    };
    if let (Some(second), Some((.., hint))) = (words.get(1), IN_GROUPS.iter().find(in_group)) {
        let what = match group {
            Some(_) => format!("{first} has no command {}", file_name(second)),
            None => format!("there is no command {first}"),
        };
        return Some(Error::usage(what).hinted(advice(hint)));
    }
    if let Some(group) = group {
        let second = words.get(1)?;
        let is_name = second.to_str().is_some_and(|name| name == "help" || group.find_subcommand(name).is_some());
        // a word for the command, such as `verify`, or the file
        let last = words.last()?;
        let hint = match first {
            "evidence" => Call::new("etcdsnap evidence check").arg(last).that("checks a record"),
            "catalog" if Path::new(second).exists() => {
                let add = Call::new("etcdsnap catalog add").arg(second).that("adds backups");
                add.and("; then ").and(&*advice("`etcdsnap catalog find KIND/NAME` finds those that hold an object"))
            }
            _ => return None,
        };
        return (!is_name).then(|| Error::usage(format!("{first} has no command {}", file_name(second))).hinted(hint));
    }
    let (_, hint) = WORDS.iter().find(|(words, _)| words.contains(&first))?;
    Some(Error::usage(format!("there is no command {first}")).hinted(advice(hint)))
}

/// The name of a command, with that of the group that it is in: `bolt get`.
pub(crate) fn name(of: &Command) -> &str {
    of.get_bin_name().and_then(|name| name.strip_prefix("etcdsnap ")).unwrap_or_default()
}

/// A hint for a command line of the command `of` that clap refuses because a word is missing, or is one too many.
pub(crate) fn hint(error: &clap::Error, of: &Command) -> Option<Advice> {
    let missing = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(missing))) => missing.as_slice(),
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word))) if !word.starts_with('-') => &[],
        _ => return None,
    };
    if let (Some(ContextValue::String(word)), true) =
        (error.get(ContextKind::InvalidArg), matches!(name(of), "catalog last" | "catalog oldest" | "catalog ls"))
    {
        let call = Call::new("etcdsnap catalog find").arg(word);
        return Some(call.that("finds the backups that hold an object, the first and the last"));
    }
    let lacks = |name: &str| missing.iter().any(|arg| arg.starts_with(name));
    if lacks("<FILENAME>") && name(of) == "snapshot restore" {
        return Some(advice(ALIAS));
    }
    let typed = || std::env::args_os().skip(1);
    if lacks("--all-members") {
        return Some(Call::new("etcdsnap").args(typed()).arg("--all-members").into());
    }
    // the value of a flag, without the flag
    if let (Some(ContextValue::String(word)), Some(flag)) = (error.get(ContextKind::InvalidArg), only_option(of)) {
        let words =
            typed().flat_map(|typed| if typed == **word { vec![flag.clone().into(), typed] } else { vec![typed] });
        return Some(Call::new("etcdsnap").args(words).into());
    }
    let examples =
        [("--data-dir", "restore", DESTINATIONS), ("--to", "export", EXPORTS), ("--to", "salvage", SALVAGES)];
    let example = examples.iter().find(|(flag, command, _)| lacks(flag) && *command == name(of));
    if let Some((.., example)) = example {
        return Some(advice(example));
    }
    if lacks("<SNAPSHOT>") && is_pipe() {
        return Some(Advice::quoting("- is standard input: ... | `etcdsnap verify -`"));
    }
    let help = of.get_after_help()?.to_string();
    let example = help.lines().skip_while(|line| *line != "Examples:").nth(1)?.trim();
    Some(advice(&format!("for example `{example}`")))
}

/// The advice in which FILE, KIND/NAME and others are what the user has named.
pub(crate) fn advice(hint: &str) -> Advice {
    Named::of(std::env::args_os().collect()).advice(hint, None)
}

/// What the user has named.
#[derive(Debug, Default)]
pub(crate) struct Named {
    file: Option<OsString>,
    folder: Option<OsString>,
    object: Option<OsString>,
    namespace: Option<OsString>,
    number: Option<OsString>,
}

/// Flags, here and in other programs, whose value is a namespace.
const NAMESPACES: &[&str] = &["-n", "--namespace", "--namespaces", "--include-namespaces", "--ns"];

impl Named {
    pub(crate) fn of(args: Vec<OsString>) -> Self {
        let mut named = Self::default();
        // a value after `=` counts as a word of its own
        let split = |word: OsString| match word.to_str().and_then(|word| word.split_once('=')) {
            Some((flag, value)) if flag.starts_with('-') => vec![flag.into(), value.into()],
            _ => vec![word],
        };
        let words: Vec<_> = args.into_iter().skip(2).flat_map(split).collect();
        let before = [None].into_iter().chain(words.iter().map(Some));
        let after = words.iter().skip(1).map(Some).chain([None]);
        for ((before, word), after) in before.zip(&words).zip(after) {
            let path = Path::new(word);
            let text = word.to_str().unwrap_or_default();
            let flag = before.and_then(|word| word.to_str()).filter(|word| word.starts_with('-'));
            let place = if flag.is_some_and(|flag| NAMESPACES.contains(&flag)) {
                if namespace(text).is_err() || text.is_empty() {
                    continue;
                }
                &mut named.namespace
            } else if path.is_file() || is_data_dir(path) {
                named.folder = named.folder.or_else(|| Some(word.clone()).filter(|_| path.is_dir()));
                &mut named.file
            } else if path.is_dir() && !is_kind(word) {
                &mut named.folder
            } else if text.parse::<i64>().is_ok_and(|number| number > 0) {
                &mut named.number
            } else if is_kind(word) && !text.contains(',') && flag.is_none() {
                let name = after.and_then(|word| word.to_str());
                let name = name.filter(|name| !name.starts_with('-') && !Path::new(name).exists());
                match name {
                    _ if text.contains('/') => {}
                    Some(name) => {
                        named.object.get_or_insert_with(|| format!("{text}/{name}").into());
                        continue;
                    }
                    None => continue,
                }
                &mut named.object
            } else {
                continue;
            };
            place.get_or_insert_with(|| word.clone());
        }
        named
    }

    /// The advice with what was named; `value` is that of the flag that is not known.
    pub(crate) fn advice(&self, hint: &str, value: Option<&str>) -> Advice {
        let number = value.filter(|value| value.parse::<i64>().is_ok());
        Advice::filled(hint, |call, word| {
            let flag = call.last().and_then(|word| word.to_str()).filter(|word| word.starts_with('-'));
            let of = call.get(1).and_then(|word| word.to_str()).unwrap_or_default();
            let is_input =
                flag.is_none() || flag == Some("--data-dir") && matches!(of, "force-new-cluster" | "migrate");
            match word {
                "FILE" | "backup.db" | "broken.db" if flag.is_none() => self.file.clone(),
                "DIR" | "/var/lib/etcd" if is_input => self.folder.clone(),
                "KIND/NAME" | "deploy/NAME" | "pod/NAME" => self.object.clone(),
                "NAMESPACE" => self.namespace.clone(),
                "latest" => self.number.clone(),
                "TEXT" => value.map(Into::into),
                "1200" => number.map(Into::into),
                _ => None,
            }
        })
    }
}

/// The flag of a command that has to have one flag, if it was not typed.
fn only_option(of: &Command) -> Option<String> {
    let flags = of.get_arguments().filter(|arg| arg.is_required_set()).filter_map(|arg| arg.get_long());
    let flags: Vec<_> = flags.map(|name| format!("--{name}")).collect();
    let is_typed = |flag: &String| std::env::args_os().any(|arg| arg.to_str().is_some_and(|arg| arg.starts_with(flag)));
    match flags.as_slice() {
        // --data-dir is there with others
        [flag] if flag != "--data-dir" && !is_typed(flag) => Some(flag.clone()),
        _ => None,
    }
}

const DESTINATIONS: &str = "name the member, and where it goes, as in one of these:
  `etcdsnap restore FILE --data-dir DIR --member NAME`
  `etcdsnap restore FILE --data-dir DIR --from-manifest /etc/kubernetes/manifests/etcd.yaml`
  `etcdsnap restore FILE --data-dir DIR --from-config FILE`
  `etcdsnap restore FILE --all-members --to DIR`
  `etcdsnap restore FILE --to-snapshot FILE`";

const ALIAS: &str = "name the file, and what etcdutl needs, or let restore take it from the backup:
  `etcdsnap snapshot restore FILE --name m1 --initial-cluster m1=https://10.0.0.1:2380 --initial-advertise-peer-urls https://10.0.0.1:2380 --data-dir DIR`
  `etcdsnap restore FILE --data-dir DIR --member NAME`";

const EXPORTS: &str = "name where the objects go, as in one of these:
  `etcdsnap export FILE KIND/NAME -n NAMESPACE --to DIR`
  `etcdsnap export FILE KIND/NAME -n NAMESPACE --to -` | kubectl apply --server-side -f -";

const SALVAGES: &str = "name the file that is written, or list what is there:
  `etcdsnap salvage FILE --to saved.db`
  `etcdsnap salvage FILE --list`";

/// What brings objects back.
pub(crate) const OBJECTS_BACK: &str = "restore makes a data directory for etcd; to bring objects back: \
    `etcdsnap export FILE -n NAMESPACE --to DIR`";

/// Whether standard input is a pipe.
fn is_pipe() -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    std::fs::metadata("/dev/stdin").is_ok_and(|stdin| stdin.file_type().is_fifo())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;

    /// Each command line that is proposed is one that the program takes.
    #[test]
    fn what_is_proposed_is_taken() {
        let words = WORDS.iter().map(|(_, hint)| *hint).chain(IN_GROUPS.iter().map(|(.., hint)| *hint));
        let others = [DESTINATIONS, ALIAS, EXPORTS, SALVAGES].into_iter().chain(crate::other_flags::hints());
        let mut calls = 0;
        for hint in words.chain(others) {
            let advice = Advice::quoting(hint);
            for call in advice.calls() {
                // a namespace's name is in lower case
                let words =
                    call.words().iter().map(|word| if word == "NAMESPACE" { "shop".into() } else { word.clone() });
                let taken = <Cli as clap::Parser>::try_parse_from(words);
                let shown = taken
                    .as_ref()
                    .err()
                    .is_some_and(|e| matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion));
                assert!(taken.is_ok() || shown, "{hint}: {:?}", taken.err().map(|e| e.to_string()));
                calls += 1;
            }
            let outside: String = hint.split('`').step_by(2).collect();
            assert!(!outside.contains("etcdsnap "), "a command that is not in backquotes: {hint}");
        }
        assert!(calls > 40, "{calls}");
    }
}
