//! Which member is restored: the flags, and the error when they do not name one.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::Args;
use etcdsnap::{
    Error, Result,
    error::{Advice, Call},
    etcd::State,
    restore::{Chosen, DEFAULT_TOKEN, Form, NewCluster, NotChosen, Whose, fresh_token},
};

use super::Where;
use crate::render::shell;

#[derive(Debug, Args)]
#[command(next_help_heading = "Which member")]
#[group(id = "whose", multiple = true, conflicts_with = "to_snapshot")]
pub(super) struct WhoseArgs {
    /// This member of the snapshot, with its URLs and its cluster
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from_manifest", "name", "initial_cluster", "all_members"])]
    member: Option<String>,
    /// The member that a static pod's manifest starts (kubeadm)
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
    from_manifest: Option<PathBuf>,
    /// The member of etcd's own configuration (RKE2, k3s, systemd)
    ///
    /// FILE is the YAML of etcd's --config-file, or a file of ETCD_... variables.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from_manifest", "member", "name"])]
    from_config: Option<PathBuf>,
    /// Restore every member, each in a folder of its name below --to
    #[arg(long, requires = "to", conflicts_with_all = ["name", "initial_advertise_peer_urls"])]
    pub(super) all_members: bool,
    /// The member's name
    #[arg(long)]
    name: Option<String>,
    /// The cluster's members: NAME=URL,...
    ///
    /// With a manifest or configuration, they are used instead of those in it.
    #[arg(long, value_name = "CLUSTER")]
    initial_cluster: Option<String>,
    /// A text that makes the ids of this cluster differ from those of another with the same URLs [default:
    /// etcd-cluster]
    #[arg(long, value_name = "TOKEN", hide_short_help = true)]
    initial_cluster_token: Option<String>,
    /// Make a new token, so that an old member that still runs cannot join the new cluster
    #[arg(long, conflicts_with = "initial_cluster_token", hide_short_help = true)]
    pub(super) fresh_token: bool,
    /// The member's peer URLs [default: those in --initial-cluster]
    #[arg(long, value_name = "URLS", hide_short_help = true)]
    initial_advertise_peer_urls: Option<String>,
    /// Make this member a learner
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    learner: Vec<String>,
}

impl WhoseArgs {
    /// The manifest that describes the member.
    pub(super) fn manifest(&self) -> Option<&Path> {
        self.from_manifest.as_deref()
    }

    /// The file that describes the member.
    pub(super) fn file(&self) -> Option<(&Path, Form)> {
        let config = || Some((self.from_config.as_deref()?, Form::Config));
        self.from_manifest.as_deref().map(|file| (file, Form::Pod)).or_else(config)
    }

    /// The cluster, and the members whose directories are wanted.
    pub(super) fn choose(&self, state: &State, snapshot: &Path, place: &Where) -> Result<Chosen> {
        let whose = Whose {
            member: self.member.clone(),
            manifest: self.file().map(|(file, form)| (file.to_owned(), form)),
            all: self.all_members,
            name: self.name.clone(),
            initial_cluster: self.initial_cluster.clone(),
            token: if self.fresh_token { Some(fresh_token()?) } else { self.initial_cluster_token.clone() },
            advertised: self.initial_advertise_peer_urls.clone(),
            learners: self.learner.clone(),
            log_apart: place.wal_dir.is_some(),
        };
        whose.choose(state).map_err(|why| self.unclear(why, state, snapshot, place))
    }

