//! A described record as a row of the table.

use etcdsnap::{bytes::escape, k8s::Description, source::SegmentName};

pub(super) const HEADERS: [&str; 9] = ["SEQ", "OFFSET", "TYPE", "TERM", "INDEX", "NOTE", "TIME", "BY", "WHAT"];

/// The cells under [`HEADERS`].
pub(super) fn row(record: &Description<'_>) -> [String; 9] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let sequence = SegmentName::parse(record.file).map(|name| format!("{:x}", name.sequence));
    let base = escape(record.file.rsplit(['/', ':']).next().unwrap_or(record.file).as_bytes());
    let what = match record.line() {
        Some(line) => line,
        None if record.type_name == "crc" => format!("{} {base}", record.crc),
        None => String::new(),
    };
    [
        sequence.unwrap_or(base),
        format!("{:#x}", record.offset),
        record.type_name.to_owned(),
        or_dash(record.term.map(|n| n.to_string())),
        or_dash(record.index.map(|n| n.to_string())),
        record.note().unwrap_or("-").to_owned(),
        or_dash(record.after.clone()),
        or_dash(record.by()),
        what,
    ]
}
