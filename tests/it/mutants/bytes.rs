//! What is done to bytes: at random, and by what the bytes mean.

use crate::common::random::Random;

/// Numbers at the ends of what fits.
const NUMBERS: [u64; 14] =
    [0, 1, 2, 7, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 32, i64::MAX as u64, 1 << 63, u64::MAX];

/// A number at some end, near `near`, or any.
pub fn interesting(random: &mut Random, near: u64) -> u64 {
    match random.next() % 4 {
        0 => near.wrapping_add(1),
        1 => near.wrapping_sub(1),
        2 => random.next() as u64 % 64,
        _ => NUMBERS[random.next() % NUMBERS.len()],
    }
}

/// Changes a few bytes anywhere.
pub fn any(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = random.next() % bytes.len();
    let len = (1 << (random.next() % 8)).min(bytes.len() - at);
    match random.next() % 8 {
        0 | 1 => bytes[at] ^= 1 << (random.next() % 8),
        2 => bytes[at] = interesting(random, bytes[at].into()) as u8,
        3 => bytes[at..at + len].fill([0, 0xff][random.next() % 2]),
        4 => bytes[at..at + len].iter_mut().for_each(|byte| *byte = random.next() as u8),
        5 => drop(bytes.drain(at..at + len)),
        6 => {
            let piece = bytes[at..at + len].to_vec();
            let to = random.next() % bytes.len();
            bytes.splice(to..to, piece);
        }
        _ => bytes.truncate(at),
    }
}

/// Writes the little-endian number of `len` bytes at `at`.
fn set(bytes: &mut [u8], at: usize, len: usize, value: u64) {
    if let Some(place) = at.checked_add(len).and_then(|end| bytes.get_mut(at..end)) {
        place.copy_from_slice(&value.to_le_bytes()[..len]);
    }
}

/// Changes the byte at `at`.
fn byte(bytes: &mut [u8], at: usize, random: &mut Random) {
    let now = get(bytes, at, 1);
    set(bytes, at, 1, interesting(random, now));
}

fn get(bytes: &[u8], at: usize, len: usize) -> u64 {
    let mut value = [0; 8];
    let place = at.checked_add(len).and_then(|end| bytes.get(at..end)).unwrap_or_default();
    value[..place.len()].copy_from_slice(place);
    u64::from_le_bytes(value)
}

/// Changes a db by what its bytes mean: a page's header, an element, a meta, a whole page. Its length stays but for a
/// cut.
pub fn db(bytes: &mut Vec<u8>, random: &mut Random) {
    let size = usize::try_from(get(bytes, 24, 4)).unwrap_or(0).clamp(1024, 65536);
    let pages = bytes.len() / size;
    if pages < 4 {
        return any(bytes, random);
    }
    let page = random.next() % pages * size;
    let other = random.next() % pages * size;
    let (kind, count) = (get(bytes, page + 8, 2), get(bytes, page + 10, 2) as usize);
    let element = page + 16 + 16 * (random.next() % count.clamp(1, 200));
    match random.next() % 14 {
        // id, flags, count, overflow
        0 => field(bytes, page, &[(0, 8), (8, 2), (10, 2), (12, 4)], random),
        1 => set(bytes, page + 10, 2, interesting(random, count as u64)),
        // a leaf's flags, pos, ksize, vsize; a branch's pos, ksize, child
        2..=4 if kind == 2 => field(bytes, element, &[(0, 4), (4, 4), (8, 4), (12, 4)], random),
        2..=4 => field(bytes, element, &[(0, 4), (4, 4), (8, 8)], random),
        // a meta: page size, flags, root, sequence, freelist, high water, txid
        5 => {
            let meta = size * (random.next() % 2) + 16;
            field(bytes, meta, &[(8, 4), (12, 4), (16, 8), (24, 8), (32, 8), (40, 8), (48, 8)], random);
        }
        6 => bytes[page..page + size].fill([0, 0xff][random.next() % 2]),
        7 | 8 => {
            let id = bytes[page..page + 8].to_vec();
            bytes.copy_within(other..other + size, page);
            if !random.next().is_multiple_of(3) {
                bytes[page..page + 8].copy_from_slice(&id);
            }
        }
        // two elements in each other's place
        9 => {
            let second = page + 16 + 16 * (random.next() % count.clamp(1, 200));
            if element.max(second) + 16 <= bytes.len() {
                let (a, b) = (bytes[element..element + 16].to_vec(), bytes[second..second + 16].to_vec());
                bytes[element..element + 16].copy_from_slice(&b);
                bytes[second..second + 16].copy_from_slice(&a);
            }
        }
        // a byte of a key or a value
        10..=12 if kind == 2 => {
            let start = element + get(bytes, element + 4, 4) as usize;
            let len = (get(bytes, element + 8, 4) + get(bytes, element + 12, 4)).clamp(1, 1 << 20) as usize;
            let at = start.saturating_add(random.next() % len);
            byte(bytes, at, random);
        }
        13 if random.next().is_multiple_of(4) => bytes.truncate(random.next() % bytes.len()),
        _ => {
            let at = random.next() % bytes.len();
            bytes[at] ^= 1 << (random.next() % 8);
        }
    }
}

