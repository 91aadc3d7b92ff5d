//! The manifest of a static pod, from which a restore takes who the member is.
//!
//! ```text
//! text ─> documents ─> pods ─> containers ─> the call of etcd: its flags, its environment ─> Manifest
//! ```

use std::{
    collections::BTreeMap,
    fs::{File, metadata},
    io::{self, Read as _},
    path::Path,
};

use serde_json::Value;

use crate::{Error, Result, bytes::excerpt};

/// What the manifest of an etcd pod, as kubeadm writes it, says about its member.
///
/// Each is as etcd gets it, from its flags or, where a flag is not given, from `ETCD_...` variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// `--name`.
    pub name: String,
    /// `--initial-cluster`. When kubeadm made the member, it names those that were there by then: the first member's
    /// manifest names the first alone.
    pub initial_cluster: Option<String>,
    /// `--initial-advertise-peer-urls`.
    pub initial_advertise_peer_urls: Option<String>,
    /// `--initial-cluster-token`.
    pub initial_cluster_token: Option<String>,
    /// `--data-dir`, as the container sees it.
    pub data_dir: Option<String>,
    /// `--wal-dir`, as the container sees it.
    pub wal_dir: Option<String>,
    /// etcd's version, such as `3.6.8`, when the image's tag tells it.
    pub etcd_version: Option<String>,
}

/// A larger file is no manifest.
const MAX_LEN: u64 = 1 << 20;

const BY_FLAGS: &str = "say it with --name, --initial-cluster and --initial-advertise-peer-urls, or with --member NAME";

/// Why the text is no good, and what to do instead.
type Refusal = (String, &'static str);

impl Manifest {
    /// Reads the manifest, YAML or JSON, in the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or does not say with which flags one etcd is started.
    pub fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let fault = |doing| {
            let file = file.clone();
            move |source: io::Error| Error::Io { file, doing, offset: None, source }
        };
        let refused =
            |(what, hint): Refusal| Error::Usage { what: format!("{file}: {what}"), hint: Some(hint.to_owned()) };
        // before it is opened, because to open a pipe is to wait for its writer
        if !metadata(path).map_err(fault("open"))?.is_file() {
            return Err(refused(("not a file".to_owned(), "name the manifest of the etcd pod")));
        }
        let mut bytes = Vec::new();
        let opened = File::open(path).map_err(fault("open"))?;
        opened.take(MAX_LEN.saturating_add(1)).read_to_end(&mut bytes).map_err(fault("read"))?;
        if bytes.len() as u64 > MAX_LEN {
            return Err(refused((
                "more than 1 MiB, so not a manifest".to_owned(),
                "name the manifest of the etcd pod",
            )));
        }
        Self::parse(&bytes).map_err(refused)
    }

    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let documents = documents(bytes)?;
        let pods: Vec<&Value> = objects(&documents).filter(|object| text(object, "kind") == Some("Pod")).collect();
        let containers: Vec<&Value> = pods.iter().flat_map(|pod| list(pod, "/spec/containers")).collect();
        let calls: Vec<Call> = containers.iter().filter_map(|container| Call::of(container)).collect();
        match calls.as_slice() {
            [call] => call.manifest(),
            [] => Err(without_etcd(&documents, &containers)),
            _ => Err((format!("it holds {} containers that run etcd", calls.len()), "one manifest for each member")),
        }
    }
}

fn documents(bytes: &[u8]) -> Result<Vec<Value>, Refusal> {
    if let Ok(json) = serde_json::from_slice(bytes) {
        return Ok(vec![json]);
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        // no manifest needs one; of a long text, a thousand would fill the memory
        budget: serde_saphyr::budget! { max_aliases: 20 },
    };
    serde_saphyr::from_slice_multiple_with_options(bytes, options)
        .map_err(|error| (format!("neither YAML nor JSON: {error}"), "name the manifest of the etcd pod"))
}

