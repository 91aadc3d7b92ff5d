//! What to do next, and the commands that do it.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    ops::Deref,
    os::unix::ffi::OsStrExt as _,
};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::bytes::{escape, shell};

/// A command to run next: a program and its arguments. Displayed, it is a line that a shell takes; in JSON it is the
/// array of its words.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    words: Vec<OsString>,
    remark: &'static str,
}

impl Call {
    /// The command that begins with these `words`, which are separated by blanks: `etcdsnap bolt page`.
    #[must_use]
    pub fn new(words: &str) -> Self {
        Self { words: words.split_ascii_whitespace().map(Into::into).collect(), remark: "" }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(word.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        words.into_iter().fold(self, Self::arg)
    }

    /// Adds the option `name` with its `value`, as two words, where there is a value.
    #[must_use]
    pub fn option(self, name: &str, value: Option<impl AsRef<OsStr>>) -> Self {
        match value {
            Some(value) => self.arg(name).arg(value),
            None => self,
        }
    }

    /// Adds a remark, which is printed after the command as a comment of the shell.
    #[must_use]
    pub fn remark(self, remark: &'static str) -> Self {
        Self { remark, ..self }
    }

    /// The program and its arguments.
    #[must_use]
    pub fn words(&self) -> &[OsString] {
        &self.words
    }

    /// The command followed by `what`, such as "lists them all".
    #[must_use]
    pub fn that(self, what: impl fmt::Display) -> Advice {
        Advice { text: format!("`{self}` {what}"), calls: vec![self] }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, word) in self.words.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { " " })?;
            // of --name=value only the value is in quotes
            match word.to_str().and_then(|word| word.split_once('=')).filter(|(name, _)| name.starts_with("--")) {
                Some((name, value)) => write!(f, "{}={}", shell(name), shell(value))?,
                None => f.write_str(&shell(word))?,
            }
        }
        match self.remark {
            "" => Ok(()),
            remark => write!(f, "   # {remark}"),
        }
    }
}

/// Its words; bytes that are not UTF-8 as `\xNN`.
impl Serialize for Call {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = |word: &OsString| word.to_str().map_or_else(|| escape(word.as_bytes()), str::to_owned);
        serializer.collect_seq(self.words.iter().map(text))
    }
}

/// What to do next, in words, and the commands that are named in them. It is used as its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Advice {
    text: String,
    calls: Vec<Call>,
}

impl Advice {
    /// Text in which each command line is in backquotes, and its words are separated by blanks: "`etcdsnap status FILE`
    /// prints what a file is". A command on a line of its own, two blanks in, is shown without them.
    #[must_use]
    pub fn quoting(text: &str) -> Self {
        Self::filled(text, |_, _| None)
    }

    /// The same, with a word of the caller's where `fill` has one, for the words of a command before a word and that
    /// word: `FILE`.
    #[must_use]
    pub fn filled(text: &str, fill: impl Fn(&[OsString], &str) -> Option<OsString>) -> Self {
        let (mut shown, mut calls, mut is_call) = (String::new(), Vec::new(), false);
        for part in text.split('`') {
            let (mut text, mut call) = (part.to_owned(), Call::new(""));
            for word in part.split_ascii_whitespace().filter(|_| is_call) {
                let filled = fill(&call.words, word);
                call = call.arg(filled.as_deref().unwrap_or(OsStr::new(word)));
            }
            if call.words != Call::new(part).words && is_call {
                text = call.to_string();
            }
            // a command on a line of its own needs no mark
            let mark = if is_call && !shown.ends_with("\n  ") { "`" } else { "" };
            shown.extend([mark, &text, mark]);
            calls.extend(Some(call).filter(|_| is_call));
            is_call = !is_call;
        }
        Self { text: shown, calls }
    }

    /// Adds a command at the end, after a blank.
    #[must_use]
    pub fn call(self, call: Call) -> Self {
        self.joined(" ", call)
    }

    /// Adds commands, each on a line of its own.
    #[must_use]
    pub fn lines(self, calls: impl IntoIterator<Item = Call>) -> Self {
        calls.into_iter().fold(self, |advice, call| advice.joined("\n  ", call))
    }

    fn joined(mut self, between: &str, call: Call) -> Self {
        self.text.extend([between, &call.to_string()]);
        self.calls.push(call);
        self
    }

    /// Adds words at the end.
    #[must_use]
    pub fn and(mut self, text: impl AsRef<str>) -> Self {
        self.text.push_str(text.as_ref());
        self
    }

    /// The commands that are named.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }
}

impl From<&str> for Advice {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for Advice {
    fn from(text: String) -> Self {
        Self { text, calls: Vec::new() }
    }
}

impl From<Call> for Advice {
    fn from(call: Call) -> Self {
        Self { text: call.to_string(), calls: vec![call] }
    }
}

impl Deref for Advice {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Its text.
impl Serialize for Advice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// The steps that follow a command. In JSON they are two fields of the document: `next` has each as text, `commands`
/// the words of each command in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Next(pub Vec<Advice>);

impl<T: Into<Advice>> FromIterator<T> for Next {
    fn from_iter<I: IntoIterator<Item = T>>(steps: I) -> Self {
        Self(steps.into_iter().map(Into::into).collect())
    }
}

impl Serialize for Next {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Next", 2)?;
        fields.serialize_field("next", &self.0)?;
        fields.serialize_field("commands", &self.0.iter().flat_map(Advice::calls).collect::<Vec<_>>())?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_lines_for_a_shell_and_words_in_json() {
        let none: Option<&str> = None;
        let call = Call::new("etcd --name").arg("it's").option("--wal-dir", none).arg("--key-file=/a b").arg("");
        assert_eq!(call.to_string(), r"etcd --name 'it'\''s' --key-file='/a b' ''");
        let call = call.option("--data-dir", Some(OsStr::from_bytes(b"\xff\n"))).remark("then wait");
        assert!(call.to_string().ends_with(r"--data-dir $'\xff\x0a'   # then wait"), "{call}");
        assert_eq!(
            serde_json::to_string(&call).unwrap(),
            r#"["etcd","--name","it's","--key-file=/a b","","--data-dir","\\xff\\x0a"]"#
        );
    }

    #[test]
    fn advice_is_text_that_knows_its_commands() {
        let (one, two) = (Call::new("a 1"), Call::new("b 2"));
        let advice = one.clone().that("lists them").and("; or").call(two.clone());
        assert_eq!(&*advice, "`a 1` lists them; or b 2");
        assert_eq!(advice.calls(), [one.clone(), two.clone()]);
        assert_eq!(Advice::from("one of").lines([one, two]).to_string(), "one of\n  a 1\n  b 2");
        let filled = Advice::filled("FILE: `a FILE` lists it", |before, word| {
            (before.len() == 1 && word == "FILE").then(|| "my file".into())
        });
        assert_eq!((&*filled, filled.calls()), ("FILE: `a 'my file'` lists it", &[Call::new("a").arg("my file")][..]));
        let next: Next = [Advice::from(Call::new("a 1")), "wait".into()].into_iter().collect();
        assert_eq!(serde_json::to_string(&next).unwrap(), r#"{"next":["a 1","wait"],"commands":[["a","1"]]}"#);
    }
}
