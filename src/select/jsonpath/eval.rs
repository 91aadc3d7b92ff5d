//! A template applied to an object (`client-go/util/jsonpath/jsonpath.go`).

use super::{
    compare::compare,
    error::EvalError,
    evaluated::Evaluated,
    node::{Node, Param},
};
use crate::k8s::Value;

/// Limit on the nesting of ranges.
const DEPTH: usize = 64;
/// Results that every run may have. `..a..a..a` gives each value once for every way to it.
const RESULTS: usize = 1 << 20;

/// An error, and whether something was found before it, which a filter without a comparison accepts.
struct Fault {
    why: EvalError,
    some: bool,
}

type Walked<'v> = Result<Vec<Evaluated<'v>>, Fault>;

/// Fails as Go does where it returns its input beside the error.
fn fail<T>(why: EvalError, input: &[Evaluated<'_>]) -> Result<T, Fault> {
    Err(Fault { why, some: !input.is_empty() })
}

/// The state of one run. Ranges are no separate nodes: the words `range` and `end` are counted.
pub(super) struct Evaluator<'v> {
    nodes: &'v [Node],
    allow_missing_keys: bool,
    begin_range: usize,
    in_range: usize,
    end_range: usize,
    last_end: Option<usize>,
    data: &'v Value<'v>,
    /// Results that may still be found.
    left: usize,
    /// Whether `left` was raised by the size of `data`.
    raised: bool,
}

impl<'v> Evaluator<'v> {
    pub(super) fn new(nodes: &'v [Node], allow_missing_keys: bool, data: &'v Value<'v>) -> Self {
        Self {
            nodes,
            allow_missing_keys,
            begin_range: 0,
            in_range: 0,
            end_range: 0,
            last_end: None,
            data,
            left: RESULTS,
            raised: false,
        }
    }

