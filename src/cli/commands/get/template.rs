//! `-o jsonpath=`, `-o custom-columns=` and their like: what a person wrote says what is printed.

use std::{fs, io::Write as _};

use etcdsnap::{
    Error,
    k8s::{Map, Value},
    print::{CustomColumns, align},
    select::jsonpath::JsonPath,
};

use super::format::{Format, Kind};
use crate::{failure::Failure, session::Session};

/// A template that was read.
pub(super) enum Template {
    JsonPath(JsonPath, String),
    Columns(CustomColumns),
}

impl Template {
    /// That of a format that has one.
    pub(super) fn read(format: Option<&Format>, allow_missing_keys: bool) -> Result<Option<Self>, Error> {
        let Some(Format::Template(kind, text)) = format else { return Ok(None) };
        let read = |file: &str| fs::read_to_string(file).map_err(|source| Error::io(file, "read", source));
        let text = match kind {
            Kind::JsonPathFile | Kind::CustomColumnsFile => &read(text)?,
            Kind::JsonPath | Kind::JsonPathAsJson | Kind::CustomColumns => text,
        };
        Ok(Some(match kind {
            Kind::CustomColumns => Self::Columns(CustomColumns::from_spec(text)?),
            Kind::CustomColumnsFile => Self::Columns(CustomColumns::from_template(text)?),
            Kind::JsonPath | Kind::JsonPathAsJson | Kind::JsonPathFile => {
                let path = JsonPath::parse(text)
                    .map_err(|why| Error::usage(format!("error parsing jsonpath {text}, {why}")))?;
                let path = path.allow_missing_keys(allow_missing_keys).output_json(*kind == Kind::JsonPathAsJson);
                Self::JsonPath(path, text.clone())
            }
        }))
    }

    /// Prints the objects, as a list unless one stands alone. A JSONPath needs the whole list at once; columns need one
    /// object at a time, and the text of all.
    pub(super) fn print<'a>(
        &self,
        session: &mut Session,
        objects: impl Iterator<Item = Value<'a>>,
        alone: bool,
        no_headers: bool,
    ) -> Result<(), Failure> {
        match self {
            Self::JsonPath(path, text) => {
                let mut items: Vec<Value<'a>> = objects.collect();
                let data = match items.pop() {
                    Some(object) if alone => object,
                    None if alone => return Ok(()),
                    last => {
                        items.extend(last);
                        list(items)
                    }
                };
                let mut out = Vec::new();
                path.execute(&mut out, &data)
                    .map_err(|why| Error::refused(format!("error executing jsonpath {text:?}: {why}")))?;
                session.out.write_all(&out)?;
            }
            Self::Columns(columns) => {
                let mut text = if no_headers { String::new() } else { columns.headers() + "\n" };
                let rows = objects.map(|object| columns.row(&object));
                let whole = rows.into_iter().try_for_each(|row| row.map(|row| text.extend([row.as_str(), "\n"])));
                session.out.write_all(align(&text).as_bytes())?;
                whole?;
            }
        }
        Ok(())
    }
}

/// The list that kubectl makes of several objects.
fn list(items: Vec<Value<'_>>) -> Value<'_> {
    let metadata = Map::from_unsorted(vec![("resourceVersion".into(), Value::str(""))]);
    Value::Object(Map::from_unsorted(vec![
        ("apiVersion".into(), Value::str("v1")),
        ("kind".into(), Value::str("List")),
        ("metadata".into(), Value::Object(metadata)),
        ("items".into(), Value::List(items)),
    ]))
}
