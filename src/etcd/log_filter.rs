//! Filters on the records of a log.

use std::str::FromStr;

use super::{
    LogRecord, Range,
    request::{Op, RequestOp, Txn},
};

/// Filters on records; a record has to match all of them.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Entries and snapshots from this raft index on, and hard states that commit it.
    pub from_index: Option<u64>,
    /// Entries and snapshots up to this raft index, and hard states that commit no more.
    pub to_index: Option<u64>,
    /// Records of this raft term.
    pub term: Option<u64>,
    /// Records of one of these types; all types when empty.
    pub types: Vec<LogType>,
    /// Entries that write, delete, read or compare keys with this prefix.
    pub prefix: Option<Vec<u8>>,
}

/// One type of records, or a group of types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogType {
    /// Records with this [`LogRecord::type_name`].
    Named(&'static str),
    /// Every entry.
    Entry,
    /// Entries that do not change members.
    Normal,
    /// Entries with a request that is not of the v2 API.
    Internal,
    /// Requests about users and roles.
    Auth,
}

/// The names of all types.
const TYPES: &str = "crc metadata state snapshot noop conf_change conf_change_v2 unknown unreadable range put delete_range \
    txn compaction lease_grant lease_revoke lease_checkpoint alarm auth_enable auth_disable authenticate auth_status \
    auth_user_add auth_user_delete auth_user_get auth_user_change_password auth_user_grant_role auth_user_revoke_role \
    auth_user_list auth_role_list auth_role_add auth_role_delete auth_role_get auth_role_grant_permission \
    auth_role_revoke_permission cluster_version_set cluster_member_attr_set downgrade_info_set downgrade_version_test v2";

/// Accepts the names of etcd-dump-logs too.
impl FromStr for LogType {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let plain = |word: &str| word.to_ascii_lowercase().replace('_', "");
        let word = plain(word);
        Ok(match word.strip_prefix("irr").unwrap_or(&word) {
            "entry" => Self::Entry,
            "normal" => Self::Normal,
            "internalraftrequest" => Self::Internal,
            "auth" => Self::Auth,
            "configchange" => Self::Named("conf_change"),
            "request" => Self::Named("v2"),
            word => match TYPES.split_whitespace().find(|name| plain(name) == word) {
                Some(name) => Self::Named(name),
                None => return Err(format!("one of: entry auth {TYPES}")),
            },
        })
    }
}

impl LogType {
    fn takes(&self, record: &LogRecord<'_>) -> bool {
        match self {
            Self::Named(name) => record.type_name == *name,
            Self::Entry => record.is_entry(),
            Self::Normal => record.is_entry() && !record.type_name.starts_with("conf_change"),
            Self::Internal => record.request.as_ref().is_some_and(|request| !matches!(request.op, Op::V2(_))),
            Self::Auth => record.type_name.starts_with("auth"),
        }
    }
}

impl LogFilter {
    /// Whether `record` matches.
    #[must_use]
    pub fn takes(&self, record: &LogRecord<'_>) -> bool {
        let index = |holds: &dyn Fn(u64) -> bool| record.index().is_some_and(holds);
        self.from_index.is_none_or(|from| index(&|index| index >= from))
            && self.to_index.is_none_or(|to| index(&|index| index <= to))
            && self.term.is_none_or(|term| record.term() == Some(term))
            && (self.types.is_empty() || self.types.iter().any(|of| of.takes(record)))
            && self.prefix.as_ref().is_none_or(|prefix| {
                record.request.as_ref().is_some_and(|request| touches(&request.op, &Range::prefix(prefix)))
            })
    }
}

/// Whether a request is about a key in `keys`.
fn touches(op: &Op<'_>, keys: &Range<'_>) -> bool {
    match op {
        Op::Put(put) => keys.contains(put.key),
        Op::Range(read) => keys.meets(&read.range()),
        Op::DeleteRange(delete) => keys.meets(&delete.range()),
        Op::Txn(txn) => txn_touches(*txn, keys),
        _ => false,
    }
}

fn txn_touches(txn: Txn<'_>, keys: &Range<'_>) -> bool {
    txn.compares().any(|compare| keys.meets(&compare.range()))
        || txn.success().chain(txn.failure()).any(|op| match op {
            RequestOp::Put(put) => keys.contains(put.key),
            RequestOp::Range(read) => keys.meets(&read.range()),
            RequestOp::DeleteRange(delete) => keys.meets(&delete.range()),
            RequestOp::Txn(txn) => txn_touches(txn, keys),
            RequestOp::Empty => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_etcd_dump_logs_names_them_too() {
        for (word, want) in [("IRRPut", "put"), ("lease_grant", "lease_grant"), ("ConfigChange", "conf_change")] {
            assert!(matches!(word.parse(), Ok(LogType::Named(name)) if name == want), "{word}");
        }
        assert!("puts".parse::<LogType>().unwrap_err().contains(" put "));
    }
}
