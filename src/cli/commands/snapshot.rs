use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use etcdsnap::{
    Code, Error,
    bytes::file_name,
    error::Severity,
    etcd::Load,
    source::{BackupKind, Source, is_stdin},
};

use super::{hashkv::WriteOut, restore};
use crate::{
    failure::{Exit, Failure},
    render::{self, etcdutl::Answer},
    session::Session,
};

/// etcdutl's own commands, for scripts that call them
#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    #[command(subcommand)]
    command: Alias,
}

#[derive(Debug, Subcommand)]
enum Alias {
    /// As `etcdutl snapshot status`, byte for byte
    Status(Status),
    /// As `etcdutl snapshot restore`, with its flags and defaults
    Restore(Box<restore::Alias>),
}

#[derive(Debug, Args)]
struct Status {
    /// The backup
    filename: PathBuf,
    /// The format
    #[arg(short = 'w', long, value_enum, default_value_t = WriteOut::Simple)]
    write_out: WriteOut,
    /// Accepted and ignored: no lock is taken
    #[arg(long, hide = true)]
    timeout: Option<String>,
}

impl Snapshot {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        match self.command {
            Alias::Status(status) => status.run(session),
            Alias::Restore(restore) => restore.run(session),
        }
    }
}

/// What does not keep etcdutl from its answer: it looks at pages, revisions and values, not at what they mean.
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

/// Whether `source` is a db itself, with nothing around it: all that etcdutl takes. Standard input is a file, too.
pub(super) fn is_bare(source: &Source, named: &Path) -> bool {
    let is_named = source.path() == named || is_stdin(named);
    source.kind() != BackupKind::DataDir && source.wrapping().is_empty() && is_named
}

impl Status {
    fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = session.open(&self.filename)?;
        // etcdutl takes the db itself and nothing around it.
        if !is_bare(&source, &self.filename) {
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
        match self.write_out {
            WriteOut::Simple => writeln!(out, "{}", cells.join(", "))?,
            WriteOut::Fields => printer.fields(out)?,
            WriteOut::Table => printer.table(out)?,
            // Go's field order, and nothing that etcdutl does not print.
            WriteOut::Json => writeln!(
                out,
                "{{\"hash\":{},\"revision\":{revision},\"totalKey\":{keys},\"totalSize\":{size},\"version\":{}}}",
                survey.hash,
                serde_json::Value::String(version)
            )?,
        }
        session.intact(&source)?;
        Ok(Exit::Good)
    }
}
