//! Seeds: small inputs made from the fixtures, and the inputs that were found before.

use std::{fs, io::Write as _, path::Path};

use etcdsnap::etcd::Snapshot;

use crate::{mend, targets};

/// Writes the seeds of a target into `to`.
pub fn write(target: &str, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let fixtures = Path::new("fixtures");
    assert!(fixtures.is_dir(), "run it in the top folder of etcdsnap");
    for (n, seed) in seeds(target, fixtures).into_iter().enumerate() {
        fs::write(to.join(format!("seed-{n:03}")), seed).unwrap();
    }
    for found in fs::read_dir(fixtures.join("fuzz").join(target)).into_iter().flatten().flatten() {
        fs::copy(found.path(), to.join(format!("found-{}", found.file_name().display()))).unwrap();
    }
}

fn seeds(target: &str, fixtures: &Path) -> Vec<Vec<u8>> {
    match target {
        "db" | "hashkv" => dbs(fixtures),
        "buckets" => buckets(fixtures),
        "salvage" => salvage(fixtures),
        "wal" => [0, 1].into_iter().flat_map(|first| marked(first, logs(fixtures))).collect(),
        "snap" => [0, 1].into_iter().flat_map(|first| marked(first, snaps(fixtures))).collect(),
        "value" => values(fixtures),
        "objects" => objects(),
        "container" => containers(fixtures),
        "config" => configs(fixtures),
        "select" => selectors(fixtures),
        _ => Vec::new(),
    }
}

fn marked(first: u8, seeds: Vec<Vec<u8>>) -> impl Iterator<Item = Vec<u8>> {
    seeds.into_iter().map(move |seed| [vec![first], seed].concat())
}

/// A fixture without its trailer.
fn image(fixtures: &Path, name: &str) -> Vec<u8> {
    let mut bytes = fs::read(fixtures.join(name)).unwrap();
    bytes.truncate(bytes.len() / 512 * 512);
    bytes
}

fn dbs(fixtures: &Path) -> Vec<Vec<u8>> {
    let mut all = vec![image(fixtures, "small.db")];
    let names = ["small.db", "etcd-3.4.db", "etcd-3.5.db", "etcd-3.6.db", "etcd-3.7.db", "three-members.db", "kube.db"];
    for name in names {
        for records in [3, 30] {
            all.push(targets::rebuilt(&image(fixtures, name), records, 400));
        }
    }
    // one with a freelist, and one with buckets in buckets; both without what no page refers to
    all.push(image(fixtures, "freelist.db")[..48 * 1024].to_vec());
    all.push(image(fixtures, "nested.db")[..32 * 1024].to_vec());
    all
}

/// Whole files, and such as have lost their metas, their start, their end or a page.
fn salvage(fixtures: &Path) -> Vec<Vec<u8>> {
    let member = targets::rebuilt(&datadir(fixtures, "snap/db").swap_remove(0), usize::MAX, usize::MAX);
    let mut all = vec![[&[4], &member[..]].concat(), [&[4], &member[2048..]].concat(), vec![4]];
    for db in dbs(fixtures) {
        let page_size = if db[1040..1044] == [0; 4] { 4096 } else { 1024 };
        all.push([&[0], &db[..]].concat());
        all.push([&[1], &db[page_size * 2..]].concat());
        all.push([&[0], &db[..db.len() / 2]].concat());
        for lost in [0..2, 3..4, db.len() / page_size / 2..db.len() / page_size / 2 + 1] {
            let mut db = db.clone();
            db[lost.start * page_size..lost.end * page_size].fill(0);
            all.push([&[0], &db[..]].concat());
        }
    }
    all
}

fn buckets(fixtures: &Path) -> Vec<Vec<u8>> {
    let names = ["etcd-3.4.db", "etcd-3.6.db", "etcd-3.7.db", "three-members.db"];
    let mut all = Vec::new();
    for name in names {
        let items = targets::items(&image(fixtures, name), 40, 200);
        for (bucket, items) in items {
            let bucket = String::from_utf8(bucket).unwrap();
            let each = items.iter().map(|(key, value)| targets::item(&bucket, key, value));
            all.push(each.collect::<Vec<_>>().concat());
        }
    }
    all
}

/// The files of the data directory whose names have this ending.
fn datadir(fixtures: &Path, ending: &str) -> Vec<Vec<u8>> {
    let file = fs::File::open(fixtures.join("datadir-3.6.tar.gz")).unwrap();
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut all = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().to_string_lossy().ends_with(ending) {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            all.push(bytes);
        }
    }
    all
}

