//! Where a member goes.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use super::mounts::{is_mount, mount_below};
use crate::{
    Error, Result,
    bytes::{escape, excerpt},
    error::Call,
    publish::{disk::fault, run::Run},
    source::Part,
};

/// Where one member goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The member's name.
    pub member: String,
    /// The member's data directory.
    pub data_dir: PathBuf,
    /// The folder of the member's log, where that is not `member/wal`.
    pub wal_dir: Option<PathBuf>,
}

fn usage(what: String, hint: &str) -> Error {
    Error::usage(what).hinted(hint)
}

/// The command that starts the member `name` of etcd on `data_dir`, with its log in `wal_dir` where that is not
/// `member/wal`.
#[must_use]
pub(crate) fn start_command(name: &str, data_dir: &Path, wal_dir: Option<&Path>, peer_urls: &[String]) -> Call {
    Call::new("etcd --name")
        .arg(name)
        .arg("--data-dir")
        .arg(data_dir)
        .option("--wal-dir", wal_dir)
        .arg("--listen-peer-urls")
        .arg(peer_urls.join(","))
        .args(["--listen-client-urls", "URLS", "--advertise-client-urls", "URLS"])
}

impl Place {
    /// The place of `member` in `data_dir`, with its log in `wal_dir` when that is given.
    ///
    /// # Errors
    /// When the two do not fit each other.
    pub fn new(member: &str, data_dir: &Path, wal_dir: Option<&Path>) -> Result<Self> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(fault(path, "look at"));
        let data_dir = absolute(data_dir)?;
        let usual = data_dir.join("member").join("wal");
        let real_dir = real(&data_dir)?;
        let wal_dir = wal_dir.map(absolute).transpose()?.filter(|wal| *wal != usual);
        if let Some(wal) = &wal_dir {
            let real_wal = real(wal)?;
            if real_wal.starts_with(real_dir.join("member")) || real_dir.starts_with(real_wal) {
                let what = format!(
                    "--wal-dir {}: it must not be inside member/, and must not contain the data directory",
                    wal.display()
                );
                return Err(usage(what, "leave it out: the log goes to member/wal then"));
            }
        }
        Ok(Self { member: member.to_owned(), data_dir, wal_dir })
    }

    /// `DATA_DIR/member`.
    #[must_use]
    pub fn member_dir(&self) -> PathBuf {
        self.data_dir.join("member")
    }

    /// The folder of its log.
    #[must_use]
    pub(crate) fn final_wal(&self) -> PathBuf {
        self.wal_dir.clone().unwrap_or_else(|| self.member_dir().join("wal"))
    }

    /// Checks that a member can go there; one that exists is in the way unless `keep_old` moves it aside.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn look(&self, keep_old: bool) -> Result<()> {
        let Self { data_dir, wal_dir, .. } = self;
        for dir in [Some(data_dir), wal_dir.as_ref()].into_iter().flatten() {
            check_names(dir)?;
            if let Some(file) = dir.ancestors().find(|dir| dir.exists()).filter(|dir| !dir.is_dir()) {
                return Err(usage(format!("{}: not a folder", file.display()), "name a folder, or a new name"));
            }
        }
        let member = self.member_dir();
        if member.is_symlink() {
            let what = format!("{}: a symbolic link where a folder is needed", member.display());
            return Err(usage(
                what,
                "name the folder that contains the link's target as --data-dir, or remove the link",
            ));
        }
        if data_dir.join("snap").join("db").is_file() {
            let what = format!("{}: this is a member/ folder", data_dir.display());
            return Err(usage(what, "name the folder that contains it"));
        }
        self.look_for_mounts(&member)?;
        if has_content(&member)? {
            let db = member.join("snap").join("db");
            if db.is_file() && Part::open(&db)?.is_locked() {
                let what = format!("{}: a running etcd holds it", member.display());
                return Err(usage(what, "stop that etcd first"));
            }
            if !keep_old {
                let what = format!("{}: there is a member already", member.display());
                return Err(usage(what, "--keep-old renames it to member.before-<UTC>; or name another --data-dir"));
            }
        }
        let Some(wal_dir) = wal_dir else { return Ok(()) };
        if has_content(wal_dir)? && !keep_old {
            let what = format!("{}: not empty, and --wal-dir is where the new log is written", wal_dir.display());
            let hint = match is_log(wal_dir)? {
                true => {
                    "--wal DIR applies the log that is there; for the new log, name another --wal-dir, or --keep-old moves the old log into before-<UTC>"
                }
                false => "name another --wal-dir; or --keep-old moves what is there into before-<UTC>",
            };
            return Err(usage(what, hint));
        }
        Ok(())
    }

    /// Checks that what is renamed is no mount point and has none in it.
    fn look_for_mounts(&self, member: &Path) -> Result<()> {
        if is_mount(member)? {
            let what = format!("{}: a mount point, which cannot be renamed", member.display());
            let data_dir = self.data_dir.display();
            return Err(usage(what, &format!("mount it at {data_dir} instead, or restore into another folder")));
        }
        if let Some(mount) = mount_below(member)? {
            let what = format!(
                "{}: a mount point: it would be renamed together with the old member, and after a reboot it would be mounted in the new one",
                mount.display()
            );
            let hint = "unmount it first; to keep the log on another file system, use a folder outside of member/, and name it with etcd's --wal-dir";
            return Err(usage(what, hint));
        }
        match self.wal_dir.as_deref().map_or(Ok(None), mount_below)? {
            Some(mount) => {
                let what = format!("{}: a mount point, which cannot be moved aside", mount.display());
                Err(usage(what, "unmount it first"))
            }
            None => Ok(()),
        }
    }
}

