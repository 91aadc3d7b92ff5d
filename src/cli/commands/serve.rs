use std::{
    env,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::SeqCst},
};

use clap::Args;
use etcdsnap::{
    Error,
    bytes::{counted, escape, file_name},
    error::Severity,
    evidence::{Served, ServedState},
    k8s::Ring,
    objects::{At, Cluster, Time},
    publish::Doubt,
    serve::{Access, Backup, Context, Etcd, KubeconfigFile, Log, Server, saved_path},
    source::Source,
    verify::verify,
};

use crate::{
    args::{Keys, LogArgs, Masking, When, revision_at, time},
    failure::{Exit, Failure},
    render::shell,
    session::{Session, Stop, arguments, one_stdin},
};

/// Serve a backup as a Kubernetes API, for kubectl, k9s and other clients
///
/// It listens on loopback, or with TLS and a token on any address. It writes a kubeconfig with one context for each
/// SNAPSHOT, and prints a line `export KUBECONFIG=...`. It keeps this terminal until ^C: run that line in another
/// terminal, and kubectl there. At the end it removes the kubeconfig. Writes are refused. Secrets are masked.
/// AGE in tables counts from the newest time in the backup. Ages that a client computes itself, as `kubectl describe`
/// does, count from now.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap serve backup.db
  etcdsnap serve backup.db --context before=41207 --context after=-5m
  etcdsnap serve monday.db tuesday.db --kubeconfig ./two-days

  In another terminal, after the line `export KUBECONFIG=...` that it prints:
    kubectl get pods -A
    kubectl --context before get deploy -n shop

Exit status: 1 when the backup is damaged; what could be read was served")]
pub(crate) struct Serve {
    /// The backup
    snapshot: PathBuf,
    /// Further backups, each a context of its own
    #[arg(value_name = "SNAPSHOT")]
    members: Vec<PathBuf>,
    /// The address; port 0 is one that is free. Each further context has the next port. Any other than loopback needs
    /// --tls-cert, --tls-key and --token-file
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The name of the kubeconfig, a new file; without it one in $XDG_RUNTIME_DIR, or in --tmp-dir
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Add a context for another state of the first SNAPSHOT: a revision, or a time as for `get --at`
    #[arg(long = "context", value_name = "NAME=REV|TIME", value_parser = state)]
    contexts: Vec<(String, State)>,
    /// Serve etcd's API too, on the loopback address ADDRESS:PORT; port 0, as without a value, is one that is free
    ///
    /// Clients can read the whole SNAPSHOT: all values as they are stored, or decrypted if keys are given. So --reveal
    /// is required. etcd's clients use no secret path: every user of this machine can read the SNAPSHOT while it is
    /// served.
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:0",
          require_equals = true, help_heading = "etcd's API")]
    etcd: Option<SocketAddr>,
    /// Accept writes over etcd's API, and keep them in memory; SNAPSHOT is not changed
    ///
    /// The leases of the backup do not expire. The Kubernetes API of this server shows the backup without the writes.
    #[arg(long, requires = "etcd", help_heading = "etcd's API")]
    overlay: bool,
    /// Keep no more than BYTES of writes; further ones are refused as by an etcd without space
    #[arg(long, value_name = "BYTES", requires = "overlay", default_value_t = 256 << 20, hide_short_help = true,
          help_heading = "etcd's API")]
    overlay_limit: u64,
    /// When the server ends, write SNAPSHOT with the writes as a snapshot to FILE, a new file
    ///
    /// Values that were encrypted in SNAPSHOT are encrypted in FILE; new writes are stored as the client sent them.
    #[arg(long, value_name = "FILE", requires = "overlay", help_heading = "etcd's API")]
    save_overlay: Option<PathBuf>,
    #[command(flatten)]
    when: When,
    // after those without a heading, which would get this one
    #[command(flatten)]
    tls: Tls,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    masking: Masking,
    #[command(flatten)]
    log: LogArgs,
}

/// What is needed to listen on another address than loopback.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
struct Tls {
    /// Serve HTTPS with this certificate (PEM), followed by those that issued it
    #[arg(long, value_name = "FILE", requires_all = ["tls_key", "token_file"])]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["tls_cert", "token_file"])]
    tls_key: Option<PathBuf>,
    /// A file with the bearer token, of 16 characters or more, that each request has to show; the kubeconfig has it
    #[arg(long, value_name = "FILE", requires_all = ["tls_cert", "tls_key"])]
    token_file: Option<PathBuf>,
}

