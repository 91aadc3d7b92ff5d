//! The words of the command line before they are parsed: which of them is the SNAPSHOT.
//!
//! `ETCDSNAP_SNAPSHOT` is put where a command that reads a SNAPSHOT was given none:
//!
//! ```text
//! etcdsnap get      pods -n x       ->  etcdsnap get $ETCDSNAP_SNAPSHOT pods -n x
//! etcdsnap -n x get pods            ->  etcdsnap get $ETCDSNAP_SNAPSHOT -n x pods
//! etcdsnap get late.db pods         ->  as it is, with a note: late.db is a file that there is
//! ```
//!
//! A command that changes a directory in place takes it by a flag, and so never from the environment.

use std::{
    env,
    ffi::{OsStr, OsString},
    ops::Range,
    path::Path,
};

use clap::{Arg, ArgAction, Command};
use etcdsnap::{
    Error, Result,
    bytes::file_name,
    error::{Advice, Call},
    k8s::Resources,
    source::Locator,
};

use crate::other_words;

/// The variable that names the SNAPSHOT.
pub(crate) const VARIABLE: &str = "ETCDSNAP_SNAPSHOT";

/// The command line with its SNAPSHOT, and the variable's value where that is it and was not reported.
pub(crate) fn complete(command: &Command, mut args: Vec<OsString>) -> Result<(Vec<OsString>, Option<OsString>)> {
    args.iter_mut().skip(1).for_each(name_stdin);
    of_a_server(command, &mut args).map_or(Ok(()), Err)?;
    let Some(Typed { first, at, of }) = call(command, &mut args) else {
        let words: Vec<_> = words(&args, 1, |flag| takes_value(&[command], flag));
        let typed: Vec<_> = words.iter().filter_map(|at| args.get(*at)).collect();
        let error = other_words::unknown(command, &typed).or_else(|| out_of_order(command, &args, &words));
        return error.map_or(Ok((args, None)), Err);
    };
    go_booleans(&[of, command], &mut args, at.saturating_add(1));
    if of.get_name() == "diff" {
        let words = words(&args, at.saturating_add(1), |flag| takes_value(&[of, command], flag));
        diff_of_git(&args, &words).map_or(Ok(()), Err)?;
    }
    // the PATTERN of grep comes first
    let before = of.get_positionals().take_while(|arg| arg.get_id() == "pattern").count();
    let mut positionals = of.get_positionals().skip(before);
    let Some(snapshot) = positionals.next().filter(|first| first.get_id() == "snapshot") else {
        return Ok((args, None));
    };
    let second = positionals.next();
    let is_one = matches!(snapshot.get_action(), ArgAction::Set) && second.is_none_or(|arg| arg.get_id() != "members");
    let rest = Rest::of(second);
    let mut words = words(&args, at.saturating_add(1), |flag| takes_value(&[of, command], flag));
    let place = words.drain(..before.min(words.len())).next_back().unwrap_or(at).saturating_add(1);
    let word = words.first().and_then(|at| args.get(*at));
    if before > 0
        && let Some(error) = pattern_second(&args, place, &words)
    {
        return Err(error);
    }
    if of.get_name() == "restore" {
        no_objects(&args, &words).map_or(Ok(()), Err)?;
    }
    if of.get_name() == "get" {
        key_of_get(&args, at, &words).map_or(Ok(()), Err)?;
    }
    if matches!(of.get_name(), "get" | "describe" | "timeline" | "history" | "export") {
        second_file(of.get_name(), &args, &words).map_or(Ok(()), Err)?;
    }
    if let Some(error) =
        named_by_flag(of, &args, first..at, words.first(), word.is_some_and(|word| is_file(word, rest)))
    {
        return Err(error);
    }
    if let Some(word) = word.filter(|word| env::var_os(VARIABLE).is_none() && !is_file(word, rest))
        && let Some(error) = other_words::of_group(of.get_name(), word)
    {
        return Err(error);
    }
    let variable = env::var_os(VARIABLE).filter(|file| !file.is_empty());
    match (variable, word) {
        (None, word) => match word.filter(|word| !is_file(word, rest)) {
            Some(word) => (is_one.then(|| misplaced(&args, first..at, &words, rest)).flatten())
                .or_else(|| no_file(of.get_name(), word, args.get(at.saturating_add(1)..)?, rest))
                .map_or(Ok((args, None)), Err),
            None => Ok((args, None)),
        },
        (Some(file), Some(word)) if rest.is_none() || is_file(word, rest) => {
            say!("note: {} is read, not {} of {VARIABLE}", file_name(word), file_name(&file));
            Ok((args, None))
        }
        (Some(file), word) => {
            if let Some(word) = word.filter(|word| Path::new(word).exists()) {
                let name = file_name(word);
                say!("note: {name} is read as a {}; ./{name} names the file", rest.name());
            }
            args.insert(place, file.clone());
            if matches!(of.get_name(), "restore" | "export") {
                // what is made of it stays
                say!("note: SNAPSHOT is {}, of {VARIABLE}", file_name(&file));
                return Ok((args, None));
            }
            Ok((args, Some(file)))
        }
    }
}

