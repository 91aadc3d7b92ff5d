//! The result of a restore: members' directories, or one snapshot file.

use std::path::PathBuf;

use super::{Done, Job, Plan, SaveJob, Trust, apply, save};
use crate::{
    Result,
    error::Next,
    publish::{Place, Rehearsal, Watch, start_command},
    source::Source,
};

/// Destination of a plan.
#[derive(Debug, Clone)]
pub enum Target {
    /// Members' directories.
    Members(Job),
    /// A snapshot file.
    File(SaveJob),
}

impl Target {
    /// Removes the files that a killed run has left there.
    ///
    /// # Errors
    /// When that cannot be decided or done.
    pub fn recover(&self) -> Result<()> {
        match self {
            Self::Members(job) => job.to.recover(),
            Self::File(job) => job.recover(),
        }
    }

    /// Checks that the result can be written there.
    ///
    /// # Errors
    /// Why not.
    pub fn look(&self) -> Result<()> {
        match self {
            Self::Members(job) => job.to.look(),
            Self::File(job) => job.look().map(drop),
        }
    }

    /// What is going to be renamed, and whether there are the rights and the room for `plan`; nothing is written.
    ///
    /// # Errors
    /// When the destination cannot be looked at.
    pub fn rehearse(&self, plan: &Plan<'_>) -> Result<Rehearsal> {
        match self {
            Self::Members(job) => job.rehearse(plan),
            Self::File(job) => job.rehearse(plan),
        }
    }

    /// The destination as text.
    #[must_use]
    pub fn places(&self) -> Vec<String> {
        let Job { to, .. } = match self {
            Self::Members(job) => job,
            Self::File(job) => return vec![job.to.display().to_string()],
        };
        let log = |dir: &PathBuf| format!(", log in {}", dir.display());
        let of = |place: &Place| {
            format!("{}{}", place.member_dir().display(), place.wal_dir.as_ref().map_or(String::new(), log))
        };
        to.places.iter().map(of).collect()
    }

    /// How much doubt is accepted.
    #[must_use]
    pub fn trust(&self) -> Trust {
        match self {
            Self::Members(job) => job.trust,
            Self::File(job) => job.trust,
        }
    }

    /// Carries out the plan, all or nothing.
    ///
    /// # Errors
    /// Any error; then the destination is unchanged.
    pub fn make(&self, source: &Source, plan: &Plan<'_>, watch: Watch<'_>) -> Result<Done> {
        match self {
            Self::Members(job) => apply(source, plan, job, watch),
            Self::File(job) => save(source, plan, job, watch),
        }
    }

    /// The command that starts each member; `tls` are flags about TLS. None of a snapshot file.
    #[must_use]
    pub fn starts(&self, plan: &Plan<'_>, tls: &[(&'static str, String)]) -> Next {
        let Self::Members(job) = self else { return Next::default() };
        let start = |place: &Place| {
            let member = plan.cluster.as_ref()?.member(&place.member).ok()?;
            let log = place.wal_dir.as_deref();
            let call = start_command(&place.member, &place.data_dir, log, &member.peer_urls);
            Some(call.args(tls.iter().map(|(name, value)| format!("--{name}={value}"))))
        };
        job.to.places.iter().filter_map(start).collect()
    }
}
