//! TLS and a token, for other addresses than loopback.

use std::{fs, path::Path, process::Command};

use super::kubectl::kubectl;
use crate::common::{Peers, etcdsnap, serving::Serving};

const TOKEN: &str = "a-token-of-a-test-0123456789";

/// Files in `dir`: a certificate for `names` that signs itself, its key, and a token.
fn files(dir: &Path, names: &str) -> [String; 3] {
    let at = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let files = [at("cert"), at("key"), at("token")];
    let mut openssl = Command::new("openssl");
    openssl.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=etcdsnap".split(' '));
    openssl.args(["-keyout", &files[1], "-out", &files[0]]);
    if !names.is_empty() {
        openssl.args(["-addext", &format!("subjectAltName={names}")]);
    }
    let made = openssl.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::write(&files[2], format!("{TOKEN}\n")).unwrap();
    files
}

fn flags<'a>([cert, key, token]: &'a [String; 3], listen: &'a str) -> Vec<&'a str> {
    let tls = ["--tls-cert", cert, "--tls-key", key, "--token-file", token, "--listen", listen];
    ["fixtures/kube-later.db", "--context", "before=470"].into_iter().chain(tls).collect()
}

/// The status and the body that curl gets with this token.
fn curl(serving: &Serving, cert: &str, host: &str, path: &str, token: Option<&str>, more: &[&str]) -> (String, String) {
    let port = serving.urls[0].0.rsplit(':').next().unwrap();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--cacert", cert, "-w", "\n%{http_version} %{http_code}", "--noproxy", "*"]).args(more);
    curl.args(["--resolve", &format!("backup.example:{port}:127.0.0.1")]);
    if let Some(token) = token {
        curl.args(["-H", &format!("Authorization: Bearer {token}")]);
    }
    let output = curl.arg(format!("https://{host}:{port}{path}")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

#[test]
fn who_shows_the_token_reads_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), "IP:127.0.0.1,DNS:backup.example");
    let serving = Serving::start(&flags(&files, "0.0.0.0:0"));
    let config = fs::read_to_string(&serving.kubeconfig).unwrap();
    // the certificate's name, as 0.0.0.0 is nobody's
    assert_eq!(config.matches("server: \"https://backup.example:").count(), 2, "{config}");
    assert!(config.contains(&format!("token: \"{TOKEN}\"")) && config.contains("certificate-authority-data: LS0t"));
    let get = |path: &str, token| curl(&serving, &files[0], "backup.example", path, token, &[]);
    let (status, body) = get("/api/v1/namespaces/shop/pods/db-0", Some(TOKEN));
    assert!(status == "2 200" && body.contains("\"name\":\"db-0\""), "{status}: {body}");
    assert_eq!(curl(&serving, &files[0], "127.0.0.1", "/version", Some(TOKEN), &["--http1.1"]).0, "1.1 200");
    for token in [None, Some("another-token-0123456789"), Some(""), Some(&TOKEN[1..])] {
        for path in ["/api/v1/pods", "/version", "/readyz", "/"] {
            let (status, body) = get(path, token);
            assert!(status == "2 401" && body.contains("\"reason\":\"Unauthorized\""), "{token:?}: {status} {body}");
        }
    }
    // what speaks no TLS is not answered
    let plain = serving.raw("GET /version HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    assert!(!plain.body.contains("gitVersion") && plain.code == 0, "{plain:?}");
    let (status, said) = serving.stop();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("2 requests were answered, 16 refused"), "{said}");
}

#[test]
fn kubectl_reads_over_tls_with_the_kubeconfig() {
    let Some(peers) = Peers::find_kube("kubectl_reads_over_tls_with_the_kubeconfig") else { return };
    for (names, server_name) in [("IP:127.0.0.1", None), ("DNS:backup.example", Some("backup.example"))] {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path(), names);
        let serving = Serving::start(&flags(&files, "127.0.0.1:0"));
        let config = fs::read_to_string(&serving.kubeconfig).unwrap();
        let named = server_name.map(|name| format!("tls-server-name: \"{name}\""));
        assert!(named.is_none_or(|named| config.contains(&named)), "{config}");
        let run = |args: &str| {
            let args: Vec<String> = args.split(' ').map(str::to_owned).collect();
            let output = kubectl(&peers, &serving, &args);
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
        };
        assert!(run("get pods -n shop -o name").contains("pod/db-0\n"));
        assert_eq!(run("--context before get deploy web -n shop -o jsonpath={.spec.replicas}"), "3");
        assert!(run("auth whoami --token wrong-0123456789abcdef").contains("Unauthorized"));
    }
}

#[test]
fn nothing_but_loopback_is_listened_on_without_them() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), "");
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (short, none, other) = (at("short"), at("none"), at("other"));
    fs::write(&short, "short\n").unwrap();
    let made = Command::new("openssl").args(["ecparam", "-name", "prime256v1", "-genkey", "-out", &other]).output();
    assert!(made.unwrap().status.success());
    let [cert, key, token] = files.clone();
    let file = "fixtures/kube.db";
    let with = |cert: &str, key: &str, token: &str| {
        ["serve", file, "--tls-cert", cert, "--tls-key", key, "--token-file", token].map(str::to_owned).to_vec()
    };
    let listening = |listen: &str, more: &[&str]| {
        let call = ["serve", file, "--listen", listen].into_iter().chain(more.iter().copied());
        call.map(str::to_owned).collect::<Vec<_>>()
    };
    for (call, code, said) in [
        (listening("0.0.0.0:0", &[]), 2, "nothing keeps them out"),
        (listening("0.0.0.0:0", &["--tls-cert", &cert, "--tls-key", &key]), 2, "--token-file"),
        (listening("0.0.0.0:0", &["--token-file", &token]), 2, "--tls-"),
        (with(&cert, &key, &short), 2, "too short"),
        (with(&cert, &key, &none), 3, "No such file"),
        (with(&cert, &other, &token), 2, "not the key of"),
        (with(&token, &key, &token), 2, "no certificate in PEM"),
        (with(&cert, &token, &token), 2, "not a private key in PEM"),
        (with(&cert, &key, &token), 2, "has no DNS name"),
    ] {
        let output = etcdsnap(&call);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(code) && text.contains(said), "{call:?}: {:?} {text}", output.status);
        assert!(!text.contains(TOKEN), "{text}");
    }
}
