//! Arguments of `restore`: the destination, revisions, what is kept.

use std::{
    path::{Path, PathBuf},
    str::FromStr as _,
};

use clap::Args;
use etcdsnap::{
    Error, Result,
    error::{Advice, Call},
    etcd::{
        Compact,
        boot::{JUDGED, Minor},
    },
    restore::{Bump, Carry, Past},
    source::Source,
};

use crate::{args::LogDir, session::Session};

#[derive(Debug, Args)]
#[command(next_help_heading = "Where")]
pub(super) struct Where {
    /// The data directory; the result is DIR/member
    #[arg(long, value_name = "DIR", required_unless_present_any = ["to", "to_snapshot"])]
    pub(super) data_dir: Option<PathBuf>,
    /// Put the new log into DIR instead of member/wal; --wal reads one
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub(super) wal_dir: Option<PathBuf>,
    /// With --all-members: the folder for all; each member is in DIR/NAME
    #[arg(long, value_name = "DIR", requires = "all_members", conflicts_with_all = ["data_dir", "wal_dir"])]
    pub(super) to: Option<PathBuf>,
    /// Make a snapshot file instead, with its SHA-256
    ///
    /// For programs that restore from a snapshot file: etcdutl, Talos, k3s, OpenShift. All other options work as for a
    /// data directory: for example, entries of a log are applied, and removed keys are not in the file. The members are
    /// those of the backup.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data_dir", "wal_dir", "to", "keep_old"])]
    pub(super) to_snapshot: Option<PathBuf>,
    /// Rename an existing member/ to member.before-<UTC>
    ///
    /// What is in the folder of --wal-dir, such as an old log, is moved into before-<UTC> there.
    #[arg(long)]
    pub(super) keep_old: bool,
    /// Give what is written to USER[:GROUP] [default: as root, the owner of the member or data directory that is there]
    #[arg(long, value_name = "OWNER", hide_short_help = true)]
    pub(super) owner: Option<String>,
    /// The mode of the folders, octal; files get the same mode without the x bits
    #[arg(long, default_value = "0700", value_parser = mode, hide_short_help = true)]
    pub(super) mode: u32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What is changed in the db")]
pub(super) struct Revisions {
    /// Raise the revision by N, or (auto) past every known one
    ///
    /// All earlier revisions are marked as compacted. The new revision is 4611686018427387904 (2^62) at most.
    #[arg(long, value_name = "N|auto", value_parser = Bump::from_str)]
    pub(super) bump_revision: Option<Bump>,
    /// Has no effect of its own: --bump-revision includes it. For command lines of etcdutl, which needs both
    #[arg(long, requires = "bump_revision", hide_short_help = true)]
    pub(super) mark_compacted: bool,
    /// A newer backup or dead member: raise the revision above its own
    ///
    /// A dead member is named by its data directory. Only with --bump-revision. A backup does not show how many
    /// revisions followed it, so `auto` adds 1,000,000,000 to the highest known revision. The data directories of most
    /// of the voters, with their logs, show the last revision: then `auto` adds only 20 %. They must be undamaged, with
    /// logs that are not torn, and of this cluster: with the same uid of kube-system, or with a member that both list.
    /// A backup with another uid of kube-system is refused.
    #[arg(long, value_name = "SNAPSHOT")]
    pub(super) past: Vec<PathBuf>,
    /// Remove the history before REV
    #[arg(long, value_name = "REV|latest", value_parser = Compact::from_str)]
    pub(super) compact: Option<Compact>,
    /// Write a new db, without free pages and without the history that --compact removes
    #[arg(long, hide_short_help = true)]
    pub(super) defrag: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What is changed in the db")]
pub(super) struct CarryArgs {
    /// Remove the alarms; for NOSPACE also --compact latest --defrag
    #[arg(long)]
    pub(super) disarm_alarms: bool,
    /// Turn auth off, and keep users and roles
    #[arg(long, hide_short_help = true)]
    pub(super) reset_auth: bool,
    /// Turn auth off, and remove users and roles
    #[arg(long, hide_short_help = true)]
    pub(super) drop_auth: bool,
    /// Remove the leases and the keys bound to them
    #[arg(long, hide_short_help = true)]
    pub(super) drop_leases: bool,
    /// Remove the keys that begin with PREFIX; a warning tells when there are none
    #[arg(long, value_name = "PREFIX", value_parser = prefix, hide_short_help = true)]
    pub(super) drop_key: Vec<String>,
    /// End a downgrade that is in progress
    #[arg(long, hide_short_help = true)]
    pub(super) clear_downgrade: bool,
    /// Change the db so that this version of etcd starts on it
    #[arg(long, value_name = "3.4|3.5|3.6|3.7", value_parser = etcd)]
    pub(super) for_etcd: Option<Minor>,
}

impl Where {
    /// Checks that the destination is one of as many members as are restored: the parser drops a requirement where it
    /// conflicts with what is named.
    pub(super) fn fits(&self, all_members: bool, snapshot: &Path) -> Result<()> {
        let restore = Call::new("etcdsnap restore").arg(snapshot);
        match (&self.to, &self.data_dir) {
            (None, Some(dir)) if all_members => {
                let to = restore.args(["--all-members", "--to"]).arg(dir);
                let advice = Advice::from("each member gets a folder of its name below DIR:").call(to);
                Err(Error::usage("--all-members goes with --to DIR, not --data-dir").hinted(advice))
            }
            (Some(to), _) if !all_members => {
                let advice = Advice::from("for one member:").call(restore.arg("--data-dir").arg(to));
                let advice = advice.and(" and the flags that name it");
                Err(Error::usage("--to goes with --all-members").hinted(advice))
            }
            _ => Ok(()),
        }
    }
}

impl Revisions {
    /// The last revision of the old cluster of `backup`, as far as the other backups show it.
    pub(super) fn past(&self, session: &mut Session, backup: &Source) -> Result<Option<Past>> {
        let others = self.past.iter().map(|past| session.open(past, &LogDir::default())).collect::<Result<Vec<_>>>()?;
        let past = Past::of(backup, &others)?;
        others.iter().try_for_each(Source::intact)?;
        Ok(past)
    }
}

impl CarryArgs {
    pub(super) fn carry(&self) -> Carry {
        Carry {
            disarm_alarms: self.disarm_alarms,
            reset_auth: self.reset_auth,
            drop_auth: self.drop_auth,
            drop_leases: self.drop_leases,
            drop_keys: self.drop_key.iter().map(|prefix| prefix.clone().into_bytes()).collect(),
            clear_downgrade: self.clear_downgrade,
        }
    }
}

fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    let mode = mode.ok_or("not an octal mode such as 0700")?;
    if mode & 0o700 == 0o700 { Ok(mode) } else { Err("the owner could not use it".to_owned()) }
}

fn prefix(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("an empty prefix is every key".to_owned()) } else { Ok(text.to_owned()) }
}

fn etcd(text: &str) -> Result<Minor, String> {
    let known = Minor::parse(text).filter(|etcd| JUDGED.contains(etcd));
    known.ok_or_else(|| "one of 3.4, 3.5, 3.6, 3.7".to_owned())
}
