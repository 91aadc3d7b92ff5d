//! Why a template cannot be read, or cannot be applied: client-go's own words.

/// Why a template is none (`jsonpath.Parse`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// A brace that is not closed.
    #[error("unclosed action")]
    UnclosedAction,
    /// A character that begins nothing.
    #[error("unrecognized character in action: {}", unicode(*.0))]
    Character(char),
    /// Digits that are no number.
    #[error("cannot parse number {0}")]
    Number(String),
    /// A bracket that is not closed.
    #[error("unterminated array")]
    UnterminatedArray,
    /// Neither index, slice nor name.
    #[error("invalid array index {0}")]
    Index(String),
    /// An index beyond 64 bits, or a lone minus.
    #[error("array index {0} is not a number")]
    IndexNumber(String),
    /// A filter whose parenthesis is not closed.
    #[error("unterminated filter")]
    UnterminatedFilter,
    /// A filter whose bracket is not closed.
    #[error("unclosed array expect ]")]
    UnclosedArray,
    /// A quote that is not closed.
    #[error("unterminated quoted string")]
    UnterminatedQuote,
    /// An escape that is none.
    #[error("unquote string {0} error invalid syntax")]
    Quote(String),
    /// `....`
    #[error("invalid multiple recursive descent")]
    Recursive,
    /// Filters or unions in one another without end; ours, Go has no limit.
    #[error("nested too deeply")]
    Deep,
}

/// Go's `%#U`.
fn unicode(c: char) -> String {
    let code = u32::from(c);
    if c.is_control() { format!("U+{code:04X}") } else { format!("U+{code:04X} '{c}'") }
}

/// Why a template does not fit an object (`JSONPath.FindResults`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// No object has the field, and missing ones are not allowed.
    #[error("{0} is not found")]
    NotFound(String),
    /// An index into something else than a list; the Go type of it.
    #[error("{0} is not array or slice")]
    NotArray(&'static str),
    /// A filter on something else than a list.
    #[error("{0} is not array or slice and cannot be filtered")]
    NotFilterable(String),
    /// An index that the list does not have.
    #[error("array index out of bounds: index {index}, length {length}")]
    OutOfBounds {
        /// The index.
        index: i64,
        /// How long the list is.
        length: i64,
    },
    /// A slice that ends before it begins.
    #[error("starting index {start} is greater than ending index {end}")]
    Backwards {
        /// Where it begins.
        start: i64,
        /// Where it ends.
        end: i64,
    },
    /// A slice that goes backwards, or nowhere.
    #[error("step must be > 0")]
    Step,
    /// An `end` too many.
    #[error("not in range, nothing to end")]
    NothingToEnd,
    /// A bare word that means nothing.
    #[error("unrecognized identifier {0}")]
    Identifier(String),
    /// A filter that compares with several values.
    #[error("can only compare one element at a time")]
    Several,
    /// `<>`
    #[error("unrecognized filter operator {0}")]
    Operator(String),
    /// A list, an object or null in a comparison (`template.errBadComparisonType`).
    #[error("invalid type for comparison")]
    Incomparable,
    /// Two types that have no order (`template.errBadComparison`).
    #[error("incompatible types for comparison")]
    Incompatible,
    /// Ranges in one another without end; ours, Go has no limit.
    #[error("ranges are nested too deeply")]
    Deep,
}
