//! Whose member is restored, in one of three ways; with none, the line that would fit.

use std::path::PathBuf;

use clap::Args;
use etcdsnap::{
    Error, Result,
    etcd::State,
    restore::{Manifest, NewCluster, check_advertised},
};

use super::Where;
use crate::render::shell;

/// etcd's own default.
pub(super) const TOKEN: &str = "etcd-cluster";

#[derive(Debug, Args)]
#[command(next_help_heading = "Whose member")]
pub(super) struct Whose {
    /// As the snapshot knows it: name, URLs and cluster from its own members
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from_manifest", "name", "initial_cluster", "all_members"])]
    member: Option<String>,
    /// As a static pod's manifest has it, such as kubeadm's etcd.yaml
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "initial_cluster"])]
    from_manifest: Option<PathBuf>,
    /// Every member of the cluster, each into a folder of its name below --to
    #[arg(long, requires = "to", conflicts_with_all = ["name", "initial_advertise_peer_urls"])]
    all_members: bool,
    /// The member's name
    #[arg(long)]
    name: Option<String>,
    /// The cluster's members: NAME=URL,...
    #[arg(long, value_name = "CLUSTER")]
    initial_cluster: Option<String>,
    /// What keeps clusters with the same URLs apart [default: etcd-cluster]
    #[arg(long, value_name = "TOKEN")]
    initial_cluster_token: Option<String>,
    /// The member's peer URLs [default: those in --initial-cluster]
    #[arg(long, value_name = "URLS")]
    initial_advertise_peer_urls: Option<String>,
    /// This member is to be a learner
    #[arg(long, value_name = "NAME")]
    learner: Vec<String>,
}

impl Whose {
    /// The cluster, and the members whose directories are wanted.
    pub(super) fn cluster(&self, state: &State, snapshot: &str, place: &Where) -> Result<(NewCluster, Vec<String>)> {
        let token = self.initial_cluster_token.as_deref();
        if let Some(file) = &self.from_manifest {
            let manifest = Manifest::read(file)?;
            let token = token.or(manifest.initial_cluster_token.as_deref()).unwrap_or(TOKEN);
            let advertised =
                self.initial_advertise_peer_urls.as_ref().or(manifest.initial_advertise_peer_urls.as_ref());
            let cluster = manifest.initial_cluster.clone().or_else(|| {
                let urls = advertised?.split(',').map(|url| format!("{}={}", manifest.name, url.trim()));
                Some(urls.collect::<Vec<_>>().join(","))
            });
            let cluster = cluster.ok_or_else(|| Error::Usage {
                what: format!("{}: it says neither --initial-cluster nor URLs", file.display()),
                hint: Some("--member, or --name with --initial-cluster, say it".to_owned()),
            })?;
            let cluster = NewCluster::parse(&cluster, token, &self.learner)?;
            return Self::one(cluster, &manifest.name, advertised.map(String::as_str), self.all_members);
        }
        let token = token.unwrap_or(TOKEN);
        match (&self.member, &self.name, &self.initial_cluster) {
            (Some(member), ..) => {
                let cluster = NewCluster::of_snapshot(state, token, &self.learner)?;
                Self::one(cluster, member, self.initial_advertise_peer_urls.as_deref(), false)
            }
            (None, None, None) if self.all_members => {
                let cluster = NewCluster::of_snapshot(state, token, &self.learner)?;
                Self::one(cluster, "", None, true)
            }
            (None, None, None) => Err(self.fitting(state, snapshot, place)),
            (None, name, cluster) => {
                let name = name.as_deref().unwrap_or("default");
                let cluster = cluster.as_deref().unwrap_or("default=http://localhost:2380");
                let cluster = NewCluster::parse(cluster, token, &self.learner)?;
                Self::one(cluster, name, self.initial_advertise_peer_urls.as_deref(), self.all_members)
            }
        }
    }

    fn one(cluster: NewCluster, name: &str, advertised: Option<&str>, all: bool) -> Result<(NewCluster, Vec<String>)> {
        if all {
            let names: Vec<_> = cluster.members.iter().map(|member| member.name.clone()).collect();
            if let Some(name) = names.iter().find(|name| !is_file_name(name)) {
                let what = format!("--all-members: {name:?} cannot be a folder's name");
                return Err(Error::Usage { what, hint: Some("restore the members one by one".to_owned()) });
            }
            return Ok((cluster, names));
        }
        let member = cluster.member(name)?;
        if let Some(advertised) = advertised {
            check_advertised(member, advertised)?;
        }
        Ok((cluster, vec![name.to_owned()]))
    }

    /// The refusal to guess, with the lines that would fit.
    fn fitting(&self, state: &State, snapshot: &str, place: &Where) -> Error {
        let dir = place.data_dir.as_ref().map_or_else(|| "DIR".to_owned(), |dir| dir.display().to_string());
        let line = format!("etcdsnap restore {} --data-dir {}", shell(snapshot), shell(&dir));
        let lines: Vec<_> = match NewCluster::of_snapshot(state, TOKEN, &self.learner) {
            Ok(cluster) => {
                let mut names: Vec<_> = cluster.members.iter().map(|member| member.name.as_str()).collect();
                names.sort_unstable();
                names.iter().map(|name| format!("{line} --member {}", shell(name))).collect()
            }
            Err(_) => vec![format!(
                "{line} --name NAME --initial-cluster NAME=http://HOST:2380 --initial-advertise-peer-urls http://HOST:2380"
            )],
        };
        let what = "whose member it is was not said, and a guess would advertise localhost for ever";
        Error::Usage { what: what.to_owned(), hint: Some(format!("this fits the snapshot:\n  {}", lines.join("\n  "))) }
    }
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\0']) && !name.starts_with('.') && name != "lost+found"
}
