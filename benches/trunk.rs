//! The rooms of the trunk, one by one, on the fixtures: `cargo bench`. `against.sh` measures the whole program on a
//! keyspace of 2 GB.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etcdsnap::{
    bolt::{self, Db},
    etcd::{Range, Snapshot},
    hash::{Crc32c, Sha256},
    k8s::{self, json, yaml},
};

fn image() -> Vec<u8> {
    let mut bytes = std::fs::read("fixtures/kube.db").unwrap();
    bytes.truncate(bytes.len() - 32);
    bytes
}

fn hashes(c: &mut Criterion) {
    let data = image();
    let mut group = c.benchmark_group("hash");
    group.throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("crc32c", |b| b.iter(|| Crc32c::of(black_box(&data))));
    group.bench_function("sha256", |b| {
        b.iter(|| {
            let mut sha = Sha256::default();
            sha.update(black_box(&data));
            sha.finish()
        });
    });
    group.finish();
}

fn backend(c: &mut Criterion) {
    let data = image();
    let mut group = c.benchmark_group("backend");
    group.throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("check", |b| b.iter(|| bolt::check(&Db::open(black_box(&data)).unwrap())));
    group.bench_function("survey", |b| b.iter(|| Snapshot::open(black_box(&data)).unwrap().survey().hash));
    group.bench_function("hashkv", |b| b.iter(|| Snapshot::open(black_box(&data)).unwrap().hashkv(None).unwrap()));
    group.bench_function("view", |b| {
        b.iter(|| Snapshot::open(black_box(&data)).unwrap().view(None, &Range::ALL).unwrap().len());
    });
    group.finish();
}

fn objects(c: &mut Criterion) {
    let data = image();
    let view = Snapshot::open(&data).unwrap().view(None, &Range::prefix(b"/registry/")).unwrap();
    let values: Vec<_> = view.iter().map(|kv| kv.value).collect();
    let mut group = c.benchmark_group("objects");
    group.throughput(Throughput::Elements(values.len() as u64));
    let mut out = Vec::new();
    for (name, write) in [("json", json::compact as fn(&mut Vec<u8>, &k8s::Value<'_>)), ("yaml", yaml::write)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                for value in &values {
                    out.clear();
                    if let Ok(object) = k8s::decode(black_box(value)) {
                        write(&mut out, &object.value);
                    }
                }
                out.len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hashes, backend, objects);
criterion_main!(benches);
