//! A backup opens inside gzip, zstd, xz, bzip2, zip and tar too, several deep; what is broken or too large is an error.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::Write as _,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
    process::Command,
};

fn run(args: &[impl AsRef<OsStr>]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn status(file: impl AsRef<OsStr>) -> (i32, String, String) {
    run(&[OsStr::new("status"), file.as_ref()])
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        out.append_data(&mut header, name, *bytes).unwrap();
    }
    out.into_inner().unwrap()
}

#[test]
fn every_wrapping_comes_off() {
    let dir = tempfile::tempdir().unwrap();
    let db = fs::read("fixtures/small.db").unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&db).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(&db[..], ruzstd::encoding::CompressionLevel::Fastest);
    let (first, second) = db.split_at(9000);
    let files = [
        ("a.gz", gzip(&db)),
        ("two-members", [gzip(first), gzip(second)].concat()),
        ("padded.gz", [gzip(&db), vec![0; 10_240]].concat()),
        ("c.bz2", bzip2.finish().unwrap()),
        ("d.zst", zstd.clone()),
        ("two-frames", [zstd, vec![0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]].concat()),
        ("e.tar", tar(&[("README", b"text"), ("./backup", &db)])),
        ("f.tgz", gzip(&tar(&[("backups/one.gz", &gzip(&db))]))),
    ];
    for (name, bytes) in files {
        let file = write(dir.path(), name, &bytes);
        let (code, out, said) = status(&file);
        assert_eq!((code, said.as_str()), (0, ""), "{name}");
        assert!(out.contains("snapshot") && out.contains("present, not checked"), "{name}: {out}");
    }
}

/// Frames that zstd made from a file and another one.
#[test]
fn zstd_that_needs_another_file_is_not_damaged() {
    let dir = tempfile::tempdir().unwrap();
    // zstd --patch-from=BEFORE, of the numbers to 200, and these again with a line more
    let difference =
        b"\x28\xb5\x2f\xfd\x64\xb6\x01\x55\x00\x00\x10\x78\x0a\x01\x00\xb1\x6e\x55\x02\x08\xa4\x5b\x52\x2c";
    let (code, _, said) = status(write(dir.path(), "difference.zst", difference));
    assert!(code == 1 && said.contains("it may be a difference that `zstd --patch-from` made\nhint: "), "{said}");
    assert!(!said.contains("zstd around it is damaged"), "{said}");
    // with a dictionary that has the id 7; and a window of 256 MiB
    let (code, _, said) = status(write(dir.path(), "with.zst", b"\x28\xb5\x2f\xfd\x21\x07\x01\x09\x00\x00x"));
    assert!(code == 1 && said.contains("with the dictionary 7\nhint: unpack it by hand: zstd -d -D"), "{said}");
    let (code, _, said) = status(write(dir.path(), "large.zst", b"\x28\xb5\x2f\xfd\x00\x90\x09\x00\x00x"));
    assert!(
        code == 2 && said.contains("more memory than there is, or than 128 MiB\nhint: unpack it by hand"),
        "{said}"
    );
}

#[test]
fn one_of_several_is_picked() {
    let dir = tempfile::tempdir().unwrap();
    let db = fs::read("fixtures/small.db").unwrap();
    let file = write(dir.path(), "two.tar", &tar(&[("a.db", &db), ("b.db", &db)]));
    let (code, _, said) = status(&file);
    assert_eq!(code, 2);
    assert!(said.contains("it holds 2 backups") && said.contains("two.tar:a.db"), "{said}");
    let picked = format!("{}:b.db", file.display());
    assert_eq!(run(&["status", &picked]).0, 0);
    assert_eq!(run(&["status", &format!("{}:c.db", file.display())]).0, 2);
    // tar adds a newer file of the same name at the end, and takes that
    let file = write(dir.path(), "twice.tar", &tar(&[("a.db", &db), ("a.db", &db)]));
    for named in [file.display().to_string(), format!("{}:a.db", file.display())] {
        let (code, _, said) = run(&["status", &named]);
        assert!(code == 1 && said.contains("it holds several files with the name a.db"), "{said}");
    }
    // A folder is a container too.
    let folder = tempfile::tempdir().unwrap();
    fs::copy("fixtures/small.db", folder.path().join("x.db")).unwrap();
    assert_eq!(status(folder.path()).0, 0);
    fs::copy("fixtures/small.db", folder.path().join("y.db")).unwrap();
    assert_eq!(status(folder.path()).0, 2);
    assert_eq!(run(&["status", &format!("{}:y.db", folder.path().display())]).0, 0);
}

