//! The manifest of a static pod, from which a restore takes who the member is.
//!
//! ```text
//! text ─> documents ─> pods ─> containers ─> the call of etcd: its flags, its environment ─> Manifest
//! ```

mod call;
mod config;
mod documents;
mod shell;
mod variables;

use std::{
    fs::{File, metadata},
    io::{self, Read as _},
    path::Path,
};

use serde_json::Value;

pub(crate) use self::call::Manifest;
use self::{
    call::{Call, image},
    documents::{BY_FLAGS, Refusal, documents, list, objects, text},
    variables::Env,
};
use crate::{Error, Result, bytes::excerpt};

/// A larger file is no manifest.
const MAX_LEN: u64 = 1 << 20;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The manifest of an etcd pod, YAML or JSON.
    Pod,
    /// etcd's own configuration: the YAML of `--config-file`, or `ETCD_...` variables.
    Config,
}

impl Manifest {
    /// Reads the file at `path`. Its `--initial-cluster` is left out when another one is `given`.
    ///
    /// # Errors
    /// When it cannot be read, or does not hold the flags with which one etcd is started.
    pub(crate) fn read(path: &Path, form: Form, given: bool) -> Result<Self> {
        let file = path.display().to_string();
        let fault = |doing| {
            let file = file.clone();
            move |source: io::Error| Error::io(file, doing, source)
        };
        let refused = |(what, hint): Refusal| Error::usage(format!("{file}: {what}")).hinted(hint);
        let (what, hint) = match form {
            Form::Pod => ("a manifest", "name the manifest of the etcd pod"),
            Form::Config => ("a configuration", "name the configuration of etcd"),
        };
        // before it is opened, because to open a pipe is to wait for its writer
        if !metadata(path).map_err(fault("open"))?.is_file() {
            return Err(refused(("not a file".to_owned(), hint)));
        }
        let mut bytes = Vec::new();
        let opened = File::open(path).map_err(fault("open"))?;
        opened.take(MAX_LEN.saturating_add(1)).read_to_end(&mut bytes).map_err(fault("read"))?;
        if bytes.len() as u64 > MAX_LEN {
            return Err(refused((format!("more than 1 MiB, so not {what}"), hint)));
        }
        Self::parse(&bytes, form, given).map_err(refused)
    }

    fn parse(bytes: &[u8], form: Form, given: bool) -> Result<Self, Refusal> {
        if form == Form::Config {
            let variables = config::variables(bytes);
            let flags = match &variables {
                Some(_) => Vec::new(),
                None => config::flags(&documents(bytes).map_err(|(what, _)| (what, config::HINT))?)?,
            };
            let env = Env { known: variables.unwrap_or_default(), left: 0 };
            return Call { flags, env, etcd_version: None }.manifest(given);
        }
        let documents = documents(bytes)?;
        let pods: Vec<&Value> = objects(&documents).filter(|object| text(object, "kind") == Some("Pod")).collect();
        let containers: Vec<&Value> = pods.iter().flat_map(|pod| list(pod, "/spec/containers")).collect();
        let calls: Vec<Call> = containers.iter().filter_map(|container| Call::of(container)).collect();
        match calls.as_slice() {
            [call] => call.manifest(given),
            [] => Err(without_etcd(&documents, &containers)),
            _ => Err((format!("it holds {} containers that run etcd", calls.len()), "one manifest for each member")),
        }
    }
}

/// What it is instead.
fn without_etcd(documents: &[Value], containers: &[&Value]) -> Refusal {
    if containers.iter().any(|container| image(container).0.starts_with("etcd-manager")) {
        let what = "the pod of kOps' etcd-manager, which chooses the name and the URLs only when it starts etcd";
        return (what.to_owned(), BY_FLAGS);
    }
    if documents.iter().any(|document| document.get("machine").is_some() && document.get("cluster").is_some()) {
        let hint = "Talos restores by itself: talosctl bootstrap --recover-from=SNAPSHOT";
        return ("a machine configuration of Talos, which does not run etcd as a pod".to_owned(), hint);
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

#[cfg(test)]
mod tests;
