//! Helpers for the values of all small buckets.

use crate::{Code, Finding, proto::Malformed};

/// The finding that a value of `code` is not a message of the type `of`.
pub(super) fn malformed(code: Code, of: &'static str) -> impl Fn(Malformed) -> Finding {
    move |malformed| Finding::error(code, format!("not a {of}: {malformed}"))
}

/// A name as text: bytes that are not UTF-8 become the replacement character.
pub(in crate::etcd) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether the text is a version as `semver.NewVersion` of etcd reads one: `3.6.0`, or `3.6.0-alpha.0`.
pub(super) fn is_version(text: &str) -> bool {
    let numbers = text.split(['-', '+']).next().unwrap_or_default().split('.');
    let number = |part: &str| part.parse::<i64>().is_ok() && part.bytes().all(|byte| byte.is_ascii_digit());
    numbers.clone().count() == 3 && numbers.into_iter().all(number)
}
