//! Promise 4: `get` answers as a real kubectl does, call by call, on a restored snapshot; where it does not,
//! docs/kubectl.md gives the reason.
//!
//! The calls are in `kubectl_calls.txt`. Ages are left out: kubectl counts from now, a backup from its newest time.

use std::{collections::HashMap, fmt::Write as _, fs, path::Path, process::Output, sync::Mutex, thread};

use crate::common::{Etcd, Peers, apiserver::Apiserver, etcdsnap, restore};

const CALLS: &str = include_str!("kubectl_calls.txt");

/// One call, and why its answer differs, if it does.
#[derive(Debug, Clone)]
pub struct Call {
    pub line: String,
    pub args: Vec<String>,
    pub differs: Option<&'static str>,
}

impl Call {
    /// The call of a line.
    pub fn new(line: String, differs: Option<&'static str>) -> Self {
        Self { args: words(&line), line, differs }
    }
}

/// The calls of a table: those below a line of `? WHY` differ.
pub fn calls(table: &'static str) -> Vec<Call> {
    let (mut calls, mut differs) = (Vec::new(), None);
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("? ") {
            Some(why) => differs = Some(why),
            None => calls.push(Call::new(line.to_owned(), differs)),
        }
    }
    calls
}

/// Words as a shell splits them, which may be in single quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words
}

#[test]
fn the_document_lists_the_calls_that_differ() {
    document(&calls(CALLS), "docs/kubectl.md");
}

/// Writes the calls that differ into the table of a page, or checks that they are there.
#[track_caller]
pub fn document(calls: &[Call], page: &str) {
    let mut table = "| calls | why they differ |\n|---|---|\n".to_owned();
    for group in calls.chunk_by(|a, b| a.differs == b.differs).filter(|group| group[0].differs.is_some()) {
        let lines: Vec<_> = group.iter().map(|call| format!("`{}`", call.line.replace('|', "\\|"))).collect();
        writeln!(table, "| {} | {} |", lines.join("<br>"), group[0].differs.unwrap()).unwrap();
    }
    let path = Path::new(page);
    let text = fs::read_to_string(path).unwrap();
    let (begin, end) = ("<!-- calls -->\n", "<!-- end -->");
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let want = format!("{before}{begin}{table}{end}{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, &want).unwrap();
    }
    assert!(want == fs::read_to_string(path).unwrap(), "UPDATE_DOCS=1 writes {page} anew");
}

/// Lines of cells, in which every age is `AGE`; the blanks that its width moves are left out.
fn lines(output: &[u8]) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(output);
    let cells = |line: &str| -> Vec<String> {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(|cell| if is_age(cell) { "AGE".to_owned() } else { cell.to_owned() }).collect()
    };
    text.lines().map(cells).collect()
}

/// `5d`, `3h12m`, `2 (5m ago)`, `5d (x3 over 6d)`.
fn is_age(cell: &str) -> bool {
    let cell = cell.split_once(" (x").map_or(cell, |(last, _)| last);
    let cell = cell.split_once(" (").map_or(cell, |(_, ago)| ago.trim_end_matches(" ago)"));
    cell.starts_with(|c: char| c.is_ascii_digit())
        && cell.ends_with(['s', 'm', 'h', 'd', 'y'])
        && cell.chars().all(|c| c.is_ascii_digit() || "smhdy".contains(c))
}

/// What a program prints besides its answer, without our hints; of the API server's warnings only what kubectl prints
/// of both.
fn said(output: &Output, own: bool) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let left_out = |line: &&str| line.starts_with("hint: ") || own && line.starts_with("Warning: ");
    let kept = text.lines().filter(|line| !left_out(line));
    kept.collect::<Vec<_>>().join("\n")
}

