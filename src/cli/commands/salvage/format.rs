use clap::ValueEnum;

/// The formats of the report and of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Text,
    Table,
    Json,
    Ndjson,
}
