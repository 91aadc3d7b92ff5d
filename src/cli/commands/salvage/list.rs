//! Every record that is there, and what is thought of it.

use std::{ffi::OsString, io::Write as _, os::unix::ffi::OsStringExt as _, path::Path};

use clap::{Args, ValueEnum};
use etcdsnap::{
    bytes::escape,
    etcd::Range,
    k8s::Resources,
    salvage::{Options, Row, Trailer, Verdict, read},
    select::Selection,
};

use super::{format::Output, text::UNPROVED};
use crate::{
    args::{namespace, only_namespace},
    failure::{Exit, Failure},
    render::{self, Columns},
    session::Session,
};

/// Which records are listed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which records (--list)")]
pub(super) struct Listing {
    /// With --list: only those of these objects, KIND[,KIND...] [NAME...], or KIND/NAME...
    #[arg(value_name = "KIND[/NAME]", help_heading = None)]
    what: Vec<String>,
    /// Only those of this namespace; kinds without namespaces, such as nodes, are not affected
    #[arg(short, long, value_parser = namespace)]
    namespace: Option<String>,
    /// Only those of the key KEY
    #[arg(long, value_name = "KEY")]
    key: Option<OsString>,
    /// Only those of keys that begin with KEY
    #[arg(long, value_name = "KEY", conflicts_with = "key")]
    prefix: Option<OsString>,
    /// Only those with these verdicts, with commas
    #[arg(long, value_enum, value_name = "VERDICT", value_delimiter = ',')]
    verdict: Vec<Judgement>,
    /// The number of records that are listed at most; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
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
    /// Whether any of it was given.
    pub(super) fn is_given(&self) -> bool {
        let Self { what, namespace, key, prefix, verdict, limit } = self;
        let named = namespace.is_some() || key.is_some() || prefix.is_some();
        named || !what.is_empty() || !verdict.is_empty() || *limit > 0
    }

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
            (Some(key), _) => Some(Range::key(key.into_vec())),
            (_, Some(prefix)) => Some(Range::prefix(prefix.into_vec())),
            _ => None,
        };
        let namespace = only_namespace(self.namespace, false);
        let resources = if self.what.is_empty() { Resources::default() } else { salvage.resources() };
        let selection = Selection::new(&self.what, namespace.as_deref(), &resources)?.within(range);
        let verdicts: Vec<Verdict> = self.verdict.into_iter().map(Into::into).collect();
        let rows = salvage
            .rows()
            .filter(|row| (verdicts.is_empty() || verdicts.contains(&row.verdict)) && selection.matches(row.kv.key));
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
        if salvage.trailer() == Trailer::Differs {
            say!("warning: the SHA-256 differs from the trailer, so {UNPROVED}");
            return Ok(exit.max(Exit::Content));
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
