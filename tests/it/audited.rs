//! Who wrote what, and when: compared with the audit log of a real kube-apiserver.

use std::{collections::HashMap, convert::Infallible, fs, io::Write as _, path::Path, thread};

use etcdsnap::{
    audit::Requests,
    diff::{Detail, Ignore, Occurrence, Verb, history},
    etcd::{Load, Snapshot},
    k8s::{Gap, Key, Mask, Moment, Ring},
    objects::{At, Cluster, Joined},
    source::{Options, Source},
};
use serde_json::Value;

use crate::common::{
    Etcd, Peers,
    apiserver::{Apiserver, succeeded},
    etcdsnap, eventually,
};

/// A request that changed an object, as the audit log has it.
struct Request {
    verb: String,
    /// `configmaps shop/notes`.
    object: String,
    manager: String,
    received: Moment,
    completed: Moment,
}

impl Request {
    fn of(event: &Value) -> Option<(Option<i64>, Self)> {
        let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let code = event["responseStatus"]["code"].as_i64()?;
        if !(200..300).contains(&code) {
            return None;
        }
        // a collection has no name, and a creation may have none yet
        let name = Some(text("/objectRef/name")).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| text("/responseObject/metadata/name"));
        let (_, manager) = text("/requestURI").split_once("fieldManager=").unwrap_or_default();
        let manager = Some(manager.split('&').next().unwrap()).filter(|manager| !manager.is_empty());
        let manager = manager.or_else(|| text("/userAgent").split('/').next()).unwrap().to_owned();
        let object = format!("{} {}/{name}", text("/objectRef/resource"), text("/objectRef/namespace"));
        let (received, completed) = (text("/requestReceivedTimestamp"), text("/stageTimestamp"));
        let (received, completed) = (Moment::parse(received)?, Moment::parse(completed)?);
        let revision = text("/responseObject/metadata/resourceVersion").parse().ok();
        Some((revision, Self { verb: text("/verb").to_owned(), object, manager, received, completed }))
    }

    /// Whether the write may have been in `gap`, which it must.
    fn is_in(&self, gap: &Gap) -> bool {
        gap.after.is_none_or(|after| after <= self.completed) && gap.before.is_none_or(|before| before >= self.received)
    }
}

/// The requests by the revision that they answered with, and those that may have deleted an object.
fn requests(log: &[Value]) -> (HashMap<i64, Request>, Vec<Request>) {
    let (mut by_revision, mut others) = (HashMap::<i64, Request>::new(), Vec::new());
    for (revision, request) in log.iter().filter_map(Request::of) {
        match revision {
            // what changes nothing answers with the revision of an earlier one
            Some(revision) if by_revision.get(&revision).is_none_or(|known| request.completed < known.completed) => {
                others.extend(by_revision.insert(revision, request));
            }
            _ => others.push(request),
        }
    }
    (by_revision, others)
}

