//! The program that wrote a version of an object (`metadata.managedFields`).
//!
//! An API server sets the time of a manager's entry whenever the manager adds or changes a field. It sets none for a
//! request to delete, a removal of fields only, the binding of a pod or a re-encryption: then the newest entry is
//! older.

use std::fmt;

use super::{Field, Path, Step, fields};
use crate::k8s::{Gap, Meta, Moment, Object, Value};

/// Limit on the bounds of a write, in seconds, for it to be matched with an entry's time: twice the longest request.
const TIED: i64 = 120;

/// The program that wrote a version, by the name that it gave itself; not a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// The name (`managedFields[].manager`).
    pub manager: String,
    /// Whether the program is known by ownership only: no time shows it, but it alone owns what was changed.
    pub by_ownership: bool,
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.by_ownership { " (by ownership)" } else { "" };
        write!(f, "{}{how}", self.manager)
    }
}

/// The writer of a version, by the times of its entries and those of the version before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stamped {
    /// Only the entry of this manager has a new time.
    By(String),
    /// Several entries have a new time.
    BySeveral,
    /// No entry has a new time. The fields that were added or changed.
    No(Vec<Path>),
}

impl Stamped {
    /// Compares two versions, of which what is equal may be left out.
    pub(super) fn of(old: &Object<'_>, new: &Object<'_>) -> Self {
        match newest(&restamped(Some(old), new)) {
            Some((_, Some(manager))) => Self::By(manager.to_owned()),
            Some((_, None)) => Self::BySeveral,
            None => {
                let changed = fields(&old.value, &new.value).into_iter().filter(counts);
                Self::No(changed.map(|field| field.path).collect())
            }
        }
    }
}

/// The writer of a version whose previous one is known: the manager whose entry has another time; else the one that
/// alone owns all that was changed. `None` where that is not certain. `read` reads the entries of the version.
pub(super) fn writer_of_change<'a>(stamped: Stamped, read: impl FnOnce() -> Option<Object<'a>>) -> Option<Writer> {
    match stamped {
        Stamped::By(manager) => Some(Writer { manager, by_ownership: false }),
        Stamped::BySeveral => None,
        Stamped::No(changed) if changed.is_empty() => None,
        Stamped::No(changed) => {
            let manager = owner(&changed, &read()?)?.to_owned();
            Some(Writer { manager, by_ownership: true })
        }
    }
}

/// The creator of an object.
pub(super) fn writer_of_creation(new: &Object<'_>) -> Option<Writer> {
    let (time, manager) = newest(&managed_fields(new).iter().collect::<Vec<_>>())?;
    // an object that was copied into etcd was changed before
    let created = Meta::tree(&new.value).created?.seconds;
    let manager = manager.filter(|_| time.seconds.abs_diff(created) <= 1)?;
    Some(Writer { manager: manager.to_owned(), by_ownership: false })
}

/// The writer of `new` where its previous version is not known, and `old` is an earlier one: the manager of the newest
/// time, if that is within `gap`, the only one in its second, newer than the creation and a request to delete, and
/// `gap` is narrow.
pub(super) fn writer_alone(old: Option<&Object<'_>>, new: &Object<'_>, gap: &Gap) -> Option<Writer> {
    let (time, manager) = newest(&managed_fields(new).iter().collect::<Vec<_>>())?;
    let (after, before) = (gap.after?.seconds, gap.before?.seconds);
    let meta = Meta::tree(&new.value);
    let others = [meta.created, meta.deleted, bound(new)];
    let is_last = others.iter().flatten().all(|other| other.seconds < time.seconds);
    let is_inside = after <= time.seconds && (0..=TIED).contains(&before.saturating_sub(time.seconds));
    let is_new = newest(&restamped(old, new)).is_some_and(|(newest, _)| newest == time);
    let manager = manager.filter(|_| is_last && is_inside && is_new)?;
    Some(Writer { manager: manager.to_owned(), by_ownership: false })
}

/// The entries that `old` does not have with the same time.
fn restamped<'o, 'a>(old: Option<&Object<'_>>, new: &'o Object<'a>) -> Vec<&'o Value<'a>> {
    let before = old.map_or(&[][..], managed_fields);
    let same = |a: &Value<'_>, b: &Value<'_>| {
        ["manager", "operation", "subresource", "time"].iter().all(|name| a.get(name) == b.get(name))
    };
    managed_fields(new).iter().filter(|entry| !before.iter().any(|old| same(old, entry))).collect()
}

fn managed_fields<'o, 'a>(object: &'o Object<'a>) -> &'o [Value<'a>] {
    object.value.at(&["metadata", "managedFields"]).and_then(Value::as_list).unwrap_or_default()
}

fn time(value: Option<&Value<'_>>) -> Option<Moment> {
    value.and_then(Value::as_str).and_then(Moment::parse)
}

