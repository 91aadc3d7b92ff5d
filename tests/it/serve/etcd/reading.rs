//! What only reads.

use std::{fs, path::Path, process::Stdio};

use serde_json::Value;

use super::restored;
use crate::common::{
    Peers,
    grpc::{
        Grpc,
        proto::{
            etcdserverpb::{
                RangeRequest, RangeResponse, WatchCreateRequest, WatchProgressRequest, WatchResponse,
                watch_request::RequestUnion,
            },
            mvccpb::Event,
        },
    },
    serving::Serving,
};

/// Reading commands of etcdctl, which each release from 3.4 on has.
const COMMANDS: &[&str] = &[
    "get / --prefix",
    "get / --prefix --keys-only --limit 7",
    "get / --prefix --rev 175 -w json",
    "get / --prefix --sort-by MODIFY --order DESCEND --limit 5 -w json",
    "get / --prefix --sort-by KEY --order DESCEND -w json",
    "get /app/ --prefix --consistency s -w json",
    "get /app/again -w fields",
    "get /app/again --print-value-only",
    "get /app/again --hex",
    "get /app/b /app/n --keys-only",
    "get /app/k --from-key --keys-only --limit 3",
    "get /nothing -w json",
    "get / --prefix --rev 1",
    "get / --prefix --rev 100000",
    "lease list",
    "alarm list",
    "user list",
    "role list",
    "user get nobody",
    "role get nothing",
];

