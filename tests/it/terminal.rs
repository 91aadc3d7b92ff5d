//! On a terminal nothing in the input does anything but be seen: not in data, not in names, not in messages.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{Read as _, Seek as _, Write as _},
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::common::log::{FIRST, Segment, request};
use etcdsnap::{hash::Sha256, proto::Writer};
use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{OptionalActions, OutputModes, tcgetattr, tcsetattr},
};

/// A terminal: what is written to the second is read from the first.
pub fn terminal() -> (OwnedFd, OwnedFd) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let end = rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let mut modes = tcgetattr(&end).unwrap();
    modes.output_modes.remove(OutputModes::OPOST); // which makes \r\n of \n
    tcsetattr(&end, OptionalActions::Now, &modes).unwrap();
    (terminal, end)
}

/// What is on standard input: a value for `decode`.
const VALUE: &[u8] =
    b"{\"apiVersion\":\"v1\\u001b[2J\",\"kind\":\"\\u202e\",\"metadata\":{\"name\":\"\\u009b\\u061c\xc2\x9b\"}}";

fn input() -> Stdio {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(VALUE).unwrap();
    file.rewind().unwrap();
    file.into()
}

/// What `etcdsnap ARGS` prints on a terminal, on stdout and stderr together.
fn on_a_terminal(args: &[&OsStr]) -> Vec<u8> {
    let (terminal, end) = terminal();
    let mut child = Command::new(env!("CARGO_BIN_EXE_etcdsnap"))
        .args(args)
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdin(input())
        .stdout(end.try_clone().unwrap())
        .stderr(end)
        .spawn()
        .unwrap();
    let (mut terminal, mut seen, mut window) = (File::from(terminal), Vec::new(), [0; 4096]);
    // when nobody has the other end any more, reading it is an error
    while let Ok(n @ 1..) = terminal.read(&mut window) {
        seen.extend_from_slice(&window[..n]);
    }
    child.wait().unwrap();
    seen
}

