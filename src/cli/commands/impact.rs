use std::{io::Write as _, path::PathBuf};

use clap::Args;
use etcdsnap::{
    bytes::counted,
    error::Call,
    impact::{Impact, Inventory, lists, read},
    objects::{At, Cluster},
};

use crate::{
    args::{Keys, LogArgs, ReportFormat},
    failure::{Exit, Failure},
    render::{self, Columns, printable},
    session::{Session, note_doubt, one_stdin},
};

/// Show what a restore would do to the cluster as it is now
///
/// Compares the backup with NOW: a later snapshot, a data directory, or the output of `kubectl get -o json|yaml`.
/// Prints how many objects of each kind come back, disappear and roll back. Then it prints each danger, with its
/// objects and with what to do. docs/impact.md lists the dangers. No value of a Secret is printed.
///
/// NOW is a list of kubectl if it ends in .json, .yaml or .yml, or is a folder of such files. It must hold all objects
/// of each kind that is in it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap impact backup.db --against now.db
  etcdsnap impact backup.db --against /var/lib/etcd -o json | jq '.dangers[].code'
  kubectl get ns,nodes,pv,volumeattachments,secrets,cm,sa,svc,pods,leases,crd,apiservices,\
validatingwebhookconfigurations,mutatingwebhookconfigurations -A -o json > now.json
  etcdsnap impact backup.db --against now.json

Exit status: 0 no danger; 1 something is dangerous or could not be judged, a backup is damaged, or
NOW is of another cluster")]
pub(crate) struct ImpactCommand {
    /// The backup that would be restored
    snapshot: PathBuf,
    /// The cluster as it is now: a later snapshot, a data directory, or a file or folder of kubectl's lists
    #[arg(long, value_name = "NOW")]
    against: PathBuf,
    /// Compare also if NOW is of another cluster, or older than the backup
    #[arg(long)]
    force: bool,
    /// The format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    log: LogArgs,
}

/// The most objects of a danger that are printed as text.
const SHOWN: usize = 20;

impl ImpactCommand {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        one_stdin(&[self.snapshot.clone(), self.against.clone()])?;
        let ring = self.keys.ring()?;
        let options = session.options(&self.log.dir, [self.snapshot.as_path(), self.against.as_path()])?;
        let source = session.open_with(&self.snapshot, &options)?;
        let snapshot = session.load(&source, &self.log.load())?;
        let cluster = Cluster::open(&snapshot, ring.clone(), At::Last)?.named(source.name());
        let backup = Inventory::of(&cluster);
        let exit = match lists(&self.against)? {
            Some(files) => {
                session.reads(&files)?;
                let list = read(&self.against, &files, &cluster.resources)?;
                let name = printable(list.name.clone());
                say!("note: {name}: taken for all objects of the kinds that are in it");
                self.show(session, &Impact::of(&backup, &list, self.force)?)?
            }
            None => {
                let now = session.open_with(&self.against, &options)?;
                let later = session.load(&now, &self.log.load())?;
                let later = Cluster::open(&later, ring, At::Last)?.named(now.name());
                let inventory = Inventory::of(&later);
                let impact = Impact::of(&backup, &inventory, self.force)?;
                let exit = self.show(session, &impact)?;
                if !impact.kinds.is_empty() {
                    let call = Call::new("etcdsnap diff").arg(&self.snapshot).arg(&self.against).arg("--name-only");
                    say!("hint: {}", call.that("lists the objects"));
                }
                let doubt = note_doubt(source.name(), cluster.newest().doubt());
                let doubt = doubt.max(note_doubt(now.name(), later.newest().doubt()));
                exit.max(doubt).max(session.close(&now, later.findings())?)
            }
        };
        Ok(exit.max(session.close(&source, cluster.findings())?))
    }

    fn show(&self, session: &mut Session, impact: &Impact<'_>) -> Result<Exit, Failure> {
        match self.output {
            ReportFormat::Json => render::json(&mut session.out, impact, false)?,
            ReportFormat::Text => print(session, impact)?,
        }
        session.out.flush()?;
        let now = printable(impact.now.to_owned());
        for rule in &impact.not_judged {
            let why = if rule.encrypted {
                format!("no key opens an encrypted {}", rule.missing)
            } else {
                format!("no {} is in {now}", rule.missing)
            };
            say!("note: {} could not be judged: {why}", rule.code.code());
        }
        if let Some(namespace) = &impact.only_namespace {
            let namespace = printable(namespace.clone());
            say!(
                "note: {now}: it has objects of the namespace {namespace} alone, and those of others are shown as deleted"
            );
            say!("hint: `kubectl get ... -A` lists all namespaces");
        }
        if impact.sealed > 0 && !impact.is_safe() {
            let what = counted(impact.sealed, "encrypted object");
            say!("note: {what} could not be opened, and can only be compared as they are stored");
            say!("hint: --encryption-config FILE opens them");
        }
        if impact.unread > 0 {
            say!("note: {} could not be read, and were not judged", counted(impact.unread, "object"));
        }
        Ok(if impact.is_safe() { Exit::Good } else { Exit::Content })
    }
}

fn print(session: &mut Session, impact: &Impact<'_>) -> Result<(), Failure> {
    let out = &mut session.out;
    let Impact { backup, backup_revision, now, now_revision, .. } = impact;
    writeln!(out, "Restore:  {} (revision {backup_revision})", printable((*backup).to_owned()))?;
    writeln!(out, "Now:      {} (revision {now_revision})", printable((*now).to_owned()))?;
    if !impact.kinds.is_empty() {
        writeln!(out)?;
        let mut columns = Columns::new(&["KIND", "COMES BACK", "DISAPPEARS", "ROLLS BACK"]).right(&[1, 2, 3]);
        for (kind, counts) in &impact.kinds {
            let numbers = [counts.comes_back, counts.disappears, counts.rolls_back].map(|n| n.to_string());
            columns.add([printable(kind.to_string())].into_iter().chain(numbers));
        }
        columns.finish(out)?;
    }
    for danger in &impact.dangers {
        writeln!(out, "\n{}: {}", danger.code.code(), danger.meaning)?;
        for object in danger.objects.iter().take(SHOWN) {
            writeln!(out, "    {}", printable(object.to_string()))?;
        }
        if let Some(more) = danger.objects.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            writeln!(out, "    and {more} more")?;
        }
        writeln!(out, "  {}", danger.remedy)?;
    }
    if impact.dangers.is_empty() {
        let judged = if impact.is_safe() { "" } else { " in what could be judged" };
        writeln!(out, "\nno danger found{judged}")?;
    }
    Ok(())
}
