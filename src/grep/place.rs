//! Where in an object is searched: `spec.**.image`.

use crate::{Error, Result};

/// The most parts of a place.
const MOST: usize = 60;

/// A path in an object: names, `*` for one name, `**` for any number of them. Lists count for nothing: the fields of
/// their items follow the list's name. What is below the place belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Name(String),
    One,
    Any,
}

/// How far a walk has come into a place: a bit for each number of parts that may lie behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress(u64);

impl Place {
    /// Reads a place: `spec.**.image`, `.metadata.labels['app.kubernetes.io/name']`, `data.*`.
    ///
    /// # Errors
    /// When it has an empty name, or too many parts.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::usage(format!("--path {text}: {what}")).hinted("such as spec.**.image or metadata.labels['a.b/c']")
        };
        let (mut parts, mut rest) = (Vec::new(), text.strip_prefix('.').unwrap_or(text));
        while !rest.is_empty() {
            let name;
            if let Some(quoted) = rest.strip_prefix("['") {
                let (inside, after) = quoted.split_once("']").ok_or_else(|| wrong("a ['name'] that does not end"))?;
                parts.push(Part::Name(inside.to_owned()));
                rest = after;
            } else if let Some(index) = rest.strip_prefix('[') {
                rest = index.split_once(']').ok_or_else(|| wrong("a [ that does not end"))?.1;
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                (name, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
                parts.push(match name {
                    "" => return Err(wrong("an empty name")),
                    "*" => Part::One,
                    "**" => Part::Any,
                    name => Part::Name(name.to_owned()),
                });
            }
            if let Some(after) = rest.strip_prefix('.') {
                if after.is_empty() {
                    return Err(wrong("an empty name"));
                }
                rest = after;
            }
        }
        if parts.is_empty() || parts.len() > MOST {
            return Err(wrong("the path of a field"));
        }
        Ok(Self(parts))
    }

    /// At the object itself.
    pub(super) fn start(&self) -> Progress {
        self.past_any(1)
    }

    /// Below the field `name`.
    pub(super) fn step(&self, progress: Progress, name: &str) -> Progress {
        let mut next = 0_u64;
        for at in 0..=self.0.len() {
            let bit = bit(at);
            if progress.0 & bit == 0 {
                continue;
            }
            next |= match self.0.get(at) {
                // below the place
                None => bit,
                Some(Part::Any) => bit,
                Some(Part::One) => bit << 1,
                Some(Part::Name(wanted)) if wanted == name => bit << 1,
                Some(Part::Name(_)) => 0,
            };
        }
        self.past_any(next)
    }

    /// Whether this is the place, or below it.
    pub(super) fn is_here(&self, progress: Progress) -> bool {
        progress.0 & bit(self.0.len()) != 0
    }

    /// `**` may also be nothing.
    fn past_any(&self, mut bits: u64) -> Progress {
        for (at, part) in self.0.iter().enumerate() {
            if *part == Part::Any && bits & bit(at) != 0 {
                bits |= bit(at) << 1;
            }
        }
        Progress(bits)
    }
}

fn bit(at: usize) -> u64 {
    u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_at(place: &str, path: &[&str]) -> bool {
        let place = Place::parse(place).unwrap();
        let end = path.iter().fold(place.start(), |progress, name| place.step(progress, name));
        place.is_here(end)
    }

    #[test]
    fn stars_are_for_names() {
        let image = ["spec", "template", "spec", "containers", "image"];
        for place in ["spec.**.image", "**.image", "spec", ".spec.template", "**", "*.template.**.containers[*].image"]
        {
            assert!(is_at(place, &image), "{place}");
        }
        for place in ["spec.image", "*.image", "status", "spec.**.images", "spec.**.image.**.x"] {
            assert!(!is_at(place, &image), "{place}");
        }
        assert!(is_at("spec.**.image", &["spec", "image"]) && is_at("data.*", &["data", "a.b"]));
        assert!(is_at("metadata.labels['a.b/c']", &["metadata", "labels", "a.b/c"]));
        for wrong in ["", ".", "a..b", "a.", "a['b", "a[0"] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }
}
