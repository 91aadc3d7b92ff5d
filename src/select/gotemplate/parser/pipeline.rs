//! Parsing of pipelines: commands, their words, constants.

use super::{Kind, Parsed, Parser, Token};
use crate::select::{
    gotemplate::{
        error::quoted,
        functions::FUNCTIONS,
        node::{Command, Number, Operand, Pipe, Term},
    },
    jsonpath::unquote,
};

impl Parser {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let pos = self.peek_non_space().pos;
        let mut pipe = Pipe { pos, assigns: false, variables: Vec::new(), commands: Vec::new() };
        while self.declaration(context, &mut pipe)? {}
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    pipe.commands.push(self.command()?);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        if pipe.commands.is_empty() {
            return self.fail(format!("missing value for {context}"));
        }
        for (n, command) in pipe.commands.iter().enumerate().skip(1) {
            let first = command.0.first().map(|operand| &operand.term);
            if matches!(first, Some(Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(..) | Term::Text { .. })) {
                return self.fail(format!("non executable command in pipeline stage {}", n.saturating_add(1)));
            }
        }
        Ok(pipe)
    }

    /// `$x :=`, `$x =` or `$i, ` before a pipeline; true when another one has to follow.
    fn declaration(&mut self, context: &str, pipe: &mut Pipe) -> Parsed<bool> {
        let variable = self.peek_non_space();
        if variable.kind != Kind::Variable {
            return Ok(false);
        }
        let before = self.at;
        self.next();
        let next = self.peek_non_space();
        let comma = next.kind == Kind::Char && next.text == ",";
        if !comma && !matches!(next.kind, Kind::Assign | Kind::Declare) {
            self.at = before;
            return Ok(false);
        }
        self.next_non_space();
        pipe.assigns = next.kind == Kind::Assign;
        pipe.variables.push(variable.text.clone());
        self.variables.push(variable.text);
        if !comma {
            return Ok(false);
        }
        if context != "range" || pipe.variables.len() > 1 {
            return self.fail(format!("too many declarations in {context}"));
        }
        match self.peek_non_space().kind {
            Kind::Variable | Kind::RightDelim | Kind::RightParen => Ok(true),
            _ => self.fail("range can only initialize variables"),
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut command = Command(Vec::new());
        loop {
            self.peek_non_space();
            command.0.extend(self.operand()?);
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelim | Kind::RightParen => {
                    self.backup();
                    break;
                }
                Kind::Pipe => break,
                _ => return self.unexpected(&token, "operand"),
            }
        }
        if command.0.is_empty() { self.fail("empty command") } else { Ok(command) }
    }

    /// A term and the fields after it.
    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(mut operand) = self.term()? else { return Ok(None) };
        let after = self.peek();
        if after.kind != Kind::Field {
            return Ok(Some(operand));
        }
        let mut names = Vec::new();
        while self.peek().kind == Kind::Field {
            names.push(field_name(&self.next()));
        }
        let literal = operand.to_string();
        match &mut operand.term {
            Term::Field(have) | Term::Variable(_, have) => {
                have.extend(names);
                operand.pos = after.pos;
            }
            Term::Bool(_) | Term::Text { .. } | Term::Number(..) | Term::Nil | Term::Dot => {
                return self.fail(format!("unexpected . after term {}", quoted(&literal)));
            }
            _ => operand = Operand { pos: after.pos, term: Term::Chain(Box::new(operand), names) },
        }
        Ok(Some(operand))
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.next_non_space();
        let term = match token.kind {
            Kind::Identifier if !FUNCTIONS.contains(&token.text.as_str()) => {
                return self.fail(format!("function {} not defined", quoted(&token.text)));
            }
            Kind::Identifier => Term::Function(token.text),
            Kind::Dot => Term::Dot,
            Kind::Nil => Term::Nil,
            Kind::Variable if !self.variables.contains(&token.text) => {
                return self.fail(format!("undefined variable {}", quoted(&token.text)));
            }
            Kind::Variable => Term::Variable(token.text, Vec::new()),
            Kind::Field => Term::Field(vec![field_name(&token)]),
            Kind::Bool => Term::Bool(token.text == "true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                let number = number(&token).or_else(|what| self.fail(what))?;
                Term::Number(token.text, number)
            }
            Kind::LeftParen => {
                let pipe = self.deeper(|parser| parser.pipeline("parenthesized pipeline", Kind::RightParen))?;
                Term::Pipe(Box::new(pipe))
            }
            Kind::String | Kind::RawString => {
                let text = self.text_of(&token)?;
                Term::Text { quoted: token.text, text }
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(Operand { pos: token.pos, term }))
    }
}

fn field_name(token: &Token) -> String {
    token.text.strip_prefix('.').unwrap_or(&token.text).to_owned()
}

/// `newNumber`, without complex numbers and hexadecimal floats.
fn number(token: &Token) -> Result<Number, String> {
    let text = token.text.as_str();
    let illegal = || format!("illegal number syntax: {}", quoted(text));
    if token.kind == Kind::CharConstant {
        let inner = unquote(text).ok_or("invalid syntax")?;
        let mut chars = inner.chars();
        let malformed = || format!("malformed character constant: {text}");
        let c = chars.next().filter(|_| chars.next().is_none()).ok_or_else(malformed)?;
        return Ok(Number::Int(u32::from(c).into()));
    }
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix(['+', '-']) {
        Some(digits) => (if plain.starts_with('-') { "-" } else { "" }, digits),
        None => ("", plain.as_str()),
    };
    let lower = digits.to_lowercase();
    let (radix, digits) = match lower.split_at_checked(2) {
        Some(("0x", hex)) => (16, hex),
        Some(("0o", octal)) => (8, octal),
        Some(("0b", binary)) => (2, binary),
        _ => (if lower.len() > 1 && lower.starts_with('0') { 8 } else { 10 }, lower.as_str()),
    };
    if let Ok(int) = i64::from_str_radix(&format!("{sign}{digits}"), radix) {
        return Ok(Number::Int(int));
    }
    if sign.is_empty() && u64::from_str_radix(digits, radix).is_ok() {
        return Ok(Number::Overflow);
    }
    let float = plain.parse::<f64>().ok().filter(|_| plain.ends_with(|c: char| c.is_ascii_digit() || c == '.'));
    match float {
        Some(_) if !text.contains(['.', 'e', 'E']) => Err(format!("integer overflow: {}", quoted(text))),
        Some(float) if float.is_finite() => Ok(Number::Float(float)),
        _ => Err(illegal()),
    }
}
