use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};
use etcdsnap::{
    Error,
    bytes::file_name,
    etcd::Load,
    publish::{Destination, Place, Run, recover},
    restore::{
        Bump, Carry, DEFAULT_TOKEN, Facts, Job, NewCluster, Options, Plan, Restored, Target, Trust, check_advertised,
    },
};

use crate::{
    args::LogDir,
    failure::{Exit, Failure},
    render::printable,
    session::Session,
};

/// etcdutl's own flags and defaults, for scripts that call it
#[derive(Debug, Args)]
pub(crate) struct Alias {
    /// The backup
    filename: PathBuf,
    /// The data directory
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// The log's directory
    #[arg(long)]
    wal_dir: Option<PathBuf>,
    /// The member's name
    #[arg(long, default_value = "default")]
    name: String,
    /// The cluster's members
    #[arg(long, default_value = "default=http://localhost:2380")]
    initial_cluster: String,
    /// A text that makes the ids of this cluster differ from those of another with the same URLs
    #[arg(long, default_value = DEFAULT_TOKEN)]
    initial_cluster_token: String,
    /// The member's peer URLs
    #[arg(long, default_value = "http://localhost:2380")]
    initial_advertise_peer_urls: String,
    /// Take a backup that has no SHA-256 trailer, or a wrong one
    #[arg(long, value_name = "BOOL", default_value_t = false, hide_default_value = true, action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    skip_hash_check: bool,
    /// Raise the revision by N
    #[arg(long, default_value_t = 0, value_parser = uint)]
    bump_revision: u64,
    /// Mark all earlier revisions as compacted
    #[arg(long, value_name = "BOOL", default_value_t = false, hide_default_value = true, action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    mark_compacted: bool,
    /// Accepted and ignored: the db is not opened by bbolt
    #[arg(long, hide = true, value_parser = uint)]
    initial_memory_map_size: Option<u64>,
}

impl Alias {
    pub(crate) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        if (self.bump_revision == 0) == self.mark_compacted {
            say!("Error: --mark-compacted required if --revision-bump > 0");
            return Ok(Exit::BadArguments);
        }
        let refused = |what: String| Failure::from(Error::refused(what));
        // etcdutl fails with 1 whatever is wrong
        let caller = |error: Error| match error {
            Error::Usage { what, hint } => Error::refused(what).hinted_if(hint),
            error => error,
        };
        let cluster = NewCluster::parse(&self.initial_cluster, &self.initial_cluster_token, &[]).map_err(caller)?;
        check_advertised(cluster.member(&self.name).map_err(caller)?, &self.initial_advertise_peer_urls)
            .map_err(caller)?;
        let data_dir = self.data_dir.unwrap_or_else(|| PathBuf::from(format!("{}.etcd", self.name)));
        [Some(data_dir.as_path()), self.wal_dir.as_deref()]
            .into_iter()
            .flatten()
            .try_for_each(|folder| recover(folder, Run::Restore))
            .map_err(caller)?;
        if data_dir.exists() && data_dir.read_dir().map_or(true, |mut entries| entries.next().is_some()) {
            return Err(refused(format!(
                "data-dir {:?} not empty or could not be read",
                data_dir.display().to_string()
            )));
        }
        if let Some(wal) = self.wal_dir.as_deref().filter(|wal| wal.exists()) {
            return Err(refused(format!("wal-dir {:?} exists", wal.display().to_string())));
        }
        session.unpack_near(&data_dir);
        let source = session.open(&self.filename, &LogDir::default())?;
        if !source.is_bare(&self.filename) {
            let what = format!("{}: not a snapshot file", file_name(&self.filename));
            let hint = Some("`etcdsnap restore` takes it: this alias does as etcdutl does".to_owned());
            return Err(Error::refused(what).hinted_if(hint).into());
        }
        let wanted = Options {
            cluster: Some(cluster),
            members: vec![self.name.clone()],
            carry: Carry::default(),
            bump: Some(self.bump_revision).filter(|by| *by > 0).map(Bump::By),
            past: None,
            known: None,
            compact: None,
            defrag: false,
            for_etcd: None,
            runs: None,
            compared: false,
        };
        let plan = Plan::make(&Facts::gather(&source, &Load::default(), &wanted.carry)?, &wanted).map_err(caller)?;
        let wal_dir: Option<&Path> = self.wal_dir.as_deref();
        let to = Destination {
            places: vec![Place::new(&self.name, &data_dir, wal_dir).map_err(caller)?],
            folder: std::path::absolute(&data_dir).unwrap_or(data_dir),
            keep_old: false,
            owner: None,
            mode: 0o700,
        };
        let trust = Trust { skip_hash_check: self.skip_hash_check, wrong_trailer: self.skip_hash_check, force: false };
        let job = Job { to, trust, arguments: crate::session::arguments() };
        for warning in &plan.warnings {
            say!("warning: {}: {}", plan.source, warning.what);
        }
        let target = Target::Members(job);
        let done = super::run(session, &source, &plan, &target).map_err(|failure| match failure {
            Failure::Error(error) => caller(error).into(),
            failure => failure,
        })?;
        session.intact(&source)?;
        // etcdutl logs it there
        for place in target.places() {
            let Restored { revision, total_key, .. } = done.restored;
            say!("restored {}: revision {revision}, {total_key} keys", printable(place));
        }
        Ok(Exit::Good)
    }
}

/// A boolean as Go's `strconv.ParseBool` reads it.
fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

/// A number as Go's `strconv.ParseUint` with base 0 reads it: decimal, or 0x, 0o, 0b before it, with _ between digits.
fn uint(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let (digits, base) = match lower.as_bytes() {
        [b'0', b'x', ..] => (lower.get(2..), 16),
        [b'0', b'o', ..] => (lower.get(2..), 8),
        [b'0', b'b', ..] => (lower.get(2..), 2),
        [b'0', _, ..] => (lower.get(1..), 8),
        _ => (Some(lower.as_str()), 10),
    };
    let number = digits.filter(|digits| !digits.starts_with('+')).map(|digits| digits.replace('_', ""));
    number.and_then(|number| u64::from_str_radix(&number, base).ok()).ok_or_else(|| "a whole number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::uint;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, want) in [("0", 0), ("1000", 1000), ("1_000_000", 1_000_000), ("0x10", 16), ("0b11", 3), ("010", 8)]
        {
            assert_eq!(uint(text), Ok(want), "{text}");
        }
        for text in ["", "-1", "+1", "0x", "1e9", "18446744073709551616"] {
            assert!(uint(text).is_err(), "{text}");
        }
    }
}
