//! Kubernetes objects: from the bytes of one stored value to an object as kubectl prints it.
//!
//! The API server stores an object under `/registry/RESOURCE[/NAMESPACE]/NAME` in one of four forms (`Stored`):
//! protobuf in an envelope that names the kind, JSON, CBOR, or one of these encrypted, which a [`Ring`] of keys opens.
//! All of them become one tree of [`Value`]s, which [`json`] and [`yaml`] write as kubectl does.
//!
//! Protobuf alone does not define how it is printed: `omitempty`, pointers and inlined structs are only in the struct
//! tags of the Go types. These are in a table (`kinds.txt`), made from the published Go modules by `tools/kinds`; the
//! decoder walks the wire by it. It holds every kind and field of Kubernetes 1.16 to 1.38, and how each [`Release`]
//! prints them; an unknown kind is shown by the numbers of its fields, an unknown field is reported.

mod api_path;
mod budget;
mod builtin;
mod cbor;
mod clock;
mod cluster_info;
mod definition;
mod describe;
mod differing;
mod endpoint_slice;
mod error;
mod gofmt;
pub mod json;
mod json_pick;
mod json_read;
mod json_string;
mod key;
pub mod kyaml;
mod mask;
mod meta;
mod nearest;
mod newest;
mod object;
mod path;
mod promotion;
mod protobuf;
mod redact;
mod release;
mod renamed;
mod resource;
mod resources;
mod seal;
mod special;
mod stored;
mod summary;
mod table;
mod unknown_fields;
mod value;
mod version;
mod weights;
mod what;
mod wire;
pub mod yaml;

pub use api_path::ApiPath;
pub use clock::{Clock, Gap, Unsure};
pub use cluster_info::{ClusterInfo, Installer};
pub(crate) use cluster_info::{identity, is_identity_key};
pub use describe::{Describer, Description};
pub(crate) use differing::differing;
pub use error::{SealName, Undecodable, Unknown, Unopened};
pub use gofmt::sprint;
pub use key::{Key, ObjectKey};
pub(crate) use mask::is_bootstrap;
pub use mask::{Mask, key_for_messages};
pub use meta::{Meta, Moment, Owner};
pub use nearest::nearest;
pub use newest::Newest;
pub use object::{Object, decode};
pub use promotion::Promotion;
pub use redact::{Also, Counts};
pub(crate) use redact::{KnownNames, Redactor};
pub use release::Release;
pub use resource::Resource;
pub use resources::Resources;
pub use seal::Ring;
pub(crate) use seal::is_encrypted;
pub(crate) use stored::{Envelope, Stored};
pub use stored::{Provider, Seal};
pub use summary::Summary;
pub(crate) use summary::{kind_in, kind_of, resource_of};
pub use unknown_fields::UnknownFields;
pub use value::{Map, Value};
pub use version::ApiVersion;
#[cfg(feature = "serve")]
pub(crate) use version::precedence;
pub(crate) use weights::Weights;
pub use what::ManagedFields;
