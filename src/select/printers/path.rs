//! The JSONPath of a printer column: of `k8s.io/client-go/util/jsonpath` what leads to one value.

use crate::k8s::Value;

/// A path from an object to a value in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    Filter(Path, Option<(Compare, Operand)>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Text(String),
    Number(f64),
    Bool(bool),
    Path(Path),
}

impl Path {
    /// Reads one, `.spec.size`; nothing when it is none, or of a kind that is not known here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mut steps, mut rest) = (Vec::new(), text);
        while !rest.is_empty() && rest != "." {
            let (step, behind) = step(rest)?;
            steps.push(step);
            rest = behind;
        }
        Some(Self(steps))
    }

    /// The first value that the path leads to.
    pub(super) fn first<'v, 'a>(&self, root: &'v Value<'a>) -> Option<&'v Value<'a>> {
        walk(&self.0, root)
    }
}

fn walk<'v, 'a>(steps: &[Step], value: &'v Value<'a>) -> Option<&'v Value<'a>> {
    let Some((step, rest)) = steps.split_first() else { return Some(value) };
    match step {
        Step::Field(name) => walk(rest, value.get(name)?),
        Step::Index(index) => {
            let list = value.as_list()?;
            let index = match usize::try_from(*index) {
                Ok(index) => index,
                Err(_) => list.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
            };
            walk(rest, list.get(index)?)
        }
        Step::All => match value {
            Value::Object(map) => map.iter().find_map(|(_, value)| walk(rest, value)),
            value => value.as_list()?.iter().find_map(|value| walk(rest, value)),
        },
        Step::Filter(left, condition) => {
            let passes = |item: &&'v Value<'a>| match (left.first(item), condition) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(left), Some((compare, right))) => compare.holds(left, right, item),
            };
            value.as_list()?.iter().filter(passes).find_map(|value| walk(rest, value))
        }
    }
}

impl Compare {
    fn holds(self, left: &Value<'_>, right: &Operand, item: &Value<'_>) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let number = |value: &Value<'_>| match value {
            Value::Int(int) => Some(*int as f64),
            Value::UInt(int) => Some(*int as f64),
            Value::Float(float) => Some(*float),
            _ => None,
        };
        let order = match (right, left) {
            (Operand::Text(right), Value::Str(left)) => Some((**left).cmp(right)),
            (Operand::Number(right), left) => number(left).and_then(|left| left.partial_cmp(right)),
            (Operand::Bool(right), Value::Bool(left)) => Some(left.cmp(right)),
            (Operand::Path(path), left) => match (left, path.first(item)) {
                (Value::Str(left), Some(Value::Str(right))) => Some(left.cmp(right)),
                (left, Some(right)) => number(left).and_then(|left| left.partial_cmp(&number(right)?)),
                _ => None,
            },
            _ => None,
        };
        // values that cannot be compared are an error there, and an empty cell
        order.is_some_and(|order| match self {
            Self::Equal => order == Equal,
            Self::NotEqual => order != Equal,
            Self::Less => order == Less,
            Self::LessOrEqual => order != Greater,
            Self::Greater => order == Greater,
            Self::GreaterOrEqual => order != Less,
        })
    }
}

/// The step that a text begins with, and what follows it.
fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('[') {
        return bracket(rest);
    }
    let rest = text.strip_prefix('.').unwrap_or(text);
    if rest.starts_with('[') {
        return step(rest);
    }
    let (mut name, mut end, mut escaped) = (String::new(), rest.len(), false);
    for (at, c) in rest.char_indices() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '.' | '[' if !escaped => {
                end = at;
                break;
            }
            c => name.push(c),
        }
        escaped = false;
    }
    match name.as_str() {
        "" => None, // `..` and other oddities
        "*" => Some((Step::All, rest.get(end..)?)),
        _ => Some((Step::Field(name), rest.get(end..)?)),
    }
}

