//! The members that a directory knows, and the changes that leave one of them.

use super::voters::known;
use crate::{
    Error, Result,
    document::Id,
    etcd::{
        Snapshot, V2,
        state::{Member, State},
    },
    snap::V2Member,
    source::Source,
    wal::{ConfChangeKind, Log},
};

/// The members that a directory knows, and the changes that leave one of them.
pub(super) struct Members {
    pub(super) itself: Member,
    /// Whether the member is added, because no list has it yet.
    joins: bool,
    pub(super) others: Vec<Member>,
    /// Whether raft has other members than the db.
    pub(super) differ: bool,
    pub(super) changes: Vec<(ConfChangeKind, Id, Vec<u8>)>,
}

impl Members {
    /// The db's state after the changes.
    pub(super) fn after(&self, before: &State) -> State {
        let mut state = before.clone();
        let listed = self.joins || state.member(self.itself.id).is_some();
        state.removed.extend(state.members.iter().map(|member| member.id).filter(|id| *id != self.itself.id));
        state.removed.sort_unstable();
        state.members = listed.then(|| self.itself.clone()).into_iter().collect();
        state
    }

    /// Whether the member is the only one already, so that nothing changes.
    pub(super) const fn unchanged(&self) -> bool {
        self.changes.is_empty() && !self.differ
    }

    /// The v2store after the changes.
    pub(super) fn v2_after(&self, mut v2: V2) -> V2 {
        let (id, peer_urls) = (self.itself.id, self.itself.peer_urls.clone());
        let listed = self.joins || v2.members.contains_key(&id);
        v2.members = listed.then(|| (id, V2Member { id, peer_urls, ..V2Member::default() })).into_iter().collect();
        v2
    }

    /// The members that raft or the db knows at the entry `index`, and the changes that leave only `id`.
    pub(super) fn of(
        source: &Source,
        log: &Log<'_>,
        snapshot: &Snapshot<'_>,
        id: Id,
        index: u64,
        urls: Option<Vec<String>>,
    ) -> Result<Self> {
        let (state, mut known) = (&snapshot.state, known(source, log, index, &snapshot.state));
        let usage = |what: String, hint: &str| Error::usage(format!("{}: {what}", source.name())).hinted(hint);
        if state.removed.binary_search(&id).is_ok() {
            let what = format!(
                "{}: member {id:x} was removed from its cluster, and a removed id cannot be used again",
                source.name()
            );
            let hint = match snapshot.log.is_some_and(|log| log.uncommitted > 0) {
                true => "--uncommitted drop leaves out the removal, if its entry was not known to be committed",
                false => "`etcdsnap restore` makes a new cluster with its data",
            };
            let hint = Some(hint.to_owned());
            return Err(Error::refused(what).hinted_if(hint));
        }
        let mut changes = Vec::new();
        let before = state.member(id).cloned().unwrap_or(Member { id, ..Member::default() });
        let mut itself = Member { is_learner: false, ..before };
        let differ = known.len() != state.members.len() || known.keys().any(|id| state.member(*id).is_none());
        // The member is added where one of the two does not have it, and promoted where one has it as a learner: alone,
        // a learner waits for a leader forever.
        let learns = known.remove(&id).zip(state.member(id)).map(|(learns, member)| learns || member.is_learner);
        match (learns, &urls) {
            (Some(false), _) => {}
            (Some(true), _) => {
                let promotion = format!(r#"{{"id":{},"peerURLs":null,"isPromote":true}}"#, id.0);
                changes.push((ConfChangeKind::AddNode, id, promotion.into_bytes()));
            }
            (None, Some(urls)) => {
                itself.peer_urls.clone_from(urls);
                let added = Member { id, peer_urls: urls.clone(), ..Member::default() };
                changes.push((ConfChangeKind::AddNode, id, added.json()));
            }
            (None, None) => {
                let what = format!("no member list holds member {id:x} yet, so its peer URLs are not known");
                return Err(usage(what, "--peer-urls gives the URLs where the others reach it"));
            }
        }
        known
            .extend(state.members.iter().filter(|member| member.id != id).map(|member| (member.id, member.is_learner)));
        let other = |(other, is_learner): (&Id, &bool)| {
            let unknown = || Member { id: *other, is_learner: *is_learner, ..Member::default() };
            state.member(*other).cloned().unwrap_or_else(unknown)
        };
        let others: Vec<_> = known.iter().map(other).collect();
        let listed = state.members.iter().map(|member| member.id).filter(|other| *other != id);
        changes.extend(listed.map(|other| (ConfChangeKind::RemoveNode, other, Vec::new())));
        if let Some(urls) = urls.filter(|urls| *urls != itself.peer_urls) {
            itself.peer_urls.clone_from(&urls);
            let moved = Member { id, peer_urls: urls, ..Member::default() };
            changes.push((ConfChangeKind::UpdateNode, id, moved.json()));
        }
        Ok(Self { itself, joins: learns.is_none(), others, differ, changes })
    }
}
