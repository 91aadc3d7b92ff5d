//! Which member is restored: by the snapshot, a manifest or flags.

use std::path::PathBuf;

use super::{
    cluster::{NewCluster, check_advertised},
    manifest::{Form, Manifest},
};
use crate::{
    Error, Result,
    bytes::is_hostile,
    etcd::{State, boot::Minor},
    hash::{hex, random},
    publish::now,
};

/// etcd's default for `--name`.
const DEFAULT_NAME: &str = "default";

/// etcd's default for `--initial-cluster-token`.
pub const DEFAULT_TOKEN: &str = "etcd-cluster";

/// A token that no other cluster has: the time, and 8 random bytes.
///
/// # Errors
/// When the system gives no random bytes.
pub fn fresh_token() -> Result<String> {
    Ok(format!("etcdsnap-{}-{}", now(), hex(&random::<8>()?)))
}

/// The source of the member's identity.
#[derive(Debug, Clone, Default)]
pub struct Whose {
    /// The name of one of the snapshot's own members.
    pub member: Option<String>,
    /// The manifest of a static pod, or etcd's own configuration.
    pub manifest: Option<(PathBuf, Form)>,
    /// Whether every member of the cluster is restored.
    pub all: bool,
    /// The member's name (`--name`).
    pub name: Option<String>,
    /// The cluster's members (`--initial-cluster`).
    pub initial_cluster: Option<String>,
    /// The token (`--initial-cluster-token`).
    pub token: Option<String>,
    /// The member's peer URLs (`--initial-advertise-peer-urls`).
    pub advertised: Option<String>,
    /// The names of the members that do not vote.
    pub learners: Vec<String>,
    /// Whether the log goes to a folder of its own.
    pub log_apart: bool,
}

/// The members that are restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The cluster.
    pub cluster: NewCluster,
    /// The members whose directories are made, by name.
    pub members: Vec<String>,
    /// The etcd that is started there, where a manifest has its version.
    pub runs: Option<Minor>,
    /// The flags about TLS that it is started with, where a manifest has them: name and value.
    pub tls: Vec<(&'static str, String)>,
}

/// Why nobody was chosen.
#[derive(Debug)]
pub enum NotChosen {
    /// No member is named.
    Unsaid,
    /// The member is named, and neither its cluster nor its URLs.
    NameAlone(String),
    /// The manifest has the log in a folder of its own, and the restore does not.
    LogApart(String),
    /// The manifest has neither its cluster nor its URLs.
    NoCluster,
    /// The manifest's cluster lacks members that the snapshot has.
    Smaller {
        /// The manifest's own member.
        member: String,
        /// The members it lacks, sorted.
        missing: Vec<String>,
        /// The cluster of the manifest, as `--initial-cluster` takes it.
        cluster: String,
    },
    /// A member's name that cannot be a folder's.
    FolderName(String),
    /// Another error.
    Error(Error),
}

impl From<Error> for NotChosen {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Whose {
    /// The cluster, and the members whose directories are made. `state` is the snapshot's.
    ///
    /// # Errors
    /// Why that is not clear.
    pub fn choose(&self, state: &State) -> Result<Chosen, NotChosen> {
        if let Some((file, form)) = &self.manifest {
            let manifest = Manifest::read(file, *form, self.initial_cluster.is_some())?;
            return self.by_manifest(&manifest, state);
        }
        let token = self.token.as_deref().unwrap_or(DEFAULT_TOKEN);
        let of_snapshot = || NewCluster::of_snapshot(state, token, &self.learners);
        match (&self.member, &self.name, &self.initial_cluster) {
            (Some(member), ..) => self.chosen(of_snapshot()?, member, None),
            (None, None, None) if self.all => self.chosen(of_snapshot()?, "", None),
            (None, None, None) => Err(NotChosen::Unsaid),
            // the name that is etcdutl's default for the cluster, too
            (None, Some(name), None) if name != DEFAULT_NAME => Err(NotChosen::NameAlone(name.clone())),
            (None, name, cluster) => {
                let name = name.as_deref().unwrap_or(DEFAULT_NAME);
                let cluster = cluster.as_deref().unwrap_or("default=http://localhost:2380");
                self.chosen(NewCluster::parse(cluster, token, &self.learners)?, name, None)
            }
        }
    }

    fn by_manifest(&self, manifest: &Manifest, state: &State) -> Result<Chosen, NotChosen> {
        if let Some(wal) = manifest.wal_dir.as_ref().filter(|_| !self.log_apart && !self.all) {
            return Err(NotChosen::LogApart(wal.clone()));
        }
        let token = self.token.as_deref().or(manifest.initial_cluster_token.as_deref()).unwrap_or(DEFAULT_TOKEN);
        let advertised = manifest.initial_advertise_peer_urls.as_deref();
        let cluster = self.initial_cluster.clone().or_else(|| manifest.initial_cluster.clone()).or_else(|| {
            let urls = advertised?.split(',').map(|url| format!("{}={}", manifest.name, url.trim()));
            Some(urls.collect::<Vec<_>>().join(","))
        });
        let parsed = NewCluster::parse(&cluster.ok_or(NotChosen::NoCluster)?, token, &self.learners)?;
        // kubeadm writes down the members that were there when this one came, and never again.
        let known = state.members.iter().filter(|member| member.started()).map(|member| member.name.clone());
        let mut missing: Vec<_> = known.filter(|name| parsed.member(name).is_err()).collect();
        missing.sort_unstable();
        let its_own = state.members.iter().any(|member| member.name == manifest.name);
        if self.initial_cluster.is_none() && its_own && !missing.is_empty() {
            let (member, cluster) = (manifest.name.clone(), parsed.initial_cluster());
            return Err(NotChosen::Smaller { member, missing, cluster });
        }
        let runs = manifest.etcd_version.as_deref().and_then(Minor::parse);
        let advertised = advertised.filter(|_| self.initial_cluster.is_none());
        Ok(Chosen { runs, tls: manifest.tls.clone(), ..self.chosen(parsed, &manifest.name, advertised)? })
    }

    fn chosen(&self, cluster: NewCluster, name: &str, advertised: Option<&str>) -> Result<Chosen, NotChosen> {
        if self.all {
            let mut members: Vec<_> = cluster.members.iter().map(|member| member.name.clone()).collect();
            members.sort();
            if let Some(name) = members.iter().find(|name| !is_file_name(name)) {
                return Err(NotChosen::FolderName(name.clone()));
            }
            return Ok(Chosen { cluster, members, runs: None, tls: Vec::new() });
        }
        let member = cluster.member(name)?;
        if let Some(advertised) = self.advertised.as_deref().or(advertised) {
            check_advertised(member, advertised)?;
        }
        Ok(Chosen { members: vec![name.to_owned()], cluster, runs: None, tls: Vec::new() })
    }
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && !name.contains('/')
        && !name.contains(is_hostile)
        && !name.starts_with('.')
        && name != "lost+found"
}
