mod alias;
mod asked;
mod members;
mod reach;
mod whose;

use std::{
    io::{self, Write},
    path::PathBuf,
};

pub(super) use alias::Alias;
use asked::{CarryArgs, Revisions, Where};
use clap::Args;
use etcdsnap::{
    Error, Result,
    publish::{Destination, Owner, Place, Watch},
    restore::{Document, Done, Facts, Job, Options, Plan, SaveJob, StartedBy, Target, known_beyond, rehearse},
    source::Source,
};
use reach::Reach;
use whose::WhoseArgs;

use super::trust::TrustArgs;
use crate::{
    args::ReportFormat,
    failure::{Exit, Failure},
    render::{self, printable, report::labelled},
    session::{Session, arguments, stop_at_signal},
};

/// Make a data directory that etcd starts on
///
/// The backup is verified first. Everything is written next to the destination, and renamed into place at the end: the
/// result is complete, or there is none. In the data directory only `member/` is changed. Name the member with --member
/// (a name from the snapshot), with --from-manifest or --from-config, or with etcdutl's flags. A data directory is read
/// with its log, as etcd reads it when it starts. --wal adds the newer entries of a member's log to a snapshot.
/// `etcdsnap impact` shows what a restore would break in a cluster that is still there.
///
/// The result is a new cluster, with an empty log, from a snapshot file or from the data directory of a dead member. To
/// continue the old cluster with the one member that is left, use `etcdsnap force-new-cluster`: it keeps the ids.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap restore backup.db --data-dir /var/lib/etcd --member m1 --dry-run
  etcdsnap restore backup.db --data-dir d --from-manifest etcd.yaml --keep-old --bump-revision auto
  etcdsnap restore backup.db --all-members --to ./restored --bump-revision auto
  etcdsnap restore /mnt/dead/etcd --data-dir d --member m1
  etcdsnap restore backup.db --wal /mnt/dead/etcd --to-revision 41207 --data-dir d --member m1
  etcdsnap restore /mnt/m1/etcd /mnt/m2/etcd /mnt/m3/etcd --all-members --to ./restored

Exit status: 0 restored; 1 refused because of the backup; 2 wrong usage, or a member is there; 3 a
read or write failed. Nothing was changed unless the status is 0 or stderr has the line \"restore
succeeded\" (3 with this line: only the summary could not be printed)")]
pub(crate) struct Restore {
    /// The backup
    snapshot: PathBuf,
    /// Data directories of other members of the same cluster
    ///
    /// The logs are compared. The member that etcd would elect as leader is restored. Entries at the end of its log
    /// that are on the disks of a majority are kept, because they were committed. --uncommitted decides about the
    /// others.
    #[arg(value_name = "DIR", conflicts_with_all = ["wal", "no_wal"])]
    members: Vec<PathBuf>,
    /// Print the plan and verify the backup; change nothing
    ///
    /// The renames are printed too. Free space and the rights to write and to change owners are checked.
    #[arg(long)]
    dry_run: bool,
    /// The format of what is printed
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    whose: WhoseArgs,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    revisions: Revisions,
    #[command(flatten)]
    carry: CarryArgs,
}

