//! Custom resources, by their definitions' `additionalPrinterColumns`
//! (apiextensions-apiserver, `pkg/registry/customresource/tableconvertor`).

use std::cmp::Reverse;

use super::{Clock, Column, Row, fields::Fields};
use crate::{
    k8s::{Moment, Value, sprint},
    select::jsonpath::{Found, JsonPath},
};

/// What fills a custom resource's columns behind its name.
#[derive(Debug, Clone)]
pub(super) struct Custom(Vec<(Type, JsonPath)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Integer,
    Number,
    Boolean,
    Date,
    Unknown,
}

impl Custom {
    /// `tableconvertor.New` for the version that kubectl would ask for.
    pub(super) fn new(definition: &Value<'_>) -> (Vec<Column>, Self) {
        let name = |name: &str, priority, is_name| Column { name: name.to_owned().into(), priority, is_name };
        let path = |path: &str| Some(JsonPath::parse(&format!("{{{path}}}")).ok()?.allow_missing_keys(true));
        let mut columns = vec![name("Name", 0, true)];
        let mut custom = Self(Vec::new());
        let defined = preferred(definition).map_or(&[][..], |version| version.list("additionalPrinterColumns"));
        for column in defined {
            // the API server's own converter ends at the first that it cannot parse
            let Some(path) = path(column.text("jsonPath")) else { break };
            columns.push(name(column.text("name"), column.int("priority"), false));
            custom.0.push((Type::of(column.text("type")), path));
        }
        if defined.is_empty() {
            columns.push(name("Age", 0, false));
            custom.0.extend(path(".metadata.creationTimestamp").map(|path| (Type::Date, path)));
        }
        (columns, custom)
    }

    /// `convertor.ConvertToTable`.
    pub(super) fn row(&self, object: &Value<'_>, clock: Clock) -> Row {
        let cells = self.0.iter().map(|(kind, path)| kind.cell(path, object, clock));
        std::iter::once(object.name().to_owned()).chain(cells).collect()
    }
}

impl Type {
    fn of(name: &str) -> Self {
        match name {
            "string" => Self::Text,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            _ => Self::Unknown,
        }
    }

    /// What the first value that `path` leads to looks like; nothing where it leads nowhere, or does not fit.
    fn cell(self, path: &JsonPath, object: &Value<'_>, clock: Clock) -> String {
        let first = path.find_results(object).ok().and_then(|found| found.into_iter().next()?.into_iter().next());
        match (self, first) {
            (_, None) => String::new(),
            (Self::Text, Some(Found::In(Value::Null))) => path.print_results(&[Found::Nothing]),
            (Self::Text, Some(found)) => path.print_results(&[found]),
            (_, Some(Found::In(value))) => self.typed(value, clock),
            (_, Some(Found::Made(_) | Found::Nothing)) => String::new(),
        }
    }

    /// `cellForJSONValue`, and what kubectl makes of it. Integers beyond 64 bits are floats in Go.
    fn typed(self, value: &Value<'_>, clock: Clock) -> String {
        match (self, value) {
            (Self::Boolean, Value::Bool(_))
            | (Self::Integer | Self::Number, Value::Int(_))
            | (Self::Number, Value::UInt(_) | Value::Float(_)) => sprint(value).into_owned(),
            (Self::Integer, Value::UInt(int)) => (*int as f64 as i64).to_string(),
            (Self::Integer, Value::Float(float)) => (*float as i64).to_string(),
            (Self::Date, Value::Str(text)) => match Moment::parse(text) {
                Some(moment) => clock.since(Some(moment)),
                None if matches!(&**text, "" | "null") => clock.since(None),
                None => "<invalid>".to_owned(),
            },
            _ => String::new(),
        }
    }
}

/// Of the versions that are served the one that discovery puts first.
fn preferred<'v, 'a>(definition: &'v Value<'a>) -> Option<&'v Value<'a>> {
    let served = definition.list("spec.versions").iter().filter(|version| version.flag_at("served") != Some(false));
    served.min_by_key(|version| priority(version.text("name")))
}

