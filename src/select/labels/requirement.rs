//! One condition on labels.

/// One condition (`labels.Requirement`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requirement {
    pub(super) key: String,
    pub(super) operator: Operator,
    /// The values, sorted and each once; for `>` and `<` a number.
    pub(super) values: Vec<String>,
}

/// `selection.Operator`; `=` and `==` are `In`, `!=` is `NotIn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

impl Requirement {
    /// `Requirement.Matches`
    pub(super) fn matches(&self, label: Option<&str>) -> bool {
        let has = |label: &str| self.values.iter().any(|value| value == label);
        let numbers = || Some((label?.parse::<i64>().ok()?, self.values.first()?.parse::<i64>().ok()?));
        match self.operator {
            Operator::In => label.is_some_and(has),
            Operator::NotIn => !label.is_some_and(has),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => numbers().is_some_and(|(label, value)| label > value),
            Operator::LessThan => numbers().is_some_and(|(label, value)| label < value),
        }
    }
}
