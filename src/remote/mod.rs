//! Object stores: S3, Google Cloud Storage, Azure Blob Storage and web servers, by the crate object_store.
//!
//! A connection is opened for a URL that the user named, and for nothing else: [`Stores::new`] opens none. What a store
//! sends is read once, in order. After a dropped connection the rest is asked for under the condition that the object
//! is still the same (`download`).

mod download;
mod kind;
mod place;
mod refusal;
mod stores;

pub use stores::Stores;
