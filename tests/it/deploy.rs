//! The recipes in `deploy/` do what they say.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use etcdsnap::rows::Format;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::common::{Etcd, Peers, apiserver::Apiserver, eventually, made, skipped};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// `$PATH` with the program first.
fn path() -> OsString {
    let program = Path::new(env!("CARGO_BIN_EXE_etcdsnap")).parent().unwrap().to_owned();
    let rest = env::var_os("PATH").unwrap_or_default();
    env::join_paths([program].into_iter().chain(env::split_paths(&rest))).unwrap()
}

/// Whether there is no zstd, which `keep.sh` calls; then the test `name` is skipped.
fn lacks_zstd(name: &str) -> bool {
    let lacks = Command::new("zstd").arg("-V").output().is_err();
    if lacks {
        skipped(name, "no zstd");
    }
    lacks
}

#[test]
fn kept_snapshots_come_back_and_damage_is_found() {
    if lacks_zstd("kept_snapshots_come_back_and_damage_is_found") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let keep = |command: &str, args: &[&Path]| {
        let mut keep = Command::new(format!("{HERE}/deploy/keep.sh"));
        keep.arg(command).arg(&store).args(args).env("PATH", path()).env("KEEP_WHOLE", "3").current_dir(HERE);
        keep.output().unwrap()
    };
    let files =
        ["kube.db", "kube-later.db", "kube.db", "encrypted.db", "kube-later.db"].map(|name| format!("fixtures/{name}"));
    for file in &files {
        let output = keep("add", &[file.as_ref()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let size = |n: usize| fs::metadata(store.join(format!("{n:06}.zst"))).unwrap().len();
    assert!(size(2) < size(1) / 2 && size(4) > size(2), "{} {} {}", size(1), size(2), size(4));
    let same = |n: usize| {
        let to = dir.path().join(format!("back{n}-{}", fs::read_dir(dir.path()).unwrap().count()));
        let output = keep("get", &[n.to_string().as_ref(), &to]);
        output.status.success() && fs::read(&to).unwrap() == fs::read(Path::new(HERE).join(&files[n - 1])).unwrap()
    };
    assert!((1..=5).all(same) && keep("check", &[]).status.success());
    // one that is damaged is not added
    let damaged = dir.path().join("damaged.db");
    let mut bytes = fs::read("fixtures/kube.db").unwrap();
    bytes[300_000] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    assert!(!keep("add", &[&damaged]).status.success() && !keep("get", &["6".as_ref(), &damaged]).status.success());
    // what is changed in the store is found, and the next whole one comes back
    let changed = store.join("000002.zst");
    let mut bytes = fs::read(&changed).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    fs::write(&changed, bytes).unwrap();
    assert!(!keep("check", &[]).status.success());
    assert_eq!([1, 2, 3, 4, 5].map(same), [true, false, false, true, true]);
    assert!(
        fs::read_dir(&store).unwrap().all(|entry| !entry.unwrap().file_name().to_string_lossy().starts_with(".work"))
    );
}

/// Runs `keep.sh` on a store, with a catalog beside it.
fn keep(store: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    in_catalog(Command::new(format!("{HERE}/deploy/keep.sh")).arg(args[0]).arg(store).args(&args[1..]), store)
}

/// Runs `etcdsnap` with the catalog of a store.
fn beside(store: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    in_catalog(Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args), store)
}

fn in_catalog(call: &mut Command, store: &Path) -> (Option<i32>, String, String) {
    call.env("PATH", path()).env("XDG_STATE_HOME", store.parent().unwrap()).env("KEEP_WHOLE", "2").current_dir(HERE);
    let output = call.output().unwrap();
    let [out, said] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.code(), out, said)
}

#[test]
fn kept_snapshots_are_in_the_catalog() {
    if lacks_zstd("kept_snapshots_are_in_the_catalog") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let files = ["kube.db", "kube-later.db", "encrypted.db"];
    for file in &files {
        let (code, _, said) = keep(&store, &["add", &format!("fixtures/{file}")]);
        assert_eq!(code, Some(0), "{said}");
    }
    let (code, out, said) = keep(&store, &["catalog"]);
    assert!(
        code == Some(0) && out.matches("added 1 ").count() == 3 && out.matches("1 good").count() == 3,
        "{out}{said}"
    );
    let listed: Value = serde_json::from_str(&beside(&store, &["catalog", "ls", "-o", "json"]).1).unwrap();
    for (n, file) in (1..).zip(&files) {
        let name = Value::from(format!("{}/{n}/{file}", store.display()));
        let mut items = listed["items"].as_array().unwrap().iter();
        let item = items.find(|item| item["files"].as_array().unwrap().contains(&name)).unwrap();
        assert!(item["verdict"] == "good" && item["missing"] == false, "{item}");
    }
    let (code, found, _) = beside(&store, &["catalog", "find", "deploy/web", "-n", "shop"]);
    assert!(code == Some(0) && found.contains("/1/kube.db") && found.contains("/2/kube-later.db"), "{found}");
    // only what is new is added
    assert_eq!(keep(&store, &["catalog"]), (Some(0), String::new(), String::new()));
    keep(&store, &["add", "fixtures/kube.db"]);
    let (code, out, said) = keep(&store, &["catalog"]);
    assert!(code == Some(0) && out.matches("added 1 ").count() == 1, "{out}{said}");
    // prune leaves them alone, and reads the newest where it is a file
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    for file in ["kube.db", "kube-later.db"] {
        fs::copy(format!("fixtures/{file}"), folder.join(file)).unwrap();
    }
    beside(&store, &["catalog", "add", folder.to_str().unwrap()]);
    let (code, out, said) = beside(&store, &["catalog", "prune", "--keep-last", "1", "--yes", "--cluster", "31cfb609"]);
    assert!(code == Some(0) && out.matches("kept: added from a pipe").count() == 2, "{out}{said}");
    assert_eq!(below(&folder, ""), [folder.join("kube-later.db")]);
    // a difference is no damaged backup
    let (_, out, _) = beside(&store, &["catalog", "add", store.to_str().unwrap()]);
    let differences = out.matches(".zst: not an etcd snapshot: zstd that needs the bytes of another file: it may be");
    assert!(
        differences.count() == 2 && out.contains(" 0 damaged; 2 not added") && !out.contains("is damaged"),
        "{out}"
    );
    let (code, out, _) = beside(&store, &["verify", store.to_str().unwrap()]);
    assert!(code == Some(1) && out.matches("hint: bring it back with the snapshot before it").count() == 2, "{out}");
}

#[test]
fn keep_says_what_is_not_there() {
    if lacks_zstd("keep_says_what_is_not_there") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (store, file) = (dir.path().join("store"), dir.path().join("file"));
    for args in [&["ls"][..], &["check"], &["catalog"], &["get", "1", "-"]] {
        let said = format!("keep.sh: {}: there is no such store\n", store.display());
        assert_eq!(keep(&store, args), (Some(1), String::new(), said));
    }
    keep(&store, &["add", "fixtures/kube.db"]);
    for n in ["abc", "0", "2", "-1", ""] {
        let said = format!("keep.sh: there is no snapshot {n} in {}: it has 1\n", store.display());
        assert_eq!(keep(&store, &["get", n, file.to_str().unwrap()]), (Some(1), String::new(), said));
    }
    let to = |to: &str| {
        let mut get = Command::new(format!("{HERE}/deploy/keep.sh"));
        get.args(["get".as_ref(), store.as_os_str(), "1".as_ref(), to.as_ref()]).output().unwrap().stdout
    };
    assert!(["-", "/dev/stdout"].map(to).iter().all(|out| *out == fs::read("fixtures/kube.db").unwrap()));
}

/// Snapshots of their own content, 3 of 30 damaged, and a list of them.
fn fleet(dir: &Path) -> (PathBuf, Vec<PathBuf>) {
    let files: Vec<_> = (0..30).map(|n| dir.join(format!("backup {n}.db"))).collect();
    for (n, file) in files.iter().enumerate() {
        made::snapshot(file, &[(b"/a", format!("value {n}").into_bytes()), (b"/b", b"x".to_vec())]);
        if n % 10 == 7 {
            let mut bytes = fs::read(file).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            fs::write(file, bytes).unwrap();
        }
    }
    let list = dir.join("list");
    let names: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
    fs::write(&list, names.join("\n") + "\n\n \n").unwrap();
    (list, files)
}

/// All files below a folder whose names end so.
fn below(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let (dirs, files): (Vec<_>, Vec<_>) = entries.map(|entry| entry.unwrap().path()).partition(|path| path.is_dir());
    let mut all: Vec<_> = files.into_iter().filter(|file| file.to_string_lossy().ends_with(ending)).collect();
    all.extend(dirs.iter().flat_map(|dir| below(dir, ending)));
    all.sort();
    all
}

#[track_caller]
fn check_verdicts(lines: &str, files: &[PathBuf]) {
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), files.len());
    for (n, file) in files.iter().enumerate() {
        let of: Vec<_> = lines.iter().filter(|line| line["path"] == file.to_str().unwrap()).collect();
        let [of] = of[..] else { panic!("{of:?}") };
        let want = if n % 10 == 7 { ("damaged", 0) } else { ("good", 2) };
        assert_eq!((of["verdict"].as_str().unwrap(), of["rows"].as_i64().unwrap()), want, "{of}");
    }
}

