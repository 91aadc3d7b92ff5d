//! CBOR (RFC 8949) into [`Value`]s, in the dialect of `apimachinery/pkg/runtime/serializer/cbor`: text is in byte
//! strings, and real bytes are marked by tag 22, which asks for base64 in JSON.

use std::borrow::Cow;

use super::{
    budget::Budget,
    error::Undecodable,
    value::{Map, Value, text},
};

/// The limit on nesting, that of JSON.
const MAX_DEPTH: u32 = 400;

/// Decodes the one value in `data`.
pub(super) fn parse(data: &[u8]) -> Result<Value<'_>, Undecodable> {
    let mut parser = Parser { data, at: 0, budget: Budget::default() };
    let value = parser.value(0, false)?;
    if parser.at < data.len() {
        return Err(parser.fail("something after the value"));
    }
    Ok(value)
}

struct Parser<'a> {
    data: &'a [u8],
    at: usize,
    budget: Budget,
}

/// An item's head: its major type and its argument, `None` for an indefinite length.
struct Head {
    major: u8,
    info: u8,
    argument: Option<u64>,
}

const BREAK: u8 = 0xff;

impl<'a> Parser<'a> {
    #[cold]
    fn fail(&self, what: &'static str) -> Undecodable {
        Undecodable::Cbor { what, at: self.at }
    }

    fn bytes(&mut self, len: u64) -> Result<&'a [u8], Undecodable> {
        let bytes = crate::bytes::window(self.data, self.at as u64, len).ok_or_else(|| self.fail("end of the data"))?;
        self.at = self.at.saturating_add(bytes.len());
        Ok(bytes)
    }

    fn head(&mut self) -> Result<Head, Undecodable> {
        let first = self.bytes(1)?.first().copied().unwrap_or_default();
        let (major, info) = (first >> 5, first & 31);
        let more = match info {
            0..24 => return Ok(Head { major, info, argument: Some(info.into()) }),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            31 => return Ok(Head { major, info, argument: None }),
            _ => return Err(self.fail("reserved length")),
        };
        let argument = self.bytes(more)?.iter().fold(0, |n, b| n << 8 | u64::from(*b));
        Ok(Head { major, info, argument: Some(argument) })
    }

    fn ended(&mut self) -> bool {
        let ended = self.data.get(self.at) == Some(&BREAK);
        if ended {
            self.at = self.at.saturating_add(1);
        }
        ended
    }

    fn value(&mut self, depth: u32, base64: bool) -> Result<Value<'a>, Undecodable> {
        if depth > MAX_DEPTH {
            return Err(Undecodable::Deep);
        }
        let head = self.head()?;
        let deeper = depth.saturating_add(1);
        Ok(match (head.major, head.argument) {
            (0, Some(n)) => i64::try_from(n).map_or(Value::UInt(n), Value::Int),
            (1, Some(n)) => match i64::try_from(n) {
                Ok(n) => Value::Int(!n),
                Err(_) => Value::Float(-1.0 - n as f64),
            },
            (2, len) if base64 => Value::Bytes(self.string(2, len)?),
            (2 | 3, len) => Value::Str(into_text(self.string(head.major, len)?)),
            (4, len) => self.list(len, deeper)?,
            (5, len) => self.map(len, deeper)?,
            (6, Some(22)) => self.value(deeper, true)?,
            (6, Some(_)) => self.value(deeper, base64)?,
            (7, Some(n)) => self.simple(head.info, n)?,
            _ => return Err(self.fail("item without a length")),
        })
    }

    fn string(&mut self, major: u8, len: Option<u64>) -> Result<Cow<'a, [u8]>, Undecodable> {
        if let Some(len) = len {
            return self.bytes(len).map(Cow::Borrowed);
        }
        let mut out = Vec::new();
        while !self.ended() {
            match self.head()? {
                Head { major: piece, argument: Some(len), .. } if piece == major => {
                    out.extend_from_slice(self.bytes(len)?);
                }
                _ => return Err(self.fail("string whose pieces are not strings")),
            }
        }
        Ok(Cow::Owned(out))
    }

    fn list(&mut self, len: Option<u64>, depth: u32) -> Result<Value<'a>, Undecodable> {
        let mut list = Vec::new();
        let mut left = len;
        while self.more(&mut left) {
            self.budget.item(list.len())?;
            list.push(self.value(depth, false)?);
        }
        Ok(Value::List(list))
    }

    fn map(&mut self, len: Option<u64>, depth: u32) -> Result<Value<'a>, Undecodable> {
        let mut map = Map::default();
        let mut left = len;
        while self.more(&mut left) {
            let head = self.head()?;
            if !matches!(head.major, 2 | 3) {
                return Err(self.fail("name that is no string"));
            }
            let name = into_text(self.string(head.major, head.argument)?);
            let value = self.value(depth, false)?;
            self.budget.item(map.len())?;
            map.entries().push((name, value));
        }
        map.sort();
        Ok(Value::Object(map))
    }

    fn more(&mut self, left: &mut Option<u64>) -> bool {
        match left {
            Some(0) => false,
            Some(n) => {
                *n -= 1;
                true
            }
            None => !self.ended(),
        }
    }

    fn simple(&self, info: u8, bits: u64) -> Result<Value<'a>, Undecodable> {
        Ok(match info {
            20 => Value::Bool(false),
            21 => Value::Bool(true),
            22 | 23 => Value::Null,
            25 => Value::Float(half(bits as u16)),
            26 => Value::Float(f32::from_bits(bits as u32).into()),
            27 => Value::Float(f64::from_bits(bits)),
            _ => return Err(self.fail("unknown simple value")),
        })
    }
}

fn into_text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => text(bytes),
        Cow::Owned(bytes) => Cow::Owned(text(&bytes).into_owned()),
    }
}

/// IEEE 754 half precision.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_of_kubernetes_is_read() {
        // {"a": "x", "b": base64 of 0102, "c": [-1, 1.5, null, true], "d": {}} with text as byte strings
        let data = b"\xd9\xd9\xf7\xa4\x41a\x41x\x41b\xd6\x42\x01\x02\x61c\x84\x20\xf9\x3e\x00\xf6\xf5\x41d\xbf\xff";
        let value = parse(data).unwrap();
        assert_eq!(value.get("a"), Some(&Value::str("x")));
        assert_eq!(value.get("b"), Some(&Value::Bytes(Cow::Borrowed(&[1, 2]))));
        let list = [Value::Int(-1), Value::Float(1.5), Value::Null, Value::Bool(true)];
        assert_eq!(value.get("c"), Some(&Value::List(list.to_vec())));
        assert_eq!(value.get("d"), Some(&Value::Object(Map::default())));
    }

    #[test]
    fn broken_data_is_refused() {
        for bad in [
            &b""[..],
            b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\xa1\x01\x01",
            b"\xff",
            b"\x1c",
            b"\x00\x00",
            b"\x5f\x61a\xff",
        ] {
            assert!(parse(bad).is_err(), "{bad:02x?}");
        }
        assert_eq!(parse(&[0x81; 10_000]), Err(Undecodable::Deep));
        assert_eq!(parse(&[0xc1; 10_000]), Err(Undecodable::Deep));
    }
}
