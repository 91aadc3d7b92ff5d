//! Paths in JSON: text, or an array of bytes when they are not UTF-8.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Json {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&Path> for Json {
    fn from(path: &Path) -> Self {
        path.to_str()
            .map_or_else(|| Self::Bytes(path.as_os_str().as_bytes().to_vec()), |text| Self::Text(text.to_owned()))
    }
}

impl From<Json> for PathBuf {
    fn from(json: Json) -> Self {
        match json {
            Json::Text(text) => text.into(),
            Json::Bytes(bytes) => OsString::from_vec(bytes).into(),
        }
    }
}

pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    Json::from(path).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Json::deserialize(deserializer).map(PathBuf::from)
}

/// The same for a list of them.
pub(super) mod list {
    use super::{Deserialize as _, Deserializer, Json, PathBuf, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|path| Json::from(path.as_path())))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
        Ok(Vec::<Json>::deserialize(deserializer)?.into_iter().map(PathBuf::from).collect())
    }
}