/// A word such as `-:b.db`, for what is in standard input, would be parsed as flags.
fn name_stdin(word: &mut OsString) {
    if let Some(inner) = word.to_str().and_then(|word| word.strip_prefix("-:")) {
        *word = format!("/dev/stdin:{inner}").into();
    }
}

/// Flags without a value may have one, as Go's have: `--no-headers=true`. With `=false` the flag, and each before it,
/// is left out.
fn go_booleans(commands: &[&Command], args: &mut Vec<OsString>, from: usize) {
    let mut kept: Vec<OsString> = args.drain(from.min(args.len())..).collect();
    let mut ended = false;
    for word in kept.drain(..) {
        ended |= word == "--";
        let typed = word.to_str().and_then(|word| word.split_once('=')).filter(|_| !ended);
        let switch = typed.and_then(|(name, value)| {
            let flag = name.to_owned().into();
            let flag = Flag::of(&flag).filter(|flag| !flag.short || flag.name.len() == 1)?;
            let arg = commands.iter().find_map(|command| flag.find(command))?;
            let value = match value {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
                "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
                _ => return None,
            };
            matches!(arg.get_action(), ArgAction::SetTrue).then(|| (name.to_owned(), value))
        });
        match switch {
            Some((name, true)) => args.push(name.into()),
            Some((name, false)) => args.retain(|word| *word != *name),
            None => args.push(word),
        }
    }
}

/// The reason where `--endpoints` names a running etcd. Before a word that is no command the flag is removed.
fn of_a_server(command: &Command, args: &mut Vec<OsString>) -> Option<Error> {
    let is_end = |word: &OsString| word.to_str().is_some_and(|word| word.split('=').next() == Some("--endpoints"));
    let at = args.iter().skip(1).position(is_end)?.saturating_add(1);
    let flag = args.remove(at);
    if flag == "--endpoints" && at < args.len() {
        args.remove(at);
    }
    let kubectl = [command, command.find_subcommand("get")?, command.find_subcommand("kv")?];
    let place = *words(args, 1, |flag| flag.name != "prefix" && takes_value(&kubectl, flag)).first()?;
    let name = args.get(place)?;
    command.find_subcommand(name).filter(|of| of.get_positionals().any(|arg| arg.get_id() == "snapshot"))?;
    let mut rest: Vec<_> =
        args.iter().enumerate().skip(1).filter(|(at, _)| *at != place).map(|(_, word)| word).collect();
    let file =
        rest.iter().position(|word| Locator::is_there(Path::new(word)) && *word != "/").map(|at| rest.remove(at));
    let call = if name == "get" { Call::new("etcdsnap kv") } else { Call::new("etcdsnap").arg(name) };
    let mut call = call.arg(file.map_or(OsStr::new("FILE"), OsString::as_os_str)).args(rest);
    if name == "defrag" {
        call = call.args(["--to", "NEW"]);
    }
    let hint = Advice::from("of a backup:").call(call);
    Some(Error::usage("--endpoints: no command connects to a running etcd").hinted(hint))
}

