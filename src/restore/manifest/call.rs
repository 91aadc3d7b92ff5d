//! The call of etcd: its flags and its environment, from a container or a configuration.

use serde_json::Value;

use super::{
    documents::{BY_FLAGS, Refusal, list, text},
    shell::{base, script, without_wrappers},
    variables::{Env, Syntax},
};
use crate::bytes::excerpt;

/// The member in the manifest of an etcd pod, as kubeadm writes it.
///
/// Each is as etcd gets it, from its flags or, where a flag is not given, from `ETCD_...` variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
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
    /// The flags about TLS, such as `--cert-file`, in a fixed order.
    pub tls: Vec<(&'static str, String)>,
    /// etcd's version, such as `3.6.8`, when the image's tag has it.
    pub etcd_version: Option<String>,
}

/// The flags about TLS that an etcd is started with.
const TLS: [&str; 19] = [
    "cert-file",
    "key-file",
    "trusted-ca-file",
    "client-cert-auth",
    "client-crl-file",
    "client-cert-allowed-hostname",
    "auto-tls",
    "peer-cert-file",
    "peer-key-file",
    "peer-trusted-ca-file",
    "peer-client-cert-auth",
    "peer-crl-file",
    "peer-cert-allowed-cn",
    "peer-cert-allowed-hostname",
    "peer-auto-tls",
    "self-signed-cert-validity",
    "cipher-suites",
    "tls-min-version",
    "tls-max-version",
];

/// The flags that may be given without a value.
const SWITCHES: [&str; 4] = ["client-cert-auth", "auto-tls", "peer-client-cert-auth", "peer-auto-tls"];

/// How etcd is started.
pub(super) struct Call {
    pub(super) flags: Vec<String>,
    pub(super) env: Env,
    pub(super) etcd_version: Option<String>,
}

impl Call {
    /// Of a container; `None` when it does not run etcd.
    pub(super) fn of(container: &Value) -> Option<Self> {
        let mut env = Env::of(container);
        let words: Vec<String> = ["/command", "/args"]
            .into_iter()
            .flat_map(|pointer| list(container, pointer))
            .filter_map(|word| Some(env.expand(word.as_str()?, Syntax::Kubernetes)))
            .collect();
        let (name, tag) = image(container);
        let flags = match without_wrappers(&words) {
            _ if name == "etcd" && words.first().is_none_or(|word| word.starts_with('-')) => words,
            [program, flags @ ..] if base(program) == "etcd" => flags.to_vec(),
            [shell, rest @ ..] if ["sh", "ash", "bash", "dash"].contains(&base(shell)) => env.run(script(rest)?)?,
            _ => return None,
        };
        let version: String =
            tag.trim_start_matches('v').chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        Some(Self { flags, env, etcd_version: version.contains('.').then_some(version) })
    }

    pub(super) fn manifest(&self, given: bool) -> Result<Manifest, Refusal> {
        let name = self.value("name")?.ok_or_else(|| match self.value("config-file") {
            Ok(Some(file)) => (format!("etcd reads its flags from a file, {}", excerpt(file.as_bytes())), BY_FLAGS),
            _ => ("etcd has no --name in it".to_owned(), BY_FLAGS),
        })?;
        Ok(Manifest {
            name,
            // Where another cluster is given, that has the URLs too.
            initial_cluster: if given { None } else { self.value("initial-cluster")? },
            initial_advertise_peer_urls: if given { None } else { self.value("initial-advertise-peer-urls")? },
            initial_cluster_token: self.value("initial-cluster-token")?,
            data_dir: self.value("data-dir")?,
            wal_dir: self.value("wal-dir")?,
            tls: TLS.iter().filter_map(|name| Some((*name, self.value(name).ok()??))).collect(),
            etcd_version: self.etcd_version.clone(),
        })
    }

    /// The value that etcd takes for the flag: the last one given, or else the variable.
    fn value(&self, name: &str) -> Result<Option<String>, Refusal> {
        let following = self.flags.iter().skip(1).map(Some).chain([None]);
        let given = self.flags.iter().zip(following).filter_map(|(word, next)| {
            let flag = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
            match flag.split_once('=') {
                Some((flag, value)) => (flag == name).then_some(value),
                None if flag == name => Some(match next {
                    Some(value) if !value.starts_with('-') => value.as_str(),
                    // Of a flag that may be given without a value.
                    _ if SWITCHES.contains(&name) => "true",
                    Some(value) => value.as_str(),
                    None => return None,
                }),
                None => None,
            }
        });
        let variable = format!("ETCD_{}", name.to_uppercase().replace('-', "_"));
        let value = given.last().or_else(|| self.env.known.get(&variable).map(String::as_str));
        match value.filter(|value| !value.is_empty()) {
            Some(value) if value.contains(['$', '`']) => {
                let value = excerpt(value.as_bytes());
                Err((
                    format!("the value of --{name} is {value}, which is known only where the pod runs"),
                    match name {
                        "initial-cluster" | "initial-advertise-peer-urls" => {
                            "add --initial-cluster NAME=URL,... to give them"
                        }
                        _ => BY_FLAGS,
                    },
                ))
            }
            value => Ok(value.map(str::to_owned)),
        }
    }
}

/// The last name and the tag of a container's image: `etcd` and `3.6.8-0` of `registry.k8s.io/etcd:3.6.8-0@sha256:...`.
pub(super) fn image(container: &Value) -> (&str, &str) {
    let image = text(container, "image").unwrap_or_default();
    let image = image.split_once('@').map_or(image, |(image, _)| image);
    base(image).split_once(':').unwrap_or((base(image), ""))
}