/// The documents, and instead of a list what is in it.
fn objects(documents: &[Value]) -> impl Iterator<Item = &Value> {
    documents.iter().flat_map(|document| {
        let is_list = text(document, "kind").is_some_and(|kind| kind.ends_with("List"));
        if is_list { list(document, "/items") } else { std::slice::from_ref(document) }
    })
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What it is instead.
fn without_etcd(documents: &[Value], containers: &[&Value]) -> Refusal {
    if containers.iter().any(|container| image(container).0.starts_with("etcd-manager")) {
        let what = "the pod of kOps' etcd-manager, which gives etcd its name and its URLs only when it starts it";
        return (what.to_owned(), BY_FLAGS);
    }
    if documents.iter().any(|document| document.get("machine").is_some() && document.get("cluster").is_some()) {
        let hint = "Talos restores by itself: talosctl bootstrap --recover-from=SNAPSHOT";
        return ("a machine configuration of Talos, where etcd is no pod".to_owned(), hint);
    }
    let names: Vec<&str> = containers.iter().filter_map(|container| text(container, "name")).collect();
    let kinds: Vec<&str> = objects(documents).filter_map(|object| text(object, "kind")).collect();
    let what = match (names.as_slice(), kinds.as_slice()) {
        ([], []) => "no Kubernetes object".to_owned(),
        ([], kinds) => format!("no Pod with containers, but {}", excerpt(kinds.join(", ").as_bytes())),
        (names, _) => format!("none of its containers runs etcd: {}", excerpt(names.join(", ").as_bytes())),
    };
    (what, "kubeadm writes the manifest of etcd to /etc/kubernetes/manifests/etcd.yaml")
}

/// The last name and the tag of a container's image: `etcd` and `3.6.8-0` of `registry.k8s.io/etcd:3.6.8-0@sha256:...`.
fn image(container: &Value) -> (&str, &str) {
    let image = text(container, "image").unwrap_or_default();
    let image = image.split_once('@').map_or(image, |(image, _)| image);
    base(image).split_once(':').unwrap_or((base(image), ""))
}

fn base(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, base)| base)
}

/// How etcd is started.
struct Call {
    flags: Vec<String>,
    env: Env,
    etcd_version: Option<String>,
}

impl Call {
    /// Of a container; `None` when it does not run etcd.
    fn of(container: &Value) -> Option<Self> {
        let mut env = Env::of(container);
        let words: Vec<String> = ["/command", "/args"]
            .into_iter()
            .flat_map(|pointer| list(container, pointer))
            .filter_map(|word| Some(env.expand(word.as_str()?, Syntax::Kubernetes)))
            .collect();
        let (name, tag) = image(container);
        let flags = match behind_wrappers(&words) {
            _ if name == "etcd" && words.first().is_none_or(|word| word.starts_with('-')) => words,
            [program, flags @ ..] if base(program) == "etcd" => flags.to_vec(),
            [shell, rest @ ..] if ["sh", "ash", "bash", "dash"].contains(&base(shell)) => env.run(script(rest)?)?,
            _ => return None,
        };
        let version: String =
            tag.trim_start_matches('v').chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        Some(Self { flags, env, etcd_version: version.contains('.').then_some(version) })
    }

    fn manifest(&self) -> Result<Manifest, Refusal> {
        let name = self.value("name")?.ok_or_else(|| match self.value("config-file") {
            Ok(Some(file)) => (format!("its etcd reads its flags from a file, {}", excerpt(file.as_bytes())), BY_FLAGS),
            _ => ("its etcd gets no --name".to_owned(), BY_FLAGS),
        })?;
        Ok(Manifest {
            name,
            initial_cluster: self.value("initial-cluster")?,
            initial_advertise_peer_urls: self.value("initial-advertise-peer-urls")?,
            initial_cluster_token: self.value("initial-cluster-token")?,
            data_dir: self.value("data-dir")?,
            wal_dir: self.value("wal-dir")?,
            etcd_version: self.etcd_version.clone(),
        })
    }

    /// What etcd takes for the flag: the last one given, or else the variable.
    fn value(&self, name: &str) -> Result<Option<String>, Refusal> {
        let following = self.flags.iter().skip(1).map(Some).chain([None]);
        let given = self.flags.iter().zip(following).filter_map(|(word, next)| {
            let flag = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
            match flag.split_once('=') {
                Some((flag, value)) => (flag == name).then_some(value),
                None => next.filter(|_| flag == name).map(String::as_str),
            }
        });
        let variable = format!("ETCD_{}", name.to_uppercase().replace('-', "_"));
        let value = given.last().or_else(|| self.env.known.get(&variable).map(String::as_str));
        match value.filter(|value| !value.is_empty()) {
            Some(value) if value.contains(['$', '`']) => {
                let value = excerpt(value.as_bytes());
                Err((format!("its etcd's --{name} is {value}, which is known only where the pod runs"), BY_FLAGS))
            }
            value => Ok(value.map(str::to_owned)),
        }
    }
}

