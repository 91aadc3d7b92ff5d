//! The choice among several backups in one input.

use std::path::{Path, PathBuf};

use crate::{
    Error, Result,
    bytes::{file_name, one_line},
};

/// Number of backups in one input that are listed at most.
const LISTED: usize = 20;

/// The name of a backup in an archive or folder of several.
#[must_use]
pub fn part_of(archive: &Path, part: &str) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(":");
    name.push(part);
    name.into()
}

/// Picks one of the backups `found` in `outer`.
pub(super) fn pick_one(
    outer: &str,
    pick: Option<&str>,
    found: &[String],
    none: impl FnOnce() -> Error,
) -> Result<String> {
    let list = || {
        let more = if found.len() > LISTED { "\n  ..." } else { "" };
        let names = found.iter().take(LISTED).map(|name| one_line(name));
        format!("{}{more}", names.collect::<Vec<_>>().join("\n  "))
    };
    match (pick, found) {
        (Some(pick), _) => named(outer, pick, found)?.cloned().ok_or_else(|| {
            Error::usage(format!("{outer}: there is no backup {pick} inside"))
                .hinted_if((!found.is_empty()).then(|| format!("it holds\n  {}", list())))
        }),
        (None, [one]) => Ok(one.clone()),
        (None, []) => Err(none()),
        (None, several @ [first, ..]) => Err(Error::Several {
            what: format!("{outer}: it holds {} backups:\n  {}", several.len(), list()),
            found: several.to_vec(),
            hint: format!("name one of them, such as {}:{}", one_line(outer), one_line(first)).into(),
        }),
    }
}

/// The one of `found` that `pick` is the name of, or that is listed as what was typed.
pub(super) fn named<'f>(outer: &str, pick: &str, found: &'f [String]) -> Result<Option<&'f String>> {
    let mut names = found.iter().filter(|name| *name == pick || file_name(&*one_line(name)) == pick);
    let first = names.next();
    match (first, names.find(|other| Some(*other) != first)) {
        (Some(one), Some(other)) => {
            let what = format!("{outer}: two names inside match: {} and {}", one_line(one), one_line(other));
            let hint = r"write a backslash of the name as \\, and other bytes by the shell's $'...'";
            Err(Error::usage(what).hinted(hint))
        }
        _ => Ok(first),
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, slice};

    use super::*;

    #[test]
    fn names_that_look_alike_are_not_mixed_up() {
        let name = |bytes: &[u8]| file_name(OsStr::from_bytes(bytes));
        let (byte, text) = (name(b"a\xff"), name(br"a\xff"));
        let pick = |typed: &[u8], found: &[String]| {
            pick_one("dir", Some(&name(typed)), found, || Error::usage("none")).map_err(|error| error.to_string())
        };
        let both = [text.clone(), byte.clone()];
        assert_eq!(pick(b"a\xff", &both).as_ref(), Ok(&byte));
        assert_eq!(pick(br"a\\xff", &both).as_ref(), Ok(&text));
        assert_eq!(pick(br"a\xff", &both).unwrap_err(), r"dir: two names inside match: a\\xff and a\xff");
        assert_eq!(pick(br"a\xff", slice::from_ref(&byte)).as_ref(), Ok(&byte));
        assert_eq!(pick(br"a\xff", slice::from_ref(&text)).as_ref(), Ok(&text));
        assert_eq!(pick(br"a\x1b", &[name(b"a\x1b")]).unwrap(), "a\x1b");
    }
}
