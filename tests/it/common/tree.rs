//! What lies in a folder, to be compared, for tests of what is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Read as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

/// One thing in a folder. Of a file, what it holds is summed up to a length that only the zeros of a log exceed.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    pub mode: u32,
    pub len: u64,
    pub sum: u64,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:o} {} {:04x}", self.mode & 0o7777, self.len, self.sum & 0xffff)
    }
}

/// All that lies in a folder, by relative path. The time in a name is left out: what was set aside is numbered in the
/// order in which it was, whether that was within one second or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree(pub BTreeMap<String, Entry>);

impl Tree {
    pub fn of(root: &Path) -> Self {
        let mut tree = Self::default();
        tree.add(root, "");
        tree
    }

    fn add(&mut self, dir: &Path, below: &str) {
        let paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let asides: BTreeSet<_> = paths.iter().filter_map(|path| Some(Aside::in_name(&name(path))?.0)).collect();
        for path in paths {
            let name = format!("{below}{}", timeless(&name(&path), &asides));
            let metadata = path.symlink_metadata().unwrap();
            let mut held = Vec::new();
            if metadata.is_dir() {
                self.add(&path, &format!("{name}/"));
            } else if metadata.is_file() {
                File::open(&path).unwrap().take(64 << 10).read_to_end(&mut held).unwrap();
            }
            let mut sum = DefaultHasher::new();
            held.hash(&mut sum);
            let len = if metadata.is_dir() { 0 } else { metadata.len() };
            let again = self.0.insert(name, Entry { mode: metadata.mode(), len, sum: sum.finish() });
            assert!(again.is_none(), "{} twice", path.display());
        }
    }

    /// What is below a folder of it.
    pub fn below(&self, folder: &str) -> Self {
        let inner = |path: &String| path.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned);
        Self(self.0.iter().filter_map(|(path, entry)| Some((inner(path)?, entry.clone()))).collect())
    }

    /// What is there, and below it.
    pub fn at(&self, path: &str) -> Self {
        let is = |other: &String| other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        Self(
            self.0.iter().filter(|(other, _)| is(other)).map(|(other, entry)| (other.clone(), entry.clone())).collect(),
        )
    }

    /// Without what an unfinished run works in.
    pub fn shown(&self) -> Self {
        let staged = |path: &str| path.contains(".etcdsnap-");
        Self(
            self.0
                .iter()
                .filter(|(path, _)| !staged(path))
                .map(|(path, entry)| (path.clone(), entry.clone()))
                .collect(),
        )
    }

    pub fn has_staging(&self) -> bool {
        *self != self.shown()
    }

    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// When something was set aside, and for which time, by its name: `WHAT.before-TIME[-NUMBER]`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Aside {
    what: String,
    time: String,
    number: u32,
}

impl Aside {
    /// Parses it out of a name, and returns what follows it there.
    fn in_name(name: &str) -> Option<(Self, &str)> {
        let (what, time) = name.split_once("before-2")?;
        let (time, rest) = time.split_once('Z')?;
        let (number, more) = match rest.strip_prefix('-') {
            Some(rest) => rest.split_at(rest.find('.').unwrap_or(rest.len())),
            None => ("1", rest),
        };
        Some((Self { what: what.to_owned(), time: time.to_owned(), number: number.parse().unwrap() }, more))
    }
}

fn timeless(name: &str, asides: &BTreeSet<Aside>) -> String {
    let Some((aside, more)) = Aside::in_name(name) else { return name.to_owned() };
    let number = asides.iter().filter(|other| other.what == aside.what && **other <= aside).count();
    let number = if number > 1 { format!("-{number}") } else { String::new() };
    format!("{}before-UTC{number}{more}", aside.what)
}

/// A command line of the program.
pub fn etcdsnap<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    command.args(args);
    command
}

/// Runs `etcdsnap ARGS` with a pipe as its standard input. The second value is whether `bytes` went into the pipe.
pub fn fed(args: &[&str], bytes: &[u8]) -> (Output, io::Result<()>) {
    let mut command = etcdsnap(args.iter().copied());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        let written = scope.spawn(move || stdin.write_all(bytes));
        let output = child.wait_with_output().unwrap();
        (output, written.join().unwrap())
    })
}

/// How a command ended, and what it said on stderr.
pub fn ended(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Continues a program that is stopped, or is about to be, and waits for its end.
pub fn let_on(mut program: Child) -> Output {
    for n in 0.. {
        if program.try_wait().unwrap().is_some() {
            break;
        }
        // again now and then, as the first may have come too early; not all the time, as each breaks off a call
        if n % 20 == 0 {
            assert!(Command::new("kill").args(["-CONT", &program.id().to_string()]).status().unwrap().success());
        }
        thread::sleep(Duration::from_millis(20));
    }
    program.wait_with_output().unwrap()
}

/// Runs a command line, words with a space between, in `dir`.
#[track_caller]
pub fn run_in(dir: &Path, line: &str) -> (Option<i32>, String) {
    ended(&etcdsnap(line.split_whitespace()).current_dir(dir).output().unwrap())
}

/// One clear sentence, which is no panic, and names what it is about.
#[track_caller]
pub fn assert_one_sentence(said: &str, about: &str) {
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(lines.len() == 1 && lines.iter().all(|line| line.contains(about)), "not one sentence on {about}: {said}");
    assert!(!said.contains("because of a bug"), "{said}");
}

/// Whether `program` can be run; prints that `test` is skipped when not.
pub fn can_run(program: &str, args: &[&str], test: &str) -> bool {
    let can = Command::new(program).args(args).output().is_ok_and(|output| output.status.success());
    if !can {
        super::skipped(test, &format!("no {program} {}", args.join(" ")));
    }
    can
}
