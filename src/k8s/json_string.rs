//! Strings in JSON text, with their escapes.

use std::borrow::Cow;

use super::{error::Undecodable, json_read::Parser, value::text};

impl<'a> Parser<'a, '_> {
    /// Passes over the text at this place.
    pub(super) fn pass_string(&mut self) -> Result<(), Undecodable> {
        let rest = self.data.get(self.at.saturating_add(1)..).unwrap_or_default();
        match special(rest).map(|end| (end, rest.get(end))) {
            Some((end, Some(b'"'))) => {
                self.at = self.at.saturating_add(end).saturating_add(2);
                Ok(())
            }
            _ => self.string().map(drop),
        }
    }

    /// The text at this place.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Undecodable> {
        self.step();
        let rest = self.data.get(self.at..).unwrap_or_default();
        let Some(end) = special(rest) else { return Err(self.fail("string without an end")) };
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
            let Some(len) = special(rest) else { return Err(self.fail("string without an end")) };
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

/// The place of the first quotation mark, backslash or control character, found eight bytes at a time.
#[inline]
fn special(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    // the lowest bit that is set is that of the first byte that is less than `n`
    let less = |word: u64, n: u8| word.wrapping_sub(ONES.wrapping_mul(n.into())) & !word & HIGH;
    let is = |word: u64, byte: u8| less(word ^ ONES.wrapping_mul(byte.into()), 1);
    let (words, rest) = text.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = is(word, b'"') | is(word, b'\\') | less(word, 0x20);
        if found != 0 {
            return Some(n.saturating_mul(8).saturating_add((found.trailing_zeros() / 8) as usize));
        }
    }
    let found = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20))?;
    Some(text.len().saturating_sub(rest.len()).saturating_add(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_byte_is_found() {
        for len in 0..20 {
            let plain = [b'a', 0x7f, 0xa2, 0xff, 0x80, b'!', b'#', b'['].repeat(3)[..len].to_vec();
            assert_eq!(special(&plain), None);
            for at in 0..len {
                for byte in 0..=255 {
                    let mut text = plain.clone();
                    text[at] = byte;
                    let want = matches!(byte, b'"' | b'\\' | 0..0x20).then_some(at);
                    assert_eq!(special(&text), want, "{text:?}");
                    // and not a later one
                    text.extend(b"\"\\\0\x1f");
                    assert_eq!(special(&text), want.or(Some(len)), "{text:?}");
                }
            }
        }
    }
}
