//! Where a restore can go: the folders as people have them, and those that it must not touch.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::common::{
    Etcd, Peers, skipped,
    tree::{Tree, assert_one_sentence, can_run, ended, etcdsnap, let_on, run_in},
};
use tempfile::TempDir;

const DONE: (Option<i32>, String) = (Some(0), String::new());

fn small() -> PathBuf {
    fs::canonicalize("fixtures/small.db").unwrap()
}

/// The arguments without those about the place.
fn line(place: &str) -> String {
    format!("restore {} --member m1 {place}", small().display())
}

fn restore(dir: &Path, place: &str) -> (Option<i32>, String) {
    run_in(dir, &line(place))
}

/// A folder with a restored member in `dir`, of another cluster than the next one.
fn with_a_member() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(restore(dir.path(), "--data-dir dir --initial-cluster-token old"), DONE);
    dir
}

/// It is refused, and nothing has changed.
#[track_caller]
fn refused(dir: &Path, place: &str, code: i32, about: &str) {
    let before = Tree::of(dir);
    let (exit, said) = restore(dir, place);
    assert_eq!(exit, Some(code), "{said}");
    assert_one_sentence(&said, about);
    assert_eq!(Tree::of(dir), before);
}

const MEMBER: [&str; 6] = [
    "member",
    "member/snap",
    "member/snap/0000000000000001-0000000000000001.snap",
    "member/snap/db",
    "member/wal",
    "member/wal/0000000000000000-0000000000000000.wal",
];

#[test]
fn what_else_is_there_stays() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir_all(dir.join("dir/lost+found/#1")).unwrap();
    fs::create_dir(dir.join("dir/member")).unwrap();
    fs::write(dir.join("dir/name"), "server-0-1a2b3c").unwrap();
    let seen = |path: &str| {
        let metadata = fs::metadata(dir.join(path)).unwrap();
        (metadata.ino(), metadata.mode(), metadata.mtime_nsec(), metadata.ctime_nsec())
    };
    let before = [seen("dir/name"), seen("dir/lost+found")];
    assert_eq!(restore(dir, "--data-dir dir"), DONE);
    assert_eq!([seen("dir/name"), seen("dir/lost+found")], before);
    let names = [&["lost+found", "lost+found/#1"][..], &MEMBER, &["name"]].concat();
    assert_eq!(Tree::of(&dir.join("dir")).names(), names);
}

#[test]
fn a_mount_point() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, test) = (dir.path(), "a_mount_point");
    fs::create_dir_all(dir.join("dir")).unwrap();
    fs::create_dir_all(dir.join("log")).unwrap();
    let as_root = fs::metadata(dir).unwrap().uid() == 0;
    let unshare = if as_root { "-m" } else { "-rm" };
    let (data, log) = (dir.join("dir"), dir.join("log"));
    let (data, log) = (data.to_str().unwrap(), log.to_str().unwrap());
    if !can_run("unshare", &[unshare, "mount", "-t", "tmpfs", "none", data], test) {
        return;
    }
    let program = env!("CARGO_BIN_EXE_etcdsnap");
    for place in [format!("--data-dir {data}"), format!("--data-dir {data} --wal-dir {log}")] {
        let run = format!("{program} {}", line(&place));
        // Twice, so that there is something in the way.
        let script = format!(
            "set -e; for dir in {data} {log}; do mount -t tmpfs none $dir; mkdir $dir/lost+found; done; {run} > /dev/null
            {run} --keep-old > /dev/null; cd {dir}; find -name '*.wal' -o -name db -o -name '*restore*' -o -name 'lost*'",
            dir = dir.display()
        );
        let output = Command::new("unshare").args([unshare, "sh", "-c", &script]).output().unwrap();
        assert_eq!(ended(&output), DONE);
        let found = String::from_utf8(output.stdout).unwrap();
        let count = |what: &str| found.lines().filter(|line| line.ends_with(what)).count();
        assert_eq!((count("/db"), count(".wal"), count("/lost+found"), found.lines().count()), (2, 2, 2, 6), "{found}");
    }
}

