//! Every record that is there, and what is thought of it.

use std::{ffi::OsString, io::Write as _, os::unix::ffi::OsStringExt as _, path::Path};

use clap::{Args, ValueEnum};
use etcdsnap::{
    bytes::escape,
    etcd::Range,
    salvage::{Options, Row, Verdict, read},
};

use super::format::Output;
use crate::{
    failure::{Exit, Failure},
    render::{self, Columns},
    session::Session,
};

/// Which records are listed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which records (--list)")]
pub(super) struct Listing {
    /// Only those of the key KEY
    #[arg(long, value_name = "KEY", requires = "list")]
    key: Option<OsString>,
    /// Only those of keys that begin with KEY
    #[arg(long, value_name = "KEY", requires = "list", conflicts_with = "key")]
    prefix: Option<OsString>,
    /// Only those with these verdicts, with commas
    #[arg(long, value_enum, value_name = "VERDICT", value_delimiter = ',', requires = "list")]
    verdict: Vec<Judgement>,
    /// No more than N; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0, requires = "list", hide_default_value = true)]
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Judgement {
    Proved,
    Likely,
    Superseded,
    Deleted,
    Conflicting,
}

impl From<Judgement> for Verdict {
    fn from(of: Judgement) -> Self {
        match of {
            Judgement::Proved => Self::Proved,
            Judgement::Likely => Self::Likely,
            Judgement::Superseded => Self::Superseded,
            Judgement::Deleted => Self::Deleted,
            Judgement::Conflicting => Self::Conflicting,
        }
    }
}

impl Listing {
    /// Prints the records in `input`.
    pub(super) fn run(
        self,
        session: &mut Session,
        input: &Path,
        options: &Options,
        output: Option<Output>,
    ) -> Result<Exit, Failure> {
        let source = session.open_any(input)?;
        let salvage = read(&source, options)?;
        let range = match (self.key, self.prefix) {
            (Some(key), _) => Range::key(key.into_vec()),
            (_, Some(prefix)) => Range::prefix(prefix.into_vec()),
            _ => Range::ALL,
        };
        let verdicts: Vec<Verdict> = self.verdict.into_iter().map(Into::into).collect();
        let rows = salvage
            .rows()
            .filter(|row| (verdicts.is_empty() || verdicts.contains(&row.verdict)) && range.contains(row.kv.key));
        let limit = if self.limit == 0 { usize::MAX } else { self.limit };
        let mut rows = rows.take(limit).peekable();
        let exit = if rows.peek().is_some() { Exit::Good } else { Exit::Content };
        match output {
            Some(Output::Ndjson) => {
                rows.try_for_each(|row| render::json(&mut session.out, &row, true))?;
            }
            Some(Output::Json) => {
                let rows: Vec<_> = rows.collect();
                render::documents(&mut session.out, &rows, false, false)?;
            }
            _ => table(session, rows)?,
        }
        session.out.flush()?;
        session.intact(&source)?;
        if exit == Exit::Content {
            say!("note: there is no such record; without --key, --prefix and --verdict all records are listed");
        }
        Ok(exit)
    }
}

fn table<'a>(session: &mut Session, rows: impl Iterator<Item = Row<'a>>) -> Result<(), Failure> {
    let headers = ["REVISION", "VERDICT", "ORIGIN", "PAGE", "OFFSET", "SIZE", "KEY", "WHY"];
    let mut columns = Columns::new(&headers).right(&[3, 4, 5]);
    for row in rows {
        let cells = [
            row.revision.to_string(),
            row.verdict.to_string(),
            row.origin.to_owned(),
            row.page.to_string(),
            format!("{:#x}", row.offset),
            row.kv.value.len().to_string(),
            escape(row.kv.key),
            row.reason(),
        ];
        columns.row(&mut session.out, cells)?;
    }
    Ok(columns.finish(&mut session.out)?)
}
