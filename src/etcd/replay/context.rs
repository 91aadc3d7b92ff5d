//! The member in a change of the configuration.

use serde::Deserialize;

use crate::{etcd::state::Member, wal::ConfChange};

/// The member in a change of the configuration (`membership.ConfigChangeContext`).
#[derive(Debug, Deserialize)]
pub(in crate::etcd) struct Context {
    #[serde(flatten)]
    pub(in crate::etcd) member: Member,
    /// Whether it is a learner that now votes.
    #[serde(default, rename = "isPromote")]
    pub(in crate::etcd) promote: bool,
}

/// Decodes the member in `change`.
///
/// # Errors
/// Why an etcd would panic on it.
pub(in crate::etcd) fn context(change: &ConfChange<'_>) -> Result<Context, String> {
    let context: Context =
        serde_json::from_slice(change.context).map_err(|e| format!("its context is not a Member: {e}"))?;
    if context.member.id == change.node_id {
        Ok(context)
    } else {
        Err(format!("its context is member {:x}, but it changes member {:x}", context.member.id, change.node_id))
    }
}
