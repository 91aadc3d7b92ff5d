//! JSON text into [`Value`]s that borrow from it, as tolerant as Go: the last of two equal names wins,
//! bytes that are not UTF-8 and lone surrogates become U+FFFD.

use std::borrow::Cow;

use super::{
    budget::Budget,
    error::Undecodable,
    value::{Map, Value},
};

/// Nesting deeper than this is refused: far beyond any object, and safe for the stack of a thread.
const MAX_DEPTH: u32 = 400;

/// Decodes the one value in `data`.
pub(super) fn parse(data: &[u8]) -> Result<Value<'_>, Undecodable> {
    parse_within(data, &mut Budget::default())
}

/// Decodes the one value in `data`, which is a part of an object.
pub(super) fn parse_within<'a>(data: &'a [u8], budget: &mut Budget) -> Result<Value<'a>, Undecodable> {
    let mut parser = Parser::new(data, budget);
    let value = parser.value(0)?;
    parser.end()?;
    Ok(value)
}

/// The place in a text up to which it was read.
pub(super) struct Parser<'a, 'b> {
    pub(super) data: &'a [u8],
    pub(super) at: usize,
    pub(super) budget: &'b mut Budget,
}

impl<'a, 'b> Parser<'a, 'b> {
    /// A parser at the start of `data`, which holds one value.
    pub(super) fn new(data: &'a [u8], budget: &'b mut Budget) -> Self {
        Self { data, at: 0, budget }
    }

    /// Checks that nothing follows the value.
    pub(super) fn end(&mut self) -> Result<(), Undecodable> {
        self.space();
        if self.at < self.data.len() {
            return Err(self.fail("something after the value"));
        }
        Ok(())
    }

    #[cold]
    pub(super) fn fail(&self, what: &'static str) -> Undecodable {
        Undecodable::Json { what, at: self.at }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.data.get(self.at).copied()
    }