/// `version.CompareKubeAwareVersionStrings`, least first: `v2`, `v1`, `v1beta2`, `v1beta1`, `v1alpha1`, then the rest by
/// name.
fn priority(version: &str) -> (Reverse<u8>, Reverse<u64>, Reverse<u64>, String) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let split = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (major, rest) = rest.split_at_checked(split)?;
        let (stage, minor) = match rest {
            "" => (3, "0"),
            rest => rest.strip_prefix("beta").map(|n| (2, n)).or_else(|| Some((1, rest.strip_prefix("alpha")?)))?,
        };
        Some((stage, major.parse().ok()?, minor.parse().ok()?))
    };
    let (stage, major, minor) = parse().unwrap_or_default();
    (Reverse(stage), Reverse(major), Reverse(minor), version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Printer,
            testing::{NOW, json},
        },
        *,
    };
    use crate::k8s::Resource;

    #[test]
    fn columns_of_every_type() {
        let definition = json(
            r#"{"spec":{"group":"acme.io","names":{"plural":"widgets","kind":"Widget"},"versions":[
            {"name":"v1alpha1","served":true},{"name":"v1","served":true,"additionalPrinterColumns":[
            {"name":"Size","type":"integer","jsonPath":".spec.size"},
            {"name":"Weight","type":"number","jsonPath":".spec.weight","priority":1},
            {"name":"On","type":"boolean","jsonPath":".spec.on"},
            {"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"},
            {"name":"Spec","type":"string","jsonPath":".spec.deep"},
            {"name":"When","type":"date","jsonPath":".metadata.creationTimestamp"},
            {"name":"Bad","type":"date","jsonPath":".spec.on"},{"name":"Worse","type":"date","jsonPath":".kind"},
            {"name":"None","type":"string","jsonPath":".spec.nothing"},
            {"name":"Deep","type":"integer","jsonPath":"..b[0]"},
            {"name":"Slice","type":"string","jsonPath":".status.conditions[1:].type"},
            {"name":"Null","type":"string","jsonPath":".spec.deep.a"},
            {"name":"Odd","type":"string","jsonPath":".spec.deep[0]"},
            {"name":"Bound","type":"string","jsonPath":".a}text{.b"},
            {"name":"Not","type":"string","jsonPath":".spec[?(@.a"},
            {"name":"Never","type":"string","jsonPath":".kind"}]},
            {"name":"v2","served":false}]}}"#,
        );
        let resource = Resource::of_definition(&definition).unwrap();
        let printer = Printer::new(&resource, Some(&definition));
        let headers: Vec<_> = printer.columns.iter().map(|column| (&*column.name, column.priority)).collect();
        assert_eq!(headers[..3], [("Name", 0), ("Size", 0), ("Weight", 1)]);
        let object = json(
            r#"{"kind":"Widget","metadata":{"name":"w","creationTimestamp":"2026-01-01T23:00:00Z"},"spec":{"size":3,"weight":2.5,
            "on":true,"deep":{"b":[1,"<"],"a":null}},"status":{"conditions":[{"type":"A","status":"no"},
            {"type":"Ready","status":"True"}]}}"#,
        );
        let want = ["w", "3", "2.5", "true", "True", r#"{"a":null,"b":[1,"\u003c"]}"#, "60m", "", "<invalid>", ""];
        let row = printer.row(&object, NOW);
        assert_eq!(row[..10], want);
        assert_eq!(row[10..], ["1", "Ready", "<no value>", "", ""]);
        assert_eq!(printer.row(&json("{}"), NOW), [""; 15]);
    }

    #[test]
    fn without_columns_there_is_an_age() {
        let definition =
            json(r#"{"spec":{"group":"a.io","names":{"plural":"ws","kind":"W"},"versions":[{"name":"v1"}]}}"#);
        let printer = Printer::new(&Resource::of_definition(&definition).unwrap(), Some(&definition));
        assert_eq!(printer.columns.iter().map(|column| &*column.name).collect::<Vec<_>>(), ["Name", "Age"]);
        assert_eq!(printer.row(&json(r#"{"metadata":{"name":"w"}}"#), NOW), ["w", ""]);
    }

    #[test]
    fn versions_are_preferred_as_discovery_orders_them() {
        let mut versions =
            ["foo10", "v1alpha1", "v3beta1", "v11alpha2", "foo1", "v10", "v2", "v12alpha1", "v11beta2", "v1"];
        versions.sort_by_key(|version| priority(version));
        let want = ["v10", "v2", "v1", "v11beta2", "v3beta1", "v12alpha1", "v11alpha2", "v1alpha1", "foo1", "foo10"];
        assert_eq!(versions, want);
    }
}