/// The program's own colours.
const COLORS: [&str; 5] = ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[35m", "\x1b[0m"];

/// What is in `seen` that a terminal acts on, line feeds, tabs, colours and the line of progress apart.
fn acted_on(seen: &[u8]) -> Option<String> {
    let mut text = String::from_utf8(seen.to_vec()).expect("UTF-8 only").replace("\r\x1b[K", "");
    COLORS.iter().for_each(|color| text = text.replace(color, ""));
    let acts = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t') || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{61c}'
    };
    text.lines().find(|line| line.chars().any(acts)).map(|line| format!("{line:?}"))
}

/// Hostile text of `len` bytes; that for JSON has no characters that JSON has to escape.
fn hostile(len: usize, json: bool) -> String {
    let whole = if json { "\u{9b}31m\u{202e}\u{61c}\x7f" } else { "\x1b[7m\u{9b}\x07\r\u{202e}\u{61c}" };
    let mut text = String::new();
    whole.chars().for_each(|c| {
        if text.len() + c.len_utf8() <= len {
            text.push(c);
        }
    });
    let left = len - text.len();
    text + &"x".repeat(left)
}

/// A Kubernetes backup with hostile names, labels, annotations, values and Events, and how an object in it is called.
fn hostile_backup(dir: &Path) -> (PathBuf, String) {
    let mut db = fs::read("fixtures/kube.db").unwrap();
    for (old, json) in [
        ("web-cfg", false),
        ("listen 80;", false),
        ("root /srv;", false),
        ("rbac-defaults", false),
        ("no persistent volumes available", false),
        ("FailedBinding", false),
        ("kubectl-client-side-apply", true),
        ("kubernetes.io/bootstrapping", true),
        ("deployment.kubernetes.io/revision", true),
    ] {
        let new = hostile(old.len(), json);
        let places: Vec<_> =
            db.windows(old.len()).enumerate().filter(|(_, w)| *w == old.as_bytes()).map(|(at, _)| at).collect();
        assert!(!places.is_empty(), "{old} is in the fixture");
        places.iter().for_each(|at| db[*at..at + old.len()].copy_from_slice(new.as_bytes()));
    }
    let end = db.len() - 32;
    let mut sum = Sha256::default();
    sum.update(&db[..end]);
    let sum = sum.finish();
    db[end..].copy_from_slice(&sum);
    let path = dir.join(OsStr::from_bytes("kube\x1b[2J\u{9b}\u{202e}\n.db".as_bytes()));
    fs::write(&path, db).unwrap();
    (path, hostile(7, false))
}

fn hostile_member(dir: &Path) -> PathBuf {
    let text = hostile(40, false);
    let put = |key: &str| Writer::new().bytes(1, key.as_bytes()).bytes(2, text.as_bytes());
    let user = Writer::new().bytes(1, text.as_bytes());
    let context = format!(r#"{{"id":1,"name":"{}","peerURLs":["{}"]}}"#, hostile(30, true), r"\u001b[2J");
    let change = Writer::new().varint(1, 1).varint(2, 0).varint(3, 0xabc).bytes(4, context.as_bytes()).finish();
    let v2 = Writer::new().varint(1, 7).bytes(2, b"PUT").bytes(3, text.as_bytes()).bytes(4, text.as_bytes()).finish();
    let log = Segment::first()
        .entry(0, 1, 1, &request(4, put(&text)))
        .entry(0, 1, 2, &request(4, put(&format!("/registry/configmaps/{text}/{text}"))))
        .entry(0, 1, 3, &request(1100, user))
        .entry(1, 1, 4, &change)
        .entry(0, 1, 5, &v2)
        .state(1, 4);
    let wal = dir.join("hostile\x1b[2J/member/wal");
    fs::create_dir_all(&wal).unwrap();
    fs::create_dir_all(wal.with_file_name("snap")).unwrap();
    fs::write(wal.join(FIRST), log.bytes).unwrap();
    fs::write(wal.join("\x1b[2J\u{9b}.wal"), b"").unwrap();
    fs::write(wal.with_file_name("snap").join("\x1b]0;\x07.snap"), b"\x1b[2J").unwrap();
    dir.join("hostile\x1b[2J")
}

/// A member list with a hostile URL, which JSON escapes.
fn hostile_members(dir: &Path) -> PathBuf {
    let mut db = fs::read("fixtures/three-members.db").unwrap();
    let (old, new) = (&b"127.0.0.1:51011"[..], &b"\\u001b[2J\\u0007"[..]);
    assert_eq!(old.len(), new.len());
    let places: Vec<_> = db.windows(old.len()).enumerate().filter(|(_, w)| *w == old).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| db[*at..at + old.len()].copy_from_slice(new));
    let path = dir.join("members.db");
    fs::write(&path, db).unwrap();
    path
}

/// Archives and folders with hostile names, and a hostile file that records doubt, with calls that print of them.
fn hostile_containers(dir: &Path) -> Vec<(&'static str, Vec<OsString>)> {
    let db = fs::read("fixtures/small.db").unwrap();
    let name = |n: u8| [&b"\x1b[2J\xc2\x9b\xe2\x80\xae\xd8\x9c\nerror: x"[..], &[b'0' + n]].concat();
    let mut tar = tar::Builder::new(Vec::new());
    let folder = dir.join("folder\u{202e}");
    fs::create_dir(&folder).unwrap();
    for n in 0..2 {
        let mut header = tar::Header::new_gnu();
        header.set_size(db.len() as u64);
        tar.append_data(&mut header, OsStr::from_bytes(&name(n)), &db[..]).unwrap();
        fs::write(folder.join(OsStr::from_bytes(&name(n))), &db).unwrap();
    }
    let (two, doubtful) = (dir.join("two\x07.tar"), dir.join("doubtful\u{61c}.db"));
    fs::write(&two, tar.into_inner().unwrap()).unwrap();
    fs::write(&doubtful, &db).unwrap();
    let text = "\x1b[2J\u{9b}\u{202e}\u{61c}\nnewest good: x";
    let doubt = serde_json::json!({"source": text, "verdict": text, "findings": [text]});
    let mut beside = doubtful.clone().into_os_string();
    beside.push(".etcdsnap.json");
    fs::write(beside, doubt.to_string()).unwrap();
    let picked = |outer: &Path, n: u8| {
        let mut picked = outer.as_os_str().to_owned();
        picked.push(":");
        picked.push(OsStr::from_bytes(&name(n)));
        picked
    };
    let os = |path: &Path| path.as_os_str().to_owned();
    let out = || OsString::from("\x1b[2J/out");
    let evidence = OsString::from(dir.join("\x1b[2Jevidence"));
    vec![
        ("status", vec![os(&two)]),
        ("status", vec![os(&folder)]),
        ("status", vec![picked(&two, 0)]),
        ("status", vec![picked(&two, 9)]),
        ("status", vec![picked(&folder, 1)]),
        ("verify", vec![os(&two)]),
        ("verify", vec![os(&folder)]),
        ("verify", vec![os(&doubtful)]),
        ("verify", vec![os(&doubtful), "-o".into(), "json".into()]),
        ("restore", vec![os(&doubtful), "--data-dir".into(), out()]),
        ("export", vec![os(&doubtful), "--to".into(), out()]),
        ("status", vec![os(&doubtful), "--evidence".into(), evidence.clone()]),
        ("evidence", vec!["check".into(), evidence]),
    ]
}

/// A backup without its metas, and with a bucket of a hostile name, with calls that read what is left.
fn hostile_damage(dir: &Path, backup: &Path) -> Vec<(&'static str, Vec<OsString>)> {
    let mut db = fs::read(backup).unwrap();
    let (old, new) = (&b"lease"[..], &b"\x1b[2Jx"[..]);
    let places: Vec<_> = db.windows(5).enumerate().filter(|(_, w)| *w == old).map(|(at, _)| at).collect();
    places.iter().for_each(|at| db[*at..at + 5].copy_from_slice(new));
    let renamed = dir.join("renamed\x1b[2J.db");
    fs::write(&renamed, &db).unwrap();
    db[..8192].fill(0);
    let broken = dir.join("broken\x1b[2J.db");
    fs::write(&broken, &db).unwrap();
    let os = |path: &Path| path.as_os_str().to_owned();
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let mut calls = Vec::new();
    for file in [&renamed, &broken] {
        let n = calls.len();
        let to = dir.join(format!("saved{n}\u{9b}.db"));
        calls.extend([
            ("verify", vec![os(file)]),
            ("status", vec![os(file)]),
            ("salvage", vec![os(file), "--list".into()]),
            ("grep", vec!["listen|root|e".into(), os(file), "--free".into()]),
            ("salvage", vec![os(file), "--to".into(), os(&to)]),
            ("redact", vec![os(file), "--to".into(), os(&to.with_extension("redact.db")), "--skip-hash-check".into()]),
            ("defrag", vec![os(file), "--to".into(), os(&to.with_extension("defrag.db")), "--skip-hash-check".into()]),
            ("salvage", vec![os(file), "--to".into(), os(&to.with_extension("json.db")), "-o".into(), "json".into()]),
            ("verify", vec![os(&to)]),
        ]);
        let db = os(&dir.join("catalog\u{9b}.redb"));
        let catalog = |words: &[&OsStr]| {
            words.iter().map(|word| word.to_os_string()).chain([OsString::from("--db"), db.clone()]).collect()
        };
        for args in [
            &[OsStr::new("add"), file.as_os_str()][..],
            &["add".as_ref(), backup.as_os_str(), "-o".as_ref(), "json".as_ref()],
            &["ls".as_ref()],
            &["last".as_ref()],
            &["find".as_ref(), "cm".as_ref()],
            &["find".as_ref(), "cm/\x1b[2J".as_ref()],
            &["growth".as_ref()],
            &["rows".as_ref()],
            &["rows".as_ref(), "--backups".as_ref(), "--format".as_ref(), "csv".as_ref()],
            &["check".as_ref()],
            &["diff".as_ref(), "\x1b[2J".as_ref(), "b".as_ref()],
            &["prune".as_ref(), "--keep-last".as_ref(), "1".as_ref()],
        ] {
            calls.push(("catalog", catalog(args)));
        }
        for args in [["buckets"].as_slice(), &["pages"], &["check"], &["stats"], &["keys", "\x1b[2Jx"]] {
            let mut call = words(args);
            call.insert(1, os(file));
            calls.push(("bolt", call));
        }
    }
    calls
}

/// Checks that every command, and every one of `bolt`, is called.
#[track_caller]
fn assert_covers(calls: &[Vec<OsString>]) {
    for (of, other) in [(None, &["completions", "man", "help"][..]), (Some("bolt"), &["help"])] {
        let help = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(of).arg("--help").output().unwrap().stdout;
        let help = String::from_utf8(help).unwrap();
        let listed = help.lines().skip_while(|line| !line.ends_with("ommands:")).skip(1).take_while(|l| !l.is_empty());
        let names: Vec<_> = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
        assert!(names.len() > 5, "{help}");
        let called = |name: &str| match of {
            None => calls.iter().any(|call| call[0] == *name),
            Some(of) => calls.iter().any(|call| call[0] == *of && call[1] == *name),
        };
        let missing: Vec<_> = names.into_iter().filter(|n| !n.is_empty() && !other.contains(n) && !called(n)).collect();
        assert!(missing.is_empty(), "{missing:?} are not called");
    }
}

#[test]
fn nothing_in_the_input_reaches_a_terminal_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (backup, name) = hostile_backup(dir.path());
    let (member, members) = (hostile_member(dir.path()), hostile_members(dir.path()));
    let (backup, member, members) = (backup.as_os_str(), member.as_os_str(), members.as_os_str());
    let configmap = format!("cm/{name}");
    let calls: &[(&str, &[&str])] = &[
        ("status", &[]),
        ("status", &["-o", "json"]),
        ("verify", &[]),
        ("verify", &["-o", "json"]),
        ("hashkv", &[]),
        ("hashkv", &["\x1b[2J"]),
        ("members", &[]),
        ("kv", &[]),
        ("kv", &["-w", "json"]),
        ("kv", &["-w", "fields"]),
        ("kv", &["\x1b[2J"]),
        ("get", &[]),
        ("get", &["cm", "-n", "shop"]),
        ("get", &["cm", "-n", "\x1b[2J"]),
        ("get", &["events,clusterroles", "-o", "wide", "--show-labels"]),
        ("get", &["cm", "-n", "shop", "-o", "name"]),
        ("get", &["cm", "-n", "shop", "-o", "yaml"]),
        ("get", &["cm", "-n", "shop", "-o", "json"]),
        ("get", &["cm", "-n", "shop", "-o", "ndjson"]),
        ("get", &["clusterroles", "-o", "yaml", "--show-managed-fields"]),
        ("get", &["clusterroles", "-o", "json", "--show-managed-fields"]),
        (
            "get",
            &["cm", "-n", "shop", "-o", "jsonpath={.items[*].data}{.items[*].data.a\\.conf}{.items[*].metadata.name}"],
        ),
        ("get", &["cm", "-n", "shop", "-o", "jsonpath-as-json={.items[*].data}"]),
        ("get", &["cm", "-n", "shop", "-o", "custom-columns=NAME:.metadata.name,CONF:.data.a\\.conf,ALL:.data"]),
        ("get", &["cm", "\x1b[2J"]),
        ("get", &["\x1b[2J"]),
        ("describe", &[&configmap, "-n", "shop"]),
        ("describe", &["pvc", "-n", "shop"]),
        ("describe", &["clusterrole", "edit"]),
        ("describe", &["cm/\x1b[2J"]),
        ("history", &[&configmap, "-n", "shop"]),
        ("history", &[&configmap, "-n", "shop", "-o", "json"]),
        ("history", &["cm/\x1b[2J"]),
        ("analyze", &[]),
        ("analyze", &["--by", "name"]),
        ("analyze", &["--by", "manager", "-o", "json"]),
        ("report", &["--html", "-"]),
        ("timeline", &[]),
        ("timeline", &["-o", "ndjson"]),
        ("impact", &["--against", "fixtures/kube.db", "--force"]),
        ("impact", &["--against", "fixtures/kube.db", "--force", "-o", "json"]),
        ("diff", &["fixtures/kube.db"]),
        ("diff", &["fixtures/kube.db", "-o", "json"]),
        ("diff", &["fixtures/kube.db", "-o", "yaml"]),
        ("diff", &["fixtures/kube.db", "-o", "patch"]),
        ("diff", &["fixtures/kube.db", "--raw"]),
        ("export", &["-n", "shop", "--to", "-"]),
        ("export", &["-n", "shop", "--to", "\x1b[2J/out"]),
        ("wal", &[]),
        ("restore", &["--data-dir", "\x1b[2J/out", "--member", "m1", "--dry-run"]),
        ("restore", &["--data-dir", "\x1b[2J/out", "--member", "\x1b[2J", "--dry-run"]),
        ("get", &["cm", "-n", "shop", "-o", "go-template={{range .items}}{{.data}}{{.metadata.name}}{{end}}"]),
        ("get", &["cm", "-n", "shop", "-o", "kyaml"]),
        ("snapshot", &["status"]),
        ("bolt", &["buckets"]),
        ("bolt", &["pages"]),
        ("bolt", &["check"]),
        ("bolt", &["dump", "0", "1", "2", "3", "4", "5", "6", "7"]),
        ("bolt", &["keys", "key", "-f", "bytes"]),
        ("bolt", &["keys", "\x1b[2J"]),
        ("bolt", &["get", "meta", "\x1b[2J"]),
        ("bolt", &["page", "--all", "--format-value", "bytes"]),
        ("bolt", &["page", "--all", "--etcd"]),
        ("bolt", &["stats", "\x1b[2J"]),
        // it ends when it cannot write the kubeconfig
        ("serve", &["--kubeconfig", "\x1b[2J/out"]),
        ("salvage", &["--list"]),
        ("salvage", &["--list", "-o", "json"]),
        ("salvage", &["--list", "-o", "ndjson"]),
        ("salvage", &["--to", "\x1b[2J/out"]),
        ("rows", &["--with-object"]),
        ("rows", &["--format", "csv"]),
        ("rows", &["--dataset", "\x1b[2J/out", "--verdict", "-"]),
        ("\x1b[2J", &[]),
    ];
    let mut all: Vec<Vec<OsString>> = Vec::new();
    for (command, args) in calls {
        let mut call: Vec<OsString> = vec![command.into()];
        // its second word is a command, too
        let first = usize::from(["snapshot", "bolt"].contains(command));
        call.extend(args[..first].iter().map(Into::into));
        call.push(backup.to_owned());
        call.extend(args[first..].iter().map(Into::into));
        all.push(call);
    }
    for (command, args) in [
        ("wal", &[][..]),
        ("wal", &["-o", "json"]),
        ("wal", &["-o", "ndjson"]),
        ("wal", &["--reveal"]),
        ("snap", &[]),
        ("snap", &["-o", "json"]),
        ("status", &[]),
        ("verify", &[]),
        ("force-new-cluster", &["--in-place", "--data-dir"]),
        ("migrate", &["--in-place", "--target-version", "3.5", "--data-dir"]),
        ("salvage", &["--list"]),
        ("salvage", &["--to", "\x1b[2J/out"]),
    ] {
        let mut call: Vec<OsString> = vec![command.into()];
        call.extend(args.iter().map(Into::into));
        call.push(member.to_owned());
        all.push(call);
    }
    for args in
        [&["members"][..], &["members", "-w", "table"], &["members", "-w", "fields"], &["members", "-w", "json"]]
    {
        let mut call: Vec<OsString> = args.iter().map(Into::into).collect();
        call.push(members.to_owned());
        all.push(call);
    }
    let damaged = hostile_damage(dir.path(), Path::new(backup));
    for (command, args) in hostile_containers(dir.path()).into_iter().chain(damaged) {
        let mut call: Vec<OsString> = vec![command.into()];
        call.extend(args);
        all.push(call);
    }
    all.push(vec!["decode".into()]);
    all.push(vec!["decode".into(), "-o".into(), "json".into(), "--key".into(), "/registry/\x1b[2J".into()]);
    assert_covers(&all);
    let mut bites = 0;
    for call in &all {
        let args: Vec<_> = call.iter().map(OsString::as_os_str).collect();
        let seen = on_a_terminal(&args);
        assert!(!seen.is_empty(), "{call:?} printed nothing");
        assert_eq!(acted_on(&seen), None, "{call:?}");
        let piped = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).stdin(input()).output().unwrap();
        bites += usize::from(String::from_utf8_lossy(&piped.stdout).chars().any(|c| c == '\x1b' || c == '\u{202e}'));
    }
    // a pipe gets the bytes: the test would see them if a terminal did
    assert!(bites >= 12, "{bites} calls pass hostile bytes to a pipe");
}

