//! Objects are printed as Kubernetes prints them: checked against its own golden files.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use etcdsnap::k8s::{self, Undecodable, Value, json, yaml};

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

#[test]
fn all_golden_objects_of_every_release() {
    let Some(root) = env::var_os("ETCDSNAP_K8S_TESTDATA") else {
        println!("skipped: ETCDSNAP_K8S_TESTDATA names no folder of golden objects");
        return;
    };
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
    folders.retain(|p| p.is_dir());
    folders.sort();
    for folder in folders {
        let tally = check(&folder);
        let (unknown, surplus) = (tally.unknown.len(), tally.surplus);
        println!(
            "{}: {} same, {unknown} of unknown kinds, {surplus} with surplus fields",
            folder.display(),
            tally.same
        );
        println!("  unknown: {}", tally.unknown.join(" "));
        assert!(tally.different.is_empty(), "{}", tally.different.join("\n"));
    }
}

#[test]
fn what_is_no_object_is_named() {
    assert_eq!(k8s::decode(b"123"), Err(Undecodable::Opaque(3)));
    let sealed = k8s::decode(b"k8s:enc:secretbox:v1:sbx:\x00\x01").unwrap_err();
    assert_eq!(sealed.to_string(), "encrypted by secretbox (key sbx)");
}