#[test]
fn a_process_a_file_writes_all_that_is_good() {
    if !Format::Parquet.is_here() {
        return skipped("a_process_a_file_writes_all_that_is_good", "built without the feature parquet");
    }
    let dir = tempfile::tempdir().unwrap();
    let (list, mut files) = fleet(dir.path());
    let (set, verdicts) = (dir.path().join("set"), dir.path().join("verdicts"));
    let run = || {
        let mut run = Command::new(format!("{HERE}/deploy/fleet/xargs.sh"));
        run.args([&set, &verdicts]).stdin(fs::File::open(&list).unwrap()).env("PATH", path());
        let output = run.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines: String = below(&verdicts, ".ndjson").iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        (below(&set, ""), lines)
    };
    let (first, lines) = run();
    assert_eq!(first.len(), 27);
    check_verdicts(&lines, &files);
    let more = dir.path().join("new.db");
    made::snapshot(&more, &[(b"/a", b"new".to_vec()), (b"/b", b"x".to_vec())]);
    writeln!(fs::File::options().append(true).open(&list).unwrap(), "{}", more.display()).unwrap();
    files.push(more);
    let (second, lines) = run();
    assert!(second.len() == 28 && first.iter().all(|file| second.contains(file)));
    check_verdicts(&lines, &files);
}

