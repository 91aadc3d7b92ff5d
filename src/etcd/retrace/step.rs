//! What an entry may do to keys, in a form that can be followed backwards.

use hashbrown::{HashMap, HashSet};

use crate::etcd::{
    Range,
    request::{AlarmAction, AuthOp, Compare, Op, Put, RequestOp, Txn},
    state::Lease,
};

/// The change of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect<'a> {
    /// A put.
    Put { key: &'a [u8], value: &'a [u8], lease: i64 },
    /// A deletion, if the key exists.
    Delete { key: &'a [u8] },
}

/// An entry that may change keys.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// One of two lists of changes, by conditions.
    Choice {
        /// The conditions.
        compares: Vec<Compare<'a>>,
        /// The changes when all of them hold, and when not.
        branches: [Vec<Effect<'a>>; 2],
    },
    /// The deletion of a range.
    DeleteRange(Range<'a>),
    /// The end of a lease: its keys are deleted.
    Revoke(i64),
    /// A request that is not followed backwards.
    Beyond,
}

impl<'a> Effect<'a> {
    /// The key.
    pub(super) fn key(&self) -> &'a [u8] {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }
}

impl<'a> Step<'a> {
    /// The step of a request; `None` where it changes no key.
    pub(super) fn of(op: &Op<'a>) -> Option<Self> {
        let one = |effects| Some(Self::Choice { compares: Vec::new(), branches: [effects, Vec::new()] });
        match op {
            Op::Put(put) => put_effect(put).map_or(Some(Self::Beyond), |put| one(vec![put])),
            Op::DeleteRange(delete) => match delete.range().one() {
                Some(_) => one(vec![Effect::Delete { key: delete.key }]),
                None => Some(Self::DeleteRange(delete.range())),
            },
            Op::Txn(txn) => Self::of_txn(*txn),
            Op::LeaseRevoke { id } => Some(Self::Revoke(*id)),
            // from here on requests may be refused
            Op::Alarm { action: AlarmAction::Activate, .. } | Op::Auth(AuthOp::Enable) | Op::Unknown(_) => {
                Some(Self::Beyond)
            }
            _ => None,
        }
    }

    fn of_txn(txn: Txn<'a>) -> Option<Self> {
        let branches = (effects(txn.success()), effects(txn.failure()));
        let (Some(success), Some(failure)) = branches else { return Some(Self::Beyond) };
        if success.is_empty() && failure.is_empty() {
            return None;
        }
        Some(Self::Choice { compares: txn.compares().collect(), branches: [success, failure] })
    }

    /// The keys that it may change.
    pub(super) fn ranges(&self) -> Vec<Range<'a>> {
        match self {
            Self::Choice { branches, .. } => branches.iter().flatten().map(|effect| Range::key(effect.key())).collect(),
            Self::DeleteRange(range) => vec![range.clone()],
            // the keys of a lease may be any
            Self::Revoke(_) | Self::Beyond => vec![Range::ALL],
        }
    }

    /// The keys that it names one by one.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        let (compares, branches) = match self {
            Self::Choice { compares, branches } => (compares.as_slice(), branches.as_slice()),
            _ => (&[][..], &[][..]),
        };
        let compared = compares.iter().filter(|compare| compare.range().one().is_some()).map(|compare| compare.key);
        compared.chain(branches.iter().flatten().map(Effect::key))
    }
}

fn put_effect<'a>(put: &Put<'a>) -> Option<Effect<'a>> {
    let keeps = put.ignore_value || put.ignore_lease;
    (!keeps).then_some(Effect::Put { key: put.key, value: put.value, lease: put.lease })
}

