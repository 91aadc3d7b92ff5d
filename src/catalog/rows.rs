//! Rows of the database: each ends with the CRC-32C of its table, key and value.

use std::{
    ops::{Bound, ControlFlow},
    path::Path,
};

use redb::{ReadableTable, Table, TableDefinition};
use serde::{Serialize, de::DeserializeOwned};

use super::file::{broken, damaged};
use crate::{Error, Result, hash::Crc32cWriter};

/// A table of the database.
pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// `key`: the key of the HMACs. `schema`: the number of the layout. `tool`: what made it.
pub(super) const META: Definition = TableDefinition::new("meta");
/// Number, big-endian → [`super::Lineage`].
pub(super) const LINEAGES: Definition = TableDefinition::new("lineages");
/// Id → [`super::Entry`].
pub(super) const SNAPSHOTS: Definition = TableDefinition::new("snapshots");
/// Id → the report of `verify -o json`.
pub(super) const REPORTS: Definition = TableDefinition::new("reports");
/// Path → [`super::FileRow`].
pub(super) const FILES: Definition = TableDefinition::new("files");
/// Lineage, key of etcd → [`super::version::encode`].
pub(super) const OBJECTS: Definition = TableDefinition::new("objects");
/// Id, little-endian → [`super::Facts`].
pub(super) const FACTS: Definition = TableDefinition::new("facts");
/// Lineage, `PLURAL.GROUP` → names and versions of a CustomResourceDefinition.
pub(super) const DEFINITIONS: Definition = TableDefinition::new("definitions");

pub(super) const ALL: [Definition; 8] = [META, LINEAGES, SNAPSHOTS, REPORTS, FILES, OBJECTS, FACTS, DEFINITIONS];

fn sum(definition: &Definition, key: &[u8], value: &[u8]) -> [u8; 4] {
    let mut sum = Crc32cWriter::default();
    sum.update(redb::TableHandle::name(definition).as_bytes());
    sum.update(&(key.len() as u64).to_le_bytes());
    sum.update(key);
    sum.update(value);
    sum.finish().sum().to_le_bytes()
}

/// A table that can be read, of the catalog at `path`.
#[derive(Clone, Copy)]
pub(super) struct Rows<'t, T> {
    pub(super) path: &'t Path,
    pub(super) definition: Definition,
    pub(super) table: &'t T,
}

impl<'t, T: ReadableTable<&'static [u8], &'static [u8]>> Rows<'t, T> {
    fn checked<'v>(&self, key: &[u8], row: &'v [u8]) -> Result<&'v [u8]> {
        let value = row.split_last_chunk::<4>().filter(|(value, have)| **have == sum(&self.definition, key, value));
        value.map(|(value, _)| value).ok_or_else(|| self.damaged())
    }

    /// The error of a row that is not what was written.
    pub(super) fn damaged(&self) -> Error {
        damaged(self.path, format_args!("a row of the table {:?} is wrong", redb::TableHandle::name(&self.definition)))
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.table.get(key).map_err(|e| broken(self.path, e))? {
            Some(row) => self.checked(key, row.value()).map(|value| Some(value.to_vec())),
            None => Ok(None),
        }
    }

    /// The row of `key` as JSON.
    pub(super) fn json<V: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<V>> {
        self.get(key)?.map(|row| serde_json::from_slice(&row).map_err(|_| self.damaged())).transpose()
    }

    /// Calls `each` with the rows from `start` on, in order, until it breaks or the key is not below `end`.
    pub(super) fn each(
        &self,
        start: &[u8],
        end: Option<&[u8]>,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        if matches!(end, Bound::Excluded(end) if end <= start) {
            return Ok(());
        }
        let fault = |e| broken(self.path, e);
        for row in self.table.range::<&[u8]>((Bound::Included(start), end)).map_err(fault)? {
            let (key, row) = row.map_err(fault)?;
            let (key, row) = (key.value(), row.value());
            if each(key, self.checked(key, row)?)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// All rows as JSON, with their keys.
    pub(super) fn all<V: DeserializeOwned>(&self) -> Result<Vec<(Vec<u8>, V)>> {
        let mut all = Vec::new();
        self.each(b"", None, |key, row| {
            all.push((key.to_vec(), serde_json::from_slice(row).map_err(|_| self.damaged())?));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all)
    }
}

/// Writes a row.
pub(super) fn put(
    path: &Path,
    definition: &Definition,
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    key: &[u8],
    mut value: Vec<u8>,
) -> Result<()> {
    value.extend(sum(definition, key, &value));
    table.insert(key, &value[..]).map(drop).map_err(|e| broken(path, e))
}

/// Writes a row of JSON.
pub(super) fn put_json(
    path: &Path,
    definition: &Definition,
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    key: &[u8],
    value: &impl Serialize,
) -> Result<()> {
    let value = serde_json::to_vec(value).map_err(|e| damaged(path, e))?;
    put(path, definition, table, key, value)
}

/// The range of keys that begin with `prefix`: its end, where there is one.
pub(super) fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}
