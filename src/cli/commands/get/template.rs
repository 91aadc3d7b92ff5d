//! `-o jsonpath=`, `-o custom-columns=` and their like: what a person wrote says what is printed.

use std::{ffi::OsStr, fs, io::Write as _};

use clap::{
    Arg, Command, ValueEnum as _,
    builder::{PossibleValue, TypedValueParser},
    error::{ContextKind, ContextValue, ErrorKind},
};
use etcdsnap::{
    Error,
    k8s::{Map, Value},
    print::{CustomColumns, align},
    select::jsonpath::JsonPath,
};

use super::Output;
use crate::{failure::Failure, session::Session};

/// What `-o` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    /// One of those that need nothing more.
    Plain(Output),
    /// One that has a template, or the name of its file.
    Template(Kind, String),
}

/// The formats that have a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    JsonPath,
    JsonPathAsJson,
    JsonPathFile,
    CustomColumns,
    CustomColumnsFile,
}

const KINDS: [(&str, Kind, &str, &str); 5] = [
    ("jsonpath=", Kind::JsonPath, "jsonpath=TEMPLATE", "What a template finds, as `kubectl -o jsonpath`"),
    ("jsonpath-as-json=", Kind::JsonPathAsJson, "jsonpath-as-json=TEMPLATE", "The same as JSON arrays"),
    ("jsonpath-file=", Kind::JsonPathFile, "jsonpath-file=FILE", "The template is in a file"),
    ("custom-columns=", Kind::CustomColumns, "custom-columns=NAME:PATH,...", "As `kubectl -o custom-columns`"),
    ("custom-columns-file=", Kind::CustomColumnsFile, "custom-columns-file=FILE", "A line of names, a line of paths"),
];

/// Reads `-o`.
#[derive(Debug, Clone, Copy)]
pub(super) struct FormatParser;

impl TypedValueParser for FormatParser {
    type Value = Format;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Format, clap::Error> {
        let text = value.to_string_lossy();
        for (prefix, kind, ..) in KINDS {
            if let Some(template) = text.strip_prefix(prefix).filter(|template| !template.is_empty()) {
                return Ok(Format::Template(kind, template.to_owned()));
            }
        }
        Output::from_str(&text, false).map(Format::Plain).map_err(|_| {
            let mut error = clap::Error::new(ErrorKind::InvalidValue).with_cmd(command);
            let names = self.possible_values().into_iter().flatten().map(|value| value.get_name().to_owned());
            error.insert(
                ContextKind::InvalidArg,
                ContextValue::String(arg.map(ToString::to_string).unwrap_or_default()),
            );
            error.insert(ContextKind::InvalidValue, ContextValue::String(text.clone().into_owned()));
            error.insert(ContextKind::ValidValue, ContextValue::Strings(names.collect()));
            error
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let plain = Output::value_variants().iter().filter_map(Output::to_possible_value);
        Some(Box::new(plain.chain(KINDS.map(|(.., name, help)| PossibleValue::new(name).help(help)))))
    }
}

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
