//! kubectl's `-o go-template=TEMPLATE`: Go's text/template, with kubectl's objects and functions.
//!
//! Actions are in double braces: `{{.a.b}}` a field, `{{range .items}}...{{else}}...{{end}}`, `{{if}}`, `{{with}}`,
//! `{{$x := .a}}` variables, `{{.a | printf "%s" | len}}` pipelines, `{{define "x"}}...{{end}}{{template "x" .}}`,
//! `{{- .a -}}` without the blanks around. A missing field is `<no value>`.
//!
//! Differences from Go: nesting is bounded, complex numbers, `%#v`, `%[1]d` and `%*d` are refused, and a slice ends at
//! the length of a list, where Go allows its capacity.

mod datum;
mod error;
mod escape;
mod exec;
mod functions;
mod lexer;
mod node;
mod parser;
mod printf;
#[cfg(test)]
mod tests;
mod token;

use std::collections::BTreeMap;

pub use error::{ExecError, SyntaxError};

use self::{datum::Datum, exec::Executor, node::Node};
use crate::k8s::Value;

/// Steps and bytes of output that every run may have.
const STEPS: usize = 16 << 20;
/// The same for each value and byte of the data: ranges in ranges, and calls in calls, are otherwise unbounded.
const STEPS_OF_EACH: usize = 64;

/// A parsed template (`template.Template`).
#[derive(Debug, Clone, PartialEq)]
pub struct GoTemplate {
    text: String,
    templates: BTreeMap<String, Vec<Node>>,
    allow_missing_keys: bool,
}

impl GoTemplate {
    /// Parses a template (`Template.Parse`).
    ///
    /// # Errors
    /// When the template is invalid.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        Ok(Self { text: text.to_owned(), templates: parser::parse(text)?, allow_missing_keys: true })
    }

    /// Sets whether a missing field is allowed (`missingkey=default`).
    #[must_use]
    pub fn allow_missing_keys(mut self, allow: bool) -> Self {
        self.allow_missing_keys = allow;
        self
    }

    /// Appends the output of the template for `data`, up to an error (`Template.Execute`).
    ///
    /// # Errors
    /// When the template does not fit.
    pub fn execute<'v>(&'v self, out: &mut Vec<u8>, data: &'v Value<'v>) -> Result<(), ExecError> {
        let Self { text, templates, allow_missing_keys } = self;
        let left = STEPS.saturating_add(data.weight().saturating_mul(STEPS_OF_EACH));
        Executor { text, templates, allow_missing_keys: *allow_missing_keys, out, left }.execute(Datum::from(data))
    }
}
