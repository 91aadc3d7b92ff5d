//! A real kube-apiserver and kubectl on a real etcd, with a kube-controller-manager where there is to be life in it.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{Etcd, Peers, free_ports};

/// A real kube-apiserver that runs on an etcd. It is killed when this is dropped.
pub struct Apiserver<'a> {
    peers: &'a Peers,
    child: Child,
    home: TempDir,
    port: u16,
    audit: Option<TempDir>,
}

impl<'a> Apiserver<'a> {
    /// Starts it and waits until it is ready.
    #[track_caller]
    pub fn start(peers: &'a Peers, etcd: &Etcd) -> Self {
        // nobody makes service accounts, and a pod would wait for its own
        Self::start_with(peers, etcd, &["--disable-admission-plugins", "ServiceAccount"])
    }

    /// The same on what answers as an etcd at `endpoint`.
    #[track_caller]
    pub fn start_at(peers: &'a Peers, endpoint: &str) -> Self {
        Self::start_on(peers, endpoint, &["--disable-admission-plugins", "ServiceAccount"], None)
    }

    /// The same with further flags.
    #[track_caller]
    pub fn start_flagged(peers: &'a Peers, etcd: &Etcd, flags: &[String]) -> Self {
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        Self::start_with(peers, etcd, &[&["--disable-admission-plugins", "ServiceAccount"], &flags[..]].concat())
    }

    /// Starts one with the certificate and the key of another, which [`Apiserver::keep_keys`] kept.
    #[track_caller]
    pub fn start_like(peers: &'a Peers, etcd: &Etcd, keys: &Path) -> Self {
        Self::start_on(peers, &etcd.endpoint, &[], Some(keys))
    }

    /// A folder with its certificate and its key, which also signs the tokens of ServiceAccounts.
    pub fn keep_keys(&self) -> TempDir {
        let kept = TempDir::new().unwrap();
        copy_keys(self.home.path(), kept.path());
        kept
    }

    /// Starts it and its controllers, and waits until both are ready.
    #[track_caller]
    pub fn start_with_controllers(peers: &'a Peers, etcd: &Etcd) -> (Self, Controllers) {
        let server = Self::start_with(peers, etcd, &[]);
        let controllers = Controllers::start(&server);
        (server, controllers)
    }

    /// The same on what answers as an etcd at `endpoint`.
    #[track_caller]
    pub fn start_at_with_controllers(peers: &'a Peers, endpoint: &str) -> (Self, Controllers) {
        let server = Self::start_on(peers, endpoint, &[], None);
        let controllers = Controllers::start(&server);
        (server, controllers)
    }

    /// The same, with an audit log of all that changes something, with the answers.
    #[track_caller]
    pub fn start_audited(peers: &'a Peers, etcd: &Etcd) -> (Self, Controllers) {
        let server = Self::start_audited_at(peers, etcd, "RequestResponse", &[]);
        let controllers = Controllers::start(&server);
        (server, controllers)
    }

