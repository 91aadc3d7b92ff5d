//! Promise 2: a file that shrinks or is written to while it is read is reported with its offset, exit 3; one that is
//! replaced by a rename stays readable.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use etcdsnap::{
    Error,
    etcd::{Load, Snapshot},
    source::{Options, Source},
};

/// Starts a command that prints more than a pipe holds, and waits until it blocks.
fn start(file: &Path, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    let child = command.args(args).arg(file).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // the bytes in the pipe, and whether it sleeps
    let state = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        let sleeps = stat.rsplit(')').next().unwrap().trim_start().starts_with('S');
        (rustix::io::ioctl_fionread(child.stdout.as_ref().unwrap()).unwrap(), sleeps)
    };
    let (mut before, mut still) = (state(), 0);
    while still < 20 {
        std::thread::sleep(Duration::from_millis(10));
        let now = state();
        still = if now == before && now.1 && now.0 > 32_768 { still + 1 } else { 0 };
        before = now;
    }
    child
}

/// Drains the pipe and returns the exit code and what was said.
fn finish(mut child: Child) -> (Option<i32>, String) {
    let (mut out, mut said) = (Vec::new(), String::new());
    child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(out.len() > 60_000, "the output did not fill the pipe");
    (child.wait().unwrap().code(), said)
}

fn copy() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kube.db");
    fs::copy("fixtures/kube.db", &file).unwrap();
    (dir, file)
}

#[test]
fn a_file_that_is_cut_is_told_with_its_offset() {
    let (_dir, file) = copy();
    let child = start(&file, &["kv"]);
    File::options().write(true).open(&file).unwrap().set_len(50_000).unwrap();
    let (code, said) = finish(child);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("changed while it was read") && said.contains("offset 0xc350"), "{said}");
}

#[test]
fn a_file_that_is_emptied_is_told() {
    let (_dir, file) = copy();
    let child = start(&file, &["kv"]);
    File::create(&file).unwrap();
    let (code, said) = finish(child);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("offset 0x0"), "{said}");
}

#[test]
fn a_byte_that_changes_is_told() {
    let (_dir, file) = copy();
    let child = start(&file, &["kv"]);
    let mut open = File::options().write(true).open(&file).unwrap();
    open.seek(SeekFrom::Start(300_000)).unwrap();
    open.write_all(b"x").unwrap();
    drop(open);
    let (code, said) = finish(child);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("it was written to"), "{said}");
}

/// Changes a byte in place and sets the time back, as `rsync --inplace -t` does.
fn change_and_set_back(file: &Path) {
    let before = fs::metadata(file).unwrap().modified().unwrap();
    let mut open = File::options().write(true).open(file).unwrap();
    open.seek(SeekFrom::Start(300_000)).unwrap();
    open.write_all(b"x").unwrap();
    open.set_modified(before).unwrap();
}

#[test]
fn a_byte_that_changes_is_told_whatever_the_name_and_the_time_are() {
    let (dir, file) = copy();
    for name in [&b"plain.db"[..], b"caf\xe9.db"] {
        let named = dir.path().join(OsStr::from_bytes(name));
        fs::copy(&file, &named).unwrap();
        let child = start(&named, &["kv"]);
        change_and_set_back(&named);
        let (code, said) = finish(child);
        assert_eq!(code, Some(3), "{}: {said}", named.display());
        assert!(said.contains("its time set back"), "{said}");
    }
}

#[test]
fn a_file_that_is_replaced_stays_readable() {
    let (dir, file) = copy();
    let child = start(&file, &["kv"]);
    let other = dir.path().join("other");
    fs::write(&other, b"something else").unwrap();
    fs::rename(&other, &file).unwrap();
    let (code, said) = finish(child);
    assert_eq!((code, said.as_str()), (Some(0), ""));
}

#[test]
fn a_file_that_is_moved_stays_readable() {
    let (dir, file) = copy();
    let child = start(&file, &["kv"]);
    fs::rename(&file, dir.path().join("moved.db")).unwrap();
    let (code, said) = finish(child);
    assert_eq!((code, said.as_str()), (Some(0), ""));
}

/// The page would be a verdict on what is there no more. What changes while it is printed does not matter.
#[test]
fn a_page_is_written_after_the_last_look_at_the_file() {
    let (_dir, file) = copy();
    let child = start(&file, &["report", "--html", "-"]);
    change_and_set_back(&file);
    assert_eq!(finish(child), (Some(0), String::new()));
}

/// As the files of a running etcd: read while they change, they look damaged.
#[test]
fn what_changes_is_not_called_damaged() {
    let (_dir, file) = copy();
    let source = Source::open(&file, &Options::default()).unwrap();
    File::options().write(true).open(&file).unwrap().write_all(&[0xff; 8192]).unwrap();
    let error = Snapshot::load(&source, &Load::default()).err().unwrap();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
}