/// What is mounted in a member is moved aside with it, and comes back with the next boot: etcd would replay the old
/// log.
#[test]
fn a_mount_point_in_the_member() {
    let dir = with_a_member();
    let (dir, test) = (dir.path(), "a_mount_point_in_the_member");
    let as_root = fs::metadata(dir).unwrap().uid() == 0;
    let unshare = if as_root { "-m" } else { "-rm" };
    let member = dir.join("dir/member");
    if !can_run("unshare", &[unshare, "mount", "-t", "tmpfs", "none", member.to_str().unwrap()], test) {
        return;
    }
    for extra in ["empty/member", "log/on-it", "elsewhere"] {
        fs::create_dir_all(dir.join(extra)).unwrap();
    }
    fs::write(dir.join("log/on-it/file"), "").unwrap();
    let program = env!("CARGO_BIN_EXE_etcdsnap");
    for (mount, place, about) in [
        ("mount -t tmpfs none dir/member/wal", "--data-dir dir --keep-old", "dir/member/wal: a mount point"),
        ("mount --bind elsewhere dir/member/wal", "--data-dir dir --keep-old", "dir/member/wal: a mount point"),
        (
            "mount --bind elsewhere dir/member/wal",
            "--data-dir dir --keep-old --dry-run",
            "dir/member/wal: a mount point",
        ),
        ("mount -t tmpfs none dir/member/snap", "--data-dir dir", "dir/member/snap: a mount point"),
        (
            "mount -t tmpfs none empty/member",
            "--data-dir empty",
            "empty/member: a mount point, which cannot be renamed",
        ),
        ("mount --bind elsewhere log/on-it", "--data-dir new --wal-dir log --keep-old", "log/on-it: a mount point"),
    ] {
        let before = Tree::of(dir);
        let run = format!("{program} {}", line(place));
        // No file can be written: it is refused before.
        let script = format!("cd {}; {mount} && ulimit -f 0 && exec {run}", dir.display());
        let output = Command::new("unshare").args([unshare, "sh", "-c", &script]).output().unwrap();
        let (code, said) = ended(&output);
        assert_eq!(code, Some(2), "{mount}: {said}");
        assert_one_sentence(&said, about);
        assert_eq!(Tree::of(dir), before);
    }
}

