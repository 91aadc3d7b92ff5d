//! What the numbers of a key say about its past: whether two states can be of one history.

use super::KeyValue;

/// The numbers that etcd keeps of a live key: `create_revision`, `mod_revision` and `version` of an
/// `mvccpb.KeyValue`, and so of the `generation` in etcd's `key_index.go`.
///
/// ```text
///   absent | version 1            ...            version n | live, without a write, up to the head
///          create_revision        ...         mod_revision                                   head
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Generation {
    /// The main revision that created the key.
    pub create_revision: i64,
    /// The main revision that wrote it last.
    pub mod_revision: i64,
    /// The number of writes from the one to the other: at most one for each revision.
    pub version: i64,
}

impl Generation {
    /// Whether a history in which the key is as `earlier` at the revision `head` (`None`: it is not live) can lead to
    /// this state at a later revision. Of one that is not live any more nothing can be said: it may have been deleted.
    ///
    /// Numbers that cannot be true are not judged: a record of which only a log tells may have the version 0.
    #[must_use]
    pub(crate) fn can_follow(self, earlier: Option<Self>, head: i64) -> bool {
        let is_odd = |of: Self| of.version < 1;
        if is_odd(self) || earlier.is_some_and(is_odd) {
            return true;
        }
        if self.mod_revision <= head {
            return earlier == Some(self);
        }
        let Some(earlier) = earlier else { return self.create_revision > head };
        if self.create_revision > head {
            // A deletion needs a revision of its own before the key is created again.
            return self.create_revision.saturating_sub(head) > 1;
        }
        let writes = self.version.saturating_sub(earlier.version);
        let is_possible = writes >= 1 && writes <= self.mod_revision.saturating_sub(head);
        self.create_revision == earlier.create_revision && is_possible
    }
}

impl KeyValue<'_> {
    /// The numbers of the key.
    #[must_use]
    pub(crate) fn generation(&self) -> Generation {
        let Self { create_revision, mod_revision, version, .. } = *self;
        Generation { create_revision, mod_revision, version }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_follows_one_of_its_own_history_only() {
        let of = |create_revision, mod_revision, version| Generation { create_revision, mod_revision, version };
        let can = |later: (i64, i64, i64), earlier: Option<(i64, i64, i64)>, head| {
            of(later.0, later.1, later.2).can_follow(earlier.map(|(a, b, c)| of(a, b, c)), head)
        };
        // As it was.
        assert!(can((3, 5, 2), Some((3, 5, 2)), 9));
        assert!(!can((3, 5, 2), Some((3, 5, 3)), 9));
        assert!(!can((3, 5, 2), None, 9));
        // Written again: at most once for each revision since.
        assert!(can((3, 12, 5), Some((3, 5, 2)), 9));
        assert!(!can((3, 12, 6), Some((3, 5, 2)), 9));
        assert!(!can((3, 12, 2), Some((3, 5, 2)), 9));
        assert!(!can((3, 12, 5), Some((4, 5, 2)), 9));
        // It was there at the revision 9.
        assert!(!can((9, 12, 2), None, 9));
        // Created since.
        assert!(can((10, 12, 2), None, 9));
        assert!(can((11, 12, 2), Some((3, 5, 2)), 9));
        assert!(!can((10, 12, 2), Some((3, 5, 2)), 9), "deleted and created by one revision");
        // Numbers that are no numbers of a live key.
        assert!(can((9, 9, 0), None, 9) && can((3, 12, 2), Some((4, 5, 0)), 9));
        let far = (1, i64::MAX, i64::MAX);
        assert!(!can(far, Some((1, 1, 1)), 5) && can((i64::MAX, i64::MAX, 1), None, i64::MIN));
    }
}