impl Tls {
    fn access(&self, listen: SocketAddr) -> Result<Option<Access>, Error> {
        match (&self.tls_cert, &self.tls_key, &self.token_file) {
            (Some(certificate), Some(key), Some(token)) => Access::read(certificate, key, token).map(Some),
            _ if listen.ip().is_loopback() => Ok(None),
            _ => Err(Error::usage(format!("{listen}: other machines reach this address, and nothing keeps them out"))
                .hinted(
                    "add --tls-cert, --tls-key and --token-file; or listen on 127.0.0.1:0, which `ssh -L` reaches",
                )),
        }
    }
}

/// A state of a backup.
#[derive(Debug, Clone, Copy)]
enum State {
    Revision(i64),
    Time(Time),
}

fn state(text: &str) -> Result<(String, State), String> {
    let (name, state) = text.split_once('=').ok_or("NAME=REVISION, or NAME=TIME")?;
    if name.is_empty() {
        return Err("the context has no name".to_owned());
    }
    let state = match state.parse() {
        Ok(revision) if revision > 0 => State::Revision(revision),
        _ => State::Time(time(state)?),
    };
    Ok((name.to_owned(), state))
}

impl Serve {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let stop = Stop::at_signal();
        let named: Vec<PathBuf> = [self.snapshot.clone()].into_iter().chain(self.members.clone()).collect();
        one_stdin(&named)?;
        self.check_etcd()?;
        let access = self.tls.access(self.listen)?;
        let options = session.options(&self.log.dir, named.iter().map(PathBuf::as_path))?;
        let ring = self.keys.ring()?;
        let limit = self.overlay.then_some(self.overlay_limit);
        let mut saved = self.save_overlay.as_deref().map(|to| Ok::<_, Error>((saved_path(to)?, None))).transpose()?;
        let (mut backups, mut sources, mut etcd) = (Vec::new(), Vec::new(), None);
        for path in &named {
            // what is served lives until the end of the run
            let source: &'static Source = Box::leak(Box::new(session.open_with(path, &options)?));
            let snapshot = &*Box::leak(Box::new(session.load(source, &self.log.load())?));
            let at = self.when.at(snapshot, &ring)?;
            let main = Cluster::open(snapshot, ring.clone(), at)?.named(source.name());
            if let Some((_, doubt)) = &mut saved {
                *doubt = self.doubt(source)?;
            }
            if self.etcd.is_some() {
                etcd = Some(Etcd::new(source, snapshot, main.ring.clone(), limit));
            }
            let mut states = vec![(context_name(path), main)];
            for (name, state) in self.contexts.iter().filter(|_| sources.is_empty()) {
                let at = state.at(&states, &ring)?;
                if let Some((_, main)) = states.first() {
                    states.push((name.clone(), main.state(at)?));
                }
            }
            for (name, cluster) in states {
                let name = self.unique(name, &backups)?;
                backups.push(Arc::new(Backup::new(name, source, cluster, self.masking.mask()?)));
            }
            sources.push(source);
        }
        let count = u16::try_from(backups.len()).map_err(|_| Error::usage("too many contexts"))?;
        let mut server = Server::bind(self.listen, count, access)?;
        let endpoints = server.endpoints()?;
        let context = |(backup, endpoint): (&Arc<Backup>, _)| Context { name: backup.name.clone(), endpoint };
        let contexts: Vec<_> = backups.iter().zip(endpoints).map(context).collect();
        backups.iter().for_each(|backup| describe(backup));
        if !self.masking.reveals() {
            say!("note: Secrets are masked: clients get the mask as data; --reveal serves what is stored");
        }
        if let Some((address, etcd)) = self.etcd.zip(etcd.clone()) {
            let revision = etcd.revision();
            let address = server.add_etcd(address, etcd)?;
            say!("note: etcd's API is at {address}, at revision {revision}; every user of this machine may read it");
        }
        // from here on there is a kubeconfig to remove
        stop.at_once.store(false, SeqCst);
        let file = KubeconfigFile::create(self.kubeconfig_path(session), &contexts, server.credentials())?;
        writeln!(session.out, "export KUBECONFIG={}", shell(file.path()))?;
        session.out.flush()?;
        let log: Log = Arc::new(|line: &str| say!("error: {line}"));
        let answered = server.run(backups.clone(), &stop.asked, &log)?;
        drop(file);
        stop.at_once.store(true, SeqCst);
        let was = if answered.answered == 1 { "was" } else { "were" };
        say!("note: {} {was} answered, {} refused", counted(answered.answered, "request"), answered.refused);
        let state = |backup: &Arc<Backup>| ServedState {
            name: backup.name.clone(),
            path: backup.file().to_owned(),
            revision: backup.revision(),
        };
        session.served(Served {
            contexts: backups.iter().map(state).collect(),
            revealed: self.masking.reveals(),
            answered: answered.answered,
            refused: answered.refused,
        });
        for source in sources {
            session.intact(source)?;
        }
        if let Some(((to, doubt), etcd)) = saved.zip(etcd) {
            etcd.save(&to, doubt.as_ref())?;
            session.wrote(std::slice::from_ref(&to))?;
            say!("note: {}: saved at revision {}", escape(to.as_os_str().as_encoded_bytes()), etcd.revision());
        }
        let mut findings = backups.iter().map(|backup| backup.findings());
        let is_wrong = findings.any(|findings| findings.damaged() || findings.mixed());
        Ok(if is_wrong { Exit::Content } else { Exit::Good })
    }

    /// What is known against the backup, before anything is written that is saved with it.
    fn doubt(&self, source: &Source) -> Result<Option<Doubt>, Error> {
        let report = verify(source, &self.log.load(), |_| {})?;
        if report.findings.damaged() {
            let what = format!("{}: damaged: what is written could not be saved", source.name());
            return Err(Error::refused(what).hinted("leave --save-overlay out, or use what `etcdsnap salvage` saves"));
        }
        Ok(report.doubt(&arguments()))
    }

    fn check_etcd(&self) -> Result<(), Error> {
        if self.etcd.is_none() {
            return Ok(());
        }
        if !self.masking.reveals() {
            return Err(Error::usage("--etcd serves the values as they are stored, secrets too")
                .hinted("add --reveal, if every user of this machine may see them"));
        }
        if !self.members.is_empty() || self.when.is_named() {
            return Err(Error::usage("--etcd serves one SNAPSHOT, the whole of it")
                .hinted("a client asks for a revision: `etcdctl get KEY --rev N`"));
        }
        Ok(())
    }

    /// The name of a context; a file of the same name in another folder gets a number.
    fn unique(&self, name: String, backups: &[Arc<Backup>]) -> Result<String, Error> {
        let is_free = |name: &str| backups.iter().all(|backup| backup.name != name);
        let numbered = (2..).map(|n: u32| format!("{name}-{n}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        names.find(|name| is_free(name)).ok_or_else(|| Error::usage(format!("no name is left for {name}")))
    }

    fn kubeconfig_path(&self, session: &Session) -> PathBuf {
        if let Some(path) = &self.kubeconfig {
            return path.clone();
        }
        let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_dir());
        let dir = runtime.filter(|_| !session.is_tmp_named()).unwrap_or_else(|| session.tmp_dir().to_owned());
        dir.join(format!("etcdsnap-{}.kubeconfig", std::process::id()))
    }
}

impl State {
    fn at(self, states: &[(String, Cluster<'_>)], ring: &Ring) -> Result<At, Error> {
        let main = states.first().map(|(_, main)| main);
        match (self, main) {
            (Self::Revision(revision), _) => Ok(At::Revision(revision)),
            (Self::Time(_), None) => Ok(At::Last),
            (Self::Time(time), Some(main)) => {
                Ok(revision_at(time, main.snapshot, ring)?.map_or(At::Last, At::Revision))
            }
        }
    }
}

/// A context is named after its file.
fn context_name(path: &Path) -> String {
    path.file_name().map_or_else(|| file_name(path).to_string(), |name| escape(name.as_encoded_bytes()).to_string())
}

/// Prints what a context shows, and what is wrong with it.
fn describe(backup: &Backup) {
    let name = escape(backup.name.as_bytes());
    say!("note: context {name}: {} at revision {}", backup.file(), backup.revision());
    let worth = backup.findings().list().iter().filter(|finding| finding.severity > Severity::Info);
    worth.take(5).for_each(|finding| say!("{}: {name}: {finding}", finding.severity));
    if backup.findings().damaged() {
        say!("error: {name}: damaged; what can be read is served, and /readyz?verbose reports it");
    }
}