#[test]
fn a_member_that_is_there() {
    let dir = with_a_member();
    let dir = dir.path();
    refused(dir, "--data-dir dir", 2, "dir/member: there is a member already");
    let old = Tree::of(&dir.join("dir")).below("member");
    assert_eq!(restore(dir, "--data-dir dir --keep-old"), DONE);
    let now = Tree::of(&dir.join("dir"));
    assert!(now.below("member.before-UTC") == old && now.below("member") != old, "{:?}", now.names());
    let before = fs::read_dir(dir.join("dir")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let before = before.filter(|name| name.starts_with("member.before-")).collect::<Vec<_>>();
    let time = jiff::fmt::strtime::parse("member.before-%Y%m%dT%H%M%SZ", &before[0]);
    assert!(time.is_ok_and(|time| time.to_datetime().is_ok()), "{before:?}");
}

/// Names are made of seconds.
#[test]
fn old_members_of_one_second() {
    let dir = with_a_member();
    let dir = dir.path();
    for _ in 0..4 {
        assert_eq!(restore(dir, "--data-dir dir --keep-old"), DONE);
    }
    let kept = fs::read_dir(dir.join("dir")).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(kept.filter(|member| member.join("snap/db").is_file()).count(), 5);
}

#[test]
fn a_member_that_somebody_holds() {
    let dir = with_a_member();
    let dir = dir.path();
    let db = File::open(dir.join("dir/member/snap/db")).unwrap();
    db.try_lock().unwrap();
    for flags in ["", "--keep-old"] {
        refused(dir, &format!("--data-dir dir {flags}"), 2, "dir/member: a running etcd holds it");
    }
    drop(db);
    assert_eq!(restore(dir, "--data-dir dir --keep-old"), DONE);
}

#[test]
fn a_running_etcd() {
    let Some(peers) = Peers::find("a_running_etcd") else { return };
    let etcd = Etcd::start(&peers, "36");
    etcd.ctl(&["put", "key", "value"]);
    let dir = etcd.data_dir().to_owned();
    let place = format!("--data-dir {} --keep-old", dir.display());
    let (code, said) = restore(&dir, &place);
    assert_eq!(code, Some(2), "{said}");
    assert_one_sentence(&said, "a running etcd holds it");
    assert!(etcd.ctl(&["get", "key"]).contains("value"));
    let (_home, dir) = etcd.stop();
    assert_eq!(restore(&dir, &place), DONE);
}

#[test]
fn a_log_on_another_file_system() {
    let dir = tempfile::tempdir().unwrap();
    let device = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.dev());
    let other = tempfile::tempdir_in("/dev/shm").ok().filter(|other| device(other.path()) != device(dir.path()));
    let Some(other) = other else {
        return skipped("a_log_on_another_file_system", "/dev/shm is none");
    };
    let (dir, log) = (dir.path(), other.path().join("log"));
    let place = format!("--data-dir dir --wal-dir {}", log.display());
    assert_eq!(restore(dir, &place), DONE);
    assert_eq!(Tree::of(dir).names().len(), 5);
    assert_eq!(Tree::of(other.path()).names(), ["log", "log/0000000000000000-0000000000000000.wal"]);
    fs::remove_dir_all(dir.join("dir")).unwrap();
    refused(dir, &place, 2, "log: not empty");
    assert_eq!(restore(dir, &format!("{place} --keep-old")), DONE);
    assert_eq!(Tree::of(other.path()).names().len(), 4);
    // by links, which are on this one
    symlink(&log, dir.join("link")).unwrap();
    symlink(other.path(), dir.join("far")).unwrap();
    assert_eq!(restore(dir, "--data-dir new --wal-dir link --keep-old"), DONE);
    assert_eq!(restore(dir, "--data-dir far"), DONE);
    assert!(other.path().join("member/snap/db").is_file());
}

#[test]
fn a_folder_for_the_log_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir_all(dir.join("log/lost+found")).unwrap();
    let inode = || fs::metadata(dir.join("log")).unwrap().ino();
    let before = inode();
    assert_eq!(restore(dir, "--data-dir dir --wal-dir log"), DONE);
    assert!(dir.join("log/0000000000000000-0000000000000000.wal").is_file() && !dir.join("dir/member/wal").exists());
    refused(dir, "--data-dir other --wal-dir log", 2, "log: not empty, and --wal-dir is where the new log is written");
    let hinted = |log: &str| restore(dir, &format!("--data-dir other --wal-dir {log}")).1;
    assert!(hinted("log").contains("\nhint: --wal DIR applies the log that is there; for the new log,"));
    fs::create_dir_all(dir.join("notes/of")).unwrap();
    assert!(hinted("notes").contains("\nhint: name another --wal-dir; or --keep-old moves"));
    fs::remove_dir_all(dir.join("notes")).unwrap();
    assert_eq!(restore(dir, "--data-dir other --wal-dir log --keep-old"), DONE);
    let segment = "0000000000000000-0000000000000000.wal";
    let kept = format!("before-UTC/{segment}");
    assert_eq!(Tree::of(&dir.join("log")).names(), [segment, "before-UTC", &kept, "lost+found"]);
    assert_eq!(inode(), before);
    refused(dir, "--data-dir third --wal-dir third/member/log", 2, "--wal-dir");
}