/// Linux takes any bytes for a name. Those that are no text are shown escaped, and may be typed so where they are
/// inside.
#[test]
fn names_need_not_be_text() {
    let dir = tempfile::tempdir().unwrap();
    let db = fs::read("fixtures/small.db").unwrap();
    let odd = |name: &[u8]| dir.path().join(OsStr::from_bytes(name));
    let with = |outer: &Path, inner: &[u8]| {
        let joined = [outer.as_os_str().as_bytes(), b":", inner].concat();
        OsString::from_vec(joined)
    };
    let (a, b) = (odd(b"\xff.db"), odd(b"\xfe.db"));
    fs::copy("fixtures/small.db", &a).unwrap();
    let (code, out, said) = status(&a);
    assert!(code == 0 && said.is_empty() && out.contains("/\\xff.db\n"), "{out}{said}");
    assert_eq!(status(dir.path()).0, 0);
    fs::copy("fixtures/small.db", &b).unwrap();
    let (code, _, said) = status(dir.path());
    assert!(code == 2 && said.contains("\\xfe.db\n") && said.contains("\\xff.db\n"), "{said}");
    for inner in [&b"\xff.db"[..], b"\\xff.db", b":\xfe.db"] {
        let (code, _, said) = status(with(dir.path(), inner));
        assert_eq!(code, 0, "{inner:?}: {said}");
    }
    assert_eq!(status(with(dir.path(), b"\xfd.db")).0, 2);
    let evidence = dir.path().join("evidence").display().to_string();
    let both = [OsStr::new("verify"), a.as_os_str(), b.as_os_str(), OsStr::new("--evidence"), OsStr::new(&evidence)];
    let (code, out, said) = run(&both);
    assert!(code == 0 && out.contains("/\\xff.db ") && out.contains("/\\xfe.db "), "{out}{said}");
    assert!(fs::read_to_string(&evidence).unwrap().matches("sha256After\":\"").count() == 2);
    // in an archive and around it
    let mut zip = zip::ZipWriter::new(fs::File::create(odd(b"\xff.zip")).unwrap());
    for name in ["one.db", "two.db"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&db).unwrap();
    }
    zip.finish().unwrap();
    assert_eq!(status(with(&odd(b"\xff.zip"), b"two.db")).0, 0);
    assert_eq!(status(odd(b"\xff.zip")).0, 2);
    let archive = odd(b"two.tar");
    let tar = tar(&[("x1.db", &db), ("x2.db", &db)]);
    // a name of another encoding, with the sum of its header
    let renamed: Vec<u8> = tar.chunks(512).flat_map(|block| renamed(block, b"x2.db", b"\xe92.db")).collect();
    fs::write(&archive, renamed).unwrap();
    assert!(status(&archive).2.contains("\\xe92.db"));
    assert_eq!(status(with(&archive, b"\xe92.db")).0, 0);
    // what is offered can be typed into a shell
    let (code, _, said) =
        run(&[OsStr::new("restore"), a.as_os_str(), OsStr::new("--data-dir"), OsStr::new("/nowhere")]);
    assert!(code == 2 && said.contains("etcdsnap restore $'") && said.contains("\\xff.db' --data-dir"), "{said}");
}

/// A block of an archive; when it is the header of `from`, of `to`.
fn renamed(block: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut block = block.to_vec();
    if block.starts_with(from) && block.get(257..262) == Some(b"ustar") {
        block[..to.len()].copy_from_slice(to);
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    block
}

#[test]
fn what_is_broken_or_too_large_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let whole = gzip(&fs::read("fixtures/kube.db").unwrap());
    let cut = write(dir.path(), "cut.gz", &whole[..whole.len() / 2]);
    let (code, _, said) = status(&cut);
    assert_eq!(code, 1);
    assert!(said.contains("the gzip around it is damaged"), "{said}");
    let file = write(dir.path(), "whole.gz", &whole);
    let (code, _, said) = run(&["status", file.to_str().unwrap(), "--max-unpacked", "1000"]);
    assert_eq!(code, 2);
    assert!(said.contains("--max-unpacked"), "{said}");
    let (code, _, said) = run(&["status", file.to_str().unwrap(), "--tmp-dir", "/nowhere"]);
    assert_eq!(code, 3);
    assert!(said.contains("--tmp-dir"), "{said}");
    for cut in (0..whole.len()).step_by(whole.len() / 40) {
        let file = write(dir.path(), "cut", &whole[..cut]);
        assert_eq!(status(&file).0, 1, "cut to {cut}");
    }
}

