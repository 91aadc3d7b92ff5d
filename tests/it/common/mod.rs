//! The real programs, for tests that compare with them or let them start on what was written.
//!
//! `.ci/peers.sh` builds them; `$ETCDSNAP_PEERS` names the folder. Without it such a test reports that it is skipped.

pub mod apiserver;
pub mod breaking;
pub mod gateway;
pub mod gotext;
#[cfg(feature = "serve")]
pub mod grpc;
pub mod killed;
pub mod log;
pub mod made;
pub mod random;
pub mod served;
#[cfg(feature = "serve")]
pub mod serving;
pub mod traffic;
pub mod tree;

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Write as _,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread::sleep,
    time::{Duration, Instant},
};

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

/// One test at a time has a kube-apiserver: two of them and their etcds are too much for two cores.
static KUBERNETES: Mutex<()> = Mutex::new(());

/// The folder of the real programs.
pub struct Peers {
    dir: PathBuf,
    _kubernetes: Option<MutexGuard<'static, ()>>,
}

/// Tells the reader of the log that `test` is skipped, and why.
pub fn skipped(test: &str, why: &str) {
    // not eprintln!, which the test harness keeps to itself when the test passes
    let _ = writeln!(std::io::stderr(), "skipped: {test} ({why})");
}

impl Peers {
    /// The folder that `$ETCDSNAP_PEERS` names, or `None` and one line for the reader of the log.
    pub fn find(test: &str) -> Option<Self> {
        match std::env::var_os("ETCDSNAP_PEERS").filter(|value| !value.is_empty()) {
            Some(dir) => {
                let dir = PathBuf::from(dir);
                assert!(dir.join("etcd36").exists(), "$ETCDSNAP_PEERS is {}, and no etcd36 is there", dir.display());
                Some(Self { dir, _kubernetes: None })
            }
            None => {
                skipped(test, "no $ETCDSNAP_PEERS");
                None
            }
        }
    }

    /// The same for a test that needs Kubernetes, too, which takes long to build. It has it alone.
    pub fn find_kube(test: &str) -> Option<Self> {
        let peers = Self::find(test)?;
        if peers.path("kube-apiserver").exists() {
            // a test that fails leaves nothing that disturbs the next
            let kubernetes = KUBERNETES.lock().unwrap_or_else(PoisonError::into_inner);
            return Some(Self { _kubernetes: Some(kubernetes), ..peers });
        }
        skipped(test, "no kube-apiserver in $ETCDSNAP_PEERS");
        None
    }

    /// The releases of Kubernetes that `.ci/versions.sh` has built.
    pub fn releases(&self) -> Vec<String> {
        let names = fs::read_dir(&self.dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut releases: Vec<_> = names.filter(|name| name.starts_with("v1.")).collect();
        releases.retain(|name| self.dir.join(name).join("kubectl").exists());
        releases.sort();
        releases
    }

    /// Kubernetes' programs in one of these.
    pub fn of_release(&self, release: &str) -> Self {
        Self { dir: self.dir.join(release), _kubernetes: None }
    }

    /// Where `program` is.
    pub fn path(&self, program: &str) -> PathBuf {
        self.dir.join(program)
    }

    /// A command that runs `program`, such as `etcdutl36`, speaking of the v3 API.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.path(program));
        // the older ones speak the v2 API unless a flag asks for it, the newer ones warn about the flag
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

/// Runs the program, which may fail.
pub fn etcdsnap(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).stdin(Stdio::null()).output().unwrap()
}

/// What `etcdsnap restore` prints; it must not fail.
#[track_caller]
pub fn restore(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    let all: Vec<_> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
    let output = etcdsnap([OsStr::new("restore")].into_iter().chain(all.iter().map(AsRef::as_ref)));
    assert!(output.status.success(), "restore {all:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Unpacks the data directory of the fixtures, whose log is ahead of its db, into `folder`.
pub fn unpacked(folder: &Path) -> PathBuf {
    let fixture = File::open("fixtures/datadir-3.6.tar.gz").unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(fixture)).unpack(folder).unwrap();
    folder.join("datadir-3.6")
}

/// Where the first leaf of the `key` bucket begins: a revision's mark is after its elements.
pub fn key_leaf(image: &[u8]) -> usize {
    let is_leaf = |at: &usize| {
        let page = &image[*at..*at + 4096];
        page[8..10] == [2, 0] && page.windows(9).any(|w| w[..6] == [0; 6] && w[8] == b'_')
    };
    (2..image.len() / 4096).map(|page| page * 4096).find(is_leaf).unwrap()
}

/// So long a slow machine may take for what a quick one does in a second.
const PATIENCE: Duration = Duration::from_secs(120);

/// Until `so` holds, which it must some time.
#[track_caller]
pub fn eventually(what: &str, so: impl Fn() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(50));
    }
}

