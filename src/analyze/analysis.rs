//! The whole analysis of one db.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::{
    by::{By, kind, object},
    free::FreeValues,
    group::{Group, Groups},
    held::Held,
    packed::packed,
    space::{Pages, Space},
    tops::{Top, Tops},
};
use crate::{
    Findings,
    etcd::Snapshot,
    k8s::{Key, Mask, Meta, Moment, Newest, Ring, SealName, Stored, Weights, is_encrypted},
    source::Source,
};

/// What is asked for.
#[derive(Debug)]
pub struct Request<'r> {
    /// What the keys are grouped by.
    pub by: By,
    /// Only this kind: `pods`, `deployments.apps`.
    pub kind: Option<String>,
    /// Only this namespace.
    pub namespace: Option<String>,
    /// The most keys in a list of the greatest.
    pub top: usize,
    /// The keys to what is encrypted.
    pub ring: &'r Ring,
    /// The mask of names that are secrets.
    pub mask: &'r Mask,
}

/// What fills one db.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// The file, as the user named it.
    pub path: String,
    /// All bytes of the file.
    pub bytes: Space,
    /// The size of a page, in bytes.
    pub page_size: u64,
    /// Number of leaves of the bucket `key`.
    pub leaves: u64,
    /// Number of leaves of the bucket `key` that are less than half full.
    pub half_empty_leaves: u64,
    /// The last revision of the keyspace.
    pub revision: i64,
    /// The revision that the keyspace was compacted at; 0 without one.
    pub compact_revision: i64,
    /// The newest time in the objects.
    #[serde(serialize_with = "as_text")]
    pub newest_time: Option<Moment>,
    /// The uid of the Namespace `kube-system`.
    pub identity: Option<String>,
    /// What the keys are grouped by: `kind`, `label app`.
    pub by: String,
    /// All keys together.
    pub all: Group,
    /// The groups, the one with the most bytes first.
    pub groups: Vec<Group>,
    /// The live keys with the biggest values.
    pub biggest: Vec<Top>,
    /// The keys with the most records.
    pub most_revisions: Vec<Top>,
    /// Live keys with a lease.
    pub leased: Group,
    /// Number of leases that they have.
    pub leases: u64,
    /// Keys that are not of Kubernetes; all where no key is of Kubernetes.
    pub not_kubernetes: Group,
    /// What a maintenance of etcd would give back.
    pub gives_back: GivesBack,
    /// What is encrypted, and what is not.
    pub encryption: Encryption,
    /// Live objects whose metadata cannot be read, so that their managedFields, labels and managers are not counted.
    pub unread: u64,
    /// Number of entries of a data directory's log that are not in the db yet, and not counted.
    pub log_entries_left_out: u64,
    /// What is wrong with the file.
    #[serde(skip)]
    pub findings: Findings,
}

/// What compaction and defragmentation would give back, about: bytes of the db without what bbolt allocates ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GivesBack {
    /// Bytes of the records that a compaction at the last revision makes free for new ones, in the same file.
    pub compaction: u64,
    /// Size of the db after a defragmentation alone.
    pub size_after_defragmentation: u64,
    /// Size of the db after a compaction at the last revision and a defragmentation.
    pub size_after_both: u64,
}

/// The encryption at rest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Encryption {
    /// Number of live values that each key of each provider encrypts.
    pub keys: BTreeMap<String, u64>,
    /// The kinds of which some values are encrypted, and some not.
    pub plaintext: Vec<Plaintext>,
    /// Values in clear text in free pages.
    pub free_pages: FreeValues,
}

/// Values in clear text of a kind of which some are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plaintext {
    /// `secrets`.
    pub kind: String,
    /// Live values.
    pub live: u64,
    /// Values in old revisions.
    pub old: u64,
}

fn as_text<S: serde::Serializer>(time: &Option<Moment>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(serializer)
}

/// The number of records whose times show when the backup was taken.
const RECENT: i64 = 256;

/// Records of one kind that are encrypted, and those that are not.
#[derive(Debug, Clone, Copy, Default)]
struct Sealed {
    sealed: u64,
    live: u64,
    old: u64,
}

/// What a core found in some of the keys.
struct Part<'a> {
    groups: Groups,
    all: Group,
    leased: Group,
    leases: BTreeSet<i64>,
    biggest: Tops<'a>,
    most: Tops<'a>,
    sizes: Vec<(crate::etcd::Revision, u32)>,
    seals: HashMap<String, u64>,
    kinds: HashMap<String, Sealed>,
    prefixes: BTreeSet<&'a str>,
    others: Vec<Held<'a>>,
    identity: Option<(&'a [u8], String)>,
    unread: u64,
    name: String,
}