/// A few KB of xz can ask for 4 GiB.
#[test]
fn what_needs_too_much_memory_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let start = b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46\x02\0\x21\x01\x28\0\0\0\xe6\xa0\x11\xb3";
    let (code, _, told) = status(write(dir.path(), "a.xz", start));
    assert!(code == 2 && told.contains("its xz needs more memory than there is, or than 128 MiB"), "{code}: {told}");
}

#[test]
fn what_is_no_file_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for (path, code, word) in [
        (fifo.as_path(), 2, "a pipe"),
        (Path::new("/dev/zero"), 2, "a device"),
        (dir.path(), 1, "a folder without an etcd backup"),
        (Path::new("/nowhere"), 3, "No such file"),
    ] {
        let (exit, _, said) = status(path);
        assert_eq!(exit, code, "{said}");
        assert!(said.contains(word), "{said}");
    }
}

/// Names from outside cannot write over what is said about them.
#[test]
fn a_name_cannot_forge_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("evil\nnewest good: \x1b[2Jevil.db");
    fs::copy("fixtures/small.db", &file).unwrap();
    let (_, out, _) = run(&["verify", file.to_str().unwrap()]);
    assert!(!out.contains('\x1b') && out.lines().filter(|line| line.starts_with("newest good")).count() == 1, "{out}");
}

/// OpenShift's cluster-backup.sh leaves a snapshot, and beside it its static pods' files in a tar.
#[test]
fn a_folder_with_a_snapshot_and_other_files_in_a_tar_is_one_backup() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::copy("fixtures/kube.db", at("snapshot_2026-11-21_020500.db")).unwrap();
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    header.set_mode(0o600);
    let name = "static-pod-resources/kube-apiserver-pod-7/kube-apiserver-pod.yaml";
    tar.append_data(&mut header, name, &b"{}"[..]).unwrap();
    fs::write(at("static_kuberesources_2026-11-21_020500.tar.gz"), tar.into_inner().unwrap().finish().unwrap())
        .unwrap();
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let folder = dir.path().to_str().unwrap();
    assert_eq!(run(&["get", folder, "ns"]), run(&["get", "fixtures/kube.db", "ns"]));
    let (code, out, _) = run(&["verify", folder, "--strict"]);
    assert!(code == Some(0) && out.ends_with("snapshot_2026-11-21_020500.db\n"), "{out}");
    // A backup in the tar would make it two.
    fs::copy("fixtures/datadir-3.6.tar.gz", at("dir.tar.gz")).unwrap();
    let (code, _, said) = run(&["get", folder, "ns"]);
    assert!(code == Some(2) && said.contains("it holds 3 backups"), "{said}");
}

#[test]
fn of_several_backups_in_a_folder_the_newest_good_one_is_proposed() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::copy("fixtures/kube.db", at("a.db")).unwrap();
    fs::copy("fixtures/kube-later.db", at("b.db")).unwrap();
    let mut damaged = fs::read("fixtures/kube-later.db").unwrap();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    fs::write(at("c.db"), damaged).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(["get", dir.path().to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let hint = format!("hint: the newest good one of them: {}\n", at("b.db").display());
    assert!(output.status.code() == Some(2) && said.ends_with(&hint), "{said}");
}

/// The newest backup in a folder may be the one that cannot be read, such as a link to a disk that is not mounted.
#[test]
fn an_older_backup_does_not_stand_for_one_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::copy("fixtures/small.db", at("old.db")).unwrap();
    std::os::unix::fs::symlink("/nowhere/new.db", at("new.db")).unwrap();
    let (code, _, said) = status(dir.path());
    assert!(code == 3 && said.contains("new.db: cannot open: No such file"), "{said}");
    assert_eq!(run(&["status", &format!("{}:old.db", dir.path().display())]).0, 0);
    // of several none is proposed
    fs::copy("fixtures/small.db", at("other.db")).unwrap();
    let (code, _, said) = status(dir.path());
    assert!(
        code == 2 && said.contains("it holds 3 backups") && !said.contains("the newest good one of them"),
        "{said}"
    );
}
