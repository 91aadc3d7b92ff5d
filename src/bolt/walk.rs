//! A walk over a file's trees, which no page enters twice.

use super::{
    branch::{Child, fault},
    db::Db,
    layout::{BUCKET_HEADER, BranchElement, BucketHeader, Kind, Page, PageHeader, PageId, element_at},
    leaf::{Bounds, Item, Leaf, misplaced},
    pages::PageSet,
};
use crate::{Code, Finding, Findings};

/// Trees deeper than this are not followed; bbolt's have a handful of levels.
pub(crate) const MAX_DEPTH: usize = 64;

/// Where a bucket's tree begins.
#[derive(Debug, Clone, Copy)]
pub enum Root<'a> {
    /// At a page of its own.
    Page(PageId),
    /// In the bucket's value: one leaf, without a number.
    Inline(Page<'a>),
}

/// A bucket: its name and where its tree begins.
#[derive(Debug, Clone, Copy)]
pub struct Bucket<'a> {
    /// The name, as stored.
    pub name: &'a [u8],
    /// The root of the bucket's tree.
    pub root: Root<'a>,
    /// The bucket's counter; etcd never uses it.
    pub sequence: u64,
    /// Offset of the bucket's header in the file, in bytes.
    pub offset: u64,
}

impl<'a> Bucket<'a> {
    /// The bucket of an item of a leaf.
    ///
    /// # Errors
    /// As [`Bucket::read`].
    pub fn of(item: &Item<'a>) -> Result<Self, Finding> {
        Self::read(item.key, item.value, item.offset.saturating_add(item.key.len() as u64))
    }

    /// The bucket of an item of a leaf ([`super::Item`]): its key, its value, and where in the file the value begins.
    ///
    /// # Errors
    /// What is wrong with the header, or with the page inside it.
    pub fn read(name: &'a [u8], value: &'a [u8], offset: u64) -> Result<Self, Finding> {
        let wrong = |what: &str| Finding::error(Code::BucketHeader, what).at(offset).key(name);
        let header = BucketHeader::read(value).ok_or_else(|| wrong("a bucket's header is cut short"))?;
        if header.root != PageId(0) {
            return Ok(Self { name, root: Root::Page(header.root), sequence: header.sequence, offset });
        }
        let bytes = value.get(BUCKET_HEADER..).unwrap_or_default();
        let page = PageHeader::read(bytes).ok_or_else(|| wrong("an inline bucket's page is cut short"))?;
        match page.kind() {
            Some(kind @ Kind::Leaf) => {
                let offset = offset.saturating_add(BUCKET_HEADER as u64);
                let page = Page { id: PageId(0), offset, kind, count: page.count, overflow: 0, bytes };
                Ok(Self { name, root: Root::Inline(page), sequence: header.sequence, offset })
            }
            _ => Err(wrong("an inline bucket's page is not a leaf")),
        }
    }
}

/// A page of a tree with the bounds that its ancestors set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) page: Page<'a>,
    pub(super) bounds: Bounds<'a>,
}

/// Visits the trees of one file and remembers every page it met.
#[derive(Debug)]
pub struct Walk<'a> {
    db: Db<'a>,
    pub(super) met: PageSet,
}

impl<'a> Walk<'a> {
    /// A walk that has met the two meta pages only.
    #[must_use]
    pub fn new(db: Db<'a>) -> Self {
        let met = PageSet::new(db.pages());
        met.insert(0);
        met.insert(1);
        Self { db, met }
    }

