//! The lineages that a backup belongs to, and the versions that it adds to them.

use std::{
    collections::{BTreeSet, HashMap},
    ops::ControlFlow,
};

use rayon::prelude::*;

use super::{
    chain::{self, Conflict},
    entry::{Entry, Lineage},
    facts::Facts,
    file::broken,
    rows::{DEFINITIONS, FACTS, LINEAGES, OBJECTS, Rows, SNAPSHOTS, after, put, put_json},
    state::{PREFIXES, Seen, State},
    version::{self, Version},
    writer::Writer,
};
use crate::{
    Result,
    k8s::{Key, Object, Resource, Ring, Value},
};

/// The most lineages of one cluster. It has more only where a great many of its backups are of several branches, and
/// nothing that they hold shows of which: then new backups get one lineage, with the most backups that they can follow.
const LINEAGES_OF_ONE: usize = 64;

/// A changed row of the table of objects, and the value whose object is to be read for it.
struct Row<'a> {
    key: Vec<u8>,
    versions: Vec<Version>,
    read: Option<(&'a [u8], &'a [u8], i64)>,
}

/// The comparison of a backup with a lineage.
struct Compared<'a> {
    /// The backups that contradict it.
    conflict: Option<Conflict>,
    /// Whether they have a record in common.
    shared: bool,
    /// What joining it changes.
    rows: Vec<Row<'a>>,
}

impl Writer {
    /// Indexes a state, and returns the lineages that it belongs to.
    pub(super) fn index(&self, state: &State<'_>) -> Result<Vec<u32>> {
        let all: Vec<(Vec<u8>, Lineage)> = self.read(LINEAGES, |rows| rows.all())?;
        let number = |key: &[u8]| key.try_into().map(u32::from_be_bytes).unwrap_or_default();
        let mut next = all.last().map_or(1, |(key, _)| number(key).saturating_add(1));
        let prefixes = state.prefixes();
        let (mut joined, mut others) = (Vec::new(), Vec::new());
        for (key, lineage) in all.into_iter().filter(|(_, lineage)| lineage.identity == state.identity) {
            let compared = self.compare(number(&key), &lineage.heads, state)?;
            // Without an identity only a common record shows that it is the same cluster.
            if state.identity.is_none() && !compared.shared {
                continue;
            }
            match compared.conflict {
                None => {
                    self.join(number(&key), lineage, compared.rows, state, &prefixes)?;
                    joined.push(number(&key));
                }
                Some(conflict) => others.push((number(&key), lineage, conflict)),
            }
        }
        let mut new = self.forks(&joined, others)?;
        if joined.is_empty() && new.is_empty() {
            new.push((0, Lineage { identity: state.identity.clone(), ..Lineage::default() }));
        }
        for (from, lineage) in new {
            self.fork(from, next, &lineage)?;
            let compared = self.compare(next, &lineage.heads, state)?;
            self.join(next, lineage, compared.rows, state, &prefixes)?;
            joined.push(next);
            next = next.saturating_add(1);
        }
        Ok(joined)
    }

    /// The parts of lineages with which a backup begins new ones, each with the number of the lineage that it is a part
    /// of: `joined` are those that it is in already, `others` contradict it.
    fn forks(&self, joined: &[u32], others: Vec<(u32, Lineage, Conflict)>) -> Result<Vec<(u32, Lineage)>> {
        if others.is_empty() {
            return Ok(Vec::new());
        }
        let entries: Vec<(Vec<u8>, Entry)> = self.read(SNAPSHOTS, |rows| rows.all())?;
        let part = |number: u32, conflict: Option<&Conflict>| -> BTreeSet<&str> {
            let is_in = |entry: &&Entry| {
                let head = entry.revision.filter(|head| conflict.is_none_or(|conflict| !conflict.has(*head)));
                head.is_some() && entry.lineages.contains(&number)
            };
            entries.iter().map(|(_, entry)| entry).filter(is_in).map(|entry| entry.id.as_str()).collect()
        };
        let mut parts: Vec<_> =
            others.iter().map(|(number, _, conflict)| (part(*number, Some(conflict)), false)).collect();
        parts.extend(joined.iter().map(|number| (part(*number, None), true)));
        let mut forks = chain::forks(&parts);
        if parts.len().saturating_add(forks.len()) > LINEAGES_OF_ONE {
            let longest = forks.into_iter().max_by_key(|at| parts.get(*at).map_or(0, |(part, _)| part.len()));
            forks = longest.filter(|_| joined.is_empty()).into_iter().collect();
        }
        let others = others.into_iter().enumerate().filter(|(at, _)| forks.contains(at));
        let kept = |(number, mut lineage, conflict): (u32, Lineage, Conflict)| {
            lineage.heads.retain(|head| !conflict.has(*head));
            (number, lineage)
        };
        Ok(others.map(|(_, other)| kept(other)).collect())
    }