    /// The error that no member, or no cluster, is named, with a hint.
    fn unclear(&self, why: NotChosen, state: &State, snapshot: &Path, place: &Where) -> Error {
        let file = self.file().map_or(Path::new(""), |(file, _)| file).display();
        match why {
            NotChosen::Unsaid => self.fitting(state, snapshot, place),
            NotChosen::NameAlone(name) => self.without_cluster(&name, state, snapshot, place),
            NotChosen::LogApart(wal) => {
                Error::usage(format!("{file}: etcd looks for its log in {wal}")).hinted("--wal-dir DIR puts it there")
            }
            NotChosen::NoCluster => Error::usage(format!("{file}: it has neither --initial-cluster nor URLs"))
                .hinted("--initial-cluster gives the members"),
            NotChosen::Smaller { member, missing, cluster } => {
                let missing = missing.join(", ");
                let hint = format!(
                    "--member {} restores the cluster of the snapshot; --initial-cluster {} restores the smaller one",
                    shell(&member),
                    shell(cluster),
                );
                Error::usage(format!("{file}: its cluster lacks {missing}, which the snapshot has")).hinted(hint)
            }
            NotChosen::FolderName(name) => Error::usage(format!("--all-members: {name:?} cannot be a folder's name"))
                .hinted("restore the members one by one"),
            NotChosen::Error(error) => error,
        }
    }

    /// The error that no member was named, with the commands that fit.
    fn fitting(&self, state: &State, snapshot: &Path, place: &Where) -> Error {
        let restore = Self::call(snapshot, place);
        let calls: Vec<_> = match self.members(state) {
            Some(names) => names.iter().map(|name| restore.clone().arg("--member").arg(name)).collect(),
            None => vec![restore.args([
                "--name",
                "NAME",
                "--initial-cluster",
                "NAME=http://HOST:2380",
                "--initial-advertise-peer-urls",
                "http://HOST:2380",
            ])],
        };
        let what = "no member was named (--member, --from-manifest or --name); etcdutl's default would advertise \
                    http://localhost";
        Error::usage(what).hinted(Advice::from("these commands fit the snapshot:").lines(calls))
    }

    /// The error, in etcdutl's words, that `--name` came without the cluster.
    fn without_cluster(&self, name: &str, state: &State, snapshot: &Path, place: &Where) -> Error {
        let restore = Self::call(snapshot, place);
        let is_there = self.members(state).is_some_and(|names| names.iter().any(|known| known == name));
        let hint = if is_there {
            Advice::from("the snapshot has this member, with its URLs and its cluster:")
                .call(restore.arg("--member").arg(name))
        } else {
            let cluster = format!("{name}=http://HOST:2380");
            Advice::from("a new member needs the cluster, too:")
                .call(restore.arg("--name").arg(name).arg("--initial-cluster").arg(cluster))
        };
        Error::usage(format!("couldn't find local name {name:?} in the initial cluster configuration")).hinted(hint)
    }

    /// The call that the hints add to: as it was typed, but for `--name`, so that no flag is lost which changes what is
    /// restored. For etcdutl's `snapshot restore`, whose flags are others, it is the shortest.
    fn call(snapshot: &Path, place: &Where) -> Call {
        let typed: Vec<_> = std::env::args_os().skip(1).collect();
        let (before, _) = typed.split_at(typed.iter().position(|word| word == "restore").unwrap_or(0));
        if before.iter().any(|word| word == "snapshot") {
            let dir = place.data_dir.as_deref().unwrap_or(Path::new("DIR"));
            return Call::new("etcdsnap restore").arg(snapshot).arg("--data-dir").arg(dir);
        }
        let is_name = |word: &OsString| word == "--name" || word.as_encoded_bytes().starts_with(b"--name=");
        let is_value =
            |at: usize| at.checked_sub(1).is_some_and(|flag| typed.get(flag).is_some_and(|of| of == "--name"));
        let kept = typed.iter().enumerate().filter(|(at, word)| !is_name(word) && !is_value(*at));
        Call::new("etcdsnap").args(kept.map(|(_, word)| word))
    }

    /// The names of the members in the snapshot; `None` where it has no usable cluster.
    fn members(&self, state: &State) -> Option<Vec<String>> {
        let cluster = NewCluster::of_snapshot(state, DEFAULT_TOKEN, &self.learner).ok()?;
        let mut names: Vec<_> = cluster.members.into_iter().map(|member| member.name).collect();
        names.sort_unstable();
        Some(names)
    }
}
