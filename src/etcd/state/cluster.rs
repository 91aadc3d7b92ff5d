//! The bucket `cluster` (`schema/membership.go`).

use serde::{Deserialize, Serialize};

use super::values::{is_version, text};
use crate::{Code, Finding, bytes::excerpt};

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
    pub(crate) fn json(&self) -> Vec<u8> {
        // A struct of a string and a bool can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Cluster {
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Finding> {
        match key {
            b"clusterVersion" => {
                let version = text(value);
                if !is_version(&version) {
                    return Err(Finding::error(Code::ClusterValue, format!("not a version: {}", excerpt(value))));
                }
                self.version = Some(version);
            }
            b"downgrade" => {
                let wrong = |what: String| Finding::error(Code::ClusterValue, what);
                let downgrade: Downgrade =
                    serde_json::from_slice(value).map_err(|e| wrong(format!("not a DowngradeInfo: {e}")))?;
                if downgrade.enabled && !is_version(&downgrade.target_version) {
                    return Err(wrong(format!("not a version: {}", excerpt(downgrade.target_version.as_bytes()))));
                }
                self.downgrade = Some(downgrade);
            }
            _ => return Err(Finding::warning(Code::UnknownKey, "a key that etcd does not have in the bucket cluster")),
        }
        Ok(())
    }
}
