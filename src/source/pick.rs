//! The choice among several backups in one input.

use crate::{Error, Result, bytes::escape};

/// Number of backups in one input that are listed at most.
const LISTED: usize = 20;

/// Picks one of the backups `found` in `outer`.
pub(super) fn pick_one(
    outer: &str,
    pick: Option<&str>,
    found: &[String],
    none: impl FnOnce() -> Error,
) -> Result<String> {
    let list = || {
        let more = if found.len() > LISTED { "\n  ..." } else { "" };
        let names = found.iter().take(LISTED).map(|name| escape(name.as_bytes()));
        format!("{}{more}", names.collect::<Vec<_>>().join("\n  "))
    };
    match (pick, found) {
        (Some(pick), _) => found.iter().find(|name| *name == pick).cloned().ok_or_else(|| {
            Error::usage(format!("{outer}: there is no backup {pick} inside"))
                .hinted_if((!found.is_empty()).then(|| format!("it holds\n  {}", list())))
        }),
        (None, [one]) => Ok(one.clone()),
        (None, []) => Err(none()),
        (None, several) => Err(Error::usage(format!("{outer}: it holds {} backups:\n  {}", several.len(), list()))
            .hinted(format!("name one of them, such as {outer}:{}", several.first().map_or("", String::as_str)))),
    }
}