impl Restore {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        self.place.fits(self.whose.all_members, &self.snapshot)?;
        // Unpacked where it is going to be, unless another folder is named.
        let named = [&self.place.to, &self.place.data_dir, &self.place.to_snapshot].into_iter().flatten().next();
        let destination = named.cloned().unwrap_or_default();
        session.unpack_near(&destination);
        let (source, agreement) = match self.members.as_slice() {
            [] => {
                let source = self.reach.open(session, &self.snapshot)?;
                self.reach.check_alone(&source)?;
                (source, None)
            }
            others => {
                let (source, agreement) = members::choose(session, &self.snapshot, others)?;
                (source, Some(agreement))
            }
        };
        let carry = self.carry.carry();
        let load = self.reach.load(&source)?;
        let load = agreement.as_ref().map_or(load, |agreement| agreement.decide(&load));
        let facts = Facts::gather(&source, &load, &carry)?;
        session.reads(self.whose.file().map(|(file, _)| file).as_slice())?;
        let chosen = match self.place.to_snapshot {
            None => Some(self.whose.choose(&facts.state, &self.snapshot, &self.place)?),
            Some(_) => None,
        };
        let past = self.revisions.past(session, &source)?;
        let wanted = Options {
            cluster: chosen.as_ref().map(|chosen| chosen.cluster.clone()),
            members: chosen.as_ref().map(|chosen| chosen.members.clone()).unwrap_or_default(),
            carry,
            bump: self.revisions.bump_revision,
            past,
            known: self.revisions.bump_revision.map_or(Ok(None), |_| known_beyond(&source, &load))?,
            compact: self.revisions.compact,
            defrag: self.revisions.defrag,
            for_etcd: self.carry.for_etcd,
            runs: chosen.as_ref().and_then(|chosen| chosen.runs),
            compared: agreement.is_some(),
        };
        let to = self.target(destination, &wanted.members)?;
        let plan = Plan::make(&facts, &wanted)?;
        if !self.dry_run {
            to.recover()?;
        }
        to.look()?;
        if self.dry_run {
            let progress = session.progress(&source);
            let all = source.db().len();
            let (plan, report) = rehearse(&source, facts, &wanted, |done| progress.update(done, all))?;
            drop(progress);
            let refused = to.trust().judge(&report);
            let rehearsal = to.rehearse(&plan)?;
            match self.output {
                ReportFormat::Text => {
                    print_plan(&mut session.out, &plan, &to)?;
                    labelled(&mut session.out, rehearsal.lines())?;
                    labelled(&mut session.out, [("checked", report.in_words())])?;
                }
                ReportFormat::Json => {
                    let (destination, source) = (Some(&rehearsal), report.checked());
                    let document =
                        Document { dry_run: true, plan: &plan, destination, source, restored: None, next: None };
                    render::json(&mut session.out, &document, false)?;
                }
            }
            session.intact(&source)?;
            return Ok(refused.and_then(|()| rehearsal.check()).map(|()| Exit::Good)?);
        }
        let done = run(session, &source, &plan, &to)?;
        let by = StartedBy {
            manifest: self.whose.manifest(),
            fresh_token: self.whose.fresh_token,
            tls: chosen.as_ref().map_or(&[], |chosen| &chosen.tls),
        };
        let printed = self.print(session, &plan, &to, &done, &by);
        if printed.is_err() {
            say!("note: restore succeeded; its summary could not be printed");
        }
        printed?;
        session.intact(&source)?;
        Ok(Exit::Good)
    }

    /// Prints the result.
    fn print(
        &self,
        session: &mut Session,
        plan: &Plan<'_>,
        to: &Target,
        done: &Done,
        by: &StartedBy<'_>,
    ) -> Result<(), Failure> {
        match self.output {
            // printed before, it would look as if all were well, where the backup is then refused
            ReportFormat::Text => {
                print_plan(&mut session.out, plan, to)?;
                labelled(&mut session.out, done.lines())?;
                writeln!(session.out, "next")?;
                to.steps(plan, done, by).iter().try_for_each(|step| writeln!(session.out, "  {step}"))?;
            }
            ReportFormat::Json => {
                let (source, next) = (done.report.checked(), Some(to.starts(plan, by.tls)));
                let document = Document { dry_run: false, plan, destination: None, source, restored: Some(done), next };
                render::json(&mut session.out, &document, false)?;
            }
        }
        Ok(session.out.flush()?)
    }

    /// Destination and options of the result.
    fn target(&self, folder: PathBuf, members: &[String]) -> Result<Target> {
        let owner = self.place.owner.as_deref().map(Owner::parse).transpose()?;
        let (mode, trust, arguments) = (self.place.mode, self.trust.trust(), arguments());
        if self.place.to_snapshot.is_some() {
            return Ok(Target::File(SaveJob { to: folder, owner, mode, trust, arguments }));
        }
        let to = Destination {
            places: self.places(members)?,
            folder: std::path::absolute(&folder).unwrap_or(folder),
            keep_old: self.place.keep_old,
            owner: owner.or_else(|| Owner::of(&self.place.data_dir.clone().or(self.place.to.clone())?)),
            mode,
        };
        Ok(Target::Members(Job { to, trust, arguments }))
    }

    fn places(&self, members: &[String]) -> Result<Vec<Place>> {
        let place = |member: &String| match (&self.place.to, &self.place.data_dir) {
            (Some(to), _) => Place::new(member, &to.join(member), None),
            (None, Some(data_dir)) => Place::new(member, data_dir, self.place.wal_dir.as_deref()),
            (None, None) => Err(Error::usage("--data-dir is missing")),
        };
        members.iter().map(place).collect()
    }
}

fn print_plan(out: &mut impl Write, plan: &Plan<'_>, to: &Target) -> io::Result<()> {
    writeln!(out, "restore {}", printable(plan.source.clone()))?;
    labelled(out, plan.lines(&to.places()))
}

/// Carries out the plan; ^C ends it and leaves no files.
fn run(session: &mut Session, source: &Source, plan: &Plan<'_>, to: &Target) -> Result<Done, Failure> {
    let stop = stop_at_signal();
    let progress = session.progress(source);
    let done = to.make(source, plan, Watch { stop: &stop, progress: &|done, all| progress.update(done, all) })?;
    drop(progress);
    session.wrote(&done.files)?;
    Ok(done)
}
