//! bbolt pages: the file under every etcd backend. Knows nothing of etcd.
//!
//! ```text
//! page 0   meta ┐ the one with the larger txid counts: page size, root bucket, high-water mark
//! page 1   meta ┘
//! page 2.. branch: key -> child page         every page: id, flags, count, overflow | elements | keys and values
//!          leaf:   key -> value, or a bucket's header (root page, or a whole page inline)
//!          freelist (etcd does not keep one on disk)
//! ```
//!
//! [`Db::open`] reads the metas, [`Walk`] visits trees page by page and holds every invariant of bbolt's `tx.Check`
//! while it does: what is wrong becomes a [`crate::Finding`], and the walk goes on around it. Work is bounded by the
//! size of the file: no page is visited twice, and no page's items may be longer than the page.
//!
//! Below that is the raw layer, for a look at single pages: [`Db::page`], [`Db::raw_page`], [`PageHeader`],
//! [`BranchElement`], [`LeafElement`], [`Leaf::read`], [`Branch::read`], [`Bucket::read`]. [`Usage`] shows what each
//! page is used for. [`Db::assume`] opens a file of which no meta holds.
//!
//! [`Writer`] writes trees of new pages after those of a file, or into a fresh one; no page that can be reached is
//! written to, and a meta page comes last.
//!
//! [`carve`] reads the pages of a file that has no tree any more.
//!
//! Mirrors `internal/common` and `tx_check.go` of `go.etcd.io/bbolt`.

#![deny(clippy::arithmetic_side_effects)]

mod branch;
mod buckets;
pub mod carve;
mod check;
mod db;
mod find;
mod fold;
mod free;
mod freelist;
mod layout;
mod leaf;
mod lost;
mod meta;
mod nested;
mod pages;
mod raw;
mod stats;
mod usage;
mod walk;
mod write;

pub use branch::{Branch, Child};
pub use check::{check, check_from};
pub use db::Db;
pub use fold::Fold;
pub(crate) use free::{FreeChunk, free_runs};
pub use freelist::Freelist;
pub use layout::{BranchElement, BucketHeader, Kind, LeafElement, Page, PageHeader, PageId, element_at};
pub use leaf::{Item, Leaf};
pub use lost::{assume_with_root, may_be_roots};
pub use meta::{Meta, MetaFault, RawMeta};
pub use pages::PageSet;
pub use raw::RawPage;
pub use stats::Stats;
pub use usage::{Listed, Usage, Use};
pub(crate) use walk::MAX_DEPTH;
pub use walk::{Bucket, Root, Walk};
pub use write::{Tree, Writer};
