//! The stores that a run opens.

use std::{
    collections::HashMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use futures_util::TryStreamExt as _;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _};
use tokio::runtime::{Builder, Runtime};

use super::{
    download::{Download, is_strong},
    place::{Kind, Place},
    refusal::{changed, refusal},
};
use crate::{
    Error, Result,
    source::{Listing, Object, Origin, Stat, Store},
};

/// The longest that a request may take without an answer.
const ANSWER: Duration = Duration::from_secs(60);

/// Makes, for the download of a name, what is told the bytes that are there and all that there will be.
pub type Progress = Box<dyn Fn(&str) -> Box<dyn Fn(u64, u64)> + Send + Sync>;

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
        let answered = self.runtime()?.block_on(async { tokio::time::timeout(ANSWER, request).await });
        let late = |_| Error::io(name, doing, std::io::ErrorKind::TimedOut.into());
        answered.map_err(late)?.map_err(|error| refusal(name, doing, &error))
    }
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
            // A long list takes many requests.
            let listed = self.runtime()?.block_on(store.list(prefix).try_collect::<Vec<_>>());
            (listed.map_err(|error| refusal(url, "list", &error))?, 0)
        } else {
            let listed = self.answer(url, "list", store.list_with_delimiter(prefix))?;
            (listed.objects, listed.common_prefixes.len())
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
