//! Secrets are in no output but where they are asked for.

use crate::common::{
    Etcd, Peers, etcdsnap,
    log::{FIRST, Segment, request},
    made,
};
use etcdsnap::proto::Writer;

const BEFORE: &str = "fixtures/kube.db";
const AFTER: &str = "fixtures/kube-later.db";
const KEYS: [&str; 2] = ["--encryption-config", "fixtures/kube-later.yaml"];

/// What k3s bootstraps its servers with, as JSON and as anything.
#[test]
fn so_are_k3s_bootstrap_data() {
    let Some(peers) = Peers::find("so_are_k3s_bootstrap_data") else { return };
    let etcd = Etcd::start(&peers, "36");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("k3s.db").display().to_string();
    for n in ["1", "2"] {
        etcd.ctl(&["put", "/bootstrap/ab12", &format!("{{\"ServerCA\": \"s3cr3t-{n}\"}}")]);
        etcd.ctl(&["put", "/bootstrap/cd34", &format!("s3cr3t-{n}")]);
    }
    etcd.ctl(&["snapshot", "save", &file]);
    for output in ["text", "json", "yaml", "patch"] {
        for raw in [&[][..], &["--raw"]] {
            let found = run(&[&["diff", &file, "--rev", "3..5", "--all", "-o", output], raw].concat());
            assert!(!tells(&found) && (output == "patch" || found.contains("/bootstrap/ab12")), "{output}: {found}");
        }
    }
    for command in [
        &["history", &file, "--key", "/bootstrap/ab12", "--all"][..],
        &["history", &file, "--key", "/bootstrap/ab12", "--all", "-o", "json"],
        &["timeline", &file, "--all", "-o", "ndjson"],
    ] {
        let found = run(command);
        assert!(!tells(&found) && found.contains("/bootstrap/ab12") && found.contains("masked:"), "{found}");
    }
}

/// In the clear, and as base64 has it at each of the three places that it may begin at.
const WORDS: [&str; 4] = ["s3cr3t", "czNjcjN0", "MzY3IzdC", "zM2NyM3"];

fn run(args: &[&str]) -> String {
    let output = etcdsnap(args);
    // an encrypted value that was not searched
    let most = if args.first() == Some(&"grep") { 3 } else { 1 };
    assert!(output.status.code().unwrap() <= most, "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn tells(output: &str) -> bool {
    WORDS.iter().any(|word| output.contains(word))
}

#[test]
fn secrets_are_in_no_output_but_where_they_are_asked_for() {
    let secret = ["secret/plain-secret", "-n", "shop"];
    let map = ["configmap/web-cfg", "-n", "shop"];
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["status", BEFORE, AFTER],
        vec!["status", BEFORE, AFTER, "-o", "json"],
        vec!["verify", BEFORE, AFTER, "-o", "json"],
        vec!["hashkv", AFTER],
        vec!["members", AFTER],
        vec!["restore", AFTER, "--data-dir", "target/restored", "--member", "m1", "--dry-run"],
    ];
    for output in ["text", "json", "yaml", "patch"] {
        commands.push([&["diff", BEFORE, AFTER, "-o", output], &KEYS[..]].concat());
        commands.push([&["diff", BEFORE, AFTER, "--all", "-o", output], &KEYS[..]].concat());
        commands.push([&["diff", BEFORE, AFTER, "--raw", "-o", output], &KEYS[..]].concat());
        commands.push(vec!["diff", BEFORE, "--rev", "200..455", "--all", "-o", output]);
    }
    for object in [secret, map] {
        for output in ["text", "json"] {
            commands
                .push([&["history", AFTER, "--also", BEFORE, "--all", "-o", output], &object[..], &KEYS[..]].concat());
        }
        commands.push([&["describe", AFTER], &object[..], &KEYS[..]].concat());
    }
    for file in [BEFORE, AFTER] {
        for output in ["table", "ndjson"] {
            commands.push([&["timeline", file, "--all", "-o", output], &KEYS[..]].concat());
        }
        for pattern in ["3cr3", "e|MzY3|zNjc"] {
            commands.push([&["grep", pattern, file, "--all-revisions", "--free"], &KEYS[..]].concat());
            commands.push([&["grep", pattern, file, "-o", "ndjson"], &KEYS[..]].concat());
        }
        commands.push([&["export", file, "--to", "-"], &KEYS[..]].concat());
        commands.push([&["export", file, "--all", "--exact", "--to", "-"], &KEYS[..]].concat());
        commands.push([&["get", file], &KEYS[..]].concat());
        for output in ["wide", "name"] {
            commands.push([&["get", file, "secrets,configmaps", "-o", output], &KEYS[..]].concat());
        }
    }
    for command in &commands {
        let output = run(command);
        assert!(!output.is_empty() && !tells(&output), "{command:?}: {output}");
    }
    // where they are asked for, they are there: the words are right, and so are the files and keys
    for command in [
        [&["diff", BEFORE, AFTER, "--reveal"], &KEYS[..]].concat(),
        [&["history", AFTER, "--also", BEFORE, "--reveal"], &map[..], &KEYS[..]].concat(),
        [&["export", AFTER, "--reveal", "--to", "-"], &KEYS[..]].concat(),
        [&["get", AFTER, "-o", "yaml"], &secret[..], &KEYS[..]].concat(),
        vec!["kv", BEFORE, "/registry/secrets/shop/plain-secret"],
    ] {
        assert!(tells(&run(&command)), "{command:?}");
    }
}

