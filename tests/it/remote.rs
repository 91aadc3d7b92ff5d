//! The feature `remote`: backups by their URLs, from a real S3 server on this machine, through a proxy that counts,
//! cuts and waits.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    common::{Peers, skipped},
    object_store::Server,
};

const URL: &str = "s3://backups/kube.db";

/// What becomes of the answers on the connection of this number, from 0: the bytes after which it is cut.
type Plan = Box<dyn Fn(usize) -> Option<u64> + Send + Sync>;

/// A port in front of a server.
struct Proxy {
    port: u16,
    /// Bytes that the server has answered.
    answered: Arc<AtomicU64>,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    fn start(server: u16, plan: Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (answered, connections) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
        let (sum, count) = (Arc::clone(&answered), Arc::clone(&connections));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, sum) = (client.unwrap(), Arc::clone(&sum));
                let cut = plan(count.fetch_add(1, SeqCst));
                let upstream = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
                thread::spawn(move || {
                    let (mut upstream, mut left) = (upstream, cut.unwrap_or(u64::MAX));
                    let mut buffer = vec![0; 64 << 10];
                    while left > 0 {
                        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                        let n = upstream.read(&mut buffer[..most]).unwrap_or(0);
                        if n == 0 || client.write_all(&buffer[..n]).is_err() {
                            break;
                        }
                        left -= n as u64;
                        sum.fetch_add(n as u64, SeqCst);
                    }
                    let _ = client.shutdown(Shutdown::Both);
                    let _ = upstream.shutdown(Shutdown::Both);
                });
            }
        });
        Self { port, answered, connections }
    }
}

/// A bucket `backups` with `kube.db` in it.
struct Bucket {
    dir: TempDir,
    server: Server,
}

impl Bucket {
    fn new(name: &str) -> Option<Self> {
        let peers = Peers::find(name)?;
        if !peers.path("versitygw").exists() {
            skipped(name, "no versitygw: .ci/peers.sh");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("data/backups")).unwrap();
        let server = Server::start(&peers, &dir.path().join("data"));
        let bucket = Self { dir, server };
        bucket.put("kube.db", "fixtures/kube.db");
        Some(bucket)
    }

    /// Uploads a file: what is put into the folder of the server has no ETag.
    fn put(&self, key: &str, file: impl AsRef<Path>) {
        put(self.server.port, key, file.as_ref());
    }

    /// The place of an object on the disk of the server.
    fn file(&self, key: &str) -> PathBuf {
        self.dir.path().join("data/backups").join(key)
    }

    fn run(&self, args: &[&str]) -> Output {
        run(self.server.port, "testtest", args)
    }
}

fn run(port: u16, secret: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    command.args(args).args(["--endpoint-url", &format!("http://127.0.0.1:{port}")]);
    command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", secret)]);
    command.stdin(Stdio::null()).output().unwrap()
}

