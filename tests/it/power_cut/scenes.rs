//! The commands that write, and what is there before.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use super::{Scene, cut::Counts};
use crate::all_or_nothing::{
    a_compressed_backup, a_file, a_log_that_is_ahead, a_member, a_member_of_three, a_member_of_three_that_differ,
    a_member_with_its_log_elsewhere, an_empty_folder, has_strace, nothing,
};

/// A member whose folders are open to its group.
fn a_member_of_a_group(root: &Path) {
    a_member_of_three(root);
    let mut chmod = Command::new("chmod");
    assert!(chmod.args(["-R", "u=rwX,g=rX"]).arg(root.join("dir/member")).status().unwrap().success());
}

/// A db without its metas, in which nothing shows whether a value on five pages is whole.
fn a_broken_db(root: &Path) {
    let mut bytes = fs::read("fixtures/etcd-3.6.db").unwrap();
    bytes[..2 * 4096].fill(0);
    fs::write(root.join("broken.db"), bytes).unwrap();
}

/// A catalog with one backup.
fn a_catalog(root: &Path) {
    let mut add = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    add.args(["catalog", "add", "fixtures/small.db", "--db"]).arg(root.join("dir/catalog.redb"));
    assert!(add.output().unwrap().status.success());
}

fn a_doubtful_backup(root: &Path) {
    a_member(root);
    let bytes = fs::read("fixtures/small.db").unwrap();
    fs::write(root.join("plain.db"), &bytes[..bytes.len() - 32]).unwrap();
    fs::set_permissions(root.join("dir/member"), fs::Permissions::from_mode(0o750)).unwrap();
}

/// Its name, what makes what is there before, the command line, and its exit status.
type Case = (&'static str, fn(&Path), &'static str, i32);

const SCENES: &[Case] = &[
    ("restore", nothing, "restore SMALL --member m1 --data-dir new", 0),
    ("restore below new folders", nothing, "restore SMALL --member m1 --data-dir un/der/new", 0),
    ("restore into a folder", a_file, "restore SMALL --member m1 --data-dir dir", 0),
    ("restore in place of a member", a_member, "restore SMALL --member m1 --data-dir dir --keep-old", 0),
    ("restore of a log elsewhere", nothing, "restore SMALL --member m1 --data-dir new --wal-dir log", 0),
    (
        "restore in place of both",
        a_member_with_its_log_elsewhere,
        "restore SMALL --member m1 --data-dir dir --wal-dir log --keep-old",
        0,
    ),
    ("restore of a data directory", a_log_that_is_ahead, "restore datadir-3.6 --member m1 --data-dir dir", 0),
    ("restore of a compressed backup", a_compressed_backup, "restore small.gz --member m1 --data-dir dir", 0),
    (
        "restore of a doubtful backup",
        a_doubtful_backup,
        "restore plain.db --skip-hash-check --member m1 --data-dir dir --keep-old",
        0,
    ),
    (
        "restore --all-members",
        a_file,
        "restore SMALL --all-members --initial-cluster a=http://a:1,b=http://b:1 --to dir",
        0,
    ),
    ("restore --to-snapshot", a_file, "restore SMALL --to-snapshot dir/new.db", 0),
    ("force-new-cluster --to", a_member_of_a_group, "force-new-cluster --data-dir dir --to new", 0),
    ("force-new-cluster --in-place", a_member_of_three, "force-new-cluster --data-dir dir --in-place --yes", 0),
    (
        "force-new-cluster --in-place of both folders",
        a_member_of_three_that_differ,
        "force-new-cluster --data-dir dir --in-place --yes",
        0,
    ),
    ("migrate --to", a_member, "migrate --data-dir dir --target-version 3.5 --to new", 0),
    ("migrate --in-place", a_member, "migrate --data-dir dir --target-version 3.5 --in-place --yes", 0),
    ("export", nothing, "export KUBE -n shop cm,svc,ing --to out", 0),
    ("export into an empty folder", an_empty_folder, "export KUBE -n shop cm,svc,ing --to out", 0),
    ("catalog add", a_catalog, "catalog add KUBE --db dir/catalog.redb", 0),
    ("salvage", a_broken_db, "salvage broken.db --to saved.db", 1),
];

#[test]
fn at_every_moment_of_every_command() {
    if !has_strace("at_every_moment_of_every_command") {
        return;
    }
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((name, prepare, line, code)) = SCENES.get(next.fetch_add(1, SeqCst)) {
            let (scene, trace) = Scene::new(*prepare, line, *code);
            let counts = scene.run(&trace);
            report(name, counts);
            results.lock().unwrap().push(counts);
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let mut all = [Counts::default(); 2];
    for counts in results.into_inner().unwrap() {
        all.iter_mut().zip(counts).for_each(|(all, counts)| all.add(counts));
    }
    report(&format!("all {} commands", SCENES.len()), all);
    let [first, again] = all;
    assert!(first.moments > 500 && first.different > 1000 && again.runs > 100 && again.different > 1000);
}

fn report(what: &str, [first, again]: [Counts; 2]) {
    let _ = writeln!(
        io::stderr(),
        "{what}: power cut at {} moments, {} states, {} of them different; next run after {} of them, cut at {} moments, \
         {} different states",
        first.moments,
        first.states,
        first.different,
        again.runs,
        again.moments,
        again.different
    );
}
