//! Facts about the cluster that wrote a keyspace: its identity, its newest time, the encryption of its values.

use std::collections::BTreeMap;

use super::{
    error::SealName,
    meta::Meta,
    newest::Newest,
    seal::{Ring, is_encrypted},
    stored::Stored,
};
use crate::etcd::{Survey, View};

/// The facts that are recognised in a keyspace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClusterInfo {
    /// The identity: the uid of the Namespace `kube-system`.
    pub identity: Option<String>,
    /// The newest time in the newest records that no clock in them contradicts: creation, a change, a Lease's renewal,
    /// an Event.
    pub newest: Newest,
    /// Number of live values that each key of each provider encrypts, by name.
    pub sealed: BTreeMap<String, u64>,
    /// The installer of the cluster.
    pub installer: Option<Installer>,
}

/// An installer of Kubernetes that leaves a trace in the keyspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Installer {
    /// kubeadm: its ConfigMap `kubeadm-config`.
    Kubeadm,
    /// k3s or RKE2: their bootstrap data.
    K3s,
    /// OpenShift: its own resources' prefix.
    OpenShift,
}

impl Installer {
    fn of(key: &[u8]) -> Option<Self> {
        if key.ends_with(b"/configmaps/kube-system/kubeadm-config") {
            Some(Self::Kubeadm)
        } else if key.starts_with(b"/bootstrap/") {
            Some(Self::K3s)
        } else if key.starts_with(b"/openshift.io/") {
            Some(Self::OpenShift)
        } else {
            None
        }
    }
}

/// The identity of a keyspace: the uid of the Namespace `kube-system`, of the first of several prefixes in key order.
#[must_use]
pub(crate) fn identity(view: &View<'_>, ring: &Ring) -> Option<String> {
    view.keys().filter(|key| key.ends_with(KUBE_SYSTEM)).find_map(|key| {
        let kv = view.get(key)?;
        let opened = ring.open(kv.key, kv.value).ok()?;
        let uid = Meta::read(&opened).ok()?.uid.into_owned();
        Some(uid).filter(|uid| !uid.is_empty())
    })
}

/// Whether the identity is read from the value of this key.
#[must_use]
pub(crate) fn is_identity_key(key: &[u8]) -> bool {
    key.ends_with(KUBE_SYSTEM)
}

const KUBE_SYSTEM: &[u8] = b"/namespaces/kube-system";

impl ClusterInfo {
    /// Collects the facts from the result of one pass over the records.
    #[must_use]
    pub fn of(survey: &Survey<'_>) -> Self {
        let mut info = Self { newest: Newest::of(&survey.recent, &Ring::default()), ..Self::default() };
        let mut best: Option<&[u8]> = None;
        survey.live.for_each_live(|newest| {
            info.installer = info.installer.or_else(|| Installer::of(newest.key));
            let value = newest.kv().value;
            if is_encrypted(value) {
                if let Ok(Stored::Encrypted(seal)) = Stored::new(value) {
                    let count = info.sealed.entry(SealName::from(&seal).to_string()).or_default();
                    *count = count.saturating_add(1);
                }
            } else if newest.key.ends_with(KUBE_SYSTEM) && best.is_none_or(|key| newest.key < key) {
                // Of several prefixes the first in key order counts, whatever order they are shown in.
                if let Ok(meta) = Meta::read(value) {
                    best = Some(newest.key);
                    info.identity = Some(meta.uid.into_owned()).filter(|uid| !uid.is_empty());
                }
            }
        });
        info.join_names();
        info
    }

    /// Counts a value whose key's name may be longer with those that have the shorter name: such a value is one of a
    /// thousand whose ciphertext begins like a name.
    fn join_names(&mut self) {
        let short = |name: &str| name.split_once(" or ").map(|(short, _)| format!("{short})"));
        let longer: Vec<_> = self.sealed.keys().filter_map(|name| Some((name.clone(), short(name)?))).collect();
        for (name, short) in longer {
            if self.sealed.contains_key(&short)
                && let Some(count) = self.sealed.remove(&name)
            {
                let all = self.sealed.entry(short).or_default();
                *all = all.saturating_add(count);
            }
        }
    }
}
