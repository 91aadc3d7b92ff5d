//! Pages without a tree: every page of a file that still looks like one is read, whether a tree reaches it or not.
//!
//! A page is recognised by its place: it carries its own number, so `base + number * page size` is where it begins. The
//! page size, and where page 0 would be, are what most pages agree on ([`Carve::find`]). The file may lack its metas,
//! its start or its end, or lie somewhere inside a larger one.
//!
//! ```text
//! Carve::find     page size and place of page 0
//! Carve::pages    every page, on all cores; free and stale ones too
//! WholePages      pages that are accounted for, and those that are lost
//! Scrap::items    items of a leaf, and whether the page is whole
//! Carve::tree     a tree from any root: the leaves that are whole, and the holes between them
//! ```
//!
//! Work is bounded by the length of the file: a page costs no more than its bytes, and a tree enters no page twice.

mod file;
mod find;
mod scrap;
mod tree;
mod whole_pages;

pub use file::Carve;
pub(crate) use find::Votes;
pub use scrap::Scrap;
pub use tree::Part;
pub(crate) use whole_pages::WholePages;
