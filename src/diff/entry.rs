//! The difference at one key.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    fields::{Field, Path, fields},
    ignore::{Ignore, Reason},
    pair::{Diff, Pair},
};
use crate::{
    etcd::KeyValue,
    k8s::{
        Key, Mask, Meta, Object, Stored, Undecodable, Value, decode, differing, is_bootstrap, is_encrypted, kind_in,
        resource_of,
    },
    objects::Cluster,
};

/// A reference to an object, or to a key that holds none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ref {
    /// `deployment.apps`, as kubectl writes it before a name; empty when it is no object.
    pub resource: String,
    /// `Deployment`.
    pub kind: String,
    /// `apps/v1`; empty where the value could not be read.
    pub api_version: String,
    /// The namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The key of etcd.
    pub key: Vec<u8>,
    /// The revision of the last write.
    pub mod_revision: i64,
    /// Size of the value in bytes.
    pub bytes: usize,
    /// Whether the value is stored encrypted.
    pub encrypted: bool,
}

/// The difference at one key.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference<'a> {
    /// The key is only on the new side.
    Added,
    /// The key is only on the old side.
    Removed,
    /// The object has the same name and another uid: it was created again. The other fields that differ.
    Replaced(Vec<Field<'a>>),
    /// The fields that differ.
    Changed(Vec<Field<'a>>),
    /// The value is no object, and its bytes differ; they are set when they may be shown.
    Bytes {
        /// The old bytes.
        old: Option<Cow<'a, [u8]>>,
        /// The new bytes.
        new: Option<Cow<'a, [u8]>>,
    },
    /// Only ignored fields differ.
    Ignored,
    /// One of the sides could not be read; the reason.
    NotComparable(Undecodable),
}

/// The difference at one key.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// The old side, if there is one.
    pub old: Option<Ref>,
    /// The new side, if there is one.
    pub new: Option<Ref>,
    /// The kind of difference.
    pub difference: Difference<'a>,
    /// Number of ignored fields by reason; 1 where the whole key is ignored.
    pub ignored: BTreeMap<Reason, u64>,
}

impl Entry<'_> {
    /// The new side, or else the old one.
    #[must_use]
    pub fn newest(&self) -> Option<&Ref> {
        self.new.as_ref().or(self.old.as_ref())
    }
}

/// Compares a pair. `decoded` is called with what differs of both objects, as it is stored, where it was decoded.
pub(super) fn compare<'a>(
    diff: &Diff<'_, 'a>,
    pair: &Pair<'a>,
    decoded: impl FnOnce(&Object<'a>, &Object<'a>),
) -> Option<Entry<'a>> {
    let key = Key::new(pair.key());
    let whole = if diff.raw { None } else { diff.ignore.key(&key) };
    let mut ignored: BTreeMap<_, _> = whole.map(|reason| (reason, 1)).into_iter().collect();
    let mut types = [None, None];
    let difference = match (pair.old, pair.new) {
        _ if whole.is_some() => Difference::Ignored,
        (Some(old), Some(new)) if diff.raw || is_bootstrap(old.key) => bytes(diff.mask, &key, &old, &new),
        (Some(old), Some(new)) => match objects(diff, &old, &new) {
            Ok(None) => return None,
            Ok(Some((mut a, mut b))) => {
                types = [type_of(&a), type_of(&b)].map(Some);
                decoded(&a, &b);
                a.as_served(old.mod_revision);
                b.as_served(new.mod_revision);
                let unknown = a.unknown != b.unknown;
                match of_objects(diff, &key, a, b, &mut ignored) {
                    None | Some(Difference::Ignored) if unknown => {
                        Difference::NotComparable(Undecodable::UnknownFields)
                    }
                    difference => difference?,
                }
            }
            Err(why) if why.is_sealed() => Difference::NotComparable(why),
            Err(_) if key.object().is_none() => bytes(diff.mask, &key, &old, &new),
            Err(why) => Difference::NotComparable(why),
        },
        (Some(_), None) => Difference::Removed,
        _ => Difference::Added,
    };
    let [old, new] = types;
    let reference =
        |side: &Cluster<'a>, kv: Option<KeyValue<'a>>, of| kv.map(|kv| reference(&kv, &key, side, diff, of));
    Some(Entry {
        old: reference(diff.old, pair.old, old),
        new: reference(diff.new, pair.new, new),
        difference,
        ignored,
    })
}

