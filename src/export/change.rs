//! What an export changes in an object besides what is stripped of each.

use std::fmt;

use super::left_out::LeftOut;

/// A change to an object that its reader has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It has another version than it is stored in.
    Version {
        /// The stored `apiVersion`.
        stored: String,
        /// The exported one.
        exported: String,
    },
    /// It keeps the version that it is stored in, though no cluster may serve it.
    NotServed(LeftOut),
    /// It was to be deleted at this time.
    Deleted(String),
    /// An apply with `--server-side` refuses it, as a list has an item twice: which one.
    NamedTwice(String),
    /// It lacks these fields, which its definition does not have.
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
