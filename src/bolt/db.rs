//! A bbolt file, open: its metas chosen, its pages reachable by number.

use super::{
    layout::{Kind, PAGE_HEADER, Page, PageHeader, PageId},
    meta::{Meta, MetaFault, page_size},
};
use crate::{Code, Finding, Findings, bytes::window};

/// The largest number of a transaction: a million commits each second for two thousand years.
const MAX_TXID: u64 = 1 << 56;

/// A bbolt file over its bytes (a trailer cut off). Opening is cheap: only the metas are read.
#[derive(Debug, Clone)]
pub struct Db<'a> {
    image: &'a [u8],
    metas: [Result<Meta, MetaFault>; 2],
    meta: Meta,
    current: Option<u8>,
}

impl<'a> Db<'a> {
    /// Opens the file whose bytes are `image`.
    ///
    /// # Errors
    /// The one finding that keeps it shut: no meta page holds.
    pub fn open(image: &'a [u8]) -> Result<Self, Finding> {
        let size = page_size(image);
        let first = Meta::read(image, 0);
        let second = size.map_or(Err(MetaFault::Missing), |size| Meta::read(image, size.into()));
        let (current, meta) = match (first, second) {
            (Ok(a), Ok(b)) if b.txid > a.txid => (Some(1), b),
            (Ok(a), _) => (Some(0), a),
            (Err(_), Ok(b)) => (Some(1), b),
            (Err(a), Err(_)) => return Err(shut(image, a)),
        };
        Ok(Self { image, metas: [first, second], meta, current })
    }

    /// Opens the same with `meta` in place of those in the file, for a file of which none holds: pages can then be read
    /// by number, and trees from whichever root the caller has found. [`Db::check_metas`] reports what is wrong with
    /// the file's own.
    ///
    /// # Errors
    /// When no bbolt has pages of that size.
    pub fn assume(image: &'a [u8], meta: Meta) -> Result<Self, MetaFault> {
        meta.check_page_size()?;
        let metas = [0, meta.page_size.into()].map(|at| Meta::read(image, at));
        Ok(Self { image, metas, meta, current: None })
    }

    /// The meta that counts.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Both metas in the order of the file, or why they are invalid.
    pub fn metas(&self) -> &[Result<Meta, MetaFault>; 2] {
        &self.metas
    }

    /// Which of the metas in the file counts, 0 or 1; `None` when it was opened by [`Db::assume`].
    #[must_use]
    pub fn current(&self) -> Option<u8> {
        self.current
    }

    /// Bytes in a page.
    #[must_use]
    pub fn page_size(&self) -> u64 {
        self.meta.page_size.into()
    }

