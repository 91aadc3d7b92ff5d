//! Promise 3: all or nothing. Every call of a restore or an export that writes fails once for want of space, and is
//! killed once; what there was is there, or all that was wanted is, and the next run finds nothing in its way.

use std::{
    collections::HashMap,
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use crate::common::{
    killed::patch,
    served::ours,
    tree::{Tree, assert_one_sentence, can_run, ended, let_on, run_in},
};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// The calls that change something or make it last. `?` is for those that a machine does not have.
const WRITING: &str = "?write,?writev,?pwrite64,?pwritev,?copy_file_range,?sendfile,?fallocate,?ftruncate,?truncate,\
    ?fsync,?fdatasync,?syncfs,?sync_file_range,?mkdir,?mkdirat,?open,?openat,?creat,?link,?linkat,?symlink,?symlinkat,?rename,\
    ?renameat,?renameat2,?unlink,?unlinkat,?rmdir,?chmod,?fchmod,?fchmodat,?chown,?lchown,?fchown,?fchownat,?ioctl";

/// The log's only file.
const SEGMENT: &str = "0000000000000000-0000000000000000.wal";

/// A restore or an export that is tried over and over.
struct Scene {
    dir: TempDir,
    /// Makes what is there before, in an empty folder.
    prepare: fn(&Path),
    line: String,
    /// What goes wrong in every run.
    always: Option<String>,
    before: Tree,
    good: Tree,
}

/// One call of a run. strace counts for each name and each thread by itself, so a number alone would mean the first
/// thread that gets so far, and never the others. Hence only the main thread is traced for its own calls; and for
/// those of other threads all are, but only what they do to the one file that they work on.
#[derive(Debug)]
struct Call {
    of_main: bool,
    name: String,
    nth: usize,
    text: String,
}

impl Scene {
    fn new(prepare: fn(&Path), line: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut line = format!("--threads 1 {}", line.replace("HERE", dir.path().to_str().unwrap()));
        for (name, file) in [("SMALL", "fixtures/small.db"), ("KUBE", "fixtures/kube.db")] {
            line = line.replace(name, fs::canonicalize(file).unwrap().to_str().unwrap());
        }
        let mut scene = Self { dir, prepare, line, always: None, before: Tree::default(), good: Tree::default() };
        scene.reset();
        scene.before = scene.now();
        assert_eq!(run_in(scene.root(), &scene.line), (Some(0), String::new()));
        scene.good = scene.now();
        assert!(scene.good != scene.before && !scene.good.has_staging(), "{:?}", scene.good.names());
        scene.reset();
        scene
    }

    /// The folders that are there whole, or not at all; in place, the one file.
    fn whole(&self) -> &'static str {
        match &self.line {
            line if line.contains(" export ") => "out",
            line if line.contains(" force-new-cluster ") && line.contains(" --in-place") => SEGMENT,
            line if line.contains(" migrate ") => "db",
            _ => "member",
        }
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn now(&self) -> Tree {
        Tree::of(self.root())
    }

    fn reset(&self) {
        for entry in fs::read_dir(self.root()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        (self.prepare)(self.root());
    }

    fn strace(&self, args: &[&str]) -> (Output, String) {
        let log = tempfile::NamedTempFile::new().unwrap();
        let output = Command::new("strace")
            .args(["-qq", "-y", "-o"])
            .arg(log.path())
            .args(["-e", &format!("trace={WRITING}"), "-e", "signal=none"])
            .args(self.always.iter().flat_map(|inject| ["-e", inject]))
            .args(args)
            .arg(env!("CARGO_BIN_EXE_etcdsnap"))
            .args(self.line.split_whitespace())
            .current_dir(self.root())
            .output()
            .unwrap();
        (output, fs::read_to_string(log.path()).unwrap())
    }

    /// The calls of a run that write to the folder.
    fn calls(&self) -> Vec<Call> {
        let (output, log) = self.strace(&["-f"]);
        assert_eq!(ended(&output), (Some(0), String::new()));
        self.reset();
        let root = self.root().to_str().unwrap();
        let mut counts: HashMap<(&str, &str, &str), usize> = HashMap::new();
        let mut calls = Vec::new();
        let main = log.split_whitespace().next().unwrap();
        for line in log.lines() {
            let (thread, text) = line.split_once(' ').unwrap();
            let Some((name, args)) = text.trim_start().split_once('(').filter(|_| !text.trim_start().starts_with('<'))
            else {
                continue;
            };
            let of_main = thread == main;
            let path = path_in(args, root).filter(|_| !of_main).unwrap_or_default();
            let nth = counts.entry((thread, name, path)).and_modify(|n| *n += 1).or_insert(1);
            let writes = match name {
                "open" | "openat" => args.contains("O_CREAT") || args.contains("O_TMPFILE"),
                "ioctl" => args.contains("FICLONE"),
                // what is printed
                "write" => !args.starts_with("1<"),
                _ => true,
            };
            if writes && args.contains(root) {
                calls.push(Call { of_main, name: name.to_owned(), nth: *nth, text: args.to_owned() });
            }
        }
        // strace does one thing to a name.
        let always = |call: &Call| format!("inject={}:", call.name);
        calls.retain(|call| !self.always.as_ref().is_some_and(|inject| inject.starts_with(&always(call))));
        let by_one = [" force-new-cluster ", " migrate ", " export "].iter().any(|command| self.line.contains(command));
        assert!(calls.len() > 20 && (by_one || calls.iter().any(|call| !call.of_main)), "{calls:?}");
        calls
    }

    /// A run in which `what` happens to `call`.
    fn hit(&self, call: &Call, what: &str) -> (Output, String) {
        let inject = format!("inject={}:{what}:when={}", call.name, call.nth);
        if call.of_main {
            return self.strace(&["-e", &inject]);
        }
        let root = self.root().to_str().unwrap();
        let path = path_in(&call.text, root).unwrap();
        self.strace(&["-f", "-P", path, "-e", &inject])
    }

    /// No space, at every call in turn.
    fn runs_out_of_space(&self) {
        self.runs_out_of_space_at(|_| true);
    }

    fn runs_out_of_space_at(&self, which: impl Fn(&Call) -> bool) {
        for call in self.calls().into_iter().filter(which) {
            let (output, log) = self.hit(&call, "error=ENOSPC");
            let mut failed = log.lines().filter(|line| line.ends_with("(INJECTED)"));
            assert!(failed.any(|line| line.contains(&call.name)), "not reached: {call:?}\n{log}");
            let (code, said) = ended(&output);
            let now = self.now();
            // What could not be removed stays for the next run.
            let left = call.name == "unlinkat" && now.has_staging();
            let shown = if left { now.shown() } else { now };
            if code == Some(3) {
                assert_one_sentence(&said, self.root().to_str().unwrap());
                assert_eq!(shown, self.before, "{call:?}: {said}");
            } else {
                assert_eq!((code, said.as_str()), (Some(0), ""), "{call:?}");
                assert_eq!(shown, self.good, "{call:?}");
            }
            if left || code == Some(0) {
                self.next_run_works(&call);
                self.reset();
            }
        }
        // After a failure all is as it was, so the next run is like the first.
        assert_eq!(run_in(self.root(), &self.line), (Some(0), String::new()));
        assert_eq!(self.now(), self.good);
    }

    /// kill -9, at every call in turn. The kernel keeps what was not synced: after a sync all is as it was before.
    fn is_killed(&self) {
        self.is_killed_at(|call| !call.name.contains("sync"));
    }

    fn is_killed_at(&self, which: impl Fn(&Call) -> bool) {
        for call in self.calls().into_iter().filter(which) {
            let (output, log) = self.hit(&call, "signal=KILL");
            assert!(output.status.code().is_none(), "not reached: {call:?}\n{log}");
            self.nothing_is_lost(&call);
            self.next_run_works(&call);
            self.reset();
        }
    }

    /// No rename is done any more, nor taken back, from each one on.
    fn cannot_rename(&self) {
        for call in self.calls().into_iter().filter(|call| call.name.starts_with("rename")) {
            let inject = format!("inject={}:error=EIO:when={}+", call.name, call.nth);
            let (code, said) = ended(&self.strace(&["-e", &inject]).0);
            assert_eq!(code, Some(3), "{call:?}");
            assert_one_sentence(&said, self.root().to_str().unwrap());
            self.nothing_is_lost(&call);
            self.next_run_works(&call);
            self.reset();
        }
    }

    /// What is to be seen is whole, and what was there is somewhere.
    fn nothing_is_lost(&self, call: &Call) {
        let (all, shown) = (self.now(), self.now().shown());
        for (path, _) in shown.0.iter().filter(|(path, _)| path.ends_with(self.whole())) {
            let is = shown.at(path);
            assert!([&self.before, &self.good].iter().any(|tree| tree.at(path) == is), "half of {path}: {call:?}");
        }
        for (path, entry) in &self.before.0 {
            assert!(all.0.values().any(|kept| kept == entry), "{path} is lost: {call:?}");
        }
    }

    /// The next run is like the first, or reports that the result exists when it does.
    fn next_run_works(&self, after: &Call) {
        let whole = |tree: &Tree| -> Vec<Tree> {
            let names = self.good.0.keys().filter(|path| path.split('/').next_back() == Some(self.whole()));
            names.map(|path| tree.at(path)).collect()
        };
        let complete = whole(&self.now()) == whole(&self.good);
        let line = if complete { self.line.replace("--keep-old", "") } else { self.line.clone() };
        let (code, said) = run_in(self.root(), &line);
        assert_eq!(code, Some(if complete { 2 } else { 0 }), "after {after:?}: {said}");
        if complete {
            assert_one_sentence(&said, "already");
        }
        assert_eq!(self.now(), self.good, "after {after:?}");
    }
}

/// The path below `root` that a call is about: the last, for the folder that it is run in comes first.
fn path_in<'t>(args: &'t str, root: &str) -> Option<&'t str> {
    args.rsplit(['<', '>', '"']).find(|text| text.starts_with(root))
}

