//! Stored values, damaged at random: the same in every run.

use std::fs;

/// Numbers (xorshift).
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self::seeded(1)
    }
}

impl Random {
    /// Others for each seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next one.
    pub fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap()
    }
}

/// Every value in `fixtures/k8s`.
pub fn stored_values() -> Vec<Vec<u8>> {
    let files = fs::read_dir("fixtures/k8s").unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| fs::read(path).unwrap()).collect()
}

/// Shows `check` each of them with up to four bytes of it changed, so many `times`.
pub fn damaged_values(times: usize, mut check: impl FnMut(Vec<u8>, &mut Random)) {
    let mut random = Random::default();
    for whole in stored_values() {
        for _ in 0..times {
            let mut value = whole.clone();
            for _ in 0..=random.next() % 4 {
                let at = random.next() % value.len();
                if let Some(byte) = value.get_mut(at.max(4)) {
                    *byte = (random.next() & 0xff) as u8;
                }
            }
            check(value, &mut random);
        }
    }
}
