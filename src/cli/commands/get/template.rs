//! `-o jsonpath=`, `-o go-template=`, `-o custom-columns=` and the other formats with a template.

use std::{fs, io::Write as _};

use etcdsnap::{
    Error,
    k8s::{Map, Value},
    print::{CustomColumns, align},
    select::{gotemplate::GoTemplate, jsonpath::JsonPath},
};

use super::format::{Format, Kind};
use crate::{failure::Failure, session::Session};

/// A template that was read.
pub(super) enum Template {
    Go(GoTemplate, String),
    JsonPath(JsonPath, String),
    Columns(CustomColumns),
}

impl Template {
    /// That of a format that has one, or of `--template`.
    pub(super) fn read(
        format: Option<&Format>,
        template: Option<&str>,
        allow_missing_keys: bool,
    ) -> Result<Option<Self>, Error> {
        let template = template.filter(|template| !template.is_empty());
        let (kind, text) = match (format, template) {
            (None, None) | (Some(Format::Plain(_)), _) => return Ok(None),
            (None, Some(template)) => (Kind::GoTemplate, template),
            (Some(Format::Template(_, text)), Some(_)) if !text.is_empty() => {
                return Err(Error::usage("a template in --output and one in --template: one is enough"));
            }
            (Some(Format::Template(kind, _)), Some(template)) => (*kind, template),
            (Some(Format::Template(kind, text)), None) => (*kind, text.as_str()),
        };
        if text.is_empty() {
            return Err(Error::usage(match kind {
                Kind::CustomColumns => "custom-columns format specified but no custom columns given",
                Kind::CustomColumnsFile => "custom-columns-file format specified but no custom columns given",
                _ => "template format specified but no template given",
            }));
        }
        let read = |file: &str| fs::read_to_string(file).map_err(|source| Error::io(file, "read", source));
        let text = match kind {
            Kind::GoTemplateFile | Kind::JsonPathFile | Kind::CustomColumnsFile => &read(text)?,
            Kind::GoTemplate | Kind::JsonPath | Kind::JsonPathAsJson | Kind::CustomColumns => text,
        };
        Ok(Some(match kind {
            Kind::CustomColumns => Self::Columns(CustomColumns::from_spec(text)?),
            Kind::CustomColumnsFile => Self::Columns(CustomColumns::from_template(text)?),
            Kind::GoTemplate | Kind::GoTemplateFile => {
                let template = GoTemplate::parse(text)
                    .map_err(|why| Error::usage(format!("error parsing template {text}, {why}")))?;
                Self::Go(template.allow_missing_keys(allow_missing_keys), text.to_owned())
            }
            Kind::JsonPath | Kind::JsonPathAsJson | Kind::JsonPathFile => {
                let path = JsonPath::parse(text)
                    .map_err(|why| Error::usage(format!("error parsing jsonpath {text}, {why}")))?;
                let path = path.allow_missing_keys(allow_missing_keys).output_json(kind == Kind::JsonPathAsJson);
                Self::JsonPath(path, text.to_owned())
            }
        }))
    }

    /// Prints the objects, as a list unless a single one was asked for. A JSONPath or Go template needs the whole list
    /// at once; columns need one object at a time, and the text of all.
    pub(super) fn print<'a>(
        &self,
        session: &mut Session,
        objects: impl Iterator<Item = Value<'a>>,
        alone: bool,
        no_headers: bool,
    ) -> Result<(), Failure> {
        match self {
            Self::JsonPath(path, text) => {
                let Some(data) = data(objects, alone) else { return Ok(()) };
                let mut out = Vec::new();
                path.execute(&mut out, &data)
                    .map_err(|why| Error::refused(format!("error executing jsonpath {text:?}: {why}")))?;
                session.out.write_all(&out)?;
            }
            Self::Go(template, text) => {
                let Some(data) = data(objects, alone) else { return Ok(()) };
                let mut out = Vec::new();
                let done = template.execute(&mut out, &data);
                session.out.write_all(&out)?;
                done.map_err(|why| Error::refused(format!("error executing template {text:?}: {why}")))?;
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

/// What a template is applied to: the one object, or a list.
fn data<'a>(objects: impl Iterator<Item = Value<'a>>, alone: bool) -> Option<Value<'a>> {
    let mut items: Vec<_> = objects.collect();
    if alone { items.pop() } else { Some(list(items)) }
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
