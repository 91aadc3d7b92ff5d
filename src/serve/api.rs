//! From a request to an answer.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use super::{
    accept::{form, takes_aggregated},
    answer::{Answer, Content, JSON, Pieces, Step},
    backup::Backup,
    discovery::{self, AGGREGATED, REVIEWS},
    health, list,
    list::Target,
    openapi,
    options::Options,
    request::Request,
    review,
    status::Refusal,
    warnings::{self, WARNING},
    watch,
};

/// The Kubernetes API of one backup.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    backup: Arc<Backup>,
    /// `127.0.0.1:8001`, which discovery repeats.
    address: String,
}

impl Api {
    /// Answers for `backup` at an address.
    #[must_use]
    pub(crate) fn new(backup: Arc<Backup>, address: String) -> Self {
        Self { backup, address }
    }

    /// Answers a request. May take a while: objects are decoded, and a state that is asked for the first time is read.
    #[must_use]
    pub(crate) fn answer(&self, request: &Request) -> Answer {
        let answer = self.route(request).unwrap_or_else(Answer::from);
        let Content::Pieces(mut pieces) = answer.content else {
            return match self.backup.intact() {
                Ok(()) => answer,
                Err(error) => Refusal::internal(error.to_string()).into(),
            };
        };
        let mut checked = move |backup: &Backup| match pieces.next() {
            Step::Broken(why) => Step::Broken(why),
            step => backup.intact().map_or_else(|error| Step::Broken(error.to_string()), |()| step),
        };
        let first = checked(&self.backup);
        let content = match first {
            Step::Last(bytes) => Content::Whole(bytes),
            Step::Broken(why) => return Refusal::internal(why).into(),
            first => {
                let backup = Arc::clone(&self.backup);
                Content::Pieces(Box::new(Checked { first: Some(first), rest: move || checked(&backup) }))
            }
        };
        Answer { content, ..answer }
    }

