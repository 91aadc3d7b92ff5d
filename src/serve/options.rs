//! The options of a list or watch (`metav1.ListOptions`).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{request::Request, status::Refusal};
use crate::select::{FieldSelector, LabelSelector};

/// Which state is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResourceVersionMatch {
    /// The state that is served, which must not be older than this revision.
    NotOlderThan(i64),
    /// The state at this revision.
    Exact(i64),
}

/// What of the object is in the row of a Table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Include {
    None,
    Metadata,
    Object,
}

/// The options.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) labels: LabelSelector,
    pub(super) fields: FieldSelector,
    /// Without any selector.
    pub(super) all: bool,
    /// 0 for no limit.
    pub(super) limit: usize,
    /// The key of the first object, where a list is continued.
    pub(super) start: Option<Vec<u8>>,
    pub(super) wanted: ResourceVersionMatch,
    pub(super) include: Include,
    pub(super) watch: bool,
    /// The revision after which a watch begins; 0 for all that is there.
    pub(super) since: i64,
}

impl Options {
    /// Reads the query.
    pub(super) fn of(request: &Request) -> Result<Self, Refusal> {
        let text = |name| request.value(name).unwrap_or_default();
        let (label, field) = (text("labelSelector"), text("fieldSelector"));
        let labels = LabelSelector::parse(label).map_err(|error| {
            let (error, ours) = (error.to_string(), format!("the provided selector {label:?} is not valid: "));
            Refusal::bad_request(error.strip_prefix(&ours).unwrap_or(&error))
        })?;
        let fields = FieldSelector::parse(field).map_err(|error| Refusal::bad_request(error.to_string()))?;
        let limit = number(text("limit"))?.unwrap_or_default();
        let limit = usize::try_from(limit).unwrap_or_default();
        let revision = number(text("resourceVersion"))?;
        let given = revision.filter(|revision| *revision != 0);
        let watch = request.value("watch").is_some_and(|watch| !matches!(watch, "false" | "0"));
        let mut wanted = match (text("resourceVersionMatch"), given) {
            ("Exact", Some(revision)) => ResourceVersionMatch::Exact(revision),
            ("Exact", None) => {
                let why = "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"";
                return Err(Refusal::bad_request(why));
            }
            ("NotOlderThan", _) if revision.is_none() && !watch => {
                let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
                return Err(Refusal::bad_request(why));
            }
            ("NotOlderThan", given) => ResourceVersionMatch::NotOlderThan(given.unwrap_or_default()),
            // as of old, a list in pieces is of exactly this revision
            ("", Some(revision)) if limit > 0 => ResourceVersionMatch::Exact(revision),
            ("", given) => ResourceVersionMatch::NotOlderThan(given.unwrap_or_default()),
            (other, _) => {
                return Err(Refusal::bad_request(format!("resourceVersionMatch {other:?}: Exact or NotOlderThan")));
            }
        };
        let mut start = None;
        if let Some(token) = request.value("continue").filter(|token| !token.is_empty()) {
            let (revision, key) = read_token(token).ok_or_else(|| {
                Refusal::bad_request("continue key is not valid: it is not one that this server has given")
            })?;
            (wanted, start) = (ResourceVersionMatch::Exact(revision), Some(key));
        }
        let include = match text("includeObject") {
            "None" => Include::None,
            "Object" => Include::Object,
            _ => Include::Metadata,
        };
        let (all, since) = (label.is_empty() && field.is_empty(), given.unwrap_or_default());
        Ok(Self { labels, fields, all, limit, start, wanted, include, watch, since })
    }
}

fn number(text: &str) -> Result<Option<i64>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse::<i64>().ok().filter(|number| *number >= 0);
    number.map(Some).ok_or_else(|| Refusal::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")))
}

/// The text by which a client continues a list: the revision, and the next key.
pub(super) fn token(revision: i64, key: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode([format!("{revision} ").as_bytes(), key].concat())
}

fn read_token(token: &str) -> Option<(i64, Vec<u8>)> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    let at = bytes.iter().position(|byte| *byte == b' ')?;
    let (revision, key) = (bytes.get(..at)?, bytes.get(at.checked_add(1)?..)?);
    Some((std::str::from_utf8(revision).ok()?.parse().ok()?, key.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(query: &str) -> Result<Options, Refusal> {
        Options::of(&Request::get(&format!("/x?{query}")).unwrap())
    }

    #[test]
    fn states_are_named_as_for_an_api_server() {
        for (query, want) in [
            ("", ResourceVersionMatch::NotOlderThan(0)),
            ("resourceVersion=0", ResourceVersionMatch::NotOlderThan(0)),
            ("resourceVersion=7", ResourceVersionMatch::NotOlderThan(7)),
            ("resourceVersion=7&limit=5", ResourceVersionMatch::Exact(7)),
            ("resourceVersion=7&resourceVersionMatch=Exact", ResourceVersionMatch::Exact(7)),
            ("resourceVersion=7&resourceVersionMatch=NotOlderThan&limit=5", ResourceVersionMatch::NotOlderThan(7)),
        ] {
            assert_eq!(options(query).unwrap().wanted, want, "{query}");
        }
        let continued = options(&format!("continue={}", token(12, b"/registry/pods/a b/\xff"))).unwrap();
        assert_eq!(
            (continued.wanted, continued.start.unwrap()),
            (ResourceVersionMatch::Exact(12), b"/registry/pods/a b/\xff".to_vec())
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for query in [
            "limit=x",
            "limit=-1",
            "resourceVersion=now",
            "resourceVersionMatch=Exact",
            "resourceVersionMatch=NotOlderThan",
            "resourceVersionMatch=Newest&resourceVersion=1",
            "labelSelector=a%3D%3D%3Db",
            "fieldSelector=x",
            "continue=abc",
        ] {
            assert_eq!(options(query).unwrap_err().code, 400, "{query}");
        }
    }
}
