//! What `kubectl get -o json|yaml` printed: a file, or the files of a folder.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    inventory::{Entry, Inventory, KnownObject},
    kinds::{Needed, needed, part_of},
};
use crate::{
    Error, Result,
    bytes::file_name,
    document::parse,
    k8s::{Resources, decode},
    publish::fault,
};

/// Whether the file at `path` is named as a list of objects is, and not as a backup.
fn is_list(path: &Path) -> bool {
    let ends = |ending: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending));
    ["json", "yaml", "yml"].into_iter().any(ends)
}

/// The files of the file or folder at `path`, when it is one of kubectl's: a file that ends in .json, .yaml or .yml, or
/// a folder of such files alone.
///
/// # Errors
/// When the folder cannot be read.
pub fn lists(path: &Path) -> Result<Option<Vec<PathBuf>>> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs::read_dir(path).map_err(fault(path, "read"))?;
        files = entries.map(|entry| Ok(entry.map_err(fault(path, "read"))?.path())).collect::<Result<_>>()?;
        files.sort();
    }
    Ok(Some(files).filter(|files| !files.is_empty() && files.iter().all(|file| is_list(file))))
}

/// Reads the objects of `files`, the lists of the file or folder at `path`. `resources` has the names of kinds.
///
/// # Errors
/// When one cannot be read, or something else is in it.
pub fn read(path: &Path, files: &[PathBuf], resources: &Resources) -> Result<Inventory<'static>> {
    let mut all = Inventory::named(file_name(path));
    for file in files {
        let bytes = fs::read(file).map_err(fault(file, "read"))?;
        let refused = |why: String| Error::not_found(format!("{}: {why}", file_name(file)));
        for document in parse(&bytes).map_err(|error| refused(format!("neither YAML nor JSON: {error}")))? {
            add(&mut all, &document, resources).map_err(refused)?;
        }
    }
    if all.all().next().is_none() {
        let what = format!("{}: no object with a name is in it", all.name);
        return Err(Error::not_found(what).hinted("`kubectl get KIND,KIND -A -o json` prints a list"));
    }
    Ok(all)
}

fn add(all: &mut Inventory<'static>, document: &Value, resources: &Resources) -> Result<(), String> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = text("/kind");
    if let Some(items) = document.get("items").and_then(Value::as_array).filter(|_| kind.ends_with("List")) {
        return items.iter().try_for_each(|item| add(all, item, resources));
    }
    let (name, namespace, version) = (text("/metadata/name"), text("/metadata/namespace"), text("/apiVersion"));
    if name.is_empty() || kind.is_empty() {
        return Ok(());
    }
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let resource = resources.all().iter().find(|resource| resource.group == group && resource.kind == kind);
    let kind = match resource {
        Some(resource) => resource.kind_name(),
        None if group.is_empty() => kind.to_lowercase(),
        None => format!("{}.{group}", kind.to_lowercase()),
    };
    let part = match needed(&kind, &namespace, &name) {
        Needed::Nothing => None,
        Needed::Outline | Needed::All => {
            let object = document.to_string();
            Some(part_of(&kind, &decode(object.as_bytes()).map_err(|why| format!("{kind}/{name}: {why}"))?.value))
        }
    };
    let known = KnownObject {
        uid: Cow::Owned(text("/metadata/uid")),
        revision: text("/metadata/resourceVersion").parse().unwrap_or_default(),
        stored: None,
        part,
        sealed: false,
    };
    all.add(Entry { kind, namespace: namespace.into(), name: name.into(), known, failed: None });
    Ok(())
}

/// The one namespace that a list has objects of, where the backup has objects of the same kinds in others: kubectl was
/// perhaps called without -A.
pub(super) fn only_namespace(backup: &Inventory<'_>, now: &Inventory<'_>) -> Option<String> {
    let namespaced = |of: &Inventory<'_>| -> BTreeSet<String> {
        let ids = of.all().map(|(id, _)| id).filter(|id| !id.namespace.is_empty() && now.has(&id.kind));
        ids.map(|id| id.namespace.clone().into_owned()).collect()
    };
    let (here, there) = (namespaced(now), namespaced(backup));
    let one = here.first().filter(|_| here.len() == 1 && !now.whole)?;
    there.iter().any(|namespace| namespace != one).then(|| one.clone())
}
