//! `get` as tables: one for each kind, as kubectl prints them.

use std::io::Write as _;

use etcdsnap::{
    bytes::escape,
    etcd::KeyValue,
    k8s::{Key, Map, Undecodable, Value},
    objects::{Cluster, Found},
    ordered::ordered_items,
    print::{Cell, Clock, Column, Listing, Row, format_labels},
};

use super::{args::Get, format::Output};
use crate::{
    commands::{object::unreadable, unknown::UnknownFields},
    failure::{Exit, Failure},
    render::Columns,
    session::Session,
};

impl Get {
    /// Prints what was found in one table a kind.
    pub(super) fn tables<'a>(
        &self,
        session: &mut Session,
        cluster: &Cluster<'a>,
        found: &Found<'a>,
    ) -> Result<Exit, Failure> {
        let kinds = Listing::of(&found.selection, &found.objects, &cluster.resources);
        let several = kinds.len() > 1;
        let clock = Clock(cluster.now());
        let (mut exit, mut any, mut namespaced) = (Exit::Good, false, false);
        for kind in &kinds {
            // as in kubectl, where the column stays for all the tables that follow
            namespaced |= kind.resource.namespaced;
            if kind.found.is_empty() {
                continue;
            }
            if any && !self.no_headers {
                writeln!(session.out)?;
            }
            any = true;
            exit = exit.max(self.table(session, cluster, kind, several, namespaced, clock)?);
        }
        if !any && found.selection.names().is_empty() {
            // kubectl names the namespace unless a kind has none
            match &self.which.namespace {
                Some(namespace) if kinds.iter().all(|kind| kind.resource.namespaced) => {
                    say!("No resources found in {} namespace.", escape(namespace.as_bytes()));
                }
                _ => say!("No resources found"),
            }
        }
        Ok(exit)
    }

    fn table<'a>(
        &self,
        session: &mut Session,
        cluster: &Cluster<'a>,
        kind: &Listing<'_, 'a>,
        several: bool,
        namespaced: bool,
        clock: Clock,
    ) -> Result<Exit, Failure> {
        let resource = &kind.resource;
        let printer = kind.printer(&cluster.view, &cluster.ring);
        let layout = Layout {
            columns: &printer.columns,
            namespace: namespaced && self.which.namespace.is_none(),
            wide: self.output() == Output::Wide,
            label_columns: &self.label_columns,
            labels: self.show_labels,
            kind: (several || self.show_kind).then(|| resource.kind_name()),
        };
        let (mut rows, mut exit, mut unknown) = (Columns::kubectl(), Exit::Good, UnknownFields::default());
        if !self.no_headers {
            rows.row(&mut session.out, layout.headers())?;
        }
        let mut found = kind.found.clone();
        if let Some(order) = printer.order.filter(|_| !self.sorts()) {
            found.sort_by_cached_key(|kv| {
                // What is wrong with it is reported with its row.
                cluster.object_with(kv, printer.managed_fields()).map_or(i64::MAX, |object| order(&object.value))
            });
        }
        let row = |kv: &KeyValue<'a>| match cluster.object_with(kv, printer.managed_fields()) {
            Ok(object) => {
                let labels = object.metadata().and_then(|meta| meta.get("labels")).and_then(Value::as_object);
                let row = layout.row(printer.row(&object.value, clock), object.namespace(), labels);
                (row, kv.key, Ok(object.unknown))
            }
            Err(why) => {
                let key = Key::new(kv.key);
                let (namespace, name) = key.object().map_or((None, ""), |key| (key.namespace, key.name));
                (layout.unreadable(namespace.unwrap_or_default(), name, &why), kv.key, Err(why))
            }
        };
        let make = |window: Vec<&KeyValue<'a>>| window.into_iter().map(row).collect::<Vec<_>>();
        ordered_items(
            found.into_iter(),
            |kv| kv.value.len(),
            make,
            |made| {
                made.into_iter().try_for_each(|(row, key, noted)| {
                    match noted {
                        Ok(fields) => unknown.note(key, &fields),
                        Err(Undecodable::Encrypted(_)) => {}
                        Err(why) => exit = unreadable(key, &why),
                    }
                    rows.row(&mut session.out, row)
                })
            },
        )?;
        rows.finish(&mut session.out)?;
        Ok(exit)
    }
}

/// What is shown of a table's columns, and what kubectl puts around them (`decorateTable`).
struct Layout<'p> {
    columns: &'p [Column],
    namespace: bool,
    wide: bool,
    /// `-L`
    label_columns: &'p [String],
    /// `--show-labels`
    labels: bool,
    /// `pod`, to go before the names.
    kind: Option<String>,
}

impl Layout<'_> {
    fn headers(&self) -> Vec<String> {
        let names = self.columns.iter().map(|column| column.name.to_uppercase()).collect();
        // `formatLabelHeaders`
        let last = |label: &String| label.rsplit('/').next().unwrap_or_default().to_uppercase();
        let labels = self.label_columns.iter().map(last).chain(self.labels.then(|| "LABELS".to_owned()));
        self.around("NAMESPACE", names, labels)
    }

    fn row(&self, row: Row, namespace: &str, labels: Option<&Map<'_>>) -> Vec<String> {
        let mut cells: Vec<_> = row.into_iter().map(Cell::into_text).collect();
        if let Some(kind) = &self.kind
            && let Some((cell, _)) = cells.iter_mut().zip(self.columns).find(|(_, column)| column.is_name())
        {
            *cell = format!("{kind}/{cell}");
        }
        let value = |label: &String| labels?.get(label)?.as_str().map(str::to_owned);
        let columns = self.label_columns.iter().map(|label| value(label).unwrap_or_default());
        self.around(namespace, cells, columns.chain(self.labels.then(|| format_labels(labels))))
    }

    /// The row of an object that has only a name, with the reason.
    fn unreadable(&self, namespace: &str, name: &str, why: &Undecodable) -> Vec<String> {
        let name = self.kind.as_ref().map_or_else(|| name.to_owned(), |kind| format!("{kind}/{name}"));
        let why = match why {
            Undecodable::Unopened { seal, .. } => format!("encrypted by {seal}"),
            why => why.to_string(),
        };
        self.namespace.then(|| namespace.to_owned()).into_iter().chain([name, why]).collect()
    }

    fn around(&self, namespace: &str, cells: Vec<String>, labels: impl Iterator<Item = String>) -> Vec<String> {
        let cells = cells.into_iter().zip(self.columns);
        let shown = cells.filter(|(_, column)| self.wide || column.priority == 0).map(|(cell, _)| cell);
        let front = self.namespace.then(|| namespace.to_owned());
        front.into_iter().chain(shown).chain(labels).collect()
    }
}
