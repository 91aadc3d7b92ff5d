//! What `-o` takes.

use std::ffi::OsStr;

use clap::{
    Arg, Command, ValueEnum,
    builder::{PossibleValue, TypedValueParser},
    error::{ContextKind, ContextValue, ErrorKind},
};
use etcdsnap::{
    Error, Result,
    print::{Template, TemplateKind},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// One line an object
    Summary,
    /// As kubectl's table
    Table,
    /// As `kubectl -o wide`
    Wide,
    /// As `kubectl -o json`
    Json,
    /// The same objects, one a line
    Ndjson,
    /// As `kubectl -o yaml`
    Yaml,
    /// As `kubectl -o kyaml`: YAML with every text in quotes
    Kyaml,
    /// As `kubectl -o name`
    Name,
}

/// The value of `-o`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    /// One of those that need nothing more.
    Plain(Output),
    /// One that has a template, or the name of its file; empty where --template has it.
    Template(TemplateKind, String),
}

impl Format {
    /// Whether it is a table.
    pub(super) fn is_table(&self) -> bool {
        matches!(self, Self::Plain(Output::Table | Output::Wide))
    }

    /// The template of a `format` that has one, or of `--template`.
    pub(super) fn template(format: Option<&Self>, template: Option<&str>, missing: bool) -> Result<Option<Template>> {
        let template = template.filter(|template| !template.is_empty());
        let (kind, text) = match (format, template) {
            (None, None) | (Some(Self::Plain(_)), _) => return Ok(None),
            (None, Some(template)) => (TemplateKind::GoTemplate, template),
            (Some(Self::Template(_, text)), Some(_)) if !text.is_empty() => {
                return Err(Error::usage("a template in --output and one in --template: one is enough"));
            }
            (Some(Self::Template(kind, _)), Some(template)) => (*kind, template),
            (Some(Self::Template(kind, text)), None) => (*kind, text.as_str()),
        };
        Template::read(kind, text, missing).map(Some)
    }
}

/// Name, kind, and for the help: the name with what is written after it, and what it is.
const KINDS: [(&str, TemplateKind, &str, &str); 9] = [
    ("jsonpath", TemplateKind::JsonPath, "jsonpath=TEMPLATE", "What a template finds, as `kubectl -o jsonpath`"),
    ("jsonpath-as-json", TemplateKind::JsonPathAsJson, "jsonpath-as-json=TEMPLATE", "The same as JSON arrays"),
    ("jsonpath-file", TemplateKind::JsonPathFile, "jsonpath-file=FILE", "The template is in a file"),
    ("go-template", TemplateKind::GoTemplate, "go-template=TEMPLATE", "What a template of Go's text/template makes"),
    ("go-template-file", TemplateKind::GoTemplateFile, "go-template-file=FILE", "The template is in a file"),
    ("custom-columns", TemplateKind::CustomColumns, "custom-columns=NAME:PATH,...", "As `kubectl -o custom-columns`"),
    (
        "custom-columns-file",
        TemplateKind::CustomColumnsFile,
        "custom-columns-file=FILE",
        "A line of names, a line of paths",
    ),
    // kubectl's other names
    ("template", TemplateKind::GoTemplate, "", ""),
    ("templatefile", TemplateKind::GoTemplateFile, "", ""),
];

/// Reads `-o`.
#[derive(Debug, Clone, Copy)]
pub(super) struct FormatParser;

impl TypedValueParser for FormatParser {
    type Value = Format;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> std::result::Result<Format, clap::Error> {
        let text = value.to_string_lossy();
        let (name, template) = text.split_once('=').unwrap_or((&text, ""));
        if let Some((_, kind, ..)) = KINDS.iter().find(|(known, ..)| *known == name) {
            return Ok(Format::Template(*kind, template.to_owned()));
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
        let listed = KINDS.into_iter().filter(|(.., help)| !help.is_empty());
        let with = listed.map(|(.., name, help)| PossibleValue::new(name).help(help));
        Some(Box::new(plain.chain(with)))
    }
}
