//! The flags of `kubectl get` that are about a server: they change nothing here, or are refused with what to type.

use std::path::Path;

use clap::{ArgAction, Args};
use etcdsnap::{
    Error,
    bytes::escape,
    error::{Advice, Call},
    k8s::ApiPath,
};

/// Flags that `kubectl get` has, and a backup no use for.
#[derive(Debug, Args)]
pub(super) struct ServerFlags {
    /// Has no effect: objects are never asked for in chunks
    #[arg(long, value_name = "N", hide = true)]
    chunk_size: Option<i64>,
    /// Has no effect: tables have the columns that an API server prints
    #[arg(long, hide = true, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    server_print: bool,
    /// Has no effect, with a note: SNAPSHOT is the cluster
    #[arg(long, value_name = "NAME", hide = true)]
    context: Option<String>,
    #[arg(long, value_name = "FILE", hide = true)]
    kubeconfig: Option<String>,
    #[arg(long, value_name = "NAME", hide = true)]
    cluster: Option<String>,
    #[arg(long, value_name = "NAME", hide = true)]
    user: Option<String>,
    #[arg(short, long, value_name = "URL", hide = true)]
    server: Option<String>,
    #[arg(long, value_name = "TIME", hide = true)]
    request_timeout: Option<String>,
    /// `status` and `resize` are the object itself
    #[arg(long, value_name = "NAME", hide = true)]
    subresource: Option<String>,
    #[arg(short, long, hide = true)]
    watch: bool,
    #[arg(long, hide = true)]
    watch_only: bool,
    #[arg(long, hide = true)]
    output_watch_events: bool,
    #[arg(long, value_name = "PATH", hide = true)]
    raw: Option<String>,
    #[arg(short, long, value_name = "FILE", hide = true)]
    filename: Vec<String>,
    #[arg(short, long, value_name = "DIR", hide = true)]
    kustomize: Option<String>,
    #[arg(short = 'R', long, hide = true)]
    recursive: bool,
}

impl ServerFlags {
    /// Refuses flags that a backup cannot answer, and prints a note for flags without effect.
    pub(super) fn check(&self, snapshot: &Path, what: &[String]) -> Result<(), Error> {
        let get = Call::new("etcdsnap get").arg(snapshot);
        if self.watch || self.watch_only || self.output_watch_events {
            let kind = what.first().and_then(|kind| kind.split('/').next());
            let timeline = Call::new("etcdsnap timeline").arg(snapshot).args(kind);
            return Err(Error::usage("a backup does not change, there is nothing to watch")
                .hinted(timeline.that("lists every change that it holds")));
        }
        if let Some(path) = &self.raw {
            return Err(
                Error::usage("--raw asks a running API server, and a backup has none").hinted(asked_by(path, get))
            );
        }
        if !self.filename.is_empty() || self.kustomize.is_some() || self.recursive {
            return Err(Error::usage("objects are not read from manifests, -f, -k and -R have no meaning here")
                .hinted(Advice::from("name the objects:").call(get.args(["KIND/NAME", "-n", "NAMESPACE"]))));
        }
        if let Some(name) = self.subresource.as_deref().filter(|name| !matches!(*name, "status" | "resize")) {
            return Err(Error::usage(format!("subresource {name:?} is not stored; an API server computes it"))
                .hinted("without --subresource the whole object is printed"));
        }
        let servers = [
            ("--context", &self.context),
            ("--kubeconfig", &self.kubeconfig),
            ("--cluster", &self.cluster),
            ("--user", &self.user),
            ("--server", &self.server),
        ];
        let file = escape(snapshot.as_os_str().as_encoded_bytes());
        for (flag, _) in servers.iter().filter(|(_, value)| value.is_some()) {
            say!("note: {flag} has no effect, the objects are those of {file}");
        }
        if !self.server_print {
            say!("note: --server-print=false has no effect, the columns are those that an API server prints");
        }
        Ok(())
    }
}

/// The call, begun with `get`, that prints what an API server has under a path.
fn asked_by(path: &str, get: Call) -> Advice {
    let Some(ApiPath { group, resource, namespace, name }) = ApiPath::parse(path) else {
        return get.that("lists everything that the backup holds");
    };
    let group = if group.is_empty() { String::new() } else { format!(".{group}") };
    let name = name.map_or(String::new(), |name| format!("/{name}"));
    get.arg(format!("{resource}{group}{name}")).option("-n", namespace).args(["-o", "json"]).into()
}
