//! `status --quick` reads a few pages, and prints what `status` does.

use std::fs;

use serde_json::Value;

use crate::common::etcdsnap;

fn said(args: &[&str]) -> (i32, String, String) {
    let output = etcdsnap(args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn it_prints_what_status_does() {
    let mut files = 0;
    for entry in fs::read_dir("fixtures").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "db") {
            continue;
        }
        let file = path.to_str().unwrap();
        if path.ends_with("nested.db") {
            let (code, _, err) = said(&["status", "--quick", file]);
            assert!(code == 1 && err.contains("there is no bucket `key`: this is not an etcd backend"), "{err}");
            continue;
        }
        let json = |args: &[&str]| -> Value { serde_json::from_str(&said(args).1).unwrap() };
        let (quick, whole) = (json(&["status", "--quick", file, "-o", "json"]), json(&["status", file, "-o", "json"]));
        for field in ["path", "revision", "compactRevision", "totalSize", "fileSize", "version"] {
            assert_eq!(quick[field], whole[field], "{file}: {field}");
        }
        assert_eq!(quick["trailer"], whole["trailer"] != "absent", "{file}");
        files += 1;
    }
    assert!(files > 12, "{files}");
}

#[test]
fn what_it_cannot_tell_it_does_not_print() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let whole = fs::read("fixtures/kube.db").unwrap();
    // cut off; its last leaf and its root overwritten
    fs::write(at("cut.db"), &whole[..300_000]).unwrap();
    let (code, out, err) = said(&["status", "--quick", &at("cut.db"), "fixtures/kube.db"]);
    assert!(code == 1 && err.contains("cut short: 379936 of 679936 bytes are missing"), "{err}");
    assert!(!out.contains("cut.db") && out.contains("fixtures/kube.db"), "{out}");
    let mut broken = whole;
    broken[8192..].fill(0);
    fs::write(at("broken.db"), broken).unwrap();
    let (code, out, err) = said(&["status", "--quick", &at("broken.db")]);
    assert!(code == 1 && out.is_empty() && err.contains("another page is in its place"), "{out}{err}");

    fs::create_dir_all(at("m1/member/snap")).unwrap();
    fs::write(at("m1/member/snap/db"), "").unwrap();
    for (args, code, wanted) in [
        (&["fixtures/live-3.6.db.gz"][..], 2, "gzip cannot be read in parts"),
        (&["fixtures"], 2, "etcdsnap status fixtures\n"),
        (&["fixtures:kube.db"], 2, "etcdsnap status fixtures:kube.db\n"),
        (&[&at("m1")], 2, &format!("etcdsnap status --quick {}\n", at("m1/member/snap/db"))),
        (&["-"], 2, "standard input cannot be read in parts"),
        (&["README.md"], 1, "not an etcd snapshot"),
        (&["fixtures/kube.db", "--check"], 2, "cannot be used with"),
        (&["fixtures/kube.db", "--evidence", &at("record")], 2, "--quick reads parts"),
    ] {
        let found = said(&[&["status", "--quick"], args].concat());
        assert!(found.0 == code && found.1.is_empty() && found.2.contains(wanted), "{args:?}: {found:?}");
    }
}
