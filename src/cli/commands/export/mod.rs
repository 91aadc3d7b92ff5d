mod text;

use std::{io::Write as _, path::PathBuf, sync::atomic::Ordering::Relaxed};

use clap::{Args, ValueEnum};
use etcdsnap::{
    Error,
    bytes::escape,
    document::TOOL,
    error::Call,
    etcd::{KeyValue, Load},
    export::{Exporter, Folder, Options, Stage, Tally, Why, look, sort},
    k8s::Mask,
    objects::{Cluster, Form, Found},
    source::Source,
};

use self::text::{Outcome, Secrets};
use super::which::Which;
use crate::{
    args::{Keys, LogArgs, ReportFormat},
    failure::{Exit, Failure},
    render::json,
    session::{Session, arguments, stop_at_signal},
};

/// Write objects as files for `kubectl apply`, on this or another cluster
///
/// Objects are selected as for `get`; -n without a KIND includes the Namespace. These objects are left out: objects
/// that a cluster makes by itself (objects with a controller as owner, Endpoints of Services with a selector,
/// kube-root-ca.crt, tokens, Nodes, Leases, built-in roles, ...), objects that were valid only at that time (Events,
/// ended Jobs and Pods, objects being deleted), and secrets. Some fields of each object are removed: those that a
/// server sets (status, resourceVersion, managedFields, ...), and those that are valid only in the old cluster: uid,
/// ownerReferences and finalizers, the node of a Pod, the clusterIP of a Service (nodePorts are kept), the uid of the
/// claim that a volume is bound to (claim and volume still name each other), and the selector that a Job got from the
/// server.
///
/// If you name an object or a namespace, it is exported even when it was being deleted.
///
/// Objects get a version that a cluster serves by default. A custom resource gets the storage version of its
/// CustomResourceDefinition when its own version is no longer served; with a conversion webhook it is left out. A
/// built-in kind gets its stable version when that has the same fields, and is left out otherwise.
///
/// `needs` lists what the exported objects refer to and the export does not contain: Namespaces,
/// CustomResourceDefinitions, classes, volumes, ConfigMaps, Secrets, ServiceAccounts, roles, Services. References
/// inside custom resources are not known.
///
/// DIR is complete, or it is not written. It holds files that are numbered in the order to apply them, and the file
/// MANIFEST, which lists what was changed, needed and left out, and why (`sha256sum -c MANIFEST` checks the files).
/// When the backup is damaged, everything that can be read is exported, and DIR.etcdsnap.json describes the damage.
/// With --to -, the objects are printed while the backup is verified: stderr and the exit status show the damage, but a
/// program that reads the objects has them already.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap export backup.db --to ./cluster
  etcdsnap export backup.db -n shop --to ./shop --reveal --with-deps
  etcdsnap export backup.db deploy/web -n shop --with-deps --to ./web
  etcdsnap export backup.db deploy/web -n shop --rev 4711 --to - | kubectl apply --server-side -f -
  etcdsnap export backup.db secrets -n shop --to ./shop --reveal --encryption-config keys.yaml

Exit status: 1 when an object that was named is not there, when an object cannot be read (one that
no key opens: if it was named, or with --reveal), when every object is left out, or when the backup
is damaged")]
pub(crate) struct Export {
    /// The backup
    snapshot: PathBuf,
    #[command(flatten)]
    which: Which,
    /// The folder that is written, new or empty; - for one stream on stdout
    #[arg(long, value_name = "DIR|-")]
    to: PathBuf,
    /// The format of the files
    #[arg(short, long, value_enum, default_value_t = Output::Yaml)]
    output: Output,
    /// Also export what the selected objects need; Secrets only with --reveal
    #[arg(long)]
    with_deps: bool,
    /// Export everything except secrets; with --reveal also secrets
    #[arg(long)]
    all: bool,
    /// Keep uids, owners, finalizers, nodes, addresses and versions, for the cluster that the backup is from
    #[arg(long)]
    exact: bool,
    /// The format of the summary that is printed
    #[arg(long, value_enum, default_value_t = ReportFormat::Text, value_name = "FORMAT")]
    summary: ReportFormat,
    /// Also export Secrets, tokens and what was stored encrypted
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
    pub(super) fn run(mut self, session: &mut Session) -> Result<Exit, Failure> {
        self.which = self.which.settled();
        let query = self.which.query(None);
        let picker = self.which.picker(&query, None)?;
        let ring = self.keys.ring()?;
        let mask = if self.reveal { Mask::reveal() } else { Mask::random()? };
        let streams = self.to.as_os_str() == "-";
        if !streams {
            look(&self.to)?;
        } else if self.summary == ReportFormat::Json {
            return Err(Error::usage("--summary json: stdout has the objects").hinted("--to DIR").into());
        }
        let source = session.open(&self.snapshot, &self.log.dir)?;
        let load = self.log.load();
        let snapshot = session.load(&source, &load)?;
        let (cluster, Found { selection, mut objects, .. }, exit) =
            self.which.find(&snapshot, ring, &query, picker, false)?;
        if objects.is_empty() && exit != Exit::Good {
            return Ok(exit.max(session.close(&source, cluster.findings())?));
        }
        if let Some(namespace) = self.which.namespace.as_deref().filter(|_| self.which.what.is_empty()) {
            objects.extend(cluster.get("namespaces", "", namespace)?);
        }
        if !selection.names().is_empty() {
            self.note_namespace(&objects, &cluster)?;
        }
        let wanted = Options { all: self.all, reveal: self.reveal, exact: self.exact };
        let named = if selection.names().is_empty() { &[] } else { &*objects };
        let exporter = Exporter::new(&cluster, wanted, mask).naming(named, self.which.namespace.as_deref());
        if self.with_deps {
            exporter.add_needs(&mut objects);
        }
        sort(&mut objects);
        let form = if self.output == Output::Yaml { Form::Yaml } else { Form::Json };
        let job = Job { exporter: &exporter, objects: &objects, form, source: &source, load: &load };
        let done = if streams { job.stream(session)? } else { self.fill(&job, session)? };
        Ok(exit.max(done))
    }

