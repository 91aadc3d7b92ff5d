//! What is replaced, and how often.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeSeq as _};

use crate::bytes::counted;

/// What was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Hidden {
    /// A value in the data of a Secret.
    SecretData,
    /// An annotation that repeats the data of a Secret, a ConfigMap or an environment variable.
    Repeated,
    /// A field of an OAuth token or client.
    OAuth,
    /// The name of an OAuth token.
    TokenName,
    /// The ciphertext of an encrypted value.
    Encrypted,
    /// The bootstrap data of k3s and RKE2.
    Bootstrap,
    /// The hash of a password of an etcd user.
    PasswordHash,
    /// A private key in another object.
    PrivateKey,
    /// A signed token (JWT) in another object.
    SignedToken,
    /// A value in a ConfigMap.
    ConfigMap,
    /// The value of an environment variable.
    Env,
    /// An annotation.
    Annotation,
    /// A word of the name of an object.
    Name,
    /// A value that holds a secret, and cannot be read.
    Unreadable,
}

impl Hidden {
    /// How many of what, for people: `1 annotation with such values`.
    #[must_use]
    pub(crate) fn counted(self, n: u64) -> String {
        let (one, rest) = match self {
            Self::SecretData => ("value", " in Secrets"),
            Self::Repeated => ("annotation", " with such values"),
            Self::OAuth => ("field", " of OAuth tokens and clients"),
            Self::TokenName => ("name", " of OAuth tokens"),
            Self::Encrypted => ("encrypted value", " (the name of the key is kept)"),
            Self::Bootstrap => ("value", " with bootstrap data of k3s or RKE2"),
            Self::PasswordHash => ("password hash", " of etcd users"),
            Self::PrivateKey => ("private key", " in other objects"),
            Self::SignedToken => ("signed token", " (JWT) in other objects"),
            Self::ConfigMap => ("value", " in ConfigMaps"),
            Self::Env => ("value", " of environment variables"),
            Self::Annotation => ("annotation", ""),
            Self::Name => ("word", " of names of objects"),
            Self::Unreadable => ("whole value", " that could not be read"),
        };
        format!("{}{rest}", counted(n, one))
    }
}

/// How much was replaced, in all revisions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    all: BTreeMap<Hidden, (u64, u64)>,
    not_kubernetes: u64,
    names: u64,
}

impl Counts {
    /// No counts yet, and the number of names that no other name was found for.
    pub(super) fn without_other_names(names: u64) -> Self {
        Self { names, ..Self::default() }
    }

    pub(super) fn note(&mut self, what: Hidden, bytes: usize) {
        self.add_to(what, 1, bytes as u64);
    }

    /// Counts a value that is kept, if its key is not of Kubernetes.
    pub(super) fn not_kubernetes(&mut self, is: bool) {
        self.not_kubernetes = self.not_kubernetes.saturating_add(is.into());
    }

    pub(super) fn add_to(&mut self, what: Hidden, n: u64, bytes: u64) {
        if n == 0 {
            return;
        }
        let (count, all) = self.all.entry(what).or_default();
        (*count, *all) = (count.saturating_add(n), all.saturating_add(bytes));
    }

    pub(super) fn add(&mut self, more: &Self) {
        more.all.iter().for_each(|(what, (n, bytes))| self.add_to(*what, *n, *bytes));
        self.not_kubernetes = self.not_kubernetes.saturating_add(more.not_kubernetes);
    }

    /// What was replaced, how often, and the bytes.
    pub(crate) fn each(&self) -> impl Iterator<Item = (Hidden, u64, u64)> + '_ {
        self.all.iter().map(|(what, (n, bytes))| (*what, *n, *bytes))
    }

    /// The number of values of keys that are not of Kubernetes, which are kept.
    #[must_use]
    pub(crate) fn kept_not_of_kubernetes(&self) -> u64 {
        self.not_kubernetes
    }

    /// The number of names that are kept, because no other of the same length was found.
    #[must_use]
    pub(crate) fn kept_names(&self) -> u64 {
        self.names
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry {
            what: Hidden,
            count: u64,
            bytes: u64,
        }
        let mut list = serializer.serialize_seq(Some(self.all.len()))?;
        for (what, count, bytes) in self.each() {
            list.serialize_element(&Entry { what, count, bytes })?;
        }
        list.end()
    }
}
