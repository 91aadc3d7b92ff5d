//! What of a backup goes into the catalog: its live keys, each with the hash of its value.

use rayon::prelude::*;

use super::version::{Half, OPEN, Version};
use crate::{
    etcd::{KeyValue, Snapshot, Survey},
    hash::hmac_sha256,
    k8s::{Key, Meta, Ring, is_encrypted, key_for_messages},
};

/// A live key of a backup.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) key: &'a [u8],
    /// The stored value.
    pub(super) value: &'a [u8],
    /// Its version, without what is read from the object.
    pub(super) version: Version,
}

/// The last state of a backup.
#[derive(Debug)]
pub(super) struct State<'a> {
    pub(super) head: i64,
    pub(super) compacted: i64,
    /// The revision that the newest restore with `--bump-revision` raised it to.
    pub(super) bump: Option<i64>,
    /// The identity of the cluster.
    pub(super) identity: Option<String>,
    /// In key order. Keys that are a secret themselves, as the names of OAuth tokens, are not among them.
    pub(super) seen: Vec<Seen<'a>>,
    pub(super) ring: Ring,
}

/// HMAC of a value, cut in half.
fn mac(key: &[u8], value: &[u8]) -> Half {
    let mac = hmac_sha256(key, &[value]);
    mac.first_chunk().copied().unwrap_or_default()
}

impl<'a> State<'a> {
    /// Reads it. Values are hashed with `key`, and opened with `ring` and the keys in the backup itself.
    pub(super) fn of(snapshot: &Snapshot<'a>, survey: &Survey<'a>, key: &[u8], mut ring: Ring) -> Self {
        let (mut live, mut bump): (Vec<KeyValue<'a>>, _) = (Vec::new(), None);
        survey.live.for_each_live(|newest| {
            let kv = newest.kv();
            let secret = matches!(key_for_messages(kv.key), std::borrow::Cow::Owned(_));
            if newest.is_bump() {
                bump = Some(newest.revision.main);
            } else if !secret {
                live.push(kv);
            }
        });
        live.par_sort_unstable_by(|a, b| a.key.cmp(b.key));
        ring.learn(live.iter().copied());
        let seen = |kv: KeyValue<'a>| {
            let stored = mac(key, kv.value);
            let content = match is_encrypted(kv.value) {
                false => Some(stored),
                true => ring.open(kv.key, kv.value).ok().map(|opened| mac(key, &opened)),
            };
            Seen {
                key: kv.key,
                value: kv.value,
                version: Version {
                    mod_revision: kv.mod_revision,
                    create_revision: kv.create_revision,
                    version: kv.version,
                    size: kv.value.len() as u64,
                    stored,
                    content,
                    uid: None,
                    facts: 0,
                    last: OPEN,
                },
            }
        };
        let seen: Vec<_> = live.into_par_iter().map(seen).collect();
        let identity = seen.iter().filter(|seen| seen.key.ends_with(b"/namespaces/kube-system")).find_map(|seen| {
            let opened = ring.open(seen.key, seen.value).ok()?;
            let uid = Meta::read(&opened).ok()?.uid.into_owned();
            Some(uid).filter(|uid| !uid.is_empty())
        });
        let newest = survey.recent.back().map_or_else(Default::default, |record| record.revision);
        let (head, compacted) = (snapshot.keyspace.head(newest), snapshot.keyspace.compacted());
        Self { head, compacted, bump, identity, seen, ring }
    }

    /// The prefixes of the keys of objects.
    pub(super) fn prefixes(&self) -> Vec<String> {
        let mut prefixes: Vec<String> = Vec::new();
        for seen in &self.seen {
            if let Some(object) = Key::new(seen.key).object()
                && prefixes.last().is_none_or(|last| last != object.prefix)
                && !prefixes.iter().any(|prefix| prefix == object.prefix)
                && prefixes.len() < PREFIXES
            {
                prefixes.push(object.prefix.to_owned());
            }
        }
        prefixes
    }

    /// The number of values that no key opened.
    pub(super) fn sealed(&self) -> u64 {
        self.seen.iter().filter(|seen| seen.version.content.is_none()).count() as u64
    }
}

/// The most prefixes that are kept of a lineage: an API server has one, and a file of other keys looks like many.
pub(super) const PREFIXES: usize = 16;
