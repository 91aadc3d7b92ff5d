//! `--sort-by`, as kubectl's `pkg/cmd/get/sorter.go` sorts: by one field, objects without it first.
//!
//! Numbers are compared as numbers, and so are two texts that are both quantities (`100m`, `2Gi`); other texts, times
//! among them, byte by byte. Equal objects keep their order, which in kubectl is random.

use super::{
    jsonpath::{JsonPath, relaxed_template},
    quantity::Quantity,
};
use crate::{
    Error, Result,
    k8s::{Value, sprint},
};

/// The field to sort by (`RuntimeSort`).
#[derive(Debug, Clone, PartialEq)]
pub struct SortBy {
    template: String,
    path: JsonPath,
}

/// The value of an object in that field; the object itself need not be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey(Key);

#[derive(Debug, Clone, PartialEq)]
enum Key {
    Missing,
    Null,
    Int(i64),
    Float(f64),
    Text(String, Option<Quantity>),
    /// The type that has no order.
    Other(&'static str),
}

impl SortKey {
    /// The key of an object that has no such field, or cannot be read.
    pub(crate) const MISSING: Self = Self(Key::Missing);
}

impl SortBy {
    /// Parses `.path`, with or without dot and braces (`SortObjects`).
    ///
    /// # Errors
    /// When the path is invalid.
    pub fn parse(path: &str) -> Result<Self> {
        Ok(Self { template: relaxed_template(path)?, path: JsonPath::relaxed(path)? })
    }

    /// The sort key of `object`.
    ///
    /// # Errors
    /// When the path does not fit.
    pub fn key(&self, object: &Value<'_>) -> Result<SortKey> {
        let refused = |why| Error::refused(format!("cannot sort by {}: {why}", self.template));
        let values = self.path.find_results(object).map_err(refused)?;
        let Some(found) = values.first().and_then(|values| values.first()) else { return Ok(SortKey(Key::Missing)) };
        Ok(SortKey(match found.value() {
            None | Some(Value::Null) => Key::Null,
            Some(Value::Int(n)) => Key::Int(*n),
            Some(Value::UInt(n)) => Key::Float(*n as f64),
            Some(Value::Float(f)) => Key::Float(*f),
            Some(value @ (Value::Str(_) | Value::Bytes(_))) => {
                let text = sprint(value).into_owned();
                let quantity = Quantity::parse(&text);
                Key::Text(text, quantity)
            }
            Some(Value::Bool(_)) => Key::Other("bool"),
            Some(Value::List(_)) => Key::Other("[]interface {}"),
            Some(Value::Object(_)) => Key::Other("map[string]interface {}"),
        }))
    }

    /// Sorts things by their keys.
    ///
    /// # Errors
    /// When none of them has the field, or it has no order.
    pub fn sort<T>(&self, things: Vec<(SortKey, T)>) -> Result<Vec<T>> {
        if !things.is_empty() && things.iter().all(|(key, _)| key.0 == Key::Missing) {
            return Err(Error::refused(format!(
                "couldn't find any field with path {:?} in the list of objects",
                self.template
            )));
        }
        let sorted = merge_sort(things, &|a: &(SortKey, T), b: &(SortKey, T)| less(&a.0.0, &b.0.0));
        let sorted =
            sorted.map_err(|what| Error::refused(format!("Field {} is an unsortable type: {what}", self.template)))?;
        Ok(sorted.into_iter().map(|(_, thing)| thing).collect())
    }
}

/// `RuntimeSort.Less`, `isLess`
fn less(a: &Key, b: &Key) -> Result<bool, &'static str> {
    Ok(match (a, b) {
        (Key::Missing, _) => *b != Key::Missing,
        (_, Key::Missing) => false,
        (Key::Null, _) => *b != Key::Null,
        (_, Key::Null) => false,
        (Key::Int(a), Key::Int(b)) => a < b,
        (Key::Float(a), Key::Float(b)) => a < b,
        (Key::Text(_, Some(a)), Key::Text(_, Some(b))) => a.compare(b).is_lt(),
        (Key::Text(a, _), Key::Text(b, _)) => a < b,
        (Key::Other(what), _) | (_, Key::Other(what)) => return Err(what),
        _ => return Err("not the same in all objects"),
    })
}

/// Sorts stably, and accepts an order that contradicts itself, as that of texts of which only some are quantities.
fn merge_sort<T, E>(mut left: Vec<T>, less: &impl Fn(&T, &T) -> Result<bool, E>) -> Result<Vec<T>, E> {
    let len = left.len();
    if len < 2 {
        return Ok(left);
    }
    let right = left.split_off(len / 2);
    let mut left = merge_sort(left, less)?.into_iter().peekable();
    let mut right = merge_sort(right, less)?.into_iter().peekable();
    let mut sorted = Vec::with_capacity(len);
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        sorted.extend(if less(b, a)? { right.next() } else { left.next() });
    }
    sorted.extend(left);
    sorted.extend(right);
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::decode;

    /// The `n` of each JSON object, sorted by `.v`.
    fn sorted(values: &[&str]) -> Result<Vec<usize>> {
        let by = SortBy::parse(".v")?;
        let key = |(n, text): (usize, &&str)| {
            let json = if text.is_empty() { "{}".to_owned() } else { format!(r#"{{"v":{text}}}"#) };
            Ok((by.key(&decode(json.as_bytes()).unwrap().value)?, n))
        };
        by.sort(values.iter().enumerate().map(key).collect::<Result<_>>()?)
    }

    #[test]
    fn values_are_sorted_by_their_type() {
        let cases: [(&[&str], &[usize]); 10] = [
            (&[r#""b""#, r#""c""#, r#""a""#], &[2, 0, 1]),
            (&["5", "1", "10"], &[1, 0, 2]),
            (&["1.5", "-2.5", "1e3"], &[1, 0, 2]),
            (&[r#""2026-01-02T00:00:00Z""#, r#""2025-12-31T00:00:00Z""#], &[1, 0]),
            (&[r#""0.5""#, r#""10""#, r#""100m""#, ""], &[3, 2, 0, 1]),
            (&[r#""128Mi""#, r#""10Ei""#, r#""8Ti""#, "", r#""2Ki""#, ""], &[3, 5, 4, 0, 2, 1]),
            (&["2", "null", "1", ""], &[3, 1, 2, 0]),
            (&[r#""same""#, r#""same""#, r#""a""#], &[2, 0, 1]),
            (&["true"], &[0]),
            (&[], &[]),
        ];
        for (values, want) in cases {
            assert_eq!(sorted(values).unwrap(), want, "{values:?}");
        }
        // quantities and other texts together have no order: any result is accepted, without a panic
        assert_eq!(sorted(&[r#""10""#, r#""9""#, r#""1a""#, r#""x""#]).unwrap().len(), 4);
    }

    #[test]
    fn what_cannot_be_sorted() {
        let why = |values: &[&str]| sorted(values).unwrap_err().to_string();
        assert_eq!(why(&["", ""]), r#"couldn't find any field with path "{.v}" in the list of objects"#);
        assert_eq!(why(&["true", "false"]), "Field {.v} is an unsortable type: bool");
        assert_eq!(why(&["1", r#""a""#]), "Field {.v} is an unsortable type: not the same in all objects");
        let list = decode(br#"{"v":[1]}"#).unwrap();
        let fault = SortBy::parse("{.v[3]}").unwrap().key(&list.value).unwrap_err();
        assert_eq!(fault.to_string(), "cannot sort by {.v[3]}: array index out of bounds: index 3, length 1");
        assert!(SortBy::parse("{.a}{.b}").is_err());
    }
}
