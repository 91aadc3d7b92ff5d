//! Selection of objects by their content: labels, fields, and the order of a field.

use super::{Cluster, Unreadable};
use crate::{
    Result,
    etcd::KeyValue,
    k8s::Key,
    select::{FieldSelector, LabelSelector, SortBy, SortKey},
};

/// Labels and fields that objects must have, and the order of the result.
#[derive(Debug, Default)]
pub struct Picker {
    labels: LabelSelector,
    fields: FieldSelector,
    /// Whether there are label or field selectors.
    selects: bool,
    sort: Option<SortBy>,
    /// The labels that an object must have, and that none has had yet.
    unseen: Vec<String>,
}

impl Picker {
    /// Parses the selectors of `kubectl get -l` and `--field-selector`; empty ones select everything.
    ///
    /// # Errors
    /// When one is not valid.
    pub fn new(labels: &str, fields: &str, sort: Option<SortBy>) -> Result<Self> {
        let (labels, fields) = (labels.trim(), fields.trim());
        let selects = !labels.is_empty() || !fields.is_empty();
        let labels = LabelSelector::parse(labels)?;
        let unseen = labels.required().map(str::to_owned).collect();
        Ok(Self { labels, fields: FieldSelector::parse(fields)?, selects, sort, unseen })
    }

    /// The labels that an object must have, and that none of those that were tested has.
    #[must_use]
    pub fn unseen_labels(&self) -> &[String] {
        &self.unseen
    }
}

impl<'a> Cluster<'a> {
    /// Filters `found` with a picker, and sorts the result. One object is decoded at a time; of each only the sort key
    /// is kept. `unreadable` is called for each object that cannot be decoded and so is left out.
    ///
    /// # Errors
    /// When a field is selected that no object has, or the objects cannot be sorted by theirs.
    pub fn pick(
        &self,
        found: Vec<KeyValue<'a>>,
        picker: &mut Picker,
        mut unreadable: impl FnMut(Unreadable<'a>),
    ) -> Result<Vec<KeyValue<'a>>> {
        if !picker.selects && picker.sort.is_none() {
            return Ok(found);
        }
        let mut picked = Vec::new();
        for kv in found {
            let key = match self.object(&kv) {
                Ok(object) => {
                    let labels = object.metadata().and_then(|metadata| metadata.get("labels"));
                    picker.unseen.retain(|label| labels.is_none_or(|labels| labels.get(label).is_none()));
                    let meant = picker.labels.matches(object.metadata()) & picker.fields.matches(&object.value);
                    if !meant {
                        continue;
                    }
                    picker.sort.as_ref().map(|sort| sort.key(&object.value)).transpose()?
                }
                Err(_) if !picker.selects => None,
                Err(why) => {
                    if Key::new(kv.key).object().is_some() {
                        unreadable(Unreadable { key: kv.key, why });
                    }
                    continue;
                }
            };
            picked.push((key.unwrap_or(SortKey::MISSING), kv));
        }
        picker.fields.finish()?;
        match &picker.sort {
            Some(sort) => sort.sort(picked),
            None => Ok(picked.into_iter().map(|(_, kv)| kv).collect()),
        }
    }

    /// Whether the object in a stored value has the labels; `None` when it cannot be decoded. A value that is no object
    /// has none.
    #[must_use]
    pub fn is_labelled(&self, kv: &KeyValue<'a>, labels: &LabelSelector) -> Option<bool> {
        match self.object(kv) {
            Ok(object) => Some(labels.matches(object.metadata())),
            Err(_) => Key::new(kv.key).object().is_none().then_some(false),
        }
    }
}