/// Without the programs that only start another one, their flags and numbers, and variables set before it.
fn behind_wrappers(words: &[String]) -> &[String] {
    const WRAPPERS: [&str; 10] =
        ["exec", "export", "nice", "ionice", "env", "nohup", "time", "tini", "dumb-init", "catatonit"];
    let wraps = |word: &String| {
        WRAPPERS.contains(&base(word))
            || word.starts_with('-')
            || word.bytes().all(|b| b.is_ascii_digit())
            || assignment(word).is_some()
    };
    let at = words.iter().take_while(|word| wraps(word)).count();
    words.get(at..).unwrap_or_default()
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    word.split_once('=').filter(|(name, _)| is_variable(name))
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit()) && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// The text behind a shell's `-c`, which may stand among other letters.
fn script(args: &[String]) -> Option<&str> {
    let is_c = |arg: &String| arg.starts_with('-') && !arg.starts_with("--") && arg.contains('c');
    let at = args.iter().position(is_c)?;
    args.get(at.saturating_add(1)).map(String::as_str)
}

/// Who writes `$`: Kubernetes puts a value for `$(NAME)`, a shell for `${NAME}` and `$NAME`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Syntax {
    Kubernetes,
    Shell,
}

impl Syntax {
    /// The name of the variable behind a `$`, and what follows it.
    fn variable(self, text: &str) -> Option<(&str, &str)> {
        let [open, close] = if self == Self::Shell { ['{', '}'] } else { ['(', ')'] };
        let bracketed = text.strip_prefix(open);
        let text = bracketed.unwrap_or(text);
        let in_name =
            |c: char| c == '_' || c.is_ascii_alphanumeric() || self == Self::Kubernetes && matches!(c, '-' | '.');
        let (name, after) = text.split_at_checked(text.find(|c| !in_name(c)).unwrap_or(text.len()))?;
        match bracketed {
            Some(_) => Some((name, after.strip_prefix(close)?)),
            None => (self == Self::Shell).then_some((name, after)),
        }
    }
}

/// The variables whose values are known. What is not, keeps its `$`.
struct Env {
    known: BTreeMap<String, String>,
    /// So many bytes may still be put in: values that hold others, twice each, grow without end.
    left: usize,
}

impl Env {
    fn of(container: &Value) -> Self {
        let mut env = Self { known: BTreeMap::new(), left: 1 << 20 };
        for variable in list(container, "/env") {
            let Some(name) = text(variable, "name") else { continue };
            let value = match (variable.get("valueFrom"), text(variable, "value")) {
                (Some(_), _) => format!("$({name})"),
                (None, value) => env.expand(value.unwrap_or_default(), Syntax::Kubernetes),
            };
            env.known.insert(name.to_owned(), value);
        }
        env
    }

