//! The peer URLs of members (`pkg/types/urls.go`).

use crate::{Error, Result};

/// Checks and sorts URLs (`types.NewURLs`).
///
/// # Errors
/// etcd's error for an invalid URL.
pub(crate) fn peer_urls<'a>(urls: impl Iterator<Item = &'a str>) -> Result<Vec<String>> {
    let mut urls = urls.map(|url| peer_url(url.trim())).collect::<Result<Vec<_>>>()?;
    if urls.is_empty() {
        return Err(Error::usage("no valid URLs given"));
    }
    urls.sort_unstable();
    Ok(urls)
}

fn peer_url(url: &str) -> Result<String> {
    let no_scheme = || Error::usage(format!("URL scheme must be http, https, unix, or unixs: {url}"));
    let (scheme, rest) = url.split_once("://").ok_or_else(no_scheme)?;
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "https" => {}
        "unix" | "unixs" => return Ok(format!("{scheme}://{rest}")),
        _ => return Err(no_scheme()),
    }
    if rest.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '?' | '#' | '@' | '\\')) {
        return Err(Error::usage(format!("URL is not one of a peer: {url}")));
    }
    let (host, path) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
    // The last colon is the port's, unless it is in an IPv6 address.
    let port = host.rsplit_once(':').filter(|(name, _)| !name.contains(':') || name.ends_with(']'));
    if port.is_none_or(|(_, port)| !port.bytes().all(|b| b.is_ascii_digit())) {
        return Err(Error::usage(format!("URL address does not have the form \"host:port\": {url}")));
    }
    if !path.is_empty() {
        return Err(Error::usage(format!("URL must not contain a path: {url}")));
    }
    Ok(format!("{scheme}://{rest}"))
}

/// Whether etcd takes a member's peer URL (`types.NewURLs`). It takes more than [`peer_urls`]: a user, a query.
pub(super) fn is_peer_url(url: &str) -> bool {
    let url = url.trim();
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let without_query = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) =
        without_query.split_once('/').map_or((without_query, None), |(host, path)| (host, Some(path)));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let port = host.rsplit_once(':').filter(|(name, _)| !name.contains(':') || name.ends_with(']'));
    match scheme.to_ascii_lowercase().as_str() {
        _ if url.contains(|c: char| c.is_ascii_control()) => false,
        "unix" | "unixs" => true,
        "http" | "https" => path.is_none() && port.is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_etcd_takes_of_a_member() {
        for url in
            ["http://127.0.0.1:2380", "https://[::1]:1", "HTTP://a:", "unix://x/y", "http://u@h:1?q", " http://a:1 "]
        {
            assert!(is_peer_url(url), "{url}");
        }
        for url in
            ["", "htvp://a:1", "http:/a:1", "http://a", "http://a:1/", "http://a:b", "http://::1", "http://a\u{1}:1"]
        {
            assert!(!is_peer_url(url), "{url}");
        }
    }
}
