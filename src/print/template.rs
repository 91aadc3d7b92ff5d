//! `-o jsonpath=`, `-o go-template=`, `-o custom-columns=` and the other formats with a template.

use std::{
    fs,
    io::{self, Write},
};

use super::{CustomColumns, align};
use crate::{
    Error, Result,
    k8s::{Map, Value},
    select::{gotemplate::GoTemplate, jsonpath::JsonPath},
};

/// The formats that have a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateKind {
    /// `-o go-template=`.
    GoTemplate,
    /// `-o go-template-file=`.
    GoTemplateFile,
    /// `-o jsonpath=`.
    JsonPath,
    /// `-o jsonpath-as-json=`.
    JsonPathAsJson,
    /// `-o jsonpath-file=`.
    JsonPathFile,
    /// `-o custom-columns=`.
    CustomColumns,
    /// `-o custom-columns-file=`.
    CustomColumnsFile,
}

/// A template that was read.
#[derive(Debug, Clone)]
pub enum Template {
    /// A template of Go's text/template, and its text.
    Go(GoTemplate, String),
    /// A JSONPath template, and its text.
    JsonPath(JsonPath, String),
    /// Columns chosen by the user.
    Columns(CustomColumns),
}

impl Template {
    /// Reads the template in `text`, or in the file that `text` names.
    ///
    /// # Errors
    /// When there is none, or no such file, or it is wrong.
    pub fn read(kind: TemplateKind, text: &str, allow_missing_keys: bool) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::usage(match kind {
                TemplateKind::CustomColumns => "custom-columns format specified but no custom columns given",
                TemplateKind::CustomColumnsFile => "custom-columns-file format specified but no custom columns given",
                _ => "template format specified but no template given",
            }));
        }
        let read = |file: &str| fs::read_to_string(file).map_err(|source| Error::io(file, "read", source));
        let text = match kind {
            TemplateKind::GoTemplateFile | TemplateKind::JsonPathFile | TemplateKind::CustomColumnsFile => &read(text)?,
            TemplateKind::GoTemplate
            | TemplateKind::JsonPath
            | TemplateKind::JsonPathAsJson
            | TemplateKind::CustomColumns => text,
        };
        Ok(match kind {
            TemplateKind::CustomColumns => Self::Columns(CustomColumns::from_spec(text)?),
            TemplateKind::CustomColumnsFile => Self::Columns(CustomColumns::from_template(text)?),
            TemplateKind::GoTemplate | TemplateKind::GoTemplateFile => {
                let template = GoTemplate::parse(text)
                    .map_err(|why| Error::usage(format!("error parsing template {text}, {why}")))?;
                Self::Go(template.allow_missing_keys(allow_missing_keys), text.to_owned())
            }
            TemplateKind::JsonPath | TemplateKind::JsonPathAsJson | TemplateKind::JsonPathFile => {
                let path = JsonPath::parse(text)
                    .map_err(|why| Error::usage(format!("error parsing jsonpath {text}, {why}")))?;
                let path =
                    path.allow_missing_keys(allow_missing_keys).output_json(kind == TemplateKind::JsonPathAsJson);
                Self::JsonPath(path, text.to_owned())
            }
        })
    }

    /// Prints the objects, as a list unless a single one was asked for. A JSONPath or Go template needs the whole list
    /// at once; columns need one object at a time, and the text of all.
    ///
    /// # Errors
    /// When the template does not fit the objects, and errors of `out`.
    pub fn print<'a>(
        &self,
        out: &mut impl Write,
        objects: impl Iterator<Item = Value<'a>>,
        alone: bool,
        no_headers: bool,
    ) -> Result<(), PrintError> {
        match self {
            Self::JsonPath(path, text) => {
                let Some(data) = data(objects, alone) else { return Ok(()) };
                let mut made = Vec::new();
                path.execute(&mut made, &data)
                    .map_err(|why| Error::refused(format!("error executing jsonpath {text:?}: {why}")))?;
                out.write_all(&made)?;
            }
            Self::Go(template, text) => {
                let Some(data) = data(objects, alone) else { return Ok(()) };
                let mut made = Vec::new();
                let done = template.execute(&mut made, &data);
                out.write_all(&made)?;
                done.map_err(|why| Error::refused(format!("error executing template {text:?}: {why}")))?;
            }
            Self::Columns(columns) => {
                let mut text = if no_headers { String::new() } else { columns.headers() + "\n" };
                let rows = objects.map(|object| columns.row(&object));
                let whole = rows.into_iter().try_for_each(|row| row.map(|row| text.extend([row.as_str(), "\n"])));
                out.write_all(align(&text).as_bytes())?;
                whole?;
            }
        }
        Ok(())
    }
}

/// Why a template was not printed.
#[derive(Debug)]
pub enum PrintError {
    /// The template does not fit the objects.
    Template(Error),
    /// The output could not be written.
    Output(io::Error),
}

impl From<Error> for PrintError {
    fn from(error: Error) -> Self {
        Self::Template(error)
    }
}

impl From<io::Error> for PrintError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
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
