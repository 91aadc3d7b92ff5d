//! The two sums that etcd uses: CRC-32C (Castagnoli) for the status hash, HashKV, the WAL and `.snap` files,
//! and SHA-256 for the trailer of a saved snapshot; and HMAC, which makes a keyed sum of the second.

use crc_fast::{CrcAlgorithm::Crc32Iscsi, Digest};
use sha2::Digest as _;

use crate::{Error, Result};

/// The CRC-32C of a run of bytes, and how many they were, so that sums of neighbouring runs can be joined.
///
/// Mirrors Go's `crc32.MakeTable(crc32.Castagnoli)` with `New` and `Sum32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Crc32c {
    sum: u32,
    len: u64,
}

impl Crc32c {
    /// The sum of `data`.
    #[must_use]
    pub fn of(data: &[u8]) -> Self {
        Self { sum: crc_fast::checksum(Crc32Iscsi, data) as u32, len: data.len() as u64 }
    }

    /// The sum of these bytes followed by those of `next`. Costs microseconds: join chunks, not records.
    #[must_use]
    pub(crate) fn join(self, next: Self) -> Self {
        match (self.len, next.len) {
            (_, 0) => self,
            (0, _) => next,
            _ => {
                let sum = crc_fast::checksum_combine(Crc32Iscsi, self.sum.into(), next.sum.into(), next.len);
                Self { sum: sum as u32, len: self.len.saturating_add(next.len) }
            }
        }
    }

    /// The sum, as Go's `Sum32` gives it.
    #[must_use]
    pub fn sum(self) -> u32 {
        self.sum
    }
}

/// Takes a CRC-32C piece by piece.
#[derive(Debug)]
pub struct Crc32cWriter(Digest);

impl Default for Crc32cWriter {
    fn default() -> Self {
        Self(Digest::new(Crc32Iscsi))
    }
}

impl Crc32cWriter {
    /// Goes on from the sum of bytes that came before (Go's `crc32.Update`, etcd's `pkg/crc.New`).
    ///
    /// How many those were is not known: the result is good for its sum alone.
    #[inline]
    #[must_use]
    pub fn continue_from(sum: u32) -> Self {
        Self(Digest::new_with_init_state(Crc32Iscsi, u64::from(!sum)))
    }

    /// Adds `data`.
    #[inline]
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The sum of all that was added.
    #[must_use]
    pub fn finish(&self) -> Crc32c {
        Crc32c { sum: self.0.finalize() as u32, len: self.0.get_amount() }
    }
}

/// Takes a SHA-256 piece by piece, with the CPU's instructions.
///
/// One stream is one core's work from the first byte to the last, and the longest part of `verify`: on a CPU without
/// SHA instructions it goes through ring's AVX2 code, measured at twice the speed of sha2's portable one.
#[derive(Clone)]
pub struct Sha256(Engine);

#[derive(Clone)]
enum Engine {
    Sha2(sha2::Sha256),
    #[cfg(target_arch = "x86_64")]
    Ring(ring::digest::Context),
}

impl Default for Sha256 {
    fn default() -> Self {
        #[cfg(target_arch = "x86_64")]
        if !std::arch::is_x86_feature_detected!("sha") {
            return Self(Engine::Ring(ring::digest::Context::new(&ring::digest::SHA256)));
        }
        Self(Engine::Sha2(sha2::Sha256::new()))
    }
}

impl Sha256 {
    /// Adds `data`.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            Engine::Sha2(sha) => sha.update(data),
            #[cfg(target_arch = "x86_64")]
            Engine::Ring(sha) => sha.update(data),
        }
    }

    /// The sum of all that was added.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        match self.0 {
            Engine::Sha2(sha) => sha.finalize().into(),
            #[cfg(target_arch = "x86_64")]
            Engine::Ring(sha) => sha.finish().as_ref().first_chunk().copied().unwrap_or_default(),
        }
    }
}

/// Bytes as lowercase hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(n.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

