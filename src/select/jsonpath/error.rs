//! Errors of parsing and applying a template, in client-go's own words.

/// Error in the text of a template (`jsonpath.Parse`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// A brace that is not closed.
    #[error("unclosed action")]
    UnclosedAction,
    /// A character that cannot begin a token.
    #[error("unrecognized character in action: {}", unicode(*.0))]
    Character(char),
    /// An invalid number.
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
    /// An invalid escape.
    #[error("unquote string {0} error invalid syntax")]
    Quote(String),
    /// `....`
    #[error("invalid multiple recursive descent")]
    Recursive,
    /// Filters or unions nested beyond the limit; Go has none.
    #[error("nested too deeply")]
    Deep,
}

/// Go's `%#U`.
fn unicode(c: char) -> String {
    let code = u32::from(c);
    if c.is_control() { format!("U+{code:04X}") } else { format!("U+{code:04X} '{c}'") }
}

/// Error when a template is applied to an object (`JSONPath.FindResults`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// No object has the field, and missing ones are not allowed.
    #[error("{0} is not found")]
    NotFound(String),
    /// An index into another type than a list, with its Go type.
    #[error("{0} is not array or slice")]
    NotArray(&'static str),
    /// A filter on another type than a list.
    #[error("{0} is not array or slice and cannot be filtered")]
    NotFilterable(String),
    /// An index that the list does not have.
    #[error("array index out of bounds: index {index}, length {length}")]
    OutOfBounds {
        /// The index.
        index: i64,
        /// The length of the list.
        length: i64,
    },
    /// A slice that ends before it begins.
    #[error("starting index {start} is greater than ending index {end}")]
    Backwards {
        /// The start of the slice.
        start: i64,
        /// The end of the slice.
        end: i64,
    },
    /// A slice whose step is not positive.
    #[error("step must be > 0")]
    Step,
    /// An `end` too many.
    #[error("not in range, nothing to end")]
    NothingToEnd,
    /// An unknown bare word.
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
    /// More results than a template gives that looks at each value once; Go has no limit.
    #[error("too many results")]
    Many,
    /// Ranges nested beyond the limit; Go has none.
    #[error("ranges are nested too deeply")]
    Deep,
}
