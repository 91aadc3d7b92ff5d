//! The functions of templates (`text/template/funcs.go`), and kubectl's own: `exists`, `base64decode`.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    datum::{Basic, Datum},
    escape, printf,
};

/// The names of the functions.
pub(super) const FUNCTIONS: [&str; 21] = [
    "and",
    "base64decode",
    "call",
    "eq",
    "exists",
    "ge",
    "gt",
    "html",
    "index",
    "js",
    "le",
    "len",
    "lt",
    "ne",
    "not",
    "or",
    "print",
    "printf",
    "println",
    "slice",
    "urlquery",
];

/// The required type of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    Any,
    Text,
}

/// The number of arguments of a function, and whether it accepts more.
pub(super) fn arity(name: &str) -> (usize, bool) {
    match name {
        "base64decode" | "len" | "not" => (1, false),
        "ne" | "lt" | "le" | "gt" | "ge" => (2, false),
        "html" | "js" | "urlquery" | "print" | "println" => (0, true),
        _ => (1, true),
    }
}

/// The required type of the argument at a place.
pub(super) fn parameter(name: &str, place: usize) -> Parameter {
    match (name, place) {
        ("base64decode" | "printf", 0) => Parameter::Text,
        _ => Parameter::Any,
    }
}

/// Whether a function makes text of all that is in its arguments.
pub(super) fn prints(name: &str) -> bool {
    matches!(name, "html" | "js" | "print" | "printf" | "println" | "urlquery")
}

type Answer<'v> = Result<Datum<'v>, String>;

/// Calls a function; `callee` is how the first argument is written.
pub(super) fn call<'v>(name: &str, callee: impl Fn() -> String, arguments: &[Datum<'v>]) -> Answer<'v> {
    let first = arguments.first().cloned().unwrap_or(Datum::Nothing);
    let rest = arguments.get(1..).unwrap_or_default();
    let second = rest.first().cloned().unwrap_or(Datum::Nothing);
    let less = || less(&first, &second);
    let equal = || equal(&first, rest);
    match name {
        "base64decode" => base64decode(&first),
        "call" => Err(match first.is_nothing() {
            true => "call of nil".to_owned(),
            false => format!("non-function {} of type {}", callee(), first.go_type()),
        }),
        "eq" => equal().map(Datum::Bool),
        "ne" => equal().map(|equal| Datum::Bool(!equal)),
        "lt" => less().map(Datum::Bool),
        "le" => Ok(Datum::Bool(less()? || equal()?)),
        "gt" => Ok(Datum::Bool(!(less()? || equal()?))),
        "ge" => less().map(|less| Datum::Bool(!less)),
        "exists" => Ok(Datum::Bool(exists(first, rest))),
        "html" => Ok(Datum::text(escape::html(&printf::evaluated(arguments)))),
        "js" => Ok(Datum::text(escape::js(&printf::evaluated(arguments)))),
        "urlquery" => Ok(Datum::text(escape::url_query(&printf::evaluated(arguments)))),
        "index" => index(first, rest),
        "len" => length(&first),
        "not" => Ok(Datum::Bool(!first.is_true())),
        "print" => Ok(Datum::Text(Cow::Owned(printf::print(arguments)))),
        "println" => Ok(Datum::Text(Cow::Owned(printf::println(arguments)))),
        "printf" => printf::printf(&first, rest).map(|text| Datum::Text(Cow::Owned(text))),
        "slice" => slice(first, rest),
        _ => Err("is not a function".to_owned()),
    }
}

fn base64decode<'v>(text: &Datum<'v>) -> Answer<'v> {
    let Datum::Text(text) = text else { return Err("base64 decode failed".to_owned()) };
    // as in Go, line breaks are allowed
    let text: Vec<u8> = text.iter().copied().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    let bytes = BASE64_STANDARD.decode(text).map_err(|why| {
        let at = match why {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            base64::DecodeError::InvalidLength(at) => at,
            base64::DecodeError::InvalidPadding => 0,
        };
        format!("base64 decode failed: illegal base64 data at input byte {at}")
    })?;
    Ok(Datum::Text(Cow::Owned(bytes)))
}

fn length<'v>(item: &Datum<'v>) -> Answer<'v> {
    let len = match item {
        Datum::Text(text) => text.len(),
        Datum::List(list) => list.len(),
        Datum::Map(map) => map.len(),
        Datum::Nil => return Err("len of nil pointer".to_owned()),
        // the zero reflect.Value has no type to name
        Datum::Nothing => {
            return Err("reflect: call of reflect.Value.Type on zero Value".to_owned());
        }
        other => return Err(format!("len of type {}", other.go_type())),
    };
    Ok(Datum::Int(i64::try_from(len).unwrap_or(i64::MAX)))
}

/// The place of an index, up to `len`.
fn place(index: &Datum<'_>, len: usize) -> Result<usize, String> {
    if index.is_nothing() {
        return Err("cannot index slice/array with nil".to_owned());
    }
    let what = || format!("cannot index slice/array with type {}", index.go_type());
    let n = index.integer().ok_or_else(what)?;
    usize::try_from(n).ok().filter(|n| *n <= len).ok_or_else(|| format!("index out of range: {n}"))
}

