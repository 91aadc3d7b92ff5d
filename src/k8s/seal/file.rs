//! Files with encryption keys.
//!
//! ```text
//! gzip? ─> tar? ─> YAML or JSON documents ─> an EncryptionConfiguration, or Secrets that hold one
//! ```

use std::{
    cmp::Reverse,
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde_json::Value as Json;

use super::{
    config::{EncryptionConfiguration, secret},
    kms::DataKeys,
};
use crate::{
    Error, Result,
    bytes::{escape, window},
    document::parse,
    k8s::value::Value,
};

/// Limit on the size of a file with keys, or of a tar around it, unpacked.
const MAX_FILE: u64 = 64 << 20;
/// Limit on the size of a document, which needs many times its size when it is read.
const MAX_DOCUMENT: u64 = 4 << 20;
/// Limit on the size of a document with data keys: KMS v1 has one for each object.
const MAX_DATA_KEYS: u64 = 16 << 20;

/// Reads the configurations in the file at `path`, in the order in which they are tried.
pub(super) fn configurations(path: &Path) -> Result<Vec<EncryptionConfiguration>> {
    let refused = |what: String| {
        Error::usage(format!("{}: {what}", path.display()))
            .hinted("name the file of kube-apiserver's --encryption-provider-config")
    };
    let bytes = read(path)?;
    let found = match window(&bytes, 257, 5) {
        Some(b"ustar") => in_tar(&bytes).map_err(|error| refused(format!("the tar is damaged: {error}")))?,
        _ => in_documents(&documents(&bytes, MAX_DOCUMENT).map_err(refused)?),
    };
    let found = found.into_iter().collect::<Result<Vec<_>, _>>().map_err(refused)?;
    if found.is_empty() {
        return Err(refused("it holds no EncryptionConfiguration".to_owned()));
    }
    Ok(found)
}

/// The data keys in the file at `path`.
pub(super) fn data_keys(path: &Path) -> Result<DataKeys> {
    let keys = documents(&read(path)?, MAX_DATA_KEYS).and_then(|documents| DataKeys::parse(&documents));
    keys.map_err(|what| {
        Error::usage(format!("{}: {what}", path.display()))
            .hinted("it holds, by the name of each KMS provider, a list of its data keys in base64")
    })
}

/// Reads the whole file, unpacked if it is in gzip. It may be a pipe, so that keys need not be stored on a disk.
fn read(path: &Path) -> Result<Vec<u8>> {
    let file = path.display().to_string();
    let io = |doing| {
        let file = file.clone();
        move |source: io::Error| Error::io(file, doing, source)
    };
    let bytes = limited(File::open(path).map_err(io("open"))?).map_err(io("read"))?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    limited(flate2::bufread::MultiGzDecoder::new(bytes.as_slice())).map_err(io("unpack"))
}

fn limited(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_FILE.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::other("too large for a file with keys"));
    }
    Ok(bytes)
}

/// Reads the tar of OpenShift's `cluster-backup.sh`, with the files of each revision of its static pods:
/// `static-pod-resources/kube-apiserver-pod-REVISION/secrets/encryption-config/encryption-config`.
fn in_tar(bytes: &[u8]) -> io::Result<Vec<Result<EncryptionConfiguration, String>>> {
    let mut found = Vec::new();
    for entry in tar::Archive::new(bytes).entries()? {
        let entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !name.contains("encryption-config") || !entry.header().entry_type().is_file() {
            continue;
        }
        let mut content = Vec::new();
        entry.take(MAX_DOCUMENT).read_to_end(&mut content)?;
        let documents = documents(&content, MAX_DOCUMENT).unwrap_or_default();
        let here = |config: Result<_, String>| config.map_err(|why| format!("{}: {why}", escape(name.as_bytes())));
        let configs: Vec<_> = in_documents(&documents).into_iter().map(here).collect();
        found.push((Reverse(revision(&name)), configs));
    }
    found.sort_by_key(|(revision, _)| *revision);
    let mut configs: Vec<_> = found.into_iter().flat_map(|(_, configs)| configs).collect();
    // a truncated revision does not prevent the use of the others
    if configs.iter().any(Result::is_ok) {
        configs.retain(Result::is_ok);
    }
    Ok(configs)
}

/// The number that a folder's name ends with, as in `kube-apiserver-pod-12`.
fn revision(path: &str) -> Option<u64> {
    path.split('/').filter_map(|part| part.rsplit_once('-')?.1.parse().ok()).next_back()
}

/// Parses the documents of a YAML or JSON text. An error has its place but no text, which may hold keys.
fn documents(bytes: &[u8], limit: u64) -> Result<Vec<Json>, String> {
    if bytes.len() as u64 > limit {
        return Err(format!("more than {limit} bytes"));
    }
    parse(bytes).map_err(|error| match error.location() {
        Some(place) => format!("neither YAML nor JSON (line {}, column {})", place.line(), place.column()),
        None => "neither YAML nor JSON".to_owned(),
    })
}

/// Every configuration in `documents`: as a document, as an item of a list, as a file in a Secret.
fn in_documents(documents: &[Json]) -> Vec<Result<EncryptionConfiguration, String>> {
    let mut found = Vec::new();
    for document in documents {
        match document.get("kind").and_then(Json::as_str) {
            _ if EncryptionConfiguration::is_one(document) => found.push(EncryptionConfiguration::parse(document)),
            Some("Secret") => {
                let files = document.get("data").and_then(Json::as_object).into_iter().flat_map(|data| data.values());
                let files = files.filter_map(|file| secret(file.as_str()?).ok());
                files.for_each(|file| found.extend(in_file(&file.0)));
            }
            Some("List" | "SecretList") => {
                found.extend(in_documents(document.get("items").and_then(Json::as_array).map_or(&[], Vec::as_slice)));
            }
            _ => {}
        }
    }
    found
}

/// The configurations in one file of a Secret. Secrets in it are ignored: Kubernetes does not nest them.
fn in_file(file: &[u8]) -> Vec<Result<EncryptionConfiguration, String>> {
    let documents = documents(file, MAX_DOCUMENT).unwrap_or_default();
    documents.iter().filter(|d| EncryptionConfiguration::is_one(d)).map(EncryptionConfiguration::parse).collect()
}

/// The usable configurations in a Secret of the keyspace.
pub(super) fn in_secret(object: &Value<'_>) -> Vec<EncryptionConfiguration> {
    let files = object.get("data").and_then(Value::as_object).into_iter().flatten();
    let files = files.filter_map(|(_, file)| match file {
        Value::Bytes(file) => Some(file.to_vec()),
        Value::Str(text) => secret(text).ok().map(|file| file.0),
        _ => None,
    });
    files.flat_map(|file| in_file(&file)).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_numbers() {
        assert_eq!(revision("a/kube-apiserver-pod-12/secrets/encryption-config/encryption-config"), Some(12));
        assert_eq!(revision("a/secrets/encryption-config-7/encryption-config"), Some(7));
        assert_eq!(revision("encryption-config"), None);
        assert!(Reverse(revision("pod-12")) < Reverse(revision("pod-7")));
    }

    #[test]
    fn what_is_no_yaml_is_told_without_its_text() {
        let why = documents(b"resources: [{secret: c2VjcmV0}\nkind: *c2VjcmV0", MAX_DOCUMENT).unwrap_err();
        assert!(why.starts_with("neither YAML nor JSON (line ") && !why.contains("c2V"), "{why}");
    }
}
