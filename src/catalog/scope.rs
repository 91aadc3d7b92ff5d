//! The clusters and branches that a question is about.

use std::path::PathBuf;

use super::{branch::Branch, lives::Holder, open::Catalog};
use crate::{Error, Result, objects::Time};

/// The clusters that a question is about: all in the catalog, or those that an id names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    id: Option<String>,
}

impl Scope {
    /// The clusters whose identity begins with `id`; with `/N` at its end, one branch of such a cluster. Without an id,
    /// all clusters.
    #[must_use]
    pub fn new(id: Option<String>) -> Self {
        Self { id }
    }

    /// Whether it has the cluster with this identity; the id `-` is that of backups without one.
    #[must_use]
    pub fn has(&self, identity: Option<&str>) -> bool {
        let wanted = self.id.as_deref().map(|id| id.split('/').next().unwrap_or_default());
        wanted.is_none_or(|wanted| identity.unwrap_or("-").starts_with(wanted))
    }

    /// Whether a backup with this identity may be of one of its clusters: one without an identity may be of any.
    #[must_use]
    pub fn may_have(&self, identity: Option<&str>) -> bool {
        identity.is_none() || self.has(identity)
    }

    /// Its branches.
    ///
    /// # Errors
    /// When there is none.
    pub fn branches(&self, catalog: &Catalog) -> Result<Vec<Branch>> {
        let end = self.id.as_deref().and_then(|id| Some(id.get(id.rfind('/')?..).unwrap_or_default()));
        let mut branches = Branch::all(catalog);
        branches.retain(|of| self.has(of.identity.as_deref()) && end.is_none_or(|end| of.label.ends_with(end)));
        if branches.is_empty() {
            let none = || Error::not_found("the catalog holds no backup that is not damaged");
            return Err(self.unknown().unwrap_or_else(none));
        }
        Ok(branches)
    }

    /// Its one branch.
    ///
    /// # Errors
    /// When there is none, or there are several.
    pub fn branch(&self, catalog: &Catalog) -> Result<Branch> {
        let branches = self.branches(catalog)?;
        match &branches[..] {
            [one] => Ok(one.clone()),
            several => {
                let labels: Vec<_> = several.iter().map(|of| of.label.as_str()).collect();
                let what = format!("the catalog holds several: {}", labels.join(", "));
                Err(Error::usage(what).hinted("name one with --cluster ID"))
            }
        }
    }

    /// Its backups, oldest content first: also those that are damaged, and so of no branch.
    ///
    /// # Errors
    /// When an id is given, and there is no backup of such a cluster.
    pub fn holders<'c>(&self, catalog: &'c Catalog) -> Result<Vec<&'c Holder>> {
        let branches = self.branches(catalog).unwrap_or_default();
        let is_branch = self.id.as_ref().is_some_and(|id| id.contains('/'));
        let wanted = |of: &&Holder| {
            branches.iter().any(|branch| branch.has(of))
                || (self.has(of.entry.identity.as_deref()) && (of.entry.lineages.is_empty() || !is_branch))
        };
        let found: Vec<_> = catalog.holders().iter().filter(wanted).collect();
        match self.unknown().filter(|_| found.is_empty()) {
            Some(error) => Err(error),
            None => Ok(found),
        }
    }

    /// The backup that a person names by its path, the name of its file, or a time: then the newest backup of the one
    /// branch that is not later, where a time such as `-1d` counts back from the newest time in the branch.
    ///
    /// # Errors
    /// When there is no such backup, several have the name, or a time is given and there are several branches.
    pub fn backup<'c>(&self, catalog: &'c Catalog, name: &str) -> Result<&'c Holder> {
        let path = std::path::absolute(name).unwrap_or_default();
        let is =
            |file: &PathBuf| file == &path || file.as_os_str() == name || file.file_name().is_some_and(|of| of == name);
        let mut found = catalog.holders().iter().filter(|holder| holder.files.iter().any(is));
        match (found.next(), found.next()) {
            (Some(one), None) => return Ok(one),
            (Some(_), Some(_)) => {
                let what = format!("{name}: more than one backup has this name");
                return Err(Error::usage(what).hinted("name it by its whole path"));
            }
            _ => {}
        }
        let Some(time) = Time::parse(name) else {
            return Err(Error::not_found(format!("{name}: neither the name of a backup in the catalog nor a time"))
                .hinted("`etcdsnap catalog ls` lists the backups"));
        };
        let branch = self.branch(catalog)?;
        let holders = catalog.holders_of(branch.number);
        let newest = holders.iter().filter_map(|holder| holder.entry.time()).max();
        let until = match time {
            Time::At(moment) => Some(moment),
            Time::Back(nanos) => newest.map(|newest| newest.plus(nanos.saturating_neg())),
        };
        let taken = holders.into_iter().filter(|holder| holder.entry.time().is_some_and(|time| Some(time) <= until));
        taken
            .max_by_key(|holder| holder.entry.time())
            .ok_or_else(|| Error::not_found(format!("no backup of {} is from {name} or before", branch.label)))
    }

    /// The error of an id of which nothing is in the catalog.
    fn unknown(&self) -> Option<Error> {
        let id = self.id.as_ref()?;
        let error = Error::not_found(format!("no cluster {id} is in the catalog"));
        Some(error.hinted("`etcdsnap catalog ls` lists the clusters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_start_of_an_identity() {
        let has = |id: &str, identity| Scope::new(Some(id.to_owned())).has(identity);
        assert!(has("31cf", Some("31cfb609-0000")) && has("31cf/2", Some("31cfb609-0000")));
        assert!(!has("31cf", Some("75ebd617-0000")) && !has("31cf", None));
        assert!(has("-", None) && has("-/1", None) && Scope::default().has(None));
        assert!(Scope::new(Some("31cf".to_owned())).may_have(None));
    }
}
