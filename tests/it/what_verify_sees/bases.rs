//! The backups that are damaged, and their mutants.

use std::{
    fs,
    path::{Path, PathBuf},
};

use etcdsnap::bolt::Db;

use super::{content, model::Model, pages};
use crate::common::{Peers, killed, random::Random, unpacked};

/// A real backup.
pub struct Base {
    pub name: &'static str,
    /// The etcd that starts on it.
    pub version: &'static str,
    /// The password of root, where auth is enabled.
    pub password: Option<&'static str>,
    /// The data directory that the db is in, in a folder that goes with this.
    pub member: Option<(tempfile::TempDir, PathBuf)>,
    /// The db, without a trailer.
    pub image: Vec<u8>,
}

/// A damaged db, without a trailer.
pub struct Mutant {
    pub chapter: &'static str,
    pub kind: &'static str,
    pub what: String,
    pub image: Vec<u8>,
}

/// The chapters of the page, and the kinds of damage of each.
pub fn chapters() -> [(&'static str, Vec<&'static str>); 4] {
    [
        ("Pages", pages::PAGES.iter().map(|(kind, _)| *kind).collect()),
        ("A freelist on disk", pages::FREELIST.iter().map(|(kind, _)| *kind).collect()),
        ("Records", content::RECORDS.iter().map(|(kind, _)| *kind).collect()),
        ("Small buckets", content::SMALL.iter().map(|(kind, _)| *kind).collect()),
    ]
}

pub fn all() -> Vec<Base> {
    let snapshot = |name: &'static str, version, password| {
        let bytes = fs::read(format!("fixtures/{name}")).unwrap();
        Base { name, version, password, member: None, image: trimmed(bytes) }
    };
    let dir = tempfile::tempdir().unwrap();
    let data = unpacked(dir.path());
    let image = trimmed(fs::read(data.join("member/snap/db")).unwrap());
    vec![
        snapshot("etcd-3.4.db", "34", Some("secret")),
        snapshot("etcd-3.5.db", "35", Some("secret")),
        snapshot("etcd-3.6.db", "36", Some("secret")),
        snapshot("etcd-3.7.db", "37", Some("secret")),
        snapshot("three-members.db", "36", None),
        snapshot("small.db", "36", None),
        snapshot("freelist.db", "36", Some("secret")),
        Base { name: "datadir-3.6", version: "36", password: None, member: Some((dir, data)), image },
    ]
}

/// Data directories of etcds of other versions, which were killed.
pub fn killed(peers: &Peers) -> Vec<Base> {
    let of = |(name, version)| {
        let (dir, data) = killed::member(peers, version);
        let image = trimmed(fs::read(Base::db(&data)).unwrap());
        Base { name, version, password: None, member: Some((dir, data)), image }
    };
    [("datadir-3.4", "34"), ("datadir-3.5", "35"), ("datadir-3.7", "37"), ("datadir-3.8", "38")].map(of).into()
}

/// The db without what follows it.
fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    let size = Db::open(&bytes).unwrap().size();
    bytes.truncate(usize::try_from(size).unwrap());
    bytes
}

impl Base {
    pub fn db(data: &Path) -> PathBuf {
        data.join("member/snap/db")
    }

    /// Calls `each` with the mutants of these rounds.
    pub fn mutants(&self, rounds: std::ops::Range<u64>, mut each: impl FnMut(Mutant)) {
        let model = Model::read(&self.image);
        let has_freelist = Db::open(&self.image).unwrap().meta().freelist.is_some();
        for round in rounds {
            let mut seed = round * 1000;
            for (chapter, kinds) in chapters() {
                for kind in kinds {
                    seed += 1;
                    // of the one with a freelist, only that
                    if has_freelist != (chapter == "A freelist on disk") {
                        continue;
                    }
                    let image = self.damaged(&model, kind, &mut Random::seeded(seed));
                    if let Some(image) = image.filter(|image| *image != self.image) {
                        each(Mutant { chapter, kind, what: format!("{}, {kind}, round {round}", self.name), image });
                    }
                }
            }
        }
    }

    fn damaged(&self, model: &Model, kind: &str, random: &mut Random) -> Option<Vec<u8>> {
        if let Some((_, edit)) = pages::PAGES.iter().chain(pages::FREELIST).find(|(of, _)| *of == kind) {
            let mut image = self.image.clone();
            return edit(&mut image, random).map(|()| image);
        }
        let (_, edit) = content::RECORDS.iter().chain(content::SMALL).find(|(of, _)| *of == kind)?;
        let mut model = model.clone();
        edit(&mut model, random).map(|()| model.write())
    }
}
