//! What a run does to a folder, read from the system calls that strace prints.

use std::{
    collections::HashMap,
    fs,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    rc::Rc,
};

use super::disk::{Content, Data, Disk, Ino};

/// The calls that are followed. What else changes files is in the list so that a run that does it is noticed.
const CALLS: &str = "?open,?openat,?openat2,?creat,?write,?writev,?pwrite64,?pwritev,?pwritev2,?ftruncate,?truncate,\
    ?fallocate,?copy_file_range,?sendfile,?splice,?rename,?renameat,?renameat2,?link,?linkat,?symlink,?symlinkat,\
    ?unlink,?unlinkat,?rmdir,?mkdir,?mkdirat,?mknod,?mknodat,?fsync,?fdatasync,?sync,?syncfs,?msync,?chmod,?fchmod,\
    ?fchmodat,?ioctl,?lseek,?statx,?mmap,?io_uring_setup";

/// Something that a run did.
#[derive(Debug)]
pub enum Event {
    /// Names that a folder gives to inodes, or takes from them, all at once.
    Names(Vec<(Ino, String, Option<Ino>)>),
    Data(Ino, Data),
    Mode(Ino, u32),
    /// A sync of one inode, or of all, which covers the events before the one of the number.
    Sync(Option<Ino>, usize),
}

/// What a run did to a folder.
#[derive(Debug)]
pub struct Trace {
    pub before: Disk,
    pub after: Disk,
    pub events: Vec<Event>,
    /// Which inodes the numbers in a journal are.
    pub whose: HashMap<u64, Ino>,
    pub output: Output,
}

/// Runs `command` in the folder `root`, and follows what it does there. Inodes that a journal of an earlier run names
/// have their number on the real disk.
pub fn follow(root: &Path, program: &[&str]) -> Trace {
    let before = Disk::read(root);
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-xx", "-v", "-qq", "-s", "4194304", "-e", "signal=none", "-o"]).arg(log.path());
    let output = strace.args(["-e", &format!("trace={CALLS}")]).args(program).current_dir(root).output().unwrap();
    let mut reader = Reader {
        root: root.to_str().unwrap().to_owned(),
        whose: before.0.iter().enumerate().filter_map(|(ino, inode)| Some((inode.number?, ino))).collect(),
        now: before.clone(),
        events: Vec::new(),
        positions: HashMap::new(),
        nameless: HashMap::new(),
        temporary: HashMap::new(),
        umask: umask(),
    };
    let mut begun: HashMap<String, (String, usize)> = HashMap::new();
    for line in fs::read_to_string(log.path()).unwrap().lines() {
        let (thread, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        if let Some(start) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(thread.to_owned(), (start.to_owned(), reader.events.len()));
        } else if let Some((_, rest)) = call.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let (start, since) = begun.remove(thread).unwrap();
            reader.call(&format!("{start}{rest}"), since);
        } else {
            reader.call(call, reader.events.len());
        }
    }
    let Reader { now, events, whose, .. } = reader;
    let (followed, done) = (now.list(), Disk::read(root).list());
    let differ = followed.iter().find(|(path, held)| done.get(*path) != Some(*held));
    let more = done.iter().find(|(path, _)| !followed.contains_key(*path));
    assert!(differ.or(more).is_none(), "what was followed is not what was done: {differ:?} {more:?}");
    Trace { before, after: now, events, whose, output }
}

fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap();
    u32::from_str_radix(umask.trim(), 8).unwrap()
}

struct Reader {
    root: String,
    now: Disk,
    events: Vec<Event>,
    whose: HashMap<u64, Ino>,
    positions: HashMap<String, u64>,
    /// Files that were made without a name, by what a descriptor is called that is open on one, and by its number.
    nameless: HashMap<String, Ino>,
    temporary: HashMap<String, Ino>,
    umask: u32,
}