pub fn has_strace(test: &str) -> bool {
    can_run("strace", &["-V"], test)
}

pub fn nothing(_: &Path) {}

pub fn a_file(root: &Path) {
    fs::create_dir(root.join("dir")).unwrap();
    fs::write(root.join("dir/name"), "m1").unwrap();
}

pub fn an_empty_folder(root: &Path) {
    fs::create_dir(root.join("out")).unwrap();
    fs::set_permissions(root.join("out"), fs::Permissions::from_mode(0o750)).unwrap();
}

pub fn a_compressed_backup(root: &Path) {
    a_file(root);
    let mut gzip = GzEncoder::new(fs::File::create(root.join("small.gz")).unwrap(), Compression::fast());
    gzip.write_all(&fs::read("fixtures/small.db").unwrap()).unwrap();
    gzip.finish().unwrap();
}

fn restored(root: &Path, line: &str) {
    let small = fs::canonicalize("fixtures/small.db").unwrap();
    let line = format!("restore {} --member m1 --initial-cluster-token old {line}", small.display());
    assert_eq!(run_in(root, &line), (Some(0), String::new()));
}

pub fn a_member(root: &Path) {
    a_file(root);
    restored(root, "--data-dir dir");
}

pub fn a_member_of_three(root: &Path) {
    a_file(root);
    let three = "--initial-cluster m1=http://127.0.0.1:1,m2=http://127.0.0.1:2,m3=http://127.0.0.1:3 --name m1";
    let small = fs::canonicalize("fixtures/small.db").unwrap();
    let line = format!("restore {} {three} --data-dir dir", small.display());
    assert_eq!(run_in(root, &line), (Some(0), String::new()));
}

