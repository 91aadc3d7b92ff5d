//! Errors of a store in our words.

use std::{env, io};

use super::kind::Kind;
use crate::Error;

/// The most characters of a server's answer that are shown.
const SHOWN: usize = 200;

/// The error of a request for what the user knows as `name`.
pub(super) fn refusal(name: &str, doing: &'static str, error: &object_store::Error) -> Error {
    use object_store::Error as E;
    let (kind, what) = match error {
        E::NotFound { .. } => (io::ErrorKind::NotFound, "there is no such object".to_owned()),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
            let ask = not_set(name).unwrap_or_else(|| "are the credentials right?".to_owned());
            (io::ErrorKind::PermissionDenied, format!("the store refuses it ({}): {ask}", reason(error)))
        }
        _ => {
            let not_set = not_set(name).map_or_else(String::new, |names| format!(" ({names})"));
            (io::ErrorKind::Other, format!("{}{not_set}", reason(error)))
        }
    };
    Error::io(name, doing, io::Error::new(kind, what))
}

/// A sentence that names the variables of the environment which have the store's credentials and are not set. Without
/// them the machine's metadata service is asked, and its error does not say why it was.
fn not_set(name: &str) -> Option<String> {
    let variables = Kind::of(name.split_once("://")?.0)?.credentials();
    let absent: Vec<_> = variables.iter().filter(|variable| env::var_os(variable).is_none()).copied().collect();
    let verb = if absent.len() == 1 { "is" } else { "are" };
    (!absent.is_empty()).then(|| format!("{} {verb} not set", absent.join(" and ")))
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
