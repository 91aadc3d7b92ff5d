//! Damage to records, and to the items of the small buckets.

use super::model::{Model, one_of, revision_of};
use crate::common::random::Random;

/// Changes the content; `None` where there is nothing to change.
pub type Edit = fn(&mut Model, &mut Random) -> Option<()>;

const BUCKETS: [&str; 10] =
    ["alarm", "auth", "authRoles", "authUsers", "cluster", "key", "lease", "members", "members_removed", "meta"];

fn flip(bytes: &mut [u8], random: &mut Random) -> Option<()> {
    let at = random.next().checked_rem(bytes.len())?;
    bytes[at] ^= 1 << (random.next() % 8);
    Some(())
}

/// Any other number.
fn other(n: i64, random: &mut Random) -> i64 {
    match random.next() % 5 {
        0 => n + 1,
        1 => n - 1,
        2 => 0,
        3 => -n,
        _ => n ^ 1 << (random.next() % 40),
    }
}

fn is_put(_: etcdsnap::etcd::Revision, tombstone: bool, _: &super::model::Put) -> bool {
    !tombstone
}

/// Changes a field of a put, so that the record is another.
fn field(model: &mut Model, random: &mut Random, change: impl Fn(&mut super::model::Put, &mut Random)) -> Option<()> {
    let at = model.record(random, is_put)?;
    let before = model.put_at(&at);
    model.change(&at, |put| change(put, random));
    (model.put_at(&at) != before).then_some(())
}

/// The same, of a put above the compacted revision or of one that is not.
fn history(
    model: &mut Model,
    random: &mut Random,
    above: bool,
    change: impl Fn(&mut super::model::Put, &mut Random),
) -> Option<()> {
    let compacted = model.compacted();
    let at = model.record(random, |revision, tombstone, _| !tombstone && (revision.main > compacted) == above)?;
    let before = model.put_at(&at);
    model.change(&at, |put| change(put, random));
    (model.put_at(&at) != before).then_some(())
}

/// Changes a bit of the revision of a record.
fn moved(model: &mut Model, random: &mut Random, bytes: std::ops::Range<usize>) -> Option<()> {
    let at = model.record(random, |_, _, _| true)?;
    renamed(model, random, &at, bytes)
}

fn renamed(model: &mut Model, random: &mut Random, at: &[u8], bytes: std::ops::Range<usize>) -> Option<()> {
    let mut moved = at.to_vec();
    flip(&mut moved[bytes], random)?;
    let message = model.bucket("key").remove(at)?;
    model.bucket("key").insert(moved, message);
    Some(())
}

/// Changes a bit of the number that a record has in its transaction.
fn sub(model: &mut Model, random: &mut Random, above: bool) -> Option<()> {
    let compacted = model.compacted();
    let at = model.record(random, |revision, _, _| (revision.main > compacted) == above)?;
    renamed(model, random, &at, 14..17)
}