#[test]
fn what_a_terminal_shows_is_not_escaped_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (backup, name) = hostile_backup(dir.path());
    let args = ["describe", backup.to_str().unwrap(), "cm", &name, "-n", "shop"];
    let seen = String::from_utf8(on_a_terminal(&args.map(OsStr::new))).unwrap();
    // ESC as YAML writes it
    assert!(seen.contains(r#"a.conf: "\e[7m"#) && !seen.contains(r"\\e"), "{seen}");
    let args = ["get", backup.to_str().unwrap(), "cm", "-n", "shop", "-o", "json"];
    let seen = String::from_utf8(on_a_terminal(&args.map(OsStr::new))).unwrap();
    let json: serde_json::Value = serde_json::from_str(&seen).expect("JSON stays JSON");
    let text = json["items"].to_string();
    assert!(text.contains("\u{61c}") && text.contains("\u{9b}"));
}

#[test]
fn signs_and_verdicts_have_colours() {
    let seen =
        |args: &[&str]| String::from_utf8(on_a_terminal(&args.iter().map(OsStr::new).collect::<Vec<_>>())).unwrap();
    assert!(seen(&["verify", "fixtures/etcd-3.6.db"]).contains("\x1b[32mgood\x1b[0m   "));
    let diff = ["diff", "fixtures/kube.db", "fixtures/kube-later.db", "deploy/web", "-n", "shop"];
    let diff = seen(&diff);
    assert!(
        diff.contains("\x1b[33m~ deployment.apps/web") && diff.contains("\x1b[33m    ~ spec.replicas: 3 -> 5\x1b[0m\n")
    );
    assert!(!seen(&["diff", "fixtures/kube.db", "fixtures/kube-later.db", "--color", "never"]).contains('\x1b'));
}