    /// The file it walks.
    #[must_use]
    pub fn db(&self) -> &Db<'a> {
        &self.db
    }

    /// The pages that were met.
    #[must_use]
    pub(crate) fn met(&self) -> &PageSet {
        &self.met
    }

    /// The last leaf of `bucket` that holds something: only the pages on the tree's right edge are read.
    ///
    /// # Errors
    /// What is wrong with one of those pages.
    pub fn last_leaf(&self, bucket: &Bucket<'a>) -> Result<Vec<Item<'a>>, Finding> {
        let (met, mut findings, mut items, mut children) =
            (self.met.clone(), Findings::default(), Vec::new(), Vec::new());
        let mut stack = Vec::new();
        let mut page = match bucket.root {
            Root::Inline(page) => Some(page),
            Root::Page(id) => Some(self.meet(&met, id)?),
        };
        while let Some(next) = page {
            if next.kind == Kind::Branch {
                self.children(&Node { page: next, bounds: Bounds::default() }, &mut children, &mut findings);
                stack.extend(children.drain(..).map(|(id, _)| id));
            } else if !Leaf::read(next, &mut items, &mut findings).items.is_empty() {
                break;
            }
            page = stack.pop().map(|id| self.meet(&met, id)).transpose()?;
        }
        findings.list().first().map_or(Ok(items), |finding| Err(finding.clone()))
    }

    /// The lowest branches of a tree, in key order, each with the leaves below it as one unit of work.
    ///
    /// Those whose keys are all below `from` are not entered.
    pub(super) fn units(
        &self,
        met: &PageSet,
        bucket: &Bucket<'a>,
        from: Option<&[u8]>,
        findings: &mut Findings,
    ) -> Vec<Node<'a>> {
        let root = match bucket.root {
            Root::Inline(page) => return vec![Node { page, bounds: Bounds::default() }],
            Root::Page(id) => id,
        };
        let (mut units, mut stack) = (Vec::new(), vec![(root, Bounds::default(), 0_usize)]);
        let mut children = Vec::new();
        while let Some((id, bounds, depth)) = stack.pop() {
            // Leaves met here hang beside branches: a root leaf, or a tree that is not level.
            match self.meet(met, id) {
                Err(finding) => findings.push(finding),
                Ok(page) if page.kind == Kind::Leaf => {
                    findings.push_all((depth > 0).then(|| below_a_branch(&page)).flatten());
                    units.push(Node { page, bounds });
                }
                Ok(page) => {
                    let node = Node { page, bounds };
                    if self.is_lowest(&page) || depth >= MAX_DEPTH {
                        units.push(node);
                    } else {
                        self.children(&node, &mut children, findings);
                        let ahead = children.drain(..).filter(|(_, bounds)| bounds.reach(from)).rev();
                        stack.extend(ahead.map(|(id, bounds)| (id, bounds, depth.saturating_add(1))));
                    }
                }
            }
        }
        units
    }

    /// Whether the branch's children are leaves, by the first whose header can be read.
    fn is_lowest(&self, branch: &Page<'_>) -> bool {
        (0..usize::from(branch.count))
            .map_while(|index| BranchElement::read(branch.bytes, element_at(index)))
            .find_map(|element| self.db.peek(element.child))
            .is_none_or(|kind| kind != Kind::Branch)
    }

    /// The page `id`, entered for the first time.
    pub(super) fn meet(&self, met: &PageSet, id: PageId) -> Result<Page<'a>, Finding> {
        let page = self.db.page(id)?;
        if !matches!(page.kind, Kind::Branch | Kind::Leaf) {
            let what = format!("a tree leads to a {:?} page", page.kind).to_lowercase();
            return Err(Finding::error(Code::PageType, what).page(id.0).at(page.offset));
        }
        let mut pages = id.0..=id.0.saturating_add(page.overflow.into());
        match pages.find(|page| !met.insert(*page)) {
            None => Ok(page),
            Some(twice) => Err(Finding::error(TWICE, "multiple references").page(twice).at(page.offset)),
        }
    }

    /// The children of a branch with their bounds; those that are invalid are reported.
    pub(super) fn children(&self, node: &Node<'a>, children: &mut Vec<(PageId, Bounds<'a>)>, findings: &mut Findings) {
        let Node { page, bounds } = node;
        children.clear();
        let mut previous: Option<&'a [u8]> = None;
        let (mut next, mut in_place) = (page.offset.saturating_add(element_at(page.count.into()) as u64), true);
        for index in 0..usize::from(page.count) {
            let Some(Child { key, page: child, offset, .. }) = Child::read(page, index, findings) else { break };
            if let Some((code, what)) = bounds.fault(key, previous) {
                findings.push(fault(page, index, code, what).key(key));
            }
            if let Some((_, last)) = children.last_mut() {
                last.high = Some(key);
            }
            if offset != next && std::mem::take(&mut in_place) {
                findings.push(fault(page, index, Code::ElementLayout, misplaced(index, page.count)));
            }
            next = offset.saturating_add(key.len() as u64);
            children.push((child, Bounds { low: Some(key), high: bounds.high }));
            previous = Some(key);
        }
        if page.count == 0 {
            findings
                .push(Finding::error(Code::BranchEmpty, "a branch without elements").page(page.id.0).at(page.offset));
        }
    }
}

/// The code of a page that is reached a second time.
pub(super) const TWICE: Code = Code::PageMultipleReferences;

/// Finding about a leaf below a branch that has no elements: bbolt removes such a leaf, and leaves only an empty root.
pub(super) fn below_a_branch(leaf: &Page<'_>) -> Option<Finding> {
    (leaf.count == 0).then(|| {
        let what = "a leaf without elements below a branch";
        Finding::error(Code::LeafEmpty, what).page(leaf.id.0).at(leaf.offset)
    })
}
