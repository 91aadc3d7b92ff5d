//! Which of the objects: by what they are called, by what is in them, and in which order.

use clap::Args;
use etcdsnap::{
    Error,
    bytes::escape,
    etcd::{Range, Snapshot},
    k8s::Ring,
    objects::{Cluster, Found, Picker, Query},
    select::SortBy,
};

use super::object::{missing, note_namespace, unreadable};
use crate::{
    args::{When, etcd_prefix, namespace, only_namespace},
    failure::{Exit, Failure},
};

/// The flags, in kubectl's words.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// KIND[,KIND...] [NAME...], or KIND/NAME...
    #[arg(value_name = "KIND[/NAME]")]
    pub(super) what: Vec<String>,
    /// Only this namespace; kinds without namespaces, such as nodes, are not affected
    #[arg(short, long, value_parser = namespace)]
    pub(super) namespace: Option<String>,
    /// All namespaces (the default); overrides -n
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only objects with these labels: a=b, a!=b, a in (b,c), a notin (b,c), a, !a, a>1, separated by commas
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Vec<String>,
    /// Only objects with these fields: a.b=c, a.b!=c, separated by commas
    ///
    /// The fields are those that an API server knows of each kind, such as spec.nodeName and status.podIP of pods,
    /// source of events or status.successful of jobs. Here any other path works, too, as in custom-columns:
    /// spec.replicas=3, spec.containers[0].image=nginx, 'status.conditions[?(@.type=="Ready")].status=False'.
    #[arg(long, value_name = "FIELDS", default_value = "", hide_default_value = true)]
    field_selector: String,
    /// Only keys below PREFIX, the API server's --etcd-prefix; without this flag, all prefixes are read. etcdctl's `get
    /// KEY --prefix` is `etcdsnap kv SNAPSHOT KEY --prefix`
    #[arg(long, value_name = "PREFIX", value_parser = etcd_prefix, hide_short_help = true)]
    prefix: Option<Range<'static>>,
    #[command(flatten)]
    when: When,
}

impl Which {
    /// Leaves out a namespace that is empty, or that `-A` overrides.
    pub(super) fn settled(self) -> Self {
        Self { namespace: only_namespace(self.namespace, self.all_namespaces), ..self }
    }

    /// The query for what is named, or for one `key`.
    pub(super) fn query(&self, key: Option<&str>) -> Query {
        let range = key.map(|key| Range::key(key.as_bytes().to_vec())).or_else(|| self.prefix.clone());
        Query { what: self.what.clone(), namespace: self.namespace.clone(), range }
    }

    /// Reads the selectors, which a query by name does not take, as in kubectl.
    pub(super) fn picker(&self, query: &Query, sort: Option<SortBy>) -> Result<Picker, Error> {
        // kubectl takes the last one too, without a message
        let selector = self.selector.last().map_or("", String::as_str);
        if self.selector.len() > 1 {
            say!("note: -l was given {} times, only the last one counts: {selector:?}", self.selector.len());
        }
        let selects = !selector.trim().is_empty() || !self.field_selector.trim().is_empty();
        if selects && query.names_objects() {
            return Err(Error::usage("name cannot be provided when a selector is specified"));
        }
        Picker::new(selector, &self.field_selector, sort)
    }

    /// Opens the state that is meant and finds the objects of `query` that `picker` takes; reports what cannot be read,
    /// and what is missing unless that is to be ignored.
    pub(super) fn find<'s>(
        &self,
        snapshot: &'s Snapshot<'s>,
        ring: Ring,
        query: &Query,
        mut picker: Picker,
        ignore_missing: bool,
    ) -> Result<(Cluster<'s>, Found<'s>, Exit), Failure> {
        let at = self.when.at(snapshot, &ring)?;
        let cluster = Cluster::open_range(snapshot, ring, at, query.range())?;
        let mut found = cluster.find(query)?;
        let mut exit = Exit::Good;
        if !ignore_missing {
            if found.objects.is_empty() {
                exit = note_namespace(&[&cluster], query.namespace.as_deref());
            }
            exit = exit.max(missing(query, &found, &cluster));
        }
        let any = !found.objects.is_empty();
        found.objects = cluster.pick(found.objects, &mut picker, |value| exit = unreadable(value.key, &value.why))?;
        if any && found.objects.is_empty() && !ignore_missing {
            for label in picker.unseen_labels() {
                let label = escape(label.as_bytes());
                say!(
                    "hint: none of them has a label {label}: --show-labels prints labels, --field-selector selects by fields"
                );
            }
        }
        Ok((cluster, found, exit))
    }
}