/// What stands in brackets: an index, `*`, a quoted name or a filter.
fn bracket(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix("?(") {
        let end = outside_quotes(rest, ")]")?;
        return Some((filter(rest.get(..end)?)?, rest.get(end.checked_add(2)?..)?));
    }
    let end = outside_quotes(text, "]")?;
    let (inner, rest) = (text.get(..end)?.trim(), text.get(end.checked_add(1)?..)?);
    let step = match (inner, quoted(inner)) {
        ("*", _) => Step::All,
        (_, Some(name)) => Step::Field(name.to_owned()),
        (index, None) => Step::Index(index.parse().ok()?),
    };
    Some((step, rest))
}

fn filter(text: &str) -> Option<Step> {
    let operators = [
        ("==", Compare::Equal),
        ("!=", Compare::NotEqual),
        ("<=", Compare::LessOrEqual),
        (">=", Compare::GreaterOrEqual),
        ("<", Compare::Less),
        (">", Compare::Greater),
    ];
    for (sign, compare) in operators {
        if let Some(at) = outside_quotes(text, sign) {
            let (left, right) = (text.get(..at)?, text.get(at.checked_add(sign.len())?..)?);
            return Some(Step::Filter(relative(left)?, Some((compare, operand(right.trim())?))));
        }
    }
    Some(Step::Filter(relative(text)?, None))
}

/// A path from the item, `@.type`; inner filters are not followed, so that no text nests without end.
fn relative(text: &str) -> Option<Path> {
    Path::parse(text.trim().strip_prefix('@').filter(|path| !path.contains('?'))?)
}

fn operand(text: &str) -> Option<Operand> {
    Some(match text {
        "true" => Operand::Bool(true),
        "false" => Operand::Bool(false),
        _ if text.starts_with('@') => Operand::Path(relative(text)?),
        _ => match quoted(text) {
            Some(text) => Operand::Text(text.to_owned()),
            None => Operand::Number(text.parse().ok()?),
        },
    })
}

fn quoted(text: &str) -> Option<&str> {
    ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

/// Where `what` stands in a text, but not within quotes.
fn outside_quotes(text: &str, what: &str) -> Option<usize> {
    let mut open = None;
    for (at, c) in text.char_indices() {
        match (open, c) {
            (None, '"' | '\'') => open = Some(c),
            (Some(quote), c) if c == quote => open = None,
            (None, _) if text.get(at..)?.starts_with(what) => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{super::testing::json, *};

    #[test]
    fn paths_lead_to_the_first_value() {
        let object =
            json(r#"{"a":{"b":[{"t":"x","v":1},{"t":"y]","v":2},{"w":3}],"c.d":"dotted","e":{"z":26}},"n":null}"#);
        for (path, want) in [
            (".a.b[0].v", Some("Int(1)")),
            (".a.b[-1].w", Some("Int(3)")),
            (".a.b[7].v", None),
            (".a.b[-7].v", None),
            (".a.b[*].w", Some("Int(3)")),
            (".a.e.*", Some("Int(26)")),
            (".a['c.d']", Some("dotted")),
            (r".a.c\.d", Some("dotted")),
            (r#".a.b[?(@.t=="x")].v"#, Some("Int(1)")),
            (".a.b[?(@.t=='y]')].v", Some("Int(2)")),
            (".a.b[?(@.t != 'x')].v", Some("Int(2)")),
            (".a.b[?(@.v>1)].t", Some("y]")),
            (".a.b[?(@.v<=@.v)].t", Some("x")),
            (".a.b[?(@.w)].w", Some("Int(3)")),
            (".a.b[?(@.t==1)].v", None),
            (".a.b.c", None),
            (".a[0]", None),
            (".x.y", None),
        ] {
            let shown = Path::parse(path).unwrap().first(&object).map(|value| match value {
                Value::Str(text) => text.to_string(),
                value => format!("{value:?}"),
            });
            assert_eq!(shown.as_deref(), want, "{path}");
        }
        assert_eq!(Path::parse(".n").unwrap().first(&object), Some(&Value::Null));
        assert_eq!(Path::parse(".").unwrap().first(&object), Some(&object));
        for odd in ["..a", ".a[", ".a[x]", ".a[?(@.b]", ".a[?(b==1)]", ".a[1:2]", ".a[?(@.b[?(@.c)])]"] {
            assert_eq!(Path::parse(odd), None, "{odd}");
        }
    }
}