fn logs(fixtures: &Path) -> Vec<Vec<u8>> {
    let mut all = vec![fs::read(fixtures.join("etcd-2.0.wal")).unwrap()];
    for log in datadir(fixtures, ".wal") {
        // the ends of some records: a log of 10, 60 and 300
        let (mut at, mut ends) = (0, Vec::new());
        while let Some(word) = log.get(at..at + 8).map(|word| u64::from_le_bytes(word.try_into().unwrap())) {
            let (len, pad) = mend::frame(word);
            if word == 0 {
                break;
            }
            at += 8 + len + pad;
            ends.push(at);
        }
        for n in [10, 60, 300] {
            all.push(log[..ends[n.min(ends.len() - 1)]].to_vec());
            // with the zeros that etcd has written before the records
            all.push([&log[..ends[n.min(ends.len() - 1)]], &[0; 64]].concat());
        }
        // each kind of record, behind the head
        let mut lens = std::collections::BTreeSet::new();
        for pair in ends.windows(2).skip(3) {
            if lens.insert(log[pair[0] + 8..pair[1]].iter().position(|byte| *byte == 0x22)) {
                all.push([&log[..ends[2]], &log[pair[0]..pair[1]]].concat());
            }
        }
    }
    all
}

fn snaps(fixtures: &Path) -> Vec<Vec<u8>> {
    let mut all = datadir(fixtures, ".snap");
    let stores: Vec<_> = all.iter().filter_map(|file| Some(etcdsnap::snap::Snap::decode(file).ok()?.store)).collect();
    all.extend(stores);
    all
}

fn values(fixtures: &Path) -> Vec<Vec<u8>> {
    let mut all: Vec<_> = targets::objects().into_iter().map(|(_, value)| value).collect();
    for entry in fs::read_dir(fixtures.join("k8s")).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|it| it == "pb" || it == "json") {
            let bytes = fs::read(path).unwrap();
            all.extend((bytes.len() < 8192).then_some(bytes));
        }
    }
    let encrypted = image(fixtures, "encrypted.db");
    let snapshot = Snapshot::open(&encrypted).unwrap();
    let sealed = snapshot.records(|key| key.starts_with(b"/registry/secrets/"));
    all.extend(sealed.iter().map(|record| record.kv.value.to_vec()).filter(|value| value.len() < 2000));
    // the same in CBOR, as far as a small object shows it
    all.push(
        b"\xd9\xd9\xf7\xa3JapiVersionBv1DkindIConfigMapHmetadata\xa2DnameAaJgeneration\x1b\0\0\0\x01\0\0\0\0".to_vec(),
    );
    all.push(
        b"\xd9\xd9\xf7\xa2DkindAkDdata\xa4Aa\xfb\x3f\xf8\0\0\0\0\0\0Ab\x83\x01\x20\xf6Ac\x5f\x41x\x41y\xffAd\xd6Ahi"
            .to_vec(),
    );
    all
}

