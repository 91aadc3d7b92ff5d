//! A file in containers: gzip, zstd, xz, bzip2, zip, tar. A tar's headers get right checksums. Of anything at most a
//! MiB is unpacked.

use etcdsnap::{
    etcd::{Load, SnapFiles, Snapshot},
    source::{Options, RaftFiles, RaftKind, Source},
};

use super::{database::json, file, mend, scratch};

pub fn run(data: &[u8]) {
    let mut bytes = data.to_vec();
    if bytes.get(257..262) == Some(b"ustar") {
        mend::tar(&mut bytes);
    }
    let path = file("container", &bytes);
    let options = Options { tmp_dir: scratch(), max_unpacked: 1 << 20, ..Options::default() };
    if let Ok(source) = Source::open(&path, &options) {
        let _ = (source.wrapping(), source.kind(), source.name(), source.intact());
        if let Ok(snapshot) = Snapshot::load(&source, &Load::default()) {
            let _ = snapshot.head();
        }
    }
    for kind in [RaftKind::Log, RaftKind::Snaps] {
        if let Ok(files) = RaftFiles::open(&path, kind, &options) {
            json(&SnapFiles::read(&files));
        }
    }
    let inner = path.with_file_name("container:member");
    let _ = Source::open(&inner, &options);
}
