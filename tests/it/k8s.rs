//! Objects are printed as Kubernetes prints them: checked against its own golden files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::common::{Peers, etcdsnap, random::damaged_values};

use etcdsnap::k8s::{self, ManagedFields, Object, Release, Resources, Ring, Summary, Undecodable, Value, json, yaml};

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

/// Golden files that are wrong, or of kinds that their release has no longer, so nothing checks them there: one is no
/// JSON, one is another version as protobuf, and two were made in between, when `completionMode` was no pointer.
const STALE: [&str; 4] = [
    "core.v1.EphemeralContainers",
    "v0.23.17/HEAD/autoscaling.v2.HorizontalPodAutoscaler",
    "batch.v2alpha1.CronJob.after_roundtrip",
    "batch.v2alpha1.JobTemplate.after_roundtrip",
];

fn check(folder: &Path, release: Release) -> Tally {
    let mut tally = Tally::default();
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "pb"));
    files.retain(|p| !STALE.iter().any(|stale| p.ends_with(format!("{stale}.pb"))));
    files.sort();
    for pb in files {
        let name = pb.file_name().unwrap().to_string_lossy().into_owned();
        let stored = fs::read(&pb).unwrap();
        let object = Ring::default().object_of(release, b"", &stored, ManagedFields::Keep);
        let object = object.unwrap_or_else(|e| panic!("{name}: {e}"));
        if !object.known {
            tally.unknown.push(name);
            continue;
        }
        tally.surplus += usize::from(!object.unknown.is_empty());
        // what that release's Go makes of an older one's golden, without the fields that are gone; they are kept here
        let stem = name.trim_end_matches(".pb");
        let gone = folder.join(format!("{stem}.after_roundtrip.json")).exists();
        let names = [format!("{stem}.after_roundtrip"), stem.to_owned(), stem.replace(".after_roundtrip", "")];
        let wanted = |extension: &str| {
            let mut files = names.iter().map(|name| folder.join(format!("{name}.{extension}")));
            fs::read(files.find(|file| file.exists()).unwrap()).unwrap()
        };
        let want = wanted("json");
        let want = k8s::decode(&want).unwrap().value;
        let mut lines = Vec::new();
        yaml::write(&mut lines, &object.value);
        let want_lines = wanted("yaml");
        if !gone && lines != want_lines {
            tally.different.push(format!("{name} as YAML: {}", first_difference(&lines, &want_lines)));
        } else if line(&object.value) == line(&want) || gone && holds(&object.value, &want) {
            tally.same += 1;
        } else {
            tally.different.push(format!("{name}\n  have {}\n  want {}", line(&object.value), line(&want)));
        }
    }
    tally
}

/// The first line in which two texts differ.
fn first_difference(have: &[u8], want: &[u8]) -> String {
    let (have, want) = (String::from_utf8_lossy(have), String::from_utf8_lossy(want));
    format!("{:?}", have.lines().zip(want.lines()).find(|(have, want)| have != want))
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
    let tally = check(Path::new("fixtures/k8s"), Release::default());
    assert_eq!(tally.different, Vec::<String>::new());
    assert_eq!((tally.same, tally.unknown.len(), tally.surplus), (14, 0, 0));
}

/// Kinds that are sent and never stored: options, answers, requests.
const NEVER_STORED: [&str; 22] = [
    "APIGroup",
    "APIVersions",
    "CreateOptions",
    "DeleteOptions",
    "DeploymentRollback",
    "ExportOptions",
    "GetOptions",
    "JobTemplate",
    "ListOptions",
    "NodeProxyOptions",
    "PatchOptions",
    "PodAttachOptions",
    "PodExecOptions",
    "PodLogOptions",
    "PodPortForwardOptions",
    "PodProxyOptions",
    "ReplicationControllerDummy",
    "SerializedReference",
    "ServiceProxyOptions",
    "Status",
    "UpdateOptions",
    "WatchEvent",
];

