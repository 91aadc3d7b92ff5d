//! Paths of a dataset that is partitioned as Hive does it.
//!
//! ```text
//! DIR/cluster=31cfb609-46b2-458b-9756-3fd167e1a0cf/date=2026-11-21/0d9a1ef5c2b0f8c1.parquet
//!             the identity                              of the newest time   beginning of the SHA-256
//! ```
//!
//! The name is made of the backup's content: a run that is repeated writes the same file again. The SHA-256 is that of
//! the db; where a log adds to it, the last entry follows: `0d9a1ef5c2b0f8c1-226.parquet`.

use std::path::{Path, PathBuf};

use super::{encode::Format, header::Header};

/// The value of a partition that is null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The longest identity that becomes the name of a folder.
const MAX_NAME: usize = 200;

/// The file of a backup in the dataset at `dir`.
pub(super) fn file(dir: &Path, header: &Header, format: Format) -> PathBuf {
    let cluster = header.cluster.as_deref().map(escaped).filter(|name| name.len() <= MAX_NAME);
    let date = header.time.map(|time| time.to_string().chars().take_while(|c| *c != 'T').collect::<String>());
    let partition = |name: &str, value: Option<String>| format!("{name}={}", value.as_deref().unwrap_or(NULL));
    let name: String = header.sha256.chars().take(16).collect();
    let entry = header.entry.map(|entry| format!("-{entry}")).unwrap_or_default();
    dir.join(partition("cluster", cluster))
        .join(partition("date", date))
        .join(format!("{name}{entry}.{}", format.name()))
}

/// The value with `%XX` for every byte but letters, digits, `-`, `_` and `.`, as Hive escapes more than a path needs.
fn escaped(value: &str) -> String {
    use std::fmt::Write as _;
    value.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            out.push(char::from(byte));
        } else {
            // writing to a string does not fail
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::Moment;

    #[test]
    fn a_file_is_named_by_its_content() {
        let mut header = Header {
            cluster: Some("a-1".to_owned()),
            snapshot: "x.db".to_owned(),
            sha256: "0123456789abcdef0123".to_owned(),
            revision: 7,
            entry: None,
            time: Moment::parse("2026-11-21T23:59:59Z"),
            verdict: None,
        };
        let path = |header: &Header| file("d".as_ref(), header, Format::Csv).display().to_string();
        assert_eq!(path(&header), "d/cluster=a-1/date=2026-11-21/0123456789abcdef.csv");
        header.cluster = Some("../b c".to_owned());
        header.time = None;
        assert_eq!(path(&header), "d/cluster=..%2Fb%20c/date=__HIVE_DEFAULT_PARTITION__/0123456789abcdef.csv");
        header.cluster = None;
        assert!(path(&header).starts_with("d/cluster=__HIVE_DEFAULT_PARTITION__/"));
        header.entry = Some(226);
        assert!(path(&header).ends_with("/0123456789abcdef-226.csv"));
    }
}
