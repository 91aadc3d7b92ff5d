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
            let first = format!("restore the cluster from {file} with one of these:");
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
    let last = "then start etcd on each machine, with the --data-dir of that machine:".to_owned();
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
        format!("etcd answers when {} of {voters} are running", quorum.saturating_add(1)),
    ]
}

/// The steps for the manifest with which the kubelet starts etcd.
fn by_manifest(manifest: &Path, kubeadm: bool) -> [String; 5] {
    let name = manifest.file_name().unwrap_or_default().to_string_lossy();
    let watched = manifest.parent().filter(|parent| parent.ends_with("manifests"));
    let folder = watched.unwrap_or(Path::new("/etc/kubernetes/manifests"));
    let (name, folder) = (printable(name.into_owned()), printable(folder.display().to_string()));
    let others = "kube-apiserver.yaml, kube-controller-manager.yaml and kube-scheduler.yaml";
    let all = if kubeadm { format!("{name}, {others}") } else { name.clone() };
    let components = if kubeadm { "" } else { "kube-scheduler, kube-controller-manager and " };
    [
        format!("the kubelet starts etcd, with the flags of {name}, while this file is in {folder}:"),
        format!("  if not done before the restore: move {all} out of that folder on every control plane"),
        "  node, and wait until their containers have ended (the kubelet looks every 20 s)".to_owned(),
        format!("  when member/ is in place on the node of every member, move {all} back"),
        format!("  when the API server answers: restart {components}the kubelet on every node"),
    ]
}

fn of_installer(installer: Option<Installer>) -> &'static [&'static str] {
    match installer {
        Some(Installer::Kubeadm) => &[
            "kubeadm: on every control plane node, move the manifests of etcd, kube-apiserver, kube-controller-manager and",
            "         kube-scheduler out of /etc/kubernetes/manifests, and wait until their containers have ended; move them",
            "         back when member/ is in /var/lib/etcd on all of these nodes; then restart the kubelet on every node",
        ],
        Some(Installer::K3s) => &[
            "k3s, RKE2: stop the server; put member/ into the folder server/db/etcd of the data directory (the file `name`",
            "           there holds the name of the member); start the server with the token of the time of the backup",
        ],
        Some(Installer::OpenShift) => &[
            "OpenShift: stop the static pods, put member/ into /var/lib/etcd on the recovery host, and continue with the",
            "           documentation's steps after cluster-restore.sh has restored",
        ],
        None => &[],
    }
}
