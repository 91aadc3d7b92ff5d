//! The steps after a restore: etcd's flags for each member, and the steps of the cluster's installer.

use std::{
    io::{self, Write},
    path::Path,
};

use etcdsnap::{
    error::Call,
    k8s::Installer,
    restore::{Done, NewMember, Plan, Target},
};

use crate::render::{printable, shell};

/// How a manifest starts etcd.
pub(super) struct ByManifest<'a> {
    /// The manifest's path.
    pub(super) path: Option<&'a Path>,
    /// Whether the cluster's token is a new one.
    pub(super) fresh_token: bool,
    /// The flags about TLS in it.
    pub(super) tls: &'a [(&'static str, String)],
}

/// Prints the next steps.
pub(super) fn print(
    out: &mut impl Write,
    plan: &Plan<'_>,
    to: &Target,
    done: &Done,
    by: &ByManifest<'_>,
) -> io::Result<()> {
    writeln!(out, "next")?;
    if let Target::File(job) = to {
        let (file, path) = (shell(&job.to), job.to.display());
        writeln!(out, "  give {file} to what restores your cluster, such as one of:")?;
        let restores = [
            Call::new("etcdsnap restore").arg(&job.to).args(["--data-dir", "DIR", "--member", "NAME"]),
            Call::new("etcdutl snapshot restore").arg(&job.to).args(["--data-dir", "DIR"]),
            Call::new("talosctl bootstrap").arg(format!("--recover-from={path}")),
            Call::new("k3s server --cluster-reset").arg(format!("--cluster-reset-restore-path={path}")),
        ];
        return restores.iter().try_for_each(|call| writeln!(out, "    {call}"));
    }
    if by.path.is_none() {
        starts(out, plan, to, by)?;
    }
    let all = plan.cluster.as_ref().map_or(&[][..], |cluster| &cluster.members);
    if plan.members.len() < all.len() {
        let names = |members: &mut dyn Iterator<Item = &NewMember>| {
            printable(members.map(|member| member.name.as_str()).collect::<Vec<_>>().join(", "))
        };
        let missing = names(&mut all.iter().filter(|member| !plan.members.contains(&member.name)));
        let quorum = all.iter().filter(|member| !member.is_learner).count() / 2 + 1;
        let voters = names(&mut all.iter().filter(|member| !member.is_learner));
        let token = plan.cluster.as_ref().filter(|_| by.fresh_token).map(|cluster| &cluster.token);
        let token = token.map_or(String::new(), |token| {
            format!(", and instead of --fresh-token with --initial-cluster-token {}", shell(token))
        });
        writeln!(out, "  restore {missing} from this same backup with the same flags{token}")?;
        writeln!(out, "  {quorum} of {voters} have to be up")?;
    }
    if let Some(manifest) = by.path {
        by_manifest(out, manifest, done.report.portrait.installer == Some(Installer::Kubeadm))?;
        writeln!(out, "  by hand, without the kubelet:")?;
        return starts(out, plan, to, by);
    }
    for line in installer(done.report.portrait.installer) {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

/// Prints the command lines with which etcd starts on the result.
fn starts(out: &mut impl Write, plan: &Plan<'_>, to: &Target, by: &ByManifest<'_>) -> io::Result<()> {
    to.starts(plan, by.tls).0.iter().try_for_each(|call| writeln!(out, "  {call}"))
}

/// Prints the steps for the manifest with which the kubelet starts etcd.
fn by_manifest(out: &mut impl Write, manifest: &Path, kubeadm: bool) -> io::Result<()> {
    let name = manifest.file_name().unwrap_or_default().to_string_lossy();
    let watched = manifest.parent().filter(|parent| parent.ends_with("manifests"));
    let folder = watched.unwrap_or(Path::new("/etc/kubernetes/manifests"));
    let (name, folder) = (printable(name.into_owned()), printable(folder.display().to_string()));
    let apiserver = if kubeadm { " and kube-apiserver.yaml" } else { "" };
    writeln!(out, "  the kubelet starts etcd, with the flags of {name}, while that is in {folder}:")?;
    writeln!(
        out,
        "    if not done before the restore: move {name}{apiserver} out of it, and wait until their containers have ended"
    )?;
    writeln!(out, "    when member/ is in place on every member's node, move {name}{apiserver} back")?;
    writeln!(out, "    when etcd answers: systemctl restart kubelet")
}

fn installer(installer: Option<Installer>) -> &'static [&'static str] {
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