/// The longest name, in bytes, that leaves room for the name of the staging folder.
const MAX_NAME: usize = 230;

/// Checks the names on the way to `path` that are to be created, and that no link on it leads nowhere.
///
/// # Errors
/// What is wrong with one of them.
pub(crate) fn check_names(path: &Path) -> Result<()> {
    for dir in path.ancestors().take_while(|dir| !dir.exists()) {
        if dir.is_symlink() {
            let what = format!("{}: a symbolic link that leads nowhere", dir.display());
            return Err(usage(what, "create the folder that it names, or remove the link"));
        }
        let name = dir.file_name().unwrap_or_default().as_encoded_bytes();
        if name.len() > MAX_NAME {
            let what = format!("{}: a name of {} bytes is too long for a folder", excerpt(name), name.len());
            return Err(usage(what, "name a shorter one"));
        }
        if name.iter().any(u8::is_ascii_control) {
            return Err(usage(format!("{}: a name with a control character", escape(name)), "name another one"));
        }
    }
    Ok(())
}

/// The path without links and `..`, as far as it exists.
///
/// # Errors
/// When it is not UTF-8, or leads through a missing folder by `..`.
pub(crate) fn real(path: &Path) -> Result<PathBuf> {
    if path.to_str().is_none() {
        return Err(usage(format!("{}: a name that is not UTF-8", path.display()), "name another one"));
    }
    let there = path.ancestors().find_map(|dir| Some((dir, fs::canonicalize(dir).ok()?)));
    let (dir, real) = there.unwrap_or((Path::new(""), PathBuf::new()));
    let missing = path.strip_prefix(dir).unwrap_or(path);
    if missing.components().any(|part| part == Component::ParentDir) {
        let what = format!("{}: a folder in this path does not exist", path.display());
        return Err(usage(what, "name it without .."));
    }
    // joined with nothing, a file would end with a slash
    Ok(if missing.as_os_str().is_empty() { real } else { real.join(missing) })
}

/// Whether the folder has [`contents`].
pub(super) fn has_content(folder: &Path) -> Result<bool> {
    Ok(!contents(folder)?.is_empty())
}

/// Whether the folder holds segments of a log.
fn is_log(folder: &Path) -> Result<bool> {
    Ok(contents(folder)?.iter().any(|path| path.extension().is_some_and(|extension| extension == "wal")))
}

/// What is in the folder, apart from a file system's `lost+found` and a staging folder; nothing when there is no
/// folder.
pub(super) fn contents(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => return Ok(vec![folder.to_owned()]),
        entries => entries.map_err(fault(folder, "list"))?,
    };
    let staging = Run::Restore.folder();
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(fault(folder, "list"))?;
        let name = entry.file_name();
        if name != "lost+found" && name != staging.as_str() {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}
