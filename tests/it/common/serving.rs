//! A running `etcdsnap serve`, and plain HTTP to ask it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use tempfile::TempDir;

/// `etcdsnap serve`, which is killed when this is dropped.
pub struct Serving {
    child: Child,
    /// The folder of its kubeconfig, and of what kubectl keeps.
    pub home: TempDir,
    pub kubeconfig: PathBuf,
    /// `127.0.0.1:PORT` and the path with the secret, of each context.
    pub urls: Vec<(String, String)>,
}

/// An answer: status, the lines of its head, and its body as far as it came.
#[derive(Debug)]
pub struct Response {
    pub code: u16,
    pub head: String,
    pub body: String,
    /// Whether the body is all that was announced.
    pub whole: bool,
}

impl Serving {
    /// Starts it and waits until it listens.
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        Self::start_under(&["env"], args).unwrap_or_else(|said| panic!("{said}"))
    }

    /// The same with a program that starts it, as prlimit; what it has written on stderr where it does not listen.
    pub fn start_under(under: &[&str], args: &[&str]) -> Result<Self, String> {
        let home = TempDir::new().unwrap();
        let kubeconfig = home.path().join("kubeconfig");
        let stderr = fs::File::create(home.path().join("stderr")).unwrap();
        let mut child = Command::new(under[0])
            .args(&under[1..])
            .arg(env!("CARGO_BIN_EXE_etcdsnap"))
            .args(["serve", "--kubeconfig"])
            .arg(&kubeconfig)
            .args(args)
            .env_remove("ETCDSNAP_SNAPSHOT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line != format!("export KUBECONFIG={}\n", kubeconfig.display()) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{line}{}", fs::read_to_string(home.path().join("stderr")).unwrap()));
        }
        let text = fs::read_to_string(&kubeconfig).unwrap();
        let servers = text.lines().filter_map(|line| line.trim().strip_prefix("server: \"http")?.split_once("://"));
        let url = |(_, server): (&str, &str)| {
            let server = server.trim_end_matches('"');
            // with TLS there is no secret path
            let (address, path) = server.split_once('/').map_or((server, ""), |(address, path)| (address, path));
            (address.to_owned(), format!("/{path}"))
        };
        let urls = servers.map(url).collect();
        Ok(Self { child, home, kubeconfig, urls })
    }

    /// What it has written on stderr.
    pub fn said(&self) -> String {
        fs::read_to_string(self.home.path().join("stderr")).unwrap()
    }

    /// The address of etcd's API.
    #[track_caller]
    pub fn etcd(&self) -> String {
        let said = self.said();
        let address = said.split("etcd's API is at ").nth(1).and_then(|rest| rest.split(',').next());
        address.unwrap_or_else(|| panic!("no etcd: {said}")).to_owned()
    }

    /// A `GET` below the secret path of the first context.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.ask(path, "application/json")
    }

    /// The same with an `Accept` header.
    #[track_caller]
    pub fn ask(&self, path: &str, accept: &str) -> Response {
        let (address, secret) = &self.urls[0];
        self.raw(&format!(
            "GET {secret}{path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
        ))
    }

    /// A document below the secret path.
    #[track_caller]
    pub fn json(&self, path: &str) -> serde_json::Value {
        let response = self.get(path);
        assert!(response.code == 200 && response.whole, "{path}: {response:?}");
        serde_json::from_str(&response.body).unwrap()
    }

    /// Sends bytes, and reads until the server closes.
    #[track_caller]
    pub fn raw(&self, request: &str) -> Response {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        // a connection that is reset has sent what it has sent
        let _ = stream.read_to_end(&mut bytes);
        Response::parse(&bytes)
    }

    /// A connection to the first context.
    pub fn connect(&self) -> TcpStream {
        let port = self.urls[0].0.rsplit(':').next().unwrap().parse().unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Ends it as ^C does.
    pub fn stop(mut self) -> (ExitStatus, String) {
        self.signal(rustix::process::Signal::INT);
        let status = self.child.wait().unwrap();
        assert!(!self.kubeconfig.exists(), "the kubeconfig is left");
        (status, self.said())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Response {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        let lower = head.to_lowercase();
        let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse::<usize>().ok());
        let (body, whole) = match length {
            Some(length) => (body.to_owned(), body.len() == length),
            None => unchunked(body),
        };
        Self { code, head: head.to_owned(), body, whole }
    }
}

/// The content of a chunked body, and whether it has its end.
fn unchunked(mut body: &str) -> (String, bool) {
    let mut out = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size, 16) else { break };
        let Some(chunk) = rest.get(..size) else {
            out.push_str(rest);
            break;
        };
        if size == 0 {
            return (out, true);
        }
        out.push_str(chunk);
        body = rest[size..].strip_prefix("\r\n").unwrap_or_default();
    }
    (out, false)
}
