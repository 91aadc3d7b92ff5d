//! A `.snap` file, and the v2store in it. The file gets the right checksum, unless the first byte is odd.

use etcdsnap::{
    etcd::SnapFiles,
    snap::{Snap, V2Store},
    source::{Options, RaftFiles, RaftKind},
};

use super::{database::json, file, mend};

pub fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let _ = V2Store::decode(rest);
    let bytes = if first & 1 == 1 { rest.to_vec() } else { mend::snap(rest) };
    if let Ok(snap) = Snap::decode(&bytes) {
        let again = Snap::decode(&snap.encode());
        assert_eq!(again.as_ref(), Ok(&snap), "what is written is read again");
        let _ = V2Store::decode(&snap.store);
    }
    let path = file("0000000000000002-0000000000000005.snap", &bytes);
    if let Ok(files) = RaftFiles::open(&path, RaftKind::Snaps, &Options::default()) {
        json(&SnapFiles::read(&files));
    }
}
