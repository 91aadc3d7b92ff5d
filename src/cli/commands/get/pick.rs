//! Which of the objects, by what is in them, and in which order.

use clap::Args;
use etcdsnap::{
    Error,
    etcd::KeyValue,
    k8s::{Key, Ring},
    select::{FieldSelector, LabelSelector, SortBy, SortKey},
};

use super::{served, unreadable};
use crate::failure::{Exit, Failure};

/// The flags, in kubectl's words.
#[derive(Debug, Args)]
pub(super) struct Pick {
    /// Only objects with these labels: a=b, a!=b, a in (b,c), a notin (b,c), a, !a, a>1, separated by commas
    #[arg(short = 'l', long, value_name = "LABELS", default_value = "", hide_default_value = true)]
    selector: String,
    /// Only objects with these fields: a.b=c, a.b!=c, separated by commas
    ///
    /// The fields are those that an API server knows of each kind, such as spec.nodeName and status.podIP of pods,
    /// source of events or status.successful of jobs, and besides, unlike there, any path as custom-columns takes it:
    /// spec.replicas=3, spec.containers[0].image=nginx.
    #[arg(long, value_name = "FIELDS", default_value = "", hide_default_value = true)]
    field_selector: String,
    /// By this field, such as .metadata.creationTimestamp; objects without it first
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    sort_by: String,
}

/// What the flags mean.
pub(super) struct Picker {
    labels: LabelSelector,
    fields: FieldSelector,
    selects: bool,
    sort: Option<SortBy>,
}

impl Pick {
    /// Whether a person chose the order.
    pub(super) fn sorts(&self) -> bool {
        !self.sort_by.is_empty()
    }

    /// Reads the flags; `named` objects are not selected, as in kubectl.
    pub(super) fn read(&self, named: bool) -> Result<Picker, Error> {
        let (labels, fields) = (self.selector.trim(), self.field_selector.trim());
        let selects = !labels.is_empty() || !fields.is_empty();
        if selects && named {
            return Err(Error::Usage {
                what: "name cannot be provided when a selector is specified".to_owned(),
                hint: None,
            });
        }
        Ok(Picker {
            labels: LabelSelector::parse(labels)?,
            fields: FieldSelector::parse(fields)?,
            selects,
            sort: self.sorts().then(|| SortBy::parse(&self.sort_by)).transpose()?,
        })
    }
}

impl Picker {
    /// Those that are meant, in order. One object is decoded at a time; of each only what it is sorted by is kept.
    pub(super) fn pick<'a>(
        mut self,
        found: Vec<KeyValue<'a>>,
        ring: &Ring,
    ) -> Result<(Vec<KeyValue<'a>>, Exit), Failure> {
        if !self.selects && self.sort.is_none() {
            return Ok((found, Exit::Good));
        }
        let (mut picked, mut exit) = (Vec::new(), Exit::Good);
        for kv in found {
            let key = match served(&kv, ring) {
                Ok(object) => {
                    let meant = self.labels.matches(object.metadata()) & self.fields.matches(&object.value);
                    if !meant {
                        continue;
                    }
                    self.sort.as_ref().map(|sort| sort.key(&object.value)).transpose()?
                }
                Err(_) if !self.selects => None,
                Err(why) => {
                    if Key::new(kv.key).object().is_some() {
                        exit = unreadable(kv.key, &why);
                    }
                    continue;
                }
            };
            picked.push((key.unwrap_or(SortKey::MISSING), kv));
        }
        self.fields.finish()?;
        let picked = match &self.sort {
            Some(sort) => sort.sort(picked)?,
            None => picked.into_iter().map(|(_, kv)| kv).collect(),
        };
        Ok((picked, exit))
    }
}
