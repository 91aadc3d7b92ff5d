//! How much doubt about a backup is accepted.

use crate::{
    Error, Result,
    error::{Advice, Call},
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
        let refused = |what: String, hint: Advice| Error::refused(what).hinted(hint);
        let path = &report.path;
        let verify = Call::new("etcdsnap verify").arg(path).remark("lists all that is wrong");
        let salvage = Call::new("etcdsnap salvage").arg(path).args(["--to", "saved.db"]).remark("saves what is left");
        let salvage = report.db_damaged().then_some(salvage);
        match &report.trailer {
            Trailer::Differs { stored, computed } if !wrong_trailer => {
                let (stored, computed) = (hex(stored), hex(computed));
                let what = format!("{path}: expected sha256 {stored}, got {computed}");
                let hint = "the file was changed after it was saved: use another copy of it; --skip-hash-check --force restores it anyway";
                return Err(refused(what, Advice::from(hint).lines([verify].into_iter().chain(salvage))));
            }
            Trailer::Absent if !skip_hash_check => {
                let what = format!("{path}: snapshot missing hash: nothing proves that it is what was saved");
                let hint = "--skip-hash-check takes a copy of member/snap/db, which has none";
                return Err(refused(what, hint.into()));
            }
            _ => {}
        }
        match report.damage() {
            Some(first) if !force => {
                let whose = first.file.as_ref().unwrap_or(path);
                let log = first
                    .file
                    .is_some()
                    .then(|| Call::new("etcdsnap wal").arg(path).remark("lists the log, and what is wrong in it"));
                let hint = "use another copy of it; --force restores what can be read, and records the damage beside \
                    the result";
                let calls = [verify].into_iter().chain(log).chain(salvage);
                Err(refused(format!("{whose}: damaged: {}", first.bare()), Advice::from(hint).lines(calls)))
            }
            _ => Ok(()),
        }
    }
}
