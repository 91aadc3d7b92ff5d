//! The page about a backup: one file, which loads nothing, and which a real browser shows.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::common::{Etcd, Peers, etcdsnap, skipped};

const KEYS: [&str; 2] = ["--encryption-config", "fixtures/kube-later.yaml"];

fn page(dir: &Path, file: &str, more: &[&str]) -> PathBuf {
    let path = dir.join("report.html");
    let output = etcdsnap([&["report", file, "--html", path.to_str().unwrap(), "--overwrite"], more].concat());
    assert!(output.status.code().unwrap() < 2, "{}", String::from_utf8_lossy(&output.stderr));
    path
}

/// The data in a page.
fn data(path: &Path) -> Value {
    let page = fs::read_to_string(path).unwrap();
    let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    serde_json::from_str(data).unwrap()
}

#[test]
fn the_page_shows_what_the_commands_print() {
    let dir = tempfile::tempdir().unwrap();
    let report = data(&page(dir.path(), "fixtures/kube.db", &[]));
    let sum: u64 = report["space"].as_array().unwrap().iter().map(|part| part["bytes"].as_u64().unwrap()).sum();
    assert_eq!((sum, &report["verdict"]), (fs::metadata("fixtures/kube.db").unwrap().len(), &json!("good")));
    let pods = report["groups"].as_array().unwrap().iter().filter(|group| group["kind"] == "pods");
    assert_eq!(pods.map(|group| group["keys"].as_u64().unwrap()).sum::<u64>(), 7);
    assert!(report["changes"].as_array().unwrap().iter().any(|change| change[3] == "deployment.apps/web"), "{report}");
    assert!(!report["minutes"].as_array().unwrap().is_empty());
    // what is not certain of a change is told as in the timeline
    let report = data(&page(dir.path(), "fixtures/kube-later.db", &[]));
    let change = |revision| report["changes"].as_array().unwrap().iter().find(|change| change[0] == revision).unwrap();
    let (of, late) = (change(500), change(505));
    assert_eq!((&of[5], &of[6], &late[6]), (&json!("kubectl (by ownership)"), &json!("+2.9s"), &json!("+61.0s")));
    let path = dir.path().join("report.html");
    let again = etcdsnap(["report", "fixtures/kube.db", "--html", path.to_str().unwrap()]);
    assert!(again.status.code() == Some(2) && String::from_utf8_lossy(&again.stderr).contains("--overwrite"));
    let mut broken = fs::read("fixtures/kube.db").unwrap();
    let leaf = crate::common::key_leaf(&broken);
    broken[leaf] ^= 1;
    let file = dir.path().join("broken<script>.db");
    fs::write(&file, broken).unwrap();
    let broken = page(dir.path(), file.to_str().unwrap(), &[]);
    assert_eq!(data(&broken)["verdict"], "damaged");
    assert!(!fs::read_to_string(&broken).unwrap().contains("broken<script>"));
    // only the trailer shows what is wrong with this one, and analysis does not read the trailer
    let mut changed = fs::read("fixtures/kube.db").unwrap();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&file, changed).unwrap();
    let output = etcdsnap(["report", file.to_str().unwrap(), "--html", path.to_str().unwrap(), "--overwrite"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("is damaged; the page lists"), "{said}");
}

#[test]
fn secrets_and_their_names_are_not_in_the_page() {
    let dir = tempfile::tempdir().unwrap();
    for file in ["fixtures/kube.db", "fixtures/kube-later.db", "fixtures/encrypted.db"] {
        let text = fs::read_to_string(page(dir.path(), file, &KEYS)).unwrap();
        for word in ["s3cr3t", "czNjcjN0", "plain-secret", "left-over", "secrets/box"] {
            assert!(!text.contains(word), "{file}: {word}");
        }
    }
    let text = fs::read_to_string(page(dir.path(), "fixtures/kube.db", &["--reveal"])).unwrap();
    assert!(text.contains("secrets/plain-secret -n shop"));
}

/// A Chromium that is driven through its pipe.
struct Browser {
    child: Child,
    to: File,
    from: File,
    next: u64,
    read: Vec<u8>,
    /// Errors of the page, and in its console.
    errors: Vec<Value>,
}

