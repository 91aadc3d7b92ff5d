//! What a restore of a backup would do to the cluster as it is now: what comes back, disappears and is rolled back, and
//! what is dangerous about that.
//!
//! ```text
//! BACKUP ── Inventory ─┐
//!                      ├─ Impact: counts by kind, and the Dangers that the rules find
//! NOW ───── Inventory ─┘   NOW is a later snapshot, a data directory, or what `kubectl get -o json|yaml` printed
//! ```

mod danger;
mod inventory;
mod kinds;
mod list;
mod rules;

use std::{cmp::Ordering, collections::BTreeMap};

use serde::Serialize;

pub use self::danger::{Danger, NotJudged, Rule, Subject};
pub use self::inventory::{Id, Inventory};
pub use self::list::{lists, read};
use crate::{Error, Result};
use kinds::LEASE;

/// What a restore would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Impact<'i> {
    /// The backup, as it was named.
    pub backup: &'i str,
    /// The revision that is restored.
    pub backup_revision: i64,
    /// The cluster now, as it was named.
    pub now: &'i str,
    /// The last revision of the cluster now; of a list of kubectl the highest that is in it.
    pub now_revision: i64,
    /// Counts by kind, of the kinds that change.
    pub kinds: BTreeMap<String, Counts>,
    /// What is dangerous, by code.
    pub dangers: Vec<Danger<'i>>,
    /// Rules that could not be applied.
    pub not_judged: Vec<NotJudged>,
    /// The one namespace that NOW has objects of, where the backup has objects of these kinds in others.
    pub only_namespace: Option<String>,
    /// Number of encrypted objects that the rules look at and that no key opens.
    pub sealed: u64,
    /// Number of objects that the rules look at and that could not be read for another reason.
    pub unread: u64,
}

/// What happens to the objects of a kind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Number of objects that were deleted since.
    pub comes_back: u64,
    /// Number of objects that were made since.
    pub disappears: u64,
    /// Number of objects that were changed since, or made again under the same name.
    pub rolls_back: u64,
}

impl<'i> Impact<'i> {
    /// Compares the two; with `force`, also when they are not of one cluster, or NOW is the older one.
    ///
    /// # Errors
    /// When they are not of one cluster, or NOW is older.
    pub fn of(backup: &'i Inventory<'i>, now: &'i Inventory<'i>, force: bool) -> Result<Self> {
        if !force {
            check(backup, now)?;
        }
        Ok(Self {
            backup: &backup.name,
            backup_revision: backup.revision,
            now: &now.name,
            now_revision: now.revision,
            kinds: counts(backup, now),
            dangers: rules::dangers(backup, now),
            not_judged: rules::not_judged(backup, now),
            only_namespace: list::only_namespace(backup, now),
            sealed: backup.unopened.saturating_add(now.unopened),
            unread: backup.unread.saturating_add(now.unread),
        })
    }

    /// Whether nothing is dangerous, and everything was judged.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.dangers.is_empty() && self.not_judged.is_empty() && self.only_namespace.is_none() && self.unread == 0
    }
}

/// Counts the objects that change, but for Leases: these change all the time.
fn counts(backup: &Inventory<'_>, now: &Inventory<'_>) -> BTreeMap<String, Counts> {
    let mut kinds: BTreeMap<String, Counts> = BTreeMap::new();
    let mut count = |id: &Id<'_>, which: fn(&mut Counts) -> &mut u64| {
        let number = which(kinds.entry(id.kind.to_string()).or_default());
        *number = number.saturating_add(1);
    };
    for (id, known) in backup.all().filter(|(id, _)| &*id.kind != LEASE && now.has(&id.kind)) {
        match now.get(id) {
            None => count(id, |of| &mut of.comes_back),
            Some(other) if !backup.is_unchanged(known, now, other) => count(id, |of| &mut of.rolls_back),
            Some(_) => {}
        }
    }
    for (id, _) in now.all().filter(|(id, _)| &*id.kind != LEASE && backup.get(id).is_none()) {
        count(id, |of| &mut of.disappears);
    }
    kinds
}

/// Checks that NOW is a later state of the cluster of the backup.
fn check(backup: &Inventory<'_>, now: &Inventory<'_>) -> Result<()> {
    let refused = |what: String| Err(Error::refused(what).hinted("--force compares them nevertheless"));
    let (name, of) = (&now.name, &backup.name);
    match backup.identity.as_ref().zip(now.identity.as_ref()) {
        Some((a, b)) if a != b => {
            return refused(format!(
                "{name} is of another cluster: kube-system has the uid {b} in it, and {a} in {of}"
            ));
        }
        None if !shares_an_object(backup, now) => {
            return refused(format!("{name} may be of another cluster than {of}: no object has the same uid in both"));
        }
        _ => {}
    }
    if age(backup, now) == Ordering::Less {
        return refused(format!("{name} is older than {of}: NOW has to be the later one"));
    }
    Ok(())
}

fn shares_an_object(backup: &Inventory<'_>, now: &Inventory<'_>) -> bool {
    backup.all().any(|(id, known)| !known.uid.is_empty() && now.get(id).is_some_and(|now| now.uid == known.uid))
}

/// Whether NOW is later than the backup, or earlier. A list has no revision of its own: those of its objects decide.
fn age(backup: &Inventory<'_>, now: &Inventory<'_>) -> Ordering {
    if now.whole {
        return match (now.time, backup.time) {
            (Some(now), Some(then)) => now.cmp(&then),
            _ => now.revision.cmp(&backup.revision),
        };
    }
    let both = backup.all().filter_map(|(id, known)| Some((known, now.get(id)?)));
    let mut orders = both.filter(|(then, now)| then.uid == now.uid).map(|(then, now)| now.revision.cmp(&then.revision));
    let (mut later, mut earlier) = (false, false);
    orders.by_ref().for_each(|order| {
        later |= order == Ordering::Greater;
        earlier |= order == Ordering::Less;
    });
    if earlier && !later { Ordering::Less } else { Ordering::Greater }
}
