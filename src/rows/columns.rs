//! The columns, in order: what every format writes, and what `docs/rows.md` lists.

use super::{
    header::Header,
    row::Row,
    table::{Column, Of, Table},
};
use crate::verify::Verdict;

/// A row with the backup that it is of.
#[derive(Debug, Clone, Copy)]
pub struct Line<'l> {
    /// The backup.
    pub header: &'l Header,
    /// The key.
    pub row: &'l Row<'l>,
}

/// The table of keys.
#[derive(Debug, Clone, Copy)]
pub enum Keys {}

impl Table for Keys {
    type Line<'l> = Line<'l>;
}

/// The column of the object, which is there only when it was asked for.
const OBJECT: &str = "object";

/// All columns.
pub const COLUMNS: [Column<Keys>; 28] = [
    Column::new(
        "cluster",
        Of::Text(|of| of.header.cluster.as_deref()),
        "the cluster's identity: the uid of its Namespace kube-system",
    ),
    Column::required("snapshot", Of::Text(|of| Some(&of.header.snapshot)), "the backup, as it was named"),
    Column::required(
        "snapshot_sha256",
        Of::Text(|of| Some(&of.header.sha256)),
        "SHA-256 of the backup's file, unpacked",
    ),
    Column::required("snapshot_revision", Of::Int(|of| Some(of.header.revision)), "the last revision in the backup"),
    Column::new("snapshot_time", Of::Time(|of| of.header.time), "the newest time in the backup"),
    Column::new(
        "snapshot_verdict",
        Of::Text(|of| of.header.verdict.map(Verdict::name)),
        "the verdict of `verify`: good, doubtful, or with `--force` damaged",
    ),
    Column::required("key", Of::Text(|of| Some(&of.row.key)), "the key of etcd; bytes that are not UTF-8 are `\\xNN`"),
    Column::new("group", Of::Text(|of| of.row.group.as_deref()), "the API group, by the key; empty for the core group"),
    Column::new(
        "resource",
        Of::Text(|of| of.row.resource.as_deref()),
        "the plural name of the kind, by the key; null for a key that is no object's",
    ),
    Column::new("namespace", Of::Text(|of| of.row.namespace.as_deref()), "the namespace"),
    Column::new("name", Of::Text(|of| of.row.name.as_deref()), "the name"),
    Column::new(
        "api_version",
        Of::Text(|of| of.row.api_version.as_deref()),
        "the API version that the object is stored in",
    ),
    Column::new("kind", Of::Text(|of| of.row.kind.as_deref()), "the kind"),
    Column::new("uid", Of::Text(|of| of.row.uid.as_deref()), "the uid"),
    Column::required(
        "owners",
        Of::Owners(|of| &of.row.owners),
        "metadata.ownerReferences; none of a value that is not opened",
    ),
    Column::required("labels", Of::Map(|of| &of.row.labels), "metadata.labels; none of a value that is not opened"),
    Column::new("created", Of::Time(|of| of.row.created), "metadata.creationTimestamp"),
    Column::required(
        "create_revision",
        Of::Int(|of| Some(of.row.create_revision)),
        "the revision that created the key",
    ),
    Column::required("mod_revision", Of::Int(|of| Some(of.row.mod_revision)), "the revision that wrote the value"),
    Column::required("version", Of::Int(|of| Some(of.row.version)), "how often it was written since its creation"),
    Column::required("lease", Of::Int(|of| Some(of.row.lease)), "the lease, or 0"),
    Column::required("value_size", Of::Int(|of| Some(of.row.value_size)), "bytes of the value, as it is stored"),
    Column::new(
        "value_hash",
        Of::Bytes(|of| of.row.value_hash.as_ref().map(<[u8; 16]>::as_slice)),
        "the first 16 bytes of the SHA-256 of the value, as it is stored; null for a Secret in clear text",
    ),
    Column::new(
        "encrypted_by",
        Of::Text(|of| of.row.encrypted_by.as_deref()),
        "what encrypts the value, such as `aescbc (key key1)`; without the key `kind` and what else is inside are null, and its lists are empty",
    ),
    Column::new("node", Of::Text(|of| of.row.node.as_deref()), "the node that a pod is on"),
    Column::required(
        "images",
        Of::Texts(|of| &of.row.images),
        "the images of a pod or of its template, each once; none of a value that is not opened",
    ),
    Column::new("error", Of::Text(|of| of.row.error.as_deref()), "why the value cannot be read"),
    Column::new(
        OBJECT,
        Of::Text(|of| of.row.object.as_deref()),
        "the object as JSON, without managedFields and with Secrets masked; only with `--with-object`",
    ),
];

/// The columns that are written.
#[must_use]
pub fn columns(with_object: bool) -> Vec<Column<Keys>> {
    COLUMNS.into_iter().filter(|column| with_object || column.name != OBJECT).collect()
}

/// Rows of one backup as lines.
pub fn lines<'l>(header: &'l Header, rows: &'l [Row<'l>]) -> Vec<Line<'l>> {
    rows.iter().map(|row| Line { header, row }).collect()
}
