//! `serve --etcd`: etcd's API on a backup answers as a real etcd on the restored backup.

mod hostile;
mod overlay;
mod random;
mod reading;

use std::path::Path;

use tempfile::TempDir;

use crate::common::{Etcd, Peers};

/// A real etcd on the restored backup; the folder goes with it.
pub fn restored<'a>(peers: &'a Peers, version: &'a str, snapshot: &Path) -> (TempDir, Etcd<'a>) {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let ports = crate::common::free_ports();
    let peer = format!("http://127.0.0.1:{}", ports[1]);
    let cluster = format!("m1={peer}");
    let words = ["snapshot", "restore", "--name", "m1", "--initial-advertise-peer-urls", &peer, "--initial-cluster"];
    let words = words.iter().map(|word| (*word).to_owned());
    let more = [cluster, "--data-dir".to_owned(), data.display().to_string(), snapshot.display().to_string()];
    peers.ask(&format!("etcdutl{version}"), words.chain(more));
    let mut etcd = Etcd::spawn(peers, version, "m1", Some(&data), ports, &["--unsafe-no-fsync"]);
    assert!(etcd.wait(), "{}", etcd.log());
    (dir, etcd)
}
