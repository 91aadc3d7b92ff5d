//! A record with its place and its verdict, for a list.

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::{
    entry::{Entry, NO_KEY},
    judge::{Rule, Verdict},
    salvaged::Salvage,
};
use crate::{
    bytes::escape,
    etcd::{KeyValue, Revision},
    k8s::{Key, ObjectKey, Resource, Resources, Ring},
};

/// A record that was found.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The revision of the record.
    pub revision: Revision,
    /// Whether the record deletes its key.
    pub tombstone: bool,
    /// The key-value pair that the record writes.
    pub kv: KeyValue<'a>,
    /// Offset of the record's key in the bucket, in bytes from the start of the file.
    pub offset: u64,
    /// The number of the page that the record is on.
    pub page: u64,
    /// `tree` where the tree reaches the record, else `unreachable`.
    pub origin: &'static str,
    /// Number of equal copies.
    pub copies: u32,
    /// The verdict on the record.
    pub verdict: Verdict,
    /// The reason for the verdict.
    pub rule: Rule,
    /// The newest record of the same key.
    pub newest: Revision,
}

impl<'a> Salvage<'a> {
    /// All records, by revision.
    pub fn rows(&self) -> impl Iterator<Item = Row<'a>> + '_ {
        self.set.entries.iter().enumerate().map(|(at, entry)| self.row(at, entry))
    }

    /// The names of resources, with those that the CustomResourceDefinitions among the records define, in whatever
    /// state.
    #[must_use]
    pub fn resources(&self) -> Resources {
        let (mut resources, ring) = (Resources::default(), Ring::default());
        for kv in self.set.entries.iter().map(|entry| entry.kv(self.carve.bytes())) {
            let is_definition = |key: &ObjectKey<'_>| key.resource == "customresourcedefinitions";
            if Key::new(kv.key).object().is_some_and(is_definition)
                && let Ok(object) = ring.object(kv.key, kv.value)
                && let Some(resource) = Resource::of_definition(&object.value)
            {
                resources.add(resource);
            }
        }
        resources
    }

    fn row(&self, at: usize, entry: &Entry) -> Row<'a> {
        let (verdict, rule) = self.judged.verdict(at);
        let newest = self.judged.newest(entry).filter(|_| entry.key != NO_KEY);
        let newest = newest.and_then(|at| self.set.entries.get(at)).map_or(entry.revision, |of| of.revision);
        Row {
            revision: entry.revision,
            tombstone: entry.tombstone,
            kv: entry.kv(self.carve.bytes()),
            offset: entry.at,
            page: self.carve.range().start.saturating_add(entry.page.into()),
            origin: if entry.reached { "tree" } else { "unreachable" },
            copies: entry.copies,
            verdict,
            rule,
            newest,
        }
    }
}

impl Row<'_> {
    /// The reason in words.
    #[must_use]
    pub fn reason(&self) -> String {
        let text = match self.rule {
            Rule::Newer => return format!("revision {} is newer", self.newest),
            Rule::DeletedLater => return format!("revision {} deletes the key", self.newest),
            Rule::Reachable => "in the tree, and no later revision is missing",
            Rule::Dense => "newer than the last compaction, and no later revision is missing",
            Rule::Gap => "later revisions are missing",
            Rule::Open => "revisions after the last one found may be lost",
            Rule::Unfinished => "the last transaction may lack its end",
            Rule::Mixed => "the pages are of different times",
            Rule::Stale => "not in the tree: a compaction may have removed it",
            Rule::Erased => "its page is broken: parts of the value may be lost",
            Rule::Garbled => "its value is broken: parts of the page may have been overwritten",
            Rule::Formless => "its value is on several pages, and nothing shows whether all of them are whole",
            Rule::Tombstone => "deletes the key",
            Rule::Compacted => "a compaction removed it: the key was deleted, or its later value is lost",
            Rule::Differs => "copies of this revision differ",
            Rule::Bump => "raises the revision",
        };
        text.to_owned()
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Row", 16)?;
        fields.serialize_field("main", &self.revision.main)?;
        fields.serialize_field("sub", &self.revision.sub)?;
        fields.serialize_field("key", &escape(self.kv.key))?;
        fields.serialize_field("tombstone", &self.tombstone)?;
        fields.serialize_field("createRevision", &self.kv.create_revision)?;
        fields.serialize_field("modRevision", &self.kv.mod_revision)?;
        fields.serialize_field("version", &self.kv.version)?;
        fields.serialize_field("lease", &self.kv.lease)?;
        fields.serialize_field("valueSize", &self.kv.value.len())?;
        fields.serialize_field("offset", &self.offset)?;
        fields.serialize_field("page", &self.page)?;
        fields.serialize_field("origin", self.origin)?;
        fields.serialize_field("copies", &self.copies)?;
        fields.serialize_field("verdict", &self.verdict)?;
        fields.serialize_field("rule", &self.rule)?;
        fields.serialize_field("reason", &self.reason())?;
        fields.end()
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Proved => "proved",
            Self::Likely => "likely",
            Self::Superseded => "superseded",
            Self::Deleted => "deleted",
            Self::Conflicting => "conflicting",
        })
    }
}