/// Raft knows another than the db: the log starts elsewhere, and something changes in both folders.
pub fn a_member_of_three_that_differ(root: &Path) {
    a_member_of_three(root);
    let dir = root.join("dir");
    let members = ours(&dir, "members", &[]);
    let id = members["members"].as_array().unwrap().iter().find(|m| m["name"] != "m1").unwrap()["ID"].as_u64().unwrap();
    patch(&dir, &id.to_string(), &(id ^ 1).to_string());
    patch(&dir, &format!("{id:x}"), &format!("{:x}", id ^ 1));
}

pub fn a_member_with_its_log_elsewhere(root: &Path) {
    restored(root, "--data-dir dir --wal-dir log");
}

/// A data directory whose log is ahead of its db; of its last segment without what is only set aside.
pub fn a_log_that_is_ahead(root: &Path) {
    a_file(root);
    let wal = crate::common::unpacked(root).join("member/wal");
    fs::remove_file(wal.join("0.tmp")).unwrap();
    let segment = wal.join("0000000000000000-0000000000000000.wal");
    let bytes = fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap().next_multiple_of(4096);
    fs::OpenOptions::new().write(true).open(&segment).unwrap().set_len(end as u64).unwrap();
}

macro_rules! scenes {
    ($($name:ident: $prepare:expr, $line:expr;)*) => {
        $(mod $name {
            use super::*;

            #[test]
            fn out_of_space() {
                if has_strace(concat!(stringify!($name), "::out_of_space")) {
                    Scene::new($prepare, $line).runs_out_of_space();
                }
            }

            #[test]
            fn killed() {
                if has_strace(concat!(stringify!($name), "::killed")) {
                    Scene::new($prepare, $line).is_killed();
                }
            }
        })*
    };
}