#[test]
fn a_parent_that_nobody_may_write_to() {
    let test = "a_parent_that_nobody_may_write_to";
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("dir")).unwrap();
    let allow = |mode| {
        for dir in [dir, &dir.join("dir")] {
            fs::set_permissions(dir, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    allow(0o555);
    let program = env!("CARGO_BIN_EXE_etcdsnap");
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", program];
    let as_root = fs::metadata(dir).unwrap().uid() == 0;
    let before = Tree::of(dir);
    for place in ["dir", "new", "un/der"] {
        let line = line(&format!("--data-dir {place}"));
        let mut command = etcdsnap([]);
        if as_root {
            if !can_run("setpriv", &[&nobody[..], &["status", small().to_str().unwrap()]].concat(), test) {
                return;
            }
            command = Command::new("setpriv");
            command.args(nobody);
        }
        let (code, said) = ended(&command.args(line.split_whitespace()).current_dir(dir).output().unwrap());
        assert_eq!(code, Some(3), "{said}");
        assert_one_sentence(&said, "Permission denied");
        assert!(said.contains(dir.to_str().unwrap()), "{said}");
        assert_eq!(Tree::of(dir), before);
    }
    allow(0o755);
}

#[test]
fn an_owner_and_a_mode() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let me = fs::metadata(dir).unwrap();
    let (user, group) = if me.uid() == 0 { (1234, 5678) } else { (me.uid(), me.gid()) };
    fs::create_dir(dir.join("dir")).unwrap();
    fs::create_dir(dir.join("log")).unwrap();
    let whose = format!("--owner {user}:{group} --mode 0750");
    for place in ["--data-dir new", "--data-dir dir --wal-dir log"] {
        assert_eq!(restore(dir, &format!("{place} {whose}")), DONE);
    }
    // What has to be made above them is of no use to somebody who may not enter it.
    assert_eq!(restore(dir, &format!("--data-dir far/off --wal-dir far/off/log {whose}")), DONE);
    let mut written: Vec<_> = MEMBER.iter().map(|name| format!("new/{name}")).collect();
    written.extend(MEMBER[..4].iter().map(|name| format!("dir/{name}")));
    written.extend(
        ["new", "far", "far/off", "far/off/log", "log/0000000000000000-0000000000000000.wal"].map(str::to_owned),
    );
    for name in &written {
        let is = fs::metadata(dir.join(name)).unwrap();
        let mode = if is.is_dir() { 0o750 } else { 0o640 };
        assert_eq!((is.uid(), is.gid(), is.mode() & 0o7777), (user, group, mode), "{name}");
    }
    // Whoever has the directory gets what is put there.
    chown(dir.join("dir"), Some(user), Some(group)).unwrap();
    assert_eq!(restore(dir, "--data-dir dir --keep-old"), DONE);
    let is = fs::metadata(dir.join("dir/member/snap/db")).unwrap();
    assert_eq!((is.uid(), is.gid()), (user, group));
    chown(dir.join("dir"), Some(me.uid()), Some(me.gid())).unwrap();
    // They were there.
    for name in ["dir", "log"] {
        assert_eq!(fs::metadata(dir.join(name)).unwrap().uid(), me.uid());
    }
    refused(dir, "--data-dir other --owner nobody-of-that-name", 2, "no user");
}

#[test]
fn names_of_all_kinds() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir_all(dir.join("here/there")).unwrap();
    symlink("here/there", dir.join("link")).unwrap();
    for (from, place, is) in [
        ("", "rel", "rel"),
        ("", "./dotted/", "dotted"),
        ("", "many/new/ones", "many/new/ones"),
        ("", "link", "here/there"),
        ("here", ".", "here"),
        ("here", "../beside", "beside"),
    ] {
        assert_eq!(restore(&dir.join(from), &format!("--data-dir {place}")), DONE, "{place}");
        let tree = Tree::of(dir);
        assert!(!tree.has_staging(), "{place}: {:?}", tree.names());
        assert!(dir.join(is).join("member/snap/db").is_file(), "{place}: {:?}", tree.names());
    }
}

#[test]
fn a_log_that_is_in_the_member_by_another_way() {
    let dir = with_a_member();
    let dir = dir.path();
    symlink("dir", dir.join("link")).unwrap();
    for wal in ["dir/member/log", "dir/../dir/member/wal", "link/member/wal", "link", "link/.."] {
        refused(dir, &format!("--data-dir dir --keep-old --wal-dir {wal}"), 2, "it must not be inside member/");
    }
    refused(dir, "--data-dir new --wal-dir new/../new/member/wal", 2, "a folder in this path does not exist");
}

