//! Parsing of templates (`text/template/parse/parse.go`).

mod pipeline;

use std::collections::BTreeMap;

use super::{
    error::{SyntaxError, quoted},
    lexer::tokens,
    node::{Branch, Node},
    token::{Kind, Token},
};
use crate::select::jsonpath::unquote;

/// Limit on the nesting of parts.
const DEPTH: usize = 100;

type Parsed<T> = Result<T, SyntaxError>;

/// Parses the templates of a text, by name; that of the text itself is `output`.
pub(super) fn parse(text: &str) -> Parsed<BTreeMap<String, Vec<Node>>> {
    let mut parser = Parser {
        tokens: tokens(text),
        at: 0,
        read: 0,
        action: 0,
        variables: vec!["$".to_owned()],
        ranges: 0,
        depth: 0,
        templates: BTreeMap::new(),
    };
    let root = parser.root()?;
    parser.add("output".to_owned(), root)?;
    Ok(parser.templates)
}

struct Parser {
    tokens: Vec<Token>,
    /// The next token.
    at: usize,
    /// The last token that was read.
    read: usize,
    /// The line where the action begins; 0 outside.
    action: usize,
    variables: Vec<String>,
    /// Number of enclosing ranges.
    ranges: usize,
    depth: usize,
    templates: BTreeMap<String, Vec<Node>>,
}

/// The actions that end a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    End,
    Else,
}

/// The next part of a list, or its end.
enum Part {
    Node(Node),
    End(End),
    /// A definition, which is not in a list.
    Nothing,
}

impl Parser {
    fn peek(&mut self) -> Token {
        self.read = self.read.max(self.at.min(self.tokens.len().saturating_sub(1)));
        let end = || Token { kind: Kind::Eof, pos: 0, line: 1, text: String::new() };
        // the last one is the end, or an error
        self.tokens.get(self.at).or(self.tokens.last()).cloned().unwrap_or_else(end)
    }

    fn next(&mut self) -> Token {
        let token = self.peek();
        self.at = self.at.saturating_add(1);
        token
    }

    fn backup(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    fn next_non_space(&mut self) -> Token {
        while self.peek().kind == Kind::Space {
            self.next();
        }
        self.next()
    }

    fn peek_non_space(&mut self) -> Token {
        let token = self.next_non_space();
        self.backup();
        token
    }

    fn fail<T>(&self, what: impl Into<String>) -> Parsed<T> {
        let line = self.tokens.get(self.read).map_or(1, |token| token.line);
        Err(SyntaxError { line, what: what.into() })
    }

    fn unexpected<T>(&self, token: &Token, context: &str) -> Parsed<T> {
        if token.kind != Kind::Error {
            return self.fail(format!("unexpected {token} in {context}"));
        }
        let started = match self.action {
            0 => String::new(),
            line if line == token.line => String::new(),
            line if token.text.ends_with(" action") => format!(" started at output:{line}"),
            line => format!(" in action started at output:{line}"),
        };
        self.fail(format!("{token}{started}"))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    /// Runs `parse` one level deeper.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH {
            return self.fail("max expression depth exceeded");
        }
        self.depth = self.depth.saturating_add(1);
        let parsed = parse(self);
        self.depth = self.depth.saturating_sub(1);
        parsed
    }

