//! Which of the objects: by what they are called, by what is in them, and in which order.

use clap::Args;
use etcdsnap::{
    Error,
    bytes::escape,
    etcd::{KeyValue, Range, Snapshot, View},
    k8s::{Key, Resources, Ring},
    select::{FieldSelector, LabelSelector, Selection, SortBy, SortKey, resources},
};

use super::{served, unreadable};
use crate::{
    args::When,
    failure::{Exit, Failure},
};

/// The flags, in kubectl's words.
#[derive(Debug, Args)]
pub(in crate::commands) struct Which {
    /// KIND[/NAME] [NAME...]
    #[arg(value_name = "KIND[/NAME]")]
    pub(in crate::commands) what: Vec<String>,
    /// Only this namespace
    #[arg(short, long)]
    pub(in crate::commands) namespace: Option<String>,
    /// All namespaces (the default)
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
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
    /// Only what is stored below PREFIX, the API server's --etcd-prefix; without it every prefix that is found counts
    #[arg(long, value_name = "PREFIX", value_parser = etcd_prefix)]
    prefix: Option<Range<'static>>,
    #[command(flatten)]
    when: When,
}

/// The keys below an API server's prefix, which begins with a slash whether it is written or not.
pub(in crate::commands) fn etcd_prefix(text: &str) -> Result<Range<'static>, String> {
    match text.trim_matches('/') {
        "" => Err("an empty prefix is every key".to_owned()),
        prefix => Ok(Range::prefix(format!("/{prefix}/").into_bytes())),
    }
}

/// What is called so, in one snapshot.
pub(in crate::commands) struct Found<'a> {
    pub(in crate::commands) view: View<'a>,
    pub(in crate::commands) resources: Resources,
    pub(in crate::commands) selection: Selection,
    pub(in crate::commands) objects: Vec<KeyValue<'a>>,
    /// Whether all that was named is there.
    pub(in crate::commands) exit: Exit,
}

impl Which {
    /// Reads the selectors. What is `named` is not selected, as in kubectl: names, or one `key`.
    pub(in crate::commands) fn picker(&self, key: Option<&str>, sort: Option<SortBy>) -> Result<Picker, Error> {
        let named = key.is_some() || self.what.len() > 1 || self.what.iter().any(|kind| kind.contains('/'));
        let (labels, fields) = (self.selector.trim(), self.field_selector.trim());
        let selects = !labels.is_empty() || !fields.is_empty();
        if selects && named {
            return Err(Error::usage("name cannot be provided when a selector is specified"));
        }
        Ok(Picker { labels: LabelSelector::parse(labels)?, fields: FieldSelector::parse(fields)?, selects, sort })
    }

    /// Finds what is called so, or is under `key`; tells what is not there. `ring` learns the keys that are.
    pub(in crate::commands) fn find<'a>(
        &self,
        snapshot: &Snapshot<'a>,
        ring: &mut Ring,
        key: Option<&str>,
    ) -> Result<Found<'a>, Failure> {
        let one = key.map(|key| Range::key(key.as_bytes())).or_else(|| self.prefix.clone());
        // more keys may be in the snapshot, anywhere
        let range = one.clone().filter(|_| ring.is_empty()).unwrap_or(Range::ALL);
        let at = self.when.revision(snapshot, ring)?;
        let view = snapshot.view(at, &range)?;
        ring.learn(view.iter());
        let resources = resources(&view, ring);
        let selection = Selection::new(&self.what, self.namespace.as_deref(), &resources)?;
        let one = one.unwrap_or(Range::ALL);
        let objects: Vec<_> = view.range(&one).filter(|kv| selection.matches(kv.key)).collect();
        let exit = self.missing(&view, &selection, key, &objects);
        Ok(Found { view, resources, selection, objects, exit })
    }

    /// Tells what was named and is not there.
    fn missing(&self, view: &View<'_>, selection: &Selection, key: Option<&str>, found: &[KeyValue<'_>]) -> Exit {
        let name_of = |kv: &KeyValue<'_>| Key::new(kv.key).object().map(|object| object.name.to_owned());
        if selection.names().is_empty() && key.is_none() {
            return Exit::Good;
        }
        let have: Vec<_> = found.iter().filter_map(name_of).collect();
        let mut missing: Vec<_> = selection.names().iter().filter(|name| !have.contains(name)).cloned().collect();
        missing.extend(key.filter(|_| found.is_empty()).map(str::to_owned));
        for name in &missing {
            let kind = self.what.first().map_or("key", |kind| kind.split('/').next().unwrap_or(kind));
            let place = self.namespace.as_ref().map(|ns| format!(" in namespace {ns}")).unwrap_or_default();
            let what = format!("no {kind} {}{place} at revision {}", escape(name.as_bytes()), view.revision);
            Failure::from(Error::not_found(what)).say();
        }
        if missing.is_empty() { Exit::Good } else { Exit::Content }
    }
}

/// What the flags mean.
pub(in crate::commands) struct Picker {
    labels: LabelSelector,
    fields: FieldSelector,
    selects: bool,
    sort: Option<SortBy>,
}

impl Picker {
    /// Those that are meant, in order. One object is decoded at a time; of each only what it is sorted by is kept.
    pub(in crate::commands) fn pick<'a>(
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
