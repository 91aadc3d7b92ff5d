//! Manifests of every kind.

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
        tls: [
            ("cert-file", "server.crt"),
            ("key-file", "server.key"),
            ("trusted-ca-file", "ca.crt"),
            ("client-cert-auth", "true"),
            ("peer-cert-file", "peer.crt"),
            ("peer-key-file", "peer.key"),
            ("peer-trusted-ca-file", "ca.crt"),
            ("peer-client-cert-auth", "true"),
        ]
        .map(|(name, value)| match value {
            "true" => (name, value.to_owned()),
            file => (name, format!("/etc/kubernetes/pki/etcd/{file}")),
        })
        .to_vec(),
        etcd_version: some("3.6.8"),
        ..Manifest::default()
    }
}

#[track_caller]
fn refused(text: &str) -> String {
    Manifest::parse(text.as_bytes(), Form::Pod, false).unwrap_err().0
}

/// A pod of one container, which these lines describe.
fn pod(container: &str) -> String {
    format!("kind: Pod\nspec:\n  containers:\n  - name: it\n    {}\n", container.trim().replace('\n', "\n    "))
}

#[track_caller]
fn read(container: &str) -> Manifest {
    Manifest::parse(pod(container).as_bytes(), Form::Pod, false).unwrap()
}

#[test]
fn kubeadms_is_read() {
    assert_eq!(Manifest::parse(KUBEADM.as_bytes(), Form::Pod, false), Ok(kubeadm()));
    let json: Value = serde_saphyr::from_str(KUBEADM).unwrap();
    assert_eq!(Manifest::parse(json.to_string().as_bytes(), Form::Pod, false), Ok(kubeadm()));
    let list = serde_json::json!({"kind": "List", "items": [{"kind": "ConfigMap"}, json]}).to_string();
    assert_eq!(Manifest::parse(list.as_bytes(), Form::Pod, false), Ok(kubeadm()));
    assert_eq!(
        Manifest::parse(format!("# mine\n---\nkind: Service\n---{KUBEADM}").as_bytes(), Form::Pod, false),
        Ok(kubeadm())
    );
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
    assert_eq!(read(&format!("{image}- {{name: ETCD_NAME, value: a}}\n- {{name: ETCD_WAL_DIR, value: /wal}}")), tagged);
}

#[test]
fn a_switch_needs_no_value() {
    let tls = |line: &str| read(&format!("command: [etcd, --name=a, {line}]")).tls;
    let is = |value: &str| vec![("client-cert-auth", value.to_owned())];
    assert_eq!(tls("--client-cert-auth, --data-dir, /d"), is("true"));
    assert_eq!(tls("--client-cert-auth"), is("true"));
    assert_eq!(tls("--client-cert-auth=false"), is("false"));
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
    let shell = "command: [sh, -c, 'export ETCD_NAME=a; exec etcd --initial-advertise-peer-urls https://${IP}:2380']";
    assert_eq!(read(&format!("{env}{shell}")), wanted);
    assert_eq!(
        refused(&pod(&format!("{env}command: [etcd, --name=$(NODE)]"))),
        "the value of --name is $(NODE), which is known only where the pod runs"
    );
    assert_eq!(
        refused(&pod(&format!("{env}image: etcd\n").replace("NODE", "ETCD_NAME"))),
        "the value of --name is $(ETCD_NAME), which is known only where the pod runs"
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
    assert!(what.starts_with("the value of --initial-cluster is $(discover-etcd-initial-cluster"), "{what}");
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
        ("version: v1alpha1\nmachine: {type: controlplane}\ncluster: {etcd: {}}", "a machine configuration of Talos"),
        (&pod("command: [kube-apiserver, --etcd-servers=x]"), "none of its containers runs etcd: it"),
        (&pod("command: [cp, /var/lib/etcd, --name=x]"), "none of its containers runs etcd: it"),
        (&pod(manager), "the pod of kOps' etcd-manager"),
        (&pod("command: [etcd]"), "etcd has no --name in it"),
        (&pod("command: [etcd, --name]"), "etcd has no --name in it"),
        (&pod("command: [etcd, --config-file=/etcd/config]"), "etcd reads its flags from a file, /etcd/config"),
        (&format!("{KUBEADM}---{KUBEADM}"), "it holds 2 containers that run etcd"),
    ] {
        let said = refused(text);
        assert!(said.starts_with(what) && !said.contains('\n'), "{text}: {said}");
    }
    assert!(Manifest::parse(b"\xff\xfe\x00name", Form::Pod, false).is_err());
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
    assert!(matches!(Manifest::read(&path, Form::Pod, false), Err(Error::Io { doing: "open", .. })));
    std::fs::write(&path, KUBEADM).unwrap();
    assert_eq!(Manifest::read(&path, Form::Pod, false).unwrap(), kubeadm());
    std::fs::write(&path, format!("{KUBEADM}{}", "#".repeat(1 << 20))).unwrap();
    let said = Manifest::read(&path, Form::Pod, false).unwrap_err();
    assert!(matches!(said, Error::Usage { .. }) && said.to_string().contains("more than 1 MiB"), "{said}");
    let said = Manifest::read(dir.path(), Form::Pod, false).unwrap_err();
    assert!(matches!(said, Error::Usage { .. }) && said.to_string().ends_with("not a file"), "{said}");
}

