//! `get` as tables: one for each kind, as kubectl prints them.

use std::io::Write as _;

use etcdsnap::{
    bytes::escape,
    etcd::KeyValue,
    k8s::{Key, Mask, Undecodable, Value},
    objects::{Cluster, Found},
    ordered::ordered_items,
    print::{Clock, Layout, Listing},
};

use super::{args::Get, format::Output};
use crate::{
    commands::{
        object::{note_age, unreadable},
        unknown::UnknownFields,
    },
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
        mask: &Mask,
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
            let layout = (several, namespaced);
            exit = exit.max(self.table(session, cluster, kind, layout, clock, mask)?);
        }
        if any {
            exit = exit.max(note_age(cluster));
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
        (several, namespaced): (bool, bool),
        clock: Clock,
        mask: &Mask,
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
            Ok(mut object) => {
                mask.named(&Key::new(kv.key), &mut object);
                let labels = object.metadata().and_then(|meta| meta.get("labels")).and_then(Value::as_object);
                let row = layout.row(printer.row(&object.value, clock), object.namespace(), labels);
                (row, kv.key, Ok(object.unknown))
            }
            Err(why) => {
                let key = Key::new(kv.key);
                let (namespace, name) = key.object().map_or((None, ""), |key| (key.namespace, key.name));
                (
                    layout.unreadable(namespace.unwrap_or_default(), &mask.name_of(&key, "", name), &why),
                    kv.key,
                    Err(why),
                )
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
