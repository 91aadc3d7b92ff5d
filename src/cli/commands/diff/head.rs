//! What the two sides are, and how they stand to each other.

use etcdsnap::k8s::{Moment, Portrait, identity};

use super::{Opened, tally::Tally};

/// One side, as it is told.
pub(super) struct Told<'t> {
    pub(super) path: &'t str,
    pub(super) revision: i64,
    pub(super) newest: Option<Moment>,
    pub(super) identity: Option<String>,
    head: i64,
    compacted: i64,
    damaged: bool,
}

/// Both sides.
pub(super) struct Head<'t> {
    pub(super) from: Told<'t>,
    pub(super) to: Told<'t>,
    /// Whether they are two revisions of one backup.
    pub(super) one: bool,
}

/// Which side is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newer {
    From,
    To,
    Neither,
}

impl Newer {
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::From => Some("from"),
            Self::To => Some("to"),
            Self::Neither => None,
        }
    }
}

impl<'t> Told<'t> {
    fn new(side: &'t Opened<'_, '_>, one: bool) -> Self {
        let newest = if one { None } else { Portrait::newest(&side.view.recent) };
        Self {
            path: side.source.name(),
            revision: side.view.revision,
            newest,
            identity: identity(&side.view, &side.ring),
            head: side.view.head,
            compacted: side.snapshot.keyspace.compacted(),
            damaged: side.view.findings.damaged(),
        }
    }
}

impl<'t> Head<'t> {
    pub(super) fn new(from: &'t Opened<'_, '_>, to: &'t Opened<'_, '_>, one: bool) -> Self {
        Self { from: Told::new(from, one), to: Told::new(to, one), one }
    }

    /// Whether Kubernetes wrote either side.
    pub(super) fn is_kubernetes(&self) -> bool {
        self.from.identity.is_some() || self.to.identity.is_some()
    }

    /// By the newest time inside, or, of one backup, by the revision.
    pub(super) fn newer(&self) -> Newer {
        let order = match (self.from.newest, self.to.newest) {
            _ if self.one => self.from.revision.cmp(&self.to.revision),
            (Some(from), Some(to)) => from.cmp(&to),
            _ => return Newer::Neither,
        };
        match order {
            std::cmp::Ordering::Less => Newer::To,
            std::cmp::Ordering::Equal => Newer::Neither,
            std::cmp::Ordering::Greater => Newer::From,
        }
    }

    /// Whether both are of one cluster, as far as that can be told.
    pub(super) fn same_cluster(&self, related: bool) -> Option<bool> {
        match (&self.from.identity, &self.to.identity) {
            _ if self.one => Some(true),
            (Some(from), Some(to)) => Some(from == to),
            _ => related.then_some(true),
        }
    }

    /// What has to be known to read the answer right.
    pub(super) fn notes(&self, related: bool, tally: &Tally) -> Vec<String> {
        let mut notes = Vec::new();
        let (from, to) = (&self.from, &self.to);
        match (self.same_cluster(related), &from.identity, &to.identity) {
            (Some(true), ..) => {}
            (_, Some(a), Some(b)) => notes.push(format!(
                "not the same cluster: kube-system has the uid {a} in {} and {b} in {}",
                from.path, to.path
            )),
            (_, None, None) => {
                notes.push("the two have no record in common: they may be of different clusters".to_owned());
            }
            _ => notes.push(
                "only one of the two holds a Namespace kube-system: they may be of different clusters".to_owned(),
            ),
        }
        let (older, newer) = if self.newer() == Newer::From { (to, from) } else { (from, to) };
        if !self.one && newer.compacted > older.head && self.same_cluster(related) == Some(true) {
            notes.push(format!(
                "what was made and deleted again between the revisions {} and {} does not show, and {} is compacted there: no history tells it",
                older.head, newer.compacted, newer.path
            ));
        }
        for side in [from, to] {
            if side.damaged {
                let (gone, come) =
                    if std::ptr::eq(side, to) { ("removed", tally.removed) } else { ("added", tally.added) };
                notes.push(format!(
                    "{} is damaged: what could be read of it is compared, and the {come} objects told as {gone} may only be lost there",
                    side.path
                ));
            }
            if self.one {
                break;
            }
        }
        if tally.not_comparable > 0 {
            let open = if tally.sealed { ": --encryption-config and --kms-keys open what is encrypted" } else { "" };
            notes.push(format!("{} objects could not be compared{open}", tally.not_comparable));
        }
        notes
    }
}
