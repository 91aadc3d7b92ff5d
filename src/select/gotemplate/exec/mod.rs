//! A template applied to an object (`text/template/exec.go`).

mod evaluate;

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    datum::Datum,
    error::{ExecError, quoted},
    node::{Branch, Command, Node, Operand, Pipe, call},
};

/// Limit on the depth of template calls.
const DEPTH: usize = 100;

/// What a call of a template counts: it takes as long as some output.
const CALL: usize = 64;

/// Reasons that end a list early.
enum Stop {
    Break,
    Continue,
    Failed(Box<ExecError>),
}

type Run<T> = Result<T, Stop>;

/// The state of a run.
pub(super) struct Executor<'t, 'o> {
    pub(super) text: &'t str,
    pub(super) templates: &'t BTreeMap<String, Vec<Node>>,
    pub(super) allow_missing_keys: bool,
    pub(super) out: &'o mut Vec<u8>,
    /// Steps that may still be: actions, words, rounds of ranges, calls of templates, and bytes of text.
    pub(super) left: usize,
}

/// The state of one template in a run.
struct Frame<'f, 't, 'o, 'v> {
    run: &'f mut Executor<'t, 'o>,
    name: &'t str,
    variables: Vec<(&'t str, Datum<'v>)>,
    /// The place that is being evaluated, for errors.
    at: At<'t>,
    depth: usize,
}

#[derive(Clone, Copy)]
enum At<'t> {
    Start,
    Pipe(&'t Pipe),
    Operand(&'t Operand),
    Command(&'t Command),
    Call(usize, &'t str, Option<&'t Pipe>),
}

impl<'t> Executor<'t, '_> {
    pub(super) fn execute<'v>(&mut self, data: Datum<'v>) -> Result<(), ExecError>
    where
        't: 'v,
    {
        self.template("output", data, 0).map_err(|why| *why)
    }

    fn template<'v>(&mut self, name: &'t str, data: Datum<'v>, depth: usize) -> Result<(), Box<ExecError>>
    where
        't: 'v,
    {
        let list = self.templates.get(name).map(Vec::as_slice).unwrap_or_default();
        let variables = vec![("$", data.clone())];
        let mut frame = Frame { run: self, name, variables, at: At::Start, depth };
        match frame.list(&data, list) {
            Err(Stop::Failed(why)) => Err(why),
            // the parser lets neither be outside of a range
            Ok(()) | Err(Stop::Break | Stop::Continue) => Ok(()),
        }
    }
}