    pub(super) fn find(mut self) -> Result<Vec<Vec<Evaluated<'v>>>, EvalError> {
        let mut results = Vec::new();
        self.results(0, Evaluated::In(self.data), &mut results).map_err(|fault| fault.why)?;
        Ok(results)
    }

    /// `FindResults`, of the nodes from `from` on.
    fn results(&mut self, from: usize, data: Evaluated<'v>, out: &mut Vec<Vec<Evaluated<'v>>>) -> Result<(), Fault> {
        if self.in_range > DEPTH {
            return fail(EvalError::Deep, &[]);
        }
        let input = [data];
        let mut at = from;
        while let Some(node) = self.nodes.get(at) {
            let results = self.walk(&input, node)?;
            let next = at.saturating_add(1);
            if self.end_range > 0 && self.end_range <= self.in_range {
                self.end_range = self.end_range.saturating_sub(1);
                self.last_end = Some(at);
                break;
            }
            if self.begin_range == 0 {
                out.push(results);
                at = next;
                continue;
            }
            self.begin_range = self.begin_range.saturating_sub(1);
            self.in_range = self.in_range.saturating_add(1);
            if results.is_empty() {
                // evaluated nevertheless, to find the end
                self.results(next, Evaluated::Nothing, &mut Vec::new())?;
            }
            for found in results {
                let found = if found.is_null() { Evaluated::Nothing } else { found };
                self.results(next, found, out)?;
            }
            self.in_range = self.in_range.saturating_sub(1);
            // without an end, what follows belongs to the outside too
            at = self.last_end.filter(|end| *end >= next).map_or(next, |end| end.saturating_add(1));
        }
        Ok(())
    }

    /// Takes `n` results. A template that looks at each value once has as many as it has nodes and the data values.
    fn spend(&mut self, n: usize) -> Result<(), Fault> {
        if n > self.left && !self.raised {
            self.raised = true;
            let once = count(self.nodes).saturating_mul(self.data.weight()).saturating_mul(2);
            self.left = self.left.saturating_add(once);
        }
        match self.left.checked_sub(n) {
            Some(left) => self.left = left,
            None => return fail(EvalError::Many, &[]),
        }
        Ok(())
    }

    fn walk(&mut self, input: &[Evaluated<'v>], node: &'v Node) -> Walked<'v> {
        self.spend(input.len())?;
        match node {
            Node::List(nodes) => self.list(input, nodes),
            Node::Text(text) => Ok(vec![Evaluated::Made(Value::str(text))]),
            Node::Literal(value) => Ok(input.iter().map(|_| Evaluated::Made(value.clone())).collect()),
            Node::Field(name) => self.field(input, name),
            Node::Array(params) => self.array(input, params),
            Node::Filter { left, right, operator } => self.filter(input, left, operator, right),
            Node::Wildcard => {
                let mut out = Vec::new();
                for found in input {
                    self.spend(found.size())?;
                    out.extend(found.members());
                }
                Ok(out)
            }
            Node::Recursive => {
                let mut out = Vec::new();
                self.recursive(input, &mut out)?;
                Ok(out)
            }
            Node::Union(lists) => {
                let mut out = Vec::new();
                for list in lists {
                    match self.list(input, list) {
                        Ok(found) => out.extend(found),
                        Err(fault) => return fail(fault.why, input),
                    }
                }
                Ok(out)
            }
            Node::Identifier(name) => self.identifier(input, name),
        }
    }

    fn list(&mut self, input: &[Evaluated<'v>], nodes: &'v [Node]) -> Walked<'v> {
        let Some((first, rest)) = nodes.split_first() else { return Ok(input.to_vec()) };
        rest.iter().try_fold(self.walk(input, first)?, |found, node| self.walk(&found, node))
    }

    fn identifier(&mut self, input: &[Evaluated<'v>], name: &str) -> Walked<'v> {
        match name {
            "range" => {
                self.begin_range = self.begin_range.saturating_add(1);
                Ok(input.to_vec())
            }
            "end" if self.in_range == 0 => fail(EvalError::NothingToEnd, &[]),
            "end" => {
                self.end_range = self.end_range.saturating_add(1);
                Ok(Vec::new())
            }
            _ => fail(EvalError::Identifier(name.to_owned()), input),
        }
    }

    fn field(&self, input: &[Evaluated<'v>], name: &str) -> Walked<'v> {
        let member = |found: &Evaluated<'v>| match found {
            Evaluated::In(value) => value.get(name).map(Evaluated::In),
            Evaluated::Made(_) | Evaluated::Nothing => None,
        };
        let out: Vec<_> = input.iter().filter_map(member).collect();
        if out.is_empty() && !input.is_empty() && !self.allow_missing_keys {
            return fail(EvalError::NotFound(name.to_owned()), &[]);
        }
        Ok(out)
    }

    fn filter(&mut self, input: &[Evaluated<'v>], left: &'v [Node], operator: &str, right: &'v [Node]) -> Walked<'v> {
        let mut out = Vec::new();
        for found in input {
            let Evaluated::In(Value::List(list)) = found else {
                let what =
                    if matches!(found, Evaluated::Nothing) { "<invalid reflect.Value>".into() } else { found.text() };
                return fail(EvalError::NotFilterable(what.into_owned()), input);
            };
            for element in list {
                let element = [Evaluated::In(element)];
                let lefts = self.list(&element, left);
                if let Err(Fault { why: EvalError::Many, .. }) = lefts {
                    return lefts;
                }
                if operator == "exists" {
                    if lefts.map_or_else(|fault| fault.some, |found| !found.is_empty()) {
                        out.extend(element);
                    }
                    continue;
                }
                let Some(a) = one(lefts, input)? else { continue };
                let Some(b) = one(self.list(&element, right), input)? else { continue };
                match compare(&a, operator, &b) {
                    Ok(true) => out.extend(element),
                    Ok(false) => {}
                    Err(why) => return fail(why, &out),
                }
            }
        }
        Ok(out)
    }

    /// `evalArray`; where Go would panic on an index of nothing, the result is empty.
    fn array(&mut self, input: &[Evaluated<'v>], params: &[Param; 3]) -> Walked<'v> {
        let mut out = Vec::new();
        for found in input {
            let list = match found {
                Evaluated::In(Value::List(list)) => list,
                Evaluated::Nothing => continue,
                found if found.is_null() => continue,
                found => return fail(EvalError::NotArray(found.go_type()), input),
            };
            match slice(i64::try_from(list.len()).unwrap_or(i64::MAX), params) {
                Ok(Some((start, end, step))) => {
                    let index = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
                    let part = list.get(index(start)..index(end)).unwrap_or_default();
                    self.spend(part.len().div_ceil(index(step)))?;
                    out.extend(part.iter().step_by(index(step)).map(Evaluated::In));
                }
                // Go evaluates no further list then
                Ok(None) => return Ok(out),
                Err(why) => return fail(why, input),
            }
        }
        Ok(out)
    }

    /// `evalRecursive`: every value with members, parents first. The depth is bounded by that of the decoded object.
    fn recursive(&mut self, input: &[Evaluated<'v>], out: &mut Vec<Evaluated<'v>>) -> Result<(), Fault> {
        for found in input {
            self.spend(found.size())?;
            let members = found.members();
            if !members.is_empty() {
                out.push(found.clone());
                self.recursive(&members, out)?;
            }
        }
        Ok(())
    }
}

/// The number of nodes of a template, those inside of others too.
fn count(nodes: &[Node]) -> usize {
    let inside = |node: &Node| match node {
        Node::List(nodes) => count(nodes),
        Node::Filter { left, right, .. } => count(left).saturating_add(count(right)),
        Node::Union(lists) => lists.iter().map(|list| count(list)).sum(),
        _ => 0,
    };
    nodes.iter().map(|node| inside(node).saturating_add(1)).sum()
}

/// The one value of a side of a comparison, if there is any.
fn one<'v>(found: Walked<'v>, input: &[Evaluated<'v>]) -> Result<Option<Evaluated<'v>>, Fault> {
    match found {
        Ok(found) if found.len() > 1 => fail(EvalError::Several, input),
        Ok(found) => Ok(found.into_iter().next()),
        Err(fault) => fail(fault.why, input),
    }
}

/// Start, end and step in a list of this length; `None` when start and end are equal.
fn slice(length: i64, [from, to, step]: &[Param; 3]) -> Result<Option<(i64, i64, i64)>, EvalError> {
    let mut start = if from.known { from.value } else { 0 };
    if start < 0 {
        start = start.wrapping_add(length);
    }
    let mut end = if to.known { to.value } else { length };
    if end < 0 || end == 0 && to.derived {
        end = end.wrapping_add(length);
    }
    let step = if step.known { step.value } else { 1 };
    if start == end {
        Ok(None)
    } else if start >= length || start < 0 {
        Err(EvalError::OutOfBounds { index: start, length })
    } else if end > length || end < 0 {
        Err(EvalError::OutOfBounds { index: end.wrapping_sub(1), length })
    } else if start > end {
        Err(EvalError::Backwards { start, end })
    } else if step <= 0 {
        Err(EvalError::Step)
    } else {
        Ok(Some((start, end, step)))
    }
}
