//! Volumes and their disks.

use std::collections::BTreeMap;

use super::{
    super::{
        danger::Subject,
        inventory::{Id, Inventory, KnownObject},
        kinds::{ATTACHMENT, VOLUME},
    },
    sides::{Sides, then_and_now},
};

/// Members of a volume's spec that can name its disk.
const DISKS: [(&str, &str); 9] = [
    ("csi", "volumeHandle"),
    ("awsElasticBlockStore", "volumeID"),
    ("azureDisk", "diskURI"),
    ("cinder", "volumeID"),
    ("gcePersistentDisk", "pdName"),
    ("hostPath", "path"),
    ("local", "path"),
    ("nfs", "path"),
    ("vsphereVolume", "volumePath"),
];

/// The name of the disk, empty when it is not known.
fn disk<'i>(known: &'i KnownObject<'_>) -> &'i str {
    DISKS.iter().map(|(source, name)| known.text(&["spec", source, name])).find(|disk| !disk.is_empty()).unwrap_or("")
}

/// The claim as NAMESPACE/NAME, empty when there is none.
fn claim(known: &KnownObject<'_>) -> String {
    let part = |name: &str| known.text(&["spec", "claimRef", name]);
    if part("name").is_empty() { String::new() } else { format!("{}/{}", part("namespace"), part("name")) }
}

fn subject<'i>((id, known): (&Id<'i>, &KnownObject<'_>)) -> Subject<'i> {
    let named = |what: &str, text: &str| if text.is_empty() { String::new() } else { format!("{what} {text}") };
    let policy = known.text(&["spec", "persistentVolumeReclaimPolicy"]);
    let details = [named("claim", &claim(known)), named("reclaim policy", policy), named("disk", disk(known))];
    Subject::new(id, &details)
}

/// Whether a volume of the same name has the same disk: then only the object was made again.
fn has_disk<'i>(inventory: &'i Inventory<'i>, id: &Id<'i>, known: &KnownObject<'_>) -> bool {
    let source = |of: &KnownObject<'_>| DISKS.iter().find_map(|(source, _)| of.at(&["spec", source]).cloned());
    source(known).is_some_and(|disk| inventory.get(id).and_then(source) == Some(disk))
}

pub(super) fn deleted(sides: Sides<'_>) -> Vec<Subject<'_>> {
    sides.back(VOLUME).filter(|(id, known)| !has_disk(sides.now, id, known)).map(subject).collect()
}

pub(super) fn unowned(sides: Sides<'_>) -> Vec<Subject<'_>> {
    sides.made(VOLUME).filter(|(id, known)| !has_disk(sides.backup, id, known)).map(subject).collect()
}

pub(super) fn claims(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let mut all = Vec::new();
    for (id, then, now) in sides.both(VOLUME) {
        let owner = |known: &KnownObject<'_>| (claim(known), known.text(&["spec", "claimRef", "uid"]).to_owned());
        let (a, b) = (owner(then), owner(now));
        if !b.0.is_empty() && a != b {
            let again = if a.0 == b.0 { "made again since" } else { "" };
            all.push(Subject::new(id, &[then_and_now(&a.0, &b.0), again.to_owned()]));
        }
    }
    all
}

/// The Nodes that each volume is attached to.
fn attachments<'i>(of: &'i Inventory<'i>) -> BTreeMap<&'i str, Vec<(&'i Id<'i>, &'i str)>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (id, known) in of.each(ATTACHMENT) {
        let volume = known.text(&["spec", "source", "persistentVolumeName"]);
        all.entry(volume).or_default().push((id, known.text(&["spec", "nodeName"])));
    }
    all
}

pub(super) fn attached(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let (then, now) = (attachments(sides.backup), attachments(sides.now));
    let mut all = Vec::new();
    for (volume, old) in then {
        let Some(new) = now.get(volume) else { continue };
        for (id, node) in old {
            // a volume that many may use is attached to the Node of then as well
            if new.iter().all(|(_, now)| *now != node) {
                let nodes: Vec<_> = new.iter().map(|(_, node)| *node).collect();
                all.push(Subject::new(id, &[format!("volume {volume}"), then_and_now(node, &nodes.join(" "))]));
            }
        }
    }
    all
}