impl<'t: 'v, 'v> Frame<'_, 't, '_, 'v> {
    fn fail<T>(&self, what: impl Into<String>) -> Run<T> {
        let (pos, at) = match self.at {
            At::Start => (0, String::new()),
            At::Pipe(pipe) => (pipe.pos, pipe.to_string()),
            At::Operand(operand) => (operand.pos, operand.to_string()),
            At::Command(command) => (command.0.first().map_or(0, |first| first.pos), command.to_string()),
            At::Call(pos, name, pipe) => (pos, call(name, pipe)),
        };
        let before = self.run.text.get(..pos).unwrap_or_default();
        let column = before.rfind('\n').map_or(pos, |line| pos.saturating_sub(line.saturating_add(1)));
        let line = before.matches('\n').count().saturating_add(1);
        let name = self.name.to_owned();
        Err(Stop::Failed(Box::new(ExecError { line, column, name, at, what: what.into() })))
    }

    fn list(&mut self, dot: &Datum<'v>, list: &'t [Node]) -> Run<()> {
        list.iter().try_for_each(|node| {
            let before = self.run.out.len();
            self.node(dot, node)?;
            let more = match node {
                Node::Text(_) | Node::Action(_) => self.run.out.len().saturating_sub(before),
                // what is inside of the others has counted itself
                _ => 0,
            };
            self.spend(more.saturating_add(1))
        })
    }

    /// Takes `n` steps.
    fn spend(&mut self, n: usize) -> Run<()> {
        match self.run.left.checked_sub(n) {
            Some(left) => self.run.left = left,
            None => return self.fail("too much output or too many steps"),
        }
        Ok(())
    }

    fn node(&mut self, dot: &Datum<'v>, node: &'t Node) -> Run<()> {
        match node {
            Node::Text(text) => self.run.out.extend_from_slice(text.as_bytes()),
            Node::Action(pipe) => {
                let value = self.pipe(dot, pipe)?;
                if pipe.variables.is_empty() {
                    match value {
                        Datum::Nothing | Datum::Nil => self.run.out.extend_from_slice(b"<no value>"),
                        value => value.print(self.run.out),
                    }
                }
            }
            Node::Break => return Err(Stop::Break),
            Node::Continue => return Err(Stop::Continue),
            Node::If(branch) => self.branch(dot, branch, false)?,
            Node::With(branch) => self.branch(dot, branch, true)?,
            Node::Range(branch) => self.range(dot, branch)?,
            Node::Template { pos, name, pipe } => {
                self.at = At::Call(*pos, name, pipe.as_ref());
                if !self.run.templates.contains_key(name) {
                    return self.fail(format!("template {} not defined", quoted(name)));
                }
                let depth = self.depth.saturating_add(1);
                if depth > DEPTH {
                    return self.fail(format!("exceeded maximum template depth ({DEPTH})"));
                }
                self.spend(CALL)?;
                let data = pipe.as_ref().map_or(Ok(Datum::Nothing), |pipe| self.pipe(dot, pipe))?;
                self.run.template(name, data, depth).map_err(Stop::Failed)?;
            }
        }
        Ok(())
    }

    fn branch(&mut self, dot: &Datum<'v>, branch: &'t Branch, with: bool) -> Run<()> {
        let outside = self.variables.len();
        let value = self.pipe(dot, &branch.pipe)?;
        let done = match value.is_true() {
            true if with => self.list(&value, &branch.list),
            true => self.list(dot, &branch.list),
            false => self.list(dot, &branch.otherwise),
        };
        self.variables.truncate(outside);
        done
    }

    fn range(&mut self, dot: &Datum<'v>, branch: &'t Branch) -> Run<()> {
        let outside = self.variables.len();
        let value = self.pipe(dot, &branch.pipe)?;
        let done = match value {
            Datum::List(list) => {
                let elements = list.iter().enumerate();
                self.rounds(branch, elements.map(|(i, v)| (Datum::Int(i64::try_from(i).unwrap_or(i64::MAX)), v.into())))
            }
            Datum::Map(map) => {
                let name = |name: &'v str| Datum::Text(Cow::Borrowed(name.as_bytes()));
                self.rounds(branch, map.iter().map(|(key, value)| (name(key), value.into())))
            }
            Datum::Nothing | Datum::Nil => Ok(false),
            ref number if number.integer().is_some() => {
                if branch.pipe.variables.len() > 1 {
                    let what = format!("can't use {} to iterate over more than one variable", value.shown());
                    return self.fail(what);
                }
                let make = |n| if matches!(number, Datum::Int(_)) { Datum::Int(n) } else { Datum::Int64(n) };
                self.rounds(branch, (0..number.integer().unwrap_or(0)).map(|n| (Datum::Nothing, make(n))))
            }
            other => return self.fail(format!("range can't iterate over {}", other.shown())),
        };
        if !done? {
            self.list(dot, &branch.otherwise)?;
        }
        self.variables.truncate(outside);
        Ok(())
    }

    /// Runs the body for each element; false when there is none.
    fn rounds(&mut self, branch: &'t Branch, elements: impl Iterator<Item = (Datum<'v>, Datum<'v>)>) -> Run<bool> {
        let (mark, mut any) = (self.variables.len(), false);
        for (index, element) in elements {
            any = true;
            self.spend(1)?;
            match branch.pipe.variables.as_slice() {
                [name] => self.round_variable(&branch.pipe, name, 1, element.clone())?,
                [first, second] => {
                    self.round_variable(&branch.pipe, first, 2, index)?;
                    self.round_variable(&branch.pipe, second, 1, element.clone())?;
                }
                _ => {}
            }
            let done = self.list(&element, &branch.list);
            self.variables.truncate(mark);
            match done {
                Ok(()) | Err(Stop::Continue) => {}
                Err(Stop::Break) => break,
                Err(failed) => return Err(failed),
            }
        }
        Ok(any)
    }

    /// Sets a variable of a range; one declared by the range is the last but `place`.
    fn round_variable(&mut self, pipe: &Pipe, name: &str, place: usize, value: Datum<'v>) -> Run<()> {
        if pipe.assigns {
            return self.set(name, value);
        }
        let at = self.variables.len().saturating_sub(place);
        if let Some((_, variable)) = self.variables.get_mut(at) {
            *variable = value;
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: Datum<'v>) -> Run<()> {
        match self.variables.iter_mut().rev().find(|(have, _)| *have == name) {
            Some((_, variable)) => {
                *variable = value;
                Ok(())
            }
            None => self.fail(format!("undefined variable: {name}")),
        }
    }
}
