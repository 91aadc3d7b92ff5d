//! The place of a field in an object, for a decoder.

use super::error::Undecodable;

/// Messages nested deeper are refused; only `JSONSchemaProps` can nest at all.
const MAX_DEPTH: u32 = 128;

/// Place of the decoder, as a list of names on the stack: a path is only formatted for an unknown field.
#[derive(Clone, Copy)]
pub(super) struct Path<'p> {
    owner: Option<&'p Self>,
    name: &'p str,
    depth: u32,
}

impl<'p> Path<'p> {
    pub(super) const ROOT: Path<'static> = Path { owner: None, name: "", depth: 0 };

    pub(super) fn then(&'p self, name: &'p str) -> Result<Self, Undecodable> {
        if self.depth >= MAX_DEPTH {
            return Err(Undecodable::Deep);
        }
        Ok(Self { owner: Some(self), name, depth: self.depth.saturating_add(1) })
    }

    /// Whether this is the object itself.
    pub(super) fn is_root(&self) -> bool {
        self.depth == 0
    }

    /// Whether the path consists of exactly these names, outermost first.
    pub(super) fn is(&self, names: &[&str]) -> bool {
        let mut at = Some(self).filter(|path| path.depth as usize == names.len());
        names.iter().rev().all(|name| match at {
            Some(path) if path.name == *name => {
                at = path.owner;
                true
            }
            _ => false,
        })
    }

    pub(super) fn spell(&self) -> String {
        let mut names = Vec::new();
        let mut at = Some(self);
        while let Some(path) = at {
            if !path.name.is_empty() {
                names.push(path.name);
            }
            at = path.owner;
        }
        names.reverse();
        names.join(".")
    }
}
