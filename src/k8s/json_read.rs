//! JSON text into [`Value`]s that borrow from it, as tolerant as Go: the last of two equal names wins,
//! bytes that are not UTF-8 and lone surrogates become U+FFFD.

use std::borrow::Cow;

use super::{
    budget::Budget,
    error::Undecodable,
    value::{Map, Value, text},
};

/// Nesting deeper than this is refused: far beyond any object, and safe for the stack of a thread.
const MAX_DEPTH: u32 = 400;

/// Decodes the one value in `data`.
pub(super) fn parse(data: &[u8]) -> Result<Value<'_>, Undecodable> {
    parse_within(data, &mut Budget::default())
}

/// Decodes the one value in `data`, which is a part of an object.
pub(super) fn parse_within<'a>(data: &'a [u8], budget: &mut Budget) -> Result<Value<'a>, Undecodable> {
    let mut parser = Parser { data, at: 0, budget };
    let value = parser.value(0)?;
    parser.space();
    if parser.at < data.len() {
        return Err(parser.fail("something after the value"));
    }
    Ok(value)
}

struct Parser<'a, 'b> {
    data: &'a [u8],
    at: usize,
    budget: &'b mut Budget,
}

impl<'a> Parser<'a, '_> {
    #[cold]
    fn fail(&self, what: &'static str) -> Undecodable {
        Undecodable::Json { what, at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.data.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.step();
        }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Undecodable> {
        self.space();
        if self.peek() != Some(byte) {
            return Err(self.fail(what));
        }
        self.step();
        Ok(())
    }

    fn value(&mut self, depth: u32) -> Result<Value<'a>, Undecodable> {
        if depth > MAX_DEPTH {
            return Err(Undecodable::Deep);
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Value::Str),
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'n') => self.word(b"null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.fail("no value")),
            None => Err(self.fail("end of the text")),
        }
    }

    fn word(&mut self, word: &[u8], value: Value<'a>) -> Result<Value<'a>, Undecodable> {
        if !self.data.get(self.at..).unwrap_or_default().starts_with(word) {
            return Err(self.fail("no value"));
        }
        self.at = self.at.saturating_add(word.len());
        Ok(value)
    }

    fn object(&mut self, depth: u32) -> Result<Value<'a>, Undecodable> {
        let mut map = Map::default();
        self.step();
        self.space();
        if self.peek() == Some(b'}') {
            self.step();
            return Ok(Value::Object(map));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.fail("no name"));
            }
            let name = self.string()?;
            self.expect(b':', "no colon after a name")?;
            let value = self.value(depth.saturating_add(1))?;
            self.budget.item(map.len())?;
            map.entries().push((name, value));
            self.space();
            match self.peek() {
                Some(b',') => self.step(),
                Some(b'}') => break,
                _ => return Err(self.fail("object without an end")),
            }
        }
        self.step();
        map.sort();
        Ok(Value::Object(map))
    }

    fn list(&mut self, depth: u32) -> Result<Value<'a>, Undecodable> {
        let mut list = Vec::new();
        self.step();
        self.space();
        if self.peek() == Some(b']') {
            self.step();
            return Ok(Value::List(list));
        }
        loop {
            self.budget.item(list.len())?;
            list.push(self.value(depth.saturating_add(1))?);
            self.space();
            match self.peek() {
                Some(b',') => self.step(),
                Some(b']') => break,
                _ => return Err(self.fail("list without an end")),
            }
        }
        self.step();
        Ok(Value::List(list))
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

    fn string(&mut self) -> Result<Cow<'a, str>, Undecodable> {
        self.step();
        let rest = self.data.get(self.at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20)) else {
            return Err(self.fail("string without an end"));
        };
        let plain = rest.get(..end).unwrap_or_default();
        self.at = self.at.saturating_add(end);
        if self.peek() == Some(b'"') {
            self.step();
            return Ok(text(plain));
        }
        let mut out = text(plain).into_owned();
        self.escaped(&mut out)?;
        Ok(Cow::Owned(out))
    }

    /// The rest of a string that has escapes.
    fn escaped(&mut self, out: &mut String) -> Result<(), Undecodable> {
        loop {
            let rest = self.data.get(self.at..).unwrap_or_default();
            let Some(len) = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20)) else {
                return Err(self.fail("string without an end"));
            };
            out.push_str(&text(rest.get(..len).unwrap_or_default()));
            self.at = self.at.saturating_add(len);
            match self.peek() {
                Some(b'"') => {
                    self.step();
                    return Ok(());
                }
                Some(b'\\') => {
                    self.step();
                    out.push(self.escape()?);
                }
                _ => return Err(self.fail("control character in a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Undecodable> {
        let c = match self.peek() {
            Some(b'n') => '\n',
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'u') => {
                self.step();
                return self.unicode();
            }
            _ => return Err(self.fail("unknown escape")),
        };
        self.step();
        Ok(c)
    }

    fn unicode(&mut self) -> Result<char, Undecodable> {
        let high = self.hex4().ok_or_else(|| self.fail("malformed \\u escape"))?;
        self.at = self.at.saturating_add(4);
        if (0xd800..0xdc00).contains(&high) && self.data.get(self.at..).unwrap_or_default().starts_with(b"\\u") {
            let back = self.at;
            self.at = self.at.saturating_add(2);
            if let Some(low @ 0xdc00..0xe000) = self.hex4() {
                self.at = self.at.saturating_add(4);
                let code = 0x10000_u32.saturating_add((high & 0x3ff) << 10 | low & 0x3ff);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = back;
        }
        Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&self) -> Option<u32> {
        let digits = self.data.get(self.at..)?.first_chunk::<4>()?;
        digits.iter().try_fold(0, |code, d| Some(code << 4 | char::from(*d).to_digit(16)?))
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