    /// Compares a state with what is known of a lineage.
    fn compare<'a>(&self, number: u32, heads: &[i64], state: &State<'a>) -> Result<Compared<'a>> {
        let prefix = number.to_be_bytes();
        let newest = heads.last().copied();
        let mut compared = Compared { conflict: None, shared: false, rows: Vec::new() };
        let mut take = |key: &[u8], runs: &[Version], seen: Option<&Seen<'a>>| {
            let version = seen.map(|seen| &seen.version);
            if let Some(conflict) = chain::conflict(heads, runs, version, state.head) {
                compared.conflict = Some(conflict.with(compared.conflict));
            }
            let known = version.and_then(|seen| runs.iter().find(|run| run.mod_revision == seen.mod_revision));
            compared.shared |= version.is_some_and(|seen| known.is_some_and(|known| known.is_same(seen)));
            if let Some(versions) = chain::merged(newest, runs, version, state.head) {
                let reads = |seen: &&Seen<'a>| known.is_none_or(|known| known.learns(&seen.version));
                let read = seen.filter(reads).map(|seen| (seen.key, seen.value, seen.version.mod_revision));
                compared.rows.push(Row { key: [&prefix, key].concat(), versions, read });
            }
        };
        let mut seen = state.seen.iter().peekable();
        self.read(OBJECTS, |rows| {
            rows.each(&prefix, after(&prefix).as_deref(), |key, row| {
                let key = key.get(prefix.len()..).unwrap_or_default();
                while let Some(new) = seen.next_if(|seen| seen.key < key) {
                    take(new.key, &[], Some(new));
                }
                let runs = version::decode(row).ok_or_else(|| rows.damaged())?;
                take(key, &runs, seen.next_if(|seen| seen.key == key));
                Ok(ControlFlow::Continue(()))
            })
        })?;
        seen.for_each(|new| take(new.key, &[], Some(new)));
        Ok(compared)
    }

    /// Writes what a state changes in a lineage that it joins.
    fn join(
        &self,
        number: u32,
        mut lineage: Lineage,
        mut rows: Vec<Row<'_>>,
        state: &State<'_>,
        prefixes: &[String],
    ) -> Result<()> {
        if let Err(at) = lineage.heads.binary_search(&state.head) {
            lineage.heads.insert(at, state.head);
        }
        lineage.prefixes.extend(prefixes.iter().cloned());
        lineage.prefixes.sort();
        lineage.prefixes.dedup();
        lineage.prefixes.truncate(PREFIXES);
        let read: Vec<Read> = rows.par_iter_mut().filter_map(|row| row.learn(&state.ring)).collect();
        let facts: HashMap<u64, Vec<u8>> =
            read.iter().map(|read| read.facts.clone()).filter(|(id, _)| *id != 0).collect();
        self.write(|tx, path| {
            let mut table = tx.open_table(OBJECTS).map_err(|e| broken(path, e))?;
            for row in &rows {
                put(path, &OBJECTS, &mut table, &row.key, version::encode(&row.versions))?;
            }
            let mut table = tx.open_table(FACTS).map_err(|e| broken(path, e))?;
            for (id, row) in facts {
                put(path, &FACTS, &mut table, &id.to_le_bytes(), row)?;
            }
            let mut table = tx.open_table(DEFINITIONS).map_err(|e| broken(path, e))?;
            for (name, mod_revision, definition) in read.iter().filter_map(|read| read.definition.as_ref()) {
                let key = [&number.to_be_bytes(), name.as_bytes()].concat();
                let rows = Rows { path, definition: DEFINITIONS, table: &table };
                let have: Option<(i64, serde_json::Value)> = rows.json(&key)?;
                if have.is_none_or(|(have, _)| have < *mod_revision) {
                    put_json(path, &DEFINITIONS, &mut table, &key, &(mod_revision, definition))?;
                }
            }
            let mut table = tx.open_table(LINEAGES).map_err(|e| broken(path, e))?;
            put_json(path, &LINEAGES, &mut table, &number.to_be_bytes(), &lineage)
        })
    }

    /// Begins the lineage `to` with the part of `from` that `lineage` names by its heads; with none where it has none.
    fn fork(&self, from: u32, to: u32, lineage: &Lineage) -> Result<()> {
        if lineage.heads.is_empty() {
            return Ok(());
        }
        let (old, new) = (from.to_be_bytes(), to.to_be_bytes());
        self.write(|tx, path| {
            for definition in [OBJECTS, DEFINITIONS] {
                self.read(definition, |rows| {
                    let mut table = tx.open_table(definition).map_err(|e| broken(path, e))?;
                    rows.each(&old, after(&old).as_deref(), |key, row| {
                        let key = [&new[..], key.get(old.len()..).unwrap_or_default()].concat();
                        let row = match redb::TableHandle::name(&definition) {
                            "objects" => {
                                let runs = version::decode(row).ok_or_else(|| rows.damaged())?;
                                let runs = chain::within(&runs, &lineage.heads);
                                if runs.is_empty() {
                                    return Ok(ControlFlow::Continue(()));
                                }
                                version::encode(&runs)
                            }
                            _ => row.to_vec(),
                        };
                        put(path, &definition, &mut table, &key, row)?;
                        Ok(ControlFlow::Continue(()))
                    })
                })?;
            }
            let mut table = tx.open_table(LINEAGES).map_err(|e| broken(path, e))?;
            put_json(path, &LINEAGES, &mut table, &new, lineage)?;
            // What contradicts neither belongs to both.
            let entries: Vec<(Vec<u8>, Entry)> = self.read(SNAPSHOTS, |rows| rows.all())?;
            let mut table = tx.open_table(SNAPSHOTS).map_err(|e| broken(path, e))?;
            for (id, mut entry) in entries {
                let is_kept = entry.revision.is_some_and(|head| lineage.heads.binary_search(&head).is_ok());
                if entry.lineages.contains(&from) && is_kept {
                    entry.lineages.push(to);
                    put_json(path, &SNAPSHOTS, &mut table, &id, &entry)?;
                }
            }
            Ok(())
        })
    }
}

