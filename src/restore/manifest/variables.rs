//! Variables, and the text that has them: of Kubernetes and of a shell.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    documents::{list, text},
    shell::{assignment, base, statements, without_wrappers},
};

/// Who writes `$`: Kubernetes puts a value for `$(NAME)`, a shell for `${NAME}` and `$NAME`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Kubernetes,
    Shell,
}

impl Syntax {
    /// The name of the variable after a `$`, and the text that follows it.
    fn variable(self, text: &str) -> Option<(&str, &str)> {
        let [open, close] = if self == Self::Shell { ['{', '}'] } else { ['(', ')'] };
        let bracketed = text.strip_prefix(open);
        let text = bracketed.unwrap_or(text);
        let in_name =
            |c: char| c == '_' || c.is_ascii_alphanumeric() || self == Self::Kubernetes && matches!(c, '-' | '.');
        let (name, after) = text.split_at_checked(text.find(|c| !in_name(c)).unwrap_or(text.len()))?;
        match bracketed {
            Some(_) => Some((name, after.strip_prefix(close)?)),
            None => (self == Self::Shell).then_some((name, after)),
        }
    }
}

/// The variables whose values are known. What is not, keeps its `$`.
pub(super) struct Env {
    pub(super) known: BTreeMap<String, String>,
    /// So many bytes may still be put in: values that hold others, twice each, grow without end.
    pub(super) left: usize,
}

impl Env {
    pub(super) fn of(container: &Value) -> Self {
        let mut env = Self { known: BTreeMap::new(), left: 1 << 20 };
        for variable in list(container, "/env") {
            let Some(name) = text(variable, "name") else { continue };
            let value = match (variable.get("valueFrom"), text(variable, "value")) {
                (Some(_), _) => format!("$({name})"),
                (None, value) => env.expand(value.unwrap_or_default(), Syntax::Kubernetes),
            };
            env.known.insert(name.to_owned(), value);
        }
        env
    }

    pub(super) fn expand(&mut self, text: &str, syntax: Syntax) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let known = syntax.variable(after).and_then(|(name, after)| Some((self.known.get(name)?.as_str(), after)));
            let (value, after) = known.filter(|(value, _)| value.len() <= self.left).unwrap_or(("$", after));
            self.left = self.left.saturating_sub(value.len());
            expanded.push_str(value);
            rest = after;
        }
        expanded + rest
    }

    /// Follows a shell script through its assignments to the call of etcd, and gives that its flags.
    pub(super) fn run(&mut self, script: &str) -> Option<Vec<String>> {
        for words in statements(script) {
            let words: Vec<String> = words.iter().map(|word| self.expand(word, Syntax::Shell)).collect();
            let call = without_wrappers(&words);
            if let [program, flags @ ..] = call
                && base(program) == "etcd"
            {
                return Some(flags.to_vec());
            }
            if call.is_empty() {
                let assigned = words.iter().filter_map(|word| assignment(word));
                self.known.extend(assigned.map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
        }
        None
    }
}
