//! A db: pages, buckets, records, and what `verify` and `status` make of them. Both metas get right checksums.

use etcdsnap::etcd::Snapshot;

use super::{
    database::{read_file, read_pages, twice},
    mend,
};

pub fn run(data: &[u8]) {
    let mut image = data.to_vec();
    mend::db(&mut image);
    read_pages(&image);
    twice(|| {
        let snapshot = Snapshot::open(&image).ok()?;
        let survey = snapshot.survey();
        Some((survey.hash, survey.total_key, survey.revision, survey.findings.list().to_vec()))
    });
    read_file(&image);
}
