//! Backups in an object store, through a pipe: a real S3 server on this machine, and curl, which signs its requests.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
};

use crate::common::{Peers, etcdsnap, free_ports, skipped};

/// A versitygw that serves the folders of a folder as buckets. It is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start(peers: &Peers, folder: &Path) -> Self {
        Self::start_with(peers, folder, &[])
    }

    /// The same with flags.
    pub(crate) fn start_with(peers: &Peers, folder: &Path, flags: &[&str]) -> Self {
        for _ in 0..5 {
            let [port, _] = free_ports();
            let mut child = Command::new(peers.path("versitygw"))
                .args(["--port", &format!("127.0.0.1:{port}")])
                .args(flags)
                .arg("posix")
                .arg(folder)
                .envs([("ROOT_ACCESS_KEY", "test"), ("ROOT_SECRET_KEY", "testtest")])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            while child.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Self { child, port };
                }
                thread::sleep(std::time::Duration::from_millis(50));
            }
        }
        panic!("versitygw does not start")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `curl URL | etcdsnap ARGS`, both outputs.
fn piped(url: &str, secret: &str, args: &[&str]) -> (Output, Output) {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-f", "--aws-sigv4", "aws:amz:us-east-1:s3", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]);
    curl.args(["-u", &format!("test:{secret}"), url]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut curl = curl.spawn().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    let output = program.args(args).stdin(curl.stdout.take().unwrap()).output().unwrap();
    (curl.wait_with_output().unwrap(), output)
}

/// A port that gives the first `len` bytes of what the server answers, and then cuts the connection.
fn cut_after(len: usize, server: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut upstream = TcpStream::connect(("127.0.0.1", server)).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut from, &mut to));
        let mut bytes = vec![0; len];
        if upstream.read_exact(&mut bytes).is_ok() {
            client.write_all(&bytes).unwrap();
        }
        let _ = client.shutdown(Shutdown::Both);
    });
    port
}

/// Without the feature `remote`, a URL is refused with the pipe that does the same.
#[test]
#[cfg(not(feature = "remote"))]
fn a_url_is_answered_with_a_pipe() {
    for (url, hint) in [
        ("s3://b/k.db", "aws s3 cp s3://b/k.db - | etcdsnap verify -"),
        ("s3://b/folder/", "aws s3 sync s3://b/folder/ FOLDER; etcdsnap verify FOLDER"),
        ("https://host/k.db", "curl -f https://host/k.db | etcdsnap verify -"),
    ] {
        for command in ["status", "verify", "members"] {
            let output = etcdsnap([command, url]);
            assert_eq!(output.status.code(), Some(2), "{output:?}");
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(said.contains("is not supported by this build"), "{said}");
            assert!(said.contains(&format!("hint: {hint}")), "{said}");
        }
    }
}

#[test]
fn backups_are_read_from_a_bucket_through_a_pipe() {
    const NAME: &str = "backups_are_read_from_a_bucket_through_a_pipe";
    let Some(peers) = Peers::find(NAME) else { return };
    if !peers.path("versitygw").exists() {
        return skipped(NAME, "no versitygw: .ci/peers.sh");
    }
    if !Command::new("curl").arg("--version").output().is_ok_and(|curl| curl.status.success()) {
        return skipped(NAME, "no curl");
    }
    let dir = tempfile::tempdir().unwrap();
    let bucket = dir.path().join("data/backups");
    fs::create_dir_all(&bucket).unwrap();
    fs::copy("fixtures/kube.db", bucket.join("kube.db")).unwrap();
    let server = Server::start(&peers, bucket.parent().unwrap());
    let url = |port: u16| format!("http://127.0.0.1:{port}/backups/kube.db");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();

    let (curl, ours) = piped(&url(server.port), "testtest", &["verify", "--strict", "-", "-o", "ndjson"]);
    assert!(curl.status.success() && ours.status.success(), "{curl:?} {ours:?}");
    let file = text(&etcdsnap(["verify", "--strict", "fixtures/kube.db", "-o", "ndjson"]).stdout);
    assert_eq!(text(&ours.stdout).replace("\"path\":\"-\"", "\"path\":\"fixtures/kube.db\""), file);

    let db = dir.path().join("catalog.redb");
    let add = |port: u16, secret: &str, name: &str| {
        let args = ["catalog", "add", "-", "--name", name, "--db", db.to_str().unwrap()];
        piped(&url(port), secret, &args)
    };
    let (curl, ours) = add(server.port, "testtest", "s3://backups/kube.db");
    assert!(curl.status.success() && ours.status.success(), "{curl:?} {ours:?}");
    let ls = || text(&etcdsnap(["catalog", "ls", "--db", db.to_str().unwrap()]).stdout);
    assert!(ls().contains("s3://backups/kube.db"), "{}", ls());

    // A wrong key: the client says so, and nothing arrives.
    let (curl, ours) = add(server.port, "wrong", "s3://backups/refused.db");
    assert_eq!((curl.status.code(), ours.status.code()), (Some(22), Some(1)));
    assert!(text(&ours.stdout).contains("the file is empty"), "{ours:?}");

    // The connection is cut: what came is not taken for a backup.
    for len in [300_000, 600_000] {
        let (curl, ours) = add(cut_after(len, server.port), "testtest", "s3://backups/cut.db");
        assert!(matches!(curl.status.code(), Some(18 | 56)), "{curl:?}");
        assert_eq!(ours.status.code(), Some(1), "{ours:?}");
        assert!(text(&ours.stdout).contains("the file is cut short"), "{ours:?}");
    }
    assert!(!ls().lines().any(|line| line.contains("cut.db") && line.contains("good")), "{}", ls());
}
