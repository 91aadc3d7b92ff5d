//! The relation of two states: which is newer, and whether they are of one cluster.

use std::{cmp::Ordering, ptr};

use super::{Common, Tally};
use crate::{
    bytes::{counted, escape},
    k8s::{Moment, Newest, key_for_messages},
    objects::Cluster,
};

/// The newer of two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Newer {
    /// The old side.
    From,
    /// The new side.
    To,
    /// Neither is newer, or it is not known.
    Neither,
}

impl Newer {
    /// The name in JSON.
    #[must_use]
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::From => Some("from"),
            Self::To => Some("to"),
            Self::Neither => None,
        }
    }
}

/// Facts about one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About<'a> {
    /// The name of its backup.
    pub name: &'a str,
    /// The revision that is compared.
    pub revision: i64,
    /// The newest time in its backup; `None` where both sides are of one backup.
    pub newest: Option<Moment>,
    /// Why that time may be wrong.
    pub doubt: Option<String>,
    /// The identity of its cluster.
    pub identity: Option<String>,
    head: i64,
    compacted: i64,
    damaged: bool,
}

impl<'a> About<'a> {
    fn new(side: &Cluster<'a>, one: bool) -> Self {
        let newest = if one { Newest::default() } else { side.newest() };
        Self {
            name: side.name,
            revision: side.view.revision,
            newest: newest.time,
            doubt: newest.doubt(),
            identity: side.identity(),
            head: side.view.head,
            compacted: side.snapshot.keyspace.compacted(),
            damaged: side.findings().damaged(),
        }
    }
}

/// Two states and their relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation<'a> {
    /// The old side.
    pub from: About<'a>,
    /// The new side.
    pub to: About<'a>,
    /// Whether both sides are states of one backup.
    pub one: bool,
    /// Whether the side with the higher revision continues from the other one; `None` where the times decide.
    pub continues: Option<bool>,
}

impl<'a> Relation<'a> {
    /// Determines the relation of both sides.
    #[must_use]
    pub fn of(from: &Cluster<'a>, to: &Cluster<'a>) -> Self {
        let one = ptr::eq(from.snapshot, to.snapshot);
        let (a, b) = (About::new(from, one), About::new(to, one));
        let others = a.identity.as_ref().zip(b.identity.as_ref()).is_some_and(|(a, b)| a != b);
        let agree = a.newest.zip(b.newest).is_some_and(|(x, y)| x.cmp(&y) == a.head.cmp(&b.head));
        let continues = match a.head.cmp(&b.head) {
            _ if one || others || agree || a.damaged || b.damaged => None,
            Ordering::Less => to.snapshot.continues(from.snapshot),
            Ordering::Equal => None,
            Ordering::Greater => from.snapshot.continues(to.snapshot),
        };
        Self { from: a, to: b, one, continues }
    }

    /// Whether Kubernetes wrote either side.
    #[must_use]
    pub(crate) fn is_kubernetes(&self) -> bool {
        self.from.identity.is_some() || self.to.identity.is_some()
    }

    /// The newer side: by the revision where one continues from the other, else by the newest time inside.
    #[must_use]
    pub(crate) fn newer(&self) -> Newer {
        let order = match (self.from.newest, self.to.newest) {
            _ if self.one => self.from.revision.cmp(&self.to.revision),
            _ if self.continues == Some(true) => self.from.head.cmp(&self.to.head),
            (Some(from), Some(to)) => from.cmp(&to),
            _ => return Newer::Neither,
        };
        match order {
            Ordering::Less => Newer::To,
            Ordering::Equal => Newer::Neither,
            Ordering::Greater => Newer::From,
        }
    }

    /// Whether both are of one cluster; `None` where it is not known.
    #[must_use]
    pub fn same_cluster(&self, common: &Common<'_>) -> Option<bool> {
        match (&self.from.identity, &self.to.identity) {
            _ if self.one => Some(true),
            (Some(from), Some(to)) => Some(from == to),
            _ => common.related.then_some(true),
        }
    }

    /// Whether the key of [`Common::apart`] shows that the cluster was restored in between: the two are states of one
    /// cluster, and both are whole.
    #[must_use]
    pub fn are_branches(&self, common: &Common<'_>) -> bool {
        let whole = !self.from.damaged && !self.to.damaged;
        !self.one && whole && common.apart.is_some() && self.same_cluster(common) == Some(true)
    }

    /// Notes for the reader of the differences.
    #[must_use]
    pub fn notes(&self, common: &Common<'_>, tally: &Tally) -> Vec<String> {
        let mut notes = Vec::new();
        let (from, to) = (&self.from, &self.to);
        match (self.same_cluster(common), &from.identity, &to.identity) {
            (Some(true), ..) => {}
            (_, Some(a), Some(b)) => notes.push(format!(
                "not the same cluster: kube-system has the uid {a} in {} and {b} in {}",
                from.name, to.name
            )),
            (_, None, None) => {
                notes.push("the two have no record in common: they may be of different clusters".to_owned());
            }
            _ => notes.push(
                "only one of the two holds a Namespace kube-system: they may be of different clusters".to_owned(),
            ),
        }
        if let Some(key) = common.apart.filter(|_| self.are_branches(common)) {
            notes.push(format!(
                "neither continues from the other, as {} shows: the cluster was restored in between from an older backup, or one of the two was changed, as by redact or salvage",
                escape(&key_for_messages(key))
            ));
        }
        for side in [from, to] {
            notes.extend(side.doubt.as_ref().map(|doubt| format!("{}: {doubt}", side.name)));
        }
        let (older, newer) = if self.newer() == Newer::From { (to, from) } else { (from, to) };
        let is_gap = newer.compacted > older.head && !self.are_branches(common);
        if !self.one && is_gap && self.same_cluster(common) == Some(true) {
            notes.push(format!(
                "objects that were created and deleted between the revisions {} and {} are in neither backup: {} is compacted up to there",
                older.head, newer.compacted, newer.name
            ));
        }
        let sides = [(from, "added", tally.added), (to, "removed", tally.removed)];
        for (side, verb, count) in
            sides.into_iter().take(if self.one { 1 } else { 2 }).filter(|(side, ..)| side.damaged)
        {
            notes.push(format!(
                "{} is damaged: only its readable part is compared, and the {} listed as {verb} may only be missing because of the damage",
                side.name,
                counted(count, "object")
            ));
        }
        notes
    }
}
