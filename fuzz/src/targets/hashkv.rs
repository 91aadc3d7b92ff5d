//! What `verify` has nothing against has etcdutl's HashKV. Without etcdutl (`$ETCDSNAP_PEERS`) this is `db` once more.

use std::{path::PathBuf, process::Command, sync::OnceLock};

use etcdsnap::{etcd::Snapshot, verify::Verdict};

use super::{database::read_file, file, mend};

pub fn run(data: &[u8]) {
    let mut image = data.to_vec();
    mend::db(&mut image);
    let good = read_file(&image).is_some_and(|report| report.verdict().is_some_and(|it| it != Verdict::Damaged));
    let Some(etcdutl) = etcdutl().filter(|_| good) else { return };
    let Ok(snapshot) = Snapshot::open(&image) else { return };
    let ours = snapshot.hashkv(None).map(|hash| u64::from(hash.hash));
    // etcdutl writes to what it reads
    let copy = file("copy.db", &image);
    let output = Command::new(etcdutl).args(["hashkv", "-w", "json"]).arg(copy).output().unwrap();
    let theirs = serde_json::from_slice::<serde_json::Value>(&output.stdout).ok();
    let theirs = theirs.and_then(|theirs| theirs.get("hash")?.as_u64());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(ours.ok(), theirs, "verify has nothing against it; etcdutl: {said}");
}

/// etcdutl 3.7, where it is installed.
fn etcdutl() -> Option<&'static PathBuf> {
    static ETCDUTL: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || Some(PathBuf::from(std::env::var_os("ETCDSNAP_PEERS")?).join("etcdutl37")).filter(|it| it.is_file());
    ETCDUTL.get_or_init(find).as_ref()
}
