//! The pattern: a regular expression, and the text that every match of it begins with.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::{
    ParserBuilder,
    hir::literal::{Extractor, Seq},
};

use crate::{Error, Result, k8s::Stored};

/// How a pattern is read, as grep's flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Words {
    /// The pattern is text, not an expression.
    pub fixed: bool,
    /// Upper and lower case are the same.
    pub ignore_case: bool,
    /// A match begins and ends at the edge of a word.
    pub word: bool,
}

/// A pattern. The expression is matched in linear time, and is limited in size by the crate regex.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    /// Finds the beginnings of matches; `None` where any value may match.
    begins: Option<Regex>,
}

/// A text shorter than this is in most values.
const SHORTEST: usize = 3;

impl Pattern {
    /// Compiles a pattern in the syntax of the crate regex.
    ///
    /// # Errors
    /// When it is no regular expression, or too large.
    pub fn new(pattern: &str, words: Words) -> Result<Self> {
        let text = if words.fixed { regex::escape(pattern) } else { pattern.to_owned() };
        let whole = if words.word { format!(r"\b{{start-half}}(?:{text})\b{{end-half}}") } else { text.clone() };
        let build = |text: &str, ignore_case| RegexBuilder::new(text).case_insensitive(ignore_case).build();
        // its own message first: the pattern with `-w` around it is not what was typed
        let regex = build(&text, words.ignore_case).and_then(|_| build(&whole, words.ignore_case));
        let regex = regex.map_err(|error| {
            let error = Error::usage(format!("the pattern is not a regular expression: {error}"));
            error.hinted("-F searches for the text as it is")
        })?;
        let begins = beginnings(&text, words.ignore_case).and_then(|texts| {
            let texts: Vec<_> = texts.iter().map(|text| regex::escape(text)).collect();
            build(&texts.join("|"), false).ok()
        });
        Ok(Self { regex, begins })
    }

    /// Whether it is in `line`.
    #[must_use]
    pub fn is_in(&self, line: &[u8]) -> bool {
        self.regex.is_match(line)
    }

    /// The places of the matches in `bytes`.
    pub(super) fn places<'b>(&'b self, bytes: &'b [u8]) -> impl Iterator<Item = (usize, usize)> + 'b {
        self.regex.find_iter(bytes).map(|found| (found.start(), found.end()))
    }

    /// Whether a string in a stored value may match.
    #[must_use]
    pub(super) fn may_be_in(&self, value: &[u8], is_secret: bool) -> bool {
        let Some(begins) = &self.begins else { return true };
        let has_escapes = || memchr::memchr(b'\\', value).is_some();
        match Stored::new(value) {
            Ok(Stored::Opaque) => begins.is_match(value),
            // JSON within protobuf, such as the data of a ControllerRevision
            Ok(Stored::Protobuf(of)) => begins.is_match(value) || of.may_hold_json() && has_escapes(),
            // escapes, and a Secret's base64
            Ok(Stored::Json(_)) => is_secret || begins.is_match(value) || has_escapes(),
            _ => true,
        }
    }

    /// The same pattern, with every value decoded.
    #[must_use]
    pub fn without_prefilter(self) -> Self {
        Self { begins: None, ..self }
    }
}

/// The texts of which every match begins with one; `None` where there are none, or they may be in a value in another
/// form: times, durations and numbers.
fn beginnings(pattern: &str, ignore_case: bool) -> Option<Vec<String>> {
    let hir = ParserBuilder::new().utf8(false).case_insensitive(ignore_case).build().parse(pattern).ok()?;
    let mut texts: Seq = Extractor::new().extract(&hir);
    texts.optimize_for_prefix_by_preference();
    let texts = texts.literals()?;
    let computed = |c: char| c.is_ascii_digit() || "TZ:.+-hmsunµ".contains(c) || c == char::REPLACEMENT_CHARACTER;
    let texts: Option<Vec<_>> = texts.iter().map(|text| String::from_utf8(text.as_bytes().to_vec()).ok()).collect();
    texts.filter(|texts| {
        !texts.is_empty() && texts.iter().all(|text| text.len() >= SHORTEST && !text.chars().all(computed))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginnings_of_a_pattern_are_those_of_every_match() {
        let of = |pattern: &str, i| {
            beginnings(pattern, i).map(|mut texts| {
                texts.sort();
                texts
            })
        };
        assert_eq!(of("nginx", false), Some(vec!["nginx".to_owned()]));
        assert_eq!(of("nginx:1.*x|redis", false), Some(vec!["nginx:1".to_owned(), "redis".to_owned()]));
        assert_eq!(of("^listen ", false), Some(vec!["listen ".to_owned()]));
        assert!(of("abc", true).is_some_and(|texts| texts.contains(&"aBc".to_owned())));
        for none in [".*password", "ab", "2026-11-21T", "a|password", "[a-z]+", "", "10.1.2.3"] {
            assert_eq!(of(none, false), None, "{none}");
        }
    }

    #[test]
    fn words_and_text_are_as_in_grep() {
        let is = |pattern, words, line: &str| Pattern::new(pattern, words).unwrap().is_in(line.as_bytes());
        let (fixed, word) = (Words { fixed: true, ..Words::default() }, Words { word: true, ..Words::default() });
        assert!(is("a.c", fixed, "xa.cx") && !is("a.c", fixed, "abc") && is("a.c", Words::default(), "abc"));
        assert!(is("web", word, "a web b") && is("web", word, "a-web") && !is("web", word, "webs"));
        assert!(is("WEB", Words { ignore_case: true, ..Words::default() }, "web"));
    }

    #[test]
    fn a_pattern_that_explodes_is_refused() {
        let error = Pattern::new(&"(a{1000}){1000}".repeat(2), Words::default()).unwrap_err();
        assert!(error.to_string().contains("exceeds size limit"), "{error}");
        assert!(Pattern::new("(", Words::default()).is_err());
        let nested = format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(Pattern::new(&nested, Words::default()).is_err());
    }
}