/// The reason where `diff` is given its backups as git is: `A..B`, or as `A KIND B`.
fn diff_of_git(args: &[OsString], words: &[usize]) -> Option<Error> {
    let first = *words.first()?;
    let typed = args.get(first)?;
    let is_there = |word: &OsStr| Locator::is_there(Path::new(word));
    let mut call: Vec<_> = args.iter().skip(1).cloned().collect();
    if !is_there(typed) {
        let (a, b) = typed.to_str()?.split_once("..")?;
        let both = [a, b.trim_start_matches('.')].map(OsString::from);
        both.iter().all(|word| is_there(word)).then_some(())?;
        call.splice(first.checked_sub(1)?..first, both);
    } else {
        let second = *words.get(1)?;
        args.get(second).filter(|word| !is_there(word) && is_kind(word))?;
        let file = *words.iter().skip(2).find(|at| args.get(**at).is_some_and(|word| Path::new(word).exists()))?;
        let word = call.remove(file.checked_sub(1)?);
        call.insert(second.checked_sub(1)?, word);
    }
    let what =
        format!("{}: not two backups", file_name(args.get(if is_there(typed) { *words.get(1)? } else { first })?));
    let hint = Advice::from("the two backups come first:").call(Call::new("etcdsnap").args(call));
    Some(Error::usage(what).hinted(hint))
}

/// What follows the SNAPSHOT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Nothing,
    Keys,
    Kinds,
}

impl Rest {
    fn of(second: Option<&Arg>) -> Self {
        match second {
            None => Self::Nothing,
            // more of the same
            Some(arg) if arg.get_id() == "members" => Self::Nothing,
            Some(arg) if arg.get_id() == "what" => Self::Kinds,
            Some(_) => Self::Keys,
        }
    }

    fn is_none(self) -> bool {
        self == Self::Nothing
    }

    fn name(self) -> &'static str {
        if self == Self::Kinds { "KIND" } else { "KEY" }
    }
}

/// Where the command's names are, the first and the last of them, and the command.
struct Typed<'c> {
    first: usize,
    at: usize,
    of: &'c Command,
}

/// Finds the command. Flags of its own that are before it, as kubectl and etcdutl allow, are moved after it.
fn call<'c>(root: &'c Command, args: &mut Vec<OsString>) -> Option<Typed<'c>> {
    // of kubectl, and of etcdutl, where -w has a value
    let (kubectl, etcdutl) = (root.find_subcommand("get")?, root.find_subcommand("snapshot")?);
    let takes_value = |flag: &Flag<'_>| takes_value(&[root, etcdutl, kubectl], flag);
    let at = *words(args, 1, takes_value).first()?;
    let of = args.get(at).and_then(|name| root.find_subcommand(name))?;
    let (mut kept, mut moved) = (Vec::new(), Vec::new());
    let (mut own, mut is_value) = (false, false);
    for word in args.splice(1..at, []).collect::<Vec<_>>() {
        let flag = Flag::of(&word).filter(|_| !is_value);
        own = flag.as_ref().map_or(own, |flag| !flag.is_in(root));
        is_value = flag.as_ref().is_some_and(takes_value);
        if own { moved.push(word) } else { kept.push(word) }
    }
    let at = kept.len().saturating_add(1);
    args.splice(1..1, kept);
    let after = at.saturating_add(1);
    args.splice(after..after, moved);
    let mut call = Typed { first: at, at, of };
    while call.of.has_subcommands() {
        let at = *words(args, call.at.saturating_add(1), takes_value).first()?;
        call = Typed { at, of: args.get(at).and_then(|name| call.of.find_subcommand(name))?, ..call };
    }
    Some(call)
}

/// A flag as it was typed, the last one of short ones that were typed together.
struct Flag<'w> {
    name: &'w str,
    short: bool,
    has_value: bool,
}

