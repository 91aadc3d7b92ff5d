//! Whose member is restored, in one of three ways; with none, the line that would fit.

use std::path::{Path, PathBuf};

use clap::Args;
use etcdsnap::{
    Error, Result,
    etcd::{State, boot::Minor},
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
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
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

/// What was chosen.
pub(super) struct Chosen {
    pub(super) cluster: NewCluster,
    /// The members whose directories are wanted.
    pub(super) members: Vec<String>,
    /// The etcd that is going to be started there.
    pub(super) runs: Option<Minor>,
}

impl Whose {
    /// The cluster, and the members whose directories are wanted.
    pub(super) fn choose(&self, state: &State, snapshot: &Path, place: &Where) -> Result<Chosen> {
        if let Some(file) = &self.from_manifest {
            return self.by_manifest(file, state, place);
        }
        let token = self.initial_cluster_token.as_deref().unwrap_or(TOKEN);
        let of_snapshot = || NewCluster::of_snapshot(state, token, &self.learner);
        match (&self.member, &self.name, &self.initial_cluster) {
            (Some(member), ..) => self.chosen(of_snapshot()?, member, None),
            (None, None, None) if self.all_members => self.chosen(of_snapshot()?, "", None),
            (None, None, None) => Err(self.fitting(state, snapshot, place)),
            (None, name, cluster) => {
                let name = name.as_deref().unwrap_or("default");
                let cluster = cluster.as_deref().unwrap_or("default=http://localhost:2380");
                self.chosen(NewCluster::parse(cluster, token, &self.learner)?, name, None)
            }
        }
    }

    fn by_manifest(&self, file: &Path, state: &State, place: &Where) -> Result<Chosen> {
        let manifest = Manifest::read(file)?;
        let refused =
            |what: String, hint: String| Err(Error::usage(format!("{}: {what}", file.display())).hinted(hint));
        if let Some(wal) = manifest.wal_dir.as_ref().filter(|_| place.wal_dir.is_none() && !self.all_members) {
            return refused(format!("etcd looks for its log in {wal}"), "--wal-dir DIR puts it there".to_owned());
        }
        let token =
            self.initial_cluster_token.as_deref().or(manifest.initial_cluster_token.as_deref()).unwrap_or(TOKEN);
        let advertised = manifest.initial_advertise_peer_urls.as_deref();
        let cluster = self.initial_cluster.clone().or_else(|| manifest.initial_cluster.clone()).or_else(|| {
            let urls = advertised?.split(',').map(|url| format!("{}={}", manifest.name, url.trim()));
            Some(urls.collect::<Vec<_>>().join(","))
        });
        let Some(cluster) = cluster else {
            let what = "it says neither --initial-cluster nor URLs".to_owned();
            return refused(what, "--initial-cluster says it".to_owned());
        };
        let parsed = NewCluster::parse(&cluster, token, &self.learner)?;
        // kubeadm writes down the members that were there when this one came, and never again.
        let known = state.members.iter().filter(|member| member.started()).map(|member| member.name.as_str());
        let mut missing: Vec<_> = known.filter(|name| parsed.member(name).is_err()).collect();
        missing.sort_unstable();
        let its_own = state.members.iter().any(|member| member.name == manifest.name);
        if self.initial_cluster.is_none() && its_own && !missing.is_empty() {
            let what = format!("its cluster is without {}, which the snapshot has", missing.join(", "));
            let hint = format!(
                "--member {} instead of it restores the snapshot's cluster; --initial-cluster {} beside it makes the smaller one",
                shell(&manifest.name),
                shell(parsed.initial_cluster()),
            );
            return refused(what, hint);
        }
        let runs = manifest.etcd_version.as_deref().and_then(Minor::parse);
        let advertised = advertised.filter(|_| self.initial_cluster.is_none());
        Ok(Chosen { runs, ..self.chosen(parsed, &manifest.name, advertised)? })
    }

    fn chosen(&self, cluster: NewCluster, name: &str, advertised: Option<&str>) -> Result<Chosen> {
        if self.all_members {
            let mut members: Vec<_> = cluster.members.iter().map(|member| member.name.clone()).collect();
            members.sort();
            if let Some(name) = members.iter().find(|name| !is_file_name(name)) {
                let what = format!("--all-members: {name:?} cannot be a folder's name");
                return Err(Error::usage(what).hinted("restore the members one by one"));
            }
            return Ok(Chosen { cluster, members, runs: None });
        }
        let member = cluster.member(name)?;
        if let Some(advertised) = self.initial_advertise_peer_urls.as_deref().or(advertised) {
            check_advertised(member, advertised)?;
        }
        Ok(Chosen { members: vec![name.to_owned()], cluster, runs: None })
    }

    /// The refusal to guess, with the lines that would fit.
    fn fitting(&self, state: &State, snapshot: &Path, place: &Where) -> Error {
        let dir = place.data_dir.as_deref().unwrap_or(Path::new("DIR"));
        let line = format!("etcdsnap restore {} --data-dir {}", shell(snapshot), shell(dir));
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
        Error::usage(what).hinted(format!("this fits the snapshot:\n  {}", lines.join("\n  ")))
    }
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\0']) && !name.starts_with('.') && name != "lost+found"
}
