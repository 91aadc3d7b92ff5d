//! The README's examples are run: what it shows is what is printed. `...` stands for what is left out at the end of a
//! line, and with it of an output.

use std::{fs, process::Command};

#[test]
fn what_the_readme_shows_is_what_is_printed() {
    let readme = fs::read_to_string("README.md").unwrap();
    let mut checked = 0;
    for block in readme.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for example in block.split("$ etcdsnap ").skip(1) {
            let (args, shown) = example.split_once('\n').unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args.split(' ')).output().unwrap();
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