/// How the answers differ: the output, that one fails and the other does not, or what is said of an empty answer; of
/// failures too where the same program has failed, and not when they are `own`.
pub fn difference(ours: &Output, theirs: &Output, own: bool) -> Option<String> {
    let whole = |output: &Output| {
        format!(
            "[{}] {}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    };
    let differs = ours.status.success() != theirs.status.success()
        || ours.stdout != theirs.stdout && lines(&ours.stdout) != lines(&theirs.stdout)
        || (theirs.status.success() || !own) && said(ours, own) != said(theirs, own);
    differs.then(|| format!("ours: {}\nkubectl: {}", whole(ours), whole(theirs)))
}

/// Runs all calls, some at a time; what is wrong, and by its line what kubectl has answered to each.
fn compare(calls: &[Call], server: &Apiserver<'_>, snapshot: &str) -> (Vec<String>, HashMap<String, Output>) {
    let (next, wrong) = (Mutex::new(calls.iter()), Mutex::new(Vec::new()));
    let answers = Mutex::new(HashMap::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(call) = next.lock().unwrap().next() else { break };
                    let args: Vec<&str> = call.args.iter().map(String::as_str).collect();
                    let theirs = server.try_kubectl(&[&["get"], args.as_slice()].concat(), "");
                    let ours = etcdsnap([&["get", snapshot], args.as_slice()].concat());
                    let differs = difference(&ours, &theirs, true);
                    answers.lock().unwrap().insert(call.line.clone(), theirs);
                    match (differs, call.differs) {
                        (None, None) | (Some(_), Some(_)) => {}
                        (Some(how), None) => wrong.lock().unwrap().push(format!("{}\n{how}", call.line)),
                        (None, Some(why)) => wrong.lock().unwrap().push(format!("{}: no difference: {why}", call.line)),
                    }
                }
            });
        }
    });
    (wrong.into_inner().unwrap(), answers.into_inner().unwrap())
}

/// The lines of what `describe` prints that count: the pods of a node and the sums of what they ask for, and the sizes
/// of a Secret's values.
fn counted(output: &Output) -> Vec<Vec<String>> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counts = |cells: &Vec<String>| cells.iter().any(|cell| cell.ends_with("%)") || cell.ends_with(" bytes"));
    lines(&output.stdout).into_iter().filter(counts).collect()
}

/// A Node and a Secret are described with kubectl's numbers.
fn described(server: &Apiserver<'_>, snapshot: &str) {
    let both = |words: &[&str]| {
        let theirs = server.try_kubectl(&[&["describe"], words].concat(), "");
        [counted(&etcdsnap([&["describe", snapshot], words].concat())), counted(&theirs)]
    };
    let [ours, theirs] = both(&["node", "node-a"]);
    assert!(theirs.len() == 7 && theirs.iter().any(|line| line[1] == "sidecar"), "{theirs:?}");
    assert_eq!(ours, theirs);
    let [mut ours, theirs] = both(&["secret", "typed", "-n", "pay"]);
    assert_eq!(theirs, [["key:", "3 bytes"]]);
    assert!(ours[0].pop().unwrap().starts_with("masked:"));
    assert_eq!(ours, theirs);
}

#[test]
fn same_answers_as_kubectl_on_a_restored_snapshot() {
    let Some(peers) = Peers::find_kube("same_answers_as_kubectl_on_a_restored_snapshot") else { return };
    let calls = calls(CALLS);
    let same = calls.iter().filter(|call| call.differs.is_none()).count();
    assert!(same >= 250, "{same} calls");
    let dir = tempfile::tempdir().unwrap();
    let (data, snapshot) = (dir.path().join("data"), dir.path().join("backup.db"));
    let (data_flag, snapshot) = (data.display().to_string(), snapshot.display().to_string());
    restore(["fixtures/kube.db", "--data-dir", &data_flag, "--member", "m1"]);
    let etcd = Etcd::start_on(&peers, "36", Some(&data), &["--force-new-cluster"]).unwrap();
    let server = Apiserver::start(&peers, &etcd);
    for objects in ["tests/it/kubectl_kinds.yaml", "tests/it/kubectl_objects.yaml"] {
        server.apply(&fs::read_to_string(objects).unwrap());
        server.kubectl(&["wait", "--for", "condition=established", "crd", "--all"]);
    }
    let resources = r#"{"cpu":"4","memory":"8Gi","ephemeral-storage":"10Gi","hugepages-2Mi":"64Mi","pods":"110"}"#;
    let status = format!(r#"{{"status":{{"capacity":{resources},"allocatable":{resources}}}}}"#);
    server.kubectl(&["patch", "node", "node-a", "--subresource", "status", "--type", "merge", "--patch", &status]);
    etcd.ctl(&["put", "compact_rev_key", "100"]);
    etcd.ctl(&["snapshot", "save", &snapshot]);
    let (mut wrong, answers) = compare(&calls, &server, &snapshot);
    described(&server, &snapshot);
    #[cfg(feature = "serve")]
    wrong.extend(crate::serve::kubectl::compare(&peers, &server, &snapshot, &answers));
    #[cfg(not(feature = "serve"))]
    drop(answers);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), calls.len(), wrong.join("\n\n"));
}
