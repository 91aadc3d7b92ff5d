//! Inputs that the user named, and access to their bytes.
//!
//! A SNAPSHOT is a file from `etcdctl snapshot save`, a bare copy of `member/snap/db`, or a data directory; each may
//! be wrapped in gzip, zstd, xz, bzip2, zip or tar, or be the only one in a folder. A file is recognised by its content
//! and never by its name; a file that is no backup is named too, with a hint.
//!
//! ```text
//! open ─> `-`?          what comes from standard input, in a nameless file: as a file
//!      ─> a URL?     the object in a store, in a nameless file: as a file
//!      ─> a folder?  datadir, or the one snapshot in it
//!      ─> a file?    sniff ─> bbolt: map it
//!                          ─> a container: unpack it to a nameless file, sniff again
//!                          ─> else: foreign names the format
//! ```
//!
//! Files are read through memory maps with a guard (`map`): [`Source::intact`] reports a file that shrank or could not
//! be read meanwhile; every command calls it before it reports success.

mod backup;
mod content;
mod datadir;
mod doubts;
mod folder;
mod foreign;
mod framing;
mod gzip;
mod input;
mod kept;
mod kind;
mod locator;
mod map;
mod open;
mod options;
mod part;
mod pick;
mod raft;
mod ranges;
mod recent;
mod scratch;
mod segment;
mod small;
mod sniff;
mod stamp;
mod stdin;
mod store;
mod unpack;
mod url;
mod wrapping;

pub use backup::Source;
pub(crate) use datadir::member_dir;
pub use datadir::{is_data_dir, is_log_dir};
pub use doubts::DoubtFile;
pub use folder::{Candidate, Candidates};
pub(crate) use gzip::Gzip;
pub use input::Input;
pub(crate) use kept::Spool;
pub use kind::BackupKind;
pub use locator::{Locator, Origin, is_stdin, is_url, without_secrets};
pub(crate) use map::free_space;
pub use map::ignore_file_size_signal;
pub use options::Options;
pub use part::{Digests, Part};
pub use pick::part_of;
pub use raft::{RaftFiles, RaftKind};
pub use ranges::Ranges;
pub use recent::Recent;
pub use segment::SegmentName;
pub(crate) use small::read_small;
pub use sniff::is_gone;
pub use store::{Listing, Object, Remote, Stat, Store};
pub use url::{stat, stat_doubts};
pub use wrapping::Wrapping;