/// The processes that Dask works with.
fn workers(of: &Child) -> Vec<u32> {
    // a thread has the children that it started
    let threads = fs::read_dir(format!("/proc/{}/task", of.id())).unwrap();
    let children = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let children: Vec<u32> =
        children.flat_map(|pids| pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()).collect();
    let is_worker = |pid: &u32| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains("spawn_main"))
    };
    children.into_iter().filter(is_worker).collect()
}

#[test]
fn a_killed_worker_of_dask_costs_nothing_but_time() {
    let test = "a_killed_worker_of_dask_costs_nothing_but_time";
    let Some(engines) = env::var_os("ETCDSNAP_ENGINES").filter(|value| !value.is_empty()) else {
        return skipped(test, "no $ETCDSNAP_ENGINES");
    };
    if !Format::Parquet.is_here() {
        return skipped(test, "built without the feature parquet");
    }
    let dir = tempfile::tempdir().unwrap();
    let (list, files) = fleet(dir.path());
    let (set, verdicts, slow) = (dir.path().join("set"), dir.path().join("verdicts"), dir.path().join("slow"));
    let said = dir.path().join("said");
    fs::write(&slow, format!("#!/bin/sh\nsleep 0.2\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_etcdsnap"))).unwrap();
    fs::set_permissions(&slow, fs::Permissions::from_mode(0o755)).unwrap();
    let mut dask = Command::new(Path::new(&engines).join("bin/python"))
        .arg(format!("{HERE}/deploy/fleet/dask_rows.py"))
        .args([&set, &verdicts])
        .args(["--workers", "2"])
        .env("ETCDSNAP", &slow)
        .current_dir(dir.path())
        .stdin(fs::File::open(&list).unwrap())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&said).unwrap())
        .spawn()
        .unwrap();
    eventually("the first files", || below(&set, ".parquet").len() > 3);
    let worker = *workers(&dask).last().unwrap();
    assert!(Command::new("kill").args(["-9", &worker.to_string()]).status().unwrap().success());
    let mut ended = None;
    for _ in 0..1200 {
        ended = dask.try_wait().unwrap();
        if ended.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let _ = dask.kill();
    let said = fs::read_to_string(said).unwrap();
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}: {said}");
    assert_eq!(below(&set, "").len(), 27);
    check_verdicts(&fs::read_to_string(&verdicts).unwrap(), &files);
}