/// As RKE2 1.33 writes it, and as kubespray does for systemd.
#[test]
fn etcds_own_configuration() {
    let config = |text: &str| Manifest::parse(text.as_bytes(), Form::Config, false);
    let tls = |dir: &str| {
        let of = |name: &'static str, file: &str| (name, format!("{dir}/{file}"));
        vec![
            of("cert-file", "server.crt"),
            ("client-cert-auth", "true".to_owned()),
            of("peer-cert-file", "peer.crt"),
            ("peer-client-cert-auth", "true".to_owned()),
        ]
    };
    let is = Manifest {
        name: "server-0-1a2b".to_owned(),
        initial_cluster: some("server-0-1a2b=https://10.0.0.1:2380"),
        initial_advertise_peer_urls: some("https://10.0.0.1:2380"),
        data_dir: some("/var/lib/rancher/rke2/server/db/etcd"),
        tls: tls("/tls"),
        ..Manifest::default()
    };
    let yaml = "advertise-client-urls: https://10.0.0.1:2379\nclient-transport-security:\n  cert-file: /tls/server.crt\n  \
                client-cert-auth: true\ndata-dir: /var/lib/rancher/rke2/server/db/etcd\nelection-timeout: 5000\n\
                initial-advertise-peer-urls: https://10.0.0.1:2380\ninitial-cluster: server-0-1a2b=https://10.0.0.1:2380\n\
                initial-cluster-state: new\nname: server-0-1a2b\npeer-transport-security:\n  cert-file: /tls/peer.crt\n  \
                client-cert-auth: true\nsnapshot-count: 10000\n";
    assert_eq!(config(yaml), Ok(is.clone()));
    let env = "# etcd\nETCD_DATA_DIR=/var/lib/rancher/rke2/server/db/etcd\nETCD_NAME=\"server-0-1a2b\"\n\
               ETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.0.0.1:2380\nexport ETCD_CERT_FILE='/tls/server.crt'\n\
               ETCD_INITIAL_CLUSTER=server-0-1a2b=https://10.0.0.1:2380\nETCD_CLIENT_CERT_AUTH=true\n\
               ETCD_PEER_CERT_FILE=/tls/peer.crt\nETCD_PEER_CLIENT_CERT_AUTH=true\nETCDCTL_API=3\n";
    assert_eq!(config(env), Ok(is));
    for (text, what) in [
        ("", "neither the YAML of etcd's --config-file nor"),
        ("just words", "neither the YAML of etcd's --config-file nor"),
        ("a: [b", "neither YAML nor JSON"),
        ("data-dir: /d", "etcd has no --name in it"),
        (KUBEADM, "a Kubernetes object"),
    ] {
        let said = config(text).unwrap_err().0;
        assert!(said.starts_with(what), "{text}: {said}");
    }
}

/// What is known only where the pod runs is given.
#[test]
fn a_cluster_that_is_given_is_not_looked_for() {
    let text =
        pod("command: [etcd, --name=m1, '--initial-cluster=$(CLUSTER)', '--initial-advertise-peer-urls=$(URL)']");
    assert!(refused(&text).starts_with("the value of --initial-cluster is $(CLUSTER)"));
    let read = Manifest::parse(text.as_bytes(), Form::Pod, true).unwrap();
    assert_eq!(read, Manifest { name: "m1".to_owned(), ..Manifest::default() });
}