scenes! {
    into_a_new_folder: nothing, "restore SMALL --member m1 --data-dir new";
    into_a_folder_with_a_file: a_file, "restore SMALL --member m1 --data-dir dir";
    in_place_of_a_member: a_member, "restore SMALL --member m1 --data-dir dir --keep-old";
    with_the_log_elsewhere: nothing, "restore SMALL --member m1 --data-dir new --wal-dir log";
    in_place_of_both: a_member_with_its_log_elsewhere, "restore SMALL --member m1 --data-dir dir --wal-dir log --keep-old";
    with_a_log_that_is_ahead: a_log_that_is_ahead, "restore datadir-3.6 --member m1 --data-dir dir";
    from_a_compressed_backup: a_compressed_backup, "restore small.gz --member m1 --data-dir HERE/dir";
    an_export_into_a_new_folder: nothing, "export KUBE -n shop cm,svc,ing --to out";
    an_export_into_an_empty_folder: an_empty_folder, "export KUBE -n shop cm,svc,ing --to out";
    a_member_alone_as_a_copy: a_member_of_three, "force-new-cluster --data-dir dir --to new";
    a_member_alone_in_place: a_member_of_three, "force-new-cluster --data-dir dir --in-place --yes";
    another_version_in_place: a_member, "migrate --data-dir dir --target-version 3.5 --in-place --yes";
    every_member: a_file, "restore SMALL --all-members --initial-cluster a=http://a:1,b=http://b:1 --to dir";
}

#[test]
fn where_renames_end() {
    if has_strace("where_renames_end") {
        let line = "restore SMALL --member m1 --data-dir dir --wal-dir log --keep-old";
        Scene::new(a_member_with_its_log_elsewhere, line).cannot_rename();
    }
}

