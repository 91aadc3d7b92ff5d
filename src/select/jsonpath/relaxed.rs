//! Paths in the forms of `--sort-by` and `custom-columns`: `a.b`, `.a.b`, `{a.b}`, `{.a.b}`.

use super::JsonPath;
use crate::{Error, Result};

/// The path as a template (`RelaxedJSONPathExpression`).
pub(in crate::select) fn template(path: &str) -> Result<String> {
    if path.is_empty() {
        return Ok(String::new());
    }
    let inner = path.strip_prefix('{').and_then(|path| path.strip_suffix('}')).unwrap_or(path);
    if inner.is_empty() || inner.contains(['{', '}']) {
        return Err(Error::usage(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or \
                '{.name1.name2}'"
                .to_owned(),
        )
        .hinted(format!("it was {path:?}")));
    }
    let bare = inner.strip_prefix('.').filter(|bare| !bare.is_empty()).unwrap_or(inner);
    Ok(format!("{{.{bare}}}"))
}

impl JsonPath {
    /// Parses a path of one of these forms; missing keys are allowed.
    ///
    /// # Errors
    /// When the path is invalid.
    pub(crate) fn relaxed(path: &str) -> Result<Self> {
        let template = template(path)?;
        let parsed =
            Self::parse(&template).map_err(|why| Error::usage(format!("error parsing jsonpath {template}, {why}")))?;
        Ok(parsed.allow_missing_keys(true))
    }
}

#[cfg(test)]
mod tests {
    use super::template;

    #[test]
    fn paths_are_taken_as_people_write_them() {
        for path in ["foo.bar", "{foo.bar}", ".foo.bar", "{.foo.bar}"] {
            assert_eq!(template(path).unwrap(), "{.foo.bar}");
        }
        assert_eq!(template("").unwrap(), "");
        assert_eq!(template(".").unwrap(), "{..}");
        for path in ["{foo.bar", "foo.bar}", "{foo.bar}}", "{{foo.bar}", "{}"] {
            assert!(template(path).is_err(), "{path}");
        }
    }
}
