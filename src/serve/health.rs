//! What clients and people ask about the server itself.

use super::{answer::Answer, backup::Backup};
use crate::error::Severity;

/// The number of findings that `/readyz?verbose` lists.
const LISTED: usize = 20;

/// The release that wrote the backup, as far as it is known: `v1.36.0-etcdsnap`.
pub(super) fn git_version(backup: &Backup) -> String {
    format!("v1.{}.0-etcdsnap", backup.now.release.minor())
}

/// `/version`: the release that wrote the backup, as far as it is known.
pub(super) fn version(backup: &Backup) -> Answer {
    let minor = backup.now.release.minor();
    let version = serde_json::json!({
        "major": "1", "minor": minor.to_string(), "gitVersion": git_version(backup), "gitCommit": "",
        "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    });
    Answer::json(200, version.to_string().into_bytes())
}

/// `/healthz`, `/livez`, `/readyz`: whether the file is what was opened; with `?verbose` also what is wrong in it.
pub(super) fn health(backup: &Backup, which: &str, verbose: bool) -> Answer {
    let changed = backup.intact().err();
    let (code, state) = if changed.is_some() { (500, "failed") } else { (200, "passed") };
    if !verbose && changed.is_none() {
        return Answer::text(200, "ok");
    }
    let mut text = String::from("[+]ping ok\n");
    match &changed {
        Some(error) => text.push_str(&format!("[-]file failed: {error}\n")),
        None => text.push_str(&format!("[+]file ok: {} is unchanged\n", backup.file())),
    }
    let worth = || backup.findings().list().iter().filter(|finding| finding.severity > Severity::Info);
    match backup.findings().damaged() {
        true => text.push_str("[-]content failed: the backup is damaged; what can be read is served\n"),
        false => text.push_str(&format!("[+]content ok: revision {}\n", backup.revision())),
    }
    worth().take(LISTED).for_each(|finding| text.push_str(&format!("   {}: {finding}\n", finding.severity)));
    let more = worth().count().saturating_sub(LISTED);
    if more > 0 {
        text.push_str(&format!("   {more} more; `etcdsnap verify` lists them\n"));
    }
    text.push_str(&format!("{which} check {state}\n"));
    Answer::text(code, text)
}