#[test]
fn etcdctl_prints_what_it_prints_of_a_real_etcd() {
    let Some(peers) = Peers::find("etcdctl_prints_what_it_prints_of_a_real_etcd") else { return };
    let snapshot = Path::new("fixtures/three-members.db");
    let (_dir, etcd) = restored(&peers, "36", snapshot);
    let serving = Serving::start(&[snapshot.to_str().unwrap(), "--reveal", "--etcd"]);
    let address = serving.etcd();
    for version in ["34", "35", "36", "37"] {
        let program = format!("etcdctl{version}");
        let ask = |endpoint: &str, line: &str| {
            let mut args = vec!["--endpoints", endpoint];
            args.extend(line.split(' '));
            peers.run(&program, args)
        };
        let theirs = etcd.endpoint.trim_start_matches("http://");
        for line in COMMANDS {
            let [ours, theirs] = [&*address, theirs].map(|endpoint| {
                let output = ask(endpoint, line);
                (output.status.code(), same(&output.stdout), last(&output.stderr))
            });
            assert_eq!(ours, theirs, "{program} {line}");
        }
        for at in ["", " --rev 175"] {
            let hash = |endpoint: &str| ask(endpoint, &format!("endpoint hashkv{at} -w json")).stdout;
            let [ours, theirs] = [&*address, theirs].map(|endpoint| {
                let value: Value = serde_json::from_slice(&hash(endpoint)).unwrap();
                let hash = &value[0]["HashKV"];
                (hash["hash"].clone(), hash["compact_revision"].clone())
            });
            assert_eq!(ours, theirs, "{program} hashkv{at}");
        }
        let saved = serving.home.path().join(format!("saved-{version}"));
        let output = ask(&address, &format!("snapshot save {}", saved.display()));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(fs::read(&saved).unwrap() == fs::read(snapshot).unwrap(), "{program} snapshot save");
        for line in ["put a b", "del a", "compact 500", "lease grant 60", "member remove 1", "user add a:b", "defrag"] {
            let output = ask(&address, line);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && said.contains("nothing was changed"), "{program} {line}: {said}");
        }
        let output = ask(&address, "--user root:wrong get /nothing");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// `get` in parts, which etcdctl has since 3.7.
const STREAMED: &[&str] = &[
    "get / --prefix -w json",
    "get / --prefix --keys-only --limit 7 -w json",
    "get / --prefix --rev 175 -w json",
    "get / --prefix --count-only -w json",
    "get / --prefix --count-only --limit 2 -w json",
    "get / --prefix --sort-by KEY --order ASCEND",
    "get / --prefix --sort-by KEY --order DESCEND",
    "get / --prefix --sort-by MODIFY --order ASCEND",
    "get /app/again -w fields",
    "get /app/k --from-key --limit 3 -w json",
    "get /nothing -w json",
    "get / --prefix --rev 1",
    "get / --prefix --rev 100000",
];

#[test]
fn ranges_in_parts_are_those_of_a_real_etcd() {
    let Some(peers) = Peers::find("ranges_in_parts_are_those_of_a_real_etcd") else { return };
    let snapshot = Path::new("fixtures/three-members.db");
    let (_dir, etcd) = restored(&peers, "37", snapshot);
    let serving = Serving::start(&[snapshot.to_str().unwrap(), "--reveal", "--etcd", "--overlay"]);
    let address = serving.etcd();
    let theirs = etcd.endpoint.trim_start_matches("http://");
    for program in ["etcdctl37", "etcdctl38"] {
        for line in STREAMED {
            let [ours, theirs] = [&*address, theirs].map(|endpoint| {
                let line = format!("--endpoints {endpoint} {line} --stream");
                let output = peers.run(program, line.split(' '));
                (output.status.code(), same(&output.stdout), last(&output.stderr))
            });
            assert_eq!(ours, theirs, "{program} {line}");
        }
    }
    // more than one part
    let value = "x".repeat(100_000);
    for n in 10..35 {
        let (name, line) = (format!("/large/{n}"), ["--endpoints", &*address, "put"]);
        peers.ask("etcdctl37", line.into_iter().chain([&*name, &*value]).map(str::to_owned));
    }
    for line in ["get /large/ --prefix", "get /large/ --prefix --limit 24", "get /large/12 /large/30 --limit 4"] {
        let [plain, streamed] = ["", " --stream"].map(|flag| {
            let line = format!("--endpoints {address} -w json {line}{flag}");
            same(&peers.run("etcdctl37", line.split(' ')).stdout)
        });
        assert!(plain.len() > 400_000 && plain == streamed, "{line}: {} and {}", plain.len(), streamed.len());
    }
}

/// Text, and JSON without what names the member.
fn same(stdout: &[u8]) -> String {
    match serde_json::from_slice::<Value>(stdout) {
        Ok(mut value) => {
            for field in ["cluster_id", "member_id", "raft_term"] {
                value["header"].as_object_mut().unwrap().remove(field);
            }
            value.to_string()
        }
        Err(_) => {
            let text = String::from_utf8_lossy(stdout).into_owned();
            // leases that expire at the same time have no order
            let text = if text.starts_with("found") { sorted(&text) } else { text };
            let is_own = |line: &&str| !line.starts_with("\"ClusterID\"") && !line.starts_with("\"MemberID\"");
            let is_own = |line: &&str| is_own(line) && !line.starts_with("\"RaftTerm\"");
            text.lines().filter(is_own).collect::<Vec<_>>().join("\n")
        }
    }
}

fn sorted(text: &str) -> String {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The line with the error.
fn last(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr).into_owned();
    text.lines().filter(|line| line.starts_with("Error")).collect()
}

#[test]
fn a_watch_from_a_revision_has_the_events_of_a_real_etcd() {
    let Some(peers) = Peers::find("a_watch_from_a_revision_has_the_events_of_a_real_etcd") else { return };
    let (_dir, etcd) = restored(&peers, "36", Path::new("fixtures/kube-later.db"));
    let serving = Serving::start(&["fixtures/kube-later.db", "--reveal", "--etcd"]);
    let (ours, theirs) = (Grpc::connect(&serving.etcd()), Grpc::connect(&etcd.endpoint));
    let create = |key: &str, end: &str, start_revision: i64| WatchCreateRequest {
        key: key.to_owned().into(),
        range_end: end.to_owned().into(),
        start_revision,
        ..Default::default()
    };
    let mut requests = Vec::new();
    for prev_kv in [false, true] {
        for filters in [vec![], vec![0], vec![1]] {
            let all = WatchCreateRequest { prev_kv, filters, ..create("/", "0", 466) };
            requests.push(WatchCreateRequest { fragment: prev_kv, ..all.clone() });
            requests.push(WatchCreateRequest { range_end: "".into(), key: "/registry/pods/shop/once".into(), ..all });
        }
    }
    requests.push(create("", "\0", 500));
    for request in requests {
        let (mut a, mut b) = (ours.watch(), theirs.watch());
        for watch in [&mut a, &mut b] {
            watch.ask(RequestUnion::CreateRequest(request.clone()));
            assert!(watch.must().created);
        }
        a.ask(RequestUnion::ProgressRequest(WatchProgressRequest {}));
        let mut have: Vec<Event> = Vec::new();
        loop {
            let response = a.must();
            if response.watch_id == -1 {
                break;
            }
            have.extend(response.events);
        }
        let mut want: Vec<Event> = Vec::new();
        while want.len() < have.len() {
            want.extend(b.must().events);
        }
        // the real one then deletes the keys of leases that expire
        want.retain(|event| event.kv.as_ref().is_some_and(|kv| kv.mod_revision <= 505));
        let (a, b) = (have, want);
        assert_eq!(a, b, "{request:?}");
    }
    for request in [create("a", "", 1), create("a", "", -1), create("b", "a", 0)] {
        let (mut a, mut b) = (ours.watch(), theirs.watch());
        let [a, b] = [&mut a, &mut b].map(|watch| {
            watch.ask(RequestUnion::CreateRequest(request.clone()));
            let first = watch.must();
            // one that begins too early is told so after it was created
            let second = (!first.canceled).then(|| watch.must());
            [Some(first), second].map(|response| response.map(|response| WatchResponse { header: None, ..response }))
        });
        assert_eq!(a, b, "{request:?}");
    }
}

#[test]
fn values_are_opened_while_they_are_served() {
    let values = |more: &[&str]| -> Vec<Vec<u8>> {
        let serving = Serving::start(&[&["fixtures/encrypted.db", "--reveal", "--etcd"], more].concat());
        let grpc = Grpc::connect(&serving.etcd());
        let request = RangeRequest {
            key: "/registry/secrets/shop/".into(),
            range_end: "/registry/secrets/shop0".into(),
            ..Default::default()
        };
        let response: RangeResponse = grpc.call("KV/Range", &request).unwrap();
        response.kvs.into_iter().map(|kv| kv.value.to_vec()).collect()
    };
    let (open, stored) = (values(&["--encryption-config", "fixtures/encryption.yaml"]), values(&[]));
    assert!(open.len() == stored.len() && open.len() >= 5, "{}", open.len());
    assert!(open.iter().all(|value| value.starts_with(b"k8s\0")));
    assert!(stored.iter().filter(|value| value.starts_with(b"k8s:enc:")).count() >= 4);
    assert!(open.iter().zip(&stored).all(|(open, stored)| (open == stored) == stored.starts_with(b"k8s\0")));
}

#[test]
fn etcdctl_watches_the_history() {
    let Some(peers) = Peers::find("etcdctl_watches_the_history") else { return };
    let serving = Serving::start(&["fixtures/kube-later.db", "--reveal", "--etcd"]);
    let args = ["watch", "/registry/pods/shop/db-1", "--rev", "466", "--endpoints", &serving.etcd()];
    let mut child = peers.command("etcdctl36").args(args).stdout(Stdio::piped()).spawn().unwrap();
    let lines = std::io::BufReader::new(child.stdout.take().unwrap());
    let is_event = |line: &String| line == "PUT" || line == "DELETE";
    let lines = std::io::BufRead::split(lines, b'\n').map_while(Result::ok);
    let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    let events: Vec<String> = lines.filter(is_event).take(3).collect();
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(events, ["PUT", "DELETE", "PUT"]);
}

#[test]
fn etcds_api_needs_reveal_and_one_snapshot() {
    for (args, said) in [
        (&["fixtures/kube.db", "--etcd"][..], "--reveal"),
        (&["fixtures/kube.db", "fixtures/kube-later.db", "--etcd", "--reveal"], "one SNAPSHOT"),
        (&["fixtures/kube.db", "--etcd", "--reveal", "--rev", "400"], "one SNAPSHOT"),
        (&["fixtures/kube.db", "--etcd=0.0.0.0:0", "--reveal"], "loopback"),
        (&["fixtures/kube.db", "--overlay"], "--etcd"),
    ] {
        let output = crate::common::etcdsnap([&["serve"], args].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && stderr.contains(said), "{args:?}: {stderr}");
    }
}
