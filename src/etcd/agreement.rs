//! Several members' directories, compared.

use super::{Load, Snapshot, Uncommitted, replay::read_log};
use crate::{
    Error, Findings, Result,
    source::Source,
    wal::{Agreed, Agreement, Log, Metadata},
};

/// Compares the logs of `members`, data directories of one cluster.
///
/// # Errors
/// Why they cannot be compared.
pub fn agreement(members: &[&Source]) -> Result<Agreement> {
    let refused = |what: String| Error::refused(format!("the members' logs cannot be compared: {what}"));
    if let Some(other) = members.iter().find(|member| member.wal().is_empty()) {
        return Err(refused(format!("{} has no log", other.name())));
    }
    let logs: Vec<_> = members.iter().map(|member| read(member)).collect();
    let newest = members.iter().filter_map(|member| Snapshot::open(member.db().image()).ok());
    let newest = newest.max_by_key(|snapshot| snapshot.state.meta.consistent_index);
    let state = newest.map(|snapshot| snapshot.state).unwrap_or_default();
    let voters = state.members.iter().filter(|member| !member.is_learner).map(|member| member.id).collect();
    // A db holds nothing that was not committed.
    let agreement = Agreement::of(&logs, state.meta.consistent_index.unwrap_or(0), &voters);
    let damaged = members.iter().zip(&logs).find(|(_, (_, damaged))| *damaged);
    let damaged = damaged.map(|(member, _)| format!("the log of {} is damaged", member.name()));
    agreement.map_err(|what| refused(what).hinted_if(damaged))
}

impl Agreement {
    /// How the member to keep is read: with the entries past its own commit that were agreed on, as far as it is
    /// proven. Where `load` decides that itself, it is `load`.
    #[must_use]
    pub fn decide(&self, load: &Load) -> Load {
        if load.uncommitted.is_some() || load.has_end() {
            return *load;
        }
        let is = |agreed| self.held.iter().any(|held| held.agreed == agreed);
        let (uncommitted, to_index) = match (self.last_agreed(), is(Agreed::Yes), is(Agreed::No)) {
            (last @ Some(_), true, true) => (Some(Uncommitted::Keep), last),
            (Some(_), true, false) => (Some(Uncommitted::Keep), None),
            (Some(_), false, true) => (Some(Uncommitted::Drop), None),
            (Some(_), false, false) | (None, ..) => (None, None),
        };
        Load { uncommitted, to_index, ..*load }
    }
}

/// The log of a member, and whether it is damaged.
fn read(member: &Source) -> (Log<'_>, bool) {
    let mut findings = Findings::default();
    let log = read_log(member, &mut findings);
    (log, findings.damaged())
}

/// Whose log the data directory `source` has.
#[must_use]
pub(crate) fn whose_log(source: &Source) -> Option<Metadata> {
    read_log(source, &mut Findings::default()).metadata()
}
