//! The rows that kubectl makes of an API server's table.

use super::{Cell, Column, Row, format_labels};
use crate::k8s::{Map, Undecodable};

/// What is shown of a table's columns, and what kubectl puts around them (`decorateTable`).
#[derive(Debug, Clone)]
pub struct Layout<'p> {
    /// The columns of the printer.
    pub columns: &'p [Column],
    /// Whether the namespace is the first column.
    pub namespace: bool,
    /// Whether columns are shown that only `-o wide` has.
    pub wide: bool,
    /// Labels with a column of their own, of `-L`.
    pub label_columns: &'p [String],
    /// Whether the last column has all labels, as with `--show-labels`.
    pub labels: bool,
    /// `pod`, to go before the names.
    pub kind: Option<String>,
}

impl Layout<'_> {
    /// The headers.
    #[must_use]
    pub fn headers(&self) -> Vec<String> {
        let names = self.columns.iter().map(|column| column.name.to_uppercase()).collect();
        // `formatLabelHeaders`
        let last = |label: &String| label.rsplit('/').next().unwrap_or_default().to_uppercase();
        let labels = self.label_columns.iter().map(last).chain(self.labels.then(|| "LABELS".to_owned()));
        self.around("NAMESPACE", names, labels)
    }

    /// The cells of an object.
    #[must_use]
    pub fn row(&self, row: Row, namespace: &str, labels: Option<&Map<'_>>) -> Vec<String> {
        let mut cells: Vec<_> = row.into_iter().map(Cell::into_text).collect();
        if let Some(kind) = &self.kind
            && let Some((cell, _)) = cells.iter_mut().zip(self.columns).find(|(_, column)| column.is_name())
        {
            *cell = format!("{kind}/{cell}");
        }
        let value = |label: &String| labels?.get(label)?.as_str().map(str::to_owned);
        let columns = self.label_columns.iter().map(|label| value(label).unwrap_or_default());
        self.around(namespace, cells, columns.chain(self.labels.then(|| format_labels(labels))))
    }

    /// The row of an object that has only a name, with the reason.
    #[must_use]
    pub fn unreadable(&self, namespace: &str, name: &str, why: &Undecodable) -> Vec<String> {
        let name = self.kind.as_ref().map_or_else(|| name.to_owned(), |kind| format!("{kind}/{name}"));
        let why = match why {
            Undecodable::Unopened { seal, .. } => format!("encrypted by {seal}"),
            why => why.to_string(),
        };
        self.namespace.then(|| namespace.to_owned()).into_iter().chain([name, why]).collect()
    }

    fn around(&self, namespace: &str, cells: Vec<String>, labels: impl Iterator<Item = String>) -> Vec<String> {
        let cells = cells.into_iter().zip(self.columns);
        let shown = cells.filter(|(_, column)| self.wide || column.priority == 0).map(|(cell, _)| cell);
        let front = self.namespace.then(|| namespace.to_owned());
        front.into_iter().chain(shown).chain(labels).collect()
    }
}
