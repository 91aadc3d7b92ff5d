//! The content of one object, in order, over as many connections as it takes.

use std::{
    io::{self, Read},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream::BoxStream};
use object_store::{GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore};
use tokio::{runtime::Runtime, time::timeout};

use super::refusal::{changed, refusal};
use crate::Error;

/// The longest wait for the next bytes, or for an answer.
const STALLED: Duration = Duration::from_secs(30);
/// The connections that are tried one after the other without a new byte.
const TRIES: u32 = 5;
/// The wait before the second of them; each further wait is twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// An object that is being read.
pub(super) struct Download {
    name: String,
    runtime: Arc<Runtime>,
    store: Arc<dyn ObjectStore>,
    meta: ObjectMeta,
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    chunk: Bytes,
    /// Bytes that were handed out or are in `chunk`.
    at: u64,
    /// Connections since the last new byte.
    tried: u32,
    progress: Box<dyn Fn(u64, u64)>,
}

impl Download {
    /// Reads what the store has begun to send.
    pub(super) fn new(
        name: String,
        runtime: Arc<Runtime>,
        store: Arc<dyn ObjectStore>,
        got: GetResult,
        progress: Box<dyn Fn(u64, u64)>,
    ) -> Self {
        let meta = got.meta.clone();
        let stream = got.into_stream();
        Self { name, runtime, store, meta, stream, chunk: Bytes::new(), at: 0, tried: 0, progress }
    }

    /// Waits for the next bytes; none at the end.
    fn next(&mut self) -> Result<Bytes, Error> {
        loop {
            let next = self.runtime.block_on(async { timeout(STALLED, self.stream.next()).await });
            let why = match next {
                Ok(Some(Ok(chunk))) if chunk.is_empty() => continue,
                Ok(Some(Ok(chunk))) => {
                    self.at = self.at.saturating_add(chunk.len() as u64);
                    self.tried = 0;
                    (self.progress)(self.at, self.meta.size);
                    return Ok(chunk);
                }
                Ok(None) if self.at >= self.meta.size => return Ok(Bytes::new()),
                Ok(None) => Error::io(&self.name, "read", io::ErrorKind::UnexpectedEof.into()),
                Ok(Some(Err(error))) => refusal(&self.name, "read", &error),
                Err(_) => Error::io(&self.name, "read", io::ErrorKind::TimedOut.into()),
            };
            self.resume(why)?;
        }
    }

    /// Asks for the bytes that are missing, under the condition that the object is still the same. `why` is what ended
    /// the last connection.
    fn resume(&mut self, mut why: Error) -> Result<(), Error> {
        let etag = self.meta.e_tag.as_ref().filter(|etag| is_strong(etag));
        let dated = self.meta.last_modified.timestamp() != 0;
        while self.tried < TRIES && (etag.is_some() || dated) {
            std::thread::sleep(PAUSE.saturating_mul(1 << self.tried.min(TRIES)));
            self.tried = self.tried.saturating_add(1);
            let options = GetOptions {
                range: Some(GetRange::Bounded(self.at..self.meta.size)),
                if_match: etag.cloned(),
                ..GetOptions::default()
            };
            let request = self.store.get_opts(&self.meta.location, options);
            match self.runtime.block_on(async { timeout(STALLED, request).await }) {
                Ok(Ok(got)) if is_same(&self.meta, &got.meta) => {
                    self.stream = got.into_stream();
                    return Ok(());
                }
                Ok(Ok(_) | Err(object_store::Error::Precondition { .. } | object_store::Error::NotFound { .. })) => {
                    return Err(changed(&self.name, self.at));
                }
                Ok(Err(error)) => why = refusal(&self.name, "read", &error),
                Err(_) => why = Error::io(&self.name, "read", io::ErrorKind::TimedOut.into()),
            }
        }
        Err(match why {
            Error::Io { file, doing, source, .. } => Error::Io { file, doing, offset: Some(self.at), source },
            why => why,
        })
    }
}

/// Whether an ETag stands for the bytes: a weak one stands for the meaning alone.
pub(super) fn is_strong(etag: &str) -> bool {
    !etag.starts_with("W/")
}

/// Whether an object has not been replaced, as far as the store reports.
fn is_same(was: &ObjectMeta, now: &ObjectMeta) -> bool {
    (&was.e_tag, was.size, was.last_modified) == (&now.e_tag, now.size, now.last_modified)
}

impl Read for Download {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() {
            self.chunk = self.next().map_err(io::Error::other)?;
        }
        let n = self.chunk.len().min(into.len());
        let part = self.chunk.split_to(n);
        if let Some(into) = into.get_mut(..n) {
            into.copy_from_slice(&part);
        }
        Ok(n)
    }
}