    /// Starts it with an audit log of this level of all that changes something.
    #[track_caller]
    pub fn start_audited_at(peers: &'a Peers, etcd: &Etcd, level: &str, flags: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        let policy = dir.path().join("policy.json");
        let reads = ["get", "list", "watch"];
        let rules = serde_json::json!({
            "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived", "ResponseStarted"],
            "rules": [{"level": "None", "verbs": reads}, {"level": level, "omitManagedFields": true}],
        });
        fs::write(&policy, rules.to_string()).unwrap();
        let (policy, log) = (policy.display().to_string(), dir.path().join("audit").display().to_string());
        let audit = ["--audit-policy-file", &policy, "--audit-log-path", &log];
        let mut server = Self::start_with(peers, etcd, &[&audit, flags].concat());
        server.audit = Some(dir);
        server
    }

    /// The same with every version of every API that it knows.
    #[track_caller]
    pub fn start_with_all(peers: &'a Peers, etcd: &Etcd) -> (Self, Controllers) {
        let server = Self::start_with(peers, etcd, &["--runtime-config=api/all=true", "--feature-gates=AllBeta=true"]);
        let controllers = Controllers::start(&server);
        (server, controllers)
    }

    /// Where its audit log is.
    pub fn audit_path(&self) -> std::path::PathBuf {
        self.audit.as_ref().unwrap().path().join("audit")
    }

    /// The events of its audit log.
    pub fn audit_log(&self) -> Vec<serde_json::Value> {
        let log = fs::read_to_string(self.audit_path()).unwrap();
        // the last one may be half written
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    #[track_caller]
    fn start_with(peers: &'a Peers, etcd: &Etcd, flags: &[&str]) -> Self {
        Self::start_on(peers, &etcd.endpoint, flags, None)
    }

    #[track_caller]
    fn start_on(peers: &'a Peers, endpoint: &str, flags: &[&str], keys: Option<&Path>) -> Self {
        for _ in 0..5 {
            let mut server = Self::spawn(peers, endpoint, flags, keys);
            if server.wait() {
                return server;
            }
            let log = server.log();
            assert!(log.contains("address already in use"), "kube-apiserver does not start:\n{log}");
        }
        panic!("kube-apiserver finds no port")
    }

    /// Starts one that cannot get ready, and waits until its log says why.
    #[track_caller]
    pub fn fails(peers: &'a Peers, etcd: &Etcd, flags: &[String], why: &str) {
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let server = Self::spawn(peers, &etcd.endpoint, &flags, None);
        super::eventually(why, || server.log().contains(why));
        assert!(!server.try_kubectl(&["get", "--raw", "/readyz"], "").status.success());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap()
    }

    fn spawn(peers: &'a Peers, endpoint: &str, flags: &[&str], keys: Option<&Path>) -> Self {
        let home = TempDir::new().unwrap();
        if let Some(keys) = keys {
            copy_keys(keys, home.path());
        }
        let at = |name: &str| home.path().join(name);
        fs::write(at("tokens"), "token,admin,admin,system:masters\n").unwrap();
        let log = File::create(at("log")).unwrap();
        let [port, _] = free_ports();
        let child = peers
            .command("kube-apiserver")
            .args(["--etcd-servers", endpoint, "--secure-port", &port.to_string()])
            .args(["--bind-address", "127.0.0.1", "--advertise-address", "10.0.0.1"])
            .args(["--service-cluster-ip-range", "10.96.0.0/16", "--authorization-mode", "RBAC"])
            .args(flags)
            .args(["--service-account-issuer", "https://cluster.example", "--token-auth-file"])
            .arg(at("tokens"))
            .arg("--cert-dir")
            .arg(home.path())
            .arg("--service-account-signing-key-file")
            .arg(at("apiserver.key")) // which it makes itself, before it asks for this one
            .arg("--service-account-key-file")
            .arg(at("apiserver.key"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { peers, child, home, port, audit: None }
    }

    /// Until it is ready; false when it ended or five minutes are over.
    fn wait(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(300) {
            if self.try_kubectl(&["get", "--raw", "/readyz"], "").status.success() {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            sleep(Duration::from_millis(500));
        }
        false
    }

    /// A kubeconfig for it.
    pub fn kubeconfig(&self) -> std::path::PathBuf {
        let path = self.home.path().join("kubeconfig");
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {
                "server": format!("https://127.0.0.1:{}", self.port), "insecure-skip-tls-verify": true,
            }}],
            "users": [{"name": "it", "user": {"token": "token"}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        });
        fs::write(&path, config.to_string()).unwrap();
        path
    }

    /// A kubectl that speaks to it.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.peers.command("kubectl");
        command
            .args(["--server", &format!("https://127.0.0.1:{}", self.port), "--token", "token"])
            .args(["--insecure-skip-tls-verify", "--cache-dir"])
            .arg(self.home.path().join("cache"))
            .args(args)
            .env("KUBECONFIG", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs kubectl with this input; it may fail.
    pub fn try_kubectl(&self, args: &[&str], input: &str) -> Output {
        let mut child = self.command(args).spawn().unwrap();
        // it may end without reading it
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// What kubectl prints; it must not fail.
    #[track_caller]
    pub fn kubectl(&self, args: &[&str]) -> String {
        succeeded(&self.try_kubectl(args, ""))
    }

    /// Applies objects.
    #[track_caller]
    pub fn apply(&self, objects: &str) {
        succeeded(&self.try_kubectl(&["apply", "-f", "-"], objects));
    }
}

fn copy_keys(from: &Path, to: &Path) {
    for name in ["apiserver.crt", "apiserver.key"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

/// A real kube-controller-manager. It is killed when this is dropped.
pub struct Controllers(Child);

impl Controllers {
    /// Starts it and waits until it has made what every Namespace has.
    #[track_caller]
    fn start(server: &Apiserver<'_>) -> Self {
        let at = |name: &str| server.home.path().join(name);
        let log = File::create(at("controllers.log")).unwrap();
        let child = server
            .peers
            .command("kube-controller-manager")
            // a ServiceAccount for each controller, as kubeadm has it
            .args(["--secure-port", "0", "--leader-elect=false", "--use-service-account-credentials", "--kubeconfig"])
            .arg(server.kubeconfig())
            .arg("--service-account-private-key-file")
            .arg(at("apiserver.key"))
            .arg("--root-ca-file")
            .arg(at("apiserver.crt"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let controllers = Self(child);
        super::eventually("kube-controller-manager makes the default ServiceAccount", || {
            server.try_kubectl(&["get", "serviceaccount", "default"], "").status.success()
        });
        controllers
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Apiserver<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program printed that must not fail.
#[track_caller]
pub fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}
