//! The member that a change of the configuration brings.

use serde::Deserialize;

use crate::{etcd::state::Member, wal::ConfChange};

/// The member that a change of the configuration brings (`membership.ConfigChangeContext`).
#[derive(Debug, Deserialize)]
pub(in crate::etcd) struct Context {
    #[serde(flatten)]
    pub(in crate::etcd) member: Member,
    /// Whether it is a learner that now votes.
    #[serde(default, rename = "isPromote")]
    pub(in crate::etcd) promote: bool,
}

/// The member that `change` brings.
///
/// # Errors
/// Why an etcd would panic on it.
pub(in crate::etcd) fn context(change: &ConfChange<'_>) -> Result<Context, String> {
    let context: Context = serde_json::from_slice(change.context)
        .map_err(|e| format!("the member that it brings is not a Member: {e}"))?;
    if context.member.id == change.node_id {
        Ok(context)
    } else {
        Err(format!("it brings member {:x} as {:x}", context.member.id, change.node_id))
    }
}
