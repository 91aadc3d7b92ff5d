//! Files and folders as a disk has them: inodes, and the names that folders give them.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    rc::Rc,
};

use serde_json::Value;

/// The index of an inode. The first is that of the root.
pub type Ino = usize;
pub const ROOT: Ino = 0;

/// The content of a file: `len` bytes, of which those after `bytes` are zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Content {
    pub bytes: Rc<Vec<u8>>,
    pub len: u64,
}

impl Content {
    pub fn new(mut bytes: Vec<u8>, len: u64) -> Self {
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1));
        Self { bytes: Rc::new(bytes), len }
    }

    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let len = bytes.len() as u64;
        Self::new(bytes, len)
    }

    /// `len` bytes from `at` on.
    pub fn part(&self, at: u64, len: u64) -> Vec<u8> {
        let end = (at + len).min(self.len).max(at);
        (at..end).map(|at| self.bytes.get(at as usize).copied().unwrap_or(0)).collect()
    }
}

/// A change of the content of one file.
#[derive(Debug, Clone)]
pub enum Data {
    Write(u64, Rc<Vec<u8>>),
    Len(u64),
    AtLeast(u64),
}

impl Data {
    pub fn apply(&self, content: &mut Content) {
        match self {
            Self::Write(at, bytes) => {
                let end = *at as usize + bytes.len();
                let held = Rc::make_mut(&mut content.bytes);
                held.resize(held.len().max(end), 0);
                held[*at as usize..end].copy_from_slice(bytes);
                held.truncate(held.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1));
                content.len = content.len.max(end as u64);
            }
            Self::Len(len) => *content = Content::new(content.part(0, (*len).min(content.bytes.len() as u64)), *len),
            Self::AtLeast(len) => content.len = content.len.max(*len),
        }
    }

    /// As much of it as is on the disk when its blocks are not: the length alone, or a half of what is written.
    pub fn torn(&self) -> Self {
        match self {
            Self::Write(at, bytes) => Self::Write(*at, Rc::new(bytes[..bytes.len() / 2].to_vec())),
            other => other.clone(),
        }
    }

    pub fn hole(&self) -> Self {
        match self {
            Self::Write(at, bytes) => Self::AtLeast(*at + bytes.len() as u64),
            other => other.clone(),
        }
    }
}

#[derive(Debug, Clone)]
pub enum Held {
    File(Content),
    Folder(BTreeMap<String, Ino>),
}

#[derive(Debug, Clone)]
pub struct Inode {
    pub held: Held,
    pub mode: u32,
    /// Its mode when it was made.
    pub made: u32,
    /// The number of it on the real disk, as far as somebody asked for that.
    pub number: Option<u64>,
}

impl Inode {
    /// It, as it was made.
    pub fn anew(&self) -> Self {
        let held = match self.held {
            Held::File(_) => Held::File(Content::default()),
            Held::Folder(_) => Held::Folder(BTreeMap::new()),
        };
        Self { held, mode: self.made, ..self.clone() }
    }
}

/// All inodes, those without a name too.
#[derive(Debug, Clone, Default)]
pub struct Disk(pub Vec<Inode>);

/// A file's path, its mode, and its content if it is no folder.
pub type Listing = BTreeMap<String, (u32, Option<Content>)>;

impl Disk {
    /// What is in the folder `root`.
    pub fn read(root: &Path) -> Self {
        let mut disk = Self::default();
        disk.add(root);
        disk
    }

    fn add(&mut self, path: &Path) -> Ino {
        let (ino, metadata) = (self.0.len(), path.symlink_metadata().unwrap());
        assert!(metadata.is_dir() || metadata.is_file(), "{}", path.display());
        let (mode, number) = (metadata.mode() & 0o7777, Some(metadata.ino()));
        self.0.push(Inode { held: Held::Folder(BTreeMap::new()), mode, made: mode, number });
        self.0[ino].held = if metadata.is_dir() {
            let names = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            Held::Folder(names.map(|name| (name.clone(), self.add(&path.join(name)))).collect())
        } else {
            Held::File(Content::read(path))
        };
        ino
    }

    pub fn create(&mut self, is_folder: bool, mode: u32) -> Ino {
        let held = if is_folder { Held::Folder(BTreeMap::new()) } else { Held::File(Content::default()) };
        self.0.push(Inode { held, mode, made: mode, number: None });
        self.0.len() - 1
    }