pub const RECORDS: &[(&str, Edit)] = &[
    ("a bit of a value", |model, random| {
        let at = model.record(random, |_, tombstone, put| !tombstone && !put.value.is_empty())?;
        model.change(&at, |put| flip(&mut put.value, random).unwrap());
        Some(())
    }),
    ("a value cut short", |model, random| {
        let at = model.record(random, |_, tombstone, put| !tombstone && !put.value.is_empty())?;
        model.change(&at, |put| put.value.truncate(random.next() % put.value.len()));
        Some(())
    }),
    ("a bit of the key of a put", |model, random| {
        field(model, random, |put, random| flip(&mut put.key, random).unwrap())
    }),
    ("the lease of a put", |model, random| {
        let leases: Vec<_> =
            model.bucket("lease").keys().map(|id| i64::from_be_bytes(id[..].try_into().unwrap())).collect();
        let lease = [leases, vec![0, 77]].concat();
        field(model, random, move |put, random| put.lease = one_of(&lease, random).unwrap())
    }),
    ("a create_revision above the compacted revision", |model, random| {
        history(model, random, true, |put, random| put.created = other(put.created, random))
    }),
    ("a version above the compacted revision", |model, random| {
        history(model, random, true, |put, random| put.version = other(put.version, random))
    }),
    ("both, as of a new key, above the compacted revision", |model, random| {
        history(model, random, true, |put, _| (put.created, put.version) = (put.modified, 1))
    }),
    ("a create_revision up to the compacted revision", |model, random| {
        history(model, random, false, |put, random| put.created = other(put.created, random))
    }),
    ("a version up to the compacted revision", |model, random| {
        history(model, random, false, |put, random| put.version = other(put.version, random))
    }),
    ("a mod_revision", |model, random| field(model, random, |put, random| put.modified = other(put.modified, random))),
    ("a put without its bytes", |model, random| {
        let at = model.record(random, is_put)?;
        model.bucket("key").insert(at, Vec::new());
        Some(())
    }),
    ("a tombstone without its bytes", |model, random| {
        let at = model.record(random, |_, tombstone, _| tombstone)?;
        model.bucket("key").insert(at, Vec::new());
        Some(())
    }),
    ("the key of a tombstone, now of another live key", |model, random| {
        let at = model.record(random, |_, tombstone, _| tombstone)?;
        let (revision, _) = revision_of(&at);
        let live = model.record(random, |of, tombstone, put| !tombstone && of < revision && put.key.len() > 2)?;
        let (key, before) = (model.put_at(&live).key, model.put_at(&at).key);
        model.change(&at, |put| put.key = key.clone());
        (key != before).then_some(())
    }),
    ("a bit of the key of a tombstone", |model, random| {
        let at = model.record(random, |_, tombstone, _| tombstone)?;
        model.change(&at, |put| flip(&mut put.key, random).unwrap());
        Some(())
    }),
    ("a put that becomes a tombstone", |model, random| {
        let at = model.record(random, is_put)?;
        let message = etcdsnap::etcd::tombstone(&model.put_at(&at).key);
        model.bucket("key").remove(&at);
        model.bucket("key").insert([&at[..], b"t"].concat(), message);
        Some(())
    }),
    ("a tombstone that becomes a put", |model, random| {
        let at = model.record(random, |_, tombstone, _| tombstone)?;
        let (revision, _) = revision_of(&at);
        let key = model.put_at(&at).key;
        let before = model.records(|of, tombstone, put| of < revision && !tombstone && put.key == key).pop()?;
        let mut put = model.put_at(&before);
        (put.modified, put.version) = (revision.main, put.version + 1);
        model.bucket("key").remove(&at);
        model.bucket("key").insert(at[..17].to_vec(), put.encode());
        Some(())
    }),
    ("a record lost above the compacted revision", |model, random| {
        let (compacted, last) = (model.compacted(), model.bucket("key").keys().next_back()?.clone());
        let last = revision_of(&last).0;
        let at = model.record(random, |revision, _, _| revision.main > compacted && revision.main < last.main)?;
        model.bucket("key").remove(&at).map(drop)
    }),
    ("a record lost up to the compacted revision", |model, random| {
        let compacted = model.compacted();
        let at = model.record(random, |revision, _, _| revision.main <= compacted)?;
        model.bucket("key").remove(&at).map(drop)
    }),
    ("the first revisions lost", |model, random| {
        let (compacted, first) = (model.compacted(), model.bucket("key").keys().next()?.clone());
        let from = revision_of(&first).0.main.max(compacted + 1) + 1 + i64::try_from(random.next() % 3).unwrap();
        model.bucket("key").retain(|at, _| revision_of(at).0.main >= from);
        Some(())
    }),
    ("the last revisions lost", |model, random| {
        let (compacted, last) = (model.compacted(), model.bucket("key").keys().next_back()?.clone());
        let first = revision_of(&last).0.main - i64::try_from(random.next() % 4).unwrap();
        model.bucket("key").retain(|at, _| revision_of(at).0.main < first);
        (first > compacted + 1).then_some(())
    }),
    ("a put added at the end", |model, random| {
        let at = model.record(random, is_put)?;
        let last = revision_of(model.bucket("key").keys().next_back()?).0.main + 1;
        let mut put = model.put_at(&at);
        put.key.push(b'+');
        (put.created, put.modified, put.version) = (last, last, 1);
        model.bucket("key").insert(etcdsnap::etcd::Revision::first(last).to_bucket_key(false), put.encode());
        Some(())
    }),
    ("a put added again at the end", |model, random| {
        let at = model.record(random, is_put)?;
        let last = revision_of(model.bucket("key").keys().next_back()?).0.main + 1;
        let mut put = model.put_at(&at);
        put.modified = last;
        model.bucket("key").insert(etcdsnap::etcd::Revision::first(last).to_bucket_key(false), put.encode());
        Some(())
    }),
    ("two records in each other's place", |model, random| {
        let (a, b) = (model.record(random, is_put)?, model.record(random, is_put)?);
        let (x, y) = (model.put_at(&a), model.put_at(&b));
        model.bucket("key").insert(a.clone(), y.encode());
        model.bucket("key").insert(b.clone(), x.encode());
        (a != b).then_some(())
    }),
    ("two records in each other's place, mod_revisions mended", |model, random| {
        let (a, b) = (model.record(random, is_put)?, model.record(random, is_put)?);
        let (mut x, mut y) = (model.put_at(&a), model.put_at(&b));
        std::mem::swap(&mut x.modified, &mut y.modified);
        model.bucket("key").insert(a.clone(), y.encode());
        model.bucket("key").insert(b.clone(), x.encode());
        (x.key != y.key).then_some(())
    }),
    ("a record twice, as put and as tombstone", |model, random| {
        let at = model.record(random, is_put)?;
        let message = etcdsnap::etcd::tombstone(&model.put_at(&at).key);
        model.bucket("key").insert([&at[..], b"t"].concat(), message);
        Some(())
    }),
    ("the main revision of a record", |model, random| moved(model, random, 5..8)),
    ("the sub of a record above the compacted revision", |model, random| sub(model, random, true)),
    ("the sub of a record up to the compacted revision", |model, random| sub(model, random, false)),
    ("a bit of a record", |model, random| {
        let at = model.record(random, |_, _, _| true)?;
        flip(model.bucket("key").get_mut(&at)?, random)
    }),
    ("bbolt's bucket flag on a record", |model, random| {
        let at = model.record(random, |_, _, _| true)?;
        model.flagged.insert(at);
        Some(())
    }),
];

