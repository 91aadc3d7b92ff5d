//! The requests that made the changes.

use std::collections::{HashMap, HashSet};

use super::{
    event::Request,
    wanted::{Match, Wanted},
};
use crate::{
    etcd::Revision,
    k8s::{Map, Value},
};

/// The most candidates that are kept of a change.
const MOST: usize = 4;

/// How certain it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The log holds the revision.
    Exact,
    /// It is the only request about the object at the time.
    TimeAndObject,
    /// It is the only request about such objects at the time.
    TimeAndKind,
    /// It is one of several requests, or one that may have made another change.
    Unsure,
}

impl Known {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::TimeAndObject => "by time and object",
            Self::TimeAndKind => "by time and kind",
            Self::Unsure => "unsure",
        }
    }
}

/// The request of one change, or those that may be it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How certain it is.
    pub known: Known,
    /// The request; several where it is not certain which.
    pub requests: Vec<Request>,
    /// Number of further candidates that are not kept.
    pub more: u64,
}

/// Candidates of a change.
#[derive(Debug, Default)]
struct Candidates {
    found: Vec<(Match, Request)>,
    more: u64,
}

/// The requests of the wanted changes.
#[derive(Debug, Default)]
pub struct Requests(HashMap<Revision, Answer>);

/// The candidates while the log is read.
#[derive(Debug)]
pub(super) struct Collected(Vec<Candidates>);

impl Collected {
    pub(super) fn new(wanted: &Wanted) -> Self {
        Self(wanted.changes.iter().map(|_| Candidates::default()).collect())
    }

    pub(super) fn add(&mut self, at: usize, how: Match, request: &Request) {
        let Some(candidates) = self.0.get_mut(at) else { return };
        let rank = |how: Match| match how {
            Match::Exact => 0,
            Match::Object => 1,
            Match::Kind => 2,
        };
        // several stages, or one log twice
        if candidates.found.iter().any(|(_, known)| known.audit_id == request.audit_id) {
            return;
        }
        candidates.found.push((how, request.clone()));
        candidates.found.sort_by_key(|(how, request)| (rank(*how), request.completed));
        if candidates.found.len() > MOST {
            candidates.found.pop();
            candidates.more = candidates.more.saturating_add(1);
        }
    }

    /// Decides for each change.
    pub(super) fn decided(self, wanted: &Wanted) -> Requests {
        // one request makes one change of an object
        let mut exact = HashSet::new();
        let mut uses: HashMap<String, u64> = HashMap::new();
        for candidates in &self.0 {
            if let Some((Match::Exact, request)) = candidates.found.first() {
                exact.insert(request.audit_id.clone());
                continue;
            }
            for (how, request) in &candidates.found {
                // a collection has many objects
                if *how == Match::Object || !request.verb.starts_with("deletecollection") {
                    let count = uses.entry(request.audit_id.clone()).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        let mut answers = HashMap::new();
        for (candidates, change) in self.0.into_iter().zip(&wanted.changes) {
            let answer = match candidates.found.first() {
                Some((Match::Exact, first)) => {
                    // what changes nothing answers with the revision of a change that was before
                    let first = first.clone();
                    let overlap = candidates.found.iter().skip(1);
                    let overlap =
                        overlap.filter(|(how, other)| *how == Match::Exact && other.received < first.completed);
                    let others: Vec<_> = overlap.map(|(_, other)| other.clone()).collect();
                    let known = if others.is_empty() { Known::Exact } else { Known::Unsure };
                    Answer { known, requests: std::iter::once(first).chain(others).collect(), more: 0 }
                }
                Some(_) => {
                    let left = candidates.found.into_iter().filter(|(_, request)| !exact.contains(&request.audit_id));
                    let mut left: Vec<_> = left.collect();
                    if left.iter().any(|(how, _)| *how == Match::Object) {
                        left.retain(|(how, _)| *how == Match::Object);
                    }
                    let known = match left.as_slice() {
                        [] => continue,
                        [(_, one)] if uses.get(&one.audit_id).is_some_and(|uses| *uses > 1) => Known::Unsure,
                        [(Match::Object, _)] if candidates.more == 0 => Known::TimeAndObject,
                        [_] if candidates.more == 0 => Known::TimeAndKind,
                        _ => Known::Unsure,
                    };
                    Answer {
                        known,
                        requests: left.into_iter().map(|(_, request)| request).collect(),
                        more: candidates.more,
                    }
                }
                None => continue,
            };
            answers.insert(change.revision, answer);
        }
        Requests(answers)
    }
}

impl Requests {
    /// The request of the change at `revision`.
    #[must_use]
    pub fn of(&self, revision: Revision) -> Option<&Answer> {
        self.0.get(&revision)
    }

    /// Number of changes of which it is known so.
    #[must_use]
    pub fn count(&self, known: Known) -> usize {
        self.0.values().filter(|answer| answer.known == known).count()
    }
}

impl Answer {
    /// The users, each once: `alice`, `alice as bob`, `alice or bob`.
    #[must_use]
    pub fn users(&self) -> String {
        self.each(|request| match &request.impersonated {
            Some(other) => format!("{} as {other}", request.user),
            None => request.user.clone(),
        })
    }

    /// The addresses, each once.
    #[must_use]
    pub fn addresses(&self) -> String {
        self.each(|request| request.source_ips.join(","))
    }

    fn each(&self, text: impl Fn(&Request) -> String) -> String {
        let mut texts: Vec<String> = Vec::new();
        for text in self.requests.iter().map(text) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        if self.more > 0 {
            texts.push("others".to_owned());
        }
        texts.join(" or ")
    }

    /// As a JSON object.
    #[must_use]
    pub fn value(&self) -> Value<'static> {
        let text = |text: &str| Value::Str(text.to_owned().into());
        let list = |list: &[String]| Value::List(list.iter().map(|item| text(item)).collect());
        let object = |members: Vec<(&'static str, Value<'static>)>| {
            Value::Object(Map::from_unsorted(members.into_iter().map(|(name, value)| (name.into(), value)).collect()))
        };
        let request = |of: &Request| {
            let mut members = vec![
                ("auditID", text(&of.audit_id)),
                ("verb", text(&of.verb)),
                ("user", text(&of.user)),
                ("groups", list(&of.groups)),
                ("sourceIPs", list(&of.source_ips)),
                ("userAgent", text(&of.user_agent)),
                ("received", text(&of.received.micros())),
                ("completed", text(&of.completed.micros())),
            ];
            members.extend(of.impersonated.as_ref().map(|user| ("impersonatedUser", text(user))));
            object(members)
        };
        object(vec![
            ("known", text(self.known.name())),
            ("requests", Value::List(self.requests.iter().map(request).collect())),
            ("more", Value::UInt(self.more)),
        ])
    }
}
