//! etcdsnap opens any etcd backup offline.
//!
//! ```
//! use etcdsnap::{etcd::{Load, Snapshot}, k8s::Ring, objects::{At, Cluster}, source::{Options, Source}};
//!
//! fn main() -> etcdsnap::Result<()> {
//!     let source = Source::open("fixtures/kube.db".as_ref(), &Options::default())?;
//!     let snapshot = Snapshot::load(&source, &Load::default())?;
//!     let cluster = Cluster::open(&snapshot, Ring::default(), At::Revision(300))?;
//!     for pod in cluster.list("pods")? {
//!         println!("{}", pod?.name());
//!     }
//!     source.intact() // what was read is what the file still holds
//! }
//! ```
//!
//! Start with these; the other types are their parts and their results.
//!
//! | for | use |
//! |---|---|
//! | a backup: a file, a container, a data directory | [`source::Source`] |
//! | etcd's state in it: keys, revisions, members, leases, auth, the log | [`etcd::Snapshot`], [`etcd::View`] |
//! | Kubernetes objects, at a revision or a time | [`objects::Cluster`], [`k8s::Object`] |
//! | whether it is good | [`verify::verify`], [`Finding`], [`Code`] |
//! | what fills the file | [`analyze::Analysis`], [`analyze::Growth`] |
//! | a page about it | [`report::Report`] |
//! | text, in objects and in free pages | [`grep::Search`], [`grep::Pattern`] |
//! | what changed | [`diff::Diff`], [`diff::changes`] |
//! | who changed it, by the API server's audit log | [`audit::Wanted`], [`audit::read`] |
//! | what a restore would do to a cluster | [`impact::Impact`] |
//! | objects for another cluster | [`export::Exporter`] |
//! | rows for other engines | [`rows::read`], [`rows::Row`], [`rows::COLUMNS`] |
//! | a read-only Kubernetes API and etcd's API (feature `serve`) | `serve::Backup`, `serve::Etcd`, `serve::Server` |
//! | many backups | `catalog::Catalog`, `catalog::Scope`, `catalog::Addition`, with the feature `catalog` |
//! | backups in object stores, by their URLs | `remote::Stores`, with the feature `remote` |
//! | a data directory for an etcd | [`restore::Plan`], [`rewrite::Alone`], [`rewrite::Migrate`] |
//! | records of runs, and the check of their chain | [`evidence::Recorder`], [`evidence::check`] |
//! | pages and records by hand | [`bolt::Db`], [`bolt::Walk`], [`bolt::Usage`], [`wal::Log`], [`snap::Snap`] |
//!
//! The rooms are in the order in which data passes through them. Each uses only those before it; a test checks that:
//!
//! ```text
//!  the trunk, bytes on disk to Kubernetes objects and back:
//!      bytes ordered error document proto hash ─> source ─> publish ─> bolt ─> wal ─> snap ─> etcd ─> k8s
//!  branches from its end: checks, selection and printing, a cluster's objects, differences
//!      salvage, evidence, analyze, grep    verify ─> restore, rewrite    select ─> print
//!      select ─> objects, audit ─> diff    verify, objects ─> export, rows    objects, print ─> serve
//!      verify, objects, rows ─> catalog    verify, analyze, diff ─> report    objects ─> impact
//!      remote: the stores of `source`
//! ```
//!
//! A command follows the same order. For `verify backup.db`, [`source::Source::open`] recognises the file and maps it;
//! [`etcd::Snapshot::load`] opens the bbolt file in it ([`bolt::Db`]), reads the small buckets, and applies to them and
//! to the keys the entries of a data directory's log ([`wal::Log`]);
//! [`etcd::Snapshot::survey`] walks the pages of the `key` bucket on all cores ([`bolt::Walk::fold`]) and decodes
//! each record; [`verify::verify`] compares the SHA-256 trailer and returns a
//! [`verify::Report`], which the command line prints. Damage that is found on the way is a [`Finding`], and the command
//! continues; what makes the answer impossible is an [`Error`].
//!
//! A command about objects opens an [`objects::Cluster`]: the state at a revision, the keys to what is encrypted, the
//! names of its resources. `diff` walks two of them side by side ([`diff::Diff::each`]); `history` and `timeline` read
//! changes from the records of one ([`diff::changes`]).
//!
//! `export` turns the objects of the same state into what another cluster accepts ([`export::Exporter::object`]), in
//! the order in which they can be applied, and writes them as one folder ([`export::Folder`]).
//!
//! `serve` answers the requests of Kubernetes clients from such a state (`serve::Backup`): each object is decoded when
//! it is asked for, and a long list is written in pieces as the client takes them. `serve::Etcd` does the same for
//! etcd's clients, and keeps what they write in memory. It and `remote`, which opens what a URL names, are the rooms
//! with network code.
//!
//! `restore` starts with `verify`, too: [`restore::Facts`] of the snapshot and [`restore::Options`] make a
//! [`restore::Plan`]; [`restore::apply`] copies the db into a staging folder and runs the same checks over the copy,
//! writes what changes ([`etcd::rewrite`]), the member's log ([`wal::Writer`]) and its [`snap::Snap`], reads all of it
//! back, and renames it into place ([`publish::MemberDirs`]). `rewrite` changes a few files of a member's own directory
//! in the same way: [`rewrite::Alone`] for `force-new-cluster`, [`rewrite::Migrate`] for `migrate`.

#![deny(clippy::print_stderr, clippy::print_stdout)]

pub mod analyze;
pub mod audit;
pub mod bolt;
pub mod bytes;
#[cfg(feature = "catalog")]
pub mod catalog;
pub mod diff;
pub mod document;
pub mod error;
pub mod etcd;
pub mod evidence;
pub mod export;
pub mod grep;
pub mod hash;
pub mod impact;
pub mod k8s;
pub mod objects;
pub mod ordered;
pub mod print;
pub mod proto;
pub mod publish;
#[cfg(feature = "remote")]
pub mod remote;
pub mod report;
pub mod restore;
pub mod rewrite;
pub mod rows;
pub mod salvage;
pub mod select;
#[cfg(feature = "serve")]
pub mod serve;
pub mod snap;
pub mod source;
pub mod verify;
pub mod wal;

pub use error::{Code, Error, Finding, Findings, Result};
