mod text;

use std::{io::Write as _, path::PathBuf, sync::atomic::Ordering::Relaxed};

use clap::{Args, ValueEnum};
use etcdsnap::{
    Error,
    document::TOOL,
    etcd::KeyValue,
    export::{Exporter, Folder, Stage, Tally, Wanted, Why, look, sort},
    k8s::{Key, Mask},
    objects::{Cluster, Form, Found},
};

use self::text::Secrets;
use super::which::Which;
use crate::{
    args::{Keys, LogArgs},
    failure::{Exit, Failure},
    session::{Session, arguments, stop_at_signal},
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
        let ring = self.keys.ring()?;
        let mask = if self.reveal { Mask::reveal() } else { Mask::random()? };
        if self.to.as_os_str() != "-" {
            look(&self.to)?;
        }
        let source = session.open(&self.snapshot)?;
        let load = self.log.load();
        let snapshot = session.load(&source, &load)?;
        let (cluster, Found { mut objects, .. }, exit) = self.which.find(&snapshot, ring, None, picker, false)?;
        if objects.is_empty() && exit != Exit::Good {
            return Ok(exit);
        }
        if let Some(namespace) = self.which.namespace.as_deref().filter(|_| self.which.what.is_empty()) {
            let others = objects.first().and_then(|kv| Key::new(kv.key).object().map(|key| key.prefix));
            objects.extend(others.and_then(|prefix| namespace_of(&cluster, prefix, namespace)));
        }
        sort(&mut objects);
        let wanted = Wanted { all: self.all, reveal: self.reveal, exact: self.exact };
        let exporter = Exporter::new(&cluster, wanted, mask);
        let (mut tally, mut secrets) = (Tally::default(), Secrets::default());
        let form = if self.output == Output::Yaml { Form::Yaml } else { Form::Json };
        if self.to.as_os_str() == "-" {
            let before: &[u8] = if form == Form::Yaml { b"---\n" } else { b"" };
            let streamed = exporter.each(&objects, form, &mut tally, |kv, made| {
                secrets.note(&exporter, kv, &made);
                let Ok(made) = made else { return Ok(()) };
                session.out.write_all(before)?;
                Ok(session.out.write_all(&made.text)?)
            });
            let streamed = streamed.and_then(|()| Ok::<_, Failure>(tally.check()?));
            text::stream(&tally, &secrets);
            streamed?;
            return Ok(exit.max(read(&tally)).max(session.close(&source, cluster.findings())?));
        }
        let about = format!("{} at revision {}, by {TOOL}", source.name(), cluster.view.revision);
        let (stop, mut progress) = (stop_at_signal(), session.progress(&source));
        let go_on = || if stop.load(Relaxed) { Err(Error::Interrupted) } else { Ok(()) };
        let (mut folder, mut verifying) = (Folder::create(&self.to, &about)?, false);
        let report = exporter.fill(
            &mut folder,
            (&objects, form),
            (&source, &load),
            &mut tally,
            |kv, made| secrets.note(&exporter, kv, made),
            |stage| {
                if let Stage::Verifying { .. } = stage
                    && !std::mem::replace(&mut verifying, true)
                {
                    progress = session.progress(&source);
                }
                let (Stage::Writing { done, all } | Stage::Verifying { done, all }) = stage;
                progress.tell(done, all);
                go_on()
            },
        )?;
        drop(progress);
        let exit = exit.max(session.close(&source, &report.findings)?);
        go_on()?;
        let written = folder.publish(report.doubt(&arguments()).as_ref())?;
        session.wrote(std::slice::from_ref(&written.manifest))?;
        let told = text::folder(&mut session.out, &tally, &secrets, &written);
        if told.is_err() {
            say!("note: it is exported; only what there was to print about it is lost");
        }
        told?;
        Ok(exit.max(read(&tally)))
    }
}

/// The object of a Namespace whose objects lie below `prefix`.
fn namespace_of<'a>(cluster: &Cluster<'a>, prefix: &str, namespace: &str) -> Option<KeyValue<'a>> {
    cluster.view.get(format!("{prefix}/namespaces/{namespace}").as_bytes())
}

/// Whether all could be read.
fn read(tally: &Tally) -> Exit {
    if tally.left_out.contains_key(&Why::Unreadable) { Exit::Content } else { Exit::Good }
}