/// On another disk, say: what is restored would not be there.
#[test]
fn a_member_that_is_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir_all(dir.join("fast/member")).unwrap();
    fs::create_dir(dir.join("dir")).unwrap();
    symlink("../fast/member", dir.join("dir/member")).unwrap();
    refused(dir, "--data-dir dir", 2, "dir/member: a symbolic link");
    assert_eq!(restore(dir, "--data-dir fast"), DONE);
    refused(dir, "--data-dir dir --keep-old", 2, "dir/member: a symbolic link");
    assert!(dir.join("dir/member/snap/db").is_file());
}

#[test]
fn no_folder_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("file"), "text").unwrap();
    symlink("nowhere", dir.join("dangling")).unwrap();
    refused(dir, "--data-dir file", 2, "file: not a folder");
    refused(dir, "--data-dir new --wal-dir file", 2, "file: not a folder");
    refused(dir, "--data-dir file/be/low", 2, "file: not a folder");
    for place in ["--data-dir dangling", "--data-dir dangling/be/low", "--data-dir new --wal-dir dangling"] {
        refused(dir, place, 2, "dangling: a symbolic link that leads nowhere");
    }
    // Nothing is copied before.
    for (name, about) in
        [("x".repeat(300), "a name of 300 bytes is too long"), ("a\tb".to_owned(), "a control character")]
    {
        let before = Tree::of(dir);
        let snapshot = small();
        let args = ["restore", snapshot.to_str().unwrap(), "--member", "m1", "--data-dir", &name, "--dry-run"];
        let (code, said) = ended(&etcdsnap(args).current_dir(dir).output().unwrap());
        assert_eq!(code, Some(2), "{said}");
        assert_one_sentence(&said, about);
        assert_eq!(Tree::of(dir), before);
    }
}

#[test]
fn two_at_once() {
    let test = "two_at_once";
    if !can_run("strace", &["-V"], test) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("dir")).unwrap();
    for place in ["--data-dir dir", "--data-dir new", "--data-dir one --wal-dir log"] {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut strace = Command::new("strace");
        // With -D it is the program itself that is started here. It is stopped until it is continued.
        strace.args(["-D", "-f", "-qq", "-e", "trace=fallocate", "-e", "inject=fallocate:signal=STOP:when=1", "-o"]);
        let strace = strace.arg(log.path()).arg(env!("CARGO_BIN_EXE_etcdsnap"));
        let first = strace.args(line(place).split_whitespace()).current_dir(dir).stdout(Stdio::null());
        let first = first.spawn().unwrap();
        while !fs::read_to_string(&log).unwrap().contains("fallocate") {
            thread::sleep(Duration::from_millis(10));
        }
        let (code, said) = restore(dir, place);
        assert_eq!(code, Some(2), "{said}");
        assert_one_sentence(&said, "another etcdsnap is writing there");
        assert!(let_on(first).status.success());
        assert!(!Tree::of(dir).has_staging());
    }
}

/// Some file systems have no locks.
#[test]
fn no_lock_to_be_had() {
    if !can_run("strace", &["-V"], "no_lock_to_be_had") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("dir")).unwrap();
    for place in ["--data-dir dir", "--data-dir new"] {
        let before = Tree::of(dir);
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-e", "trace=flock", "-e", "inject=flock:error=ENOLCK", "-o", "/dev/null"]);
        strace.arg(env!("CARGO_BIN_EXE_etcdsnap")).args(line(place).split_whitespace());
        let (code, said) = ended(&strace.current_dir(dir).output().unwrap());
        assert_eq!(code, Some(3), "{said}");
        assert_one_sentence(&said, "No locks available");
        assert_eq!(Tree::of(dir), before);
    }
}

