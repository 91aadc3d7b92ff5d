//! etcd's HTTP gateway: requests as JSON, many a second, nested transactions and alarms too, which etcdctl cannot send.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// A client of one member.
#[derive(Clone)]
pub struct Gateway {
    address: String,
    token: Option<String>,
}

impl Gateway {
    pub fn new(endpoint: &str) -> Self {
        Self { address: endpoint.trim_start_matches("http://").to_owned(), token: None }
    }

    /// Asks for a token, and shows it from now on.
    pub fn log_in(&mut self, name: &str, password: &str) {
        self.try_log_in(name, password).unwrap();
    }

    /// The same; `Err` is what etcd said against it.
    pub fn try_log_in(&mut self, name: &str, password: &str) -> Result<(), String> {
        self.token = None;
        let answer = self.ask("/v3/auth/authenticate", &json!({"name": name, "password": password}))?;
        self.token = Some(answer["token"].as_str().unwrap().to_owned());
        Ok(())
    }

    /// Whether it knows a leader and answers, whatever alarm there is; no rights are needed to ask.
    pub fn healthy(&self) -> bool {
        self.send("GET", "/health?exclude=NOSPACE", "").is_ok_and(|answer| answer["health"] == "true")
    }

    /// Whether it has logged in.
    pub fn is_somebody(&self) -> bool {
        self.token.is_some()
    }

    /// Which etcd it is, such as `3.6.14`.
    pub fn version(&self) -> String {
        let answer = self.send("GET", "/version", "").unwrap();
        answer["etcdserver"].as_str().unwrap().to_owned()
    }

    /// The answer; `Err` is what etcd said against it, or that there was none.
    pub fn ask(&self, path: &str, request: &Value) -> Result<Value, String> {
        self.send("POST", path, &request.to_string())
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Result<Value, String> {
        let token = self.token.as_ref().map_or(String::new(), |token| format!("Authorization: {token}\r\n"));
        let mut stream = TcpStream::connect(&self.address).map_err(|e| e.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{token}Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).map_err(|e| e.to_string())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(|e| e.to_string())?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        let value = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            serde_json::from_str(&unchunked(body))
        } else {
            serde_json::from_str(body)
        };
        if head.starts_with("HTTP/1.1 200") { value.map_err(|e| e.to_string()) } else { Err(body.to_owned()) }
    }
}

fn unchunked(mut body: &str) -> String {
    let mut all = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or_default();
        all.push_str(rest.get(..size).unwrap_or_default());
        body = rest.get(size + 2..).unwrap_or_default();
    }
    all
}

/// A key or a value as the gateway has it.
pub fn b64(text: &str) -> String {
    STANDARD.encode(text)
}