    /// Writes the objects into a folder, which is there when all of them are in it.
    fn fill(&self, job: &Job<'_, '_>, session: &mut Session) -> Result<Exit, Failure> {
        let Job { exporter, objects, form, source, load } = *job;
        let cluster = exporter.cluster();
        let about = format!("{} at revision {}, by {TOOL}", source.name(), cluster.view.revision);
        let (stop, mut progress) = (stop_at_signal(), session.progress(source));
        let go_on = || if stop.load(Relaxed) { Err(Error::Interrupted) } else { Ok(()) };
        let (mut folder, mut verifying) = (Folder::create(&self.to, &about)?, false);
        let (mut tally, mut secrets) = (Tally::default(), Secrets::default());
        let report = exporter.fill(
            &mut folder,
            (objects, form),
            (source, load),
            &mut tally,
            |kv, made| secrets.note(exporter, kv, made),
            |stage| {
                if let Stage::Verifying { .. } = stage
                    && !std::mem::replace(&mut verifying, true)
                {
                    progress = session.progress(source);
                }
                let (Stage::Writing { done, all } | Stage::Verifying { done, all }) = stage;
                progress.update(done, all);
                go_on()
            },
        );
        drop(progress);
        let report = match report {
            Err(error) if tally.exported == 0 => return Err(session.without(source, cluster.findings(), error)),
            report => report?,
        };
        let exit = session.close(source, &report.findings)?;
        go_on()?;
        let written = folder.publish(report.doubt(&arguments()).as_ref())?;
        session.wrote(std::slice::from_ref(&written.manifest))?;
        session.wrote(written.doubt.as_slice())?;
        let outcome = Outcome { exporter, tally: &tally, secrets: &secrets };
        let printed = match self.summary {
            ReportFormat::Text => text::folder(&mut session.out, &outcome, &written).map_err(Failure::from),
            ReportFormat::Json => json(&mut session.out, &exporter.document(&tally, &written), false),
        };
        if printed.is_err() {
            say!("note: export succeeded; its summary could not be printed");
        }
        printed?;
        Ok(exit.max(read(&tally)))
    }

    /// Reports that a Namespace which is named is exported without the objects in it, and how to export these.
    fn note_namespace(&self, named: &[KeyValue<'_>], cluster: &Cluster<'_>) -> Result<(), Failure> {
        for object in named {
            let key = String::from_utf8_lossy(object.key);
            let name = key.rsplit('/').next().unwrap_or_default();
            if cluster.get("namespaces", "", name)?.is_none_or(|namespace| namespace.key != object.key) {
                continue;
            }
            let earlier = cluster.view.revision < cluster.view.head;
            let call = Call::new("etcdsnap export").arg(&self.snapshot).arg("-n").arg(name);
            let call = call.option("--rev", earlier.then(|| cluster.view.revision.to_string())).arg("--to");
            let call = if self.to.as_os_str() == "-" { call.arg("-") } else { call.arg("DIR") };
            say!("note: only the Namespace {} itself is exported; with its objects: {call}", escape(name.as_bytes()));
            return Ok(());
        }
        Ok(())
    }
}

/// What is exported, and from where.
struct Job<'j, 'a> {
    exporter: &'j Exporter<'j, 'a>,
    objects: &'j [KeyValue<'a>],
    form: Form,
    source: &'j Source,
    load: &'j Load,
}

impl Job<'_, '_> {
    /// Prints the objects, and verifies the backup at the same time.
    fn stream(&self, session: &mut Session) -> Result<Exit, Failure> {
        let Self { exporter, objects, form, source, load } = *self;
        let (mut tally, mut secrets) = (Tally::default(), Secrets::default());
        let before: &[u8] = if form == Form::Yaml { b"---\n" } else { b"" };
        let progress = session.progress(source);
        let streamed = exporter.stream(
            (objects, form),
            (source, load),
            &mut tally,
            |kv, made| {
                secrets.note(exporter, kv, &made);
                let Ok(made) = made else { return Ok(()) };
                session.out.write_all(before)?;
                Ok::<_, Failure>(session.out.write_all(&made.text)?)
            },
            |stage| {
                if let Stage::Verifying { done, all } = stage {
                    progress.update(done, all);
                }
                Ok(())
            },
        );
        drop(progress);
        text::stream(&Outcome { exporter, tally: &tally, secrets: &secrets });
        let report = streamed.map_err(|failure| session.without(source, exporter.cluster().findings(), failure))?;
        tally.check().map_err(|error| session.without(source, &report.findings, error))?;
        let closed = session.close(source, &report.findings)?;
        if report.doubt(&[]).is_some() {
            say!("note: the objects were printed before the verification of the backup ended");
        }
        Ok(read(&tally).max(closed))
    }
}

/// Whether all could be read.
fn read(tally: &Tally<'_>) -> Exit {
    if tally.left_out.contains_key(&Why::Unreadable) { Exit::Content } else { Exit::Good }
}
