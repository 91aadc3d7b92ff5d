//! The nodes of a parsed template (`text/template/parse/node.go`), and their text for errors.

use std::fmt::{self, Display, Formatter};

use super::error::quoted;

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    Action(Pipe),
    Break,
    Continue,
    If(Branch),
    With(Branch),
    Range(Branch),
    Template { pos: usize, name: String, pipe: Option<Pipe> },
}

/// `if`, `with` or `range`, to its `end`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) list: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// Commands, each with the result of the one before as its last argument.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pipe {
    pub(super) pos: usize,
    /// `=`, not `:=`
    pub(super) assigns: bool,
    pub(super) variables: Vec<String>,
    pub(super) commands: Vec<Command>,
}

/// A value, or a function with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command(pub(super) Vec<Operand>);

/// A word of a command, with its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operand {
    pub(super) pos: usize,
    pub(super) term: Term,
}

/// The kinds of words.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    Bool(bool),
    Dot,
    Nil,
    Number(String, Number),
    Text { quoted: String, text: String },
    Field(Vec<String>),
    Variable(String, Vec<String>),
    Function(String),
    Pipe(Box<Pipe>),
    Chain(Box<Operand>, Vec<String>),
}

/// A constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
    /// An integer beyond `int`.
    Overflow,
}

fn fields(f: &mut Formatter<'_>, fields: &[String]) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.term {
            Term::Bool(is) => write!(f, "{is}"),
            Term::Dot => f.write_str("."),
            Term::Nil => f.write_str("nil"),
            Term::Number(text, _) | Term::Function(text) => f.write_str(text),
            Term::Text { quoted, .. } => f.write_str(quoted),
            Term::Field(names) => fields(f, names),
            Term::Variable(name, names) => {
                f.write_str(name)?;
                fields(f, names)
            }
            Term::Pipe(pipe) => write!(f, "({pipe})"),
            Term::Chain(operand, names) => {
                write!(f, "{operand}")?;
                fields(f, names)
            }
        }
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(i, operand)| {
            let blank = if i > 0 { " " } else { "" };
            write!(f, "{blank}{operand}")
        })
    }
}

impl Display for Pipe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = if self.assigns { "=" } else { ":=" };
            write!(f, "{} {sign} ", self.variables.join(", "))?;
        }
        self.commands.iter().enumerate().try_for_each(|(i, command)| {
            let pipe = if i > 0 { " | " } else { "" };
            write!(f, "{pipe}{command}")
        })
    }
}

/// `{{template "name" pipe}}`
pub(super) fn call(name: &str, pipe: Option<&Pipe>) -> String {
    let pipe = pipe.map_or(String::new(), |pipe| format!(" {pipe}"));
    format!("{{{{template {}{pipe}}}}}", quoted(name))
}