fn index<'v>(mut item: Datum<'v>, indexes: &[Datum<'v>]) -> Answer<'v> {
    if item.is_nothing() {
        return Err("index of untyped nil".to_owned());
    }
    for index in indexes {
        item = match item {
            Datum::Nothing | Datum::Nil => return Err("index of nil pointer".to_owned()),
            Datum::List(list) => {
                let at = place(index, list.len())?;
                list.get(at).map(Datum::from).ok_or("reflect: slice index out of range")?
            }
            Datum::Text(text) => {
                let at = place(index, text.len())?;
                text.get(at).copied().map(Datum::Byte).ok_or("reflect: string index out of range")?
            }
            Datum::Map(map) => match index {
                Datum::Text(name) => {
                    let name = String::from_utf8_lossy(name);
                    map.get(&name).map_or(Datum::Nil, Datum::from)
                }
                Datum::Nothing | Datum::Nil => return Err("value is nil; should be of type string".to_owned()),
                other => return Err(format!("value has type {}; should be string", other.go_type())),
            },
            other => return Err(format!("can't index item of type {}", other.go_type())),
        };
    }
    Ok(item)
}

fn exists<'v>(mut item: Datum<'v>, indexes: &[Datum<'v>]) -> bool {
    for index in indexes {
        let nth = |len: usize| index.integer().and_then(|n| usize::try_from(n).ok()).filter(|n| *n < len);
        item = match item {
            Datum::List(list) => match nth(list.len()).and_then(|at| list.get(at)) {
                Some(element) => element.into(),
                None => return false,
            },
            Datum::Text(text) => match nth(text.len()).and_then(|at| text.get(at)) {
                Some(byte) => Datum::Byte(*byte),
                None => return false,
            },
            Datum::Map(map) => match index {
                Datum::Text(name) => map.get(&String::from_utf8_lossy(name)).map_or(Datum::Nil, Datum::from),
                Datum::Nothing | Datum::Nil => map.get("").map_or(Datum::Nil, Datum::from),
                _ => return false,
            },
            _ => return false,
        };
    }
    !item.is_nothing()
}

fn slice<'v>(item: Datum<'v>, indexes: &[Datum<'v>]) -> Answer<'v> {
    let len = match &item {
        Datum::Nothing | Datum::Nil => return Err("slice of untyped nil".to_owned()),
        _ if indexes.len() > 3 => return Err(format!("too many slice indexes: {}", indexes.len())),
        Datum::Text(_) if indexes.len() == 3 => return Err("cannot 3-index slice a string".to_owned()),
        Datum::Text(text) => text.len(),
        Datum::List(list) => list.len(),
        other => return Err(format!("can't slice item of type {}", other.go_type())),
    };
    let places = indexes.iter().map(|index| place(index, len)).collect::<Result<Vec<_>, _>>()?;
    let (from, to) = (places.first().copied().unwrap_or(0), places.get(1).copied().unwrap_or(len));
    for (a, b) in [(from, to), (to, places.get(2).copied().unwrap_or(to))] {
        if a > b {
            return Err(format!("invalid slice index: {a} > {b}"));
        }
    }
    Ok(match item {
        Datum::Text(text) => Datum::Text(Cow::Owned(text.get(from..to).unwrap_or_default().to_vec())),
        Datum::List(list) => Datum::List(list.get(from..to).unwrap_or_default()),
        other => other,
    })
}

fn equal(first: &Datum<'_>, rest: &[Datum<'_>]) -> Result<bool, String> {
    if rest.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in rest {
        let same = match (first, other) {
            (Datum::Bool(a), Datum::Bool(b)) => a == b,
            (Datum::Float(a), Datum::Float(b)) => a == b,
            (Datum::Text(a), Datum::Text(b)) => a == b,
            (a, b) if a.integer().is_some() && b.integer().is_some() => a.integer() == b.integer(),
            (a, b) if a.is_nothing() || b.is_nothing() => a.is_nothing() && b.is_nothing(),
            (a, b) if a.basic() == Basic::None && b.basic() == Basic::None => {
                return Err(match a.go_type() == b.go_type() {
                    true => format!("non-comparable type {}: {}", printf::as_text(b), b.go_type()),
                    false => {
                        format!(
                            "non-comparable types {}: {}, {}: {}",
                            printf::as_text(a),
                            a.go_type(),
                            b.go_type(),
                            b.shown()
                        )
                    }
                });
            }
            (a, b) => {
                return Err(format!("incompatible types for comparison: {} and {}", a.go_type(), b.go_type()));
            }
        };
        if same {
            return Ok(true);
        }
    }
    Ok(false)
}

fn less(a: &Datum<'_>, b: &Datum<'_>) -> Result<bool, String> {
    const BAD: &str = "invalid type for comparison";
    if a.basic() == Basic::None || b.basic() == Basic::None {
        return Err(BAD.to_owned());
    }
    match (a, b) {
        (Datum::Bool(_), Datum::Bool(_)) => Err(BAD.to_owned()),
        (Datum::Float(a), Datum::Float(b)) => Ok(a < b),
        (Datum::Text(a), Datum::Text(b)) => Ok(a < b),
        _ => match (a.integer(), b.integer()) {
            (Some(a), Some(b)) => Ok(a < b),
            _ => Err(format!("incompatible types for comparison: {} and {}", a.go_type(), b.go_type())),
        },
    }
}