/// Compares two objects of one key; `None` when only their stored forms differ.
fn of_objects<'a>(
    diff: &Diff<'_, 'a>,
    key: &Key<'_>,
    mut a: Object<'a>,
    mut b: Object<'a>,
    ignored: &mut BTreeMap<Reason, u64>,
) -> Option<Difference<'a>> {
    let resource = key.object().map_or("", |object| object.resource.as_ref());
    let plain = if diff.mask.hides(key, &a) || diff.mask.hides(key, &b) {
        let plain = counting(fields(&a.value, &b.value), resource, diff.ignore, &mut BTreeMap::new());
        diff.mask.object(key, &mut a);
        diff.mask.object(key, &mut b);
        plain
    } else {
        Vec::new()
    };
    let mut fields = counting(fields(&a.value, &b.value), resource, diff.ignore, ignored);
    if fields.is_empty() {
        // two secrets may have one mask
        fields.extend(plain.into_iter().next().map(hidden));
    }
    match (uid(&a) == uid(&b), fields.is_empty()) {
        (false, _) => Some(Difference::Replaced(fields)),
        (true, false) => Some(Difference::Changed(fields)),
        (true, true) if ignored.is_empty() => None,
        (true, true) => Some(Difference::Ignored),
    }
}

/// `apiVersion` and `kind` of a decoded object, and nothing else.
fn type_of<'a>(object: &Object<'a>) -> Meta<'a> {
    let text = |name| match object.value.get(name) {
        Some(Value::Str(text)) => text.clone(),
        _ => Cow::default(),
    };
    Meta { api_version: text("apiVersion"), kind: text("kind"), ..Meta::default() }
}

/// A field with masked values and only the first name of its path: more could reveal the secret.
fn hidden(field: Field<'_>) -> Field<'static> {
    let masked = |value: Option<_>| value.map(|_: Value<'_>| Value::str("masked"));
    let path = field.path.0.into_iter().take(1).collect();
    Field { path: Path(path), old: masked(field.old), new: masked(field.new) }
}

/// Both objects as they are stored, where they differ ([`differing`]); `None` when their decrypted bytes are equal. A
/// value that is encrypted on one side is secret on both.
pub(super) fn objects<'a>(
    diff: &Diff<'_, 'a>,
    old: &KeyValue<'a>,
    new: &KeyValue<'a>,
) -> Result<Option<(Object<'a>, Object<'a>)>, Undecodable> {
    let (a, b) = (diff.old.ring.open(old.key, old.value)?, diff.new.ring.open(new.key, new.value)?);
    if a == b {
        return Ok(None);
    }
    let (mut a, mut b) = differing(a, b, diff.managed_fields)?;
    (a.encrypted, b.encrypted) = (a.encrypted || b.encrypted, a.encrypted || b.encrypted);
    Ok(Some((a, b)))
}

/// The fields that are not ignored; the others are counted by reason.
fn counting<'a>(
    mut fields: Vec<Field<'a>>,
    resource: &str,
    ignore: &Ignore,
    ignored: &mut BTreeMap<Reason, u64>,
) -> Vec<Field<'a>> {
    fields.retain(|field| match ignore.field(resource, &field.path) {
        Some(reason) => {
            let count = ignored.entry(reason).or_default();
            *count = count.saturating_add(1);
            false
        }
        None => true,
    });
    fields
}

fn uid<'o>(object: &'o Object<'_>) -> &'o str {
    object.value.at(&["metadata", "uid"]).and_then(Value::as_str).unwrap_or_default()
}