/// What was read from an object.
struct Read {
    facts: (u64, Vec<u8>),
    definition: Option<(String, i64, serde_json::Value)>,
}

impl Row<'_> {
    /// Reads the object of the version that is new, or can be opened now.
    fn learn(&mut self, ring: &Ring) -> Option<Read> {
        let (key, value, mod_revision) = self.read?;
        let parsed = Key::new(key);
        let object = parsed.object()?;
        let decoded = ring.object(key, value).ok()?;
        let (facts, uid) = Facts::of(&decoded);
        let facts = facts.row();
        let version = self.versions.iter_mut().find(|of| of.mod_revision == mod_revision)?;
        (version.facts, version.uid) = (facts.0, uid);
        let is_definition = object.resource == "customresourcedefinitions";
        let definition = is_definition.then(|| definition(&decoded)).flatten();
        Some(Read { facts, definition: definition.map(|(name, of)| (name, mod_revision, of)) })
    }
}

/// The names and versions of a CustomResourceDefinition, without their schemas.
fn definition(object: &Object<'_>) -> Option<(String, serde_json::Value)> {
    let resource = Resource::of_definition(&object.value)?;
    let spec = object.value.get("spec")?;
    let json = |value: &Value<'_>| serde_json::from_str::<serde_json::Value>(&value.to_json()).ok();
    let versions: Vec<_> = spec.get("versions").and_then(Value::as_list).unwrap_or_default().iter().collect();
    let versions = versions.into_iter().map(|version| {
        let of = |field| version.get(field).and_then(json);
        serde_json::json!({"name": of("name"), "served": of("served"), "storage": of("storage")})
    });
    let of = |field| spec.get(field).and_then(json);
    let kept = serde_json::json!({"spec": {"group": of("group"), "names": of("names"), "scope": of("scope"),
        "version": of("version"), "versions": versions.collect::<Vec<_>>()}});
    Some((resource.full_name(), kept))
}
