//! The requests that made the changes.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    cover::Cover,
    event::Request,
    wanted::{Match, Wanted},
};
use crate::{
    etcd::Revision,
    k8s::{Map, Moment, Value},
};

/// The most candidates that are kept of a change.
const MOST: usize = 4;

/// How certain the request of a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The log holds the revision of the change, and the times agree.
    Exact,
    /// The request is the only one about the object at the time of the change.
    TimeAndObject,
    /// The request is the only one about objects of the kind at the time of the change.
    TimeAndKind,
    /// The request is one of several, or may have made another change or none.
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

/// Which request it is. Clients choose the id in the log, and some logs have none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Identity {
    audit_id: String,
    user: String,
    impersonated: Option<String>,
    verb: String,
    uri: String,
    received: Moment,
    /// Its place in the log, where it has no id.
    place: u64,
}

/// A request that may have made a change.
#[derive(Debug)]
struct Candidate {
    how: Match,
    identity: Identity,
    request: Request,
    /// All changes that it may have made.
    places: Arc<[usize]>,
}

/// Candidates of a change.
#[derive(Debug, Default)]
struct Candidates {
    found: Vec<Candidate>,
    more: u64,
}

/// The requests of the wanted changes.
#[derive(Debug, Default)]
pub struct Requests {
    answers: HashMap<Revision, Answer>,
    uncovered: usize,
}

/// The candidates while the log is read.
#[derive(Debug)]
pub(super) struct Collected {
    changes: Vec<Candidates>,
    requests: u64,
}

impl Collected {
    pub(super) fn new(wanted: &Wanted) -> Self {
        Self { changes: wanted.changes.iter().map(|_| Candidates::default()).collect(), requests: 0 }
    }

    /// Adds a request to the changes that it may have made.
    pub(super) fn add(&mut self, matches: &[(usize, Match)], request: &Request) {
        self.requests = self.requests.saturating_add(1);
        let identity = Identity::of(request, self.requests);
        let places: Arc<[usize]> = matches.iter().map(|(at, _)| *at).collect();
        for (at, how) in matches {
            if let Some(candidates) = self.changes.get_mut(*at) {
                candidates.add(*how, &identity, request, &places);
            }
        }
    }

    /// Decides for each change; the log covers the times `cover`.
    pub(super) fn decided(self, wanted: &Wanted, cover: &Cover) -> Requests {
        let mut uncovered = 0_usize;
        // one request makes one change of an object
        let named = self.changes.iter().filter_map(Candidates::exact).flatten();
        let exact: HashSet<_> = named.map(|candidate| &candidate.identity).collect();
        let makes_one = |candidate: &Candidate| {
            let open = |at: &&usize| self.changes.get(**at).is_some_and(|change| change.exact().is_none());
            // a collection has many objects
            candidate.request.is_of_collection() || candidate.places.iter().filter(open).take(2).count() < 2
        };
        let likely = |candidates| Candidates::likely(candidates, &exact, makes_one, wanted.is_part);
        // those that made another change than one whose revision is in an answer
        let all = || self.changes.iter().zip(&wanted.changes);
        let others = all().filter(|(of, change)| of.exact().is_none() && change.is_covered(cover, None));
        let made = others.filter_map(|(of, _)| likely(of).filter(|(known, _)| *known == Known::TimeAndObject));
        let made: HashSet<_> = made.flat_map(|(_, chosen)| chosen).map(|of| &of.identity).collect();
        let answers = all().filter(|(_, change)| change.is_asked).filter_map(|(candidates, change)| {
            let (known, chosen, more) = match candidates.exact() {
                Some([one]) if change.is_proved() => (Known::Exact, vec![one], 0),
                Some([one]) => {
                    let chosen = candidates.instead_of(one, &made);
                    let is_alone = chosen.len() == 1 && candidates.more == 0;
                    (if is_alone { Known::Exact } else { Known::Unsure }, chosen, candidates.more)
                }
                // one may have changed nothing, or be of an earlier life of the cluster
                Some(named) => {
                    // those that were dropped are no nearer than those that are kept
                    let more = if named.len() < candidates.found.len() { 0 } else { candidates.more };
                    (Known::Unsure, named.iter().collect(), more)
                }
                None => {
                    let (known, chosen) = likely(candidates)?;
                    (known, chosen, candidates.more)
                }
            };
            let is_covered = match (known, chosen.as_slice()) {
                (Known::Unsure, _) => true,
                // A request that changes nothing is answered with the revision, too, but only after the one that made
                // the change.
                (Known::Exact, [one]) => change.is_proved() || change.is_covered(cover, Some(one.request.completed)),
                _ => change.is_covered(cover, None),
            };
            uncovered = uncovered.saturating_add((!is_covered).into());
            let known = if is_covered { known } else { Known::Unsure };
            let requests = chosen.into_iter().map(|candidate| candidate.request.clone()).collect();
            Some((change.revision, Answer { known, requests, more }))
        });
        let answers = answers.collect();
        Requests { answers, uncovered }
    }
}

