//! A folder named instead of the backups in it.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{Locator, Options, Stat, datadir, is_data_dir, is_stdin, is_url, sniff::is_gone, url};

/// A file or data directory that may be a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The path of the file or directory.
    pub path: PathBuf,
    /// Whether the user named not this file but its folder.
    pub in_folder: bool,
    /// What a store has reported of it, when its folder there was listed.
    pub stat: Option<Stat>,
}

/// The files and data directories that the user's arguments name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidates {
    /// Files and data directories that may be a backup.
    pub files: Vec<Candidate>,
    /// Number of folders in the named ones that were not entered.
    pub not_entered: usize,
}

impl Candidates {
    /// Expands `named` for a command on many backups: a folder is replaced by the files and data directories in it,
    /// sorted by name. With `recursive` its subfolders are searched too, each once. A data directory is one backup.
    /// What cannot be listed or looked at is kept, so that opening it reports why. A URL that ends in `/` is a folder
    /// in a store.
    #[must_use]
    pub fn of(named: &[PathBuf], recursive: bool, options: &Options) -> Self {
        let mut candidates = Self::default();
        let mut entered = recursive.then(HashSet::new);
        for path in named {
            match is_url(path) {
                true => candidates.take_url(path, recursive, options),
                false => candidates.take(path, false, &mut entered),
            }
        }
        candidates
    }

    fn take_url(&mut self, path: &Path, recursive: bool, options: &Options) {
        let is_folder = path.to_str().is_some_and(|url| url.ends_with('/'));
        let listed = is_folder.then(|| Locator::parse(path).and_then(|named| url::list(&named, recursive, options)));
        match listed {
            Some(Ok(listing)) => {
                self.not_entered = self.not_entered.saturating_add(listing.folders);
                let file = |(url, stat)| Candidate { path: PathBuf::from(url), in_folder: true, stat: Some(stat) };
                self.files.extend(listing.objects.into_iter().map(file));
            }
            _ => self.files.push(Candidate { path: path.to_owned(), in_folder: false, stat: None }),
        }
    }

    fn take(&mut self, path: &Path, in_folder: bool, entered: &mut Option<HashSet<(u64, u64)>>) {
        // Opening a data directory without its db reports that.
        let is_one = |path: &Path| is_data_dir(path) || datadir::log_without_db(path).is_some();
        let is_folder = path.is_dir() && !is_one(path) && !is_stdin(path);
        let entries = is_folder.then(|| fs::read_dir(path).ok()).flatten();
        let Some(entries) = entries else {
            self.files.push(Candidate { path: path.to_owned(), in_folder, stat: None });
            return;
        };
        // A link may lead back.
        if let Some(entered) = entered
            && let Ok(folder) = fs::metadata(path)
            && !entered.insert((folder.dev(), folder.ino()))
        {
            return;
        }
        let mut paths = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => paths.push(entry.path()),
                // The folder itself, to which the rest of the list would belong.
                Err(_) => self.files.push(Candidate { path: path.to_owned(), in_folder, stat: None }),
            }
        }
        paths.sort();
        for path in paths {
            // Such as a link without its file.
            let is_unknown = path.metadata().is_err() && !is_gone(&path);
            if path.is_file() || is_unknown || is_one(&path) || (entered.is_some() && path.is_dir()) {
                self.take(&path, true, entered);
            } else if path.is_dir() {
                self.not_entered = self.not_entered.saturating_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_entered_once_or_counted() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::create_dir_all(at("m/member/snap")).unwrap();
        for file in ["1.db", "a/2.db", "a/b/3.db", "m/member/snap/db"] {
            fs::write(at(file), b"").unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), at("a/back")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("z")).unwrap();
        let of = |recursive| {
            let Candidates { files, not_entered } =
                Candidates::of(&[dir.path().to_owned()], recursive, &Options::default());
            let name = |file: Candidate| file.path.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned();
            (files.into_iter().map(name).collect::<Vec<_>>().join(" "), not_entered)
        };
        assert_eq!(of(false), ("1.db m z".to_owned(), 1));
        assert_eq!(of(true), ("1.db a/2.db a/b/3.db m z".to_owned(), 0));
    }
}
