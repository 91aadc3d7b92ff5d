//! Two programs that write one data directory: the second is refused, or what comes of both is what one after the other
//! makes, at whatever moment the second comes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::common::tree::{Tree, can_run, ended, etcdsnap, let_on};
use tempfile::TempDir;

/// What writes a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Restore,
    ForceNewCluster,
    Migrate,
}

impl Job {
    fn line(self) -> String {
        let small = fs::canonicalize("fixtures/small.db").unwrap();
        match self {
            Self::Restore => format!("restore {} --member m1 --data-dir dir --keep-old", small.display()),
            Self::ForceNewCluster => {
                "force-new-cluster --data-dir dir --in-place --yes --uncommitted keep --peer-urls http://127.0.0.1:9"
                    .into()
            }
            Self::Migrate => "migrate --data-dir dir --in-place --yes --target-version 3.5".into(),
        }
    }
}

/// A stopped member's directory, `dir` in a folder.
fn member() -> TempDir {
    let home = TempDir::new().unwrap();
    fs::rename(crate::common::unpacked(home.path()), home.path().join("dir")).unwrap();
    home
}

/// Starts `job` so that it is stopped at its `when`th call of `call`, if it comes so far.
fn stopped_at(job: Job, call: &str, when: u32, dir: &Path) -> (Child, PathBuf, bool) {
    let log = dir.join("strace");
    let inject = format!("inject={call}:signal=STOP:when={when}");
    let mut strace = Command::new("strace");
    // With -D it is the program itself that is started here.
    strace.args(["-D", "-f", "-qq", "-e", &format!("trace={call}"), "-e", &inject, "-o"]).arg(&log);
    strace.arg(env!("CARGO_BIN_EXE_etcdsnap")).args(job.line().split_whitespace());
    let mut child = strace.current_dir(dir).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    loop {
        if fs::read_to_string(&log).is_ok_and(|text| text.contains("stopped by SIGSTOP")) {
            return (child, log, true);
        }
        if child.try_wait().unwrap().is_some() {
            return (child, log, false);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// What is there can be started, and nothing else is left.
fn whole(dir: &Path, what: &str) {
    let output = etcdsnap(["verify", "dir"]).current_dir(dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && !said.contains("log-of-another"), "{what}: {said}");
    assert!(!Tree::of(dir).has_staging(), "{what}: {:?}", Tree::of(dir).names());
}

#[test]
fn two_jobs_on_one_directory_at_every_moment() {
    if !can_run("strace", &["-V"], "two_jobs_on_one_directory_at_every_moment") {
        return;
    }
    let (mut refused, mut changed) = (0, 0);
    for (first, second) in [
        (Job::Restore, Job::ForceNewCluster),
        (Job::ForceNewCluster, Job::Restore),
        (Job::Migrate, Job::Restore),
        (Job::Restore, Job::Migrate),
    ] {
        for (call, moments) in [("flock", 4), ("clone3", 2), ("clone", 1), ("fsync", 1), ("mkdir", 2), ("renameat2", 3)]
        {
            for when in 1..=moments {
                let home = member();
                let dir = home.path();
                let what = format!("{first:?} at call {when} of {call}, {second:?}");
                let (child, _, stands) = stopped_at(first, call, when, dir);
                if !stands {
                    drop(let_on(child));
                    break;
                }
                let (code, said) =
                    ended(&etcdsnap(second.line().split_whitespace()).current_dir(dir).output().unwrap());
                let one = ended(&let_on(child));
                refused += u32::from(code == Some(2) && said.contains("another etcdsnap is writing there"));
                changed += u32::from(one.0 == Some(3) && one.1.contains("was replaced or removed"));
                let fine = |code: Option<i32>| [Some(0), Some(2), Some(3)].contains(&code);
                assert!(fine(code) && fine(one.0) && (code, one.0) != (Some(2), Some(2)), "{what}: {said}{}", one.1);
                whole(dir, &what);
            }
        }
    }
    assert!(refused > 20 && changed > 0, "{refused} refused, {changed} changed");
}