impl Identity {
    fn of(request: &Request, place: u64) -> Self {
        Self {
            audit_id: request.audit_id.clone(),
            user: request.user.clone(),
            impersonated: request.impersonated.clone(),
            verb: request.verb.clone(),
            uri: request.uri.clone(),
            received: request.received,
            place: if request.audit_id.is_empty() { place } else { 0 },
        }
    }
}

impl Candidates {
    fn add(&mut self, how: Match, identity: &Identity, request: &Request, places: &Arc<[usize]>) {
        // one log twice, or at two levels
        match self.found.iter_mut().find(|known| known.identity == *identity) {
            Some(known) => known.how = known.how.min(how),
            None => {
                let (identity, request, places) = (identity.clone(), request.clone(), Arc::clone(places));
                self.found.push(Candidate { how, identity, request, places });
            }
        }
        self.found.sort_by_key(|candidate| (candidate.how, candidate.request.completed));
        if self.found.len() > MOST {
            self.found.pop();
            self.more = self.more.saturating_add(1);
        }
    }

    /// Those whose answer holds the revision: the ones at the time of the change, or else near it.
    fn exact(&self) -> Option<&[Candidate]> {
        let how = self.found.first()?.how;
        if !matches!(how, Match::Exact | Match::Near) {
            return None;
        }
        self.found.chunk_by(|a, b| a.how == b.how).next()
    }

    /// One whose answer holds the revision, and those without an answer that may have made the change before it.
    fn instead_of<'c>(&'c self, exact: &'c Candidate, made: &HashSet<&Identity>) -> Vec<&'c Candidate> {
        let no_answer = |of: &&Candidate| !matches!(of.how, Match::Exact | Match::Near) && !made.contains(&of.identity);
        std::iter::once(exact).chain(self.found.iter().filter(no_answer)).collect()
    }

    /// Those that are found by time, without the requests whose changes are known.
    fn likely(
        &self,
        exact: &HashSet<&Identity>,
        makes_one: impl Fn(&Candidate) -> bool,
        is_part: bool,
    ) -> Option<(Known, Vec<&Candidate>)> {
        let mut left: Vec<_> = self.found.iter().filter(|of| !exact.contains(&of.identity)).collect();
        if left.iter().any(|of| matches!(of.how, Match::Before | Match::Object)) {
            left.retain(|of| of.how != Match::Kind);
        }
        let known = match left.as_slice() {
            [] if self.more == 0 => return None,
            [one] if self.more == 0 && makes_one(one) => match one.how {
                Match::Exact | Match::Near | Match::Before | Match::Object => Known::TimeAndObject,
                Match::Kind if one.request.is_of_collection() || !is_part => Known::TimeAndKind,
                Match::Kind | Match::Perhaps => Known::Unsure,
            },
            _ => Known::Unsure,
        };
        Some((known, left))
    }
}

impl Requests {
    /// The request of the change at `revision`.
    #[must_use]
    pub fn of(&self, revision: Revision) -> Option<&Answer> {
        self.answers.get(&revision)
    }

    /// Number of changes that are unsure only because the log does not cover the time in which they were written.
    #[must_use]
    pub fn uncovered(&self) -> usize {
        self.uncovered
    }

    /// Number of changes of which it is known so.
    #[must_use]
    pub fn count(&self, known: Known) -> usize {
        self.answers.values().filter(|answer| answer.known == known).count()
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
    pub(crate) fn value(&self) -> Value<'static> {
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
