use std::path::PathBuf;

use clap::{Args, ValueEnum};
use etcdsnap::{
    k8s,
    restore::{Redacted, redact},
};

use super::{copy, trust::TrustArgs};
use crate::{
    args::{LogArgs, ReportFormat},
    failure::{Exit, Failure},
    session::Session,
};

/// Make a copy without secrets, which may be shared
///
/// A new snapshot with the same keys, revisions and sizes, for support or for tests. In every revision, these are
/// replaced by other bytes of the same length: the data of Secrets, and annotations that repeat these data; OAuth
/// tokens and their names; encrypted values (the name of the key is kept); the bootstrap data of k3s; password hashes
/// of etcd users; private keys and signed tokens (JWT) in any object. The values can still be decoded, and a
/// kube-apiserver lists the objects. Free pages are not copied.
///
/// All other values are kept: names, labels, addresses, custom resources, arguments of containers, and the values of
/// keys that are not of Kubernetes. ConfigMaps, environment variables and annotations are kept unless --also names
/// them. The report lists what was replaced and what was kept, and ends with what to check before you share the file.
///
/// With --also names, names of objects and namespaces are replaced by other words, in keys and wherever they are a
/// whole word in a text. Equal names stay equal, so that references match. Kept are names that Kubernetes itself uses
/// (kube-system, kube-proxy, default, admin, ...), names of labels and of other keys, and words in fields that hold no
/// names of objects: apiVersion, kind, group, version, type, resources, verbs, uid. Such fields of a custom resource
/// are kept, too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap redact backup.db --to shared.db
  etcdsnap redact backup.db --to shared.db --also configmaps,env,annotations,names

Exit status: 0 made; 1 refused because of the backup; 2 wrong usage, or FILE is there; 3 could not
be read or written")]
pub(crate) struct Redact {
    /// The backup
    snapshot: PathBuf,
    /// The new file that is written
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Replace these, too: configmaps, env, annotations, names
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',', hide_possible_values = true)]
    also: Vec<Also>,
    /// The format of the report
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What is replaced besides secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Also {
    /// The data of ConfigMaps, such as kubeconfigs
    #[value(name = "configmaps")]
    ConfigMaps,
    /// The values of environment variables
    Env,
    /// All annotations
    Annotations,
    /// The names of objects and namespaces
    Names,
}

impl Redact {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        session.unpack_near(&self.to);
        let source = session.open(&self.snapshot, &self.log.dir)?;
        let has = |what| self.also.contains(&what);
        let also = k8s::Also {
            configmaps: has(Also::ConfigMaps),
            env: has(Also::Env),
            annotations: has(Also::Annotations),
            names: has(Also::Names),
        };
        let made = copy::make(session, &source, &self.to, &self.trust, |job, watch| {
            redact(&source, &self.log.load(), also, job, watch)
        })?;
        session.wrote(&made.done.files)?;
        let what = ("redact", self.to.as_path());
        let (checks, format) = (Redacted::checks(&self.to, also), self.output);
        copy::report(session, &source, what, format, checks, |to| made.lines(to, also), |next| made.document(next))
    }
}