impl<'a> Part<'a> {
    fn new(top: usize) -> Self {
        Self {
            groups: Groups::default(),
            all: Group::default(),
            leased: Group::default(),
            leases: BTreeSet::new(),
            biggest: Tops::new(top),
            most: Tops::new(top),
            sizes: Vec::new(),
            seals: HashMap::new(),
            kinds: HashMap::new(),
            prefixes: BTreeSet::new(),
            others: Vec::new(),
            identity: None,
            unread: 0,
            name: String::new(),
        }
    }

    fn take(&mut self, held: &Held<'a>, request: &Request<'_>) {
        let (kv, parsed) = (held.kv(), Key::new(held.key));
        let sealed = !held.deleted && is_encrypted(kv.value);
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        if !held.deleted {
            let size = held.live().saturating_add(16);
            self.sizes.push((held.revision, u32::try_from(size).unwrap_or(u32::MAX)));
        }
        if held.sealed > 0 || sealed || parsed.object().is_some_and(|object| object.resource == "secrets") {
            let mut name = String::new();
            kind(&mut name, &parsed);
            let of = self.kinds.entry(name).or_default();
            add(&mut of.sealed, held.sealed.into());
            let plain_live = u64::from(!held.deleted && !sealed);
            let values = held.records.saturating_sub(held.tombstones).saturating_sub(held.sealed);
            add(&mut of.live, plain_live);
            add(&mut of.old, u64::from(values).saturating_sub(plain_live));
        }
        if sealed && let Ok(Stored::Encrypted(seal)) = Stored::new(kv.value) {
            add(self.seals.entry(SealName::from(&seal).to_string()).or_default(), 1);
        }
        match &parsed {
            Key::Object(object) => {
                self.prefixes.insert(object.prefix);
            }
            Key::Other => self.others.push(*held),
            _ => {}
        }
        let is_wanted = match (&request.kind, &request.namespace) {
            (None, None) => true,
            (wanted, namespace) => {
                self.name.clear();
                kind(&mut self.name, &parsed);
                wanted.as_ref().is_none_or(|wanted| *wanted == self.name)
                    && namespace.as_ref().is_none_or(|namespace| {
                        parsed.object().and_then(|object| object.namespace) == Some(namespace.as_str())
                    })
            }
        };
        let opened = if held.deleted { None } else { request.ring.open(kv.key, kv.value).ok() };
        let is_object = matches!(parsed, Key::Object(_) | Key::Range(_) | Key::MasterLease(_) | Key::PeerLease(_));
        let mut weights = Weights::default();
        if let Some(value) = opened.as_deref() {
            match Weights::of(value, request.by.label()) {
                Ok(found) => weights = found,
                Err(_) => add(&mut self.unread, u64::from(is_object)),
            }
            if held.key.ends_with(b"/namespaces/kube-system")
                && self.identity.as_ref().is_none_or(|(key, _)| held.key < *key)
                && let Ok(meta) = Meta::read(value)
            {
                self.identity = Some((held.key, meta.uid.into_owned()));
            }
        } else if !held.deleted {
            add(&mut self.unread, 1);
        }
        self.all.take(held, &kv, &weights, sealed);
        if !is_wanted {
            return;
        }
        if kv.lease != 0 {
            self.leased.take(held, &kv, &weights, sealed);
            self.leases.insert(kv.lease);
        }
        if !held.deleted {
            self.biggest.offer(kv.value.len() as u64, held.key);
        }
        self.most.offer(held.records.into(), held.key);
        request.by.name(&mut self.name, held.key, &parsed, &weights, request.mask);
        self.groups.of(&self.name).take(held, &kv, &weights, sealed);
    }

    fn join(&mut self, other: Self) {
        self.groups.join(other.groups);
        self.all.join(&other.all);
        self.leased.join(&other.leased);
        self.leases.extend(other.leases);
        self.biggest.join(other.biggest);
        self.most.join(other.most);
        self.sizes.extend(other.sizes);
        for (name, more) in other.seals {
            let count = self.seals.entry(name).or_default();
            *count = count.saturating_add(more);
        }
        for (name, more) in other.kinds {
            let of = self.kinds.entry(name).or_default();
            of.sealed = of.sealed.saturating_add(more.sealed);
            of.live = of.live.saturating_add(more.live);
            of.old = of.old.saturating_add(more.old);
        }
        self.prefixes.extend(other.prefixes);
        self.others.extend(other.others);
        if let Some((key, uid)) = other.identity
            && self.identity.as_ref().is_none_or(|(have, _)| key < *have)
        {
            self.identity = Some((key, uid));
        }
        self.unread = self.unread.saturating_add(other.unread);
    }
}