/// HMAC-SHA-256 of `parts` in sequence (Go's `crypto/hmac`, RFC 2104).
#[must_use]
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let sum = |parts: &[&[u8]]| {
        let mut sha = Sha256::default();
        parts.iter().for_each(|part| sha.update(part));
        sha.finish()
    };
    let mut block = [0; 64];
    let short = if key.len() > block.len() { &sum(&[key])[..] } else { key };
    block.iter_mut().zip(short).for_each(|(byte, key)| *byte = *key);
    let inner = sum(&[&[&block.map(|byte| byte ^ 0x36)[..]], parts].concat());
    sum(&[&block.map(|byte| byte ^ 0x5c), &inner])
}

/// Random bytes, for a key of a keyed sum or a secret.
///
/// # Errors
/// When the system gives none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut rest = &mut bytes[..];
    while !rest.is_empty() {
        let n = rustix::rand::getrandom(&mut *rest, rustix::rand::GetRandomFlags::empty());
        let n = n.map_err(|errno| Error::io("getrandom(2)", "read", errno.into()))?;
        rest = rest.get_mut(n..).unwrap_or_default();
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn castagnoli_and_not_the_zip_polynomial() {
        assert_eq!(Crc32c::of(b"123456789").sum(), 0xe306_9283);
        assert_eq!(Crc32c::default().sum(), 0);
    }

    #[test]
    fn a_sum_goes_on_where_another_ended() {
        let go_on = |sum, data: &[u8]| {
            let mut writer = Crc32cWriter::continue_from(sum);
            writer.update(data);
            writer.finish().sum()
        };
        for cut in 0..=9 {
            let (a, b) = b"123456789".split_at(cut);
            assert_eq!(go_on(Crc32c::of(a).sum(), b), 0xe306_9283, "cut at {cut}");
        }
        assert_eq!(go_on(0xe306_9283, b""), 0xe306_9283);
        // two records of a WAL that etcdutl wrote: metadata, and after it snapshot{0,0}
        let metadata = b"\x08\xcd\xd2\x91\x8b\xd2\xb8\x81\xcf\x8e\x01\x10\xb2\x98\xea\xf1\x94\x83\x86\xfc\xcd\x01";
        assert_eq!(go_on(0, metadata), 0x5f91_c0bb);
        assert_eq!(go_on(0x5f91_c0bb, b"\x08\x00\x10\x00"), 0xedb1_dd94);
    }

    #[test]
    fn both_sha_engines_say_the_same() {
        let data: Vec<u8> = (0..1_000_000_u32).map(|i| (i * 31) as u8).collect();
        let engines = [
            Engine::Sha2(sha2::Sha256::new()),
            #[cfg(target_arch = "x86_64")]
            Engine::Ring(ring::digest::Context::new(&ring::digest::SHA256)),
        ];
        let sums = engines.map(|engine| {
            let mut sha = Sha256(engine);
            data.chunks(777).for_each(|chunk| sha.update(chunk));
            sha.finish()
        });
        assert!(sums.iter().all(|sum| *sum == sums[0]));
        let mut abc = Sha256::default();
        abc.update(b"abc");
        assert_eq!(hex(&abc.finish()), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn keyed_sums_are_those_of_rfc_4231() {
        let want = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"])), want);
        let long = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(hex(&hmac_sha256(&[0xaa; 131], &[b"Test Using Larger Than Block-Size Key - Hash Key First"])), long);
    }

    #[test]
    fn joined_parts_sum_like_the_whole() {
        let data: Vec<u8> = (0..10_000_u32).map(|i| (i * 7) as u8).collect();
        for cut in [0, 1, 17, 5000, 9999, 10_000] {
            let (a, b) = data.split_at(cut);
            assert_eq!(Crc32c::of(a).join(Crc32c::of(b)), Crc32c::of(&data), "cut at {cut}");
        }
        let mut writer = Crc32cWriter::default();
        data.chunks(13).for_each(|c| writer.update(c));
        assert_eq!(writer.finish(), Crc32c::of(&data));
    }
}