fn objects() -> Vec<Vec<u8>> {
    let objects = (0..).zip(targets::objects());
    objects.map(|(n, (_, value))| [vec![u8::try_from(n).unwrap()], value].concat()).collect()
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

fn containers(fixtures: &Path) -> Vec<Vec<u8>> {
    let db = targets::rebuilt(&image(fixtures, "small.db"), 3, 100);
    let snap = datadir(fixtures, ".snap").swap_remove(0);
    let log = logs(fixtures).swap_remove(1);
    let long = "a-folder-with-a-long-name/".repeat(8);
    let member = [
        ("d/member/snap/db", db.as_slice()),
        ("d/member/snap/0000000000000002-0000000000000005.snap", &snap),
        ("d/member/wal/0000000000000000-0000000000000000.wal", &log),
    ];
    let mut all = vec![
        gzip(&db),
        [gzip(&db[..3000]), gzip(&db[3000..])].concat(),
        tar(&[("README", b"text"), ("./backup", &db)]),
        tar(&[(&format!("{long}backup"), &db)]),
        tar(&member),
        gzip(&tar(&member)),
        gzip(&gzip(&db)),
    ];
    // the other formats, by the programs that are there
    let file = std::env::temp_dir().join(format!("etcdsnap-seed-{}", std::process::id()));
    fs::write(&file, &db).unwrap();
    for (program, args) in [("bzip2", &["-c"][..]), ("xz", &["-c"]), ("zstd", &["-qc"]), ("zip", &["-q", "-j", "-"])] {
        if let Ok(output) = std::process::Command::new(program).args(args).arg(&file).output() {
            all.extend((!output.stdout.is_empty()).then_some(output.stdout));
        }
    }
    fs::remove_file(file).unwrap();
    all
}

fn configs(fixtures: &Path) -> Vec<Vec<u8>> {
    let encryption = fs::read(fixtures.join("encryption.yaml")).unwrap();
    let keys = b"plug: [AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=]\nother: {AQID: AAAAAAAAAAAAAAAAAAAAAA==}\n";
    let secret = format!(
        r#"{{"kind":"Secret","metadata":{{"name":"encryption-config-1"}},"data":{{"encryption-config":"{}"}}}}"#,
        "YXBpVmVyc2lvbjogYXBpc2VydmVyLmNvbmZpZy5rOHMuaW8vdjEK"
    );
    let pod = b"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: etcd\n    image: registry.k8s.io/etcd:3.6.8-0\n    \
        command:\n    - etcd\n    - --name=m1\n    - --initial-cluster=m1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380\n    \
        - --initial-advertise-peer-urls=https://10.0.0.1:2380\n    - --data-dir=/var/lib/etcd\n    - --cert-file=/a.crt\n    \
        env:\n    - name: ETCD_WAL_DIR\n      value: /wal\n";
    let yaml = b"name: m1\ndata-dir: /d\ninitial-cluster: m1=http://10.0.0.1:2380\npeer-transport-security:\n  cert-file: /a\n";
    let variables =
        b"# etcd\nETCD_NAME=\"m1\"\nETCD_INITIAL_CLUSTER='m1=http://10.0.0.1:2380'\nexport ETCD_DATA_DIR=/d\n";
    let cluster = b"m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380,m2=https://[::1]:2380";
    let all: [(u8, &[u8]); 10] = [
        (0, &encryption),
        (0, secret.as_bytes()),
        (0, &gzip(&tar(&[("secrets/encryption-config", secret.as_bytes())]))),
        (1, keys),
        (2, pod),
        (3, yaml),
        (3, variables),
        (4, cluster),
        (5, b"0123456789abcdef0123456789abcdef"),
        (5, b"a mask key that is longer than it has to be, by some\n"),
    ];
    all.into_iter().map(|(which, text)| [&[which], text].concat()).collect()
}

fn selectors(fixtures: &Path) -> Vec<Vec<u8>> {
    let pod = fs::read(fixtures.join("k8s/core.v1.Event.json")).unwrap();
    let small = br#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"app":"web","n":"5"}},"spec":{"c":[{"n":1,"m":"10Mi"},{"n":2.5}],"on":true}}"#;
    let all: [(u8, &[&str]); 6] = [
        (
            0,
            &[
                "{.metadata.name}",
                "{.spec.c[*].n}",
                "{..n}",
                "{.spec.c[?(@.n>1)].m}",
                "{range .spec.c[*]}{.n}{\"\\t\"}{end}",
                "{.spec.c[-1:]['n','m']}",
                "{.spec.c[0:2:1]}",
                "{.metadata.labels.a\\.b}",
                "{$.kind}{@.spec.on}{..['c']..n}",
                "{.spec.c[?(@.m=='10Mi' )]}",
                "{range ..*}{.}{end}",
            ],
        ),
        (
            1,
            &[
                "{{.metadata.name}}",
                "{{range $i, $c := .spec.c}}{{$i}}:{{$c.n}}{{else}}none{{end}}",
                "{{if and .spec.on (gt 2 1)}}{{printf \"%5.2f|%q|%v\" 1.5 .kind .spec}}{{end}}",
                "{{with .metadata.labels}}{{index . \"app\" | html | js | urlquery}}{{end}}",
                "{{define \"t\"}}{{.}}{{end}}{{template \"t\" .kind}}",
                "{{- /* c */ -}}{{len .spec.c}}{{slice .kind 1 2}}{{eq .kind \"Pod\" `x`}}{{not nil}}{{break}}",
                "{{.kind | base64decode}}{{block \"b\" .}}{{$x := 1}}{{$x = 2}}{{end}}",
            ],
        ),
        (2, &["NAME:.metadata.name,N:.spec.c[*].n", "NAME  N\n.metadata.name  {.spec.c[0].n}"]),
        (3, &["app=web", "app in (web, db),n notin (a),!x,y", "n>4,n<6,app!=web,app==web"]),
        (4, &["metadata.name=a", "spec.on!=true,kind==Pod", "metadata.labels.app=we\\,b"]),
        (5, &[".metadata.name", "{.spec.c[0].m}", "10Mi", "1e3", "-5.5m"]),
    ];
    let mut out = Vec::new();
    for (language, texts) in all {
        for text in texts {
            for object in [&small[..], &pod] {
                out.push([&[language], text.as_bytes(), &[0], object].concat());
            }
        }
    }
    out
}