#[test]
fn all_golden_objects_of_every_release() {
    let Some(peers) = Peers::find("all_golden_objects_of_every_release") else { return };
    let releases = fs::read_to_string("tools/kinds/releases.txt").unwrap();
    let (mut same, mut different) = (0, Vec::new());
    for version in releases.lines() {
        let root = peers.path("k8s-golden").join(version);
        let release = Release::new(version.split('.').nth(1).unwrap().parse().unwrap());
        let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
        // those of 1.14 and 1.15 have managedFields of another shape, which was in alpha
        folders.retain(|p| p.is_dir() && !["v1.14.0", "v1.15.0"].iter().any(|old| p.ends_with(old)));
        for folder in folders {
            let tally = check(&folder, release);
            let place = folder.display();
            different.extend(tally.different.into_iter().map(|what| format!("{place}: {what}")));
            assert!(tally.same > 100, "{place}: {}", tally.same);
            assert!(tally.surplus == 0, "{place}: {} with unknown fields", tally.surplus);
            same += tally.same;
            for name in tally.unknown {
                let kind = name.trim_end_matches(".pb").trim_end_matches(".after_roundtrip").rsplit('.').next();
                if !NEVER_STORED.contains(&kind.unwrap()) {
                    different.push(format!("{place}: {name} is of an unknown kind"));
                }
            }
        }
    }
    assert_eq!(different, Vec::<String>::new());
    println!("{same} objects of {} releases", releases.lines().count());
    assert!(releases.lines().filter(|version| !version.contains('-')).count() >= 22);
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
            println!("YAML {} {}", object.kind(), first_difference(&lines, want_yaml));
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

/// A copy of `fixtures/kube.db` whose owners by `apps/v1` have it in a field that OwnerReference never had.
fn with_an_unknown_field(dir: &Path, version: &[u8; 2]) -> PathBuf {
    let mut image = fs::read("fixtures/kube.db").unwrap();
    let at: Vec<usize> =
        image.windows(9).enumerate().filter(|(_, w)| *w == b"\x2a\x07apps/v1").map(|(at, _)| at).collect();
    for at in at {
        image[at] = 0x12;
        image[at + 7..at + 9].copy_from_slice(version);
    }
    let file = dir.join(format!("{}.db", String::from_utf8_lossy(version)));
    fs::write(&file, image).unwrap();
    file
}

#[test]
fn unknown_fields_are_reported_once_for_each_resource() {
    let dir = tempfile::tempdir().unwrap();
    let file = with_an_unknown_field(dir.path(), b"v1");
    let calls: [&[&str]; 5] = [
        &["get", "pods,replicasets", "-A"],
        &["get", "pods,replicasets", "-A", "-o", "json"],
        &["get", "pods,replicasets", "-A", "-o", "jsonpath={.items[*].metadata.name}"],
        &["describe", "pods,replicasets"],
        &["export", "pods,replicasets", "--all", "--to", "-"],
    ];
    for args in calls {
        let args: Vec<&str> = args[..1].iter().chain([&file.to_str().unwrap()]).chain(&args[1..]).copied().collect();
        let out = etcdsnap(&args);
        let said = String::from_utf8(out.stderr).unwrap();
        let warnings: Vec<_> = said.lines().filter(|line| line.contains("does not know")).collect();
        let fields = "have fields that this version does not know: metadata.ownerReferences field 2";
        let pods = format!("warning: 6 pods {fields}");
        let web = format!("warning: /registry/replicasets/shop/web-546f5ff66b {}", fields.replace("have ", "has "));
        assert_eq!(warnings, [pods, web], "{args:?}\n{said}");
    }
}

#[test]
fn what_differs_in_unknown_fields_only_is_not_called_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let [old, new] = [b"v1", b"v2"].map(|version| with_an_unknown_field(dir.path(), version));
    let out = etcdsnap([Path::new("diff"), &old, &new]);
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.contains("? replicaset.apps/web-546f5ff66b"), "{said}");
    assert_eq!(said.matches("only fields that this version does not know differ").count(), 9, "{said}");
    assert_ne!(out.status.code(), Some(0));
    let out = etcdsnap([Path::new("diff"), &old, &old]);
    assert_eq!(out.status.code(), Some(0));
}

#[test]
fn what_releases_had_for_a_while_is_known() {
    let meta = |number: u8, text: &str| [&[number << 3 | 2, text.len() as u8], text.as_bytes()].concat();
    let object = |api_version: &str, kind: &str, raw: &[u8]| {
        let type_meta = [meta(1, api_version), meta(2, kind)].concat();
        let text = |data: &[u8]| String::from_utf8(data.to_vec()).unwrap();
        [b"k8s\0".to_vec(), meta(1, &text(&type_meta)), meta(2, &text(raw))].concat()
    };
    let show = |release, stored: &[u8]| {
        let object = Ring::default().object_of(Release::new(release), b"", stored, ManagedFields::Keep).unwrap();
        assert!(object.known && object.unknown.is_empty(), "{object:?}");
        line(&object.value)
    };
    // of 1.20 in ObjectMeta, of 1.19 and 1.36 as kinds
    let named = meta(1, &String::from_utf8([meta(1, "a"), meta(15, "east")].concat()).unwrap());
    for (api_version, kind) in [("settings.k8s.io/v1alpha1", "PodPreset"), ("scheduling.k8s.io/v1alpha2", "PodGroup")] {
        assert!(show(37, &object(api_version, kind, &named)).contains(r#""clusterName":"east""#), "{kind}");
    }
    // what is printed though it is empty
    let pod = object("v1", "PodTemplate", &[meta(1, "\u{a}\u{1}a"), meta(2, "\u{a}\u{2}\u{42}\u{0}")].concat());
    let template = |text: &str| format!(r#"{{"apiVersion":"v1","kind":"PodTemplate","metadata":{text}}}"#);
    let spec = r#""spec":{"containers":null}"#;
    let (old, new) = (show(33, &pod), show(34, &pod));
    assert_eq!(new, template(&format!(r#"{{"name":"a"}},"template":{{"metadata":{{}},{spec}}}"#)));
    let null = r#"{"creationTimestamp":null,"name":"a"},"template":{"metadata":{"creationTimestamp":null},"#;
    assert_eq!(old, template(&format!("{null}{spec}}}")));
}
