use clap::{Args, ValueEnum};
use etcdsnap::{
    Error,
    bytes::counted,
    catalog::{BranchGrowth, Growth, Holder},
};
use serde::Serialize;
use std::io::Write as _;

use super::common::{Db, Of, What, minute, note_doubts};
use crate::{
    args::ReportFormat,
    failure::{Exit, Failure},
    render::{self, Columns, bytes},
    session::Session,
};

/// Show what grew: the size of the values of each kind or namespace, from backup to backup
///
/// The kind that grew most comes first. LARGEST STEP is the time of the backup with the largest increase since the one
/// before. CHART has one bar for each backup, or one for several backups when there are more than 40. The highest bar
/// of a line is the largest size in this line. Old revisions and free pages are not counted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap catalog growth
  etcdsnap catalog growth --by namespace
  etcdsnap catalog growth events,leases

Exit status: 1 when no backup holds what is named, or not all could be searched")]
pub(crate) struct GrowthCommand {
    #[command(flatten)]
    what: What,
    /// What the sizes are counted by
    #[arg(long, value_enum, default_value_t = By::Kind)]
    by: By,
    /// The number of lines that are printed at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
    /// The format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    db: Db,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Kind
    Kind,
    /// Namespace
    Namespace,
}

#[derive(Debug, Serialize)]
struct Document<'c> {
    items: Vec<BranchGrowth<'c>>,
}

/// The most bars of a chart.
const BARS: usize = 40;

impl GrowthCommand {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let catalog = self.db.open()?;
        let by = match self.by {
            By::Kind => Growth::Kind,
            By::Namespace => Growth::Namespace,
        };
        let (scope, wanted) = (self.of.scope(), self.what.wanted());
        let items = catalog.growth(&scope, by, &wanted)?;
        let found = items.iter().any(|of| !of.series.is_empty());
        match self.output {
            ReportFormat::Json => render::json(&mut session.out, &Document { items }, false)?,
            ReportFormat::Text => items.iter().try_for_each(|of| self.text(of, session))?,
        }
        let exit = note_doubts(&catalog.doubts(&scope)?);
        if !wanted.is_empty() && !found {
            let what = format!("no backup in the catalog holds {}", self.what.words());
            return Err(Error::not_found(what).into());
        }
        Ok(exit)
    }

    fn text(&self, of: &BranchGrowth<'_>, session: &mut Session) -> Result<(), Failure> {
        let holders = &of.holders;
        let time = |of: Option<&&Holder>| minute(of.and_then(|of| of.entry.time()));
        let (first, last) = (time(holders.first()), time(holders.last()));
        writeln!(session.out, "cluster {}: {}, {first} to {last}", of.row, counted(holders.len(), "backup"))?;
        let name = if self.by == By::Kind { "KIND" } else { "NAMESPACE" };
        let mut columns = Columns::new(&[name, "KEYS", "NOW", "BYTES", "NOW", "GROWN", "LARGEST STEP", "CHART"])
            .right(&[1, 2, 3, 4, 5]);
        for series in of.series.iter().take(self.top) {
            let ends = |counts: &[u64]| [counts.first(), counts.last()].map(|of| of.copied().unwrap_or_default());
            let ([keys, keys_now], [size, size_now]) = (ends(&series.keys), ends(&series.bytes));
            let grown = series.grown();
            let change = u64::try_from(grown.unsigned_abs()).unwrap_or(u64::MAX);
            columns.add([
                series.name.clone(),
                keys.to_string(),
                keys_now.to_string(),
                bytes(size),
                bytes(size_now),
                format!("{}{}", if grown < 0 { "-" } else { "+" }, bytes(change)),
                series.largest_step().map_or_else(|| "-".to_owned(), |at| time(holders.get(at))),
                chart(&series.bytes),
            ]);
        }
        Ok(columns.finish(&mut session.out)?)
    }
}

/// Bars of eight heights; of several backups in one bar the greatest.
fn chart(counts: &[u64]) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().copied().max().unwrap_or_default().max(1);
    let width = counts.len().div_ceil(BARS).max(1);
    let bar = |group: &[u64]| {
        let of = group.iter().copied().max().unwrap_or_default();
        let height = (u128::from(of) * 7).div_ceil(u128::from(most));
        match of {
            0 => ' ',
            _ => HEIGHTS.get(usize::try_from(height).unwrap_or_default()).copied().unwrap_or('█'),
        }
    };
    counts.chunks(width).map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::chart;

    #[test]
    fn a_chart_has_a_bar_for_each_backup_up_to_forty() {
        assert_eq!(chart(&[0, 1, 50, 100]), " ▂▅█");
        assert_eq!(chart(&[7; 3]), "███");
        assert_eq!(chart(&[1; 81]).chars().count(), 27);
        assert_eq!(chart(&[]), "");
    }
}
