//! The stores that a run opens.

use std::{
    collections::HashMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::BoxStream};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _};
use tokio::{
    runtime::{Builder, Runtime},
    time::{error::Elapsed, timeout},
};

use super::{
    download::{Download, is_strong},
    kind::Kind,
    place::Place,
    refusal::{changed, refusal},
};
use crate::{
    Error, Result,
    source::{Listing, Object, Origin, Stat, Store},
};

/// The longest that a request may take without an answer.
const ANSWER: Duration = Duration::from_secs(60);
/// The longest that the list of one folder may take, which is many requests where it has many objects.
const LIST: Duration = Duration::from_secs(600);

/// Makes, for the download of a name, what is told the bytes that are there and all that there will be.
pub(crate) type Progress = Box<dyn Fn(&str) -> Box<dyn Fn(u64, u64)> + Send + Sync>;

/// Object stores by their URLs.
pub struct Stores {
    endpoint: Option<String>,
    progress: Progress,
    runtime: OnceLock<Arc<Runtime>>,
    open: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Stores {
    /// No store is opened yet. Requests for `s3://`, `gs://` and `az://` go to `endpoint`, where that is given.
    #[must_use]
    pub fn new(endpoint: Option<String>, progress: Progress) -> Self {
        Self { endpoint, progress, runtime: OnceLock::new(), open: Mutex::new(HashMap::new()) }
    }

    fn runtime(&self) -> Result<&Arc<Runtime>> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        // Another provider may be installed by the program that this library is part of.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|e| Error::io("a thread", "start", e))?;
        Ok(self.runtime.get_or_init(|| Arc::new(runtime)))
    }

    fn store(&self, place: &Place) -> Result<Arc<dyn ObjectStore>> {
        // Needed by the clients that are built.
        let _entered = self.runtime()?.enter();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = open.get(&place.root) {
            return Ok(Arc::clone(store));
        }
        let store = place.store(self.endpoint.as_deref())?;
        open.insert(place.root.clone(), Arc::clone(&store));
        Ok(store)
    }

    /// The answer to one request.
    fn answer<T>(
        &self,
        name: &str,
        doing: &'static str,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T> {
        answered(name, doing, self.runtime()?.block_on(async { timeout(ANSWER, request).await }))
    }
}

/// What was answered, or why nothing was.
fn answered<T>(name: &str, doing: &'static str, answer: Result<object_store::Result<T>, Elapsed>) -> Result<T> {
    let late = |_| Error::io(name, doing, std::io::ErrorKind::TimedOut.into());
    answer.map_err(late)?.map_err(|error| refusal(name, doing, &error))
}

/// All of a list, each part of which may take `longest`.
async fn listed<T>(
    longest: Duration,
    mut list: BoxStream<'_, object_store::Result<T>>,
) -> Result<object_store::Result<Vec<T>>, Elapsed> {
    let mut all = Vec::new();
    while let Some(next) = timeout(longest, list.next()).await? {
        match next {
            Ok(one) => all.push(one),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(all))
}

impl Store for Stores {
    fn takes(&self, scheme: &str) -> bool {
        Kind::of(scheme).is_some()
    }

    fn has_folders(&self, scheme: &str) -> bool {
        Kind::of(scheme).is_some_and(|kind| kind != Kind::Web)
    }

    fn open(&self, url: &str) -> Result<Object> {
        let (place, name) = (Place::parse(url)?, Origin::url(url).display);
        let store = self.store(&place)?;
        let request = store.get_opts(&place.path, Default::default());
        let got = self.answer(&name, "open", request)?;
        let size = got.meta.size;
        let progress = (self.progress)(&name);
        let runtime = Arc::clone(self.runtime()?);
        Ok(Object { size, content: Box::new(Download::new(name, runtime, store, got, progress)) })
    }

    fn stat(&self, url: &str) -> Result<Stat> {
        let place = Place::parse(url)?;
        let store = self.store(&place)?;
        self.answer(&Origin::url(url).display, "look at", store.head(&place.path)).map(|meta| stat(&meta))
    }

    fn range(&self, url: &str, was: &Stat, range: Range<u64>) -> Result<Vec<u8>> {
        let (place, name) = (Place::parse(url)?, Origin::url(url).display);
        let store = self.store(&place)?;
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            if_match: was.etag.clone().filter(|etag| is_strong(etag)),
            ..GetOptions::default()
        };
        let wanted = range.end.saturating_sub(range.start);
        let request = async {
            let got = match store.get_opts(&place.path, options).await {
                Err(object_store::Error::Precondition { .. }) => return Ok(None),
                got => got?,
            };
            let now = stat(&got.meta);
            let bytes = got.bytes().await?;
            Ok(Some(bytes).filter(|bytes| now == *was && bytes.len() as u64 == wanted))
        };
        let bytes = self.answer(&name, "read", request)?.ok_or_else(|| changed(&name, range.start))?;
        Ok(bytes.into())
    }

    fn list(&self, url: &str, recursive: bool) -> Result<Listing> {
        let place = Place::parse(url)?;
        if place.kind == Kind::Web {
            return Err(Error::usage(format!("{url}: a web server has no folders")).hinted("name its files"));
        }
        let store = self.store(&place)?;
        let prefix = Some(&place.path).filter(|path| !path.as_ref().is_empty());
        let (objects, folders) = if recursive {
            let list = self.runtime()?.block_on(listed(ANSWER, store.list(prefix)));
            (answered(url, "list", list)?, 0)
        } else {
            let list = async { timeout(LIST, store.list_with_delimiter(prefix)).await };
            let list = answered(url, "list", self.runtime()?.block_on(list))?;
            (list.objects, list.common_prefixes.len())
        };
        let mut objects: Vec<_> = objects.iter().map(|meta| (place.url(&meta.location), stat(meta))).collect();
        objects.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Listing { objects, folders })
    }
}

fn stat(meta: &ObjectMeta) -> Stat {
    let modified = (meta.last_modified.timestamp(), meta.last_modified.timestamp_subsec_nanos().into());
    Stat { size: meta.size, modified, etag: meta.e_tag.clone() }
}

#[cfg(test)]
mod tests {
    use futures_util::stream::{iter, pending};

    use super::*;

    #[test]
    fn a_store_that_falls_silent_ends_a_list() {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let short = Duration::from_millis(1);
        let begun = || iter([Ok(1), Ok(2)]);
        let whole = runtime.block_on(listed(short, begun().boxed()));
        assert_eq!(answered("s3://b/", "list", whole).unwrap(), [1, 2]);
        let silent = runtime.block_on(listed(short, begun().chain(pending()).boxed()));
        let error = answered("s3://b/", "list", silent).unwrap_err();
        assert!(error.to_string().starts_with("s3://b/: cannot list: "), "{error}");
    }
}