impl<'w> Flag<'w> {
    fn of(word: &'w OsString) -> Option<Self> {
        let text = word.to_str()?;
        if let Some(long) = text.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            return Some(Self { name, short: false, has_value: value.is_some() });
        }
        let shorts = text.strip_prefix('-').filter(|shorts| !shorts.is_empty())?;
        Some(Self { name: shorts, short: true, has_value: false })
    }

    /// The argument of a command that it is.
    fn find<'c>(&self, command: &'c Command) -> Option<&'c Arg> {
        let first = self.name.chars().next();
        command.get_arguments().find(|arg| match self.short {
            true => first.is_some_and(|first| {
                arg.get_short() == Some(first) || arg.get_all_short_aliases().is_some_and(|all| all.contains(&first))
            }),
            false => {
                arg.get_long() == Some(self.name) || arg.get_all_aliases().is_some_and(|all| all.contains(&self.name))
            }
        })
    }

    /// Whether people try it to name the SNAPSHOT.
    fn names_file(&self) -> bool {
        matches!(self.name, "snapshot" | "backup" | "file" | "filename" | "db" | "f") && !self.has_value
    }

    fn is_in(&self, command: &Command) -> bool {
        matches!(self.name, "help" | "version" | "h" | "V") || self.find(command).is_some()
    }
}

/// Whether the word after a flag is its value, by the first of `commands` that has the flag.
fn takes_value(commands: &[&Command], flag: &Flag<'_>) -> bool {
    let mut rest = flag.name;
    loop {
        let flag = Flag { name: rest, ..*flag };
        let Some(arg) = commands.iter().find_map(|command| flag.find(command)) else { return false };
        let takes = arg.get_action().takes_values() && !arg.is_require_equals_set() && !flag.has_value;
        let mut chars = rest.chars();
        chars.next();
        rest = chars.as_str();
        // `-nshop` has its value; `-An shop` does not
        if !flag.short || takes || rest.is_empty() {
            return takes && (!flag.short || rest.is_empty());
        }
    }
}

