//! The namespaces of a state.

use std::collections::BTreeSet;

use super::Cluster;
use crate::k8s::{Key, nearest};

/// A namespace that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoNamespace {
    /// The existing namespace with the nearest name.
    pub nearest: Option<String>,
    /// The existing namespaces.
    pub there: Vec<String>,
}

impl NoNamespace {
    /// The existing namespaces of the last of `clusters`, when `name` is a namespace of none; else `None`.
    #[must_use]
    pub fn in_all(clusters: &[&Cluster<'_>], name: &str) -> Option<Self> {
        let (last, others) = clusters.split_last()?;
        let absent = last.no_namespace(name)?;
        others.iter().all(|cluster| !cluster.namespaces().contains(name)).then_some(absent)
    }
}

impl<'a> Cluster<'a> {
    /// The namespaces that have an object of their own, or objects in them.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<&'a str> {
        let mut names = BTreeSet::new();
        for key in self.view.keys() {
            let key = Key::new(key);
            let Some(object) = key.object() else { continue };
            names.extend(if object.resource == "namespaces" { Some(object.name) } else { object.namespace });
        }
        names
    }

    /// The existing namespaces, when `name` is none of them; else `None`.
    #[must_use]
    fn no_namespace(&self, name: &str) -> Option<NoNamespace> {
        let there = self.namespaces();
        let absent = !there.contains(name);
        absent.then(|| NoNamespace {
            nearest: nearest(name, there.iter().copied()).map(str::to_owned),
            there: there.into_iter().map(str::to_owned).collect(),
        })
    }
}