/// The name of an OAuth token is the token, whatever request names it.
#[test]
fn tokens_are_masked_in_every_request() {
    let token = "/openshift.io/oauth/accesstokens/sha256~s3cr3t";
    let range = |end: &str| Writer::new().bytes(1, token.as_bytes()).bytes(2, end.as_bytes());
    let op = |field: u32, message: Writer| Writer::new().bytes(field, &message.finish());
    let end = format!("{token}\0");
    let compare = Writer::new().varint(1, 0).varint(2, 0).bytes(3, token.as_bytes()).bytes(64, end.as_bytes());
    let txn = Writer::new()
        .bytes(1, &compare.finish())
        .bytes(2, &op(1, range(&end)).finish())
        .bytes(2, &op(3, range(&end)).finish())
        .bytes(3, &op(2, range("value")).finish());
    let perm = Writer::new().varint(1, 0).bytes(2, token.as_bytes()).bytes(3, end.as_bytes());
    let grant = Writer::new().bytes(1, b"role").bytes(2, &perm.finish());
    let revoke = Writer::new().bytes(1, b"role").bytes(2, token.as_bytes()).bytes(3, end.as_bytes());
    let log = Segment::first()
        .entry(0, 1, 1, &request(3, range(&end)))
        .entry(0, 1, 2, &request(5, range(&end)))
        .entry(0, 1, 3, &request(6, txn))
        .entry(0, 1, 4, &request(1203, grant))
        .entry(0, 1, 5, &request(1204, revoke))
        .state(1, 5);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FIRST);
    std::fs::write(&file, log.bytes).unwrap();
    let file = file.to_str().unwrap();
    for output in ["table", "json", "ndjson"] {
        let found = run(&["wal", file, "-o", output]);
        assert!(!tells(&found) && found.contains("/openshift.io/oauth/accesstokens/masked:"), "{output}: {found}");
        assert!(tells(&run(&["wal", file, "-o", output, "--reveal"])), "{output}");
    }
}