/// The changes of one branch; `None` where they are not of single keys, or not of different ones.
fn effects<'a>(steps: impl Iterator<Item = RequestOp<'a>>) -> Option<Vec<Effect<'a>>> {
    let (mut effects, mut keys) = (Vec::new(), HashSet::new());
    for step in steps {
        let effect = match step {
            RequestOp::Put(put) => put_effect(&put)?,
            RequestOp::DeleteRange(delete) if delete.range().one().is_some() => Effect::Delete { key: delete.key },
            RequestOp::DeleteRange(_) | RequestOp::Txn(_) => return None,
            RequestOp::Range(_) | RequestOp::Empty => continue,
        };
        if !keys.insert(effect.key()) {
            return None;
        }
        effects.push(effect);
    }
    Some(effects)
}

/// The lives of leases in a log, by the places of its entries.
#[derive(Debug, Default)]
pub(super) struct Leases<'a> {
    granted: HashMap<i64, Vec<usize>>,
    revoked: HashMap<i64, Vec<usize>>,
    /// The keys that puts attach to each.
    keys: HashMap<i64, Vec<&'a [u8]>>,
    /// Those that exist after the last entry.
    last: HashSet<i64>,
}

impl<'a> Leases<'a> {
    pub(super) fn new(last: impl Iterator<Item = i64>) -> Self {
        Self { last: last.collect(), ..Self::default() }
    }

    /// Adds the entry at `at`; entries are added in order.
    pub(super) fn add(&mut self, at: usize, op: &Op<'a>, step: Option<&Step<'a>>) {
        match (op, step) {
            (Op::LeaseGrant { id, ttl }, _) if *id != 0 && *ttl <= Lease::MAX_TTL => {
                self.granted.entry(*id).or_default().push(at);
            }
            (Op::LeaseRevoke { id }, _) => self.revoked.entry(*id).or_default().push(at),
            (_, Some(Step::Choice { branches, .. })) => {
                for effect in branches.iter().flatten() {
                    if let Effect::Put { key, lease, .. } = effect
                        && *lease != 0
                    {
                        self.keys.entry(*lease).or_default().push(key);
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether the lease surely exists when the entry at `at` is applied.
    pub(super) fn exists(&self, id: i64, at: usize) -> bool {
        let (granted, revoked) = (self.granted.get(&id), self.revoked.get(&id));
        let before = |of: Option<&Vec<usize>>| {
            let of = of?;
            of.get(of.partition_point(|of| *of < at).checked_sub(1)?).copied()
        };
        let after = |of: Option<&Vec<usize>>| of.is_some_and(|of| of.last().is_some_and(|last| *last >= at));
        match before(granted) {
            Some(grant) => before(revoked).is_none_or(|revoke| revoke < grant),
            None => before(revoked).is_none() && self.last.contains(&id) && !after(granted),
        }
    }

    /// The place of the last entry before `at` that grants the lease.
    pub(super) fn grant(&self, id: i64, at: usize) -> Option<usize> {
        self.granted.get(&id)?.iter().rev().find(|grant| **grant < at).copied()
    }

    /// The keys that any entry attaches to the lease.
    pub(super) fn keys(&self, id: i64) -> &[&'a [u8]] {
        self.keys.get(&id).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_exists_from_its_grant_to_its_end() {
        let mut leases = Leases::new([1, 2, 3].into_iter());
        let (grant, revoke) = (|id| Op::LeaseGrant { id, ttl: 60 }, |id| Op::LeaseRevoke { id });
        for (at, op) in [grant(2), revoke(4), grant(5), revoke(5), grant(3)].iter().enumerate() {
            leases.add(at, op, None);
        }
        let exists = |id| [0, 2, 5].map(|at| leases.exists(id, at));
        assert_eq!(exists(1), [true; 3]);
        assert_eq!(exists(2), [false, true, true]);
        // it may have been granted before, and ended, before the log begins
        assert_eq!(exists(3), [false, false, true]);
        assert_eq!((exists(4), exists(5)), ([false; 3], [false; 3]));
        assert_eq!((leases.grant(5, 9), leases.grant(1, 9)), (Some(2), None));
    }
}
