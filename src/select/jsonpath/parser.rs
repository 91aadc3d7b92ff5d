//! Parsing of a template to its nodes (`client-go/util/jsonpath/parser.go`).

use super::{
    error::SyntaxError,
    node::{Node, Param},
    quote::unquote,
};
use crate::k8s::Value;

/// Limit on the nesting of filters and unions.
const DEPTH: u32 = 16;

/// Parses the nodes of a template: text and lists, in order (`Parser.Parse`).
pub(super) fn parse(text: &str) -> Result<Vec<Node>, SyntaxError> {
    Parser { input: text, pos: 0, start: 0, width: 0, depth: 0 }.template()
}

struct Parser<'t> {
    input: &'t str,
    /// Offset of the next character.
    pos: usize,
    /// Offset of the current token.
    start: usize,
    /// Length of the last character.
    width: usize,
    depth: u32,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.input.get(self.pos..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest().chars().next();
        self.width = c.map_or(0, char::len_utf8);
        self.skip(self.width);
        c
    }

    /// Steps back over the last character; once only.
    fn backup(&mut self) {
        self.pos = self.pos.saturating_sub(self.width);
    }

    fn skip(&mut self, bytes: usize) {
        self.pos = self.pos.saturating_add(bytes);
    }

    /// The text that was read since the last call (`consumeText`).
    fn consume(&mut self) -> &'t str {
        let text = self.input.get(self.start..self.pos).unwrap_or_default();
        self.start = self.pos;
        text
    }

    /// Whether a backslash is before the character that was just read, which is one byte long.
    fn is_escaped(&self) -> bool {
        self.pos.checked_sub(2).and_then(|at| self.input.as_bytes().get(at)) == Some(&b'\\')
    }

    /// `parseText`, `parseLeftDelim`, `parseRightDelim`.
    fn template(&mut self) -> Result<Vec<Node>, SyntaxError> {
        let mut nodes = Vec::new();
        while !self.rest().is_empty() {
            let brace = self.rest().find('{');
            self.skip(brace.unwrap_or(self.rest().len()));
            let text = self.consume();
            if !text.is_empty() {
                nodes.push(Node::Text(text.to_owned()));
            }
            if brace.is_some() {
                self.skip(1);
                self.consume();
                nodes.push(Node::List(self.action()?));
            }
        }
        Ok(nodes)
    }

    /// The content of braces, after the first one (`parseInsideAction`).
    fn action(&mut self) -> Result<Vec<Node>, SyntaxError> {
        let mut nodes = Vec::new();
        loop {
            if self.rest().starts_with('}') {
                self.skip(1);
                self.consume();
                return Ok(nodes);
            } else if self.rest().starts_with("[?(") {
                nodes.push(self.filter()?);
                continue;
            } else if self.rest().starts_with("..") {
                self.recursive(&mut nodes)?;
                continue;
            }
            match self.next() {
                None | Some('\r' | '\n') => return Err(SyntaxError::UnclosedAction),
                Some(' ' | '@' | '$') => {
                    self.consume();
                }
                Some('[') => self.array(&mut nodes)?,
                Some(quote @ ('"' | '\'')) => nodes.push(Node::Text(self.quoted(quote)?)),
                Some('.') => nodes.push(self.field()),
                Some('+' | '-' | '0'..='9') => nodes.push(self.number()?),
                Some(c) if is_alphanumeric(c) => nodes.push(self.identifier()),
                Some(c) => return Err(SyntaxError::Character(c)),
            }
        }
    }

    /// The nodes of a part of this template (`parseAction`).
    fn part(&self, text: &str) -> Result<Vec<Node>, SyntaxError> {
        if self.depth >= DEPTH {
            return Err(SyntaxError::Deep);
        }
        let input = format!("{{{text}}}");
        let mut parser = Parser { input: &input, pos: 0, start: 0, width: 0, depth: self.depth.saturating_add(1) };
        match parser.template()?.into_iter().next() {
            Some(Node::List(nodes)) => Ok(nodes),
            _ => Ok(Vec::new()),
        }
    }

    /// `parseIdentifier`, its first character already read.
    fn identifier(&mut self) -> Node {
        while let Some(c) = self.next() {
            if is_terminator(c) {
                self.backup();
                break;
            }
        }
        match self.consume() {
            "true" => Node::Literal(Value::Bool(true)),
            "false" => Node::Literal(Value::Bool(false)),
            name => Node::Identifier(name.to_owned()),
        }
    }

    fn recursive(&mut self, nodes: &mut Vec<Node>) -> Result<(), SyntaxError> {
        if nodes.last() == Some(&Node::Recursive) {
            return Err(SyntaxError::Recursive);
        }
        self.skip(2);
        self.consume();
        nodes.push(Node::Recursive);
        if self.rest().chars().next().is_some_and(is_alphanumeric) {
            nodes.push(self.field());
        }
        Ok(())
    }

    /// `parseNumber`, its first character already read.
    fn number(&mut self) -> Result<Node, SyntaxError> {
        while let Some(c) = self.next() {
            if c != '.' && !c.is_ascii_digit() {
                self.backup();
                break;
            }
        }
        let text = self.consume();
        let value = match (text.parse().map(Value::Int), text.parse::<f64>()) {
            (Ok(int), _) => int,
            (Err(_), Ok(float)) if float.is_finite() => Value::Float(float),
            _ => return Err(SyntaxError::Number(text.to_owned())),
        };
        Ok(Node::Literal(value))
    }

    /// `parseArray`, its bracket already read.
    fn array(&mut self, nodes: &mut Vec<Node>) -> Result<(), SyntaxError> {
        loop {
            match self.next() {
                None | Some('\n') => return Err(SyntaxError::UnterminatedArray),
                Some(']') => break,
                Some(_) => {}
            }
        }
        let text = self.consume();
        let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or_default();
        let text = if text == "*" { ":" } else { text };
        if text.contains(',') {
            let parts = text.split(',').map(|part| self.part(&format!("[{}]", part.trim_matches(' '))));
            nodes.push(Node::Union(parts.collect::<Result<_, _>>()?));
        } else if let Some(name) = quoted_name(text) {
            nodes.extend(self.part(&format!(".{name}"))?);
        } else {
            nodes.push(Node::Array(slice(text)?));
        }
        Ok(())
    }

    /// `parseFilter`.
    fn filter(&mut self) -> Result<Node, SyntaxError> {
        self.skip("[?(".len());
        self.consume();
        let (mut quote, mut closed) = (None, false);
        loop {
            match self.next() {
                None | Some('\n') => return Err(SyntaxError::UnterminatedFilter),
                Some(c @ ('"' | '\'')) => match quote {
                    None => quote = Some(c),
                    Some(open) if open == c && !self.is_escaped() => closed = true,
                    Some(_) => {}
                },
                Some(')') if quote.is_some() == closed => break,
                Some(_) => {}
            }
        }
        if self.next() != Some(']') {
            return Err(SyntaxError::UnclosedArray);
        }
        let text = self.consume();
        let text = text.strip_suffix(")]").unwrap_or(text);
        Ok(match comparison(text) {
            Some((left, operator, right)) => {
                Node::Filter { left: self.part(left)?, right: self.part(right)?, operator: operator.to_owned() }
            }
            None => Node::Filter { left: self.part(text)?, right: Vec::new(), operator: "exists".to_owned() },
        })
    }

    /// `parseQuote`, its first quote already read.
    fn quoted(&mut self, quote: char) -> Result<String, SyntaxError> {
        loop {
            match self.next() {
                None | Some('\n') => return Err(SyntaxError::UnterminatedQuote),
                Some(c) if c == quote && !self.is_escaped() => break,
                Some(_) => {}
            }
        }
        let text = self.consume();
        unquote(text).ok_or_else(|| SyntaxError::Quote(text.to_owned()))
    }

    /// `parseField`, its dot already read.
    fn field(&mut self) -> Node {
        self.consume();
        while let Some(c) = self.next() {
            if c == '\\' {
                self.next();
            } else if is_terminator(c) {
                self.backup();
                break;
            }
        }
        match self.consume() {
            "*" => Node::Wildcard,
            name => Node::Field(name.replace('\\', "")),
        }
    }
}

