//! The help of every command, short and long, as a whole: `help.txt`. A change of it is to be seen in a commit.
//!
//! `UPDATE_HELP=1 cargo test --test it help::` writes it anew.

use std::{fs, process::Command};

const FILE: &str = "tests/it/help.txt";

/// Those that no list of commands names.
const HIDDEN: &[&str] = &["snapshot"];

fn help(words: &[&str], flag: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    let output = command.args(words).arg(flag).env("COLUMNS", "100").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{words:?} {flag}: {output:?}");
    let help = String::from_utf8(output.stdout).unwrap();
    // the one flag that only builds with the feature `remote` have
    let paragraphs = help.split("\n\n").filter(|text| !text.trim_start().starts_with("--endpoint-url"));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// The commands that a help lists.
fn commands(help: &str) -> Vec<&str> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // a line that is indented deeper continues the one before
    let names = list.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !["", "help"].contains(name)).collect()
}

/// The help of a command, and of all below it.
fn write(out: &mut String, words: &[&str]) {
    for flag in ["-h", "--help"] {
        let title = [&["etcdsnap"], words, &[flag]].concat().join(" ");
        out.push_str(&format!("$ {title}\n{}\n", help(words, flag).trim_end()));
        out.push('\n');
    }
    let help = help(words, "-h");
    let hidden: &[&str] = if words.is_empty() { HIDDEN } else { &[] };
    for command in commands(&help).iter().chain(hidden) {
        write(out, &[words, &[*command]].concat());
    }
}

#[test]
fn what_help_says_is_known() {
    let mut now = String::new();
    write(&mut now, &[]);
    assert!(now.matches("\n$ etcdsnap ").count() > 40, "{now}");
    if std::env::var_os("UPDATE_HELP").is_some() {
        fs::write(FILE, &now).unwrap();
    }
    let known = fs::read_to_string(FILE).unwrap();
    let differs = known.lines().zip(now.lines()).position(|(known, now)| known != now);
    let line = differs.unwrap_or(known.lines().count().min(now.lines().count()));
    let at = |text: &str| text.lines().skip(line).take(3).map(|line| format!("    {line}\n")).collect::<String>();
    let how = "UPDATE_HELP=1 cargo test --test it help:: writes it anew";
    assert!(known == now, "{FILE}, line {}: known\n{}now\n{}{how}", line + 1, at(&known), at(&now));
}

/// What an example uses is among the options that the same help lists.
#[test]
fn short_help_lists_the_flags_of_its_examples() {
    let known = fs::read_to_string(FILE).unwrap();
    let mut checked = 0;
    for section in known.trim_start_matches("$ ").split("\n$ ") {
        let (title, help) = section.split_once('\n').unwrap();
        let Some((options, examples)) = help.split_once("\nExamples:\n") else { continue };
        // the examples of a group are of its commands
        if options.contains("\nCommands:\n") {
            continue;
        }
        let calls = examples.lines().take_while(|line| !line.is_empty());
        let calls = calls.filter_map(|line| Some(line.split_once("etcdsnap ")?.1.split(['|', '#']).next().unwrap()));
        for flag in calls.flat_map(str::split_whitespace).filter(|word| word.starts_with("--")) {
            let flag = flag.split('=').next().unwrap();
            let is_flag = |word: &str| word == flag;
            let is_global = ["--evidence", "--evidence-key"].contains(&flag);
            let listed = options.split(|c: char| c != '-' && !c.is_ascii_alphanumeric()).any(is_flag);
            assert!(is_global || listed, "{title}: {flag}");
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}

/// `-h` is read on one screen; what is rarely used is in `--help` alone.
#[test]
fn short_help_fits_a_screen() {
    let known = fs::read_to_string(FILE).unwrap();
    let mut checked = 0;
    for section in known.trim_start_matches("$ ").split("\n$ ") {
        let (title, help) = section.split_once('\n').unwrap();
        if title.ends_with(" -h") {
            let lines = help.trim_end().lines().count();
            assert!(lines <= 55, "{title}: {lines} lines");
            checked += 1;
        }
    }
    assert!(checked > 15, "{checked}");
}

/// Colours are for terminals, or where they are asked for.
#[test]
fn colour_is_where_it_is_asked_for() {
    let verdict = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
        let command = command.args(["verify", "fixtures/etcd-3.6.db"]).args(args).envs(variables.iter().copied());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let green = "\x1b[32mgood\x1b[0m";
    assert!(!verdict(&[], &[]).contains('\x1b'));
    assert!(!verdict(&["--color", "never"], &[]).contains('\x1b'));
    assert!(verdict(&["--color", "always"], &[("NO_COLOR", "1")]).contains(green));
}
