//! Objects as text, one after the other, as kubectl prints them.

use std::io::{self, Write};

use crate::k8s::{Value, json, kyaml, yaml};

/// Format in which objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One object, as `kubectl -o yaml`.
    Yaml,
    /// One object, as `kubectl -o json`.
    Json,
    /// One object, as `kubectl -o kyaml`.
    Kyaml,
    /// One JSON object a line.
    Lines,
    /// A `List` of objects, as `kubectl -o yaml`.
    YamlList,
    /// A `List` of objects, as `kubectl -o json`.
    JsonList,
    /// A `List` of objects, as `kubectl -o kyaml`.
    KyamlList,
}

impl Form {
    /// Appends an object's text in the form for [`List::write`].
    pub fn item(self, out: &mut Vec<u8>, value: &Value<'_>) {
        match self {
            Self::Yaml => yaml::write(out, value),
            Self::YamlList => yaml::write_item(out, value),
            Self::Json => {
                json::pretty(out, value, 0);
                out.push(b'\n');
            }
            Self::JsonList => {
                out.extend_from_slice(b",\n        ");
                json::pretty(out, value, 2);
            }
            Self::Kyaml => kyaml::write(out, value),
            Self::KyamlList => {
                out.extend_from_slice(b", ");
                kyaml::node(out, value, 1);
            }
            Self::Lines => {
                json::compact(out, value);
                out.push(b'\n');
            }
        }
    }
}

/// A writer of objects, one by one.
#[derive(Debug)]
pub struct List {
    form: Form,
    any: bool,
}

impl List {
    /// An empty list.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Self { form, any: false }
    }

    /// Writes the text of the next objects, as [`Form::item`] makes it.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn write(&mut self, out: &mut impl Write, items: &[u8]) -> io::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let items = match (self.form, self.any) {
            (Form::YamlList, false) => {
                out.write_all(b"apiVersion: v1\nitems:\n")?;
                items
            }
            (Form::JsonList, false) => {
                out.write_all(b"{\n    \"apiVersion\": \"v1\",\n    \"items\": [")?;
                items.strip_prefix(b",").unwrap_or(items)
            }
            (Form::KyamlList, false) => {
                out.write_all(b"---\n{\n  apiVersion: \"v1\",\n  items: [")?;
                items.strip_prefix(b", ").unwrap_or(items)
            }
            _ => items,
        };
        self.any = true;
        out.write_all(items)
    }

    /// Ends the list.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn finish(self, out: &mut impl Write) -> io::Result<()> {
        let end: &[u8] = match (self.form, self.any) {
            (Form::Yaml | Form::Json | Form::Kyaml | Form::Lines, _) => return Ok(()),
            (Form::YamlList, true) => b"kind: List\nmetadata:\n  resourceVersion: \"\"\n",
            (Form::YamlList, false) => b"apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: \"\"\n",
            (Form::JsonList, true) => {
                b"\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"
            }
            (Form::JsonList, false) => {
                b"{\n    \"apiVersion\": \"v1\",\n    \"items\": [],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"
            }
            (Form::KyamlList, true) => {
                b"],\n  kind: \"List\",\n  metadata: {\n    resourceVersion: \"\",\n  },\n}\n"
            }
            (Form::KyamlList, false) => {
                b"---\n{\n  apiVersion: \"v1\",\n  items: [],\n  kind: \"List\",\n  metadata: {\n    resourceVersion: \"\",\n  },\n}\n"
            }
        };
        out.write_all(end)
    }
}