    pub fn names(&self, folder: Ino) -> &BTreeMap<String, Ino> {
        match &self.0[folder].held {
            Held::Folder(names) => names,
            Held::File(_) => panic!("a file where a folder was thought to be"),
        }
    }

    /// Gives `name` in `folder` to another inode, or to none.
    pub fn set(&mut self, folder: Ino, name: &str, ino: Option<Ino>) {
        let Held::Folder(names) = &mut self.0[folder].held else { panic!("{name}: not in a folder") };
        match ino {
            Some(ino) => names.insert(name.to_owned(), ino),
            None => names.remove(name),
        };
    }

    pub fn content(&self, ino: Ino) -> &Content {
        match &self.0[ino].held {
            Held::File(content) => content,
            Held::Folder(_) => panic!("a folder where a file was thought to be"),
        }
    }

    pub fn content_mut(&mut self, ino: Ino) -> &mut Content {
        match &mut self.0[ino].held {
            Held::File(content) => content,
            Held::Folder(_) => panic!("a folder where a file was thought to be"),
        }
    }

    /// The inode at the relative path `path`.
    pub fn find(&self, path: &str) -> Option<Ino> {
        let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
        parts.into_iter().try_fold(ROOT, |at, part| match &self.0[at].held {
            Held::Folder(names) => names.get(part).copied(),
            Held::File(_) => None,
        })
    }

    /// All that has a name.
    pub fn list(&self) -> Listing {
        let mut all = Listing::new();
        self.list_below(ROOT, "", &mut all);
        all
    }

    fn list_below(&self, folder: Ino, below: &str, all: &mut Listing) {
        for (name, ino) in self.names(folder) {
            let (path, inode) = (format!("{below}{name}"), &self.0[*ino]);
            match &inode.held {
                Held::File(content) => drop(all.insert(path, (inode.mode, Some(content.clone())))),
                Held::Folder(_) => {
                    self.list_below(*ino, &format!("{path}/"), all);
                    all.insert(path, (inode.mode, None));
                }
            }
        }
    }

    /// A number that differs where the names, the modes or the contents differ; equal contents have to be one.
    pub fn key(&self) -> u64 {
        let mut key = DefaultHasher::new();
        self.hash_below(ROOT, &mut key);
        key.finish()
    }

    fn hash_below(&self, folder: Ino, key: &mut DefaultHasher) {
        self.names(folder).len().hash(key);
        for (name, ino) in self.names(folder) {
            (name, self.0[*ino].mode).hash(key);
            match &self.0[*ino].held {
                Held::File(content) => (Rc::as_ptr(&content.bytes), content.len).hash(key),
                Held::Folder(_) => self.hash_below(*ino, key),
            }
        }
    }

    /// Writes all of it into the empty folder `root`. A journal names the inodes that the files have there.
    pub fn write(&self, root: &Path, whose: &HashMap<u64, Ino>) {
        let mut paths = HashMap::new();
        self.write_below(ROOT, root, &mut paths);
        let number = |old: u64| {
            let path = whose.get(&old).and_then(|ino| paths.get(ino));
            path.map_or(u64::MAX, |path: &PathBuf| path.symlink_metadata().unwrap().ino())
        };
        for path in paths.values().filter(|path| path.file_name().is_some_and(|name| name == "journal.json")) {
            let Ok(mut journal) = serde_json::from_slice::<Value>(&fs::read(path).unwrap()) else { continue };
            let steps = ["steps", "after"].map(|list| journal[list].take());
            for (list, mut steps) in ["steps", "after"].into_iter().zip(steps) {
                for step in steps.as_array_mut().into_iter().flatten() {
                    step["id"] = number(step["id"].as_u64().unwrap()).into();
                }
                journal[list] = steps;
            }
            fs::write(path, journal.to_string()).unwrap();
        }
    }

    fn write_below(&self, folder: Ino, at: &Path, paths: &mut HashMap<Ino, PathBuf>) {
        for (name, ino) in self.names(folder) {
            let (path, inode) = (at.join(name), &self.0[*ino]);
            match &inode.held {
                Held::File(content) => {
                    let file = fs::File::create_new(&path).unwrap();
                    file.write_all_at(&content.bytes, 0).unwrap();
                    file.set_len(content.len).unwrap();
                }
                Held::Folder(_) => {
                    fs::create_dir(&path).unwrap();
                    self.write_below(*ino, &path, paths);
                }
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(inode.mode)).unwrap();
            paths.insert(*ino, path);
        }
    }
}
