//! Every string and number of an object, with its path.

use super::{
    pattern::Pattern,
    place::{Place, Progress},
};
use crate::k8s::Value;

/// A step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'v> {
    Name(&'v str),
    Index(usize),
}

/// A line that matches, and where it is.
#[derive(Debug)]
pub(super) struct Match<'v> {
    pub(super) path: Vec<Step<'v>>,
    /// Its number, from 1; 0 where there is only one.
    pub(super) line: usize,
    pub(super) text: String,
}

/// Members whose names are data.
const NAMED: [&str; 7] = ["labels", "annotations", "data", "stringData", "binaryData", "matchLabels", "nodeSelector"];

/// Finds the matches in the strings and numbers of a value.
pub(super) struct Walk<'w, 'v> {
    pattern: &'w Pattern,
    place: Option<&'w Place>,
    path: Vec<Step<'v>>,
    found: Vec<Match<'v>>,
}

impl<'w, 'v> Walk<'w, 'v> {
    pub(super) fn matches(pattern: &'w Pattern, place: Option<&'w Place>, value: &'v Value<'_>) -> Vec<Match<'v>> {
        let mut walk = Self { pattern, place, path: Vec::new(), found: Vec::new() };
        walk.visit(value, place.map(Place::start));
        walk.found
    }

    fn visit(&mut self, value: &'v Value<'_>, progress: Option<Progress>) {
        match value {
            Value::Object(map) => {
                let is_named = matches!(self.path.last(), Some(Step::Name(name)) if NAMED.contains(name));
                for (name, value) in map {
                    let below = self.place.zip(progress).map(|(place, progress)| place.step(progress, name));
                    self.path.push(Step::Name(name));
                    let before = self.found.len();
                    self.visit(value, below);
                    // the name of a label, where its value does not match
                    if is_named
                        && self.found.len() == before
                        && self.is_here(below)
                        && self.pattern.is_in(name.as_bytes())
                    {
                        let text = match value {
                            Value::Str(text) => text.lines().next().unwrap_or_default().to_owned(),
                            other => other.to_json(),
                        };
                        self.found.push(Match { path: self.path.clone(), line: 0, text });
                    }
                    self.path.pop();
                }
            }
            Value::List(list) => {
                for (at, value) in list.iter().enumerate() {
                    self.path.push(Step::Index(at));
                    self.visit(value, progress);
                    self.path.pop();
                }
            }
            _ if !self.is_here(progress) => {}
            Value::Str(text) => self.lines(text.as_bytes()),
            Value::Bytes(bytes) => self.lines(bytes),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => self.lines(value.to_json().as_bytes()),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn is_here(&self, progress: Option<Progress>) -> bool {
        self.place.zip(progress).is_none_or(|(place, progress)| place.is_here(progress))
    }

    fn lines(&mut self, text: &[u8]) {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let one = memchr::memchr(b'\n', text).is_none();
        for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if self.pattern.is_in(line) {
                let text = String::from_utf8_lossy(line).into_owned();
                let line = if one { 0 } else { at.saturating_add(1) };
                self.found.push(Match { path: self.path.clone(), line, text });
            }
        }
    }
}

/// The value at a path.
pub(super) fn at<'v, 'a>(value: &'v Value<'a>, path: &[Step<'_>]) -> Option<&'v Value<'a>> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Name(name) => value.get(name),
        Step::Index(at) => value.as_list().and_then(|list| list.get(*at)),
    })
}

/// The path as text: `metadata.labels['a.b/c']`.
pub(super) fn text(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Index(at) => text.extend(["[", &at.to_string(), "]"]),
            Step::Name(name)
                if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) =>
            {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            Step::Name(name) => text.extend(["['", &name.replace('\'', "\\'"), "']"]),
        }
    }
    text
}
