use std::{io::Write as _, path::PathBuf};

use clap::{Args, Subcommand};
use etcdsnap::{Code, Error, bytes::file_name, error::Severity, etcd::Load};
use serde::Serialize;

use super::restore;
use crate::{
    args::LogDir,
    failure::{Exit, Failure},
    render::{
        self,
        etcdutl::{Answer, WriteOut},
    },
    session::Session,
};

/// Run etcdutl's own commands, for scripts that call them
#[derive(Debug, Args)]
#[command(infer_subcommands = true)]
pub(crate) struct Snapshot {
    #[command(subcommand)]
    command: Alias,
    /// The format of `status`
    #[arg(short = 'w', long, global = true, value_enum, default_value_t = WriteOut::Simple)]
    write_out: WriteOut,
    /// Accepted and ignored: no lock is taken
    #[arg(long, global = true, hide = true)]
    timeout: Option<String>,
}

/// As cobra takes them: a flag may be given again, and the last one counts.
#[derive(Debug, Subcommand)]
enum Alias {
    /// Print what `etcdutl snapshot status` prints, byte for byte
    #[command(args_override_self = true)]
    Status(Status),
    /// Restore as `etcdutl snapshot restore` does, with its flags and defaults
    #[command(args_override_self = true)]
    Restore(Box<restore::Alias>),
}

#[derive(Debug, Args)]
struct Status {
    /// The backup
    filename: PathBuf,
}

impl Snapshot {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        match self.command {
            Alias::Status(status) => status.run(session, self.write_out),
            Alias::Restore(restore) => restore.run(session),
        }
    }
}

/// Findings that do not stop etcdutl: it checks pages, revisions and values, not their meaning.
const UNSEEN: [Code; 9] = [
    Code::Record,
    Code::RevisionGap,
    Code::MetaValue,
    Code::Member,
    Code::MemberId,
    Code::ClusterValue,
    Code::Lease,
    Code::AuthUser,
    Code::AuthRole,
];

impl Status {
    fn run(self, session: &mut Session, write_out: WriteOut) -> Result<Exit, Failure> {
        let source = session.open(&self.filename, &LogDir::default())?;
        // etcdutl takes the db itself and nothing around it.
        if !source.is_bare(&self.filename) {
            let what = format!("{}: invalid database", file_name(&self.filename));
            let hint = Some("`etcdsnap status` opens it: this alias answers as etcdutl does".to_owned());
            return Err(Error::not_found(what).hinted_if(hint).into());
        }
        let snapshot = session.load(&source, &Load::default())?;
        let survey = snapshot.survey();
        let seen = |code: Code, severity| severity == Severity::Error && !UNSEEN.contains(&code);
        if survey.findings.counts().any(|(code, severity, _)| seen(code, severity)) {
            return session.close(&source, &survey.findings);
        }
        let version = snapshot.state.meta.storage_version.clone().unwrap_or_default();
        let (revision, keys, size) = (survey.revision, survey.total_key, survey.total_size);
        let hex = format!("{:x}", survey.hash);
        let cells = [hex, revision.to_string(), keys.to_string(), render::bytes(size), version.clone()];
        let fields = [
            ("Hash", survey.hash.to_string()),
            ("Revision", revision.to_string()),
            ("Keys", keys.to_string()),
            ("Size", size.to_string()),
            ("Version", version.clone()),
        ];
        let printer =
            Answer { fields: &fields, table: (&["HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE", "VERSION"], &cells) };
        let out = &mut session.out;
        match write_out {
            WriteOut::Simple => writeln!(out, "{}", cells.join(", "))?,
            WriteOut::Fields => printer.fields(out)?,
            WriteOut::Table => printer.table(out)?,
            WriteOut::Json => {
                let status =
                    StatusJson { hash: survey.hash, revision, total_key: keys, total_size: size, version: &version };
                writeln!(out, "{}", serde_json::to_string(&status)?)?;
            }
        }
        session.intact(&source)?;
        Ok(Exit::Good)
    }
}

/// The status as etcdutl writes it, in Go's field order and with no member besides (`snapshot.Status`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusJson<'v> {
    hash: u32,
    revision: i64,
    total_key: u64,
    total_size: u64,
    version: &'v str,
}