/// What was killed between the two renames of an old member has it in the staging folder.
#[test]
fn somebody_was_there_since_the_kill() {
    if !has_strace("somebody_was_there_since_the_kill") {
        return;
    }
    let scene = Scene::new(a_member, "restore SMALL --member m1 --data-dir dir --keep-old");
    scene.strace(&["-e", "inject=renameat2:signal=KILL:when=3"]);
    let staging = scene.root().join("dir/.etcdsnap-restore");
    let old = staging.join("new/member/snap/db");
    assert!(old.is_file());
    let (there, moved) = (scene.root().join("dir"), scene.root().join("moved"));
    let refused = |line: &str, about: &str| {
        let before = Tree::of(scene.root());
        let (code, said) = run_in(scene.root(), line);
        assert_eq!(code, Some(2), "{said}");
        assert_one_sentence(&said, about);
        assert_eq!(Tree::of(scene.root()), before);
    };
    fs::rename(&there, &moved).unwrap();
    refused(&scene.line.replace("dir --keep", "moved --keep"), "this is a copy, or was moved");
    fs::rename(&moved, &there).unwrap();
    let journal = fs::read(staging.join("journal.json")).unwrap();
    fs::write(staging.join("journal.json"), &journal[1..]).unwrap();
    refused(&scene.line, "its journal cannot be read");
    fs::write(staging.join("journal.json"), &journal).unwrap();
    if fs::metadata(&staging).unwrap().uid() == 0 {
        chown(&staging, Some(65534), None).unwrap();
        refused(&scene.line, "it belongs to another user");
        chown(&staging, Some(0), None).unwrap();
    }
    // Now it is put right.
    assert_eq!(run_in(scene.root(), &scene.line), (Some(0), String::new()));
    assert!(!Tree::of(scene.root()).has_staging());
}

/// Without an exchange there is no member between two renames, and the next run puts it back.
#[test]
fn where_nothing_can_be_exchanged() {
    if !has_strace("where_nothing_can_be_exchanged") {
        return;
    }
    let mut scene = Scene::new(a_member, "restore SMALL --member m1 --data-dir dir --keep-old");
    let tries = |call: &Call| call.text.contains("etcdsnap-restore/a\"");
    let try_it = scene.calls().into_iter().find(tries).unwrap();
    scene.always = Some(format!("inject={}:error=EOPNOTSUPP:when={}", try_it.name, try_it.nth));
    assert!(!scene.calls().iter().any(|call| call.text.contains("RENAME_EXCHANGE")));
    scene.reset();
    let (output, _) = scene.strace(&[]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("\n  kept        ") && printed.contains("dir/member.before-"), "{printed}");
    scene.reset();
    scene.runs_out_of_space();
    scene.reset();
    scene.is_killed();
}

/// The same in place: there is no db, or no last segment, between two renames.
#[test]
fn where_nothing_can_be_exchanged_in_place() {
    if !has_strace("where_nothing_can_be_exchanged_in_place") {
        return;
    }
    let migrate = "migrate --data-dir dir --target-version 3.5 --in-place --yes";
    let alone = "force-new-cluster --data-dir dir --in-place --yes";
    let both = a_member_of_three_that_differ;
    for (prepare, line) in [(a_member as fn(&Path), migrate), (a_member_of_three, alone), (both, alone)] {
        let mut scene = Scene::new(prepare, line);
        // Nor is there one that does not replace.
        scene.always = Some("inject=renameat2:error=EINVAL".to_owned());
        let moves = |call: &Call| call.name == "rename";
        assert!(scene.calls().into_iter().filter(moves).count() > 2);
        scene.runs_out_of_space_at(moves);
        scene.reset();
        scene.is_killed_at(moves);
    }
}

