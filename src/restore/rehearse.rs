//! A restore that writes nothing.

use super::{facts::Facts, plan::Plan, wanted::Wanted};
use crate::{
    Result,
    source::Source,
    verify::{Report, verify},
};

/// Verifies the backup, calling `progress` with the number of bytes read, and plans again with what the db is known to
/// use then.
///
/// # Errors
/// The errors of [`verify`] and [`Plan::make`].
pub fn rehearse<'a>(
    source: &Source,
    facts: Facts<'a>,
    wanted: &Wanted,
    progress: impl Fn(u64),
) -> Result<(Plan<'a>, Report)> {
    let report = verify(source, &facts.load, progress)?;
    source.intact()?;
    let plan = Plan::make(&Facts { in_use: report.in_use, ..facts }, wanted)?;
    Ok((plan, report))
}
