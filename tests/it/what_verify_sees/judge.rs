//! What `verify` finds in a mutant, and what a real etcd serves of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use etcdsnap::{
    error::Severity,
    etcd::Load,
    source::{Options, Source},
    verify::{Report, Verdict, verify},
};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    bases::{Base, Mutant},
    model::sealed,
    served,
};
use crate::common::{Peers, killed::copy};

/// What `verify` says besides its verdict: warnings that do not change it, and whether the etcd starts.
#[derive(PartialEq)]
struct Said {
    verdict: Option<Verdict>,
    warnings: u64,
    starts: Option<bool>,
}

/// Judges the mutants of one backup.
pub struct Judge<'b> {
    base: &'b Base,
    dir: TempDir,
    whole: Said,
    served: Option<Value>,
}

impl<'b> Judge<'b> {
    pub fn new(base: &'b Base) -> Self {
        let dir = tempfile::tempdir().unwrap();
        if let Some((_, data)) = &base.member {
            copy(data, &dir.path().join("data"));
        }
        let mut judge = Self { base, dir, whole: Said { verdict: None, warnings: 0, starts: None }, served: None };
        judge.whole = judge.said(&sealed(&base.image));
        assert!(judge.whole.verdict == Some(Verdict::Good), "{}", base.name);
        judge
    }

    /// Whether `verify` finds anything, when the trailer is computed again.
    pub fn sees(&self, mutant: &Mutant) -> bool {
        self.said(&sealed(&mutant.image)) != self.whole
    }

    /// Whether `verify` finds anything, when the trailer is that of the whole file.
    pub fn sees_with_trailer(&self, mutant: &Mutant) -> bool {
        let whole = sealed(&self.base.image);
        self.said(&[&mutant.image, &whole[whole.len() - 32..]].concat()) != self.whole
    }

    fn said(&self, file: &[u8]) -> Said {
        let report = self.verified(file);
        let starts = report.starts_on.iter().find(|(minor, _)| minor.to_string().replace('.', "") == self.base.version);
        let warnings = report.findings.counts().filter(|(_, severity, _)| *severity == Severity::Warning);
        Said {
            verdict: report.verdict(),
            warnings: warnings.map(|(.., n)| n).sum(),
            starts: starts.and_then(|(_, startup)| startup.ok),
        }
    }

    fn verified(&self, file: &[u8]) -> Report {
        let path = self.put(self.dir.path(), file);
        let source = Source::open(&path, &Options::default()).unwrap();
        verify(&source, &Load::default(), |_| ()).unwrap()
    }

    /// Writes the file, or the db of a data directory, which has no trailer; returns what is then the backup.
    fn put(&self, dir: &Path, file: &[u8]) -> PathBuf {
        if self.base.member.is_some() {
            let data = dir.join("data");
            fs::write(Base::db(&data), &file[..file.len() - 32]).unwrap();
            data
        } else {
            let path = dir.join("backup.db");
            fs::write(&path, file).unwrap();
            path
        }
    }

    /// How what an etcd serves differs from what it serves of the whole backup; `None` when it does not.
    pub fn differs(&mut self, peers: &Peers, mutant: &Mutant) -> Option<String> {
        let whole = match self.served.take() {
            Some(whole) => whole,
            None => self.ask(peers, &self.base.image).unwrap(),
        };
        let answer = self.ask(peers, &mutant.image);
        let how = match &answer {
            Ok(answer) if *answer == whole => None,
            Ok(answer) => {
                let fields = whole.as_object().unwrap().iter();
                let differ = fields.filter(|(name, value)| answer[*name] != **value).map(|(name, _)| &**name);
                Some(differ.collect::<Vec<_>>().join(", "))
            }
            Err(said) => Some(said.clone()),
        };
        self.served = Some(whole);
        how
    }

    fn ask(&self, peers: &Peers, image: &[u8]) -> Result<Value, String> {
        let (dir, Base { version, password, .. }) = (tempfile::tempdir().unwrap(), self.base);
        if let Some((_, data)) = &self.base.member {
            copy(data, &dir.path().join("data"));
        }
        let path = self.put(dir.path(), &sealed(image));
        if self.base.member.is_some() {
            served::started(peers, version, &path, *password)
        } else {
            served::restored(peers, version, &path, *password)
        }
    }
}
