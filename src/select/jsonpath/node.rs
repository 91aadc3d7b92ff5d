//! The nodes of a template.

use crate::k8s::Value;

/// One step of a template (`jsonpath.Node`).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// Text outside of braces, or quoted within (`TextNode`).
    Text(String),
    /// A number or a boolean (`IntNode`, `FloatNode`, `BoolNode`).
    Literal(Value<'static>),
    /// A bare word: `range`, `end` (`IdentifierNode`).
    Identifier(String),
    /// `.name` (`FieldNode`).
    Field(String),
    /// `[from:to:step]` (`ArrayNode`).
    Array([Param; 3]),
    /// `[?(left operator right)]` (`FilterNode`).
    Filter {
        /// The side before the operator.
        left: Vec<Self>,
        /// The side after it.
        right: Vec<Self>,
        /// `==`, or `exists` when there is none.
        operator: String,
    },
    /// `.*` (`WildcardNode`).
    Wildcard,
    /// `..` (`RecursiveNode`).
    Recursive,
    /// `[a,b]` (`UnionNode`).
    Union(Vec<Vec<Self>>),
    /// The content of one pair of braces (`ListNode`).
    List(Vec<Self>),
}

/// One of the three numbers of a slice (`jsonpath.ParamsEntry`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Param {
    /// The number.
    pub(super) value: i64,
    /// Whether it was written.
    pub(super) known: bool,
    /// Whether it follows from the one before: `[3]` is `[3:4]`.
    pub(super) derived: bool,
}