fn put(port: u16, key: &str, file: &Path) {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-f", "--aws-sigv4", "aws:amz:us-east-1:s3", "-u", "test:testtest"]);
    curl.args(["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "-T"]).arg(file);
    let output = curl.arg(format!("http://127.0.0.1:{port}/backups/{}", key.replace(':', "%3A"))).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The report of `verify` on the file itself, as that on `name`.
fn report(name: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    let output = command.args(["verify", "--strict", "fixtures/kube.db", "-o", "ndjson"]).output().unwrap();
    text(&output.stdout).replace("\"path\":\"fixtures/kube.db\"", &format!("\"path\":\"{name}\""))
}

const VERIFY: [&str; 5] = ["verify", "--strict", URL, "-o", "ndjson"];

#[test]
fn a_url_is_a_backup() {
    let Some(bucket) = Bucket::new("a_url_is_a_backup") else { return };
    let output = bucket.run(&VERIFY);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(text(&output.stdout), report(URL));
    // A copy without a trailer has another sum of its image.
    let bare = bucket.dir.path().join("bare.db");
    let whole = fs::read("fixtures/kube.db").unwrap();
    fs::write(&bare, &whole[..whole.len() - 32]).unwrap();
    bucket.put("bare.db", &bare);
    let ours: Value =
        serde_json::from_slice(&bucket.run(&["verify", "s3://backups/bare.db", "-o", "json"]).stdout).unwrap();
    let mut verify = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    let local = verify.arg("verify").arg(&bare).args(["-o", "json"]).output().unwrap();
    let local: Value = serde_json::from_slice(&local.stdout).unwrap();
    assert!(ours["sha256"].is_string() && ours["sha256"] == local["sha256"] && ours["verdict"] == local["verdict"]);
    let pods = bucket.run(&["get", URL, "pods", "-n", "shop"]);
    assert!(pods.status.success() && text(&pods.stdout).contains("web-"), "{pods:?}");

    // Another object and a container, with colons in their names; a name inside.
    let gz = "fixtures/live-3.6.db.gz";
    bucket.put("2026-11-26T10:00:00Z/live:1.gz", gz);
    let output = bucket.run(&["status", "s3://backups/2026-11-26T10:00:00Z/live:1.gz", "-o", "json"]);
    assert!(output.status.success(), "{output:?}");
    let two = bucket.dir.path().join("two.tar");
    let mut tar = Command::new("tar");
    assert!(tar.arg("-cf").arg(&two).args(["-C", "fixtures", "kube.db", "small.db"]).status().unwrap().success());
    bucket.put("two.tar", two);
    let several = bucket.run(&["status", "s3://backups/two.tar"]);
    assert_eq!(several.status.code(), Some(2), "{several:?}");
    let inside = bucket.run(&["verify", "--strict", "s3://backups/two.tar:kube.db", "-o", "ndjson"]);
    assert_eq!(inside.status.code(), Some(0), "{inside:?}");
    assert!(text(&inside.stdout).contains("s3://backups/two.tar:kube.db"), "{inside:?}");

    // Doubt that was recorded beside it.
    let doubt = br#"{"schemaVersion":1,"source":"x","verdict":"doubtful","lost":["a"],"tool":"t","argv":[],"time":""}"#;
    let file = bucket.dir.path().join("doubt.json");
    fs::write(&file, doubt).unwrap();
    bucket.put("kube.db.etcdsnap.json", file);
    let output = bucket.run(&VERIFY);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).contains("kube.db.etcdsnap.json"), "{output:?}");
}

#[test]
fn a_connection_that_is_cut_is_resumed() {
    let Some(bucket) = Bucket::new("a_connection_that_is_cut_is_resumed") else { return };
    let size = fs::metadata("fixtures/kube.db").unwrap().len();
    // Once, at several places; and again and again, each time some bytes later.
    let plans: [(Plan, usize); 4] = [
        (Box::new(|n| (n == 0).then_some(300_000)), 2),
        (Box::new(|n| (n == 0).then_some(700)), 2),
        (Box::new(move |n| (n == 0).then_some(size)), 2),
        (Box::new(move |_| Some(size / 3)), 4),
    ];
    for (plan, least) in plans {
        let proxy = Proxy::start(bucket.server.port, plan);
        let output = run(proxy.port, "testtest", &VERIFY);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(text(&output.stdout), report(URL));
        assert!(proxy.connections.load(SeqCst) >= least, "{least}");
    }
}

#[test]
fn a_connection_that_is_always_cut_is_an_error_of_the_system() {
    let Some(bucket) = Bucket::new("a_connection_that_is_always_cut_is_an_error_of_the_system") else { return };
    let plans: [(Plan, &str); 3] = [
        (Box::new(|_| Some(0)), "cannot open"),
        // what comes after the first connection has not even a head
        (Box::new(|n| Some(if n == 0 { 300_000 } else { 20 })), "cannot read"),
        (Box::new(|n| Some(if n == 0 { 300_000 } else { 0 })), "cannot read"),
    ];
    for (plan, what) in plans {
        let proxy = Proxy::start(bucket.server.port, plan);
        let output = run(proxy.port, "testtest", &VERIFY[..3]);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(said.contains(what) && said.contains(URL) && said.contains("newest good: none"), "{said}");
    }
}

#[test]
fn an_object_that_is_replaced_meanwhile_is_not_read_as_one() {
    let Some(bucket) = Bucket::new("an_object_that_is_replaced_meanwhile_is_not_read_as_one") else { return };
    // Of the same length, so that only its ETag or time is another.
    let mut bytes = fs::read("fixtures/kube.db").unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let (file, server) = (bucket.dir.path().join("other.db"), bucket.server.port);
    fs::write(&file, bytes).unwrap();
    let plan = move |n: usize| {
        if n == 1 {
            put(server, "kube.db", &file);
        }
        (n == 0).then_some(300_000)
    };
    let proxy = Proxy::start(bucket.server.port, Box::new(plan));
    let output = run(proxy.port, "testtest", &VERIFY[..3]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.contains("changed while it was read"), "{said}");
}

#[test]
fn a_quick_status_reads_parts_of_an_object() {
    let Some(bucket) = Bucket::new("a_quick_status_reads_parts_of_an_object") else { return };
    let quick = ["status", "--quick", URL, "-o", "json"];
    let proxy = Proxy::start(bucket.server.port, Box::new(|_| None));
    let output = run(proxy.port, "testtest", &quick);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!((&document["revision"], &document["path"]), (&455.into(), &URL.into()));
    let (read, answered) = (document["bytesRead"].as_u64().unwrap(), proxy.answered.load(SeqCst));
    assert!(read <= answered && answered < 150_000, "{read} of {answered}");

    // The server closes each connection after its answer. The object is replaced after the first, which is about it.
    let server = bucket.server.port;
    let plan = move |n: usize| {
        if n == 1 {
            put(server, "kube.db", Path::new("fixtures/kube-later.db"));
        }
        None
    };
    let proxy = Proxy::start(bucket.server.port, Box::new(plan));
    let output = run(proxy.port, "testtest", &quick);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(text(&output.stderr).contains("another object is at this URL now"), "{output:?}");
}

/// A certificate is trusted if the system or `SSL_CERT_FILE` has it.
#[test]
fn the_certificate_of_the_server_is_checked() {
    let Some(bucket) = Bucket::new("the_certificate_of_the_server_is_checked") else { return };
    let peers = Peers::find("the_certificate_of_the_server_is_checked").unwrap();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| bucket.dir.path().join(name).to_str().unwrap().to_owned());
    let mut openssl = Command::new("openssl");
    openssl.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=store".split(' '));
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:localhost"]);
    let made = openssl.args(["-keyout", &key, "-out", &cert]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let server = Server::start_with(&peers, &bucket.dir.path().join("data"), &["--cert", &cert, "--key", &key]);
    let run = |trusted: &[(&str, &str)], host: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
        command.args(VERIFY).args(["--endpoint-url", &format!("https://{host}:{}", server.port)]);
        command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "testtest")]);
        command.envs(trusted.iter().copied()).output().unwrap()
    };
    let good = run(&[("SSL_CERT_FILE", &cert)], "localhost");
    assert_eq!((good.status.code(), text(&good.stdout)), (Some(0), report(URL)), "{good:?}");
    for (output, why) in [
        (run(&[], "localhost"), "invalid peer certificate"),
        (run(&[("SSL_CERT_FILE", &cert)], "127.0.0.1"), "invalid peer certificate"),
    ] {
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.code() == Some(3) && said.contains(why), "{said}");
    }
}