/// A difference in bytes. Bytes of objects are not shown: it is not known what is secret in them.
fn bytes<'a>(mask: &Mask, key: &Key<'_>, old: &KeyValue<'a>, new: &KeyValue<'a>) -> Difference<'a> {
    let shown = |kv: &KeyValue<'a>| {
        let plain = match Stored::new(kv.value) {
            Ok(Stored::Opaque) => true,
            Ok(Stored::Json(_)) => decode(kv.value).is_ok_and(|object| object.kind().is_empty()),
            _ => false,
        };
        (plain && matches!(key, Key::Other | Key::CompactRev | Key::Bootstrap(_))).then(|| mask.value(kv.key, kv.value))
    };
    Difference::Bytes { old: shown(old), new: shown(new) }
}

/// A side of a change. `decoded` is the type of the object where that was decoded; else it is read.
fn reference(
    kv: &KeyValue<'_>,
    key: &Key<'_>,
    side: &Cluster<'_>,
    diff: &Diff<'_, '_>,
    decoded: Option<Meta<'_>>,
) -> Ref {
    let opened = if decoded.is_none() { side.ring.open(kv.key, kv.value).ok() } else { None };
    let read = || opened.as_ref().and_then(|value| Meta::read_type(value).ok()).unwrap_or_default();
    let meta = decoded.unwrap_or_else(read);
    let mut of = Ref {
        key: diff.mask.key(kv.key).into_owned(),
        mod_revision: kv.mod_revision,
        bytes: kv.value.len(),
        encrypted: is_encrypted(kv.value),
        ..Ref::default()
    };
    if let Some(object) = key.object() {
        of.namespace = object.namespace.unwrap_or_default().to_owned();
        of.name = diff.mask.name(object).into_owned();
        let known = resource_of(key, &side.resources);
        of.resource = kind_in(known, key, &meta);
        of.kind = known.map_or_else(|| meta.kind.to_string(), |resource| resource.kind.to_string());
    }
    of.api_version = meta.api_version.into_owned();
    of
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Findings,
        diff::{Change, changes},
        etcd::{Load, Snapshot},
        k8s::{ManagedFields, Ring},
        objects::At,
        source::{Options, Source},
    };

    /// The fields that differ in two objects, with what is set when they are served.
    fn served<'a>(mut old: Object<'a>, mut new: Object<'a>, pair: &Pair<'a>) -> Vec<Field<'a>> {
        old.as_served(pair.old.unwrap().mod_revision);
        new.as_served(pair.new.unwrap().mod_revision);
        fields(&old.value, &new.value)
    }

    fn whole<'a>(cluster: &Cluster<'a>, kv: &KeyValue<'a>, managed_fields: ManagedFields) -> Object<'a> {
        cluster.ring.object_with(kv.key, kv.value, managed_fields).unwrap()
    }

    #[test]
    fn what_is_left_out_as_equal_changes_no_difference() {
        let (mut compared, mut smaller) = (0, 0);
        for fixture in ["kube.db", "kube-later.db"] {
            let source = Source::open(format!("fixtures/{fixture}").as_ref(), &Options::default()).unwrap();
            let snapshot = Snapshot::load(&source, &Load::default()).unwrap();
            let cluster = Cluster::open(&snapshot, Ring::default(), At::Last).unwrap();
            let (mask, ignore) = (Mask::reveal(), Ignore::default());
            let of = |managed_fields| Diff {
                old: &cluster,
                new: &cluster,
                ignore: &ignore,
                mask: &mask,
                raw: false,
                managed_fields,
            };
            let each = |wave: Vec<Change<'_>>| {
                for pair in wave.iter().map(Change::pair) {
                    let (Some(old), Some(new)) = (pair.old, pair.new) else { continue };
                    for managed_fields in [ManagedFields::Keep, ManagedFields::Hide] {
                        let Ok(Some((a, b))) = objects(&of(managed_fields), &old, &new) else { continue };
                        let whole = |kv| whole(&cluster, kv, managed_fields);
                        smaller += u32::from(a.value != whole(&old).value);
                        assert_eq!(served(a, b, &pair), served(whole(&old), whole(&new), &pair));
                        compared += 1;
                    }
                }
                Ok::<_, ()>(())
            };
            changes(&snapshot, &mut Findings::default(), |_| true, each).unwrap();
        }
        assert!(compared > 100 && smaller > 100, "{compared} {smaller}");
    }
}
