//! Objects are printed as Kubernetes prints them: checked against its own golden files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::common::{Peers, random::damaged_values};

use etcdsnap::k8s::{self, ManagedFields, Object, Resources, Ring, Summary, Undecodable, Value, json, yaml};

/// What a folder of golden files came to.
#[derive(Default, Debug)]
struct Tally {
    same: usize,
    /// Kinds that are not in the table: never stored, or removed while still alpha.
    unknown: Vec<String>,
    different: Vec<String>,
    /// Objects with fields that the table does not have; they may not differ otherwise.
    surplus: usize,
}

fn line(value: &Value<'_>) -> String {
    let mut out = Vec::new();
    json::compact(&mut out, value);
    String::from_utf8(out).unwrap()
}

fn check(folder: &Path) -> Tally {
    let mut tally = Tally::default();
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "pb"));
    files.sort();
    for pb in files {
        let name = pb.file_name().unwrap().to_string_lossy().into_owned();
        // what today's Go makes of an older release's golden, without the fields that are gone; they are kept here
        let after = pb.with_extension("after_roundtrip.json");
        let stored = fs::read(&pb).unwrap();
        let object = k8s::decode(&stored).unwrap_or_else(|e| panic!("{name}: {e}"));
        if !object.known {
            tally.unknown.push(name);
            continue;
        }
        tally.surplus += usize::from(!object.unknown.is_empty());
        let gone = after.exists();
        let want = fs::read(if gone { after } else { pb.with_extension("json") }).unwrap();
        let want = k8s::decode(&want).unwrap().value;
        let mut lines = Vec::new();
        yaml::write(&mut lines, &object.value);
        if !gone && lines != fs::read(pb.with_extension("yaml")).unwrap() {
            tally.different.push(format!("{name} as YAML\n{}", String::from_utf8_lossy(&lines)));
        } else if line(&object.value) == line(&want) || gone && holds(&object.value, &want) {
            tally.same += 1;
        } else {
            tally.different.push(format!("{name}\n  have {}\n  want {}", line(&object.value), line(&want)));
        }
    }
    tally
}

/// Whether `have` is `want`, and perhaps more.
fn holds(have: &Value<'_>, want: &Value<'_>) -> bool {
    match (have, want) {
        (Value::Object(have), Value::Object(want)) => {
            want.iter().all(|(name, want)| have.get(name).is_some_and(|have| holds(have, want)))
        }
        (Value::List(have), Value::List(want)) => {
            have.len() == want.len() && have.iter().zip(want).all(|(have, want)| holds(have, want))
        }
        _ => line(have) == line(want),
    }
}

#[test]
fn golden_objects_are_printed_as_go_prints_them() {
    let tally = check(Path::new("fixtures/k8s"));
    assert_eq!(tally.different, Vec::<String>::new());
    assert_eq!((tally.same, tally.unknown.len(), tally.surplus), (14, 0, 0));
}

/// Kinds that are sent and never stored: options, answers, requests.
const NEVER_STORED: [&str; 20] = [
    "apps.v1beta1.DeploymentRollback",
    "core.v1.APIGroup",
    "core.v1.APIVersions",
    "core.v1.CreateOptions",
    "core.v1.DeleteOptions",
    "core.v1.GetOptions",
    "core.v1.ListOptions",
    "core.v1.NodeProxyOptions",
    "core.v1.PatchOptions",
    "core.v1.PodAttachOptions",
    "core.v1.PodExecOptions",
    "core.v1.PodLogOptions",
    "core.v1.PodPortForwardOptions",
    "core.v1.PodProxyOptions",
    "core.v1.SerializedReference",
    "core.v1.ServiceProxyOptions",
    "core.v1.Status",
    "core.v1.UpdateOptions",
    "core.v1.WatchEvent",
    "extensions.v1beta1.DeploymentRollback",
];

/// Alpha kinds that a later release took out again, before any of the modules that the table is made of.
const GONE: [&str; 3] = [
    "certificates.k8s.io.v1alpha1.PodCertificateRequest",
    "scheduling.k8s.io.v1alpha2.PodGroup",
    "scheduling.k8s.io.v1alpha2.Workload",
];

#[test]
fn all_golden_objects_of_every_release() {
    let Some(peers) = Peers::find("all_golden_objects_of_every_release") else { return };
    let root = peers.path("k8s-testdata");
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
    folders.retain(|p| p.is_dir());
    assert!(folders.len() >= 5);
    for folder in folders {
        let tally = check(&folder);
        assert!(tally.different.is_empty(), "{}", tally.different.join("\n"));
        assert!(tally.same > 150, "{}: {}", folder.display(), tally.same);
        for name in tally.unknown {
            let kind = name.trim_end_matches(".pb").trim_end_matches(".after_roundtrip");
            assert!(NEVER_STORED.contains(&kind) || GONE.contains(&kind), "{}: {name}", folder.display());
        }
    }
}

/// A text of a record that `tools/kinds/random` wrote, and what follows it.
fn part(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = data.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}

/// go-yaml's order of names contradicts itself for odd ones, and it starts from Go's random order of maps.
fn in_any_order(yaml: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = yaml.split(|b| *b == b'\n').collect();
    lines.sort();
    lines
}