/// The newest time of some entries, and its manager where it is the only one of that second.
fn newest<'o>(entries: &[&'o Value<'_>]) -> Option<(Moment, Option<&'o str>)> {
    let of = |entry: &&'o Value<'_>| Some((time(entry.get("time"))?, entry.get("manager")?.as_str()?));
    let newest = entries.iter().filter_map(of).map(|(time, _)| time).max()?;
    let mut managers = entries.iter().filter_map(of).filter(|(time, _)| time.seconds == newest.seconds);
    let manager = managers.next().map(|(_, manager)| manager);
    Some((newest, manager.filter(|first| managers.all(|(_, other)| other == *first))))
}

/// The time when a pod was bound to its node, which changes no entry.
fn bound(object: &Object<'_>) -> Option<Moment> {
    if object.kind() != "Pod" {
        return None;
    }
    let conditions = object.value.at(&["status", "conditions"])?.as_list()?;
    let is = |of: &Value<'_>, name, value| of.get(name).and_then(Value::as_str) == Some(value);
    let scheduled = conditions.iter().find(|of| is(of, "type", "PodScheduled") && is(of, "status", "True"))?;
    time(scheduled.get("lastTransitionTime"))
}

/// The manager that alone owns all that was added or changed. What is removed has no owner any more.
fn owner<'o>(changed: &[Path], new: &'o Object<'_>) -> Option<&'o str> {
    let entries = managed_fields(new);
    let mut owner = None;
    for path in changed {
        let owns = |entry: &&Value<'_>| entry.get("fieldsV1").is_some_and(|set| is_in(&path.0, set));
        let mut owners = entries.iter().filter(owns).filter_map(|entry| entry.get("manager")?.as_str());
        let first = owners.next()?;
        if owner.is_some_and(|owner| owner != first) || owners.any(|other| other != first) {
            return None;
        }
        owner = Some(first);
    }
    owner
}

/// Whether managers can own a field that was added or changed.
fn counts(field: &Field<'_>) -> bool {
    let removed = match (&field.old, &field.new) {
        (Some(Value::List(old)), Some(Value::List(new))) => new.iter().all(|item| old.contains(item)),
        (_, new) => new.is_none(),
    };

    let name = |at: usize| match field.path.0.get(at) {
        Some(Step::Name(name)) => name.as_str(),
        _ => "",
    };
    let unowned = name(0) == "metadata" && ["managedFields", "resourceVersion", "generation"].contains(&name(1));
    !removed && !unowned
}

/// Whether a path leads to a leaf of `set` (`fieldsV1`), or to something with leaves.
fn is_in(path: &[Step], set: &Value<'_>) -> bool {
    let Some((step, rest)) = path.split_first() else { return true };
    let Some(members) = set.as_object() else { return false };
    if members.iter().next().is_none() {
        return true;
    }
    match step {
        Step::Name(name) => set.get(&format!("f:{name}")).is_some_and(|inner| is_in(rest, inner)),
        Step::Item(item) => members.iter().any(|(key, inner)| is_item(key, item) && is_in(rest, inner)),
        Step::Index(_) | Step::Order => false,
    }
}

/// Whether `k:{"name":"web"}` is the item `name=web`.
fn is_item(key: &str, item: &str) -> bool {
    let Some(Ok(keys)) = key.strip_prefix("k:").map(serde_json::from_str::<serde_json::Map<_, _>>) else {
        return false;
    };
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut pairs = item.split(',').filter_map(|pair| pair.split_once('='));
    pairs.all(|(name, value)| keys.get(name).is_some_and(|have| text(have) == value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::decode;

    /// The writer of an object with these members of its metadata, written at second 10 to 12.
    fn alone(metadata: &str) -> Option<String> {
        let json = format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"creationTimestamp":"2026-11-21T02:00:01Z",{metadata}}}}}"#
        );
        let at = |seconds| Moment::parse(&format!("2026-11-21T02:00:{seconds}Z"));
        let gap = Gap { after: at(10), before: at(12) };
        Some(writer_alone(None, &decode(json.as_bytes()).unwrap(), &gap)?.manager)
    }

    #[test]
    fn a_writer_is_named_only_where_it_is_certain() {
        let entry = |name: &str, second: u8| {
            format!(r#"{{"manager":"{name}","operation":"Update","time":"2026-11-21T02:00:{second:02}Z"}}"#)
        };
        let entries = |entries: &[String]| format!(r#""managedFields":[{}]"#, entries.join(","));
        let (old, new) = (entry("a", 9), entry("b", 10));
        assert_eq!(alone(&entries(&[old.clone(), new.clone()])).as_deref(), Some("b"));
        // a tie, a time before the window, one after it, a request to delete since
        assert_eq!(alone(&entries(&[old.clone(), new.clone(), entry("c", 10)])), None);
        assert_eq!(alone(&entries(&[old])), None);
        assert_eq!(alone(&entries(&[new.clone(), entry("c", 13)])), None);
        let deleted = r#","deletionTimestamp":"2026-11-21T02:00:41Z","deletionGracePeriodSeconds":30"#;
        assert_eq!(alone(&format!("{}{deleted}", entries(&[new]))), None);
    }
}
