//! What commands share that make one new snapshot file of a backup.

use std::{io::Write as _, path::Path};

use etcdsnap::{
    Result,
    error::{Advice, Call, Next},
    publish::Watch,
    restore::SaveJob,
    source::Source,
};
use serde::Serialize;

use super::trust::TrustArgs;
use crate::{
    args::ReportFormat,
    failure::{Exit, Failure},
    render::{self, printable, report::labelled},
    session::{Session, arguments, stop_at_signal},
};

/// Lets `copy` make the file `to`; ^C ends it and leaves no file.
pub(super) fn make<T>(
    session: &Session,
    source: &Source,
    to: &Path,
    trust: &TrustArgs,
    copy: impl FnOnce(&SaveJob, Watch<'_>) -> Result<T>,
) -> Result<T> {
    let job = SaveJob { to: to.to_owned(), owner: None, mode: 0o600, trust: trust.trust(), arguments: arguments() };
    let (stop, progress) = (stop_at_signal(), session.progress(source));
    copy(&job, Watch { stop: &stop, progress: &|done, all| progress.update(done, all) })
}

/// Prints what `command` has made: `lines` of what is at a path, or the `document` with the steps after it. `checks`
/// are what to check before the file is used.
pub(super) fn report<D: Serialize>(
    session: &mut Session,
    source: &Source,
    (command, to): (&str, &Path),
    format: ReportFormat,
    checks: Vec<Advice>,
    lines: impl FnOnce(&str) -> Vec<(&'static str, String)>,
    document: impl FnOnce(Next) -> D,
) -> Result<Exit, Failure> {
    let printed = match format {
        ReportFormat::Json => {
            let verify = Call::new("etcdsnap verify").arg(to).into();
            let next: Next = std::iter::once(verify).chain(checks).collect();
            render::json(&mut session.out, &document(next), false)
        }
        ReportFormat::Text => {
            let title = printable(format!("{command} {}", source.name()));
            let written = writeln!(session.out, "{title}");
            let lines = lines(&to.display().to_string());
            let checks = checks.iter().map(|check| ("check", check.to_string()));
            let lines = lines.into_iter().chain(checks);
            written.and_then(|()| labelled(&mut session.out, lines)).map_err(Failure::from)
        }
    };
    if printed.is_err() {
        say!("note: the file was made; its report could not be printed");
    }
    printed?;
    session.intact(source)?;
    Ok(Exit::Good)
}