/// Waits until the db of the data directory of an etcd that runs has all of the log.
pub fn settled(data: &Path) {
    eventually("the db has what the log has", || {
        let output = etcdsnap(["status", data.to_str().unwrap(), "-o", "json"]);
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        status["log"]["entries"] == 0
    });
}

/// Two ports that are free now. Somebody may take them before they are used, so whoever asks has to try again. Those of
/// the last calls are not given again: the members of one cluster ask for theirs one after the other.
pub fn free_ports() -> [u16; 2] {
    static GIVEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let held = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let ports = held.map(|listener| listener.local_addr().unwrap().port());
        if !ports.iter().any(|port| given.contains(port)) {
            let old = given.len().saturating_sub(100);
            given.drain(..old);
            given.extend(ports);
            return ports;
        }
    }
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
    /// Its ports, for clients and for peers.
    pub ports: [u16; 2],
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
            let mut etcd = Self::spawn(peers, version, "m1", data_dir, free_ports(), flags);
            if etcd.wait() {
                return Ok(etcd);
            }
            etcd.end();
            tries -= 1;
            if tries == 0 || !etcd.lacks_a_port() {
                return Err(etcd.log());
            }
        }
    }

    /// Starts the members `m1`, `m2` and `m3` on what `make` puts into the folder DIR at DIR/NAME, for the
    /// `--initial-cluster` that it gets, and waits until each knows the leader. The folder goes with the first part.
    #[track_caller]
    pub fn start_three(peers: &'a Peers, version: &'a str, make: impl Fn(&Path, &str)) -> (TempDir, Vec<Self>) {
        for _ in 0..5 {
            let dir = TempDir::new().unwrap();
            let members = ["m1", "m2", "m3"].map(|name| (name, free_ports()));
            make(dir.path(), &members.map(|(name, [_, peer])| format!("{name}=http://127.0.0.1:{peer}")).join(","));
            let start = |(name, ports)| Self::spawn(peers, version, name, Some(&dir.path().join(name)), ports, &[]);
            let mut members = members.map(start);
            if members.iter_mut().all(Self::wait) {
                return (dir, members.into());
            }
            let logs = members.each_ref().map(Self::log).join("\n\n");
            assert!(members.iter().any(Self::lacks_a_port), "etcd{version} does not start:\n{logs}");
        }
        panic!("no free ports");
    }

    /// Starts the members `m1`, `m2` and `m3` at AT/NAME on these ports, and waits until each knows the leader.
    #[track_caller]
    pub fn three_at(peers: &'a Peers, version: &'a str, at: &Path, ports: [[u16; 2]; 3], flags: &[&str]) -> Vec<Self> {
        let named: Vec<_> = ["m1", "m2", "m3"].into_iter().zip(ports).collect();
        let cluster: Vec<_> = named.iter().map(|(name, [_, p])| format!("{name}=http://127.0.0.1:{p}")).collect();
        let cluster = cluster.join(",");
        let more = [flags, &["--initial-cluster", &cluster]].concat();
        let start = |(name, ports): &(&str, _)| Self::spawn(peers, version, name, Some(&at.join(name)), *ports, &more);
        let mut members: Vec<_> = named.iter().map(start).collect();
        for member in &mut members {
            assert!(member.wait(), "etcd{version} does not start:\n{}", member.log());
        }
        members
    }

    /// Starts the member `name` on ports that were free a moment ago; [`Etcd::wait`] returns whether it does.
    pub fn spawn(
        peers: &'a Peers,
        version: &'a str,
        name: &str,
        data_dir: Option<&Path>,
        ports: [u16; 2],
        flags: &[&str],
    ) -> Self {
        let home = TempDir::new().unwrap();
        let log = home.path().join("log");
        let data_dir = data_dir.map_or_else(|| home.path().join("data"), Path::to_path_buf);
        let [client, peer] = ports.map(|port| format!("http://127.0.0.1:{port}"));
        let child = peers
            .command(&format!("etcd{version}"))
            .args(["--name", name, "--initial-cluster", &format!("{name}={peer}"), "--data-dir"])
            .arg(&data_dir)
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            // it may be killed, but the power is never cut: what it has written can be read
            .args((version != "34").then_some("--unsafe-no-fsync"))
            .args(flags)
            .stdin(Stdio::null())
            .stdout(File::create(&log).unwrap())
            .stderr(File::options().append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        Self { peers, version, child, home, data_dir, endpoint: client, ports }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap()
    }

    /// Whether a port was taken that it was to listen on.
    pub fn lacks_a_port(&self) -> bool {
        self.log().contains("address already in use")
    }

    /// Until it answers and knows a leader; false when it ended, or does not for long.
    pub fn wait(&mut self) -> bool {
        self.wait_until(|etcd| {
            etcd.status().is_some_and(|status| status["leader"].as_str().is_some_and(|id| id != "0"))
        })
    }

    /// Waits until it is healthy, which it does without a user's name too; false as above.
    pub fn wait_for_health(&mut self) -> bool {
        self.wait_until(|etcd| gateway::Gateway::new(&etcd.endpoint).healthy())
    }

    fn wait_until(&mut self, so: impl Fn(&Self) -> bool) -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if so(self) {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            sleep(Duration::from_millis(50));
        }
        false
    }

    /// The status of the member. Asked without etcdctl, whose start costs more than the answer.
    fn status(&self) -> Option<Value> {
        gateway::Gateway::new(&self.endpoint).ask("/v3/maintenance/status", &json!({})).ok()
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        let Some(status) = self.status() else { return false };
        status["leader"].is_string() && status["leader"] == status["header"]["member_id"]
    }

    /// Sends it a signal, such as `-STOP`.
    pub fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Copies its data directory to `to`, as it is at one moment.
    pub fn copied(&self, to: &Path) {
        self.signal("-STOP");
        killed::copy(&self.data_dir, to);
        self.signal("-CONT");
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
        // its own five seconds are few on a busy machine, above all with a password
        let output = self.try_ctl(&[&["--command-timeout", "60s"], args].concat());
        assert!(output.status.success(), "etcdctl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Stores an object as JSON, as an API server might have: below `/registry/`.
    #[track_caller]
    pub fn store(&self, key: &str, object: &Value) {
        let b64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let put = json!({"key": b64(&format!("/registry/{key}")), "value": b64(&object.to_string())});
        gateway::Gateway::new(&self.endpoint).ask("/v3/kv/put", &put).unwrap();
    }

    /// Ends it as a power cut would, and keeps what is on disk: the folder that it lives in, and its data directory.
    pub fn kill(mut self) -> (TempDir, PathBuf) {
        self.end();
        (std::mem::replace(&mut self.home, TempDir::new().unwrap()), self.data_dir.clone())
    }

    /// Asks it to end and waits until it has, and keeps what is on disk likewise.
    pub fn stop(mut self) -> (TempDir, PathBuf) {
        self.signal("-TERM");
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() && start.elapsed() < PATIENCE {
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
