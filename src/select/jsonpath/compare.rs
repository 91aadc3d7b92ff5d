//! The comparisons of filters (`client-go/third_party/forked/golang/template/funcs.go`).

use std::{borrow::Cow, cmp::Ordering};

use super::{error::EvalError, evaluated::Evaluated};
use crate::k8s::Value;

/// The kinds of values that can be compared (`basicKind`).
enum Basic<'f> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(Cow<'f, str>),
}

fn basic<'f>(found: &'f Evaluated<'_>) -> Result<Basic<'f>, EvalError> {
    Ok(match (found, found.value()) {
        (Evaluated::Made(Value::UInt(byte)), _) => Basic::Uint(*byte),
        (_, Some(Value::Bool(b))) => Basic::Bool(*b),
        (_, Some(Value::Int(n))) => Basic::Int(*n),
        (_, Some(Value::UInt(n))) => Basic::Float(*n as f64),
        (_, Some(Value::Float(f))) => Basic::Float(*f),
        (_, Some(Value::Str(_) | Value::Bytes(_))) => Basic::Text(found.text()),
        _ => return Err(EvalError::Incomparable),
    })
}

/// Whether `left operator right` holds (`evalFilter`, and `template.Equal` and its siblings).
pub(super) fn compare(left: &Evaluated<'_>, operator: &str, right: &Evaluated<'_>) -> Result<bool, EvalError> {
    if !matches!(operator, "==" | "!=" | "<" | "<=" | ">" | ">=") {
        return Err(EvalError::Operator(operator.to_owned()));
    }
    let order = match (basic(left)?, basic(right)?) {
        (Basic::Bool(a), Basic::Bool(b)) if matches!(operator, "==" | "!=") => Some(a.cmp(&b)),
        (Basic::Bool(_), Basic::Bool(_)) => return Err(EvalError::Incomparable),
        (Basic::Int(a), Basic::Int(b)) => Some(a.cmp(&b)),
        (Basic::Uint(a), Basic::Uint(b)) => Some(a.cmp(&b)),
        (Basic::Int(a), Basic::Uint(b)) => Some(i128::from(a).cmp(&i128::from(b))),
        (Basic::Uint(a), Basic::Int(b)) => Some(i128::from(a).cmp(&i128::from(b))),
        (Basic::Float(a), Basic::Float(b)) => a.partial_cmp(&b),
        (Basic::Text(a), Basic::Text(b)) => Some(a.cmp(&b)),
        _ => return Err(EvalError::Incompatible),
    };
    let (less, equal) = (order == Some(Ordering::Less), order == Some(Ordering::Equal));
    Ok(match operator {
        "==" => equal,
        "!=" => !equal,
        "<" => less,
        "<=" => less || equal,
        ">" => !less && !equal,
        _ => !less,
    })
}