fn field(bytes: &mut [u8], base: usize, fields: &[(usize, usize)], random: &mut Random) {
    let (offset, len) = fields[random.next() % fields.len()];
    let now = get(bytes, base + offset, len);
    set(bytes, base + offset, len, interesting(random, now));
}

/// Changes a log by its records: their lengths, types, data; whole records are lost, doubled, swapped.
pub fn wal(bytes: &mut Vec<u8>, random: &mut Random) {
    let (mut at, mut frames) = (0, Vec::new());
    while let Some(end) = next(bytes, at) {
        frames.push(at..end);
        at = end;
    }
    if frames.len() < 4 {
        return any(bytes, random);
    }
    let frame = frames[random.next() % frames.len()].clone();
    let other = frames[random.next() % frames.len()].clone();
    match random.next() % 9 {
        0 => {
            let word = get(bytes, frame.start, 8);
            set(bytes, frame.start, 8, interesting(random, word));
        }
        1 => drop(bytes.drain(frame)),
        2 => {
            let record = bytes[frame].to_vec();
            bytes.splice(other.start..other.start, record);
        }
        3 => {
            let record = bytes[frame].to_vec();
            bytes.splice(other, record);
        }
        4 => bytes.truncate(frame.start + random.next() % frame.len()),
        5 => {
            let sector = frame.start / 512 * 512;
            let end = (sector + 512).min(bytes.len());
            bytes[sector..end].fill(0);
        }
        // the type
        6 => set(bytes, frame.start + 9, 1, interesting(random, 2)),
        _ => {
            let at = frame.start + 8 + random.next() % (frame.len() - 8).max(1);
            byte(bytes, at, random);
        }
    }
}

fn next(bytes: &[u8], at: usize) -> Option<usize> {
    let word = get(bytes.get(at..at + 8)?, 0, 8);
    let (len, pad) = crate::mend::frame(word);
    let end = at.checked_add(8)?.checked_add(len)?.checked_add(pad)?;
    Some(end).filter(|end| word != 0 && *end <= bytes.len())
}

/// Changes a value: bytes, and what readers that call themselves find hard.
pub fn value(bytes: &mut Vec<u8>, random: &mut Random) {
    match random.next() % 12 {
        0 => {
            // as deep as it gets: a list of lists
            let (open, close): (&[u8], &[u8]) =
                [(&b"["[..], &b"]"[..]), (b"{\"a\":", b"}"), (b"\x81", b""), (b"\xa1Aa", b"")][random.next() % 4];
            let depth = 1 << (random.next() % 14);
            let at = random.next() % (bytes.len() + 1);
            bytes.splice(at..at, [open.repeat(depth), b"1".to_vec(), close.repeat(depth)].concat());
        }
        1 => {
            // lengths of a message that fit: a field is wrapped in itself
            let at = random.next() % (bytes.len() + 1);
            let mut inner = bytes.split_off(at);
            inner.truncate(2000);
            for _ in 0..1 << (random.next() % 8) {
                let writer = etcdsnap::proto::Writer::new();
                inner = writer.bytes(1 + (random.next() % 8) as u32, &inner).finish();
            }
            bytes.extend(inner);
        }
        _ => any(bytes, random),
    }
}
