//! The tables that an API server makes of objects (`pkg/printers/internalversion`), and kubectl prints.
//!
//! ```text
//!  Resource ──> Printer: columns, and a function from an object to a row      built-in kinds, one file an API group
//!                                                                            custom kinds, by their definition
//! ```
//!
//! The API server converts to its internal types first, which have defaults filled in and one form for what had several
//! over time; the functions here read the stored form and look at both places where that matters. It always makes the
//! wide form, and kubectl leaves columns out.

mod admission;
mod apps;
mod autoscaling;
mod batch;
mod certificates;
mod clock;
mod containers;
mod coordination;
mod core;
mod custom;
mod discovery;
mod events;
mod fields;
mod flowcontrol;
mod generic;
mod networking;
mod nodes;
mod pods;
mod policy;
mod rbac;
mod registration;
mod resource;
mod scheduling;
mod selector;
mod services;
mod storage;
#[cfg(test)]
mod testing;
mod volumes;

use std::borrow::Cow;

pub use clock::Clock;
pub use selector::format_labels;

use crate::k8s::{Resource, Value};
use custom::Custom;

/// The cells of one object, one for each of its table's columns.
pub type Row = Vec<String>;

/// One column of a table (`metav1.TableColumnDefinition`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its header, in the spelling of the API.
    pub name: Cow<'static, str>,
    /// What is not 0 is shown by `-o wide` only.
    pub priority: i64,
    /// Whether it holds the object's name, before which kubectl writes the kind when there are several
    /// (`Format: "name"`).
    pub is_name: bool,
}

/// Makes the rows of one kind (`printers.TableGenerator`, `rest.TableConvertor`).
#[derive(Debug, Clone)]
pub struct Printer {
    /// The columns, those of `-o wide` included.
    pub columns: Vec<Column>,
    /// What the rows are ordered by before their keys; only FlowSchemas have it (`printFlowSchemaList`).
    pub order: Option<fn(&Value<'_>) -> i64>,
    cells: Cells,
}

#[derive(Debug, Clone)]
enum Cells {
    Builtin(fn(&Value<'_>, Clock) -> Row),
    Custom(Custom),
}

/// A built-in kind's entry in `AddHandlers`: names of columns, `+` before those of `-o wide`, and what fills them.
struct Builtin(&'static str, fn(&Value<'_>, Clock) -> Row);

impl Printer {
    /// The printer of a resource; of a custom one, by its CustomResourceDefinition as v1. A kind that has no printer of
    /// its own shows its name and when it was created, as in the API server.
    #[must_use]
    pub fn new(resource: &Resource, definition: Option<&Value<'_>>) -> Self {
        match definition {
            Some(definition) => {
                let (columns, custom) = Custom::new(definition);
                Self { columns, order: None, cells: Cells::Custom(custom) }
            }
            None => Self::builtin(&resource.group, &resource.plural),
        }
    }

    fn builtin(group: &str, plural: &str) -> Self {
        let Builtin(columns, row) = find(group, plural).unwrap_or_else(generic::printer);
        let columns = columns.split(", ").map(|name| {
            let (name, priority) = name.strip_prefix('+').map_or((name, 0), |name| (name, 1));
            // of the API server's own definitions this one has no `Format: "name"`
            let is_name = name == "Name" && plural != "storageversionmigrations";
            Column { name: name.into(), priority, is_name }
        });
        let order = (plural == "flowschemas").then_some(flowcontrol::precedence as fn(&Value<'_>) -> i64);
        Self { columns: columns.collect(), order, cells: Cells::Builtin(row) }
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

fn find(group: &str, plural: &str) -> Option<Builtin> {
    match group {
        "" => core::printer(plural),
        "admissionregistration.k8s.io" => admission::printer(plural),
        "apps" => apps::printer(plural),
        "autoscaling" => autoscaling::printer(plural),
        "batch" => batch::printer(plural),
        "certificates.k8s.io" => certificates::printer(plural),
        "coordination.k8s.io" => coordination::printer(plural),
        "discovery.k8s.io" => discovery::printer(plural),
        "flowcontrol.apiserver.k8s.io" => flowcontrol::printer(plural),
        "networking.k8s.io" => networking::printer(plural),
        "policy" => policy::printer(plural),
        "rbac.authorization.k8s.io" => rbac::printer(plural),
        "resource.k8s.io" => resource::printer(plural),
        "node.k8s.io" | "scheduling.k8s.io" => scheduling::printer(plural),
        "storage.k8s.io" => storage::printer(plural),
        "apiregistration.k8s.io" | "internal.apiserver.k8s.io" | "storagemigration.k8s.io" => {
            registration::printer(plural)
        }
        _ => None,
    }
}

/// A row of whatever can be written.
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($cell.to_string()),*] };
}
use row;