    fn route(&self, request: &Request) -> Result<Answer, Refusal> {
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            let is_asked = |review: &&(&str, &str, &str, &str)| path == ["apis", review.0, review.1, review.2];
            return match REVIEWS.iter().find(is_asked).filter(|_| request.method == "POST") {
                Some((.., kind)) => review::review(kind, request),
                None => Err(self.refused()),
            };
        }
        let verbose = request.value("verbose").is_some();
        match path.as_slice() {
            [] => Ok(Answer::json(200, paths())),
            ["version"] => Ok(health::version(&self.backup)),
            [which @ ("healthz" | "livez" | "readyz"), ..] => Ok(health::health(&self.backup, which, verbose)),
            ["api" | "apis", ..] => self.api(request, &path),
            ["openapi", "v2"] => {
                let (catalog, version) = (&self.backup.catalog, health::git_version(&self.backup));
                Ok(match openapi::v2::takes_protobuf(&request.accept) {
                    true => with_etag(request, openapi::v2::PROTOBUF, openapi::v2::protobuf(catalog, &version)),
                    false => with_etag(request, JSON, openapi::v2::json(catalog, &version)),
                })
            }
            ["openapi", "v3"] => Ok(with_etag(request, JSON, openapi::index(&self.backup.catalog))),
            ["openapi", "v3", rest @ ..] => {
                let (group, version) = match rest {
                    ["api", version] => ("", *version),
                    ["apis", group, version] => (*group, *version),
                    _ => return Err(Refusal::no_resource()),
                };
                let document = openapi::document(&self.backup.catalog, group, version);
                Ok(with_etag(request, JSON, document.ok_or_else(Refusal::no_resource)?))
            }
            _ => Err(Refusal::no_resource()),
        }
    }

    fn api(&self, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
        let catalog = &self.backup.catalog;
        let document = |document| Ok(with_etag(request, JSON, document));
        match path {
            ["api" | "apis"] if takes_aggregated(&request.accept) => {
                Ok(with_etag(request, AGGREGATED, discovery::aggregated(catalog, path == ["api"])))
            }
            ["api"] => document(discovery::core_versions(catalog, &self.address)),
            ["apis"] => document(discovery::groups(catalog)),
            ["apis", group] => document(discovery::group(catalog, group).ok_or_else(Refusal::no_resource)?),
            ["api", version] => document(discovery::resources(catalog, "", version).ok_or_else(Refusal::no_resource)?),
            ["apis", group, version] => {
                document(discovery::resources(catalog, group, version).ok_or_else(Refusal::no_resource)?)
            }
            ["api", version, rest @ ..] => self.objects(request, "", version, rest),
            ["apis", group, version, rest @ ..] => self.objects(request, group, version, rest),
            _ => Err(Refusal::no_resource()),
        }
    }

    fn objects(&self, request: &Request, group: &str, version: &str, path: &[&str]) -> Result<Answer, Refusal> {
        let (namespace, path) = match path {
            ["namespaces", _, "status" | "finalize"] => (None, path),
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            _ => (None, path),
        };
        let (plural, rest) = path.split_first().ok_or_else(Refusal::no_resource)?;
        let served = self.backup.catalog.find(group, version, plural).ok_or_else(Refusal::no_resource)?;
        // as in an API server: nodes are in no namespace, and one pod is in one
        let fits = if rest.is_empty() {
            namespace.is_none() || served.resource.namespaced
        } else {
            namespace.is_some() == served.resource.namespaced
        };
        if !fits {
            return Err(Refusal::no_resource());
        }
        let target = Target { served: Arc::clone(served), namespace };
        let answer = self.resource(request, target, rest).unwrap_or_else(Answer::from);
        let with = |answer: Answer, text: String| answer.with(WARNING, warnings::header(&text));
        Ok(self.backup.warnings(served).fold(answer, with))
    }

    fn resource(&self, request: &Request, target: Target, path: &[&str]) -> Result<Answer, Refusal> {
        let (options, form) = (Options::of(request)?, form(&request.accept)?);
        match path {
            [] if options.watch => watch::watch(&self.backup, target, options, form, request),
            [] => list::list(&self.backup, target, options, form),
            [name] | [name, "status"] => list::get(&self.backup, &target, name, &options, form),
            [name, "scale"] => list::scale(&self.backup, &target, name, &options),
            [_, "log"] if target.served.resource.plural == "pods" => {
                Err(Refusal::no_resource_for("logs are not in a backup: the kubelet of the node has them"))
            }
            [_, "exec" | "attach" | "portforward" | "proxy", ..] => {
                Err(Refusal::no_resource_for("a backup has no running containers"))
            }
            _ => Err(Refusal::no_resource()),
        }
    }

    /// The answer to what would change something.
    fn refused(&self) -> Refusal {
        let (file, revision) = (self.backup.file(), self.backup.revision());
        Refusal::forbidden(format!("the backup {file} at revision {revision} is read-only; nothing was changed"))
    }
}

/// Pieces of which the first was made already.
struct Checked<F> {
    first: Option<Step>,
    rest: F,
}

impl<F: FnMut() -> Step + Send> Pieces for Checked<F> {
    fn next(&mut self) -> Step {
        self.first.take().unwrap_or_else(|| (self.rest)())
    }
}

/// A document with its ETag, or 304 where the client has it already.
fn with_etag(request: &Request, content_type: &'static str, document: Vec<u8>) -> Answer {
    let mut hasher = DefaultHasher::new();
    document.hash(&mut hasher);
    let etag = format!("\"{:016X}\"", hasher.finish());
    let mut answer = Answer { content_type, ..Answer::json(200, document) };
    if request.etag == etag {
        answer.code = 304;
        answer.content = Content::Whole(Vec::new());
    }
    answer.with("etag", etag).with("vary", "Accept").with("cache-control", "public")
}

/// The paths that there are.
fn paths() -> Vec<u8> {
    let paths = ["/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"];
    serde_json::json!({ "paths": paths }).to_string().into_bytes()
}
