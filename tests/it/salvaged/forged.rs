//! Pages and records that are made up.

/// A record: what is stored under which name in the bucket `key`.
pub type Stored = (Vec<u8>, Vec<u8>);

fn name(main: i64, sub: i64) -> Vec<u8> {
    [&main.to_be_bytes()[..], b"_", &sub.to_be_bytes()].concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A value of a key at a revision.
pub fn put(main: i64, key: &[u8], version: u64, value: &[u8]) -> Stored {
    (name(main, 0), [head(main, key, version, value.len()), value.to_vec()].concat())
}

/// The record before the first byte of its value, which is so long.
fn head(main: i64, key: &[u8], version: u64, value: usize) -> Vec<u8> {
    let number = |tag: u8, number: u64| [vec![tag], varint(number)].concat();
    let key = [number(0x0a, key.len() as u64), key.to_vec()].concat();
    let main = main as u64;
    [key, number(0x10, main), number(0x18, main), number(0x20, version), number(0x2a, value as u64)].concat()
}

/// A deletion of a key.
pub fn tombstone(main: i64, key: &[u8]) -> Stored {
    ([name(main, 0), b"t".to_vec()].concat(), [&[0x0a, u8::try_from(key.len()).unwrap()], key].concat())
}

/// A leaf of one page that holds these.
pub fn leaf(id: usize, stored: &[Stored]) -> Vec<u8> {
    let mut page = [&(id as u64).to_le_bytes()[..], &[2, 0], &(stored.len() as u16).to_le_bytes(), &[0; 4]].concat();
    let mut at = 16 + 16 * stored.len();
    for (i, (key, value)) in stored.iter().enumerate() {
        let fields = [0, at - (16 + 16 * i), key.len(), value.len()];
        page.extend(fields.iter().flat_map(|field| (*field as u32).to_le_bytes()));
        at += key.len() + value.len();
    }
    page.extend(stored.iter().flat_map(|(key, value)| [&key[..], value].concat()));
    assert!(page.len() <= 4096);
    page.resize(4096, 0);
    page
}

/// A file of nothing but leaves that reach to its end, each with many records that do too: together they are many
/// thousand times as long as the file. All of them have one revision, or each has its own.
pub fn bomb(pages: usize, one_revision: bool) -> Vec<u8> {
    const RECORDS: usize = 50;
    let len = pages * 4096;
    let mut bytes = Vec::with_capacity(len);
    for id in 0..pages - 1 {
        let mut page = [&(id as u64).to_le_bytes()[..], &[2, 0, RECORDS as u8, 0]].concat();
        page.extend(((pages - 1 - id) as u32).to_le_bytes());
        let mut blobs = Vec::new();
        for i in 0..RECORDS {
            let at = 16 + 16 * RECORDS + blobs.len();
            let main = if one_revision { 5 } else { (id * RECORDS + i + 2) as i64 };
            // as long as leaves the end of the file, whatever number of bytes that takes
            let key = format!("/registry/{:06}", if one_revision { 1 } else { id * RECORDS + i });
            let start = id * 4096 + at + 17;
            let rest = len - start - head(main, key.as_bytes(), 1, len - start).len();
            let head = head(main, key.as_bytes(), 1, rest);
            let stored = head.len() + rest;
            page.extend([0, at - (16 + 16 * i), 17, stored].iter().flat_map(|field| (*field as u32).to_le_bytes()));
            blobs.extend([name(main, 0), head].concat());
        }
        page.extend(blobs);
        assert!(page.len() <= 4096, "{}", page.len());
        page.resize(4096, b'v');
        bytes.extend(page);
    }
    bytes.resize(len, b'v');
    bytes
}
