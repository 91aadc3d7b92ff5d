//! The ways back, followed together: those that the db contradicts are dropped.

use std::rc::Rc;

use hashbrown::HashMap;

use super::{
    ground::Ground,
    key_state::KeyState,
    step::Step,
    way::{Base, Did, Way},
};

/// The maximum number of ways that are followed at a time.
const MOST_WAYS: usize = 256;
/// The limit on what is kept of entries that are not decided yet, and on steps.
const MOST_KEPT: usize = 1 << 20;
const MOST_WORK: usize = 1 << 28;

/// The ways back over the entries so far.
#[derive(Debug)]
pub(super) struct Search<'g, 'a> {
    ground: &'g Ground<'a>,
    base: Base<'a>,
    ways: Vec<Way<'a>>,
    did: Vec<Rc<Did<'a>>>,
    /// The place of the first entry that is decided.
    decided: usize,
    work: usize,
}

impl<'g, 'a> Search<'g, 'a> {
    /// Begins after the last entry, with the last states of the keys.
    pub(super) fn new(ground: &'g Ground<'a>, keys: Vec<KeyState<'a>>, entries: usize) -> Self {
        let base = Base { keys, due: HashMap::new(), stale: HashMap::new() };
        Self { ground, base, ways: vec![Way::new(ground.head)], did: Vec::new(), decided: entries, work: 0 }
    }

    /// Goes back over the entry at `at`. Returns whether to continue: not where too many ways are left.
    ///
    /// # Errors
    /// When no way is left: the log and the db do not belong together.
    pub(super) fn back(&mut self, at: usize, step: &Step<'a>) -> Result<bool, ()> {
        if matches!(step, Step::Beyond) {
            return Ok(false);
        }
        let mut ways: Vec<Way<'a>> = Vec::new();
        for way in &self.ways {
            for way in way.back(step, at, &self.base, self.ground) {
                self.work = self.work.saturating_add(way.keys.len()).saturating_add(way.did.len()).saturating_add(1);
                if !ways.contains(&way) && !way.has_missed(at, &self.base, self.ground) {
                    ways.push(way);
                }
            }
        }
        if ways.is_empty() {
            return Err(());
        }
        let kept: usize = ways.iter().map(|way| way.did.len()).sum();
        if ways.len() > MOST_WAYS || kept > MOST_KEPT || self.work > MOST_WORK {
            return Ok(false);
        }
        self.ways = ways;
        if let [way] = self.ways.as_mut_slice() {
            self.decided = at;
            self.did.append(&mut way.did);
            for (id, known) in way.keys.drain() {
                if let Some(of) = self.base.keys.get_mut(id) {
                    *of = known;
                }
            }
            self.base.stale.extend(way.stale.drain());
            for (revision, mut ids) in way.due.drain() {
                self.base.due.entry(revision).or_default().append(&mut ids);
            }
        }
        Ok(true)
    }

    /// What the entries did, the last first, as far as all ways agree, and the place of the first of these entries.
    pub(super) fn into_did(mut self) -> (Vec<Rc<Did<'a>>>, usize) {
        let Some((first, others)) = self.ways.split_first() else { return (self.did, self.decided) };
        let same = |(at, did): &(usize, &Rc<Did<'a>>)| others.iter().all(|way| way.did.get(*at) == Some(*did));
        for (_, did) in first.did.iter().enumerate().take_while(same) {
            self.decided = did.at;
            self.did.push(Rc::clone(did));
        }
        (self.did, self.decided)
    }
}
