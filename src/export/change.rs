//! Changes of an export to an object, besides the fields that are stripped from every object.

use std::fmt;

use super::left_out::LeftOut;

/// A change to an object that is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The object is exported in another version than it is stored in.
    Version {
        /// The stored `apiVersion`.
        stored: String,
        /// The exported one.
        exported: String,
    },
    /// The object is exported in its stored version, though perhaps no cluster serves that.
    NotServed(LeftOut),
    /// The object was being deleted, since this time.
    Deleted(String),
    /// `kubectl apply --server-side` refuses it, because this list has an item twice.
    NamedTwice(String),
    /// The object is exported without these fields, which its definition does not have.
    Pruned(Vec<String>),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { stored, exported } => write!(f, "stored as {stored}, exported as {exported}"),
            Self::NotServed(why) => write!(f, "exported as it is stored, but {why}"),
            Self::NamedTwice(what) => write!(f, "kubectl apply --server-side refuses it, apply it without: {what}"),
            Self::Pruned(fields) => {
                write!(f, "exported without fields that its definition does not have: {}", fields.join(", "))
            }
            Self::Deleted(at) => {
                write!(f, "being deleted since {at}: exported without deletionTimestamp and finalizers")
            }
        }
    }
}