#[test]
fn refusals_of_the_store_are_clear() {
    let Some(bucket) = Bucket::new("refusals_of_the_store_are_clear") else { return };
    let port = bucket.server.port;
    let said = |output: Output, code| {
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        text(&output.stdout) + &text(&output.stderr)
    };
    let wrong = said(run(port, "wrong", &["status", URL]), 3);
    assert!(wrong.contains("SignatureDoesNotMatch") && wrong.contains("credentials"), "{wrong}");
    assert!(!wrong.contains("testtest"), "{wrong}");
    let none = said(bucket.run(&["status", "s3://backups/none.db"]), 3);
    assert!(none.contains("there is no such object"), "{none}");
    let folder = said(bucket.run(&["status", "s3://backups/"]), 2);
    assert!(folder.contains("a folder with 1 object"), "{folder}");
    let bucketless = said(bucket.run(&["verify", "s3://nobucket/"]), 3);
    assert!(bucketless.contains("NoSuchBucket") || bucketless.contains("no such object"), "{bucketless}");
    let scheme = said(bucket.run(&["status", "ftp://host/k.db"]), 2);
    assert!(scheme.contains("ftp:// is not supported"), "{scheme}");
    // Nobody listens there.
    let closed = said(run(9, "testtest", &["status", URL]), 3);
    assert!(closed.contains("refused"), "{closed}");
}

