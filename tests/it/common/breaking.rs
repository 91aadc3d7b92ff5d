//! What may befall a record of a log: cuts, flips, swaps, absurd lengths, writes that were lost.

use std::ops::Range;

/// A log that something was done to.
pub struct Broken {
    pub what: String,
    pub log: Vec<u8>,
    /// The bytes that are not what they were.
    pub at: Range<usize>,
}

/// All that is done to the record in `place`; `next` is the one after it.
pub fn broken(whole: &[u8], place: &Range<usize>, next: Option<&Range<usize>>) -> Vec<Broken> {
    let mut all = Vec::new();
    let mut push = |what: String, log: Vec<u8>, at: Range<usize>| {
        let same = log.iter().zip(whole).take_while(|(a, b)| a == b).count();
        if same < whole.len() {
            all.push(Broken { what, log, at: same..at.end });
        }
    };
    let Range { start, end } = *place;
    let len = usize::try_from(u64_at(whole, start) & (u64::MAX >> 8)).unwrap();
    for cut in [start, start + 3, start + 8, start + 9, start + 8 + len / 2, start + 8 + len - 1] {
        push(format!("cut at {cut}"), whole[..cut].to_vec(), cut..whole.len());
        let zeros = [&whole[..cut], &vec![0; whole.len() - cut]].concat();
        push(format!("zeros from {cut}"), zeros, cut..whole.len());
    }
    // the length's bytes and the byte of padding; type; checksum; data; padding
    let data = start + 8 + len / 2;
    let mut bytes = vec![start, start + 1, start + 6, start + 7, start + 8, start + 9, start + 10, start + 11];
    bytes.extend([start + 13, start + 8 + len - 4, data, start + 8 + len - 1, end - 1]);
    for byte in bytes.into_iter().filter(|byte| *byte < end) {
        // another bit for each record
        let bits = if [start + 7, start + 9].contains(&byte) { 0..8 } else { start / 8 % 8..start / 8 % 8 + 1 };
        for bit in bits {
            let mut log = whole.to_vec();
            log[byte] ^= 1 << bit;
            push(format!("bit {bit} of byte {byte}"), log, byte..byte + 1);
        }
    }
    if let Some(next) = next {
        let log = [&whole[..start], &whole[next.clone()], &whole[start..end], &whole[next.end..]].concat();
        push("it and the next in each other's place".to_owned(), log, start..next.end);
    }
    let (fits, pad) = (len as u64, u64_at(whole, start) & !(u64::MAX >> 8));
    let lengths = [0, 1, 7, fits - 1, fits + 1, fits + 8, 1 << 40, (1 << 56) - 1, 1 << 63, u64::MAX, i64::MAX as u64];
    let pads = [0_u64, 0x80, 0x87, 0xff, 0x40].map(|pad| pad << 56 | fits);
    for word in lengths.into_iter().chain(pads).chain([pad, pad | 1 << 55]) {
        let mut log = whole.to_vec();
        log[start..start + 8].copy_from_slice(&word.to_le_bytes());
        push(format!("a length of {word:#x}"), log, start..start + 8);
    }
    // what a disk that lost a write leaves
    let sector = data / 512 * 512;
    for zeros in [place.clone(), sector.max(start)..(sector + 512).min(end), sector..(sector + 512).min(whole.len())] {
        let mut log = whole.to_vec();
        log[zeros.clone()].fill(0);
        push(format!("zeros in {zeros:?}"), log, zeros);
    }
    all
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}
