//! The result of a restore: members' directories, or one snapshot file.

use etcdsnap::{
    Result,
    publish::{Draft, Rehearsal, Run, Watch},
    restore::{Done, Job, Plan, SaveJob, Trust, apply, save},
    source::Source,
};

/// Destination of a plan.
pub(super) enum Target {
    /// Members' directories.
    Members(Job),
    /// A snapshot file.
    File(SaveJob),
}

impl Target {
    /// Removes the files that a killed run has left there.
    pub(super) fn recover(&self) -> Result<()> {
        match self {
            Self::Members(job) => job.to.recover(),
            Self::File(job) => Draft::recover(&job.look()?, Run::Restore),
        }
    }

    /// Checks that the result can be written there.
    pub(super) fn look(&self) -> Result<()> {
        match self {
            Self::Members(job) => job.to.look(),
            Self::File(job) => job.look().map(drop),
        }
    }

    /// What is going to be renamed, and whether there are the rights and the room for `plan`; nothing is written.
    pub(super) fn rehearse(&self, plan: &Plan<'_>) -> Result<Rehearsal> {
        match self {
            Self::Members(job) => job.rehearse(plan),
            Self::File(job) => job.rehearse(plan),
        }
    }

    /// The destination as text.
    pub(super) fn places(&self) -> Vec<String> {
        let Job { to, .. } = match self {
            Self::Members(job) => job,
            Self::File(job) => return vec![job.to.display().to_string()],
        };
        let log = |dir: &std::path::PathBuf| format!(", log in {}", dir.display());
        let of = |place: &etcdsnap::publish::Place| {
            format!("{}{}", place.member_dir().display(), place.wal_dir.as_ref().map_or(String::new(), log))
        };
        to.places.iter().map(of).collect()
    }

    /// How much doubt is accepted.
    pub(super) fn trust(&self) -> Trust {
        match self {
            Self::Members(job) => job.trust,
            Self::File(job) => job.trust,
        }
    }

    /// Carries out the plan.
    pub(super) fn make(&self, source: &Source, plan: &Plan<'_>, watch: Watch<'_>) -> Result<Done> {
        match self {
            Self::Members(job) => apply(source, plan, job, watch),
            Self::File(job) => save(source, plan, job, watch),
        }
    }
}
