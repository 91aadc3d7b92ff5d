//! Objects that exported objects need: reasons why they are not exported, and how they can be.

use std::collections::{BTreeSet, HashSet};

use rayon::prelude::*;

use super::{
    exporter::Exporter,
    left_out::{LeftOut, Why},
    needs::{Lack, Need, is_everywhere},
};
use crate::{etcd::KeyValue, k8s::Key};

impl<'a> Exporter<'_, 'a> {
    /// A needed object in one line: `secrets shop/db: needed by deployments shop/web: not in the backup`.
    #[must_use]
    pub fn describe(&self, need: &Need) -> String {
        let others = match need.count.saturating_sub(1) {
            0 => String::new(),
            1 => " and one other".to_owned(),
            others => format!(" and {others} others"),
        };
        format!("{}: needed by {}{others}: {}", self.called(&need.key), self.called(&need.by), need.lack)
    }

    /// The reason why a referenced object is not exported; `None` when every cluster has it, or it is optional.
    pub(super) fn lack(&self, key: &[u8], must: bool) -> Option<Lack> {
        let Some(kv) = self.cluster.view.get(key) else {
            let everywhere = Key::new(key).object().is_some_and(is_everywhere);
            return (must && !everywhere).then_some(Lack::Absent);
        };
        match self.object(&kv) {
            Ok(_) => Some(Lack::NotSelected),
            Err(LeftOut { why: Why::Made, .. }) => None,
            Err(left_out) => Some(Lack::LeftOut(left_out)),
        }
    }

    /// Adds to `found` the objects in the backup that its objects need, those that these need, and so on. Objects that
    /// are left out are not added.
    pub fn add_needs(&self, found: &mut Vec<KeyValue<'a>>) {
        let mut known: HashSet<&[u8]> = found.iter().map(|kv| kv.key).collect();
        let mut next = found.clone();
        while !next.is_empty() {
            let exported = next.par_iter().filter_map(|kv| self.object(kv).ok());
            let named: BTreeSet<_> =
                exported.flat_map_iter(|exported| exported.needs).map(|reference| reference.key).collect();
            let held = named.iter().filter_map(|key| self.cluster.view.get(key));
            let new: Vec<_> = held.filter(|kv| known.insert(kv.key)).collect();
            let counts =
                |kv: &KeyValue<'a>| self.object(kv).map_or_else(|left_out| left_out.why == Why::Unreadable, |_| true);
            next = new.into_par_iter().filter(counts).collect();
            found.extend_from_slice(&next);
        }
    }
}
