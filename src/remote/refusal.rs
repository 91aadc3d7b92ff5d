//! Errors of a store in our words.

use std::io;

use crate::Error;

/// The most characters of a server's answer that are shown.
const SHOWN: usize = 200;

/// The error of a request for what the user knows as `name`.
pub(super) fn refusal(name: &str, doing: &'static str, error: &object_store::Error) -> Error {
    use object_store::Error as E;
    let (kind, what) = match error {
        E::NotFound { .. } => (io::ErrorKind::NotFound, "there is no such object".to_owned()),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
            let what = format!("the store refuses it ({}): are the credentials right?", reason(error));
            (io::ErrorKind::PermissionDenied, what)
        }
        _ => (io::ErrorKind::Other, reason(error)),
    };
    Error::io(name, doing, io::Error::new(kind, what))
}

/// The innermost reason: S3's code where the answer has one.
fn reason(error: &object_store::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let tag = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once('<').map(|(inside, _)| inside.to_owned())
    };
    let said = match (tag("Code"), tag("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code,
        _ => text,
    };
    said.lines().next().unwrap_or_default().chars().take(SHOWN).collect()
}

/// The error for an object that was replaced while it was read.
pub(super) fn changed(name: &str, at: u64) -> Error {
    Error::Changed { file: name.to_owned(), what: "another object is at this URL now".to_owned(), offset: Some(at) }
}