/// Whoever comes second reports the first, whenever that is.
#[test]
fn two_at_any_moment() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for round in 0..24 {
        let new = format!("{round}/new");
        let place = format!("--data-dir {new}");
        let codes = thread::scope(|scope| {
            let both = [0, 1].map(|n| {
                let place = &place;
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(n * (round / 2) * 10));
                    restore(dir, place)
                })
            });
            both.map(|one| one.join().unwrap())
        });
        let mut ends = codes.each_ref().map(|(code, _)| code.unwrap());
        ends.sort_unstable();
        assert_eq!(ends, [0, 2], "{codes:?}");
        assert_eq!(Tree::of(&dir.join(round.to_string())).below("new").names(), MEMBER);
        assert!(!Tree::of(dir).has_staging());
    }
}

#[test]
fn a_backup_that_has_to_be_unpacked() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&fs::read(small()).unwrap()).unwrap();
    let gzip = gzip.finish().unwrap();
    fs::write(dir.join("whole.gz"), &gzip).unwrap();
    fs::write(dir.join("cut.gz"), &gzip[..gzip.len() / 2]).unwrap();
    let before = Tree::of(dir);
    for place in ["new", "un/der"] {
        // Beside where it goes, though the name is a relative one: there has to be room for it.
        let elsewhere = Command::new(env!("CARGO_BIN_EXE_etcdsnap"))
            .args(["restore", "whole.gz", "--member", "m1", "--dry-run", "--data-dir", place])
            .current_dir(dir)
            .env("TMPDIR", "/nowhere")
            .output()
            .unwrap();
        assert_eq!(ended(&elsewhere), DONE);
        let (code, said) = run_in(dir, &format!("restore cut.gz --member m1 --data-dir {place}"));
        assert_eq!(code, Some(1), "{said}");
        assert_one_sentence(&said, "cut.gz: the gzip around it is damaged");
        assert_eq!(Tree::of(dir), before);
        assert_eq!(run_in(dir, &format!("restore whole.gz --member m1 --data-dir {place}")), DONE);
        assert_eq!(Tree::of(dir).below(place).names(), MEMBER);
        fs::remove_dir_all(dir.join(place.split('/').next().unwrap())).unwrap();
    }
}

/// What a dry run prints as JSON.
fn rehearsed(dir: &Path, place: &str) -> serde_json::Value {
    let before = Tree::of(dir);
    let line = format!("{} --dry-run -o json", line(place));
    let output = etcdsnap(line.split_whitespace()).current_dir(dir).output().unwrap();
    assert_eq!(ended(&output), DONE, "{place}");
    assert_eq!(Tree::of(dir), before, "{place}");
    serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["destination"].take()
}

#[test]
fn a_dry_run_shows_the_renames() {
    for (place, renames) in [
        ("--data-dir new", &[".new.etcdsnap-restore/new -> new"][..]),
        ("--data-dir empty", &["empty/.etcdsnap-restore/new/member -> empty/member"]),
        (
            "--data-dir dir --keep-old",
            &["dir/member -> dir/member.before-<UTC>", "dir/.etcdsnap-restore/new/member -> dir/member"],
        ),
        (
            "--data-dir empty --wal-dir far/log",
            &["far/.log.etcdsnap-restore/new -> far/log", "empty/.etcdsnap-restore/new/member -> empty/member"],
        ),
        (
            "--data-dir new --wal-dir log --keep-old",
            &[
                "log/0.wal -> log/before-<UTC>/0.wal",
                "log/.etcdsnap-restore/new/0000000000000000-0000000000000000.wal -> log/0000000000000000-0000000000000000.wal",
                ".new.etcdsnap-restore/new -> new",
            ],
        ),
    ] {
        let dir = with_a_member();
        let dir = dir.path();
        ["empty", "log"].iter().for_each(|name| fs::create_dir(dir.join(name)).unwrap());
        fs::write(dir.join("log/0.wal"), "").unwrap();
        let destination = rehearsed(dir, place);
        let path = |path: &serde_json::Value| {
            Path::new(path.as_str().unwrap()).strip_prefix(dir).unwrap().to_str().unwrap().to_owned()
        };
        let shown = destination["renames"].as_array().unwrap().iter();
        let shown: Vec<_> = shown.map(|step| (path(&step["from"]), path(&step["to"]))).collect();
        assert_eq!(shown.iter().map(|(from, to)| format!("{from} -> {to}")).collect::<Vec<_>>(), renames, "{place}");
        let (code, said) = restore(dir, place);
        assert_eq!(code, Some(0), "{place}: {said}");
        let tree = Tree::of(dir);
        let names = tree.names();
        for (_, to) in shown {
            assert!(names.contains(&to.replace("<UTC>", "UTC").as_str()), "{place}: no {to} in {names:?}");
        }
    }
}

