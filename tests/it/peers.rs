//! Same answers as the real programs (promise 4), and that these can be started here at all.

use crate::common::{Etcd, Peers};

/// The real etcd lines, as the programs' names carry them.
const VERSIONS: [&str; 5] = ["34", "35", "36", "37", "38"];

#[test]
fn the_real_programs_start_and_save() {
    let Some(peers) = Peers::find("the_real_programs_start_and_save") else { return };
    for version in VERSIONS {
        let etcd = Etcd::start(&peers, version);
        assert_eq!(etcd.ctl(&["put", "key", "value"]), "OK\n");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("saved.db");
        let file = file.to_str().unwrap();
        etcd.ctl(&["snapshot", "save", file]);
        let (home, data_dir) = etcd.stop();
        let status = peers.ask("etcdutl37", ["snapshot", "status", file, "-w", "json"]);
        assert!(status.contains(r#""revision":2,"totalKey":1,"#), "{version}: {status}");
        assert!(data_dir.starts_with(home.path()) && data_dir.join("member/snap/db").exists());
    }
}

#[test]
fn a_killed_member_starts_again_on_its_data() {
    let Some(peers) = Peers::find("a_killed_member_starts_again_on_its_data") else { return };
    let etcd = Etcd::start(&peers, "36");
    etcd.ctl(&["put", "key", "value"]);
    let (home, data_dir) = etcd.kill();
    let etcd = Etcd::start_on(&peers, "36", Some(&data_dir), &[]).unwrap();
    assert_eq!(etcd.ctl(&["get", "key"]), "key\nvalue\n");
    let refused = Etcd::start_on(&peers, "36", Some(home.path()), &["--no-such-flag"]);
    assert!(refused.is_err_and(|log| log.contains("no-such-flag")));
}
