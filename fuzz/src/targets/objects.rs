//! One object among those of a cluster: tables, describe, export, differences, history. The first byte says which
//! object of kube.db the rest of the input replaces, and at the next revision.

use std::{convert::Infallible, sync::OnceLock};

use etcdsnap::{
    Findings,
    diff::{Detail, Diff, Document, Ignore, Relation, Tally, changes},
    etcd::{Revision, Snapshot},
    export::{Exporter, Options, Tally as Exported, sort},
    k8s::{ClusterInfo, Key, ManagedFields, Mask, Ring, Value},
    objects::{At, Cluster, Events, Family, Form, Query},
    print::{Clock, Listing},
    proto::Writer,
};

use super::database::{Buckets, build, items, parsed};

/// The last object of each resource in kube.db: key and record.
pub struct Base {
    buckets: Buckets,
    pub keys: Vec<(Vec<u8>, Vec<u8>)>,
    head: i64,
}

/// What an input changes.
pub fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| {
        let file = include_bytes!("../../../fixtures/kube.db");
        let image = &file[..file.len() - 32];
        let snapshot = Snapshot::open(image).unwrap();
        let cluster = Cluster::open(&snapshot, Ring::default(), At::Last).unwrap();
        let (mut keys, mut last): (Vec<(Vec<u8>, Vec<u8>)>, _) = (Vec::new(), None);
        for kv in cluster.view.iter().filter(|kv| kv.value.len() < 3000) {
            let key = Key::new(kv.key);
            let resource = key.object().map(|object| (object.group.clone(), object.resource.to_string()));
            if last.as_ref() != Some(&resource) {
                keys.push((kv.key.to_vec(), kv.value.to_vec()));
            }
            last = Some(resource);
        }
        let mut buckets = items(image, 0, 0);
        let records = buckets.entry(b"key".to_vec()).or_default();
        let mut head = 1;
        for (key, value) in &keys {
            head += 1;
            records.insert(Revision { main: head, sub: 0 }.to_bucket_key(false), record(key, head, head, value));
        }
        Base { buckets, keys, head }
    })
}

fn record(key: &[u8], created: i64, main: i64, value: &[u8]) -> Vec<u8> {
    let version = if created == main { 1 } else { 2 };
    let record = Writer::new().bytes(1, key).varint(2, created.cast_unsigned()).varint(3, main.cast_unsigned());
    record.varint(4, version).bytes(5, value).finish()
}

pub fn run(data: &[u8]) {
    let Some((which, value)) = data.split_first() else { return };
    let base = base();
    let which = usize::from(*which) % base.keys.len();
    let (key, created) = (&base.keys[which].0, 2 + i64::try_from(which).unwrap());
    let main = base.head + 1;
    let mut buckets = base.buckets.clone();
    let records = buckets.get_mut(&b"key"[..]).unwrap();
    records.insert(Revision { main, sub: 0 }.to_bucket_key(false), record(key, created, main, value));
    let image = build(&buckets);
    let Ok(snapshot) = Snapshot::open(&image) else { return };
    let open = |at| Cluster::open(&snapshot, Ring::default(), at).ok();
    let (Some(old), Some(new)) = (open(At::Revision(base.head)), open(At::Last)) else { return };
    listed(&new);
    compared(&snapshot, &old, &new);
    exported(&new);
    let _ = (ClusterInfo::of(&snapshot.survey()), new.identity(), new.newest(), new.now());
}

/// `get`, `describe`.
fn listed(cluster: &Cluster<'_>) {
    let Ok(found) = cluster.find(&Query::default()) else { return };
    let family = Family::of(cluster, &Mask::reveal());
    let clock = Clock(cluster.now());
    for listing in Listing::of(&found.selection, &found.objects, &cluster.resources) {
        let printer = listing.printer(&cluster.view, &cluster.ring);
        let mut events = Events::of(cluster);
        for kv in listing.found.into_iter().filter(|kv| kv.mod_revision == cluster.view.head) {
            let Ok(mut object) = cluster.object_with(kv, printer.managed_fields()) else { continue };
            object.as_served(kv.mod_revision);
            printer.row(&object.value, clock).into_iter().for_each(|cell| drop(cell.into_text()));
            let uid = object.value.at(&["metadata", "uid"]).and_then(Value::as_str).unwrap_or_default();
            let _ = (family.owners(uid), family.owned(uid), object.data_sizes());
            if object.kind() == "Node" {
                let allocation = cluster.allocation(&object);
                drop(allocation);
            }
            drop(events.about(&object));
        }
    }
}

/// `diff`, `timeline`.
fn compared<'a>(snapshot: &'a Snapshot<'a>, old: &Cluster<'a>, new: &Cluster<'a>) {
    let (mask, ignore) = (Mask::reveal(), Ignore::default());
    let diff = Diff { old, new, ignore: &ignore, mask: &mask, raw: false, managed_fields: ManagedFields::Keep };
    let relation = Relation::of(old, new);
    let (mut tally, mut out, mut document) = (Tally::default(), Vec::new(), Document::new(false, false, false));
    document.head(&mut out, &relation).unwrap();
    let common = diff.each(
        |_| true,
        |pair, entry| {
            tally.count(&entry);
            let _ = diff.patch(&pair);
            document.entry(&mut out, pair, &entry)
        },
    );
    let common = common.unwrap();
    let (notes, same) = (relation.notes(&common, &tally), relation.same_cluster(&common));
    let branches = relation.are_branches(&common);
    let states = diff.states(&relation, &mut tally);
    document.finish(&mut out, &diff, &states, &tally, (same, branches, &notes)).unwrap();
    parsed(&out);
    let detail = Diff { old: new, new, ..diff };
    let ended: Result<(), Infallible> = changes(
        snapshot,
        &mut Findings::default(),
        |_| true,
        |wave| {
            for change in wave.into_iter().filter(|change| change.record.revision.main == new.view.head) {
                let gap = new.clock().gap(change.record.revision.main);
                let detail = Detail::new(change, &detail, gap, false);
                let members = Value::Object(etcdsnap::k8s::Map::from_unsorted(detail.members()));
                parsed(members.to_json().as_bytes());
                let _ = (detail.revision(), detail.name(), detail.is_quiet(), detail.verb());
            }
            Ok(())
        },
    );
    assert!(ended.is_ok());
}

/// `export`.
fn exported(cluster: &Cluster<'_>) {
    let Ok(found) = cluster.find(&Query::default()) else { return };
    let mut objects = found.objects;
    sort(&mut objects);
    for wanted in [Options::default(), Options { all: true, reveal: true, exact: false }] {
        let exporter = Exporter::new(cluster, wanted, Mask::reveal()).naming(&objects, None);
        let objects: Vec<_> = objects.iter().filter(|kv| kv.mod_revision == cluster.view.head).copied().collect();
        let mut tally = Exported::default();
        let ended: Result<(), Infallible> = exporter.each(&objects, Form::Json, &mut tally, |_, made| {
            if let Ok(made) = made {
                parsed(&made.text);
            }
            Ok(())
        });
        assert!(ended.is_ok());
        tally.needs.iter().for_each(|need| drop(exporter.describe(need)));
    }
}
