//! A request, without what HTTP needs besides.

/// One request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// `GET`.
    pub method: String,
    /// The parts of the path, decoded, from `api` or `apis` on.
    pub path: Vec<String>,
    /// The names and values after the question mark, decoded.
    pub query: Vec<(String, String)>,
    /// The media types that the client accepts.
    pub accept: String,
    /// `If-None-Match`, or empty.
    pub etag: String,
    /// What was sent with it.
    pub body: Vec<u8>,
}

impl Request {
    /// A `GET` of a path with its query, such as `/api/v1/pods?limit=1`. `None` when it is no path: a byte that is not
    /// UTF-8 after decoding, `.` or `..` as a part, or a `%` without two digits.
    #[must_use]
    pub(crate) fn get(path_and_query: &str) -> Option<Self> {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let path: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decoded).collect::<Option<_>>()?;
        if path.iter().any(|part| part == "." || part == ".." || part.contains('/')) {
            return None;
        }
        let pair = |pair: &str| {
            let pair = pair.replace('+', " ");
            let (name, value) = pair.split_once('=').unwrap_or((&pair, ""));
            Some((decoded(name)?, decoded(value)?))
        };
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect::<Option<_>>()?;
        Some(Self { method: "GET".to_owned(), path, query, ..Self::default() })
    }

    /// The first value of this name in the query.
    #[must_use]
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

/// Text with each `%XX` as the byte that it stands for.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                u8::try_from((high << 4) | low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_decoded() {
        let request = Request::get("/api/v1//namespaces/a%2Db/pods/?labelSelector=a%3Db,c+in+%28d%29&watch").unwrap();
        assert_eq!(request.path, ["api", "v1", "namespaces", "a-b", "pods"]);
        assert_eq!(request.value("labelSelector"), Some("a=b,c in (d)"));
        assert_eq!((request.value("watch"), request.value("limit")), (Some(""), None));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for path in ["/api/../x", "/api/%2e%2e/x", "/a%2Fb", "/a%ff", "/a%f", "/a%zz", "/a?x=%f", "/./a"] {
            assert_eq!(Request::get(path), None, "{path}");
        }
        assert_eq!(Request::get("/..."), Request::get("..."));
    }
}