/// ^C ends the copy at its next step.
#[test]
fn stopped_by_the_person() {
    if !has_strace("stopped_by_the_person") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (large, log) = (dir.path().join("large.db"), dir.path().join("log"));
    fs::copy("fixtures/small.db", &large).unwrap();
    fs::File::options().write(true).open(&large).unwrap().set_len(80 << 20).unwrap();
    a_file(dir.path());
    for (signal, destination) in [("INT", "dir"), ("TERM", "new/er")] {
        let before = Tree::of(dir.path()).below("dir");
        let mut strace = Command::new("strace");
        // With -D it is the program itself that is started here, and that the signal goes to.
        strace.args(["-D", "-f", "-qq", "-e", "trace=copy_file_range,ioctl", "-e", "inject=ioctl:error=EOPNOTSUPP"]);
        // The copy is stopped at its first step while the signal is on its way.
        strace.args(["-e", "inject=copy_file_range:signal=STOP:when=1", "-o"]).arg(&log);
        let program = strace
            .arg(env!("CARGO_BIN_EXE_etcdsnap"))
            .args(["restore", "large.db", "--skip-hash-check", "--member", "m1", "--data-dir", destination])
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while !fs::read_to_string(&log).is_ok_and(|log| log.contains("copy_file_range")) {
            thread::sleep(Duration::from_millis(10));
        }
        let id = program.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
        let output = let_on(program);
        let (code, said) = ended(&output);
        assert_eq!(code, Some(3), "{said}");
        assert_one_sentence(&said, "interrupted; nothing was changed");
        assert!(fs::read_to_string(&log).unwrap().matches("copy_file_range(").count() < 5);
        fs::remove_file(&log).unwrap();
        assert_eq!(Tree::of(dir.path()).names(), ["dir", "dir/name", "large.db"]);
        assert_eq!(Tree::of(dir.path()).below("dir"), before);
    }
}

/// A backup with the trailer that fits it.
fn sealed(image: &[u8]) -> Vec<u8> {
    [image, &Sha256::digest(image)[..]].concat()
}

#[test]
fn a_bad_source_leaves_all_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    a_file(dir.path());
    let good = fs::read("fixtures/small.db").unwrap();
    let image = &good[..good.len() - 32];
    let flip = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 0x55;
        bytes
    };
    // All that counts is on page 3.
    let (header, value) = (3 * 4096, image.windows(5).position(|bytes| bytes == b"again").unwrap());
    let cases = [
        ("cut-to-half", good[..good.len() / 2].to_vec(), "cut-to-half: snapshot missing hash"),
        ("cut-to-a-page", sealed(&image[..4096]), "cut-to-a-page: damaged"),
        ("cut-to-nothing", Vec::new(), "cut-to-nothing"),
        ("header-flipped", flip(&good, header), "header-flipped: expected sha256"),
        ("header-flipped-and-sealed", sealed(&flip(image, header)), "header-flipped-and-sealed: damaged"),
        ("value-flipped", flip(&good, value), "value-flipped: expected sha256"),
        ("wrong-trailer", flip(&good, good.len() - 1), "wrong-trailer: expected sha256"),
        ("no-trailer", image.to_vec(), "no-trailer: snapshot missing hash"),
    ];
    for (name, bytes, _) in &cases {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    let before = Tree::of(dir.path());
    for (name, _, about) in &cases {
        for (place, about) in [
            ("--name m1 --initial-cluster m1=http://h:1 --data-dir dir", *about),
            ("--name m1 --initial-cluster m1=http://h:1 --data-dir un/der", *about),
            ("--member m1 --data-dir new", ""),
        ] {
            let (code, said) = run_in(dir.path(), &format!("restore {name} {place}"));
            assert_eq!(code, Some(1), "{name}: {said}");
            assert_one_sentence(&said, about);
            assert_eq!(Tree::of(dir.path()), before, "{name}");
        }
    }
}

#[test]
fn a_wrong_call_leaves_all_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    a_file(dir.path());
    fs::copy("fixtures/small.db", dir.path().join("small.db")).unwrap();
    let before = Tree::of(dir.path());
    for (flags, about) in [
        ("--name m1 --initial-cluster m2=http://h:2380", "m1"),
        ("--name m1 --initial-cluster m1=http://h:1 --initial-advertise-peer-urls http://h:2", "http://h:1"),
        ("--name m1 --initial-cluster m1=h", "URL scheme"),
        ("--member m9", "m9"),
        ("", "no member was named"),
    ] {
        for destination in ["dir", "new"] {
            let (code, said) = run_in(dir.path(), &format!("restore small.db --data-dir {destination} {flags}"));
            assert_eq!(code, Some(2), "{flags}: {said}");
            assert_one_sentence(&said, about);
            assert_eq!(Tree::of(dir.path()), before, "{flags}");
        }
    }
}
