//! Secrets in stored values, replaced by other bytes of the same length: nothing moves, and every value is decoded as
//! before.
//!
//! ```text
//! a value ─┬─ encrypted, or the bootstrap data of k3s: replaced but for the prefix with the key's name
//!          └─ protobuf, JSON, CBOR: each text and its path (walk) ── is it secret? (policy) ── replaced (fill)
//! then     private keys and signed tokens wherever they are (scan)
//! ```

mod cbor;
mod fill;
mod json;
mod names;
mod policy;
mod protobuf;
mod scan;
mod visit;
mod walk;
mod what;

use std::sync::{Mutex, PoisonError};

use self::{fill::Form, names::Names, policy::Policy, visit::Visit, walk::Kinds};
pub(crate) use self::{names::KnownNames, what::Hidden};
pub use self::{policy::Also, what::Counts};
use super::{key::Key, mask, stored::Stored};
use crate::{
    Result,
    hash::random,
    proto::{Reader, Wire},
};

/// Replaces secrets. One for all records of a run: a name that is a secret is replaced by the same one everywhere.
#[derive(Debug)]
pub(crate) struct Redactor {
    key: [u8; 32],
    also: Also,
    names: Names,
    counts: Mutex<Counts>,
}

impl Redactor {
    /// A redactor with a random key for names; `also` is replaced besides secrets. `known` are the names that are
    /// replaced where `also` has names.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(crate) fn new(also: Also, known: &KnownNames) -> Result<Self> {
        Ok(Self::with_key(random::<32>()?, also, known))
    }

    fn with_key(key: [u8; 32], also: Also, known: &KnownNames) -> Self {
        let (names, without) = Names::new(&key, known);
        Self { key, also, names, counts: Mutex::new(Counts::without_other_names(without)) }
    }

    /// What was replaced so far.
    #[must_use]
    pub(crate) fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, counts: &Counts) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).add(counts);
    }

    /// The `mvccpb.KeyValue` in `message` without secrets, of the same length; `None` when there are none in it.
    #[must_use]
    pub(crate) fn record(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut counts = Counts::default();
        let redacted = self.key_value(message, &mut counts);
        self.count(&counts);
        redacted
    }

    fn key_value(&self, message: &[u8], counts: &mut Counts) -> Option<Vec<u8>> {
        let (mut reader, mut key, mut parts) = (Reader::new(message), &[][..], Vec::new());
        loop {
            match reader.next_field() {
                Ok(None) => break,
                Ok(Some(field)) => {
                    let Wire::Len(bytes) = field.wire else { continue };
                    if field.number == 1 {
                        key = bytes;
                    }
                    parts.push((field.number, field.end.saturating_sub(bytes.len()), bytes));
                }
                Err(_) => {
                    counts.note(Hidden::Unreadable, message.len());
                    return Some(fill::filled(message, Form::Text));
                }
            }
        }
        let mut out = None;
        for (number, at, bytes) in parts {
            let new = match number {
                1 => self.renamed(bytes, counts),
                5 => self.value(key, bytes, counts),
                // etcd has no such field
                _ => {
                    counts.note(Hidden::Unreadable, bytes.len());
                    Some(fill::filled(bytes, Form::Text))
                }
            };
            if let Some(new) = new {
                fill::put(out.get_or_insert_with(|| message.to_vec()), at, &new);
            }
        }
        out
    }

    /// The key with another name at its end, where the name is a secret itself.
    fn renamed(&self, etcd_key: &[u8], counts: &mut Counts) -> Option<Vec<u8>> {
        let mut new = etcd_key.to_vec();
        let key = Key::new(etcd_key);
        if let Key::Object(object) = &key
            && mask::is_secret_name(object)
            && !fill::is_marked(object.name.as_bytes())
        {
            counts.note(Hidden::TokenName, object.name.len());
            let at = etcd_key.len().saturating_sub(object.name.len());
            fill::put(&mut new, at, &fill::renamed(&self.key, object.name.as_bytes()));
            return Some(new);
        }
        if let Key::Object(object) = &key {
            // the namespace and the name are the end of the key
            let namespace = object.namespace.map_or(0, |namespace| namespace.len().saturating_add(1));
            let at = etcd_key.len().saturating_sub(object.name.len().saturating_add(namespace));
            self.rename(new.get_mut(at..).unwrap_or_default(), counts);
        }
        // A name with the mark of a token is found by it, here as in values.
        if scan::names(&self.key, &mut new) {
            counts.note(Hidden::TokenName, etcd_key.len());
        }
        (new != etcd_key).then_some(new)
    }

    /// Replaces the names of objects in a text.
    fn rename(&self, text: &mut [u8], counts: &mut Counts) {
        let (count, bytes) = self.names.replace(text);
        counts.add_to(Hidden::Name, count, bytes as u64);
    }

    /// The value of `etcd_key` without secrets.
    fn value(&self, etcd_key: &[u8], value: &[u8], counts: &mut Counts) -> Option<Vec<u8>> {
        let key = Key::new(etcd_key);
        if let Key::Bootstrap(_) = key {
            counts.note(Hidden::Bootstrap, value.len());
            return Some(fill::filled(value, Form::Text));
        }
        let mut new = value.to_vec();
        match Stored::new(value) {
            Ok(Stored::Encrypted(seal)) => {
                let ciphertext = seal.payload();
                counts.note(Hidden::Encrypted, ciphertext.len());
                let at = value.len().saturating_sub(ciphertext.len());
                fill::put(&mut new, at, &fill::filled(ciphertext, Form::Text));
                return Some(new);
            }
            Ok(Stored::Opaque) | Err(_) if policy::is_secret(&key) => {
                counts.note(Hidden::Unreadable, value.len());
                return Some(fill::filled(value, Form::Text));
            }
            Ok(Stored::Opaque) | Err(_) => counts.not_kubernetes(matches!(key, Key::Other)),
            Ok(stored) => {
                let policy = Policy::of(&key, &Kinds::of(&stored, value), self.also);
                counts.not_kubernetes(matches!(key, Key::Other) && !policy.is_of_secrets());
                let (mut hidden, mut named) = (Vec::new(), Vec::new());
                let read = match policy.is_nothing() {
                    true => Ok(()),
                    false => walk::walk(&stored, value, &mut |path: &[String], visit: &Visit| match policy
                        .hides(path, visit)
                    {
                        Some(what) => hidden.push((visit.at.clone(), visit.form, what)),
                        // of an unknown field the path is that of its message
                        None if self.also.names && (visit.unknown || names::may_be_at(path)) => {
                            named.push(visit.at.clone());
                        }
                        None => {}
                    }),
                };
                if read.is_err() && (policy.is_of_secrets() || self.also.names) {
                    counts.note(Hidden::Unreadable, value.len());
                    return Some(fill::filled(value, Form::Text));
                }
                for (at, form, what) in hidden {
                    let Some(bytes) = value.get(at.clone()).filter(|bytes| !bytes.is_empty()) else { continue };
                    counts.note(what, bytes.len());
                    fill::put(&mut new, at.start, &fill::filled(bytes, form));
                }
                for at in named {
                    self.rename(new.get_mut(at).unwrap_or_default(), counts);
                }
                if let Key::Object(object) = &key
                    && mask::is_secret_name(object)
                    && !fill::is_marked(object.name.as_bytes())
                {
                    let name = object.name.as_bytes();
                    scan::replace(&mut new, name, &fill::renamed(&self.key, name));
                }
            }
        }
        scan::everywhere(&self.key, &mut new, counts);
        (new != value).then_some(new)
    }

    /// The `authpb.User` in `message` without the hash of its password.
    #[must_use]
    pub(crate) fn user(&self, message: &[u8]) -> Vec<u8> {
        let (mut reader, mut new, mut counts) = (Reader::new(message), message.to_vec(), Counts::default());
        while let Ok(Some(field)) = reader.next_field() {
            if let (2, Wire::Len(hash)) = (field.number, field.wire) {
                counts.note(Hidden::PasswordHash, hash.len());
                let at = field.end.saturating_sub(hash.len());
                fill::put(&mut new, at, &fill::filled(hash, Form::Text));
            }
        }
        self.count(&counts);
        new
    }
}

#[cfg(test)]
mod tests;