#[test]
fn a_dry_run_finds_no_room_and_no_rights() {
    let test = "a_dry_run_finds_no_room_and_no_rights";
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("disk")).unwrap();
    let as_root = fs::metadata(dir).unwrap().uid() == 0;
    let unshare = if as_root { "-m" } else { "-rm" };
    if !can_run("unshare", &[unshare, "mount", "-t", "tmpfs", "none", dir.join("disk").to_str().unwrap()], test) {
        return;
    }
    let program = env!("CARGO_BIN_EXE_etcdsnap");
    for (mount, code, about) in
        [("size=1m", 3, "bytes are needed"), ("size=128m", 0, ""), ("size=128m,ro", 3, "Read-only file system")]
    {
        for place in ["--data-dir disk/new", "--data-dir disk", "--data-dir ok --wal-dir disk/log"] {
            let run = format!("{program} {} --dry-run -o json", line(place));
            // No file can be written: it is found out by looking.
            let script = format!(
                "cd {}; mount -t tmpfs -o {mount} none disk && ulimit -f 0; {run}; code=$?; find disk >&2; exit $code",
                dir.display()
            );
            let output = Command::new("unshare").args([unshare, "sh", "-c", &script]).output().unwrap();
            let (exit, said) = ended(&output);
            assert_eq!(exit, Some(code), "{mount} {place}: {said}");
            let said = said.strip_suffix("disk\n").unwrap();
            if code == 0 {
                assert_eq!(said, "");
            } else {
                assert_one_sentence(said, about);
                assert!(said.contains(dir.join("disk").to_str().unwrap()), "{said}");
            }
            let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let room = shown["destination"]["room"].as_array().unwrap();
            let lacks = |room: &serde_json::Value| room["needed"].as_u64() > room["free"].as_u64();
            assert_eq!(room.iter().any(lacks), mount == "size=1m", "{mount} {place}: {shown}");
            let denied = shown["destination"]["denied"].as_array().unwrap();
            assert_eq!(denied.is_empty(), !mount.ends_with("ro"), "{mount} {place}: {shown}");
        }
    }
}

/// Root keeps the owner of a member that is there, but not every root may: one in a container may lack the right.
#[test]
fn a_dry_run_finds_that_files_cannot_be_given_to_their_owner() {
    let dir = with_a_member();
    let dir = dir.path();
    let as_root = fs::metadata(dir).unwrap().uid() == 0;
    let test = "a_dry_run_finds_that_files_cannot_be_given_to_their_owner";
    if !as_root || !can_run("setpriv", &["--bounding-set=-chown", "true"], test) {
        return;
    }
    std::os::unix::fs::chown(dir.join("dir/member"), Some(1234), Some(1234)).unwrap();
    let before = Tree::of(dir);
    let place = "--data-dir dir --keep-old";
    for (without, code) in [("--bounding-set=-chown", 3), ("--bounding-set=-wake_alarm", 0)] {
        let line = format!("{without} {} {} --dry-run", env!("CARGO_BIN_EXE_etcdsnap"), line(place));
        let output = Command::new("setpriv").args(line.split_whitespace()).current_dir(dir).output().unwrap();
        let (exit, said) = ended(&output);
        assert_eq!(exit, Some(code), "{said}");
        assert_eq!(said.contains("cannot change the owner of files in"), code == 3, "{said}");
        let shown = String::from_utf8(output.stdout).unwrap();
        assert_eq!(shown.contains("files cannot be given to 1234:1234: Operation not permitted"), code == 3, "{shown}");
        assert_eq!(Tree::of(dir), before);
    }
}
