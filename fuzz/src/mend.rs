//! Checksums made right again, so that a change of the bytes below them is not all that a reader sees.

use std::ops::Range;

use etcdsnap::{hash::Crc32cWriter, proto};

/// `common.Magic` of bbolt, and the bytes of a meta from there on that its checksum covers.
const MAGIC: [u8; 4] = 0xED0C_DAED_u32.to_le_bytes();
const SUMMED: Range<usize> = 16..72;

/// Both metas of a db get the checksum of what they hold: the first one, and every one that is a page's length after
/// it.
pub fn db(bytes: &mut [u8]) {
    meta(bytes, 0);
    (10..=16).for_each(|shift| meta(bytes, 1 << shift));
}

fn meta(bytes: &mut [u8], at: usize) {
    let Some(page) = bytes.get_mut(at..at + 80).filter(|page| page[16..20] == MAGIC) else { return };
    let sum = fnv1a(&page[SUMMED]);
    page[72..80].copy_from_slice(&sum.to_le_bytes());
}

/// FNV-1a, 64 bit.
pub fn fnv1a(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

/// A segment of a log whose records, as far as they can be told apart, have the checksums of what they hold.
pub fn wal(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut crc, mut at) = (Vec::with_capacity(bytes.len()), 0, 0);
    while let Some(word) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        let (len, pad) = frame(word);
        let end = (at + 8).checked_add(len).and_then(|end| Some((end, end.checked_add(pad)?)));
        let Some((end, next)) = end.filter(|(_, next)| word != 0 && *next <= bytes.len()) else { break };
        match record(&bytes[at + 8..end], &mut crc) {
            Some(record) => out.extend(framed(&record)),
            None => out.extend(&bytes[at..next]),
        }
        at = next;
    }
    out.extend(bytes.get(at..).unwrap_or_default());
    out
}

/// Length of a record and of the zeros after it, by the word before it (`decodeFrameSize`).
pub fn frame(word: u64) -> (usize, usize) {
    let len = usize::try_from(word & (u64::MAX >> 8)).unwrap_or(usize::MAX);
    let pad = if word >> 63 == 1 { (word >> 56) as usize & 7 } else { 0 };
    (len, pad)
}

/// A record with the word before it and the zeros after it.
pub fn framed(record: &[u8]) -> Vec<u8> {
    let len = record.len() as u64;
    let pad = len.wrapping_neg() & 7;
    let mut out = (len | if pad == 0 { 0 } else { (0x80 | pad) << 56 }).to_le_bytes().to_vec();
    out.extend(record);
    out.resize(out.len().next_multiple_of(8), 0);
    out
}

/// The record with the checksum that follows from `crc` and its data; `None` where it cannot be read.
fn record(message: &[u8], crc: &mut u32) -> Option<Vec<u8>> {
    let (mut kind, mut stored, mut data) = (0, 0, None);
    let mut reader = proto::Reader::new(message);
    while let Some(field) = reader.next_field().ok()? {
        match field.number {
            1 => kind = field.varint().ok()?,
            2 => stored = field.varint().ok()?,
            3 => data = Some(field.bytes().ok()?),
            _ => {}
        }
    }
    if kind == 4 {
        // a record of the checksum itself: what the file before ended with
        *crc = u32::try_from(stored).ok()?;
    } else {
        let mut sum = Crc32cWriter::continue_from(*crc);
        sum.update(data.unwrap_or_default());
        *crc = sum.finish().sum();
    }
    let record = proto::Writer::new().varint(1, kind).varint(2, (*crc).into());
    Some(match data {
        Some(data) => record.bytes(3, data).finish(),
        None => record.finish(),
    })
}

/// A `.snap` file whose checksum is that of its data.
pub fn snap(bytes: &[u8]) -> Vec<u8> {
    let (mut reader, mut data) = (proto::Reader::new(bytes), None);
    while let Ok(Some(field)) = reader.next_field() {
        if field.number == 2 {
            data = field.bytes().ok();
        }
    }
    let Some(data) = data else { return bytes.to_vec() };
    let mut sum = Crc32cWriter::continue_from(0);
    sum.update(data);
    proto::Writer::new().varint(1, sum.finish().sum().into()).bytes(2, data).finish()
}

/// A tar whose headers have the checksums of what they hold.
pub fn tar(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(header) = bytes.get_mut(at..at + 512) {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = header[124..136].iter().take_while(|byte| byte.is_ascii_digit());
        let size = size.fold(0_usize, |size, byte| size.wrapping_mul(8).wrapping_add(usize::from(byte - b'0')));
        let Some(next) = size.checked_next_multiple_of(512).and_then(|size| size.checked_add(at + 512)) else { break };
        at = next;
    }
}