#[test]
fn a_folder_of_a_bucket_is_added_to_a_catalog() {
    let Some(bucket) = Bucket::new("a_folder_of_a_bucket_is_added_to_a_catalog") else { return };
    let (sums, two) = (bucket.dir.path().join("SHA256SUMS"), bucket.dir.path().join("two.tgz"));
    fs::write(&sums, "0 x\n").unwrap();
    let mut tar = Command::new("tar");
    assert!(tar.arg("-czf").arg(&two).args(["-C", "fixtures", "small.db", "etcd-3.6.db"]).status().unwrap().success());
    bucket.put("a/b/later.db", "fixtures/kube-later.db");
    bucket.put("a/SHA256SUMS", sums);
    bucket.put("a/two.tgz", two);
    let proxy = Proxy::start(bucket.server.port, Box::new(|_| None));
    let db = bucket.dir.path().join("catalog.redb");
    let db = db.to_str().unwrap();
    let catalog = |args: &[&str]| run(proxy.port, "testtest", &[&["catalog"], args, &["--db", db]].concat());
    let add = |what: &str| {
        proxy.answered.store(0, SeqCst);
        let output = catalog(&["add", what, "-o", "json"]);
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), json, proxy.answered.load(SeqCst))
    };
    let names = |json: &Value| {
        let names = json["added"].as_array().unwrap().iter().map(|one| one["file"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let (code, json, answered) = add("s3://backups/");
    assert_eq!((code, &json["noBackups"]), (0, &Value::from(1)), "{json}");
    let all = ["a/b/later.db", "a/two.tgz:etcd-3.6.db", "a/two.tgz:small.db", "kube.db"];
    assert_eq!(names(&json), all.map(|name| format!("s3://backups/{name}")));
    // The archive came once, for both of its backups.
    let sizes = ["a/b/later.db", "a/two.tgz", "kube.db"].map(|name| fs::metadata(bucket.file(name)).unwrap().len());
    assert!(answered < sizes.iter().sum::<u64>() + 20_000, "{answered} {sizes:?}");

    // Nothing has changed: the list is all that is read, or the head of the one that is named.
    for what in ["s3://backups/", URL] {
        let (code, json, answered) = add(what);
        assert_eq!((code, names(&json).len()), (0, 0), "{json}");
        assert!(answered < 10_000, "{answered}");
    }
    assert_eq!(catalog(&["check", "--quick"]).status.code(), Some(0));
    let check = catalog(&["check"]);
    assert_eq!(check.status.code(), Some(0), "{check:?}");

    // One is replaced, one is gone.
    fs::remove_file(bucket.file("a/b/later.db")).unwrap();
    bucket.put("kube.db", "fixtures/kube-later.db");
    assert_eq!(catalog(&["check", "--quick"]).status.code(), Some(1));
    let (code, json, _) = add("s3://backups/");
    assert_eq!((code, &json["newlyMissing"]), (0, &Value::from(1)), "{json}");
    assert_eq!(names(&json), [URL]);
    let ls = text(&catalog(&["ls"]).stdout);
    assert!(ls.contains(URL), "{ls}");
    let found = catalog(&["find", "deploy/web", "-n", "shop"]);
    assert!(found.status.success() && text(&found.stdout).contains(URL), "{found:?}");
    let history = catalog(&["history", "deploy/web", "-n", "shop"]);
    assert!(history.status.success() && text(&history.stderr).contains("removed or replaced: 1"), "{history:?}");
    assert!(text(&history.stdout).contains("revision 501"), "{history:?}");
    // A store is left alone.
    let prune = text(&catalog(&["prune", "--keep-last", "1"]).stdout);
    assert!(!prune.contains("to be removed"), "{prune}");

    // A folder that cannot be listed marks nothing.
    let output = run(proxy.port, "wrong", &["catalog", "add", "s3://backups/", "-o", "json", "--db", db]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &json["newlyMissing"]), (Some(3), &Value::from(0)), "{json}");
    // A wrong prefix is no folder to a store: nothing is listed.
    let output = catalog(&["add", "s3://backups/none/"]);
    let said = text(&output.stderr);
    assert!(
        output.status.success() && said.contains("note: s3://backups/none/: this folder holds no objects"),
        "{said}"
    );
    let output = catalog(&["add", "s3://backups/a/"]);
    assert!(!text(&output.stderr).contains("no objects"), "{output:?}");
    // That it could not be listed is forgotten when it is.
    assert_eq!(catalog(&["find", "deploy/web", "-n", "shop"]).status.code(), Some(1));
    assert_eq!(add("s3://backups/").0, 0);
    assert_eq!(catalog(&["find", "deploy/web", "-n", "shop"]).status.code(), Some(0));
}

#[test]
fn doubt_and_another_etag_of_an_object_are_seen() {
    let Some(bucket) = Bucket::new("doubt_and_another_etag_of_an_object_are_seen") else { return };
    let db = bucket.dir.path().join("catalog.redb");
    let catalog = |code: i32, args: &[&str]| {
        let output = bucket.run(&[&["catalog"], args, &["--db", db.to_str().unwrap()]].concat());
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        text(&output.stdout)
    };
    catalog(0, &["add", "s3://backups/"]);
    // Other content of the same size and time.
    let modified = || fs::metadata(bucket.file("kube.db")).unwrap().modified().unwrap();
    let (time, other) = (modified(), bucket.dir.path().join("other.db"));
    let mut bytes = fs::read("fixtures/kube.db").unwrap();
    bytes[300_000] ^= 1;
    fs::write(&other, bytes).unwrap();
    bucket.put("kube.db", &other);
    fs::File::options().write(true).open(bucket.file("kube.db")).unwrap().set_modified(time).unwrap();
    assert!(catalog(1, &["check", "--quick"]).contains("another ETag"));

    bucket.put("kube.db", "fixtures/kube.db");
    catalog(0, &["add", "s3://backups/"]);
    let doubt = bucket.dir.path().join("doubt.json");
    fs::write(&doubt, "{}").unwrap();
    bucket.put("kube.db.etcdsnap.json", &doubt);
    assert!(catalog(1, &["check", "--quick"]).contains("its NAME.etcdsnap.json"));
    assert!(catalog(0, &["add", "s3://backups/"]).contains("0 good, 1 doubtful"));
    // The list of a folder and the object itself tell the same.
    for what in ["s3://backups/", URL] {
        assert!(catalog(0, &["add", what]).contains("added 0 (0 B): 0 good, 0 doubtful, 0 damaged; 1 as they were"));
    }
    catalog(0, &["check", "--quick"]);
}

#[test]
fn a_folder_of_a_bucket_is_verified() {
    let Some(bucket) = Bucket::new("a_folder_of_a_bucket_is_verified") else { return };
    let cut = bucket.dir.path().join("cut.db");
    fs::write(&cut, &fs::read("fixtures/kube.db").unwrap()[..300_000]).unwrap();
    bucket.put("sub/cut.db", cut);
    let output = bucket.run(&["verify", "s3://backups/"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).contains("1 folder was not entered"), "{output:?}");
    let output = bucket.run(&["verify", "-r", "s3://backups/", "-o", "ndjson"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stdout);
    assert!(said.contains("\"s3://backups/sub/cut.db\"") && said.contains(&format!("\"{URL}\"")), "{said}");
    let output = bucket.run(&["verify", "s3://backups/none/"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

/// A web server without ETags: the time of the last write has to do.
#[test]
fn a_web_server_has_backups_too() {
    const NAME: &str = "a_web_server_has_backups_too";
    let [port, _] = crate::common::free_ports();
    let mut python = Command::new("python3");
    python.args(["-m", "http.server", "--bind", "127.0.0.1", "--directory", "fixtures", &port.to_string()]);
    let Ok(mut python) = python.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        return skipped(NAME, "no python3");
    };
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    let url = format!("http://127.0.0.1:{port}/kube.db");
    let output = run(9, "", &["verify", "--strict", &format!("{url}?signature=secret"), "-o", "ndjson"]);
    let cut = Proxy::start(port, Box::new(|n| (n == 0).then_some(300_000)));
    let cut = run(9, "", &["verify", &format!("http://127.0.0.1:{}/kube.db", cut.port)]);
    let _ = python.kill();
    let _ = python.wait();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout), report(&url));
    // It knows no ranges.
    assert_eq!(cut.status.code(), Some(3), "{cut:?}");
}