#[test]
fn random_objects_of_every_kind() {
    let Some(peers) = Peers::find("random_objects_of_every_kind") else { return };
    let data = fs::read(peers.path("k8s-random.bin")).unwrap();
    let (mut left, mut same, mut differ, mut differ_yaml, mut refused, mut disorder) = (data.as_slice(), 0, 0, 0, 0, 0);
    while let Some((pb, rest)) = part(left) {
        let (want, rest) = part(rest).unwrap();
        let (want_yaml, rest) = part(rest).unwrap();
        left = rest;
        let object = k8s::decode(pb).unwrap();
        let mut lines = Vec::new();
        yaml::write(&mut lines, &object.value);
        let have = line(&object.value);
        if !object.known || !object.unknown.is_empty() || have.as_bytes() != want {
            differ += 1;
            if differ < 4 {
                println!("JSON {}\n{have}\n{}", object.kind(), String::from_utf8_lossy(want));
            }
        } else if want_yaml.starts_with(b"error: ") {
            refused += 1;
        } else if lines != want_yaml && in_any_order(&lines) == in_any_order(want_yaml) {
            disorder += 1;
        } else if lines != want_yaml {
            differ_yaml += 1;
            let (have, want) = (String::from_utf8_lossy(&lines), String::from_utf8_lossy(want_yaml));
            let first = have.lines().zip(want.lines()).find(|(have, want)| have != want);
            println!("YAML {} {first:?}", object.kind());
        } else {
            same += 1;
        }
    }
    println!("{same} same, {differ} differ, {differ_yaml} differ in YAML only, {refused} that Go cannot write as YAML");
    println!("{disorder} with names that go-yaml orders now so, now otherwise");
    assert_eq!((differ, differ_yaml), (0, 0));
    assert!(same > 10_000, "{same}");
}

#[test]
fn what_is_no_object_is_named() {
    assert_eq!(k8s::decode(b"123"), Err(Undecodable::Opaque(3)));
    let sealed = k8s::decode(b"k8s:enc:secretbox:v1:sbx:\x00\x01").unwrap_err();
    assert_eq!(sealed.to_string(), "encrypted by secretbox (key sbx)");
}

/// Any bytes are decoded or refused, and what is decoded can be written.
fn survives(value: &[u8]) {
    let mut out = Vec::new();
    if let Ok(mut object) = k8s::decode(value) {
        object.as_served(1);
        json::pretty(&mut out, &object.value, 0);
        yaml::write(&mut out, &object.value);
    }
    let summary = Summary::new(b"/registry/ranges/x", value, &Resources::default());
    out.extend(summary.to_string().bytes());
}

#[test]
fn any_damage_to_a_value_is_survived() {
    damaged_values(300, |mut value, random| {
        let whole = value.len();
        if random.next() % 4 == 0 {
            value.truncate(random.next() % whole);
        }
        survives(&value);
        // the same bytes as CBOR, which has no fixture
        survives(&[&[0xd9, 0xd9, 0xf7], value.get(random.next() % whole..).unwrap_or_default()].concat());
    });
}

/// Takes out of an object's own managedFields what `mode` leaves out of protobuf.
fn without_managed_fields(mut object: Object<'_>, mode: ManagedFields) -> Object<'_> {
    let meta = object.value.as_object_mut().and_then(|root| root.get_mut("metadata"));
    if let Some(meta) = meta.and_then(Value::as_object_mut) {
        match meta.get_mut("managedFields") {
            Some(_) if mode == ManagedFields::Hide => drop(meta.remove("managedFields")),
            Some(Value::List(entries)) => entries.iter_mut().filter_map(Value::as_object_mut).for_each(|entry| {
                entry.remove("fieldsV1");
            }),
            _ => {}
        }
    }
    object.unknown.retain(|unknown| unknown.path != "metadata.managedFields.fieldsV1");
    object
}

#[test]
fn managed_fields_are_passed_over_where_kubectl_hides_them_and_nowhere_else() {
    let check = |value: &[u8]| {
        for mode in [ManagedFields::Hide, ManagedFields::Names] {
            let have = Ring::default().object_with(b"", value, mode);
            let want = k8s::decode(value).map(|object| without_managed_fields(object, mode));
            assert_eq!(have, want, "{mode:?}");
        }
    };
    for pb in fs::read_dir("fixtures/k8s").unwrap().map(|entry| entry.unwrap().path()) {
        if pb.extension().is_some_and(|e| e == "pb") {
            check(&fs::read(pb).unwrap());
        }
    }
    damaged_values(100, |value, _| {
        if value.starts_with(b"k8s\0") {
            check(&value);
        }
    });
}

#[test]
fn the_deepest_nesting_that_is_read_can_be_written() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = format!("{}1{}", open.repeat(399), close.repeat(399));
        survives(format!("{{\"x\":{nested}}}").as_bytes());
        assert!(k8s::decode(format!("{{\"x\":{nested}}}").as_bytes()).is_ok());
        let deeper = format!("{{\"x\":{}1{}}}", open.repeat(4000), close.repeat(4000));
        assert_eq!(k8s::decode(deeper.as_bytes()), Err(Undecodable::Deep));
    }
}