impl Analysis {
    /// Analyses the db of `source`, without the records of a data directory's log.
    #[must_use]
    pub fn of(source: &Source, snapshot: &Snapshot<'_>, request: &Request<'_>) -> Self {
        let db = snapshot.db();
        let mut pages = Pages::read(snapshot, source.db());
        let mut sum = Part::new(request.top);
        let parts = pages.table.fold(|| Part::new(request.top), |part, held| part.take(held, request));
        parts.into_iter().for_each(|part| sum.join(part));
        let all = Group { name: "all".to_owned(), ..sum.all };
        pages.space.live = all.live;
        pages.space.old = all.old;
        pages.space.tombstones = all.tombstones;

        let not_kubernetes = {
            let below = |key: &[u8]| {
                let has =
                    |prefix: &&str| key.strip_prefix(prefix.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'/'));
                sum.prefixes.iter().any(has)
            };
            let mut group = Group::default();
            for held in sum.others.iter().filter(|held| !below(held.key)) {
                group.take(held, &held.kv(), &Weights::default(), false);
            }
            group
        };

        let page_size = db.page_size();
        let fixed = pages
            .space
            .overhead
            .metas
            .saturating_add(pages.space.overhead.buckets.div_ceil(page_size.max(1)).saturating_mul(page_size));
        sum.sizes.sort_unstable();
        let live = sum.sizes.iter().map(|(_, size)| *size);
        let gives_back = GivesBack {
            compaction: all.old.saturating_add(all.tombstones),
            size_after_defragmentation: fixed.saturating_add(packed(pages.sizes.iter().copied(), page_size)),
            size_after_both: fixed.saturating_add(packed(live, page_size)),
        };

        let mut plaintext: Vec<_> = sum
            .kinds
            .into_iter()
            .filter(|(_, of)| of.sealed > 0 && (of.live > 0 || of.old > 0))
            .map(|(kind, of)| Plaintext { kind, live: of.live, old: of.old })
            .collect();
        plaintext.sort_by(|a, b| a.kind.cmp(&b.kind));
        let encryption =
            Encryption { keys: sum.seals.into_iter().collect(), plaintext, free_pages: FreeValues::find(db, &pages) };

        let revision = snapshot.keyspace.without_log().head(pages.last);
        let (biggest, most_revisions) = {
            let name = |key: &[u8]| {
                let mut name = String::new();
                object(&mut name, key, &Key::new(key), request.mask);
                name
            };
            let top = |key: &[u8]| {
                let held = pages.table.find(key)?;
                let value_bytes = if held.deleted { 0 } else { held.kv().value.len() as u64 };
                Some(Top { name: name(key), value_bytes, records: held.records.into(), bytes: held.bytes })
            };
            let biggest: Vec<_> = sum.biggest.into_keys().filter_map(top).collect();
            (biggest, sum.most.into_keys().filter_map(top).collect())
        };
        Self {
            path: source.name().to_owned(),
            bytes: pages.space,
            page_size,
            leaves: pages.leaves,
            half_empty_leaves: pages.half_empty,
            revision,
            compact_revision: snapshot.keyspace.compacted().max(0),
            newest_time: newest_time(snapshot, revision, request.ring),
            identity: sum.identity.map(|(_, uid)| uid).filter(|uid| !uid.is_empty()),
            by: request.by.to_string(),
            all,
            groups: sum.groups.sorted(),
            biggest,
            most_revisions,
            leased: Group { name: "leased".to_owned(), ..sum.leased },
            leases: sum.leases.len() as u64,
            not_kubernetes: Group { name: "not of Kubernetes".to_owned(), ..not_kubernetes },
            gives_back,
            encryption,
            unread: sum.unread,
            log_entries_left_out: snapshot.log.as_ref().map_or(0, |log| log.unapplied.count()),
            findings: pages.findings,
        }
    }
}

/// The newest time in the last records.
fn newest_time(snapshot: &Snapshot<'_>, revision: i64, ring: &Ring) -> Option<Moment> {
    let mut recent = Vec::new();
    // What is wrong with them was found before.
    let _: Result<(), ()> =
        snapshot.each_record_from(revision.saturating_sub(RECENT), &mut Findings::default(), |record| {
            recent.push(record);
            Ok(())
        });
    Newest::of(&recent, ring).time
}
