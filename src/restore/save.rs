//! A plan for a snapshot, done: one file as `snapshot save` writes it, with its SHA-256 at the end.

use std::{os::unix::fs::FileExt as _, path::PathBuf};

use super::{
    Trust,
    apply::Done,
    db,
    plan::Plan,
    verify::{self, Restored},
};
use crate::{
    Error, Result,
    bolt::Db,
    publish::{Draft, Owner, Run, Watch, check_names, fault, real, settle_one},
    source::{Part, Source},
};

/// Destination of a snapshot file.
#[derive(Debug, Clone)]
pub struct SaveJob {
    /// The file that is made.
    pub to: PathBuf,
    /// The owner of the file.
    pub owner: Option<Owner>,
    /// The mode of the file, without the right to execute.
    pub mode: u32,
    /// How much doubt is accepted.
    pub trust: Trust,
    /// The command line, for the file beside a result of a doubtful backup.
    pub arguments: Vec<String>,
}

impl SaveJob {
    /// The path of the file, without links.
    fn path(&self) -> Result<PathBuf> {
        let to = std::path::absolute(&self.to).map_err(fault(&self.to, "look at"))?;
        check_names(&to)?;
        real(&to)
    }

    /// Cleans up what a killed run has left of its work on the file.
    ///
    /// # Errors
    /// Why that is not possible, such as another run that is at it.
    pub(super) fn recover(&self) -> Result<()> {
        Draft::recover(&self.path()?, Run::Restore)
    }

    /// Checks that the file can be made, as far as that can be known before; returns its path without links.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn look(&self) -> Result<PathBuf> {
        let to = self.path()?;
        if to.exists() {
            let what = format!("{}: there is a file or folder of this name already", to.display());
            return Err(Error::usage(what).hinted("name a new file"));
        }
        Ok(to)
    }
}

/// Carries out `plan` with `source`: writes one snapshot file, all or nothing.
///
/// # Errors
/// Any error; then there is no file.
pub(crate) fn save(source: &Source, plan: &Plan<'_>, job: &SaveJob, watch: Watch<'_>) -> Result<Done> {
    let to = job.look()?;
    let draft = Draft::create(&to, Run::Restore)?;
    let path = draft.path();
    let wrong = |what: String| fault(&path, "read back")(std::io::Error::other(what));
    let (report, file, sum, size) = if plan.changes.defrag {
        let (report, file, sum, size) = db::write_summed(source, plan, job.trust, &path, watch)?;
        (report, file, sum.finish(), size)
    } else {
        let (report, file) = db::write(source, plan, job.trust, &path, watch)?;
        // What is after the last page is left over from the backup, such as its trailer.
        let size =
            Db::open(Part::open(&path)?.image()).map(|db| db.size()).map_err(|finding| wrong(finding.to_string()))?;
        file.set_len(size).map_err(fault(&path, "write"))?;
        (report, file, Part::open(&path)?.digests(|done| (watch.progress)(done, size))?.image, size)
    };
    file.write_all_at(&sum, size).map_err(fault(&path, "write"))?;
    let restored: Restored = verify::db(&path, plan, report.findings.damaged())?;
    if Part::open(&path)?.trailer() != Some(sum) {
        return Err(wrong("its trailer is not what was written".to_owned()));
    }
    settle_one(&path, job.mode & 0o666, job.owner)?;
    source.intact()?;
    watch.check()?;
    let doubt = draft.publish(report.doubt(&job.arguments).as_ref())?;
    Ok(Done { report, restored, kept: Vec::new(), files: [to].into_iter().chain(doubt).collect() })
}