    /// Adds a template of this name; an empty one may be defined again.
    fn add(&mut self, name: String, list: Vec<Node>) -> Parsed<()> {
        let is_empty =
            |list: &[Node]| list.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()));
        match self.templates.get(&name) {
            Some(have) if !is_empty(have) && !is_empty(&list) => {
                return self.fail(format!("template: multiple definition of template {}", quoted(&name)));
            }
            Some(have) if !is_empty(have) => return Ok(()),
            _ => {}
        }
        self.templates.insert(name, list);
        Ok(())
    }

    fn root(&mut self) -> Parsed<Vec<Node>> {
        let mut list = Vec::new();
        while self.peek().kind != Kind::Eof {
            match self.part(true)? {
                Part::Node(node) => list.push(node),
                Part::Nothing => {}
                Part::End(End::End) => return self.fail("unexpected {{end}}"),
                Part::End(End::Else) => return self.fail("unexpected {{else}}"),
            }
        }
        Ok(list)
    }

    fn list(&mut self) -> Parsed<(Vec<Node>, End)> {
        self.deeper(|parser| {
            let mut list = Vec::new();
            while parser.peek_non_space().kind != Kind::Eof {
                match parser.part(false)? {
                    Part::Node(node) => list.push(node),
                    Part::Nothing => {}
                    Part::End(end) => return Ok((list, end)),
                }
            }
            parser.fail("unexpected EOF")
        })
    }

    /// `textOrAction`; definitions only at the `top`.
    fn part(&mut self, top: bool) -> Parsed<Part> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Part::Node(Node::Text(token.text))),
            Kind::LeftDelim => {
                self.action = token.line;
                let part = self.action(top);
                self.action = 0;
                part
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self, top: bool) -> Parsed<Part> {
        let token = self.next_non_space();
        Ok(Part::Node(match token.kind {
            Kind::Define if top => {
                self.define()?;
                return Ok(Part::Nothing);
            }
            Kind::Block => self.block()?,
            Kind::Break => self.jump("{{break}}", Node::Break)?,
            Kind::Continue => self.jump("{{continue}}", Node::Continue)?,
            Kind::Else => {
                if !matches!(self.peek_non_space().kind, Kind::If | Kind::With) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Part::End(End::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Part::End(End::End));
            }
            Kind::If => Node::If(self.branch("if")?),
            Kind::Range => Node::Range(self.branch("range")?),
            Kind::With => Node::With(self.branch("with")?),
            Kind::Template => self.template()?,
            _ => {
                self.backup();
                Node::Action(self.pipeline("command", Kind::RightDelim)?)
            }
        }))
    }

    fn jump(&mut self, what: &str, node: Node) -> Parsed<Node> {
        let token = self.next_non_space();
        if token.kind != Kind::RightDelim {
            return self.unexpected(&token, what);
        }
        if self.ranges == 0 { self.fail(format!("{what} outside {{{{range}}}}")) } else { Ok(node) }
    }

    /// The parts of a separate template, which has only the variable `$`, to its end.
    fn definition(&mut self, name: String, context: &str) -> Parsed<()> {
        let outside = (std::mem::replace(&mut self.variables, vec!["$".to_owned()]), std::mem::take(&mut self.ranges));
        let (list, end) = self.list()?;
        (self.variables, self.ranges) = outside;
        if end != End::End {
            return self.fail(format!("unexpected {{{{else}}}} in {context}"));
        }
        self.add(name, list)
    }

    fn define(&mut self) -> Parsed<()> {
        let name = self.template_name("define clause")?;
        self.expect(Kind::RightDelim, "define clause")?;
        self.definition(name, "define clause")
    }

    fn block(&mut self) -> Parsed<Node> {
        let pos = self.peek_non_space().pos;
        let name = self.template_name("block clause")?;
        let pipe = self.pipeline("block clause", Kind::RightDelim)?;
        self.definition(name.clone(), "block clause")?;
        Ok(Node::Template { pos, name, pipe: Some(pipe) })
    }

    fn template(&mut self) -> Parsed<Node> {
        let pos = self.peek_non_space().pos;
        let name = self.template_name("template clause")?;
        let mut pipe = None;
        if self.next_non_space().kind != Kind::RightDelim {
            self.backup();
            pipe = Some(self.pipeline("template clause", Kind::RightDelim)?);
        }
        Ok(Node::Template { pos, name, pipe })
    }

    fn template_name(&mut self, context: &str) -> Parsed<String> {
        let token = self.next_non_space();
        match token.kind {
            Kind::String | Kind::RawString => self.text_of(&token),
            _ => self.unexpected(&token, context),
        }
    }

    fn branch(&mut self, context: &str) -> Parsed<Branch> {
        let outside = self.variables.len();
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        let is_range = usize::from(context == "range");
        self.ranges = self.ranges.saturating_add(is_range);
        let (list, end) = self.list()?;
        self.ranges = self.ranges.saturating_sub(is_range);
        let otherwise = if end == End::Else { self.otherwise(context)? } else { Vec::new() };
        self.variables.truncate(outside);
        Ok(Branch { pipe, list, otherwise })
    }

    /// Parses what follows `{{else`; an `if` or `with` there has no end of its own.
    fn otherwise(&mut self, context: &str) -> Parsed<Vec<Node>> {
        match (context, self.peek_non_space().kind) {
            ("if", Kind::If) => {
                self.next_non_space();
                self.deeper(|parser| Ok(vec![Node::If(parser.branch("if")?)]))
            }
            ("with", Kind::With) => {
                self.next_non_space();
                self.deeper(|parser| Ok(vec![Node::With(parser.branch("with")?)]))
            }
            _ => match self.list()? {
                (list, End::End) => Ok(list),
                (_, End::Else) => self.fail("expected end; found {{else}}"),
            },
        }
    }

    /// `strconv.Unquote`
    fn text_of(&self, token: &Token) -> Parsed<String> {
        let raw = || token.text.trim_matches('`').replace('\r', "");
        let text = if token.kind == Kind::RawString { Some(raw()) } else { unquote(&token.text) };
        text.map_or_else(|| self.fail("invalid syntax"), Ok)
    }
}