/// The places of the words from `from` on that are neither flags nor values of flags.
fn words(args: &[OsString], from: usize, takes_value: impl Fn(&Flag<'_>) -> bool) -> Vec<usize> {
    let (mut found, mut value, mut ended) = (Vec::new(), false, false);
    for (at, word) in args.iter().enumerate().skip(from) {
        let flag = if ended { None } else { Flag::of(word) };
        match flag {
            _ if value => value = false,
            Some(_) if word == "--" => ended = true,
            Some(flag) => value = takes_value(&flag),
            None => found.push(at),
        }
    }
    found
}

/// Whether a word can only be a SNAPSHOT: a file that there is and that no KIND is called, or what is written as a
/// path.
fn is_file(word: &OsString, rest: Rest) -> bool {
    let path = Path::new(word);
    let is_path = is_path(word) && (rest == Rest::Kinds || !path.is_absolute());
    is_path || Locator::is_there(path) && !(rest == Rest::Kinds && is_kind(word)) && word != "/"
}

/// Whether a word is written as a path, or is standard input.
pub(crate) fn is_path(word: &OsString) -> bool {
    let written = |begin: &str| word.as_encoded_bytes().starts_with(begin.as_bytes());
    ["./", "../", "/"].into_iter().any(written) || word == "-"
}

/// Whether a word is KIND[/NAME], of a built-in kind.
pub(crate) fn is_kind(word: &OsString) -> bool {
    let kinds = word.to_str().and_then(|word| word.split('/').next()).unwrap_or_default();
    Resources::default().has_all(kinds)
}

/// The reason where a flag such as `-f` names the file, and no word does.
fn named_by_flag(
    of: &Command,
    args: &[OsString],
    names: Range<usize>,
    word: Option<&usize>,
    is_named: bool,
) -> Option<Error> {
    let values = names.end.saturating_add(2)..args.len();
    let is_flag = |at: &usize| {
        let flag = at.checked_sub(1).and_then(|at| args.get(at)).and_then(Flag::of);
        // of etcdutl
        flag.is_some_and(|flag| {
            flag.names_file() || flag.name == "data-dir" && !flag.has_value && flag.find(of).is_none()
        })
    };
    let is_there = |at: &usize| args.get(*at).is_some_and(|word| Locator::is_there(Path::new(word)));
    let file = values.filter(|at| !is_named || word == Some(at)).find(|at| is_flag(at) && is_there(at))?;
    let flag = file.checked_sub(1)?;
    let others = args.iter().enumerate().skip(names.end.saturating_add(1));
    let others = others.filter(|(at, _)| *at != file && *at != flag).map(|(_, word)| word);
    let mut call = Call::new("etcdsnap").args(args.get(names.start..=names.end)?).arg(args.get(file)?).args(others);
    let is_required = of.get_arguments().any(|arg| arg.get_long() == Some("to") && arg.is_required_set());
    if is_required && !call.words().iter().any(|word| Flag::of(word).is_some_and(|flag| flag.name == "to")) {
        call = call.args(["--to", "NEW"]);
    }
    let what = format!("{}: the snapshot is named without a flag", file_name(args.get(flag)?));
    Some(Error::usage(what).hinted(call))
}

/// The reason where the PATTERN of `grep` comes after the file, at `place`.
fn pattern_second(args: &[OsString], place: usize, words: &[usize]) -> Option<Error> {
    let (file, second) = (place.checked_sub(1)?, *words.first()?);
    let is_there = |at: usize| args.get(at).is_some_and(|word| Locator::is_there(Path::new(word)));
    if !is_there(file) || is_there(second) {
        return None;
    }
    let others = args.iter().enumerate().skip(2).filter(|(at, _)| ![file, second].contains(at)).map(|(_, word)| word);
    let call = Call::new("etcdsnap grep").arg(args.get(second)?).arg(args.get(file)?).args(others);
    let what = format!("there is no file {}", file_name(args.get(second)?));
    Some(Error::usage(what).hinted(Advice::from("PATTERN comes first:").call(call)))
}

/// The reason where the file is one of the later words.
fn misplaced(args: &[OsString], names: Range<usize>, words: &[usize], rest: Rest) -> Option<Error> {
    let first = args.get(*words.first()?)?;
    let file = *words.iter().skip(1).find(|at| args.get(**at).is_some_and(|word| is_file(word, rest)))?;
    let others = args.iter().enumerate().skip(names.end.saturating_add(1)).filter(|(at, _)| *at != file);
    // the name of a command of etcdctl, such as the `get` of `kv get FILE KEY`
    let is_first = |at: usize| words.first() == Some(&at);
    let is_verb =
        |at: usize| is_first(at) && (rest.is_none() || rest == Rest::Keys && (first == "get" || first == "list"));
    let others = others.filter(|(at, _)| !is_verb(*at));
    let name = args.get(names.start..=names.end)?.iter();
    let call = Call::new("etcdsnap").args(name.chain([args.get(file)?])).args(others.map(|(_, word)| word));
    let what = format!("there is no file {}", file_name(first));
    Some(Error::usage(what).hinted(Advice::from("the snapshot comes first:").call(call)))
}

/// The reason where the command is not the first word: `FILE get pods`, `pods FILE`.
fn out_of_order(command: &Command, args: &[OsString], words: &[usize]) -> Option<Error> {
    let at = *words.first()?;
    let first = args.get(at)?;
    let name = file_name(first);
    let is_there = |word: &OsString| is_path(word) || Locator::is_there(Path::new(word));
    let others = |without: &[usize]| {
        let others = args.iter().enumerate().skip(1).filter(|(at, _)| !without.contains(at));
        others.map(|(_, word)| word.clone()).collect::<Vec<_>>()
    };
    if is_kind(first) {
        let file = words.iter().skip(1).find(|at| args.get(**at).is_some_and(is_there));
        let get =
            Call::new("etcdsnap get").arg(file.and_then(|at| args.get(*at)).map_or(OsStr::new("FILE"), |file| file));
        let get = get.args(others(&file.map_or(Vec::new(), |file| vec![*file])));
        return Some(Error::usage(format!("there is no command {name}")).hinted(get));
    }
    if !is_there(first) {
        return None;
    }
    let error = Error::usage(format!("{name} is no command"));
    let second = words.get(1).filter(|at| args.get(**at).is_some_and(|word| command.find_subcommand(word).is_some()));
    Some(match second.and_then(|second| Some((*second, args.get(*second)?))) {
        Some((second, name)) => {
            let call = Call::new("etcdsnap").arg(name).arg(first).args(others(&[at, second]));
            error.hinted(Advice::from("the command comes first:").call(call))
        }
        None => error.hinted(
            Advice::from("the command comes first, such as")
                .lines(["status", "verify", "get"].map(|name| Call::new("etcdsnap").arg(name).arg(first))),
        ),
    })
}

/// The reason where a command that reads one backup is given two.
fn second_file(command: &str, args: &[OsString], words: &[usize]) -> Option<Error> {
    let mut words = words.iter().filter_map(|at| args.get(*at));
    let (first, second) = (words.next()?, words.next()?);
    // a kind that the backup defines may have the name of a file
    let is_file = |word: &OsString| Path::new(word).is_file() && word.to_str().is_some_and(|word| word.contains('.'));
    if !(is_file(first) && is_file(second)) {
        return None;
    }
    let diff = Call::new("etcdsnap diff").arg(first).arg(second).remark("compares them");
    let history = Call::new("etcdsnap history").arg(second).args(["KIND/NAME", "--also"]).arg(first);
    let history = history.remark("the history of an object in both");
    let what = format!("{command} reads one backup, and {} is a second one", file_name(second));
    Some(Error::usage(what).hinted(Advice::from("of two backups:").lines([diff, history])))
}

/// The reason where `restore` is given objects, which some programs restore.
fn no_objects(args: &[OsString], words: &[usize]) -> Option<Error> {
    let objects = words.iter().skip(1).filter_map(|at| args.get(*at));
    let mut objects = objects.filter(|word| is_kind(word) && !Path::new(word).exists());
    let (file, object) = (args.get(*words.first()?)?, objects.next()?);
    let call = Call::new("etcdsnap export").arg(file).arg(object);
    let call = call.args(objects).arg("-n").arg(other_words::namespace_or(args, "NAMESPACE")).args(["--to", "DIR"]);
    let error =
        Error::usage(format!("{}: restore takes no objects: it makes a data directory for etcd", file_name(object)));
    Some(error.hinted(Advice::from("to bring objects back:").call(call)))
}

/// The reason where a KIND is all that was named; `typed` is what follows the command.
fn no_file(command: &str, first: &OsString, typed: &[OsString], rest: Rest) -> Option<Error> {
    let error = Error::usage(format!("there is no file {}", file_name(first)));
    let call = Call::new("etcdsnap").arg(command).arg("FILE").args(typed);
    let or = format!("; or {VARIABLE}=FILE names it for every call");
    let hint = Advice::from("the snapshot comes first:").call(call).and(or);
    (rest == Rest::Kinds && is_kind(first)).then(|| error.hinted(hint))
}

/// The reason where `get`, which is at `command`, is given a key as etcdctl's `get` takes it. `--prefix` is then a flag
/// without a value.
fn key_of_get(args: &[OsString], command: usize, words: &[usize]) -> Option<Error> {
    let typed = args.get(command.saturating_add(1)..)?;
    let is_there = |word: &&OsString| Locator::is_there(Path::new(word));
    let begins = |word: &OsString, with: &str| word.as_encoded_bytes().starts_with(with.as_bytes());
    // the first word may be a file that is missing
    let is_key = |(n, word): &(usize, &OsString)| {
        let is_first = *n == 0;
        !is_there(word)
            && (begins(word, "/registry/") || begins(word, "/kubernetes.io/") || !is_first && begins(word, "/"))
    };
    let named: Vec<_> = words.iter().filter_map(|at| args.get(*at)).collect();
    let (_, key) = named.iter().copied().enumerate().take(2).find(is_key)?;
    let file = typed.iter().find(is_there);
    let kv = Call::new("etcdsnap kv");
    let kv = match file {
        Some(file) => kv.arg(file),
        None if env::var_os(VARIABLE).is_some() => kv,
        None => kv.arg("FILE"),
    };
    let kv = kv.arg(key).args(typed.iter().filter(|word| *word != key && Some(*word) != file));
    let what = format!("{}: get takes a KIND and a NAME, not a key of etcd", file_name(key));
    Some(Error::usage(what).hinted(Advice::from("what etcdctl's get prints, kv prints here:").call(kv)))
}
