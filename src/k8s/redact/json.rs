//! JSON, text by text.

use super::{
    fill::Form,
    visit::{MAX_DEPTH, Unreadable, Visit, Visitor},
};

/// Visits the texts of the JSON in `text`, which begins at `base` of the value.
pub(super) fn walk(text: &[u8], base: usize, path: &mut Vec<String>, visit: Visitor<'_>) -> Result<(), Unreadable> {
    let mut walk = Walk { text, at: 0, base, path, visit };
    walk.value(0)?;
    walk.blanks();
    if walk.at < text.len() { Err(Unreadable) } else { Ok(()) }
}

struct Walk<'w, 'v> {
    text: &'w [u8],
    at: usize,
    base: usize,
    path: &'w mut Vec<String>,
    visit: Visitor<'v>,
}

impl Walk<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.step();
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unreadable> {
        self.blanks();
        if self.peek() != Some(byte) {
            return Err(Unreadable);
        }
        self.step();
        Ok(())
    }

    fn value(&mut self, depth: u32) -> Result<(), Unreadable> {
        if depth > MAX_DEPTH {
            return Err(Unreadable);
        }
        let deeper = depth.saturating_add(1);
        self.blanks();
        match self.peek().ok_or(Unreadable)? {
            b'"' => {
                let (start, len) = self.string()?;
                let form = if self.path.first().is_some_and(|name| name == "data") { Form::Base64 } else { Form::Text };
                (self.visit)(self.path, &Visit::new(self.base.saturating_add(start), len, form));
                Ok(())
            }
            b'{' => self.items(b'}', |walk| {
                walk.blanks();
                let start = walk.at.saturating_add(1);
                let name = walk.name()?;
                // the key of an item in managedFields, which has values in it
                if name.starts_with("k:{") || name.starts_with("v:") {
                    let len = walk.at.saturating_sub(start).saturating_sub(1);
                    (walk.visit)(walk.path, &Visit::new(walk.base.saturating_add(start), len, Form::Text));
                }
                walk.expect(b':')?;
                walk.path.push(name);
                walk.value(deeper)?;
                walk.path.pop();
                Ok(())
            }),
            b'[' => self.items(b']', |walk| walk.value(deeper)),
            b',' | b':' | b'}' | b']' => Err(Unreadable),
            _ => {
                while self.peek().is_some_and(|byte| !b" \t\n\r,]}\"[{:".contains(&byte)) {
                    self.step();
                }
                Ok(())
            }
        }
    }

    /// The items between the byte here and `end`.
    fn items(&mut self, end: u8, mut item: impl FnMut(&mut Self) -> Result<(), Unreadable>) -> Result<(), Unreadable> {
        self.step();
        self.blanks();
        if self.peek() == Some(end) {
            self.step();
            return Ok(());
        }
        loop {
            item(self)?;
            self.blanks();
            let next = self.peek();
            self.step();
            match next {
                Some(b',') => {}
                Some(byte) if byte == end => return Ok(()),
                _ => return Err(Unreadable),
            }
        }
    }

    /// Start and length of the text between the quotes.
    fn string(&mut self) -> Result<(usize, usize), Unreadable> {
        self.step();
        let start = self.at;
        loop {
            match self.peek().ok_or(Unreadable)? {
                b'"' => break,
                b'\\' => self.step(),
                _ => {}
            }
            self.step();
        }
        let len = self.at.saturating_sub(start);
        self.step();
        Ok((start, len))
    }

    fn name(&mut self) -> Result<String, Unreadable> {
        if self.peek() != Some(b'"') {
            return Err(Unreadable);
        }
        let (start, len) = self.string()?;
        let name = start.checked_add(len).and_then(|end| self.text.get(start..end)).ok_or(Unreadable)?;
        if name.contains(&b'\\') {
            return serde_json::from_slice(&[b"\"", name, b"\""].concat()).map_err(|_| Unreadable);
        }
        Ok(String::from_utf8_lossy(name).into_owned())
    }
}
