//! CBOR, text by text.

use super::{
    fill::Form,
    visit::{MAX_DEPTH, Unreadable, Visit, Visitor},
};
use crate::bytes::window;

/// Visits the texts of the item in `data`.
pub(super) fn walk(data: &[u8], visit: Visitor<'_>) -> Result<(), Unreadable> {
    let mut walk = Walk { data, at: 0, path: Vec::new(), visit };
    walk.value(0)?;
    if walk.at < data.len() { Err(Unreadable) } else { Ok(()) }
}

struct Walk<'w, 'v> {
    data: &'w [u8],
    at: usize,
    path: Vec<String>,
    visit: Visitor<'v>,
}

const BREAK: u8 = 0xff;

impl<'w> Walk<'w, '_> {
    fn bytes(&mut self, len: u64) -> Result<&'w [u8], Unreadable> {
        let bytes = window(self.data, self.at as u64, len).ok_or(Unreadable)?;
        self.at = self.at.saturating_add(bytes.len());
        Ok(bytes)
    }

    /// The major type, and the argument: none for an indefinite length.
    fn head(&mut self) -> Result<(u8, Option<u64>), Unreadable> {
        let first = self.bytes(1)?.first().copied().unwrap_or_default();
        let more = match first & 31 {
            info @ 0..24 => return Ok((first >> 5, Some(info.into()))),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            31 => return Ok((first >> 5, None)),
            _ => return Err(Unreadable),
        };
        Ok((first >> 5, Some(self.bytes(more)?.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))))
    }

    fn more(&mut self, left: &mut Option<u64>) -> bool {
        match left {
            Some(0) => false,
            Some(n) => {
                *n = n.saturating_sub(1);
                true
            }
            None if self.data.get(self.at) == Some(&BREAK) => {
                self.at = self.at.saturating_add(1);
                false
            }
            None => true,
        }
    }

    /// The pieces of a text, each with its place.
    fn pieces(&mut self, major: u8, len: Option<u64>) -> Result<Vec<(usize, &'w [u8])>, Unreadable> {
        if let Some(len) = len {
            let at = self.at;
            return Ok(vec![(at, self.bytes(len)?)]);
        }
        let (mut pieces, mut left) = (Vec::new(), None);
        while self.more(&mut left) {
            match self.head()? {
                (piece, Some(len)) if piece == major => {
                    let at = self.at;
                    pieces.push((at, self.bytes(len)?));
                }
                _ => return Err(Unreadable),
            }
        }
        Ok(pieces)
    }

    fn value(&mut self, depth: u32) -> Result<(), Unreadable> {
        if depth > MAX_DEPTH {
            return Err(Unreadable);
        }
        let deeper = depth.saturating_add(1);
        let (major, argument) = self.head()?;
        match (major, argument) {
            (0 | 1 | 7, Some(_)) => {}
            (2 | 3, len) => {
                let pieces = self.pieces(major, len)?;
                // Pieces are not base64 each.
                let whole = pieces.len() == 1 && self.path.first().is_some_and(|name| name == "data");
                let form = if whole { Form::Base64 } else { Form::Text };
                for (at, bytes) in pieces {
                    (self.visit)(&self.path, &Visit::new(at, bytes.len(), form));
                }
            }
            (4, mut left) => {
                while self.more(&mut left) {
                    self.value(deeper)?;
                }
            }
            (5, mut left) => {
                while self.more(&mut left) {
                    let (major @ (2 | 3), len) = self.head()? else { return Err(Unreadable) };
                    let name: Vec<_> = self.pieces(major, len)?.into_iter().map(|(_, bytes)| bytes).collect();
                    self.path.push(String::from_utf8_lossy(&name.concat()).into_owned());
                    self.value(deeper)?;
                    self.path.pop();
                }
            }
            (6, Some(_)) => self.value(deeper)?,
            _ => return Err(Unreadable),
        }
        Ok(())
    }
}
