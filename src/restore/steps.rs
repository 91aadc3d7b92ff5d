//! The steps after a restore: the machine of each folder, etcd's command line for each member, the other members, and
//! the steps of the cluster's installer.

use std::path::Path;

use super::{Done, NewMember, Plan, Target};
use crate::{
    bytes::{printable, shell},
    error::Call,
    k8s::Installer,
    publish::Place,
};

/// How etcd is started on the result.
#[derive(Debug, Clone, Copy)]
pub struct StartedBy<'a> {
    /// The path of the manifest that starts it.
    pub manifest: Option<&'a Path>,
    /// Whether the cluster's token is a new one.
    pub fresh_token: bool,
    /// The flags about TLS in the manifest.
    pub tls: &'a [(&'static str, String)],
}

impl Target {
    /// The steps after the restore of `plan`, in lines.
    #[must_use]
    pub fn steps(&self, plan: &Plan<'_>, done: &Done, by: &StartedBy<'_>) -> Vec<String> {
        let installer = done.report.portrait.installer;
        if let Self::File(job) = self {
            let (file, path) = (shell(&job.to), job.to.display());
            let restores = [
                Call::new("etcdsnap restore").arg(&job.to).args(["--data-dir", "DIR", "--member", "NAME"]),
                Call::new("etcdutl snapshot restore").arg(&job.to).args(["--data-dir", "DIR"]),
                Call::new("talosctl bootstrap").arg(format!("--recover-from={path}")),
                Call::new("k3s server --cluster-reset").arg(format!("--cluster-reset-restore-path={path}")),
            ];
            let first = format!("give {file} to what restores your cluster, such as one of:");
            return [first].into_iter().chain(restores.iter().map(|call| format!("  {call}"))).collect();
        }
        let mut steps = copies(self, plan);
        let starts = || self.starts(plan, by.tls).0.into_iter().map(|call| call.to_string());
        if by.manifest.is_none() {
            steps.extend(starts());
        }
        steps.extend(others(plan, by.fresh_token));
        match by.manifest {
            Some(manifest) => {
                steps.extend(by_manifest(manifest, installer == Some(Installer::Kubeadm)));
                steps.push("by hand, without the kubelet:".to_owned());
                steps.extend(starts());
            }
            None => steps.extend(of_installer(installer).iter().map(ToString::to_string)),
        }
        steps
    }
}

/// To which machine each of several folders belongs.
fn copies(to: &Target, plan: &Plan<'_>) -> Vec<String> {
    let Target::Members(job) = to else { return Vec::new() };
    let places @ [_, _, ..] = job.to.places.as_slice() else { return Vec::new() };
    let copy = |place: &Place| {
        let member = plan.cluster.as_ref().and_then(|cluster| cluster.member(&place.member).ok());
        let urls = member.map_or(String::new(), |member| format!(" ({})", member.peer_urls.join(",")));
        let (folder, machine) = (place.member_dir().display().to_string(), format!("{}{urls}", place.member));
        format!("  {} to the machine of {}", printable(folder), printable(machine))
    };
    let first = "copy each folder to its machine, as member/ of the data directory there:".to_owned();
    let last = "then start each, with its own --data-dir:".to_owned();
    [first].into_iter().chain(places.iter().map(copy)).chain([last]).collect()
}

/// What the other members of the cluster need.
fn others(plan: &Plan<'_>, fresh_token: bool) -> Vec<String> {
    let all = plan.cluster.as_ref().map_or(&[][..], |cluster| &cluster.members);
    if plan.members.len() >= all.len() {
        return Vec::new();
    }
    let names = |members: &mut dyn Iterator<Item = &NewMember>| {
        printable(members.map(|member| member.name.as_str()).collect::<Vec<_>>().join(", "))
    };
    let missing = names(&mut all.iter().filter(|member| !plan.members.contains(&member.name)));
    let quorum = all.iter().filter(|member| !member.is_learner).count() / 2;
    let voters = names(&mut all.iter().filter(|member| !member.is_learner));
    let token = plan.cluster.as_ref().filter(|_| fresh_token).map(|cluster| &cluster.token);
    let token = token.map_or(String::new(), |token| {
        format!(", and instead of --fresh-token with --initial-cluster-token {}", shell(token))
    });
    vec![
        format!("restore {missing} from this same backup with the same flags{token}"),
        format!("{} of {voters} have to be up", quorum.saturating_add(1)),
    ]
}

/// The steps for the manifest with which the kubelet starts etcd.
fn by_manifest(manifest: &Path, kubeadm: bool) -> [String; 4] {
    let name = manifest.file_name().unwrap_or_default().to_string_lossy();
    let watched = manifest.parent().filter(|parent| parent.ends_with("manifests"));
    let folder = watched.unwrap_or(Path::new("/etc/kubernetes/manifests"));
    let (name, folder) = (printable(name.into_owned()), printable(folder.display().to_string()));
    let apiserver = if kubeadm { " and kube-apiserver.yaml" } else { "" };
    [
        format!("the kubelet starts etcd, with the flags of {name}, while that is in {folder}:"),
        format!(
            "  if not done before the restore: move {name}{apiserver} out of it, and wait until their containers have ended"
        ),
        format!("  when member/ is in place on every member's node, move {name}{apiserver} back"),
        "  when etcd answers: systemctl restart kubelet".to_owned(),
    ]
}

fn of_installer(installer: Option<Installer>) -> &'static [&'static str] {
    match installer {
        Some(Installer::Kubeadm) => &[
            "kubeadm: move etcd.yaml and kube-apiserver.yaml out of /etc/kubernetes/manifests before, and back when",
            "         member/ is in /var/lib/etcd on every control plane node; then restart the kubelets",
        ],
        Some(Installer::K3s) => &[
            "k3s, RKE2: stop the server, put member/ into server/db/etcd below its data directory (the folder's file",
            "           `name` is the member's name), start it with the token of the backup's time",
        ],
        Some(Installer::OpenShift) => &[
            "OpenShift: stop the static pods, put member/ into /var/lib/etcd on the recovery host, and continue with the",
            "           documentation's steps after cluster-restore.sh has restored",
        ],
        None => &[],
    }
}
