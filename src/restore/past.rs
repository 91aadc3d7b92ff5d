//! The last revision of the old cluster, as far as other backups show it.

use std::collections::BTreeSet;

use crate::{
    Code, Error, Result,
    document::Id,
    etcd::{Load, Range, Snapshot, Uncommitted},
    k8s::{Ring, identity},
    source::{BackupKind, Source},
};

/// The highest revision that is known from other backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The revision.
    pub revision: i64,
    /// Whether the old cluster handed out none after it: the logs of most of its voters were read.
    pub is_end: bool,
    /// The damaged ones among the backups, with the highest revision that could be read: each may have held higher
    /// ones.
    pub damaged: Vec<(String, i64)>,
}

/// What one backup shows about the old cluster.
struct FromBackup {
    revision: i64,
    identity: Option<String>,
    members: BTreeSet<Id>,
    log: Option<Voter>,
    damaged: bool,
}

/// Identity of a log's member, and the voters.
struct Voter {
    id: Id,
    cluster: Id,
    voters: BTreeSet<Id>,
}

impl Past {
    /// What `others` show about the cluster of `backup`; `None` without others. A backup is a lower bound only, as is
    /// the directory of one member of several, which may have died before the others, and one that is damaged, has a
    /// torn log or has neither kube-system nor a member in common with `backup`.
    ///
    /// # Errors
    /// When one of them is of another cluster, by the uid of kube-system, or cannot be read.
    pub fn of(backup: &Source, others: &[Source]) -> Result<Option<Self>> {
        if others.is_empty() {
            return Ok(None);
        }
        let own = FromBackup::of(backup)?;
        let known = others.iter().map(FromBackup::of).collect::<Result<Vec<_>>>()?;
        let stranger = others.iter().zip(&known).find_map(|(source, known)| {
            let (a, b) = own.identity.as_ref().zip(known.identity.as_ref())?;
            (a != b).then(|| {
                let (name, backup) = (source.name(), backup.name());
                let what =
                    format!("{name}: of another cluster: kube-system has the uid {b} there, and {a} in {backup}");
                Error::refused(what).hinted("its revisions have no relation to this one: leave it out")
            })
        });
        if let Some(error) = stranger {
            return Err(error);
        }
        let all = || known.iter().chain([&own]);
        let of_it = |known: &&FromBackup| own.is_of_one_cluster(known);
        let logs = || all().filter(of_it).filter_map(|known| Some((known.revision, known.log.as_ref()?)));
        let end = logs().filter(|(_, log)| is_majority(log, logs().map(|(_, other)| other))).map(|_| ());
        let read = logs().map(|(revision, _)| revision).max();
        let revision = known.iter().map(|known| known.revision).max().unwrap_or_default();
        let is_end = end.count() > 0 && read >= Some(revision.max(own.revision));
        let damaged = others.iter().zip(&known).filter(|(_, known)| known.damaged);
        let damaged = damaged.map(|(source, known)| (source.name().to_owned(), known.revision)).collect();
        Ok(Some(Self { revision, is_end, damaged }))
    }
}

/// Whether most voters of the cluster of `log` are among `logs`.
fn is_majority<'l>(log: &Voter, logs: impl Iterator<Item = &'l Voter>) -> bool {
    let of_it = logs.filter(|other| other.cluster == log.cluster && log.voters.contains(&other.id));
    of_it.map(|other| other.id).collect::<BTreeSet<_>>().len() > log.voters.len() / 2
}

impl FromBackup {
    fn of(source: &Source) -> Result<Self> {
        let load = Load { uncommitted: Some(Uncommitted::Keep), ..Load::default() };
        let (snapshot, log) = Snapshot::load_with_log(source, &load)?;
        let log = log.filter(|_| source.kind() == BackupKind::DataDir).and_then(|log| {
            let of = log.metadata()?;
            let listed = || snapshot.state.members.iter().filter(|member| !member.is_learner).map(|member| member.id);
            let voters = log.voters().unwrap_or_else(|| listed().collect());
            Some(Voter { id: of.node_id, cluster: of.cluster_id, voters })
        });
        let view = snapshot.view(None, &Range::ALL)?;
        let damaged = view.findings.damaged();
        // What a torn log has lost may have been committed, and another's log tells nothing about this cluster's end.
        let unsure = |code| matches!(code, Code::WalTorn | Code::LogOfAnother);
        let unsure = view.findings.counts().any(|(code, ..)| unsure(code));
        let log = log.filter(|_| !damaged && !unsure);
        let members = snapshot.state.members.iter().map(|member| member.id).collect();
        Ok(Self { revision: view.head, identity: identity(&view, &Ring::default()), members, log, damaged })
    }

    /// Whether it is known that both are of one cluster.
    fn is_of_one_cluster(&self, other: &Self) -> bool {
        self.identity.is_some() && self.identity == other.identity || !self.members.is_disjoint(&other.members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_voters_of_a_cluster_know_its_end() {
        let log = |id, cluster| Voter { id: Id(id), cluster: Id(cluster), voters: (1..=3).map(Id).collect() };
        let is = |logs: &[Voter]| is_majority(&logs[0], logs.iter());
        assert!(!is(&[log(1, 7)]) && is(&[log(1, 7), log(2, 7)]));
        // Named twice, of another cluster, a learner.
        assert!(!is(&[log(1, 7), log(1, 7)]) && !is(&[log(1, 7), log(2, 8)]) && !is(&[log(1, 7), log(9, 7)]));
        let alone = Voter { id: Id(1), cluster: Id(7), voters: [Id(1)].into() };
        assert!(is_majority(&alone, [&alone].into_iter()));
    }
}
