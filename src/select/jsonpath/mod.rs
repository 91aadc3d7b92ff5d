//! kubectl's `-o jsonpath=TEMPLATE`, parsed, applied and printed as by client-go's `util/jsonpath`.
//!
//! A template is text with expressions in braces: `{.a.b}` fields, `{['a.b']}` the same, `{.a[0]}`, `{.a[1:-1:2]}`,
//! `{.a[*]}` elements, `{.a.*}` all members, `{..a}` at any depth, `{.a['b','c']}` several, `{.a[?(@.b=="c")]}` those
//! of a list that pass (one comparison by `==`, `!=`, `<`, `<=`, `>`, `>=`, or the mere presence; no `&&`, as in
//! kubectl), `{range .a[*]}...{end}`, `{"quoted\n"}`, `{@}` and `{$}` the object itself.
//!
//! Two differences from Go: members are in the order of their names, where Go's maps have no order, and nesting is
//! bounded.

mod compare;
mod error;
mod eval;
mod evaluated;
mod node;
mod parser;
mod quote;
mod relaxed;
#[cfg(test)]
mod tests;

pub use error::{EvalError, SyntaxError};
pub(crate) use evaluated::Evaluated;
pub(super) use quote::unquote;
pub(super) use relaxed::template as relaxed_template;

use crate::k8s::{Value, json};
use eval::Evaluator;
use node::Node;

/// A parsed template (`jsonpath.JSONPath`).
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPath {
    nodes: Vec<Node>,
    allow_missing_keys: bool,
    output_json: bool,
}

impl JsonPath {
    /// Parses a template (`JSONPath.Parse`).
    ///
    /// # Errors
    /// When the template is invalid.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        Ok(Self { nodes: parser::parse(text)?, allow_missing_keys: false, output_json: false })
    }

    /// Sets whether a missing field is allowed, instead of an error (`JSONPath.AllowMissingKeys`).
    #[must_use]
    pub fn allow_missing_keys(mut self, allow: bool) -> Self {
        self.allow_missing_keys = allow;
        self
    }

    /// Sets whether each expression is printed as a JSON array of its results (`JSONPath.EnableJSONOutput`).
    #[must_use]
    pub fn output_json(mut self, json: bool) -> Self {
        self.output_json = json;
        self
    }

    /// The results of each expression in `data`, in the order of printing (`JSONPath.FindResults`).
    ///
    /// # Errors
    /// When the template does not fit.
    pub(crate) fn find_results<'v>(&'v self, data: &'v Value<'v>) -> Result<Vec<Vec<Evaluated<'v>>>, EvalError> {
        Evaluator::new(&self.nodes, self.allow_missing_keys, data).find()
    }

    /// Appends the output of the template for `data` (`JSONPath.Execute`).
    ///
    /// # Errors
    /// When the template does not fit.
    pub fn execute(&self, out: &mut Vec<u8>, data: &Value<'_>) -> Result<(), EvalError> {
        for results in self.find_results(data)? {
            self.print(out, &results);
        }
        Ok(())
    }

    /// The results as text (`JSONPath.PrintResults`).
    #[must_use]
    pub(crate) fn print_results(&self, results: &[Evaluated<'_>]) -> String {
        let mut out = Vec::new();
        self.print(&mut out, results);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn print(&self, out: &mut Vec<u8>, results: &[Evaluated<'_>]) {
        if self.output_json {
            let list = results.iter().map(|found| found.value().cloned().unwrap_or_default()).collect();
            json::pretty(out, &Value::List(list), 0);
            out.push(b'\n');
            return;
        }
        for (i, found) in results.iter().enumerate() {
            if i > 0 {
                out.push(b' ');
            }
            match found.value() {
                Some(value @ (Value::List(_) | Value::Object(_))) => json::compact(out, value),
                Some(Value::Null) => out.extend_from_slice(b"null"),
                Some(_) => out.extend_from_slice(found.text().as_bytes()),
                None => out.extend_from_slice(b"<no value>"),
            }
        }
    }
}