impl Browser {
    /// Starts it, if there is one.
    fn start(dir: &Path) -> Option<Self> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let runs =
            |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
        let Some(name) = names.into_iter().find(runs) else {
            skipped("a_browser_shows_the_page", "no chromium");
            return None;
        };
        let (to, from) = (dir.join("to"), dir.join("from"));
        assert!(Command::new("mkfifo").args([&to, &from]).status().unwrap().success());
        let profile = dir.join("profile");
        let line = format!(
            "exec {name} --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --remote-debugging-pipe --user-data-dir={} 3<{} 4>{}",
            profile.display(),
            to.display(),
            from.display()
        );
        let child = Command::new("sh").args(["-c", &line]).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let to = OpenOptions::new().write(true).open(&to).unwrap();
        let from = File::open(&from).unwrap();
        Some(Self { child, to, from, next: 0, read: Vec::new(), errors: Vec::new() })
    }

    fn message(&mut self) -> Value {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == 0) {
                let message: Vec<u8> = self.read.drain(..=end).collect();
                return serde_json::from_slice(&message[..end]).unwrap();
            }
            let mut bytes = [0; 1 << 16];
            let n = self.from.read(&mut bytes).unwrap();
            assert!(n > 0, "the browser ended");
            self.read.extend_from_slice(&bytes[..n]);
        }
    }

    fn call(&mut self, session: Option<&str>, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut call = json!({"id": self.next, "method": method, "params": params});
        if let Some(session) = session {
            call["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{call}\0").as_bytes()).unwrap();
        loop {
            let message = self.message();
            let is_error = message["method"] == "Runtime.exceptionThrown"
                || message["params"]["entry"]["level"] == "error"
                || message["method"] == "Runtime.consoleAPICalled" && message["params"]["type"] == "error";
            if message["id"] == self.next {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            if is_error {
                self.errors.push(message);
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_browser_shows_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let path = page(dir.path(), "fixtures/kube.db", &[]);
    let Some(mut browser) = Browser::start(dir.path()) else { return };
    let target = browser.call(None, "Target.createTarget", json!({"url": "about:blank"}));
    let attach = json!({"targetId": target["targetId"], "flatten": true});
    let session = browser.call(None, "Target.attachToTarget", attach)["sessionId"].as_str().unwrap().to_owned();
    let session = Some(session.as_str());
    for domain in ["Runtime.enable", "Log.enable", "Page.enable", "Network.enable"] {
        browser.call(session, domain, json!({}));
    }
    let keep = std::env::var_os("ETCDSNAP_SCREENSHOTS").map(PathBuf::from);
    for (width, height) in [(1280, 900), (390, 844)] {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        browser.call(session, "Emulation.setDeviceMetricsOverride", size);
        browser.call(session, "Page.navigate", json!({"url": format!("file://{}", path.display())}));
        let mut ask = |expression: &str| -> Value {
            let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
            let answer = browser.call(session, "Runtime.evaluate", asked);
            assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
            answer["result"]["value"].clone()
        };
        let ready = "new Promise(done => { const look = () => document.querySelector('#changes td') ? done(true) : setTimeout(look, 50); look(); })";
        assert_eq!(ask(ready), true);
        assert_eq!(ask("document.querySelector('.verdict').textContent"), "good");
        // nothing is wider than the window
        assert_eq!(ask("document.documentElement.scrollWidth <= window.innerWidth"), true, "{width}");
        // the treemap: a kind, a namespace of it, and back
        let names = "JSON.stringify([...document.querySelectorAll('#map g')].map(g => g.dataset.name))";
        let kinds: Vec<String> = serde_json::from_str(ask(names).as_str().unwrap()).unwrap();
        assert!(kinds.contains(&"deployments.apps".to_owned()), "{kinds:?}");
        let click = |name: &str| {
            format!(
                "document.querySelector('#map g[data-name=\"{name}\"]').dispatchEvent(new MouseEvent('click', {{bubbles: true}}))"
            )
        };
        ask(&click("deployments.apps"));
        assert_eq!(ask(names), "[\"shop\"]");
        ask(&click("shop"));
        assert_eq!(ask(names), "[\"web\"]");
        ask("document.querySelector('#way button').click()");
        assert_eq!(serde_json::from_str::<Vec<String>>(ask(names).as_str().unwrap()).unwrap(), kinds);
        // a table: sorted by its number, by its name, filtered
        let first = "document.querySelector('#kinds tbody tr').textContent";
        ask("document.querySelectorAll('#kinds th button')[1].click()");
        assert!(ask(first).as_str().unwrap().starts_with("clusterroles."));
        ask("document.querySelectorAll('#kinds th button')[0].click()");
        assert!(ask(first).as_str().unwrap().starts_with("apiservices."));
        ask("document.querySelectorAll('#kinds th button')[0].click()");
        assert!(ask(first).as_str().unwrap().starts_with("widgets."));
        ask(
            "{ const box = document.querySelector('#kinds input'); box.value = 'pods'; box.dispatchEvent(new Event('input')); }",
        );
        assert!(ask(first).as_str().unwrap().starts_with("pods"));
        assert_eq!(ask("document.querySelectorAll('#kinds tbody tr').length"), 1);
        // the policy holds: nothing else is run
        let planted = "new Promise(done => { window.planted = 0; const s = document.createElement('script'); s.textContent = 'window.planted = 1'; document.body.append(s); setTimeout(() => done(window.planted), 50); })";
        assert!(browser.errors.is_empty(), "{:?}", browser.errors);
        let mut ask = |expression: &str| -> Value {
            let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
            browser.call(session, "Runtime.evaluate", asked)["result"]["value"].clone()
        };
        assert_eq!(ask(planted), 0);
        browser.errors.clear();
        for scheme in ["light", "dark"] {
            let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
            browser.call(session, "Emulation.setEmulatedMedia", media);
            let background = color(&mut browser, session);
            assert_eq!(background, if scheme == "light" { "rgb(255, 255, 255)" } else { "rgb(13, 17, 23)" });
            let shot = browser.call(session, "Page.captureScreenshot", json!({"format": "png"}));
            let png = BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
            assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000, "{}", png.len());
            printed(&mut browser, session, scheme);
            if let Some(keep) = &keep {
                fs::write(keep.join(format!("report-{width}-{scheme}.png")), png).unwrap();
            }
        }
        browser.errors.clear();
    }
}

/// The background of the page.
fn color(browser: &mut Browser, session: Option<&str>) -> Value {
    let asked = json!({"expression": "getComputedStyle(document.body).backgroundColor", "returnByValue": true});
    browser.call(session, "Runtime.evaluate", asked)["result"]["value"].clone()
}

/// Prints the page: on white paper with all tables, without what can only be clicked.
fn printed(browser: &mut Browser, session: Option<&str>, scheme: &str) {
    let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
    browser.call(session, "Emulation.setEmulatedMedia", json!({"media": "print", "features": features}));
    assert_eq!(color(browser, session), "rgb(255, 255, 255)", "{scheme}");
    let hidden = "[...document.querySelectorAll('.tools')].every(box => getComputedStyle(box).display === 'none')";
    let asked = json!({"expression": hidden, "returnByValue": true});
    assert_eq!(browser.call(session, "Runtime.evaluate", asked)["result"]["value"], true);
    let pdf = browser.call(session, "Page.printToPDF", json!({"printBackground": true}));
    let pdf = BASE64_STANDARD.decode(pdf["data"].as_str().unwrap()).unwrap();
    let count = |what: &[u8]| pdf.windows(what.len()).filter(|window| *window == what).count();
    // a page that shows nothing has about 1 kB, and no font
    assert!(pdf.starts_with(b"%PDF") && pdf.len() > 20_000 && count(b"/FontFile2") > 0, "{}", pdf.len());
    assert!((2..40).contains(&count(b"/Type /Page\n")), "{}", count(b"/Type /Page\n"));
    browser.call(session, "Emulation.setEmulatedMedia", json!({"media": ""}));
}

#[test]
fn an_event_about_a_secret_has_no_name_in_the_page() {
    let Some(peers) = Peers::find("an_event_about_a_secret_has_no_name_in_the_page") else { return };
    let dir = tempfile::tempdir().unwrap();
    let etcd = Etcd::start(&peers, "36");
    let event = |name: &str, kind: &str, field: &str| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("{name}.17a3"), "namespace": "shop"},
            field: {"kind": kind, "name": name, "namespace": "shop"}, "message": "m"})
    };
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hush-0", "namespace": "shop"}});
    etcd.store("secrets/shop/hush-0", &secret);
    for (name, kind, field) in [
        ("hush-1", "Secret", "involvedObject"),
        ("hush-2", "Secret", "regarding"),
        // of one without its object nothing is known
        ("hush-3", "", "involvedObject"),
        ("hush-4", "Secret", "involvedObject"),
        ("shown-5", "Pod", "involvedObject"),
        ("shown-6", "Pod", "involvedObject"),
    ] {
        for _ in 0..3 {
            etcd.store(&format!("events/shop/{name}.17a3"), &event(name, kind, field));
        }
    }
    for gone in ["hush-4", "shown-6"] {
        etcd.ctl(&["del", &format!("/registry/events/shop/{gone}.17a3")]);
    }
    let file = dir.path().join("backup.db");
    let file = file.to_str().unwrap();
    etcd.ctl(&["snapshot", "save", file]);
    let hidden = fs::read_to_string(page(dir.path(), file, &[])).unwrap();
    assert!(!hidden.contains("hush") && hidden.contains("events/shown-5.17a3"), "{hidden}");
    // of a deleted one the last change is shown
    assert!(data(&dir.path().join("report.html"))["changes"].to_string().contains("event/shown-6.17a3"), "{hidden}");
    let revealed = fs::read_to_string(page(dir.path(), file, &["--reveal"])).unwrap();
    for n in 0..5 {
        assert!(revealed.contains(&format!("hush-{n}")), "{n}");
    }
}