/// Tokens that can be read, that cannot, and that are encrypted: no list, table, report or message has their names.
#[test]
fn names_of_tokens_are_masked_in_what_lists_objects() {
    let dir = tempfile::tempdir().unwrap();
    let (file, to) = (dir.path().join("tokens.db"), dir.path().join("out"));
    let json = |kind: &str, name: &str| {
        let meta = format!(r#"{{"name":"{name}","uid":"u-{kind}","creationTimestamp":"2026-11-21T02:00:00Z"}}"#);
        format!(r#"{{"apiVersion":"oauth.openshift.io/v1","kind":"{kind}","metadata":{meta},"userName":"anna"}}"#)
    };
    // the API server of OpenShift defines the kinds; here definitions do, so that they have a name on the command line
    let definition = |plural: &str, kind: &str| {
        let names = format!(r#"{{"plural":"{plural}","kind":"{kind}","singular":"{}"}}"#, kind.to_lowercase());
        let spec = format!(
            r#"{{"group":"oauth.openshift.io","scope":"Cluster","names":{names},"versions":[{{"name":"v1","served":true,"storage":true}}]}}"#
        );
        let meta = format!(r#"{{"name":"{plural}.oauth.openshift.io"}}"#);
        format!(
            r#"{{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{meta},"spec":{spec}}}"#
        )
    };
    let defined = "/registry/apiextensions.k8s.io/customresourcedefinitions/oauth";
    let (access, authorize) =
        (format!("{defined}accesstokens.oauth.openshift.io"), format!("{defined}authorizetokens.oauth.openshift.io"));
    made::snapshot(
        &file,
        &[
            (access.as_bytes(), definition("oauthaccesstokens", "OAuthAccessToken").into()),
            (authorize.as_bytes(), definition("oauthauthorizetokens", "OAuthAuthorizeToken").into()),
            (b"/openshift.io/oauth/accesstokens/sha256~s3cr3t-a", json("OAuthAccessToken", "sha256~s3cr3t-a").into()),
            (b"/openshift.io/oauth/accesstokens/sha256~s3cr3t-b", b"k8s:enc:aescbc:v1:k:x".into()),
            (b"/openshift.io/oauth/authorizetokens/s3cr3t-c", json("OAuthAuthorizeToken", "s3cr3t-c").into()),
            (b"/openshift.io/oauth/authorizetokens/s3cr3t-d", b"{".into()),
        ],
    );
    let (file, to) = (file.to_str().unwrap(), to.to_str().unwrap());
    let both = "oauthaccesstokens,oauthauthorizetokens";
    for args in [
        &["get", file][..],
        &["get", file, both],
        &["get", file, both, "-o", "wide", "--show-labels"],
        &["get", file, both, "-o", "name"],
        &["get", file, "oauthaccesstokens", "sha256~s3cr3t-a"],
        &["grep", "s3cr3t", file],
        &["grep", "s3cr3t", file, "--keys"],
        &["analyze", file, "--by", "name"],
        &["timeline", file, "--all"],
        &["timeline", file, "--all", "-o", "ndjson"],
        &["diff", file, "--rev", "1..7", "--all"],
        &["diff", file, "--rev", "1..7", "--all", "-o", "json"],
        &["diff", file, "--rev", "1..7", "--raw"],
        &["history", file, "--key", "/openshift.io/oauth/accesstokens/sha256~s3cr3t-a", "--all"],
        &["history", file, "--key", "/openshift.io/oauth/accesstokens/sha256~s3cr3t-a", "--all", "-o", "json"],
        &["describe", file, both],
        &["export", file, "--all", "--to", "-"],
        &["export", file, "--all", "--to", to],
    ] {
        let found = run(args);
        assert!(!tells(&found), "{args:?}: {found}");
        assert!(args[0] == "export" || found.contains("masked:"), "{args:?}: {found}");
    }
    let names = std::process::Command::new("grep").args(["-r", "-l", "", to]).output().unwrap().stdout;
    let inside = std::process::Command::new("grep").args(["-r", "s3cr3t", to]).output().unwrap().stdout;
    assert!(!tells(&String::from_utf8(names).unwrap()) && inside.is_empty());
    for args in [&["get", file][..], &["get", file, both], &["get", file, both, "-o", "name"]] {
        assert!(tells(&run(&[args, &["--reveal"]].concat())), "{args:?}");
    }
}

/// What names a token: an object that it owns, an Event about it, the permission of a role.
#[test]
fn names_of_tokens_are_masked_where_others_name_them() {
    const TOKEN: &str = "sha256~s3cr3t-a";
    let dir = tempfile::tempdir().unwrap();
    let object = |kind: &str, name: &str, more: &str, data: &str| {
        let meta = format!(r#"{{"name":"{name}","namespace":"a","uid":"u-{kind}"{more}}}"#);
        format!(r#"{{"apiVersion":"v1","kind":"{kind}","metadata":{meta}{data}}}"#).into_bytes()
    };
    let token = format!(
        r#"{{"apiVersion":"oauth.openshift.io/v1","kind":"OAuthAccessToken","metadata":{{"name":"{TOKEN}","uid":"u-token"}}}}"#
    );
    let owner = |version: &str| {
        let reference =
            format!(r#"{{"apiVersion":"{version}","kind":"OAuthAccessToken","name":"{TOKEN}","uid":"u-token"}}"#);
        format!(r#","ownerReferences":[{reference}]"#)
    };
    let about = format!(
        r#","involvedObject":{{"kind":"OAuthAccessToken","name":"{TOKEN}","uid":"u-token"}},"message":"{TOKEN} is used","reason":"Used","type":"Normal""#
    );
    let event = format!("{TOKEN}.17ab");
    let write = |name: &str, version: &str, end: &[u8]| {
        let image = made::image(&[
            (format!("/openshift.io/oauth/accesstokens/{TOKEN}").as_bytes(), token.clone().into()),
            (b"/registry/configmaps/a/m", object("ConfigMap", "m", &owner(version), "")),
            (format!("/registry/events/a/{event}").as_bytes(), object("Event", &event, "", &about)),
        ]);
        let key = b"/openshift.io/oauth/accesstokens/sha256~s3cr3t-a";
        let permission = Writer::new().varint(1, 2).bytes(2, key).bytes(3, end).finish();
        let role = Writer::new().bytes(1, b"r").bytes(2, &permission).finish();
        let mut buckets = crate::targets::items(&image, usize::MAX, usize::MAX);
        buckets.entry(b"authRoles".to_vec()).or_default().insert(b"r".to_vec(), role);
        let path = dir.path().join(name);
        std::fs::write(&path, crate::targets::build(&buckets)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let old = write("old.db", "v1", b"/openshift.io/oauth/accesstokens/sha256~s3cr3t-b");
    let new = write("new.db", "oauth.openshift.io/v1", b"/openshift.io/oauth/accesstokens/sha256~s3cr3t-c");
    let to = dir.path().join("out").display().to_string();
    let key_of_event = format!("/registry/events/a/{event}");
    let mut calls: Vec<Vec<&str>> = Vec::new();
    for output in ["text", "json", "yaml", "patch"] {
        calls.push(vec!["diff", &old, &new, "--all", "-o", output]);
        calls.push(vec!["diff", &old, "--rev", "1..4", "--all", "-o", output]);
    }
    for output in ["wide", "name", "table"] {
        let output = if output == "table" { &["--no-headers"][..] } else { &["-o", output] };
        calls.push([&["get", &old, "cm,events", "-A"], output].concat());
    }
    calls.extend([
        vec!["get", &old],
        vec!["describe", &old, "cm", "-n", "a"],
        vec!["describe", &old, "events", "-n", "a"],
        vec!["history", &old, "cm/m", "-n", "a", "--also", &new, "--all"],
        vec!["history", &old, "cm/m", "-n", "a", "--also", &new, "--all", "-o", "json"],
        vec!["history", &old, "--key", &key_of_event, "--all"],
        vec!["timeline", &old, "--all"],
        vec!["timeline", &old, "--all", "-o", "ndjson"],
        vec!["export", &old, "--all", "--to", "-"],
        vec!["export", &old, "--all", "--exact", "--to", &to],
    ]);
    for args in &calls {
        let output = etcdsnap(args.iter().copied());
        let found = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.code().unwrap() < 2 && !tells(&found), "{args:?}: {found}");
    }
    let inside = std::process::Command::new("grep").args(["-r", "s3cr3t", &to]).output().unwrap().stdout;
    assert!(inside.is_empty(), "{}", String::from_utf8_lossy(&inside));
    let described = run(&["describe", &old, "cm", "-n", "a"]);
    assert!(described.contains("/masked:"), "{described}");
    for args in [&["diff", &old, &new, "--all"][..], &["describe", &old, "cm", "-n", "a"], &["get", &old, "events"]] {
        assert!(tells(&run(&[args, &["--reveal"]].concat())), "{args:?}");
    }
}
