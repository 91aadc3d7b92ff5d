//! The keys with the most of something.

use serde::Serialize;

/// A key with much of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Top {
    /// `deployments.apps/web -n shop`, or the key where it is no object.
    pub name: String,
    /// Bytes of the live value; 0 for a key that is deleted.
    pub value_bytes: u64,
    /// Number of records.
    pub records: u64,
    /// Bytes of all its records.
    pub bytes: u64,
}

/// The keys with the greatest numbers, in bounded memory.
#[derive(Debug)]
pub(super) struct Tops<'a> {
    limit: usize,
    /// The number, and the key.
    found: Vec<(u64, &'a [u8])>,
}

impl<'a> Tops<'a> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, found: Vec::new() }
    }

    pub(super) fn offer(&mut self, number: u64, key: &'a [u8]) {
        self.found.push((number, key));
        if self.found.len() >= self.limit.saturating_mul(2).saturating_add(1024) {
            self.cut();
        }
    }

    pub(super) fn join(&mut self, other: Self) {
        self.found.extend(other.found);
        self.cut();
    }

    fn cut(&mut self) {
        self.found.sort_unstable_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.cmp(y)));
        self.found.truncate(self.limit);
    }

    /// The keys, the greatest number first.
    pub(super) fn into_keys(mut self) -> impl Iterator<Item = &'a [u8]> {
        self.cut();
        self.found.into_iter().map(|(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_come_first_and_few_are_kept() {
        let keys: Vec<_> = (0..5000_u64).map(|n| (n * 7919 % 5000).to_be_bytes()).collect();
        let (mut tops, mut others) = (Tops::new(2), Tops::new(2));
        for key in &keys {
            let number = u64::from_be_bytes(*key);
            if number % 2 == 0 { tops.offer(number, key) } else { others.offer(number, key) }
        }
        assert!(tops.found.len() < 1030);
        tops.join(others);
        assert_eq!(tops.into_keys().collect::<Vec<_>>(), [4999_u64.to_be_bytes(), 4998_u64.to_be_bytes()]);
    }
}
