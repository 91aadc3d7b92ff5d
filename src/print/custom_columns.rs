//! `-o custom-columns`, as in kubectl's `pkg/cmd/get/customcolumn.go`.

use crate::{
    Error, Result,
    k8s::Value,
    select::jsonpath::{Evaluated, JsonPath},
};

/// Columns chosen by the user (`CustomColumnsPrinter`).
#[derive(Debug, Clone, PartialEq)]
pub struct CustomColumns(Vec<(String, JsonPath)>);

impl CustomColumns {
    /// Parses `NAME:.path,NAME:.path` (`NewCustomColumnsPrinterFromSpec`).
    ///
    /// # Errors
    /// When the text does not have this form.
    pub fn from_spec(spec: &str) -> Result<Self> {
        if spec.is_empty() {
            return Err(usage("custom-columns format specified but no custom columns given"));
        }
        let column = |part: &str| match part.split_once(':') {
            Some((header, path)) => Ok((header.to_owned(), JsonPath::relaxed(path)?)),
            None => Err(usage(format!("unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"))),
        };
        Ok(Self(spec.split(',').map(column).collect::<Result<_>>()?))
    }

    /// Parses the text of a file: a line of headers and a line of paths, separated by blanks
    /// (`NewCustomColumnsPrinterFromTemplate`).
    ///
    /// # Errors
    /// When the text does not have this form.
    pub fn from_template(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let mut line = |what| {
            lines.next().map(|line| line.split_whitespace().collect::<Vec<_>>()).ok_or_else(|| {
                usage(format!(
                    "invalid template, missing {what} line. Expected format is one line of space separated headers, \
                     one line of space separated column specs."
                ))
            })
        };
        let (headers, specs) = (line("header")?, line("spec")?);
        let (a, b) = (headers.len(), specs.len());
        if a != b {
            return Err(usage(format!("number of headers ({a}) and field specifications ({b}) don't match")));
        }
        let column = |(header, path): (&str, &str)| Ok((header.to_owned(), JsonPath::relaxed(path)?));
        Ok(Self(headers.into_iter().zip(specs).map(column).collect::<Result<_>>()?))
    }

    /// The line of headers, its cells separated by tabs.
    #[must_use]
    pub fn headers(&self) -> String {
        self.0.iter().map(|(header, _)| header.as_str()).collect::<Vec<_>>().join("\t")
    }

    /// One object's line, its cells separated by tabs (`printOneObject`).
    ///
    /// # Errors
    /// When a path does not fit.
    pub fn row(&self, object: &Value<'_>) -> Result<String> {
        let cell = |(header, path): &(String, JsonPath)| {
            let values = path.find_results(object).map_err(|why| Error::refused(format!("column {header}: {why}")))?;
            let none = values.first().is_none_or(Vec::is_empty).then(|| "<none>".to_owned());
            let texts = values.iter().flatten().map(|found| escape(found));
            Ok(none.into_iter().chain(texts).collect::<Vec<_>>().join(","))
        };
        Ok(self.0.iter().map(cell).collect::<Result<Vec<String>>>()?.join("\t"))
    }
}

/// The text with terminal control sequences escaped (`printers.EscapeTerminal`).
fn escape(found: &Evaluated<'_>) -> String {
    found.text().replace('\x1b', "^[").replace('\r', "\\r")
}

fn usage(what: impl Into<String>) -> Error {
    Error::usage(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::decode;

    #[track_caller]
    fn row(spec: &str, object: &str, want: &str) {
        let object = decode(object.as_bytes()).unwrap();
        assert_eq!(CustomColumns::from_spec(spec).unwrap().row(&object.value).unwrap(), want, "{spec}");
    }

    const POD: &str = r#"{"metadata":{"name":"foo","labels":{"b":"2","a":"1"},"x":null},"n":1e6,"s":"a\u001b \r",
        "spec":{"containers":[{"name":"fake0"},{"name":"fake1"},{"name":"fake2"},{"name":"fake3"}]}}"#;

    #[test]
    fn rows_have_what_the_paths_find() {
        row("NAME:metadata.name,NONE:{.nope.deep}", POD, "foo\t<none>");
        row("A:.metadata.labels,B:.metadata.x,C:.n,D:", POD, "map[a:1 b:2]\t<nil>\t1e+06\t<none>");
        row("C:.s", POD, "a^[ \\r");
        for (path, want) in [
            ("[0].name", "fake0"),
            ("[-4].name", "fake0"),
            ("[0:0].name", "<none>"),
            ("[1:].name", "fake1,fake2,fake3"),
            ("[0:-1].name", "fake0,fake1,fake2"),
            ("[-3:-1].name", "fake1,fake2"),
            ("[:].name", "fake0,fake1,fake2,fake3"),
            ("[?(@.name!='fake1')].name", "fake0,fake2,fake3"),
        ] {
            row(&format!("C:.spec.containers{path}"), POD, want);
        }
        let object = decode(POD.as_bytes()).unwrap();
        for path in ["[5]", "[-5]", "[3:1]", "[-1:-2]"] {
            let columns = CustomColumns::from_spec(&format!("C:.spec.containers{path}.name")).unwrap();
            assert!(columns.row(&object.value).is_err(), "{path}");
        }
    }

    #[test]
    fn specs_and_files() {
        let want = CustomColumns::from_spec("NAME:metadata.name,API_VERSION:apiVersion").unwrap();
        assert_eq!(want.headers(), "NAME\tAPI_VERSION");
        let file = "NAME               \tAPI_VERSION\r\n\t\t{metadata.name}    {apiVersion}";
        assert_eq!(CustomColumns::from_template(file).unwrap(), want);
        for (spec, why) in [
            ("", "custom-columns format specified but no custom columns given"),
            ("invalid", "unexpected custom-columns spec: invalid, expected <header>:<json-path-expr>"),
            ("invalid,foobar:blah", "unexpected custom-columns spec: invalid, expected <header>:<json-path-expr>"),
            ("A:[", "error parsing jsonpath {.[}, unterminated array"),
        ] {
            assert_eq!(CustomColumns::from_spec(spec).unwrap_err().to_string(), why);
        }
        for (file, why) in [
            ("", "invalid template, missing header line."),
            ("A B\n", "invalid template, missing spec line."),
            ("A B\n.x", "number of headers (2) and field specifications (1) don't match"),
        ] {
            assert!(CustomColumns::from_template(file).unwrap_err().to_string().starts_with(why));
        }
    }
}
