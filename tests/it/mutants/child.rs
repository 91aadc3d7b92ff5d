//! One call of the program, watched.

use std::{
    env,
    ffi::OsString,
    fs,
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// CPU time after which a call is taken to hang: on a busy machine, any of them may take long.
const CPU: Duration = Duration::from_secs(10);
/// Time after which it is, too, if it waits without end.
const WAITS: Duration = Duration::from_secs(300);
/// Memory of a call besides maps of files.
const MEMORY: u64 = 1 << 30;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Exit0,
    Exit1,
    Exit2,
    Exit3,
    /// A panic, caught or not.
    Panic,
    /// A signal: also what an allocation beyond the limit ends with.
    Signal,
    /// It took longer than 10 s of CPU, or it waits.
    Hang,
    /// It printed something else the second time.
    Differs,
    /// It failed and printed nothing, or its JSON is none.
    NoJson,
}

impl End {
    pub fn is_bad(self) -> bool {
        self > Self::Exit3
    }
}

/// A call and how it ended.
pub struct Ended {
    pub call: String,
    pub end: End,
    pub said: String,
}

/// Whether a process that began at `start` is taken to hang.
pub fn hangs(pid: u32, start: Instant) -> bool {
    start.elapsed() > CPU && (cpu(pid) > CPU || start.elapsed() > WAITS)
}

/// CPU time that a process has had.
fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    // of the user and of the system, in ticks of which Linux shows a hundred a second
    let ticks = after_name.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>();
    Duration::from_millis(ticks * 10)
}

/// What a call printed.
#[derive(PartialEq)]
struct Said {
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Ended {
    /// The command, with the one below it.
    pub fn command(&self) -> String {
        let mut words = self.call.split(' ');
        let first = words.next().unwrap_or_default();
        let has_more = ["bolt", "snapshot", "evidence"].contains(&first);
        words.next().filter(|_| has_more).map_or(first.to_owned(), |second| format!("{first} {second}"))
    }
}

/// Runs a call in `dir`; if it is wanted `twice`, and compares.
pub fn watch(call: &[String], twice: bool, dir: &Path) -> Ended {
    let ended = |end, said: &Said| {
        let said = format!("{:?}\n{}", said.code, String::from_utf8_lossy(&said.stderr));
        Ended { call: call.join(" "), end, said }
    };
    let first = run(call, dir);
    let Some(first) = first else {
        return Ended { call: call.join(" "), end: End::Hang, said: String::new() };
    };
    let stderr = String::from_utf8_lossy(&first.stderr);
    if stderr.contains("because of a bug") || stderr.contains("panicked at") {
        return ended(End::Panic, &first);
    }
    let end = match first.code {
        Some(0) => End::Exit0,
        Some(1) => End::Exit1,
        Some(2) => End::Exit2,
        Some(3) => End::Exit3,
        _ => return ended(End::Signal, &first),
    };
    // of export, -o is about the files
    let json = call[0] != "export" && call.windows(2).any(|pair| pair == ["-o", "json"]) && !first.stdout.is_empty();
    // as grep(1) where nothing matches
    let must_speak = end != End::Exit0 && !(call[0] == "grep" && end == End::Exit1);
    if must_speak && first.stdout.is_empty() && first.stderr.is_empty() || json && !is_json(&first.stdout) {
        return ended(End::NoJson, &first);
    }
    if !twice {
        return ended(end, &first);
    }
    match run(call, dir) {
        Some(second) if second == first || named_anew(call) && without_hash(&second) == without_hash(&first) => {
            ended(end, &first)
        }
        Some(second) => {
            let mut ended = ended(End::Differs, &first);
            ended.said += &format!("--- then\n{}", String::from_utf8_lossy(&second.stderr));
            ended
        }
        None => ended(End::Hang, &first),
    }
}

/// Whether the call writes names that depend on a random key: then the sum of the new file is another one each time.
fn named_anew(call: &[String]) -> bool {
    call[0] == "redact" && call.iter().any(|word| word.split(',').any(|also| also == "names"))
}

/// What was printed, without the status hash at the end of a line.
fn without_hash(said: &Said) -> (Option<i32>, String, &[u8]) {
    let text = String::from_utf8_lossy(&said.stdout);
    let lines = text.lines().map(|line| line.split(", status hash ").next().unwrap_or(line));
    (said.code, lines.collect::<Vec<_>>().join("\n"), &said.stderr)
}

/// One document, or what was written of it when the input ended it: that is not complete, and the exit status is not 0.
fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(text).is_ok()
}

/// The program: another build of it where the environment names one. It is what takes the time, so the tests need not
/// be built for speed.
pub fn program() -> OsString {
    env::var_os("ETCDSNAP_MUTANTS_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_etcdsnap").into())
}

/// Runs a call; `None` when it had to be ended.
fn run(call: &[String], dir: &Path) -> Option<Said> {
    let out = dir.join("out");
    let _ = fs::remove_dir_all(&out);
    let mut child = Command::new(program())
        .args(["--threads", "2"])
        .args(call)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    let _ = prlimit(Some(pid), Resource::Data, Rlimit { current: Some(MEMORY), maximum: Some(MEMORY) });
    let mut pipes = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    thread::scope(|scope| {
        let stderr = scope.spawn(|| {
            let mut text = Vec::new();
            pipes.1.read_to_end(&mut text).map(|_| text).unwrap_or_default()
        });
        let stdout = scope.spawn(|| {
            let mut text = Vec::new();
            pipes.0.read_to_end(&mut text).map(|_| text).unwrap_or_default()
        });
        let start = Instant::now();
        let mut pause = Duration::from_micros(500);
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if hangs(child.id(), start) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    break None;
                }
                None => thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(10));
        };
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        status.map(|status| Said { code: status.code(), stdout, stderr })
    })
}
