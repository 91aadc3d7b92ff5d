//! URLs: a store, and the place of an object in it.

use std::sync::Arc;

use object_store::{
    ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    azure::{AzureConfigKey, MicrosoftAzureBuilder},
    gcp::{GoogleCloudStorageBuilder, GoogleConfigKey},
    http::HttpBuilder,
    path::Path,
};

use super::{kind::Kind, refusal::refusal};
use crate::{Error, Result};

/// A URL, taken apart. Only that of a web server is percent-encoded; the others are as the clouds' own tools take them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: Kind,
    /// What has one [`ObjectStore`]: scheme and bucket, or scheme, host and query.
    pub(super) root: String,
    /// The key of the object.
    pub(super) path: Path,
}

impl Place {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let wrong = |why: &str| Error::usage(format!("{url}: {why}")).hinted("URLs are as in s3://BUCKET/FOLDER/FILE");
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("not a URL"))?;
        let kind = Kind::of(scheme).ok_or_else(|| wrong("no store has this scheme"))?;
        let (host, key) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() {
            return Err(wrong("there is no name of a bucket or server in it"));
        }
        let odd = |_| wrong("the key has an empty part, or one of dots");
        if kind != Kind::Web {
            let path = Path::parse(key).map_err(odd)?;
            return Ok(Self { kind, root: format!("{scheme}://{host}"), path });
        }
        let key = key.split('#').next().unwrap_or_default();
        let (key, query) = key.split_once('?').unwrap_or((key, ""));
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        Ok(Self { kind, root: format!("{scheme}://{host}/{query}"), path: Path::from_url_path(key).map_err(odd)? })
    }

    /// The URL of an object in the same store.
    pub(super) fn url(&self, key: &Path) -> String {
        format!("{}/{key}", self.root)
    }

    /// The store, with the credentials of the environment. `endpoint` is another server for it than the cloud's own.
    pub(super) fn store(&self, endpoint: Option<&str>) -> Result<Arc<dyn ObjectStore>> {
        let is_http = |endpoint: Option<String>| endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
        let given = endpoint.map(str::to_owned);
        // Waiting is bounded by `download`; what this builder calls a timeout bounds the whole download.
        let options = ClientOptions::new().with_timeout_disabled();
        let retry = RetryConfig { max_retries: 2, ..RetryConfig::default() };
        let built: object_store::Result<Arc<dyn ObjectStore>> = match self.kind {
            Kind::S3 => {
                let mut builder = AmazonS3Builder::from_env().with_url(&self.root).with_retry(retry);
                if let Some(endpoint) = endpoint {
                    builder = builder.with_endpoint(endpoint);
                }
                let http = [AmazonS3ConfigKey::Endpoint, AmazonS3ConfigKey::S3Endpoint];
                let http = http.iter().any(|key| is_http(builder.get_config_value(key)));
                builder.with_client_options(options.with_allow_http(http)).build().map(|store| Arc::new(store) as _)
            }
            Kind::Google => {
                let mut builder = GoogleCloudStorageBuilder::from_env().with_url(&self.root).with_retry(retry);
                if let Some(endpoint) = endpoint {
                    builder = builder.with_base_url(endpoint);
                }
                let http = is_http(given.or_else(|| builder.get_config_value(&GoogleConfigKey::BaseUrl)));
                builder.with_client_options(options.with_allow_http(http)).build().map(|store| Arc::new(store) as _)
            }
            Kind::Azure => {
                let mut builder = MicrosoftAzureBuilder::from_env().with_url(&self.root).with_retry(retry);
                if let Some(endpoint) = endpoint {
                    builder = builder.with_endpoint(endpoint.to_owned());
                }
                let http = is_http(given.or_else(|| builder.get_config_value(&AzureConfigKey::Endpoint)));
                builder.with_client_options(options.with_allow_http(http)).build().map(|store| Arc::new(store) as _)
            }
            Kind::Web => {
                let builder = HttpBuilder::new().with_url(&self.root).with_retry(retry);
                let http = self.root.starts_with("http://");
                builder.with_client_options(options.with_allow_http(http)).build().map(|store| Arc::new(store) as _)
            }
        };
        built.map_err(|error| refusal(self.root.split('?').next().unwrap_or_default(), "open", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let parts = |url: &str| Place::parse(url).map(|of| (of.kind, of.root, of.path.to_string())).ok();
        let some = |kind, root: &str, path: &str| Some((kind, root.to_owned(), path.to_owned()));
        assert_eq!(parts("s3://b/a b/%41.db"), some(Kind::S3, "s3://b", "a b/%41.db"));
        assert_eq!(parts("s3://b/folder/"), some(Kind::S3, "s3://b", "folder"));
        assert_eq!(parts("gs://b"), some(Kind::Google, "gs://b", ""));
        assert_eq!(parts("https://h:1/a%20b?sig=1#x"), some(Kind::Web, "https://h:1/?sig=1", "a b"));
        assert_eq!((parts("s3:///k"), parts("s3://b/../k"), parts("ftp://h/k")), (None, None, None));
        let place = Place::parse("s3://b/a/").unwrap();
        assert_eq!(place.url(&Path::parse("a/x.db").unwrap()), "s3://b/a/x.db");
    }
}
