//! Custom resources, by their definitions' `additionalPrinterColumns`
//! (apiextensions-apiserver, `pkg/registry/customresource/tableconvertor`).

use super::{Cell, Clock, Column, ColumnType, Row, fields::Fields};
use crate::{
    k8s::{Moment, Value},
    select::jsonpath::{EvalError, Evaluated, JsonPath},
};

/// The columns of a custom resource after its name. A column of an unknown type has no cells.
#[derive(Debug, Clone)]
pub(super) struct Custom(Vec<(Option<ColumnType>, JsonPath)>);

impl Custom {
    /// `tableconvertor.New` for one version of a definition.
    pub(super) fn new(definition: &Value<'_>, version: Option<&str>) -> (Vec<Column>, Self) {
        let path = |path: &str| Some(JsonPath::parse(&format!("{{{path}}}")).ok()?.allow_missing_keys(true));
        let mut columns = vec![column("Name", ColumnType::String, "name")];
        let mut custom = Self(Vec::new());
        let is_meant = |defined: &&Value<'_>| version.is_some_and(|version| defined.text("name") == version);
        let version = definition.list("spec.versions").iter().find(is_meant);
        let defined = version.map_or(&[][..], |version| version.list("additionalPrinterColumns"));
        for defined in defined {
            // the API server's converter stops at the first column that it cannot parse
            let Some(path) = path(defined.text("jsonPath")) else { break };
            let kind = ColumnType::named(defined.text("type"));
            columns.push(Column {
                description: defined.text("description").to_owned().into(),
                priority: defined.int("priority"),
                ..column(defined.text("name"), kind.unwrap_or_default(), defined.text("format"))
            });
            custom.0.push((kind, path));
        }
        if defined.is_empty() {
            columns.push(column("Age", ColumnType::Date, ""));
            custom.0.extend(path(".metadata.creationTimestamp").map(|path| (Some(ColumnType::Date), path)));
        }
        (columns, custom)
    }

    /// `convertor.ConvertToTable`.
    pub(super) fn row(&self, object: &Value<'_>, clock: Clock) -> Row {
        let cells = self.0.iter().map(|(kind, path)| kind.map_or(Cell::Null, |kind| cell(kind, path, object, clock)));
        std::iter::once(object.name().into()).chain(cells).collect()
    }
}

fn column(name: &str, kind: ColumnType, format: &str) -> Column {
    let (name, format) = (name.to_owned().into(), format.to_owned().into());
    Column { name, kind, format, description: "".into(), priority: 0 }
}

/// The first value at `path`; `None` where there is none, or the path does not fit.
fn cell(kind: ColumnType, path: &JsonPath, object: &Value<'_>, clock: Clock) -> Cell {
    let first = match path.find_results(object) {
        Ok(found) => found.into_iter().next().and_then(|found| found.into_iter().next()),
        Err(EvalError::Many) => return "<too many results>".into(),
        Err(_) => None,
    };
    match (kind, first) {
        (_, None) => Cell::Null,
        (ColumnType::String, Some(Evaluated::In(Value::Null))) => path.print_results(&[Evaluated::Nothing]).into(),
        (ColumnType::String, Some(found)) => path.print_results(&[found]).into(),
        (_, Some(Evaluated::In(value))) => typed(kind, value, clock),
        (_, Some(Evaluated::Made(_) | Evaluated::Nothing)) => Cell::Null,
    }
}

/// `cellForJSONValue`. Integers beyond 64 bits are floats in Go.
fn typed(kind: ColumnType, value: &Value<'_>, clock: Clock) -> Cell {
    match (kind, value) {
        (ColumnType::Boolean, Value::Bool(is)) => Cell::Bool(*is),
        (ColumnType::Integer | ColumnType::Number, Value::Int(number)) => Cell::Int(*number),
        (ColumnType::Integer, Value::UInt(number)) => Cell::Int(*number as f64 as i64),
        (ColumnType::Integer, Value::Float(number)) => Cell::Int(*number as i64),
        (ColumnType::Number, Value::UInt(number)) => Cell::Float(*number as f64),
        (ColumnType::Number, Value::Float(number)) => Cell::Float(*number),
        (ColumnType::Date, Value::Str(text)) => match Moment::parse(text) {
            Some(moment) => clock.since(Some(moment)).into(),
            None if matches!(&**text, "" | "null") => clock.since(None).into(),
            None => "<invalid>".into(),
        },
        _ => Cell::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            TablePrinter,
            testing::{NOW, json},
        },
        *,
    };
    use crate::k8s::Resource;

    fn texts(row: Row) -> Vec<String> {
        row.into_iter().map(Cell::into_text).collect()
    }

    #[test]
    fn columns_of_every_type() {
        let definition = json(
            r#"{"spec":{"group":"acme.io","names":{"plural":"widgets","kind":"Widget"},"versions":[
            {"name":"v1alpha1","served":true},{"name":"v1","served":true,"additionalPrinterColumns":[
            {"name":"Size","type":"integer","format":"int32","description":"How big","jsonPath":".spec.size"},
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
        let printer = TablePrinter::new(&resource, Some(&definition), None);
        let headers: Vec<_> = printer.columns.iter().map(|column| (&*column.name, column.priority)).collect();
        assert_eq!(headers[..3], [("Name", 0), ("Size", 0), ("Weight", 1)]);
        let size = Column {
            name: "Size".into(),
            kind: ColumnType::Integer,
            format: "int32".into(),
            description: "How big".into(),
            priority: 0,
        };
        assert!(printer.columns[0].is_name() && printer.columns[1] == size);
        let object = json(
            r#"{"kind":"Widget","metadata":{"name":"w","creationTimestamp":"2026-01-01T23:00:00Z"},"spec":{"size":3,"weight":2.5,
            "on":true,"deep":{"b":[1,"<"],"a":null}},"status":{"conditions":[{"type":"A","status":"no"},
            {"type":"Ready","status":"True"}]}}"#,
        );
        let want = ["w", "3", "2.5", "true", "True", r#"{"a":null,"b":[1,"\u003c"]}"#, "60m", "", "<invalid>", ""];
        let row = printer.row(&object, NOW);
        assert_eq!(row[1..4], [Cell::Int(3), Cell::Float(2.5), Cell::Bool(true)]);
        let row = texts(row);
        assert_eq!(row[..10], want);
        assert_eq!(row[10..], ["1", "Ready", "<no value>", "", ""]);
        assert_eq!(texts(printer.row(&json("{}"), NOW)), [""; 15]);
    }

    #[test]
    fn without_columns_there_is_an_age() {
        let definition =
            json(r#"{"spec":{"group":"a.io","names":{"plural":"ws","kind":"W"},"versions":[{"name":"v1"}]}}"#);
        let printer = TablePrinter::new(&Resource::of_definition(&definition).unwrap(), Some(&definition), None);
        assert_eq!(printer.columns.iter().map(|column| &*column.name).collect::<Vec<_>>(), ["Name", "Age"]);
        assert_eq!(texts(printer.row(&json(r#"{"metadata":{"name":"w"}}"#), NOW)), ["w", ""]);
    }
}