/// One of the small buckets that has items.
fn small(model: &Model, random: &mut Random) -> Option<Vec<u8>> {
    let full = model.buckets.iter().filter(|(name, items)| *name != b"key" && !items.is_empty());
    one_of(&full.map(|(name, _)| name.clone()).collect::<Vec<_>>(), random)
}

fn item(model: &Model, bucket: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    one_of(&model.buckets[bucket].keys().cloned().collect::<Vec<_>>(), random)
}

/// Sets a field of a message to a number, after all fields that are there: the last one counts.
fn with(message: &[u8], field: u32, number: i64) -> Vec<u8> {
    [message, &etcdsnap::proto::Writer::new().varint(field, number.cast_unsigned()).finish()].concat()
}

pub const SMALL: &[(&str, Edit)] = &[
    ("a bucket lost", |model, random| model.buckets.remove(one_of(&BUCKETS, random)?.as_bytes()).map(drop)),
    ("a bucket renamed", |model, random| {
        let name = one_of(&BUCKETS, random)?;
        let items = model.buckets.remove(name.as_bytes())?;
        model.buckets.insert([name.as_bytes(), b"x"].concat(), items);
        Some(())
    }),
    ("a key in a bucket that etcd does not have", |model, _| {
        model.buckets.insert(b"other".to_vec(), [(b"a".to_vec(), b"b".to_vec())].into());
        Some(())
    }),
    ("an item of a small bucket lost", |model, random| {
        let bucket = small(model, random)?;
        let key = item(model, &bucket, random)?;
        model.buckets.get_mut(&bucket)?.remove(&key).map(drop)
    }),
    ("a bit of an item's key", |model, random| {
        let bucket = small(model, random)?;
        let key = item(model, &bucket, random)?;
        let mut flipped = key.clone();
        flip(&mut flipped, random)?;
        let items = model.buckets.get_mut(&bucket)?;
        let value = items.remove(&key)?;
        items.insert(flipped, value);
        Some(())
    }),
    ("a bit of an item's value", |model, random| {
        let bucket = small(model, random)?;
        let key = item(model, &bucket, random)?;
        flip(model.buckets.get_mut(&bucket)?.get_mut(&key)?, random)
    }),
    ("an item of a small bucket without its value", |model, random| {
        let bucket = small(model, random)?;
        let key = item(model, &bucket, random)?;
        let value = model.buckets.get_mut(&bucket)?.get_mut(&key)?;
        (!std::mem::take(value).is_empty()).then_some(())
    }),
    ("a user under another name", |model, random| {
        let users = model.bucket("authUsers");
        let name = one_of(&users.keys().cloned().collect::<Vec<_>>(), random)?;
        let user = users.remove(&name)?;
        users.insert([&name[..], b"x"].concat(), user);
        Some(())
    }),
    ("a role under another name", |model, random| {
        let roles = model.bucket("authRoles");
        let name = one_of(&roles.keys().cloned().collect::<Vec<_>>(), random)?;
        let role = roles.remove(&name)?;
        roles.insert([&name[..], b"x"].concat(), role);
        Some(())
    }),
    ("a lease with a negative or no TTL", |model, random| {
        let leases = model.bucket("lease");
        let id = one_of(&leases.keys().cloned().collect::<Vec<_>>(), random)?;
        let lease = with(&leases[&id], 2 + u32::from(random.next() % 2 == 0), -1 - i64::from(random.next() % 2 == 0));
        leases.insert(id, lease);
        Some(())
    }),
    ("a lease with another TTL", |model, random| {
        let leases = model.bucket("lease");
        let id = one_of(&leases.keys().cloned().collect::<Vec<_>>(), random)?;
        let lease = with(&leases[&id], 2, 1 << (random.next() % 30));
        leases.insert(id, lease);
        Some(())
    }),
    ("an alarm of no type, or not as etcd writes it", |model, random| {
        let alarm = etcdsnap::proto::Writer::new().varint(1, 0x1234);
        let alarm = match random.next() % 3 {
            0 => alarm.finish(),
            1 => alarm.varint(2, 0).finish(),
            _ => with(&alarm.varint(2, 1).finish(), 9, 1),
        };
        model.bucket("alarm").insert(alarm, Vec::new());
        Some(())
    }),
    ("an alarm that no member raised", |model, random| {
        let member = 1 + random.next() as u64;
        let alarm = etcdsnap::proto::Writer::new().varint(1, member).varint(2, 1).finish();
        model.bucket("alarm").insert(alarm, Vec::new());
        Some(())
    }),
    ("the compacted revision", |model, random| {
        let meta = model.bucket("meta");
        let name = one_of(&[&b"finishedCompactRev"[..], b"scheduledCompactRev"], random)?;
        let main = revision_of(meta.get(name)?).0.main;
        let other = etcdsnap::etcd::Revision::first(other(main, random).abs());
        meta.insert(name.to_vec(), other.to_bucket_key(false));
        (other.main != main).then_some(())
    }),
];
