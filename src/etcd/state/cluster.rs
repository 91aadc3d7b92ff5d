//! The bucket `cluster` (`schema/membership.go`).

use serde::{Deserialize, Serialize};

use super::values::text;
use crate::{Code, Finding};

/// The bucket `cluster`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// `clusterVersion`: the version all members agreed on, such as `3.6.0`.
    pub version: Option<String>,
    /// `downgrade`: since etcd 3.5.
    pub downgrade: Option<Downgrade>,
}

/// `serverversion.DowngradeInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Downgrade {
    /// The target version.
    pub target_version: String,
    /// Whether the downgrade is in progress.
    pub enabled: bool,
}

impl Downgrade {
    /// The JSON that the backend stores.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        // A struct of a string and a bool can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Cluster {
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Finding> {
        match key {
            b"clusterVersion" => self.version = Some(text(value)),
            b"downgrade" => {
                let downgrade = serde_json::from_slice(value)
                    .map_err(|e| Finding::error(Code::ClusterValue, format!("not a DowngradeInfo: {e}")))?;
                self.downgrade = Some(downgrade);
            }
            _ => return Err(Finding::warning(Code::UnknownKey, "a key that etcd does not have in the bucket cluster")),
        }
        Ok(())
    }
}
