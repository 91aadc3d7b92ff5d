//! Bytes that were made from a source and are looked at as long as it is, as if they were one of its parts.

use std::sync::OnceLock;

/// A list that only grows, so that what is in it can be lent out.
#[derive(Debug, Default)]
pub(super) struct Kept(OnceLock<Box<(Vec<u8>, Self)>>);

impl Kept {
    /// Puts `bytes` at the end.
    pub(super) fn keep(&self, bytes: Vec<u8>) -> &[u8] {
        let (mut end, mut bytes) = (self, bytes);
        loop {
            match end.0.set(Box::new((bytes, Self::default()))) {
                Ok(()) => return end.0.get().map(|last| last.0.as_slice()).unwrap_or_default(),
                Err(unset) => bytes = unset.0,
            }
            let Some(next) = end.0.get() else { return &[] };
            end = &next.1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_where_it_is() {
        let kept = Kept::default();
        let all: Vec<_> = (0..9_u8).map(|n| kept.keep(vec![n; 3])).collect();
        assert!(all.iter().zip(0..9_u8).all(|(bytes, n)| *bytes == [n; 3]));
    }
}