/// `^'([^']*)'$`
fn quoted_name(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.strip_suffix('\'').filter(|name| !name.contains('\''))
}

/// `^([^!<>=]+)([!<>=]+)(.+?)$`: the operator loses its last character when nothing else follows it.
fn comparison(text: &str) -> Option<(&str, &str, &str)> {
    let is_operator = |c| matches!(c, '!' | '<' | '>' | '=');
    let (left, rest) = text.split_at_checked(text.find(is_operator)?).filter(|(left, _)| !left.is_empty())?;
    let end = rest.find(|c| !is_operator(c)).unwrap_or(rest.len().saturating_sub(1));
    let (operator, right) = rest.split_at_checked(end)?;
    (!operator.is_empty()).then_some((left, operator, right))
}

/// `^(-?[\d]*)(:-?[\d]*)?(:-?[\d]*)?$`, and its numbers.
fn slice(text: &str) -> Result<[Param; 3], SyntaxError> {
    let mut params = [Param::default(); 3];
    let mut parts = text.split(':');
    for param in &mut params {
        let Some(part) = parts.next() else { break };
        if !part.strip_prefix('-').unwrap_or(part).bytes().all(|b| b.is_ascii_digit()) {
            return Err(SyntaxError::Index(text.to_owned()));
        }
        if !part.is_empty() {
            param.known = true;
            param.value = part.parse().map_err(|_| SyntaxError::IndexNumber(part.to_owned()))?;
        }
    }
    if parts.next().is_some() {
        return Err(SyntaxError::Index(text.to_owned()));
    }
    if !text.contains(':') {
        let [from, to, _] = &mut params;
        *to = Param { value: from.value.wrapping_add(1), known: true, derived: true };
    }
    Ok(params)
}

fn is_terminator(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