    fn expand(&mut self, text: &str, syntax: Syntax) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let known = syntax.variable(after).and_then(|(name, after)| Some((self.known.get(name)?.as_str(), after)));
            let (value, after) = known.filter(|(value, _)| value.len() <= self.left).unwrap_or(("$", after));
            self.left = self.left.saturating_sub(value.len());
            expanded.push_str(value);
            rest = after;
        }
        expanded + rest
    }

    /// Follows a shell script through its assignments to the call of etcd, and gives that its flags.
    fn run(&mut self, script: &str) -> Option<Vec<String>> {
        for words in statements(script) {
            let words: Vec<String> = words.iter().map(|word| self.expand(word, Syntax::Shell)).collect();
            let call = behind_wrappers(&words);
            if let [program, flags @ ..] = call
                && base(program) == "etcd"
            {
                return Some(flags.to_vec());
            }
            if call.is_empty() {
                let assigned = words.iter().filter_map(|word| assignment(word));
                self.known.extend(assigned.map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
        }
        None
    }
}

/// The words of each simple command of a shell script. Quotes are gone; what is to be put in at run time, `$...`, stays.
fn statements(script: &str) -> Vec<Vec<String>> {
    let mut statements = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut chars = script.chars().peekable();
    let mut quote = None;
    let mut depth = 0usize; // of command substitutions, whose blanks do not end a word
    while let Some(c) = chars.next() {
        let blank = c.is_whitespace() || matches!(c, ';' | '|' | '&' | '(' | ')');
        match c {
            '\\' if quote != Some('\'') => match chars.next() {
                Some('\n') | None => {}
                Some(c) => word.get_or_insert_default().push(c),
            },
            '\'' | '"' if quote == Some(c) => quote = None,
            '\'' | '"' if quote.is_none() => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            '(' if quote != Some('\'') && (depth > 0 || word.as_ref().is_some_and(|word| word.ends_with('$'))) => {
                depth = depth.saturating_add(1);
                word.get_or_insert_default().push(c);
            }
            ')' if quote != Some('\'') && depth > 0 => {
                depth = depth.saturating_sub(1);
                word.get_or_insert_default().push(c);
            }
            '#' if quote.is_none() && depth == 0 && word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            _ if quote.is_none() && depth == 0 && blank => {
                if let (Some(word), Some(statement)) = (word.take(), statements.last_mut()) {
                    statement.push(word);
                }
                if !matches!(c, ' ' | '\t') {
                    statements.push(Vec::new());
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    if let (Some(word), Some(statement)) = (word, statements.last_mut()) {
        statement.push(word);
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What kubeadm 1.36.3 writes.
    const KUBEADM: &str = r"
apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://192.168.1.10:2379
  labels:
    component: etcd
    tier: control-plane
  name: etcd
  namespace: kube-system
spec:
  containers:
  - command:
    - etcd
    - --advertise-client-urls=https://192.168.1.10:2379
    - --cert-file=/etc/kubernetes/pki/etcd/server.crt
    - --client-cert-auth=true
    - --data-dir=/var/lib/etcd
    - --feature-gates=InitialCorruptCheck=true
    - --initial-advertise-peer-urls=https://192.168.1.10:2380
    - --initial-cluster=cp1=https://192.168.1.10:2380
    - --key-file=/etc/kubernetes/pki/etcd/server.key
    - --listen-client-urls=https://127.0.0.1:2379,https://192.168.1.10:2379
    - --listen-metrics-urls=http://127.0.0.1:2381
    - --listen-peer-urls=https://192.168.1.10:2380
    - --name=cp1
    - --peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt
    - --peer-client-cert-auth=true
    - --peer-key-file=/etc/kubernetes/pki/etcd/peer.key
    - --peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
    - --snapshot-count=10000
    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
    - --watch-progress-notify-interval=5s
    image: registry.k8s.io/etcd:3.6.8-0
    imagePullPolicy: IfNotPresent
    livenessProbe:
      failureThreshold: 8
      httpGet:
        host: 127.0.0.1
        path: /livez
        port: probe-port
        scheme: HTTP
      initialDelaySeconds: 10
      periodSeconds: 10
      timeoutSeconds: 15
    name: etcd
    ports:
    - containerPort: 2381
      name: probe-port
      protocol: TCP
    readinessProbe:
      failureThreshold: 3
      httpGet:
        host: 127.0.0.1
        path: /readyz
        port: probe-port
        scheme: HTTP
      periodSeconds: 1
      timeoutSeconds: 15
    resources:
      requests:
        cpu: 100m
        memory: 100Mi
    startupProbe:
      failureThreshold: 24
      httpGet:
        host: 127.0.0.1
        path: /readyz
        port: probe-port
        scheme: HTTP
      initialDelaySeconds: 10
      periodSeconds: 10
      timeoutSeconds: 15
    volumeMounts:
    - mountPath: /var/lib/etcd
      name: etcd-data
    - mountPath: /etc/kubernetes/pki/etcd
      name: etcd-certs
  hostNetwork: true
  priority: 2000001000
  priorityClassName: system-node-critical
  securityContext:
    seccompProfile:
      type: RuntimeDefault
  volumes:
  - hostPath:
      path: /etc/kubernetes/pki/etcd
      type: DirectoryOrCreate
    name: etcd-certs
  - hostPath:
      path: /var/lib/etcd
      type: DirectoryOrCreate
    name: etcd-data
status: {}
";

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn kubeadm() -> Manifest {
        Manifest {
            name: "cp1".to_owned(),
            initial_cluster: some("cp1=https://192.168.1.10:2380"),
            initial_advertise_peer_urls: some("https://192.168.1.10:2380"),
            data_dir: some("/var/lib/etcd"),
            etcd_version: some("3.6.8"),
            ..Manifest::default()
        }
    }

    #[track_caller]
    fn refused(text: &str) -> String {
        Manifest::parse(text.as_bytes()).unwrap_err().0
    }

    /// A pod of one container, which these lines describe.
    fn pod(container: &str) -> String {
        format!("kind: Pod\nspec:\n  containers:\n  - name: it\n    {}\n", container.trim().replace('\n', "\n    "))
    }

    #[track_caller]
    fn read(container: &str) -> Manifest {
        Manifest::parse(pod(container).as_bytes()).unwrap()
    }

    #[test]
    fn kubeadms_is_read() {
        assert_eq!(Manifest::parse(KUBEADM.as_bytes()), Ok(kubeadm()));
        let json: Value = serde_saphyr::from_str(KUBEADM).unwrap();
        assert_eq!(Manifest::parse(json.to_string().as_bytes()), Ok(kubeadm()));
        let list = serde_json::json!({"kind": "List", "items": [{"kind": "ConfigMap"}, json]}).to_string();
        assert_eq!(Manifest::parse(list.as_bytes()), Ok(kubeadm()));
        assert_eq!(Manifest::parse(format!("# mine\n---\nkind: Service\n---{KUBEADM}").as_bytes()), Ok(kubeadm()));
    }

    #[test]
    fn flags_stand_in_many_ways() {
        let wanted = |name: &str| Manifest { name: name.to_owned(), wal_dir: some("/wal"), ..Manifest::default() };
        assert_eq!(read("command: [/usr/local/bin/etcd]\nargs: [--name, a, -wal-dir, /wal]"), wanted("a"));
        assert_eq!(read("image: quay.io/coreos/etcd\nargs: [--name=a, --name=b, --wal-dir=/wal]"), wanted("b"));
        assert_eq!(read("command: [nice, -n, '-19', etcd, --name=a, --wal-dir=/wal]"), wanted("a"));
        let script = "command: [/bin/sh, -ec]\nargs:\n- |\n  # etcd --name=no\n  rm -rf /var/lib/etcd; mkdir -p \"/var/lib/etcd\"\n  \
                      exec /bin/etcd --logger=zap \\\n    --name='a' \"--wal-dir\" /wal > /log 2>&1 || true\n  etcd --name=late";
        assert_eq!(read(script), wanted("a"));
        let script = "command: [sh, -c, \"echo '$(' $(date '+(%s)') ; A=$(b (c) d; e) etcd --name a --wal-dir /wal\"]";
        assert_eq!(read(script), wanted("a"));
        let tagged = Manifest { etcd_version: some("3.6.1"), ..wanted("a") };
        let image = "image: r.example:5000/coreos/etcd:v3.6.1-alpha.0@sha256:0123\nenv:\n";
        assert_eq!(
            read(&format!("{image}- {{name: ETCD_NAME, value: a}}\n- {{name: ETCD_WAL_DIR, value: /wal}}")),
            tagged
        );
    }

    #[test]
    fn variables_with_known_values_are_put_in() {
        let env = "env:\n- {name: IP, value: 10.0.0.1}\n- {name: URL, value: 'https://$(IP):2380'}\n\
                   - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}\n";
        let wanted = Manifest {
            name: "a".to_owned(),
            initial_advertise_peer_urls: some("https://10.0.0.1:2380"),
            ..Manifest::default()
        };
        assert_eq!(read(&format!("{env}command: [etcd, --name=a, '--initial-advertise-peer-urls=$(URL)']")), wanted);
        let shell =
            "command: [sh, -c, 'export ETCD_NAME=a; exec etcd --initial-advertise-peer-urls https://${IP}:2380']";
        assert_eq!(read(&format!("{env}{shell}")), wanted);
        assert_eq!(
            refused(&pod(&format!("{env}command: [etcd, --name=$(NODE)]"))),
            "its etcd's --name is $(NODE), which is known only where the pod runs"
        );
        assert_eq!(
            refused(&pod(&format!("{env}image: etcd\n").replace("NODE", "ETCD_NAME"))),
            "its etcd's --name is $(ETCD_NAME), which is known only where the pod runs"
        );
    }

    #[test]
    fn openshifts_says_what_it_does_not_know() {
        let script = r#"command:
- /bin/sh
- -c
- |
  #!/bin/sh
  set -euo pipefail
  etcdctl member list || true
  ETCD_INITIAL_CLUSTER=$(discover-etcd-initial-cluster \
    --endpoints=${ALL_ETCD_ENDPOINTS} --data-dir=/var/lib/etcd)
  export ETCD_INITIAL_CLUSTER
  time while [ -n "$(ss -Htan '( sport = 2379 or sport = 2380 )')" ]; do sleep 1; done
  export ETCD_NAME=${NODE_m1_ETCD_NAME}
  exec nice -n -19 ionice -c2 -n0 etcd \
    --logger=zap \
    --initial-advertise-peer-urls=https://${NODE_m1_IP}:2380 || mv /a /b
env:
- {name: NODE_m1_ETCD_NAME, value: m1}
- {name: NODE_m1_IP, value: 10.0.0.1}
"#;
        let what = refused(&pod(script));
        assert!(what.starts_with("its etcd's --initial-cluster is $(discover-etcd-initial-cluster"), "{what}");
        let known = script.replace("exec nice", "export ETCD_INITIAL_CLUSTER=m1=https://10.0.0.1:2380; exec nice");
        assert_eq!(
            read(&known),
            Manifest {
                name: "m1".to_owned(),
                initial_cluster: some("m1=https://10.0.0.1:2380"),
                initial_advertise_peer_urls: some("https://10.0.0.1:2380"),
                ..Manifest::default()
            }
        );
    }

    #[test]
    fn what_is_no_such_manifest_is_named() {
        let manager = "image: registry.k8s.io/etcd-manager/etcd-manager-slim:v3.0.20240202\ncommand: [/bin/sh, -c, 'exec /etcd-manager']";
        for (text, what) in [
            ("", "no Kubernetes object"),
            ("just words", "no Kubernetes object"),
            ("a: [b", "neither YAML nor JSON: "),
            ("kind: ClusterConfiguration\n---\nkind: Node", "no Pod with containers, but ClusterConfiguration, Node"),
            (
                "version: v1alpha1\nmachine: {type: controlplane}\ncluster: {etcd: {}}",
                "a machine configuration of Talos",
            ),
            (&pod("command: [kube-apiserver, --etcd-servers=x]"), "none of its containers runs etcd: it"),
            (&pod("command: [cp, /var/lib/etcd, --name=x]"), "none of its containers runs etcd: it"),
            (&pod(manager), "the pod of kOps' etcd-manager"),
            (&pod("command: [etcd]"), "its etcd gets no --name"),
            (&pod("command: [etcd, --name]"), "its etcd gets no --name"),
            (&pod("command: [etcd, --config-file=/etcd/config]"), "its etcd reads its flags from a file, /etcd/config"),
            (&format!("{KUBEADM}---{KUBEADM}"), "it holds 2 containers that run etcd"),
        ] {
            let said = refused(text);
            assert!(said.starts_with(what) && !said.contains('\n'), "{text}: {said}");
        }
        assert!(Manifest::parse(b"\xff\xfe\x00name").is_err());
    }

    #[test]
    fn a_few_bytes_do_not_become_many() {
        let text = "x".repeat(500_000);
        let bomb = format!("a: &a {text}\nb: [{}]", "*a,".repeat(1000));
        assert!(refused(&bomb).starts_with("neither YAML nor JSON"));
        refused(&"[".repeat(1_000_000));
        for piece in ["$(", "${", "\\", "\"", "a=a$a$a;", "'"] {
            let script = Value::from(piece.repeat(500_000 / piece.len()));
            refused(&pod(&format!("command: [sh, -c, {script}]")));
        }
        let doubled = |i| format!("- {{name: A{i}, value: $(A{0})$(A{0})}}\n", i - 1);
        let env: String = (1..100).map(doubled).collect();
        refused(&pod(&format!("env:\n- {{name: A0, value: long}}\n{env}command: [etcd, --name=$(A99)]")));
    }

    #[test]
    fn only_a_small_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("etcd.yaml");
        assert!(matches!(Manifest::read(&path), Err(Error::Io { doing: "open", .. })));
        std::fs::write(&path, KUBEADM).unwrap();
        assert_eq!(Manifest::read(&path).unwrap(), kubeadm());
        std::fs::write(&path, format!("{KUBEADM}{}", "#".repeat(1 << 20))).unwrap();
        let said = Manifest::read(&path).unwrap_err();
        assert!(matches!(said, Error::Usage { .. }) && said.to_string().contains("more than 1 MiB"), "{said}");
        let said = Manifest::read(dir.path()).unwrap_err();
        assert!(matches!(said, Error::Usage { .. }) && said.to_string().ends_with("not a file"), "{said}");
    }
}
