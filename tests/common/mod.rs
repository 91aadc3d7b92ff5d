//! The real programs, for tests that compare with them or let them start on what was written.
//!
//! `.ci/peers.sh` builds them; `$ETCDSNAP_PEERS` names the folder. Without it such a test says that it is skipped.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Write as _,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The folder of the real programs.
pub struct Peers(PathBuf);

impl Peers {
    /// The folder that `$ETCDSNAP_PEERS` names, or `None` and one line for the reader of the log.
    pub fn find(test: &str) -> Option<Self> {
        match std::env::var_os("ETCDSNAP_PEERS").filter(|value| !value.is_empty()) {
            Some(dir) => {
                let dir = PathBuf::from(dir);
                assert!(dir.join("etcd36").exists(), "$ETCDSNAP_PEERS is {}, and no etcd36 is there", dir.display());
                Some(Self(dir))
            }
            None => {
                // not eprintln!, which the test harness keeps to itself when the test passes
                let _ = writeln!(std::io::stderr(), "skipped: {test} (no $ETCDSNAP_PEERS)");
                None
            }
        }
    }

    /// The same for a test that needs Kubernetes, too, which takes long to build.
    pub fn find_kube(test: &str) -> Option<Self> {
        let peers = Self::find(test)?;
        if peers.path("kube-apiserver").exists() {
            return Some(peers);
        }
        let _ = writeln!(std::io::stderr(), "skipped: {test} (no kube-apiserver in $ETCDSNAP_PEERS)");
        None
    }

    /// Where `program` is.
    pub fn path(&self, program: &str) -> PathBuf {
        self.0.join(program)
    }

    /// A command that runs `program`, such as `etcdutl36`, speaking of the v3 API.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.path(program));
        // the older ones speak the v2 API unless they are told to, the newer ones warn when they are told
        if program == "etcdctl34" {
            command.env("ETCDCTL_API", "3");
        } else {
            command.env_remove("ETCDCTL_API");
        }
        command
    }

    /// Runs `program`, which may fail.
    pub fn run(&self, program: &str, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
        self.command(program).args(args).stdin(Stdio::null()).output().unwrap()
    }

    /// The standard output of `program`, which must not fail.
    #[track_caller]
    pub fn ask(&self, program: &str, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
        let output = self.run(program, args);
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Two ports that are free now. Somebody may take them before they are used, so whoever asks has to try again.
pub fn free_ports() -> [u16; 2] {
    let held = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// A real etcd that runs: one member on ports of its own. It is killed when this is dropped.
pub struct Etcd<'a> {
    peers: &'a Peers,
    version: &'a str,
    child: Child,
    home: TempDir,
    data_dir: PathBuf,
    /// Where clients reach it.
    pub endpoint: String,
}

impl<'a> Etcd<'a> {
    /// Starts an empty etcd of `version`, such as `36`, and waits until it answers.
    #[track_caller]
    pub fn start(peers: &'a Peers, version: &'a str) -> Self {
        Self::start_on(peers, version, None, &[]).unwrap_or_else(|log| panic!("etcd{version} does not start:\n{log}"))
    }

    /// Starts etcd on the data directory (none: a new one) with further flags, and waits until it answers; `Err` is
    /// its log when it ends instead.
    pub fn start_on(
        peers: &'a Peers,
        version: &'a str,
        data_dir: Option<&Path>,
        flags: &[&str],
    ) -> Result<Self, String> {
        let mut tries = 5;
        loop {
            let home = TempDir::new().unwrap();
            let log = home.path().join("log");
            let data_dir = data_dir.map_or_else(|| home.path().join("data"), Path::to_path_buf);
            let [client, peer] = free_ports().map(|port| format!("http://127.0.0.1:{port}"));
            let child = peers
                .command(&format!("etcd{version}"))
                .args(["--name", "m1", "--initial-cluster", &format!("m1={peer}"), "--data-dir"])
                .arg(&data_dir)
                .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
                .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
                .args(flags)
                .stdin(Stdio::null())
                .stdout(File::create(&log).unwrap())
                .stderr(File::options().append(true).open(&log).unwrap())
                .spawn()
                .unwrap();
            let mut etcd = Self { peers, version, child, home, data_dir, endpoint: client };
            if etcd.wait() {
                return Ok(etcd);
            }
            drop(etcd.child.kill());
            let log = fs::read_to_string(log).unwrap();
            tries -= 1;
            if tries == 0 || !log.contains("address already in use") {
                return Err(log);
            }
        }
    }

    /// Until it answers; false when it ended or 30 seconds are over.
    fn wait(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if self.try_ctl(&["endpoint", "health", "--command-timeout", "2s"]).status.success() {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            sleep(Duration::from_millis(100));
        }
        false
    }

    /// Its data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Runs etcdctl of the same version against it; it may fail.
    pub fn try_ctl(&self, args: &[&str]) -> Output {
        let mut all = vec!["--endpoints", &self.endpoint];
        all.extend(args);
        self.peers.run(&format!("etcdctl{}", self.version), all)
    }

    /// What etcdctl of the same version prints; it must not fail.
    #[track_caller]
    pub fn ctl(&self, args: &[&str]) -> String {
        let output = self.try_ctl(args);
        assert!(output.status.success(), "etcdctl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Ends it as a power cut would, and keeps what is on disk: the folder that it lives in, and its data directory.
    pub fn kill(mut self) -> (TempDir, PathBuf) {
        self.end();
        (std::mem::replace(&mut self.home, TempDir::new().unwrap()), self.data_dir.clone())
    }

    /// Asks it to end and waits until it has, and keeps what is on disk likewise.
    pub fn stop(mut self) -> (TempDir, PathBuf) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(20) {
            sleep(Duration::from_millis(20));
        }
        self.kill()
    }

    fn end(&mut self) {
        // a child that has ended and was waited for is not signalled again: its id may be another's by now
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Etcd<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