#[test]
fn an_api_server_takes_the_manifests() {
    let Some(peers) = Peers::find_kube("an_api_server_takes_the_manifests") else { return };
    let etcd = Etcd::start(&peers, "36");
    let server = Apiserver::start(&peers, &etcd);
    server.kubectl(&["create", "namespace", "fleet"]);
    for file in below(&Path::new(HERE).join("deploy/kubernetes"), ".yaml") {
        let args = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", file.to_str().unwrap()];
        let output = server.try_kubectl(&args, "");
        assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    }
}

/// `.ci/krew.sh` makes of two programs what `kubectl krew install` takes.
#[test]
fn the_manifest_of_krew_names_the_archives_and_their_sums() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at(".ci")).unwrap();
    fs::create_dir(at("dist")).unwrap();
    for file in [".ci/krew.sh", "LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(Path::new(HERE).join(file), at(file)).unwrap();
    }
    let targets = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];
    for target in targets {
        let program = at(&format!("dist/etcdsnap-1.2.3-{target}"));
        fs::write(&program, target).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let made = |url: &str, targets: &[&str]| {
        let mut krew = Command::new(at(".ci/krew.sh"));
        krew.arg("1.2.3").args(targets).env("RELEASE_URL", url).env_remove("SOURCE_DATE_EPOCH");
        krew.output().unwrap().status.success()
    };
    assert!(made("https://host/v1.2.3", &targets));
    let manifest = fs::read_to_string(at("dist/snapshot.yaml")).unwrap();
    let fields = [
        "apiVersion: krew.googlecontainertools.github.com/v1alpha2\nkind: Plugin\nmetadata:\n  name: snapshot\nspec:\n",
        "\n  version: v1.2.3\n",
        "\n  homepage: https://host/v1.2.3\n",
        "\n  shortDescription: ",
        "\n  description: |\n    ",
    ];
    assert!(fields.iter().all(|field| manifest.contains(field)), "{manifest}");
    let mut platforms = String::new();
    for (arch, target) in ["amd64", "arm64"].into_iter().zip(targets) {
        let archive = fs::read(at(&format!("dist/kubectl-snapshot-1.2.3-{arch}.tar.gz"))).unwrap();
        let sum: String = Sha256::digest(&archive).iter().map(|byte| format!("{byte:02x}")).collect();
        platforms += &format!(
            "  - selector: {{matchLabels: {{os: linux, arch: {arch}}}}}\n    \
             uri: https://host/v1.2.3/kubectl-snapshot-1.2.3-{arch}.tar.gz\n    sha256: {sum}\n    bin: kubectl-snapshot\n"
        );
        let mut names = Vec::new();
        for entry in tar::Archive::new(flate2::read::GzDecoder::new(&archive[..])).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            if name == "kubectl-snapshot" {
                let mut program = String::new();
                entry.read_to_string(&mut program).unwrap();
                assert_eq!((program.as_str(), entry.header().mode().unwrap()), (target, 0o755));
            }
            names.push(name);
        }
        names.sort();
        assert_eq!(names, ["LICENSE-APACHE", "LICENSE-MIT", "kubectl-snapshot"]);
    }
    assert_eq!(manifest.split_once("\n  platforms:\n").unwrap().1, platforms);
    // the same again, byte for byte; not for a machine that krew has no name for
    assert!(made("https://host/v1.2.3", &targets) && fs::read_to_string(at("dist/snapshot.yaml")).unwrap() == manifest);
    assert!(!made("https://host/v1.2.3", &["riscv64gc-unknown-linux-musl"]));
}
