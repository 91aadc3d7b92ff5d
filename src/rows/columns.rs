//! The columns, in order: what every format writes, and what `docs/rows.md` lists.

use std::borrow::Cow;

use super::{
    header::Header,
    row::{Pair, Row},
};
use crate::{
    k8s::{Moment, Owner},
    verify::Verdict,
};

/// A row with the backup that it is of.
#[derive(Debug, Clone, Copy)]
pub struct Line<'l> {
    /// The backup.
    pub header: &'l Header,
    /// The key.
    pub row: &'l Row<'l>,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The name, in every format.
    pub name: &'static str,
    /// Whether each row has a value.
    pub required: bool,
    /// The type, and where the value is.
    pub of: Of,
    /// The meaning, in a sentence without its end.
    pub meaning: &'static str,
}

/// The type of a column, and the function that returns its value.
#[derive(Debug, Clone, Copy)]
pub enum Of {
    /// Text.
    Text(for<'l> fn(Line<'l>) -> Option<&'l str>),
    /// An integer of 64 bits.
    Int(for<'l> fn(Line<'l>) -> i64),
    /// A time in microseconds, UTC.
    Time(for<'l> fn(Line<'l>) -> Option<Moment>),
    /// Bytes; in text formats hex.
    Bytes(for<'l> fn(Line<'l>) -> Option<&'l [u8]>),
    /// A list of texts.
    Texts(for<'l> fn(Line<'l>) -> &'l [Cow<'l, str>]),
    /// A list of owners: `kind`, `name`, `uid`.
    Owners(for<'l> fn(Line<'l>) -> &'l [Owner<'l>]),
    /// A map of text to text.
    Map(for<'l> fn(Line<'l>) -> &'l [Pair<'l>]),
}

impl Of {
    /// The type's name, as DuckDB writes it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "VARCHAR",
            Self::Int(_) => "BIGINT",
            Self::Time(_) => "TIMESTAMP WITH TIME ZONE",
            Self::Bytes(_) => "BLOB",
            Self::Texts(_) => "VARCHAR[]",
            Self::Owners(_) => "STRUCT(kind VARCHAR, \"name\" VARCHAR, uid VARCHAR)[]",
            Self::Map(_) => "MAP(VARCHAR, VARCHAR)",
        }
    }
}

const fn column(name: &'static str, of: Of, meaning: &'static str) -> Column {
    Column { name, required: false, of, meaning }
}

const fn required(name: &'static str, of: Of, meaning: &'static str) -> Column {
    Column { name, required: true, of, meaning }
}

/// The column of the object, which is there only when it was asked for.
const OBJECT: &str = "object";

/// All columns.
pub const COLUMNS: [Column; 28] = [
    column(
        "cluster",
        Of::Text(|of| of.header.cluster.as_deref()),
        "the cluster's identity: the uid of its Namespace kube-system",
    ),
    required("snapshot", Of::Text(|of| Some(&of.header.snapshot)), "the backup, as it was named"),
    required("snapshot_sha256", Of::Text(|of| Some(&of.header.sha256)), "SHA-256 of the backup's file, unpacked"),
    required("snapshot_revision", Of::Int(|of| of.header.revision), "the last revision in the backup"),
    column("snapshot_time", Of::Time(|of| of.header.time), "the newest time in the backup"),
    column(
        "snapshot_verdict",
        Of::Text(|of| of.header.verdict.map(Verdict::name)),
        "what `verify` thinks of it: good, doubtful, or with `--force` damaged",
    ),
    required("key", Of::Text(|of| Some(&of.row.key)), "the key of etcd; bytes that are not UTF-8 are `\\xNN`"),
    column("group", Of::Text(|of| of.row.group.as_deref()), "the API group, by the key; empty for the core group"),
    column(
        "resource",
        Of::Text(|of| of.row.resource.as_deref()),
        "the plural name of the kind, by the key; null for a key that is no object's",
    ),
    column("namespace", Of::Text(|of| of.row.namespace.as_deref()), "the namespace"),
    column("name", Of::Text(|of| of.row.name.as_deref()), "the name"),
    column("api_version", Of::Text(|of| of.row.api_version.as_deref()), "the API version that the object is stored in"),
    column("kind", Of::Text(|of| of.row.kind.as_deref()), "the kind"),
    column("uid", Of::Text(|of| of.row.uid.as_deref()), "the uid"),
    required("owners", Of::Owners(|of| &of.row.owners), "metadata.ownerReferences"),
    required("labels", Of::Map(|of| &of.row.labels), "metadata.labels"),
    column("created", Of::Time(|of| of.row.created), "metadata.creationTimestamp"),
    required("create_revision", Of::Int(|of| of.row.create_revision), "the revision that created the key"),
    required("mod_revision", Of::Int(|of| of.row.mod_revision), "the revision that wrote the value"),
    required("version", Of::Int(|of| of.row.version), "how often it was written since its creation"),
    required("lease", Of::Int(|of| of.row.lease), "the lease, or 0"),
    required("value_size", Of::Int(|of| of.row.value_size), "bytes of the value, as it is stored"),
    column(
        "value_hash",
        Of::Bytes(|of| of.row.value_hash.as_ref().map(<[u8; 16]>::as_slice)),
        "the first 16 bytes of the SHA-256 of the value, as it is stored; null for a Secret in clear text",
    ),
    column(
        "encrypted_by",
        Of::Text(|of| of.row.encrypted_by.as_deref()),
        "what encrypts the value, such as `aescbc (key key1)`; without the key, what is inside is null",
    ),
    column("node", Of::Text(|of| of.row.node.as_deref()), "the node that a pod is on"),
    required("images", Of::Texts(|of| &of.row.images), "the images of a pod or of its template, each once"),
    column("error", Of::Text(|of| of.row.error.as_deref()), "why the value cannot be read"),
    column(
        OBJECT,
        Of::Text(|of| of.row.object.as_deref()),
        "the object as JSON, without managedFields and with Secrets masked; only with `--with-object`",
    ),
];

/// The columns that are written.
pub(super) fn columns(with_object: bool) -> Vec<Column> {
    COLUMNS.into_iter().filter(|column| with_object || column.name != OBJECT).collect()
}
