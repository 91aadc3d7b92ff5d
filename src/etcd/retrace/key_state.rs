//! What is known of one key at one moment.

use crate::etcd::{
    KeyValue,
    request::{Compare, CompareResult, CompareTarget},
};

/// The states in which a key may be: it does not exist, or it exists with what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyState<'a> {
    /// Whether the key may not exist.
    pub(super) absent: bool,
    /// What is known if it exists; `None` when it cannot exist.
    pub(super) live: Option<Live<'a>>,
}

/// What is known of a key that exists; `None` in a field is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Live<'a> {
    pub(super) mod_revision: Option<i64>,
    pub(super) create_revision: Option<i64>,
    pub(super) version: Option<i64>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) lease: Option<i64>,
}

impl<'a> KeyState<'a> {
    pub(super) const ABSENT: Self = Self { absent: true, live: None };

    /// Any state.
    pub(super) fn anything() -> Self {
        Self { absent: true, live: Some(Live::default()) }
    }

    /// The state of a key that exists.
    pub(super) fn live(live: Live<'a>) -> Self {
        Self { absent: false, live: Some(live) }
    }

    /// The state by a key's newest record.
    pub(super) fn of(kv: &KeyValue<'a>) -> Self {
        Self::live(Live {
            mod_revision: Some(kv.mod_revision),
            create_revision: Some(kv.create_revision),
            version: Some(kv.version),
            value: Some(kv.value),
            lease: Some(kv.lease),
        })
    }

    /// Whether any state is left.
    pub(super) fn is_possible(&self) -> bool {
        self.absent || self.live.is_some()
    }

    /// Whether the key exists, where that is certain.
    pub(super) fn exists(&self) -> Option<bool> {
        match (self.absent, self.live) {
            (true, None) => Some(false),
            (false, Some(_)) => Some(true),
            _ => None,
        }
    }

    /// The states in which `compare` has the result `holds`.
    pub(super) fn given(self, compare: &Compare<'a>, holds: bool) -> Self {
        let absent = self.absent && compare.holds_without_key() == holds;
        let live = self.live.filter(|live| live.holds(compare).is_none_or(|so| so == holds));
        let live = live.map(|live| if holds { live.with(compare) } else { live });
        Self { absent, live }
    }

    /// Whether `compare` holds in every state.
    pub(super) fn surely(self, compare: &Compare<'a>) -> bool {
        !self.given(compare, false).is_possible()
    }
}

impl<'a> Live<'a> {
    /// Whether `compare` holds, where that is certain.
    fn holds(&self, compare: &Compare<'a>) -> Option<bool> {
        if matches!(compare.result, CompareResult::Unknown(_)) {
            return Some(true);
        }
        // revisions and versions of a key that exists are greater than zero
        let number = |known: Option<i64>, with: i64| known.or((with <= 0).then_some(1));
        let mut kv = KeyValue::default();
        match compare.target {
            CompareTarget::Version(with) => kv.version = number(self.version, with)?,
            CompareTarget::Create(with) => kv.create_revision = number(self.create_revision, with)?,
            CompareTarget::Mod(with) => kv.mod_revision = number(self.mod_revision, with)?,
            CompareTarget::Value(_) => kv.value = self.value?,
            CompareTarget::Lease(_) => kv.lease = self.lease?,
            CompareTarget::Unknown(_) => {}
        }
        Some(compare.holds(&kv))
    }

    /// What is known too when `compare` holds.
    fn with(mut self, compare: &Compare<'a>) -> Self {
        if compare.result == CompareResult::Equal {
            match compare.target {
                CompareTarget::Version(with) => self.version = Some(with),
                CompareTarget::Create(with) => self.create_revision = Some(with),
                CompareTarget::Mod(with) => self.mod_revision = Some(with),
                CompareTarget::Value(with) => self.value = Some(with),
                CompareTarget::Lease(with) => self.lease = Some(with),
                CompareTarget::Unknown(_) => {}
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(result: CompareResult, target: CompareTarget<'static>) -> Compare<'static> {
        Compare { result, target, key: b"k", range_end: b"" }
    }

    #[test]
    fn a_condition_shows_what_a_key_was() {
        let created = compare(CompareResult::Equal, CompareTarget::Create(0));
        assert_eq!(KeyState::anything().given(&created, true), KeyState::ABSENT);
        assert_eq!(KeyState::anything().given(&created, false), KeyState::live(Live::default()));
        let at = |revision| KeyState::live(Live { mod_revision: Some(revision), ..Live::default() });
        let seven = compare(CompareResult::Equal, CompareTarget::Mod(7));
        assert_eq!(KeyState::anything().given(&seven, true), at(7));
        assert!(!at(8).given(&seven, true).is_possible() && at(7).surely(&seven));
        assert_eq!(at(8).given(&seven, false), at(8));
        // a key without a value is neither less nor greater than one
        let value = compare(CompareResult::NotEqual, CompareTarget::Value(b"v"));
        assert_eq!(KeyState::ABSENT.given(&value, true), KeyState { absent: false, live: None });
        let unknown = compare(CompareResult::Unknown(9), CompareTarget::Version(1));
        assert!(KeyState::anything().surely(&unknown));
    }
}
