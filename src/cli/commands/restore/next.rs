//! What comes after a restore: etcd's flags for each member, and what the cluster's installer asks for.

use std::io::{self, Write};

use etcdsnap::{
    k8s::Installer,
    publish::Place,
    restore::{Done, Job, NewMember, Plan},
};

use crate::render::{printable, shell};

/// How each member is started.
pub(super) fn flags(plan: &Plan<'_>, job: &Job) -> Vec<String> {
    let start = |place: &Place| {
        let member = plan.cluster.member(&place.member).ok()?;
        let urls = member.peer_urls.join(",");
        let wal = place.wal_dir.as_ref().map_or(String::new(), |wal| format!(" --wal-dir {}", shell(wal)));
        Some(format!(
            "etcd --name {} --data-dir {}{wal} --listen-peer-urls {} --listen-client-urls URLS --advertise-client-urls URLS",
            shell(&place.member),
            shell(&place.data_dir),
            shell(&urls),
        ))
    };
    job.to.places.iter().filter_map(start).collect()
}

/// What to do next.
pub(super) fn tell(out: &mut impl Write, plan: &Plan<'_>, job: &Job, done: &Done) -> io::Result<()> {
    writeln!(out, "next")?;
    for flags in flags(plan, job) {
        writeln!(out, "  {}", printable(flags))?;
    }
    if plan.members.len() < plan.cluster.members.len() {
        let names = |members: &mut dyn Iterator<Item = &NewMember>| {
            printable(members.map(|member| member.name.as_str()).collect::<Vec<_>>().join(", "))
        };
        let all = &plan.cluster.members;
        let missing = names(&mut all.iter().filter(|member| !plan.members.contains(&member.name)));
        let quorum = all.iter().filter(|member| !member.is_learner).count() / 2 + 1;
        let voters = names(&mut all.iter().filter(|member| !member.is_learner));
        writeln!(out, "  restore {missing} from this same backup with the same flags")?;
        writeln!(out, "  {quorum} of {voters} have to be up")?;
    }
    for line in installer(done.report.portrait.installer) {
        writeln!(out, "  {line}")?;
    }
    Ok(())
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
            "OpenShift: stop the static pods, put member/ into /var/lib/etcd on the recovery host, and go on with the",
            "           documentation's steps after cluster-restore.sh has restored",
        ],
        None => &[],
    }
}
