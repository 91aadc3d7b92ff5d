//! One line of the log.

use std::borrow::Cow;

use serde::Deserialize;

use crate::k8s::Moment;

/// The longest text that is kept of a request, in bytes.
const LONGEST: usize = 256;

/// The most texts of a list that are kept.
const MOST: usize = 16;

/// A request that changed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The request's id in the audit log (`auditID`).
    pub audit_id: String,
    /// The path and the query.
    pub(super) uri: String,
    /// The verb: `patch`, with the subresource as `patch status`.
    pub verb: String,
    /// The user.
    pub user: String,
    /// The user that it was made as, where that is another.
    pub impersonated: Option<String>,
    /// The user's groups.
    pub groups: Vec<String>,
    /// The addresses that it came from, the client's first.
    pub source_ips: Vec<String>,
    /// The program, by its own word.
    pub user_agent: String,
    /// The time at which the API server received the request.
    pub received: Moment,
    /// The time at which the answer was complete.
    pub completed: Moment,
}

/// What of a line is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'l> {
    #[serde(borrow, default, rename = "auditID")]
    audit_id: Cow<'l, str>,
    #[serde(borrow, default)]
    stage: Cow<'l, str>,
    #[serde(borrow, default, rename = "requestURI")]
    request_uri: Cow<'l, str>,
    #[serde(borrow, default)]
    pub(super) verb: Cow<'l, str>,
    #[serde(borrow, default)]
    user: User<'l>,
    #[serde(borrow, default)]
    impersonated_user: Option<User<'l>>,
    #[serde(borrow, default, rename = "sourceIPs")]
    source_ips: Vec<Cow<'l, str>>,
    #[serde(borrow, default)]
    user_agent: Cow<'l, str>,
    #[serde(borrow, default)]
    pub(super) object_ref: ObjectRef<'l>,
    #[serde(default)]
    response_status: Status,
    #[serde(borrow, default)]
    response_object: Option<Response<'l>>,
    #[serde(borrow, default)]
    request_received_timestamp: Cow<'l, str>,
    #[serde(borrow, default)]
    stage_timestamp: Cow<'l, str>,
}

#[derive(Debug, Default, Deserialize)]
struct User<'l> {
    #[serde(borrow, default)]
    username: Cow<'l, str>,
    #[serde(borrow, default)]
    groups: Vec<Cow<'l, str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectRef<'l> {
    #[serde(borrow, default)]
    pub(super) resource: Cow<'l, str>,
    #[serde(borrow, default)]
    pub(super) namespace: Cow<'l, str>,
    #[serde(borrow, default)]
    name: Cow<'l, str>,
    #[serde(borrow, default)]
    pub(super) api_group: Cow<'l, str>,
    #[serde(borrow, default)]
    pub(super) subresource: Cow<'l, str>,
    #[serde(borrow, default)]
    resource_version: Cow<'l, str>,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: i64,
}

#[derive(Debug, Default, Deserialize)]
struct Response<'l> {
    #[serde(borrow, default)]
    metadata: Metadata<'l>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'l> {
    #[serde(borrow, default)]
    name: Cow<'l, str>,
    #[serde(borrow, default)]
    namespace: Cow<'l, str>,
    #[serde(borrow, default)]
    resource_version: Cow<'l, str>,
}

/// Whether a request changed nothing, as a dry run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DryRun {
    No,
    Perhaps,
    Yes,
}

/// The request's body, which a log of the level `Request` or more holds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'l> {
    #[serde(borrow, default)]
    request_object: Option<Options<'l>>,
}

/// The options of a deletion, or an eviction.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options<'l> {
    #[serde(borrow, default)]
    dry_run: Option<Vec<Cow<'l, str>>>,
    #[serde(borrow, default)]
    delete_options: Option<DeleteOptions<'l>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeleteOptions<'l> {
    #[serde(borrow, default)]
    dry_run: Option<Vec<Cow<'l, str>>>,
}

impl Options<'_> {
    fn is_dry(&self) -> bool {
        let of_eviction = self.delete_options.as_ref().and_then(|options| options.dry_run.as_ref());
        let mut lists = self.dry_run.iter().chain(of_eviction);
        lists.any(|list| !list.is_empty())
    }
}

