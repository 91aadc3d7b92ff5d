//! `salvage` on a damaged file, and what it wrote compared with the truth.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{pages::Pages, truth::Truth};

/// What came of a damaged file: how many keys.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Live ones whose newest record is whole in some leaf.
    pub there: usize,
    /// Live ones that are there or whose bytes are, in a leaf that is not whole.
    pub bytes: usize,
    /// Live ones that came back as they were.
    pub recovered: usize,
    pub proved: usize,
    pub likely: usize,
    /// Deleted ones that came back, none of them proved.
    pub risen: usize,
    /// Those that came back with an older value, none of them proved.
    pub stale: usize,
    /// Those of which the newest record came back with other bytes, none of them proved.
    pub holed: usize,
}

impl Outcome {
    /// The columns of a table.
    pub const HEAD: &str = "there | bytes there | recovered | proved | likely | risen | stale | with a hole";
}

impl std::ops::AddAssign for Outcome {
    fn add_assign(&mut self, other: Self) {
        self.there += other.there;
        self.bytes += other.bytes;
        self.recovered += other.recovered;
        self.proved += other.proved;
        self.likely += other.likely;
        self.risen += other.risen;
        self.stale += other.stale;
        self.holed += other.holed;
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { there, bytes, recovered, proved, likely, risen, stale, holed } = self;
        write!(f, "{there} | {bytes} | {recovered} | {proved} | {likely} | {risen} | {stale} | {holed}")
    }
}

/// A damaged file in a folder of its own.
pub struct Broken<'a> {
    pub dir: &'a Path,
    pub what: &'a str,
    pub pages: Pages<'a>,
    pub truth: &'a Truth,
    /// Somebody made up some of it, so that what was there may be in doubt.
    pub is_forged: bool,
    /// Arguments before the program's name, such as those of prlimit.
    pub under: &'a [&'a str],
    /// How long it took to save the file.
    pub took: Cell<Duration>,
}

/// Runs `salvage`, which ends in time and not by a signal.
#[track_caller]
pub fn salvage(args: &[&str]) -> Output {
    salvage_under(&["timeout", "120"], args)
}

#[track_caller]
fn salvage_under(under: &[&str], args: &[&str]) -> Output {
    let mut command = Command::new(under[0]);
    command.args(&under[1..]).args([env!("CARGO_BIN_EXE_etcdsnap"), "--threads", "2", "salvage"]).args(args);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "salvage {args:?}: {} {said}", output.status);
    assert!(!said.contains("because of a bug"), "salvage {args:?}: {said}");
    output
}

