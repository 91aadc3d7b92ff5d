//! Damage to pages; the checksums of the metas are computed again.

use etcdsnap::bolt::{Db, Kind, PageId};

use crate::common::random::Random;

/// Changes the image; `None` where there is nothing to change.
pub type Edit = fn(&mut Vec<u8>, &mut Random) -> Option<()>;

/// Where a page begins, how long it is, and the number of its elements.
struct Place {
    at: usize,
    len: usize,
    count: usize,
}

/// One of the pages of a kind that hold at least `least` elements.
fn page(image: &[u8], kind: Kind, least: usize, random: &mut Random) -> Option<Place> {
    let db = Db::open(image).unwrap();
    let size = usize::try_from(db.page_size()).unwrap();
    let live = live(&db);
    let pages = (2..db.pages()).filter(|id| live.contains(id)).filter_map(|id| db.page(PageId(id)).ok());
    let pages: Vec<_> = pages
        .filter(|page| page.kind == kind && usize::from(page.count) >= least)
        .map(|page| (usize::try_from(page.id.0).unwrap() * size, page.bytes.len(), usize::from(page.count)))
        .collect();
    super::model::one_of(&pages, random).map(|(at, len, count)| Place { at, len, count })
}

/// The pages that a tree reaches, and the freelist's: a change of others changes nothing.
fn live(db: &Db<'_>) -> std::collections::BTreeSet<u64> {
    let snapshot = etcdsnap::etcd::Snapshot::open(db.image()).unwrap();
    let (mut walk, mut findings) = (etcdsnap::bolt::Walk::new(db.clone()), etcdsnap::Findings::default());
    let root = walk.buckets(&mut findings);
    let mut met: std::collections::BTreeSet<u64> = [db.meta().root.0].into();
    for bucket in &root {
        let fold = walk.fold(Some(bucket), || (), || (), |(), (), _| ());
        met.extend((2..db.pages()).filter(|id| fold.met.contains(PageId(*id))));
    }
    met.extend(db.meta().freelist.map(|id| id.0));
    assert_eq!(snapshot.findings.list(), []);
    met
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn put(bytes: &mut [u8], at: usize, new: &[u8]) -> Option<()> {
    let place = bytes.get_mut(at..at + new.len())?;
    (place != new).then(|| place.copy_from_slice(new))
}

fn leaf(image: &[u8], least: usize, random: &mut Random) -> Option<Place> {
    page(image, Kind::Leaf, least, random)
}

fn element(place: &Place, random: &mut Random) -> usize {
    place.at + 16 + random.next() % place.count * 16
}

/// Changes a field of both metas, or of the one that counts, and computes the checksum again.
fn meta(image: &mut [u8], random: &mut Random, change: impl Fn(u64, &mut Random) -> u64, field: usize) -> Option<()> {
    let db = Db::open(image).unwrap();
    let size = usize::try_from(db.page_size()).unwrap();
    let current = usize::from(db.current().unwrap());
    let which = if random.next().is_multiple_of(2) { vec![current] } else { vec![0, 1] };
    for page in which {
        let at = page * size + 16;
        let new = change(u64_at(image, at + field), random);
        put(image, at + field, &new.to_le_bytes())?;
        let sum = image[at..at + 56]
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        put(image, at + 56, &sum.to_le_bytes());
    }
    Some(())
}

pub const PAGES: &[(&str, Edit)] = &[
    ("the number of a page", |image, random| {
        let place = leaf(image, 0, random)?;
        let id = u64_at(image, place.at) ^ 1 << (random.next() % 8);
        put(image, place.at, &id.to_le_bytes())
    }),
    ("the type of a page", |image, random| {
        let place = leaf(image, 0, random)?;
        put(image, place.at + 8, &[[0, 1, 4, 0x10, 0x12, 0x40][random.next() % 6], 0])
    }),
    ("the number of elements of a leaf", |image, random| {
        let place = leaf(image, 1, random)?;
        let count = [0, place.count - 1, place.count + 1, random.next() % place.count][random.next() % 4];
        put(image, place.at + 10, &u16::try_from(count).unwrap().to_le_bytes())
    }),
    ("a leaf without elements", |image, random| {
        let place = leaf(image, 1, random)?;
        put(image, place.at + 10, &[0, 0])
    }),
    ("the number of elements of a branch", |image, random| {
        let place = page(image, Kind::Branch, 1, random)?;
        let count = [0, place.count - 1, place.count + 1, random.next() % place.count][random.next() % 4];
        put(image, place.at + 10, &u16::try_from(count).unwrap().to_le_bytes())
    }),
    ("the overflow of a page", |image, random| {
        let place = leaf(image, 0, random)?;
        let overflow = u32_at(image, place.at + 12) + [1, 2, 100][random.next() % 3];
        put(image, place.at + 12, &overflow.to_le_bytes())
    }),
    ("bbolt's bucket flag on an element", |image, random| {
        let place = leaf(image, 1, random)?;
        let at = element(&place, random);
        let flags = u32_at(image, at) ^ 1;
        put(image, at, &flags.to_le_bytes())
    }),
    ("other flags of an element", |image, random| {
        let place = leaf(image, 1, random)?;
        let at = element(&place, random);
        let flags = u32_at(image, at) ^ 2 << (random.next() % 31);
        put(image, at, &flags.to_le_bytes())
    }),
    ("the place of an element's key", |image, random| {
        let place = leaf(image, 1, random)?;
        let at = element(&place, random) + 4;
        let pos = u32_at(image, at).wrapping_add([1, u32::MAX, 8, 100, 1 << 20][random.next() % 5]);
        put(image, at, &pos.to_le_bytes())
    }),
    ("the length of an element's key", |image, random| {
        let place = leaf(image, 1, random)?;
        let at = element(&place, random) + 8;
        let size = u32_at(image, at).wrapping_add([1, u32::MAX, 8, 100, 1 << 20][random.next() % 5]);
        put(image, at, &size.to_le_bytes())
    }),
    ("the length of an element's value", |image, random| {
        let place = leaf(image, 1, random)?;
        let at = element(&place, random) + 12;
        let size = u32_at(image, at).wrapping_add([1, u32::MAX, 8, 100, 1 << 20][random.next() % 5]);
        put(image, at, &size.to_le_bytes())
    }),
    ("two elements in each other's place", |image, random| {
        let place = leaf(image, 2, random)?;
        let (a, b) = (element(&place, random), element(&place, random));
        let (x, y) = (image[a..a + 16].to_vec(), image[b..b + 16].to_vec());
        let moved = |from: usize, to: usize, pos: u32| {
            u32::try_from(i64::from(pos) + from as i64 - to as i64).unwrap().to_le_bytes()
        };
        let (pos_x, pos_y) = (moved(a, b, u32_at(&x, 4)), moved(b, a, u32_at(&y, 4)));
        put(image, a, &y)?;
        put(image, b, &x)?;
        put(image, a + 4, &pos_y);
        put(image, b + 4, &pos_x);
        Some(())
    }),
    ("a child of a branch", |image, random| {
        let place = page(image, Kind::Branch, 2, random)?;
        let (a, b) = (element(&place, random) + 8, element(&place, random) + 8);
        let child = [u64_at(image, b), u64_at(image, a) + 1, 0, 1][random.next() % 4];
        put(image, a, &child.to_le_bytes())
    }),
    ("a key of a branch", |image, random| {
        let place = page(image, Kind::Branch, 2, random)?;
        let at = element(&place, random);
        let key = at + u32_at(image, at) as usize + random.next() % u32_at(image, at + 4) as usize;
        image[key] ^= 1 << (random.next() % 8);
        Some(())
    }),
    ("a page of zeros", |image, random| {
        let place = leaf(image, 0, random)?;
        image[place.at..place.at + place.len].fill(0);
        Some(())
    }),
    ("the second half of a page zeros", |image, random| {
        let place = leaf(image, 1, random)?;
        let half = place.at + place.len / 2..place.at + place.len;
        (image[half.clone()].iter().any(|byte| *byte != 0)).then(|| image[half].fill(0))
    }),
    ("a page with the content of another", |image, random| {
        let (a, b) = (leaf(image, 1, random)?, leaf(image, 1, random)?);
        let from = image[b.at + 8..b.at + b.len.min(a.len)].to_vec();
        put(image, a.at + 8, &from)
    }),
    ("a sector of 512 bytes of another page", |image, random| {
        let (a, b) = (leaf(image, 1, random)?, leaf(image, 1, random)?);
        let sector = random.next() % 8 * 512;
        let from = image[b.at + sector..b.at + sector + 512].to_vec();
        put(image, a.at + sector, &from)
    }),
    ("the root page in a meta", |image, random| {
        meta(image, random, |root, random| [root + 1, root - 1, 2, 0][random.next() % 4], 16)
    }),
    ("the freelist in a meta", |image, random| {
        meta(image, random, |_, random| [0, 1, 2, 3, 1 << 40][random.next() % 5], 32)
    }),
    ("the high-water mark in a meta", |image, random| {
        meta(image, random, |mark, random| [mark - 1, mark / 2, mark + 1, 3][random.next() % 4], 40)
    }),
    ("the transaction in a meta, near its end", |image, random| {
        meta(image, random, |_, random| u64::MAX - (random.next() % 3) as u64, 48)
    }),
    ("the page size in a meta", |image, random| {
        meta(image, random, |size, random| [size * 2, size / 2, 0, 65536][random.next() % 4], 8)
    }),
];

/// Damage to a freelist that is kept on disk.
pub const FREELIST: &[(&str, Edit)] = &[
    ("a page that is in use in the freelist", |image, random| {
        let place = leaf(image, 0, random)?;
        let in_use = u64_at(image, place.at);
        free(image, random, in_use)
    }),
    ("a page that the file does not have in the freelist", |image, random| free(image, random, 1 << 40)),
    ("a page of the freelist in the freelist", |image, random| {
        let id = Db::open(image).unwrap().meta().freelist?.0;
        free(image, random, id)
    }),
    ("the overflow of the freelist over a page that it lists", |image, random| {
        let (place, _) = freelist(image)?;
        let id = u64_at(image, place);
        random.next();
        put(image, place + 12, &1_u32.to_le_bytes())?;
        let count = usize::from(u16_at(image, place + 10));
        let listed = (0..count).any(|n| u64_at(image, place + 16 + n * 8) == id + 1);
        if listed { Some(()) } else { free(image, random, id + 1) }
    }),
    ("a page twice in the freelist", |image, random| {
        let (place, count) = freelist(image)?;
        let twice = u64_at(image, place + 16 + random.next() % count * 8);
        free(image, random, twice)
    }),
    ("a free page not in the freelist", |image, _| {
        let (place, count) = freelist(image)?;
        put(image, place + 10, &u16::try_from(count - 1).unwrap().to_le_bytes())
    }),
];

fn freelist(image: &[u8]) -> Option<(usize, usize)> {
    let db = Db::open(image).unwrap();
    let at = usize::try_from(db.meta().freelist?.0 * db.page_size()).unwrap();
    Some((at, usize::from(u16_at(image, at + 10))))
}

/// Puts a page into the freelist, in place of another.
fn free(image: &mut [u8], random: &mut Random, page: u64) -> Option<()> {
    let (place, count) = freelist(image)?;
    put(image, place + 16 + random.next().checked_rem(count)? * 8, &page.to_le_bytes())
}
