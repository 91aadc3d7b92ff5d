//! The printer of a kind.

use super::{
    Clock, Column, Row,
    builtin::{self, RowOf},
    custom::Custom,
};
use crate::k8s::{ManagedFields, Resource, Value};

/// A printer of one kind, which makes its rows (`printers.TableGenerator`, `rest.TableConvertor`).
#[derive(Debug, Clone)]
pub struct TablePrinter {
    /// The columns, with those of `-o wide`.
    pub columns: Vec<Column>,
    /// The sort key of rows, before their keys of etcd; only FlowSchemas have one (`printFlowSchemaList`).
    pub order: Option<fn(&Value<'_>) -> i64>,
    cells: Cells,
}

#[derive(Debug, Clone)]
enum Cells {
    Builtin(RowOf),
    Custom(Custom),
}

impl TablePrinter {
    /// The printer of a resource; of a custom one, by its CustomResourceDefinition as v1, in `version` or the one that
    /// kubectl would ask for. A kind without a printer of its own shows its name and creation time, as in the API
    /// server.
    #[must_use]
    pub fn new(resource: &Resource, definition: Option<&Value<'_>>, version: Option<&str>) -> Self {
        match definition {
            Some(definition) => {
                let preferred = || resource.preferred().map(|version| &*version.name);
                let (columns, custom) = Custom::new(definition, version.or_else(preferred));
                Self { columns, order: None, cells: Cells::Custom(custom) }
            }
            None => {
                let (columns, row) = builtin::printer(&resource.group, &resource.plural);
                Self { columns, order: builtin::order(&resource.plural), cells: Cells::Builtin(row) }
            }
        }
    }

    /// The handling of managedFields: only the columns of a custom kind may show them.
    #[must_use]
    pub fn managed_fields(&self) -> ManagedFields {
        match self.cells {
            Cells::Builtin(_) => ManagedFields::Hide,
            Cells::Custom(_) => ManagedFields::Keep,
        }
    }

    /// The row of one object; relative times count from `clock`.
    #[must_use]
    pub fn row(&self, object: &Value<'_>, clock: Clock) -> Row {
        match &self.cells {
            Cells::Builtin(row) => row(object, clock),
            Cells::Custom(custom) => custom.row(object, clock),
        }
    }
}
