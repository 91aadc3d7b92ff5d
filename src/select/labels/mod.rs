//! `-l`: conditions on labels, parsed and matched as by apimachinery's `pkg/labels`.
//!
//! `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a` (exists), `!a` (does not), `a>1`, `a<1`; all of them,
//! separated by commas, must be true. `!=` and `notin` are true where there is no such label.

mod parser;
mod requirement;
mod validation;

use crate::{
    Error, Result,
    k8s::{Map, Value},
};

use requirement::Requirement;

/// Conditions on labels (`labels.Selector`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector(Vec<Requirement>);

impl LabelSelector {
    /// Parses a selector; an empty one selects everything (`labels.Parse`).
    ///
    /// # Errors
    /// When it is invalid, in apimachinery's words.
    pub fn parse(text: &str) -> Result<Self> {
        let requirements = parser::parse(text).map_err(|why| {
            Error::usage(format!("the provided selector {text:?} is not valid: {why}")).hinted(
                "as in kubectl: a=b, a!=b, a in (b,c), a notin (b,c), a, !a, a>1, separated by commas".to_owned(),
            )
        })?;
        Ok(Self(requirements))
    }

    /// The labels that an object must have to be selected.
    pub(crate) fn required(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|requirement| !requirement.matches(None)).map(|requirement| requirement.key.as_str())
    }

    /// Whether an object with this `metadata` is selected (`Selector.Matches`).
    #[must_use]
    pub fn matches(&self, metadata: Option<&Map<'_>>) -> bool {
        let labels = metadata.and_then(|metadata| metadata.get("labels"));
        self.0.iter().all(|requirement| {
            let label = labels.and_then(|labels| labels.get(&requirement.key)).and_then(Value::as_str);
            requirement.matches(label)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, labels: &[(&'static str, &'static str)]) -> bool {
        let labels = labels.iter().map(|(key, value)| ((*key).into(), Value::str(value))).collect();
        let metadata = Map::from_unsorted(vec![("labels".into(), Value::Object(Map::from_unsorted(labels)))]);
        LabelSelector::parse(selector).unwrap().matches(Some(&metadata))
    }

    #[track_caller]
    fn refused(selector: &str, why: &str) {
        let error = LabelSelector::parse(selector).unwrap_err().to_string();
        assert_eq!(error, format!("the provided selector {selector:?} is not valid: {why}"));
    }

    #[test]
    fn labels_match() {
        for (selector, labels) in [
            ("", &[("x", "y")] as &[_]),
            ("x=y", &[("x", "y")]),
            ("x == y , z= w", &[("x", "y"), ("z", "w")]),
            ("x!=y,z!=w", &[("x", "z"), ("z", "a")]),
            ("notin=in", &[("notin", "in")]),
            ("x", &[("x", "z")]),
            ("!x", &[("y", "z")]),
            ("x>1", &[("x", "2")]),
            ("x<1", &[("x", "0")]),
            ("x in (a, b)", &[("x", "b")]),
            ("x in (a,)", &[("x", "")]),
            ("x in ()", &[("x", "")]),
            ("x notin (a,b)", &[("x", "c")]),
            ("x notin (a,b)", &[]),
            ("x!=", &[("x", "a")]),
            ("x=", &[("x", "")]),
            ("x in (in,notin)", &[("x", "in")]),
            ("a.io/x-y_z", &[("a.io/x-y_z", "")]),
        ] {
            assert!(matches(selector, labels), "{selector} {labels:?}");
        }
        for (selector, labels) in [
            ("x=z", &[] as &[_]),
            ("x=y", &[("x", "z")]),
            ("x=y,z=w", &[("x", "w"), ("z", "w")]),
            ("x!=y,z!=w", &[("x", "z"), ("z", "w")]),
            ("x", &[("y", "z")]),
            ("!x", &[("x", "z")]),
            ("x>1", &[("x", "0")]),
            ("x>1", &[("x", "two")]),
            ("x<1", &[("x", "2")]),
            ("x>1", &[]),
            ("x in (a,b)", &[]),
            ("x in (a,,b)", &[("x", "c")]),
            ("x notin ()", &[("x", "")]),
        ] {
            assert!(!matches(selector, labels), "{selector} {labels:?}");
        }
        assert!(LabelSelector::parse("!x").unwrap().matches(None));
    }

    #[test]
    fn what_is_no_selector() {
        let label = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
            must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
            validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
        refused("x=a||y=b", &format!("unable to parse requirement: values[0][x]: Invalid value: \"a||y\": {label}"));
        refused("x==a==b", "found '==', expected: ',' or 'end of string'");
        refused("!x=a", "found '=', expected: ',' or 'end of string'");
        refused(
            "x<a",
            "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer",
        );
        refused(",x", "found ',', expected: !, identifier, or 'end of string'");
        refused("x,", "found '', expected: identifier after ','");
        refused("!", "unable to parse requirement: found '', expected: identifier");
        refused("x y", "unable to parse requirement: found 'y', expected: in, notin, =, ==, !=, gt, lt");
        refused("x in a", "unable to parse requirement: found 'a' expected: '('");
        refused("x in (a", "unable to parse requirement: found '', expected: ',' or ')'");
        refused("x in (a b)", "unable to parse requirement: found 'b', expected: ',' or ')'");
        refused("x in (", "unable to parse requirement: found '', expected: ',', ')' or identifier");
        refused("x in (a,=)", "unable to parse requirement: found '=', expected: ',', or identifier");
        refused("x=(", "unable to parse requirement: found '(', expected: identifier");
    }
}