/// The words between the outermost commas.
fn words(args: &str) -> Vec<&str> {
    let (mut words, mut depth, mut quoted, mut from) = (Vec::new(), 0, false, 0);
    for (at, byte) in args.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            b')' | b']' | b'}' | b'>' => depth -= 1,
            b',' if depth == 0 => {
                words.push(args[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    words.push(args[from..].trim());
    words
}

fn unescape(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|hex| u8::from_str_radix(&hex[..2], 16).unwrap()).collect()
}

fn text(word: &str) -> String {
    String::from_utf8(unescape(word)).unwrap()
}

fn bytes(word: &str) -> Vec<u8> {
    assert!(!word.ends_with("..."), "a write that is too long");
    unescape(word)
}

fn number(word: &str) -> u64 {
    let digits = word.trim_start_matches('[').split([']', ' ', '<']).next().unwrap();
    digits.parse().unwrap_or_else(|_| panic!("{word}: not a number"))
}

fn octal(word: &str) -> u32 {
    u32::from_str_radix(word, 8).unwrap()
}

impl Reader {
    /// The path below the root that the descriptor `word` is open on.
    fn open_on(&self, word: &str) -> Option<String> {
        let path = text(word.split_once('<')?.1);
        let below = path.strip_prefix(&self.root)?;
        (below.is_empty() || below.starts_with('/')).then(|| below.trim_start_matches('/').to_owned())
    }

    fn ino_of(&self, word: &str) -> Option<Ino> {
        if let Some(ino) = self.nameless.get(&text(word.split_once('<')?.1)) {
            return Some(*ino);
        }
        let path = self.open_on(word)?;
        self.now.find(&path)
    }

    /// The same of a path that is relative to the descriptor `at`.
    fn path(&self, at: &str, path: &str) -> Option<String> {
        let path = text(path);
        let whole = match path.strip_prefix(&self.root) {
            Some(below) if path.starts_with('/') => below.to_owned(),
            _ if path.starts_with('/') => return None,
            _ => format!("{}/{path}", self.open_on(at)?),
        };
        let parts: Vec<_> = whole.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        assert!(!parts.contains(&".."), "{path}");
        Some(parts.join("/"))
    }

    fn parent(&self, path: &str) -> (Ino, String) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        (self.now.find(folder).unwrap_or_else(|| panic!("{folder}: not there")), name.to_owned())
    }

    fn names(&mut self, names: Vec<(Ino, String, Option<Ino>)>) {
        names.iter().for_each(|(folder, name, ino)| self.now.set(*folder, name, *ino));
        self.events.push(Event::Names(names));
    }

    fn data(&mut self, ino: Ino, data: Data) {
        data.apply(self.now.content_mut(ino));
        self.events.push(Event::Data(ino, data));
    }

    fn make(&mut self, path: &str, is_folder: bool, mode: u32) -> Ino {
        let ino = self.now.create(is_folder, mode & !self.umask);
        let (folder, name) = self.parent(path);
        self.names(vec![(folder, name, Some(ino))]);
        ino
    }

    fn call(&mut self, call: &str, since: usize) {
        let Some((name, rest)) = call.split_once('(') else { return };
        let Some((args, result)) = rest.rsplit_once(" = ") else { return };
        let args = args.trim_end().strip_suffix(')').unwrap_or_else(|| panic!("{call}: not a call"));
        if result.starts_with('-') || result.starts_with('?') {
            return;
        }
        let args = words(args);
        let cwd = format!("AT_FDCWD<{}>", self.root.bytes().map(|b| format!("\\x{b:02x}")).collect::<String>());
        match name {
            "open" | "creat" | "mkdir" | "unlink" | "rmdir" | "chmod" => {
                let all: Vec<_> = [cwd.as_str()].into_iter().chain(args).collect();
                self.at(name, &all, result);
            }
            "rename" | "link" => self.renamed(name, &[&cwd, args[0], &cwd, args[1], "0"]),
            "renameat" | "renameat2" | "linkat" => {
                let all: Vec<_> = args.iter().copied().chain(["0"]).collect();
                self.renamed(name, &all);
            }
            "openat" | "mkdirat" | "unlinkat" | "fchmodat" | "statx" => self.at(name, &args, result),
            "write" | "writev" | "pwrite64" | "copy_file_range" | "sendfile" | "lseek" | "ftruncate" | "fallocate" => {
                self.written(name, &args, result);
            }
            "ioctl" if !args[1].contains("FICLONE") => {}
            "mmap" if !(args[2].contains("PROT_WRITE") && args[3].contains("MAP_SHARED")) => {}
            "fsync" | "fdatasync" => {
                if let Some(ino) = self.ino_of(args[0]) {
                    self.events.push(Event::Sync(Some(ino), since));
                }
            }
            "sync" => self.events.push(Event::Sync(None, since)),
            "syncfs" if self.open_on(args[0]).is_some() => self.events.push(Event::Sync(None, since)),
            "fchmod" => {
                if let Some(ino) = self.ino_of(args[0]) {
                    self.mode(ino, octal(args[1]) & 0o7777);
                }
            }
            _ => {
                let below = |word: &&str| self.path(&cwd, word).is_some() || self.open_on(word).is_some();
                assert!(!args.iter().any(|word| word.contains("\\x") && below(word)), "not followed: {call}");
            }
        }
    }

    fn mode(&mut self, ino: Ino, mode: u32) {
        self.now.0[ino].mode = mode;
        self.events.push(Event::Mode(ino, mode));
    }

    fn at(&mut self, name: &str, args: &[&str], result: &str) {
        let descriptor = result.split('<').next().unwrap().to_owned();
        if ["open", "openat", "creat"].contains(&name) {
            self.positions.insert(descriptor.clone(), 0);
            self.temporary.remove(&descriptor);
        }
        if args.get(2).is_some_and(|flags| flags.contains("O_TMPFILE")) {
            let ino = self.now.create(false, octal(args.last().unwrap()) & !self.umask);
            self.nameless.insert(text(result.split_once('<').unwrap().1), ino);
            self.temporary.insert(descriptor, ino);
            return;
        }
        let Some(path) = self.path(args[0], args[1]) else { return };
        let there = self.now.find(&path);
        match name {
            "open" | "openat" | "creat" => {
                let flags = args.get(2).copied().filter(|_| name != "creat").unwrap_or("O_CREAT|O_TRUNC");
                let mode = || octal(args.last().unwrap());
                if let Some(ino) = there {
                    if flags.contains("O_TRUNC") {
                        self.data(ino, Data::Len(0));
                    }
                } else {
                    assert!(flags.contains("O_CREAT"), "{path}: opened, but not there");
                    self.make(&path, false, mode());
                }
            }
            "mkdir" | "mkdirat" => drop(self.make(&path, true, octal(args[2]))),
            "unlink" | "unlinkat" | "rmdir" => {
                let (folder, name) = self.parent(&path);
                self.names(vec![(folder, name, None)]);
            }
            "chmod" | "fchmodat" => self.mode(there.unwrap(), octal(args[2]) & 0o7777),
            _ => {
                let ino = args.iter().find_map(|word| word.split_once("stx_ino=")?.1.split(',').next()?.parse().ok());
                if let (Some(number), Some(there)) = (ino, there) {
                    self.whose.insert(number, there);
                }
            }
        }
    }

    fn renamed(&mut self, name: &str, args: &[&str]) {
        let (from, to) = (self.path(args[0], args[1]), self.path(args[2], args[3]));
        let Some(to) = to else { return assert!(from.is_none(), "{name}: out of the folder") };
        let there = self.now.find(&to);
        let to = self.parent(&to);
        if name.starts_with("link") {
            let ino = match &from {
                Some(path) => self.now.find(path),
                None => self.temporary.get(text(args[1]).trim_start_matches("/proc/self/fd/")).copied(),
            };
            let ino = ino.unwrap_or_else(|| panic!("{args:?}: what is linked is not known"));
            return self.names(vec![(to.0, to.1, Some(ino))]);
        }
        let from = from.unwrap_or_else(|| panic!("{name}: into the folder"));
        let what = self.now.find(&from).unwrap();
        let exchanged = there.filter(|_| args[4].contains("RENAME_EXCHANGE"));
        let from = self.parent(&from);
        self.names(vec![(from.0, from.1, exchanged), (to.0, to.1, Some(what))]);
    }

    /// The position that a descriptor is at, which `len` bytes move on.
    fn passed(&mut self, word: &str, len: u64) -> u64 {
        let position = self.positions.entry(word.split('<').next().unwrap().to_owned()).or_default();
        let at = *position;
        *position += len;
        at
    }

    fn written(&mut self, name: &str, args: &[&str], result: &str) {
        let done = result.split([' ', '<']).next().unwrap().parse::<u64>().unwrap();
        let (to, from) = match name {
            "copy_file_range" => (args[2], Some((args[0], args[1]))),
            "sendfile" => (args[0], Some((args[1], args[2]))),
            _ => (args[0], None),
        };
        if name == "lseek" {
            self.positions.insert(to.split('<').next().unwrap().to_owned(), done);
            return;
        }
        let mut source = None;
        if let Some((from, at)) = from {
            let at = if at == "NULL" { self.passed(from, done) } else { number(at) };
            source = Some((from, at));
        }
        let Some(ino) = self.ino_of(to) else { return };
        let change = match name {
            "ftruncate" => Data::Len(number(args[1])),
            "fallocate" => {
                assert!(args[1] == "0", "fallocate: {args:?}");
                Data::AtLeast(number(args[2]) + number(args[3]))
            }
            _ => {
                let at = match name {
                    "pwrite64" => number(args[3]),
                    "copy_file_range" if args[3] != "NULL" => number(args[3]),
                    _ => self.passed(to, done),
                };
                let mut bytes = match source {
                    Some((from, at)) => self.held(from).part(at, done),
                    None => bytes(args[1]),
                };
                bytes.truncate(done as usize);
                Data::Write(at, Rc::new(bytes))
            }
        };
        self.data(ino, change);
    }

    /// The content of the file that a descriptor is open on.
    fn held(&self, word: &str) -> Content {
        if let Some(ino) = self.ino_of(word) {
            return self.now.content(ino).clone();
        }
        let path = PathBuf::from(std::ffi::OsString::from_vec(unescape(word.split_once('<').unwrap().1)));
        Content::read(&path)
    }
}
