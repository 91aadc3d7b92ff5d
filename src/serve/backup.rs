//! One backup that is served, at one revision.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    catalog::{Catalog, Served},
    options::ResourceVersionMatch,
    status::Refusal,
};
use crate::{
    Findings, Result,
    k8s::Mask,
    objects::{At, Cluster},
    print::Clock,
    source::Source,
};

/// The number of further states that are kept open.
const STATES: usize = 4;

/// A backup that is served. What it borrows lives as long as the server: `Box::leak` gives that.
#[derive(Debug)]
pub struct Backup {
    /// The name of its context.
    pub name: String,
    source: &'static Source,
    pub(super) mask: Mask,
    pub(super) catalog: Catalog,
    /// The state that is served.
    pub(super) now: Arc<Cluster<'static>>,
    /// Other states that were asked for, the last one first.
    states: Mutex<Vec<Arc<Cluster<'static>>>>,
}

impl Backup {
    /// Serves a state of a backup under a name.
    #[must_use]
    pub fn new(name: String, source: &'static Source, cluster: Cluster<'static>, mask: Mask) -> Self {
        let catalog = Catalog::of(&cluster);
        let states = Mutex::default();
        Self { name, source, mask: mask.in_base64(), catalog, now: Arc::new(cluster), states }
    }

    /// The revision that is served.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.now.view.revision
    }

    /// The findings about the backup.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        self.now.findings()
    }

    /// The name of its file in messages.
    #[must_use]
    pub fn file(&self) -> &str {
        self.source.name()
    }

    /// Checks that the file did not change.
    ///
    /// # Errors
    /// [`crate::Error::Changed`].
    pub(crate) fn intact(&self) -> Result<()> {
        self.source.intact()
    }

    /// What the objects of a resource have to be read with.
    pub(super) fn warnings(&self, served: &Served) -> impl Iterator<Item = String> {
        let masked = (served.group.is_empty() && served.resource.plural == "secrets" && !self.mask.reveals())
            .then(|| "Secrets are masked; `etcdsnap serve --reveal` serves what is stored".to_owned());
        served.deprecated.clone().into_iter().chain(masked)
    }

    /// The time that ages count from.
    pub(super) fn clock(state: &Cluster<'_>) -> Clock {
        Clock(state.now())
    }

    /// The state that a request asks for. Another one than that which is served is read from the file once, and kept.
    pub(super) fn state(&self, wanted: ResourceVersionMatch) -> Result<Arc<Cluster<'static>>, Refusal> {
        let head = self.revision();
        let revision = match wanted {
            ResourceVersionMatch::NotOlderThan(revision) | ResourceVersionMatch::Exact(revision) if revision > head => {
                return Err(Refusal::too_large(revision, head));
            }
            ResourceVersionMatch::NotOlderThan(_) => return Ok(Arc::clone(&self.now)),
            ResourceVersionMatch::Exact(revision) if revision == head => return Ok(Arc::clone(&self.now)),
            ResourceVersionMatch::Exact(revision) => revision,
        };
        // one file scan at a time
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = states.iter().position(|state| state.view.revision == revision) {
            let state = states.remove(at);
            states.insert(0, Arc::clone(&state));
            return Ok(state);
        }
        let state = self.now.state(At::Revision(revision)).map_err(|error| {
            let hint = error.hint().map_or_else(String::new, |hint| format!("; {hint}"));
            Refusal::expired(format!("The resourceVersion for the provided list is too old: {error}{hint}"))
        })?;
        let state = Arc::new(state);
        states.truncate(STATES.saturating_sub(1));
        states.insert(0, Arc::clone(&state));
        Ok(state)
    }
}
