//! Objects one after the other, as the list that kubectl prints.

use std::io::{self, Write};

use etcdsnap::k8s::{Value, json, yaml};

/// How the objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListForm {
    /// As `kubectl -o yaml`.
    Yaml,
    /// As `kubectl -o json`.
    Json,
    /// As JSON, one object a line; no list is around them.
    Lines,
}

/// A `List` that is written while it is read: one object is in memory at a time.
pub(crate) struct ObjectList {
    form: ListForm,
    one: bool,
    any: bool,
    buffer: Vec<u8>,
}

impl ObjectList {
    /// A list in this form; `one` object is in no list.
    pub(crate) fn new(form: ListForm, one: bool) -> Self {
        Self { form, one, any: false, buffer: Vec::new() }
    }

    /// Writes the next object.
    pub(crate) fn object(&mut self, out: &mut impl Write, value: &Value<'_>) -> io::Result<()> {
        self.buffer.clear();
        match (self.form, self.one) {
            (ListForm::Yaml, true) => yaml::write(&mut self.buffer, value),
            (ListForm::Yaml, false) => {
                out.write_all(if self.any { b"" } else { b"apiVersion: v1\nitems:\n" })?;
                yaml::write_item(&mut self.buffer, value);
            }
            (ListForm::Json, true) => {
                json::pretty(&mut self.buffer, value, 0);
                self.buffer.push(b'\n');
            }
            (ListForm::Json, false) => {
                let open: &[u8] = b"{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n        ";
                out.write_all(if self.any { b",\n        " } else { open })?;
                json::pretty(&mut self.buffer, value, 2);
            }
            (ListForm::Lines, _) => {
                json::compact(&mut self.buffer, value);
                self.buffer.push(b'\n');
            }
        }
        self.any = true;
        out.write_all(&self.buffer)
    }

    /// Ends the list.
    pub(crate) fn finish(self, out: &mut impl Write) -> io::Result<()> {
        let end: &[u8] = match (self.form, self.one, self.any) {
            (_, true, _) | (ListForm::Lines, ..) => return Ok(()),
            (ListForm::Yaml, _, true) => b"kind: List\nmetadata:\n  resourceVersion: \"\"\n",
            (ListForm::Yaml, _, false) => b"apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: \"\"\n",
            (ListForm::Json, _, true) => {
                b"\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"
            }
            (ListForm::Json, _, false) => {
                b"{\n    \"apiVersion\": \"v1\",\n    \"items\": [],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"
            }
        };
        out.write_all(end)
    }
}
