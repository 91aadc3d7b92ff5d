//! The README's examples are run: what it shows is what is printed. `...` is for what is left out at the end of a
//! line, and with it of an output. Its other calls name commands and flags that exist.

use std::{fs, process::Command};

#[test]
fn what_the_readme_shows_is_what_is_printed() {
    let readme = fs::read_to_string("README.md").unwrap();
    let (mut checked, state) = (0, tempfile::tempdir().unwrap());
    for block in readme.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for example in block.split("$ etcdsnap ").skip(1) {
            let (args, shown) = example.split_once('\n').unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
            let output = command.args(args.split(' ')).env("XDG_STATE_HOME", state.path()).output().unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            match shown.split_once(" ...\n") {
                Some((start, _)) => assert!(printed.starts_with(start), "{args}:\n{printed}"),
                None => assert_eq!(printed, shown, "{args}"),
            }
            checked += 1;
        }
    }
    assert!(checked >= 5);
}

/// The calls in the code of a Markdown text, up to a comment or a pipe. What is code is between two backquotes.
fn calls(text: &str) -> Vec<String> {
    let code = text.split('`').skip(1).step_by(2).map(|code| code.replace("\\\n", " "));
    let lines: Vec<_> = code.flat_map(|code| code.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let calls = lines.iter().filter_map(|line| line.split_once("etcdsnap ").map(|(_, call)| call));
    calls.map(|call| call.split(['#', '|']).next().unwrap().to_owned()).collect()
}

#[test]
fn the_calls_that_the_pages_name_exist() {
    let help = fs::read_to_string("tests/it/help.txt").unwrap();
    let mut checked = 0;
    for page in ["README.md", "docs/export.md", "docs/data-directories.md"] {
        for call in calls(&fs::read_to_string(page).unwrap()) {
            let mut words = call.split_whitespace().skip_while(|word| word.starts_with("--"));
            let command = words.next().unwrap_or_default();
            let section = |command: &str| help.split_once(&format!("\n$ etcdsnap {command} --help\n"));
            let below = format!("{command} {}", words.clone().next().unwrap_or_default());
            let (_, help) = section(&below).or_else(|| section(command)).expect(&call);
            let help = help.split("\n$ etcdsnap ").next().unwrap();
            for flag in words.filter(|word| word.starts_with("--")) {
                let flag = flag.split('=').next().unwrap();
                let is_flag = |word: &str| word == flag;
                assert!(help.split(|c: char| c != '-' && !c.is_ascii_alphanumeric()).any(is_flag), "{flag}: {call}");
            }
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked}");
}
