//! Lines that no tool wraps: rustfmt wraps code, leaves strings alone, and does not touch comments.

use std::{fs, path::Path};

use crate::files;

/// The most characters in a line; `max_width` of rustfmt.toml.
const WIDTH: usize = 120;

/// Each documentation comment here is one row of docs/findings.md.
const ONE_LINE_EACH: &str = "error/code.rs";

/// Whether a comment in this line can be wrapped: a URL cannot.
fn is_too_wide(line: &str) -> bool {
    line.chars().count() > WIDTH && line.contains("//") && !line.contains("://")
}

#[test]
fn no_comment_is_too_wide() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    let mut wide = Vec::new();
    for file in found.iter().filter(|file| !file.ends_with(ONE_LINE_EACH)) {
        let text = fs::read_to_string(file).unwrap();
        let lines = text.lines().enumerate().filter(|(_, line)| is_too_wide(line));
        wide.extend(lines.map(|(at, _)| format!("{}:{}", file.display(), at + 1)));
    }
    assert!(wide.is_empty(), "comments wider than {WIDTH} characters:\n{}", wide.join("\n"));
}
