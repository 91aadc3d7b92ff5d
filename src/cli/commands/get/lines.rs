//! `get` as a line for each object: what everything is, and names.

use std::io::Write as _;

use etcdsnap::{
    etcd::KeyValue,
    k8s::{Key, Mask, Summary, Undecodable},
    objects::Cluster,
    ordered::ordered_items,
};

use super::args::Get;
use crate::{
    commands::object::unreadable,
    failure::{Exit, Failure},
    render::{self, printable, readable},
    session::Session,
};

fn size(kv: &&KeyValue<'_>) -> usize {
    kv.key.len().saturating_add(kv.value.len())
}

impl Get {
    /// Prints a line for everything that was found.
    pub(super) fn summaries(
        &self,
        session: &mut Session,
        cluster: &Cluster<'_>,
        found: &[KeyValue<'_>],
        mask: &Mask,
    ) -> Result<Exit, Failure> {
        let mut lines = match self.no_headers {
            true => render::Columns::bare(),
            false => render::Columns::new(&["KIND", "NAMESPACE", "CREATED", "NAME"]),
        };
        let mut exit = Exit::Good;
        let row = |kv: &KeyValue<'_>| {
            let opened = cluster.ring.open(kv.key, kv.value);
            let line = Summary::new(kv.key, opened.as_deref().unwrap_or(kv.value), &cluster.resources);
            let row = summary(&line, kv.key, mask);
            let wrong = opened.err().filter(|why| matches!(why, Undecodable::Unopened { .. }));
            (row, wrong.map(|why| (kv.key.to_vec(), why)))
        };
        let make = |window: Vec<&KeyValue<'_>>| window.into_iter().map(row).collect::<Vec<_>>();
        ordered_items(found.iter(), size, make, |rows| {
            rows.into_iter().try_for_each(|(row, wrong)| {
                if let Some((key, why)) = wrong {
                    exit = unreadable(&key, &why);
                }
                lines.row(&mut session.out, row)
            })
        })?;
        lines.finish(&mut session.out)?;
        Ok(exit)
    }
}

/// Kind, namespace, when it was created or what it is instead, and the name, which is the only cell of any length.
fn summary(line: &Summary<'_>, key: &[u8], mask: &Mask) -> [String; 4] {
    let text = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let masked = |kind: &str, name: &str| text(&mask.name_of(&Key::new(key), kind, name));
    match line {
        Summary::Object { kind, meta } => {
            let created = meta.created.map_or_else(|| "-".to_owned(), |created| created.to_string());
            [text(kind), text(&meta.namespace), created, masked(&meta.kind, &meta.name)]
        }
        Summary::Encrypted { kind, namespace, name, seal } => {
            [text(kind), text(namespace), format!("encrypted by {seal}"), masked("", name)]
        }
        other => ["-".to_owned(), "-".to_owned(), other.to_string(), readable(&mask.key(key))],
    }
}

/// Prints the names of the objects that were found, as `kubectl -o name`; reports those that cannot be read.
pub(super) fn names(
    session: &mut Session,
    cluster: &Cluster<'_>,
    found: &[KeyValue<'_>],
    mask: &Mask,
) -> Result<Exit, Failure> {
    let mut exit = Exit::Good;
    let name = |kv: &KeyValue<'_>| {
        let masked = |kind: &str, name: &str| mask.name_of(&Key::new(kv.key), kind, name).into_owned();
        let (kind, name) = match Summary::new(kv.key, kv.value, &cluster.resources) {
            Summary::Object { kind, meta } => (kind, masked(&meta.kind, &meta.name)),
            Summary::Encrypted { kind, name, .. } => (kind, masked("", name)),
            Summary::Opaque { why, .. } if Key::new(kv.key).object().is_some() => {
                return Some(Err((kv.key.to_vec(), why)));
            }
            _ => return None,
        };
        Some(Ok(printable(format!("{kind}/{name}")) + "\n"))
    };
    let make = |window: Vec<&KeyValue<'_>>| window.into_iter().filter_map(name).collect::<Vec<_>>();
    ordered_items(found.iter(), size, make, |names| {
        names.into_iter().try_for_each(|name| match name {
            Ok(name) => session.out.write_all(name.as_bytes()),
            Err((key, why)) => {
                exit = unreadable(&key, &why);
                Ok(())
            }
        })
    })?;
    Ok(exit)
}
