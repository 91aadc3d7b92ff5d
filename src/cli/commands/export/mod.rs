mod tally;
mod work;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use etcdsnap::{
    etcd::{KeyValue, View},
    export::{Exporter, Wanted, look, sort},
    k8s::{Key, Mask},
};
use work::Work;

use super::get::{Found, Which};
use crate::{
    args::{Keys, LogArgs},
    failure::{Exit, Failure},
    render::TOOL,
    session::Session,
};

/// Objects as files that `kubectl apply` takes, and that are still there five minutes later
///
/// Selected as for `get`; -n without a KIND takes the Namespace along. Left out is what a cluster makes by itself (what
/// has a controller as owner, Endpoints of Services with a selector, kube-root-ca.crt, tokens, Nodes, Leases, built-in
/// roles, ...), what is of its moment (Events, ended Jobs and Pods, objects being deleted), and what is secret. Each
/// object is stripped of what a server sets (status, resourceVersion, managedFields, ...) and of what only holds in the
/// cluster that it is from: uid, ownerReferences and finalizers, a Pod's node, a Service's clusterIP (its nodePorts
/// stay), the uid of the claim that a volume is bound to (claim and volume still name each other), a Job's own selector.
///
/// DIR is all there or not at all: files numbered in the order that applies, and MANIFEST, which `sha256sum -c` reads and
/// which tells what was left out, and why. When something is wrong with the backup, DIR.etcdsnap.json says so; what can
/// be read is exported.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap export backup.db --to ./cluster
  etcdsnap export backup.db -n shop --to ./shop --reveal
  etcdsnap export backup.db deploy/web -n shop --rev 4711 --to - | kubectl apply -f -
  etcdsnap export backup.db secrets,cm -n shop --to ./shop --reveal --encryption-config encryption.yaml

Exit status: 1 when an object that was named is not there, one cannot be read, all are left out, or the backup is damaged")]
pub(crate) struct Export {
    /// The backup
    snapshot: PathBuf,
    #[command(flatten)]
    which: Which,
    /// Into DIR, which is new or empty; - for one stream on stdout
    #[arg(long, value_name = "DIR|-")]
    to: PathBuf,
    /// The format of the files
    #[arg(short, long, value_enum, default_value_t = Output::Yaml)]
    output: Output,
    /// Leave out nothing but what is secret
    #[arg(long)]
    all: bool,
    /// Keep uids, owners, finalizers, nodes and addresses: for the cluster that it is from
    #[arg(long)]
    exact: bool,
    /// Take Secrets, tokens and what was stored encrypted along
    #[arg(long, help_heading = "Secrets")]
    reveal: bool,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// YAML
    Yaml,
    /// JSON
    Json,
}

impl Export {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let picker = self.which.picker(None, None)?;
        let mut ring = self.keys.ring()?;
        let mask = if self.reveal { Mask::reveal() } else { Mask::random()? };
        if self.to.as_os_str() != "-" {
            look(&self.to)?;
        }
        let source = session.open(&self.snapshot)?;
        let load = self.log.load();
        let snapshot = session.load(&source, &load)?;
        let Found { view, objects, exit, .. } = self.which.find(&snapshot, &mut ring, None)?;
        let (mut found, picked) = picker.pick(objects, &ring)?;
        let exit = exit.max(picked);
        if found.is_empty() && exit != Exit::Good {
            return Ok(exit);
        }
        if let Some(namespace) = self.which.namespace.as_deref().filter(|_| self.which.what.is_empty()) {
            let others = found.first().and_then(|kv| Key::new(kv.key).object().map(|key| key.prefix));
            found.extend(others.and_then(|prefix| namespace_of(&view, prefix, namespace)));
        }
        sort(&mut found);
        let wanted = Wanted { all: self.all, reveal: self.reveal, exact: self.exact };
        let exporter = Exporter::new(&view, &ring, wanted, mask);
        let mut work = Work::new(exporter, self.output);
        if self.to.as_os_str() == "-" {
            let streamed = work.stream(session, &found);
            work.tally.tell_stream();
            streamed?;
            let exit = exit.max(work.tally.exit());
            return Ok(exit.max(session.close(&source, &view.findings)?));
        }
        let about = format!("{} at revision {}, by {TOOL}", source.name(), view.revision);
        let (written, checked) = work.folder(session, (&source, &load), &found, &self.to, &about)?;
        let told = work.tally.tell_folder(&mut session.out, &written);
        if told.is_err() {
            eprintln!("note: it is exported; only what there was to print about it is lost");
        }
        told?;
        Ok(exit.max(work.tally.exit()).max(checked))
    }
}

/// The object of a Namespace whose objects lie below `prefix`.
fn namespace_of<'a>(view: &View<'a>, prefix: &str, namespace: &str) -> Option<KeyValue<'a>> {
    view.get(format!("{prefix}/namespaces/{namespace}").as_bytes())
}
