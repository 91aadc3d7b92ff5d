//! Parsing of requirements (`apimachinery/pkg/labels/selector.go`).

use std::collections::BTreeSet;

use super::{
    requirement::{Operator, Requirement},
    validation,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    End,
    ClosedPar,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    Greater,
    Identifier,
    In,
    Less,
    NotEquals,
    NotIn,
    OpenPar,
}

/// The next token of `text`, its literal, and the rest of the text (`Lexer.Lex`).
fn lex(text: &str) -> (Token, &str, &str) {
    let text = text.trim_start_matches(is_space);
    let symbols = [
        ("==", Token::DoubleEquals),
        ("!=", Token::NotEquals),
        ("=", Token::Equals),
        ("!", Token::Not),
        ("(", Token::OpenPar),
        (")", Token::ClosedPar),
        (",", Token::Comma),
        (">", Token::Greater),
        ("<", Token::Less),
    ];
    for (symbol, token) in symbols {
        if let Some(rest) = text.strip_prefix(symbol) {
            return (token, symbol, rest);
        }
    }
    let end = text.find(|c| is_space(c) || "=!(),><".contains(c)).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    match word {
        "" => (Token::End, "", ""),
        "in" => (Token::In, word, rest),
        "notin" => (Token::NotIn, word, rest),
        _ => (Token::Identifier, word, rest),
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// The requirements that `text` lists (`Parser.parse`).
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut parser = Parser { rest: text };
    let mut requirements = Vec::new();
    loop {
        match parser.value_ahead() {
            (Token::End, _) => return Ok(requirements),
            (Token::Identifier | Token::Not, _) => {}
            (_, found) => return Err(format!("found '{found}', expected: !, identifier, or 'end of string'")),
        }
        let requirement = parser.requirement().map_err(|why| format!("unable to parse requirement: {why}"))?;
        requirements.push(requirement);
        match parser.value() {
            (Token::End, _) => return Ok(requirements),
            (Token::Comma, _) => match parser.value_ahead() {
                (Token::Identifier | Token::Not, _) => {}
                (_, found) => return Err(format!("found '{found}', expected: identifier after ','")),
            },
            (_, found) => return Err(format!("found '{found}', expected: ',' or 'end of string'")),
        }
    }
}

struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    /// Takes a token (`consume`).
    fn token(&mut self) -> (Token, &'t str) {
        let (token, literal, rest) = lex(self.rest);
        self.rest = rest;
        (token, literal)
    }

    /// Takes a token where `in` and `notin` are ordinary words.
    fn value(&mut self) -> (Token, &'t str) {
        let (token, literal) = self.token();
        (if matches!(token, Token::In | Token::NotIn) { Token::Identifier } else { token }, literal)
    }

    /// The next token, without taking it (`lookahead`).
    fn value_ahead(&self) -> (Token, &'t str) {
        Self { rest: self.rest }.value()
    }

    /// `parseRequirement`
    fn requirement(&mut self) -> Result<Requirement, String> {
        let (mut token, mut key) = self.value();
        let not = token == Token::Not;
        if not {
            (token, key) = self.value();
        }
        if token != Token::Identifier {
            return Err(format!("found '{key}', expected: identifier"));
        }
        if let Some(why) = validation::label_key(key) {
            return Err(format!("<nil>: Invalid value: {key:?}: {why}"));
        }
        let bare = matches!(self.value_ahead().0, Token::End | Token::Comma);
        let (operator, values) = match (not, bare) {
            (true, _) => (Operator::DoesNotExist, BTreeSet::new()),
            (false, true) => (Operator::Exists, BTreeSet::new()),
            (false, false) => {
                let (operator, set) = self.operator()?;
                (operator, if set { self.values()? } else { BTreeSet::from([self.exact_value()?]) })
            }
        };
        let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
        let errors = validation::values(key, &values, matches!(operator, Operator::GreaterThan | Operator::LessThan));
        match errors.as_slice() {
            [] => Ok(Requirement { key: key.to_owned(), operator, values }),
            [error] => Err(error.clone()),
            _ => Err(format!("[{}]", errors.join(", "))),
        }
    }

    /// The operator, and whether a set of values follows (`parseOperator`).
    fn operator(&mut self) -> Result<(Operator, bool), String> {
        Ok(match self.token() {
            (Token::In, _) => (Operator::In, true),
            (Token::NotIn, _) => (Operator::NotIn, true),
            (Token::Equals | Token::DoubleEquals, _) => (Operator::In, false),
            (Token::NotEquals, _) => (Operator::NotIn, false),
            (Token::Greater, _) => (Operator::GreaterThan, false),
            (Token::Less, _) => (Operator::LessThan, false),
            (_, found) => return Err(format!("found '{found}', expected: in, notin, =, ==, !=, gt, lt")),
        })
    }

    /// `parseValues`, `parseIdentifiersList`
    fn values(&mut self) -> Result<BTreeSet<&'t str>, String> {
        let (token, found) = self.value();
        if token != Token::OpenPar {
            return Err(format!("found '{found}' expected: '('"));
        }
        match self.value_ahead() {
            (Token::Identifier | Token::Comma | Token::ClosedPar, _) => {}
            (_, found) => return Err(format!("found '{found}', expected: ',', ')' or identifier")),
        }
        let mut values = BTreeSet::new();
        let mut after_value = false;
        loop {
            match self.value() {
                (Token::Identifier, word) if !after_value => {
                    values.insert(word);
                    after_value = true;
                }
                (Token::Comma | Token::ClosedPar, sign) => {
                    if !after_value {
                        values.insert("");
                    }
                    if sign == ")" {
                        return Ok(values);
                    }
                    after_value = false;
                }
                (_, found) if after_value => return Err(format!("found '{found}', expected: ',' or ')'")),
                (_, found) => return Err(format!("found '{found}', expected: ',', or identifier")),
            }
        }
    }

    /// `parseExactValue`
    fn exact_value(&mut self) -> Result<&'t str, String> {
        if matches!(self.value_ahead().0, Token::End | Token::Comma) {
            return Ok("");
        }
        match self.value() {
            (Token::Identifier, word) => Ok(word),
            (_, found) => Err(format!("found '{found}', expected: identifier")),
        }
    }
}
