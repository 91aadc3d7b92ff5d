//! Evaluation of pipelines, words and calls.

use std::borrow::Cow;

use super::{At, Frame, Run};
use crate::select::gotemplate::{
    datum::Datum,
    error::quoted,
    functions::{self, Parameter},
    node::{Command, Number, Operand, Pipe, Term},
};

impl<'t: 'v, 'v> Frame<'_, 't, '_, 'v> {
    pub(super) fn pipe(&mut self, dot: &Datum<'v>, pipe: &'t Pipe) -> Run<Datum<'v>> {
        self.at = At::Pipe(pipe);
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(dot, command, value)?.unwrapped());
        }
        let value = value.unwrap_or(Datum::Nothing);
        for name in &pipe.variables {
            if pipe.assigns { self.set(name, value.clone())? } else { self.variables.push((name, value.clone())) }
        }
        Ok(value)
    }

    fn command(&mut self, dot: &Datum<'v>, command: &'t Command, last: Option<Datum<'v>>) -> Run<Datum<'v>> {
        let Some((first, arguments)) = command.0.split_first() else { return Ok(Datum::Nothing) };
        let given = !arguments.is_empty() || last.is_some();
        match &first.term {
            Term::Function(name) => {
                self.at = At::Operand(first);
                return self.function(dot, At::Command(command), name, arguments, last);
            }
            Term::Field(_) | Term::Chain(..) => return self.operand(dot, first, given),
            Term::Variable(_, names) if !names.is_empty() => return self.operand(dot, first, given),
            _ => {}
        }
        // a pipe in parentheses does not change the place in errors
        if !matches!(first.term, Term::Pipe(_)) {
            self.at = At::Operand(first);
        }
        if given {
            return self.fail(format!("can't give argument to non-function {first}"));
        }
        if first.term == Term::Nil {
            return self.fail("nil is not a command");
        }
        self.operand(dot, first, false)
    }

    /// The value of a word; `given` arguments are an error where it is a field.
    fn operand(&mut self, dot: &Datum<'v>, operand: &'t Operand, given: bool) -> Run<Datum<'v>> {
        let value = self.word(dot, operand, given)?;
        self.spend(value.steps())?;
        Ok(value)
    }

    fn word(&mut self, dot: &Datum<'v>, operand: &'t Operand, given: bool) -> Run<Datum<'v>> {
        self.at = At::Operand(operand);
        match &operand.term {
            Term::Bool(is) => Ok(Datum::Bool(*is)),
            Term::Dot => Ok(dot.clone()),
            Term::Nil => Ok(Datum::Nil),
            Term::Number(_, Number::Int(n)) => Ok(Datum::Int(*n)),
            Term::Number(_, Number::Float(f)) => Ok(Datum::Float(*f)),
            Term::Number(text, Number::Overflow) => self.fail(format!("{text} overflows int")),
            Term::Text { text, .. } => Ok(Datum::Text(Cow::Borrowed(text.as_bytes()))),
            Term::Pipe(pipe) => self.pipe(dot, pipe),
            Term::Function(name) => self.function(dot, At::Operand(operand), name, &[], None),
            Term::Field(names) => self.fields(dot.clone(), names, given),
            Term::Variable(name, names) => {
                let found = self.variables.iter().rev().find(|(have, _)| have == name);
                match found.map(|(_, value)| value.clone()) {
                    Some(value) => self.fields(value, names, given),
                    None => self.fail(format!("undefined variable: {name}")),
                }
            }
            Term::Chain(inner, _) if inner.term == Term::Nil => {
                self.fail(format!("indirection through explicit nil in {operand}"))
            }
            Term::Chain(inner, names) => {
                let value = self.operand(dot, inner, false)?;
                self.fields(value, names, given)
            }
        }
    }

    fn fields(&mut self, mut value: Datum<'v>, names: &'t [String], given: bool) -> Run<Datum<'v>> {
        for (n, name) in names.iter().enumerate() {
            // the result of a map has the type of its members
            let is_member = n > 0;
            value = self.field(value, name, is_member, given && n.saturating_add(1) == names.len())?;
        }
        Ok(value)
    }

    fn field(&mut self, value: Datum<'v>, name: &str, is_member: bool, given: bool) -> Run<Datum<'v>> {
        match value {
            Datum::Nothing if self.run.allow_missing_keys => Ok(Datum::Nothing),
            Datum::Nothing => self.fail(format!("nil data; no entry for key {}", quoted(name))),
            Datum::Nil => self.fail(format!("nil pointer evaluating interface {{}}.{name}")),
            Datum::Map(_) if given => self.fail(format!("{name} is not a method but has arguments")),
            Datum::Map(map) => match map.get(name) {
                Some(value) => Ok(value.into()),
                None if self.run.allow_missing_keys => Ok(Datum::Nothing),
                None => self.fail(format!("map has no entry for key {}", quoted(name))),
            },
            other => {
                let of = if is_member { Datum::Nil.go_type() } else { other.go_type() };
                self.fail(format!("can't evaluate field {name} in type {of}"))
            }
        }
    }

    fn function(
        &mut self,
        dot: &Datum<'v>,
        at: At<'t>,
        name: &'t str,
        words: &'t [Operand],
        last: Option<Datum<'v>>,
    ) -> Run<Datum<'v>> {
        let count = words.len().saturating_add(last.is_some().into());
        let (fixed, variadic) = functions::arity(name);
        if variadic && count < fixed {
            let what = format!("wrong number of args for {name}: want at least {fixed} got {}", words.len());
            return self.fail(what);
        }
        if !variadic && count != fixed {
            return self.fail(format!("wrong number of args for {name}: want {fixed} got {count}"));
        }
        if matches!(name, "and" | "or") {
            return self.short_circuit(dot, name == "or", words, last);
        }
        let mut arguments = Vec::new();
        for (n, word) in words.iter().enumerate() {
            let value = self.argument(dot, word, functions::parameter(name, n))?;
            arguments.push(value);
        }
        if let Some(last) = last {
            let value = self.fitting(last, functions::parameter(name, words.len()))?;
            arguments.push(value);
        }
        if functions::prints(name) {
            arguments.iter().try_for_each(|argument| self.spend(argument.weight()))?;
        }
        let callee = || words.first().map_or_else(String::new, ToString::to_string);
        match functions::call(name, callee, &arguments) {
            Ok(value) => {
                self.spend(value.steps())?;
                Ok(value)
            }
            Err(why) => {
                self.at = at;
                self.fail(format!("error calling {name}: {why}"))
            }
        }
    }

    /// `and` and `or`: the first argument that decides, or the last one.
    fn short_circuit(
        &mut self,
        dot: &Datum<'v>,
        or: bool,
        words: &'t [Operand],
        last: Option<Datum<'v>>,
    ) -> Run<Datum<'v>> {
        let mut value = Datum::Nothing;
        for word in words {
            value = self.argument(dot, word, Parameter::Any)?;
            if value.is_true() == or {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn argument(&mut self, dot: &Datum<'v>, word: &'t Operand, parameter: Parameter) -> Run<Datum<'v>> {
        self.at = At::Operand(word);
        if parameter == Parameter::Text {
            match &word.term {
                Term::Nil => return self.fail("cannot assign nil to string"),
                Term::Bool(_) | Term::Number(..) => return self.fail(format!("expected string; found {word}")),
                _ => {}
            }
        }
        let value = self.operand(dot, word, false)?;
        self.fitting(value, parameter)
    }

    /// `validateType`
    fn fitting(&self, value: Datum<'v>, parameter: Parameter) -> Run<Datum<'v>> {
        match (parameter, &value) {
            (Parameter::Any, _) | (Parameter::Text, Datum::Text(_)) => Ok(value),
            (Parameter::Text, Datum::Nothing) => self.fail("invalid value; expected string"),
            (Parameter::Text, other) => {
                self.fail(format!("wrong type for value; expected string; got {}", other.go_type()))
            }
        }
    }
}
