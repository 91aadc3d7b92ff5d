//! How much doubt about a backup is accepted.

use crate::{
    Error, Result,
    hash::hex,
    verify::{Report, Trailer},
};

/// How much doubt is accepted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trust {
    /// A backup without a trailer.
    pub skip_hash_check: bool,
    /// A backup whose trailer is wrong.
    pub wrong_trailer: bool,
    /// A backup that is damaged.
    pub force: bool,
}

impl Trust {
    /// Checks that the backup of `report` is accepted.
    ///
    /// # Errors
    /// Why it is not, and what would make it so.
    pub fn judge(self, report: &Report) -> Result<()> {
        let Self { skip_hash_check, wrong_trailer, force } = self;
        let refused = |what: String, hint: &str| Error::refused(what).hinted(hint);
        let path = &report.path;
        match &report.trailer {
            Trailer::Differs { stored, computed } if !wrong_trailer => {
                let (stored, computed) = (hex(stored), hex(computed));
                let what = format!("{path}: expected sha256 {stored}, got {computed}");
                let hint = "the file is not what was saved: use another copy of it; --skip-hash-check --force takes it as it is";
                return Err(refused(what, hint));
            }
            Trailer::Absent if !skip_hash_check => {
                let what = format!("{path}: snapshot missing hash: nothing proves that it is what was saved");
                return Err(refused(what, "--skip-hash-check takes a copy of member/snap/db, which has none"));
            }
            _ => {}
        }
        match report.damage() {
            Some(first) if !force => {
                let whose = first.file.as_ref().unwrap_or(path);
                let lister = if first.file.is_some() { "wal" } else { "verify" };
                let hint = format!(
                    "`etcdsnap {lister}` lists all errors; --force restores what can be read, and records the damage \
                     beside the result"
                );
                Err(refused(format!("{whose}: damaged: {}", first.bare()), &hint))
            }
            _ => Ok(()),
        }
    }
}