impl<'a> Broken<'a> {
    pub fn new(dir: &'a Path, what: &'a str, pages: Pages<'a>, truth: &'a Truth) -> Self {
        Self { dir, what, pages, truth, is_forged: false, under: &["timeout", "120"], took: Cell::default() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Whether the list has a record of the key as conflicting.
    fn is_conflicting(&self, key: &str) -> bool {
        let input = self.at("damaged.db");
        let mut args = vec![input.to_str().unwrap(), "--list", "--key", key, "--verdict", "conflicting"];
        if self.pages.base != 0 {
            args.push("--scan");
        }
        salvage_under(self.under, &args).status.success()
    }

    /// The file that `salvage` wrote, if any, and its report. A file that was there before is taken away.
    #[track_caller]
    fn written(&self, name: &str, more: &[&str]) -> (Option<Vec<u8>>, Value, Option<i32>) {
        let to = self.at(name);
        let beside = self.at(&format!("{name}.etcdsnap.json"));
        for old in [&to, &beside] {
            let _ = fs::remove_file(old);
        }
        let input = self.at("damaged.db");
        let mut args = vec![input.to_str().unwrap(), "--to", to.to_str().unwrap(), "-o", "json"];
        args.extend(more);
        // page 0 is not where the file begins
        if self.pages.base != 0 {
            args.push("--scan");
        }
        let start = Instant::now();
        let output = salvage_under(self.under, &args);
        self.took.set(start.elapsed());
        let said = String::from_utf8_lossy(&output.stderr);
        let report: Value = match serde_json::from_slice(&output.stdout) {
            Ok(report) => report,
            Err(_) if said.contains("there is no record") && !to.exists() => Value::Null,
            Err(error) => panic!("{}: {error}: {said}", self.what),
        };
        assert_eq!(to.exists(), beside.exists(), "{}", self.what);
        if to.exists() {
            let doubt: Value = serde_json::from_slice(&fs::read(&beside).unwrap()).unwrap();
            for (field, value) in doubt["salvage"].as_object().unwrap() {
                assert_eq!(report.get(field), Some(value), "{}", self.what);
            }
        }
        (fs::read(&to).ok(), report, output.status.code())
    }

    /// Salvages the file and holds what comes of it against the truth; each fault is a line in `faults`. `saved.db` in
    /// the folder is what was written.
    #[track_caller]
    pub fn judge(&self, faults: &mut Vec<String>) -> Outcome {
        let Self { what, pages, truth, .. } = self;
        let mut fault = |fault: String| faults.push(format!("{what}: {fault}"));
        fs::write(self.at("damaged.db"), pages.bytes).unwrap();
        let (proved, of_proved, _) = self.written("proved.db", &["--only", "proved"]);
        let proved = proved.map(|bytes| Truth::of(&bytes)).unwrap_or_default();
        let (saved, report, code) = self.written("saved.db", &[]);
        let saved = saved.map(|bytes| Truth::of(&bytes)).unwrap_or_default();
        if fs::read(self.at("damaged.db")).unwrap() != pages.bytes {
            fault("the input was changed".to_owned());
        }

        // a key that is proved is live, and as it was
        for (key, found) in &proved.live {
            let (key, live) = (String::from_utf8_lossy(key), truth.live.get(key));
            if live != Some(found) {
                fault(format!("{key} is called proved as {found:?}, and was {live:?}"));
            }
        }
        let there = truth.there(pages);
        for key in &there {
            let (found, live) = (saved.live.get(*key), truth.live.get(*key));
            let key = String::from_utf8_lossy(key);
            // of two copies that differ, nothing may show which one is right
            if found != live && !self.is_forged && !self.is_conflicting(&key) {
                fault(format!("{key} is there as {live:?}, and comes back as {found:?}"));
            }
        }
        let bytes: BTreeSet<_> = truth.bytes_there(pages).union(&there).copied().collect();
        let mut outcome = Outcome { there: there.len(), bytes: bytes.len(), ..Outcome::default() };
        for (key, found) in &saved.live {
            match truth.live.get(key) {
                Some(live) if live == found => outcome.recovered += 1,
                Some(live) if found.revision < live.revision => outcome.stale += 1,
                None => outcome.risen += 1,
                Some(live) if found.revision == live.revision => outcome.holed += 1,
                Some(_) => outcome.risen += 1,
            }
        }
        outcome.proved = proved.live.len();
        outcome.likely = saved.live.len() - proved.live.len();

        if report.is_null() {
            return outcome;
        }
        // what the report counts is what was written
        let count =
            |path: &str| report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{what}: {path}"));
        let of_verdicts = ["proved", "likely", "conflicting"].map(|verdict| count(&format!("/keys/{verdict}")));
        let kinds: [u64; 4] = ["leaves", "branches", "other", "total"].map(|kind| count(&format!("/pages/{kind}")));
        let complete = report["complete"] == true;
        let is_all = outcome.likely == 0 && saved.live == truth.live;
        for (so, of) in [
            (count("/keys/proved") == proved.live.len() as u64, "keys.proved"),
            (count("/keys/written") == saved.live.len() as u64, "keys.written"),
            (of_verdicts.iter().sum::<u64>() >= saved.live.len() as u64, "the sum of keys"),
            (of_proved.pointer("/keys/written") == report.pointer("/keys/proved"), "--only proved"),
            (kinds[..3].iter().sum::<u64>() <= kinds[3], "the sum of pages"),
            (complete == (code == Some(0)), "complete, and the exit status"),
            (!complete || is_all, "complete, although something is lost"),
        ] {
            if !so {
                fault(format!(
                    "{of}: exit {code:?}, {} and {} written: {}",
                    saved.live.len(),
                    proved.live.len(),
                    short(&report)
                ));
            }
        }
        outcome
    }
}

/// The report in one line, without its long lists.
pub fn short(report: &Value) -> String {
    let mut report = report.clone();
    for list in ["/revisions/gaps", "/kinds", "/buckets", "/next"] {
        if let Some(list) = report.pointer_mut(list) {
            *list = Value::Null;
        }
    }
    report.to_string()
}

/// Fails with the first of these, if there are any.
#[track_caller]
pub fn none_of(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults[..faults.len().min(30)].join("\n"));
}

/// Rows of a table: a damage and a file, and what came of it.
#[derive(Default)]
pub struct Table(BTreeMap<(&'static str, String), Outcome>);

impl Table {
    pub fn add(&mut self, kind: &'static str, file: &str, outcome: Outcome) {
        *self.0.entry((kind, file.to_owned())).or_default() += outcome;
    }

    pub fn of(&self, file: &str) -> impl Iterator<Item = (&'static str, Outcome)> {
        self.0.iter().filter(move |((_, of), _)| of == file).map(|((kind, _), outcome)| (*kind, *outcome))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| damage | {} |", Outcome::HEAD)?;
        writeln!(f, "|---|{}", "---|".repeat(8))?;
        let kinds: BTreeSet<_> = self.0.keys().map(|(kind, _)| *kind).collect();
        for of in kinds {
            let mut sum = Outcome::default();
            self.0.iter().filter(|((kind, _), _)| *kind == of).for_each(|(_, outcome)| sum += *outcome);
            writeln!(f, "| {of} | {sum} |")?;
        }
        Ok(())
    }
}
