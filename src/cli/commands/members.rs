use std::{io::Write as _, path::PathBuf};

use clap::{Args, ValueEnum};
use etcdsnap::{
    etcd::{State, state::Member},
    k8s::key_for_messages,
};

use crate::{
    args::LogArgs,
    failure::{Exit, Failure},
    render::{
        self,
        etcdutl::{boxed, member_cells},
        printable, quote,
    },
    session::Session,
};

/// List members, removed members, alarms, users and roles
///
/// The members are printed as by `etcdctl member list`, the permissions of a role as by `etcdctl role get`. The id of
/// the cluster is not shown, because a snapshot does not hold it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap members backup.db
  etcdsnap members backup.db -o json | jq '.members[].name'")]
pub(crate) struct Members {
    /// The backup
    snapshot: PathBuf,
    /// The format
    #[arg(short = 'w', long, short_alias = 'o', visible_alias = "output", value_enum, default_value_t = WriteOut::Simple)]
    write_out: WriteOut,
    /// Ids as hex in `fields` too
    #[arg(long)]
    hex: bool,
    #[command(flatten)]
    log: LogArgs,
}

/// The formats of `etcdctl member list`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum WriteOut {
    /// A member a line
    Simple,
    /// One JSON document
    Json,
    /// A name and a value a line
    Fields,
    /// A table
    Table,
}

impl Members {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = session.open(&self.snapshot, &self.log.dir)?;
        let snapshot = session.load(&source, &self.log.load())?;
        let (state, out) = (&masked(&snapshot.state), &mut session.out);
        match self.write_out {
            WriteOut::Simple => {
                for member in &state.members {
                    writeln!(out, "{}", printable(member_cells(member.into()).join(", ")))?;
                }
                rest(out, state)?;
            }
            WriteOut::Table => {
                let rows: Vec<_> = state.members.iter().map(|member| member_cells(member.into())).collect();
                boxed(out, &["ID", "STATUS", "NAME", "PEER ADDRS", "CLIENT ADDRS", "IS LEARNER"], &rows)?;
                rest(out, state)?;
            }
            WriteOut::Fields => {
                for member in &state.members {
                    self.fields(out, member)?;
                }
            }
            WriteOut::Json => render::json(out, state, true)?,
        }
        session.close(&source, &snapshot.findings)
    }

    fn fields(&self, out: &mut impl std::io::Write, member: &Member) -> std::io::Result<()> {
        let id = if self.hex { format!("{:x}", member.id) } else { member.id.0.to_string() };
        writeln!(out, "\"ID\" : {id}")?;
        writeln!(out, "\"Name\" : {}", quote(member.name.as_bytes()))?;
        for url in &member.peer_urls {
            writeln!(out, "\"PeerURL\" : {}", quote(url.as_bytes()))?;
        }
        for url in &member.client_urls {
            writeln!(out, "\"ClientURL\" : {}", quote(url.as_bytes()))?;
        }
        writeln!(out, "\"IsLearner\" : {}\n", member.is_learner)
    }
}

/// The state with what each role may do, without the keys that have a token as name.
fn masked(state: &State) -> State {
    let mut state = state.clone();
    state.auth.roles.iter_mut().for_each(|role| role.permissions = role.granted());
    for granted in state.auth.roles.iter_mut().flat_map(|role| &mut role.permissions) {
        granted.key = key_for_messages(&granted.key).into_owned();
        granted.range_end = key_for_messages(&granted.range_end).into_owned();
    }
    state
}

/// The parts of the output that `member list` does not print.
fn rest(out: &mut impl std::io::Write, state: &State) -> std::io::Result<()> {
    let auth = &state.auth;
    let quiet = state.removed.is_empty()
        && state.alarms.is_empty()
        && auth.users.is_empty()
        && auth.roles.is_empty()
        && !auth.enabled;
    if quiet {
        return Ok(());
    }
    writeln!(out)?;
    for id in &state.removed {
        writeln!(out, "removed: {id:x}")?;
    }
    for alarm in &state.alarms {
        writeln!(out, "alarm: memberID:{} alarm:{} (member {:x})", alarm.member.0, alarm.kind, alarm.member)?;
    }
    if auth.enabled || !auth.users.is_empty() {
        writeln!(out, "auth: {}", if auth.enabled { "enabled" } else { "disabled" })?;
    }
    for user in &auth.users {
        writeln!(out, "{}", printable(format!("user: {}, roles: {}", user.name, user.roles.join(","))))?;
    }
    for role in &auth.roles {
        writeln!(out, "{}", printable(format!("role: {}", role.name)))?;
        role.lines().iter().try_for_each(|line| writeln!(out, "\t{line}"))?;
    }
    Ok(())
}