    pub(super) fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.step();
        }
    }

    pub(super) fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Undecodable> {
        self.space();
        if self.peek() != Some(byte) {
            return Err(self.fail(what));
        }
        self.step();
        Ok(())
    }

    pub(super) fn value(&mut self, depth: u32) -> Result<Value<'a>, Undecodable> {
        if self.is_too_deep(depth) {
            return Err(Undecodable::Deep);
        }
        self.space();
        match self.peek() {
            Some(b'{') => {
                let mut map = Map::default();
                self.members(depth, |parser, name, depth| {
                    let value = parser.value(depth)?;
                    parser.budget.item(map.len())?;
                    map.entries().push((name, value));
                    Ok(())
                })?;
                map.sort();
                Ok(Value::Object(map))
            }
            Some(b'[') => {
                let mut list = Vec::new();
                self.items(depth, |parser, depth| {
                    parser.budget.item(list.len())?;
                    list.push(parser.value(depth)?);
                    Ok(())
                })?;
                Ok(Value::List(list))
            }
            Some(b'"') => self.string().map(Value::Str),
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'n') => self.word(b"null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.fail("no value")),
            None => Err(self.fail("end of the text")),
        }
    }

    /// Whether a value at this depth is refused.
    pub(super) fn is_too_deep(&self, depth: u32) -> bool {
        depth > MAX_DEPTH
    }

    fn word(&mut self, word: &[u8], value: Value<'a>) -> Result<Value<'a>, Undecodable> {
        if !self.data.get(self.at..).unwrap_or_default().starts_with(word) {
            return Err(self.fail("no value"));
        }
        self.at = self.at.saturating_add(word.len());
        Ok(value)
    }

    /// Calls `each` with the names of the members of the object at this place; it reads the member's value, which is at
    /// the depth that it gets.
    pub(super) fn members(
        &mut self,
        depth: u32,
        mut each: impl FnMut(&mut Self, Cow<'a, str>, u32) -> Result<(), Undecodable>,
    ) -> Result<(), Undecodable> {
        self.members_until(depth, |parser, name, depth| each(parser, name, depth).map(|()| false)).map(drop)
    }

    /// As [`Parser::members`], up to the first member for which `each` returns true: the rest is not read. Returns
    /// whether there is one.
    #[inline]
    pub(super) fn members_until(
        &mut self,
        depth: u32,
        mut each: impl FnMut(&mut Self, Cow<'a, str>, u32) -> Result<bool, Undecodable>,
    ) -> Result<bool, Undecodable> {
        self.step();
        self.space();
        if self.peek() == Some(b'}') {
            self.step();
            return Ok(false);
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.fail("no name"));
            }
            let name = self.string()?;
            self.expect(b':', "no colon after a name")?;
            if each(self, name, depth.saturating_add(1))? {
                return Ok(true);
            }
            self.space();
            match self.peek() {
                Some(b',') => self.step(),
                Some(b'}') => break,
                _ => return Err(self.fail("object without an end")),
            }
        }
        self.step();
        Ok(false)
    }

    /// Calls `each` for the items of the list at this place, as [`Parser::members`] does for an object.
    pub(super) fn items(
        &mut self,
        depth: u32,
        mut each: impl FnMut(&mut Self, u32) -> Result<(), Undecodable>,
    ) -> Result<(), Undecodable> {
        self.step();
        self.space();
        if self.peek() == Some(b']') {
            self.step();
            return Ok(());
        }
        loop {
            each(self, depth.saturating_add(1))?;
            self.space();
            match self.peek() {
                Some(b',') => self.step(),
                Some(b']') => break,
                _ => return Err(self.fail("list without an end")),
            }
        }
        self.step();
        Ok(())
    }

    fn number(&mut self) -> Result<Value<'a>, Undecodable> {
        let rest = self.data.get(self.at..).unwrap_or_default();
        let len = rest.iter().take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
        let number = rest.get(..len).and_then(|n| std::str::from_utf8(n).ok()).unwrap_or_default();
        if !is_number(number.as_bytes()) {
            return Err(self.fail("malformed number"));
        }
        let value = if let Ok(n) = number.parse::<i64>() {
            Value::Int(n)
        } else if let Ok(n) = number.parse::<u64>() {
            Value::UInt(n)
        } else {
            match number.parse::<f64>() {
                Ok(n) if n.is_finite() => Value::Float(n),
                _ => return Err(self.fail("number too large")),
            }
        };
        self.at = self.at.saturating_add(len);
        Ok(value)
    }
}

/// `-? (0 | [1-9] digits) (. digits)? ([eE] [+-]? digits)?`
fn is_number(text: &[u8]) -> bool {
    let digits = |s: &[u8]| s.iter().take_while(|b| b.is_ascii_digit()).count();
    let after = |s, n| <[u8]>::get(s, n..).unwrap_or_default();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || whole > 1 && rest.first() == Some(&b'0') {
        return false;
    }
    rest = after(rest, whole);
    if let Some(fraction) = rest.strip_prefix(b".") {
        let n = digits(fraction);
        if n == 0 {
            return false;
        }
        rest = after(fraction, n);
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let n = digits(exponent);
        return n > 0 && after(exponent, n).is_empty();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        let value =
            parse(br#" {"b":[1,-2,1.5,18446744073709551615,null,true],"a":"x\n\u00e9\ud83d\ude00\ud800\/","b2":{}} "#)
                .unwrap();
        assert_eq!(value.get("a"), Some(&Value::str("x\né😀\u{fffd}/")));
        let list =
            [Value::Int(1), Value::Int(-2), Value::Float(1.5), Value::UInt(u64::MAX), Value::Null, Value::Bool(true)];
        assert_eq!(value.get("b"), Some(&Value::List(list.to_vec())));
        assert_eq!(parse(br#"{"a":1,"a":2}"#).unwrap().get("a"), Some(&Value::Int(2)));
        assert_eq!(parse(b"\"a\xffb\""), Ok(Value::str("a\u{fffd}b")));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for bad in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "01",
            "1.",
            "1e",
            "-",
            "nul",
            "\"\n\"",
            "\"\\x\"",
            "1 2",
            "\"\\u12g4\"",
            "1e999",
            "{a:1}",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(parse("[".repeat(100_000).as_bytes()), Err(Undecodable::Deep));
    }
}