const OBJECTS: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: gone}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: tied, namespace: shop}
data: {a: "1", b: "1", c: "1"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: unlabelled, namespace: shop, labels: {a: "1", b: "1"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kept, namespace: shop, finalizers: [example.com/kept]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: released, namespace: shop, finalizers: [example.com/kept]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: lost, namespace: gone}
---
apiVersion: v1
kind: Pod
metadata: {name: bound, namespace: shop}
spec: {containers: [{name: main, image: "registry.example/main:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "registry.example/main:1"}]}
"#;

/// What several programs do to the objects, some of it at once.
fn traffic(server: &Apiserver<'_>, round: usize) {
    let at = |args: &str| {
        let args: Vec<_> = args.split(' ').chain(["-n", "shop"]).collect();
        server.kubectl(&args)
    };
    let patch = |who: &str, what: &str, patch: &str| {
        at(&format!("patch {what} --type=merge --field-manager={who} -p {patch}"));
    };
    thread::scope(|scope| {
        for (who, field) in [("alice", "a"), ("bob", "b"), ("carol", "c")] {
            scope.spawn(move || {
                for n in 0..3 {
                    patch(who, "configmap/tied", &format!(r#"{{"data":{{"{field}":"{round}{n}"}}}}"#));
                }
            });
        }
        scope.spawn(|| {
            patch("statusbot", "deployment/web --subresource=status", r#"{"status":{"observedGeneration":7}}"#);
            at(&format!("scale deployment/web --replicas={}", round + 1));
            at(&format!("create configmap made-{round} --from-literal=a=b"));
            patch("dave", &format!("configmap/made-{round}"), r#"{"data":{"a":"c"}}"#);
        });
    });
    // fields that are only removed leave no stamp
    at(&format!("label configmap/unlabelled {}-", ["a", "b"][round]));
    let pod = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"applied","namespace":"shop"}},"data":{{"r":"{round}"}}}}"#
    );
    for who in ["gitops", "operator"] {
        let apply = ["apply", "--server-side", "--force-conflicts", "--field-manager", who, "-f", "-"];
        succeeded(&server.try_kubectl(&apply, &pod));
    }
}

/// What leaves no stamp: requests to delete, the binding of a pod.
fn unstamped(server: &Apiserver<'_>) {
    let at = |args: &str| server.kubectl(&args.split(' ').chain(["-n", "shop"]).collect::<Vec<_>>());
    let binding =
        r#"{"apiVersion":"v1","kind":"Binding","metadata":{"name":"bound"},"target":{"kind":"Node","name":"n"}}"#;
    let raw = ["create", "--raw", "/api/v1/namespaces/shop/pods/bound/binding", "-f", "-"];
    succeeded(&server.try_kubectl(&raw, binding));
    at("delete configmap/kept configmap/released --wait=false");
    server.kubectl(&["delete", "namespace/gone", "--wait=false"]);
}

/// Every write is inside its window, and every writer that is named is the true one: before a compaction and after it.
#[test]
fn the_audit_log_of_a_real_api_server_agrees() {
    let Some(peers) = Peers::find_kube("the_audit_log_of_a_real_api_server_agrees") else { return };
    let etcd = Etcd::start(&peers, "36");
    let (server, controllers) = Apiserver::start_audited(&peers, &etcd);
    server.apply(&format!("{DEFINITION}---{OBJECTS}"));
    eventually("the definition is served", || server.try_kubectl(&["apply", "-f", "-"], WIDGET).status.success());
    traffic(&server, 0);
    unstamped(&server);
    let status: Value = serde_json::from_str(&etcd.ctl(&["endpoint", "status", "-w", "json"])).unwrap();
    etcd.ctl(&["compact", &status[0]["Status"]["header"]["revision"].to_string()]);
    server.kubectl(&[
        "patch",
        "configmap/released",
        "-n",
        "shop",
        "--type=merge",
        "-p",
        r#"{"metadata":{"finalizers":null}}"#,
    ]);
    server.kubectl(&["delete", "crd", "widgets.example.com"]);
    for message in ["a", "b", "c"] {
        let patch = format!(r#"{{"status":{{"message":"{message}"}}}}"#);
        let status = ["--subresource=status", "--field-manager=kubelet", "--type=merge", "-p", &patch];
        server.kubectl(&[&["patch", "pod/bound", "-n", "shop"], &status[..]].concat());
    }
    traffic(&server, 1);
    server.kubectl(&["delete", "configmap/tied", "pod/bound", "-n", "shop", "--wait=false"]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup.db");
    etcd.ctl(&["snapshot", "save", file.to_str().unwrap()]);
    drop(controllers);
    let (by_revision, others) = requests(&server.audit_log());

    let source = Source::open(&file, &Options::default()).unwrap();
    let snapshot = Snapshot::load(&source, &Load::default()).unwrap();
    let backups = [Cluster::open(&snapshot, Ring::default(), At::Last).unwrap()];
    let joined = Joined::new(&backups);
    let mut seen = Seen::default();
    let ignore = Ignore { all: true, status: true, events: true, paths: Vec::new() };
    for records in joined.records(|_| true).unwrap().values() {
        let all: Result<(), Infallible> =
            history(&joined, records, &ignore, &Mask::reveal(), &Requests::default(), |occurrence| {
                if let Occurrence::Change(detail) = occurrence {
                    seen.check(detail, &by_revision, &others);
                }
                Ok(())
            });
        all.unwrap();
    }
    seen.is_enough();
    printed(file.to_str().unwrap(), &by_revision);
    told(file.to_str().unwrap());
    let log = server.audit_log();
    drop(server);
    let (_home, dir) = etcd.stop();
    logged(dir.to_str().unwrap(), &by_revision);
    let kept = tempfile::tempdir().unwrap();
    named(dir.to_str().unwrap(), &log, kept.path());
}

/// The changes by revision, with the log in this file.
fn with_log(file: &str, log: &Path) -> HashMap<i64, Value> {
    let output = etcdsnap(["timeline", file, "--all", "-o", "ndjson", "--audit-log", log.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code().unwrap() < 2 && said.contains("the audit log holds"), "{said}");
    let changes = std::str::from_utf8(&output.stdout).unwrap().lines();
    let changes = changes.map(|line| serde_json::from_str::<Value>(line).unwrap());
    changes.map(|change| (change["revision"].as_i64().unwrap(), change)).collect()
}

/// The request of each change: by a log that holds the revisions, and by one that has no more than the metadata.
fn named(file: &str, events: &[Value], dir: &Path) {
    let writes = events.iter().filter(|event| Request::of(event).is_some());
    let by_id: HashMap<_, _> = writes.map(|event| (event["auditID"].as_str().unwrap(), event)).collect();
    let write = |name: &str, metadata: bool| {
        let lines = events.iter().map(|event| {
            let mut event = event.clone();
            if metadata {
                let event = event.as_object_mut().unwrap();
                event.remove("requestObject");
                event.remove("responseObject");
            }
            format!("{event}\n")
        });
        let path = dir.join(name);
        let mut gzip = flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::fast());
        gzip.write_all(lines.collect::<String>().as_bytes()).unwrap();
        gzip.finish().unwrap();
        path
    };
    let full = with_log(file, &write("full.gz", false));
    let mut truth = HashMap::new();
    for (revision, change) in full.iter().filter(|(_, change)| change["request"]["known"] == "exact") {
        let request = &change["request"]["requests"][0];
        let event = by_id[request["auditID"].as_str().unwrap()];
        assert_eq!(request["user"], event["user"]["username"], "{change}");
        assert_eq!(request["userAgent"], event["userAgent"], "{change}");
        let name = event["objectRef"]["name"].as_str().or(event["responseObject"]["metadata"]["name"].as_str());
        assert!(change["key"].as_str().unwrap().ends_with(name.unwrap()), "{change} {event}");
        if change["manager"].is_string() {
            let (_, request) = Request::of(event).unwrap();
            assert_eq!(change["manager"], request.manager.as_str(), "{change}");
        }
        truth.insert(*revision, request["auditID"].clone());
    }
    assert!(truth.len() > 100, "{}", truth.len());
    let (mut certain, mut unsure) = (0, 0);
    for (revision, change) in with_log(file, &write("metadata.gz", true)) {
        let request = &change["request"];
        let Some(id) = truth.get(&revision).filter(|_| request.is_object()) else { continue };
        let requests = request["requests"].as_array().unwrap();
        if request["known"] == "unsure" {
            unsure += 1;
            let is_there = requests.iter().any(|request| request["auditID"] == *id);
            assert!(is_there || request["more"] != 0, "{change} {id}");
        } else {
            certain += 1;
            assert_eq!(requests[0]["auditID"], *id, "{change}");
        }
    }
    assert!(certain > 50, "{certain} {unsure}");
    let text =
        etcdsnap(["history", file, "deploy/web", "-n", "shop", "--audit-log", dir.join("full.gz").to_str().unwrap()]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("    asked by admin (system:masters, system:authenticated) from 127.0.0.1 with kubectl"),
        "{text}"
    );
    let log = dir.join("full.gz");
    let only = etcdsnap(["timeline", file, "--user", "nobody", "--audit-log", log.to_str().unwrap()]);
    assert!(only.stdout.iter().filter(|byte| **byte == b'\n').count() <= 1);
}

/// What the commands print of it.
fn told(file: &str) {
    let run = |args: &[&str]| String::from_utf8(etcdsnap(args).stdout).unwrap();
    let pod = run(&["history", file, "pod/bound", "-n", "shop"]);
    assert!(pod.contains("   3 updates by kubelet\n    only status changed (--status shows it)\n"), "{pod}");
    let pod = run(&["history", file, "pod/bound", "-n", "shop", "--status"]);
    assert_eq!(pod.matches("~ status.message: ").count(), 2, "{pod}");
    // the definition is gone, and its objects with it
    let widget = run(&["history", file, "wd/one", "-n", "shop"]);
    assert!(widget.contains("\n= revision ") && widget.contains("\n- revision "), "{widget}");
    assert!(run(&["timeline", file, "widgets", "--verb", "delete"]).contains("/one "));
}

/// `wal` prints bounds that never fall, where the newest time in what an entry writes does.
fn logged(dir: &str, by_revision: &HashMap<i64, Request>) {
    // the log holds what was compacted
    let output = etcdsnap(["timeline", dir, "--all", "-o", "ndjson"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let changes: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let revision = |change: &Value| change["revision"].as_i64().unwrap();
    assert_eq!((revision(&changes[0]), changes.len() as i64 + 1), (2, revision(changes.last().unwrap())));
    let known: Vec<_> =
        changes.iter().filter_map(|change| Some((change, by_revision.get(&revision(change))?))).collect();
    let named = known.iter().filter(|(change, _)| change["manager"].is_string());
    assert!(named.clone().count() > 100);
    named.for_each(|(change, request)| assert_eq!(change["manager"], request.manager.as_str(), "{change}"));
    let output = etcdsnap(["wal", dir, "-o", "ndjson"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let times = |name| records.iter().filter_map(|record| record[name].as_str()).collect::<Vec<_>>();
    let (after, newest) = (times("after"), times("time"));
    assert!(after.len() > newest.len() && after.is_sorted() && !newest.is_sorted(), "{after:?} {newest:?}");
}

const DEFINITION: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {plural: widgets, kind: Widget, shortNames: [wd]}
  scope: Namespaced
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
"#;
const WIDGET: &str = "{apiVersion: example.com/v1, kind: Widget, metadata: {name: one, namespace: shop}}";

/// How much was compared.
#[derive(Debug, Default)]
struct Seen {
    writes: usize,
    compacted: usize,
    deletions: usize,
    named: usize,
    named_compacted: usize,
    by_ownership: usize,
    unnamed: usize,
    narrow: usize,
}

impl Seen {
    fn check(&mut self, detail: &Detail<'_, '_>, by_revision: &HashMap<i64, Request>, others: &[Request]) {
        let revision = detail.change.record.revision.main;
        if detail.change.verb() == Verb::Delete {
            assert_eq!(detail.writer, None, "{revision}");
            self.deletions += usize::from(is_deleted(detail, by_revision, others));
            return;
        }
        let Some(request) = by_revision.get(&revision) else { return };
        let Request { object, manager, received, completed, .. } = request;
        let about =
            format!("{object} at {revision}: {} to {}, {:?}", received.millis(), completed.millis(), detail.gap);
        assert!(request.is_in(&detail.gap), "{about}");
        self.writes += 1;
        self.compacted += usize::from(detail.compacted);
        self.narrow += usize::from(detail.gap.width().is_some_and(|width| width < 20_000_000_000));
        let Some(writer) = &detail.writer else {
            self.unnamed += 1;
            return;
        };
        assert_eq!(&writer.manager, manager, "{about} {writer:?}");
        self.named += 1;
        self.named_compacted += usize::from(detail.compacted);
        self.by_ownership += usize::from(writer.by_ownership);
    }

    fn is_enough(&self) {
        let Self { writes, compacted, deletions, named, named_compacted, by_ownership, unnamed, narrow } = self;
        assert!(*writes > 100 && *compacted > 50 && *deletions > 0 && *narrow > 100, "{self:?}");
        assert!(*named > 100 && *named_compacted > 50 && *by_ownership > 0 && *unnamed > 5, "{self:?}");
    }
}

/// Whether one of the requests that may have deleted an object has; when there are any, one must.
fn is_deleted(detail: &Detail<'_, '_>, by_revision: &HashMap<i64, Request>, others: &[Request]) -> bool {
    let key = Key::new(detail.change.key());
    let Some(key) = key.object() else { return false };
    let object = format!("{} {}/{}", key.resource, key.namespace.unwrap_or_default(), key.name);
    let may_be = |request: &&Request| request.object == object && request.verb != "create";
    let about: Vec<_> = by_revision.values().chain(others).filter(may_be).collect();
    assert!(about.is_empty() || about.iter().any(|request| request.is_in(&detail.gap)), "{object} {:?}", detail.gap);
    !about.is_empty()
}

/// The times that `timeline` prints are the same bounds, and never fall.
fn printed(file: &str, by_revision: &HashMap<i64, Request>) {
    let output = etcdsnap(["timeline", file, "--all", "--no-headers"]);
    let table = String::from_utf8(output.stdout).unwrap();
    let mut last = String::new();
    for line in table.lines() {
        let cells: Vec<_> = line.split_whitespace().collect();
        let [revision, time, within, ..] = cells[..] else { panic!("{line}") };
        assert!(last.as_str() <= time, "{last} before {line}");
        last = time.to_owned();
        let revision = revision.split('.').next().unwrap().parse().unwrap();
        let (Some(request), Some(width)) = (by_revision.get(&revision), within.strip_prefix('+')) else { continue };
        let seconds: f64 = width.strip_suffix('s').unwrap().parse().unwrap();
        let after = Moment::parse(time).unwrap();
        let nanos = after.nanoseconds() + (seconds * 1e9) as i128;
        assert!(after <= request.completed && nanos >= request.received.nanoseconds(), "{line} {:?}", request.received);
    }
    assert!(table.lines().count() > 20, "{table}");
}