    /// The length of the database in bytes (`tx.Size()`); the file may be longer, or cut short.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.meta.high_water.0.saturating_mul(self.page_size())
    }

    /// The bytes that the database is read from.
    #[must_use]
    pub fn image(&self) -> &'a [u8] {
        self.image
    }

    /// How many pages there are: up to the high-water mark, and no more than the file has room for.
    #[must_use]
    pub fn pages(&self) -> u64 {
        let room = (self.image.len() as u64).checked_div(self.page_size()).unwrap_or(0);
        self.meta.high_water.0.min(room)
    }

    /// What is wrong with the metas and the file's length.
    #[must_use]
    pub fn check_metas(&self) -> Findings {
        let mut findings = Findings::default();
        for (i, meta) in (0_u64..).zip(&self.metas) {
            if let (Err(fault), Some(current)) = (meta, self.current) {
                let offset = i.saturating_mul(self.page_size());
                let what = format!("meta page {i} is not valid: {fault}");
                // bbolt takes every meta whose checksum holds: with such a page size, etcd does not start
                let finding = match fault {
                    MetaFault::PageSize(_) => Finding::error(Code::MetaInvalid, what),
                    _ => Finding::warning(Code::MetaInvalid, what),
                };
                let hint = format!(
                    "meta page {current} (txid {}) is used instead; if the broken one was newer, the last transaction is missing",
                    self.meta.txid
                );
                findings.push(finding.at(offset).page(i).hint(hint));
            }
        }
        if let (None, Err(fault)) = (self.current, &self.metas[0]) {
            findings.push(shut(self.image, *fault));
        }
        if let [Ok(a), Ok(b)] = &self.metas
            && a.page_size != b.page_size
        {
            let what = format!("the meta pages have different page sizes, {} and {}", a.page_size, b.page_size);
            findings.push(Finding::error(Code::MetaInvalid, what).at(0).page(0));
        }
        if self.meta.txid > MAX_TXID {
            let what = format!("the transaction number {} is larger than any that bbolt reaches", self.meta.txid);
            findings.push(Finding::error(Code::MetaTxid, what).page(self.current.unwrap_or(0).into()));
        }
        for id in [PageId(0), PageId(1)] {
            // The meta is read wherever it is; bbolt's own check looks at the page around it too.
            match self.page(id) {
                Ok(page) if page.kind == Kind::Meta && page.overflow == 0 => {}
                Ok(page) if page.kind == Kind::Meta => {
                    let what = format!("a meta page is one page, but its overflow is {}", page.overflow);
                    findings.push(Finding::error(Code::PageOverflow, what).page(id.0).at(page.offset));
                }
                Ok(page) => {
                    let what = format!("a meta page should be here, but it is a {:?} page", page.kind).to_lowercase();
                    findings.push(Finding::error(Code::PageType, what).page(id.0).at(page.offset));
                }
                Err(finding) => findings.push(finding),
            }
        }
        let have = self.image.len() as u64;
        if self.size() > have {
            let lost = self.size().saturating_sub(have);
            findings.push(
                Finding::error(
                    Code::Truncated,
                    format!("the file is cut short: {lost} of {} bytes are missing", self.size()),
                )
                .at(have)
                .hint("take the backup again, or copy it again from where it came from"),
            );
        }
        findings
    }

    /// The page `id`, if its header holds.
    ///
    /// # Errors
    /// What is wrong with the page, or with the number itself.
    pub fn page(&self, id: PageId) -> Result<Page<'a>, Finding> {
        let size = self.page_size();
        if id.0 >= self.meta.high_water.0 {
            let what = format!("out of bounds: the file's high-water mark is {}", self.meta.high_water);
            return Err(Finding::error(Code::PageOutOfBounds, what).page(id.0));
        }
        let offset = id.0.saturating_mul(size);
        let beyond = || Finding::error(Code::PageBeyondEnd, "it lies beyond the end of the file").page(id.0).at(offset);
        let header = window(self.image, offset, PAGE_HEADER as u64).and_then(PageHeader::read).ok_or_else(beyond)?;
        if header.id != id.0 {
            let what = format!("expected to be page {id}, but self identifies as {}", header.id);
            return Err(Finding::error(Code::PageId, what).page(id.0).at(offset));
        }
        let kind = header.kind().ok_or_else(|| {
            Finding::error(Code::PageType, format!("has unexpected type/flags: {:#x}", header.flags))
                .page(id.0)
                .at(offset)
        })?;
        let last = id.0.saturating_add(header.overflow.into());
        if last >= self.meta.high_water.0 {
            let what = format!("its {} overflow pages reach beyond the high-water mark", header.overflow);
            return Err(Finding::error(Code::PageOverflow, what).page(id.0).at(offset));
        }
        let len = size.saturating_mul(u64::from(header.overflow).saturating_add(1));
        let bytes = window(self.image, offset, len).ok_or_else(beyond)?;
        Ok(Page { id, offset, kind, count: header.count, overflow: header.overflow, bytes })
    }

    /// The kind of page `id`, by its header alone.
    pub(super) fn peek(&self, id: PageId) -> Option<Kind> {
        let offset = id.0.checked_mul(self.page_size())?;
        let header = PageHeader::read(window(self.image, offset, PAGE_HEADER as u64)?)?;
        header.kind().filter(|_| header.id == id.0)
    }
}

