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
