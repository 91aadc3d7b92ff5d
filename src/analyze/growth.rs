//! What grew from one db to a later one.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Analysis, Group};

/// The change of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grown {
    /// The group.
    pub name: String,
    /// Live keys more.
    pub keys: i64,
    /// Bytes of all records more.
    pub bytes: i64,
    /// Bytes of live records more.
    pub live: i64,
    /// Bytes in the later one.
    pub now: u64,
}

/// What grew from one db to a later one.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Growth {
    /// Seconds between the newest times of the two; `None` where one has none, or they are not in this order.
    pub seconds: Option<i64>,
    /// Revisions more.
    pub revisions: i64,
    /// Bytes of the file more.
    pub bytes: i64,
    /// All keys together.
    pub all: Grown,
    /// The groups, the one that grew most first.
    pub groups: Vec<Grown>,
    /// Whether both are of one cluster; `None` where one does not show it.
    pub same_cluster: Option<bool>,
}

fn more(new: u64, old: u64) -> i64 {
    i64::try_from(i128::from(new).saturating_sub(old.into())).unwrap_or(i64::MAX)
}

impl Grown {
    fn of(old: &Group, new: &Group) -> Self {
        Self {
            name: if new.name.is_empty() { old.name.clone() } else { new.name.clone() },
            keys: more(new.keys, old.keys),
            bytes: more(new.bytes(), old.bytes()),
            live: more(new.live, old.live),
            now: new.bytes(),
        }
    }
}

impl Growth {
    /// Compares two analyses by the same groups.
    #[must_use]
    pub fn between(old: &Analysis, new: &Analysis) -> Self {
        let mut pairs: BTreeMap<&str, [Group; 2]> = BTreeMap::new();
        for (at, analysis) in [old, new].into_iter().enumerate() {
            for group in &analysis.groups {
                if let Some(side) = pairs.entry(&group.name).or_default().get_mut(at) {
                    side.clone_from(group);
                }
            }
        }
        let mut groups: Vec<_> = pairs.values().map(|[old, new]| Grown::of(old, new)).collect();
        groups.retain(|grown| grown.keys != 0 || grown.bytes != 0);
        groups.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        let times = old.newest_time.zip(new.newest_time);
        let seconds = times.map(|(old, new)| new.seconds.saturating_sub(old.seconds)).filter(|seconds| *seconds > 0);
        Self {
            seconds,
            revisions: new.revision.saturating_sub(old.revision),
            bytes: more(new.bytes.total, old.bytes.total),
            all: Grown::of(&old.all, &new.all),
            groups,
            same_cluster: old.identity.as_ref().zip(new.identity.as_ref()).map(|(old, new)| old == new),
        }
    }

    /// A number per hour, where the time between the two is known.
    #[must_use]
    pub fn per_hour(&self, number: i64) -> Option<i64> {
        let seconds = self.seconds.filter(|seconds| *seconds > 0)?;
        i64::try_from(i128::from(number).saturating_mul(3600).checked_div(seconds.into())?).ok()
    }
}
