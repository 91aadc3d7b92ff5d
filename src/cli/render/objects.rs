//! Objects one after the other, as the list that kubectl prints.

use std::io::{self, Write};

use etcdsnap::k8s::{Value, json, yaml};

/// A `List` that is written while it is read: one object is in memory at a time.
pub(crate) struct ObjectList {
    yaml: bool,
    one: bool,
    any: bool,
    buffer: Vec<u8>,
}

impl ObjectList {
    /// As YAML or JSON; `one` object stands alone.
    pub(crate) fn new(yaml: bool, one: bool) -> Self {
        Self { yaml, one, any: false, buffer: Vec::new() }
    }

    /// Writes the next object.
    pub(crate) fn object(&mut self, out: &mut impl Write, value: &Value<'_>) -> io::Result<()> {
        self.buffer.clear();
        match (self.yaml, self.one) {
            (true, true) => yaml::write(&mut self.buffer, value),
            (true, false) => {
                out.write_all(if self.any { b"" } else { b"apiVersion: v1\nitems:\n" })?;
                yaml::write_item(&mut self.buffer, value);
            }
            (false, true) => {
                json::pretty(&mut self.buffer, value, 0);
                self.buffer.push(b'\n');
            }
            (false, false) => {
                let open: &[u8] = b"{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n        ";
                out.write_all(if self.any { b",\n        " } else { open })?;
                json::pretty(&mut self.buffer, value, 2);
            }
        }
        self.any = true;
        out.write_all(&self.buffer)
    }

    /// Ends the list.
    pub(crate) fn finish(self, out: &mut impl Write) -> io::Result<()> {
        let end: &[u8] = match (self.yaml, self.one, self.any) {
            (_, true, _) => return Ok(()),
            (true, _, true) => b"kind: List\nmetadata:\n  resourceVersion: \"\"\n",
            (true, _, false) => b"apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: \"\"\n",
            (false, _, true) => {
                b"\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"
            }
            (false, _, false) => {
                b"{\n    \"apiVersion\": \"v1\",\n    \"items\": [],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"
            }
        };
        out.write_all(end)
    }
}