impl Event<'_> {
    /// Whether the line is an event at all, and not another JSON object.
    pub(super) fn is_event(&self) -> bool {
        !self.stage.is_empty() && !self.verb.is_empty() && self.times().is_some()
    }

    /// Whether the event is the end of a request that changed something, if it was no dry run and has not failed.
    pub(super) fn is_write(&self) -> bool {
        let writes = matches!(self.verb.as_ref(), "create" | "update" | "patch" | "delete" | "deletecollection");
        // these make nothing that is stored
        let talks = matches!(
            self.object_ref.subresource.as_ref(),
            "exec" | "attach" | "portforward" | "proxy" | "token" | "log"
        );
        let is_done = self.stage == "ResponseComplete" && (200..300).contains(&self.response_status.code);
        writes && !talks && (is_done || self.has_failed()) && !self.object_ref.resource.is_empty()
    }

    /// Whether the server failed, gave up, or nothing shows what it answered: the change may have been written
    /// nevertheless, as after a timeout.
    pub(super) fn has_failed(&self) -> bool {
        self.stage == "Panic" || self.stage == "ResponseComplete" && !(1..500).contains(&self.response_status.code)
    }

    /// Whether the request was a dry run; `line` is the whole event.
    pub(super) fn dry_run(&self, line: &[u8]) -> DryRun {
        let query = self.request_uri.split_once('?').map_or("", |(_, query)| query);
        // the API server takes no other value, and leaves out a parameter with a semicolon
        let asked = query.split('&').any(|part| part == "dryRun=All");
        let is_eviction = self.object_ref.subresource == "eviction";
        if !is_eviction && !self.is_deletion() {
            return if asked { DryRun::Yes } else { DryRun::No };
        }
        match serde_json::from_slice::<Body<'_>>(line) {
            Ok(Body { request_object: Some(options) }) if options.is_dry() => DryRun::Yes,
            _ if asked && is_eviction => DryRun::Yes,
            Ok(Body { request_object: Some(_) }) => DryRun::No,
            // where a deletion has a body, the query is not read
            Ok(Body { request_object: None }) if !asked => DryRun::No,
            _ => DryRun::Perhaps,
        }
    }

    pub(super) fn is_deletion(&self) -> bool {
        matches!(self.verb.as_ref(), "delete" | "deletecollection")
    }

    /// Whether the answer was that an object was created (201).
    pub(super) fn has_created(&self) -> bool {
        self.response_status.code == 201
    }

    /// The object's name; empty for a collection, or a name that the server makes.
    pub(super) fn name(&self) -> &str {
        match self.object_ref.name.as_ref() {
            "" => self.response_object.as_ref().map_or("", |response| &response.metadata.name),
            name => name,
        }
    }

    /// The object's namespace.
    pub(super) fn namespace(&self) -> &str {
        match self.object_ref.namespace.as_ref() {
            "" => self.response_object.as_ref().map_or("", |response| &response.metadata.namespace),
            namespace => namespace,
        }
    }

    /// The revision that the answer holds.
    pub(super) fn revision(&self) -> Option<i64> {
        self.response_object.as_ref()?.metadata.resource_version.parse().ok()
    }

    /// The revision that the object had before the request, if that was a condition.
    pub(super) fn before(&self) -> Option<i64> {
        let revision = self.object_ref.resource_version.parse().ok();
        revision.filter(|revision| *revision > 0 && self.verb == "update")
    }

    /// The times between which it was running.
    pub(super) fn times(&self) -> Option<(Moment, Moment)> {
        Some((Moment::parse(&self.request_received_timestamp)?, Moment::parse(&self.stage_timestamp)?))
    }

    /// What is kept of it.
    pub(super) fn request(&self) -> Option<Request> {
        let (received, completed) = self.times()?;
        let all = |list: &[Cow<'_, str>]| list.iter().take(MOST).map(|text| cut(text)).collect();
        let subresource = self.object_ref.subresource.as_ref();
        let verb = if subresource.is_empty() { cut(&self.verb) } else { cut(&format!("{} {subresource}", self.verb)) };
        Some(Request {
            audit_id: cut(&self.audit_id),
            uri: cut(&self.request_uri),
            verb,
            user: cut(&self.user.username),
            impersonated: self.impersonated_user.as_ref().map(|user| cut(&user.username)),
            groups: all(&self.user.groups),
            source_ips: all(&self.source_ips),
            user_agent: cut(&self.user_agent),
            received,
            completed,
        })
    }
}

impl Request {
    /// Whether the request deleted all objects of a kind.
    pub(super) fn is_of_collection(&self) -> bool {
        self.verb.starts_with("deletecollection")
    }
}

fn cut(text: &str) -> String {
    let end = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}