fn shut(image: &[u8], fault: MetaFault) -> Finding {
    if fault == MetaFault::BigEndian {
        return Finding::error(Code::MetaBigEndian, "the db was written on a big-endian machine (s390x)")
            .at(0)
            .hint("read it where it was written: bbolt files are not portable between byte orders");
    }
    let what = if image.iter().take(1 << 16).all(|b| *b == 0) {
        "both meta pages are lost: the file begins with zeros".to_owned()
    } else {
        format!("both meta pages are damaged; page 0: {fault}")
    };
    Finding::error(Code::MetaBothInvalid, what)
        .at(0)
        .hint("take another backup: without a meta page it is not known which pages are in use")
}

#[allow(clippy::arithmetic_side_effects)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::bolt::{BranchElement, Item, Leaf, LeafElement, Walk, element_at};

    fn image(fixture: &str) -> Vec<u8> {
        let mut bytes = std::fs::read(fixture).unwrap();
        bytes.truncate(bytes.len() - 32);
        bytes
    }

    #[test]
    fn a_file_without_metas_is_read_with_an_assumed_one() {
        let mut image = image("fixtures/small.db");
        let whole = image.clone();
        let meta = *Db::open(&whole).unwrap().meta();
        image[..8192].fill(0);
        let shut = Db::open(&image).unwrap_err();
        let db = Db::assume(&image, meta).unwrap();
        assert_eq!(
            (db.current(), db.pages(), db.check_metas().list().first()),
            (None, db.meta().high_water.0, Some(&shut))
        );
        let names =
            |db| Walk::new(db).buckets(&mut Findings::default()).iter().map(|of| of.name.to_vec()).collect::<Vec<_>>();
        assert_eq!(names(db), names(Db::open(&whole).unwrap()));
        let odd = Db::assume(&image, Meta { page_size: 0, ..meta });
        assert_eq!(odd.unwrap_err(), MetaFault::PageSize(0));
    }

    /// bbolt takes a meta whose checksum holds, and divides by its page size.
    #[test]
    fn a_page_size_that_no_bbolt_has_is_damage_where_the_checksum_holds() {
        let mut image = image("fixtures/small.db");
        image[24..28].fill(0);
        let torn = Db::open(&image).unwrap().check_metas();
        assert!(!torn.damaged(), "{torn:?}");
        let sum = super::super::meta::fnv1a(&image[16..72]);
        image[72..80].copy_from_slice(&sum.to_le_bytes());
        let found = Db::open(&image).unwrap().check_metas();
        assert!(found.damaged() && found.list()[0].code == Code::MetaInvalid, "{found:?}");
    }

    /// As an outsider reads it: header by header, element by element.
    #[test]
    fn single_pages_are_read_raw() {
        let image = image("fixtures/kube.db");
        let db = Db::open(&image).unwrap();
        let (mut leaves, mut branches, mut findings, mut scratch) = (0, 0, Findings::default(), Vec::new());
        for id in 2..db.pages() {
            let Ok(page) = db.page(PageId(id)) else { continue };
            let header = PageHeader::read(page.bytes).unwrap();
            assert_eq!((header.id, header.kind(), header.count), (id, Some(page.kind), page.count));
            let places = (0..usize::from(header.count)).map(element_at);
            if page.kind == Kind::Leaf {
                let elements: Vec<_> = places.map(|at| LeafElement::read(page.bytes, at).unwrap()).collect();
                let items: &[Item<'_>] = Leaf::read(page, &mut scratch, &mut findings).items;
                let sizes: Vec<_> = items.iter().map(|of| (of.key.len(), of.value.len(), of.bucket)).collect();
                let of = |element: &LeafElement| (element.ksize as usize, element.vsize as usize, element.is_bucket());
                assert_eq!(sizes, elements.iter().map(of).collect::<Vec<_>>());
                leaves += 1;
            } else if page.kind == Kind::Branch {
                let keys: Vec<_> = places
                    .map(|at| BranchElement::read(page.bytes, at).unwrap().key(page.bytes, at).unwrap())
                    .collect();
                assert!(keys.is_sorted());
                branches += 1;
            }
        }
        assert!(leaves > 10 && branches > 0, "{leaves} {branches}");
        assert_eq!(findings.list(), []);
    }
}
